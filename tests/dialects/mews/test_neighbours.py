"""Accounts, bills, payments and configuration around `orders/add`."""

import asyncio
from decimal import Decimal

import pytest

from orderhub.core.accounts import Reservation, Service
from orderhub.core.tax import Interval, Strategy, TaxRate
from orderhub.dialects.contract import Call
from tests.dialects.mews.hotel import (
    ACCOUNT,
    BILL,
    CATEGORY,
    ENTERPRISE,
    NOBODY,
    ORDER,
    PAGE,
    PRODUCT,
    SERVICE,
    Hotel,
    hotel,
)
from tests.support.hub import operator_headers, running_hub

FEBRUARY = {"StartUtc": "2020-02-01T00:00:00Z", "EndUtc": "2020-03-01T00:00:00Z"}
EXTENT = {"Extent": {"Customers": True}}
JANE = {
    "LastName": "Doe",
    "FirstName": "Jane",
    "Email": "Jane@Example.com",
    "OverwriteExisting": False,
}


async def test_a_customer_is_added_once_and_found_by_every_name(tmp_path):
    async with hotel(tmp_path) as client:
        company = (await client.made("companies/add", {"Name": "ACME"}))["Companies"][0]["Id"]
        added = await client.made(
            "customers/add", {**JANE, "CompanyId": company, "LoyaltyCode": "L1", "Title": "Miss"}
        )
        assert added["LastName"] == "Doe"
        twice = await client.refused("customers/add", {**JANE, "Email": "jane@example.com"})
        assert twice == (403, "A record with the same Email already exists.")
        again = await client.made(
            "customers/add", {**JANE, "FirstName": "Janet", "OverwriteExisting": True}
        )
        assert (again["Id"], again["FirstName"], again["Title"]) == (added["Id"], "Janet", "Miss")
        for name, value in {
            "CustomerIds": added["Id"].upper(),
            "Emails": "JANE@example.com",
            "FirstNames": "Janet",
            "LastNames": "Doe",
            "CompanyIds": company,
            "LoyaltyCodes": "L1",
        }.items():
            found = await client.made("customers/getAll", {**PAGE, **EXTENT, name: [value]})
            assert [each["Id"] for each in found["Customers"]] == [added["Id"]], name
        both = await client.made("customers/getAll", {**PAGE, **EXTENT, "CreatedUtc": FEBRUARY})
        assert [each["Id"] for each in both["Customers"]] == [added["Id"]]
        gone = {**PAGE, **EXTENT, "ActivityStates": ["Deleted"]}
        assert (await client.made("customers/getAll", gone))["Customers"] == []
        only_cursor = {**PAGE, "Extent": {"Customers": False}}
        assert (await client.made("customers/getAll", only_cursor))["Customers"] == []
        search = await client.made("customers/search", {"Name": "janet d"})
        assert [each["Customer"]["Id"] for each in search["Customers"]] == [added["Id"]]
        assert search["Customers"][0]["Reservation"] is None
        uid = await client.order(AccountId=added["Id"], BillId=None)
        assert len(await client.items(ServiceOrderIds=[uid])) == 2


BAD = [
    ("customers/add", {**JANE, "LastName": ""}, "Invalid LastName"),
    ("customers/add", {"LastName": "Doe"}, "Invalid OverwriteExisting"),
    ("customers/add", {**JANE, "Title": "Lord"}, "Invalid Title"),
    ("customers/add", {**JANE, "Sex": "?"}, "Invalid Sex"),
    ("customers/add", {**JANE, "Email": "jane"}, "Invalid Email"),
    ("customers/add", {**JANE, "Classifications": ["Nice"]}, "Invalid Classifications"),
    ("customers/add", {**JANE, "Options": ["Nice"]}, "Invalid Options"),
    ("customers/add", {**JANE, "BirthDate": "May"}, "Invalid BirthDate"),
    ("customers/add", {**JANE, "CompanyId": NOBODY}, "Invalid CompanyId"),
    ("customers/add", {**JANE, "CompanyId": ACCOUNT}, "Invalid CompanyId"),
    ("customers/getAll", PAGE, "Invalid Extent"),
    ("customers/getAll", {**PAGE, **EXTENT, "ActivityStates": ["X"]}, "Invalid ActivityStates"),
    ("companies/add", {}, "Invalid Name"),
    ("companies/add", {"Name": "A", "MotherCompanyId": NOBODY}, "Invalid MotherCompanyId"),
    ("companies/add", {"Name": "A", "MotherCompanyId": ACCOUNT}, "Invalid MotherCompanyId"),
    ("companies/add", {"Name": "A", "InvoiceDueInterval": "soon"}, "Invalid InvoiceDueInterval"),
    ("companies/add", {"Name": "A", "CreditRating": {"Basic": "X"}}, "Invalid Basic"),
    ("bills/add", {"Bills": []}, "Invalid Bills"),
    ("bills/add", {"Bills": [{"AccountId": NOBODY}]}, "Invalid AccountId"),
    ("bills/close", {"BillId": NOBODY, "Type": "Receipt"}, "Invalid BillId"),
    ("bills/close", {"BillId": BILL, "Type": "Gift"}, "Invalid Type"),
    ("bills/delete", {"BillIds": [NOBODY]}, "Invalid BillIds"),
    (
        "bills/close",
        {"BillId": BILL, "Type": "Receipt", "AssociatedAccountData": [{"Id": NOBODY}]},
        "Invalid AssociatedAccountData",
    ),
    ("bills/getAll", {**PAGE, "State": "Lost"}, "Invalid State"),
    ("bills/getAll", {**PAGE, "Type": "Gift"}, "Invalid Type"),
    ("bills/getAll", {**PAGE, "CorrectionState": ["Lost"]}, "Invalid CorrectionState"),
    ("payments/getAll", PAGE, "Invalid PaymentIds"),
    ("payments/getAll", {**PAGE, "BillIds": [BILL], "Type": "Gift"}, "Invalid Type"),
    ("payments/getAll", {**PAGE, "BillIds": [BILL], "States": ["Lost"]}, "Invalid States"),
    (
        "payments/getAll",
        {**PAGE, "BillIds": [BILL], "AccountingStates": ["Lost"]},
        "Invalid AccountingStates",
    ),
    ("payments/getAll", {**PAGE, "AccountIds": [ACCOUNT] * 101}, "Invalid AccountIds"),
    (
        "payments/addExternal",
        {"CustomerId": NOBODY, "Amount": {"Currency": "USD", "GrossValue": 1}},
        "Invalid CustomerId",
    ),
    (
        "payments/addExternal",
        {"AccountId": ACCOUNT, "Amount": {"Currency": "GBP", "GrossValue": 1}},
        "Invalid Currency",
    ),
    ("payments/addExternal", {"AccountId": ACCOUNT, "Amount": {"Currency": "USD"}}, None),
    (
        "payments/addExternal",
        {"AccountId": ACCOUNT, "Type": "X", "Amount": {"Currency": "USD", "GrossValue": 1}},
        "Invalid Type",
    ),
    (
        "payments/addExternal",
        {
            "AccountId": ACCOUNT,
            "ReservationId": NOBODY,
            "Amount": {"Currency": "USD", "GrossValue": 1},
        },
        "Invalid ReservationId",
    ),
    (
        "payments/addExternal",
        {"AccountId": ACCOUNT, "Amount": {"Currency": "USD", "GrossValue": 1e12}},
        "Invalid GrossValue",
    ),
    ("products/getAll", PAGE, "Invalid ServiceIds"),
    ("services/getAll", {**PAGE, "ServiceType": "X"}, "Invalid ServiceType"),
    ("enterprises/getAll", {}, "Invalid Limitation"),
]


async def test_what_a_neighbour_cannot_take_is_named(tmp_path):
    async with hotel(tmp_path) as client:
        wrong = []
        for operation, body, message in BAD:
            status, got = await client.refused(operation, body)
            if status != 400 or got != (message or got):
                wrong.append((operation, body, status, got))
        assert wrong == []
        rebate = {"CustomerId": ACCOUNT, "Amount": {"Currency": "USD", "GrossValue": -1}}
        assert (await client.refused("payments/addExternal", rebate))[0] == 403


async def test_a_bill_is_opened_charged_paid_and_closed(tmp_path):
    async with hotel(tmp_path) as client:
        added = await client.made("bills/add", {"Bills": [{"AccountId": ACCOUNT, "Name": "Bar"}]})
        bill = added["Bills"][0]["Id"]
        uid = await client.order(BillId=bill)
        receipt = {"BillId": bill, "Type": "Receipt"}
        assert (await client.refused("bills/close", receipt))[0] == 403
        amount = {"Currency": "USD", "GrossValue": 43.46}
        payment = {"CustomerId": ACCOUNT, "BillId": bill, "Amount": amount, "Type": "Cash"}
        paid = await client.made("payments/addExternal", payment)
        assert (await client.refused("bills/delete", {"BillIds": [bill]}))[0] == 403
        closed = (await client.made("bills/close", receipt))["Bills"][0]
        assert (closed["State"], closed["Type"]) == ("Closed", "Receipt")
        assert closed["PaidUtc"] == closed["IssuedUtc"] == "2020-02-01T12:00:00Z"
        assert await client.refused("bills/close", receipt) == (400, "Invalid BillId")
        assert await client.refused("payments/addExternal", payment) == (400, "Invalid BillId")
        query = {**PAGE, "ClosedUtc": FEBRUARY, "Extent": {"Items": True}}
        (shown,) = (await client.made("bills/getAll", query))["Bills"]
        assert [item["OrderId"] for item in shown["OrderItems"]] == [uid, uid]
        assert [item["Id"] for item in shown["PaymentItems"]] == [paid["ExternalPaymentId"]]
        (listed,) = (await client.made("payments/getAll", {**PAGE, "ClosedUtc": FEBRUARY}))[
            "Payments"
        ]
        assert listed["Amount"]["GrossValue"] == -43.46
        assert (listed["AccountingState"], listed["State"]) == ("Closed", "Charged")
        assert listed["Data"]["External"]["Type"] == "Cash"


async def test_an_invoice_is_balanced_by_an_invoice_payment(tmp_path):
    async with hotel(tmp_path) as client:
        await client.order()
        body = {
            "BillId": BILL,
            "Type": "Invoice",
            "DueDate": {"Value": "2020-07-14"},
            "Notes": {"Value": None},
        }
        closed = (await client.made("bills/close", body))["Bills"][0]
        assert (closed["DueUtc"], closed["PaidUtc"]) == ("2020-07-14T00:00:00Z", None)
        (payment,) = (await client.made("payments/getAll", {**PAGE, "BillIds": [BILL]}))["Payments"]
        assert payment["Amount"]["GrossValue"] == -43.46
        assert payment["Type"] == "InvoicePayment"
        assert payment["Data"]["Invoice"] == {"InvoiceId": BILL, "Type": "Receivable"}


LATE = [
    ("bills/close", {"BillId": BILL, "Type": "Receipt"}, 403),
    ("bills/delete", {"BillIds": [BILL]}, 403),
]


@pytest.mark.parametrize(("operation", "body", "status"), LATE)
async def test_a_charge_that_comes_at_the_last_moment_is_counted(
    tmp_path, monkeypatch, operation, body, status
):
    submit = Call.submit

    async def late(call, *given, **more):
        """Everything was read by now: the charge comes between that and the commit."""
        if call.path.endswith(operation):
            await client.order()
        return await submit(call, *given, **more)

    async with hotel(tmp_path) as client:
        monkeypatch.setattr(Call, "submit", late)
        assert (await client.refused(operation, body))[0] == status
        (bill,) = (await client.made("bills/getAll", PAGE))["Bills"]
        assert bill["State"] == "Open"


async def test_bills_closed_while_they_are_charged_owe_nothing(demo_url):
    async with hotel(demo_url) as client:
        added = await client.made("bills/add", {"Bills": [{"AccountId": ACCOUNT}] * 12})
        bills = [bill["Id"] for bill in added["Bills"]]
        amount = {"Currency": "USD", "GrossValue": 43.46}
        calls = []
        for bill in bills:
            payment = {"AccountId": ACCOUNT, "BillId": bill, "Amount": amount}
            calls += [
                client.call("orders/add", {**ORDER, "BillId": bill}),
                client.call("payments/addExternal", payment),
                client.call("bills/close", {"BillId": bill, "Type": "Receipt"}),
            ]
        answers = await asyncio.gather(*calls)
        assert {answer.status_code for answer in answers} <= {200, 400, 403}
        listed = await client.made("bills/getAll", {**PAGE, "Extent": {"Items": True}})
        for bill in listed["Bills"]:
            if bill["State"] == "Closed":
                assert len(bill["OrderItems"]) == 2 * len(bill["PaymentItems"]), bill


@pytest.mark.postgres
async def test_bills_closed_at_one_process_while_another_charges_and_cancels_are_balanced(
    postgres_demo,
):
    async with hotel(postgres_demo) as one, running_hub(postgres_demo) as second:
        doors = (one, Hotel(second))
        added = await one.made("bills/add", {"Bills": [{"AccountId": ACCOUNT}] * 16})
        bills = [bill["Id"] for bill in added["Bills"]]
        first = {bill: await one.order(BillId=bill) for bill in bills}
        calls = []
        for number, bill in enumerate(bills):
            here, there = doors[number % 2], doors[1 - number % 2]
            calls += [
                here.call("orders/add", {**ORDER, "BillId": bill}),
                there.call("bills/close", {"BillId": bill, "Type": "Invoice"}),
                here.hub.client.post(
                    f"/hub/v1/orders/{first[bill]}/cancel", headers=operator_headers()
                ),
            ]
        answers = await asyncio.gather(*calls)
        assert {answer.status_code for answer in answers[0::3]} <= {200, 400}
        assert {answer.status_code for answer in answers[1::3]} == {200}
        assert {answer.status_code for answer in answers[2::3]} <= {200, 409}
        listed = await one.made(
            "bills/getAll", {**PAGE, "State": "Closed", "Extent": {"Items": True}}
        )
        assert len(listed["Bills"]) == len(bills)
        for bill in listed["Bills"]:
            charged = sum(
                Decimal(str(item["Amount"]["GrossValue"]))
                for item in bill["OrderItems"]
                if item["AccountingState"] != "Canceled"
            )
            paid = sum(
                -Decimal(str(payment["Amount"]["GrossValue"])) for payment in bill["PaymentItems"]
            )
            assert charged == paid, bill


async def test_two_payments_at_once_do_not_get_in_each_others_way(tmp_path):
    async with hotel(tmp_path) as client:
        body = {
            "AccountId": ACCOUNT,
            "BillId": BILL,
            "Amount": {"Currency": "USD", "GrossValue": 1},
        }
        answers = await asyncio.gather(
            *(client.call("payments/addExternal", body) for _ in range(10))
        )
        assert {answer.status_code for answer in answers} == {200}
        paid = await client.made("payments/getAll", {**PAGE, "BillIds": [BILL]})
        assert len(paid["Payments"]) == 10


async def test_items_of_a_closed_bill_stand(tmp_path):
    async with hotel(tmp_path) as client:
        await client.order()
        await client.made("bills/close", {"BillId": BILL, "Type": "Invoice"})
        item = (await client.items(BillIds=[BILL]))[0]["Id"]
        assert (await client.refused("orderItems/cancel", {"OrderItemIds": [item]}))[0] == 403


@pytest.mark.parametrize("action", ["cancel", "refund"])
async def test_an_operator_does_not_take_an_order_off_a_closed_bill(tmp_path, action):
    async with hotel(tmp_path) as client:
        uid = await client.order()
        if action == "refund":
            await client.hub.pay(uid)
        await client.made("bills/close", {"BillId": BILL, "Type": "Invoice"})
        before = await client.items(BillIds=[BILL])
        answer = await client.hub.post(f"/hub/v1/orders/{uid}/{action}", headers=operator_headers())
        assert answer.status_code == 409
        assert answer.json()["type"].endswith("transition_not_allowed")
        assert answer.json()["detail"] == "what is on a closed bill stands"
        assert await client.items(BillIds=[BILL]) == before


async def test_closing_keeps_everything_that_was_said_about_the_bill(tmp_path):
    async with hotel(tmp_path) as client:
        company = {"Name": "ACME", "TaxIdentifier": "CZ1", "DunsNumber": "150483782"}
        made = await client.made("companies/add", company)
        acme = made["Companies"][0]["Id"]
        opened = {"AccountId": ACCOUNT, "AssociatedAccountId": acme, "Name": "Stay"}
        bill = (await client.made("bills/add", {"Bills": [opened]}))["Bills"][0]
        assert bill["AssociatedAccountIds"] == [acme]
        assert (bill["OwnerData"], bill["AssociatedAccountData"]) == (None, [])
        body = {
            "BillId": bill["Id"],
            "Type": "Invoice",
            "PurchaseOrderNumber": {"Value": "XX-123"},
            "AccountTaxIdentifier": {"Value": "446768"},
            "AccountAddress": {"Line1": "Astronautů 2", "CountryCode": "CZ"},
            "AssociatedAccountData": [{"Id": acme, "TaxIdentifier": {"Value": "123459"}}],
        }
        closed = (await client.made("bills/close", body))["Bills"][0]
        assert closed["PurchaseOrderNumber"] == "XX-123"
        owner = closed["OwnerData"]["Value"]
        assert closed["OwnerData"]["Discriminator"] == "BillCustomerData"
        assert (owner["Id"], owner["LastName"], owner["TaxIdentifier"]) == (
            ACCOUNT,
            "Smith",
            "446768",
        )
        assert owner["Address"]["Line1"] == "Astronautů 2"
        (associate,) = closed["AssociatedAccountData"]
        assert associate["BillCompanyData"]["TaxIdentifier"] == "123459"
        assert associate["BillCompanyData"]["DUNS"] == "150483782"
        await client.made("customers/add", {**JANE, "LastName": "Roe", "OverwriteExisting": True})
        shown = (await client.made("bills/getAll", {**PAGE, "BillIds": [bill["Id"]]}))["Bills"]
        assert shown == [closed]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"CompanyTaxIdentifier": "1"}, "1"),
        ({"TaxIdentifier": "2", "CompanyTaxIdentifier": "1"}, "2"),
        ({"AccountTaxIdentifier": "3", "TaxIdentifier": "2", "CompanyTaxIdentifier": "1"}, "3"),
        ({"CompanyTaxIdentifier": "1", "AccountTaxIdentifier": "3"}, "3"),
    ],
)
async def test_the_newest_name_of_a_tax_identifier_wins(tmp_path, given, shown):
    async with hotel(tmp_path) as client:
        opened = {"AccountId": ACCOUNT, "Name": "Stay"}
        bill = (await client.made("bills/add", {"Bills": [opened]}))["Bills"][0]
        said = {name: {"Value": value} for name, value in given.items()}
        body = {"BillId": bill["Id"], "Type": "Invoice", **said}
        closed = (await client.made("bills/close", body))["Bills"][0]
        assert closed["OwnerData"]["Value"]["TaxIdentifier"] == shown


async def test_bills_are_found_by_each_filter(tmp_path):
    async with hotel(tmp_path) as client:
        other = (await client.made("bills/add", {"Bills": [{"AccountId": ACCOUNT}]}))["Bills"][0]
        due = {"BillId": BILL, "Type": "Invoice", "DueDate": {"Value": "2020-02-10"}}
        await client.order()
        await client.made("bills/close", due)
        await client.hub.advance("hotel", 3_600)
        await client.made("bills/close", {"BillId": other["Id"], "Type": "Receipt"})
        noon = {"StartUtc": "2020-02-01T12:00:00Z", "EndUtc": "2020-02-01T12:30:00Z"}
        for filters, expected in (
            ({"BillIds": [BILL.upper()]}, [BILL]),
            ({"CustomerIds": [ACCOUNT]}, [other["Id"], BILL]),
            ({"CustomerIds": [NOBODY]}, []),
            ({"State": "Open"}, []),
            ({"State": "Closed", "Type": "Receipt"}, [other["Id"]]),
            ({"Type": "Invoice"}, [BILL]),
            ({"IssuedUtc": noon}, [BILL]),
            ({"ClosedUtc": noon}, [BILL]),
            ({"UpdatedUtc": noon}, [BILL]),
            ({"CreatedUtc": noon}, [other["Id"]]),
            ({"PaidUtc": FEBRUARY}, [other["Id"]]),
            ({"DueUtc": FEBRUARY}, [BILL]),
            ({"CorrectionState": ["Bill"]}, [other["Id"], BILL]),
            ({"CorrectionState": ["CorrectiveBill"]}, []),
        ):
            found = await client.made("bills/getAll", {**PAGE, **filters})
            assert [bill["Id"] for bill in found["Bills"]] == expected, filters


async def test_payments_are_found_by_each_filter_page_by_page(tmp_path):
    async with hotel(tmp_path) as client:
        await client.put("reservation", 1, Reservation(id=1, uid=NOBODY), NOBODY)
        one = {"Currency": "USD", "GrossValue": 1}
        made = {}
        for name, more in (
            ("open", {"ReservationId": NOBODY}),
            ("closed", {"BillId": BILL}),
            ("euro", {"Amount": {"Currency": "EUR", "GrossValue": 1}}),
        ):
            body = {"AccountId": ACCOUNT, "Amount": one, **more}
            paid = await client.made("payments/addExternal", body)
            made[name] = paid["ExternalPaymentId"]
        await client.made("bills/close", {"BillId": BILL, "Type": "Invoice"})
        listed = {**PAGE, "BillIds": [BILL], "Type": "InvoicePayment"}
        (invoice,) = (await client.made("payments/getAll", listed))["Payments"]
        made["invoice"] = invoice["Id"]
        for filters, expected in (
            ({"PaymentIds": [made["open"]]}, ["open"]),
            ({"AccountIds": [NOBODY]}, []),
            ({"ReservationIds": [NOBODY]}, ["open"]),
            ({"CreatedUtc": FEBRUARY, "Currency": "EUR"}, ["euro"]),
            ({"ChargedUtc": FEBRUARY, "Type": "ExternalPayment"}, ["euro", "closed", "open"]),
            ({"UpdatedUtc": FEBRUARY, "Type": "CashPayment"}, []),
            ({"SettlementUtc": FEBRUARY}, ["euro", "closed", "open"]),
            ({"ClosedUtc": FEBRUARY}, ["invoice", "closed"]),
            ({"CreatedUtc": FEBRUARY, "AccountingStates": ["Open"]}, ["euro", "open"]),
            ({"CreatedUtc": FEBRUARY, "States": ["Pending"]}, []),
            ({"CreatedUtc": FEBRUARY, "States": ["Charged"], "Type": "Payment"}, list(made)[::-1]),
        ):
            found, cursor = [], None
            while True:
                page = {**filters, "Limitation": {"Count": 1, "Cursor": cursor}}
                answer = await client.made("payments/getAll", page)
                found += [payment["Id"] for payment in answer["Payments"]]
                cursor = answer["Cursor"]
                if cursor is None:
                    break
            assert found == [made[name] for name in expected], filters


async def test_companies_are_billed_only_where_the_integration_may(tmp_path):
    async with hotel(tmp_path) as client:
        added = await client.made("companies/add", {"Name": "ACME"})
        uid = added["Companies"][0]["Id"]
        strict = await client.permit("STRICT", company_billing=False)
        for operation, body in (
            ("bills/add", {"Bills": [{"AccountId": uid}]}),
            (
                "payments/addExternal",
                {"AccountId": uid, "Amount": {"Currency": "USD", "GrossValue": 1}},
            ),
        ):
            assert await strict.refused(operation, body) == (400, "Invalid AccountId")
            await client.made(operation, body)


async def test_a_deleted_bill_is_gone_for_everyone(tmp_path):
    async with hotel(tmp_path) as client:
        assert await client.made("bills/delete", {"BillIds": [BILL]}) == {}
        assert (await client.made("bills/getAll", PAGE))["Bills"] == []
        again = {"BillIds": [BILL]}
        assert await client.refused("bills/delete", again) == (400, "Invalid BillIds")


async def test_the_configuration_says_what_decides_amounts(tmp_path):
    async with hotel(tmp_path) as client:
        found = await client.made("configuration/get")
        enterprise = found["Enterprise"]
        assert found["NowUtc"] == "2020-02-01T12:00:00Z"
        assert (enterprise["Id"], enterprise["Pricing"]) == (ENTERPRISE, "Net")
        assert enterprise["EditableHistoryInterval"] == "P0M7DT0H0M0S"
        assert enterprise["TaxEnvironmentCode"] == "US-DC"
        assert [each["Currency"] for each in enterprise["Currencies"]] == ["USD", "EUR"]
        await client.settings(tax_precision=3, pricing="gross")
        enterprise = (await client.made("configuration/get"))["Enterprise"]
        assert (enterprise["TaxPrecision"], enterprise["Pricing"]) == (3, "Gross")


async def test_services_products_and_categories_are_found_by_their_ids(tmp_path):
    async with hotel(tmp_path) as client:
        rooms = Service(id=2, uid=NOBODY, kind="bookable", name="Rooms")
        await client.put("service", 2, rooms, NOBODY)
        for kind, expected in (("Bookable", [NOBODY]), ("Additional", [SERVICE])):
            found = await client.made("services/getAll", {**PAGE, "ServiceType": kind})
            assert [each["Id"] for each in found["Services"]] == expected
            assert found["Services"][0]["Data"]["Discriminator"] == kind
        named = await client.made("services/getAll", {**PAGE, "ServiceIds": [SERVICE]})
        assert [each["Id"] for each in named["Services"]] == [SERVICE]
        query = {**PAGE, "ServiceIds": [SERVICE], "ProductIds": [PRODUCT]}
        (product,) = (await client.made("products/getAll", query))["Products"]
        assert product["Price"]["GrossValue"] == 10.6
        assert product["Price"]["TaxValues"] == [{"Code": "US-DC-G", "Value": 0.6}]
        other = {**PAGE, "ServiceIds": [NOBODY]}
        assert (await client.made("products/getAll", other))["Products"] == []
        wanted = {**PAGE, "AccountingCategoryIds": [CATEGORY]}
        found = await client.made("accountingCategories/getAll", wanted)
        assert [each["Id"] for each in found["AccountingCategories"]] == [CATEGORY]


async def test_tax_rates_show_their_strategy_and_validity(tmp_path):
    async with hotel(tmp_path) as client:
        more = [
            TaxRate(
                code="F",
                taxation="US-DC",
                strategy=Strategy.FLAT,
                value=Decimal(5),
                currency="EUR",
                valid=(Interval(0, None),),
            ),
            TaxRate(
                code="D",
                taxation="US-DC",
                strategy=Strategy.DEPENDENT,
                value=Decimal("0.1"),
                base_taxations=("US-DC",),
            ),
        ]
        for number, rate in enumerate(more, 2):
            await client.put("tax_rate", number, rate, code=rate.code)
        rates = (await client.made("taxations/getAll"))["TaxRates"]
        assert rates == [
            {
                "Code": "US-DC-G",
                "TaxationCode": "US-DC",
                "Value": 0.06,
                "Strategy": {"Discriminator": "Relative", "Value": {"Value": 0.06}},
                "ValidityInvervalsUtc": [],
            },
            {
                "Code": "F",
                "TaxationCode": "US-DC",
                "Value": 5,
                "Strategy": {
                    "Discriminator": "Flat",
                    "Value": {"Value": 5, "CurrencyCode": "EUR"},
                },
                "ValidityInvervalsUtc": [{"StartUtc": "1970-01-01T00:00:00Z", "EndUtc": None}],
            },
            {
                "Code": "D",
                "TaxationCode": "US-DC",
                "Value": 0.1,
                "Strategy": {
                    "Discriminator": "Dependent",
                    "Value": {"BaseTaxationCodes": ["US-DC"], "Value": 0.1},
                },
                "ValidityInvervalsUtc": [],
            },
        ]
