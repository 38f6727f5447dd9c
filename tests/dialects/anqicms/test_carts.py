"""Carts: what is in them, whose they are, and what their rows say; through HTTP."""

import asyncio

import pytest

from tests.dialects.anqicms.front import (
    CREATE,
    call,
    create,
    show,
    told,
    user,
)
from tests.support.hub import operator_headers

NOT_FOUND = (-1, "record not found")


async def test_a_cart_is_filled_changed_ordered_and_emptied_with_the_order(hub):
    me = user(1001)
    saved = {"code": 0, "msg": "保存成功"}
    extra = {"gift": True}
    row = {"archive_id": 188, "quantity": 2, "order_extra": extra}
    assert await call(hub, "/api/cart/add", row, me) == saved
    assert await call(hub, "/api/cart/add", {"archive_id": "188", "quantity": 3.0}, me) == saved
    sku = {"archive_id": 2, "sku_id": 3, "quantity": 1, "sku_values": [{"id": 156}]}
    assert await call(hub, "/api/cart/update", sku, me) == saved
    cart = await call(hub, "/api/cart/list", None, me)
    assert (cart["total"], [r["archive_id"] for r in cart["data"]]) == (2, [2, 188])
    assert [(r["quantity"], r["price"], r["amount"]) for r in cart["data"]] == [
        (1, 8000, 8000),
        (3, 9900, 29700),
    ]
    assert cart["data"][1]["order_extra"] == extra
    assert (await call(hub, "/api/cart/list", None, user()))["total"] == 0
    paged = await call(hub, "/api/cart/list?current=2&pageSize=1", None, me)
    assert (paged["total"], [r["archive_id"] for r in paged["data"]]) == (2, [188])

    ids = [row["id"] for row in cart["data"]]
    assert told(await call(hub, CREATE, {"cart_ids": ids}, user())) == NOT_FOUND
    order = await create(hub, me, cart_ids=ids)
    assert order["amount"] == 37700
    assert (await show(hub, order))["details"][0]["sku_values"] == [{"id": 156}]
    assert (await call(hub, "/api/cart/list", None, me))["data"] == []
    assert told(await call(hub, CREATE, {"cart_ids": ids}, me)) == NOT_FOUND


async def test_an_anonymous_cart_goes_by_its_token_and_can_be_ordered_after_login(hub):
    cart = {"Cart": "visitor-7"}
    await call(hub, "/api/cart/add", {"archive_id": 188, "quantity": 1}, cart)
    row = (await call(hub, "/api/cart/list", None, {"Cookie": "cart=visitor-7"}))["data"][0]
    assert row["user_id"] == 0
    assert (await call(hub, "/api/cart/list", None, {"Cart": "visitor-8"}))["total"] == 0
    other = await call(hub, "/api/cart/remove", {"id": row["id"]}, {"Cart": "visitor-8"})
    assert told(other) == NOT_FOUND
    assert told(await call(hub, CREATE, {"cart_ids": [row["id"]]}, user())) == NOT_FOUND
    order = await create(hub, user(1000, **cart), cart_ids=[row["id"]])
    assert order["amount"] == 9900
    assert (await call(hub, "/api/cart/list", None, cart))["total"] == 0


async def test_who_logs_in_finds_what_he_put_into_the_cart_before(hub):
    cart, me = {"Cart": "visitor-9"}, user(1011)
    await call(hub, "/api/cart/add", {"archive_id": 188, "quantity": 1}, cart)
    await call(hub, "/api/cart/add", {"archive_id": 9, "quantity": 1}, me)
    both = {**me, **cart}
    rows = (await call(hub, "/api/cart/list", None, both))["data"]
    assert [(row["archive_id"], row["user_id"], row["token"]) for row in rows] == [
        (9, 1011, ""),
        (188, 0, "visitor-9"),
    ]
    await call(hub, "/api/cart/update", {"archive_id": 188, "quantity": 4}, both)
    paged = await call(hub, "/api/cart/list?current=2&pageSize=1", None, both)
    assert (paged["total"], paged["data"][0]["quantity"]) == (2, 4)
    assert (await call(hub, "/api/cart/list", None, me))["total"] == 1
    await call(hub, "/api/cart/remove", {"id": rows[1]["id"]}, both)
    assert (await call(hub, "/api/cart/list", None, cart))["total"] == 0


async def test_keys_of_repeats_are_each_anonymous_carts_own(hub):
    body, key = {"archive_id": 188, "quantity": 1}, {"Idempotency-Key": "the-same"}
    for cart in ({"Cart": "visitor-a"}, {"Cookie": "cart=visitor-b"}):
        assert (await call(hub, "/api/cart/add", body, {**cart, **key}))["code"] == 0
        rows = await call(hub, "/api/cart/list", None, cart)
        assert [row["archive_id"] for row in rows["data"]] == [188]
        again = await hub.post("/api/cart/add", body, headers={**cart, **key})
        assert again.headers["Idempotent-Replayed"] == "true"


async def test_of_parallel_orders_of_one_cart_one_is_made(hub):
    me = user(1011)
    await call(hub, "/api/cart/add", {"archive_id": 10, "quantity": 1, "order_extra": {"a": 1}}, me)
    rows = (await call(hub, "/api/cart/list", None, me))["data"]
    body = {"cart_ids": [next(row["id"] for row in rows if row["archive_id"] == 10)]}
    answers = await asyncio.gather(*(call(hub, CREATE, body, me) for _ in range(5)))
    assert sorted(each["code"] for each in answers) == [-1] * 4 + [0]
    order = next(each["data"] for each in answers if each["code"] == 0)
    assert (await show(hub, order))["details"][0]["order_extra"] == {"a": 1}


async def test_a_front_that_names_lines_and_their_cart_rows_finds_the_cart_emptied(hub):
    me = user(1011)
    await call(hub, "/api/cart/add", {"archive_id": 2, "sku_id": 3, "quantity": 2}, me)
    await call(hub, "/api/cart/add", {"archive_id": 188, "quantity": 2}, me)
    rows = (await call(hub, "/api/cart/list", None, me))["data"]
    ids = {row["archive_id"]: row["id"] for row in rows}
    lines = [{"goods_id": 2, "goods_sku_id": 3, "quantity": 2}]
    order = await create(hub, me, details=lines, cart_ids=[ids[2], ids[188]])
    assert order["amount"] == 16000
    left = (await call(hub, "/api/cart/list", None, me))["data"]
    assert {row["id"] for row in rows} - {row["id"] for row in left} == {ids[2]}
    await call(hub, "/api/cart/remove", {"id": ids[188]}, me)


async def test_goods_in_a_cart_show_their_stock_and_the_price_for_this_buyer(hub):
    me = user(1010)
    await call(hub, "/api/cart/add", {"archive_id": 9, "quantity": 1}, me)
    await call(hub, "/api/cart/add", {"archive_id": 8, "quantity": 1}, me)
    rows = (await call(hub, "/api/cart/list", None, me))["data"]
    goods = {row["archive_id"]: row["archive"] for row in rows}
    assert (goods[9]["price"], goods[9]["favorable_price"]) == (9999, 8999)
    assert goods[9]["stock"] == 9_999_999
    assert goods[8]["stock"] == 3


async def _priced(hub, price_digits):
    path = "/hub/v1/tenants/shop/catalogue/shops/1"
    body = {"doc": {"seller_percent": 80, "price_digits": price_digits}}
    answer = await hub.request("PUT", path, json=body, headers=operator_headers())
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("digits", "listed", "unit", "two"),
    [
        (0, 9900, 8900, 17800),
        (1, 9990, 8990, 17980),
        (2, 9999, 8999, 17998),
        (3, 9999, 8999, 17998),
    ],
)
async def test_prices_are_shown_at_the_decimals_that_create_works_them_out_at(
    hub, digits, listed, unit, two
):
    """Goods 9 are 99.99, of which 1010 pays 90 %."""
    me = user(1010)
    await call(hub, "/api/cart/add", {"archive_id": 9, "quantity": 2}, me)
    await _priced(hub, digits)
    try:
        rows = (await call(hub, "/api/cart/list", None, me))["data"]
        row = next(each for each in rows if each["archive_id"] == 9)
        sku = (await call(hub, "/api/archive/sku?id=9", None, me))["data"]
        order = (await call(hub, "/api/order/checkout", {"goods_id": 9, "quantity": 2}, me))["data"]
    finally:
        await _priced(hub, 2)
    assert (row["origin_price"], row["price"], row["amount"]) == (listed, unit, two)
    goods = row["archive"]
    assert (goods["price"], goods["favorable_price"]) == (listed, unit)
    assert sku["price"] == listed / 100
    assert (order["origin_amount"], order["amount"]) == (2 * listed, two)


async def test_a_row_shows_what_it_cost_when_it_was_put_in_and_what_it_costs_now(hub):
    async def price(amount):
        path = "/hub/v1/tenants/shop/catalogue/prices/9"
        body = {"doc": {"price": amount}}
        answer = await hub.request("PUT", path, json=body, headers=operator_headers())
        assert answer.status_code == 200, answer.text

    me, row = user(15), {"archive_id": 9, "quantity": 2}
    await call(hub, "/api/cart/add", row, me)
    await price("50")
    await call(hub, "/api/cart/update", row, me)
    shown = (await call(hub, "/api/cart/list", None, me))["data"][0]
    await price("99.99")
    assert (shown["origin_price"], shown["origin_amount"]) == (9999, 19998)
    assert (shown["price"], shown["amount"]) == (5000, 10000)


async def test_a_row_is_removed_once(hub):
    await call(hub, "/api/cart/add", {"archive_id": 9, "quantity": 1})
    rows = (await call(hub, "/api/cart/list"))["data"]
    body = {"id": next(row["id"] for row in rows if row["archive_id"] == 9)}
    assert told(await call(hub, "/api/cart/remove", body, user(1001))) == NOT_FOUND
    assert await call(hub, "/api/cart/remove", body) == {"code": 0, "msg": "删除成功"}
    assert told(await call(hub, "/api/cart/remove", body)) == NOT_FOUND


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"archive_id": 999},
        {"archive_id": 7},
        {"archive_id": 188, "sku_id": 3},
        {"archive_id": 188, "quantity": -1},
        {"archive_id": 188, "quantity": 10**12},
        {"archive_id": 188, "order_extra": ["x"]},
        {"archive_id": 10**18},
        [],
    ],
)
async def test_what_cannot_be_in_a_cart_is_refused(hub, body):
    assert told(await call(hub, "/api/cart/add", body))[0] == -1


async def test_parallel_adds_of_one_product_make_one_row(hub):
    me, body = user(1012), {"archive_id": 9, "quantity": 2}
    answers = await asyncio.gather(*(call(hub, "/api/cart/add", body, me) for _ in range(5)))
    assert {each["code"] for each in answers} == {0}
    assert (await call(hub, "/api/cart/list", None, me))["total"] == 1
