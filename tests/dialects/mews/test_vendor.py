"""The vendor's published contract: its examples asked and compared, and a client made out of it by others."""

import json
import re
from types import SimpleNamespace

import aiopenapi3
import httpx2
import jsonschema_rs
import pytest

from orderhub.core.accounts import Named, Reservation
from orderhub.dialects.mews.demo import (
    ACCOUNT,
    BILL,
    CATEGORY,
    CHAIN,
    ENTERPRISE,
    PRODUCT,
    SERVICE,
    TAX_RATE,
)
from orderhub.dialects.mews.routes import ROUTES
from tests.dialects.mews.hotel import ORDER, PAGE, TOKENS, hotel
from tests.dialects.mews.vendor import CONTRACT, OPERATIONS, json_schema, openapi

MONTH = {"StartUtc": "2020-01-01T00:00:00Z", "EndUtc": "2020-03-01T00:00:00Z"}
SEGMENT, STAY = "dc9188f6-fb61-412c-b3fd-af32dab082ed", "0f515589-99b4-423d-b83a-b237009f0509"

# Where our answers are not the vendor's examples, by operation and member.
DIFFERENCES = {
    ("bills/add", "BillId"): "the example shows a PDF; the vendor's own schema says Bills",
    ("bills/add", "Result"): "as above",
    ("bills/close", "BillId"): "as above",
    ("bills/close", "Result"): "as above",
    (
        "companies/add",
        "Companies.ContacPerson",
    ): "misspelled in the example; the schema says ContactPerson",
    ("companies/getAll", "Companies.ContacPerson"): "as above",
}
# Members whose own members are names that others choose.
MAPS = {"Descriptions", "LegalIdentifiers", "SurchargeFees"}


class World:
    """The hotel with something behind every id of the vendor's examples, by the member that names it."""

    def __init__(self, client):
        self.client = client
        self.names = {}

    async def furnish(self):
        """A bill with an order and a payment, closed; a company; a customer's company and loyalty code."""
        client = self.client
        await client.put("business_segment", 1, Named(id=1, uid=SEGMENT), SEGMENT)
        await client.put("reservation", 1, Reservation(id=1, uid=STAY), STAY)
        company = {"Name": "AC Company", "ExternalIdentifier": "12345"}
        acme = (await client.made("companies/add", company))["Companies"][0]["Id"]
        guest = {
            "FirstName": "John",
            "LastName": "Doe",
            "Email": "john@example.com",
            "CompanyId": acme,
            "LoyaltyCode": "LL810213",
            "OverwriteExisting": False,
        }
        john = (await client.made("customers/add", guest))["Id"]
        opened = [
            {"AccountId": ACCOUNT},
            {"AccountId": ACCOUNT, "AssociatedAccountId": acme},
            {"AccountId": ACCOUNT},
        ]
        bills = (await client.made("bills/add", {"Bills": opened}))["Bills"]
        paid, empty, gone = (bill["Id"] for bill in bills)
        order = await client.order(BillId=paid, LinkedReservationId=STAY)
        payment = {"AccountId": ACCOUNT, "BillId": paid, "ReservationId": STAY}
        amount = {"Currency": "EUR", "GrossValue": 1}
        payment = await client.made("payments/addExternal", {**payment, "Amount": amount})
        await client.made("bills/close", {"BillId": paid, "Type": "Invoice"})
        loose = await client.order(BillId=None)
        items = [item["Id"] for item in await client.items(ServiceOrderIds=[loose])]
        self.names = {
            "AccountId": ACCOUNT,
            "AccountIds": ACCOUNT,
            "AccountingCategoryId": CATEGORY,
            "AccountingCategoryIds": CATEGORY,
            "BillId": BILL,
            "BillIds": paid,
            "ChainId": CHAIN,
            "CompanyIds": acme,
            "CustomerIds": john,
            "Emails": "john@example.com",
            "EnterpriseId": ENTERPRISE,
            "EnterpriseIds": ENTERPRISE,
            "Ids": acme,
            "LinkedReservationId": STAY,
            "LinkedReservationIds": STAY,
            "OrderItemIds": items,
            "PaymentIds": payment["ExternalPaymentId"],
            "ProductId": PRODUCT,
            "ProductServiceOrderIds": order,
            "ReservationIds": STAY,
            "ServiceId": SERVICE,
            "ServiceIds": SERVICE,
            "TaxCodes": TAX_RATE,
        }
        # Where one name means different things.
        self.of = {
            "bills/close": {"BillId": empty, "Id": acme},
            "bills/delete": {"BillIds": gone},
            "bills/getAll": {"CustomerIds": ACCOUNT},
            "payments/addExternal": {"Currency": "USD", "AccountingCategoryId": None},
        }

    def request(self, operation):
        """The documented request: same members and shapes, our ids, months and cursors."""
        names = {**self.names, **self.of.get(operation, {})}
        return ours(OPERATIONS[operation]["request"], names)


def ours(given, names, name=""):
    if isinstance(given, dict):
        if given.keys() == MONTH.keys():
            return MONTH
        return {
            key: ours(value, names, key)
            # A cursor is the id of a row of an earlier page: this is the first one.
            for key, value in given.items()
            if key not in ("Cursor", "ExternalIdentifiers") or key in names
        }
    if isinstance(given, list):
        chosen = names.get(name)
        if isinstance(chosen, list):
            return chosen
        shown = [ours(each, names, name) for each in given]
        return list(dict.fromkeys(shown)) if all(isinstance(s, str) for s in shown) else shown
    return names[name] if given is not None and name in names else given


def missing(documented, got, path=""):
    """The members of the documented answer that ours lacks."""
    if isinstance(documented, dict) and isinstance(got, dict):
        if documented.get("Discriminator") != got.get("Discriminator"):
            return  # another kind of thing, with members of its own
        for name, value in documented.items():
            here = f"{path}.{name}" if path else name
            if name not in got:
                yield here
            elif name not in MAPS:
                yield from missing(value, got[name], here)
    elif isinstance(documented, list) and isinstance(got, list) and documented:
        for row in got:
            yield from missing(documented[0], row, path)


def misshapen(operation, got):
    """What the vendor's schema has against an answer."""
    validator = jsonschema_rs.validator_for(
        json_schema(OPERATIONS[operation]["answers"]), validate_formats=True
    )
    for problem in validator.iter_errors(got):
        yield f"{'.'.join(map(str, problem.instance_path))}: {problem.message}"


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_the_vendors_example_is_answered_in_the_vendors_shape(tmp_path, operation):
    async with hotel(tmp_path) as client:
        world = World(client)
        await world.furnish()
        got = await client.made(operation, world.request(operation))
        if operation.endswith(("/getAll", "/search")):
            assert next(iter(got.values())), "nothing to compare"
        lacking = {
            path
            for path in missing(OPERATIONS[operation]["response"], got)
            if (operation, path) not in DIFFERENCES
        }
        assert not lacking
        assert list(misshapen(operation, got)) == []


async def test_every_difference_is_one(tmp_path):
    """A reason that holds no more must go."""
    async with hotel(tmp_path) as client:
        world = World(client)
        await world.furnish()
        found = set()
        for operation in sorted({operation for operation, _ in DIFFERENCES}):
            got = await client.made(operation, world.request(operation))
            documented = OPERATIONS[operation]["response"]
            found |= {(operation, path) for path in missing(documented, got)}
        assert found == DIFFERENCES.keys()


async def test_bills_with_items_have_the_vendors_older_shapes(tmp_path):
    async with hotel(tmp_path) as client:
        await World(client).furnish()
        got = await client.made("bills/getAll", {**PAGE, "Extent": {"Items": True}})
        assert any(bill["OrderItems"] and bill["PaymentItems"] for bill in got["Bills"])
        assert list(misshapen("bills/getAll", got)) == []


# --- a client that nobody here wrote


class Connector:
    """aiopenapi3 makes requests and reads answers by the vendor's document alone."""

    def __init__(self, hub, tokens):
        self._tokens = tokens

        def session(*_given, **_more) -> httpx2.AsyncClient:
            return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=hub.hub.app))

        document = {**openapi(), "servers": [{"url": "http://hub.test"}]}
        self._api = aiopenapi3.OpenAPI.loads(
            "http://hub.test/connector.json", json.dumps(document), session_factory=session
        )

    async def call(self, operation, **members):
        request = self._api.createRequest(operation.replace("/", "_"))
        body = request.data.get_type().model_validate({**self._tokens, **members})
        answer = await request(data=body)
        # What the client read, as plain objects: it wraps what may be null once more.
        return json.loads(answer.model_dump_json(), object_hook=lambda d: SimpleNamespace(**d))


@pytest.fixture(scope="module")
async def connected(tmp_path_factory):
    async with hotel(tmp_path_factory.mktemp("hub")) as client:
        yield Connector(client.hub, TOKENS), client


async def test_a_client_made_by_others_works_a_day_at_the_bar(connected):
    connector, _ = connected
    configuration = await connector.call("configuration/get")
    assert configuration.Enterprise.Pricing == "Net"
    assert "Cash" in configuration.Enterprise.AccountingConfiguration.EnabledExternalPaymentTypes
    page = {"Limitation": {"Count": 100}}
    (service,) = (await connector.call("services/getAll", **page)).Services
    listed = await connector.call("products/getAll", ServiceIds=[service.Id], **page)
    (product,) = listed.Products
    (category,) = (await connector.call("accountingCategories/getAll", **page)).AccountingCategories
    (rate,) = (await connector.call("taxations/getAll")).TaxRates
    assert rate.Strategy.Discriminator == "Relative"
    assert (await connector.call("taxEnvironments/getAll")).TaxEnvironments
    assert (await connector.call("currencies/getAll")).Currencies
    guest = await connector.call(
        "customers/add", LastName="Doe", FirstName="Jane", OverwriteExisting=False
    )
    found = await connector.call("customers/search", Name="jane")
    assert [each.Customer.Id for each in found.Customers] == [guest.Id]
    (bill,) = (await connector.call("bills/add", Bills=[{"AccountId": guest.Id}])).Bills
    price = {"Currency": "USD", "NetValue": 7, "TaxCodes": [rate.Code]}
    beer = {
        "Name": "Beer",
        "UnitCount": 3,
        "UnitAmount": price,
        "AccountingCategoryId": category.Id,
    }
    placed = await connector.call(
        "orders/add",
        ServiceId=service.Id,
        AccountId=guest.Id,
        BillId=bill.Id,
        ConsumptionUtc="2020-02-04T00:00:00+00:00",
        ProductOrders=[{"ProductId": product.Id, "Count": 2}],
        Items=[beer],
    )
    (order,) = (
        await connector.call("productServiceOrders/getAll", ServiceIds=[service.Id], **page)
    ).ProductServiceOrders
    assert (order.Id, order.State, order.BookerId) == (placed.OrderId, "Confirmed", guest.Id)
    items = await connector.call("orderItems/getAll", ServiceOrderIds=[placed.OrderId], **page)
    owed = sum(item.Amount.GrossValue for item in items.OrderItems)
    assert owed == pytest.approx(43.46)
    await connector.call("orderItems/cancel", OrderItemIds=[items.OrderItems[0].Id])
    left = owed - items.OrderItems[0].Amount.GrossValue
    await connector.call(
        "payments/addExternal",
        AccountId=guest.Id,
        BillId=bill.Id,
        Amount={"Currency": "USD", "GrossValue": round(left, 2)},
        Type="Cash",
    )
    (closed,) = (await connector.call("bills/close", BillId=bill.Id, Type="Receipt")).Bills
    assert (closed.State, closed.OwnerData.Value.LastName) == ("Closed", "Doe")
    (payment,) = (await connector.call("payments/getAll", BillIds=[bill.Id], **page)).Payments
    assert (payment.AccountingState, payment.Data.External.Type) == ("Closed", "Cash")
    whole = await connector.call("bills/getAll", Extent={"Items": True}, **page)
    assert [len(each.OrderItems or ()) for each in whole.Bills if each.Id == bill.Id] == [2]
    empty = await connector.call("bills/add", Bills=[{"AccountId": guest.Id}])
    await connector.call("bills/delete", BillIds=[empty.Bills[0].Id])


async def test_a_client_made_by_others_pages_and_reads_refusals(connected):
    connector, client = connected
    for _ in range(3):
        await client.order()
    seen, cursor = [], None
    while True:
        page = await connector.call(
            "orderItems/getAll",
            ServiceIds=[SERVICE],
            Limitation={"Count": 2, "Cursor": cursor},
        )
        seen += [item.Id for item in page.OrderItems]
        cursor = page.Cursor
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) >= 6
    with pytest.raises(aiopenapi3.errors.HTTPClientError) as refused:
        await connector.call(
            "orders/add", ServiceId=SERVICE, AccountId=SERVICE, Items=ORDER["Items"]
        )
    assert refused.value.status_code == 400
    assert refused.value.data.Message == "Invalid AccountId"


def test_the_contract_is_the_one_this_door_answers():
    answered = {re.sub("^/api/connector/v1/", "", route.path) for route in ROUTES}
    # Reservations were made from the vendor's page: their contract is not kept here yet.
    assert answered - {"reservations/getAll/2023-06-06"} == set(CONTRACT["operations"])
