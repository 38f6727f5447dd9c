"""Shipping and refunding an order in parts: which units of which lines, and when the parts are the whole.

`shipment["lines"]` and `refund["lines"]` map line numbers (as text) to units. A part that leaves nothing
is the whole step: it becomes SHIP or REFUND, with everything that follows from those.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core.commands import Action, ChangeOrder
from orderhub.core.currencies import currency_digits
from orderhub.core.known import Known
from orderhub.core.life import next_status
from orderhub.core.money import (
    ZERO,
    Rounding,
    divided,
    is_storable,
    plain,
    rounded,
    times,
    to_micros,
)
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Line, LineKind, Move, Order

# What leaves a warehouse; nothing else of an order waits for a parcel.
_SHIPPED_KINDS = (LineKind.GOOD, LineKind.RECORDED_ITEM)
# What is no unit of anything: it goes with the whole order.
_EXTRAS = (LineKind.DISCOUNT, LineKind.FREIGHT)
_DECIMALS = 6

Units = dict[int, int]


def to_ship(line: Line) -> int:
    """The units of a line that still wait for a parcel. Refunded ones are taken from those first."""
    if line.kind not in _SHIPPED_KINDS or line.cancelled:
        return 0
    return max(0, line.quantity - line.refunded - line.shipped)


def is_partly_shipped(order: Order) -> bool:
    """Whether a parcel has left, even if others still wait."""
    return any(line.shipped for line in order.lines)


def to_refund(line: Line) -> int:
    """The units of a line that were not given back."""
    return 0 if line.kind in _EXTRAS or line.cancelled else line.quantity - line.refunded


def resolved(command: ChangeOrder, known: Known) -> ChangeOrder | Rejected:
    """A part with its units and amount worked out, or the whole step where the part leaves nothing."""
    if command.action not in (Action.SHIP_PART, Action.REFUND_PART):
        return command
    orders = known.orders(command.origin.tenant_id, command.name)
    if len(orders) != 1:
        return command  # unknown, or a group: refused where every change is
    order = orders[0]
    if (
        command.if_version not in (None, order.version)
        or (command.origin.owner and command.origin.owner != order.owner)
        or next_status(command.action, order.status) is None
    ):
        return command  # refused for that, whatever its units are
    return (
        _shipment(command, order) if command.action is Action.SHIP_PART else _refund(command, order)
    )


def _units(lines: dict[str, Any], order: Order, left: Any) -> Units | Rejected:
    known_lines = {line.line_no: line for line in order.lines}
    units: Units = {}
    for text, wanted in lines.items():
        line = known_lines.get(int(text))
        if line is None:
            return Rejected(Reason.REFERENCE_UNKNOWN, "lines", f"the order has no line {text}")
        if not 0 < wanted <= left(line):
            return Rejected(
                Reason.QUANTITY_INVALID,
                "lines",
                f"line {text}: {wanted} units wanted, {left(line)} left",
            )
        units[line.line_no] = wanted
    return units


def _shipment(command: ChangeOrder, order: Order) -> ChangeOrder | Rejected:
    units = _units(command.shipment.get("lines", {}), order, to_ship)
    if isinstance(units, Rejected):
        return units
    if not units:
        return Rejected(Reason.QUANTITY_INVALID, "lines", "no units are named")
    waits = any(to_ship(line) > units.get(line.line_no, 0) for line in order.lines)
    return command if waits else msgspec.structs.replace(command, action=Action.SHIP)


def _refund(command: ChangeOrder, order: Order) -> ChangeOrder | Rejected:
    units = _units(command.refund.get("lines", {}), order, to_refund)
    if isinstance(units, Rejected):
        return units
    held = order.paid - order.refunded
    stated = command.refund.get("amount")
    if not units and stated is None:
        return Rejected(Reason.QUANTITY_INVALID, "lines", "no units and no amount are named")
    empties = bool(units) and not any(
        to_refund(line) > units.get(line.line_no, 0) for line in order.lines
    )
    if stated is None:
        amount = held if empties else min(held, _worth(order, units))
    else:
        amount = Decimal(stated)
        if not is_storable(amount) or not ZERO < amount <= held:
            return Rejected(
                Reason.AMOUNT_OUT_OF_RANGE, "amount", f"{plain(held)} is left to refund"
            )
        digits = max(currency_digits(order.currency), _decimals(order.paid))
        if _decimals(amount) > digits:
            # Nobody can hand out a fraction of a cent, and rounding would refund what nobody said.
            why = f"amounts of this order have at most {digits} decimals"
            return Rejected(Reason.AMOUNT_OUT_OF_RANGE, "amount", why)
    refund = {**command.refund, "amount": f"{plain(amount)}"}
    whole = amount == held and (empties or bool(amount))
    return msgspec.structs.replace(
        command, refund=refund, action=Action.REFUND if whole else Action.REFUND_PART
    )


def _worth(order: Order, units: Units) -> Decimal:
    """What the units cost: shares of a line's amount that add up to it exactly once all are given back."""
    worth = ZERO
    for line in order.lines:
        count = units.get(line.line_no, 0)
        if count:
            digits = _digits(order, line)
            before = _share(line, line.refunded, digits)
            worth += _share(line, line.refunded + count, digits) - before
    return max(ZERO, worth)


def _share(line: Line, count: int, digits: int) -> Decimal:
    if count == line.quantity:
        return line.gross
    share = divided(times(line.gross, count), Decimal(line.quantity))
    return rounded(share, digits, Rounding.HALF_UP)


def _digits(order: Order, line: Line) -> int:
    return min(_DECIMALS, max(currency_digits(order.currency), _decimals(line.gross)))


def _decimals(value: Decimal) -> int:
    exponent = plain(value).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def units_of(command: ChangeOrder) -> Units:
    """The units that a resolved part names."""
    given = {
        Action.SHIP_PART: command.shipment,
        Action.SHIP: command.shipment,
        Action.REFUND_PART: command.refund,
        Action.REFUND: command.refund,
    }.get(command.action, {})
    lines = given.get("lines")
    if not isinstance(lines, dict):
        return {}
    return {int(number): count for number, count in lines.items()}


def lines_after(command: ChangeOrder, order: Order) -> tuple[Line, ...]:
    """The lines once the step is done; a line that it leaves alone is the very same object."""
    match command.action:
        case Action.SHIP:
            sent = {line.line_no: to_ship(line) for line in order.lines}
        case Action.SHIP_PART:
            sent = units_of(command)
        case Action.REFUND_PART | Action.REFUND:
            back = units_of(command)
            return tuple(
                msgspec.structs.replace(line, refunded=line.refunded + back[line.line_no])
                if back.get(line.line_no)
                else line
                for line in order.lines
            )
        case _:
            return order.lines
    return tuple(
        msgspec.structs.replace(line, shipped=line.shipped + sent[line.line_no])
        if sent.get(line.line_no)
        else line
        for line in order.lines
    )


def returned(command: ChangeOrder, order: Order, known: Known) -> list[Move]:
    """What a refund in part gives back to pools: money to a balance, units to where they came from."""
    units = units_of(command)
    lines = {line.line_no: line for line in order.lines}
    money = to_micros(Decimal(command.refund["amount"]))
    draws = known.draws(order)
    wanted: dict[tuple[str, int], int] = {}
    for number, count in units.items():
        for kind in {draw.key.kind for draw in draws}:
            drawn = sum(d.units for d in draws if d.line_no == number and d.key.kind == kind)
            wanted[(kind, number)] = drawn * count // max(1, to_refund(lines[number]))
    moves: list[Move] = []
    for draw in draws:
        name = (draw.key.kind, draw.line_no)
        if draw.key.kind == "balance":
            back = min(money, draw.units)
            money -= back
        else:
            back = min(wanted.get(name, 0), draw.units)
            if back:
                wanted[name] -= back
        if back:
            moves.append(Move(draw.key, "return", back, order.id, draw.line_no, "refunded_in_part"))
    return moves


def told(command: ChangeOrder) -> dict[str, Any]:
    """What the event says of a part, beside the members that it changes."""
    units = units_of(command)
    found: dict[str, Any] = {}
    if units:
        found["units"] = {str(number): count for number, count in units.items()}
    if command.action is Action.REFUND_PART:
        found["amount"] = command.refund["amount"]
    return found
