"""Products, stocks, categories and freight beyond the golden pairs."""

from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from orderhub.core.catalogue import Product, Variant, keys_of_variant
from orderhub.core.commands import RecordChange
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.freight import FreightRate, keys_of_rate
from orderhub.demo import seed
from orderhub.dialects.finding import find_dialects
from orderhub.dialects.kakaclo import catalogue
from orderhub.dialects.sandbox import DemoBusiness, DemoPool
from orderhub.ledger.ledger import Ledger
from orderhub.seeding import Seeder
from orderhub.web.port import Cipher
from tests.dialects.kakaclo.shop import V1, V2, Seller, order_of
from tests.support.hub import SECRET_KEY, running_hub

PRODUCTS = "/openapi/v1/product/products"
STOCKS = "/openapi/v1/product/stocks"

HAT = Product(
    id=50,
    code="HAT",
    title="Hat",
    price=Decimal("5.98"),
    stocked=True,
    weight_g=150,
    data={"updateTime": "2022-01-07T03:29:18Z", "salesVolume": 501, "option1": "one"},
)
GONE = Product(
    id=51,
    code="GONE",
    title="Gone",
    stocked=True,
    active=False,
    data={"skuStatus": 3, "updateTime": 20220107},
)
IN_TEXTS = Product(
    id=52,
    code="CAP",
    title="Cap",
    price=Decimal(4),
    data={"salesVolume": "500", "cost": "3.5", "packageLength": "12", "skuStatus": "4"},
)
SIZES = tuple(
    Variant(id=n, product_id=50, code=f"HAT_{size}", title=f"Hat {size}", price=Decimal(n))
    for n, size in ((60, "S"), (61, "L"))
)
EXPRESS = FreightRate(
    id=9, code="WB004", channel="Express", base=Decimal(20), days=5, delivery="3~5 Business Days"
)
TO_FRANCE = FreightRate(id=10, code="WB001", country="FR", base=Decimal(1), days=9)
# Another of the standard kind, which only who names it gets.
BY_SEA = FreightRate(id=11, code="SEA", country="FR", base=Decimal(3), days=40)


def _record(kind, doc, **more):
    return RecordChange(kind=kind, id=doc.id, code=doc.code, doc=doc, **more)


MORE = DemoBusiness(
    name="dropship",
    records=(
        _record("product", HAT),
        _record("product", GONE),
        _record("product", IN_TEXTS),
        *(_record("variant", each, keys=keys_of_variant(each)) for each in SIZES),
        *(_record("freight_rate", r, keys=keys_of_rate(r)) for r in (EXPRESS, TO_FRANCE, BY_SEA)),
    ),
    pools=(
        DemoPool("stock", "variant:60", "G007", 30),
        DemoPool("stock", "variant:61", "US01", 4),
    ),
)


@asynccontextmanager
async def opened(where, more):
    """The demo's business and more, as its seller sees it."""
    ledger = Ledger.open(f"sqlite:///{where / 'hub.sqlite'}", RECORD_TYPES)
    cipher = Cipher(SECRET_KEY)
    seed(ledger, cipher, find_dialects())
    tenant = ledger.read(lambda reads: reads.tenant("dropship"))
    Seeder(ledger, cipher).business(tenant.id, more)
    ledger.close()
    async with running_hub(where) as hub:
        yield Seller(hub)


@pytest.fixture(scope="module")
async def seller(tmp_path_factory):
    async with opened(tmp_path_factory.mktemp("catalogue"), MORE) as one:
        yield one


async def test_a_product_lists_its_skus_with_their_own_price_and_stock(seller):
    for query in ({"spus": "HAT"}, {"skus": "HAT_L"}):
        (hat,) = (await seller.page(PRODUCTS, **query))["list"]
        skus = [(s["sku"], s["price"], s["stock"], s["skuStatus"]) for s in hat["skuDetails"]]
        assert skus == [("HAT_S", 60, 30, 1), ("HAT_L", 61, 4, 1)]
        assert (hat["price"], hat["stock"], hat["salesVolume"]) == (60, 34, 501)


async def test_a_product_that_is_not_sold_says_so_and_cannot_be_ordered(seller):
    (gone,) = (await seller.page(PRODUCTS, spus="GONE"))["list"]
    assert (gone["spuStatus"], gone["skuDetails"][0]["skuStatus"]) == (3, 3)
    answer = await seller.post(V1, order_of(("GONE", 1)))
    assert answer.json() == {
        "code": 10001,
        "message": "orderItemsList[0].sku: sku is off the shelf",
    }


async def test_what_is_asked_for_by_name_is_paged_too(seller, monkeypatch):
    monkeypatch.setattr(catalogue, "PAGE_SIZE", 2)
    query = {"spus": "HAT,MUG_WHT", "skus": "TS_RED_M"}
    first, second, third = [
        await seller.page(PRODUCTS, **query, **page)
        for page in ({}, {"pageNumber": 2}, {"pageNumber": 3})
    ]
    assert [each["pageNumber"] for each in (first, second, third)] == [1, 2, 3]
    assert {each["total"] for each in (first, second, third)} == {3}
    found = [each["spu"] for page in (first, second) for each in page["list"]]
    assert sorted(found) == ["HAT", "MUG_WHT", "TS_RED_M"]
    assert third["list"] == []


@pytest.mark.parametrize(
    ("query", "has_hat"),
    [
        ({"dateStartTime": "2022-01-07T00:00:00Z", "dateEndTime": "2022-01-07T01:00:00Z"}, True),
        ({"dateStartTime": "2022-01-08", "dateEndTime": "2022-01-09"}, False),
    ],
)
async def test_products_are_found_by_the_days_they_changed(seller, query, has_hat):
    found = (await seller.page(PRODUCTS, pageNumber=1, **query))["list"]
    assert ("HAT" in {each["spu"] for each in found}) is has_hat
    assert "MUG_WHT" in {each["spu"] for each in found}  # may have changed at any time


@pytest.mark.parametrize(
    ("sort", "key"),
    [("price", "price"), ("stock", "stock"), ("salasVolume", "salesVolume")],
)
async def test_products_are_sorted_as_asked(seller, sort, key):
    for by in ("asc", "desc"):
        query = {"spus": "HAT,MUG_WHT,TS_RED_M", "sortType": sort, "sortBy": by}
        values = [each[key] for each in (await seller.page(PRODUCTS, **query))["list"]]
        assert values == sorted(values, reverse=by == "desc")


async def test_numbers_that_are_kept_as_texts_are_shown_as_numbers(seller):
    (cap,) = (await seller.page(PRODUCTS, spus="CAP"))["list"]
    (sku,) = cap["skuDetails"]
    assert (cap["salesVolume"], sku["cost"], sku["packageLength"]) == (500, 3.5, 12)
    assert (sku["skuStatus"], sku["packageWidth"]) == (4, None)
    query = {"spus": "CAP,HAT,MUG_WHT", "sortType": "salasVolume", "sortBy": "desc"}
    found = (await seller.page(PRODUCTS, **query))["list"]
    assert [each["spu"] for each in found] == ["HAT", "CAP", "MUG_WHT"]


async def test_products_are_sorted_by_their_last_update_whatever_their_data_hold(seller):
    query = {"spus": "MUG_WHT,GONE,HAT", "sortBy": "asc"}
    found = (await seller.page(PRODUCTS, **query))["list"]
    assert [each["updateTime"] for each in found] == [None, "2022-01-07T03:29:18Z", 20220107]


async def test_a_page_of_products_has_the_skus_of_each_however_they_are_sorted(seller):
    for sort in ("updateTime", "price"):
        query = {"dateStartTime": "2022-01-07", "dateEndTime": "2022-01-07", "sortType": sort}
        found = (await seller.page(PRODUCTS, pageNumber=1, **query))["list"]
        skus = {each["spu"]: [sku["sku"] for sku in each["skuDetails"]] for each in found}
        assert (skus["HAT"], skus["MUG_WHT"]) == (["HAT_S", "HAT_L"], ["MUG_WHT"])


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        (PRODUCTS, {}, "spus"),
        (PRODUCTS, {"categoryId": "x", "pageNumber": 1}, "categoryId"),
        (PRODUCTS, {"categoryId": "1"}, "pageNumber"),
        (PRODUCTS, {"spus": "HAT", "sortType": "beauty"}, "sortType"),
        (PRODUCTS, {"spus": "HAT", "sortBy": "up"}, "sortBy"),
        (PRODUCTS, {"skus": ",".join(map(str, range(31)))}, "skus"),
        (STOCKS, {"skus": "x" * 65}, "skus"),
        (STOCKS, {"skus": "HAT", "pageNumber": "false"}, "pageNumber"),
        (PRODUCTS, {"spus": "HAT", "pageNumber": 0}, "pageNumber"),
        (STOCKS, {"dateStartTime": "2022-01-07"}, "dateEndTime"),
        (STOCKS, {"dateStartTime": "2022-01-07", "dateEndTime": "2022-01-01"}, "dateStartTime"),
        (STOCKS, {"dateStartTime": "0001-01-01T00:00:00+14:00", "dateEndTime": "x"}, "dateEndTime"),
        (STOCKS, {"dateStartTime": "2022-01-07", "dateEndTime": "2022-01-08"}, "pageNumber"),
        (STOCKS, {"dateEndTime": "2022-01-08", "pageNumber": 1}, "dateStartTime"),
    ],
)
async def test_a_bad_query_names_its_field(seller, path, query, field):
    answer = await seller.get(path, **query)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(f"{field}: ")


async def test_stocks_by_time_list_every_sku(seller):
    query = {"dateStartTime": "2022-01-07", "dateEndTime": "2022-01-08", "pageNumber": 1}
    page = await seller.page(STOCKS, **query)
    assert {"HAT_S", "HAT_L", "MUG_WHT"} <= {each["sku"] for each in page["list"]}
    assert page["total"] == len(page["list"])
    assert (await seller.page(STOCKS, **{**query, "pageNumber": 2}))["list"] == []


@pytest.mark.parametrize(
    ("asked", "places"),
    [("us01", ["US01"]), (" US01 ", ["US01"]), ("", ["G007", "US01"]), ("X9", [])],
)
async def test_stock_is_told_of_one_warehouse_named_in_any_case(seller, asked, places):
    (mug,) = (await seller.page(STOCKS, skus="MUG_WHT", warehouseCode=asked))["list"]
    assert [each["warehouseCode"] for each in mug["warehouseStockList"]] == places


async def test_the_code_of_a_product_with_variants_is_no_sku(seller):
    listing = (await seller.page(STOCKS, skus="HAT,HAT_S,CAP"))["list"]
    assert [each["sku"] for each in listing] == ["HAT_S", "CAP"]
    assert (await seller.post(V1, order_of(("HAT", 1)))).json()["code"] == 10001


# The vendor's table (products.md): what the SKUs of a product are, what the product is.
@pytest.mark.parametrize(
    ("of_skus", "status"),
    [
        ({0}, 0),
        ({0, 1, 2, 3, 6}, 1),
        ({2}, 2),
        ({3}, 3),
        ({0, 2, 3, 6}, 6),
        ({2, 3}, 0),
        ({0, 4}, 1),
        (set(), 0),
    ],
)
def test_a_product_is_on_the_shelf_as_its_skus_are(of_skus, status):
    assert catalogue._spu_status(of_skus) == status


@pytest.mark.parametrize("is_active", [True, False])
async def test_a_product_whose_variants_are_all_off_the_shelf_is_listed_as_what_is_sold(
    tmp_path, is_active
):
    product = Product(id=53, code="PP", price=Decimal(5), stocked=True, active=is_active)
    off = Variant(id=63, product_id=53, code="PP-V", title="PP V", active=False)
    more = DemoBusiness(
        name="dropship",
        records=(
            _record("product", product),
            _record("variant", off, keys=keys_of_variant(off)),
        ),
        pools=(DemoPool("stock", "product:53", "G007", 9),),
    )
    async with opened(tmp_path, more) as seller:
        days = {"dateStartTime": "2022-08-01", "dateEndTime": "2030-01-01", "pageNumber": 1}
        for query in ({"spus": "PP"}, {"skus": "PP-V"}, {**days}):
            found = (await seller.page(PRODUCTS, **query))["list"]
            (shown,) = (each for each in found if each["spu"] == "PP")
            skus = [(s["sku"], s["stock"], s["skuStatus"]) for s in shown["skuDetails"]]
            assert skus == [("PP", 9, int(is_active)), ("PP-V", 0, 0)]
            assert (shown["spuStatus"], shown["stock"]) == (int(is_active), 9)
        named = (await seller.page(STOCKS, skus="PP,PP-V"))["list"]
        listed = (await seller.page(STOCKS, **days))["list"]
        assert [each for each in listed if each["sku"].startswith("PP")] == named
        codes = [
            (await seller.post(V1, order_of((sku, 1)))).json()["code"] for sku in ("PP", "PP-V")
        ]
        assert codes == [10000 if is_active else 10001, 10001]


async def test_what_lies_in_a_closed_warehouse_is_no_stock(seller):
    path = "/hub/v1/tenants/dropship/catalogue/warehouses/2"
    operator = {"Authorization": "Bearer hub-demo-operator"}
    warehouse = (await seller.hub.get(path, headers=operator)).json()["doc"]
    before = await seller.stock("MUG_WHT")
    for is_open, shown in ((False, {"US01": before["US01"]}), (True, before)):
        doc = {**warehouse, "active": is_open}
        put = await seller.hub.request("PUT", path, json={"doc": doc}, headers=operator)
        assert put.status_code == 200, put.text
        assert await seller.stock("MUG_WHT") == shown
        (mug,) = (await seller.page(PRODUCTS, spus="MUG_WHT"))["list"]
        assert mug["stock"] == sum(shown.values())


async def test_channels_come_fastest_first_each_with_its_own_rate(seller):
    question = {"products": [{"sku": "HAT_S", "quantity": 2}], "shipToCountry": "FR"}
    answer = await seller.post(f"{V2}/channel", question)
    rows = [
        (c["channelCode"], c["channelType"], c["estimatedFreight"]) for c in answer.json()["data"]
    ]
    assert rows == [("WB004", "Express", 20), ("WB001", "Standard", 1), ("SEA", "Standard", 3)]


@pytest.mark.parametrize("asked", [{}, {"warehouseCode": "G007"}])
async def test_once_the_default_warehouse_is_closed_freight_is_from_another(seller, asked):
    question = {"products": [{"sku": "HAT_L", "quantity": 1}], "shipToCountry": "FR", **asked}
    usual = (await seller.post(f"{V2}/channel", question)).json()
    path = "/hub/v1/tenants/dropship/catalogue/warehouses/2"
    operator = {"Authorization": "Bearer hub-demo-operator"}
    warehouse = (await seller.hub.get(path, headers=operator)).json()["doc"]
    assert warehouse["code"] == "G007"
    for is_open in (False, True):
        doc = {**warehouse, "active": is_open}
        put = await seller.hub.request("PUT", path, json={"doc": doc}, headers=operator)
        assert put.status_code == 200, put.text
        assert (await seller.post(f"{V2}/channel", question)).json() == usual


async def test_an_order_pays_for_the_channel_it_asked_for(seller):
    express = await seller.create(("HAT_S", 1), channelType="Express")
    assert (await seller.shown(express))["freightAmount"] == 20
    usual = await seller.create(("HAT_S", 1), channelCode="none such")
    assert (await seller.shown(usual))["freightAmount"] == 1


async def test_a_split_quote_is_what_the_order_then_costs(seller):
    items = (("HAT_S", 1), ("HAT_L", 1))
    question = {
        "products": [{"sku": sku, "quantity": n} for sku, n in items],
        "shipToCountry": "FR",
    }
    quotes = (await seller.post(f"{V2}/channel/automationSplit", question)).json()["data"]
    costs = {each["channelType"]: each["estimatedFreight"] for each in quotes}
    assert costs == {"Express": 40, "Standard": 2}
    for channel, freight in costs.items():
        number = await seller.create(*items, channelType=channel)
        assert (await seller.shown(number))["freightAmount"] == freight


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/openapi/v1/order/logisticsChannel", {}, 400, 400),
        (f"{V2}/channel", {"products": 1, "shipToCountry": "FR"}, 400, 400),
        (f"{V2}/channel", {"products": [], "shipToCountry": "FR"}, 400, 400),
        (
            f"{V2}/channel",
            {"products": [{"sku": "NONE", "quantity": 1}], "shipToCountry": "FR"},
            200,
            10001,
        ),
        (
            f"{V2}/channel/automationSplit",
            {"products": [{"sku": "HAT_S", "quantity": 99}], "shipToCountry": "FR"},
            200,
            10002,
        ),
    ],
)
async def test_a_quote_fails_like_an_order(seller, path, body, status, code):
    answer = await seller.post(path, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
