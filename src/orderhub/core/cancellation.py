"""Cancelling orders before they ship, whole or some units of them, order by order of a group.

An unpaid order is cancelled, a paid one refunded. Units that are named come back by one refund in part
(`fulfilment.in_part`); an order of which nothing is left is cancelled or refunded as a whole, its freight included.

Every refund of an order carries a number, `seq`, from 1, and so does one that is asked for.
One of a group of parcels has the same number in all of its orders.
"""

from __future__ import annotations

import msgspec

from orderhub.core.commands import Action, CancelItem, ChangeOrder
from orderhub.core.details import ParcelDetails
from orderhub.core.facts import Accepted, Facts, NewIds
from orderhub.core.fulfilment import GIVEN_BACK, in_part, is_partly_shipped, left
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.steps import Refund, Units
from orderhub.core.values import Line, LineKind, Order, Status

_OPEN = (Status.PENDING, Status.PAID)
_Lines = list[tuple[Order, Line]]


def concerned(
    command: ChangeOrder, orders: tuple[Order, ...]
) -> list[tuple[Order, Units]] | Rejected:
    """The orders that a cancellation is about, each with the units that are named of it; none = all of it."""
    if command.items:
        chosen = _chosen(command.items, orders)
        if isinstance(chosen, Rejected):
            return chosen
        return [(order, chosen[order.id]) for order in orders if order.id in chosen]
    # What was given back before is out of the way; if nothing else is there, it is too late.
    standing = tuple(each for each in orders if each.status not in GIVEN_BACK)
    return [(order, {}) for order in standing or orders]


def step_of(command: ChangeOrder, order: Order, units: Units) -> ChangeOrder | Rejected:
    """The step of one order that may be cancelled: CANCEL or REFUND, or REFUND_PART of the units."""
    if is_partly_shipped(order):
        return Rejected(Reason.TRANSITION_NOT_ALLOWED, "status", "some of the order is on its way")
    if units:
        refund = msgspec.structs.replace(command.refund or Refund(), lines=units)
        return in_part(command, order, refund)
    action = Action.CANCEL if order.status is Status.PENDING else Action.REFUND
    return msgspec.structs.replace(command, action=action)


def _chosen(
    items: tuple[CancelItem, ...], orders: tuple[Order, ...]
) -> dict[int, Units] | Rejected:
    """Order id -> line number -> units, or the refusal of an item that is unknown or too many.

    Units are taken from orders that can still be cancelled. It is too late when those do not suffice,
    though with what is shipped or given back there would have been enough.
    """
    meant: list[_Lines] = []
    for index, item in enumerate(items):
        lines = _meant(item, orders)
        if not lines:
            return Rejected(Reason.REFERENCE_UNKNOWN, f"lines[{index}]", "no such line")
        meant.append(lines)
    chosen: dict[int, Units] = {}
    too_late: Rejected | None = None
    # Of two that may mean the same line one means nothing else: it takes first, in whatever order they stand.
    for index in sorted(range(len(items)), key=lambda index: len(meant[index])):
        wanted = items[index].quantity
        gone = 0
        for order, line in meant[index]:
            if order.status not in _OPEN or is_partly_shipped(order):
                gone += line.quantity - line.refunded
                continue
            mine = chosen.setdefault(order.id, {})
            units = min(wanted, left(order, line) - mine.get(line.line_no, 0))
            if units > 0:
                mine[line.line_no] = mine.get(line.line_no, 0) + units
                wanted -= units
        if wanted > gone:
            return Rejected(
                Reason.QUANTITY_INVALID, f"lines[{index}].quantity", "more than is left of it"
            )
        if wanted and too_late is None:
            states = sorted({order.status.value for order, _ in meant[index]})
            too_late = Rejected(
                Reason.TRANSITION_NOT_ALLOWED, "status", f"an order that is {', '.join(states)}"
            )
    return too_late or {order_id: units for order_id, units in chosen.items() if units}


def _meant(item: CancelItem, orders: tuple[Order, ...]) -> _Lines:
    """The lines that an item may be about, oldest order first."""
    return [
        (order, line)
        for order in sorted(orders, key=lambda each: each.id)
        for line in order.lines
        if line.kind is LineKind.GOOD and _is_meant(item, order, line)
    ]


def _is_meant(item: CancelItem, order: Order, line: Line) -> bool:
    if item.order_id and (order.id, line.line_no) != (item.order_id, item.line_no):
        return False
    if item.sku and line.sku != item.sku:
        return False
    if not item.country:
        return True
    details = order.doc.business
    return isinstance(details, ParcelDetails) and details.warehouse_country == item.country


def number_refunds(
    command: ChangeOrder, _before: Order, accepted: Accepted, facts: Facts, _ids: NewIds
) -> Accepted | Rejected:
    """A new refund of a group with one number in all of its orders, and a whole one with its amount."""
    before = {each.id: each for each in facts.orders(command.origin.tenant_id, command.name)}
    seq = next_refund(tuple(before.values())) if len(before) > 1 else 0
    changed = tuple(
        _numbered(order, before[order.id], seq) if order.id in before else order
        for order in accepted.changed
    )
    return msgspec.structs.replace(accepted, changed=changed)


def next_refund(orders: tuple[Order, ...]) -> int:
    """The number of the next refund of an order, or of the orders of a group."""
    return 1 + max(
        max(
            len(order.doc.refunds),
            order.doc.business.refund_asked_seq,
            *(refund.seq for refund in order.doc.refunds),
        )
        for order in orders
    )


def _numbered(after: Order, before: Order, seq: int) -> Order:
    """The order with its newest refund's amount said, and its number (0 = it stands), if it has a new one."""
    if len(after.doc.refunds) == len(before.doc.refunds):
        return after
    *earlier, last = after.doc.refunds
    amount = before.total - before.refunded if last.amount is None else last.amount
    refund = msgspec.structs.replace(last, seq=seq or last.seq, amount=amount)
    doc = msgspec.structs.replace(after.doc, refunds=(*earlier, refund))
    return msgspec.structs.replace(after, doc=doc)
