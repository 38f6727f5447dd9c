"""The customers of an existing shop are moved in: an operator makes them, under names that nobody else has."""

import json
from itertools import count

import pytest

from tests.dialects.anqicms.front import call, open_shop
from tests.support.hub import operator_headers

LOGIN, REGISTER, ME = "/api/login", "/api/register", "/api/user/detail"
USERS = "/hub/v1/tenants/shop/catalogue/users"
PASSWORD = "pw123456"
_ids = count(101)


@pytest.fixture(scope="module")
async def hub(tmp_path_factory):
    async with open_shop(tmp_path_factory.mktemp("moving")) as opened:
        yield opened


async def operate(hub, method, path, body=None, **headers):
    return await hub.request(method, path, json=body, headers={**operator_headers(), **headers})


async def make(hub, number, doc, **headers):
    return await operate(hub, "PUT", f"{USERS}/{number}", {"doc": doc}, **headers)


async def exists(hub, number):
    return (await operate(hub, "GET", f"{USERS}/{number}")).status_code == 200


async def register(hub, name):
    body = {"user_name": name, "password": PASSWORD, "email": f"{name}@example.com"}
    return (await call(hub, REGISTER, body, {}))["data"]["id"]


async def test_a_customer_who_is_moved_in_gets_a_password_and_logs_in_by_any_name(hub):
    number = next(_ids)
    names = {"user_name": "Ada L", "email": "Ada@Example.org", "phone": "13712345678"}
    doc = {**names, "group_id": 1, "created_at": "2019-05-06T07:08:09Z"}
    made = await make(hub, number, doc)
    assert made.status_code == 201, made.text
    assert made.json()["doc"] == {"group_id": 1}, "who they are stays with their shop"
    done = await operate(hub, "PUT", f"{USERS}/{number}/password", {"password": PASSWORD})
    assert done.status_code == 204, done.text
    for given in ("ada l", "ADA@example.org", "13712345678", "86 13712345678"):
        logged = await call(hub, LOGIN, {"user_name": given, "password": PASSWORD}, {})
        assert logged["code"] == 0, given
        me = (await call(hub, ME, None, {"Token": logged["data"]["token"]}))["data"]
        assert {name: me[name] for name in names} == names
        assert (me["id"], me["created_time"]) == (number, 1_557_126_489)


async def test_without_a_password_nobody_logs_in(hub):
    number = next(_ids)
    assert (await make(hub, number, {"user_name": "silent"})).status_code == 201
    answer = await call(hub, LOGIN, {"user_name": "silent", "password": PASSWORD}, {})
    assert answer["code"] == -1


@pytest.mark.parametrize(
    ("doc", "field"),
    [
        ({"user_name": "DEMO"}, "user_name"),
        ({"user_name": "someone", "email": "Demo@example.com"}, "email"),
        ({"email": "taken@example.org"}, "email"),
        ({"user_name": "someone", "phone": "13900000001"}, "phone"),
    ],
)
async def test_a_name_that_somebody_has_is_refused_and_makes_nobody(hub, doc, field):
    await make(hub, 4_001, {"email": "taken@example.org", "phone": "13900000001"})
    number = next(_ids)
    answer = await make(hub, number, doc)
    assert (answer.status_code, answer.json()["field"]) == (409, field), answer.text
    assert not await exists(hub, number)


@pytest.mark.parametrize(
    ("doc", "field"),
    [
        ({}, "doc.user_name"),
        ({"group_id": 1, "user_name": ""}, "doc.user_name"),
        ({"user_name": " blank"}, "doc.user_name"),
        ({"user_name": "two\nlines"}, "doc.user_name"),
        ({"user_name": "line\n"}, "doc.user_name"),
        ({"user_name": "x" * 101}, "doc.user_name"),
        ({"user_name": 5}, "doc.user_name"),
        ({"email": "ada"}, "doc.email"),
        ({"email": f"a@{'b' * 100}.example"}, "doc.email"),
        ({"email": "a@b.example\n"}, "doc.email"),
        ({"phone": "+1 555 0100"}, "doc.phone"),
        ({"user_name": "ok", "status": 2}, "doc.status"),
        ({"user_name": "ok", "sessions": 1}, "doc.sessions"),
        ({"user_name": "ok", "total_reward": "5"}, "doc.total_reward"),
        ({"user_name": "ok", "data": {}}, "doc.data"),
    ],
)
async def test_whom_the_login_could_not_find_is_refused_with_the_member(hub, doc, field):
    number = next(_ids)
    answer = await make(hub, number, doc)
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert not await exists(hub, number)


async def test_a_user_who_is_there_keeps_their_names(hub):
    """The same again changes nothing; another name is theirs to give."""
    number = next(_ids)
    doc = {"user_name": "keeper", "email": "keeper@example.org", "is_distributor": True}
    assert (await make(hub, number, doc)).status_code == 201
    assert (await make(hub, number, doc)).status_code == 200
    other = await make(hub, number, {"user_name": "thief"})
    assert other.status_code == 400, other.text
    assert other.json()["errors"][0]["field"] == "doc.user_name"
    # Nor is one of those who registered taken over by a write under their number.
    registered = await register(hub, "registered")
    assert (await make(hub, registered, {"user_name": "thief"})).status_code == 400
    body = {"user_name": "registered", "password": PASSWORD}
    assert (await call(hub, LOGIN, body, {}))["code"] == 0
    assert (await make(hub, number, {"group_id": 2})).json()["doc"]["group_id"] == 2


async def test_who_registers_never_gets_a_number_that_was_given_by_hand(hub):
    first = await register(hub, "before")
    by_hand = [*range(first + 1, first + 9), first + 1_000]
    for number in by_hand:
        made = await make(hub, number, {"user_name": f"hand{number}"})
        assert made.status_code == 201, made.text
    drawn = [await register(hub, f"after{index}") for index in range(60)]
    assert len({first, *by_hand, *drawn}) == 1 + len(by_hand) + len(drawn)
    for number in by_hand:
        login = await operate(hub, "PUT", f"{USERS}/{number}/password", {"password": PASSWORD})
        assert login.status_code == 204
        body = {"user_name": f"hand{number}", "password": PASSWORD}
        assert (await call(hub, LOGIN, body, {}))["data"]["id"] == number


async def test_a_number_leaves_room_for_those_who_register(hub):
    answer = await make(hub, 10**12, {"user_name": "far"})
    assert answer.status_code == 400, answer.text
    assert (await make(hub, 10**12 - 1, {"user_name": "far"})).status_code == 201
    assert await register(hub, "behind") < 2**53


async def test_many_are_moved_in_at_once_and_a_twin_is_told(hub):
    rows = [
        {"id": 7_001, "doc": {"user_name": "bulk1"}},
        {"id": 7_002, "doc": {"user_name": "BULK1"}},
        {"id": 7_003, "doc": {}},
        {"id": 7_004, "doc": {"email": "bulk4@example.org", "status": -1}},
        {"id": 7_001, "doc": {"user_name": "bulk1", "group_id": 1}},
    ]
    body = b"\n".join(json.dumps(row).encode() for row in rows)
    answer = await hub.request("POST", f"{USERS}:bulk", content=body, headers=operator_headers())
    results = [json.loads(line) for line in answer.text.splitlines()]
    assert [each["status"] for each in results] == [
        "created",
        "refused",
        "refused",
        "created",
        "updated",
    ]
    assert (results[1]["reason"], results[1]["field"]) == ("already_exists", "user_name")


async def test_a_dry_run_makes_nobody(hub):
    number = next(_ids)
    answer = await make(hub, number, {"user_name": "dry"}, **{"Hub-Dry-Run": "true"})
    assert answer.status_code == 201, answer.text
    assert not await exists(hub, number)
    assert (await make(hub, number, {"user_name": "dry"})).status_code == 201
