"""Payments that were taken outside and settle bills."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from orderhub.core.accounts import AccountKind, Payment
from orderhub.core.billing import TakePayment
from orderhub.core.commands import PlaceOrder
from orderhub.core.facts import Accepted, Record
from orderhub.core.queries import Reads
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, WireFault, invalid
from orderhub.dialects.mews.access import Properties, Session
from orderhub.dialects.mews.mapping import finite
from orderhub.dialects.mews.paging import (
    RecordList,
    choice,
    choices,
    cursor_of,
    is_within,
    lowered,
    window,
)
from orderhub.dialects.mews.show import STATES, amount, closed_bills
from orderhub.dialects.mews.times import utc
from orderhub.dialects.mews.wire import AddExternalPayment, GetPayments

PAYMENT_TYPES = (
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
)
# The types of external payments that bills call by their own name; the rest is `Other` there.
_TYPES_OF_BILLS = frozenset(
    [
        "Cash",
        "Unspecified",
        "BadDebts",
        "WireTransfer",
        "ExchangeRateDifference",
        "ExchangeRoundingDifference",
        "BankCharges",
        "Cheque",
    ]
)
# Types of payments by which of ours they find: every one, one kind, or none that the hub takes.
_KINDS = {
    "Payment": "",
    "ExternalPayment": "external",
    "InvoicePayment": "invoice",
    "CreditCardPayment": None,
    "AlternativePayment": None,
    "CashPayment": None,
    "GhostPayment": None,
    "TaxDeductedPayment": None,
}
_PAYMENT_STATES = ("Charged", "Canceled", "Pending", "Failed", "Verifying")
_WINDOWS = ("CreatedUtc", "UpdatedUtc", "ChargedUtc", "ClosedUtc", "SettlementUtc")
# Where a refusal of core.billing is not about the parameter that FIELDS names.
_FIELDS = {
    "bill": "BillId",
    "category": "AccountingCategoryId",
    "reservation": "ReservationId",
    "currency": "Currency",
    "amount": "GrossValue",
}


def settled_at(payment: Payment) -> int | None:
    """Money taken outside is settled at once, an invoice when it is paid."""
    return None if payment.kind == "invoice" else payment.created_at


def accounting_state(payment: Payment, closed_at: int | None) -> str:
    return "Inactive" if not payment.amount else "Open" if closed_at is None else "Closed"


def shown_payment(record: Record, enterprise: str, closed_at: int | None) -> dict[str, Any]:
    """A payment is a negative amount: it takes off what the account owes."""
    payment: Payment = record.doc
    value = amount(payment.currency, -payment.amount, -payment.amount, [])
    is_invoice = payment.kind == "invoice"
    external = {
        "Type": payment.data.get("type", "Unspecified"),
        "ExternalIdentifier": payment.reference or None,
    }
    return {
        "Id": record.uid,
        "EnterpriseId": enterprise or None,
        "AccountId": payment.account,
        "AccountType": "Company" if payment.account_kind is AccountKind.COMPANY else "Customer",
        "PaymentRequestId": None,
        "BillId": payment.bill or None,
        "ReservationId": payment.reservation or None,
        "AccountingCategoryId": payment.category or None,
        "Amount": value,
        "OriginalAmount": value,
        "Notes": payment.notes or None,
        "SettlementId": None,
        "ConsumedUtc": utc(payment.created_at),
        "ClosedUtc": utc(closed_at),
        "ChargedUtc": utc(payment.created_at),
        "CreatedUtc": utc(payment.created_at),
        "UpdatedUtc": utc(payment.updated_at),
        "SettlementUtc": utc(settled_at(payment)),
        "AccountingState": accounting_state(payment, closed_at),
        "State": "Charged",
        "Identifier": payment.reference or None,
        "Type": "InvoicePayment" if is_invoice else "ExternalPayment",
        "Kind": None,
        "Data": {
            "Discriminator": "Invoice" if is_invoice else "External",
            "CreditCard": None,
            "Invoice": {"InvoiceId": payment.bill, "Type": "Receivable"} if is_invoice else None,
            "External": None if is_invoice else external,
            "Ghost": None,
            "Alternative": None,
        },
        "PaymentOrigin": "BillBalancing" if is_invoice else "Api",
    }


_OF_BILLS = (
    "Id",
    "AccountId",
    "BillId",
    "AccountingCategoryId",
    "Amount",
    "OriginalAmount",
    "Notes",
    "SettlementId",
    "ConsumedUtc",
    "ClosedUtc",
    "AccountingState",
    "State",
    "Identifier",
)


def bill_payment(record: Record, closed_at: int | None) -> dict[str, Any]:
    """A payment as bills show theirs: an older shape, with another `Data`."""
    item = shown_payment(record, "", closed_at)
    external = item["Data"]["External"]
    if external is None:
        data: dict[str, Any] = {
            "Discriminator": "Invoice",
            "Value": {"InvoiceId": item["BillId"]},
        }
    else:
        kind = external["Type"]
        data = {"Discriminator": kind if kind in _TYPES_OF_BILLS else "Other", "Value": None}
    return {**{name: item[name] for name in _OF_BILLS}, "AmountDefault": None, "Data": data}


async def add_external_payment(session: Session, body: AddExternalPayment) -> Answer:
    name = "AccountId" if body.AccountId else "CustomerId"
    uid = (body.AccountId or body.CustomerId or "").lower()
    if not uid:
        raise invalid(WireFault("AccountId", "missing", "AccountId is required"))
    command = PlaceOrder(
        origin=session.origin(),
        terms=TakePayment(
            account=uid,
            bill=(body.BillId or "").lower(),
            currency=body.Amount.Currency,
            amount=_payment_amount(body),
            category=(body.AccountingCategoryId or "").lower(),
            reservation=(body.ReservationId or "").lower(),
            reference=body.ExternalIdentifier or "",
            notes=body.Notes or "",
            data={"type": choice(body.Type, "Type", PAYMENT_TYPES) or "Unspecified"},
            may_refund=session.may("rebates"),
            may_charge_companies=session.may("company_billing", default=True),
        ),
    )

    def answer(accepted: Accepted) -> Answer:
        return Answer(200, encode({"ExternalPaymentId": accepted.records[0].uid}))

    session.call.spelling = lambda field: _FIELDS.get(field, name)
    return await session.call.respond(command, answer)


def _payment_amount(body: AddExternalPayment) -> Decimal:
    """A payment is not taxed: net and gross are the same, either will do. A 0 beside an amount is none."""
    given = body.Amount
    net = finite(given.NetValue, "Amount.NetValue")
    gross = finite(given.GrossValue, "Amount.GrossValue")
    value = gross or (gross if net is None else net)
    if value is None:
        raise invalid(WireFault("Amount.GrossValue", "missing", "GrossValue is required"))
    if net and net != value:
        raise invalid(WireFault("Amount.NetValue", "value", "a payment is not taxed"))
    return value


async def get_payments(session: Session, body: GetPayments) -> Answer:
    windows = {name: window(getattr(body, name), name) for name in _WINDOWS}
    payments, bills, accounts, reservations = (
        lowered(each)
        for each in (body.PaymentIds, body.BillIds, body.AccountIds, body.ReservationIds)
    )
    if not any((payments, bills, accounts, reservations, *windows.values())):
        raise invalid(WireFault("PaymentIds", "missing", "at least one filter is needed"))
    states = choices(
        [*(body.AccountingStates or ()), *([body.AccountingState] if body.AccountingState else ())],
        "AccountingStates",
        STATES,
    )
    # Every payment of the hub was made.
    charged = "Charged" in (choices(body.States, "States", _PAYMENT_STATES) or {"Charged"})
    kind = _KINDS[choice(body.Type, "Type", _KINDS) or "Payment"]

    def keep(payment: Payment) -> bool:
        settled = settled_at(payment)
        return (
            charged
            and kind in ("", payment.kind)
            and (not bills or payment.bill in bills)
            and (not accounts or payment.account in accounts)
            and (not reservations or payment.reservation in reservations)
            and (not body.Currency or payment.currency == body.Currency)
            and is_within(payment.created_at, windows["CreatedUtc"])
            and is_within(payment.updated_at, windows["UpdatedUtc"])
            and is_within(payment.created_at, windows["ChargedUtc"])
            and (windows["SettlementUtc"] is None or settled is not None)
            and is_within(settled or 0, windows["SettlementUtc"] if settled else None)
        )

    def sift(reads: Reads, records: Sequence[Record]) -> list[Record]:
        closed = _closed(reads, records)
        closed_within = windows["ClosedUtc"]
        return [
            record
            for record in records
            if (not states or accounting_state(record.doc, closed.get(record.uid)) in states)
            and (
                closed_within is None
                or (record.uid in closed and is_within(closed[record.uid], closed_within))
            )
        ]

    by, values = next(
        (
            (name, given)
            for name, given in (("uid", payments), ("bill", bills), ("account", accounts))
            if given
        ),
        ("all", ()),
    )
    listed = RecordList("account_payment", by=by, values=values, keep=keep, sift=sift)

    def look(reads: Reads) -> list[dict[str, Any]]:
        limitation = body.Limitation
        found = listed.page(reads, session.tenants, limitation.Count, cursor_of(limitation))
        closed, properties = _closed(reads, found), Properties(reads)
        return [
            shown_payment(record, properties.of(record.tenant_id).uid, closed.get(record.uid))
            for record in found
        ]

    shown = await session.call.hub.read(look)
    cursor = shown[-1]["Id"] if shown else None
    return session.answer({"Payments": shown, "Cursor": cursor}, empty=not shown)


def _closed(reads: Reads, records: Sequence[Record]) -> dict[str, int]:
    """When the bills of these payments were closed, by the payments' ids."""
    found: dict[str, int] = {}
    for tenant_id in {record.tenant_id for record in records}:
        here = [record for record in records if record.tenant_id == tenant_id]
        bills = tuple({record.doc.bill for record in here if record.doc.bill})
        closed = closed_bills(reads, tenant_id, bills)
        found |= {r.uid: closed[r.doc.bill] for r in here if r.doc.bill in closed}
    return found
