"""Payments that were taken outside and settle bills."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from orderhub.core.accounts import Account, AccountKind, BillState, Payment
from orderhub.core.commands import PutRecords, RecordChange
from orderhub.core.known import Accepted, Record
from orderhub.core.money import is_storable
from orderhub.core.queries import Reads, RecordQuery
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.contract import Answer, Refused, WireFault, invalid
from orderhub.dialects.mews.items import amount
from orderhub.dialects.mews.keys import bill_keys, payment_keys
from orderhub.dialects.mews.mapping import finite
from orderhub.dialects.mews.paging import (
    RecordList,
    cursor_of,
    is_within,
    lowered,
    window,
)
from orderhub.dialects.mews.session import Session, enterprise_of
from orderhub.dialects.mews.times import utc
from orderhub.dialects.mews.wire import (
    AddExternalPayment,
    GetPayments,
)
from orderhub.dialects.wiring import encode

PAYMENT_TYPES = frozenset(
    [
        "Unspecified",
        "BadDebts",
        "Bacs",
        "WireTransfer",
        "Invoice",
        "ExchangeRateDifference",
        "Complimentary",
        "Reseller",
        "ExchangeRoundingDifference",
        "Barter",
        "Commission",
        "BankCharges",
        "CrossSettlement",
        "Cash",
        "CreditCard",
        "Prepayment",
        "Cheque",
        "Bancontact",
        "IDeal",
        "PayPal",
        "GiftCard",
        "LoyaltyPoints",
        "ChequeVacances",
        "OnlinePayment",
        "CardCheck",
        "PaymentHubRedirection",
        "Voucher",
        "MasterCard",
        "Visa",
        "Amex",
        "Discover",
        "DinersClub",
        "Jcb",
        "UnionPay",
        "Twint",
        "Reka",
        "LoyaltyCard",
        "PosDiningAndSpaReward",
        "DirectDebit",
        "DepositCheck",
        "DepositCash",
        "DepositCreditCard",
        "DepositWireTransfer",
    ]
)
# The payments of one bill that are looked at.
_MOST_PAYMENTS = 5_000


def shown_payment(record: Record, enterprise: str, closed_at: int | None) -> dict[str, Any]:
    """A payment is a negative amount: it takes off what the account owes."""
    payment: Payment = record.doc
    value = amount(payment.currency, -payment.amount, -payment.amount, [])
    is_invoice = payment.kind == "invoice"
    external = {
        "Type": payment.data.get("type", "Unspecified"),
        "ExternalIdentifier": payment.reference or None,
    }
    state = "Inactive" if not payment.amount else "Open" if closed_at is None else "Closed"
    return {
        "Id": record.uid,
        "EnterpriseId": enterprise or None,
        "AccountId": payment.account,
        "AccountType": payment.data.get("account_type"),
        "BillId": payment.bill or None,
        "ReservationId": payment.data.get("reservation"),
        "AccountingCategoryId": payment.data.get("category"),
        "Amount": value,
        "OriginalAmount": value,
        "Notes": payment.notes or None,
        "SettlementId": None,
        "ConsumedUtc": utc(payment.created_at),
        "ClosedUtc": utc(closed_at),
        "ChargedUtc": utc(payment.created_at),
        "CreatedUtc": utc(payment.created_at),
        "UpdatedUtc": utc(payment.updated_at),
        "AccountingState": state,
        "State": "Charged",
        "Identifier": payment.reference or None,
        "Type": "InvoicePayment" if is_invoice else "ExternalPayment",
        "Data": {
            "Discriminator": "Invoice" if is_invoice else "External",
            "CreditCard": None,
            "Invoice": {"InvoiceId": payment.bill} if is_invoice else None,
            "External": None if is_invoice else external,
        },
    }


def account_of(reads: Reads, tenant_id: int, uid: str, name: str) -> Account:
    record = reads.record(tenant_id, "account", "uid", uid)
    if record is None or not record.doc.active:
        raise invalid(WireFault(name, "value", f"no account {uid}"))
    account: Account = record.doc
    return account


def open_bill(reads: Reads, tenant_id: int, uid: str) -> Record:
    """The bill, which must be open: it is refused as unknown or closed otherwise."""
    record = reads.record(tenant_id, "bill", "uid", uid)
    if record is None or record.doc.state is BillState.DELETED:
        raise Refused(Rejected(Reason.BILL_UNKNOWN, "bill", f"no bill {uid}"))
    if record.doc.state is not BillState.OPEN:
        raise Refused(Rejected(Reason.BILL_CLOSED, "bill", "the bill is closed"))
    return record


def payments_of_bill(reads: Reads, tenant_id: int, uid: str) -> tuple[Record, ...]:
    return reads.records(
        RecordQuery(
            tenant_id=tenant_id,
            kind="account_payment",
            by="bill",
            values=(uid,),
            newest_first=True,
            limit=_MOST_PAYMENTS,
        )
    )


def enterprise_uid_of(reads: Reads, tenant_id: int) -> str:
    enterprise = enterprise_of(reads, tenant_id)
    return "" if enterprise is None else enterprise.uid


async def add_external_payment(session: Session, body: AddExternalPayment) -> Answer:
    name = "AccountId" if body.AccountId else "CustomerId"
    uid = (body.AccountId or body.CustomerId or "").lower()
    if not uid:
        raise invalid(WireFault("CustomerId", "missing", "CustomerId is required"))
    if body.Type is not None and body.Type not in PAYMENT_TYPES:
        raise invalid(WireFault("Type", "value", "no such type of external payment"))
    value = _payment_amount(body)
    if value < 0 and not session.may("rebates"):
        raise Refused(Rejected(Reason.REBATE_NOT_PERMITTED, "price", "a negative payment"))
    settings = await session.settings()
    if not settings.accepts(body.Amount.Currency):
        raise Refused(Rejected(Reason.CURRENCY_NOT_ENABLED, "lines[0].currency"))
    now = settings.clock.at(session.call.received_at)
    category = (body.AccountingCategoryId or "").lower()
    tenant_id = session.tenant_id

    def look(reads: Reads) -> tuple[Account, Record | None]:
        account = account_of(reads, tenant_id, uid, name)
        if category and reads.record(tenant_id, "accounting_category", "uid", category) is None:
            raise Refused(Rejected(Reason.CATEGORY_UNKNOWN, "lines[0].category"))
        if not body.BillId:
            return account, None
        record = open_bill(reads, tenant_id, body.BillId.lower())
        if record.doc.account != uid:
            raise Refused(Rejected(Reason.BILL_OF_OTHER_ACCOUNT, "bill"))
        return account, record

    account, bill = await session.call.hub.read(look)
    data: dict[str, Any] = {
        "type": body.Type or "Unspecified",
        "account_type": "Company" if account.kind is AccountKind.COMPANY else "Customer",
    }
    if category:
        data["category"] = category
    if body.ReservationId:
        data["reservation"] = body.ReservationId.lower()
    payment = Payment(
        account=uid,
        bill="" if bill is None else bill.uid,
        currency=body.Amount.Currency,
        amount=value,
        reference=body.ExternalIdentifier or "",
        notes=body.Notes or "",
        created_at=now,
        updated_at=now,
        data=data,
    )
    changes = [RecordChange(kind="account_payment", doc=payment, keys=payment_keys(payment))]
    if bill is not None:
        # Written with its version, so that the bill cannot be closed at the same moment.
        touched = replace(bill.doc, updated_at=now)
        changes.append(
            RecordChange(
                kind="bill",
                id=bill.id,
                if_version=bill.version,
                doc=touched,
                keys=bill_keys(touched),
            )
        )
    command = PutRecords(origin=session.origin(), changes=tuple(changes))

    def answer(accepted: Accepted) -> Answer:
        return Answer(200, encode({"ExternalPaymentId": accepted.records[0].uid}))

    return await session.call.submit(command, answer)


def _payment_amount(body: AddExternalPayment) -> Decimal:
    """A payment is not taxed: net and gross are the same, either will do."""
    given = body.Amount
    value = given.GrossValue if given.GrossValue is not None else given.NetValue
    if value is None:
        raise invalid(WireFault("Amount.GrossValue", "missing", "GrossValue is required"))
    if given.NetValue is not None and given.GrossValue is not None and value != given.NetValue:
        raise invalid(WireFault("Amount.NetValue", "value", "a payment is not taxed"))
    if finite(value, "Amount.GrossValue") is None or not is_storable(value):
        raise invalid(WireFault("Amount.GrossValue", "value", "the amount cannot be kept"))
    return value


async def get_payments(session: Session, body: GetPayments) -> Answer:
    windows = {
        name: window(getattr(body, name), name)
        for name in ("CreatedUtc", "UpdatedUtc", "ChargedUtc", "ClosedUtc")
    }
    filters = (body.PaymentIds, body.BillIds, body.AccountIds, *windows.values())
    if not any(filters):
        raise invalid(WireFault("PaymentIds", "missing", "at least one filter is needed"))
    states = frozenset(body.AccountingStates or ()) | frozenset(
        [body.AccountingState] if body.AccountingState else []
    )
    by: str = "all"
    values: tuple[str, ...] = ()
    for name, given in (
        ("uid", lowered(body.PaymentIds)),
        ("bill", lowered(body.BillIds)),
        ("account", lowered(body.AccountIds)),
    ):
        if given:
            by, values = name, given
            break
    bills, accounts = frozenset(lowered(body.BillIds)), frozenset(lowered(body.AccountIds))
    charged = body.States is None or not body.States or "Charged" in body.States
    kinds = {
        None: None,
        "Payment": None,
        "ExternalPayment": "external",
        "InvoicePayment": "invoice",
    }
    kind = kinds.get(body.Type, "none")

    def keep(payment: Payment) -> bool:
        return (
            charged
            and (kind is None or payment.kind == kind)
            and (not bills or payment.bill in bills)
            and (not accounts or payment.account in accounts)
            and (not body.Currency or payment.currency == body.Currency)
            and is_within(payment.created_at, windows["CreatedUtc"])
            and is_within(payment.updated_at, windows["UpdatedUtc"])
            and is_within(payment.created_at, windows["ChargedUtc"])
        )

    listed = RecordList("account_payment", by=by, values=values, keep=keep)

    def look(reads: Reads) -> tuple[list[dict[str, Any]], str | None]:
        limitation = body.Limitation
        found = listed.page(reads, session.tenants, limitation.Count, cursor_of(limitation))
        shown = []
        for record in found:
            bill = reads.record(record.tenant_id, "bill", "uid", record.doc.bill)
            closed_at = bill.doc.closed_at if bill is not None and bill.doc.closed_at else None
            row = shown_payment(record, enterprise_uid_of(reads, record.tenant_id), closed_at)
            is_closed_then = windows["ClosedUtc"] is None or (
                closed_at is not None and is_within(closed_at, windows["ClosedUtc"])
            )
            if is_closed_then and (not states or row["AccountingState"] in states):
                shown.append(row)
        return shown, found[-1].uid if found else None

    shown, cursor = await session.call.hub.read(look)
    return session.answer({"Payments": shown, "Cursor": cursor}, empty=cursor is None)
