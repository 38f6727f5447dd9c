"""Single lines of charges cancelled, across several orders at once: all of them, or none."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from orderhub.core.billing import refused_on_closed_bill
from orderhub.core.business import Business, Loads
from orderhub.core.commands import OrderName, PlaceOrder, Terms
from orderhub.core.daily import day_of
from orderhub.core.details import ChargeDetails
from orderhub.core.facts import (
    Accepted,
    Facts,
    IdQuota,
    NewIds,
    OrderLoad,
    PoolLoad,
    RecordKey,
    Timer,
)
from orderhub.core.pools import returns_of
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.timers import timers_of
from orderhub.core.values import Event, Line, Move, Order, Status


class CancelLines(Terms, frozen=True, kw_only=True):
    """Lines to cancel, as (order uid, line number). They were charged, but not paid or billed."""

    lines: tuple[tuple[str, int], ...]

    @property
    def gives_back(self) -> tuple[str, ...]:
        return tuple(dict(self.lines))


def _terms(command: PlaceOrder) -> CancelLines:
    terms = command.terms
    assert isinstance(terms, CancelLines)
    return terms


def _wanted_lines(terms: CancelLines) -> dict[str, set[int]]:
    by_order: dict[str, set[int]] = {}
    for uid, line_no in terms.lines:
        by_order.setdefault(uid, set()).add(line_no)
    return by_order


def loads(command: PlaceOrder, facts: Facts) -> Loads:
    """The orders, then the bills they are on."""
    tenant = command.origin.tenant_id
    for uid in _wanted_lines(_terms(command)):
        load = OrderLoad(tenant, OrderName("uid", uid))
        yield load
        if load in facts.loaded_orders:
            for order in facts.orders(tenant, load.name):
                if order.bill:
                    yield RecordKey(tenant, "bill", "uid", order.bill)


def pools(command: PlaceOrder, facts: Facts) -> Iterator[PoolLoad]:
    for uid in _wanted_lines(_terms(command)):
        for order in facts.orders(command.origin.tenant_id, OrderName("uid", uid)):
            for draw in facts.draws(order):
                key = draw.key
                yield PoolLoad(key.tenant_id, key.kind, key.subject, key.place)


def cancel(command: PlaceOrder, facts: Facts, _ids: NewIds) -> Accepted | Rejected:
    """Orders keep their amounts as placed; one all of whose lines are cancelled is cancelled."""
    orders: list[Order] = []
    events: list[Event] = []
    lines: list[tuple[Order, Line]] = []
    moves: list[Move] = []
    done: list[Timer] = []
    for uid, numbers in _wanted_lines(_terms(command)).items():
        found = facts.orders(command.origin.tenant_id, OrderName("uid", uid))
        refusal = _refused(found, uid, numbers, command.origin.owner) or refused_on_closed_bill(
            found[0], facts, "lines"
        )
        if refusal is not None:
            return refusal
        order = found[0]
        after, event = _cancelled(command, order, numbers, facts)
        orders.append(after)
        events.append(event)
        lines.extend((after, line) for line in after.lines if line.line_no in numbers)
        whole = after.status is Status.CANCELLED
        draws = [draw for draw in facts.draws(order) if whole or draw.line_no in numbers]
        moves.extend(returns_of(draws, "line_cancelled"))
        if whole:
            done.extend(timers_of(order))
    return Accepted(
        changed=tuple(orders),
        changed_lines=tuple(lines),
        events=tuple(events),
        moves=tuple(moves),
        timers_done=tuple(done),
    )


def _refused(found: tuple[Order, ...], uid: str, numbers: set[int], owner: str) -> Rejected | None:
    order = found[0] if found else None
    if order is None or (owner and order.owner != owner):
        return Rejected(Reason.ORDER_UNKNOWN, "lines", f"no order {uid}")
    standing = {line.line_no: line for line in order.lines}
    if not numbers <= standing.keys():
        return Rejected(Reason.ORDER_UNKNOWN, "lines", f"order {uid} has no such line")
    if any(standing[number].cancelled for number in numbers):
        return Rejected(Reason.TRANSITION_NOT_ALLOWED, "lines", "a line is cancelled already")
    if not isinstance(order.doc.business, ChargeDetails):
        return Rejected(
            Reason.TRANSITION_NOT_ALLOWED, "lines", "only charges to accounts are cancelled by line"
        )
    if order.status is not Status.PENDING:
        return Rejected(
            Reason.TRANSITION_NOT_ALLOWED,
            "lines",
            f"lines of an order that is {order.status} stand",
        )
    return None


def _cancelled(
    command: PlaceOrder, order: Order, numbers: set[int], facts: Facts
) -> tuple[Order, Event]:
    settings = facts.settings(order.tenant_id)
    now = command.origin.now(settings.clock)
    lines = tuple(
        msgspec.structs.replace(line, cancelled=True, data={**line.data, "cancelled_at": now})
        if line.line_no in numbers
        else line
        for line in order.lines
    )
    whole = all(line.cancelled for line in lines)
    status = Status.CANCELLED if whole else order.status
    doc = order.doc
    if whole:
        details = msgspec.structs.replace(doc.business, cancelled_at=now)
        doc = msgspec.structs.replace(doc, business=details)
    after = msgspec.structs.replace(
        order, status=status, version=order.version + 1, updated_at=now, doc=doc, lines=lines
    )
    event = Event(
        tenant_id=order.tenant_id,
        order_id=order.id,
        version=after.version,
        kind="cancelled" if whole else "lines_cancelled",
        occurred_at=now,
        recorded_at=command.origin.recorded_at,
        actor=command.origin.actor,
        data={
            **({"status": status} if whole else {}),
            "cancelled_lines": sorted(numbers),
        },
        day=day_of(settings, now),
        request_id=command.origin.request_id,
        request=command.origin.request,
    )
    return after, event


def _no_ids(_command: PlaceOrder, _facts: Facts) -> IdQuota:
    return IdQuota()


BUSINESS = Business(
    name="CancelLines", terms=CancelLines, place=cancel, loads=loads, pools=pools, id_quota=_no_ids
)
