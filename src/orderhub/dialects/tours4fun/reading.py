"""The body of any call as its request. Every call reads it here, so that a tenant's switch holds for all of them."""

from __future__ import annotations

from typing import Any, TypeVar

from msgspec import Struct

from orderhub.dialects.codec import switches
from orderhub.dialects.contract import Call, Caller, HTTPFault
from orderhub.dialects.tours4fun import wire
from orderhub.dialects.tours4fun.access import KIND
from orderhub.dialects.tours4fun.data import Switches

S = TypeVar("S", bound=Struct)


async def body_of(call: Call, caller: Caller) -> dict[str, Any]:
    """The body. Comments are no JSON, unless the tenant's switch `strip_comments` forgives them. Raises HTTPFault."""
    try:
        return wire.decode(call.body)
    except HTTPFault:
        settings = await call.hub.settings(caller.tenant_id)
        if not switches(settings, KIND, Switches).strip_comments:
            raise
        return wire.decode_commented(call.body)


async def read(model: type[S], call: Call, caller: Caller) -> S:
    """The body as its Struct. Raises HTTPFault."""
    return wire.BODY.read(model, await body_of(call, caller))
