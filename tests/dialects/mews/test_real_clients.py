"""What public clients send to Mews, and what their operators could not set up: each was refused or lost once."""

import pytest

from tests.dialects.mews.hotel import (
    ACCOUNT,
    BEER,
    BILL,
    BREAKFAST,
    NOBODY,
    ORDER,
    SERVICE,
    TOKENS,
    hotel,
    with_price,
)
from tests.support.hub import operator_headers

STAY = "0f515589-99b4-423d-b83a-b237009f0509"
CATALOGUE = "/hub/v1/tenants/hotel/catalogue"
REQUIRED = (
    "AccountId", "AccountType", "CreatedUtc", "CreatorProfileId", "EndUtc", "GroupId", "Id", "Number", "Options",
    "Origin", "PersonCounts", "RateId", "RequestedResourceCategoryId", "ScheduledEndUtc", "ScheduledStartUtc",
    "ServiceId", "StartUtc", "State", "UpdatedUtc", "UpdaterProfileId",
)  # fmt: skip
LISTS = {
    "orderItems/getAll": {"ServiceIds": [SERVICE]},
    "productServiceOrders/getAll": {"ServiceIds": [SERVICE]},
    "enterprises/getAll": {},
    "services/getAll": {},
    "products/getAll": {"ServiceIds": [SERVICE]},
    "accountingCategories/getAll": {},
    "customers/getAll": {"Extent": {"Customers": True}, "CustomerIds": [ACCOUNT]},
    "companies/getAll": {},
    "bills/getAll": {"AccountIds": [ACCOUNT]},
    "payments/getAll": {"AccountIds": [ACCOUNT]},
    "reservations/getAll/2023-06-06": {},
}


@pytest.fixture(scope="module")
async def client(tmp_path_factory):
    async with hotel(tmp_path_factory.mktemp("clients")) as opened:
        yield opened


async def put(client, path, **body):
    answer = await client.hub.request(
        "PUT", f"{CATALOGUE}/{path}", json={"doc": {}, **body}, headers=operator_headers()
    )
    assert answer.is_success, answer.text
    return answer.json()


# --- what is left out


@pytest.mark.parametrize(
    "zero",
    [
        {"CustomerId": ""},
        {"BillId": ""},
        {"LinkedReservationId": ""},
        {"ConsumptionUtc": ""},
        {"ProductOrders": [{**BREAKFAST, "StartUtc": "", "EndUtc": ""}]},
    ],
)
async def test_an_empty_text_is_how_go_leaves_a_member_out(client, zero):
    assert await client.order(**zero)


async def test_an_empty_category_or_tax_code_is_none(client):
    for beer in (
        {**BEER, "AccountingCategoryId": ""},
        with_price(TaxCodes=[None]),
        with_price(TaxCodes=[None, "US-DC-G"]),
    ):
        uid = await client.order(ProductOrders=None, Items=[beer])
        (item,) = await client.items(ServiceOrderIds=[uid])
        taxed = "US-DC-G" in beer["UnitAmount"]["TaxCodes"]
        assert bool(item["Amount"]["TaxValues"]) == taxed


@pytest.mark.parametrize("zero", ["NetValue", "GrossValue"])
async def test_a_nought_beside_an_amount_is_none_in_a_payment_too(client, zero):
    other = {"NetValue": "GrossValue", "GrossValue": "NetValue"}[zero]
    amount = {"Currency": "USD", zero: 0, other: 12.5}
    body = {"AccountId": ACCOUNT, "CustomerId": "", "Amount": amount, "Type": "Cash"}
    uid = (await client.made("payments/addExternal", body))["ExternalPaymentId"]
    page = {"PaymentIds": [uid], "Limitation": {"Count": 1}}
    (payment,) = (await client.made("payments/getAll", page))["Payments"]
    assert abs(payment["Amount"]["GrossValue"]) == 12.5


@pytest.mark.parametrize("at", ["2020-02-04T00:00:00+0000", "2020-02-04", "2020-02-03T19:00-0500"])
async def test_times_are_read_in_every_notation_of_iso_8601(client, at):
    uid = await client.order(ConsumptionUtc=at)
    item, *_ = await client.items(ServiceOrderIds=[uid])
    assert item["ConsumedUtc"] == "2020-02-04T00:00:00Z"


# --- lists


@pytest.mark.parametrize("operation", LISTS)
async def test_every_list_wants_a_limitation_unless_the_tenant_forgives(client, operation):
    filters = LISTS[operation]
    for limits, named in (({}, "Limitation"), ({"Limitation": {}}, "Count")):
        refused = await client.refused(operation, {**filters, **limits})
        assert refused == (400, f"Invalid {named}")
    await client.settings(dialects={"mews": {"limitation_optional": True}})
    try:
        for limits in ({}, {"Limitation": {}}, {"Limitation": None}):
            await client.made(operation, {**filters, **limits})
        wrong = {**filters, "Limitation": {"Count": 1001}}
        assert await client.refused(operation, wrong) == (400, "Invalid Count")
        assert await client.refused(operation, {**filters, "Limitation": 5}) == (
            400,
            "Invalid Limitation",
        )
    finally:
        await client.settings(dialects={"mews": {"limitation_optional": False}})


# --- reservations


ROOM = "aaaaaaaa-1111-4111-8111-111111111111"


async def test_a_reservation_that_was_entered_can_be_charged_and_read(client):
    stay = {
        "number": "52",
        "account": ACCOUNT,
        "state": "started",
        "starts_at": "2020-01-31T14:00:00Z",
        "ends_at": "2020-02-03T10:00:00Z",
        "data": {
            "RateId": NOBODY,
            "Secret": "no",
            "AssignedResourceId": ROOM,
            "ChannelNumber": "BX-1",
        },
    }
    await put(client, "reservations/1", uid=STAY, doc=stay)
    await put(client, "reservations/2")
    listed = "reservations/getAll/2023-06-06"
    page = {"Limitation": {"Count": 10}}
    found = (await client.made(listed, {**page, "AccountIds": [ACCOUNT.upper()]}))["Reservations"]
    (shown,) = found
    assert (shown["Id"], shown["Number"], shown["State"]) == (STAY, "52", "Started")
    assert (shown["StartUtc"], shown["EndUtc"]) == ("2020-01-31T14:00:00Z", "2020-02-03T10:00:00Z")
    assert (shown["ActualStartUtc"], shown["ActualEndUtc"]) == (shown["StartUtc"], None)
    assert (shown["RateId"], "Secret" in shown) == (NOBODY, False)
    # What the vendor's published schema requires, none of it null, also of a stay of which nothing was said.
    for each in (await client.made(listed, page))["Reservations"]:
        assert [name for name in REQUIRED if each[name] is None] == []
    within = {"StartUtc": "2020-02-01T00:00:00Z", "EndUtc": "2020-02-02T00:00:00Z"}
    began = {"StartUtc": "2020-01-31T14:00:00Z", "EndUtc": "2020-01-31T14:00:00Z"}
    later = {"StartUtc": "2020-02-03T10:00:00Z", "EndUtc": "2020-02-04T00:00:00Z"}
    for filters, count in (
        ({}, 2),
        ({"States": ["Started"]}, 1),
        ({"States": ["Optional"]}, 0),
        ({"CollidingUtc": within}, 1),
        ({"CollidingUtc": later}, 0),
        ({"ScheduledEndUtc": later}, 1),
        ({"Numbers": ["53"]}, 0),
        ({"ReservationIds": [STAY]}, 1),
        ({"UpdatedUtc": later}, 0),
        ({"ActualStartUtc": began}, 1),
        ({"ActualStartUtc": within}, 0),
        ({"ActualEndUtc": later}, 0),
        ({"ReservationGroupIds": [STAY.upper()]}, 1),
        ({"AssignedResourceIds": [ROOM.upper()]}, 1),
        ({"AssignedResourceIds": [NOBODY]}, 0),
        ({"ChannelNumbers": ["BX-1", "BX-2"]}, 1),
        ({"ChannelNumbers": ["BX-2"]}, 0),
        ({"PartnerCompanyIds": [NOBODY]}, 0),
        ({"TravelAgencyIds": [NOBODY]}, 0),
        ({"AvailabilityBlockIds": [NOBODY]}, 0),
    ):
        body = await client.made(listed, {**page, **filters})
        assert len(body["Reservations"]) == count, filters
    uid = await client.order(LinkedReservationId=STAY)
    orders = {"ServiceIds": [SERVICE], "LinkedReservationIds": [STAY], **page}
    (order,) = (await client.made("productServiceOrders/getAll", orders))["ProductServiceOrders"]
    assert (order["Id"], order["LinkedReservationId"]) == (uid, STAY)
    paid = {
        "AccountId": ACCOUNT,
        "ReservationId": STAY,
        "Amount": {"Currency": "USD", "NetValue": 1},
    }
    await client.made("payments/addExternal", paid)
    await put(client, "reservations/1", uid=STAY, doc={**stay, "state": "canceled"})
    body = {**ORDER, "LinkedReservationId": STAY}
    assert await client.refused("orders/add", body) == (400, "Invalid LinkedReservationId")


async def test_a_new_tenants_charges_may_be_consumed_now(client):
    body = {"dialect": "mews"}
    made = await client.hub.post("/hub/v1/sandboxes", body, headers=operator_headers())
    assert made.is_success, made.text
    name = made.json()["tenant"]
    shown = await client.hub.get(f"/hub/v1/tenants/{name}/settings", headers=operator_headers())
    assert shown.json()["editable_history_s"] == 7 * 86_400


# --- at the door


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", None])
async def test_only_json_is_read(client, media):
    headers = {} if media is None else {"content-type": media}
    answer = await client.hub.request(
        "POST", "/api/connector/v1/services/getAll", content=b"{}", headers=headers
    )
    assert (answer.status_code, answer.json()["Message"]) == (400, "Invalid Content-Type")


async def test_json_may_say_its_charset(client):
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert (await client.call("currencies/getAll", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "//api/connector/v1/services/getAll",
        "/api//connector/v1/services/getAll",
        "/api/connector//v1/services/getAll",
    ],
)
async def test_a_path_with_two_slashes_is_unknown_in_the_vendors_words(client, path):
    answer = await client.hub.request("POST", f"http://hub.test{path}", json=TOKENS)
    assert answer.status_code == 404
    assert set(answer.json()) == {"Message", "RequestId"}


async def test_a_refusal_has_no_details_of_another_type(client):
    """go-mews reads `Details` as a text: an object there made every error unreadable."""
    body = {**ORDER, "BillId": NOBODY}
    assert await client.refused("orders/add", body) == (400, "Invalid BillId")
    assert BILL != NOBODY
