"""Shipping and refunding in parts: which units, what they cost, what comes back, and when a part is the whole."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.core import decide
from orderhub.core.commands import Action, CancelItem, ChangeOrder, OrderName, Origin
from orderhub.core.fulfilment import is_partly_shipped, left, to_ship
from orderhub.core.known import Accepted, Known, OrderNeed, PoolNeed, Record, RecordKey
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

ORIGIN = Origin(tenant_id=1, door="hub", actor="till", recorded_at=99)
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
        door="hub",
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
        self.known = Known()
        row = Record(
            tenant_id=1, kind="settings", id=0, uid="", code="", doc=Settings(name="s"), keys=()
        )
        self.known.learn_records(RecordKey(1, "settings", "id", "0"), (row,))
        drawn: dict[PoolKey, int] = {}
        for draw in draws:
            drawn[draw.key] = drawn.get(draw.key, 0) + draw.units
        for key, units in drawn.items():
            need = PoolNeed(1, key.kind, key.subject)
            self.known.learn_pools(need, (Pool(key=key, opening=units, drawn=units),))
        self.known.learn_orders(OrderNeed(1, NAME), (order,))
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


@pytest.mark.parametrize("amount", ["0", "-1", "40.01", "1.001", "1e30"])
def test_an_amount_that_cannot_be_handed_out_is_refused(amount: str) -> None:
    desk = Desk(paid(line(1, 4, "40")))
    assert refused(desk.refund(amount=amount)) == (Reason.AMOUNT_OUT_OF_RANGE, "amount")


def test_the_whole_amount_or_the_last_units_refund_the_order() -> None:
    desk = Desk(paid(line(1, 4, "40")))
    desk.refund(amount="40")
    assert desk.order.status is Status.REFUNDED
    desk = Desk(paid(line(1, 4, "40")))
    desk.refund({1: 1})
    desk.refund({1: 3})
    assert (desk.order.status, desk.order.refunded) == (Status.REFUNDED, Decimal(40))


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
