"""Who is calling: `appkey`, `t` and `sign` in the query, or one of the hub's own tokens."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from shlex import quote
from urllib.parse import quote as url_quote

import msgspec

from orderhub.core.access import Credential
from orderhub.dialects.auth import drawn, hub_caller
from orderhub.dialects.codec import switches
from orderhub.dialects.contract import (
    Call,
    Caller,
    CredentialKind,
    Fault,
    FaultKind,
    HTTPFault,
    Shown,
    WireFault,
    invalid,
)
from orderhub.dialects.describing import Schema
from orderhub.dialects.tours4fun.data import AppData, Switches

KIND = "tours4fun"
WINDOW_S = 600
MICROSECONDS = 1_000_000


def sign(appkey: str, t: str, secret: str, body: bytes) -> str:
    """md5 over key, time, secret and the body's bytes exactly as they were received.

    PHP clients sign what `json_encode` wrote, with its escaped slashes: writing the JSON anew would
    give another text.
    """
    text = f"{appkey}{t}{secret}".encode() + body
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def _stop(path: str, problem: str, message: str = "") -> HTTPFault:
    said = f"{path}: {message or problem}"
    return HTTPFault(Fault(FaultKind.UNAUTHENTICATED, said, (WireFault(path, problem, message),)))


async def authenticate(call: Call) -> Caller:
    """The caller of a call; raises HTTPFault with what the vendor's codes 10001 to 10006 tell apart."""
    caller = await hub_caller(call)
    if caller is None:
        caller = await _signed(call)
    app = _app(caller.credential)
    if app.calls is not None and call.path not in app.calls:
        raise HTTPFault(Fault(FaultKind.FORBIDDEN, f"the app may not call {call.path}"))
    await _limit(call, caller, app)
    return caller


def _app(credential: Credential) -> AppData:
    """What an app may do; a token of the hub's own may do all."""
    return msgspec.convert(credential.data if credential.kind == KIND else {}, AppData)


async def _signed(call: Call) -> Caller:
    query = call.query
    appkey, t, given = query.get("appkey", ""), query.get("t", ""), query.get("sign", "")
    for name, value in (("appkey", appkey), ("t", t), ("sign", given)):
        if not value:
            raise _stop(name, "missing")
    credential = await call.hub.credential(KIND, appkey)
    if credential is None:
        # Not usable: switched off or past its time is another answer than never issued.
        known = await call.hub.read(lambda reads: reads.credential(KIND, appkey))
        raise _stop("appkey", "unknown" if known is None else "inactive")
    call.tenant_id = credential.tenant_id
    app = _app(credential)
    _check_state(call, app)
    if not (t.isascii() and t.isdigit() and len(t) < 13):
        raise _stop("t", "value")
    if abs(call.received_at // MICROSECONDS - int(t)) > WINDOW_S:
        raise _stop("t", "stale")
    expected = sign(appkey, t, call.hub.cipher.decrypt(credential.secret), call.body)
    if not hmac.compare_digest(expected.encode(), given.strip().lower().encode()):
        raise _stop(
            "sign", "value", "is not the md5 of appkey, t, secret and the body as it was sent"
        )
    call.caller = Caller(
        credential=credential,
        tenant_id=credential.tenant_id,
        owner=appkey if app.sees == "own" else "",
        acts_as=appkey,
    )
    return call.caller


def _check_state(call: Call, app: AppData) -> None:
    if app.state == "blocked" or call.client in app.blocked_clients:
        raise _stop("appkey", "blocked")
    if app.state != "active":
        raise _stop("appkey", "inactive")


async def _limit(call: Call, caller: Caller, app: AppData) -> None:
    """Calls a second of one app: its own figure, else the tenant's; none by default."""
    if not call.hub.rate_limits:
        return
    limit = app.rate_limit
    if limit is None:
        settings = await call.hub.settings(caller.tenant_id)
        limit = switches(settings, KIND, Switches).rate_limit
    if limit:
        wait_s = call.hub.windows.allow(f"{KIND}:{caller.credential.id}", limit, 1.0)
        if wait_s:
            raise HTTPFault(
                Fault(
                    FaultKind.RATE_LIMITED,
                    f"more than {limit} calls a second",
                    retry_after_s=max(1, math.ceil(wait_s)),
                )
            )


_LIST = "/v2/order/list"

_BODY = '{"page":1,"page_size":10}'


def _complete(shown: Shown) -> Shown:
    name = shown.name or f"app-{secrets.token_hex(8)}"
    if not name.isprintable() or name != name.strip():
        raise invalid(
            WireFault("name", "value", "name is an app key: printable, no blanks around it")
        )
    if shown.data.get("calls") == []:
        message = "data.calls is empty, so the app may call nothing: leave it out for every call"
        raise invalid(WireFault("data.calls", "value", message))
    return msgspec.structs.replace(shown, name=name, secret=shown.secret or drawn(""))


def _command(shown: Shown, base_url: str) -> str:
    """The list of orders."""
    calls = shown.data.get("calls")
    if (calls is not None and _LIST not in calls) or shown.data.get("state", "active") != "active":
        return ""
    return signed(shown, f"{base_url}{_LIST}", _BODY)


def signed(shown: Shown, url: str, body: str) -> str:
    """A shell command, signed when it is run: a signature holds for minutes."""
    address = quote(f"{url}?appkey={url_quote(shown.name, safe='')}")
    return (
        f"t=$(date +%s); body={quote(body)}; "
        f'sign=$(printf %s {quote(shown.name)}"$t"{quote(shown.secret)}"$body" | md5sum | cut -c1-32); '
        f'curl -s {address}"&t=$t&sign=$sign" -H {quote("Content-Type: application/json")} -d "$body"'
    )


# What callers show: an app key, and a signature made with an app secret.
KINDS = (
    CredentialKind(
        name=KIND,
        needs="nothing; `name` (the app key) and `secret` (the app secret) to keep those that an app has",
        drawn="`name`, `secret`",
        example={"kind": KIND},
        complete=_complete,
        command=_command,
        is_named=True,
    ),
)


def _signed_with(name: str, about: str) -> Schema:
    return {"type": "apiKey", "in": "query", "name": name, "description": about}


SECURITY = (
    {
        "appkey": _signed_with(
            "appkey", "The vendor's own, with `t` and `sign`: the key of the app."
        ),
        "t": _signed_with("t", "Seconds since 1970, at most ten minutes off."),
        "sign": _signed_with("sign", "MD5 of appkey, t, the app's secret and the body, in hex."),
    },
)
