"""How often a token may call: counted per credential, and told with every answer (RateLimit headers).

`credential.data["rate_limit"]` is `{"calls": 600, "seconds": 60}`; 0 calls = no limit. Without one,
a tenant's token has the default and a sandbox's or an operator's none.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import msgspec

from orderhub.core.access import Credential
from orderhub.dialects.contract import Answer, Call, Caller, Fault, FaultKind, HTTPFault, Hub
from orderhub.web.hub_api import inner


class RateLimit(msgspec.Struct):
    calls: Annotated[int, msgspec.Meta(ge=0)]
    seconds: Annotated[int, msgspec.Meta(ge=1, le=3_600)]


DEFAULT_CALLS = 6_000
DEFAULT_SECONDS = 60
_NAME = "token"


async def count(call: Call, credential: Credential) -> None:
    """Sets `call.caller`. Raises HTTPFault(RATE_LIMITED) for a call too many."""
    calls, seconds = await _limit(call.hub, credential)
    if not calls or not call.hub.rate_limits:
        call.caller = Caller(credential=credential, tenant_id=credential.tenant_id)
        return
    name = f"hub:{credential.id}"
    wait_s = call.hub.windows.allow(name, calls, seconds)
    left, reset_s = inner.port(call).windows.room(name, calls, seconds)
    headers = (
        ("RateLimit-Policy", f'"{_NAME}";q={calls};w={seconds}'),
        ("RateLimit", f'"{_NAME}";r={left};t={math.ceil(reset_s)}'),
    )
    call.caller = Caller(
        credential=credential, tenant_id=credential.tenant_id, data={"headers": headers}
    )
    if wait_s:
        raise HTTPFault(
            Fault(
                FaultKind.RATE_LIMITED,
                f"more than {calls} calls in {seconds} seconds",
                retry_after_s=max(1, math.ceil(wait_s)),
            )
        )


async def _limit(hub: Hub, credential: Credential) -> tuple[int, int]:
    given: Any = credential.data.get("rate_limit")
    if isinstance(given, dict):
        limit = msgspec.convert(given, RateLimit)
        return limit.calls, limit.seconds
    if not credential.tenant_id or (await hub.settings(credential.tenant_id)).sandbox:
        return 0, 0
    return DEFAULT_CALLS, DEFAULT_SECONDS


def headers_of(call: Call) -> tuple[tuple[str, str], ...]:
    """The RateLimit headers of a call, once its caller is known."""
    if call.caller is None:
        return ()
    headers: tuple[tuple[str, str], ...] = call.caller.data.get("headers", ())
    return headers


def shown(call: Call, answer: Answer) -> Answer:
    headers = headers_of(call)
    if not headers:
        return answer
    return msgspec.structs.replace(answer, headers=(*answer.headers, *headers))
