"""Shipping and refunding in parts: which units, what they cost, what comes back, and when a part is the whole."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.core import decide, worth
from orderhub.core.commands import Action, CancelItem, ChangeOrder, OrderName, Origin
from orderhub.core.details import BasketDetails
from orderhub.core.facts import Accepted, Facts, OrderLoad, PoolLoad, Record, RecordKey
from orderhub.core.fulfilment import is_partly_shipped, left, to_ship
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.steps import Refund, Shipment, Units
from orderhub.core.values import (
    Line,
    LineKind,
    Move,
    Order,
    Pool,
    PoolKey,
    Settings,
    Status,
)
from tests.support.documents import doc
from tests.support.examples import examples

ORIGIN = Origin(tenant_id=1, channel="hub", actor="till", recorded_at=99)
NAME = OrderName("uid", "u-1")
HERE, THERE = PoolKey(1, "stock", "product:1", "A"), PoolKey(1, "stock", "product:1", "B")
BALANCE = PoolKey(1, "balance", "EUR", "user:1")
MICROS = 1_000_000


def line(number: int, quantity: int, gross: str, **more: Any) -> Line:
    amount = Decimal(gross)
    given = {"kind": LineKind.GOOD, "title": "thing", "net": amount, "tax": Decimal(0), **more}
    unit = amount / quantity
    return Line(
        line_no=number, quantity=quantity, unit_net=unit, unit_gross=unit, gross=amount, **given
    )


def paid(*lines: Line, **more: Any) -> Order:
    total = sum(each.gross for each in lines)
    given = {"status": Status.PAID, "paid": total, "doc": doc(), **more}
    return Order(
        tenant_id=1,
        id=1,
        uid="u-1",
        channel="hub",
        number="n-1",
        placed_by="test",
        currency="EUR",
        net=total,
        tax=Decimal(0),
        total=total,
        occurred_at=1,
        updated_at=1,
        recorded_at=1,
        lines=lines,
        **given,
    )


class Desk:
    """One order and what it drew: commands are decided one after the other, as in a batch."""

    def __init__(self, order: Order, *draws: Move) -> None:
        self.known = Facts()
        row = Record(
            tenant_id=1, kind="settings", id=0, uid="", code="", doc=Settings(name="s"), keys=()
        )
        self.known.learn_records(RecordKey(1, "settings", "id", "0"), (row,))
        drawn: dict[PoolKey, int] = {}
        for draw in draws:
            drawn[draw.key] = drawn.get(draw.key, 0) + draw.units
        for key, units in drawn.items():
            load = PoolLoad(1, key.kind, key.subject)
            self.known.learn_pools(load, (Pool(key=key, opening=units, drawn=units),))
        self.known.learn_orders(OrderLoad(1, NAME), (order,))
        self.known.learn_draws(1, 1, draws)

    @property
    def order(self) -> Order:
        (order,) = self.known.orders(1, NAME)
        return order

    def do(self, command: ChangeOrder) -> Accepted | Rejected:
        decision = decide.decide(command, self.known, decide.NewIds())
        if isinstance(decision, Accepted):
            self.known.apply(decision)
        return decision

    def ship(self, lines: Units) -> Accepted | Rejected:
        return self.do(_change(Action.SHIP_PART, shipment=Shipment(lines=lines)))

    def refund(self, lines: Units | None = None, amount: str = "") -> Accepted | Rejected:
        refund = Refund(lines=lines or {}, amount=Decimal(amount) if amount else None)
        return self.do(_change(Action.REFUND_PART, refund=refund))

    def cancel(self, **item: Any) -> Accepted | Rejected:
        return self.do(_change(Action.CALL_OFF, items=(CancelItem(**item),)))

    def back(self, key: PoolKey) -> int:
        pool = self.known.pool(key)
        return 0 if pool is None else pool.returned


def _change(action: Action, **more: Any) -> ChangeOrder:
    return ChangeOrder(origin=ORIGIN, name=NAME, action=action, **more)


def draw(key: PoolKey, units: int, line_no: int = 1) -> Move:
    return Move(key, "draw", units, 1, line_no)


def refused(decision: Accepted | Rejected) -> tuple[Reason, str]:
    assert isinstance(decision, Rejected), decision
    return decision.reason, decision.field


# --- which units


@pytest.mark.parametrize(
    ("more", "ships", "refunds"),
    [
        ({}, 4, 4),
        ({"shipped": 1}, 3, 4),
        ({"refunded": 1}, 3, 3),
        ({"shipped": 3, "refunded": 2}, 0, 2),
        ({"cancelled": True}, 0, 0),
        ({"kind": LineKind.RECORDED_ITEM}, 4, 4),
        ({"kind": LineKind.TICKET}, 0, 4),
        ({"kind": LineKind.FREIGHT}, 0, 0),
        ({"kind": LineKind.DISCOUNT}, 0, 0),
    ],
)
def test_the_units_that_are_left(more: dict[str, Any], ships: int, refunds: int) -> None:
    each = line(1, 4, "40", **more)
    order = paid(each)
    assert (to_ship(order, each), left(order, each)) == (ships, refunds)


@pytest.mark.parametrize("action", [Action.SHIP_PART, Action.REFUND_PART])
def test_a_part_that_names_nothing_is_refused(action: Action) -> None:
    for told in ({}, {"shipment": Shipment(), "refund": Refund()}):
        desk = Desk(paid(line(1, 4, "40")))
        assert refused(desk.do(_change(action, **told))) == (Reason.QUANTITY_INVALID, "lines")
        assert desk.order.version == 1


def test_a_line_that_is_not_there_and_more_units_than_are_left_are_refused() -> None:
    desk = Desk(paid(line(1, 4, "40", shipped=3)))
    assert refused(desk.ship({2: 1})) == (Reason.REFERENCE_UNKNOWN, "lines")
    assert refused(desk.ship({1: 2})) == (Reason.QUANTITY_INVALID, "lines")
    assert refused(desk.refund({1: 5})) == (Reason.QUANTITY_INVALID, "lines")
    assert refused(desk.refund({2: 1})) == (Reason.REFERENCE_UNKNOWN, "lines")


def test_the_parcel_that_leaves_nothing_behind_ships_the_order() -> None:
    desk = Desk(paid(line(1, 4, "40"), line(2, 1, "5"), line(3, 1, "2", kind=LineKind.FREIGHT)))
    desk.ship({1: 4})
    assert (desk.order.status, is_partly_shipped(desk.order)) == (Status.PAID, True)
    desk.ship({2: 1})
    assert desk.order.status is Status.SHIPPED
    assert [each.shipped for each in desk.order.lines] == [4, 1, 0]


def test_what_cannot_be_changed_is_left_for_the_change_to_refuse() -> None:
    desk = Desk(paid(line(1, 1, "1"), status=Status.PENDING))
    command = _change(Action.SHIP_PART, shipment=Shipment(lines={9: 9}))
    assert refused(desk.do(command)) == (Reason.TRANSITION_NOT_ALLOWED, "status")
    late = msgspec.structs.replace(command, if_version=7)
    assert refused(desk.do(late)) == (Reason.VERSION_CONFLICT, "version")


# --- what they cost


def test_shares_of_a_line_add_up_to_it_once_all_are_given_back() -> None:
    desk = Desk(paid(line(1, 3, "10.00"), line(2, 1, "1")))
    amounts = []
    for _ in range(3):
        decision = desk.refund({1: 1})
        assert isinstance(decision, Accepted)
        amounts.append(decision.events[0].data["amount"])
    assert amounts == ["3.33", "3.34", "3.33"]
    assert (desk.order.refunded, desk.order.status) == (Decimal(10), Status.PAID)


@pytest.mark.parametrize("amount", ["0", "-1", "40.01", "0.004", "1e30"])
def test_an_amount_that_cannot_be_handed_out_is_refused(amount: str) -> None:
    desk = Desk(paid(line(1, 4, "40")))
    assert refused(desk.refund(amount=amount)) == (Reason.AMOUNT_OUT_OF_RANGE, "amount")


@pytest.mark.parametrize(
    ("amount", "given"), [("1.001", "1"), ("0.005", "0.01"), ("39.999999", "40")]
)
def test_an_amount_is_rounded_to_what_can_be_handed_out(amount: str, given: str) -> None:
    desk = Desk(paid(line(1, 4, "40")))
    decision = desk.refund(amount=amount)
    assert isinstance(decision, Accepted)
    assert decision.order.refunded == Decimal(given)


def test_the_whole_amount_or_the_last_units_refund_the_order() -> None:
    desk = Desk(paid(line(1, 4, "40")))
    desk.refund(amount="40")
    assert desk.order.status is Status.REFUNDED
    desk = Desk(paid(line(1, 4, "40")))
    desk.refund({1: 1})
    desk.refund({1: 3})
    assert (desk.order.status, desk.order.refunded) == (Status.REFUNDED, Decimal(40))


def off(number: int, amount: str) -> Line:
    return line(number, 1, amount, kind=LineKind.DISCOUNT)


# Quantity and amount of each line, the discount, what units of these lines are worth when given back one by one.
DISCOUNTED = [
    ([(1, "99"), (1, "50")], "-100", [(1, "32.56"), (2, "16.44")]),
    ([(1, "99"), (1, "50")], "-100", [(2, "16.44"), (1, "32.56")]),
    ([(2, "198"), (1, "50")], "-10", [(1, "95.01"), (2, "47.98"), (1, "95.01")]),
    ([(1, "10"), (1, "10"), (1, "10")], "-10", [(1, "6.67"), (2, "6.66"), (3, "6.67")]),
    ([(1, "0.01"), (1, "0.01")], "-0.01", [(1, "0"), (2, "0.01")]),
    ([(1, "99"), (1, "50")], "-149", [(2, "0"), (1, "0")]),
    ([(1, "0"), (1, "50")], "-10", [(1, "0"), (2, "40")]),
]


@pytest.mark.parametrize(("lines", "discount", "parts"), DISCOUNTED)
def test_a_discount_is_shared_among_the_lines_and_all_parts_are_what_was_paid(
    lines: list[tuple[int, str]], discount: str, parts: list[tuple[int, str]]
) -> None:
    goods = [line(number, *each) for number, each in enumerate(lines, 1)]
    desk = Desk(paid(*goods, off(len(goods) + 1, discount)))
    for number, amount in parts:
        before = desk.order.refunded
        assert isinstance(desk.refund({number: 1}), Accepted)
        assert desk.order.refunded - before == Decimal(amount)
    assert (desk.order.refunded, desk.order.status) == (desk.order.paid, Status.REFUNDED)


def test_a_discount_is_taken_off_the_lines_that_it_was_for_and_never_off_the_freight() -> None:
    freight = line(4, 1, "7", kind=LineKind.FREIGHT)
    lines = (line(1, 1, "30"), line(2, 2, "40"), off(3, "-10"), freight)
    kept = doc(business=BasketDetails(coupon_lines=(2,)))
    for number, amount in ((1, "30"), (2, "15")):
        desk = Desk(paid(*lines, doc=kept))
        desk.refund({number: 1})
        assert desk.order.refunded == Decimal(amount)
    desk.refund({2: 1})
    assert (desk.order.refunded, desk.order.status) == (Decimal(30), Status.PAID)
    desk.refund({1: 1})
    assert desk.order.refunded == Decimal(67), "with its freight"


@examples(80, shrink=True)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 5_000)), min_size=1, max_size=4),
    st.integers(0, 100),
    st.randoms(use_true_random=False),
)
def test_whatever_comes_back_first_no_part_is_below_zero_and_the_last_leaves_nothing(
    lines: list[tuple[int, int]], percent: int, chance: Any
) -> None:
    goods = [line(no, q, f"{q * cents / 100:.2f}") for no, (q, cents) in enumerate(lines, 1)]
    whole = sum(each.gross for each in goods)
    discount = (whole * percent / 100).quantize(Decimal("0.01"))
    desk = Desk(paid(*goods, off(len(goods) + 1, f"{-discount}")))
    units = [each.line_no for each in goods for _ in range(each.quantity)]
    chance.shuffle(units)
    asked = Decimal(0)
    for number in units:
        part = worth.worth(desk.order, {number: 1})
        assert part >= 0
        asked += part
        desk.refund({number: 1})
    assert asked == desk.order.refunded == desk.order.paid == whole - discount


# --- what comes back


def test_units_come_back_by_what_is_left_of_a_line_not_by_what_it_was() -> None:
    desk = Desk(paid(line(1, 4, "40"), line(2, 1, "5")), draw(HERE, 4))
    back = []
    for units in (2, 1, 1):
        before = desk.back(HERE)
        desk.refund({1: units})
        back.append(desk.back(HERE) - before)
    assert back == [2, 1, 1]


def test_units_go_back_to_where_they_came_from() -> None:
    desk = Desk(paid(line(1, 3, "30"), line(2, 1, "5")), draw(HERE, 2), draw(THERE, 1))
    desk.refund({1: 2})
    desk.refund({1: 1})
    assert (desk.back(HERE), desk.back(THERE)) == (2, 1)


def test_money_goes_back_to_the_balance_and_units_stay_away_when_only_money_is_refunded() -> None:
    desk = Desk(paid(line(1, 4, "40")), draw(HERE, 4), draw(BALANCE, 40 * MICROS, 0))
    desk.refund(amount="12.5")
    assert (desk.back(HERE), desk.back(BALANCE)) == (0, 12_500_000)
    desk.refund({1: 2})
    assert (desk.back(HERE), desk.back(BALANCE)) == (2, 32_500_000)


@examples(60, shrink=True)
@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 5)), max_size=8),
)
def test_after_any_refunds_in_part_what_is_away_is_what_was_not_refunded(
    quantities: list[int], parts: list[tuple[int, int]]
) -> None:
    lines = [line(n, q, f"{q}.37") for n, q in enumerate(quantities, 1)]
    desk = Desk(paid(*lines), *(draw(HERE, q, n) for n, q in enumerate(quantities, 1)))
    for number, units in parts:
        desk.refund({number: units})
    order = desk.order
    assert desk.back(HERE) == sum(each.refunded for each in order.lines)
    gone = [each for each in order.lines if each.refunded == each.quantity]
    kept = order.paid - order.refunded
    assert kept >= 0
    assert order.refunded >= sum(each.gross for each in gone)
    assert (order.status is Status.REFUNDED) == (len(gone) == len(lines))


# --- one refund in part, whoever asks for it


@pytest.mark.parametrize(
    ("status", "members", "left_of_it"),
    [
        (Status.PENDING, {}, 4),
        (Status.PAID, {}, 4),
        (Status.SHIPPED, {"shipped": 4}, 4),
        (Status.PAID, {"refunded": 1}, 3),
        (Status.CANCELLED, {}, 0),
        (Status.REFUNDED, {}, 0),
        (Status.PAID, {"cancelled": True}, 0),
    ],
)
def test_what_is_left_is_asked_of_a_line_and_its_order(
    status: Status, members: dict[str, Any], left_of_it: int
) -> None:
    each = line(1, 4, "40", **members)
    order = paid(each, status=status)
    assert left(order, each) == left_of_it
    assert to_ship(order, each) == max(0, left_of_it - each.shipped)


# Quantity, amount of the line, what each unit is worth when they come back one by one.
WORTH = [
    (3, "10.00", ["3.33", "3.34", "3.33"]),  # no price says what one is worth: cents are shared
    (3, "0.9999", ["0.3333", "0.3333", "0.3333"]),
    (2, "0.5", ["0.25", "0.25"]),
    (4, "0.05", ["0.01", "0.02", "0.01", "0.01"]),
    (1, "7", ["7"]),
]


@pytest.mark.parametrize(("quantity", "gross", "units"), WORTH)
@pytest.mark.parametrize("way", ["refund", "cancel"])
def test_a_unit_is_worth_its_share_of_the_line_whoever_gives_it_back(
    quantity: int, gross: str, units: list[str], way: str
) -> None:
    desk = Desk(paid(_shared(quantity, gross), line(2, 1, "1")))
    for each in units:
        before = desk.order.refunded
        done = desk.refund({1: 1}) if way == "refund" else desk.cancel(sku="THING", quantity=1)
        assert isinstance(done, Accepted)
        assert desk.order.refunded - before == Decimal(each)
        assert desk.order.doc.refunds[-1].amount == Decimal(each)
        assert done.events[0].data["amount"] == each
    assert (desk.order.refunded, desk.order.status) == (Decimal(gross), Status.PAID)


def _shared(quantity: int, gross: str) -> Line:
    """A line whose unit price is known to the cent, as a taxed one's may be."""
    unit = round(Decimal(gross) / quantity, 4 if gross == "0.9999" else 2)
    return priced(line(1, quantity, gross, sku="THING"), unit)


def priced(each: Line, unit: Decimal) -> Line:
    return msgspec.structs.replace(each, unit_net=unit, unit_gross=unit)


def test_a_unit_of_a_line_that_is_so_many_times_its_price_is_worth_that_price() -> None:
    unit = Decimal("0.3333")
    each = priced(line(1, 10_000, "3333", sku="THING"), unit)
    for step in ("refund", "cancel"):
        desk = Desk(paid(each))
        desk.refund({1: 1}) if step == "refund" else desk.cancel(sku="THING", quantity=1)
        assert desk.order.refunded == unit


def test_units_are_no_whole_order_while_others_stand_even_if_the_money_is_gone() -> None:
    desk = Desk(paid(line(1, 4, "40")), draw(HERE, 4), draw(BALANCE, 40 * MICROS, 0))
    desk.refund(amount="35")
    desk.refund({1: 2})
    assert (desk.order.status, desk.order.refunded) == (Status.PAID, Decimal(40))
    assert (desk.back(HERE), desk.back(BALANCE)) == (2, 40 * MICROS)
    desk.refund({1: 2})
    assert desk.order.status is Status.REFUNDED
    assert (desk.back(HERE), desk.back(BALANCE)) == (4, 40 * MICROS)


@pytest.mark.parametrize(
    ("status", "paid_amount", "then", "kind"),
    [
        (Status.PENDING, "0", Status.CANCELLED, "cancelled"),
        (Status.PAID, "45", Status.REFUNDED, "refunded"),
    ],
)
def test_units_are_cancelled_before_they_ship_the_last_of_them_with_all_else(
    status: Status, paid_amount: str, then: Status, kind: str
) -> None:
    lines = (line(1, 4, "40", sku="THING"), line(2, 1, "5", kind=LineKind.FREIGHT))
    order = paid(*lines, status=status, paid=Decimal(paid_amount))
    desk = Desk(order, draw(HERE, 4), draw(BALANCE, 45 * MICROS, 0))
    part = desk.cancel(sku="THING", quantity=3)
    assert isinstance(part, Accepted)
    assert (desk.order.status, desk.order.refunded) == (status, Decimal(30))
    assert [event.kind for event in part.events] == ["refunded_in_part"]
    assert part.events[0].data == {"refunded": 30, "units": {"1": 3}, "amount": "30"}
    assert (desk.back(HERE), desk.back(BALANCE)) == (3, 30 * MICROS)
    rest = desk.cancel(sku="THING", quantity=1)
    assert isinstance(rest, Accepted)
    assert (desk.order.status, desk.order.refunded) == (then, Decimal(45)), "with its freight"
    assert [event.kind for event in rest.events] == [kind]
    assert {move.reason for move in rest.moves} == {kind}
    assert (desk.back(HERE), desk.back(BALANCE)) == (4, 45 * MICROS)
    assert refused(desk.cancel(sku="THING", quantity=1)) == (
        Reason.QUANTITY_INVALID,
        "lines[0].quantity",
    )


def test_an_unpaid_order_is_cancelled_in_part_and_never_refunded() -> None:
    desk = Desk(paid(line(1, 4, "40", sku="THING"), status=Status.PENDING, paid=Decimal(0)))
    assert refused(desk.refund({1: 1})) == (Reason.TRANSITION_NOT_ALLOWED, "status")
    assert isinstance(desk.cancel(sku="THING", quantity=1), Accepted)


@pytest.mark.parametrize("status", [Status.SHIPPED, Status.COMPLETED, Status.REFUNDING])
def test_what_is_on_its_way_is_refunded_in_part_and_never_cancelled(status: Status) -> None:
    desk = Desk(paid(line(1, 4, "40", sku="THING"), status=status))
    assert refused(desk.cancel(sku="THING", quantity=1)) == (
        Reason.TRANSITION_NOT_ALLOWED,
        "status",
    )
    assert isinstance(desk.refund({1: 1}), Accepted)
    assert desk.order.status is status


# --- units of a group


class Shelf(Desk):
    """A group of orders, each of so many THINGs: its status, how many were shipped and refunded."""

    def __init__(self, *orders: tuple[Status, int, int, int]) -> None:
        super().__init__(paid(line(1, 1, "1")))
        group = tuple(
            msgspec.structs.replace(
                paid(
                    line(
                        1, quantity, f"{quantity}", sku="THING", shipped=shipped, refunded=refunded
                    ),
                    status=status,
                ),
                id=number,
                uid=f"u-{number}",
                number=f"n-{number}",
            )
            for number, (status, quantity, shipped, refunded) in enumerate(orders, 11)
        )
        self.known.learn_orders(OrderLoad(1, NAME), group)
        for order in group:
            self.known.learn_draws(1, order.id, ())


P, C, R, S = Status.PAID, Status.CANCELLED, Status.REFUNDED, Status.SHIPPED
LATE, MANY = Reason.TRANSITION_NOT_ALLOWED, Reason.QUANTITY_INVALID


@pytest.mark.parametrize(
    ("orders", "wanted", "then"),
    [
        # Units come from orders that can still be cancelled, wherever in the group they stand.
        ([(C, 5, 0, 0), (P, 3, 0, 0)], 2, {12: 2}),
        ([(P, 3, 0, 0), (C, 5, 0, 0)], 2, {11: 2}),
        ([(R, 5, 0, 0), (P, 3, 0, 0)], 3, {12: 3}),
        ([(S, 5, 5, 0), (P, 3, 0, 0)], 2, {12: 2}),
        ([(P, 5, 1, 0), (P, 3, 0, 0)], 2, {12: 2}),
        ([(C, 5, 0, 5), (P, 3, 0, 0)], 2, {12: 2}),
        ([(P, 5, 0, 4), (P, 3, 0, 0)], 2, {11: 1, 12: 1}),
        # It is too late when those do not suffice, too many when there never were so many.
        ([(C, 5, 0, 0), (P, 3, 0, 0)], 4, LATE),
        ([(S, 5, 5, 0), (P, 3, 0, 0)], 8, LATE),
        ([(P, 5, 1, 0)], 1, LATE),
        ([(C, 5, 0, 0), (P, 3, 0, 0)], 9, MANY),
        ([(C, 5, 0, 5), (P, 3, 0, 0)], 4, MANY),
        ([(C, 5, 0, 5)], 1, MANY),
    ],
)
def test_units_of_a_group_are_taken_from_what_can_still_be_cancelled(
    orders: list[tuple[Status, int, int, int]], wanted: int, then: dict[int, int] | Reason
) -> None:
    decision = Shelf(*orders).cancel(sku="THING", quantity=wanted)
    if isinstance(then, Reason):
        assert isinstance(decision, Rejected)
        assert decision.reason is then
        return
    assert isinstance(decision, Accepted)
    before = {number: refunded for number, (*_, refunded) in enumerate(orders, 11)}
    taken = {each.id: each.lines[0].refunded - before[each.id] for each in decision.changed}
    assert taken == then


def test_a_line_that_is_named_is_that_line_even_if_it_is_too_late() -> None:
    shelf = Shelf((C, 5, 0, 0), (P, 3, 0, 0))
    late = shelf.cancel(order_id=11, line_no=1, sku="THING", quantity=1)
    assert refused(late) == (LATE, "status")
    assert isinstance(shelf.cancel(order_id=12, line_no=1, quantity=1), Accepted)
    assert refused(shelf.cancel(order_id=12, line_no=2, quantity=1)) == (
        Reason.REFERENCE_UNKNOWN,
        "lines[0]",
    )
