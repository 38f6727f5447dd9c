"""Who calls: sites, tokens, logging in, registering; through HTTP."""

import asyncio
import threading
import time

import jwt
import pytest
from argon2 import PasswordHasher

from orderhub.dialects import passwords
from tests.dialects.anqicms.front import EN, SECRET, call, create, open_shop, token, told, user

LOGIN, REGISTER, ME = "/api/login", "/api/register", "/api/user/detail"
DEMO = {"user_name": "demo", "password": "demo123456"}
ANONYMOUS = (1001, "该操作需要登录，请登录后重试")


@pytest.fixture(scope="module")
async def hub(tmp_path_factory):
    async with open_shop(tmp_path_factory.mktemp("users")) as opened:
        yield opened


# --- logging in


async def test_a_login_gives_a_token_for_thirty_days_and_a_cookie(hub):
    hub.client.cookies.clear()
    answer = await hub.post(LOGIN, {**DEMO, "remember": True})
    data = answer.json()["data"]
    claims = jwt.decode(data["token"], SECRET, algorithms=["HS256"])
    assert claims["userId"] == "1000"
    assert abs(int(claims["t"]) - time.time() - 30 * 86_400) < 60
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"token={data['token']}; Path=/; Max-Age=2592000")
    assert "argon2" not in answer.text
    hub.client.cookies.clear()
    short = await hub.post(LOGIN, DEMO)
    assert "Max-Age=86400" in short.headers["set-cookie"]
    assert (await call(hub, ME, None, {"Token": data["token"]}))["data"]["user_name"] == "demo"


@pytest.mark.parametrize(
    "body",
    [
        {"email": "demo@example.com", "password": "demo123456"},
        {"User_Name": " DEMO ", "password": " demo123456 ", "platform": "website"},
        {"user_name": "other", "email": "Demo@Example.com", "password": "demo123456"},
        {"user_name": "demo@example.com", "password": "demo123456"},
        {"user_name": "demo", "email": " ", "phone": "", "password": "demo123456"},
    ],
)
async def test_a_user_is_found_by_name_or_email_whichever_is_given(hub, body):
    assert (await call(hub, LOGIN, body, {}))["data"]["id"] == 1000


@pytest.mark.parametrize(
    ("body", "chinese", "english"),
    [
        ({"password": "demo123456"}, "请输入账号", "Please enter your account"),
        (
            {"user_name": "demo", "password": "12345"},
            "请输入6位及以上长度的密码",
            "Please enter a password of 6 characters or longer",
        ),
        ({"user_name": "demo", "password": "wrong-one"}, "登录失败", "Login failed"),
        ({"user_name": "nobody", "password": "wrong-one"}, "登录失败", "Login failed"),
        ({"user_name": "seller", "password": "no-login"}, "登录失败", "Login failed"),
    ],
)
async def test_a_failed_login_is_told_in_the_caller_s_language(hub, body, chinese, english):
    assert told(await call(hub, LOGIN, body, {})) == (-1, chinese)
    assert told(await call(hub, LOGIN, body, EN)) == (-1, english)


@pytest.mark.parametrize(
    "body", [[], {"user_name": 1}, {"password": {}}, {"remember": "yes"}, {"email": []}, None]
)
async def test_a_login_of_the_wrong_shape_is_refused(hub, body):
    hub.client.cookies.clear()
    answer = await hub.request("POST", LOGIN, json=body)
    assert answer.status_code == 200
    assert told(answer.json())[0] == -1


@pytest.fixture
def hashing_threads(monkeypatch):
    """The threads on which passwords were hashed or verified, one for each time."""
    threads = []

    class Watched(PasswordHasher):
        def hash(self, *given, **more):
            threads.append(threading.current_thread())
            return super().hash(*given, **more)

        def verify(self, *given):
            threads.append(threading.current_thread())
            return super().verify(*given)

    monkeypatch.setattr(passwords, "_HASHER", Watched(time_cost=1, memory_cost=8, parallelism=1))
    return threads


async def test_after_ten_failures_a_minute_even_the_right_password_is_refused_at_once(
    hub, hashing_threads
):
    right = {"user_name": "other", "password": "other123456"}
    wrong = {"user_name": "other", "password": "guess-it"}
    answers = await asyncio.gather(*(call(hub, LOGIN, wrong, {}) for _ in range(13)))
    texts = [told(each)[1] for each in answers]
    assert texts.count("登录失败") == 10
    assert texts.count("登录失败次数过多，请稍后重试") == 3
    assert told(await call(hub, LOGIN, right, {}))[0] == -1
    assert len(hashing_threads) == 10, "who is refused at once costs no hash"
    by_email = {"email": "other@example.com", "password": "other123456"}
    assert told(await call(hub, LOGIN, by_email, {}))[0] == -1, "the account is the same"
    assert (await call(hub, LOGIN, DEMO, {}))["code"] == 0


async def test_failures_are_remembered_by_the_ledger_as_the_desks_are(hub, hashing_threads):
    """Another process counts on where this one ended, and a password that is changed is guessed at like any."""
    wrong = {"user_name": "other", "password": "guess-it"}
    for _ in range(10):
        await call(hub, LOGIN, wrong, {})
    hub.stop_watch()  # nothing that the process keeps
    answer = await hub.post(LOGIN, {"user_name": "other", "password": "other123456"})
    assert told(answer.json()) == (-1, "登录失败次数过多，请稍后重试")
    assert 0 < int(answer.headers["retry-after"]) <= 60
    now = hub.hub.port.now_us()
    with hub.hub.ledger.directory("") as (_, directory):
        assert directory.people.purge(now + 1, now) > 0
    right = {"user_name": "other", "password": "other123456"}
    assert (await call(hub, LOGIN, right, {}))["code"] == 0


async def test_right_logins_are_no_failures_and_no_hash_is_worked_out_on_the_event_loop(
    hub, hashing_threads
):
    answers = [await call(hub, LOGIN, DEMO, {}) for _ in range(11)]
    fresh = {"user_name": "hashed", "password": "secret-1", "email": "hashed@example.com"}
    answers.append(await call(hub, REGISTER, fresh, {}))
    assert {each["code"] for each in answers} == {0}
    assert len(hashing_threads) == 12
    assert threading.current_thread() not in hashing_threads


# --- tokens


@pytest.mark.parametrize(
    "headers",
    [
        {"Token": token()},
        {"Cookie": f"lang=zh-CN; token={token()}"},
        {"Authorization": f"Bearer {token()}"},
        {"Token": token(), "Cookie": "token=rubbish"},
        {"Token": token(site=None)},
        {"Authorization": "Bearer hub-demo-shop"},
    ],
)
async def test_a_token_may_come_as_header_cookie_or_bearer(hub, headers):
    assert (await call(hub, ME, None, headers))["data"]["id"] == 1000


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Token": ""},
        {"Token": "rubbish"},
        {"Token": "a.b.c"},
        {"Token": "x" * 5_000},
        {"Token": token(life_s=-1)},
        {"Token": token(9999)},
        {"Token": token(key="another-secret-of-more-than-32-letters")},
        {"Token": token(key="", algorithm="none")},
        {"Token": token(site="2")},
        {"Token": token(site="77")},
        {"Token": token(site="default")},
        {"Token": token(site="\x00")},
        {"Token": token(userId=None)},
        {"Token": token(userId="-1")},
        {"Token": token(userId="1000x")},
        {"Token": token(t="soon")},
        {"Token": token(t=None)},
        {"Token": "rubbish", "Cookie": f"token={token()}"},
        {"Authorization": "Bearer hub-demo-nobody"},
    ],
)
async def test_a_token_that_does_not_hold_makes_an_anonymous_visitor(hub, headers):
    assert told(await call(hub, ME, None, headers)) == ANONYMOUS
    english = (1001, "This operation requires login, please log in and try again")
    assert told(await call(hub, ME, None, {**headers, **EN})) == english
    made = await call(hub, "/api/order/create", {"goods_id": 188}, headers)
    assert told(made) == (1001, "PleaseLogin")


GUARDED = [
    *("/api/orders", "/api/order/address", "/api/order/addresses", "/api/coupon/valid"),
    *("/api/archive/order/check?id=1", "/api/payment/check?order_id=1", "/api/cart/list"),
]
GUARDED_POSTS = [
    *("/api/order/cancel", "/api/order/finish", "/api/order/refund", "/api/order/address"),
    *("/api/coupon/code", "/api/cart/add", "/api/cart/update", "/api/cart/remove"),
]


@pytest.mark.parametrize("path", [*GUARDED, *GUARDED_POSTS])
async def test_what_needs_a_login_says_so(hub, path):
    body = {} if path in GUARDED_POSTS else None
    assert told(await call(hub, path, body, {})) == ANONYMOUS


async def test_in_its_last_hour_a_token_is_renewed_with_any_answer(hub):
    hub.client.cookies.clear()
    old = {"Token": token(life_s=3_590)}
    for path in (ME, "/api/order/detail?order_id=1", "/api/orders"):
        answer = await hub.get(path, headers=old)
        fresh = jwt.decode(answer.headers["update-token"], SECRET, algorithms=["HS256"])
        assert abs(int(fresh["t"]) - time.time() - 86_400) < 60
    refused = await hub.post("/api/order/create", {"quantity": "x"}, headers=old)
    assert "update-token" in refused.headers
    young = await hub.get(ME, headers={"Token": token(life_s=3_700)})
    assert "update-token" not in young.headers


# --- sites


async def test_a_site_is_found_by_number_then_by_host_then_the_default(hub):
    omni = {"user_name": "omni", "password": "omni123456"}
    assert told(await call(hub, LOGIN, omni, {}))[0] == -1
    logged = await call(hub, f"{LOGIN}?site_id=2", omni, {})
    assert logged["data"]["user_name"] == "omni"
    own = {"Token": logged["data"]["token"]}
    assert (await call(hub, ME, None, own))["data"]["user_name"] == "omni"
    order = await create(hub, own, goods_id=910)
    assert order["amount"] == 1000
    host = {"Host": "Shop.Example:8080"}
    assert (await call(hub, f"{LOGIN}?site_id=2", omni, host))["data"]["user_name"] == "omni"
    for header in ({"Site-Id": "2"}, {"Site-Id": "2", **host}):
        assert (await call(hub, LOGIN, omni, header))["data"]["user_name"] == "omni"
    both = {"Site-Id": "1"}
    assert (await call(hub, f"{LOGIN}?site_id=2", omni, both))["data"]["user_name"] == "omni"
    # A number that no site has is passed over where Host names one, as is what is no number anywhere.
    assert (await call(hub, f"{LOGIN}?site_id=9", DEMO, host))["data"]["id"] == 1000
    for none in ("0", "-1", ""):
        assert (await call(hub, f"{LOGIN}?site_id={none}", DEMO, {}))["data"]["id"] == 1000
        assert (await call(hub, LOGIN, DEMO, {"Site-Id": none}))["data"]["id"] == 1000
    for unknown in ("9", "%00", "default"):
        refused = await call(hub, f"{LOGIN}?site_id={unknown}", DEMO, {})
        assert told(refused) == (-1, "站点不存在")
    assert told(await call(hub, LOGIN, DEMO, {"Site-Id": "9"})) == (-1, "站点不存在")


async def test_what_is_no_boolean_is_told_by_the_name_that_go_has_for_it(hub):
    refused = await call(hub, LOGIN, {**DEMO, "remember": "true"}, {})
    struct = "ApiLoginRequest.remember of type bool"
    assert told(refused) == (-1, f"json: cannot unmarshal string into Go struct field {struct}")


# --- registering


async def test_a_new_user_is_logged_in_at_once_and_belongs_to_who_invited_him(hub):
    body = {
        "user_name": "Neu",
        "password": "secret-1",
        "email": "neu@example.com",
        "phone": "13888888888",
        "real_name": "N",
        "invite_id": "1011",
    }
    data = (await call(hub, REGISTER, body, {}))["data"]
    assert (data["id"] >= 1002, data["parent_id"], data["group_id"]) == (True, 1011, 1)
    mine = await call(hub, ME, None, {"Token": data["token"]})
    assert mine["data"]["phone"] == "13888888888"
    for name in ({"user_name": "neu"}, {"phone": "13888888888"}):
        logged = await call(hub, LOGIN, {**name, "password": "secret-1"}, {})
        assert logged["data"]["id"] == data["id"]
    order = await create(hub, {"Token": data["token"]}, goods_id=9)
    assert (order["amount"], order["share_user_id"]) == (8999, 1011)
    invited = {**body, "user_name": "neu2", "email": "", "phone": "13888888889", "invite_id": 0}
    by_cookie = await call(hub, REGISTER, invited, {"Cookie": "invite=1012"})
    assert by_cookie["data"]["parent_id"] == 1012
    unknown = {**invited, "user_name": "neu3", "phone": "13888888880", "invite_id": 777}
    assert (await call(hub, REGISTER, unknown, {}))["data"]["parent_id"] == 0


async def test_a_user_name_that_holds_a_phone_number_is_a_user_name_all_the_same(hub):
    body = {"user_name": "shop13812345678", "password": "secret-1", "email": "s@example.com"}
    made = (await call(hub, REGISTER, body, {}))["data"]
    assert (await call(hub, LOGIN, body, {}))["data"]["id"] == made["id"]
    name = {"user_name": body["user_name"], "password": body["password"]}
    assert (await call(hub, LOGIN, name, {}))["data"]["id"] == made["id"]


async def test_guesses_at_one_phone_are_counted_whatever_stands_around_it(hub, hashing_threads):
    answers = [
        await call(hub, LOGIN, {"user_name": f"{n}x13912345678", "password": "guess-it"}, {})
        for n in range(12)
    ]
    texts = [told(each)[1] for each in answers]
    assert texts == ["登录失败"] * 10 + ["登录失败次数过多，请稍后重试"] * 2


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"user_name": " ", "password": "1"}, "请正确填写用户名和密码"),
        ({"password": ""}, "请正确填写用户名和密码"),
        ({"user_name": "demo", "password": "12345"}, "请输入6位以上的密码"),
        ({"user_name": "Demo", "phone": "1"}, "该用户名已被注册"),
        ({"phone": "12345", "email": "x"}, "手机号不正确"),
        ({"phone": "13900000000", "email": "x"}, "邮箱不正确"),
        ({"email": "demo@example.com"}, "该邮箱已被注册"),
        ({}, "邮箱和手机号至少填写一个"),
    ],
)
async def test_a_refused_registration_names_the_first_thing_wrong(hub, change, text):
    body = {"user_name": "fresh", "password": "secret-1", **change}
    assert told(await call(hub, REGISTER, body, {})) == (-1, text)


async def test_a_text_too_long_for_a_user_is_told_as_the_database_tells_it(hub):
    body = {"user_name": "long", "password": "secret-1", "email": "long@example.com"}
    for column in ("real_name", "avatar_url"):
        refused = await call(hub, REGISTER, {**body, column: "x" * 251}, {})
        text = f"Error 1406 (22001): Data too long for column '{column}' at row 1"
        assert told(refused) == (-1, text)


async def test_of_parallel_registrations_of_one_name_one_wins(hub):
    body = {"user_name": "twin", "password": "secret-1", "email": "twin@example.com"}
    answers = await asyncio.gather(*(call(hub, REGISTER, body, {}) for _ in range(4)))
    assert sorted(each["code"] for each in answers) == [-1, -1, -1, 0]
    assert {each["msg"] for each in answers} == {"", "该用户名已被注册"}


# --- the edge


async def test_unknown_paths_and_methods_are_worded_and_local_pages_may_call(hub):
    missing = await hub.get("/api/nothing/here")
    assert (missing.status_code, told(missing.json())) == (404, (-1, "接口不存在"))
    assert (await hub.get("/api/nothing/")).status_code == 404
    assert (await hub.get("/api/")).status_code == 404
    wrong = await hub.request("DELETE", "/api/order/create")
    assert (wrong.status_code, told(wrong.json())[0]) == (405, -1)
    origin = {"Origin": "http://localhost:3000"}
    preflight = await hub.request("OPTIONS", "/api/order/create", headers=origin)
    assert preflight.status_code == 204
    allowed = preflight.headers["access-control-allow-headers"].split(", ")
    assert {"Version", "Api", "X-Pjax", "X-Pjax-Container", "Site-Id", "Token"} <= set(allowed)
    assert preflight.headers["access-control-allow-origin"] == "http://localhost:3000"
    shown = await hub.get("/api/user/groups", headers=origin)
    assert "Update-Token" in shown.headers["access-control-expose-headers"]
    away = await hub.get("/api/user/groups", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in away.headers
    nearly = await hub.get("/api/user/groups", headers={"Origin": "http://localhost.evil.example"})
    assert "access-control-allow-origin" not in nearly.headers


async def test_two_tenants_never_see_each_other(hub):
    order = await create(hub)
    login = {"user_name": "omni", "password": "omni123456"}
    omni = {"Token": (await call(hub, f"{LOGIN}?site_id=2", login, {}))["data"]["token"]}
    path = f"/api/order/detail?order_id={order['order_id']}"
    assert told(await call(hub, path, None, omni)) == (-1, "record not found")
    body = {"order_id": order["order_id"]}
    for move in ("cancel", "finish", "refund", "payment"):
        answer = await call(hub, f"/api/order/{move}", {**body, "pay_way": "balance"}, omni)
        assert told(answer) == (-1, "record not found")
    assert told(await call(hub, "/api/order/create", {"goods_id": 188}, omni))[0] == -1
    mine = await call(hub, "/api/orders", None, omni)
    assert order["order_id"] not in {each["order_id"] for each in mine["data"]}
    assert (await call(hub, path, None, user()))["data"]["status"] == 0
