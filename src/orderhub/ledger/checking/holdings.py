"""What orders hold of pools: no more, no less and of nothing else than their lines and amounts say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orderhub.core.decide import business_by_doc
from orderhub.core.details import BasketDetails
from orderhub.core.values import LineKind, OrderDoc
from orderhub.ledger.checking.laws import Law
from orderhub.ledger.checking.standing import Standing

_SIGNS = {"draw": 1, "return": -1}
Found = Iterator[tuple[Law, str]]


class _Units:
    """Of one line, by kind of pool: the units drawn, those still held, and the subjects they are of."""

    def __init__(self) -> None:
        self.drawn: dict[str, int] = {}
        self.held: dict[str, int] = {}
        self.subjects: dict[str, set[str]] = {}

    def add(self, move: Any) -> None:
        kind = move.pool_kind
        if move.kind == "draw":
            self.held[kind] = self.held.get(kind, 0) + move.units
            self.drawn[kind] = self.drawn.get(kind, 0) + move.units
            self.subjects.setdefault(kind, set()).add(move.subject)
        elif move.kind == "return":
            self.held[kind] = self.held.get(kind, 0) - move.units

    def leave_out(self, kind: str) -> None:
        self.drawn.pop(kind, None)
        self.held.pop(kind, None)
        self.subjects.pop(kind, None)


def breaches(standing: Standing) -> Found:
    by_line: dict[int, _Units] = {}
    for move in standing.moves:
        units = by_line.get(move.line_no)
        if units is None:
            units = by_line[move.line_no] = _Units()
        units.add(move)
    if any(move.kind == "return" for move in standing.moves):
        yield from _returns(standing)
    if standing.has_ended:
        rest = sum(sum(units.held.values()) for units in by_line.values())
        if rest:
            yield Law.ENDED, f"still holds {rest}"
    whole = by_line.pop(0, None) or _Units()
    yield from _balance(standing, whole)
    coupons = whole.drawn.get("coupon", 0)
    for line in standing.lines:
        units = by_line.pop(line.line_no, None)
        if coupons and line.kind == LineKind.DISCOUNT:
            units, coupons, whole = whole, 0, _Units()
            units.leave_out("balance")  # it pays for the whole order: see _balance
        if units is not None or line.counted:
            yield from _line(standing, line, units or _Units())
    for number in by_line:
        yield Law.DRAWN, f"line {number} draws and is not there"
    if coupons:
        yield Law.DRAWN, "a coupon is redeemed and there is no discount"


def _returns(standing: Standing) -> Found:
    held: dict[tuple[Any, ...], int] = {}
    for move in standing.moves:
        name = (move.pool_kind, move.subject, move.place, move.line_no)
        held[name] = held.get(name, 0) + _SIGNS.get(move.kind, 0) * move.units
    for (kind, subject, place, _), units in held.items():
        if units < 0:
            yield Law.RETURNS, f"{kind} {subject} {place}: {units}"


def _line(standing: Standing, line: Any, units: _Units) -> Found:
    number = f"line {line.line_no}"
    drawn = sum(units.drawn.values())
    if drawn != line.counted:
        yield Law.DRAWN, f"{number}: counted {line.counted}, drawn {drawn}"
    stock = units.drawn.get("stock", line.quantity)
    seats = units.drawn.get("seats", 0)
    if stock != line.quantity or (seats and seats % max(1, line.quantity)):
        yield Law.DRAWN, f"{number}: quantity {line.quantity}, drawn {drawn}"
    strange = set().union(*units.subjects.values()) - _subjects(standing.doc, line)
    if strange:
        yield Law.DRAWN, f"{number} draws on {', '.join(sorted(strange))}"
    left = 0 if standing.has_ended or line.cancelled else line.quantity - line.refunded
    for kind, each in units.drawn.items():
        held = units.held[kind]
        if not _may_hold(each, held, left, line.quantity):
            yield Law.HELD, f"{number}: {left} of {line.quantity} stand, holds {held} {kind}"


def _may_hold(drawn: int, held: int, left: int, quantity: int) -> bool:
    """Whether `held` is what is left of `drawn`. Rooms that several share go back with the last of them."""
    if left in (0, quantity):
        return held == (drawn if left else 0)
    if quantity > 0 and drawn % quantity == 0:
        return held == drawn // quantity * left
    return 0 <= held <= drawn


def _subjects(doc: OrderDoc, line: Any) -> set[str]:
    if line.kind == LineKind.DISCOUNT:
        basket = doc.business
        if not isinstance(basket, BasketDetails):
            return set()
        return {f"coupon:{basket.coupon_id}", f"coupon_claim:{basket.coupon_claim_id}"}
    return {f"product:{line.product_id}", f"variant:{line.variant_id}"}


def _balance(standing: Standing, units: _Units) -> Found:
    order = standing.order
    is_paid_so = business_by_doc(standing.doc).from_balance(standing.doc)
    drawn, held = units.drawn.get("balance", 0), units.held.get("balance", 0)
    if standing.doc.imported_at and not drawn:
        is_paid_so = False  # it was paid elsewhere
    wanted = order.total if is_paid_so else 0
    if drawn != wanted:
        yield Law.BALANCE, f"total {wanted}, drawn {drawn}"
    elif not standing.has_ended and held != max(0, wanted - order.refunded):
        yield Law.BALANCE, f"total {wanted}, refunded {order.refunded}, holds {held}"
