"""Bills and what is on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orderhub.core.accounts import Account, AccountKind, Bill, BillState, Enterprise, bill_keys
from orderhub.core.billing import CloseBill as ClosingTerms
from orderhub.core.billing import DeleteBills as DeletingTerms
from orderhub.core.commands import PlaceOrder, PutRecords, RecordChange
from orderhub.core.facts import Accepted, Record
from orderhub.core.queries import LineQuery, Reads, RecordQuery, RecordSort
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Line, Order
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, WireFault, invalid
from orderhub.dialects.mews.access import Properties, Session, nothing
from orderhub.dialects.mews.accounts import kept_address
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
from orderhub.dialects.mews.payments import bill_payment
from orderhub.dialects.mews.show import bill_item
from orderhub.dialects.mews.times import parse_date, parse_instant, utc
from orderhub.dialects.mews.wire import (
    AddBills,
    AddressParameters,
    CloseBill,
    DeleteBills,
    GetBills,
)
from orderhub.dialects.mews.words import TooHeavy, error, refusal

BILL_STATES = {"Open": BillState.OPEN, "Closed": BillState.CLOSED}
BILL_TYPES = {"Receipt": "receipt", "Invoice": "invoice"}
CORRECTION_STATES = ("Bill", "CorrectiveBill")
_SHOWN_TYPES = {kind: name for name, kind in BILL_TYPES.items()}
_SHOWN_STATES = {state: name for name, state in BILL_STATES.items()}
# The items of a bill that one call can add up or show.
_MOST_ITEMS = 5_000
_MOST_PAYMENTS = 5_000
_MOST_SHOWN_WITH_ITEMS = 100


def shown_bill(
    record: Record,
    enterprise: str,
    items: Sequence[dict[str, Any]] = (),
    payments: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    bill: Bill = record.doc
    data = bill.data
    is_company = bill.account_kind is AccountKind.COMPANY
    is_closed = bill.state is BillState.CLOSED
    paid_at = bill.closed_at if is_closed and bill.kind == "receipt" else None
    stated = data.get("associates") or {}
    associated = [_party(bill, uid, stated.get(uid) or {}) for uid in bill.associated]
    owner = _party(bill, bill.account, data.get("owner") or {})
    return {
        "Id": record.uid,
        "Name": data.get("name"),
        "EnterpriseId": enterprise or None,
        "AccountId": bill.account,
        "AccountType": "Company" if is_company else "Customer",
        "CustomerId": None if is_company else bill.account,
        "CompanyId": bill.account if is_company else None,
        "AssociatedAccountIds": list(bill.associated),
        "CounterId": data.get("counter"),
        "State": _SHOWN_STATES.get(bill.state, "Closed"),
        "Type": _SHOWN_TYPES.get(bill.kind, "Receipt"),
        "Number": bill.number or None,
        "VariableSymbol": data.get("variable_symbol"),
        "CreatedUtc": utc(bill.created_at),
        "UpdatedUtc": utc(bill.updated_at),
        "IssuedUtc": utc(bill.closed_at) if is_closed else None,
        "TaxedUtc": data.get("taxed"),
        "PaidUtc": utc(paid_at),
        "DueUtc": data.get("due"),
        "LastReminderDateUtc": None,
        "PurchaseOrderNumber": data.get("purchase_order"),
        "Notes": bill.notes or None,
        "Options": _options(bill),
        "Revenue": [],
        "Payments": [],
        "OrderItems": items,
        "PaymentItems": payments,
        "AssigneeData": owner,
        "OwnerData": owner,
        "CompanyDetails": next(
            (
                party["Value"]
                for party in associated
                if party is not None and party["Discriminator"] == "BillCompanyData"
            ),
            None,
        ),
        "AssociatedAccountData": [
            {
                "Discriminator": party["Discriminator"],
                "BillCustomerData": None,
                "BillCompanyData": None,
                party["Discriminator"]: party["Value"],
            }
            for party in associated
            if party is not None
        ],
        "EnterpriseData": None,
        "CorrectionState": "Bill",
        "CorrectionType": None,
        "CorrectedBillId": None,
    }


def _options(bill: Bill) -> dict[str, bool]:
    return {
        "DisplayCustomer": bill.data.get("display_customer", True),
        "DisplayTaxation": bill.data.get("display_taxation", True),
        "TrackReceivable": bill.kind == "invoice",
        "DisplayCid": False,
        "Rebated": False,
    }


def _party(bill: Bill, uid: str, stated: dict[str, Any]) -> dict[str, Any] | None:
    """An account as it was when the bill was closed; what closing stated about it wins."""
    account = bill.accounts.get(uid)
    if account is None:
        return None
    is_company = account.kind is AccountKind.COMPANY
    return {
        "Discriminator": "BillCompanyData" if is_company else "BillCustomerData",
        "Value": (_company if is_company else _customer)(uid, account, stated),
    }


def _customer(uid: str, account: Account, stated: dict[str, Any]) -> dict[str, Any]:
    data = account.data
    tax = stated.get("tax_identifier") or data.get("TaxIdentificationNumber")
    return {
        "Id": uid,
        "Address": _address(stated.get("address") or data.get("Address")),
        "LegalIdentifiers": {"TaxIdentifier": tax} if tax else {},
        "BillingCode": data.get("BillingCode"),
        "LastName": account.last_name,
        "FirstName": account.first_name or None,
        "SecondLastName": data.get("SecondLastName"),
        "TitlePrefix": data.get("Title"),
        "TaxIdentifier": tax,
        "ItalianFiscalCode": data.get("ItalianFiscalCode"),
    }


def _company(uid: str, account: Account, stated: dict[str, Any]) -> dict[str, Any]:
    data = account.data
    tax = stated.get("tax_identifier") or data.get("TaxIdentifier")
    return {
        "Id": uid,
        "Address": _address(stated.get("address") or data.get("Address")),
        "LegalIdentifiers": {"TaxIdentifier": tax} if tax else {},
        "BillingCode": data.get("BillingCode"),
        "Name": account.last_name,
        "FiscalIdentifier": data.get("Identifier"),
        "AdditionalTaxIdentifier": data.get("AdditionalTaxIdentifier"),
        "DUNS": data.get("DunsNumber"),
        "Telephone": data.get("Telephone"),
        "TaxIdentifier": tax,
        "InvoicingEmail": data.get("InvoicingEmail"),
        "Department": data.get("Department"),
    }


def _address(given: dict[str, Any] | None) -> dict[str, Any] | None:
    if not given:
        return None
    return {
        **{name: given.get(name) for name in ("Line1", "Line2", "City", "PostalCode")},
        "SubdivisionCode": given.get("CountrySubdivisionCode"),
        "CountryCode": given.get("CountryCode"),
    }


# --- reading


async def get_bills(session: Session, body: GetBills) -> Answer:
    state = None if choice(body.State, "State", BILL_STATES) is None else body.State
    accounts = (*lowered(body.CustomerIds), *lowered(body.AccountIds))
    by, values = next(
        (
            (name, given)
            for name, given in (
                ("uid", lowered(body.BillIds)),
                ("account", accounts),
                ("state", () if state is None else (BILL_STATES[state].value,)),
            )
            if given
        ),
        ("all", ()),
    )
    listed = RecordList("bill", by=by, values=values, keep=_kept(body, accounts))
    with_items = body.Extent is not None and body.Extent.Items is True
    limit = body.Limitation.Count
    if with_items:
        limit = min(limit, _MOST_SHOWN_WITH_ITEMS)

    def look(reads: Reads) -> list[dict[str, Any]]:
        found = listed.page(reads, session.tenants, limit, cursor_of(body.Limitation))
        properties = Properties(reads)
        return [
            shown_bill(
                record,
                properties.of(record.tenant_id).uid,
                *(_what_is_on(reads, record) if with_items else ([], [])),
            )
            for record in found
        ]

    shown = await session.call.hub.read(look)
    cursor = shown[-1]["Id"] if shown else None
    return session.answer({"Bills": shown, "Cursor": cursor}, empty=not shown)


def _kept(body: GetBills, accounts: tuple[str, ...]) -> Keep:
    state = None if body.State is None else BILL_STATES[body.State]
    kind = None if choice(body.Type, "Type", BILL_TYPES) is None else BILL_TYPES[body.Type or ""]
    # No bill of the hub corrects another.
    corrections = choices(body.CorrectionState, "CorrectionState", CORRECTION_STATES)
    created = window(body.CreatedUtc, "CreatedUtc")
    updated = window(body.UpdatedUtc, "UpdatedUtc")
    closed = window(body.ClosedUtc, "ClosedUtc")
    issued = window(body.IssuedUtc, "IssuedUtc")
    due = window(body.DueUtc, "DueUtc")
    paid = window(body.PaidUtc, "PaidUtc")

    def keep(bill: Bill) -> bool:
        is_closed = bill.state is BillState.CLOSED
        due_at = str(bill.data.get("due", ""))
        return (
            bill.state is not BillState.DELETED
            and (not corrections or "Bill" in corrections)
            and (state is None or bill.state is state)
            and (kind is None or (is_closed and bill.kind == kind))
            and (not accounts or bill.account in accounts)
            and is_within(bill.created_at, created)
            and is_within(bill.updated_at, updated)
            and (closed is None or (is_closed and is_within(bill.closed_at, closed)))
            and (issued is None or (is_closed and is_within(bill.closed_at, issued)))
            and (
                paid is None
                or (is_closed and bill.kind == "receipt" and is_within(bill.closed_at, paid))
            )
            and (due is None or (bool(due_at) and is_within(parse_instant(due_at, "Due"), due)))
        )

    return keep


def _what_is_on(reads: Reads, record: Record) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    tenant_id = record.tenant_id
    closed_at = record.doc.closed_at or None
    closed = {} if closed_at is None else {record.uid: closed_at}
    items = [
        bill_item(order, line, closed) for order, line in _lines_of(reads, tenant_id, (record.uid,))
    ]
    payments = [
        bill_payment(payment, closed_at)
        for payment in reads.records(
            RecordQuery(
                tenant_id=tenant_id,
                kind="account_payment",
                by="bill",
                values=(record.uid,),
                sort=RecordSort.NEWEST,
                limit=_MOST_PAYMENTS,
            )
        )
    ]
    return items, payments


def _lines_of(
    reads: Reads, tenant_id: int, bills: tuple[str, ...]
) -> tuple[tuple[Order, Line], ...]:
    found = reads.lines(LineQuery(tenant_id=tenant_id, bills=bills, limit=_MOST_ITEMS + 1))
    if len(found) > _MOST_ITEMS:
        raise TooHeavy(f"there are more than {_MOST_ITEMS} items")
    return found


# --- writing


async def add_bills(session: Session, body: AddBills) -> Answer:
    now = await session.now_us()
    uids = {each.AccountId.lower() for each in body.Bills}
    associates = {
        each.AssociatedAccountId.lower() for each in body.Bills if each.AssociatedAccountId
    }

    def look(reads: Reads) -> tuple[dict[str, Account], str]:
        accounts = {
            uid: record.doc
            for uid in uids | associates
            if (record := reads.record(session.tenant_id, "account", "uid", uid)) is not None
        }
        return accounts, Properties(reads).of(session.tenant_id).uid

    accounts, enterprise = await session.call.hub.read(look)
    changes = []
    for given in body.Bills:
        uid = given.AccountId.lower()
        account = _billable(session, accounts.get(uid), "AccountId")
        associated: tuple[str, ...] = ()
        if given.AssociatedAccountId:
            associate = given.AssociatedAccountId.lower()
            _billable(session, accounts.get(associate), "AssociatedAccountId")
            associated = (associate,)
        bill = Bill(
            account=uid,
            account_kind=account.kind,
            associated=associated,
            created_at=now,
            updated_at=now,
            data={"name": given.Name} if given.Name else {},
        )
        changes.append(RecordChange(kind="bill", doc=bill, keys=bill_keys(bill)))
    command = PutRecords(
        origin=session.origin(),
        changes=tuple(changes),
        exists=tuple(("account", "uid", uid) for uid in sorted(uids | associates)),
    )

    def answer(accepted: Accepted) -> Answer:
        bills = [shown_bill(record, enterprise) for record in accepted.records]
        return Answer(200, encode({"Bills": bills}))

    return await session.call.respond(command, answer)


def _billable(session: Session, account: Account | None, name: str) -> Account:
    """Companies are billed only where the integration may."""
    if account is None or not account.active:
        raise invalid(WireFault(name, "value", "no such account"))
    if account.kind is AccountKind.COMPANY and not session.may("company_billing", default=True):
        raise invalid(WireFault(name, "value", "the integration may not bill companies"))
    return account


async def delete_bills(session: Session, body: DeleteBills) -> Answer:
    uids = lowered(body.BillIds)
    tenant_id = session.tenant_id
    await session.call.hub.read(lambda reads: _lines_of(reads, tenant_id, uids))
    command = PlaceOrder(origin=session.origin(), terms=DeletingTerms(bills=uids))

    def words(rejected: Rejected) -> Answer:
        return _worded(session, rejected, "Only empty bills can be deleted.")

    session.call.spelling = lambda _field: "BillIds"
    return await session.call.respond(command, lambda _accepted: nothing(session.call), words)


async def close_bill(session: Session, body: CloseBill) -> Answer:
    kind = choice(body.Type, "Type", BILL_TYPES)
    assert kind is not None
    uid = body.BillId.lower()
    tenant_id = session.tenant_id

    def look(reads: Reads) -> Enterprise:
        _lines_of(reads, tenant_id, (uid,))
        return Properties(reads).of(tenant_id)

    enterprise = await session.call.hub.read(look)
    terms = ClosingTerms(
        bill=uid,
        kind=BILL_TYPES[kind],
        notes=None if body.Notes is None else body.Notes.Value or "",
        associates=tuple(each.Id.lower() for each in body.AssociatedAccountData or ()),
        data=_closing_data(body, await session.zone_of(enterprise)),
    )

    def answer(accepted: Accepted) -> Answer:
        return Answer(200, encode({"Bills": [shown_bill(accepted.records[0], enterprise.uid)]}))

    def words(rejected: Rejected) -> Answer:
        return _worded(session, rejected, "A bill must be paid in full to be closed as a receipt.")

    command = PlaceOrder(origin=session.origin(), terms=terms)
    return await session.call.respond(command, answer, words)


def _worded(session: Session, rejected: Rejected, sentence: str) -> Answer:
    if rejected.reason is Reason.TRANSITION_NOT_ALLOWED:
        return error(session.call, 403, sentence)
    return refusal(session.call, rejected)


def _closing_data(body: CloseBill, zone: str) -> dict[str, Any]:
    """What closing sets on the bill. A member without a value leaves it as it is."""
    found: dict[str, Any] = {}
    for name, key in (("TaxedDate", "taxed"), ("DueDate", "due")):
        update = getattr(body, name)
        if update is not None and update.Value is not None:
            found[key] = f"{parse_date(update.Value, name, zone)}T00:00:00Z"
    for update, key in (
        (body.VariableSymbol, "variable_symbol"),
        (body.PurchaseOrderNumber, "purchase_order"),
    ):
        if update is not None:
            found[key] = update.Value
    for uid, key in ((body.BillCounterId, "counter"), (body.FiscalMachineId, "fiscal_machine")):
        if uid:
            found[key] = uid.lower()
    options = body.Options
    if options is not None:
        for key, shown in (
            ("display_customer", options.DisplayCustomer),
            ("display_taxation", options.DisplayTaxation),
        ):
            if shown is not None and shown.Value is not None:
                found[key] = shown.Value
    # The newest name of a member wins over its deprecated ones.
    tax = body.AccountTaxIdentifier or body.TaxIdentifier or body.CompanyTaxIdentifier
    found["owner"] = _stated(
        None if tax is None else tax.Value,
        body.AccountAddress or body.Address,
        "Address" if body.AccountAddress is None else "AccountAddress",
    )
    found["associates"] = {
        each.Id.lower(): _stated(
            None if each.TaxIdentifier is None else each.TaxIdentifier.Value,
            each.Address,
            "AssociatedAccountData[].Address",
        )
        for each in body.AssociatedAccountData or ()
    }
    return {key: value for key, value in found.items() if value != {}}


def _stated(
    tax_identifier: str | None, address: AddressParameters | None, path: str
) -> dict[str, Any]:
    """What closing a bill says about an account."""
    found: dict[str, Any] = {}
    if tax_identifier:
        found["tax_identifier"] = tax_identifier
    if address is not None:
        found["address"] = kept_address(address, path)
    return found
