"""What units of an order are worth: their share of what was asked for their line, discounts taken off.

A discount is shared among the lines that it was for, by what they came to, so that all parts together are exactly
what the order came to without its freight.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from orderhub.core.currencies import currency_digits
from orderhub.core.details import BasketDetails
from orderhub.core.money import ZERO, Rounding, divided, plain, rounded, times, total
from orderhub.core.steps import Units
from orderhub.core.values import EXTRAS, Line, LineKind, Order

_DECIMALS = 6


def worth(order: Order, units: Units) -> Decimal:
    """What units cost: shares of their lines that add up once all are given back, in whatever order.

    Of a line that comes to so many times its unit price, each unit is worth that price.
    """
    off = _discounts(order)
    result = ZERO
    for line in order.lines:
        count = units.get(line.line_no, 0)
        if count:
            amount = line.gross + off.get(line.line_no, ZERO)
            digits = _digits(order, line, amount)
            before = _share(line, amount, line.refunded, digits)
            result += _share(line, amount, line.refunded + count, digits) - before
    return max(ZERO, result)


def decimals(value: Decimal) -> int:
    exponent = plain(value).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _discounts(order: Order) -> dict[int, Decimal]:
    """What discounts take off the lines that they were for, by line number; none of these is above 0."""
    found: dict[int, Decimal] = {}
    for discount in order.kept_lines:
        if discount.kind is LineKind.DISCOUNT:
            for number, part in _parts(order, discount):
                found[number] = found.get(number, ZERO) + part
    return found


def _parts(order: Order, discount: Line) -> Iterator[tuple[int, Decimal]]:
    """A discount's part of each line, rounded so that the parts add up to it: what is left over is the last one's."""
    business = order.doc.business
    named = business.coupon_lines if isinstance(business, BasketDetails) else ()
    lines = [
        line
        for line in order.kept_lines
        if line.kind not in EXTRAS and line.gross > 0 and (not named or line.line_no in named)
    ]
    whole = total([line.gross for line in lines])
    finest = max(decimals(line.gross) for line in (*lines, discount))
    digits = min(_DECIMALS, max(currency_digits(order.currency), finest))
    so_far = given = ZERO
    for line in lines:
        so_far += line.gross
        part = rounded(divided(times(discount.gross, so_far), whole), digits, Rounding.HALF_UP)
        yield line.line_no, part - given
        given = part


def _share(line: Line, amount: Decimal, count: int, digits: int) -> Decimal:
    if count == line.quantity:
        return amount
    share = divided(times(amount, count), Decimal(line.quantity))
    return rounded(share, digits, Rounding.HALF_UP)


def _digits(order: Order, line: Line, amount: Decimal) -> int:
    """The decimals of a line's shares: the currency's, or more where its amounts have more."""
    is_priced = times(line.unit_gross, line.quantity) == amount
    finest = max(decimals(amount), decimals(line.unit_gross) if is_priced else 0)
    return min(_DECIMALS, max(currency_digits(order.currency), finest))
