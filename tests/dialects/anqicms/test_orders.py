"""A buyer's order: made, read, paid, received; through HTTP, on the real ledger."""

import asyncio
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.core.refusals import Reason
from orderhub.dialects.anqicms import DIALECT
from orderhub.dialects.anqicms.words import FAULTS, FIELDS, REFUSALS, TEXTS
from orderhub.dialects.contract import FaultKind
from tests.dialects.anqicms.front import (
    CREATE,
    EN,
    WIDE,
    call,
    create,
    show,
    token,
    told,
    uid_of,
    user,
)
from tests.support.examples import examples

NOT_OPERABLE = (-1, "该订单不可操作")
NOT_FOUND = (-1, "record not found")


# --- what is ordered


@pytest.mark.parametrize(
    ("body", "amounts"),
    [
        ({"goods_id": 188}, (9900, 9900)),
        ({"goods_id": "188", "quantity": 2.0}, (19800, 19800)),
        ({"Goods_Id": 188, "QUANTITY": "3"}, (29700, 29700)),
        ({"goods_id": 188, "quantity": 0, "price": 1, "amount": 1, "status": 3}, (9900, 9900)),
        ({"goods_id": 188, "details": None, "address": None, "remark": None}, (9900, 9900)),
        ({"goods_id": 188, "type": "gift"}, (9900, 9900)),
        ({"goods_id": 7, "details": [{"goods_id": 188, "price": 1}]}, (9900, 9900)),
        ({"goods_id": 2, "goods_sku_id": 3}, (8000, 8000)),
        ({"details": [{"goods_id": 2, "sku_id": 3}, {"goods_id": 188}]}, (17900, 17900)),
        ({"details": [{"goods_id": 2, "goods_item_id": "3", "quantity": None}]}, (8000, 8000)),
        ({"goods_id": 10}, (0, 0)),
        ({"goods_id": 188, "coupon_code": "COUPON2023"}, (9900, 8900)),
        ({"goods_id": 188, "coupon_id": 1}, (9900, 8900)),
        ({"goods_id": 188, "coupon_code": "HALF", "coupon_id": 1}, (9900, 7900)),
        ({"goods_id": 188, "coupon_code_id": "", "coupon_code": ""}, (9900, 9900)),
        ({"goods_id": 188, "coupon_code": " COUPON2023 "}, (9900, 8900)),
        ({"goods_id": 188, "coupon_code": " ", "sku_values": [None]}, (9900, 9900)),
        ({"goods_id": 2, "type": "vip"}, (36500, 36500)),
    ],
)
async def test_amounts_come_from_the_shop_and_never_from_the_client(hub, body, amounts):
    order = await create(hub, **body)
    assert (order["origin_amount"], order["amount"]) == amounts
    assert order["discount_amount"] == amounts[0] - amounts[1]
    assert order["status"] == 0


async def test_the_inviter_s_group_discounts_and_everyone_s_part_is_worked_out(hub):
    order = await create(hub, user(1010), goods_id=9, quantity=3)
    assert (order["origin_amount"], order["amount"], order["discount_amount"]) == (
        29997,
        26997,
        3000,
    )
    assert order["share_user_id"] == 1011
    assert order["share_amount"] == 2699
    assert order["share_parent_user_id"] == 1012
    assert order["share_parent_amount"] == 1349
    line = (await show(hub, order))["details"][0]
    assert (line["price"], line["amount"]) == (8999, 26997)
    assert (line["origin_price"], line["origin_amount"]) == (9999, 29997)


async def test_members_stand_in_the_document_s_order_with_the_original_s_escapes(hub):
    hub.client.cookies.clear()
    body = {"goods_id": 8, "remark": "<b>\u2028\u2029 & 中文"}
    answer = await hub.post(CREATE, body, headers=user())
    assert answer.content.startswith(b'{"code":0,"msg":"","data":{"id":')
    remark = b'"remark":"\\u003cb\\u003e\\u2028\\u2029 \\u0026 \xe4\xb8\xad\xe6\x96\x87"'
    assert remark in answer.content
    assert answer.content.endswith(b"}}\n")
    assert list(answer.json()["data"])[:12] == [
        "id", "created_time", "updated_time", "order_id", "payment_id", "user_id", "address_id",
        "remark", "type", "status", "refund_status", "origin_amount",
    ]  # fmt: skip
    uid = await uid_of(hub, answer.json()["data"])
    await hub.cancel(uid)


async def test_a_remark_is_made_of_the_first_title(hub):
    assert (await create(hub))["remark"] == "普通商品"
    details = [{"goods_id": 9}, {"goods_id": 188}]
    assert (await create(hub, details=details))["remark"] == "Ring..."
    assert (await create(hub, goods_id=2, type="vip"))["remark"] == "VIP会员"


async def test_the_form_of_a_product_that_asks_for_one_is_linked(hub):
    order = await create(hub, goods_id=9)
    assert order["custom_form_url"] == "https://forms.example/1?a=1&b=2"
    assert "custom_form_url" not in await create(hub)


async def test_sku_values_are_kept_as_they_were_given(hub):
    values = [{"id": 156, "archive_id": 32, "title": "Small", "extra": {"a": [1.5]}}]
    order = await create(hub, goods_id=2, goods_sku_id=3, sku_values=values)
    line = (await show(hub, order))["details"][0]
    assert line["sku_values"] == values
    assert line["goods_sku"] == {"id": 3, "title": "Denim, Small", "sku": "SKU-3"}


async def test_an_address_is_saved_with_its_order_and_used_again_by_its_id(hub):
    headers = user(1001)
    given = {"Name": "Wang", "Province": "P", "address information": "S 1", "postal code": "45"}
    first = await create(hub, headers, goods_id=188, address=given)
    address = first["order_address"]
    assert address["id"] == first["address_id"] > 0
    assert (address["name"], address["address_info"], address["postcode"]) == ("Wang", "S 1", "45")
    again = await create(hub, headers, goods_id=188, address={"id": address["id"]})
    assert again["order_address"] == address
    over = {"id": str(address["id"]), "city": "C"}
    changed = await create(hub, headers, goods_id=188, address=over)
    assert changed["order_address"] == {**address, "city": "C"}
    newest = await call(hub, "/api/order/address", None, headers)
    assert newest["msg"] is None
    assert newest["data"]["city"] == "C"
    foreign = await call(hub, CREATE, {"goods_id": 188, "address": {"id": address["id"]}})
    assert told(foreign) == (-1, "地址不存在")


# --- refusals, in the order in which they are tested; a row may break rules further down too

ONE = {"goods_id": 188}
REFUSALS_OF_CREATE = [
    ({"goods_id": 999, "address": {"id": 99}, "details": []}, "地址不存在"),
    ({}, "请选择商品"),
    ({"details": [], "cart_ids": [], "address": {"id": 99}}, "请选择商品"),
    ({"cart_ids": [999]}, "record not found"),
    ({"cart_ids": [None]}, "record not found"),
    ({"details": [None]}, "record not found"),
    ({"goods_id": 999}, "record not found"),
    ({"goods_id": 7}, "record not found"),
    ({"goods_id": 188, "goods_sku_id": 3}, "record not found"),
    ({"goods_id": 999, "type": "vip"}, "record not found"),
    ({"details": [ONE, {"goods_id": 6}], "remark": "x" * 251}, "不支持跨店下单"),
    (
        {**ONE, "remark": "x" * 251, "coupon_code": "NONE"},
        "Error 1406 (22001): Data too long for column 'remark' at row 1",
    ),
    (
        {**ONE, "address": {"address_info": "x" * 256}},
        "Error 1406 (22001): Data too long for column 'address_info' at row 1",
    ),
    ({**ONE, "type": "x" * 21}, "Error 1406 (22001): Data too long for column 'type' at row 1"),
    ({**ONE, "coupon_code": "NONE"}, "优惠券不存在"),
    ({**ONE, "coupon_code_id": 99, "coupon_code": "COUPON2023"}, "优惠券不存在"),
    ({**ONE, "coupon_code": "BIG"}, "优惠券不可用"),
    ({**ONE, "coupon_code": "OLD"}, "优惠券不可用"),
    ({**ONE, "coupon_code": "MINE"}, "优惠券不可用"),
    ({**ONE, "quantity": 1001}, "库存不足"),
    ({"details": [{**ONE, "quantity": 600}, {**ONE, "quantity": 600}]}, "库存不足"),
    (
        {"goods_id": 9, "quantity": 2**63 - 1},
        "Error 1264 (22003): Out of range value for column 'amount' at row 1",
    ),
]


@pytest.mark.parametrize(("body", "text"), REFUSALS_OF_CREATE)
async def test_a_refused_order_is_told_why_and_leaves_nothing_behind(hub, body, text):
    before = await hub.pool("shop", "stock", "product:188")
    assert told(await call(hub, CREATE, body)) == (-1, text)
    assert await hub.pool("shop", "stock", "product:188") == before


@pytest.mark.parametrize(
    ("body", "english"),
    [
        ({}, "Please select the product"),
        ({**ONE, "address": {"id": 99}}, "Address does not exist"),
        ({"details": [ONE, {"goods_id": 6}]}, "Cross-store ordering is not supported"),
        ({**ONE, "quantity": 9999}, "Insufficient stock"),
    ],
)
async def test_refusals_speak_english_to_who_asks_for_it(hub, body, english):
    assert told(await call(hub, CREATE, body, user(**EN))) == (-1, english)
    cookie = {"Cookie": "lang=en-US"}
    assert told(await call(hub, CREATE, body, user(**cookie))) == (-1, english)
    over = {"Cookie": "lang=zh-CN", **EN}
    assert told(await call(hub, CREATE, body, user(**over)))[1] != english


WRONG_SHAPES = [
    (b"", "EOF"),
    (b'{"goods_id":1', "unexpected EOF"),
    (b'{"remark":"\\u0000"}', "U+0000 is not allowed"),
    (b"[" * 100_000, None),
    (b"[]", "json: cannot unmarshal array into Go value of type request.OrderRequest"),
    (
        b'{"quantity":"x"}',
        "json: cannot unmarshal string into Go struct field OrderRequest.quantity of type int",
    ),
    (
        b'{"quantity":1.5}',
        "json: cannot unmarshal number 1.5 into Go struct field OrderRequest.quantity of type int",
    ),
    (
        b'{"details":[{"quantity":-1}]}',
        "json: cannot unmarshal number -1 into Go struct field OrderDetail.details.quantity of type int",
    ),
    (b'{"quantity":true}', None),
    (b'{"quantity":9223372036854775808}', None),
    (b'{"quantity":1e400}', None),
    (b'{"goods_id":-188}', None),
    (b'{"goods_id":"-188"}', None),
    (b'{"goods_id":{}}', None),
    (
        b'{"details":{}}',
        "json: cannot unmarshal object into Go struct field OrderRequest.details of type []request.OrderDetail",
    ),
    (b'{"details":[1]}', None),
    (b'{"remark":true}', None),
    (b'{"type":[]}', None),
    (
        b'{"address":1}',
        "json: cannot unmarshal number 1 into Go struct field OrderRequest.address of type request.OrderAddressRequest",
    ),
    (
        b'{"address":{"id":"x"}}',
        "json: cannot unmarshal string into Go struct field OrderAddressRequest.address.id of type uint",
    ),
    (b"hello", "invalid character 'h' looking for beginning of value"),
    (b'{"address":{"phone":true}}', None),
    (
        b'{"cart_ids":5}',
        "json: cannot unmarshal number 5 into Go struct field OrderRequest.cart_ids of type []int64",
    ),
    (b'{"cart_ids":["x"]}', None),
    (b'{"details":[{"order_extra":["x"]}]}', None),
    (b'{"coupon_code_id":"x"}', None),
    (b'{"coupon_code":{}}', None),
]


@pytest.mark.parametrize(("body", "text"), WRONG_SHAPES)
async def test_a_body_of_the_wrong_shape_is_told_so_before_anyone_asks_who_sent_it(hub, body, text):
    hub.client.cookies.clear()
    answer = await hub.request("POST", CREATE, content=body)
    assert answer.status_code == 200
    code, msg = told(answer.json())
    assert code == -1
    assert msg
    assert text in (None, msg)


def test_every_refusal_and_fault_has_words_and_every_word_two_languages():
    assert set(REFUSALS) == set(Reason)
    assert set(FAULTS) == set(FaultKind)
    assert {*REFUSALS.values(), *(key for _, _, key in FAULTS.values() if key)} <= set(TEXTS)
    assert all(len(texts) == 2 and all(texts) for texts in TEXTS.values())
    assert {"lines", "lines[].product", "ship_to.id", "notes"} <= set(FIELDS)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
order_like = st.dictionaries(
    st.sampled_from(
        [
            *("goods_id", "quantity", "goods_sku_id", "details", "remark", "type", "sku_values"),
            *("coupon_code", "coupon_code_id", "coupon_id", "address", "cart_ids"),
        ]
    ),
    json_values | st.lists(st.dictionaries(st.sampled_from(["goods_id", "id"]), json_values)),
)


async def test_garbage_is_refused_and_never_breaks_anything(hub, fuzz_examples):
    bodies = []

    @examples(fuzz_examples)
    @given(order_like | json_values)
    def collect(body):
        bodies.append(json.dumps(body))

    await asyncio.to_thread(collect)
    hub.client.cookies.clear()
    for body in bodies:
        answer = await hub.request("POST", CREATE, content=body, headers=user())
        assert answer.status_code == 200, (body, answer.text)
        assert set(answer.json()) in ({"code", "msg"}, {"code", "msg", "data"}), body


# --- repeats and races


async def test_a_repeat_with_a_key_gets_the_same_bytes_and_no_second_order(hub):
    headers = user(**{"Idempotency-Key": "once"})
    first = await hub.post(CREATE, {"goods_id": 188}, headers=headers)
    again = await hub.post(CREATE, {"goods_id": 188}, headers=headers)
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    other = await hub.post(CREATE, {"goods_id": 9}, headers=headers)
    assert told(other.json()) == (-1, "该幂等键已用于其他请求")
    someone = user(1001, **{"Idempotency-Key": "once"})
    assert (await call(hub, CREATE, {"goods_id": 188}, someone))["data"]["user_id"] == 1001


async def test_a_move_repeated_with_a_key_is_answered_as_the_first_time(hub):
    order = await create(hub)
    headers = user(**{"Idempotency-Key": "cancel-it"})
    body = {"order_id": order["order_id"]}
    first = await call(hub, "/api/order/cancel", body, headers)
    assert first == {"code": 0, "msg": "订单已取消"}
    assert await call(hub, "/api/order/cancel", body, headers) == first
    assert told(await call(hub, "/api/order/cancel", body)) == NOT_OPERABLE


async def test_parallel_orders_never_sell_more_than_there_is(hub):
    answers = await asyncio.gather(*(call(hub, CREATE, {"goods_id": 8}) for _ in range(12)))
    made = [each["data"] for each in answers if each["code"] == 0]
    assert len(made) == 3
    assert len({order["order_id"] for order in made}) == 3
    for order in made:
        await call(hub, "/api/order/cancel", {"order_id": order["order_id"]})
    assert await hub.pool("shop", "stock", "product:8") == 3


async def test_of_parallel_cancellations_one_gives_the_stock_back(hub):
    before = await hub.pool("shop", "stock", "product:188")
    body = {"order_id": (await create(hub))["order_id"]}
    answers = await asyncio.gather(*(call(hub, "/api/order/cancel", body) for _ in range(6)))
    assert sorted(each["code"] for each in answers) == [-1] * 5 + [0]
    assert await hub.pool("shop", "stock", "product:188") == before


# --- preview


async def test_checkout_shows_what_create_would_make_and_keeps_nothing(hub):
    before = await hub.pool("shop", "stock", "product:188")
    body = {"goods_id": 188, "quantity": 2, "coupon_code": "COUPON2023", "address": {"name": "x"}}
    preview = (await call(hub, "/api/order/checkout", body))["data"]
    assert (preview["amount"], preview["id"], preview["order_id"]) == (18800, 0, "")
    assert (preview["address_id"], preview["order_address"]["id"]) == (0, 0)
    assert await hub.pool("shop", "stock", "product:188") == before
    made = await create(hub, **body)
    assert all(made[name] == preview[name] for name in ("origin_amount", "amount", "seller_amount"))
    refused = await call(hub, "/api/order/checkout", {**body, "quantity": 5000})
    assert told(refused) == (-1, "库存不足")
    anonymous = await call(hub, "/api/order/checkout", body, {})
    assert told(anonymous) == (1001, "该操作需要登录，请登录后重试")


# --- lists and details


async def test_a_user_lists_his_own_orders_newest_first_page_by_page(hub):
    mine = [await create(hub, user(1012)) for _ in range(5)]
    paid = await uid_of(hub, mine[0])
    await hub.pay(paid)
    numbers = [order["order_id"] for order in reversed(mine)]

    async def page(query):
        return await call(hub, f"/api/orders?{query}", None, user(1012))

    whole = await page("")
    assert (whole["total"], [o["order_id"] for o in whole["data"]]) == (5, numbers)
    assert whole["data"][0]["details"][0]["goods"]["title"] == "普通商品"
    assert whole["data"][0]["user"]["id"] == 1012
    second = await page("current=2&pageSize=2")
    assert (second["total"], [o["order_id"] for o in second["data"]]) == (5, numbers[2:4])
    assert [o["order_id"] for o in (await page("status=paid"))["data"]] == numbers[4:]
    assert (await page("status=waiting"))["total"] == 4
    assert (await page("status=nonsense"))["total"] == 5
    assert await page("status=closed") == {"code": 0, "msg": "", "total": 0, "data": []}
    for query in ("current=x&pageSize=-1", "current=0&pageSize=0", "pageSize=0005000"):
        assert (await page(query))["total"] == 5
    for size in ("5001", "9" * 40):
        refused = await call(hub, f"/api/orders?pageSize={size}")
        assert told(refused) == (-1, "pageSize is at most 5000")
    assert told(await call(hub, "/api/orders", None, {}))[0] == 1001


async def test_an_order_is_shown_to_its_owner_and_to_who_sees_the_whole_shop(hub):
    order = await create(hub)
    path = f"/api/order/detail?order_id={order['order_id']}"
    for headers in (user(), WIDE):
        shown = await call(hub, path, None, headers)
        assert shown["data"]["order_id"] == order["order_id"]
        assert shown["data"]["coupon_code_id"] == ""
    assert told(await call(hub, path, None, user(1001))) == (-1, "权限不足")
    # A front asks for a login at 1001: also of an order that is there, when the token has expired.
    for headers in ({}, user(9999), {"Token": token(life_s=-1)}):
        assert told(await call(hub, path, None, headers))[0] == 1001
    for unknown in ("", "0", "202211232209089999", "x" * 400, "99999999999999999a", "%00" * 18):
        missing = await call(hub, f"/api/order/detail?order_id={unknown}")
        assert told(missing) == NOT_FOUND
    omni = {"Authorization": "Bearer hub-demo-omni"}
    assert told(await call(hub, path, None, omni)) == NOT_FOUND


async def test_orders_of_other_doors_are_found_by_the_same_recipe_and_only_tenant_wide(hub):
    omni = {"Authorization": "Bearer hub-demo-omni"}
    cdp = {
        "orderItems": [],
        "referenceId": "R-1",
        "orderedAt": "2024-02-29T10:00:05.000Z",
        "currencyCode": "EUR",
        "price": 12.34,
        "status": "PURCHASED",
    }
    made = await hub.post("/v2.1/orders", cdp, headers=omni)
    assert made.status_code in (200, 201), made.text
    listed = await call(hub, "/api/orders", None, omni)
    row = next(each for each in listed["data"] if each["amount"] == 1234)
    assert row["order_id"].startswith("20240229180005")
    shown = await call(hub, f"/api/order/detail?order_id={row['order_id']}", None, omni)
    assert shown["data"]["id"] == row["id"]
    login = {"user_name": "omni", "password": "omni123456"}
    logged = await call(hub, "/api/login?site_id=2", login, {})
    own = {"Token": logged["data"]["token"]}
    seen = await call(hub, f"/api/order/detail?order_id={row['order_id']}", None, own)
    assert told(seen) == NOT_FOUND


async def test_a_number_of_the_hour_that_comes_twice_finds_each_of_its_orders(hub):
    """Clocks are put back at 2:00 to 1:00: half past one is two instants with one name."""
    omni = {"Authorization": "Bearer hub-demo-omni"}
    await hub.settings("omni", time_zone="America/New_York")
    sale = {"orderItems": [], "currencyCode": "EUR", "price": 1, "status": "PURCHASED"}
    for reference, at in (("R-1", "2023-11-05T05:30:05Z"), ("R-2", "2023-11-05T06:30:05Z")):
        order = {**sale, "referenceId": reference, "orderedAt": at}
        assert (await hub.post("/v2.1/orders", order, headers=omni)).status_code in (200, 201)
    rows = (await call(hub, "/api/orders", None, omni))["data"]
    mine = [each for each in rows if each["order_id"].startswith("20231105013005")]
    assert len(mine) == 2
    for row in mine:
        shown = await call(hub, f"/api/order/detail?order_id={row['order_id']}", None, omni)
        assert shown["data"]["id"] == row["id"]
    gap = await call(hub, "/api/order/detail?order_id=202303120230050001", None, omni)
    assert told(gap) == NOT_FOUND
    await hub.settings("omni", time_zone="Asia/Shanghai")


# --- the life of an order


async def test_an_order_goes_from_unpaid_to_completed_and_pays_its_commissions_once(hub):
    order = await create(hub, user(1010), goods_id=9)
    uid = await uid_of(hub, order)
    own, body = user(1010), {"order_id": order["order_id"]}
    assert told(await call(hub, "/api/order/finish", body, own)) == NOT_OPERABLE
    await hub.advance("shop", 5)
    await hub.pay(uid)
    paid = await show(hub, order)
    assert paid["paid_time"] == paid["updated_time"] == order["created_time"] + 5
    assert told(await call(hub, "/api/order/cancel", body, own)) == NOT_OPERABLE
    assert told(await call(hub, "/api/order/finish", body, own)) == NOT_OPERABLE
    await hub.ship(uid, carrier="SF", tracking="SF123")
    assert told(await call(hub, "/api/order/refund", body, own)) == NOT_OPERABLE
    shipped = await show(hub, order)
    assert (shipped["status"], shipped["tracking_number"]) == (2, "SF123")
    assert shipped["express_company"] == "SF"
    assert order["order_id"] in await _numbers(hub, "delivery", own)
    assert order["order_id"] not in await _numbers(hub, "finished", own)
    assert shipped["end_time"] - shipped["deliver_time"] == 10 * 86_400
    assert told(await call(hub, "/api/order/finish", body, user(1001))) == NOT_OPERABLE
    earned = await hub.pool("shop", "balance", "user:1011")
    reward = (await call(hub, "/api/user/detail", None, user(1011)))["data"]["total_reward"]
    assert await call(hub, "/api/order/finish", body, own) == {"code": 0, "msg": "订单已完成"}
    assert told(await call(hub, "/api/order/finish", body, own)) == NOT_OPERABLE
    assert await hub.pool("shop", "balance", "user:1011") == earned + Decimal("8.99")
    inviter = (await call(hub, "/api/user/detail", None, user(1011)))["data"]
    assert inviter["total_reward"] == reward + 899
    assert inviter["balance"] == 100 * (earned + Decimal("8.99"))
    done = await show(hub, order)
    assert (done["status"], done["finished_time"] > 0) == (3, True)
    assert order["order_id"] in await _numbers(hub, "finished", own)
    assert order["order_id"] not in await _numbers(hub, "delivery", own)


async def _numbers(hub, status, headers):
    listed = await call(hub, f"/api/orders?status={status}", None, headers)
    return {each["order_id"] for each in listed["data"]}


async def test_a_refund_is_asked_for_approved_and_gives_the_stock_back_once(hub):
    before = await hub.pool("shop", "stock", "product:188")
    order = await create(hub)
    uid, body = await uid_of(hub, order), {"order_id": order["order_id"]}
    assert told(await call(hub, "/api/order/refund", body)) == NOT_OPERABLE
    await hub.pay(uid)
    asked = await call(hub, "/api/order/refund", body)
    assert asked == {"code": 0, "msg": "退款申请已提交"}
    shown = await show(hub, order)
    assert (shown["status"], shown["refund_status"]) == (8, 0)
    assert (await call(hub, "/api/orders?status=refunding"))["total"] == 1
    await hub.refund(uid)
    shown = await show(hub, order)
    assert (shown["status"], shown["refund_status"]) == (9, 1)
    assert await hub.pool("shop", "stock", "product:188") == before
    assert told(await call(hub, "/api/order/refund", body)) == NOT_OPERABLE


@pytest.mark.parametrize("path", ["cancel", "finish", "refund", "payment"])
async def test_moves_are_for_the_owner_of_an_order_that_exists(hub, path):
    order = await create(hub)
    body = {"order_id": order["order_id"], "pay_way": "balance"}
    assert told(await call(hub, f"/api/order/{path}", body, user(1001))) == NOT_OPERABLE
    missing = {"order_id": "202211232209089999", "pay_way": "balance"}
    assert told(await call(hub, f"/api/order/{path}", missing)) == NOT_FOUND
    anonymous = await call(hub, f"/api/order/{path}", body, {})
    text = "PleaseLogin" if path == "payment" else "该操作需要登录，请登录后重试"
    assert told(anonymous) == (1001, text)
    gone = await call(hub, f"/api/order/{path}", body, {"Token": token(9999)})
    assert told(gone) == (1001, text)
    for wrong in ({}, {"order_id": 5}, {"order_id": None}, {"order_id": {}}, []):
        assert told(await call(hub, f"/api/order/{path}", wrong))[0] == -1
    assert (await show(hub, order))["status"] == 0


def test_the_dialect_names_its_routes_once():
    names = [(route.method, route.path) for route in DIALECT.routes]
    assert len(names) == len(set(names)) == 30
