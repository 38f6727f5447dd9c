"""Who calls: the hub's own bearer token, else HTTP Basic with client key and API token."""

from __future__ import annotations

import base64
import binascii
import secrets

import msgspec

from orderhub.dialects.auth import curl, digest, drawn, hub_caller
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
from orderhub.dialects.sitecore_cdp.data import Switches

NAME = "sitecore_cdp"


async def caller_of(call: Call) -> Caller:
    """The caller, also set on the call. Raises HTTPFault: nobody we know, or too many calls."""
    caller = await hub_caller(call)
    if caller is None:
        caller = await _basic_caller(call)
        call.caller = caller
    await _limit(call, caller)
    _refuse_nul(call)
    return caller


def _refuse_nul(call: Call) -> None:
    """U+0000 is in no name, and not every database takes it in a question."""
    if "\0" in call.path or any("\0" in each for each in call.params.values()):
        raise HTTPFault(Fault(FaultKind.NOT_FOUND))
    if "%00" in call.query_string:
        names = [n for n, value in call.query.items() if "\0" in f"{n}{value}"] or ["query"]
        message = "U+0000 is not allowed."
        raise invalid(*(WireFault(n.replace("\0", ""), "value", message) for n in names))


def client_key(caller: Caller) -> str:
    """The key that orders are unique under. A hub token acts under the one it is set up for."""
    # The key is a part of the order's natural key, which is told apart at its colons.
    return (caller.acts_as or caller.credential.id).replace(":", "_")


async def _basic_caller(call: Call) -> Caller:
    scheme, _, encoded = call.header("authorization").partition(" ")
    if scheme.lower() != "basic":
        raise _nobody("is Basic, with client key and API token")
    try:
        shown = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        raise _nobody("is no base64") from None
    key, colon, _ = shown.partition(":")
    if not colon:
        raise _nobody("has no colon between client key and API token")
    # Key and token are random: found together by one digest, so nothing is compared in the clear.
    credential = await call.hub.credential(NAME, digest(shown))
    if credential is None or not credential.tenant_id:
        raise _nobody("fits no client key and API token")
    return Caller(credential=credential, tenant_id=credential.tenant_id, acts_as=key)


def _nobody(why: str) -> HTTPFault:
    return HTTPFault(Fault(FaultKind.UNAUTHENTICATED, f"Authorization: {why}"))


async def _limit(call: Call, caller: Caller) -> None:
    """No limit is documented; a tenant may set one: `requests_per_minute` of this dialect."""
    if not call.hub.rate_limits:
        return
    settings = await call.hub.settings(caller.tenant_id)
    limit = switches(settings, NAME, Switches).requests_per_minute
    if not limit:
        return
    wait_s = call.hub.windows.allow(f"{NAME}:{caller.credential.id}", limit, 60.0)
    if wait_s > 0:
        raise HTTPFault(Fault(FaultKind.RATE_LIMITED, retry_after_s=int(wait_s) + 1))


_LONGEST_KEY = 200


def _complete(shown: Shown) -> Shown:
    """Both parts. The client key is kept, since orders are unique under it: a rotation draws the other one anew."""
    key, colon, token = shown.token.partition(":")
    if shown.token and not (colon and token and 0 < len(key) <= _LONGEST_KEY):
        message = (
            "token is `client key:API token`, both parts of the Basic login, "
            f"the key of at most {_LONGEST_KEY} characters"
        )
        raise invalid(WireFault("token", "value", message))
    if not shown.token:
        key = shown.data.get("client_key") or f"cdp-{secrets.token_hex(8)}"
        token = drawn("")
    data = {**shown.data, "client_key": key}
    return msgspec.structs.replace(shown, token=f"{key}:{token}", data=data)


def _command(shown: Shown, base_url: str) -> str:
    return curl(f"{base_url}/v2.1/orders?referenceId=1", "-u", shown.token)


# What callers show: a client key and an API token, in one HTTP Basic header.
KINDS = (
    CredentialKind(
        name=NAME,
        needs="nothing; `token` (`client key:API token`, with the colon) to keep what a client has",
        drawn="`token`, both parts; its client key is shown as `data.client_key`, and stays in a rotation",
        example={"kind": NAME},
        complete=_complete,
        command=_command,
        bound=("client_key",),
    ),
)


SECURITY = (
    {
        NAME: {
            "type": "http",
            "scheme": "basic",
            "description": "The vendor's own: the client key as user name, the API token as password.",
        }
    },
)
