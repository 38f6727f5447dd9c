"""Which orders go where: decided with the order, in its own commit."""

from typing import Any

import pytest
from msgspec.structs import replace

from orderhub.core.commands import Action, RecordChange
from orderhub.core.handing import HandOverState
from orderhub.core.refusals import Reason
from orderhub.core.routes import Route, clashes
from orderhub.ledger.ledger import Ledger
from tests.relay.rig import connect, hand_overs
from tests.support import world

ROUTE = Route(connection=1, connection_uid="c-1", when="placed")


def test_an_order_that_no_route_is_for_is_handed_to_nobody(ledger: Ledger) -> None:
    connect(ledger, route=False)
    world.place(ledger, world.basket())
    assert hand_overs(ledger) == []


def test_an_order_is_planned_in_its_own_commit(ledger: Ledger) -> None:
    connect(ledger)
    order = world.place(ledger, world.basket())
    (planned,) = hand_overs(ledger)
    assert planned.state is HandOverState.PLANNED
    assert (planned.order_uid, planned.lines, planned.attempts) == (order.uid, (), 0)
    assert planned.marker.startswith("oh-")
    assert len(planned.marker) == 29


def test_what_waits_for_money_is_planned_once_it_is_paid(ledger: Ledger) -> None:
    connect(ledger, route=False)
    way = replace(ROUTE, when="paid", connection_uid="c")
    world.run_all(ledger, world.put(RecordChange(kind="route", id=1, uid="r", doc=way)))
    order = world.place(ledger, world.basket())
    assert hand_overs(ledger) == []
    world.run_all(ledger, world.change(order, Action.PAY))
    assert len(hand_overs(ledger)) == 1


def test_a_dry_run_plans_nothing(ledger: Ledger) -> None:
    connect(ledger)
    world.run_all(ledger, world.waiting(world.basket(), dry_run=True))
    assert hand_overs(ledger) == []


@pytest.mark.parametrize(
    ("members", "lines"),
    [
        ({}, ()),
        ({"channels": ("test",)}, ()),
        ({"channels": ("kakaclo",)}, None),
        ({"countries": ("DE",)}, None),
        ({"skus": ("NONE",)}, None),
        ({"warehouses": ("A",)}, None),
    ],
)
def test_a_route_chooses(
    ledger: Ledger, members: dict[str, Any], lines: tuple[int, ...] | None
) -> None:
    connect(ledger, route=False)
    way = replace(ROUTE, **members)
    world.run_all(ledger, world.put(RecordChange(kind="route", id=1, uid="r", doc=way)))
    world.place(ledger, world.basket())
    assert [each.lines for each in hand_overs(ledger)] == ([] if lines is None else [lines])


def test_what_was_only_recorded_goes_on_where_its_door_is_named(ledger: Ledger) -> None:
    connect(ledger)
    world.place(ledger, world.sale())
    assert hand_overs(ledger) == []
    change = RecordChange(kind="route", id=1, uid="r", doc=replace(ROUTE, channels=("test",)))
    world.run_all(ledger, world.put(change))
    world.place(ledger, world.sale())
    assert len(hand_overs(ledger)) == 1


ELSEWHERE = replace(ROUTE, connection=2)


@pytest.mark.parametrize(
    ("one", "other", "is_clash"),
    [
        (ROUTE, ELSEWHERE, True),
        (ROUTE, replace(ELSEWHERE, when="paid"), True),
        (ROUTE, replace(ELSEWHERE, is_enabled=False), False),
        (ROUTE, replace(ELSEWHERE, records_only=True), False),
        (ROUTE, replace(ROUTE, records_only=True), True),
        (replace(ROUTE, channels=("a",)), replace(ELSEWHERE, channels=("b",)), False),
        (replace(ROUTE, channels=("a",)), replace(ELSEWHERE, channels=("b", "a")), True),
        (replace(ROUTE, countries=("DE",)), replace(ELSEWHERE, countries=("FR",)), False),
        (replace(ROUTE, skus=("A",)), replace(ELSEWHERE, skus=("B",)), True),
        (
            replace(ROUTE, skus=("A",), takes_all=False),
            replace(ELSEWHERE, skus=("B",), takes_all=False),
            False,
        ),
        (
            replace(ROUTE, skus=("TS*",), takes_all=False),
            replace(ELSEWHERE, skus=("TS_RED",), takes_all=False),
            True,
        ),
        (
            replace(ROUTE, skus=("TS*",), takes_all=False),
            replace(ELSEWHERE, skus=("TS_RED*",), takes_all=False),
            True,
        ),
        (
            replace(ROUTE, warehouses=("A",), takes_all=False),
            replace(ELSEWHERE, warehouses=("B",), takes_all=False),
            False,
        ),
    ],
)
def test_no_line_can_go_two_ways(one: Route, other: Route, is_clash: bool) -> None:
    assert clashes(one, other) is is_clash
    assert clashes(other, one) is is_clash


def test_routes_that_could_take_one_line_are_refused_when_written(ledger: Ledger) -> None:
    connect(ledger)
    second = RecordChange(kind="route", doc=replace(ROUTE, connection=2, title="second"))
    (outcome,) = world.run(ledger, world.put(second))
    assert outcome.rejected is not None
    assert outcome.rejected.reason is Reason.ALREADY_EXISTS
    gone = RecordChange(kind="route", id=1)
    world.run_all(ledger, world.put(gone, second))


def test_two_routes_to_one_connection_make_one_hand_over_of_the_lines_of_both(
    ledger: Ledger,
) -> None:
    connect(ledger, route=False)
    part = replace(ROUTE, takes_all=False)
    doc = world.product(188, code="A"), world.product(189, code="B")
    changes = [
        RecordChange(kind="product", id=188, doc=doc[0]),
        RecordChange(kind="product", id=189, doc=doc[1]),
        RecordChange(kind="route", id=1, uid="r1", doc=replace(part, skus=("A",))),
        RecordChange(kind="route", id=2, uid="r2", doc=replace(part, skus=("B",))),
    ]
    world.run_all(ledger, world.put(*changes))
    order = world.place(ledger, world.basket((188, 1), (189, 1)))
    wanted = {line.line_no for line in order.lines if line.sku}
    found = [set(each.lines) for each in hand_overs(ledger)]
    assert found == ([wanted] if wanted else [])


def test_a_connection_stands_while_a_route_leads_there(ledger: Ledger) -> None:
    """Decided with all routes as they stand, whoever writes one at the same time."""
    connect(ledger)
    gone = RecordChange(kind="connection", id=1)
    (outcome,) = world.run(ledger, world.put(gone))
    assert outcome.rejected is not None
    assert outcome.rejected.detail == "routes lead to it: remove them first"
    both = (gone, RecordChange(kind="route", id=1))
    assert all(each.accepted for each in world.run(ledger, world.put(*both)))
