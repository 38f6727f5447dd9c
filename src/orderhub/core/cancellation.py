"""Calling goods off before they ship: whole orders, or some units of lines, each given back once.

A refund of part of an order is an AMEND with `refund={"items": [...]}`. An item names a line by
`order_id` and `line_no`, or by `sku` and `country` of the warehouse, and a `quantity`. An order of
which nothing is left is cancelled or refunded as a whole, its freight included.

Every refund of an order or a group carries a number, `seq`, from 1.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core.commands import Action, ChangeOrder
from orderhub.core.known import Accepted, Known, NewIds, Timer
from orderhub.core.money import ZERO, times, to_micros
from orderhub.core.fulfilment import is_partly_shipped
from orderhub.core.pools import returns_of
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Event, Line, LineKind, Move, Order, Status

_OPEN = (Status.PENDING, Status.PAID)
_TIMERS = ("auto_pay", "auto_close")  # what a parcel that was not sent may wait for


def on_change(
    command: ChangeOrder, _before: Order, accepted: Accepted, known: Known, _ids: NewIds
) -> Accepted | Rejected:
    """Number the refunds of what was called off, or work out a refund in part."""
    before = {each.id: each for each in known.orders(command.origin.tenant_id, command.name)}
    seq = 1 + max(
        (entry.get("seq", 0) for order in before.values() for entry in order.doc.refunds),
        default=0,
    )
    if command.action is Action.AMEND and "items" in command.refund:
        return _in_part(command, accepted, known, before, seq)
    changed = tuple(
        _numbered(order, before[order.id], seq) if order.id in before else order
        for order in accepted.changed
    )
    return msgspec.structs.replace(accepted, changed=changed)


def _numbered(after: Order, before: Order, seq: int) -> Order:
    """The order with its newest refund numbered and its amount said, if it has a new one."""
    if len(after.doc.refunds) == len(before.doc.refunds):
        return after
    rest = {"amount": str(before.total - before.refunded)}
    entry = {**rest, **after.doc.refunds[-1], "seq": seq}
    return _with_refund(after, entry)


def _with_refund(order: Order, entry: dict[str, Any]) -> Order:
    doc = msgspec.structs.replace(order.doc, refunds=(*order.doc.refunds[:-1], entry))
    return msgspec.structs.replace(order, doc=doc)


def left(line: Line) -> int:
    """The units of a line that were not given back."""
    return line.quantity - line.refunded


def _in_part(
    command: ChangeOrder, accepted: Accepted, known: Known, before: dict[int, Order], seq: int
) -> Accepted | Rejected:
    taken = _taken(command.refund["items"], tuple(before.values()))
    if isinstance(taken, Rejected):
        return taken
    events = {event.order_id: event for event in accepted.events}
    changed: list[Order] = []
    lines: list[tuple[Order, Line]] = []
    said: list[Event] = []
    moves: list[Move] = []
    done: list[Timer] = []
    for order in accepted.changed:
        units = taken.get(order.id)
        if units is None:
            continue  # a parcel of the group that the refund does not touch stays as it is
        was = before[order.id]
        if was.status not in _OPEN or is_partly_shipped(was):
            return Rejected(
                Reason.TRANSITION_NOT_ALLOWED, "status", f"an order that is {was.status}"
            )
        part = _part(order, was, units, events[order.id], known, seq)
        changed.append(part.order)
        lines += [(part.order, line) for line in part.lines]
        said.append(part.event)
        moves += part.moves
        if part.order.status is not was.status:
            done += [
                Timer(tenant_id=was.tenant_id, kind=kind, order_id=was.id, due_at=0)
                for kind in _TIMERS
            ]
    return msgspec.structs.replace(
        accepted,
        changed=tuple(changed),
        changed_lines=tuple(lines),
        events=tuple(said),
        moves=tuple(moves),
        timers_done=tuple(done),
    )


class _Part(msgspec.Struct, frozen=True):
    order: Order
    lines: tuple[Line, ...]
    event: Event
    moves: tuple[Move, ...]


def _part(
    order: Order, was: Order, units: dict[int, int], event: Event, known: Known, seq: int
) -> _Part:
    """One order of which `units` (line number -> how many) are given back."""
    changed = {
        line.line_no: msgspec.structs.replace(line, refunded=line.refunded + units[line.line_no])
        for line in was.lines
        if line.line_no in units
    }
    lines = tuple(changed.get(line.line_no, line) for line in was.lines)
    emptied = not any(left(line) for line in lines if line.kind is LineKind.GOOD)
    if emptied:
        amount = was.total - was.refunded
        moves = returns_of(known.draws(was), "refunded")
    else:
        # Money may have been given back for no unit; there is never more than the order's total.
        amount = min(_worth(was, units), was.total - was.refunded)
        moves = tuple(_returned(was, units, amount, known))
    members: dict[str, Any] = {"refunded": was.refunded + amount}
    kind = "refunded_in_part"
    if emptied:
        members["status"] = Status.REFUNDED if was.status is Status.PAID else Status.CANCELLED
        kind = str(members["status"])
    entry = {
        **{name: value for name, value in order.doc.refunds[-1].items() if name != "items"},
        "seq": seq,
        "amount": str(amount),
        "lines": {str(number): count for number, count in units.items()},
    }
    after = _with_refund(msgspec.structs.replace(order, lines=lines, **members), entry)
    if emptied:
        moment = "refunded_at" if members["status"] is Status.REFUNDED else "cancelled_at"
        business = {**after.doc.business, moment: after.updated_at}
        doc = msgspec.structs.replace(after.doc, business=business)
        after = msgspec.structs.replace(after, doc=doc)
    told = msgspec.structs.replace(event, kind=kind, data={**event.data, **members})
    return _Part(after, tuple(changed.values()), told, moves)


def _worth(order: Order, units: dict[int, int]) -> Decimal:
    """What the units cost. Freight stays: the parcel is still sent."""
    worth = ZERO
    for line in order.lines:
        count = units.get(line.line_no)
        if count:
            worth += times(line.unit_gross, count)
    return worth


def _returned(order: Order, units: dict[int, int], amount: Decimal, known: Known) -> list[Move]:
    """What goes back of the order's draws: the units to their place, the amount to the balance."""
    moves: list[Move] = []
    for draw in known.draws(order):
        is_money = draw.key.kind == "balance"
        back = min(to_micros(amount) if is_money else units.get(draw.line_no, 0), draw.units)
        if back:
            moves.append(Move(draw.key, "return", back, order.id, draw.line_no, "refunded_in_part"))
    return moves


def _taken(
    items: list[dict[str, Any]], orders: tuple[Order, ...]
) -> dict[int, dict[int, int]] | Rejected:
    """Order id -> line number -> units, or the first item that is unknown or too many."""
    taken: dict[int, dict[int, int]] = {}
    for index, item in enumerate(items):
        found = [
            (order, line)
            for order in sorted(orders, key=lambda each: each.id)
            for line in order.lines
            if line.kind is LineKind.GOOD and _is_meant(item, order, line)
        ]
        if not found:
            return Rejected(Reason.REFERENCE_UNKNOWN, f"lines[{index}]", "no such line")
        wanted: int = item["quantity"]
        for order, line in found:
            mine = taken.setdefault(order.id, {})
            units = min(wanted, left(line) - mine.get(line.line_no, 0))
            if units > 0:
                mine[line.line_no] = mine.get(line.line_no, 0) + units
                wanted -= units
        if wanted:
            return Rejected(
                Reason.QUANTITY_INVALID, f"lines[{index}].quantity", "more than is left of it"
            )
    return {order_id: units for order_id, units in taken.items() if units}


def _is_meant(item: dict[str, Any], order: Order, line: Line) -> bool:
    if item.get("order_id") and (order.id, line.line_no) != (item["order_id"], item["line_no"]):
        return False
    if item.get("sku") and line.sku != item["sku"]:
        return False
    return not item.get("country") or order.doc.business.get("warehouse_country") == item["country"]
