"""What an accepted decision writes on its orders so that a ledger can be checked without the catalogue.

The catalogue changes and the settings change: whether a line drew on stock, or an order closes by
itself, must be told by the order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter

import msgspec

from orderhub.core.facts import Accepted, Timer
from orderhub.core.values import Line, LineKind, Move, Order

# The members of a new order that are told by name, unless they are empty.
NAMES = ("number", "reference", "owner", "account", "service", "bill", "group_number")
names_of = attrgetter(*NAMES)


def timed(accepted: Accepted, timers: Sequence[Timer] = ()) -> Accepted:
    """The same decision, with more timers: each order knows what it waits for."""
    if timers:
        accepted = msgspec.structs.replace(accepted, timers=(*accepted.timers, *timers))
    if not accepted.timers and not accepted.timers_done:
        return accepted
    return msgspec.structs.replace(
        accepted,
        placed=tuple(_waiting(order, accepted) for order in accepted.placed),
        changed=tuple(_waiting(order, accepted) for order in accepted.changed),
    )


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


def counted(lines: tuple[Line, ...], moves: Iterable[Move]) -> tuple[Line, ...]:
    """The lines of an order with the units that they draw. The redemption of a coupon is its discount's."""
    units: dict[int, int] = {}
    redeemed = 0
    for move in moves:
        if move.kind != "draw":
            continue
        if move.line_no:
            units[move.line_no] = units.get(move.line_no, 0) + move.units
        elif move.key.kind == "coupon":
            redeemed += move.units
    if not units and not redeemed:
        return lines
    return tuple([_line(each, units, redeemed) for each in lines])


def _line(line: Line, units: dict[int, int], redeemed: int) -> Line:
    counted = redeemed if line.kind is LineKind.DISCOUNT else units.get(line.line_no, 0)
    return msgspec.structs.replace(line, counted=counted) if counted else line
