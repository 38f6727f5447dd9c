"""Every call that changes something, tried out first: the same answer, nothing left behind, then the real one."""

from __future__ import annotations

import gzip
import hashlib
import json
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import pytest

from orderhub.conform.cases import golden_cases
from orderhub.conform.replies import succeeded
from orderhub.dialects.finding import conformance_of, dialect_names, find_dialects
from orderhub.dialects.json_paths import at
from orderhub.web.routing import Router
from tests.support.dumps import changed, dump
from tests.support.hub import running_hub
from tests.support.pairs import runner_on

ROUTER = Router(find_dialects())
CDP = {"Authorization": "Basic ZGVtby1jZHA6ZGVtby1jZHAtc2VjcmV0"}


# All that a hub holds is read several times by each test: a new one takes over before that is much.
TESTS_A_HUB = 16


@pytest.fixture(scope="module")
async def hubs(tmp_path_factory):
    """The hub of now and its file, as often as they are asked for."""
    async with AsyncExitStack() as stack:
        found = []

        async def current():
            if len(found) % TESTS_A_HUB == 0:
                await stack.aclose()
                folder = tmp_path_factory.mktemp("dry")
                hub = await stack.enter_async_context(running_hub(folder, errors_in_detail=True))
                found.append((hub, folder / "hub.sqlite"))
            else:
                found.append(found[-1])
            return found[-1]

        yield current


@pytest.fixture
async def served(hubs):
    return await hubs()


def changing(dialect):
    for case in golden_cases(dialect):
        request = case.request
        route = ROUTER.find(request.method, request.path).route
        if route is not None and route.mutates:
            yield case


CASES = {
    f"{dialect}-{case.name}": case for dialect in dialect_names() for case in changing(dialect)
}


def dry(request):
    return request.with_headers(Hub_Dry_Run="true")


@pytest.mark.parametrize("name", CASES)
async def test_a_dry_run_answers_like_the_real_one_and_leaves_nothing(served, name):
    hub, database = served
    case = CASES[name]
    runner = runner_on(hub, case.dialect)
    place, saved, replies = await runner.prepare(case)
    request = case.request
    before = dump(database)
    tried = await runner.send(case, place, dry(request), saved)
    again = await runner.send(case, place, dry(request), saved)
    # A password is guessed by a call that is only tried out as well as by any other.
    assert [each for each in changed(before, database) if each != "guess"] == []
    assert tried.headers["hub-dry-run"] == again.headers["hub-dry-run"] == "true"
    # The golden pair holds to the byte for the tried-out call, and still for the real one after it.
    assert case.check([*replies, tried], saved) == []
    real = await runner.send(case, place, request, saved)
    assert "hub-dry-run" not in real.headers
    assert case.check([*replies, real], saved) == []
    if succeeded(real) and name not in PREVIEWS:
        assert changed(before, database) != []


# Calls that keep nothing even when they are meant.
PREVIEWS = {
    name
    for name, case in CASES.items()
    if case.request.path in ("/api/order/checkout", "/api/login", "/api/cart/remove")
}


@pytest.mark.parametrize("dialect", dialect_names())
async def test_a_dry_run_under_a_bound_key_is_what_the_repeat_would_be(served, dialect):
    hub, database = served
    case = golden_cases(dialect)[0]
    runner = runner_on(hub, dialect)
    place, saved, _ = await runner.prepare(case)
    door = conformance_of(dialect)
    order = door.create(case.request, "KEYED-1").with_headers(Idempotency_Key="once")
    first = await runner.send(case, place, order, saved)
    before = dump(database)
    repeat = await runner.send(case, place, dry(order), saved)
    assert (repeat.status, repeat.body) == (first.status, first.body)
    assert repeat.headers["idempotent-replayed"] == repeat.headers["hub-dry-run"] == "true"
    other = await runner.send(case, place, dry(door.changed(order)), saved)
    assert not succeeded(other)
    assert changed(before, database) == []


@pytest.mark.parametrize("dialect", dialect_names())
@pytest.mark.parametrize("word", ["", "yes", "1", "?1", "true, true"])
async def test_an_unclear_wish_for_a_dry_run_is_asked_back_and_not_obeyed(served, dialect, word):
    hub, database = served
    case = golden_cases(dialect)[0]
    runner = runner_on(hub, dialect)
    place, saved, _ = await runner.prepare(case)
    before = dump(database)
    order = conformance_of(dialect).create(case.request, "UNCLEAR-1")
    answer = await runner.send(case, place, order.with_headers(Hub_Dry_Run=word), saved)
    assert not succeeded(answer)
    assert answer.status < 500
    assert answer.headers["hub-detail"] == "Hub-Dry-Run is true or false"
    assert changed(before, database) == []
    for plain in ("FALSE", ""):
        real = await runner.send(case, place, order.with_headers(Hub_Dry_Run=plain), saved)
        assert "hub-dry-run" not in real.headers
    assert changed(before, database)


async def test_when_the_world_changed_between_the_real_call_says_so(served):
    hub, _ = served
    kakaclo = {"Authorization": "Bearer omni-kakaclo"}
    body = {
        "orderAddress": {"country": "US", "phone": "1", "recipient": "J", "province": "IL"},
        "orderItemsList": [{"sku": "LAST_ONE", "quantity": 1}],
    }
    path = "/openapi/v1/order/order"
    tried = await hub.post(path, body, headers={**kakaclo, "Hub-Dry-Run": "true"})
    assert tried.json()["code"] == 10000
    shop = {"Authorization": "Bearer hub-demo-omni"}
    assert (await hub.post("/api/order/create", {"goods_id": 900}, headers=shop)).json()[
        "code"
    ] == 0
    assert (await hub.post(path, body, headers=kakaclo)).json()["code"] == 10002


async def test_nobody_gets_a_token_for_the_user_that_a_dry_run_did_not_make(served):
    hub, _ = served
    case = next(each for each in changing("anqicms") if each.name == "73-register")
    runner = runner_on(hub, "anqicms")
    place, saved, _ = await runner.prepare(case)
    tried = await runner.send(case, place, dry(case.request), saved)
    assert at(tried.value(), "$.data.token") == ""
    assert "set-cookie" not in tried.headers


async def test_a_contact_that_would_make_a_guest_makes_neither(served):
    hub, database = served
    order = {
        "currencyCode": "EUR",
        "orderedAt": "2024-01-01T16:17:16Z",
        "price": 1,
        "referenceId": "DRY-GUEST",
    }
    ref = (await hub.post("/v2.1/orders", order, headers=CDP)).json()["ref"]
    before = dump(database)
    contact = {"email": "dry@run.example", "firstName": "Dry"}
    path = f"/v2.1/orders/{ref}/contacts"
    tried = await hub.post(path, contact, headers={**CDP, "Hub-Dry-Run": "true"})
    assert tried.status_code == 201
    assert changed(before, database) == []
    real = await hub.post(path, contact, headers=CDP)
    assert real.status_code == 201
    assert real.json().keys() == tried.json().keys()
    assert {"record", "orders"} & set(changed(before, database))


async def test_an_upload_can_be_tried_out(served):
    hub, database = served
    ref = "7cca84fb-5ad1-4d4e-8e0e-6a7c4d2c3f10"
    row = {
        "ref": "1de1c4b5-9dcc-4b3c-9f0a-1b2c3d4e5f60",
        "schema": "guest",
        "mode": "upsert",
        "value": {"email": "batch@dry.example", "guestType": "customer"},
    }
    file = gzip.compress(json.dumps(row).encode() + b"\n")
    announced = {"checksum": hashlib.md5(file).hexdigest(), "size": len(file)}
    before = dump(database)
    tried = await hub.request(
        "PUT", f"/v2/batches/{ref}", json=announced, headers={**CDP, "Hub-Dry-Run": "true"}
    )
    assert tried.status_code == 200
    assert changed(before, database) == []
    given = await hub.request("PUT", f"/v2/batches/{ref}", json=announced, headers=CDP)
    parts = urlsplit(given.json()["location"]["href"])
    place = f"{parts.path}?{parts.query}"
    before = dump(database)
    tried = await hub.request("PUT", place, content=file, headers={"Hub-Dry-Run": "true"})
    assert (tried.status_code, tried.content) == (200, b"")
    assert tried.headers["hub-dry-run"] == "true"
    assert changed(before, database) == []
    real = await hub.request("PUT", place, content=file)
    assert (real.status_code, real.content) == (200, b"")
    assert changed(before, database)
