"""Customers and companies as callers send them: a number where a text is meant, what is left empty, other kinds."""

import asyncio

import pytest

from tests.dialects.mews.hotel import ACCOUNT, BILL, PAGE, hotel

EVERYONE = {**PAGE, "Extent": {"Customers": True}}
GUEST = {"LastName": "Doe", "OverwriteExisting": False}
NUMBERS_AS_TEXTS = {
    "Phone": (420123, "420123"),
    "LoyaltyCode": (12345, "12345"),
    "TaxIdentificationNumber": (7.5, "7.5"),
    "Notes": (4711, "4711"),
}
COMPANY_NUMBERS_AS_TEXTS = {
    "Identifier": (1, "1"),
    "Iata": (2, "2"),
    "DunsNumber": (3.5, "3.5"),
    "ExternalIdentifier": (777, "777"),
}
PLACE = {"PostalCode": 75001, "Latitude": "48.5", "Longitude": 2}


def sent(members):
    return {name: given for name, (given, _) in members.items()}


def kept(members):
    return {name: meant for name, (_, meant) in members.items()}


async def test_a_number_in_an_account_is_kept_as_its_text_and_found_by_it(tmp_path):
    async with hotel(tmp_path) as client:
        guest = {**GUEST, **sent(NUMBERS_AS_TEXTS), "Address": PLACE}
        customer = await client.made("customers/add", guest)
        company = {"Name": "ACME", **sent(COMPANY_NUMBERS_AS_TEXTS), "Address": PLACE}
        (acme,) = (await client.made("companies/add", company))["Companies"]
        for shown, meant in (
            (customer, kept(NUMBERS_AS_TEXTS)),
            (acme, kept(COMPANY_NUMBERS_AS_TEXTS)),
        ):
            assert {name: shown[name] for name in meant} == meant
            place = {"PostalCode": "75001", "Latitude": 48.5, "Longitude": 2}
            assert {name: shown["Address"][name] for name in place} == place
        for operation, name, body, uid in (
            ("customers/getAll", "Customers", {**EVERYONE, "LoyaltyCodes": [12345]}, customer),
            ("customers/getAll", "Customers", {**EVERYONE, "LoyaltyCodes": ["12345"]}, customer),
            ("companies/getAll", "Companies", {**PAGE, "ExternalIdentifiers": ["777"]}, acme),
        ):
            found = (await client.made(operation, body))[name]
            assert [each["Id"] for each in found] == [uid["Id"]], operation
        assert await client.order(AccountId=acme["Id"], BillId=None)


async def test_whoever_overwrites_a_customer_at_the_same_time_as_others_is_not_refused(tmp_path):
    async with hotel(tmp_path) as client:
        guest = {**GUEST, "Email": "at.once@b.example", "OverwriteExisting": True}
        for turn in ("nobody has it yet", "somebody has"):
            sent = [{**guest, "FirstName": f"{turn} {number}"} for number in range(8)]
            made = await asyncio.gather(*(client.made("customers/add", each) for each in sent))
            assert len({each["Id"] for each in made}) == 1, turn
        refused = await client.refused("customers/add", {**guest, "OverwriteExisting": False})
        assert refused == (403, "A record with the same Email already exists.")


@pytest.mark.parametrize(
    "degrees", ["NaN", "Infinity", 181, "x", "1e9999999", "1." + "0" * 900_000]
)
async def test_a_place_that_is_none_is_refused(tmp_path, degrees):
    async with hotel(tmp_path) as client:
        place = {"Latitude": degrees}
        refused = (400, "Invalid Latitude")
        assert await client.refused("customers/add", {**GUEST, "Address": place}) == refused
        assert await client.refused("companies/add", {"Name": "A", "Address": place}) == refused
        closing = {"BillId": BILL, "Type": "Receipt"}
        for more in (
            {"Address": place},
            {"AccountAddress": place},
            {"AssociatedAccountData": [{"Id": ACCOUNT, "Address": place}]},
        ):
            assert await client.refused("bills/close", {**closing, **more}) == refused, more


async def test_what_an_account_of_earlier_versions_has_as_a_number_goes_on_being_read(tmp_path):
    async with hotel(tmp_path) as client:
        guest = {**GUEST, "Email": "a@b.example", "LoyaltyCode": "12345"}
        uid = (await client.made("customers/add", guest))["Id"]
        with client.hub.hub.ledger.engine.begin() as connection:
            changed = connection.exec_driver_sql(
                "UPDATE record SET names = replace(names, '\"12345\"', '12345'),"
                " doc = replace(doc, '\"12345\"', '12345') WHERE uid = '" + uid + "'"
            )
            assert changed.rowcount == 1
        listed = {**EVERYONE, "LoyaltyCodes": ["12345"]}
        assert [each["Id"] for each in (await client.made("customers/getAll", listed))["Customers"]]
        assert await client.order(AccountId=uid, BillId=None)
        again = {**GUEST, "Email": "a@b.example", "OverwriteExisting": True, "FirstName": "Jane"}
        assert (await client.made("customers/add", again))["Id"] == uid
        found = (await client.made("customers/getAll", listed))["Customers"]
        assert [each["FirstName"] for each in found] == ["Jane"]


async def test_an_empty_id_date_or_duration_counts_as_not_sent(tmp_path):
    async with hotel(tmp_path) as client:
        company = {"Name": "ACME", "MotherCompanyId": "", "InvoiceDueInterval": ""}
        (acme,) = (await client.made("companies/add", company))["Companies"]
        assert (acme["MotherCompanyId"], acme["InvoiceDueInterval"]) == (None, None)
        empty = dict.fromkeys(("BirthDate", "CompanyId", "Sex", "Title"), "")
        guest = await client.made("customers/add", {**GUEST, **empty})
        assert {guest[name] for name in empty} == {None}
        named = {**GUEST, "Email": "a@b.example"}
        full = {"BirthDate": "1980-01-02", "CompanyId": acme["Id"], "Sex": "Female", "Phone": "1"}
        await client.made("customers/add", {**named, **full})
        again = {**named, **empty, "Phone": "", "OverwriteExisting": True}
        guest = await client.made("customers/add", again)
        assert {name: guest[name] for name in full} == {**full, "Phone": ""}
        listed = {**EVERYONE, "CompanyIds": [acme["Id"]]}
        found = (await client.made("customers/getAll", listed))["Customers"]
        assert [each["Id"] for each in found] == [guest["Id"]]


async def test_a_time_for_a_date_is_of_a_day_of_the_enterprise(tmp_path):
    async with hotel(tmp_path) as client:
        evening = "1980-01-03T02:00:00Z"  # New York is where the hotel stands
        guest = await client.made("customers/add", {**GUEST, "BirthDate": evening})
        assert guest["BirthDate"] == "1980-01-02"
        nonsense = {**GUEST, "BirthDate": "1980-01-02 nonsense"}
        assert await client.refused("customers/add", nonsense) == (400, "Invalid BirthDate")
        days = {"DueDate": {"Value": "2020-02-15T04:59:59Z"}, "TaxedDate": {"Value": "2020-02-15"}}
        closing = {"BillId": BILL, "Type": "Receipt", **days}
        (bill,) = (await client.made("bills/close", closing))["Bills"]
        assert (bill["DueUtc"], bill["TaxedUtc"]) == (
            "2020-02-14T00:00:00Z",
            "2020-02-15T00:00:00Z",
        )
