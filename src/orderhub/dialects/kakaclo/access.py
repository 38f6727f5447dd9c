"""Who calls, how often, and the small things that every handler of this door needs; what credentials there are."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from orderhub.core.values import MICROSECONDS, Settings
from orderhub.dialects.auth import curl, drawn, header_text, token_caller
from orderhub.dialects.codec import encode, switches
from orderhub.dialects.contract import (
    Answer,
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
from orderhub.dialects.kakaclo.data import Switches
from orderhub.dialects.kakaclo.mapping import NAME
from orderhub.dialects.kakaclo.words import SUCCESS

# The vendor's leaky bucket: 120 requests fit, 2 leave it every second.
BUCKET = 120
LEAK_PER_S = 2.0


async def caller_of(call: Call) -> tuple[Caller, Settings]:
    """The caller and the tenant's settings. Raises HTTPFault: nobody we know, or too many calls."""
    caller = await token_caller(call, NAME)
    if caller is None:
        raise HTTPFault(Fault(FaultKind.UNAUTHENTICATED, "Authorization: no such bearer token"))
    settings = await call.hub.settings(caller.tenant_id)
    _limit(call, caller, settings)
    return caller, settings


def _limit(call: Call, caller: Caller, settings: Settings) -> None:
    """Per credential; off in a sandbox unless the tenant's switch `rate_limit` says otherwise."""
    wanted = switches(settings, NAME, Switches).rate_limit
    if wanted is None:
        wanted = not settings.sandbox
    if not wanted or not call.hub.rate_limits:
        return
    wait_s = call.hub.windows.pour(f"{NAME}:{caller.credential.id}", BUCKET, LEAK_PER_S)
    if wait_s > 0:
        raise HTTPFault(Fault(FaultKind.RATE_LIMITED, retry_after_s=math.ceil(wait_s)))


def success(data: Any) -> Answer:
    return Answer(200, encode({"code": SUCCESS, "message": "success", "data": data}))


def bad(name: str, message: str) -> HTTPFault:
    return invalid(WireFault(name, "value", message))


def just_after(at_us: int | None) -> int | None:
    """The end of a closed range as an open one. Times are shown to the second: all of it counts."""
    return None if at_us is None else at_us - at_us % MICROSECONDS + MICROSECONDS


def _complete(shown: Shown) -> Shown:
    token = header_text("token", shown.token) if shown.token else drawn(NAME)
    return msgspec.structs.replace(shown, token=token)


def _command(shown: Shown, base_url: str) -> str:
    url = f"{base_url}/openapi/v1/order/order"
    return curl(url, "-H", f"Authorization: Bearer {shown.token}")


KINDS = (
    CredentialKind(
        name=NAME,
        needs="nothing; `token` to keep one that a client has",
        drawn="the token",
        example={"kind": NAME},
        complete=_complete,
        command=_command,
    ),
)


SECURITY = (
    {
        "kakaclo": {
            "type": "http",
            "scheme": "bearer",
            "description": "The vendor's own: the access token of a KakaClo account.",
        }
    },
)
