"""`orderItems/*` and `productServiceOrders/getAll`: filters, paging, cancelling, orders of other doors."""

import asyncio

import pytest

from orderhub.core.accounts import Reservation
from orderhub.dialects.mews import orders
from tests.dialects.mews.hotel import ACCOUNT, BEER, BILL, NOBODY, PAGE, SERVICE, hotel, with_price
from tests.support.hub import operator_headers

FEBRUARY = {"StartUtc": "2020-02-01T00:00:00Z", "EndUtc": "2020-03-01T00:00:00Z"}
JANUARY = {"StartUtc": "2020-01-01T00:00:00Z", "EndUtc": "2020-02-01T00:00:00Z"}
INSTANT = {"StartUtc": "2020-02-04T00:00:00Z", "EndUtc": "2020-02-04T00:00:00Z"}


async def test_each_filter_finds_what_it_names_and_nothing_else(demo_url):
    async with hotel(demo_url) as client:
        first = await client.order()
        await client.hub.advance("hotel", 3_600)
        second = await client.order(
            BillId=None,
            ConsumptionUtc="2020-02-20T00:00:00Z",
            ProductOrders=None,
            Items=[with_price(Currency="EUR")],
        )
        item = (await client.items(ServiceOrderIds=[second]))[0]["Id"]
        await client.made("orderItems/cancel", {"OrderItemIds": [item]})
        found = {
            "OrderItemIds": ([item.upper()], {second}),
            "ServiceOrderIds": ([first, second], {first, second}),
            "ServiceIds": ([SERVICE, NOBODY], {first, second}),
            "AccountIds": ([ACCOUNT], {first, second}),
            "BillIds": ([BILL], {first}),
            "CreatedUtc": (
                {"StartUtc": "2020-02-01T13:00:00Z", "EndUtc": "2020-02-01T13:00:01Z"},
                {second},
            ),
            "UpdatedUtc": (FEBRUARY, {first, second}),
            "ConsumedUtc": (INSTANT, {first}),
            "CanceledUtc": (FEBRUARY, {second}),
        }
        for name, (value, expected) in found.items():
            items = await client.items(**{name: value})
            assert {each["ServiceOrderId"] for each in items} == expected, name
        nothing = {
            "OrderItemIds": [NOBODY],
            "ServiceOrderIds": [NOBODY],
            "ServiceIds": [NOBODY],
            "AccountIds": [NOBODY],
            "BillIds": [NOBODY],
            "CreatedUtc": JANUARY,
            "UpdatedUtc": JANUARY,
            "ConsumedUtc": JANUARY,
            "CanceledUtc": JANUARY,
            "ClosedUtc": FEBRUARY,
        }
        for name, value in nothing.items():
            assert await client.items(**{name: value}) == [], name
        of_service = {"ServiceIds": [SERVICE]}
        assert len(await client.items(**of_service, Types=["CustomItem"])) == 2
        assert len(await client.items(**of_service, Currency="EUR")) == 1
        assert len(await client.items(**of_service, AccountingStates=["Canceled"])) == 1
        assert await client.items(**of_service, CreatedUtc=JANUARY) == []


async def test_closed_items_are_found_by_the_time_their_bill_was_closed(tmp_path):
    async with hotel(tmp_path) as client:
        uid = await client.order()
        await client.order(BillId=None)
        await client.made("bills/close", {"BillId": BILL, "Type": "Invoice"})
        items = await client.items(ClosedUtc=FEBRUARY)
        assert {item["ServiceOrderId"] for item in items} == {uid}
        assert {item["AccountingState"] for item in items} == {"Closed"}
        assert {item["ClosedUtc"] for item in items} == {"2020-02-01T12:00:00Z"}
        shown = await client.hub.get(f"/hub/v1/orders/{uid}?as=mews", headers=operator_headers())
        assert shown.json()["OrderItems"] == items


async def test_pages_are_newest_first_and_miss_nothing(tmp_path):
    async with hotel(tmp_path) as client:
        orders = []
        for number in range(4):
            items = [{**BEER, "Name": f"{number}-{line}"} for line in range(3)]
            orders.append(await client.order(ProductOrders=None, Items=items))
        seen, cursor = [], None
        while True:
            page = await client.made(
                "orderItems/getAll",
                {"ServiceIds": [SERVICE], "Limitation": {"Count": 5, "Cursor": cursor}},
            )
            seen += [item["BillingName"] for item in page["OrderItems"]]
            cursor = page["Cursor"]
            if cursor is None:
                break
            assert cursor == page["OrderItems"][-1]["Id"]
        assert seen == [f"{number}-{line}" for number in (3, 2, 1, 0) for line in (2, 1, 0)]
        shown, cursor = [], None
        while True:
            page = await client.made(
                "productServiceOrders/getAll",
                {"ServiceIds": [SERVICE], "Limitation": {"Count": 3, "Cursor": cursor}},
            )
            shown += [order["Id"] for order in page["ProductServiceOrders"]]
            cursor = page["Cursor"]
            if cursor is None:
                break
        assert shown == orders[::-1]


async def test_an_empty_page_may_be_no_content(tmp_path):
    async with hotel(tmp_path) as client:
        answer = await client.call(
            "orderItems/getAll",
            {"ServiceIds": [SERVICE], "Limitation": {"Count": 5}},
            headers={"Prefer": "respond-async, return=minimal"},
        )
        assert (answer.status_code, answer.content) == (204, b"")
        assert "content-type" not in answer.headers
        plain = await client.call("orderItems/getAll", {**PAGE, "ServiceIds": [SERVICE]})
        assert plain.json() == {"OrderItems": [], "Cursor": None}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Invalid Limitation"),
        (PAGE, "Invalid OrderItemIds"),
        ({**PAGE, "ServiceIds": []}, "Invalid OrderItemIds"),
        ({"ServiceIds": [SERVICE], "Limitation": {"Count": 0}}, "Invalid Count"),
        ({"ServiceIds": [SERVICE], "Limitation": {"Count": 1001}}, "Invalid Count"),
        ({"ServiceIds": [SERVICE], "Limitation": {"Count": 9, "Cursor": NOBODY}}, "Invalid Cursor"),
        ({**PAGE, "ServiceIds": [SERVICE] * 1001}, "Invalid ServiceIds"),
        ({**PAGE, "AccountIds": [SERVICE] * 101}, "Invalid AccountIds"),
        ({**PAGE, "ServiceIds": [SERVICE], "AccountingStates": ["X"]}, "Invalid AccountingStates"),
        ({**PAGE, "ServiceIds": [SERVICE], "Types": ["X"]}, "Invalid Types"),
        (
            {**PAGE, "CreatedUtc": {**FEBRUARY, "EndUtc": "2020-06-01T00:00:00Z"}},
            "Invalid CreatedUtc",
        ),
        (
            {**PAGE, "CreatedUtc": {**FEBRUARY, "EndUtc": "2020-01-01T00:00:00Z"}},
            "Invalid CreatedUtc",
        ),
        ({**PAGE, "CreatedUtc": {**FEBRUARY, "EndUtc": "now"}}, "Invalid EndUtc"),
        ({**PAGE, "CreatedUtc": {"StartUtc": "2020-01-01T00:00:00Z"}}, "Invalid EndUtc"),
    ],
)
async def test_a_bad_filter_is_named(shared, body, message):
    assert await shared.refused("orderItems/getAll", body) == (400, message)


@pytest.fixture(scope="module")
async def shared(tmp_path_factory):
    async with hotel(tmp_path_factory.mktemp("hub")) as client:
        yield client


async def test_items_are_cancelled_across_orders_all_or_none(tmp_path):
    async with hotel(tmp_path) as client:
        one, two = await client.order(), await client.order()
        items = await client.items(ServiceOrderIds=[one, two])
        ids = [item["Id"] for item in items]
        both = [ids[0], ids[2]]
        wrong = {"OrderItemIds": [ids[0], NOBODY]}
        assert await client.refused("orderItems/cancel", wrong) == (400, "Invalid OrderItemIds")
        assert {i["AccountingState"] for i in await client.items(OrderItemIds=ids)} == {"Open"}
        answer = await client.call("orderItems/cancel", {"OrderItemIds": both})
        assert answer.content == b"{}"
        states = {i["Id"]: i["AccountingState"] for i in await client.items(OrderItemIds=ids)}
        assert {uid for uid, state in states.items() if state == "Canceled"} == set(both)
        again = await client.refused("orderItems/cancel", {"OrderItemIds": both})
        assert again[0] == 403
        rest = {"OrderItemIds": [uid for uid in ids if uid not in both]}
        quiet = await client.call("orderItems/cancel", rest, headers={"Prefer": "return=minimal"})
        assert (quiet.status_code, quiet.content) == (204, b"")
        assert (await client.hub.order(one))["status"] == "cancelled"
        shown = await client.made(
            "productServiceOrders/getAll",
            {**PAGE, "ServiceIds": [SERVICE], "States": ["Canceled"]},
        )
        assert {order["Id"] for order in shown["ProductServiceOrders"]} == {one, two}
        eleven = {"OrderItemIds": [ids[0]] * 11}
        assert await client.refused("orderItems/cancel", eleven) == (400, "Invalid OrderItemIds")


async def test_orders_of_a_service_are_found_by_each_filter(tmp_path):
    async with hotel(tmp_path) as client:
        await client.put("reservation", 1, Reservation(id=1, uid=NOBODY), NOBODY)
        first = await client.order()
        guest = {"LastName": "Doe", "OverwriteExisting": False}
        other = (await client.made("customers/add", guest))["Id"]
        await client.hub.advance("hotel", 3_600)
        second = await client.order(AccountId=other, BillId=None, LinkedReservationId=NOBODY)
        for filters, expected in (
            ({}, [second, first]),
            ({"ProductServiceOrderIds": [first.upper()]}, [first]),
            ({"AccountIds": [other]}, [second]),
            ({"LinkedReservationIds": [NOBODY]}, [second]),
            ({"LinkedReservationIds": [SERVICE]}, []),
            ({"States": ["Confirmed", "Inquired"]}, [second, first]),
            ({"States": ["Enquired"]}, []),
            (
                {
                    "UpdatedUtc": {
                        "StartUtc": "2020-02-01T12:30:00Z",
                        "EndUtc": "2020-02-02T00:00:00Z",
                    }
                },
                [second],
            ),
        ):
            body = {**PAGE, "ServiceIds": [SERVICE], **filters}
            found = await client.made("productServiceOrders/getAll", body)
            assert [order["Id"] for order in found["ProductServiceOrders"]] == expected, filters


async def test_a_paid_order_keeps_its_items(tmp_path):
    async with hotel(tmp_path) as client:
        uid = await client.order()
        await client.hub.pay(uid)
        item = (await client.items(ServiceOrderIds=[uid]))[0]["Id"]
        assert (await client.refused("orderItems/cancel", {"OrderItemIds": [item]}))[0] == 403


async def test_an_order_of_another_door_is_shown_by_its_id(tmp_path):
    async with hotel(tmp_path) as client:
        sale = {
            "currencyCode": "EUR",
            "orderedAt": "2024-01-01T16:17:16Z",
            "price": 50,
            "referenceId": "B94TXY-1",
            "orderItems": [
                {"name": "Shoes", "price": 25, "quantity": 2, "productId": "P1", "type": "X"}
            ],
        }
        answer = await client.hub.post(
            "/v2.1/orders", json=sale, auth=("omni-cdp", "omni-cdp-secret")
        )
        assert answer.status_code == 201, answer.text
        (order,) = await client.hub.orders("omni")
        client.tokens = {"ClientToken": "OMNI-CLIENT", "AccessToken": "OMNI-ACCESS", "Client": "T"}
        items = await client.items(ServiceOrderIds=[order["uid"]])
        assert [item["ServiceOrderId"] for item in items] == [order["uid"]] * len(order["lines"])
        cancel = {"OrderItemIds": [item["Id"] for item in items]}
        if items:
            assert (await client.refused("orderItems/cancel", cancel))[0] == 403


async def test_another_tenants_items_are_unknown(tmp_path):
    async with hotel(tmp_path) as client:
        uid = await client.order()
        (item, _) = await client.items(ServiceOrderIds=[uid])
        client.tokens = {"ClientToken": "OMNI-CLIENT", "AccessToken": "OMNI-ACCESS", "Client": "T"}
        assert await client.items(ServiceOrderIds=[uid]) == []
        assert await client.items(OrderItemIds=[item["Id"]]) == []
        assert await client.items(ServiceIds=[SERVICE]) == []
        cancel = {"OrderItemIds": [item["Id"]]}
        assert await client.refused("orderItems/cancel", cancel) == (400, "Invalid OrderItemIds")


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("net", ["7.545", "7.55"])
async def test_a_breakdown_adds_up_to_its_amount(tmp_path, count, net):
    async with hotel(tmp_path) as client:
        item = {**with_price(NetValue=net), "UnitCount": count}
        await client.order(ProductOrders=None, Items=[item])
        (shown,) = await client.items(BillIds=[BILL])
        assert shown["UnitAmount"]["NetValue"] == float(net)
        for amount in (shown["UnitAmount"], shown["Amount"]):
            (part,) = amount["Breakdown"]["Items"]
            assert part["NetValue"] == amount["NetValue"]
            assert part["NetValue"] + part["TaxValue"] == pytest.approx(amount["GrossValue"])


async def test_a_row_is_found_by_the_very_instant_it_is_shown_with(tmp_path):
    async with hotel(tmp_path) as client:
        await client.hub.freeze("hotel", "2020-02-01T12:00:00.654321Z")
        await client.made("bills/add", {"Bills": [{"AccountId": ACCOUNT}]})
        await client.order()
        for operation, name in (("orderItems/getAll", "OrderItems"), ("bills/getAll", "Bills")):
            listed = {**PAGE, "CreatedUtc": FEBRUARY}
            row = (await client.made(operation, listed))[name][0]
            shown = {"StartUtc": row["CreatedUtc"], "EndUtc": row["CreatedUtc"]}
            again = (await client.made(operation, {**PAGE, "CreatedUtc": shown}))[name]
            assert row in again, operation


@pytest.fixture
async def busy(tmp_path):
    """A hotel of 25 orders, each a beer and a breakfast. The first and the thirteenth are of a stay."""
    async with hotel(tmp_path) as client:
        await client.put("reservation", 1, Reservation(id=1, uid=NOBODY), NOBODY)
        stay = {"LinkedReservationId": NOBODY}
        await asyncio.gather(*(client.order(**(stay if n % 12 == 1 else {})) for n in range(25)))
        yield client


PAGES = [
    # operation                     what it answers         filters, and how many of 50 items or 25 orders they leave
    ("orderItems/getAll",           "OrderItems",           {"Types": ["SpaceOrder"]},          0),
    ("orderItems/getAll",           "OrderItems",           {"Types": ["CustomItem"]},          25),
    ("orderItems/getAll",           "OrderItems",           {},                                 50),
    ("productServiceOrders/getAll", "ProductServiceOrders", {"LinkedReservationIds": [SERVICE]}, 0),
    ("productServiceOrders/getAll", "ProductServiceOrders", {"LinkedReservationIds": [NOBODY]}, 2),
    ("productServiceOrders/getAll", "ProductServiceOrders", {},                                 25),
]  # fmt: skip


async def test_a_list_is_the_same_in_pages_of_every_size(busy, monkeypatch):
    monkeypatch.setattr(orders, "_CHUNK", 7)
    for operation, name, filters, count in PAGES:
        listed = {"ServiceIds": [SERVICE], **filters}
        whole = (await busy.made(operation, {**PAGE, **listed}))[name]
        assert len({each["Id"] for each in whole}) == len(whole) == count, (operation, filters)
        for size in (1, 3, 50):
            found, cursor = [], None
            while True:
                page = {**listed, "Limitation": {"Count": size, "Cursor": cursor}}
                answer = await busy.made(operation, page)
                assert len(answer[name]) <= size
                found += answer[name]
                cursor = answer["Cursor"]
                if cursor is None:
                    break
            assert found == whole, (operation, filters, size)


async def test_a_filter_that_finds_nothing_among_very_many_rows_is_too_heavy(busy, monkeypatch):
    monkeypatch.setattr(orders, "_CHUNK", 7)
    monkeypatch.setattr(orders, "_MOST_LOOKED_AT", 15)
    for operation, _, filters, count in PAGES:
        listed = {"ServiceIds": [SERVICE], **filters, "Limitation": {"Count": 3}}
        answer = await busy.call(operation, listed)
        assert answer.status_code == (200 if count > 2 else 408), (operation, filters)
