"""Every code of the vendor's table leaves the hub through a call."""

import re
from collections.abc import Iterator
from importlib.resources import files

import pytest
import structlog
from structlog.testing import capture_logs

from orderhub.core.refusals import Reason
from orderhub.core.values import Status
from orderhub.dialects.contract import FaultKind
from orderhub.dialects.spelling import spelled
from orderhub.dialects.tours4fun import DIALECT, words
from tests.dialects.tours4fun.shop import HUB_TOKEN, ORDER, TICKETS, code, open_shop, post

README = files("orderhub.dialects.tours4fun") / "README.md"
FULL = [{"adult": 4}] * 11
GUEST = ORDER["guest_info"][0]
ADD, CAL, LIST = "/v2/order/add", "/v2/order/cal", "/v2/order/list"
DETAIL, CANCEL, RATE = "/v2/order/detail", "/v2/order/cancel", "/ttd/rate"
PRODUCT = "/v2/product/detail"
DATES, EXTRAS, MEET = (
    "/v2/product/availabilities", "/v2/product/upgrades", "/v2/product/departure",
)  # fmt: skip
PRODUCTS = "/v2/product/list"


def without(name):
    return {key: value for key, value in ORDER.items() if key != name}


def order(**changes):
    return {**ORDER, **changes}


CASES = [
    # path, body, code
    (ADD, order(product_id=1), 20001),
    (ADD, order(product_id=509), 20001),
    (ADD, order(departure_date="2019-04-01"), 20002),
    (ADD, order(departure_date="2019-01-01"), 20002),
    (ADD, order(product_id=506), 20002),
    (ADD, order(upgrades={}), 20003),
    (ADD, order(upgrades={"30100": ["1"]}), 20003),
    (ADD, order(upgrades={"1": ["30577"]}), 20003),
    (ADD, order(upgrades={"30100": ["30577", "30578"]}), 20003),
    (ADD, order(product_id=505), 20005),
    (ADD, without("product_id"), 20007),
    (ADD, without("departure_date"), 20007),
    (ADD, without("departure_address"), 20007),
    (ADD, without("rooms"), 20007),
    (ADD, without("guest_info"), 30001),
    (ADD, without("contact"), 30006),
    (ADD, without("upgrades"), 20003),
    (ADD, order(departure_date="16.01.2019"), 20007),
    (ADD, order(guest_info=[GUEST, {"type": "adult", "firstname_en": "x"}]), 20007),
    (ADD, order(guest_info=[GUEST, {**GUEST, "mobile": " "}]), 20007),
    (ADD, order(guest_info=[GUEST, GUEST | dict.fromkeys(map(str, range(60)))]), 20007),
    (ADD, order(guest_info=[GUEST]), 30001),
    (ADD, order(rooms=[{"adult": 5}], guest_info=[GUEST] * 5), 30001),
    (ADD, order(rooms=FULL, guest_info=[GUEST] * 44), 30001),
    (ADD, order(product_id=502), 30001),
    (ADD, order(product_id=504), 30001),
    (ADD, order(product_id=508), 30001),
    (ADD, {**TICKETS, "tickets": [{"sku_id": 1, "count": 1}]}, 30001),
    (ADD, {**TICKETS, "tickets": [{"sku_id": 15021, "count": 0}]}, 20007),
    (ADD, order(rooms=[{"adult": 0}]), 30005),
    (ADD, order(rooms=[{"kid": 1}]), 30005),
    (ADD, order(rooms=[{"adult": 2}, {"adult": None, "kid": 0}]), 30005),
    (ADD, order(upgrades=""), 20003),
    (ADD, order(upgrades={"30100": ""}), 20003),
    (ADD, order(contact={}), 30006),
    (ADD, order(contact=""), 30006),
    (ADD, order(contact=[]), 30006),
    (ADD, order(contact={**ORDER["contact"], "email": "q.q"}), 30006),
    (ADD, order(contact={**ORDER["contact"], "mobile": ""}), 30006),
    (CAL, order(product_id=1), 20001),
    (CAL, order(departure_date="2019-04-01"), 20002),
    (CAL, order(upgrades=[]), 20003),
    (CAL, order(rooms=[{"adult": 5}]), 20007),
    (CAL, order(rooms=[{"adult": 0}]), 30005),
    (CAL, order(product_id=504), 30002),
    (CAL, order(product_id=508), 30002),
    (CAL, order(product_id=502), 30002),
    (LIST, {}, 20007),
    (LIST, {"page": 0}, 30003),
    (LIST, {"page": 1, "page_size": 101}, 30003),
    (LIST, {"page": 100_001, "page_size": 100}, 30003),
    (LIST, {"page": 1, "order_status": 5}, 20007),
    (DETAIL, {"order_id": 1}, 30004),
    (DETAIL, {}, 20007),
    (CANCEL, {"order_id": 1}, 30007),
    (CANCEL, {"order_id": "x"}, 20007),
    (PRODUCT, {"product_ids": [1]}, 20001),
    (PRODUCT, {"product_ids": []}, 20007),
    (PRODUCT, {"product_ids": list(range(11))}, 20008),
    (DATES, {"product_id": 1}, 20002),
    (EXTRAS, {"product_id": 1, "departure_date": "2019-01-16"}, 20003),
    (EXTRAS, {"product_id": 102202692, "departure_date": "2019-04-16"}, 20002),
    (
        EXTRAS,
        {"product_id": 102202692, "departure_date": "2019-01-16", "currency": "XYZ"},
        20007,
    ),
    (MEET, {"product_id": 1, "departure_date": "2019-01-16"}, 20005),
    (PRODUCTS, {}, 20006),
    (PRODUCTS, {"page_size": 0, "keyword": "a"}, 20006),
    (PRODUCTS, {"keyword": "x" * 101}, 20004),
    (RATE, {"date": "yesterday"}, 20007),
    (RATE, {"date": "2019-01-01 25:00:00"}, 20007),
    ("/v2/order/nothing", {}, 10005),
    ("/ttd/sku", {}, 10005),
]


@pytest.fixture(scope="module")
async def hub(tmp_path_factory):
    async with open_shop(tmp_path_factory.mktemp("codes"), rate_limits=True) as opened:
        yield opened


@pytest.mark.parametrize(("path", "body", "expected"), CASES)
async def test_a_failure_has_its_code_and_an_empty_object(hub, path, body, expected):
    answer = (await post(hub, path, body)).json()
    assert answer == {"code": expected, "msg": words.MESSAGES[expected], "data": {}}


# How a call is made that is turned away at the door, and its code.
TURNED_AWAY = [
    ({"sign": "0" * 32}, 10001),
    ({"appkey": "slow"}, 10002),
    ({"appkey": "sleeping"}, 10003),
    ({"appkey": "nobody"}, 10004),
    ({"appkey": "reader"}, 10005),
    ({"appkey": "blocked"}, 10006),
]


@pytest.mark.parametrize(("made", "expected"), TURNED_AWAY)
async def test_whoever_is_turned_away_hears_why(hub, made, expected):
    # Once would do, but for the app that may call twice a second.
    answers = [(await post(hub, RATE, {}, **made)).json() for _ in range(3)]
    assert answers[-1] == {"code": expected, "msg": words.MESSAGES[expected], "data": {}}


async def test_every_code_of_the_table_is_produced():
    produced = {expected for *_, expected in [*CASES, *TURNED_AWAY]}
    assert produced == set(words.MESSAGES)


async def test_the_exact_reason_is_shown_to_an_app_that_asked_for_it(hub):
    body = order(rooms=[{"adult": 5}], guest_info=[GUEST] * 5)
    answer = (await post(hub, ADD, body, appkey="wordy")).json()
    assert answer["msg"] == "Add Order Failed: 5 persons in a room for 4"


@pytest.fixture
def all_lines_logged() -> Iterator[None]:
    """Other tests quieten the log for the whole session."""
    before = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(0))
    yield
    structlog.configure(wrapper_class=before)


async def test_the_log_carries_the_exact_reason_and_field(hub, all_lines_logged):
    with capture_logs() as lines:
        await post(hub, ADD, order(rooms=[{"adult": 5}], guest_info=[GUEST] * 5))
        await post(hub, CAL, order(rooms=[{"adult": 5}]))
        await post(hub, ADD, order(rooms=[{"adult": 1, "kid": "many"}]))
    shown = [(each.get("reason"), each.get("field"), each.get("detail")) for each in lines]
    full = ("room_too_full", "rooms[0]", "5 persons in a room for 4")
    assert shown == [full, full, (None, None, "rooms[0].kid: type")]


async def test_what_is_wrong_with_a_number_does_not_depend_on_how_it_is_written(hub):
    digits = "9" * 20
    for page in (digits, int(digits), float(digits)):
        assert (await post(hub, LIST, {"page": page})).json()["code"] == 30003
    for page in ("", None):
        answer = (await post(hub, LIST, {"page": page}, appkey="wordy")).json()
        assert answer["msg"] == "Parameter Error: page: missing"


async def test_an_empty_number_of_children_leaves_the_other_spelling(hub):
    full = order(rooms=[{"adult": 3, "kid": "", "child": 2}], guest_info=[GUEST] * 5)
    answer = (await post(hub, ADD, full, appkey="wordy")).json()
    assert answer["msg"] == "Add Order Failed: 5 persons in a room for 4"


async def test_a_wrong_method_gets_the_envelope(hub):
    answer = await hub.get(ADD, headers=HUB_TOKEN)
    assert (answer.status_code, answer.json()["code"]) == (200, 20007)


async def test_a_used_key_with_another_body_is_a_parameter_error(hub):
    headers = {**HUB_TOKEN, "Idempotency-Key": "once"}
    first = await hub.post(ADD, ORDER, headers=headers)
    again = await hub.post(ADD, ORDER, headers=headers)
    assert (first.json()["code"], again.content) == (0, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    other = await hub.post(ADD, order(departure_address="x"), headers=headers)
    assert (other.status_code, other.json()["code"]) == (200, 20007)


async def test_a_retry_signed_anew_under_its_key_is_the_same_order(hub):
    key = {"Idempotency-Key": "signed-once"}
    first = await post(hub, ADD, ORDER, headers=key)
    again = await post(hub, ADD, ORDER, headers=key, t=str(int(first.request.url.params["t"]) + 1))
    assert first.content == again.content


async def test_a_refused_call_binds_no_key(hub):
    key = {"Idempotency-Key": "refused-first"}
    refused = await post(hub, ADD, order(departure_date="2019-04-01"), headers=key)
    assert refused.json()["code"] == 20002
    assert await code(hub, ADD, ORDER, headers=key) == 0


async def test_tables_are_total():
    assert set(words.REFUSALS) == set(Reason)
    assert set(words.FAULTS) == set(FaultKind)
    assert set(words.STATUS_CODES) == set(Status)
    assert {route.path for route in DIALECT.routes} == set(words.FAILED)
    assert set(words.REFUSALS.values()) <= {0, *words.MESSAGES}


async def test_every_status_that_the_vendor_lists_is_understood():
    assert set(words.ORDER_STATUSES) == {
        100, 110, 200, 300, 310, 320, 330, 340, 400, 500, 600, 610, 700,
    }  # fmt: skip
    assert set(words.PRODUCT_STATUSES) == {
        10000, 10010, 25000, 30000, 30010, 30011, 30100, 30200, 30300, 40000, 60000, 60010, 60020,
        60030, 60100, 80000,
    }  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/order/add", "/v1/product/search", "/ttd/order/add", "/v2/order/pay"),
        *("/ctrip/product/detail", "/control_stock/getControlStock"),
    ],
)
async def test_a_call_that_is_not_offered_is_told_so_with_http_200(hub, path):
    assert await code(hub, path, {}) == 10005


@pytest.mark.parametrize(
    ("field", "member"),
    [
        ("guests", "guest_info"),
        ("guests[1].mobile", "guest_info[1].mobile"),
        ("rooms[0].adults", "rooms[0].adult"),
        ("rooms[0].view", "rooms[0].view"),
        ("tickets[2].count", "tickets[2].count"),
        ("others[0].a[1].b", "others[0].a[1].b"),
    ],
)
def test_a_field_is_named_as_the_vendor_names_it(field, member):
    assert spelled(words.FIELDS, field) == member


async def test_status_codes_are_those_of_the_readme():
    table = README.read_text().partition("## Status")[2].partition("##")[0]
    orders, products, sent = {}, {}, {}
    for row in re.findall(r"\| (\w+) \| (\d+) \| (\d+) \|(.*)\|", table):
        name, order_code, product_code, also = row
        status = Status(name)
        sent[status] = (int(order_code), int(product_code))
        for number in (*sent[status], *map(int, re.findall(r"\d+", also))):
            (orders if number < 1_000 else products)[number] = status
    assert (sent, orders, products) == (
        words.STATUS_CODES,
        words.ORDER_STATUSES,
        words.PRODUCT_STATUSES,
    )


async def test_status_codes_lead_back_to_the_status_they_came_from():
    for status, (order_code, product_code) in words.STATUS_CODES.items():
        assert words.ORDER_STATUSES[order_code] is status
        assert words.PRODUCT_STATUSES[product_code] is status
