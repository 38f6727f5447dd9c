"""Each vendor's client against a hub of ours: what it sends is taken, found again, told of and called off."""

import time
from decimal import Decimal as D

import pytest
from msgspec.structs import replace

from orderhub.core.details import TakenUpgrade
from orderhub.core.rooms import Room
from orderhub.core.values import Address, LineKind
from orderhub.dialects.client import (
    Blocked,
    Done,
    Doubt,
    Found,
    Learnt,
    Link,
    Listed,
    LoggedIn,
    News,
    Pending,
    Placed,
    Refused,
    Told,
    Window,
)
from orderhub.dialects.mews.demo import ACCESS_TOKEN, ACCOUNT, CLIENT_TOKEN, PRODUCT, SERVICE
from orderhub.dialects.tours4fun.demo import TICKET, TOUR
from tests.support.clients import (
    ANN,
    MARKER,
    SECOND,
    Player,
    job,
    line,
    order,
    tickets,
    tour,
)
from tests.support.documents import doc

OTHER = "oh-ffffffffffffffffffffffff"


def now_us() -> int:
    return time.time_ns() // 1_000


def around(at_us: int) -> Window:
    return Window(at_us - SECOND, at_us + 60 * SECOND)


# 2019-01-01 in Shanghai, where the demo's operator of tours stands; 2020-02 at the hotel; 2022-11-23 at the shop.
TOURS = Window(1_546_272_000 * SECOND, 1_546_300_000 * SECOND)
HOTEL = Window(1_580_400_000 * SECOND, 1_580_700_000 * SECOND)
SHOP = Window(1_669_200_000 * SECOND, 1_669_300_000 * SECOND)


@pytest.fixture
def kakaclo(hub):
    return Player(hub, "kakaclo", Link(credentials={"token": "demo-kakaclo"}), now_us)


@pytest.fixture
def cdp(hub):
    credentials = {"client_key": "demo-cdp", "api_token": "demo-cdp-secret"}
    options = {"point_of_sale": "home", "channel": "WEB"}
    return Player(hub, "sitecore_cdp", Link(credentials=credentials, options=options), now_us)


@pytest.fixture
def mews(hub):
    credentials = {"client_token": CLIENT_TOKEN, "access_token": ACCESS_TOKEN}
    options = {
        "service_id": SERVICE,
        "account_id": ACCOUNT,
        "pricing": "Net",
        "tax_codes": "US-DC-G",
    }
    return Player(hub, "mews", Link(credentials=credentials, options=options), now_us)


@pytest.fixture
def tours(hub):
    credentials = {"appkey": "demo-tours", "secret": "demo-tours-secret"}
    return Player(hub, "tours4fun", Link(credentials=credentials), now_us)


@pytest.fixture
def shop(hub):
    credentials = {"user_name": "demo", "password": "demo123456", "site": "1"}
    player = Player(hub, "anqicms", Link(credentials=credentials), now_us)
    logged_in = player("login")
    assert isinstance(logged_in, LoggedIn)
    player.link = Link(credentials=credentials, session=logged_in.session)
    return player


def the_only(found):
    assert isinstance(found, Found), found
    (candidate,) = found.candidates
    return candidate


def uid_at(hub, tenant):
    return hub.orders(tenant)[0]["uid"]


def operate(hub, tenant, action, **body):
    return hub.operate("POST", f"/hub/v1/orders/{uid_at(hub, tenant)}/{action}", body)


# --- KakaClo


TWO = order(lines=(line(1), line(2, "Hood", 3), line(3, "Post", 1, kind=LineKind.FREIGHT)))
SKUS = {1: "TS_RED_M", 2: "HOOD_BLK_S"}


@pytest.mark.parametrize("version", ["1", "2"])
def test_kakaclo_places_finds_tells_and_calls_off(hub, kakaclo, version):
    kakaclo.link = Link(credentials=kakaclo.link.credentials, options={"version": version})
    wanted = job(SKUS, TWO)
    assert kakaclo.client.unfit(wanted, kakaclo.link) == ""
    placed = kakaclo("place", wanted)
    assert isinstance(placed, Placed)
    assert len(placed.number) == 13
    assert the_only(kakaclo("find", wanted, around(now_us()))) == placed
    other = job(SKUS, TWO, marker=OTHER)
    assert kakaclo("find", other, around(now_us())) == Found()
    assert kakaclo("news", around(now_us()), (placed,)) == Told()
    assert kakaclo("news", around(now_us()), ()) == Told()
    called_off = kakaclo("cancel", wanted, placed, {})
    assert isinstance(called_off, Done), called_off
    assert kakaclo("cancel", wanted, placed, {}) == Done("it was called off there before")
    (told,) = kakaclo("news", around(now_us()), (placed,)).news
    assert (told.number, told.kind, told.units) == (placed.number, "cancelled", {})
    assert kakaclo("news", around(now_us()), ()).news == (told,)
    assert kakaclo("news", Window(0, SECOND), ()) == Told()


def test_what_kakaclo_has_is_what_was_ordered(hub, kakaclo):
    kakaclo("place", job(SKUS, TWO))
    shown = hub.operate("GET", f"/hub/v1/orders/{uid_at(hub, 'dropship')}")
    assert shown["reference"] == MARKER
    assert shown["notes"] == "Leave at the door"
    to = shown["ship_to"]
    assert (to["recipient"], to["country"], to["street1"]) == ("Ann Lee", "US", "1 Main Street")
    found = {each["sku"]: each["quantity"] for each in shown["lines"] if each["sku"]}
    assert found == {"TS_RED_M": 2, "HOOD_BLK_S": 3}


def test_kakaclo_ships_in_part_and_gives_back_in_part(hub, kakaclo):
    wanted = job(SKUS, TWO)
    placed = kakaclo("place", wanted)
    operate(hub, "dropship", "pay")
    assert isinstance(kakaclo("refund", wanted, placed, {2: 1}, None), Done)
    before = Done("it was called off there before")
    assert kakaclo("refund", wanted, placed, {2: 1}, None) == before, "wanted is a total"
    (back,) = kakaclo("news", around(now_us()), (placed,)).news
    assert (back.kind, back.units) == ("refunded", {"HOOD_BLK_S": 1})
    assert isinstance(kakaclo("refund", wanted, placed, {2: 9}, None), Refused)
    shown = hub.operate("GET", f"/hub/v1/orders/{uid_at(hub, 'dropship')}")
    number = next(each["line_no"] for each in shown["lines"] if each["sku"] == "TS_RED_M")
    operate(
        hub,
        "dropship",
        "ship",
        carrier="Yanwen",
        tracking="YW1",
        lines=[{"line_no": number, "quantity": 1}],
    )
    told = {each.kind: each for each in kakaclo("news", around(now_us()), (placed,)).news}
    assert told["refunded"] == back
    assert (told["shipped"].carrier, told["shipped"].tracking) == ("Yanwen", "YW1")
    assert told["shipped"].units == {"TS_RED_M": 1}
    refused = kakaclo("cancel", wanted, placed, {})
    assert isinstance(refused, Refused)
    assert "cannot be refunded any more" in refused.reason


def test_kakaclo_refuses_what_it_does_not_sell(kakaclo):
    assert kakaclo("place", job("NO_SUCH_SKU")) == Refused(
        "10001: orderItemsList[0].sku: sku does not exist"
    )


def test_kakaclo_is_probed_and_lists_what_it_sells(kakaclo):
    assert kakaclo("probe") == Learnt("the account has 0 orders", {"orders": "0"})
    listed = kakaclo("items")
    assert isinstance(listed, Listed)
    assert {each.id: each.title for each in listed.items}["MUG_WHT"] == "Mug"


# --- Sitecore CDP


def test_cdp_records_an_order_with_its_items_and_its_guest_once(hub, cdp):
    wanted = job({}, TWO)
    placed = cdp("place", wanted)
    assert isinstance(placed, Placed)
    again = cdp("place", wanted)
    assert isinstance(again, Doubt)
    assert "already exist" in again.reason
    assert the_only(cdp("find", wanted, around(0))) == placed
    assert cdp("finish", wanted, placed) == placed
    sent = len(cdp.checked)
    assert cdp("finish", wanted, placed) == placed
    assert {each.method for each in cdp.checked[sent:]} == {"GET"}
    shown = hub.operate("GET", f"/hub/v1/orders/{uid_at(hub, 'cdp')}")
    assert (shown["reference"], D(shown["total"])) == (TWO.number, TWO.total)
    assert [(each["title"], each["quantity"]) for each in shown["lines"]] == [
        ("Mug", 2),
        ("Hood", 3),
        ("Post", 1),
    ]


def test_what_cdp_does_not_take_of_a_part_is_told(hub, cdp):
    buyer = Address(recipient="Ann Lee", email="no address", country="US")
    wanted = job({}, order(doc=doc(ship_to=buyer)))
    end = cdp("finish", wanted, cdp("place", wanted))
    assert end.reason == "email: it is no e-mail address"
    shown = hub.operate("GET", f"/hub/v1/orders/{uid_at(hub, 'cdp')}?as=sitecore_cdp")
    assert shown


def test_cdp_finds_an_order_by_its_time_too(cdp):
    first = job({}, order())
    cdp("place", first)
    later = job({}, order(occurred_at=order().occurred_at + 86_400 * SECOND))
    assert cdp("find", later, around(0)) == Found()
    second = cdp("place", later)
    assert the_only(cdp("find", later, around(0))) == second


def test_cdp_is_told_what_became_of_an_order(hub, cdp):
    wanted = job({}, TWO)
    placed = cdp("place", wanted)
    assert cdp("cancel", wanted, placed, {}) == Done("CANCELLED")
    assert cdp("refund", wanted, placed, {1: 1}, None) == Done("PARTIALY_REFUNDED")
    assert cdp("refund", wanted, placed, {}, None) == Done("REFUNDED")
    assert hub.orders("cdp")[0]["vendor_status"] == "REFUNDED"


def test_cdp_is_probed(cdp):
    assert isinstance(cdp("probe"), Learnt)
    assert not cdp.client.has("news")
    cdp.link = Link(credentials={"client_key": "demo-cdp", "api_token": "wrong"})
    blocked = cdp("probe")
    assert isinstance(blocked, Blocked)
    assert blocked.is_login


# --- Mews


BILLED = order(
    lines=(
        line(1, "Breakfast", price=D(10)),
        line(2, "Beer", 3, price=D(7)),
        line(3, "Service", 1, kind=LineKind.FREIGHT, price=D(2)),
    ),
    occurred_at=1_580_515_200 * SECOND,
)
ON_BILL = {1: PRODUCT, 2: "item"}


def test_mews_charges_finds_tells_and_calls_off(hub, mews):
    wanted = job(ON_BILL, BILLED)
    assert mews.client.unfit(wanted, mews.link) == ""
    placed = mews("place", wanted)
    assert isinstance(placed, Placed), placed
    assert the_only(mews("find", wanted, HOTEL)) == placed
    assert mews("find", job(ON_BILL, BILLED, marker=OTHER), HOTEL) == Found()
    assert mews("news", HOTEL, (placed,)) == Told()
    in_part = mews("cancel", wanted, placed, {2: 3})
    assert in_part == Done("1 items cancelled")
    assert mews("cancel", wanted, placed, {2: 3}) == Done("it was called off there before")
    (told,) = mews("news", HOTEL, (placed,)).news
    assert (told.kind, told.units) == ("cancelled", {"Beer": 3})
    refused = mews("cancel", wanted, placed, {1: 1})
    assert refused == Refused("line 1: items come off whole, not in part")
    assert mews("refund", wanted, placed, {}, None) == Done("2 items cancelled")
    whole = News(number=placed.number, kind="cancelled", id="cancelled")
    assert mews("news", HOTEL, (placed,)).news == (whole,)
    assert mews("news", HOTEL, ()).news == (whole,)
    assert mews("news", Window(HOTEL.since_us - 9 * 86_400 * SECOND, HOTEL.since_us), ()) == Told()
    assert mews("cancel", wanted, placed, {}) == Done("it was called off there before")


def test_mews_charges_what_was_sold_at_the_price_it_was_sold_for(hub, mews):
    mews("place", job(ON_BILL, BILLED))
    shown = hub.operate("GET", f"/hub/v1/orders/{uid_at(hub, 'hotel')}")
    assert shown["notes"] == f"Leave at the door\n{MARKER}"
    assert D(shown["net"]) == BILLED.total
    titles = [(each["title"], each["quantity"], D(each["net"])) for each in shown["lines"]]
    assert titles == [("Breakfast", 2, 20), ("Beer", 3, 21), ("Service", 1, 2)]


def test_mews_is_probed_and_lists_what_it_sells(mews):
    learnt = mews("probe")
    assert isinstance(learnt, Learnt)
    assert learnt.facts["pricing"] == "Net"
    assert learnt.facts["currency"] == "USD"
    assert [(each.id, each.title) for each in mews("items").items] == [(PRODUCT, "Breakfast")]
    mews.link = Link(credentials=mews.link.credentials)
    assert [each.id for each in mews("items").items] == [PRODUCT]


def test_mews_says_whose_fault_a_refusal_is(mews):
    refused = mews("place", job({1: "00000000-0000-4000-8000-00000000dead", 2: "item"}, BILLED))
    assert refused == Refused("400: Invalid ProductId")
    credentials = {**mews.link.credentials, "access_token": "nobody's"}
    mews.link = Link(credentials=credentials, options=mews.link.options)
    blocked = mews("place", job(ON_BILL, BILLED))
    assert isinstance(blocked, Blocked)
    assert blocked.is_login


# --- Tours4Fun


BOOKED = order(
    channel="tours4fun",
    lines=(line(1, "Room 1", 1, kind=LineKind.ROOM), line(2, "First", 2, kind=LineKind.UPGRADE)),
    doc=doc(tour(), contact=ANN),
)


def test_tours_books_finds_tells_and_calls_off(hub, tours):
    wanted = job(str(TOUR), BOOKED)
    assert tours.client.unfit(wanted, tours.link) == ""
    assert tours("find", wanted, TOURS) == Found()
    placed = tours("place", wanted)
    assert isinstance(placed, Placed), placed
    assert the_only(tours("find", wanted, TOURS)) == placed
    assert tours("news", TOURS, (placed,)) == Told()
    assert tours("cancel", wanted, placed, {}) == Done("cancelled")
    assert tours("cancel", wanted, placed, {}) == Done("it was called off there before")
    assert tours("news", TOURS, (placed,)).news == (
        News(number=placed.number, kind="cancelled", id="cancelled"),
    )


def test_two_bookings_that_look_the_same_are_both_found(tours):
    wanted = job(str(TOUR), BOOKED)
    numbers = {tours("place", wanted).number for _ in range(2)}
    assert {each.number for each in tours("find", wanted, TOURS).candidates} == numbers


@pytest.mark.parametrize(
    ("booked", "contact"),
    [
        (tour(date="2019-01-21"), ANN),
        (tour(rooms=tour().rooms * 2, guests=tour().guests * 2), ANN),
        (tour(), replace(ANN, email="other@example.com")),
    ],
    ids=["another day", "more rooms", "another contact"],
)
def test_a_booking_of_another_day_party_or_contact_is_not_taken_for_it(tours, booked, contact):
    other = order(channel="tours4fun", lines=BOOKED.lines, doc=doc(booked, contact=contact))
    assert isinstance(tours("place", job(str(TOUR), other)), Placed)
    assert tours("find", job(str(TOUR), BOOKED), TOURS) == Found()


def test_a_booking_that_differs_in_its_upgrades_alone_is_in_doubt(tours):
    cheap = tour(upgrades=tuple(replace(each, option=30577) for each in tour().upgrades))
    other = order(channel="tours4fun", lines=BOOKED.lines, doc=doc(cheap, contact=ANN))
    number = tours("place", job(str(TOUR), other)).number
    doubt = tours("find", job(str(TOUR), BOOKED), TOURS)
    assert isinstance(doubt, Doubt)
    assert number in doubt.reason


def test_tickets_are_booked_by_their_own_numbers(hub, tours):
    order_ = order(
        lines=(line(1, "Adult", 2, kind=LineKind.TICKET),), doc=doc(tickets(99), contact=ANN)
    )
    wanted = job(str(TICKET), order_, data={"tickets": {"99": 15021}})
    assert isinstance(tours("place", wanted), Refused)  # this tour wants a choice of upgrades
    upgrades = tuple(
        TakenUpgrade(id=group, name="", sub_name="", option=option, option_name="", option_code="")
        for group, option in ((219, 1375), (221, 1378))
    )
    chosen = replace(tickets(99), upgrades=upgrades)
    wanted = job(
        str(TICKET),
        order(lines=order_.lines, doc=doc(chosen, contact=ANN)),
        data={"tickets": {"99": 15021}},
    )
    placed = tours("place", wanted)
    assert isinstance(placed, Placed), placed
    assert the_only(tours("find", wanted, TOURS)) == placed


def test_a_refusal_of_tours_is_told_from_its_faults_by_what_is_there(tours):
    assert tours("place", job("404", BOOKED)) == Refused("20001: Product Detail Not Found")
    crowded = tour(rooms=(Room(adults=9),), guests=tour().guests[:1] * 9)
    full = order(channel="tours4fun", lines=BOOKED.lines, doc=doc(crowded, contact=ANN))
    played = tours.played("place", job(str(TOUR), full))
    assert played.end == Refused("30001: Add Order Failed")
    assert [each.path for each in played.requests] == ["/v2/order/add", "/v2/order/list"]


def test_what_became_of_tours_is_told(hub, tours):
    placed = tours("place", job(str(TOUR), BOOKED))
    operate(hub, "tours", "pay")
    refused = tours("cancel", job(str(TOUR), BOOKED), placed, {})
    assert refused == Refused("30007: This order can not cancelled after paid")
    operate(hub, "tours", "ship")
    assert [each.kind for each in tours("news", TOURS, (placed,)).news] == ["shipped"]
    operate(hub, "tours", "complete")
    kinds = [each.kind for each in tours("news", TOURS, (placed,)).news]
    assert kinds == ["shipped", "completed"]
    operate(hub, "tours", "refund")
    assert [each.kind for each in tours("news", TOURS, (placed,)).news] == ["refunded"]
    assert not tours.client.has("refund")


def test_tours_is_probed_and_lists_what_it_sells(tours):
    assert isinstance(tours("probe"), Learnt)
    assert {each.id for each in tours("items").items} == {str(TOUR), str(TICKET)}
    tours.link = Link(credentials={"appkey": "demo-tours", "secret": "wrong"})
    assert tours("probe") == Blocked("10001: Sign Error", is_login=True)


# --- AnQiCMS


BOUGHT = order(lines=(line(1, units=1), line(2, "T", 2)))
IN_SHOP = {1: "188", 2: "1:1"}


def test_the_shop_sells_finds_tells_and_calls_off(hub, shop):
    wanted = job(IN_SHOP, BOUGHT)
    assert shop.client.unfit(wanted, shop.link) == ""
    placed = shop("place", wanted)
    assert isinstance(placed, Placed), placed
    assert the_only(shop("find", wanted, SHOP)) == placed
    assert shop("find", job(IN_SHOP, BOUGHT, marker=OTHER), SHOP) == Found()
    assert shop("news", SHOP, (placed,)) == Told()
    shown = hub.operate("GET", f"/hub/v1/orders/{uid_at(hub, 'shop')}")
    assert shown["notes"] == f"Leave at the door {MARKER}"
    assert [(each["product_id"], each["quantity"]) for each in shown["lines"]] == [(188, 1), (1, 2)]
    assert shop("cancel", wanted, placed, {1: 1}) == Refused(
        "the shop calls off whole orders alone"
    )
    assert shop("cancel", wanted, placed, {}) == Done("cancelled")
    assert shop("cancel", wanted, placed, {}) == Done("it was called off there before")
    assert [each.kind for each in shop("news", SHOP, (placed,)).news] == ["cancelled"]


def test_the_shop_is_paid_from_the_balance_and_asked_for_a_refund(hub, shop):
    shop.link = Link(
        credentials=shop.link.credentials,
        session=shop.link.session,
        options={"pay_way": "balance"},
    )
    wanted = job("188", order(lines=(line(1, units=1),)))
    placed = shop("place", wanted)
    assert shop("finish", wanted, placed) == placed
    assert hub.orders("shop")[0]["status"] == "paid"
    sent = len(shop.checked)
    assert shop("finish", wanted, placed) == placed
    assert len(shop.checked) == sent + 1
    asked = shop("refund", wanted, placed, {}, None)
    assert asked == Pending("a refund was asked for")
    assert shop("refund", wanted, placed, {}, None) == Pending("a refund is asked for there")
    operate(hub, "shop", "refund")
    assert [each.kind for each in shop("news", SHOP, (placed,)).news] == ["refunded"]


def test_a_payment_that_the_shop_does_not_take_is_told(shop):
    shop.link = replace(shop.link, options={"pay_way": "nosuch"})
    wanted = job("188", order(lines=(line(1, units=1),)))
    placed = shop("place", wanted)
    end = shop("finish", wanted, placed)
    assert end.number == placed.number
    assert end.reason.startswith("it is not paid there: -1: ")


def test_the_shop_ships_with_a_tracking_number(hub, shop):
    placed = shop("place", job("188", order(lines=(line(1, units=1),))))
    operate(hub, "shop", "pay")
    operate(hub, "shop", "ship", carrier="SF", tracking="SF1")
    (told,) = shop("news", SHOP, (placed,)).news
    assert (told.kind, told.carrier, told.tracking) == ("shipped", "SF", "SF1")
    operate(hub, "shop", "complete")
    kinds = [each.kind for each in shop("news", SHOP, (placed,)).news]
    assert kinds == ["shipped", "completed"]


def test_a_refusal_of_the_shop_is_told_from_its_faults_by_what_is_there(shop):
    played = shop.played("place", job("404", order()))
    assert isinstance(played.end, Refused)
    assert [each.path for each in played.requests] == ["/api/order/create", "/api/orders"]


def test_the_shop_is_probed_and_logged_in_to(shop):
    assert shop("probe") == Learnt("logged in as demo", {"user": "demo"})
    shop.link = Link(credentials={**shop.link.credentials, "password": "wrong one"})
    blocked = shop("login")
    assert isinstance(blocked, Blocked)
    assert blocked.is_login
    shop.link = Link(credentials={"token": "given"})
    assert shop("login") == LoggedIn("given")
    blocked = shop("probe")
    assert isinstance(blocked, Blocked)
    assert blocked.is_login


def test_the_price_of_a_unit_is_an_exact_number(mews):
    priced = order(lines=(line(1, price=D("0.1")),), occurred_at=BILLED.occurred_at)
    (step,) = mews.played("place", job({1: "item"}, priced)).steps
    (item,) = step.request.body["Items"]
    assert item["UnitAmount"]["NetValue"] == D("0.1")
