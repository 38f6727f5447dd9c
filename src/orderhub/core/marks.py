"""What an accepted decision writes on its orders so that a ledger can be checked without the catalogue.

The catalogue changes and the settings change: whether a line drew on stock, or an order closes by
itself, must be told by the order. Everything is marked here, once, from what the decision does.
"""

from __future__ import annotations

from typing import Any

import msgspec

from orderhub.core.facts import Accepted
from orderhub.core.values import Event, Line, LineKind, Order

# The members of a new order that are told by name, unless they are empty.
NAMES = ("number", "reference", "owner", "account", "service", "bill", "group_number")


def marked(accepted: Accepted, natural_key: str = "") -> Accepted:
    """The same decision. Each placed order knows the units its lines count, its natural key and what its
    first event tells; each order knows what timers it waits for.
    """
    timed = bool(accepted.timers or accepted.timers_done)
    if not accepted.placed:
        if not timed:
            return accepted
        return msgspec.structs.replace(accepted, changed=_timed(accepted.changed, accepted))
    placed = tuple(
        _counted(order, accepted, natural_key if index == 0 else "")
        for index, order in enumerate(accepted.placed)
    )
    by_id = {order.id: order for order in placed}
    return msgspec.structs.replace(
        accepted,
        placed=_timed(placed, accepted) if timed else placed,
        changed=_timed(accepted.changed, accepted) if timed else accepted.changed,
        events=tuple(
            _told(event, by_id[event.order_id]) if event.order_id in by_id else event
            for event in accepted.events
        ),
        natural_keys=(natural_key,) if natural_key else (),
    )


def _timed(orders: tuple[Order, ...], accepted: Accepted) -> tuple[Order, ...]:
    """The orders with the timers that stand once some are done and some are set."""
    return tuple(_waiting(order, accepted) for order in orders)


def _waiting(order: Order, accepted: Accepted) -> Order:
    name = (order.tenant_id, order.id)
    timers = dict(order.timers)
    for timer in accepted.timers_done:
        if (timer.tenant_id, timer.order_id) == name:
            timers.pop(timer.kind, None)
    for timer in accepted.timers:
        if (timer.tenant_id, timer.order_id) == name:
            timers[timer.kind] = timer.due_at
    if timers == order.timers:
        return order
    return msgspec.structs.replace(order, timers=dict(sorted(timers.items())))


def _counted(order: Order, accepted: Accepted, natural_key: str) -> Order:
    """The order with the units that its lines draw. The redemption of a coupon is its discount's."""
    units: dict[int, int] = {}
    redeemed = 0
    for move in accepted.moves:
        if move.kind != "draw" or move.order_id != order.id:
            continue
        if move.line_no:
            units[move.line_no] = units.get(move.line_no, 0) + move.units
        elif move.key.kind == "coupon":
            redeemed += move.units
    changes: dict[str, Any] = {"natural_key": natural_key} if natural_key else {}
    if units or redeemed:
        changes["lines"] = tuple(_line(each, units, redeemed) for each in order.lines)
    return msgspec.structs.replace(order, **changes) if changes else order


def _line(line: Line, units: dict[int, int], redeemed: int) -> Line:
    counted = redeemed if line.kind is LineKind.DISCOUNT else units.get(line.line_no, 0)
    return msgspec.structs.replace(line, counted=counted) if counted else line


def _told(event: Event, order: Order) -> Event:
    """A first event with the names of its order, and when it occurred where that was stated."""
    names: dict[str, Any] = {
        name: value for name in NAMES if (value := getattr(order, name)) or name == "number"
    }
    if order.recorded:
        names["occurred_at"] = order.occurred_at
    return msgspec.structs.replace(event, data={**event.data, **names})
