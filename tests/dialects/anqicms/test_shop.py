"""Coupons, payments, memberships, what is sold, and what time does; through HTTP."""

import asyncio
from decimal import Decimal

import pytest

from orderhub.core.values import Settings
from orderhub.dialects.anqicms.payments import SandboxProvider, provider_for
from orderhub.ledger.check import check_ledger
from tests.dialects.anqicms.front import (
    CREATE,
    NOW,
    WIDE,
    call,
    create,
    show,
    told,
    uid_of,
    user,
)
from tests.support.hub import operator_headers
from tests.support.waiting import until

NOT_OPERABLE = (-1, "该订单不可操作")
NOT_FOUND = (-1, "record not found")
PAY, CHECK = "/api/order/payment", "/api/payment/check?order_id="


# --- coupons


async def test_a_claimed_coupon_is_listed_used_once_and_comes_back_when_cancelled(hub):
    assert await call(hub, "/api/coupon/code", {"id": 6}) == {"code": 0, "msg": "领取成功"}
    assert told(await call(hub, "/api/coupon/code", {"id": 6})) == (-1, "该优惠券已领取")
    listed = await call(hub, "/api/coupon/valid?amount=9900&archive_id=188")
    claim = listed["data"][0]
    assert (listed["total"], claim["coupon_id"], claim["money"], claim["money_type"]) == (
        1,
        6,
        5,
        0,
    )
    assert (await call(hub, "/api/coupon/valid?archive_id=1"))["total"] == 0
    assert (await call(hub, "/api/coupon/valid", None, user(1001)))["total"] == 0
    foreign = await call(hub, CREATE, {"goods_id": 188, "coupon_code_id": claim["id"]}, user(1001))
    assert told(foreign) == (-1, "优惠券不存在")
    order = await create(hub, goods_id=188, coupon_code_id=str(claim["id"]), coupon_code="HALF")
    assert order["amount"] == 9400
    assert (await show(hub, order))["coupon_code_id"] == str(claim["id"])
    assert (await call(hub, "/api/coupon/valid"))["total"] == 0
    again = await call(hub, CREATE, {"goods_id": 188, "coupon_code_id": claim["id"]})
    assert told(again) == (-1, "优惠券已用完")
    await call(hub, "/api/order/cancel", {"order_id": order["order_id"]})
    assert (await call(hub, "/api/coupon/valid"))["total"] == 1


@pytest.mark.parametrize("named", [{"coupon_code": "MINE"}, {"coupon_id": 6}])
async def test_a_coupon_that_has_to_be_claimed_is_used_by_its_code_or_id_once_it_is(hub, named):
    me = user(1001)
    body = {"goods_id": 188, **named}
    await call(hub, "/api/coupon/code", {"id": 6}, me)
    assert told(await call(hub, CREATE, body, user(1012))) == (-1, "优惠券不可用")
    order = await create(hub, me, **body)
    assert order["amount"] == 9400
    assert told(await call(hub, CREATE, body, me)) == (-1, "优惠券已用完")
    await call(hub, "/api/order/cancel", {"order_id": order["order_id"]}, me)


async def test_a_coupon_for_one_redemption_per_user_holds_under_parallel_orders(hub):
    body = {"goods_id": 188, "coupon_code": "ONCE"}
    for who in (1000, 1001):
        answers = await asyncio.gather(*(call(hub, CREATE, body, user(who)) for _ in range(6)))
        assert [each["code"] for each in answers].count(0) == 1
        assert {each["msg"] for each in answers} == {"", "优惠券已用完"}


async def test_a_claim_of_which_create_would_redeem_nothing_is_not_listed(hub):
    for coupon in (1, 5):
        assert (await call(hub, "/api/coupon/code", {"id": coupon}, user(1012)))["code"] == 0

    async def listed(query=""):
        found = await call(hub, f"/api/coupon/valid?{query}", None, user(1012))
        return {each["coupon_id"] for each in found["data"]}

    assert await listed() == await listed("amount=&archive_id=") == {1, 5}
    typed = await create(hub, user(1012), goods_id=188, coupon_code="ONCE")
    assert await listed() == {1}
    await call(hub, "/api/order/cancel", {"order_id": typed["order_id"]}, user(1012))
    assert await listed() == {1, 5}
    left = await hub.pool("shop", "coupon", "coupon:1")
    await hub.adjust("shop", "coupon", "coupon:1", "", -left)
    assert await listed() == {5}
    await hub.adjust("shop", "coupon", "coupon:1", "", left)


@pytest.mark.parametrize(
    ("body", "text"),
    [({"id": 99}, "优惠券不存在"), ({}, "优惠券不存在"), ({"id": 4}, "优惠券不可用")],
)
async def test_a_coupon_that_is_not_there_or_over_cannot_be_claimed(hub, body, text):
    assert told(await call(hub, "/api/coupon/code", body)) == (-1, text)


# --- payments


async def test_a_balance_pays_at_once_and_is_given_back_by_a_refund(hub):
    balance = (await call(hub, "/api/user/detail"))["data"]["balance"]
    order = await create(hub)
    body = {"order_id": order["order_id"], "pay_way": "balance"}
    assert told(await call(hub, CHECK + order["order_id"])) == NOT_FOUND
    paid = await call(hub, PAY, body)
    assert paid["msg"] == "支付成功"
    assert list(paid["data"]) == ["payment_id", "order_id", "status"]
    assert paid["data"]["order_id"] == order["order_id"]
    assert len(paid["data"]["payment_id"]) == 18
    assert await call(hub, CHECK + order["order_id"]) == {"code": 0, "msg": "支付成功"}
    assert told(await call(hub, PAY, body)) == NOT_OPERABLE
    assert (await call(hub, "/api/user/detail"))["data"]["balance"] == balance - 9900
    shown = await show(hub, order)
    assert (shown["status"], shown["payment_id"]) == (1, paid["data"]["payment_id"])
    await hub.refund(await uid_of(hub, order))
    assert (await call(hub, "/api/user/detail"))["data"]["balance"] == balance


async def test_an_order_with_a_coupon_that_a_balance_pays_for_breaks_no_law(hub):
    order = await create(hub, goods_id=188, coupon_code="COUPON2023")
    paid = await call(hub, PAY, {"order_id": order["order_id"], "pay_way": "balance"})
    assert paid["msg"] == "支付成功"
    assert check_ledger(hub.hub.ledger.engine).breaches == []
    await hub.refund(await uid_of(hub, order))


@pytest.mark.parametrize("way", ["balance", "offline"])
@pytest.mark.parametrize("coupon", ["", "COUPON2023", "HALF"])
async def test_an_order_with_or_without_a_coupon_is_given_back_in_parts_to_what_was_paid(
    hub, coupon, way
):
    balance = (await call(hub, "/api/user/detail"))["data"]["balance"]
    details = [{"goods_id": 188, "quantity": 2}, {"goods_id": 1, "goods_sku_id": 1}]
    order = await create(hub, details=details, coupon_code=coupon)
    uid = await uid_of(hub, order)
    if way == "balance":
        await call(hub, PAY, {"order_id": order["order_id"], "pay_way": way})
    else:
        await hub.pay(uid)
    breaches = [check_ledger(hub.hub.ledger.engine).breaches]
    back = []
    for line_no in (1, 2, 1):
        shown = await hub.refund(uid, lines=[{"line_no": line_no, "quantity": 1}])
        back.append(Decimal(shown["refunded"]) * 100 - sum(back))
        breaches.append(check_ledger(hub.hub.ledger.engine).breaches)
    assert not any(breaches)
    assert (
        back
        == {
            "": [9900, 5000, 9900],
            "COUPON2023": [9501, 4798, 9501],
            "HALF": [9102, 4597, 9101],
        }[coupon]
    )
    assert sum(back) == order["amount"]
    assert (await call(hub, "/api/user/detail"))["data"]["balance"] == balance


async def test_a_coupon_for_some_products_is_given_back_with_those_alone(hub):
    await call(hub, "/api/coupon/code", {"id": 6})
    details = [{"goods_id": 1, "goods_sku_id": 1}, {"goods_id": 188}]
    for line_no, worth in ((1, 50), (2, 94)):
        order = await create(hub, details=details, coupon_code="MINE")
        assert order["amount"] == 14_400
        uid = await uid_of(hub, order)
        await hub.pay(uid)
        part = await hub.refund(uid, lines=[{"line_no": line_no, "quantity": 1}])
        assert Decimal(part["refunded"]) == worth
        assert Decimal((await hub.refund(uid))["refunded"]) == 144


async def test_who_has_too_little_pays_nothing(hub):
    order = await create(hub, user(1001))
    body = {"order_id": order["order_id"], "pay_way": "balance"}
    assert told(await call(hub, PAY, body, user(1001))) == (-1, "BalanceNotEnough")
    assert (await show(hub, order))["status"] == 0


@pytest.mark.parametrize(
    ("way", "members"),
    [
        ("wechat", {"pay_way", "code_url"}),
        ("alipay", {"pay_way", "jump_url"}),
        ("paypal", {"pay_way", "jump_url"}),
        ("stripe", {"pay_way", "jump_url"}),
        ("weapp", {"pay_way", "paySign", "timeStamp", "package", "nonceStr", "signType"}),
    ],
)
async def test_a_provider_begins_a_payment_and_the_order_waits_for_it(hub, way, members):
    order = await create(hub)
    body = {"order_id": order["order_id"], "pay_way": way}
    begun = (await call(hub, PAY, body))["data"]
    assert set(begun) == members
    assert begun["pay_way"] == way
    assert all(isinstance(value, str) for value in begun.values())
    payment_id = (await show(hub, order))["payment_id"]
    assert payment_id
    assert told(await call(hub, CHECK + order["order_id"])) == (-1, "未支付")
    assert told(await call(hub, CHECK + order["order_id"], None, user(1001))) == (-1, "权限不足")
    await call(hub, PAY, body)
    await hub.pay(await uid_of(hub, order))
    shown = await show(hub, order)
    assert (shown["status"], shown["payment_id"]) == (1, payment_id)
    assert told(await call(hub, PAY, body)) == NOT_OPERABLE


def test_only_a_sandbox_has_the_provider_that_takes_no_money():
    for way in SandboxProvider.ways:
        assert provider_for(way, Settings(name="shop", sandbox=True), "http://x") is not None
        assert provider_for(way, Settings(name="shop"), "http://x") is None
    assert provider_for("gold", Settings(name="shop", sandbox=True), "http://x") is None


async def test_only_who_sees_the_whole_shop_may_mark_an_order_as_paid(hub):
    order = await create(hub)
    body = {"order_id": order["order_id"], "pay_way": "offline"}
    assert told(await call(hub, PAY, body)) == (-1, "权限不足")
    assert (await call(hub, PAY, body, WIDE))["data"]["status"] == 1
    for way in ("", "gold", None):
        other = await create(hub)
        refused = await call(hub, PAY, {"order_id": other["order_id"], "pay_way": way})
        assert told(refused) == (-1, "无法创建支付订单")


OMNI = {"Authorization": "Bearer hub-demo-omni"}


async def _sale_of_another_door(hub, price):
    """An unpaid order that came in by Sitecore CDP's door, as this one lists it."""
    sale = {"orderItems": [], "referenceId": f"R-{price}", "currencyCode": "CNY", "price": price}
    sale |= {"orderedAt": "2024-02-29T10:00:05.000Z", "status": "PENDING"}
    made = await hub.post("/v2.1/orders", sale, headers=OMNI)
    assert made.is_success, made.text
    listed = (await call(hub, "/api/orders", None, OMNI))["data"]
    return next(each for each in listed if each["amount"] == price * 100)


@pytest.mark.parametrize("way", ["alipay", "weapp"])
async def test_a_payment_of_an_order_of_another_door_goes_by_the_number_it_has_here(hub, way):
    order = await _sale_of_another_door(hub, 4 if way == "weapp" else 5)
    number = order["order_id"]
    assert told(await call(hub, CHECK + number, None, OMNI)) == NOT_FOUND
    begun = (await call(hub, PAY, {"order_id": number, "pay_way": way}, OMNI))["data"]
    assert number in begun.get("jump_url", begun.get("package"))
    if way == "alipay":
        link = begun["jump_url"].partition("/api/")[2]
        assert told(await call(hub, f"/api/{link}", None, OMNI)) == (-1, "未支付")
    assert told(await call(hub, CHECK + number, None, OMNI)) == (-1, "未支付")


async def test_no_balance_pays_an_order_of_another_door(hub):
    order = await _sale_of_another_door(hub, 3)
    body = {"order_id": order["order_id"], "pay_way": "balance"}
    assert told(await call(hub, PAY, body, OMNI)) == (-1, "无法创建支付订单")
    detail = f"/api/order/detail?order_id={order['order_id']}"
    assert (await call(hub, detail, None, OMNI))["data"]["status"] == 0
    noted = await call(hub, PAY, {**body, "pay_way": "offline"}, OMNI)
    assert noted["data"]["status"] == 1


async def _shop_terms(hub, **terms):
    path = "/hub/v1/tenants/shop/catalogue/shops/1"
    body = {"doc": {"seller_percent": 80, **terms}}
    answer = await hub.request("PUT", path, json=body, headers=operator_headers())
    assert answer.status_code == 200, answer.text


async def test_guests_order_and_pay_where_the_shop_takes_them_and_see_nothing_of_each_other(hub):
    await _shop_terms(hub, guest_ordering=True)
    try:
        wanted = {"goods_id": 188, "address": {"name": "Wang", "phone": "138"}}
        order = await create(hub, {}, **wanted)
        assert (order["user_id"], order["order_address"]["name"]) == (0, "Wang")
        again, other = ({"Cart": who, "Idempotency-Key": "k"} for who in ("guest-a", "guest-b"))
        first, repeat, second = [await create(hub, who) for who in (again, again, other)]
        assert first["order_id"] == repeat["order_id"] != second["order_id"]
        foreign = {"goods_id": 188, "address": {"id": order["address_id"]}}
        assert told(await call(hub, CREATE, foreign, {})) == (-1, "地址不存在")
        detail = f"/api/order/detail?order_id={order['order_id']}"
        assert told(await call(hub, detail, None, {}))[0] == 1001
        mine = {"order_id": (await create(hub))["order_id"], "pay_way": "wechat"}
        assert told(await call(hub, PAY, mine, {})) == NOT_OPERABLE
        assert told(await call(hub, CHECK + mine["order_id"], None, {})) == (-1, "权限不足")
        body = {"order_id": order["order_id"], "pay_way": "wechat"}
        assert (await call(hub, PAY, body, {}))["data"]["pay_way"] == "wechat"
        assert told(await call(hub, CHECK + order["order_id"], None, {})) == (-1, "未支付")
        await hub.pay(await uid_of(hub, order))
        assert (await call(hub, CHECK + order["order_id"], None, {}))["code"] == 0
        balance = {**body, "pay_way": "balance"}
        assert told(await call(hub, PAY, balance, {})) == NOT_OPERABLE
    finally:
        await _shop_terms(hub)
    refused = await call(hub, CREATE, {"goods_id": 188}, {})
    assert told(refused) == (1001, "PleaseLogin")


# --- memberships


async def test_a_paid_membership_completes_and_moves_its_buyer_up_once(hub):
    order = await create(hub, goods_id=2, quantity=2, type="vip")
    assert order["amount"] == 73000
    body = {"order_id": order["order_id"], "pay_way": "balance"}
    assert (await call(hub, PAY, body))["code"] == 0
    shown = await show(hub, order)
    assert shown["status"] == 3
    assert shown["details"][0]["group"]["title"] == "VIP会员"
    me = (await call(hub, "/api/user/detail"))["data"]
    assert (me["group_id"], me["group"]["title"]) == (2, "VIP会员")
    assert me["expire_time"] == 1_669_212_548 + 365 * 86_400
    bought = await call(hub, "/api/archive/order/check?id=2")
    assert bought["data"] is False, "the group has the number of a product"


async def test_a_user_whom_the_shop_makes_a_distributor_earns_from_those_he_brings(hub):
    async def register(name, **more):
        body = {"user_name": name, "password": "secret-1", "email": f"{name}@example.com", **more}
        return (await call(hub, "/api/register", body, {}))["data"]

    inviter = await register("inviter")
    brought = {"Token": (await register("brought", invite_id=inviter["id"]))["token"]}
    assert (await create(hub, brought, goods_id=9))["share_amount"] == 0
    path = f"/hub/v1/tenants/shop/catalogue/users/{inviter['id']}"
    body = {"doc": {"is_distributor": True, "group_id": 2}}
    answer = await hub.request("PUT", path, json=body, headers=operator_headers())
    assert answer.status_code == 200, answer.text
    assert "user_name" not in answer.text, "who he is stays with his shop"
    order = await create(hub, brought, goods_id=9)
    assert (order["amount"], order["share_user_id"], order["share_amount"]) == (
        8999,
        inviter["id"],
        899,
    )
    me = (await call(hub, "/api/user/detail", None, {"Token": inviter["token"]}))["data"]
    assert (me["user_name"], me["is_retailer"], me["group_id"]) == ("inviter", 1, 2)


async def test_a_membership_that_an_operator_ended_is_worth_nothing_and_shows_no_price(hub):
    """1010 was brought by 1011, whose group gives 90 %."""

    async def prices():
        groups = (await call(hub, "/api/user/groups", None, user(1010)))["data"]
        order = await create(hub, user(1010), goods_id=9)
        return groups[1]["favorable_price"], order["amount"], order["share_amount"]

    async def ends(at):
        path = "/hub/v1/tenants/shop/catalogue/users/1011"
        body = {"doc": {"expires_at": at}}
        answer = await hub.request("PUT", path, json=body, headers=operator_headers())
        assert answer.status_code == 200, answer.text

    assert await prices() == (32850, 8999, 899)
    await ends(NOW)
    assert await prices() == (36500, 9999, 0)
    await ends(None)
    assert await prices() == (32850, 8999, 899)


# --- what is sold


async def test_an_order_shows_its_goods_and_groups_at_what_who_looks_pays_for_them(hub):
    """1010 was brought by 1011, whose group gives 90 %."""
    me = user(1010)
    goods = await create(hub, me, goods_id=9)
    vip = await create(hub, me, goods_id=2, type="vip")

    async def seen(order, headers, kind):
        path = f"/api/order/detail?order_id={order['order_id']}"
        return (await call(hub, path, None, headers))["data"]["details"][0][kind]["favorable_price"]

    assert [await seen(goods, who, "goods") for who in (me, WIDE)] == [8999, 9999]
    assert [await seen(vip, who, "group") for who in (me, WIDE)] == [32850, 36500]
    listed = (await call(hub, "/api/orders", None, me))["data"]
    found = next(each for each in listed if each["id"] == goods["id"])
    assert found["details"][0]["goods"]["favorable_price"] == 8999


async def test_a_product_is_shown_with_its_skus_and_their_stock(hub):
    for query in ("id=2", "filename=goods-2"):
        data = (await call(hub, f"/api/archive/sku?{query}", None, {}))["data"]
        assert (data["id"], data["currency"], data["price"]) == (2, "CNY", 80)
        assert [(s["id"], s["price"], s["stock"] > 0) for s in data["skus"]] == [(3, 80, True)]
    for query in ("id=999", "id=7", "filename=none", "filename=%00", "", "id=x"):
        assert told(await call(hub, f"/api/archive/sku?{query}", None, {})) == NOT_FOUND


async def test_whether_a_product_was_bought(hub):
    async def bought(product_id):
        path = f"/api/archive/order/check?id={product_id}"
        return (await call(hub, path, None, user(1010)))["data"]

    assert not await bought(188)
    assert await bought(10)
    order = await create(hub, user(1010))
    assert not await bought(188)
    await hub.pay(await uid_of(hub, order))
    assert await bought(188)
    own = await call(hub, "/api/archive/order/check?id=188", None, user(15))
    assert own["data"] is True, "nobody buys his own goods"


async def test_what_was_all_given_back_was_not_bought(hub):
    async def bought():
        path = "/api/archive/order/check?id=188"
        return (await call(hub, path, None, user(1012)))["data"]

    lines = [{"goods_id": 188, "quantity": 2}, {"goods_id": 9}]
    uid = await uid_of(hub, await create(hub, user(1012), details=lines))
    await hub.pay(uid)
    for still in (True, False):
        await hub.refund(uid, lines=[{"line_no": 1, "quantity": 1}])
        assert await bought() is still


async def test_groups_are_listed_for_anyone(hub):
    groups = (await call(hub, "/api/user/groups", None, {}))["data"]
    assert [group["id"] for group in groups] == [1, 2]
    assert groups[1]["setting"] == {
        "share_reward": 10,
        "parent_reward": 5,
        "discount": 90,
        "expire_day": 365,
    }
    one = await call(hub, "/api/user/group/detail?id=2", None, {})
    assert one["data"] == groups[1]
    assert told(await call(hub, "/api/user/group/detail?id=9", None, {})) == NOT_FOUND
    for path in ("groups", "group/detail?id=2"):
        shown = (await call(hub, f"/api/user/{path}", None, user(1010)))["data"]
        vip = shown[1] if path == "groups" else shown
        assert (vip["price"], vip["favorable_price"]) == (36500, 32850)
    assert groups[1]["favorable_price"] == 36500
    assert (await call(hub, "/api/captcha", None, {}))["data"] == {"captcha_off": True}


# --- addresses


async def test_addresses_are_kept_changed_and_listed_newest_first(hub):
    me = user(1012)
    assert told(await call(hub, "/api/order/address", None, me)) == NOT_FOUND
    assert (await call(hub, "/api/order/addresses", None, me))["data"] == []
    first = (await call(hub, "/api/order/address", {"name": "A", "phone": "1"}, me))["data"]
    second = (await call(hub, "/api/order/address", {"name": "B"}, me))["data"]
    changed = await call(hub, "/api/order/address", {"id": first["id"], "City": "C"}, me)
    assert changed == {"code": 0, "msg": None, "data": {**first, "city": "C"}}
    listed = await call(hub, "/api/order/addresses", None, me)
    assert [each["id"] for each in listed["data"]] == [second["id"], first["id"]]
    assert listed["msg"] is None
    foreign = await call(hub, "/api/order/address", {"id": first["id"], "name": "X"})
    assert told(foreign) == (-1, "地址不存在")
    long = await call(hub, "/api/order/address", {"postcode": "x" * 37}, me)
    assert told(long) == (-1, "Error 1406 (22001): Data too long for column 'postcode' at row 1")
    order = await create(hub, me, goods_id=188, address={"id": second["id"]})
    assert order["order_address"]["name"] == "B"
    assert order["address_id"] == second["id"]


# --- time


async def _status_becomes(hub, order, status):
    return await until(lambda: show(hub, order), lambda shown: shown["status"] == status)


async def test_the_hub_closes_unpaid_orders_and_finishes_shipped_ones_by_itself(hub):
    await hub.settings("shop", auto_close_s=600)
    before = await hub.pool("shop", "stock", "product:188")
    unpaid, shipped = await create(hub), await create(hub)
    uid = await uid_of(hub, shipped)
    await hub.pay(uid)
    await hub.ship(uid)
    await hub.advance("shop", 601)
    closed = await _status_becomes(hub, unpaid, -1)
    assert closed["finished_time"] - closed["created_time"] == 600  # when it was due
    assert await hub.pool("shop", "stock", "product:188") == before - 1
    assert (await show(hub, shipped))["status"] == 2
    await hub.advance("shop", 10 * 86_400)
    await _status_becomes(hub, shipped, 3)
    assert told(await call(hub, PAY, {"order_id": unpaid["order_id"]})) == (
        -1,
        "无法创建支付订单",
    )
    await hub.settings("shop", auto_close_s=0)
    await hub.freeze("shop", NOW)
