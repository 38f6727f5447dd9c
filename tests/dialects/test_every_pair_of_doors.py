"""An order of any door, read through every door: on its list and by its name, with its items."""

import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode

import pytest

from orderhub.dialects.anqicms import orders as shop_orders
from orderhub.dialects.tours4fun.access import sign
from tests.support.hub import running_hub

DAY = (datetime.now(UTC).date() + timedelta(days=60)).isoformat()
HUB = {"authorization": "Bearer hub-demo-omni"}
SITE = {"site_id": "2"}
MEWS = {"ClientToken": "OMNI-CLIENT", "AccessToken": "OMNI-ACCESS", "Client": "Test 1.0"}
CDP = ("omni-cdp", "omni-cdp-secret")
SERVICE = "00000000-0000-4000-8000-000000000901"
GUEST = {"type": "adult", "firstname_en": "Ann", "mobile": "86-6767"}
PLACE = {
    "anqicms": ("/api/order/create", {"goods_id": 910, "quantity": 3, "type": "goods"}),
    "kakaclo": (
        "/openapi/v1/order/order",
        {
            "orderAddress": {
                "country": "US", "phone": "555 0100", "street1": "1 Main Street",
                "city": "Springfield", "recipient": "A. Client", "province": "IL", "zip": "62701",
            },
            "orderItemsList": [{"sku": "PLENTY", "quantity": 2}],
        },
    ),
    "mews": (
        "/api/connector/v1/orders/add",
        {
            **MEWS,
            "AccountId": "00000000-0000-4000-8000-000000000902",
            "ServiceId": SERVICE,
            "ProductOrders": [{"ProductId": "00000000-0000-4000-8000-000000000910", "Count": 4}],
        },
    ),
    "sitecore_cdp": (
        "/v2.1/orders",
        {
            "referenceId": "ÄÖ/1", "orderedAt": "2024-01-01T16:17:16.5+02:00",
            "currencyCode": "EUR", "price": 25.75, "status": "PURCHASED",
        },
    ),
    "tours4fun": (
        "/v2/order/add",
        {
            "product_id": 102202692, "departure_date": DAY, "departure_address": "here",
            "upgrades": {"30100": ["30577"]},
            "rooms": [{"adult": 2, "kid": 0, "single_pairup": 0}],
            "contact": {"first_name": "a", "last_name": "b", "mobile": "1", "email": "2@q.q"},
            "guest_info": [GUEST, GUEST],
        },
    ),
}  # fmt: skip
DOORS = sorted(PLACE)
# What came with the order of each door, as (units, amount) of its lines.
LINES = {
    "anqicms": [(3, 30)],
    "kakaclo": [(2, 20), (1, 9)],
    "mews": [(4, 40)],
    "sitecore_cdp": [(2, 25), (1, Decimal("-1.25"))],
    "tours4fun": [(1, 1762), (2, 0)],
}


@pytest.fixture(scope="module")
async def world(tmp_path_factory):
    """The hub, and one order of every door of one tenant as the hub's own API shows it."""
    async with running_hub(tmp_path_factory.mktemp("pairs")) as hub:
        for path, body in PLACE.values():
            answer = await hub.post(path, json=body, headers=HUB)
            assert answer.status_code in {200, 201}, answer.text
        found = {each["dialect"]: each for each in await hub.orders("omni")}
        assert sorted(found) == DOORS
        items = f"/v2.1/orders/{found['sitecore_cdp']['uid']}/orderItems"
        for item in ({"price": 12.5, "quantity": 2}, {"price": 99}, {"price": -1.25}):
            added = await hub.post(items, json=item, auth=CDP)
            if item["price"] == 99:  # taken away again: it shows nowhere
                await hub.request("DELETE", added.json()["href"], auth=CDP)
        found["sitecore_cdp"] = await hub.order(found["sitecore_cdp"]["uid"])
        yield hub, found


async def through_the_hub(hub, order, door):
    """The order as the hub's own API shows it through a door."""
    answer = await hub.get(f"/hub/v1/orders/{order['uid']}", params={"as": door}, headers=HUB)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def anqicms(hub, order):
    listed = (await hub.get("/api/orders", headers=HUB)).json()
    assert listed["total"] == len(DOORS)
    (shown,) = [each for each in listed["data"] if each["id"] == order["id"]]
    query = {"order_id": shown["order_id"]}
    detail = (await hub.get("/api/order/detail", params=query, headers=HUB)).json()
    assert detail["data"] == shown == await through_the_hub(hub, order, "anqicms")
    assert shown["status"] == 0
    lines = [(each["quantity"], Decimal(each["amount"]) / 100) for each in shown["details"]]
    return Decimal(shown["amount"]) / 100, lines


async def kakaclo(hub, order):
    headers = {"authorization": "Bearer omni-kakaclo"}
    number = str(1_000_000_000_000 + order["id"])
    for version in (2, 1):
        path = f"/openapi/v{version}/order/orders"
        everything = (await hub.get(path, headers=headers)).json()["data"]
        named = (await hub.get(path, params={"ids": number}, headers=headers)).json()["data"]
        (shown,) = named["list"]
        assert shown in everything["list"]
        assert (everything["total"], named["total"]) == (len(DOORS), 1)
        assert (shown["id"], shown["status"]) == (number, "waiting_payment")
    assert shown == await through_the_hub(hub, order, "kakaclo")  # as the first version has it
    lines = [(e["productNum"], Decimal(str(e["subtotal"]))) for e in shown["orderItems"]]
    if shown["freightAmount"]:
        lines.append((1, Decimal(str(shown["freightAmount"]))))
    return Decimal(str(shown["totalAmount"])), lines


async def mews(hub, order):
    path = "/api/connector/v1/orderItems/getAll"
    limit = {"Limitation": {"Count": 100}}
    named = {**MEWS, **limit, "ServiceOrderIds": [order["uid"]]}
    answer = (await hub.post(path, json=named)).json()
    assert answer == await through_the_hub(hub, order, "mews")
    items = answer["OrderItems"]
    assert all(item["ServiceId"] and item["EnterpriseId"] for item in items)
    now = datetime.now(UTC)
    ends = {"StartUtc": now - timedelta(days=1), "EndUtc": now + timedelta(days=1)}
    window = {name: at.isoformat().replace("+00:00", "Z") for name, at in ends.items()}
    recent = {**MEWS, **limit, "UpdatedUtc": window}
    listed = (await hub.post(path, json=recent)).json()["OrderItems"]
    assert all(item in listed for item in items)
    by_id = {**MEWS, **limit, "OrderItemIds": [items[0]["Id"]]}
    assert (await hub.post(path, json=by_id)).json()["OrderItems"] == items[:1]
    standing = [item for item in reversed(items) if item["AccountingState"] != "Canceled"]
    lines = [(i["UnitCount"], Decimal(str(i["Amount"]["GrossValue"]))) for i in standing]
    return None, lines


async def sitecore_cdp(hub, order):
    ref = order["uid"].upper()
    plain = (await hub.get(f"/v2.1/orders/{ref}", auth=CDP)).json()
    assert plain == await through_the_hub(hub, order, "sitecore_cdp")
    assert plain["href"].startswith("http")
    shown = (await hub.get(f"/v2.1/orders/{ref}", params={"expand": "true"}, auth=CDP)).json()
    assert shown["ref"] == order["uid"]
    query = {"referenceId": shown["referenceId"], "expand": "true"}
    assert (await hub.get("/v2.1/orders", params=query, auth=CDP)).json()["items"] == [shown]
    assert shown["status"] == (
        "PURCHASED" if order["dialect"] == "sitecore_cdp" else "PAYMENT_PENDING"
    )
    lines = [
        (each["quantity"], Decimal(str(each["price"])) * each["quantity"])
        for each in shown["orderItems"]["items"]
    ]
    return Decimal(str(shown["price"])), lines


async def tours4fun(hub, order):
    async def ask(path, body):
        raw = json.dumps(body).encode()
        t = str(int(time.time()))
        query = {
            "appkey": "omni-tours", "t": t,
            "sign": sign("omni-tours", t, "omni-tours-secret", raw),
        }  # fmt: skip
        answer = (await hub.request("POST", f"{path}?{urlencode(query)}", content=raw)).json()
        assert answer["code"] == 0, answer
        return answer["data"]

    listed = await ask("/v2/order/list", {"page": 1})
    assert listed["total_num"] == len(DOORS)
    (entry,) = [each for each in listed["order_list"] if each["order_id"] == order["id"]]
    shown = await ask("/v2/order/detail", {"order_id": order["id"]})
    assert shown == await through_the_hub(hub, order, "tours4fun")
    assert shown["price"] == entry["price"]
    assert shown["order_status"] == entry["order_status"] == 100
    lines = [
        (None, Decimal(str(each["price_info"]["total_retail"]))) for each in shown["product_list"]
    ]
    return Decimal(str(shown["price"])), lines


READ = {
    "anqicms": anqicms,
    "kakaclo": kakaclo,
    "mews": mews,
    "sitecore_cdp": sitecore_cdp,
    "tours4fun": tours4fun,
}


@pytest.mark.parametrize("read", DOORS)
@pytest.mark.parametrize("placed", DOORS)
async def test_an_order_of_one_door_is_read_through_another(world, placed, read):
    hub, orders = world
    order = orders[placed]
    total, lines = await READ[read](hub, order)
    if total is not None:
        assert total == Decimal(order["total"])
    wanted = LINES[placed]
    if read == "tours4fun":  # a booking is one product, and products have no units
        amounts = [amount for _, amount in wanted]
        wanted = [(None, each) for each in ([sum(amounts)] if placed == read else amounts)]
    assert lines == wanted


async def test_a_user_of_the_shop_sees_only_his_own(world):
    hub, orders = world
    login = {"user_name": "omni", "password": "omni123456"}
    token = (await hub.post("/api/login", json=login, params=SITE)).json()["data"]["token"]
    user = {"token": token}
    listed = (await hub.get("/api/orders", params=SITE, headers=user)).json()
    assert [each["id"] for each in listed["data"]] == [orders["anqicms"]["id"]]
    assert listed["total"] == 1
    everyone = (await hub.get("/api/orders", headers=HUB)).json()["data"]
    for each in everyone:
        query = {**SITE, "order_id": each["order_id"]}
        answer = (await hub.get("/api/order/detail", params=query, headers=user)).json()
        assert (answer["code"] == 0) == (each["id"] == orders["anqicms"]["id"])


async def test_the_shop_finds_an_order_among_many_of_one_second(tmp_path, monkeypatch):
    monkeypatch.setattr(shop_orders, "_STRIDE", 2)
    path, body = PLACE["sitecore_cdp"]
    async with running_hub(tmp_path) as hub:
        for number in range(7):
            await hub.post(path, json={**body, "referenceId": str(number)}, auth=CDP)
        for shown in (await hub.get("/api/orders", headers=HUB)).json()["data"]:
            query = {"order_id": shown["order_id"]}
            detail = (await hub.get("/api/order/detail", params=query, headers=HUB)).json()
            assert detail["data"] == shown
