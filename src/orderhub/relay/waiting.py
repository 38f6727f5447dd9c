"""Why a hand-over waits: its own reason, and what holds up its whole connection, which is written on none of them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from orderhub.core.connections import RECORD_KIND
from orderhub.core.handing import HandOver, HandOverState
from orderhub.core.queries import Reads


def with_reasons(reads: Reads, hand_overs: Sequence[HandOver]) -> tuple[HandOver, ...]:
    """The same, of which those that wait say for what."""
    waiting = {
        (each.tenant_id, each.connection_id)
        for each in hand_overs
        if each.state is HandOverState.PLANNED
    }
    held_up = {name: _held_up(reads, *name) for name in waiting}
    return tuple(
        replace(each, reason="; ".join(filter(None, (why, each.reason))))
        if each.state is HandOverState.PLANNED
        and (why := held_up[each.tenant_id, each.connection_id])
        else each
        for each in hand_overs
    )


def _held_up(reads: Reads, tenant_id: int, connection_id: int) -> str:
    found = reads.record(tenant_id, RECORD_KIND, "id", connection_id)
    if found is None:
        return "its connection is no more"
    if not found.doc.is_enabled:
        return "the connection is switched off"
    state = reads.relay.state(tenant_id, connection_id)
    return f"the connection is left alone for now: {state.reason}" if state and state.misses else ""
