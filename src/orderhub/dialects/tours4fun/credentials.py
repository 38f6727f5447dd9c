"""What Tours4Fun's callers show: an app key, and a signature made with an app secret."""

from __future__ import annotations

import secrets
from shlex import quote
from urllib.parse import quote as url_quote

import msgspec

from orderhub.dialects.auth import drawn
from orderhub.dialects.contract import CredentialKind, Shown, WireFault, invalid
from orderhub.dialects.tours4fun.access import KIND

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
