"""`orders/add`: the document's example, every member, every refusal, through HTTP."""

import asyncio
import json
from decimal import Decimal

import pytest

from orderhub.core.accounts import Named, Reservation, Service
from orderhub.core.catalogue import Product, Warehouse
from orderhub.core.tax import Strategy, TaxEnvironment, TaxRate
from tests.dialects.mews.hotel import (
    ACCOUNT,
    BEER,
    BILL,
    BREAKFAST,
    ENTERPRISE,
    NOBODY,
    ORDER,
    PRODUCT,
    SERVICE,
    TOKENS,
    hotel,
    with_price,
)

CLOSED, ROOMS, OLD, MUG = (f"22222222-2222-4222-8222-22222222222{n}" for n in range(4))
SEGMENT, STAY, CLASSIC = (f"33333333-3333-4333-8333-33333333333{n}" for n in range(3))


async def furnish(client):
    """What the refusals and the later members need besides the demo."""
    await client.put("service", 2, Service(id=2, uid=CLOSED, active=False), CLOSED)
    await client.put("service", 3, Service(id=3, uid=ROOMS, kind="bookable"), ROOMS)
    old = Product(id=2, uid=OLD, service=SERVICE, active=False)
    await client.put("product", 2, old, OLD)
    mug = Product(id=3, uid=MUG, service=SERVICE, price=Decimal(5), stocked=True)
    await client.put("product", 3, mug, MUG)
    classic = Product(id=4, uid=CLASSIC, service=ROOMS)
    await client.put("product", 4, classic, CLASSIC)
    await client.put("business_segment", 1, Named(id=1, uid=SEGMENT), SEGMENT)
    await client.put("reservation", 1, Reservation(id=1, uid=STAY), STAY)
    excise = TaxRate(code="US-DC-X", taxation="US-DC", value=Decimal("0.01"))
    await client.put("tax_rate", 2, excise, code="US-DC-X")
    await client.put("warehouse", 1, Warehouse(id=1, code="BAR"), code="BAR")
    await client.hub.adjust("hotel", "stock", "product:3", "BAR", 2)


async def test_the_documents_order_is_taken_and_can_be_read_back(tmp_path):
    async with hotel(tmp_path) as client:
        answer = await client.call("orders/add", ORDER)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        uid = answer.json()["OrderId"]
        assert answer.content == b'{"OrderId":"%s"}' % uid.encode()
        order = await client.hub.order(uid)
        assert (order["net"], order["tax"], order["total"]) == ("41", "2.46", "43.46")
        assert order["service_at"] == "2020-02-04T00:00:00Z"
        text = json.dumps(order)
        assert TOKENS["ClientToken"] not in text
        assert TOKENS["AccessToken"] not in text
        items = await client.items(ServiceOrderIds=[uid])
        assert [(item["Type"], item["Amount"]["GrossValue"]) for item in items] == [
            ("CustomItem", 22.26),
            ("ProductOrder", 21.2),
        ]


async def test_every_member_is_kept_and_shown(tmp_path):
    async with hotel(tmp_path) as client:
        await furnish(client)
        uid = await client.order(
            AccountId=None,
            CustomerId=ACCOUNT.upper(),
            ConsumptionUtc="2020-02-04T01:00:00.1230000+01:00",
            Notes="Ticket 7",
            BusinessSegmentId=SEGMENT,
            LinkedReservationId=STAY,
            Options={"DisableItemGrouping": True},
            LanguageCode="en-US",
            CultureCode="en-US",
            Unheard={"of": 1},
            ProductOrders=[
                {
                    "ProductId": PRODUCT.upper(),
                    "Count": 2.0,
                    "UnitAmount": {"Currency": "EUR", "NetValue": 8.5, "TaxCodes": ["US-DC-G"]},
                    "StartUtc": "2020-02-04T00:00:00Z",
                    "EndUtc": "2020-02-04T00:00:00Z",
                    "ExternalIdentifier": "line-1",
                }
            ],
            Items=[
                {
                    **with_price(Currency="EUR", TaxCodes=["US-DC-G", "US-DC-X"]),
                    "Category": {"Code": "1", "Name": "Bar"},
                    "ExternalIdentifier": "line-2",
                }
            ],
        )
        item, product = await client.items(ServiceOrderIds=[uid])
        assert product["ExternalIdentifier"] == "line-1"
        assert product["StartUtc"] == "2020-02-04T00:00:00Z"
        assert product["ConsumedUtc"] == "2020-02-04T00:00:00Z"
        assert product["UnitAmount"]["NetValue"] == 8.5
        assert product["Data"]["Product"]["ProductId"] == PRODUCT
        assert item["ExternalIdentifier"] == "line-2"
        assert item["Notes"] == "Ticket 7"
        assert item["AccountType"] == "Customer"
        assert item["BillId"] == BILL
        assert item["UnitAmount"]["TaxValues"] == [
            {"Code": "US-DC-G", "Value": 0.42},
            {"Code": "US-DC-X", "Value": 0.07},
        ]
        assert item["Amount"] == {
            "Currency": "EUR",
            "NetValue": 21,
            "GrossValue": 22.47,
            "TaxValues": [
                {"Code": "US-DC-G", "Value": 1.26},
                {"Code": "US-DC-X", "Value": 0.21},
            ],
            "Breakdown": {
                "Items": [
                    {"TaxRateCode": "US-DC-G", "NetValue": 21, "TaxValue": 1.26},
                    {"TaxRateCode": "US-DC-X", "NetValue": 21, "TaxValue": 0.21},
                ]
            },
        }
        order = await client.hub.order(uid)
        text = json.dumps(order)
        assert "DisableItemGrouping" in text
        shown = await client.made(
            "productServiceOrders/getAll",
            {"ServiceIds": [SERVICE], "ProductServiceOrderIds": [uid], "Limitation": {"Count": 1}},
        )
        assert shown["ProductServiceOrders"][0]["BusinessSegmentId"] == SEGMENT
        assert shown["ProductServiceOrders"][0]["LinkedReservationId"] == STAY


async def test_a_count_is_one_and_the_time_now_when_not_said(tmp_path):
    async with hotel(tmp_path) as client:
        uid = await client.order(
            ConsumptionUtc=None, ProductOrders=[{"ProductId": PRODUCT}], Items=None, BillId=None
        )
        (item,) = await client.items(ServiceOrderIds=[uid])
        assert item["UnitCount"] == 1
        assert item["ConsumedUtc"] == item["CreatedUtc"] == "2020-02-01T12:00:00Z"
        assert item["BillId"] is None


@pytest.mark.parametrize("codes", [[], None, "absent"])
async def test_an_exempt_item_names_no_tax_in_any_of_three_ways(tmp_path, codes):
    async with hotel(tmp_path) as client:
        amount = {"Currency": "USD", "GrossValue": 7, "TaxCodes": codes}
        if codes == "absent":
            del amount["TaxCodes"]
        uid = await client.order(ProductOrders=None, Items=[{**BEER, "UnitAmount": amount}])
        (item,) = await client.items(ServiceOrderIds=[uid])
        assert item["Amount"]["NetValue"] == item["Amount"]["GrossValue"] == 21
        assert item["Amount"]["TaxValues"] == []


async def test_a_gross_enterprise_gets_the_vendors_own_example(tmp_path):
    async with hotel(tmp_path) as client:
        await client.settings(pricing="gross")
        rate = TaxRate(code="DE-2020-1-L", taxation="US-DC", value=Decimal("0.07"))
        await client.put("tax_rate", 3, rate, code="DE-2020-1-L")
        beer = with_price(NetValue=None, GrossValue=100, TaxCodes=["DE-2020-1-L"])
        uid = await client.order(ProductOrders=None, Items=[{**beer, "UnitCount": 1}])
        (item,) = await client.items(ServiceOrderIds=[uid])
        assert item["Amount"]["NetValue"] == 93.46
        assert item["Amount"]["TaxValues"] == [{"Code": "DE-2020-1-L", "Value": 6.54}]
        order = await client.hub.order(uid)
        assert order["pricing"] == {
            "mode": "gross",
            "rounding": "half_up",
            "scope": "line",
            "precision": 2,
        }
        refused = {"ProductOrders": None, "Items": [with_price()]}
        assert await client.refused("orders/add", {**ORDER, **refused}) == (
            400,
            "Invalid GrossValue",
        )


async def test_several_taxes_are_taken_from_a_net_amount_on_a_gross_enterprise_too(tmp_path):
    async with hotel(tmp_path) as client:
        await furnish(client)
        await client.settings(pricing="gross")
        codes = ["US-DC-G", "US-DC-X"]
        both = {
            "TaxCodes": codes,
            "GrossValue": 0,
        }  # what a Go client sends of a member it leaves out
        for beer in (with_price(TaxCodes=codes), with_price(**both)):
            uid = await client.order(ProductOrders=None, Items=[{**beer, "UnitCount": 1}])
            (item,) = await client.items(ServiceOrderIds=[uid])
            assert (item["Amount"]["NetValue"], item["Amount"]["GrossValue"]) == (7, 7.49)
        gross = with_price(NetValue=None, GrossValue=7.49, TaxCodes=codes)
        body = {**ORDER, "ProductOrders": None, "Items": [gross]}
        assert await client.refused("orders/add", body) == (400, "Invalid TaxCodes")


@pytest.mark.parametrize("pricing", ["net", "gross"])
@pytest.mark.parametrize("other", [0, 8.82, 8.83, 100])
async def test_the_side_that_the_enterprise_prices_on_counts(tmp_path, pricing, other):
    async with hotel(tmp_path) as client:
        await client.settings(pricing=pricing)
        own, redundant = "NetValue", "GrossValue"
        if pricing == "gross":
            own, redundant = redundant, own
        beer = with_price(**{own: 8.33, redundant: other})
        uid = await client.order(ProductOrders=None, Items=[{**beer, "UnitCount": 1}])
        (item,) = await client.items(ServiceOrderIds=[uid])
        assert item["UnitAmount"][own] == 8.33


async def test_a_count_may_be_as_large_as_the_vendors_integer(tmp_path):
    async with hotel(tmp_path) as client:
        many = {**with_price(NetValue=0.01, TaxCodes=[]), "UnitCount": 2_147_483_647}
        uid = await client.order(ProductOrders=None, Items=[many])
        (item,) = await client.items(ServiceOrderIds=[uid])
        assert (item["UnitCount"], item["Amount"]["NetValue"]) == (2_147_483_647, 21_474_836.47)


async def test_flat_and_dependent_taxes_of_several_taxations(tmp_path):
    async with hotel(tmp_path) as client:
        environment = TaxEnvironment(code="US-DC", country="USA", taxations=("US-DC", "EX", "FL"))
        await client.put("tax_environment", 1, environment, code="US-DC")
        for number, rate in enumerate(
            (
                TaxRate(
                    code="EX-10",
                    taxation="EX",
                    strategy=Strategy.DEPENDENT,
                    value=Decimal("0.1"),
                    base_taxations=("US-DC",),
                ),
                TaxRate(
                    code="FL-1",
                    taxation="FL",
                    strategy=Strategy.FLAT,
                    value=Decimal(1),
                    currency="USD",
                ),
            ),
            10,
        ):
            await client.put("tax_rate", number, rate, code=rate.code)
        beer = with_price(NetValue=100, TaxCodes=["EX-10", "US-DC-G", "FL-1"])
        uid = await client.order(ProductOrders=None, Items=[{**beer, "UnitCount": 2}])
        (item,) = await client.items(ServiceOrderIds=[uid])
        assert {each["Code"]: each["Value"] for each in item["Amount"]["TaxValues"]} == {
            "US-DC-G": 12,
            "EX-10": 21.2,
            "FL-1": 2,
        }


async def test_a_rebate_needs_permission_and_a_zero_amount_is_inactive(tmp_path):
    async with hotel(tmp_path) as client:
        rebate = {"ProductOrders": None, "Items": [with_price(NetValue=-5)]}
        status, message = await client.refused("orders/add", {**ORDER, **rebate})
        assert (status, message) == (403, "The integration may not post negative amounts.")
        trusted = await client.permit("REBATES", rebates=True)
        uid = await trusted.order(**rebate)
        (item,) = await client.items(ServiceOrderIds=[uid])
        assert item["Amount"]["GrossValue"] == -15.9
        zero = await client.order(ProductOrders=None, Items=[with_price(NetValue=0)])
        (item,) = await client.items(ServiceOrderIds=[zero])
        assert item["AccountingState"] == "Inactive"


async def test_companies_are_charged_unless_the_integration_may_not(tmp_path):
    async with hotel(tmp_path) as client:
        added = await client.made("companies/add", {"Name": "ACME"})
        company = added["Companies"][0]["Id"]
        uid = await client.order(AccountId=company, BillId=None)
        items = await client.items(ServiceOrderIds=[uid])
        assert {item["AccountType"] for item in items} == {"Company"}
        guests_only = await client.permit("GUESTS", company_billing=False)
        body = {**ORDER, "AccountId": company, "BillId": None}
        assert await guests_only.refused("orders/add", body) == (400, "Invalid AccountId")


async def test_a_stocked_product_is_never_sold_twice(tmp_path):
    async with hotel(tmp_path) as client:
        await furnish(client)
        body = {**ORDER, "ProductOrders": [{"ProductId": MUG}], "Items": None}
        answers = await asyncio.gather(*(client.call("orders/add", body) for _ in range(6)))
        assert sorted(answer.status_code for answer in answers) == [200, 200, 403, 403, 403, 403]
        assert await client.hub.pool("hotel", "stock", "product:3") == 0


REFUSED = [
    ({"ServiceId": NOBODY}, 400, "Invalid ServiceId"),
    ({"ServiceId": CLOSED}, 400, "Invalid ServiceId"),
    ({"ServiceId": ROOMS}, 400, "Invalid ServiceId"),
    ({"ServiceId": None}, 400, "Invalid ServiceId"),
    ({"ServiceId": ""}, 400, "Invalid ServiceId"),
    ({"ServiceId": 5}, 400, "Invalid ServiceId"),
    ({"AccountId": NOBODY}, 400, "Invalid AccountId"),
    ({"AccountId": None}, 400, "Invalid AccountId"),
    ({"AccountId": None, "CustomerId": NOBODY}, 400, "Invalid CustomerId"),
    ({"CustomerId": NOBODY}, 400, "Invalid CustomerId"),
    ({"BillId": NOBODY}, 400, "Invalid BillId"),
    ({"ProductOrders": None, "Items": None}, 400, None),
    ({"ProductOrders": [], "Items": []}, 400, None),
    ({"ProductOrders": [{"ProductId": NOBODY}]}, 400, "Invalid ProductId"),
    ({"ProductOrders": [{"ProductId": OLD}]}, 400, "Invalid ProductId"),
    ({"ProductOrders": [{"ProductId": CLASSIC}]}, 400, "Invalid ProductId"),
    ({"ProductOrders": [{"Count": 1}]}, 400, "Invalid ProductId"),
    ({"ProductOrders": [{**BREAKFAST, "Count": 0}]}, 400, "Invalid Count"),
    ({"ProductOrders": [{**BREAKFAST, "Count": 1.5}]}, 400, "Invalid Count"),
    ({"ProductOrders": [{**BREAKFAST, "Count": 3_000_000_000}]}, 400, "Invalid Count"),
    ({"ProductOrders": [{**BREAKFAST, "Count": "two"}]}, 400, "Invalid Count"),
    ({"ProductOrders": [{**BREAKFAST, "StartUtc": "soon"}]}, 400, "Invalid StartUtc"),
    ({"ProductOrders": [{"ProductId": MUG, "Count": 3}]}, 403, None),
    ({"Items": [{**BEER, "UnitCount": -1}]}, 400, "Invalid UnitCount"),
    ({"Items": [{**BEER, "Name": ""}]}, 400, "Invalid Name"),
    ({"Items": [{**BEER, "AccountingCategoryId": NOBODY}]}, 400, "Invalid AccountingCategoryId"),
    ({"Items": [{**BEER, "UnitAmount": None}]}, 400, "Invalid UnitAmount"),
    ({"Items": [with_price(Currency="JPY")]}, 400, "Invalid Currency"),
    ({"Items": [with_price(Currency="EUR")]}, 400, "Invalid Currency"),
    ({"Items": [with_price(Currency=None)]}, 400, "Invalid Currency"),
    ({"Items": [with_price(NetValue=None)]}, 400, "Invalid NetValue"),
    ({"Items": [with_price(NetValue=None, GrossValue=7)]}, 400, "Invalid NetValue"),
    ({"Items": [with_price(NetValue=0, GrossValue=8)]}, 400, "Invalid NetValue"),
    ({"Items": [with_price(NetValue=10**12)]}, 400, "Invalid NetValue"),
    ({"Items": [with_price(NetValue="NaN")]}, 400, "Invalid NetValue"),
    ({"Items": [with_price(NetValue="1e9999999")]}, 400, "Invalid NetValue"),
    ({"Items": [{**BEER, "UnitCount": "1e9999999"}]}, 400, "Invalid UnitCount"),
    ({"ProductOrders": [{**BREAKFAST, "Count": "1e9999999"}]}, 400, "Invalid Count"),
    ({"Items": [with_price(TaxCodes=["UK-S"])]}, 400, "Invalid TaxCodes"),
    ({"Items": [with_price(TaxCodes=["US-DC-G"] * 2)]}, 400, "Invalid TaxCodes"),
    ({"Items": [with_price(TaxCodes="US-DC-G")]}, 400, "Invalid TaxCodes"),
    ({"Items": {}}, 400, "Invalid Items"),
    ({"BusinessSegmentId": NOBODY}, 400, "Invalid BusinessSegmentId"),
    ({"LinkedReservationId": NOBODY}, 400, "Invalid LinkedReservationId"),
    ({"ConsumptionUtc": "yesterday"}, 400, "Invalid ConsumptionUtc"),
    ({"ConsumptionUtc": "2020-01-25T11:59:59Z"}, 403, None),
    ({"Options": []}, 400, "Invalid Options"),
]


async def test_each_refusal_is_worded_as_the_vendor_words_it(tmp_path):
    async with hotel(tmp_path) as client:
        await furnish(client)
        wrong = []
        for changes, status, message in REFUSED:
            body = {k: v for k, v in {**ORDER, **changes}.items() if v is not None}
            got = await client.refused("orders/add", body)
            if got[0] != status or (message and got[1] != message):
                wrong.append((changes, got))
        assert wrong == []
        assert await client.hub.orders("hotel") == []


async def test_consumption_may_be_as_old_as_the_editable_history(tmp_path):
    async with hotel(tmp_path) as client:
        assert await client.order(ConsumptionUtc="2020-01-25T12:00:00Z")
        assert await client.order(ConsumptionUtc="2030-01-25T12:00:00")


async def test_a_closed_bill_and_anothers_bill_take_no_order(tmp_path):
    async with hotel(tmp_path) as client:
        other = await client.made("customers/add", {"LastName": "Doe", "OverwriteExisting": False})
        bills = await client.made("bills/add", {"Bills": [{"AccountId": other["Id"]}]})
        theirs = bills["Bills"][0]["Id"]
        body = {**ORDER, "BillId": theirs}
        assert await client.refused("orders/add", body) == (400, "Invalid BillId")
        await client.made("bills/close", {"BillId": BILL, "Type": "Receipt"})
        assert await client.refused("orders/add", ORDER) == (400, "Invalid BillId")


async def test_a_key_repeats_the_answer_and_two_plain_calls_make_two_orders(tmp_path):
    async with hotel(tmp_path) as client:
        key = {"Idempotency-Key": "ticket-7"}
        first = await client.call("orders/add", ORDER, headers=key)
        again = await client.call("orders/add", ORDER, headers=key)
        assert again.content == first.content
        assert again.headers["idempotent-replayed"] == "true"
        assert (await client.refused("orders/add", {**ORDER, "Notes": "x"}, headers=key))[0] == 422
        assert await client.order() != await client.order()
        assert len(await client.hub.orders("hotel")) == 3


async def test_a_repeat_with_a_rotated_token_is_the_same_repeat(tmp_path):
    """Tokens are in the body here, and a client that was given a new one repeats the call, not the body."""
    async with hotel(tmp_path) as client:
        key = {"Idempotency-Key": "ticket-7"}
        first = await client.call("orders/add", ORDER, headers=key)
        rotated = await client.rotated()
        assert rotated.tokens["AccessToken"] != client.tokens["AccessToken"]
        assert (await client.refused("orders/add", ORDER, headers=key))[0] == 401
        again = await rotated.call("orders/add", ORDER, headers=key)
        assert (again.status_code, again.content) == (200, first.content)
        assert again.headers["idempotent-replayed"] == "true"
        assert len(await client.hub.orders("hotel")) == 1


async def test_the_hubs_own_token_needs_no_vendor_tokens(tmp_path):
    async with hotel(tmp_path) as client:
        answer = await client.hub.post(
            "/api/connector/v1/orders/add",
            json=ORDER,
            headers={"Authorization": "Bearer hub-demo-hotel"},
        )
        assert answer.status_code == 200


async def test_the_last_unit_of_all_doors_is_sold_here_too(tmp_path):
    async with hotel(tmp_path) as client:
        tokens = {"ClientToken": "OMNI-CLIENT", "AccessToken": "OMNI-ACCESS", "Client": "Test"}
        zero = "00000000-0000-4000-8000-000000000"
        body = {
            **tokens,
            "AccountId": zero + "902",
            "ServiceId": zero + "901",
            "ProductOrders": [{"ProductId": zero + "900"}],
        }
        answers = [await client.hub.post("/api/connector/v1/orders/add", json=body) for _ in "ab"]
        assert [answer.status_code for answer in answers] == [200, 403]
        order = await client.hub.order(answers[0].json()["OrderId"])
        assert order["total"] == "10"
        assert ENTERPRISE not in json.dumps(order)


async def test_a_number_is_read_wherever_an_order_means_a_text(tmp_path):
    async with hotel(tmp_path) as client:
        uid = await client.order(
            LanguageCode=7,
            Notes=4711,
            ProductOrders=[{**BREAKFAST, "ExternalIdentifier": 1.5}],
            Items=[{**BEER, "ExternalIdentifier": 4712, "Category": {"Code": 3, "Name": 4}}],
        )
        beer, breakfast = await client.items(ServiceOrderIds=[uid])
        assert (beer["Notes"], beer["ExternalIdentifier"]) == ("4711", "4712")
        assert breakfast["ExternalIdentifier"] == "1.5"
        assert await client.refused("orders/add", {**ORDER, "Notes": True}) == (
            400,
            "Invalid Notes",
        )


@pytest.mark.parametrize("count", [5, 5.0, "5", "5.0"])
async def test_a_page_is_limited_by_a_whole_number_however_it_is_written(tmp_path, count):
    async with hotel(tmp_path) as client:
        await client.made("services/getAll", {"Limitation": {"Count": count}})
        half = {"Limitation": {"Count": 5.5}}
        assert await client.refused("services/getAll", half) == (400, "Invalid Count")
