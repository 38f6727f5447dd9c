"""Given facts about a tour, when it is booked, then an order or the first broken rule."""

from datetime import date
from decimal import Decimal as D

import pytest
from msgspec.structs import replace

from orderhub.core.commands import Action, ChangeOrder, OrderName
from orderhub.core.decide import decide, loads, pool_loads
from orderhub.core.departures import Departures, day_of_place, upcoming
from orderhub.core.details import TicketCount
from orderhub.core.facts import Accepted, Facts, OrderLoad, RecordKey
from orderhub.core.passengers import FieldKind, FormField, age_on, problem_of
from orderhub.core.quotes import Pickup, Reseller, SoldBy, Ticket
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.rooms import Room, RoomPrices
from orderhub.core.tours import place
from orderhub.core.upgrades import UpgradeChoice, UpgradeGroup, UpgradeOption
from orderhub.core.values import PoolKey, Status
from tests.core.tour_builders import (
    CONTACT,
    DAY,
    FORM,
    GROUP,
    NOW,
    PRODUCT,
    TOUR,
    command,
    guest,
    ids,
    known,
)

TICKETS = replace(
    TOUR, sold_by=SoldBy.TICKETS, tickets=(Ticket(sku_id=5, price=D(9)),), upgrades=(), form=()
)
PEOPLE = replace(TOUR, sold_by=SoldBy.PERSONS, adult_price=D(9), upgrades=(), form=())
DOB = (*FORM, FormField(name="dob", kind=FieldKind.DATE))
CHILD = replace(TOUR, form=DOB, max_child_age=11)
MULTI = replace(TOUR, upgrades=(replace(GROUP, multiple=True, required=2),))
OPTIONAL = replace(TOUR, upgrades=(replace(GROUP, multiple=True, required=0),))
NO_UPGRADE = {"upgrades": ()}
REBATE = UpgradeOption(id=1, price=D(-882))
FOR_THREE = replace(TOUR, departures=(replace(TOUR.departures[0], min_persons=3),))
PICKUPS = (Pickup(id=1, location="Chinatown", address="87 Bowery"),)
MET = replace(TOUR, pickups=PICKUPS, pickups_only=True)
FAR = replace(TOUR, min_days_ahead=16)

# One row per way of breaking a rule, in the order in which rules are checked; where it can, a row
# also breaks one further down.
REFUSALS = [
    # given, when, then
    ({"product": None}, {"rooms": (), "day": date(2000, 1, 1)}, Reason.NOTHING_ORDERED),
    ({"product": None}, {"contact": None}, Reason.PRODUCT_UNKNOWN),
    ({"tour": None}, {}, Reason.PRODUCT_UNKNOWN),
    ({"product": replace(PRODUCT, kind="good")}, {}, Reason.PRODUCT_UNKNOWN),
    ({"product": replace(PRODUCT, active=False)}, {"contact": None}, Reason.PRODUCT_INACTIVE),
    ({}, {"rooms": (), "adults": 2}, Reason.NOTHING_ORDERED),
    ({"tour": TICKETS}, {"contact": None}, Reason.NOTHING_ORDERED),
    ({"tour": TICKETS}, {"tickets": ((6, 1),)}, Reason.VARIANT_UNKNOWN),
    ({"tour": MET}, {"contact": None}, Reason.REFERENCE_UNKNOWN),
    ({"tour": TICKETS}, {"tickets": ((5, 0),)}, Reason.QUANTITY_INVALID),
    ({}, {"contact": None}, Reason.CONTACT_INVALID),
    ({}, {"contact": replace(CONTACT, phone=" ")}, Reason.CONTACT_INVALID),
    ({}, {"contact": replace(CONTACT, first_name="")}, Reason.CONTACT_INVALID),
    (
        {},
        {"contact": replace(CONTACT, email="@q"), "day": date(2020, 1, 1)},
        Reason.CONTACT_INVALID,
    ),
    ({}, {"contact": replace(CONTACT, email="a@b@c")}, Reason.CONTACT_INVALID),
    ({}, {"contact": replace(CONTACT, email="a b@c")}, Reason.CONTACT_INVALID),
    ({}, {"contact": replace(CONTACT, email="a@b\x01c")}, Reason.CONTACT_INVALID),
    ({}, {"day": date(2019, 4, 1), "rooms": (Room(adults=0),)}, Reason.DATE_UNAVAILABLE),
    ({"tour": FAR}, {"rooms": (Room(adults=0),)}, Reason.TOO_LATE_TO_BOOK),
    ({}, {"rooms": (Room(adults=2), Room(adults=0, kids=9))}, Reason.ADULT_MISSING),
    ({"tour": PEOPLE}, {"rooms": (), "adults": 0, "tickets": ((1, 1),)}, Reason.ADULT_MISSING),
    ({"tour": PEOPLE}, {"rooms": (), "adults": 0, "kids": 1}, Reason.ADULT_MISSING),
    ({}, {"rooms": (Room(adults=3, kids=2),)}, Reason.ROOM_TOO_FULL),
    ({}, {"guests": (guest(),), **NO_UPGRADE}, Reason.GUESTS_MISMATCH),
    ({}, {"guests": ()}, Reason.GUESTS_MISMATCH),
    ({"tour": replace(TOUR, guests_by_type=True)}, {}, Reason.GUESTS_MISMATCH),
    ({"tour": replace(TOUR, min_guests=3)}, NO_UPGRADE, Reason.TOO_FEW_PERSONS),
    ({"tour": FOR_THREE}, NO_UPGRADE, Reason.TOO_FEW_PERSONS),
    ({}, {"upgrades": (UpgradeChoice(1, ()),)}, Reason.UPGRADE_UNKNOWN),
    ({}, {"upgrades": (UpgradeChoice(30100, (1,)),)}, Reason.UPGRADE_UNKNOWN),
    ({}, NO_UPGRADE, Reason.UPGRADE_CHOICE_INVALID),
    ({}, {"upgrades": (UpgradeChoice(30100, (30577, 30578)),)}, Reason.UPGRADE_CHOICE_INVALID),
    ({"tour": MULTI}, {}, Reason.UPGRADE_CHOICE_INVALID),
    (
        {"tour": replace(TOUR, upgrades=(replace(GROUP, multiple=True, required=1),))},
        {"upgrades": (UpgradeChoice(30100, (30577, 30578)),)},
        Reason.UPGRADE_CHOICE_INVALID,
    ),
    (
        {"tour": OPTIONAL},
        {"upgrades": (UpgradeChoice(30100, (30577, 30577)),)},
        Reason.UPGRADE_CHOICE_INVALID,
    ),
    ({}, {"guests": (guest(), guest(mobile=" "))}, Reason.GUEST_FORM_INVALID),
    ({}, {"guests": (guest(), guest(firstname_en=" "))}, Reason.GUEST_FORM_INVALID),
    (
        {"tour": CHILD},
        {"guests": (guest(dob="1980-01-01"), guest("kid", dob="2019-01-17"))},
        Reason.GUEST_FORM_INVALID,
    ),
    (
        {"tour": replace(TOUR, form=DOB)},
        {"guests": (guest(dob="2030-01-01"), guest(dob="1980-01-01"))},
        Reason.GUEST_FORM_INVALID,
    ),
    (
        {"tour": CHILD},
        {"guests": (guest(dob="1980-01-01"), guest("kid", dob="2007-01-16"))},
        Reason.CHILD_TOO_OLD,
    ),
    ({"product": replace(PRODUCT, currency="XYZ")}, {}, Reason.CURRENCY_NOT_ENABLED),
    ({"tour": replace(TOUR, prices=RoomPrices(single=D(1)))}, {}, Reason.PRICE_NOT_SOLD),
    ({"tour": replace(PEOPLE, adult_price=D(0))}, NO_UPGRADE, Reason.PRICE_NOT_SOLD),
    ({"tour": replace(PEOPLE, adult_price=D(-1))}, NO_UPGRADE, Reason.AMOUNT_OUT_OF_RANGE),
    (
        {"tour": replace(TOUR, prices=RoomPrices(double=D(10) ** 12))},
        {},
        Reason.AMOUNT_OUT_OF_RANGE,
    ),
    (
        # It could be kept in dollars, but not in yuan.
        {
            "tour": replace(TOUR, prices=RoomPrices(double=D(4 * 10**11))),
            "reseller": Reseller(settlement="CNY"),
        },
        {},
        Reason.AMOUNT_OUT_OF_RANGE,
    ),
    (
        {"tour": replace(TOUR, upgrades=(replace(GROUP, options=(REBATE,)),))},
        {"upgrades": (UpgradeChoice(30100, (1,)),)},
        Reason.AMOUNT_OUT_OF_RANGE,
    ),
    ({"seats": 1}, {}, Reason.SOLD_OUT),
    ({"seats": None}, {}, Reason.SOLD_OUT),
    ({"tour": replace(TOUR, rooms_counted=True), "rooms": 0}, {}, Reason.SOLD_OUT),
]


@pytest.mark.parametrize(("given", "when", "then"), REFUSALS)
def test_a_refusal_names_the_first_broken_rule(given, when, then):
    decision = place(command(**when), known(**given), ids())
    assert isinstance(decision, Rejected)
    assert decision.reason is then


def test_the_rows_stand_in_the_order_in_which_rules_are_checked():
    order = list(Reason)
    ranks = [order.index(then) for _, _, then in REFUSALS]
    out_of_turn = [rank for rank, before in zip(ranks[1:], ranks, strict=False) if rank < before]
    # What "nothing" means depends on how the product is sold, so it is looked at again.
    assert out_of_turn == [order.index(Reason.NOTHING_ORDERED)]


ACCEPTED = [
    ({}, {}),
    ({"tour": MULTI}, {"upgrades": (UpgradeChoice(30100, (30577, 30578)),)}),
    ({"tour": OPTIONAL}, {"upgrades": ()}),
    ({"tour": replace(TOUR, form=())}, {"guests": ()}),
    ({"tour": CHILD}, {"guests": (guest(dob="1980-01-01"), guest("kid", dob="2007-01-17"))}),
    ({"tour": CHILD}, {"guests": (guest(dob="1980-01-01"), guest("kid", dob="2019-01-16"))}),
    (
        {"tour": replace(CHILD, max_child_age=0)},
        {"guests": (guest(dob="1980-01-01"), guest("kid", dob="1990-01-01"))},
    ),
    ({"tour": TICKETS}, {"rooms": (), "tickets": ((5, 2),), "guests": (), "upgrades": ()}),
    ({"tour": PEOPLE}, {"rooms": (), "adults": 2, "upgrades": ()}),
    ({"tour": replace(TOUR, seats_counted=False), "seats": None}, {}),
    ({"tour": replace(FAR, min_days_ahead=15)}, {}),
    ({"tour": FOR_THREE}, {"rooms": (Room(adults=2, kids=1),), "guests": (guest(),) * 3}),
    ({"tour": MET}, {"pickup": "Chinatown"}),
    ({"tour": MET}, {"pickup": "87 Bowery"}),
    ({"tour": replace(MET, pickups=())}, {}),
]


@pytest.mark.parametrize(("given", "when"), ACCEPTED)
def test_a_booking_that_breaks_no_rule_is_placed(given, when):
    decision = place(command(**when), known(**given), ids())
    assert isinstance(decision, Accepted), decision
    assert decision.order.number == "10004000"


def test_an_unpaid_tour_is_closed_where_the_tenant_says_so():
    facts = known(settings={"auto_close_s": 600})
    (timer,) = decide(command(), facts, ids()).timers
    assert (timer.kind, timer.order_id, timer.due_at) == ("auto_close", 10004000, NOW + 600_000_000)
    assert place(command(), known(), ids()).timers == ()


def test_a_tour_ends_with_the_calendar():
    forever = replace(TOUR, departures=(Departures(first=DAY, last=date.max),), seats_counted=False)
    order = place(command(day=date.max), known(tour=forever), ids()).order
    assert (order.doc.business.date, order.doc.business.end_date) == ("9999-12-31",) * 2


def test_an_order_draws_its_travellers_and_its_rooms_and_a_cancel_returns_them_once():
    facts = known(tour=replace(TOUR, rooms_counted=True), seats=5, rooms=3)
    rooms = (Room(adults=2, kids=1), Room(adults=1))
    wanted = command(rooms=rooms, guests=(guest(),) * 4)
    placed = decide(wanted, facts, ids())
    assert isinstance(placed, Accepted)
    facts.apply(placed)
    seats = facts.pool(PoolKey(1, "seats", "product:7", DAY.isoformat()))
    beds = facts.pool(PoolKey(1, "rooms", "product:7", DAY.isoformat()))
    assert (seats.available, beds.available) == (1, 1)
    assert decide(command(), facts, ids(10004001)).reason is Reason.SOLD_OUT
    cancel = ChangeOrder(
        origin=wanted.origin, name=OrderName("id", "10004000"), action=Action.CANCEL
    )
    facts.learn_orders(OrderLoad(1, cancel.name), placed.placed)
    cancelled = decide(cancel, facts, ids())
    assert isinstance(cancelled, Accepted)
    assert cancelled.order.status is Status.CANCELLED
    facts.apply(cancelled)
    assert (seats.available, beds.available) == (5, 3)
    assert decide(cancel, facts, ids()).reason is Reason.TRANSITION_NOT_ALLOWED
    assert (seats.available, beds.available) == (5, 3)


@pytest.mark.parametrize(
    ("tour", "when", "draws"),
    [
        (
            TOUR,
            {"rooms": (Room(adults=2, kids=1), Room(adults=1)), "guests": (guest(),) * 4},
            [("seats", 3, 1), ("rooms", 1, 1), ("seats", 1, 2), ("rooms", 1, 2)],
        ),
        (TICKETS, {"tickets": ((5, 2), (5, 1)), "upgrades": ()}, [("seats", 2, 1), ("seats", 1, 2)]),
        (
            replace(PEOPLE, kid_price=D(5)),
            {"rooms": (Room(adults=2, kids=1), Room(adults=1)), "guests": (), "upgrades": ()},
            [("seats", 3, 1), ("rooms", 2, 1), ("seats", 1, 2)],
        ),
    ],
)  # fmt: skip
def test_each_line_draws_what_is_its_own(tour, when, draws):
    facts = known(tour=replace(tour, rooms_counted=True), rooms=3)
    placed = place(command(**when), facts, ids())
    assert [(move.key.kind, move.units, move.line_no) for move in placed.moves] == draws


def test_all_records_are_asked_for_in_one_round():
    first = list(loads(command(), Facts()))
    kinds = ["settings", "route", "product", "tour", "exchange_rates", "reseller"]
    assert [load.kind for load in first] == kinds
    settled = known()
    settled.learn_records(RecordKey(1, "route", "all", ""), ())
    assert list(loads(command(), settled)) == first
    assert all(settled.knows(load) for load in loads(command(), settled))
    assert [load.place for load in pool_loads(command(), settled)] == ["2019-01-16"]


FIELDS = [
    (FormField(name="x"), "a", True),
    (FormField(name="x"), 7, True),
    (FormField(name="x"), None, False),
    (FormField(name="x"), {}, False),
    (FormField(name="x", kind=FieldKind.PHONE), "86-6767", True),
    (FormField(name="x", kind=FieldKind.PHONE), "+1 555 010-1234", True),
    (FormField(name="x", kind=FieldKind.PHONE), "+1 (212) 555-0100", True),
    (FormField(name="x", kind=FieldKind.PHONE), "86-6767 ext 2", True),
    (FormField(name="x", kind=FieldKind.PHONE), 1, True),
    (FormField(name="x", kind=FieldKind.PHONE), " ", False),
    (FormField(name="x", kind=FieldKind.DATE), "2019-02-28", True),
    (FormField(name="x", kind=FieldKind.DATE), "2019-02-29", False),
    (FormField(name="x", kind=FieldKind.DATE), "20190228", False),
    (FormField(name="x", kind=FieldKind.NUMBER, minimum=D(5), maximum=D(40)), "5", True),
    (FormField(name="x", kind=FieldKind.NUMBER, minimum=D(5), maximum=D(40)), D("40.1"), False),
    (FormField(name="x", kind=FieldKind.NUMBER, minimum=D(5), maximum=D(40)), 4, False),
    (FormField(name="x", kind=FieldKind.NUMBER), "NaN", False),
    (FormField(name="x", kind=FieldKind.NUMBER), "9" * 99, False),
    (FormField(name="x", kind=FieldKind.SELECT, options=("kg", "pound")), "kg", True),
    (FormField(name="x", kind=FieldKind.SELECT, options=("kg", "pound")), "g", False),
    (FormField(name="x", kind=FieldKind.RADIO, options={"1": "Tom"}), 1, True),
    (FormField(name="x", kind=FieldKind.RADIO, options={"1": "Tom"}), "Tom", True),
    (FormField(name="x", kind=FieldKind.RADIO, options={"1": "Tom"}), "2", False),
]


@pytest.mark.parametrize(("field", "answer", "fits"), FIELDS)
def test_an_answer_fits_its_kind_of_field(field, answer, fits):
    assert (problem_of(field, answer) == "") is fits


def test_a_child_is_as_old_as_on_the_day_of_departure():
    assert age_on(date(2007, 1, 17), DAY) == 11
    assert age_on(date(2007, 1, 16), DAY) == 12


def test_departures_keep_to_weekdays_and_exceptions_and_list_each_day_once():
    fridays = Departures(
        first=date(2019, 1, 1),
        last=date(9999, 12, 31),
        weekdays=(5,),
        without=(date(2019, 1, 11),),
    )
    single = Departures(first=date(2019, 1, 4), last=date(2019, 1, 5), min_persons=9)
    days = upcoming((fridays, single), date(2019, 1, 2), 3)
    assert [day for day, _ in days] == [date(2019, 1, 4), date(2019, 1, 5), date(2019, 1, 18)]
    assert [stretch.min_persons for _, stretch in days] == [1, 9, 1]


@pytest.mark.parametrize(
    ("place", "day"),
    [("2019-02-01", date(2019, 2, 1)), ("20190201", None), ("2019-2-1", None), ("", None)],
)
def test_seats_lie_at_a_day_in_one_spelling(place, day):
    assert day_of_place(place) == day


@pytest.mark.parametrize(
    ("tour", "rooms", "tickets", "drawn"),
    [
        (TOUR, (Room(adults=2),), (), [2, 1]),
        (TICKETS, (), (TicketCount(5, 3),), [3]),
    ],
)
def test_an_order_holds_only_what_the_product_is_sold_by(tour, rooms, tickets, drawn):
    both = {
        "tickets": ((5, 3),),
        "upgrades": (UpgradeChoice(30100, (30577,)),) if tour.upgrades else (),
    }
    facts = known(tour=replace(tour, rooms_counted=True), rooms=1)
    placed = place(command(**both), facts, ids())
    held = placed.order.doc.business
    assert (held.rooms, held.tickets) == (rooms, tickets)
    assert [move.units for move in placed.moves] == drawn


def test_options_are_named_even_when_another_group_bears_the_same_number():
    groups = (
        UpgradeGroup(id=1, options=(UpgradeOption(id=5, price=D(1)),)),
        UpgradeGroup(id=2, options=(UpgradeOption(id=5, price=D(2)),)),
    )
    choices = (UpgradeChoice(2, (5,)), UpgradeChoice(1, (5,)))
    order = place(
        command(upgrades=choices), known(tour=replace(TOUR, upgrades=groups)), ids()
    ).order
    assert [line.gross for line in order.lines] == [D(1762), D(2), D(4)]
