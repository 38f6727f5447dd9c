"""Prices of tours: alternatives, upgrades, discounts, and every published sample amount."""

from datetime import date
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from orderhub.core.exchange import Exchange, exchange
from orderhub.core.facts import Accepted
from orderhub.core.quotes import Offer, Quote, Reseller, SoldBy, Ticket, quote
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.rooms import Room, RoomPrices, room_price
from orderhub.core.tours import place
from orderhub.core.upgrades import Party, UpgradeChoice, UpgradeGroup, UpgradeOption, option_price
from orderhub.core.values import Contact, LineKind
from tests.core.tour_builders import (
    DAY,
    PRICES,
    PRODUCT,
    RATES,
    TOUR,
    booking,
    command,
    guest,
    ids,
    known,
)

S, DOUBLE, T, Q, K = D(1295), D(881), D(797), D(755), D(631)

ROOMS = [
    # adults, kids, the alternatives the trade knows
    (1, 0, [S]),
    (2, 0, [2 * DOUBLE]),
    (3, 0, [3 * T]),
    (4, 0, [4 * Q]),
    (1, 1, [2 * DOUBLE, S + K]),
    (1, 2, [2 * DOUBLE + K, 3 * T]),
    (2, 1, [2 * DOUBLE + K, 3 * T]),
    (1, 3, [2 * DOUBLE + 2 * K, 3 * T + K, 4 * Q]),
    (2, 2, [2 * DOUBLE + 2 * K, 3 * T + K, 4 * Q]),
    (3, 1, [3 * T + K, 4 * Q]),
]


@pytest.mark.parametrize(("adults", "kids", "alternatives"), ROOMS)
def test_a_room_costs_the_cheapest_of_its_alternatives(adults, kids, alternatives):
    assert room_price(PRICES, Room(adults=adults, kids=kids)) == min(alternatives)


@pytest.mark.parametrize(("adults", "kids", "alternatives"), ROOMS)
@pytest.mark.parametrize("dear", ["single", "double", "triple", "quad", "kid"])
def test_a_dear_price_moves_the_choice_to_another_alternative(adults, kids, alternatives, dear):
    prices = replace(PRICES, **{dear: D(50_000)})
    named = {"S": "single", "D": "double", "T": "triple", "Q": "quad", "K": "kid"}
    by_letter = {letter: getattr(prices, name) for letter, name in named.items()}
    table = {
        (1, 0): "S", (2, 0): "DD", (3, 0): "TTT", (4, 0): "QQQQ",
        (1, 1): "DD SK", (1, 2): "DDK TTT", (2, 1): "DDK TTT",
        (1, 3): "DDKK TTTK QQQQ", (2, 2): "DDKK TTTK QQQQ", (3, 1): "TTTK QQQQ",
    }  # fmt: skip
    costs = [sum(by_letter[each] for each in way) for way in table[adults, kids].split()]
    assert len(costs) == len(alternatives)
    assert room_price(prices, Room(adults=adults, kids=kids)) == min(costs)


def test_a_child_price_of_zero_is_not_sold_rather_than_free():
    prices = replace(PRICES, kid=D(0))
    assert room_price(prices, Room(adults=1, kids=1)) == 2 * DOUBLE
    assert room_price(prices, Room(adults=2, kids=1)) == 3 * T


def test_each_beyond_the_fourth_in_a_room_pays_the_price_of_four():
    assert room_price(PRICES, Room(adults=6)) == 6 * Q
    assert room_price(PRICES, Room(adults=2, kids=3)) == 4 * Q + K


def test_a_room_that_no_price_fits_is_not_sold():
    assert room_price(RoomPrices(single=S), Room(adults=2)) is None


@pytest.mark.parametrize(
    ("prices", "room", "expected"),
    [
        (PRICES, Room(adults=1, pairup=True), DOUBLE),
        (replace(PRICES, pairup=D(900)), Room(adults=1, pairup=True), D(900)),
        (replace(PRICES, pairup=D(900)), Room(adults=2, pairup=True), 2 * DOUBLE),
        (replace(PRICES, pairup=D(900)), Room(adults=1, kids=1, pairup=True), 2 * DOUBLE),
    ],
)
def test_pairing_up_matters_only_to_a_traveller_alone(prices, room, expected):
    assert room_price(prices, room) == expected


# amount in the product's currency, currency, amount in USD; as the vendor's pages show them
SAMPLES = [
    ("61.6", "EUR", "71.728"), ("80", "EUR", "93.1532"), ("18.4", "EUR", "21.4252"),
    ("1285.2", "EUR", "1496.5068"), ("1752", "EUR", "2040.0559"), ("466.8", "EUR", "543.5491"),
    ("338", "EUR", "393.5724"), ("169", "EUR", "196.7862"), ("432", "EUR", "503.0275"),
    ("77.75", "CAD", "59.7617"), ("0", "EUR", "0"), ("0", "CAD", "0"),
]  # fmt: skip


@pytest.mark.parametrize(("amount", "currency", "expected"), SAMPLES)
def test_sample_amounts_are_converted_to_the_fourth_decimal(amount, currency, expected):
    settle = exchange(RATES, date(2019, 1, 16), currency, "USD")
    assert settle is not None
    assert settle(D(amount)) == D(expected)


@pytest.mark.parametrize(
    ("amount", "day", "expected"),
    [
        ("20", date(2018, 1, 12), "130.466"),
        ("17", date(2018, 1, 12), "110.8961"),
        ("65", date(2018, 1, 12), "424.0145"),
        ("0", date(2018, 1, 12), "0"),
    ],
)
def test_sample_upgrade_prices_are_converted_by_the_rates_of_their_day(amount, day, expected):
    settle = exchange(RATES, day, "USD", "CNY")
    assert settle is not None
    assert settle(D(amount)) == D(expected)


@pytest.mark.parametrize(
    ("amount", "currency", "rate", "expected", "digits"),
    [
        ("80", "CNY", "6.8811", "11.63", 2),  # an older page shows two decimals
        ("1752", "EUR", "0.8588", "2040.06", 2),  # as does the detail of an order
        ("22", "AUD", "1.3953", "15.7672", 4),
        ("22", "AUD", "1.3953", "15.77", 2),
    ],
)
def test_samples_shown_with_fewer_decimals_agree(amount, currency, rate, expected, digits):
    settle = Exchange(source=currency, target="USD", source_rate=D(rate))
    assert round(settle(D(amount)), digits) == D(expected)


def priced(tour, product=PRODUCT, reseller=None, **changes) -> Quote:
    offer = Offer(
        product=product, tour=tour, reseller=reseller, rates=RATES, currency="USD", today=DAY
    )
    result = quote(offer, booking(**changes))
    assert isinstance(result, Quote), result
    return result


def amounts(result: Quote) -> tuple[D, D, D, D, D, D]:
    net, listed = result.net, result.list_total
    three = (net, listed, listed - net)
    return (*three, *(result.settle(each) for each in three))  # type: ignore[return-value]


def test_the_sample_of_the_one_day_tour_is_reproduced_whole():
    tour = replace(TOUR, prices=RoomPrices(double=D(40)), discount_ratio=D("0.77"))
    result = priced(tour, replace(PRODUCT, currency="EUR"))
    assert amounts(result) == tuple(map(D, ("61.6", "80", "18.4", "71.728", "93.1532", "21.4252")))


def test_the_sample_of_the_four_day_tour_is_reproduced_whole():
    # 778 a person at ratio 0.7 and an upgrade of 98 without discount make the published totals.
    group = UpgradeGroup(id=9, options=(UpgradeOption(id=60, price=D(98)),))
    tour = replace(
        TOUR,
        prices=RoomPrices(double=D(778)),
        discount_ratio=D("0.7"),
        upgrade_ratio=D(1),
        upgrades=(group,),
    )
    result = priced(tour, replace(PRODUCT, currency="EUR"), upgrades=(UpgradeChoice(9, (60,)),))
    assert amounts(result) == tuple(
        map(D, ("1285.2", "1752", "466.8", "1496.5068", "2040.0559", "543.5491"))
    )


def test_the_sample_of_the_ticket_is_reproduced_whole():
    tour = replace(
        TOUR, sold_by=SoldBy.TICKETS, tickets=(Ticket(sku_id=15021, price=D("77.75")),), upgrades=()
    )
    result = priced(
        tour, replace(PRODUCT, currency="CAD"), rooms=(), tickets=((15021, 1),), upgrades=()
    )
    assert amounts(result) == tuple(map(D, ("77.75", "77.75", "0", "59.7617", "59.7617", "0")))


def test_the_sample_of_twenty_one_tickets_is_reproduced():
    tickets = (Ticket(sku_id=756, price=D(12)), Ticket(sku_id=755, price=D(21)))
    tour = replace(TOUR, sold_by=SoldBy.TICKETS, tickets=tickets, upgrades=())
    result = priced(
        tour,
        replace(PRODUCT, currency="EUR"),
        rooms=(),
        tickets=((756, 1), (755, 20)),
        upgrades=(),
    )
    assert (result.net, result.settle(result.net)) == (D(432), D("503.0275"))


def test_a_line_sold_by_persons_adds_adults_and_children():
    tour = replace(TOUR, sold_by=SoldBy.PERSONS, adult_price=D(170), kid_price=D(125), upgrades=())
    heads = priced(tour, rooms=(), adults=1, kids=1, upgrades=())
    assert heads.net == D(295)
    rooms_win = priced(tour, rooms=(Room(adults=1, kids=1),), adults=9, upgrades=())
    assert rooms_win.net == D(295)


BY_ROOM = RoomPrices(single=D(50), double=D(40), triple=D(30), quad=D(20), kid=D(10))
TWO_ROOMS = Party(rooms=(Room(adults=2, kids=1), Room(adults=1)), adults=3, kids=1)
HEADS = Party(adults=2, kids=1)


@pytest.mark.parametrize(
    ("option", "party", "expected"),
    [
        (UpgradeOption(id=1, price=D(20)), TWO_ROOMS, D(80)),
        (UpgradeOption(id=1, price=D(20), per_order=True), TWO_ROOMS, D(20)),
        (UpgradeOption(id=1, by_room=BY_ROOM), TWO_ROOMS, D(2 * 30 + 10 + 50)),
        (UpgradeOption(id=1, by_room=BY_ROOM, per_order=True), TWO_ROOMS, D(30)),
        (UpgradeOption(id=1, by_room=BY_ROOM), HEADS, D(2 * 50 + 10)),
        (UpgradeOption(id=1, by_room=BY_ROOM, per_order=True), HEADS, D(50)),
    ],
)
def test_an_upgrade_is_charged_per_traveller_per_room_size_or_once(option, party, expected):
    unit, quantity = option_price(option, party)
    assert unit * quantity == expected


@pytest.mark.parametrize(
    ("reseller", "expected"),
    [
        (None, D("0.9")),
        (Reseller(discount_ratio=D("0.8")), D("0.8")),
        (Reseller(discount_ratio=D("0.8"), product_ratios={"7": D("0.7")}), D("0.7")),
        (Reseller(product_ratios={"8": D("0.7")}), D("0.9")),
    ],
)
def test_the_discount_is_the_resellers_before_the_products(reseller, expected):
    tour = replace(TOUR, discount_ratio=D("0.9"))
    assert priced(tour, reseller=reseller).net == 2 * DOUBLE * expected


def test_persons_and_tickets_are_discounted_by_the_unit():
    tour = replace(TOUR, adult_price=D("0.01"), discount_ratio=D("0.7777"), upgrades=())
    heads = priced(replace(tour, sold_by=SoldBy.PERSONS), rooms=(), adults=3, upgrades=())
    # 0.007777 is rounded to 0.0078 before it is taken three times.
    assert (heads.net, heads.list_total) == (D("0.0234"), D("0.03"))
    tickets = replace(tour, sold_by=SoldBy.TICKETS, tickets=(Ticket(sku_id=5, price=D("0.01")),))
    sold = priced(tickets, rooms=(), tickets=((5, 3),), upgrades=())
    assert (sold.net, sold.list_total) == (D("0.0234"), D("0.03"))


@pytest.mark.parametrize("reseller", [None, Reseller(discount_ratio=D("0.8"))])
@pytest.mark.parametrize("own", [None, D(1), D("0.5")])
def test_upgrades_have_the_discount_of_the_base_unless_the_product_says_otherwise(reseller, own):
    ratio = D("0.9") if reseller is None else D("0.8")
    tour = replace(TOUR, discount_ratio=D("0.9"), upgrade_ratio=own)
    result = priced(tour, reseller=reseller, upgrades=(UpgradeChoice(30100, (30578,)),))
    assert [each.amount for each in result.base] == [2 * DOUBLE * ratio]
    assert [each.amount for each in result.upgrades] == [2 * D(20) * (own or ratio)]


def test_a_price_is_settled_in_the_currency_of_the_reseller():
    result = priced(TOUR, reseller=Reseller(settlement="CNY"))
    assert (result.currency, result.settle.target) == ("USD", "CNY")
    assert result.settle(result.net) == D("12124.4982")
    in_the_tenants = priced(TOUR, replace(PRODUCT, currency=""), reseller=Reseller())
    assert (in_the_tenants.currency, in_the_tenants.settle.target) == ("USD", "USD")


def test_a_currency_without_a_rate_has_no_price():
    offer = Offer(
        product=replace(PRODUCT, currency="XYZ"),
        tour=TOUR,
        reseller=None,
        rates=RATES,
        currency="USD",
        today=DAY,
    )
    refused = quote(offer, booking())
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.CURRENCY_NOT_ENABLED


ROOM = st.builds(Room, adults=st.integers(0, 4), kids=st.integers(0, 3), pairup=st.booleans())
RATIO = st.decimals("0.5", "1", places=4)
EXTRAS = UpgradeGroup(
    id=30100,
    multiple=True,
    required=0,
    options=(
        UpgradeOption(id=30577, by_room=BY_ROOM),
        UpgradeOption(id=30578, by_room=BY_ROOM, per_order=True),
        UpgradeOption(id=1, price=D("33.3333")),
    ),
)
SOLD = st.builds(
    replace,
    st.just(TOUR),
    sold_by=st.sampled_from(SoldBy),
    adult_price=st.just(D("80.01")),
    kid_price=st.sampled_from([D(0), D("59.99")]),
    tickets=st.just((Ticket(sku_id=5, price=D("77.75")),)),
    discount_ratio=RATIO,
    upgrade_ratio=st.none() | RATIO,
    upgrades=st.sampled_from([TOUR.upgrades, (EXTRAS,)]),
)
RESELLER = st.none() | st.builds(
    Reseller,
    settlement=st.sampled_from(["", "CNY", "EUR"]),
    discount_ratio=st.none() | RATIO,
    product_ratios=st.sampled_from([{}, {"7": D("0.7336")}]),
)


@given(
    tour=SOLD,
    reseller=RESELLER,
    rooms=st.lists(ROOM, max_size=4).map(tuple),
    heads=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    tickets=st.sampled_from([(), ((5, 3),), ((5, 1), (5, 2)), ((6, 1),), ((5, 0),)]),
    options=st.sampled_from([(), (30577,), (30578,), (30577, 30578), (1,)]),
    currency=st.sampled_from(["", "USD", "EUR", "CAD", "CNY", "XYZ"]),
)
def test_asking_for_a_price_and_ordering_agree_to_the_last_decimal(
    tour, reseller, rooms, heads, tickets, options, currency
):
    product = replace(PRODUCT, currency=currency)
    wanted = {
        "rooms": rooms,
        "adults": heads[0],
        "kids": heads[1],
        "tickets": tickets,
        "upgrades": (UpgradeChoice(30100, options),),
    }
    persons = sum(room.persons for room in rooms) or sum(heads)
    offer = Offer(
        product=product, tour=tour, reseller=reseller, rates=RATES, currency="USD",
        today=date(2019, 1, 1),
    )  # fmt: skip
    asked = quote(offer, booking(**wanted))
    facts = known(product=product, tour=tour, reseller=reseller)
    ordered = place(command(guests=(guest(),) * persons, **wanted), facts, ids())
    if isinstance(asked, Rejected):
        assert isinstance(ordered, Rejected)
        assert ordered.reason is asked.reason
        return
    assert isinstance(ordered, Accepted)
    order = ordered.order
    assert order.total == asked.net == sum(line.gross for line in order.lines)
    assert D(order.doc.settlement["net"]) == asked.settle(asked.net)
    assert D(order.doc.settlement["list"]) == asked.settle(asked.list_total)
    assert asked.net <= asked.list_total


def test_an_order_keeps_the_rule_and_the_rates_that_priced_it():
    facts = known(product=replace(PRODUCT, currency="EUR"))
    order = place(command(), facts, ids()).order
    assert order.doc.pricing["rule"] == "cheapest-alternative"
    assert order.doc.pricing["rates"] == {"EUR": "0.8588", "USD": "1"}
    assert order.doc.pricing["rates_since"] == "2019-01-01"
    assert [line.kind for line in order.lines] == [LineKind.ROOM, LineKind.UPGRADE]
    assert order.doc.contact == Contact(first_name="a", last_name="b", email="2@q.q", phone="1")
