"""What was given back here shall be off at the vendors that have it: how much, and who has to see to it.

The wish is the order itself. What stands here compared with what was sent says at any time how many units shall be
off there, and the hand-over says how many are known to be: what is wanted is a total, so that asking twice is safe.
Whatever gives units back makes the hand-overs that owe it due in the same commit, unless their vendors agreed before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeGuard

import msgspec

from orderhub.core import connections
from orderhub.core.business import Loads
from orderhub.core.commands import Action, ChangeOrder, Command, OrderName, PlaceOrder
from orderhub.core.facts import Accepted, Facts, HandOverLoad, OrderLoad, RecordKey
from orderhub.core.fulfilment import GIVEN_BACK, left
from orderhub.core.handing import HandOver, HandOverState, Sent
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.steps import Units
from orderhub.core.values import EXTRAS, Line, Order

# In `told`: all that was sent is known to be off there.
CALLED_OFF = "called off"
_ACTIONS = (Action.CANCEL, Action.CALL_OFF, Action.REFUND, Action.REFUND_PART)


# --- how much


def sent(order: Order, hand_over: HandOver) -> Mapping[int, Sent]:
    """What went there, by line number; as it was ordered, where that was not kept."""
    if hand_over.there.sent:
        return hand_over.there.sent
    lines = hand_over.lines
    return {
        each.line_no: Sent(each.quantity)
        for each in order.lines
        if not lines or each.line_no in lines
    }


def wanted(order: Order, hand_over: HandOver) -> Units:
    """Units by line that shall be off there, of those that were sent."""
    went = sent(order, hand_over)
    found = {
        line.line_no: _off(order, line, went[line.line_no].units)
        for line in order.lines
        if line.line_no in went
    }
    return {number: count for number, count in found.items() if count > 0}


def owed(order: Order, hand_over: HandOver) -> Units:
    """Those of them that are not known to be."""
    if CALLED_OFF in hand_over.told:
        return {}
    return beyond(wanted(order, hand_over), hand_over.there.off)


def is_all(order: Order, hand_over: HandOver, off: Units) -> bool:
    """Whether these are all things that were sent: what goes with a whole order is off with the last of them."""
    kinds = {line.line_no: line.kind for line in order.lines}
    return all(
        off.get(number, 0) >= each.units
        for number, each in sent(order, hand_over).items()
        if kinds.get(number) not in EXTRAS
    )


def beyond(more: Units, less: Units) -> Units:
    """What is more in `more`, by line."""
    counts = {number: count - less.get(number, 0) for number, count in more.items()}
    return {number: count for number, count in counts.items() if count > 0}


def together(first: Units, second: Units) -> Units:
    return {
        number: first.get(number, 0) + second.get(number, 0)
        for number in sorted(first.keys() | second.keys())
    }


def _off(order: Order, line: Line, units: int) -> int:
    if order.status in GIVEN_BACK or line.cancelled:
        return units
    return 0 if line.kind in EXTRAS else max(0, units - left(order, line))


# --- in the commit that gives back


def calls_off(command: Command) -> TypeGuard[PlaceOrder | ChangeOrder]:
    """Whether units may be given back by it."""
    if isinstance(command, ChangeOrder):
        return command.action in _ACTIONS
    return isinstance(command, PlaceOrder) and bool(command.terms.gives_back)


def loads(command: Command, facts: Facts) -> Loads:
    """The hand-overs of the orders that it may give back, of a tenant who has connections."""
    if not calls_off(command):
        return
    tenant = command.origin.tenant_id
    all_there_are = RecordKey(tenant, connections.RECORD_KIND, "all")
    yield all_there_are
    if facts.knows(all_there_are) and facts.records(tenant, connections.RECORD_KIND):
        for order in _named(command, facts):
            yield _load(order)


def noted(accepted: Accepted, command: Command, facts: Facts) -> Accepted | Rejected:
    """The same decision with what it means for the hand-overs of its orders: see the module.

    Rejected: a vendor was asked first, and about something else than this would be.
    """
    if not accepted.changed or not calls_off(command):
        return accepted
    before = {each.id: each for each in _named(command, facts)}
    moved = {each.name: each for each in accepted.hand_overs}
    for order in accepted.changed:
        for each in facts.hand_overs(_load(order)) if order.id in before else ():
            if each.state is not HandOverState.PLACED:
                continue
            known = moved.get(each.name, each)
            after = _noted(known, before[order.id], order, command)
            if isinstance(after, Rejected):
                return after
            if after is not known:
                version, now = each.version + 1, command.origin.recorded_at
                moved[each.name] = msgspec.structs.replace(after, version=version, updated_at=now)
    return msgspec.structs.replace(accepted, hand_overs=tuple(moved.values()))


def _noted(
    hand_over: HandOver, before: Order, after: Order, command: PlaceOrder | ChangeOrder
) -> HandOver | Rejected:
    replace, there = msgspec.structs.replace, hand_over.there
    off = wanted(after, hand_over)
    more = beyond(off, wanted(before, hand_over))
    heard = command.heard if isinstance(command, ChangeOrder) else None
    if heard is not None and heard.connection_id == hand_over.connection_id:
        return known_off(hand_over, after, together(there.off, more)) if more else hand_over
    if command.wish and there.wish is not None and there.wish.by == command.wish:
        if there.wish.off != off:
            why = "the order was changed while its vendor was asked"
            return Rejected(Reason.TRANSITION_NOT_ALLOWED, "status", why)
        return known_off(replace(hand_over, there=replace(there, wish=None)), after, off)
    # Money alone concerns nobody but a history, which is told of it.
    if owed(after, hand_over) or after.refunded != before.refunded:
        return replace(hand_over, asked=0, due_at=command.origin.recorded_at)
    return hand_over


def known_off(hand_over: HandOver, order: Order, off: Units) -> HandOver:
    """The hand-over once it is known that so much is off there."""
    replace = msgspec.structs.replace
    after = replace(hand_over, there=replace(hand_over.there, off=off))
    if is_all(order, hand_over, off) and CALLED_OFF not in hand_over.told:
        return replace(after, told=(*hand_over.told, CALLED_OFF))
    return after


def _load(order: Order) -> HandOverLoad:
    return HandOverLoad(order.tenant_id, "order", order.id)


def _named(command: PlaceOrder | ChangeOrder, facts: Facts) -> Iterator[Order]:
    """The orders that it names, as they stand, once they are loaded."""
    tenant = command.origin.tenant_id
    if isinstance(command, ChangeOrder):
        names: tuple[OrderName, ...] = (command.name,)
    else:
        names = tuple(OrderName("uid", uid) for uid in command.terms.gives_back)
    for name in names:
        if OrderLoad(tenant, name) in facts.loaded_orders:
            yield from facts.orders(tenant, name)
