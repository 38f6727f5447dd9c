"""Shipping and refunding an order in parts: which units of which lines, and when the parts are the whole.

A part that leaves nothing is the whole step: it becomes SHIP or REFUND, with everything that follows from those.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core.commands import Action, ChangeOrder
from orderhub.core.currencies import currency_digits
from orderhub.core.facts import Facts
from orderhub.core.money import ZERO, is_storable, kept, plain, rounded, to_micros
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.steps import Refund, Shipment, Units
from orderhub.core.values import EXTRAS, Line, LineKind, Move, Order, Status
from orderhub.core.worth import decimals, worth

# What leaves a warehouse; nothing else of an order waits for a parcel.
_SHIPPED_KINDS = (LineKind.GOOD, LineKind.RECORDED_ITEM)
# An order that is one of these was given back as a whole, whatever its lines say.
GIVEN_BACK = (Status.CANCELLED, Status.REFUNDED)


def given_back(order: Order, line: Line) -> int:
    """The units of a line that were given back, with its order or before."""
    return line.quantity if order.status in GIVEN_BACK else line.refunded


def left(order: Order, line: Line) -> int:
    """The units of a line that can still be given back."""
    if line.kind in EXTRAS or line.cancelled:
        return 0
    return line.quantity - given_back(order, line)


def to_ship(order: Order, line: Line) -> int:
    """The units of a line that still wait for a parcel. What was given back is taken from those first."""
    if line.kind not in _SHIPPED_KINDS:
        return 0
    return max(0, left(order, line) - line.shipped)


def to_pack(order: Order, line: Line) -> int:
    """The units of a line that are in its parcels or are going to be; of what is never sent, those that stand."""
    return max(line.shipped, left(order, line))


def is_partly_shipped(order: Order) -> bool:
    """Whether a parcel has left, even if others still wait."""
    return any(line.shipped for line in order.lines)


def refundable(order: Order) -> Decimal:
    """The money that can still be given back: what was paid, or what an unpaid order is going to cost."""
    return (order.total if order.status is Status.PENDING else order.paid) - order.refunded


def resolved(command: ChangeOrder, order: Order) -> ChangeOrder | Rejected:
    """A part with its units and amount worked out, or the whole step where the part leaves nothing."""
    if command.action is Action.SHIP_PART:
        return _shipment(command, order)
    return _refund(command, order)


def _checked(
    lines: Units, order: Order, there_are: Callable[[Order, Line], int]
) -> Rejected | None:
    """The refusal of the first line that there is not, or of which there are not so many units."""
    lines_there = {line.line_no: line for line in order.lines}
    for number, wanted in lines.items():
        line = lines_there.get(number)
        if line is None:
            return Rejected(Reason.REFERENCE_UNKNOWN, "lines", f"the order has no line {number}")
        units = there_are(order, line)
        if not 0 < wanted <= units:
            return Rejected(
                Reason.QUANTITY_INVALID,
                "lines",
                f"line {number}: {wanted} units wanted, {units} left",
            )
    return None


def _shipment(command: ChangeOrder, order: Order) -> ChangeOrder | Rejected:
    lines = (command.shipment or Shipment()).lines
    refusal = _checked(lines, order, to_ship)
    if refusal is not None:
        return refusal
    if not lines:
        return Rejected(Reason.QUANTITY_INVALID, "lines", "no units are named")
    waits = any(to_ship(order, line) > lines.get(line.line_no, 0) for line in order.lines)
    return command if waits else msgspec.structs.replace(command, action=Action.SHIP)


def _refund(command: ChangeOrder, order: Order) -> ChangeOrder | Rejected:
    refund = command.refund or Refund()
    refusal = _checked(refund.lines, order, left)
    if refusal is not None:
        return refusal
    if not refund.lines and refund.amount is None:
        return Rejected(Reason.QUANTITY_INVALID, "lines", "no units and no amount are named")
    if refund.amount is not None:
        amount = _in_money(refund.amount, order)
        refusal = _refused_amount(amount, order)
        if refusal is not None:
            return refusal
        refund = msgspec.structs.replace(refund, amount=amount)
    return in_part(command, order, refund)


def _in_money(amount: Decimal, order: Order) -> Decimal:
    """The amount as it can be handed out: in cents, or as finely as the order was paid."""
    amount = kept(amount)
    digits = max(currency_digits(order.currency), decimals(order.paid))
    return rounded(amount, digits) if is_storable(amount) else amount


def _refused_amount(amount: Decimal, order: Order) -> Rejected | None:
    most = refundable(order)
    if is_storable(amount) and ZERO < amount <= most:
        return None
    return Rejected(Reason.AMOUNT_OUT_OF_RANGE, "amount", f"{plain(most)} is left to refund")


def in_part(command: ChangeOrder, order: Order, refund: Refund) -> ChangeOrder:
    """The step that gives back the units and the money of a refund whose units there are.

    It is the whole step when it leaves no units, or when all the money is asked for. Units alone never
    are while others stand, even if the money was given back before.
    """
    most = refundable(order)
    is_emptied = bool(refund.lines) and not any(
        left(order, line) > refund.lines.get(line.line_no, 0) for line in order.lines
    )
    if refund.amount is not None:
        amount, is_whole = refund.amount, refund.amount == most
    else:
        amount = most if is_emptied else min(most, worth(order, refund.lines))
        is_whole = is_emptied
    whole = Action.CANCEL if order.status is Status.PENDING else Action.REFUND
    return msgspec.structs.replace(
        command,
        refund=msgspec.structs.replace(refund, amount=plain(amount)),
        action=whole if is_whole else Action.REFUND_PART,
    )


def units_of(command: ChangeOrder) -> Units:
    """The units that a resolved step names."""
    match command.action:
        case Action.SHIP | Action.SHIP_PART:
            return {} if command.shipment is None else command.shipment.lines
        case Action.REFUND | Action.REFUND_PART | Action.CANCEL:
            return {} if command.refund is None else command.refund.lines
    return {}


def lines_after(command: ChangeOrder, order: Order) -> tuple[Line, ...]:
    """The lines once the step is done; a line that it leaves alone is the very same object."""
    sent: Units = {}
    back: Units = {}
    match command.action:
        case Action.SHIP:
            sent = {line.line_no: to_ship(order, line) for line in order.lines}
        case Action.SHIP_PART:
            sent = units_of(command)
        case _:
            back = units_of(command)
    if not sent and not back:
        return order.lines
    return tuple(
        _moved(line, sent.get(line.line_no, 0), back.get(line.line_no, 0)) for line in order.lines
    )


def _moved(line: Line, sent: int, back: int) -> Line:
    if not sent and not back:
        return line
    return msgspec.structs.replace(line, shipped=line.shipped + sent, refunded=line.refunded + back)


def returned(command: ChangeOrder, order: Order, facts: Facts) -> list[Move]:
    """What a refund in part gives back to pools: money to a balance, units to where they came from."""
    assert command.refund is not None, "a resolved refund in part has one"
    units = units_of(command)
    lines = {line.line_no: line for line in order.lines}
    money = to_micros(command.refund.amount or ZERO)
    draws = facts.draws(order)
    wanted: dict[tuple[str, int], int] = {}
    for number, count in units.items():
        for kind in {draw.key.kind for draw in draws}:
            drawn = sum(d.units for d in draws if d.line_no == number and d.key.kind == kind)
            wanted[(kind, number)] = drawn * count // max(1, left(order, lines[number]))
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
    if command.action is Action.REFUND_PART and command.refund is not None:
        found["amount"] = f"{command.refund.amount:f}"
    return found
