"""Bills and the payments that settle them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from orderhub.core.accounts import Account, AccountKind, Bill, BillState, Payment
from orderhub.core.commands import PutRecords, RecordChange
from orderhub.core.known import Accepted, Record
from orderhub.core.money import ZERO
from orderhub.core.queries import LineQuery, Reads, cancelled_at
from orderhub.core.values import Line, Order
from orderhub.dialects.contract import Answer, WireFault, invalid
from orderhub.dialects.mews.errors import TooHeavy, error
from orderhub.dialects.mews.items import order_item
from orderhub.dialects.mews.keys import bill_keys, payment_keys
from orderhub.dialects.mews.paging import (
    RecordList,
    cursor_of,
    is_within,
    lowered,
    window,
)
from orderhub.dialects.mews.payments import (
    account_of,
    enterprise_uid_of,
    open_bill,
    payments_of_bill,
    shown_payment,
)
from orderhub.dialects.mews.session import Session, nothing
from orderhub.dialects.mews.times import parse_date, parse_instant, utc
from orderhub.dialects.mews.wire import (
    AddBills,
    CloseBill,
    DeleteBills,
    GetBills,
    StringUpdate,
)
from orderhub.dialects.wiring import encode

BILL_STATES = {"Open": BillState.OPEN, "Closed": BillState.CLOSED}
BILL_TYPES = {"Receipt": "receipt", "Invoice": "invoice"}
_SHOWN_TYPES = {kind: name for name, kind in BILL_TYPES.items()}
_SHOWN_STATES = {state: name for name, state in BILL_STATES.items()}
# The items of a bill that one call can add up or show.
_MOST_ITEMS = 5_000
_MOST_SHOWN_WITH_ITEMS = 100


def shown_bill(
    record: Record,
    enterprise: str,
    items: list[dict[str, Any]] | None = None,
    payments: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    bill: Bill = record.doc
    data = bill.data
    is_company = bill.account_kind is AccountKind.COMPANY
    is_closed = bill.state is BillState.CLOSED
    paid_at = bill.closed_at if is_closed and bill.kind == "receipt" else None
    return {
        "Id": record.uid,
        "EnterpriseId": enterprise or None,
        "AccountId": bill.account,
        "AccountType": "Company" if is_company else "Customer",
        "CustomerId": None if is_company else bill.account,
        "CompanyId": bill.account if is_company else None,
        "AssociatedAccountIds": data.get("associated") or [],
        "CounterId": data.get("counter"),
        "Name": data.get("name"),
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
        "Notes": bill.notes or None,
        "Options": {
            "DisplayCustomer": data.get("display_customer", True),
            "DisplayTaxation": data.get("display_taxation", True),
            "TrackReceivable": bill.kind == "invoice",
            "DisplayCid": False,
        },
        "OrderItems": items or [],
        "PaymentItems": payments or [],
        "AssigneeData": {
            "Discriminator": "BillCompanyData" if is_company else "BillCustomerData",
            "Value": {} if is_company else {"ItalianFiscalCode": None},
        },
        "EnterpriseData": None,
    }


def lines_of_bill(reads: Reads, tenant_id: int, uid: str) -> tuple[tuple[Order, Line], ...]:
    found = reads.lines(LineQuery(tenant_id=tenant_id, bills=(uid,), limit=_MOST_ITEMS + 1))
    if len(found) > _MOST_ITEMS:
        raise TooHeavy(f"the bill has more than {_MOST_ITEMS} items")
    return found


def balance_of(reads: Reads, tenant_id: int, uid: str) -> dict[str, Decimal]:
    """What the account still owes on a bill, by currency; settled currencies are left out."""
    owed: dict[str, Decimal] = {}
    for order, line in lines_of_bill(reads, tenant_id, uid):
        if cancelled_at(order, line) is None:
            owed[order.currency] = owed.get(order.currency, ZERO) + line.gross
    for record in payments_of_bill(reads, tenant_id, uid):
        payment: Payment = record.doc
        owed[payment.currency] = owed.get(payment.currency, ZERO) - payment.amount
    return {currency: value for currency, value in owed.items() if value}


async def get_bills(session: Session, body: GetBills) -> Answer:
    by: str = "all"
    values: tuple[str, ...] = ()
    state = None
    if body.State is not None:
        state = BILL_STATES.get(body.State)
        if state is None:
            raise invalid(WireFault("State", "value", "Open or Closed"))
    accounts = (*lowered(body.CustomerIds), *lowered(body.AccountIds))
    for name, given in (
        ("uid", lowered(body.BillIds)),
        ("account", accounts),
        ("state", () if state is None else (state.value,)),
    ):
        if given:
            by, values = name, given
            break
    created = window(body.CreatedUtc, "CreatedUtc")
    updated = window(body.UpdatedUtc, "UpdatedUtc")
    closed = window(body.ClosedUtc, "ClosedUtc")
    due = window(body.DueUtc, "DueUtc")
    paid = window(body.PaidUtc, "PaidUtc")

    def keep(bill: Bill) -> bool:
        is_paid = bill.state is BillState.CLOSED and bill.kind == "receipt"
        due_at = str(bill.data.get("due", ""))
        return (
            bill.state is not BillState.DELETED
            and (state is None or bill.state is state)
            and (not accounts or bill.account in accounts)
            and is_within(bill.created_at, created)
            and is_within(bill.updated_at, updated)
            and (closed is None or (bill.closed_at > 0 and is_within(bill.closed_at, closed)))
            and (paid is None or (is_paid and is_within(bill.closed_at, paid)))
            and (due is None or (bool(due_at) and is_within(parse_instant(due_at, "Due"), due)))
        )

    listed = RecordList("bill", by=by, values=values, keep=keep)
    with_items = body.Extent is not None and body.Extent.Items is True
    limit = body.Limitation.Count
    if with_items:
        limit = min(limit, _MOST_SHOWN_WITH_ITEMS)

    def look(reads: Reads) -> list[dict[str, Any]]:
        found = listed.page(reads, session.tenants, limit, cursor_of(body.Limitation))
        return [_with_items(reads, record, with_items=with_items) for record in found]

    shown = await session.call.hub.read(look)
    cursor = shown[-1]["Id"] if shown else None
    return session.answer({"Bills": shown, "Cursor": cursor}, empty=not shown)


def _with_items(reads: Reads, record: Record, *, with_items: bool) -> dict[str, Any]:
    tenant_id = record.tenant_id
    enterprise = enterprise_uid_of(reads, tenant_id)
    if not with_items:
        return shown_bill(record, enterprise)
    closed_at = record.doc.closed_at or None
    closed = {} if closed_at is None else {record.uid: closed_at}
    return shown_bill(
        record,
        enterprise,
        [
            order_item(order, line, enterprise, closed)
            for order, line in lines_of_bill(reads, tenant_id, record.uid)
        ],
        [
            shown_payment(payment, enterprise, closed_at)
            for payment in payments_of_bill(reads, tenant_id, record.uid)
        ],
    )


async def add_bills(session: Session, body: AddBills) -> Answer:
    now = await session.now_us()

    def look(reads: Reads) -> tuple[list[Account], str]:
        accounts = [
            account_of(reads, session.tenant_id, each.AccountId.lower(), "AccountId")
            for each in body.Bills
        ]
        for each in body.Bills:
            if each.AssociatedAccountId:
                uid = each.AssociatedAccountId.lower()
                account_of(reads, session.tenant_id, uid, "AssociatedAccountId")
        return accounts, enterprise_uid_of(reads, session.tenant_id)

    accounts, enterprise = await session.call.hub.read(look)
    changes = []
    for given, account in zip(body.Bills, accounts, strict=True):
        data: dict[str, Any] = {}
        if given.Name:
            data["name"] = given.Name
        if given.AssociatedAccountId:
            data["associated"] = [given.AssociatedAccountId.lower()]
        bill = Bill(
            account=given.AccountId.lower(),
            account_kind=account.kind,
            created_at=now,
            updated_at=now,
            data=data,
        )
        changes.append(RecordChange(kind="bill", doc=bill, keys=bill_keys(bill)))
    command = PutRecords(
        origin=session.origin(),
        changes=tuple(changes),
        exists=tuple(("account", "uid", each.AccountId.lower()) for each in body.Bills),
    )

    def answer(accepted: Accepted) -> Answer:
        bills = [shown_bill(record, enterprise) for record in accepted.records]
        return Answer(200, encode({"Bills": bills}))

    return await session.call.submit(command, answer)


async def delete_bills(session: Session, body: DeleteBills) -> Answer:
    """A deleted bill is kept, unseen, so that nothing can be put on it any more."""
    now = await session.now_us()
    uids = lowered(body.BillIds)

    def look(reads: Reads) -> tuple[list[Record], str]:
        found = [open_bill(reads, session.tenant_id, uid) for uid in uids]
        used = reads.lines(LineQuery(tenant_id=session.tenant_id, bills=uids, limit=1))
        paid = [uid for uid in uids if payments_of_bill(reads, session.tenant_id, uid)]
        return found, "used" if used or paid else ""

    found, used = await session.call.hub.read(look)
    if used:
        return error(session.call, 403, "Only empty bills can be deleted.")
    changes = []
    for record in found:
        bill = replace(record.doc, state=BillState.DELETED, updated_at=now)
        changes.append(
            RecordChange(
                kind="bill",
                id=record.id,
                if_version=record.version,
                doc=bill,
                keys=bill_keys(bill),
            )
        )
    command = PutRecords(origin=session.origin(), changes=tuple(changes))
    return await session.call.submit(command, lambda _accepted: nothing(session.call))


async def close_bill(session: Session, body: CloseBill) -> Answer:
    """A receipt is paid in full; an invoice is balanced by an invoice payment of what is still owed."""
    kind = BILL_TYPES.get(body.Type)
    if kind is None:
        raise invalid(WireFault("Type", "value", "Receipt or Invoice"))
    data = _closing_data(body, kind)
    now = await session.now_us()
    tenant_id = session.tenant_id

    def look(reads: Reads) -> tuple[Record, dict[str, Decimal], str]:
        record = open_bill(reads, tenant_id, body.BillId.lower())
        balance = balance_of(reads, tenant_id, record.uid)
        return record, balance, enterprise_uid_of(reads, tenant_id)

    record, balance, enterprise = await session.call.hub.read(look)
    if kind == "receipt" and balance:
        return error(session.call, 403, "A bill must be paid in full to be closed as a receipt.")
    bill = replace(
        record.doc,
        state=BillState.CLOSED,
        kind=kind,
        number=str(record.id),
        notes=_updated(body.Notes, record.doc.notes) or "",
        updated_at=now,
        closed_at=now,
        data={**record.doc.data, **data},
    )
    changes = [
        RecordChange(
            kind="bill", id=record.id, if_version=record.version, doc=bill, keys=bill_keys(bill)
        )
    ]
    for currency, owed in balance.items():
        payment = Payment(
            account=bill.account,
            bill=record.uid,
            currency=currency,
            amount=owed,
            kind="invoice",
            created_at=now,
            updated_at=now,
        )
        changes.append(
            RecordChange(kind="account_payment", doc=payment, keys=payment_keys(payment))
        )
    command = PutRecords(origin=session.origin(), changes=tuple(changes))

    def answer(accepted: Accepted) -> Answer:
        return Answer(200, encode({"Bills": [shown_bill(accepted.records[0], enterprise)]}))

    return await session.call.submit(command, answer)


def _closing_data(body: CloseBill, kind: str) -> dict[str, Any]:
    """What closing sets on the bill. Dates and the variable symbol belong to invoices only."""
    found: dict[str, Any] = {}
    for name, key in (
        ("TaxedDate", "taxed"),
        ("DueDate", "due"),
        ("VariableSymbol", "variable_symbol"),
    ):
        value = _updated(getattr(body, name), None)
        if value is None:
            continue
        if kind != "invoice":
            raise invalid(WireFault(name, "value", f"{name} belongs to invoices"))
        found[key] = value if key == "variable_symbol" else f"{parse_date(value, name)}T00:00:00Z"
    tax_identifier = _updated(body.TaxIdentifier, None)
    if tax_identifier is not None:
        found["tax_identifier"] = tax_identifier
    if body.BillCounterId:
        found["counter"] = body.BillCounterId.lower()
    if body.FiscalMachineId:
        found["fiscal_machine"] = body.FiscalMachineId.lower()
    options = body.Options
    if options is not None:
        for key, update in (
            ("display_customer", options.DisplayCustomer),
            ("display_taxation", options.DisplayTaxation),
        ):
            if update is not None and update.Value is not None:
                found[key] = update.Value
    if body.Address is not None:
        found["address"] = {
            name: value
            for name in body.Address.__struct_fields__
            if (value := getattr(body.Address, name)) is not None
        }
    return found


def _updated(update: StringUpdate | None, kept: str | None) -> str | None:
    """Absent = keep, null = clear."""
    return kept if update is None else update.Value
