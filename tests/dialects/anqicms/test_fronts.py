"""What real fronts send and do: carts, coupons, guests, paths and languages, each as somebody stumbled over it."""

import asyncio
import time
from decimal import Decimal

import jwt
import pytest

from orderhub.core.commands import RecordChange
from orderhub.core.coupons import Coupon, CouponKind
from tests.dialects.anqicms.front import (
    CREATE,
    EN,
    SECRET,
    WIDE,
    call,
    create,
    open_shop,
    show,
    token,
    told,
    uid_of,
    user,
)
from tests.support.hub import operator_headers

LOGIN = "/api/login"
PASSWORD = "/api/user/password"
RESET = "/api/password/reset"
ME = "/api/user/detail"
PAY = "/api/order/payment"
ALMOST_FREE = Coupon(id=20, code="ALMOST", kind=CouponKind.PERCENT, percent=99, per_user=1)
SPACED = Coupon(id=21, code=" Space ", money=Decimal(1))
ONE_EACH = Coupon(id=22, code="EACH", money=Decimal(1), per_user=1)


@pytest.fixture(scope="module")
async def hub(tmp_path_factory):
    coupons = (ALMOST_FREE, SPACED, ONE_EACH)
    more = [RecordChange(kind="coupon", id=c.id, code=c.code, doc=c) for c in coupons]
    async with open_shop(tmp_path_factory.mktemp("fronts"), *more) as hub:
        yield hub


async def catalogue(hub, kind, item_id, **doc):
    path = f"/hub/v1/tenants/shop/catalogue/{kind}/{item_id}"
    return await hub.request("PUT", path, json={"doc": doc}, headers=operator_headers())


# --- carts


async def test_units_that_are_not_ordered_stay_in_the_cart_and_what_was_written_goes_with_the_line(
    hub,
):
    me = user(1012)
    row = {"archive_id": 1, "sku_id": 1, "quantity": 5, "order_extra": {"engrave": "L I"}}
    await call(hub, "/api/cart/add", row, me)
    (shown,) = (await call(hub, "/api/cart/list", None, me))["data"]
    line = {"goods_id": 1, "goods_sku_id": 1, "quantity": 2}
    order = await create(hub, me, details=[line], cart_ids=[shown["id"]])
    (detail,) = (await show(hub, order))["details"]
    assert detail["order_extra"] == {"engrave": "L I"}
    assert detail["order_fields"] == [{"name": "engrave", "field_name": "engrave", "type": "text"}]
    (left,) = (await call(hub, "/api/cart/list", None, me))["data"]
    assert (left["id"], left["quantity"], left["order_extra"]) == (
        shown["id"],
        3,
        {"engrave": "L I"},
    )
    own = {
        **line,
        "quantity": 3,
        "order_extra": {
            "engrave": "X",
            "pictures": ["a", "b"],
            "sizes": [{"key": "collar", "value": "40"}],
        },
    }
    order = await create(hub, me, details=[own], cart_ids=[shown["id"]])
    (detail,) = (await show(hub, order))["details"]
    assert detail["order_extra"] == own["order_extra"]
    assert [each["type"] for each in detail["order_fields"]] == ["text", "images", "texts"]
    assert (await call(hub, "/api/cart/list", None, me))["data"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"goods_id": 1, "goods_sku_id": 1, "order_extra": {"gift": "wrapped"}},
        {"details": [{"goods_id": 1, "goods_sku_id": 1, "order_extra": {"gift": "wrapped"}}]},
    ],
)
async def test_what_is_written_for_an_article_needs_no_cart(hub, body):
    (detail,) = (await show(hub, await create(hub, **body)))["details"]
    assert detail["order_extra"] == {"gift": "wrapped"}


async def test_a_row_shows_what_will_be_paid_and_whether_it_can_be_ordered(hub):
    me = user(1010)  # whose inviter's group pays ninety percent
    await call(hub, "/api/cart/add", {"archive_id": 9, "quantity": 3}, me)
    (row,) = (await call(hub, "/api/cart/list", None, me))["data"]
    assert (row["price"], row["amount"], row["available"]) == (8999, 26997, True)
    assert row["price"] == row["archive"]["favorable_price"]
    preview = await call(hub, "/api/order/checkout", {"cart_ids": [row["id"]]}, me)
    assert preview["data"]["amount"] == row["amount"]
    assert (
        await catalogue(hub, "products", 9, title="Ring", price="99.99", active=False)
    ).is_success
    (row,) = (await call(hub, "/api/cart/list", None, me))["data"]
    assert (row["price"], row["available"]) == (0, False)
    assert told(await call(hub, CREATE, {"cart_ids": [row["id"]]}, me)) == (-1, "record not found")
    await catalogue(hub, "products", 9, title="Ring", price="99.99")
    await call(hub, "/api/cart/remove", {"id": row["id"]}, me)


# --- scalars


@pytest.mark.parametrize(
    "body",
    [
        {"goods_id": 188, "coupon_id": "", "goods_sku_id": "", "coupon_code_id": ""},
        {"goods_id": "", "details": [{"goods_id": "188", "goods_sku_id": "", "quantity": ""}]},
        {"goods_id": 188.0, "quantity": "1", "address": [], "order_extra": []},
        {"goods_id": 188, "remark": 5, "type": "goods"},
        {"details": [{"goods_id": 188, "sku_values": ["Small"]}]},
        {"details": [{"goods_id": 188, "sku_values": {"Size": "Small"}}]},
        {"details": [{"goods_id": 188, "sku_values": [156]}]},
        {"details": [{"goods_id": 188, "sku_values": "Small"}]},
    ],
)
async def test_a_text_for_a_number_and_a_number_for_a_text_are_read_alike(hub, body):
    assert (await create(hub, **body))["amount"] == 9900


async def test_options_are_kept_in_whatever_shape(hub):
    for sent, kept in (("S", ["S"]), ({"Size": "S"}, [{"Size": "S"}]), ([156, "S"], [156, "S"])):
        order = await create(hub, details=[{"goods_id": 188, "sku_values": sent}])
        assert (await show(hub, order))["details"][0]["sku_values"] == kept


@pytest.mark.parametrize(
    "address", [{}, [], None, {"id": 0, "name": "", "phone": "", "country": ""}]
)
async def test_an_address_without_a_letter_is_none(hub, address):
    order = await create(hub, goods_id=188, address=address)
    assert (order["address_id"], "order_address" in order) == (0, False)


async def test_a_stored_address_is_not_blanked_by_members_that_are_all_empty(hub):
    first = await create(hub, goods_id=188, address={"name": "Wang", "phone": "138"})
    named = {"id": first["address_id"], "name": "", "phone": "", "city": ""}
    again = await create(hub, goods_id=188, address=named)
    assert again["order_address"]["name"] == "Wang"
    # Members that are missing are not asked for, as in the original: the shop's front does.
    partly = await create(hub, goods_id=188, address={"name": "Li"})
    assert partly["order_address"]["phone"] == ""


# --- coupons


@pytest.mark.parametrize("code", ["coupon2023", " Coupon2023 ", "COUPON2023", "space", "SPACE"])
async def test_a_code_is_typed_in_any_case(hub, code):
    await catalogue(hub, "coupons", 21, code="Space", money="1")
    order = await create(hub, details=[{"goods_id": 188, "quantity": 3}], coupon_code=code)
    assert order["discount_amount"] > 0


async def test_a_coupon_with_blanks_around_its_code_is_refused_and_so_is_the_same_in_another_case(
    hub,
):
    refused = await catalogue(hub, "coupons", 61, code=" SPARE ", money="1")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "doc.code")
    assert (await catalogue(hub, "coupons", 61, code="Spare", money="1")).status_code == 201
    twice = await catalogue(hub, "coupons", 62, code="sPARE", money="1")
    assert twice.status_code == 409


async def test_a_coupon_that_takes_nothing_off_is_not_used_up(hub):
    for _ in range(2):
        order = await create(hub, goods_id=10, coupon_code="ALMOST")
        assert order["discount_amount"] == 0
    order = await create(hub, goods_id=188, coupon_code="ALMOST")
    assert order["discount_amount"] == 99
    refused = await call(hub, CREATE, {"goods_id": 188, "coupon_code": "ALMOST"})
    assert told(refused) == (-1, "优惠券已用完")


async def test_guests_are_told_apart_by_e_mail_or_phone_and_buy_no_membership(hub):
    assert (await catalogue(hub, "shops", 1, guest_ordering=True)).is_success
    try:

        def guest(**contact):
            body = {"goods_id": 188, "coupon_code": "EACH", "address": {"name": "G", **contact}}
            return call(hub, CREATE, body, {})

        assert (await guest(email="A@example.com"))["data"]["discount_amount"] == 100
        assert told(await guest(email=" a@Example.com"))[1] == "优惠券已用完"
        assert (await guest(email="b@example.com"))["code"] == 0
        assert (await guest(phone="+86 138 8888 8888"))["code"] == 0
        assert told(await guest(phone="13888888888"))[1] == "优惠券已用完"
        assert told(await guest())[1] == "优惠券不可用"
        member = await call(hub, CREATE, {"goods_id": 2, "type": "vip"}, {})
        assert told(member) == (1001, "PleaseLogin")
    finally:
        await catalogue(hub, "shops", 1, seller_percent=80)


# --- paths and languages


async def test_a_slash_behind_a_path_makes_no_difference(hub):
    placed = await call(hub, f"{CREATE}/", {"goods_id": 188})
    assert placed["data"]["amount"] == 9900
    assert told(await call(hub, f"{CREATE}/", {"goods_id": 188}, {})) == (1001, "PleaseLogin")
    assert (await hub.get("/api/orders//", headers=user())).status_code == 404


async def test_the_query_may_say_the_language(hub):
    nothing = await call(hub, f"{CREATE}?lang=en", {})
    assert told(nothing) == (-1, "Please select the product")
    assert told(await call(hub, f"{CREATE}?lang=zh-CN", {}, user(**EN))) == (-1, "请选择商品")


async def test_every_order_of_a_long_page_is_on_it(hub):
    me = {"Token": (await registered(hub, "pager"))["token"]}
    await asyncio.gather(*(create(hub, me, goods_id=10) for _ in range(120)))
    whole = await call(hub, "/api/orders?pageSize=150&current=1", None, me)
    assert (whole["total"], len({each["order_id"] for each in whole["data"]})) == (120, 120)
    behind = await call(hub, "/api/orders?pageSize=150&current=2", None, me)
    assert (behind["total"], behind["data"]) == (120, [])
    second = await call(hub, "/api/orders?pageSize=110&current=2", None, me)
    assert [each["id"] for each in second["data"]] == [each["id"] for each in whole["data"][110:]]


@pytest.mark.parametrize("platform", ["weapp", "wechat", "google", "tt", "swan", "alipay", "qq"])
async def test_who_logs_in_elsewhere_is_not_let_in_by_a_password(hub, platform):
    body = {"platform": platform, "user_name": "demo", "password": "demo123456"}
    assert told(await call(hub, LOGIN, body, {})) == (-1, "登录失败")


# --- one's own account


async def registered(hub, name, password="secret-1"):
    body = {"user_name": name, "password": password, "email": f"{name}@example.com"}
    return (await call(hub, "/api/register", body, {}))["data"]


async def test_a_user_changes_details_and_the_names_to_log_in_with(hub):
    mine = await registered(hub, "renamed")
    held = {"Token": mine["token"]}
    change = {"user_name": " Named ", "first_name": "Ann", "last_name": "Li", "phone": 13900000001}
    assert await call(hub, ME, change, held) == {"code": 0, "msg": "保存成功"}
    shown = (await call(hub, ME, None, held))["data"]
    assert (shown["user_name"], shown["real_name"], shown["phone"]) == (
        "Named",
        "Ann Li",
        "13900000001",
    )
    assert shown["email"] == "renamed@example.com"
    for name in (
        {"user_name": "named"},
        {"phone": "13900000001"},
        {"email": "renamed@example.com"},
    ):
        assert (await call(hub, LOGIN, {**name, "password": "secret-1"}, {}))["code"] == 0
    assert (await call(hub, LOGIN, {"user_name": "renamed", "password": "secret-1"}, {}))[
        "code"
    ] == -1
    assert (await call(hub, ME, {"introduce": "x"}, held))["code"] == 0
    assert (await call(hub, ME, None, held))["data"]["real_name"] == "Ann Li"


async def test_the_real_name_is_made_of_the_names_that_stand(hub):
    held = {"Token": (await registered(hub, "ada"))["token"]}
    for change, real_name in (
        ({"real_name": "A. L.", "last_name": "Lovelace"}, "A. L."),
        ({"first_name": "Ada"}, "Ada Lovelace"),
        ({"last_name": "King"}, "Ada King"),
        ({"first_name": "Eve"}, "Eve King"),
        ({"last_name": ""}, "Eve"),
        ({"introduce": "x"}, "Eve"),
        ({"real_name": "E."}, "E."),
    ):
        assert (await call(hub, ME, change, held))["code"] == 0
        assert (await call(hub, ME, None, held))["data"]["real_name"] == real_name


@pytest.mark.parametrize(
    ("change", "msg"),
    [
        ({"user_name": "DEMO"}, "该用户名已被注册"),
        ({"email": "demo@example.com"}, "该邮箱已被注册"),
        ({"email": "no"}, "邮箱不正确"),
        ({"phone": "12"}, "手机号不正确"),
        (
            {"introduce": "x" * 251},
            "Error 1406 (22001): Data too long for column 'introduce' at row 1",
        ),
        (
            {"user_name": "x" * 101},
            "Error 1406 (22001): Data too long for column 'user_name' at row 1",
        ),
    ],
)
async def test_what_a_user_cannot_be_called_is_refused(hub, change, msg):
    mine = user(1012)
    assert told(await call(hub, ME, change, mine)) == (-1, msg)


async def test_own_details_and_passwords_ask_for_a_login(hub):
    for path in (ME, PASSWORD):
        assert told(await call(hub, path, {}, {}))[0] == 1001


async def test_a_new_password_ends_every_other_session_and_hands_out_a_token(hub):
    mine = await registered(hub, "changer")
    held = {"Token": mine["token"]}
    body = {"old_password": "secret-1", "password": "secret-2"}
    hub.client.cookies.clear()
    assert told(await call(hub, PASSWORD, {**body, "password": "12345"}, held)) == (
        -1,
        "请填写6位以上的密码",
    )
    assert told(await call(hub, PASSWORD, {**body, "old_password": "x"}, held)) == (
        -1,
        "原密码错误",
    )
    dry = await hub.post(PASSWORD, body, headers={**held, "Hub-Dry-Run": "true"})
    assert "update-token" not in dry.headers
    answer = await hub.post(PASSWORD, body, headers=held)
    assert answer.json() == {"code": 0, "msg": "密码修改成功"}
    hub.client.cookies.clear()
    assert told(await call(hub, ME, None, held))[0] == 1001
    fresh = {"Token": answer.headers["update-token"]}
    assert (await call(hub, ME, None, fresh))["data"]["user_name"] == "changer"
    assert (await call(hub, LOGIN, {"user_name": "changer", "password": "secret-1"}, {}))[
        "code"
    ] == -1
    assert (await call(hub, LOGIN, {"user_name": "changer", "password": "secret-2"}, {}))[
        "code"
    ] == 0


async def test_an_old_password_is_not_to_be_guessed(hub):
    mine = {"Token": (await registered(hub, "guessed"))["token"]}
    body = {"old_password": "wrong-1", "password": "secret-2"}
    told_ = [told(await call(hub, PASSWORD, body, mine))[1] for _ in range(11)]
    assert told_[:10] == ["原密码错误"] * 10
    assert told_[10] == "登录失败次数过多，请稍后重试"


async def test_a_renewed_token_gives_way_to_that_of_a_new_password(hub):
    mine = await registered(hub, "latecomer")
    late = {"Token": token(mine["id"], life_s=600, sessions="0")}
    body = {"old_password": "secret-1", "password": "secret-2"}
    answer = await hub.post(PASSWORD, body, headers=late)
    hub.client.cookies.clear()
    fresh = answer.headers.get_list("update-token")
    assert len(fresh) == 1
    assert jwt.decode(fresh[0], SECRET, algorithms=["HS256"])["sessions"] == "1"


async def test_a_forgotten_password_is_set_by_what_the_shop_mailed_once(hub):
    await registered(hub, "lost")
    asked = {"email": "Lost@example.com", "state": "reset"}
    for who in ({}, user()):
        assert told(await call(hub, "/api/verify/email", asked, who)) == (-1, "邮件发送功能未开启")
    mailed = (await call(hub, "/api/verify/email", asked, WIDE))["data"]
    # It is no token to log in with, nor is a login's one to set a password with.
    assert told(await call(hub, ME, None, {"Token": mailed["token"]}))[0] == 1001
    body = {
        "email": "lost@example.com",
        "password": "secret-9",
        **{k: mailed[k] for k in ("token", "code")},
    }
    wrong = [
        {"code": "0" * 16},
        {"token": token(1000)},
        {"token": mailed["token"][:-2] + "xx"},
        {"email": "demo@example.com"},
        {"email": "nobody@example.com"},
        {"token": ""},
    ]
    for change in wrong:
        assert told(await call(hub, RESET, {**body, **change}, {})) == (-1, "无效的令牌")
    assert await call(hub, RESET, body, {}) == {"code": 0, "msg": "密码重置成功"}
    assert told(await call(hub, RESET, {**body, "password": "secret-8"}, {})) == (-1, "无效的令牌")
    assert (await call(hub, LOGIN, {"user_name": "lost", "password": "secret-9"}, {}))["code"] == 0
    unknown = await call(hub, "/api/verify/email", {**asked, "email": "nobody@example.com"}, WIDE)
    assert told(unknown) == (-1, "record not found")


async def test_an_old_reset_does_not_hold(hub):
    mine = await registered(hub, "slow")
    asked = {"email": "slow@example.com", "state": "reset"}
    mailed = (await call(hub, "/api/verify/email", asked, WIDE))["data"]
    claims = jwt.decode(mailed["token"], SECRET, algorithms=["HS256"])
    assert abs(int(claims["t"]) - time.time() - 3_600) < 60
    assert claims["reset"] == str(mine["id"])
    old = jwt.encode({**claims, "t": str(int(time.time()) - 1)}, SECRET, algorithm="HS256")
    body = {
        "email": "slow@example.com",
        "password": "secret-9",
        "token": old,
        "code": mailed["code"],
    }
    assert told(await call(hub, RESET, body, {})) == (-1, "无效的令牌")


async def test_a_token_without_the_scope_is_given_nothing_to_mail(hub):
    made = await hub.post(
        "/hub/v1/tenants/shop/credentials",
        {"kind": "hub", "scopes": ["dialects"], "data": {"acts_as": {"anqicms": "1000"}}},
        headers=operator_headers(),
    )
    narrow = {"Authorization": f"Bearer {made.json()['token']}"}
    asked = {"email": "demo@example.com", "state": "reset"}
    assert told(await call(hub, "/api/verify/email", asked, narrow))[0] == -1


async def test_whether_an_order_is_paid_is_told_at_once(hub):
    """`payment/check` answers at once: a payment that is made shows at the next question."""
    order = await create(hub)
    begun = {"order_id": order["order_id"], "pay_way": "wechat"}
    assert (await call(hub, PAY, begun))["code"] == 0
    path = f"/api/payment/check?order_id={order['order_id']}"
    unpaid = await hub.get(path, headers=user())
    assert (told(unpaid.json()), unpaid.headers["retry-after"]) == ((-1, "未支付"), "1")
    await hub.pay(await uid_of(hub, order))
    assert (await call(hub, path))["code"] == 0


# --- what held when others stumbled


async def test_a_coupon_above_the_total_leaves_nothing_to_pay(hub):
    assert (await catalogue(hub, "coupons", 70, code="HUGE", money="1000")).is_success
    order = await create(hub, goods_id=188, coupon_code="huge")
    assert (order["amount"], order["discount_amount"], order["origin_amount"]) == (0, 9900, 9900)


async def test_of_forty_orders_at_once_as_many_redeem_a_coupon_as_may(hub):
    await catalogue(hub, "coupons", 71, code="FEW", money="1", limited=True)
    await hub.adjust("shop", "coupon", "coupon:71", "", 3)
    body = {"goods_id": 188, "coupon_code": "few"}
    answers = await asyncio.gather(*(call(hub, CREATE, body) for _ in range(40)))
    assert sorted(each["code"] for each in answers).count(0) == 3
    assert {each["msg"] for each in answers if each["code"]} == {"优惠券已用完"}


@pytest.mark.parametrize(
    "remark",
    [
        "<script>alert(1)</script>",
        "\u202eabc\u202c",
        "a\u2028b",
        "👍" * 250,
        "  two  ",
        "٣",
    ],
)
async def test_a_text_is_kept_letter_for_letter(hub, remark):
    assert (await create(hub, goods_id=188, remark=remark))["remark"] == remark
    too_long = {"goods_id": 188, "remark": "👍" * 251}
    assert "remark" in told(await call(hub, CREATE, too_long))[1]


async def test_an_order_is_paid_for_once(hub):
    order = await create(hub, goods_id=188)
    body = {"order_id": order["order_id"], "pay_way": "balance"}
    before = await hub.pool("shop", "balance", "user:1000")
    answers = await asyncio.gather(*(call(hub, PAY, body) for _ in range(5)))
    assert sorted(each["code"] for each in answers) == [-1, -1, -1, -1, 0]
    assert before - await hub.pool("shop", "balance", "user:1000") == 99


async def test_a_payment_that_comes_after_an_order_was_closed_is_refused(hub):
    order = await create(hub, goods_id=188)
    uid = await uid_of(hub, order)
    await hub.cancel(uid)
    late = await hub.post(f"/hub/v1/orders/{uid}/pay", {}, headers=operator_headers())
    assert late.status_code == 409
