"""POST /hub/v1/plans: what a call would do, and nothing done."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from orderhub.conform.cases import golden_cases
from orderhub.dialects.finding import dialect_names
from tests.support.dumps import changed, dump
from tests.support.hub import running_hub

PLANS = "/hub/v1/plans"


@pytest.fixture(scope="module")
async def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plans")
    async with running_hub(folder) as hub:
        for dialect in dialect_names():
            case = golden_cases(dialect)[0]
            await hub.freeze(case.tenant, case.clock)
        yield hub, folder / "hub.sqlite"


def token(tenant):
    return {"Authorization": f"Bearer hub-demo-{tenant}"}


def planned(dialect, request, **more):
    return {"dialect": dialect, "path": request.path, "body": request.body, **more}


@pytest.mark.parametrize("dialect", dialect_names())
async def test_a_plan_is_what_the_order_becomes(served, dialect):
    hub, database = served
    case = golden_cases(dialect)[0]
    request, who = case.request, token(case.tenant)
    before = dump(database)
    answer = await hub.post(PLANS, planned(dialect, request), headers=who)
    assert changed(before, database) == ["claim"], "the plan itself"
    before = dump(database)
    dry = {**who, "Hub-Dry-Run": "true"}
    assert (await hub.post(PLANS, planned(dialect, request), headers=dry)).status_code == 201
    assert changed(before, database) == []
    assert answer.status_code == 201, answer.text
    plan = answer.json()
    assert plan["decision"] == "accepted"
    real = await hub.post(request.path, request.body, headers=who)
    assert plan["answer"]["status"] == real.status_code
    assert plan["answer"]["body"].keys() == real.json().keys()
    order = (await hub.orders(case.tenant, limit=1))[0]
    (expected,) = plan["orders"]
    passing = ("uid", "lines", "events", "request", "recorded_at")
    for name in (*expected.keys(), "draws"):
        if name not in passing and (name != "number" or order["number"] != order["uid"]):
            assert expected[name] == order[name], name
    for line, real_line in zip(expected["lines"], order["lines"], strict=True):
        assert line == {**real_line, "uid": None}
    assert [each["kind"] for each in plan["events"]] == ["placed"]
    assert plan["draws"] == order["draws"]
    kept = await hub.get(answer.headers["location"], headers=who)
    assert kept.json() == plan


async def test_a_split_is_planned_parcel_by_parcel(served):
    hub, _ = served
    body = {
        "orderAddress": {"country": "FR", "phone": "1", "recipient": "L", "province": "C"},
        "orderItemsList": [
            {"sku": "TS_RED_M", "quantity": 1},
            {"sku": "TS_BLUE_L", "quantity": 1},
        ],
    }
    given = {"dialect": "kakaclo", "path": "/openapi/v1/order/order", "body": body}
    plan = (await hub.post(PLANS, given, headers=token("dropship"))).json()
    assert len(plan["orders"]) == 2
    assert len({each["group_number"] for each in plan["orders"]}) == 1
    drawn = [each["pool"]["kind"] for each in plan["draws"]]
    assert sorted(drawn) == ["balance", "balance", "stock", "stock"]


async def test_a_refusal_is_planned_in_the_vendors_words(served):
    hub, _ = served
    given = {"dialect": "anqicms", "path": "/api/order/create", "body": {"goods_id": 4711}}
    plan = (await hub.post(PLANS, given, headers=token("shop"))).json()
    assert (plan["decision"], plan["reason"]) == ("refused", "product_unknown")
    assert plan["answer"]["body"] == {"code": -1, "msg": "record not found"}
    assert plan["orders"] == plan["events"] == plan["draws"] == []
    given["body"] = '{"goods_id":'
    plan = (await hub.post(PLANS, given, headers=token("shop"))).json()
    assert (plan["decision"], plan["reason"]) == ("refused", "malformed")


async def test_a_refusal_is_planned_with_the_exact_reason_that_the_vendor_hides(served):
    hub, _ = served
    order = golden_cases("tours4fun")[0].requests[-1].body
    changes = [
        ({"rooms": [{"adult": 5}]}, "room_too_full", "rooms[0]", "5 persons in a room for 4"),
        ({"rooms": [{"adult": "x"}]}, "invalid", "rooms[0].adult", "rooms[0].adult: type"),
    ]
    for change, reason, field, detail in changes:
        given = {"dialect": "tours4fun", "path": "/v2/order/add", "body": {**order, **change}}
        plan = (await hub.post(PLANS, given, headers=token("tours"))).json()
        assert plan["answer"]["body"]["data"] == {}
        assert (plan["reason"], plan["field"], plan["detail"]) == (reason, field, detail)


async def test_commands_can_be_planned_too(served):
    hub, _ = served
    made = await hub.post("/api/order/create", {"goods_id": 188}, headers=token("shop"))
    number = made.json()["data"]["order_id"]
    given = {"dialect": "anqicms", "path": "/api/order/cancel", "body": {"order_id": number}}
    plan = (await hub.post(PLANS, given, headers=token("shop"))).json()
    assert [each["status"] for each in plan["orders"]] == ["cancelled"]
    assert [each["kind"] for each in plan["draws"]] == ["return"]


async def test_a_plan_has_what_is_made_on_the_way(served):
    hub, database = served
    case = golden_cases("sitecore_cdp")[0]
    who = token(case.tenant)
    body = {**case.request.body, "referenceId": "way-side"}
    order = (await hub.post(case.request.path, body, headers=who)).json()
    contact = {"firstName": "Way", "lastName": "Side", "email": "made.on.the.way@example.com"}
    path = f"/v2.1/orders/{order['ref']}/contacts"
    before = dump(database)
    given = {"dialect": "sitecore_cdp", "path": path, "body": contact}
    plan = (await hub.post(PLANS, given, headers=who)).json()
    assert plan["decision"] == "accepted", plan
    assert [each["kind"] for each in plan["records"]] == ["sitecore_cdp.guest"]
    assert [each["uid"] for each in plan["orders"]] == [order["ref"]]
    assert changed(before, database) == ["claim"]


async def test_what_cannot_be_planned_is_said(served):
    hub, _ = served
    path = {"dialect": "anqicms", "path": "/api/orders", "method": "GET"}
    other = {"dialect": "mews", "path": "/api/order/create"}
    for given, field in ((path, "path"), (other, "path"), ({**path, "dialect": "x"}, "dialect")):
        answer = await hub.post(PLANS, given, headers=token("shop"))
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == field
    given = {"dialect": "anqicms", "path": "/api/order/create", "body": {"goods_id": 188}}
    assert (await hub.post(PLANS, given, headers=token("operator"))).status_code == 400


async def test_anothers_plan_is_not_there(served):
    hub, _ = served
    given = {"dialect": "anqicms", "path": "/api/order/create", "body": {"goods_id": 188}}
    made = await hub.post(PLANS, given, headers=token("shop"))
    found = await hub.get(made.headers["location"], headers=token("dropship"))
    assert found.status_code == 404
    assert (await hub.get(f"{PLANS}/none", headers=token("shop"))).status_code == 404


async def test_a_plan_is_shown_by_every_process_for_a_quarter_of_an_hour(demo_url):
    given = {"dialect": "anqicms", "path": "/api/order/create", "body": {"goods_id": 188}}
    who = token("shop")
    async with running_hub(demo_url) as first:
        made = await first.post(PLANS, given, headers=who)
        place = made.headers["location"]
    async with running_hub(demo_url) as second:  # another process, or the same one later
        assert (await second.get(place, headers=who)).content == made.content
        age(second, 600)
        assert (await second.get(place, headers=who)).json() == made.json()
        age(second, 300)
        assert (await second.get(place, headers=who)).status_code == 404
        kept = kept_plans(second)
        newer = (await second.post(PLANS, given, headers=who)).headers["location"]
        assert kept == [place.rpartition("/")[2]]
        assert kept_plans(second) == [newer.rpartition("/")[2]], "what is past is gone"


def age(hub, seconds):
    with hub.hub.ledger.engine.begin() as connection:
        connection.execute(
            text("UPDATE claim SET created_at = created_at - :us WHERE scope = 'plans'"),
            {"us": seconds * 1_000_000},
        )


def kept_plans(hub):
    with hub.hub.ledger.engine.connect() as connection:
        return list(connection.scalars(text("SELECT key FROM claim WHERE scope = 'plans'")))
