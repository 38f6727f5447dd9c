"""What is for sale: what has a price, by the SKU where there are any; no price is not a price of 0."""

from decimal import Decimal

import pytest
from sqlalchemy import text

from orderhub.core.commands import RecordChange
from orderhub.core.memberships import UserGroup
from orderhub.dialects.anqicms.goods import sold_as, stock_of
from orderhub.ledger.check import check_ledger
from tests.dialects.anqicms.front import CREATE, WIDE, call, create, open_shop, told, user
from tests.support.hub import operator_headers

NOT_FOUND = (-1, "record not found")
GROUPS = (
    UserGroup(id=3, title="Staff", level=9, discount=50, share_reward=40),
    UserGroup(id=4, title="Friends", price=Decimal(0), expire_days=30),
    UserGroup(id=5, title="Below 0", price=Decimal(-1)),  # as an older hub let it in
)
CATALOGUE = "/hub/v1/tenants/shop/catalogue"


@pytest.fixture(scope="module")
async def hub(tmp_path_factory):
    groups = (RecordChange(kind="user_group", id=each.id, doc=each) for each in GROUPS)
    async with open_shop(tmp_path_factory.mktemp("for-sale"), *groups) as opened:
        yield opened
        assert check_ledger(opened.hub.ledger.engine).breaches == []


async def _write(hub, path, doc):
    answer = await hub.request(
        "PUT", f"{CATALOGUE}/{path}", json={"doc": doc}, headers=operator_headers()
    )
    assert answer.is_success, answer.text


@pytest.mark.parametrize(
    ("body", "amount"),
    [
        ({"goods_id": 12}, None),
        ({"goods_id": 12, "goods_sku_id": 0, "sku_values": [{"id": 120}]}, None),
        ({"details": [{"goods_id": 188}, {"goods_id": 12}]}, None),
        ({"goods_id": 12, "goods_sku_id": 120}, 2000),
        ({"details": [{"goods_id": 12, "sku_id": 121}]}, 2500),
        ({"goods_id": 12, "goods_sku_id": 122}, None),
        ({"goods_id": 15}, None),
        ({"goods_id": 14}, None),
        ({"goods_id": 14, "goods_sku_id": 140}, 3000),
        ({"goods_id": 14, "goods_sku_id": 141}, None),
        ({"goods_id": 10}, 0),
        ({"goods_id": 13}, None),
        ({"details": [{"goods_id": 13, "quantity": 9}, {"goods_id": 188}]}, None),
        ({"goods_id": 3, "type": "vip"}, None),
        ({"goods_id": 1, "type": "vip"}, None),
        ({"goods_id": 5, "type": "vip"}, None),
        ({"goods_id": 4, "type": "vip"}, 0),
        ({"goods_id": 2, "type": "vip"}, 36500),
    ],
)
async def test_what_has_no_price_is_not_sold_and_a_product_with_skus_is_bought_by_one(
    hub, body, amount
):
    for path in ("/api/order/checkout", CREATE):
        answer = await call(hub, path, body)
        if amount is None:
            assert told(answer) == NOT_FOUND
        else:
            assert (answer["code"], answer["data"]["amount"]) == (0, amount)
    plan = await hub.post(
        "/hub/v1/plans",
        {"dialect": "anqicms", "method": "POST", "path": CREATE, "body": body},
        headers=WIDE,
    )
    assert plan.status_code == 201, plan.text
    assert plan.json()["decision"] == ("refused" if amount is None else "accepted")


@pytest.mark.parametrize("code", ["BELOW0", "CAPPED"])
async def test_a_coupon_below_0_that_an_older_hub_let_in_does_not_hold(hub, code):
    answer = await call(hub, CREATE, {"goods_id": 188, "coupon_code": code})
    assert answer["code"] == -1


@pytest.mark.parametrize(
    "row",
    [
        {"archive_id": 12},
        {"archive_id": 12, "sku_id": 122},
        {"archive_id": 15},
        {"archive_id": 13},
        {"archive_id": 14, "sku_id": 141},
    ],
)
async def test_a_cart_takes_only_what_is_for_sale(hub, row):
    for path in ("/api/cart/add", "/api/cart/update"):
        assert told(await call(hub, path, {**row, "quantity": 1})) == NOT_FOUND
        anonymous = {"Cart": "visitor-for-sale"}
        assert told(await call(hub, path, {**row, "quantity": 1}, anonymous)) == NOT_FOUND


def test_an_empty_cart_asks_for_nobodys_stock():
    assert stock_of(None, 1, sold_as(None, 1, ())) == {}


@pytest.mark.parametrize("row", [{"archive_id": 8}, {"archive_id": 2, "sku_id": 3}])
async def test_a_row_is_available_as_long_as_its_units_are(hub, row):
    me, name = user(1012), "variant:3" if "sku_id" in row else "product:8"
    for spare in (0, -1):
        units = int(await hub.pool("shop", "stock", name, "MAIN")) - spare
        await call(hub, "/api/cart/add", {**row, "quantity": units}, me)
        shown = (await call(hub, "/api/cart/list", None, me))["data"][0]
        ordered = await call(hub, "/api/order/checkout", {"cart_ids": [shown["id"]]}, me)
        assert (shown["available"], ordered["code"]) == ((True, 0) if spare == 0 else (False, -1))


async def test_what_was_put_in_a_cart_before_it_had_skus_is_bought_by_sku_all_the_same(hub):
    await _write(hub, "products/600", {"title": "Hat", "price": "15"})
    me, cart = user(15), {"Cart": "visitor-hat"}
    await call(hub, "/api/cart/add", {"archive_id": 600, "quantity": 1}, me)
    await call(hub, "/api/cart/add", {"archive_id": 600, "quantity": 2}, cart)
    rows = (await call(hub, "/api/cart/list", None, {**me, **cart}))["data"]
    assert [(row["price"], row["available"]) for row in rows] == [(1500, True)] * 2
    await _write(hub, "variants/600", {"product_id": 600, "title": "Hat, S", "price": "18"})
    shown = (await call(hub, "/api/cart/list", None, {**me, **cart}))["data"]
    assert [(row["price"], row["available"]) for row in shown] == [(0, False)] * 2
    for holder, row in ((me, rows[1]), ({**me, **cart}, rows[0])):
        assert told(await call(hub, CREATE, {"cart_ids": [row["id"]]}, holder)) == NOT_FOUND
    await call(hub, "/api/cart/add", {"archive_id": 600, "sku_id": 600, "quantity": 1}, me)
    row = (await call(hub, "/api/cart/list", None, me))["data"][0]
    assert (row["sku_id"], row["price"], row["available"]) == (600, 1800, True)
    assert (await create(hub, me, cart_ids=[row["id"]]))["amount"] == 1800


async def test_what_is_sold_in_another_currency_is_paid_by_no_balance_and_no_coupon_of_the_shops(
    hub,
):
    buyer = user()
    await _write(hub, "products/601", {"title": "Fan", "price": "10", "currency": "JPY"})
    await _write(hub, "coupons/90", {"code": "TENTH", "kind": "percent", "percent": 90})
    for coupon in (1, 90):
        assert (await call(hub, "/api/coupon/code", {"id": coupon}, buyer))["code"] == 0
    refused = (-1, "货币不符")
    row = {"archive_id": 601, "quantity": 1}
    for path, body in ((CREATE, {"goods_id": 601}), ("/api/cart/add", row)):
        assert told(await call(hub, path, body, buyer)) == refused
    await hub.settings("shop", currencies=["JPY"])
    try:
        held = {}
        for product in (188, 601):
            found = await call(hub, f"/api/coupon/valid?archive_id={product}", None, buyer)
            held[product] = {each["coupon_id"] for each in found["data"]}
        assert held == {188: {1, 90}, 601: {90}}
        fixed = await call(hub, CREATE, {"goods_id": 601, "coupon_id": 1}, buyer)
        assert told(fixed) == (-1, "优惠券不可用")
        order = await create(hub, buyer, goods_id=601, coupon_id=90)
        assert order["amount"] == 900
        body = {"order_id": order["order_id"], "pay_way": "balance"}
        assert told(await call(hub, "/api/order/payment", body, buyer)) == refused
    finally:
        await hub.settings("shop", currencies=[])


async def test_what_has_no_price_of_its_own_shows_that_of_its_cheapest_sku(hub):
    shown = (await call(hub, "/api/archive/sku?id=14"))["data"]
    assert (shown["price"], shown["min_price"], shown["max_price"]) == (30, 30, 30)
    assert [sku["price"] for sku in shown["skus"]] == [30, 0], "silk has no price yet"
    shown = (await call(hub, "/api/archive/sku?id=12"))["data"]
    assert (shown["price"], shown["min_price"], shown["max_price"]) == (20, 20, 25)
    assert (await call(hub, "/api/archive/order/check?id=10"))["data"] is True, "free"
    assert (await call(hub, "/api/archive/order/check?id=15"))["data"] is False, "not for sale"


@pytest.mark.parametrize(("prices", "free"), [((), True), (("0", "7"), False), (("0",), True)])
async def test_a_product_is_free_when_everything_it_is_bought_as_is(hub, prices, free):
    number = 610 + len(prices)
    await _write(hub, f"products/{number}", {"title": "Sticker", "price": "0"})
    for index, price in enumerate(prices):
        sku = {"product_id": number, "title": f"Sticker {index}", "price": price}
        await _write(hub, f"variants/{10 * number + index}", sku)
    answer = await call(hub, f"/api/archive/order/check?id={number}")
    assert answer["data"] is free


async def test_an_order_below_0_of_an_older_hub_pays_nobody(hub):
    order = await create(hub, goods_id=10)
    with hub.hub.ledger.engine.begin() as connection:
        connection.execute(
            text("UPDATE orders SET total = -20000000, net = -20000000 WHERE number = :n"),
            {"n": order["order_id"]},
        )
    for way in ("balance", "wechat"):
        body = {"order_id": order["order_id"], "pay_way": way}
        assert (await call(hub, "/api/order/payment", body))["code"] == -1
    cancelled = await call(hub, "/api/order/cancel", {"order_id": order["order_id"]})
    assert cancelled["code"] == 0
    with hub.hub.ledger.engine.begin() as connection:
        connection.execute(
            text("UPDATE orders SET total = 0, net = 0 WHERE number = :n"),
            {"n": order["order_id"]},
        )
        # The event never told of the total that was written by hand.
        connection.execute(text("UPDATE tally SET cancelled = 0, cancelled_millionths = 0"))
