"""What an order does about news of it: a table. Told again, none of it is done again."""

from typing import Any

import pytest
from msgspec.structs import replace

from orderhub.core.commands import Action, Origin
from orderhub.core.handing import HandOver, HandOverState, Sent, There
from orderhub.core.listings import Listing
from orderhub.core.values import LineKind, Order, Status
from orderhub.dialects.client import Job, News
from orderhub.relay.consequences import Change, Known, consequence, is_settled
from tests.support.clients import MARKER, line, order

RELAY = Origin(tenant_id=1, channel="hub", actor="relay", recorded_at=9)
MUGS, HOODS = line(1, "Mug", 2), line(2, "Hood", 3)
POST = line(3, "Post", 1, kind=LineKind.FREIGHT)
BOTH = (MUGS, HOODS, POST)


def handed(of: Order, *numbers: int, told: tuple[str, ...] = ()) -> tuple[HandOver, Job]:
    """The whole order, or some of its lines, at a vendor who calls line 1 `V1`."""
    lines = tuple(each for each in of.lines if not numbers or each.line_no in numbers)
    hand_over = HandOver(
        tenant_id=1,
        order_id=of.id,
        connection_id=5,
        uid="h",
        order_uid=of.uid,
        connection_uid="c",
        state=HandOverState.PLACED,
        number="N1",
        created_at=1,
        updated_at=1,
        told=told,
    )
    listings = {
        each.line_no: Listing(connection=5, subject="s", id=f"V{each.line_no}") for each in lines
    }
    return hand_over, Job(
        order=of, lines=lines, is_whole=not numbers, listings=listings, marker=MARKER
    )


def news(kind: str, **more: Any) -> News:
    return News(number="N1", kind=kind, id=more.pop("id", kind), **more)


def follow(
    of: Order, *told: News, numbers: tuple[int, ...] = (), known: tuple[str, ...] = ()
) -> Any:
    hand_over, job = handed(of, *numbers, told=known)
    return consequence(of, hand_over, job, told, RELAY)


def two(status: Status = Status.PAID, *lines: Any) -> Order:
    return order(lines=lines or BOTH, status=status)


ONE_BACK = two(Status.PAID, MUGS, replace(HOODS, refunded=1))
SHIPPED = news("shipped", id="P1", units={"V1": 1}, carrier="Yanwen", tracking="YW1")
P1 = "P1|Yanwen|YW1"
CHANGES: list[tuple[str, Order, tuple[News, ...], tuple[int, ...], Action, dict[int, int]]] = [
    ("a parcel with some units", two(), (SHIPPED,), (), Action.SHIP_PART, {1: 1}),
    ("a parcel with all there is", two(), (news("shipped"),), (), Action.SHIP_PART, {1: 2, 2: 3}),
    ("a parcel with all of these lines", two(), (news("shipped"),), (1,), Action.SHIP_PART, {1: 2}),
    ("a parcel with more than waits", two(), (news("shipped", units={"V1": 9}),), (), Action.SHIP_PART, {1: 2}),
    ("completed", two(Status.SHIPPED, replace(MUGS, shipped=2)), (news("completed"),), (), Action.COMPLETE, {}),
    ("cancelled, unpaid", two(Status.PENDING), (news("cancelled"),), (), Action.CANCEL, {}),
    ("cancelled, paid", two(), (news("cancelled"),), (), Action.REFUND, {}),
    ("refunded, on its way", two(Status.SHIPPED), (news("refunded"),), (), Action.REFUND, {}),
    ("refunded, asked for here", two(Status.REFUNDING), (news("refunded"),), (), Action.REFUND, {}),
    ("these lines cancelled", two(), (news("cancelled"),), (1,), Action.REFUND_PART, {1: 2}),
    ("all lines cancelled, one by one", two(), (news("cancelled", units={"V1": 2, "v2": 3}),), (), Action.REFUND, {}),
    ("some units", two(), (news("refunded", units={"V2": 2}),), (), Action.REFUND_PART, {2: 2}),
    ("more units", ONE_BACK, (news("refunded", units={"V2": 2}),), (), Action.REFUND_PART, {2: 1}),
    ("what nothing lists, by its name", two(), (news("cancelled", units={"Hood": 3}),), (), Action.REFUND_PART, {2: 3}),
    ("units, unpaid", two(Status.PENDING), (news("cancelled", units={"V1": 1}),), (), Action.CALL_OFF, {1: 1}),
    ("these lines of an unpaid order", two(Status.PENDING), (news("cancelled"),), (1,), Action.CALL_OFF, {1: 2}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("of", "told", "numbers", "action", "units"),
    [each[1:] for each in CHANGES],
    ids=[each[0] for each in CHANGES],
)
def test_news_is_followed(of, told, numbers, action, units):
    found = follow(of, *told, numbers=numbers)
    assert isinstance(found, Change), found
    command = found.command
    assert (command.action, command.if_version, command.origin) == (action, of.version, RELAY)
    shipped = command.shipment.lines if command.shipment else {}
    back = command.refund.lines if command.refund else {}
    items = {each.line_no: each.quantity for each in command.items}
    assert (shipped or back or items) == units
    assert command.heard is not None
    assert command.heard.connection_id == 5


TICKETS = two(Status.PAID, line(1, "Adult", 2, kind=LineKind.TICKET))
NOTHING: list[tuple[str, Order, tuple[News, ...], tuple[int, ...]]] = [
    ("nothing told", two(), (), ()),
    ("all shipped before", two(Status.SHIPPED, replace(MUGS, shipped=2)), (SHIPPED,), ()),
    ("cancelled here before", two(Status.CANCELLED), (news("cancelled"),), ()),
    ("refunded here before", two(Status.REFUNDED), (news("cancelled"),), ()),
    ("known units", two(Status.PAID, MUGS, replace(HOODS, refunded=2)), (news("refunded", units={"V2": 2}),), ()),
    ("these lines given back before", two(Status.PAID, replace(MUGS, refunded=2), HOODS), (news("cancelled"),), (1,)),
    ("completed, of some lines", two(Status.SHIPPED), (news("completed"),), (1,)),
    ("completed, and some waits", two(), (news("completed"),), ()),
    ("completed before", two(Status.COMPLETED), (news("completed"),), ()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("of", "told", "numbers"), [each[1:] for each in NOTHING], ids=[each[0] for each in NOTHING]
)
def test_what_an_order_knows_it_does_not_do_again(of, told, numbers):
    found = follow(of, *told, numbers=numbers)
    assert isinstance(found, Known)
    assert not found.stuck


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (Status.CANCELLED, "the parcel Yanwen YW1 left there, though the order is cancelled here"),
        (Status.REFUNDED, "the parcel Yanwen YW1 left there, though the order is refunded here"),
        (Status.PENDING, "the parcel Yanwen YW1 left there, and the order is not paid here"),
        (Status.REFUNDING, "the parcel Yanwen YW1 left there, while a refund is asked for here"),
    ],
)
def test_a_parcel_that_an_order_cannot_follow_is_told_why(status, why):
    assert follow(two(status), SHIPPED) == Known((), why)


@pytest.mark.parametrize("kind", ["refunded", "cancelled", "shipped"])
def test_units_of_what_was_not_sent_are_shown_and_not_passed_over(kind):
    found = follow(two(), news(kind, id="P1", units={"V9": 2}))
    assert found == Known((), f"{kind} there, and nothing that was sent is called so: V9")


def test_the_rest_of_a_parcel_with_something_strange_is_followed_and_it_is_shown_on():
    parcel = news("shipped", id="P1", units={"V1": 2, "GIFT": 1})
    found = follow(two(), parcel)
    assert found.command.shipment.lines == {1: 2}
    sent = two(Status.PAID, replace(MUGS, shipped=2), HOODS)
    assert "GIFT" in follow(sent, parcel, known=("P1||",)).stuck


def test_a_parcel_that_was_told_under_its_bare_name_is_not_shipped_again():
    """As it was noted before its number was noted with it."""
    sent = two(Status.PAID, replace(MUGS, shipped=1), HOODS)
    assert follow(sent, SHIPPED, known=("P1",)) == Known((P1,))


def test_units_given_back_before_it_went_are_none_that_the_vendor_gave_back():
    """Three were ordered, one was refunded, two were sent: the vendor's first refund is another unit."""
    of = two(Status.PAID, replace(HOODS, refunded=1))
    hand_over, job = handed(of)
    went = replace(hand_over, there=There(sent={2: Sent(2, "V2")}))
    found = consequence(of, went, job, (news("refunded", units={"V2": 1}),), RELAY)
    assert found.command.refund.lines == {2: 1}


def test_a_parcel_is_told_once():
    assert follow(two(), SHIPPED, known=(P1,)) == Known()
    found = follow(two(), SHIPPED)
    assert found.command.heard.news == (P1,)
    assert (found.command.shipment.carrier, found.command.shipment.tracking) == ("Yanwen", "YW1")
    full = two(Status.SHIPPED, replace(MUGS, shipped=2))
    assert follow(full, SHIPPED) == Known((P1,))


def test_what_is_no_goods_goes_as_a_whole():
    found = follow(TICKETS, news("shipped"))
    assert (found.command.action, found.command.shipment.lines) == (Action.SHIP, {})


def test_a_parcel_comes_before_what_ends_the_order():
    found = follow(two(), news("completed"), SHIPPED)
    assert found.command.action is Action.SHIP_PART
    later = follow(two(), news("refunded"), SHIPPED, known=(P1,))
    assert later.command.action is Action.REFUND


def test_news_is_waited_for_until_an_order_has_ended_here_or_there():
    hand_over, _ = handed(two())
    assert not is_settled(two(), hand_over, ())
    assert not is_settled(two(), hand_over, (news("refunded", units={"V1": 1}),))
    assert not is_settled(two(), hand_over, (SHIPPED, news("completed")))
    assert is_settled(two(), replace(hand_over, told=(P1,)), (SHIPPED, news("completed")))
    assert is_settled(two(), hand_over, (news("cancelled"),))
    assert is_settled(two(Status.COMPLETED), hand_over, ())
    for status in (Status.CANCELLED, Status.REFUNDED):
        assert not is_settled(two(status), hand_over, ())  # it may still stand over there
        assert is_settled(two(status), replace(hand_over, told=("called off",)), ())
