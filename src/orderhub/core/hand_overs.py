"""The life of a hand-over: planned with what happens to its order, then moved by commands alone.

    planned -> sending -> placed | refused | unsure
    sending | refused | unsure -> planned,  unsure -> placed

An order is locked while its hand-over moves, so that what was cancelled meanwhile is not sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from orderhub.core import connections, routes
from orderhub.core.business import Loads, LockKey
from orderhub.core.calling_off import owed
from orderhub.core.commands import (
    ChangeOrder,
    Command,
    HandOverStep,
    MoveHandOver,
    OrderName,
    Origin,
    PlaceOrder,
)
from orderhub.core.facts import Accepted, Facts, HandOverLoad, NewIds, OrderLoad, RecordKey
from orderhub.core.fulfilment import GIVEN_BACK, left
from orderhub.core.handing import (
    NEVER,
    NOT_TAKEN,
    HandOver,
    HandOverState,
    Sent,
    There,
    is_asked,
    uid_of,
)
from orderhub.core.money import divided, rounded, times
from orderhub.core.redaction import Words, words_of
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import EXTRAS, Line, Notice, Order, Status

PLACED, REFUSED, UNSURE = "handover.placed", "handover.refused", "handover.unsure"
KINDS: tuple[str, ...] = (PLACED, REFUSED, UNSURE)

_S, _T = HandOverState, HandOverStep
STEPS: dict[HandOverStep, dict[HandOverState, HandOverState]] = {
    _T.WAIT: {_S.PLANNED: _S.PLANNED},
    _T.SEND: {_S.PLANNED: _S.SENDING},
    _T.ASK: {_S.SENDING: _S.SENDING},
    _T.FIND: {_S.SENDING: _S.SENDING},
    # A person may have placed it by hand, whatever the relay came to.
    _T.PLACE: {each: _S.PLACED for each in _S if each is not _S.PLACED},
    _T.REFUSE: dict.fromkeys((_S.PLANNED, _S.SENDING, _S.UNSURE), _S.REFUSED),
    _T.DOUBT: {_S.SENDING: _S.UNSURE},
    _T.AGAIN: {each: _S.PLANNED for each in _S if each is not _S.PLACED},
    _T.WISH: {_S.PLACED: _S.PLACED},
    _T.NEWS: {_S.PLACED: _S.PLACED},
}
_UNDER_WAY = (_S.PLANNED, _S.SENDING)
_TOLD = {_S.PLACED: PLACED, _S.REFUSED: REFUSED, _S.UNSURE: UNSURE}
_PAID = (Status.PAID, Status.SHIPPED, Status.COMPLETED)
_HOUR_US = 3_600_000_000
_MOST_REASON = 2_000
_DIGITS = 6


# --- planning


def routes_load(command: Command) -> RecordKey | None:
    """What planning must know; None: no order comes of the command, nor is one paid by it."""
    if isinstance(command, PlaceOrder | ChangeOrder):
        return RecordKey(command.origin.tenant_id, routes.RECORD_KIND, "all")
    return None


def planned(accepted: Accepted, command: Command, facts: Facts) -> Accepted:
    """The same decision with the hand-overs that its orders come to."""
    origin = command.origin
    found = facts.records(origin.tenant_id, routes.RECORD_KIND)
    if not found or not accepted.events or not isinstance(command, PlaceOrder | ChangeOrder):
        return accepted
    reached: dict[int, tuple[str, ...]] = {
        order.id: ("placed", "paid") if order.status in _PAID else ("placed",)
        for order in accepted.placed
    }
    for event in accepted.events:
        if event.kind == "paid":
            reached[event.order_id] = (*reached.get(event.order_id, ()), "paid")
    orders = {order.id: order for order in (*accepted.placed, *accepted.changed)}
    plans = tuple(
        each
        for order_id, kinds in reached.items()
        if order_id in orders
        for each in _plans(orders[order_id], tuple(routes.due(found, kinds)), origin.recorded_at)
    )
    both = (*accepted.hand_overs, *plans)
    return msgspec.structs.replace(accepted, hand_overs=both) if plans else accepted


def plan_of(order: Order, found: tuple[routes.Route, ...], at_us: int) -> list[HandOver]:
    """Where these routes would take an order."""
    return list(_plans(order, found, at_us))


def _plans(order: Order, found: tuple[routes.Route, ...], at_us: int) -> Iterator[HandOver]:
    lines: dict[int, tuple[routes.Route, tuple[int, ...]]] = {}
    for route in found:
        taken = routes.takes(route, order)
        if taken is None:
            continue
        # Two routes to one connection make one hand-over of the lines of both.
        _, others = lines.get(route.connection, (route, taken))
        both = tuple(sorted({*taken, *others})) if taken and others else ()
        lines[route.connection] = (route, both)
    for connection, (route, numbers) in lines.items():
        yield HandOver(
            tenant_id=order.tenant_id,
            order_id=order.id,
            connection_id=connection,
            uid=uid_of(route.connection_uid, order.uid),
            order_uid=order.uid,
            connection_uid=route.connection_uid,
            lines=numbers,
            created_at=at_us,
            updated_at=at_us,
            due_at=at_us,
        )


# --- what of an order is handed over


def lines_of(order: Order, hand_over: HandOver) -> tuple[Line, ...]:
    """The lines as they were ordered."""
    return tuple(line for line in order.lines if _is_handed(hand_over, line))


def lines_left(order: Order, hand_over: HandOver) -> tuple[Line, ...]:
    """The lines as they still stand: without units that were given back, with their share of the amounts."""
    return tuple(
        part_of(line, left(order, line))
        for line in order.kept_lines
        if _is_handed(hand_over, line) and _is_there(order, line)
    )


def is_whole(order: Order, hand_over: HandOver) -> bool:
    """Whether it is all that there is of the order."""
    return not hand_over.lines or all(
        line.line_no in hand_over.lines or line.kind in EXTRAS for line in order.kept_lines
    )


def _is_handed(hand_over: HandOver, line: Line) -> bool:
    return not hand_over.lines or line.line_no in hand_over.lines


def _is_there(order: Order, line: Line) -> bool:
    return not line.cancelled if line.kind in EXTRAS else left(order, line) > 0


def part_of(line: Line, count: int) -> Line:
    """So many units of a line, with their share of its amounts. What is no unit of anything stays whole."""
    if line.kind in EXTRAS or count == line.quantity:
        return line
    net, gross = (_share(each, count, line.quantity) for each in (line.net, line.gross))
    return msgspec.structs.replace(line, quantity=count, net=net, tax=gross - net, gross=gross)


def _share(amount: Decimal, count: int, quantity: int) -> Decimal:
    return rounded(divided(times(amount, count), Decimal(quantity)), _DIGITS)


# --- its life


def loads(command: MoveHandOver, _facts: Facts) -> Loads:
    tenant = command.origin.tenant_id
    yield OrderLoad(tenant, OrderName("id", str(command.order_id)))
    yield HandOverLoad(tenant, "order", command.order_id)
    if command.number:
        yield _of_number(command)
    if command.step is HandOverStep.AGAIN:
        yield _connection(command)


def lock_keys(command: MoveHandOver) -> tuple[LockKey, ...]:
    """A number is one hand-over's alone, whoever writes it."""
    if not command.number:
        return ()
    return (("hand_over", str(command.connection_id), command.number),)


def _of_number(command: MoveHandOver) -> HandOverLoad:
    return HandOverLoad(command.origin.tenant_id, "number", command.connection_id, command.number)


def _connection(command: MoveHandOver) -> RecordKey:
    name = str(command.connection_id)
    return RecordKey(command.origin.tenant_id, connections.RECORD_KIND, "id", name)


def move(command: MoveHandOver, facts: Facts, _ids: NewIds) -> Accepted | Rejected:
    """`result` is the hand-over as it stands afterwards, which may not be as was asked: see `_sent`."""
    tenant = command.origin.tenant_id
    orders = facts.orders(tenant, OrderName("id", str(command.order_id)))
    found = [
        each
        for each in facts.hand_overs(HandOverLoad(tenant, "order", command.order_id))
        if each.connection_id == command.connection_id
    ]
    if not orders or not found:
        return Rejected(Reason.RECORD_UNKNOWN, "handover", "no such hand-over")
    (order,), (before,) = orders, found
    if command.if_version is not None and command.if_version != before.version:
        why = f"version {command.if_version} was expected, the hand-over is at {before.version}"
        return Rejected(Reason.VERSION_CONFLICT, "version", why)
    if command.if_order is not None and command.if_order != order.version:
        return Rejected(Reason.VERSION_CONFLICT, "order", f"the order is at {order.version}")
    state = STEPS[command.step].get(before.state)
    if state is None:
        why = f"a hand-over that is {before.state} cannot take the step {command.step}"
        return Rejected(Reason.TRANSITION_NOT_ALLOWED, "state", why)
    is_again = command.step is HandOverStep.AGAIN
    if is_again and facts.record(*msgspec.structs.astuple(_connection(command))) is None:
        return Rejected(Reason.TRANSITION_NOT_ALLOWED, "connection", "its connection is no more")
    if command.number:
        for holder in facts.hand_overs(_of_number(command)):
            if holder.name != before.name:
                why = f"{command.number[:80]} is the hand-over {holder.uid} already"
                return Rejected(Reason.ALREADY_EXISTS, "number", why)
    after = _moved(command, before, state, order)
    told = _TOLD.get(after.state) if after.state is not before.state else None
    notices = (_notice(told, after, command.origin, facts),) if told else ()
    return Accepted(hand_overs=(after,), notices=notices, result=after)


def _moved(command: MoveHandOver, before: HandOver, state: HandOverState, order: Order) -> HandOver:
    now = command.origin.recorded_at
    after = msgspec.structs.replace(
        before,
        state=state,
        version=before.version + 1,
        updated_at=now,
        reason=_without_names(command.reason[:_MOST_REASON], order),
        due_at=NEVER,
        candidates=(),
    )
    replace = msgspec.structs.replace
    match command.step:
        case HandOverStep.WAIT:
            return replace(after, due_at=command.due_at)
        case HandOverStep.SEND:
            return _sent(after, order, command)
        case HandOverStep.ASK:
            sure_at = command.sure_at or before.sure_at
            asked = before.asked + 1
            return replace(after, due_at=command.due_at, asked=asked, sure_at=sure_at)
        case HandOverStep.FIND:
            number, refs = _there_as(command, before)
            return replace(after, number=number, refs=refs, due_at=command.due_at)
        case HandOverStep.PLACE:
            number, refs = _there_as(command, before)
            refs |= {NOT_TAKEN: after.reason} if after.reason else {}
            return _placed(replace(after, number=number, refs=refs, asked=0), order, command)
        case HandOverStep.DOUBT:
            return replace(after, candidates=command.candidates)
        case HandOverStep.AGAIN:
            # It was not there when the vendor was asked: should it come later than is thought, it is found by its time.
            started_at = before.started_at if before.asked else 0
            due_at = command.due_at or now
            # Whoever decides anew begins anew; and what was clearly answered is held against nobody.
            is_absent = before.state is HandOverState.SENDING and before.asked
            doubts = before.there.doubts if before.state in _UNDER_WAY else 0
            there = There(doubts=doubts + 1 if is_absent else doubts)
            return replace(
                after, started_at=started_at, sure_at=0, asked=0, due_at=due_at, there=there
            )
        case HandOverStep.WISH:
            there = command.there or before.there
            return replace(after, reason=before.reason, due_at=before.due_at, there=there)
        case HandOverStep.NEWS:
            asked, due_at = before.asked + 1, command.due_at or NEVER
            told, there = _more(before, command.news), command.there or before.there
            return replace(after, told=told, asked=asked, due_at=due_at, there=there)
    return replace(after, started_at=0, sure_at=0, asked=0, there=There())


def _placed(after: HandOver, order: Order, command: MoveHandOver) -> HandOver:
    """It is there. What was called off here while nobody knew of it is called off there at once."""
    replace = msgspec.structs.replace
    if not after.there.sent:  # by hand: as the order stands
        went = {line.line_no: Sent(line.quantity) for line in lines_left(order, after)}
        after = replace(after, there=There(sent=went))
    is_off = order.status in GIVEN_BACK or order.refunded or owed(order, after)
    return replace(after, due_at=after.updated_at if is_off else command.due_at or NEVER)


def _there_as(command: MoveHandOver, before: HandOver) -> tuple[str, dict[str, str]]:
    """Its number and what its client noted with it; what was noted to find it by is not needed any more."""
    if command.number:
        return command.number, {**command.refs}
    return before.number, {**(command.refs or before.refs)}


def _without_names(reason: str, order: Order) -> str:
    """A vendor's words may repeat whom the order is for; kept here and told by events they would outlive them."""
    return Words(words_of(order)).cut_from(reason) if reason else ""


def _more(hand_over: HandOver, news: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*hand_over.told, *news)))


def heard_load(command: Command) -> HandOverLoad | None:
    """What a change that was heard of at a vendor's is noted on."""
    heard = command.heard if isinstance(command, ChangeOrder) else None
    if heard is None:
        return None
    return HandOverLoad(command.origin.tenant_id, "order", heard.order_id)


def heard(accepted: Accepted, command: Command, facts: Facts) -> Accepted | Rejected:
    """The same decision with what is told by it, so that neither is without the other.

    Rejected while the vendor is asked to take units off: what is told may be that very wish, done there.
    """
    load = heard_load(command)
    if load is None or not isinstance(command, ChangeOrder) or command.heard is None:
        return accepted
    told = [
        each for each in facts.hand_overs(load) if each.connection_id == command.heard.connection_id
    ]
    if any(is_asked(each, command.origin.recorded_at) for each in told):
        return Rejected(Reason.VERSION_CONFLICT, "version", "the vendor is being asked about it")
    noted = tuple(
        msgspec.structs.replace(
            each,
            version=each.version + 1,
            updated_at=command.origin.recorded_at,
            asked=0,
            told=_more(each, command.heard.news),
        )
        for each in told
    )
    return msgspec.structs.replace(accepted, hand_overs=(*accepted.hand_overs, *noted))


def _sent(after: HandOver, order: Order, command: MoveHandOver) -> HandOver:
    """On its way, unless its order went another way meanwhile: then it is refused, or waits."""
    replace = msgspec.structs.replace
    if order.status in GIVEN_BACK:
        return replace(after, state=HandOverState.REFUSED, reason=f"the order is {order.status}")
    if lines_of(order, after) and not lines_left(order, after):
        return replace(after, state=HandOverState.REFUSED, reason="all its lines were given back")
    if order.status is Status.REFUNDING:
        why = "a refund of the order was asked for"
        later = after.updated_at + _HOUR_US
        return replace(after, state=HandOverState.PLANNED, reason=why, due_at=later)
    return replace(
        after,
        attempts=after.attempts + 1,
        started_at=after.started_at or after.updated_at,
        refs=command.refs,
        sure_at=command.sure_at,
        due_at=command.due_at,
        there=replace(command.there or There(), doubts=after.there.doubts),
    )


def _notice(kind: str, after: HandOver, origin: Origin, facts: Facts) -> Notice:
    data = {
        "handover": after.uid,
        "connection": after.connection_uid,
        "order": after.order_uid,
        "number": after.number,
        "reason": after.reason,
    }
    return Notice(
        tenant_id=origin.tenant_id,
        kind=kind,
        occurred_at=origin.now(facts.settings(origin.tenant_id).clock),
        recorded_at=origin.recorded_at,
        actor=origin.actor,
        data={name: each for name, each in data.items() if each},
        request_id=origin.request_id,
    )
