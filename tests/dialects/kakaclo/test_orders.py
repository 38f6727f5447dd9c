"""Creating, listing and refunding over HTTP, against one hub."""

import asyncio

import pytest

from orderhub.core.refusals import Reason
from orderhub.dialects.contract import FaultKind
from orderhub.dialects.kakaclo.words import FAULTS, REFUSALS
from tests.dialects.kakaclo.shop import ADDRESS, OMNI, TOKEN, TWO_PARCELS, V1, V2, Seller, order_of
from tests.support.hub import running_hub
from tests.support.waiting import until

AT = "2026-01-02T03:04:05Z"


@pytest.fixture(scope="module")
async def hub(tmp_path_factory):
    async with running_hub(tmp_path_factory.mktemp("kakaclo")) as running:
        await running.freeze("dropship", AT)
        yield running


@pytest.fixture
def seller(hub):
    return Seller(hub)


@pytest.mark.parametrize(
    "path",
    [
        prefix + path
        for prefix in ("/openapi", "/openapi/openapi")
        for path in ("/v1/order/order", "/v1/order/orders", "/v2/order/orders")
    ],
)
async def test_every_path_of_every_age_creates_and_lists(seller, path):
    answer = await seller.post(path, order_of(("TS_RED_M", 1)))
    number = answer.json()["data"]
    assert answer.text == f'{{"code":10000,"message":"success","data":{number}}}'
    assert (await seller.shown(number, path))["id"] == str(number)


async def test_the_hubs_own_token_works_too(hub):
    mine = Seller(hub, {"Authorization": "Bearer hub-demo-dropship"})
    assert await mine.create(("TS_RED_M", 1))


SPELLINGS = [
    {"orderAddress": ADDRESS},
    {"orderAddresses": [ADDRESS]},
    {"OrderAddresses": ADDRESS},
    {"orderAddresses": {"countryCode": "fr", **{k: ADDRESS[k] for k in list(ADDRESS)[1:]}}},
    {"orderAddresses": {k.title(): v for k, v in ADDRESS.items()}},
    {"orderAddress": {"country": "US"}, "orderAddresses": ADDRESS},
]


@pytest.mark.parametrize("address", SPELLINGS)
async def test_both_spellings_of_the_address_are_taken(seller, address):
    body = {"orderItemsList": [{"sku": "TS_RED_M", "quantity": 1}], **address}
    answer = await seller.post(V1, body)
    assert answer.json()["code"] == 10000, answer.text
    assert (await seller.shown(answer.json()["data"]))["shippingAddress"]["country"] == "FR"


@pytest.mark.parametrize("name", ["CustomOrderNumber", "customOrderNumber", "customOrderId"])
@pytest.mark.parametrize("platform", ["SalePlatform", "salePlatform"])
async def test_both_spellings_of_number_and_platform_are_echoed(seller, name, platform):
    number = await seller.create(("TS_RED_M", 1), **{name: "KA1", platform: "anything"})
    shown = await seller.shown(number)
    assert (shown["customOrderId"], shown["CustomOrderNumber"]) == ("KA1", "KA1")
    assert shown["salePlatform"] == "anything"


@pytest.mark.parametrize("quantity", [3, 3.0, "3"])
async def test_a_quantity_is_an_integer_however_it_is_written(seller, quantity):
    shown = await seller.shown(await seller.create(("TS_RED_M", quantity)))
    assert shown["orderItems"][0]["productNum"] == 3


BAD = [
    ({"orderItemsList": []}, "orderItemsList: is required"),
    ({"orderItemsList": {}}, "orderItemsList: must be an array"),
    ({"orderItemsList": [7]}, "orderItemsList[0]: must be an object"),
    ({"orderItemsList": [{"sku": True, "quantity": 1}]}, "orderItemsList[0].sku: must be a string"),
    ({"orderItemsList": [{"sku": "x"}]}, "orderItemsList[0].quantity: is required"),
    ({"orderItemsList": [{"sku": "x" * 65, "quantity": 1}]}, "orderItemsList[0].sku: at most 64"),
    ({"orderItemsList": [{"sku": "x", "quantity": True}]}, "quantity: must be an integer"),
    ({"orderItemsList": [{"sku": "x", "quantity": -1}]}, "quantity: must be greater than 0"),
    ({"orderItemsList": [{"sku": "x", "quantity": 1e30}]}, "quantity: must be an integer"),
    ({"orderItemsList": [{"sku": "x", "quantity": 1}] * 1001}, "orderItemsList: at most 1000"),
    ({"customOrderId": "x", "CustomOrderNumber": "x" * 65}, "CustomOrderNumber: at most 64"),
    ({"orderAddresses": "home"}, "orderAddresses: must be an object"),
    ({"orderAddresses": {**ADDRESS, "country": "XX"}}, "orderAddresses.country: must be an ISO"),
    ({"orderAddresses": {**ADDRESS, "phone": ""}}, "orderAddresses.phone: is required"),
    ({"orderAddresses": {**ADDRESS, "phone": None}}, "orderAddresses.phone: is required"),
    ({"orderAddresses": {**ADDRESS, "recipient": " "}}, "orderAddresses.recipient: is required"),
    ({"orderAddresses": {**ADDRESS, "city": "é" * 65}}, "orderAddresses.city: at most 64"),
    ({"remark": ["x"]}, "remark: must be a string"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
async def test_a_bad_field_is_named(seller, change, message):
    answer = await seller.post(V1, order_of(("TS_RED_M", 1), **change))
    assert answer.status_code == 400
    assert answer.json()["code"] == 400
    assert message in answer.json()["message"]


async def test_lengths_are_characters_not_bytes(seller):
    address = {**ADDRESS, "recipient": "途" * 32, "city": "é" * 64}
    shown = await seller.shown(await seller.create(("TS_RED_M", 1), orderAddresses=address))
    assert shown["shippingAddress"]["recipient"] == "途" * 32


async def test_what_is_refused_changes_nothing(seller):
    before = (await seller.balance(), await seller.stock("TS_RED_M"))
    answer = await seller.post(V1, order_of(("TS_RED_M", 1), ("MUG_WHT", 999)))
    assert answer.json()["code"] == 10002
    assert (await seller.balance(), await seller.stock("TS_RED_M")) == before


async def test_a_line_no_warehouse_holds_whole_is_cut(seller, hub):
    number = await seller.create(("MUG_WHT", 8))
    shown = await seller.shown(number)
    cut = {item["warehouseCode"]: item["productNum"] for item in shown["orderItems"]}
    assert cut == {"G007": 5, "US01": 3}
    assert await seller.stock("MUG_WHT") == {"G007": 0, "US01": 2}
    await seller.post(f"{V1}/{number}/refund", {"Remark": "back"})
    assert await seller.stock("MUG_WHT") == {"G007": 5, "US01": 5}


async def test_a_warehouse_can_be_pinned_by_line_or_order(seller):
    number = await seller.create(("TS_RED_M", 1), warehouseCode="G006")
    assert (await seller.shown(number))["warehouseCode"] == "G006"
    items = [{"sku": "TS_RED_M", "quantity": 1, "warehouseCode": "US01"}]
    answer = await seller.post(V1, order_of(orderItemsList=items))
    assert answer.json()["code"] == 10002


async def test_every_part_of_a_group_carries_what_the_order_said(seller):
    address = {**ADDRESS, "ioss": "IM0123456789", "vat": "FR1"}
    number = await seller.create(
        *TWO_PARCELS, remark="dog", CustomOrderNumber="C1", orderAddresses=address
    )
    parent = await seller.shown(number)
    assert [each["skuCodes"] for each in parent["subOrders"]] == [["TS_RED_M"], ["TS_BLUE_L"]]
    for sub in parent["subOrders"]:
        shown = await seller.shown(sub["id"])
        assert (shown["remark"], shown["customOrderId"]) == ("dog", "C1")
        assert shown["shippingAddress"]["ioss"] == "IM0123456789"
        assert shown["shippingAddress"]["vat"] == "FR1"
        assert shown["parentId"] == str(number)
        assert shown["totalAmount"] == shown["skusAmount"] + shown["freightAmount"]
    assert parent["totalAmount"] == 20 + 9 + 30 + 11
    following = await seller.create(("TS_RED_M", 1))
    numbers = {str(number), str(following), *(sub["id"] for sub in parent["subOrders"])}
    assert len(numbers) == 4


async def test_amounts_show_four_decimals(seller):
    number = await seller.create(("TS_RED_M", 1))
    text = (await seller.get(V2, ids=number)).text
    assert '"finalAmount":17.0000,"freightAmount":7.0000,"subTotalAmount":10.0000' in text


async def test_lists_show_parents_unless_split(seller):
    total = (await seller.page())["total"]
    number = await seller.create(*TWO_PARCELS)
    page = await seller.page(pageSize=1)
    assert (page["total"], page["list"][0]["id"]) == (total + 1, str(number))
    split = await seller.page(split=1, pageSize=2)
    assert {each["parentId"] for each in split["list"]} == {str(number)}
    second = await seller.page(pageNumber=2, pageSize=1)
    assert second["list"][0]["id"] != str(number)
    by_ids = await seller.page(ids=f"{number},1000000999999,{number}")
    assert by_ids["total"] == 1


async def test_ids_that_name_nothing_find_nothing(seller):
    for ids in ("1", "1000000999999", "999999999999999"):
        assert (await seller.page(ids=ids))["list"] == []
    assert (await seller.get(V1, ids="abc")).status_code == 400


async def test_a_parent_is_found_by_what_all_its_orders_are(hub):
    """Statuses and times of change are those of the group, not of its first order."""
    seller = Seller(hub)
    await hub.freeze("dropship", "2026-02-01T00:00:00Z")
    number = await seller.create(*TWO_PARCELS)
    first, second = await seller.uids(number)
    since = {"createStartTime": "2026-02-01T00:00:00Z"}

    async def found(**query):
        return [each["status"] for each in (await seller.page(**since, **query))["list"]]

    assert await found(status="waiting_payment") == ["waiting_payment"]
    await hub.pay(first)
    await hub.pay(second)
    assert await found(status="waiting_to_ship") == ["waiting_toship"]
    await hub.freeze("dropship", "2026-02-02T00:00:00Z")
    await hub.ship(second, carrier="Yanwen", tracking="T1")
    for status in ("waiting_to_ship", "shipped", "delivered", "cancel"):
        assert await found(status=status) == []
    assert await found(status="partial_shipped,refunded") == ["partial_shipped"]
    assert await found(updateStartTime="2026-02-02T00:00:00Z") == ["partial_shipped"]
    assert await found(updateEndTime="2026-02-01T23:59:59Z") == []
    assert await found(updateStartTime="2026-02-02T00:00:01Z") == []
    v2 = (await seller.page(V2, **since, status="processing"))["list"]
    assert [each["fulfillmentStatus"] for each in v2] == ["partially_shipped"]
    assert (await seller.page(**since, status="partial_shipped"))["total"] == 1
    await hub.ship(first)
    assert await found(status="shipped") == ["shipped"]
    await hub.complete(first)
    await hub.complete(second)
    assert await found(status="delivered") == ["delivered"]
    assert (await seller.page(V2, **since, status="completed"))["total"] == 1
    assert (await seller.page(V2, **since, status="abnormal_order"))["total"] == 0
    await hub.freeze("dropship", AT)


async def test_an_order_pays_itself_after_ten_minutes_of_the_tenants_clock(hub):
    seller = Seller(hub)
    number = await seller.create(("TS_RED_M", 1))
    assert (await seller.shown(number))["status"] == "waiting_payment"
    await hub.advance("dropship", 599)
    assert not hub.has_due_timers()
    assert (await seller.shown(number))["status"] == "waiting_payment"
    await hub.advance("dropship", 1)
    shown = await until(
        lambda: seller.shown(number, V2), lambda shown: shown["status"] == "processing"
    )
    assert (shown["financialStatus"], shown["payDate"]) == ("paid", "2026-01-02T03:14:05Z")
    await hub.freeze("dropship", AT)


# --- the prepaid balance


async def test_a_new_merchant_sells_without_a_balance_once_it_is_switched_off(tmp_path):
    """A tenant with a product, a warehouse and freight, and nothing that only the demo's code knows."""
    operator = {"Authorization": "Bearer hub-demo-operator"}
    async with running_hub(tmp_path) as hub:
        await hub.post("/hub/v1/tenants", {"name": "acme"}, headers=operator)
        base = "/hub/v1/tenants/acme"
        kinds = {
            "products": {"code": "HAT", "title": "Hat", "price": "10", "currency": "EUR"},
            "warehouses": {"code": "W1", "name": "One", "country": "FR"},
            "freight": {"code": "F1", "title": "Post", "base": "5", "currency": "EUR"},
        }
        for kind, doc in kinds.items():
            path = f"{base}/catalogue/{kind}/1"
            put = await hub.request("PUT", path, json={"doc": doc}, headers=operator)
            assert put.status_code == 201, put.text
        await hub.settings("acme", currency="EUR")
        made = await hub.post(f"{base}/credentials", {"kind": "kakaclo"}, headers=operator)
        seller = Seller(hub, {"Authorization": f"Bearer {made.json()['token']}"})
        refused = await seller.post(V1, order_of(("HAT", 1)))
        assert refused.json()["code"] == 10004
        plan = {"dialect": "kakaclo", "path": V1, "body": order_of(("HAT", 1))}
        token = {"kind": "hub", "scopes": ["dialects"]}
        mine = (await hub.post(f"{base}/credentials", token, headers=operator)).json()["token"]
        told = await hub.post("/hub/v1/plans", plan, headers={"Authorization": f"Bearer {mine}"})
        assert "subject EUR" in told.json()["detail"]
        await hub.settings("acme", dialects={"kakaclo": {"prepaid": False}})
        number = await seller.create(("HAT", 1))
        undone = await seller.post(f"{V1}/{number}/refund", {"remark": "no"})
        assert undone.json()["code"] == 10000
        assert await seller.balance() == 0, "nothing was drawn, and so nothing comes back"
        assert await told_back(seller, number) == ("cancel", "NULL", 0, 15, "NULL", 0)
        for step in ("cancel", "refund"):
            number = await seller.create(("HAT", 1))
            (uid,) = await seller.uids(number, "acme")
            was_paid = step == "refund"
            if was_paid:
                await hub.pay(uid)
            await hub.move(uid, step)
            assert await told_back(seller, number) == (
                ("cancel", "refunded", 15, 0, "refunded", 1)
                if was_paid
                else ("cancel", "NULL", 0, 15, "NULL", 0)
            )
        assert await seller.balance() == 0


async def told_back(seller, number):
    """What an order and its one line say of what came back."""
    shown = await seller.shown(number, V2)
    (row,) = shown["orderItems"]
    whole = (
        shown[name] for name in ("status", "refundStatus", "refundedAmount", "refundableAmount")
    )
    return (*whole, row["refundStatus"], row["refundedNum"])


# --- around


async def test_a_repeat_with_a_key_gets_the_very_bytes_and_no_second_order(seller):
    first = await seller.post(V1, order_of(("TS_RED_M", 1)), **{"Idempotency-Key": "k-1"})
    total = (await seller.page())["total"]
    again = await seller.post(V1, order_of(("TS_RED_M", 1)), **{"Idempotency-Key": "k-1"})
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert (await seller.page())["total"] == total
    other = await seller.post(V1, order_of(("TS_RED_M", 2)), **{"Idempotency-Key": "k-1"})
    assert (other.status_code, other.json()["code"]) == (422, 422)


async def test_one_tenant_cannot_see_or_refund_anothers_order(seller, hub):
    other = Seller(hub, OMNI)
    number = await seller.create(("TS_RED_M", 1))
    theirs = {each["id"] for each in (await other.page())["list"]}
    assert str(number) not in theirs
    assert (await other.page(ids=number))["list"] == []
    assert (await other.post(f"{V1}/{number}/refund", {"remark": "x"})).status_code == 404


async def test_the_last_one_goes_to_one_buyer(hub):
    omni = Seller(hub, OMNI)
    answers = await asyncio.gather(*(omni.post(V1, order_of(("LAST_ONE", 1))) for _ in range(8)))
    assert sorted(each.json()["code"] for each in answers) == [10000] + [10002] * 7


async def test_an_order_of_another_door_is_shown_and_found_by_its_number(hub):
    order = {
        "referenceId": "R1",
        "orderedAt": "2026-01-01T00:00:00.000Z",
        "price": 10.5,
        "currencyCode": "EUR",
    }
    login = {"Authorization": "Bearer hub-demo-omni"}
    made = await hub.post("/v2.1/orders", json=order, headers=login)
    assert made.status_code in (200, 201), made.text
    omni = Seller(hub, OMNI)
    shown = (await omni.page(V2))["list"][0]
    assert (shown["customOrderId"], shown["finalAmount"], shown["currencyCode"]) == (
        "R1",
        10.5,
        "EUR",
    )
    assert await omni.shown(shown["id"], V2) == shown
    items = [{"skuCode": "x", "quantity": 1}]
    part = await omni.post(f"{V2}/{shown['id']}/refund", {"orderItems": items})
    assert part.json()["code"] == 10005


async def test_too_many_requests_leak_away(tmp_path):
    """120 fit into the bucket and two leave it every second."""
    async with running_hub(tmp_path, rate_limits=True) as limited:
        seconds = limited.stop_watch()
        seller = Seller(limited)

        async def taken(count):
            answers = [await seller.get("/openapi/v1/payment/balance") for _ in range(count)]
            refused = [each for each in answers if each.status_code != 200]
            for each in refused:
                assert each.status_code == 429
                assert each.text == '{"code":429,"message":"Too Many Requests"}'
                assert each.headers["retry-after"] == "1"
            return len(answers) - len(refused)

        assert await taken(130) == 130, "off in a sandbox unless it is asked for"
        await limited.settings("dropship", dialects={"kakaclo": {"rate_limit": True}})
        assert await taken(123) == 120
        seconds[0] += 0.5
        assert await taken(3) == 1
        seconds[0] += 10
        assert await taken(30) == 20


def test_every_reason_and_every_fault_has_words():
    assert set(REFUSALS) == set(Reason)
    assert set(FAULTS) == set(FaultKind)
    codes = {row[1] for row in REFUSALS.values() if row[0] == 200}
    assert codes == {10001, 10002, 10003, 10004, 10005}


async def test_no_credential_opens_nothing(hub):
    for headers in ({}, {"Authorization": "Basic demo-kakaclo"}, {"Authorization": "Bearer"}):
        answer = await hub.get(V1, headers=headers)
        assert (answer.status_code, answer.json()) == (
            401,
            {"code": 401, "message": "Unauthorized"},
        )
    assert (await hub.get(V1, headers=TOKEN)).status_code == 200
