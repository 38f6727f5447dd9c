"""Customers and companies: the accounts that orders are charged to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace

from orderhub.core.accounts import Account, AccountKind, Enterprise
from orderhub.core.commands import PutRecords, RecordChange
from orderhub.core.facts import Accepted, Record
from orderhub.core.queries import Reads
from orderhub.core.refusals import Reason
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Outcome, WireFault, invalid
from orderhub.dialects.mews.access import Properties, Session, chain_of
from orderhub.dialects.mews.keys import account_keys
from orderhub.dialects.mews.paging import (
    Keep,
    RecordList,
    choice,
    choices,
    cursor_of,
    is_within,
    lowered,
    window,
)
from orderhub.dialects.mews.show import profile
from orderhub.dialects.mews.times import is_duration, parse_date, parse_interval, utc
from orderhub.dialects.mews.wire import (
    ADDRESS_MEMBERS,
    AddCompany,
    AddCustomer,
    AddressParameters,
    GetCompanies,
    GetCustomers,
    SearchCustomers,
)
from orderhub.dialects.overtaken import ATTEMPTS, first_attempt, is_overtaken
from orderhub.dialects.scalars import as_text, is_usable

TITLES = ("Mister", "Miss", "Misses")
SEXES = ("Male", "Female")
CLASSIFICATIONS = frozenset(
    [
        "PaymasterAccount",
        "Blacklist",
        "Media",
        "LoyaltyProgram",
        "PreviousComplaint",
        "Returning",
        "Staff",
        "FriendOrFamily",
        "TopManagement",
        "Important",
        "VeryImportant",
        "Problematic",
        "Cashlist",
        "DisabledPerson",
        "Military",
        "Airline",
        "HealthCompliant",
        "InRoom",
        "WaitingForRoom",
        "Student",
        "Blocklist",
    ]
)
OPTIONS = frozenset(
    [
        "SendMarketingEmails",
        "Invoiceable",
        "BillAddressObjection",
        "SendMarketingPostalMail",
        "SendPartnerMarketingEmails",
        "SendPartnerMarketingPostalMail",
        "WithdrawCardConsent",
        "GuestPhotoConsent",
        "IdPhotosConsent",
    ]
)
CREDIT_RATINGS = ("CreditOk", "PaymentRequiredUpfront", "LocalDecisionRequired")
ACTIVITY = {"Active": True, "Deleted": False}
# Profile members that are kept and shown as they came. The rest of a customer is worked out.
CUSTOMER_PROFILE = (
    "Title",
    "Sex",
    "SecondLastName",
    "NationalityCode",
    "PreferredLanguageCode",
    "LanguageCode",
    "BirthDate",
    "BirthCountryCode",
    "BirthCountrySubdivisionCode",
    "BirthPlace",
    "Occupation",
    "Phone",
    "TaxIdentificationNumber",
    "LoyaltyCode",
    "AccountingCode",
    "BillingCode",
    "Notes",
    "CarRegistrationNumber",
    "DietaryRequirements",
    "Passport",
    "IdentityCard",
    "Visa",
    "DriversLicense",
    "ItalianDestinationCode",
    "ItalianFiscalCode",
    "ItalianLotteryCode",
    "CompanyId",
)
COMPANY_PROFILE = (
    "Identifier",
    "TaxIdentifier",
    "AdditionalTaxIdentifier",
    "ElectronicInvoiceIdentifier",
    "InvoiceDueInterval",
    "AccountingCode",
    "MotherCompanyId",
    "BillingCode",
    "Iata",
    "Telephone",
    "InvoicingEmail",
    "WebsiteUrl",
    "ContactPerson",
    "Contact",
    "Notes",
    "Department",
    "DunsNumber",
    "ReferenceIdentifier",
    "ExternalIdentifier",
)
# An empty text is no id, no date and no duration: it counts as not sent.
_NEVER_EMPTY = frozenset(
    ["BirthDate", "CompanyId", "InvoiceDueInterval", "MotherCompanyId", "Sex", "Title"]
)
_MOST_FOUND = 100


def shown_address(record: Record) -> dict[str, Any] | None:
    """An account has one address: its id is the account's own."""
    address = record.doc.data.get("Address")
    if not address:
        return None
    return {"Id": record.uid, **{name: address.get(name) for name in ADDRESS_MEMBERS}}


def shown_customer(record: Record, chain: str) -> dict[str, Any]:
    account: Account = record.doc
    data = account.data
    address = shown_address(record)
    return {
        "Id": record.uid,
        "ChainId": chain or None,
        "Number": str(record.id),
        "FirstName": account.first_name or None,
        "LastName": account.last_name,
        "Email": account.email or None,
        "HasOtaEmail": False,
        **{name: data.get(name) for name in CUSTOMER_PROFILE},
        "CreatedUtc": utc(account.created_at),
        "UpdatedUtc": utc(account.updated_at),
        "Address": address,
        "AddressId": None if address is None else record.uid,
        "Classifications": data.get("Classifications") or [],
        "Options": data.get("Options") or [],
        "MergeTargetId": None,
        "ActivityState": "Active" if account.active else "Deleted",
        "IsActive": account.active,
        "PreferredSpaceFeatures": [],
        "CreatorProfileId": profile(str(data.get("creator", ""))),
        "UpdaterProfileId": profile(str(data.get("updater", ""))),
    }


def shown_company(record: Record, chain: str) -> dict[str, Any]:
    account: Account = record.doc
    data = account.data
    address = shown_address(record)
    return {
        "Id": record.uid,
        "ChainId": chain or None,
        "Name": account.last_name,
        "IsActive": account.active,
        "Number": record.id,
        **{name: data.get(name) for name in COMPANY_PROFILE},
        "CreatedUtc": utc(account.created_at),
        "UpdatedUtc": utc(account.updated_at),
        "Address": address,
        "AddressId": None if address is None else record.uid,
        "Options": {
            "Invoiceable": False,
            "AddFeesToInvoices": False,
            "AddTaxDeductedPaymentToInvoices": False,
            **(data.get("Options") or {}),
        },
        "CreditRating": data.get("CreditRating") or {"Basic": None},
        "MergeTargetId": None,
        "TaxIdentificationNumber": data.get("TaxIdentifier"),
    }


# --- customers


async def get_customers(session: Session, body: GetCustomers) -> Answer:
    by: str = "kind"
    values: tuple[str, ...] = (AccountKind.CUSTOMER.value,)
    for name, given in (
        ("uid", lowered(body.CustomerIds)),
        ("email", lowered(body.Emails)),
        ("last_name", tuple(body.LastNames or ())),
        ("company", lowered(body.CompanyIds)),
        ("loyalty_code", tuple(body.LoyaltyCodes or ())),
        ("first_name", tuple(body.FirstNames or ())),
    ):
        if given:
            by, values = name, given
            break
    listed = RecordList("account", by=by, values=values, keep=_customers_kept(body))

    def look(reads: Reads) -> list[tuple[Record, str]]:
        limitation = body.Limitation
        found = listed.page(reads, session.tenants, limitation.Count, cursor_of(limitation))
        properties = Properties(reads)
        return [(record, chain_of(properties.of(record.tenant_id))) for record in found]

    found = await session.call.hub.read(look)
    wanted = body.Extent.Customers is not False
    shown = [shown_customer(record, chain) for record, chain in found] if wanted else []
    cursor = found[-1][0].uid if found else None
    return session.answer(
        {"Customers": shown, "Documents": None, "Cursor": cursor}, empty=not found
    )


def _customers_kept(body: GetCustomers) -> Keep:
    created = window(body.CreatedUtc, "CreatedUtc")
    updated = window(body.UpdatedUtc, "UpdatedUtc")
    deleted = window(body.DeletedUtc, "DeletedUtc")
    active = _active(body.ActivityStates)
    emails = frozenset(lowered(body.Emails))
    firsts, lasts = frozenset(body.FirstNames or ()), frozenset(body.LastNames or ())
    loyalty, companies = frozenset(body.LoyaltyCodes or ()), frozenset(lowered(body.CompanyIds))

    def keep(account: Account) -> bool:
        return (
            account.kind is AccountKind.CUSTOMER
            and account.active in active
            and is_within(account.created_at, created)
            and is_within(account.updated_at, updated)
            and (deleted is None or (not account.active and is_within(account.updated_at, deleted)))
            and (not emails or account.email.lower() in emails)
            and (not firsts or account.first_name in firsts)
            and (not lasts or account.last_name in lasts)
            and (not loyalty or as_text(account.data.get("LoyaltyCode")) in loyalty)
            and (not companies or account.data.get("CompanyId") in companies)
        )

    return keep


def _active(states: Sequence[str] | None) -> set[bool]:
    """What `Account.active` may be, by the vendor's `ActivityStates`; none = both."""
    chosen = choices(states, "ActivityStates", ACTIVITY)
    return {ACTIVITY[state] for state in chosen} or {True, False}


async def search_customers(session: Session, body: SearchCustomers) -> Answer:
    """Active customers by a part of their name. No customer has a reservation of a resource here."""
    wanted = (body.Name or "").strip().lower()

    def keep(account: Account) -> bool:
        return account.active and wanted in f"{account.first_name} {account.last_name}".lower()

    listed = RecordList("account", by="kind", values=(AccountKind.CUSTOMER.value,), keep=keep)

    def look(reads: Reads) -> list[dict[str, Any]]:
        if body.ResourceId:
            return []
        chain = chain_of(Properties(reads).of(session.tenant_id))
        found = listed.page(reads, session.tenants, _MOST_FOUND)
        return [
            {"Customer": shown_customer(record, chain), "Reservation": None} for record in found
        ]

    shown = await session.call.hub.read(look)
    return session.answer({"Customers": shown, "Documents": None}, empty=not shown)


async def add_customer(session: Session, body: AddCustomer) -> Answer:
    """The customer itself, not wrapped. An email that is known is an error, or overwritten if asked."""
    session.call.spelling = lambda field: "Email" if field == "email" else "CompanyId"
    may_overwrite = (Reason.ALREADY_EXISTS,) if body.OverwriteExisting else ()
    outcome = await _customer_added(session, body)
    for _ in range(ATTEMPTS):
        if not is_overtaken(outcome, *may_overwrite):
            break
        first_attempt(session.call)
        outcome = await _customer_added(session, body)
    return outcome.answer


async def _customer_added(session: Session, body: AddCustomer) -> Outcome:
    email = (body.Email or "").strip()
    now = await session.now_us()

    def look(reads: Reads) -> tuple[Record | None, Enterprise]:
        holder = None
        if email and body.OverwriteExisting:
            holder = reads.record(session.tenant_id, "account", "email", email.lower())
        _must_be_company(reads, session.tenant_id, body.CompanyId, "CompanyId")
        return holder, Properties(reads).of(session.tenant_id)

    existing, enterprise = await session.call.hub.read(look)
    profile_given = _customer_profile(body, await session.zone_of(enterprise))
    actor = session.caller.credential.id
    fresh = Account(created_at=now, data={"creator": actor})
    account: Account = fresh if existing is None else existing.doc
    account = replace(
        account,
        first_name=body.FirstName or account.first_name,
        last_name=body.LastName,
        email=email or account.email,
        active=True,
        updated_at=now,
        data={**account.data, **profile_given, "updater": actor},
    )
    command = PutRecords(
        origin=session.origin(),
        changes=(
            RecordChange(
                kind="account",
                id=0 if existing is None else existing.id,
                if_version=None if existing is None else existing.version,
                doc=account,
                keys=account_keys(account),
            ),
        ),
        unique=(("account", "email", email.lower()),) if email else (),
        exists=(("account", "uid", body.CompanyId.lower()),) if body.CompanyId else (),
    )

    def answer(accepted: Accepted) -> Answer:
        return Answer(200, encode(shown_customer(accepted.records[0], chain_of(enterprise))))

    return await session.call.submit(command, answer)


def _customer_profile(body: AddCustomer, zone: str) -> dict[str, Any]:
    """The profile members that were given. Raises HTTPFault(INVALID) for values no such member has."""
    _one_of(body.Title, "Title", TITLES)
    _one_of(body.Sex, "Sex", SEXES)
    for name, given, known in (
        ("Classifications", body.Classifications, CLASSIFICATIONS),
        ("Options", body.Options, OPTIONS),
    ):
        if not known.issuperset(given or ()):
            raise invalid(WireFault(name, "value", f"unknown {name}"))
    if body.Email and "@" not in body.Email.strip("@ "):
        raise invalid(WireFault("Email", "value", "an email address has an @"))
    found = _sent(body, (*CUSTOMER_PROFILE, "Classifications", "Options"))
    if body.BirthDate:
        found["BirthDate"] = parse_date(body.BirthDate, "BirthDate", zone)
    if body.CompanyId:
        found["CompanyId"] = body.CompanyId.lower()
    return {**found, **_address(body.Address)}


def _sent(body: AddCustomer | AddCompany, names: Sequence[str]) -> dict[str, Any]:
    """The members that were sent, as the shape has them: in the body itself 12345 may stand where a text is meant."""
    members = ((name, getattr(body, name)) for name in names)
    return {
        name: value
        for name, value in members
        if value is not None and (value or name not in _NEVER_EMPTY)
    }


def _must_be_company(reads: Reads, tenant_id: int, uid: str | None, name: str) -> None:
    """Raises HTTPFault(INVALID) for an id that names no company. What an account is never changes."""
    if uid:
        record = reads.record(tenant_id, "account", "uid", uid.lower())
        if record is None or record.doc.kind is not AccountKind.COMPANY:
            raise invalid(WireFault(name, "value", "no such company"))


def _address(given: AddressParameters | None) -> dict[str, Any]:
    return {} if given is None else {"Address": kept_address(given, "Address")}


def kept_address(given: AddressParameters, path: str) -> dict[str, Any]:
    """The members that were sent. Raises HTTPFault(INVALID) for a coordinate that is no number of degrees."""
    for name in ("Latitude", "Longitude"):
        degrees = getattr(given, name)
        # msgspec takes the texts NaN and 1e9999999 for Decimals.
        if degrees is not None and not (is_usable(degrees) and abs(degrees) <= 180):
            raise invalid(WireFault(f"{path}.{name}", "value", f"{name} is in degrees"))
    members = ((name, getattr(given, name)) for name in ADDRESS_MEMBERS)
    return {name: value for name, value in members if value is not None}


def _one_of(value: str | None, name: str, known: tuple[str, ...]) -> None:
    if value and value not in known:
        raise invalid(WireFault(name, "value", f"{name} is one of {', '.join(known)}"))


# --- companies


async def get_companies(session: Session, body: GetCompanies) -> Answer:
    by: str = "kind"
    values: tuple[str, ...] = (AccountKind.COMPANY.value,)
    for name, given in (
        ("uid", lowered(body.Ids)),
        ("external", tuple(body.ExternalIdentifiers or ())),
        ("last_name", tuple(body.Names or ())),
    ):
        if given:
            by, values = name, given
            break
    created = window(body.CreatedUtc, "CreatedUtc")
    updated = window(body.UpdatedUtc, "UpdatedUtc")
    if body.StartUtc is not None and body.EndUtc is not None:
        interval = parse_interval(body.StartUtc, body.EndUtc, "StartUtc")
        if choice(body.TimeFilter, "TimeFilter", ("Created", "Updated")) == "Updated":
            updated = updated or interval
        else:
            created = created or interval
    active = _active(body.ActivityStates)
    mothers = frozenset(lowered(body.MotherCompanyIds))
    names, external = frozenset(body.Names or ()), frozenset(body.ExternalIdentifiers or ())

    def keep(account: Account) -> bool:
        return (
            account.kind is AccountKind.COMPANY
            and account.active in active
            and (not mothers or account.data.get("MotherCompanyId") in mothers)
            and is_within(account.created_at, created)
            and is_within(account.updated_at, updated)
            and (not names or account.last_name in names)
            and (not external or as_text(account.data.get("ExternalIdentifier")) in external)
        )

    listed = RecordList("account", by=by, values=values, keep=keep)
    limitation = body.Limitation

    def look(reads: Reads) -> list[dict[str, Any]]:
        found = listed.page(reads, session.tenants, limitation.Count, cursor_of(limitation))
        properties = Properties(reads)
        return [
            shown_company(record, chain_of(properties.of(record.tenant_id))) for record in found
        ]

    shown = await session.call.hub.read(look)
    cursor = shown[-1]["Id"] if shown else None
    return session.answer({"Companies": shown, "Cursor": cursor}, empty=not shown)


async def add_company(session: Session, body: AddCompany) -> Answer:
    if body.CreditRating is not None:
        _one_of(body.CreditRating.Basic, "CreditRating.Basic", CREDIT_RATINGS)
    if body.InvoiceDueInterval and not is_duration(body.InvoiceDueInterval):
        raise invalid(WireFault("InvoiceDueInterval", "value", "an ISO 8601 duration is expected"))
    now = await session.now_us()
    data = _sent(body, COMPANY_PROFILE)
    if body.CreditRating is not None:
        data["CreditRating"] = to_builtins(body.CreditRating)
    if body.ContacPerson is not None:
        data.setdefault("ContactPerson", body.ContacPerson)
    if body.MotherCompanyId:
        data["MotherCompanyId"] = body.MotherCompanyId.lower()
    if body.Options is not None:
        data["Options"] = to_builtins(body.Options)
    account = Account(
        kind=AccountKind.COMPANY,
        last_name=body.Name,
        email=body.InvoicingEmail or "",
        created_at=now,
        updated_at=now,
        data={**data, **_address(body.Address)},
    )
    # An invoicing address may be many companies': it is no name of the account.
    keys = tuple(pair for pair in account_keys(account) if pair[0] != "email")
    mother = body.MotherCompanyId
    command = PutRecords(
        origin=session.origin(),
        changes=(RecordChange(kind="account", doc=account, keys=keys),),
        exists=(("account", "uid", mother.lower()),) if mother else (),
    )

    def look(reads: Reads) -> str:
        _must_be_company(reads, session.tenant_id, mother, "MotherCompanyId")
        return chain_of(Properties(reads).of(session.tenant_id))

    chain = await session.call.hub.read(look)

    def answer(accepted: Accepted) -> Answer:
        company = shown_company(accepted.records[0], chain)
        return Answer(200, encode({"Companies": [company], "Cursor": company["Id"]}))

    session.call.spelling = lambda _field: "MotherCompanyId"
    return await session.call.respond(command, answer)
