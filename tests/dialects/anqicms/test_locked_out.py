"""What an operator decides of a shop's user takes effect at once: locked out, a new password, sessions ended."""

from itertools import count

import pytest

from tests.dialects.anqicms.front import CREATE, call, create, open_shop, told
from tests.support.hub import operator_headers

LOGIN, REGISTER, ME, PAY = "/api/login", "/api/register", "/api/user/detail", "/api/order/payment"
TENANT = "/hub/v1/tenants/shop"
USERS = f"{TENANT}/catalogue/users"
ANONYMOUS, PLEASE_LOGIN, FAILED = 1001, (1001, "PleaseLogin"), (-1, "登录失败")
PASSWORD = "pw123456"
_numbers = count(1)


@pytest.fixture(scope="module")
async def hub(tmp_path_factory):
    async with open_shop(tmp_path_factory.mktemp("locked")) as opened:
        yield opened


async def member(hub):
    """A fresh user: id, the body that logs them in, and the headers of their session."""
    name = f"member{next(_numbers)}"
    body = {"user_name": name, "password": PASSWORD, "email": f"{name}@example.com"}
    data = (await call(hub, REGISTER, body, {}))["data"]
    return data["id"], {"user_name": name, "password": PASSWORD}, {"Token": data["token"]}


async def operate(hub, method, path, body=None, headers=None):
    return await hub.request(method, path, json=body, headers=headers or operator_headers())


async def is_in(hub, session):
    """Whether the session still is somebody's, asked by every kind of call."""
    me = await call(hub, ME, None, session)
    carts = await call(hub, "/api/orders", None, session)
    assert (me["code"] == 0) is (carts["code"] == 0), (me, carts)
    return me["code"] == 0


async def test_a_user_who_is_locked_out_is_anonymous_at_once(hub):
    number, login, session = await member(hub)
    order = await create(hub, session)
    await operate(
        hub,
        "POST",
        f"{TENANT}/pools/adjust",
        {
            "kind": "balance",
            "subject": f"user:{number}",
            "by": "1000.00",
            "reason": "t",
        },
    )
    done = await operate(hub, "PUT", f"{USERS}/{number}", {"doc": {"status": -1}})
    assert done.status_code == 200, done.text
    assert not await is_in(hub, session)
    assert told(await call(hub, LOGIN, login, {})) == FAILED
    assert told(await call(hub, CREATE, {"goods_id": 188}, session)) == PLEASE_LOGIN
    payment = {"order_id": order["order_id"], "pay_way": "balance"}
    assert told(await call(hub, PAY, payment, session)) == PLEASE_LOGIN
    # Nor can anyone else order or pay in their name.
    for_them = await operate(
        hub,
        "POST",
        f"{TENANT}/credentials",
        {
            "kind": "hub",
            "scopes": ["dialects"],
            "data": {"acts_as": {"anqicms": str(number)}},
        },
    )
    as_them = {"Authorization": f"Bearer {for_them.json()['token']}"}
    assert told(await call(hub, CREATE, {"goods_id": 188}, as_them)) == PLEASE_LOGIN
    assert told(await call(hub, PAY, payment, as_them)) == PLEASE_LOGIN
    begun = {**payment, "pay_way": "wechat"}
    assert told(await call(hub, PAY, begun, as_them)) == PLEASE_LOGIN

    await operate(hub, "PUT", f"{USERS}/{number}", {"doc": {"status": 1}})
    assert await is_in(hub, session)
    assert (await call(hub, PAY, payment, session))["code"] == 0


async def test_a_new_password_ends_what_the_old_one_opened(hub):
    number, login, session = await member(hub)
    done = await operate(hub, "PUT", f"{USERS}/{number}/password", {"password": "another-one"})
    assert (done.status_code, done.content) == (204, b"")
    assert not await is_in(hub, session)
    assert told(await call(hub, LOGIN, login, {})) == FAILED
    again = await call(hub, LOGIN, {**login, "password": "another-one"}, {})
    assert await is_in(hub, {"Token": again["data"]["token"]})


@pytest.mark.parametrize("chosen", ["  blank99 ", "密码", "x" * 1000])
async def test_what_an_operator_chose_is_what_the_user_logs_in_with(hub, chosen):
    """The door reads a password without the blanks around it, and counts bytes."""
    number, login, _ = await member(hub)
    done = await operate(hub, "PUT", f"{USERS}/{number}/password", {"password": chosen})
    assert done.status_code == 204, done.text
    again = await call(hub, LOGIN, {**login, "password": chosen}, {})
    assert again["code"] == 0, again


async def test_a_user_who_never_had_a_password_gets_one(hub):
    done = await operate(hub, "PUT", f"{USERS}/1012/password", {"password": "first-one"})
    assert done.status_code == 204, done.text


async def test_sessions_that_were_ended_are_nobodys_and_a_new_login_is(hub):
    number, login, session = await member(hub)
    _, _, other = await member(hub)
    for _ in range(2):
        done = await operate(hub, "DELETE", f"{USERS}/{number}/sessions")
        assert (done.status_code, done.content) == (204, b"")
        assert not await is_in(hub, session)
        session = {"Token": (await call(hub, LOGIN, login, {}))["data"]["token"]}
        assert await is_in(hub, session)
    assert await is_in(hub, other)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"password": "short"},
        {"password": 1},
        {"password": "x" * 1001},
        {"password": " " * 8},
        {"password": "  five5  "},
    ],
)
async def test_what_is_no_password_is_refused_and_changes_nothing(hub, body):
    number, _, session = await member(hub)
    done = await operate(hub, "PUT", f"{USERS}/{number}/password", body)
    assert done.status_code == 400, done.text
    assert done.json()["errors"][0]["field"] == "password"
    assert await is_in(hub, session)


@pytest.mark.parametrize(("method", "what"), [("PUT", "password"), ("DELETE", "sessions")])
async def test_users_are_changed_by_who_may_only(hub, method, what):
    number, _, session = await member(hub)
    body = {"password": "another-one"} if method == "PUT" else None
    # Who sets a password can log in with it: that takes what a vendor's own credential takes.
    for scope in ("catalogue", "credentials", "dialects"):
        weak = {"kind": "hub", "scopes": [scope]}
        made = await operate(hub, "POST", f"{TENANT}/credentials", weak)
        shown = {"Authorization": f"Bearer {made.json()['token']}"}
        refused = await operate(hub, method, f"{USERS}/{number}/{what}", body, shown)
        assert refused.status_code == 403, scope
    stranger = {"Authorization": "Bearer hub-demo-cdp"}
    assert (
        await operate(hub, method, f"{USERS}/{number}/{what}", body, stranger)
    ).status_code == 404
    for unknown in ("999999", "0", "x", "1" * 16):
        found = await operate(hub, method, f"{USERS}/{unknown}/{what}", body)
        assert found.status_code == 404, found.text
    assert await is_in(hub, session)
