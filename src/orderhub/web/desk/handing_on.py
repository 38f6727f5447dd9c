"""Hand-overs as the desk says them: a state in a word, a vendor by its name, and what each is to its order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from orderhub.core.connections import RECORD_KIND
from orderhub.core.handing import HandOver, HandOverState
from orderhub.core.queries import Reads, RecordQuery
from orderhub.web.desk.language import N_
from orderhub.web.desk.statuses import Badge
from orderhub.web.hub_api.connections import MOST_CONNECTIONS

ONWARD = "/desk/onward"
# More than so many of a state are not told apart.
MOST_COUNTED = 100
# Total over HandOverState: a test fails when one has no row.
BADGES: Mapping[HandOverState, Badge] = {
    HandOverState.UNSURE: Badge(N_("unsure"), "bad"),
    HandOverState.REFUSED: Badge(N_("refused"), "bad"),
    HandOverState.PLANNED: Badge(N_("waiting"), "wait"),
    HandOverState.SENDING: Badge(N_("on its way"), "wait"),
    HandOverState.PLACED: Badge(N_("placed"), "ok"),
}
# What somebody must decide about.
OPEN = (HandOverState.UNSURE, HandOverState.REFUSED)


class _Say(Protocol):
    def __call__(self, text: str, **values: object) -> str: ...


def vendors(reads: Reads, tenant_id: int, titles: Mapping[str, str]) -> dict[str, str]:
    """What people call each connection, by its uid. `titles`: of the dialects."""
    sought = RecordQuery(tenant_id=tenant_id, kind=RECORD_KIND, limit=MOST_CONNECTIONS)
    found = reads.records(sought)
    return {
        each.uid: each.doc.title or titles.get(each.doc.dialect, each.doc.dialect) for each in found
    }


def counts(reads: Reads, tenant_id: int) -> dict[HandOverState, int]:
    """How many wait for a decision, MOST_COUNTED at most of each state."""
    return {state: reads.relay.counted(tenant_id, state.value, MOST_COUNTED) for state in OPEN}


def at_most(count: int) -> str:
    """A count as it is shown, such as 99+; empty = there is none."""
    return f"{MOST_COUNTED - 1}+" if count >= MOST_COUNTED else str(count or "")


def told(hand_over: HandOver, vendor: str, say: _Say) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """What is known of it as things that happened to its order: (instant of the wall, sentence, details)."""
    yield hand_over.created_at, say(N_("To be handed on to %(vendor)s"), vendor=vendor), ()
    number, reason = hand_over.number, hand_over.reason
    why = (reason,) if reason else ()
    match hand_over.state:
        case HandOverState.PLANNED:
            if why:
                title = say(N_("Waits to be handed on to %(vendor)s"), vendor=vendor)
                yield hand_over.updated_at, title, why
        case HandOverState.SENDING:
            yield hand_over.started_at, say(N_("Sent to %(vendor)s"), vendor=vendor), why
        case HandOverState.PLACED:
            text = N_("Placed with %(vendor)s as %(number)s")
            at = hand_over.started_at or hand_over.updated_at
            yield at, say(text, vendor=vendor, number=number), ()
            if why:
                # Such as that it would not call the order off.
                yield hand_over.updated_at, say(N_("News of %(vendor)s"), vendor=vendor), why
        case HandOverState.REFUSED:
            yield hand_over.updated_at, say(N_("Not taken by %(vendor)s"), vendor=vendor), why
        case HandOverState.UNSURE:
            text = N_("Nobody knows whether %(vendor)s has it: a person decides")
            yield hand_over.updated_at, say(text, vendor=vendor), why
