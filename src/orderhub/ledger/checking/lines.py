"""What lines say: their amounts from their units, and how many units were shipped and given back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from orderhub.core.money import Rounding, from_micros, rounded, to_micros
from orderhub.core.steps import Refund, Shipment, Units
from orderhub.core.values import LineKind, Pricing
from orderhub.ledger import rows
from orderhub.ledger.checking.laws import Law
from orderhub.ledger.checking.standing import Standing

_DECIMALS = 6
_SHIPPED_KINDS = (LineKind.GOOD, LineKind.RECORDED_ITEM)
Found = Iterator[tuple[Law, str]]


def breaches(standing: Standing) -> Found:
    order = standing.order
    net = tax = gross = 0
    for line in standing.lines:
        net, tax, gross = net + line.net, tax + line.tax, gross + line.gross
        number = f"line {line.line_no}"
        if line.net + line.tax != line.gross:
            yield Law.LINE_SUM, number
        yield from _amounts(standing.doc.pricing, line, number)
        # A recorded order's quantities are its caller's to state again, whatever was shipped.
        most = max(line.shipped, line.refunded) if order.recorded else line.quantity
        if not (0 <= line.shipped <= most and 0 <= line.refunded <= most):
            said = f"shipped {line.shipped}, refunded {line.refunded} of {line.quantity}"
            yield Law.LINE_UNITS, f"{number}: {said}"
    if not order.recorded and (order.net, order.tax, order.total) != (net, tax, gross):
        yield Law.ORDER_LINES, f"total {order.total}, lines {gross}"
    if order.net + order.tax != order.total:
        yield Law.ORDER_SUM, f"total {order.total}"
    yield from _steps(standing)


def _amounts(pricing: dict[str, Any], line: Any, number: str) -> Found:
    taxes = rows.tax_parts(line.taxes)
    if not taxes:
        is_right = (
            line.unit_net == line.unit_gross
            and line.tax == 0
            and line.net == _times(line.unit_net, line.quantity, pricing)
        )
    else:
        if to_micros(sum((part.amount for part in taxes), from_micros(0))) != line.tax:
            yield Law.LINE_TAXES, number
        is_net = pricing.get("mode") == Pricing.NET
        unit, amount = (line.unit_net, line.net) if is_net else (line.unit_gross, line.gross)
        is_right = amount == _times(unit, line.quantity, pricing) and (
            line.quantity != 1 or line.unit_net + line.tax == line.unit_gross
        )
    if not is_right:
        unit = f"{line.unit_net} net, {line.unit_gross} gross"
        yield Law.LINE_AMOUNT, f"{number}: {line.quantity} x {unit}, {line.net} and {line.tax} tax"


def _times(unit: int, quantity: int, pricing: dict[str, Any]) -> int:
    """Millionths: exact, or rounded once where the order's taxes are."""
    product = unit * quantity
    digits = pricing.get("precision")
    if digits is None or product % 10 ** max(0, _DECIMALS - digits) == 0:
        return product
    return to_micros(rounded(from_micros(product), digits, Rounding(pricing["rounding"])))


def _steps(standing: Standing) -> Found:
    sent, back = _units(standing.doc.shipments), _units(standing.doc.refunds)
    was_shipped = any(event.kind == "shipped" for event, _ in standing.events)
    if not (sent or back or was_shipped) and not any(
        line.shipped or line.refunded for line in standing.lines
    ):
        return
    for line in standing.lines:
        if line.refunded != back.get(line.line_no, 0):
            said = f"refunded {line.refunded}, steps say {back.get(line.line_no, 0)}"
            yield Law.LINE_STEPS, f"line {line.line_no}: {said}"
        least = most = sent.get(line.line_no, 0)
        if was_shipped and line.kind in _SHIPPED_KINDS:
            if standing.order.recorded:
                continue  # its quantity may have been stated again since it was shipped
            least, most = max(least, line.quantity - line.refunded), line.quantity
        if not least <= line.shipped <= most:
            said = f"shipped {line.shipped}, steps say {most}"
            yield Law.LINE_STEPS, f"line {line.line_no}: {said}"


def _units(steps: Sequence[Shipment | Refund]) -> Units:
    """The units that the steps name."""
    units: Units = {}
    for step in steps:
        for number, count in step.lines.items():
            units[number] = units.get(number, 0) + count
    return units
