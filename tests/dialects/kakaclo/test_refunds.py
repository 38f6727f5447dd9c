"""Refunds over HTTP: whole, in part, and how they are listed."""

import pytest

from tests.dialects.kakaclo.shop import ADDRESS, TWO_PARCELS, V1, V2, Seller, order_of
from tests.support.hub import running_hub

AT = "2026-01-02T03:04:05Z"


@pytest.fixture(scope="module")
async def hub(tmp_path_factory):
    async with running_hub(tmp_path_factory.mktemp("refunds")) as running:
        await running.freeze("dropship", AT)
        yield running


@pytest.fixture
def seller(hub):
    return Seller(hub)


@pytest.mark.parametrize("paid", [False, True])
async def test_a_whole_refund_gives_back_balance_and_stock_once(seller, hub, paid):
    before = (await seller.balance(), await seller.stock("TS_BLUE_L"))
    number = await seller.create(*TWO_PARCELS)
    assert await seller.balance() == before[0] - 70
    if paid:
        for uid in await seller.uids(number):
            await hub.pay(uid)
    answer = await seller.post(f"{V1}/{number}/refund", {"remark": "no"})
    assert answer.json()["data"] == f"{number}001"
    again = await seller.post(f"{V2}/{number}/refund", {"remark": "no"})
    assert again.json()["code"] == 10005
    assert (await seller.balance(), await seller.stock("TS_BLUE_L")) == before
    shown = await seller.shown(number, V2)
    assert shown["status"] == "cancel"
    assert shown["refundStatus"] == "refunded", "its balance was drawn, and came back"
    assert {each["refundStatus"] for each in shown["orderItems"]} == {"refunded"}
    assert (shown["refundedAmount"], shown["refundableAmount"]) == (70, 0)


async def test_a_part_is_refunded_by_item_and_country(seller):
    before = (await seller.balance(), await seller.stock("MUG_WHT"))
    number = await seller.create(("MUG_WHT", 8))
    items = (await seller.shown(number, V2))["orderItems"]
    asked = [
        {
            "itemId": each["itemId"],
            "skuCode": each["skuCode"],
            "countryCode": each["countryCode"],
            "quantity": 1,
        }
        for each in items
    ]
    answer = await seller.post(f"{V2}/{number}/refund", {"remark": "x", "orderItems": asked})
    assert answer.json()["data"] == int(f"{number}001")
    shown = await seller.shown(number, V2)
    assert shown["refundStatus"] == "partial_refund"
    assert shown["refundedAmount"] == 20
    assert shown["refundableAmount"] == shown["finalAmount"] - 20
    assert shown["finalAmount"] == (
        shown["subTotalAmount"] + shown["freightAmount"] - shown["couponAmount"]
    )
    assert await seller.stock("MUG_WHT") == {"G007": 1, "US01": 3}
    wrong = [{**asked[0], "countryCode": "US" if asked[0]["countryCode"] == "CN" else "CN"}]
    answer = await seller.post(f"{V2}/{number}/refund", {"orderItems": wrong})
    assert (answer.status_code, answer.json()["code"]) == (404, 404)
    rest = await seller.post(f"{V2}/{number}/refund", {"remark": "all"})
    assert rest.json()["data"] == int(f"{number}002")
    assert (await seller.balance(), await seller.stock("MUG_WHT")) == before
    listing = (await seller.page(f"{V2}/refund/{number}"))["list"]
    assert [each["refundNo"] for each in listing] == [f"{number}001", f"{number}002"]


@pytest.mark.parametrize(
    "body",
    [
        {"orderItems": [{"quantity": 1}]},
        {"orderItems": [{"itemId": "x", "quantity": 1}]},
        {"orderItems": [{"itemId": -1, "quantity": 1}]},
        {"orderItems": "all"},
        {"orderItems": [{"skuCode": "TS_RED_M", "quantity": 0}]},
        {"orderItems": [{"skuCode": "TS_RED_M", "quantity": 1, "countryCode": "ZZ"}]},
        {"orderItems": [{"skuCode": "TS_RED_M", "quantity": 1, "warehouseCode": "G007"}]},
        {"orderItems": [{"skuCode": "TS_RED_M", "quantity": 1, "itemID": 1}]},
        {"remark": True},
        [],
    ],
)
async def test_a_bad_refund_is_a_bad_request(seller, body):
    number = await seller.create(("TS_RED_M", 1))
    answer = await seller.post(f"{V2}/{number}/refund", body)
    assert (answer.status_code, answer.json()["code"]) == (400, 400)


WIDER = [
    {"orderItems": []},
    {"orderItems": None},
    {"orderItems": ""},
    {"OrderItems": {}},
    {"orderitems": [{"skuCode": "MUG_WHT", "quantity": 1}]},
    {"items": [{"skuCode": "MUG_WHT", "quantity": 1}]},
    {"skuCode": "MUG_WHT", "quantity": 1},
    {"remark": "x", "id": "1000000371651"},
]


@pytest.mark.parametrize("body", WIDER)
@pytest.mark.parametrize(
    "path", [f"{V1}/{{}}/refund", f"{V2}/{{}}/refund", "/openapi/AddRefundOrder"]
)
async def test_what_may_have_meant_less_never_refunds_the_whole(seller, path, body):
    number = await seller.create(("MUG_WHT", 2))
    before = await seller.balance(), await seller.stock("MUG_WHT")
    told = {"remark": "x", **body}
    if path.endswith("Order"):
        told |= {"OrderNo": number, "Reason": "other"}
    answer = await seller.post(path.format(number), told)
    assert (answer.status_code, answer.json()["code"]) == (400, 400)
    assert (await seller.balance(), await seller.stock("MUG_WHT")) == before
    whole = await seller.post(f"{V2}/{number}/refund", {"remark": "x"})
    assert whole.json()["code"] == 10000


@pytest.mark.parametrize("country", ["CN_S", "cn_n", "CN"])
async def test_a_refund_names_a_country_as_any_page_wrote_it(seller, country):
    number = await seller.create(*TWO_PARCELS)
    row = next(each for each in (await seller.shown(number, V2))["orderItems"])
    assert row["countryCode"] == "CN"
    item = {"skuCode": row["skuCode"], "quantity": 1, "countryCode": country}
    answer = await seller.post(f"{V2}/{number}/refund", {"remark": "x", "orderItems": [item]})
    assert answer.json()["code"] == 10000, answer.text


@pytest.mark.parametrize(("written", "meant"), [("UK", "GB"), ("uk", "GB"), ("EL", "GR")])
async def test_a_country_may_be_written_as_shops_and_tax_offices_do(seller, written, meant):
    body = order_of(("TS_RED_M", 1), orderAddresses={**ADDRESS, "country": written})
    number = (await seller.post(V1, body)).json()["data"]
    assert (await seller.shown(number))["shippingAddress"]["country"] == meant
    asked = {"products": [{"sku": "TS_RED_M", "quantity": 1}], "shipToCountry": written}
    freight = await seller.post("/openapi/v2/order/orders/channel", asked)
    assert freight.json()["code"] == 10000


async def test_a_country_that_is_denied_is_denied_by_any_of_its_codes(hub):
    await hub.settings("dropship", dialects={"kakaclo": {"denied_countries": ["UK"]}})
    seller = Seller(hub)
    for written in ("UK", "GB"):
        body = order_of(("TS_RED_M", 1), orderAddresses={**ADDRESS, "country": written})
        assert (await seller.post(V1, body)).json()["code"] == 10003
    await hub.settings("dropship", dialects={"kakaclo": {}})


LENIENT = [
    {"orderAddresses": {**ADDRESS, "recipient": f"  {'x' * 32}  "}},  # blanks are no letters
    {"orderAddresses": {**ADDRESS, "recipient": "e\u0301" * 32}},  # 64 code points, 32 letters
    {"orderItemsList": {"0": {"sku": "TS_RED_M", "quantity": 1}}},  # PHP's forced object
    {"orderItemsList": [{"sku": " TS_RED_M\n", "quantity": 1}]},
    {"orderItemsList": [{"sku": "TS_RED_M", "quantity": "1.00"}]},
    {"orderAddresses": {**ADDRESS, "zip": 75001, "phone": 33782246793}, "remark": 7},
]


@pytest.mark.parametrize("change", LENIENT)
async def test_what_is_meant_is_taken(seller, change):
    answer = await seller.post(V1, {**order_of(("TS_RED_M", 1)), **change})
    assert answer.json()["code"] == 10000, answer.text


STRICT = [
    ({"orderAddresses": [], "orderAddress": ADDRESS}, 400),  # sent and empty is not absent
    ({"orderAddresses": {**ADDRESS, "recipient": "x" * 33}}, 400),
    ({"orderItemsList": {"a": {"sku": "TS_RED_M", "quantity": 1}}}, 400),
    ({"orderItemsList": [{"sku": "ts_red_m", "quantity": 1}]}, 10001),  # case counts in a SKU
]


@pytest.mark.parametrize(("change", "code"), STRICT)
async def test_what_is_not_meant_is_not(seller, change, code):
    answer = await seller.post(V1, {**order_of(("TS_RED_M", 1)), **change})
    assert answer.json()["code"] == code, answer.text


@pytest.mark.parametrize("pin", ["us01", " US01 ", "US01"])
async def test_a_warehouse_is_named_in_any_case(seller, pin):
    items = [{"sku": "MUG_WHT", "quantity": 1, "warehouseCode": pin}]
    answer = await seller.post(V1, {**order_of(), "orderItemsList": items})
    shown = await seller.shown(answer.json()["data"])
    assert shown["warehouseCode"] == "US01"
    asked = {"products": [{"skuCode": "MUG_WHT", "quantity": 1}], "termini": "FR"}
    path = "/openapi/v1/order/logisticsChannel"
    freight = await seller.post(path, {**asked, "warehouseCode": pin})
    assert freight.json()["code"] == 10000, freight.text


async def test_a_warehouse_that_is_pinned_ships_or_nobody_does(seller):
    """A wish that costs other freight is not set aside behind the buyer's back."""
    items = [{"sku": "TS_RED_M", "quantity": 1, "warehouseCode": "US01"}]
    assert (await seller.stock("TS_RED_M")).get("US01", 0) == 0
    answer = await seller.post(V1, {**order_of(), "orderItemsList": items})
    assert answer.json()["code"] == 10002


@pytest.mark.parametrize("number", ["1", "abc", "1000000000001", "%F0%9F%98%80"])
async def test_an_unknown_order_is_not_found(seller, number):
    answer = await seller.post(f"{V1}/{number}/refund", {"remark": "x"})
    assert (answer.status_code, answer.json()) == (404, {"code": 404, "message": "order not found"})
    assert (await seller.get(f"{V2}/refund/{number}")).status_code == 404


async def test_a_list_of_refunds_leaves_out_what_is_not_known(seller):
    path = "/openapi/order/refund"
    number = await seller.create(("TS_RED_M", 1))
    refund = (await seller.post(f"{V1}/{number}/refund", {"remark": "x"})).json()["data"]
    for query in (
        {"ids": f"{number},1000000999999"},
        {"ids": f"1000000999999,{number}"},
        {"refundNo": f"{number}999,{refund}"},
    ):
        assert [each["refundNo"] for each in await seller.page(path, **query)] == [refund]
    assert await seller.page(path, ids="1000000999999") == []


async def test_the_drafts_list_of_refunds_is_a_page_where_one_is_asked_for(seller):
    path = "/openapi/order/refund"
    number = await seller.create(*TWO_PARCELS)
    first, second = (each["id"] for each in (await seller.shown(number))["subOrders"])
    for of in (number, second, number):
        item = {"skuCode": "TS_BLUE_L", "quantity": 1}
        answer = await seller.post(f"{V2}/{of}/refund", {"orderItems": [item]})
        assert answer.json()["code"] == 10000
    whole = await seller.page(path, ids=number)
    assert len(whole) == 3
    assert await seller.page(path, ids=number, pageSize=2) == whole[:2]
    assert await seller.page(path, ids=number, pageNumber=2, pageSize=2) == whole[2:]
    assert await seller.page(path, ids=number, pageNumber=1, pageSize="") == whole
    assert (await seller.get(path, ids=number, pageNumber=0)).status_code == 400
    for asked in (f"{number},{first},{second}", f"{second},{first},{number}"):
        listed = await seller.page(path, ids=asked)
        assert sorted(listed, key=lambda each: each["refundNo"]) == sorted(
            whole, key=lambda each: each["refundNo"]
        )
        assert all(each["refundNo"].startswith(each["id"]) for each in listed)


async def test_the_refunds_of_an_order_are_paged(seller):
    number = await seller.create(("MUG_WHT", 5))
    for _ in range(4):
        item = {"skuCode": "MUG_WHT", "quantity": 1}
        answer = await seller.post(f"{V2}/{number}/refund", {"orderItems": [item]})
        assert answer.json()["code"] == 10000
    path = f"{V2}/refund/{number}"
    whole = await seller.page(path)
    assert (whole["total"], whole["pageSize"], len(whole["list"])) == (4, 10, 4)
    pages = [await seller.page(path, pageNumber=n, pageSize=3) for n in (1, 2, 3)]
    assert [(each["pageNumber"], len(each["list"])) for each in pages] == [(1, 3), (2, 1), (3, 0)]
    assert pages[0]["list"] + pages[1]["list"] == whole["list"]
    assert (await seller.get(path, pageNumber=0)).status_code == 400
