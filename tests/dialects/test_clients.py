"""What each vendor's client makes of orders and of answers: tables, without a hub."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from msgspec.structs import replace

from orderhub.core.values import Address, LineKind
from orderhub.dialects.client import (
    Answer,
    Ask,
    Blocked,
    Client,
    Doubt,
    Found,
    Job,
    Link,
    LoggedIn,
    News,
    Placed,
    Refused,
    Request,
    Send,
    Told,
    Window,
)
from orderhub.dialects.finding import conformance_of
from orderhub.dialects.mews.demo import ACCOUNT, PRODUCT
from orderhub.dialects.tours4fun.conform import signature
from tests.dialects.mews.vendor import OPERATIONS, json_schema
from tests.support.clients import (
    ANN,
    BOOKED,
    HOME,
    JOBS,
    MARKER,
    NOW_S,
    SECOND,
    SECRETS,
    SPAN,
    answer,
    client_of,
    job,
    line,
    link_of,
    order,
    tickets,
    tour,
    why_not,
)
from tests.support.documents import doc


def placed(name: str, *answers: Answer) -> Any:
    return client_of(name).place(link_of(name), JOBS[name], answers)


# --- answers to what was sent

NO_LIST = answer(200, {"code": 0, "data": [], "total": 0})
NO_TOURS = answer(200, {"code": 0, "msg": "", "data": {"order_list": []}})
ANSWERS: list[tuple[str, tuple[Answer, ...], Any]] = [
    ("kakaclo", (answer(200, {"code": 10000, "data": 1000000371651}),), Placed("1000000371651")),
    ("kakaclo", (answer(200, {"code": 10000, "data": "1000000371651"}),), Placed("1000000371651")),
    ("kakaclo", (answer(200, {"code": 10000, "data": {"kkOrderId": 11}}),), Placed("11")),
    ("kakaclo", (answer(200, {"code": 10000}),), Doubt),
    ("kakaclo", (answer(200, b"<html>"),), Doubt),
    ("kakaclo", (answer(200, {"code": 10002, "message": "no stock"}),), Refused("10002: no stock")),
    ("kakaclo", (answer(200, {"code": 500, "message": "oops"}),), Doubt("500: oops")),
    ("kakaclo", (answer(200, {"code": 401, "message": "who?"}),), Blocked),
    ("kakaclo", (answer(400, {"code": 400, "message": "phone"}),), Refused("400: phone")),
    ("kakaclo", (answer(401, {}),), Blocked("HTTP 401", is_login=True)),
    ("kakaclo", (answer(429, {}, retry_after="7"),), Blocked("HTTP 429", retry_after_s=7.0)),
    ("kakaclo", (answer(422, {"code": 422}),), Doubt),
    ("kakaclo", (answer(301, b""),), Doubt),
    ("kakaclo", (answer(307, b""),), Blocked("HTTP 307")),
    ("kakaclo", (answer(404, b"<html>"),), Blocked("HTTP 404")),
    ("sitecore_cdp", (answer(201, {"ref": "R"}),), Placed("R")),
    ("sitecore_cdp", (answer(201, {}),), Doubt),
    ("sitecore_cdp", (answer(409, {"developerMessage": "there"}),), Doubt),
    ("sitecore_cdp", (answer(400, {"message": "price"}),), Refused("400: price")),
    ("sitecore_cdp", (answer(401, {"message": "who?"}),), Blocked),
    ("sitecore_cdp", (answer(415, {}),), Blocked),
    ("mews", (answer(200, {"OrderId": "ABC"}),), Placed("abc")),
    ("mews", (answer(204, b""),), Doubt),
    ("mews", (answer(400, {"Message": "Invalid BillId"}),), Refused("400: Invalid BillId")),
    ("mews", (answer(400, {"Message": "Invalid AccessToken"}),), Blocked),
    ("mews", (answer(401, {"Message": "Invalid AccessToken"}),), Blocked),
    ("mews", (answer(403, {"Message": "Too old."}),), Refused("403: Too old.")),
    ("mews", (answer(403, b"<html>"),), Blocked),
    ("mews", (answer(408, {"Message": "heavy"}),), Doubt("408: heavy")),
    ("mews", (answer(429, {"Message": "slow"}),), Blocked("HTTP 429: slow", retry_after_s=1.0)),
    ("tours4fun", (answer(200, {"code": 0, "data": {"order_id": 7}}),), Placed("7")),
    ("tours4fun", (answer(200, {"code": 0, "data": []}),), Doubt),
    ("tours4fun", (answer(200, {"code": 20002, "msg": "day"}),), Refused("20002: day")),
    ("tours4fun", (answer(200, {"code": 10002, "msg": "often"}),), Blocked),
    ("tours4fun", (answer(200, {"code": 10003, "msg": "app"}),), Blocked("10003: app")),
    ("tours4fun", (answer(200, {"code": 30001, "msg": "no"}),), Ask),
    ("tours4fun", (answer(200, {"code": 30001, "msg": "no"}), NO_TOURS), Refused("30001: no")),
    ("tours4fun", (answer(200, {"code": -1, "msg": "no"}), NO_TOURS), Refused("-1: no")),
    ("tours4fun", (answer(200, {"code": 30001, "msg": "no"}), answer(401, b"")), Doubt),
    ("tours4fun", (answer(200, b"<html>"), NO_TOURS), Doubt),
    ("tours4fun", (answer(404, b"<html>"),), Blocked),
    ("anqicms", (answer(200, {"code": 0, "data": {"order_id": "17"}}),), Placed("17")),
    ("anqicms", (answer(200, {"code": 0, "data": {}}),), Doubt),
    ("anqicms", (answer(200, {"code": 1001, "msg": "log in"}),), Blocked("1001: log in", True)),
    ("anqicms", (answer(200, {"code": -1, "msg": "no"}),), Ask),
    ("anqicms", (answer(200, {"code": -1, "msg": "no"}), NO_LIST), Refused("-1: no")),
    ("anqicms", (answer(200, {"code": -1, "msg": "busy"}, retry_after="2"),), Blocked),
    ("anqicms", (answer(200, {"code": -1}), answer(200, {"code": -1})), Doubt),
    ("anqicms", (answer(200, b"<html>"),), Doubt),
    ("anqicms", (answer(404, b"<html>"),), Blocked),
]  # fmt: skip


@pytest.mark.parametrize(("name", "answers", "expected"), ANSWERS)
def test_an_answer_is_a_number_a_refusal_or_a_doubt(name, answers, expected):
    end = placed(name, *answers)
    if isinstance(expected, type):
        assert isinstance(end, expected), end
    else:
        assert end == expected


def test_a_failure_behind_which_the_order_is_there_is_a_doubt():
    row = {"order_id": "17", "remark": f"Leave {MARKER}", "created_time": NOW_S}
    listed = answer(200, {"code": 0, "data": [row], "total": 1})
    assert isinstance(placed("anqicms", answer(200, {"code": -1}), listed), Doubt)
    product = {
        "product_id": 102202692,
        "departure_date": "2019-01-20",
        "contact": {"firstname": "ann", "lastname": "Lee", "telephone": "555 0100", "email": "ANN@example.com"},
        "rooms": [{"adult": 1, "kid": 1, "single_pairup": 0}],
    }  # fmt: skip
    tours = {"order_list": [{"order_id": 9, "created_at": "x", "product_list": [product]}]}
    failed = answer(200, {"code": 30001, "msg": "no"})
    assert placed("tours4fun", failed, answer(200, {"code": 0, "data": tours})) == Doubt(
        "30001: no"
    )
    product["departure_date"] = "2019-01-21"
    assert placed("tours4fun", failed, answer(200, {"code": 0, "data": tours})) == Refused(
        "30001: no"
    )


# --- what cannot be said in the vendor's words

NOWHERE = order(doc=doc(contact=ANN))
ABROAD = order(doc=doc(ship_to=replace(HOME, country="")))
TO_LONG_NAME = order(doc=doc(ship_to=replace(HOME, recipient="x" * 33)))
TO_LONG_PHONE = order(doc=doc(ship_to=replace(HOME, phone="5" * 21)))
NO_PHONE = order(doc=doc(ship_to=replace(HOME, phone="")))
TWO_TOURS = order(lines=(line(1), line(2)), doc=doc(tour()))


def booked(**changes: Any) -> Any:
    return order(doc=doc(tour(**changes), contact=ANN))


UNFIT: list[tuple[str, Job, str]] = [
    ("kakaclo", JOBS["kakaclo"], ""),
    ("kakaclo", job("S", NOWHERE), "the order has no address to ship to"),
    ("kakaclo", job("S", ABROAD), "the address says no country"),
    ("kakaclo", job("S", NO_PHONE), "the address says no phone"),
    ("kakaclo", job("S", TO_LONG_NAME), "recipient has 33 characters, the vendor takes 32"),
    ("kakaclo", job({}), "line 1 (Mug) is not listed here"),
    ("sitecore_cdp", JOBS["sitecore_cdp"], ""),
    (
        "sitecore_cdp",
        job({}, order(number="9" * 256)),
        "the order's number has 256 characters, the vendor takes 255",
    ),
    ("mews", JOBS["mews"], ""),
    ("mews", job({}), "line 1 (Mug) is not listed here"),
    ("mews", job({}, order(lines=(replace(line(1), product_id=0),))), ""),
    ("tours4fun", JOBS["tours4fun"], ""),
    ("tours4fun", job({}, BOOKED), "line 1 (Mug) is not listed here"),
    ("tours4fun", job("T1", BOOKED), "T1 is no id of a product"),
    ("tours4fun", job({1: "7", 2: "8"}, TWO_TOURS), "a booking is of one product"),
    ("tours4fun", job("7", booked(date="")), "the order says no departure_date"),
    ("tours4fun", job("7", booked(pickup="")), "the order says no departure_address"),
    (
        "tours4fun",
        job("7", order(doc=doc(tour(), contact=replace(ANN, email="")))),
        "the order's contact says no email",
    ),
    ("tours4fun", job("7"), "the order says no departure_date"),
    ("anqicms", JOBS["anqicms"], ""),
    ("anqicms", job({}), "line 1 (Mug) is not listed here"),
    (
        "anqicms",
        job("SKU-1"),
        "SKU-1 is no id of a product, nor of a product and a SKU (900:3)",
    ),
    ("anqicms", job("188", TO_LONG_PHONE), "phone has 21 characters, the vendor takes 20"),
]


@pytest.mark.parametrize(("name", "wanted", "why"), UNFIT)
def test_what_cannot_be_said_waits_with_a_reason(name, wanted, why):
    assert client_of(name).unfit(wanted, link_of(name)) == why


def test_a_mews_order_needs_to_know_whom_to_charge():
    bare = Link(credentials=SECRETS["mews"])
    assert "whose account" in client_of("mews").unfit(JOBS["mews"], bare)
    bare = Link(credentials=SECRETS["mews"], options={"account_id": ACCOUNT})
    assert "which service" in client_of("mews").unfit(JOBS["mews"], bare)


def test_an_address_of_a_shop_that_names_no_country_goes_to_the_connections():
    wanted = job("S", ABROAD)
    link = link_of("kakaclo", country="CN")
    assert client_of("kakaclo").unfit(wanted, link) == ""
    step = client_of("kakaclo").place(link, wanted, ())
    assert step.request.body["orderAddress"]["country"] == "CN"


def test_what_an_address_has_no_member_for_is_not_dropped():
    chinese = Address(
        recipient="王先生", phone="13888888888", province="河南省", city="郑州市", district="中原区",
        town="须水镇", street1="中原西路233号", country="CN", company="Acme",
    )  # fmt: skip
    wanted = job("S", order(doc=doc(ship_to=chinese)))
    sent = client_of("kakaclo").place(link_of("kakaclo"), wanted, ()).request.body["orderAddress"]
    assert sent["street2"] == "须水镇, 中原区, Acme"


def test_notes_are_cut_so_that_the_marker_stays_whole():
    wordy = order(doc=doc(ship_to=HOME, notes="x" * 20_000))
    remark = client_of("anqicms").place(link_of("anqicms"), job("188", wordy), ())
    assert len(remark.request.body["remark"]) == 250
    assert remark.request.body["remark"].endswith(f" {MARKER}")
    notes = client_of("mews").place(link_of("mews"), job(PRODUCT, wordy), ()).request.body["Notes"]
    assert notes.endswith(f"\n{MARKER}")
    assert len(notes) < 10_000


def test_a_tour_that_a_shop_sold_as_goods_takes_its_day_from_what_the_buyer_wrote():
    written = {"departure_date": "2026-05-01", "departure_address": "Chinatown"}
    sold = order(lines=(line(1, units=2, data={"order_extra": written}),))
    client, link = client_of("tours4fun"), link_of("tours4fun")
    by_head, by_ticket = job("7", sold), job("7", sold, data={"ticket": 15021})
    assert client.unfit(by_head, link) == ""
    body = client.place(link, by_head, ()).request.body
    assert (body["departure_date"], body["departure_address"]) == ("2026-05-01", "Chinatown")
    assert body["adult"] == 2
    assert body["contact"]["first_name"] == "Ann"
    tickets_ = client.place(link, by_ticket, ()).request.body["tickets"]
    assert tickets_ == [{"sku_id": 15021, "count": 2}]


# --- every request, by the vendor's documents

NUMBERS = {"mews": ACCOUNT, "sitecore_cdp": ACCOUNT}


def every_step(name: str, wanted: Job, link: Link) -> list[Ask | Send]:
    """The first step of each talk. What follows is played with hubs of ours."""
    client, there = client_of(name), Placed(NUMBERS.get(name, "1000000371651"))
    talks: list[tuple[str, tuple[Any, ...]]] = [
        ("place", (wanted,)),
        ("find", (wanted, SPAN)),
        ("finish", (wanted, there)),
        ("probe", ()),
        ("items", ()),
        ("news", (SPAN, (there,))),
        ("cancel", (wanted, there, {})),
        ("refund", (wanted, there, {}, None)),
    ]
    if client.tells_windows:
        talks.append(("news", (SPAN, ())))
    steps = []
    for talk, args in talks:
        if not hasattr(Client, talk) or getattr(type(client), talk) is not getattr(Client, talk):
            step = getattr(client, talk)(link, *args, ())
            if isinstance(step, Ask | Send):
                steps.append(step)
    return steps


@pytest.mark.parametrize("name", JOBS)
def test_every_first_call_is_one_that_the_vendor_documents(name):
    for step in every_step(name, JOBS[name], link_of(name)):
        assert why_not(name, step) == [], step


def test_the_check_sees_what_the_vendor_does_not_document():
    good = client_of("kakaclo").place(link_of("kakaclo"), JOBS["kakaclo"], ()).request
    for wrong in (
        replace(good, path="/openapi/v1/order/create"),
        replace(good, body={**good.body, "orderItems": []}),
        replace(good, body={**good.body, "orderItemsList": [{"sku": "S", "quantity": 0}]}),
        replace(good, query=(("page", "1"),)),
    ):
        assert why_not("kakaclo", Send(wrong)) != []
    assert why_not("kakaclo", Ask(good)) != []


def test_mews_calls_fit_the_contract_that_the_vendor_publishes():
    link = link_of("mews", pricing="Net", tax_codes="US-DC-G, US-MA-S")
    seen = set()
    for step in every_step("mews", JOBS["mews"], link):
        signed = client_of("mews").signed(link, step.request, 0)
        operation = step.request.path.removeprefix("/api/connector/v1/")
        problems = list(vendor_problems(operation, json.loads(signed.body)))
        assert problems == [], operation
        seen.add(operation)
    assert {"orders/add", "orderItems/getAll", "configuration/get", "products/getAll"} <= seen


def vendor_problems(operation: str, body: Any) -> list[str]:
    validator = jsonschema_rs.validator_for(
        json_schema(OPERATIONS[operation]["takes"]), validate_formats=True
    )
    return [str(each)[:300] for each in validator.iter_errors(body)]


# --- credentials


@pytest.mark.parametrize("name", SECRETS)
def test_credentials_are_named_as_the_conformance_kit_names_them(name):
    options = {each.name: each.about for each in conformance_of(name).client.options}
    named = {each.name for each in client_of(name).credentials}
    assert set(options) <= named
    assert named - set(options) <= {"user_name", "password"}


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_stands_in_anything_that_can_be_shown(name):
    client, link = client_of(name), link_of(name)
    secrets = [text for text in SECRETS[name].values() if text.endswith("secret")]
    for step in every_step(name, JOBS[name], link):
        signed = client.signed(link, step.request, NOW_S * SECOND)
        whole = f"{signed.target} {signed.headers} {signed.body!r}"
        for shown in (repr(step), repr(signed), repr(link), str(step.request)):
            assert not any(secret in shown for secret in secrets), shown
        assert whole != repr(signed)
    logged_in = LoggedIn("tok-secret", 9.0)
    assert "tok-secret" not in repr(logged_in)


def test_tours_are_signed_as_the_document_says():
    request = Request(path="/v2/order/list", body={"page": 1, "page_size": 10})
    signed = client_of("tours4fun").signed(link_of("tours4fun", lang="en"), request, NOW_S * SECOND)
    given = {"scheme": "tours4fun", **SECRETS["tours4fun"]}
    expected = signature(given, signed.body, NOW_S)
    path, _, query = signed.target.partition("?")
    assert path == "/v2/order/list"
    assert dict(each.split("=") for each in query.split("&")) == {**expected, "lang": "en"}


def test_a_shops_password_is_put_in_when_the_call_is_made():
    client = client_of("anqicms")
    link = Link(credentials={"user_name": "ann", "password": "pw-secret"})
    step = client.login(link, ())
    assert isinstance(step, Ask)
    assert "pw-secret" not in repr(step)
    signed = client.signed(link, step.request, 0)
    assert json.loads(signed.body)["password"] == "pw-secret"
    nobody = client.login(Link(), ())
    assert isinstance(nobody, Blocked)
    assert nobody.is_login


# --- lists


def test_a_list_is_read_to_its_end_and_no_further_than_is_needed():
    client, link = client_of("anqicms"), link_of("anqicms")

    def page(first: int, at: int, note: str = "") -> Answer:
        rows = [{"order_id": str(first + n), "created_time": at, "remark": note} for n in range(50)]
        return answer(200, {"code": 0, "data": rows, "total": 9_999})

    wanted = JOBS["anqicms"]
    new, old = page(0, NOW_S), page(50, NOW_S - 3_600)
    second = client.find(link, wanted, SPAN, (new,))
    assert isinstance(second, Ask)
    assert second.request.query[0] == ("current", "2")
    assert client.find(link, wanted, SPAN, (new, old)) == Found()
    marked = page(50, NOW_S - 3_600, f"x {MARKER}")
    assert len(client.find(link, wanted, SPAN, (new, marked)).candidates) == 50
    endless = client.find(link, wanted, SPAN, (new,) * 100)
    assert isinstance(endless, Doubt)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("anqicms", lambda rows: rows),
        ("tours4fun", lambda rows: {"order_list": rows}),
    ],
)
def test_sales_of_long_ago_that_were_written_down_today_do_not_end_a_list(name, rows):
    """The newest orders of a vendor are not all made lately: an import, or a till that was offline."""

    def page(changed: str) -> Answer:
        days = {"now": NOW_S, "long ago": NOW_S - 86_400}
        local = {
            day: f"{datetime.fromtimestamp(at, UTC) + timedelta(hours=8):%F %T}"
            for day, at in days.items()
        }
        row = {
            "created_time": days["long ago"],
            "created_at": local["long ago"],
            "updated_time": days[changed],
            "updated_at": local[changed],
        }
        return answer(200, {"code": 0, "data": rows([{"order_id": n, **row} for n in range(50)])})

    client, link = client_of(name), link_of(name)
    assert isinstance(client.find(link, JOBS[name], SPAN, (page("now"),)), Ask)
    assert client.find(link, JOBS[name], SPAN, (page("long ago"),)) == Found()


def test_a_long_window_is_asked_for_in_stretches_that_the_vendor_takes():
    client, link = client_of("mews"), link_of("mews")
    long = Window(0, 200 * 86_400 * SECOND)
    nothing = answer(200, {"OrderItems": [], "Cursor": None})
    intervals = []
    for count in range(3):
        step = client.find(link, JOBS["mews"], long, (nothing,) * count)
        intervals.append(step.request.body["CreatedUtc"])
    assert client.find(link, JOBS["mews"], long, (nothing,) * 3) == Found()
    assert [each["EndUtc"] for each in intervals[:-1]] == [
        each["StartUtc"] for each in intervals[1:]
    ]


# --- news


def test_kakaclos_parcels_are_told_once_they_have_a_number():
    parcel: dict[str, Any] = {
        "id": "KA1_1",
        "carrier": "Yanwen",
        "trackingCode": None,
        "items": [{"skuCode": "S", "productNum": 2}],
    }
    shown: dict[str, Any] = {
        "id": "11",
        "status": "processing",
        "fulfillmentStatus": "partially_shipped",
        "refundStatus": "NULL",
        "fulfillments": [parcel],
        "orderItems": [],
    }

    def told() -> tuple[News, ...]:
        listed = answer(200, {"code": 10000, "data": {"total": 1, "list": [shown]}})
        end = client_of("kakaclo").news(link_of("kakaclo"), SPAN, (Placed("11"),), (listed,))
        assert isinstance(end, Told)
        return end.news

    assert told() == ()
    parcel["trackingCode"] = "YW1"
    assert told() == (
        News(number="11", kind="shipped", id="KA1_1", units={"S": 2}, carrier="Yanwen", tracking="YW1"),
    )  # fmt: skip
    shown["orderItems"] = [{"skuCode": "S", "productNum": 3, "refundedNum": 1}]
    assert told()[1] == News(number="11", kind="refunded", id="refunded:1", units={"S": 1})
    shown |= {"status": "completed", "fulfillmentStatus": "completed"}
    assert [each.kind for each in told()] == ["shipped", "completed", "refunded"]
    shown |= {"status": "cancel", "refundStatus": "refunded"}
    assert told()[-1] == News(number="11", kind="refunded", id="refunded")


@pytest.mark.parametrize(
    ("status", "kinds"),
    [
        ("waiting_to_ship", []),
        ("waiting_toship", []),
        ("refunding", []),
        ("delivered", ["completed"]),
        ("cancel", ["cancelled"]),
        ("refunded", ["refunded"]),
    ],
)
def test_kakaclos_first_version_has_one_word_for_all(status, kinds):
    shown = {"id": 11, "status": status, "fulfillments": None, "orderItems": []}
    listed = answer(200, {"code": 10000, "data": {"total": 1, "list": [shown]}})
    end = client_of("kakaclo").news(link_of("kakaclo", version="1"), SPAN, (), (listed,))
    assert [each.kind for each in end.news] == kinds


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        (100, []), (200, []), (320, []), (330, []), (340, ["shipped"]), (600, []),
        (500, ["shipped", "completed"]), (610, ["refunded"]), (700, ["cancelled"]), (999, []),
    ],
)  # fmt: skip
def test_the_codes_of_tours(code, kinds):
    shown = answer(200, {"code": 0, "data": {"order_status": code}})
    end = client_of("tours4fun").news(link_of("tours4fun"), SPAN, (Placed("7"),), (shown,))
    assert [each.kind for each in end.news] == kinds


def test_mews_webhooks_name_orders():
    event = {"Discriminator": "ServiceOrderUpdated", "Value": {"Id": "ABC"}}
    other = {"Discriminator": "CustomerUpdated", "Value": {"Id": "DEF"}}
    message = {"EnterpriseId": "e", "IntegrationId": "i", "Events": [event, other, event]}
    mews = client_of("mews")
    assert mews.heard(json.dumps(message).encode()) == ("abc",)
    for wrong in (b"", b"[]", b"{}", b"<html>", b'{"Events": 1}'):
        assert mews.heard(wrong) is None
    assert not client_of("kakaclo").has("heard")


def test_what_every_client_is_tried_with_is_written_down():
    """Each dialect's README says what its client does, and what it was tried against."""
    folder = Path(__file__).parents[2] / "src" / "orderhub" / "dialects"
    for name in JOBS:
        text = (folder / name / "README.md").read_text()
        assert "## The hub as a client" in text, name
        assert "live system was not" in " ".join(text.split()), name


def test_the_unit_price_of_a_charge_is_on_the_side_of_the_tax_that_the_property_has():
    taxed = replace(line(1), unit_net=D(10), unit_gross=D(12))
    wanted = job(
        PRODUCT, order(lines=(taxed, line(2, "Coupon", 1, kind=LineKind.DISCOUNT, price=D(-1))))
    )
    for pricing, name, price in (("Net", "NetValue", 10), ("Gross", "GrossValue", 12)):
        body = client_of("mews").place(link_of("mews", pricing=pricing), wanted, ()).request.body
        assert body["ProductOrders"][0]["UnitAmount"][name] == price
    theirs = link_of("mews", prices="theirs")
    body = client_of("mews").place(theirs, wanted, ()).request.body
    assert "UnitAmount" not in body["ProductOrders"][0]


def test_tickets_keep_their_own_ids_unless_a_listing_says_otherwise():
    sold = order(doc=doc(tickets(99), contact=ANN))
    client, link = client_of("tours4fun"), link_of("tours4fun")
    plain = client.place(link, job("7", sold), ()).request.body["tickets"]
    named = client.place(link, job("7", sold, data={"tickets": {"99": 1}}), ()).request.body[
        "tickets"
    ]
    assert (plain, named) == ([{"sku_id": 99, "count": 2}], [{"sku_id": 1, "count": 2}])
