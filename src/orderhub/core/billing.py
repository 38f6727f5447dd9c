"""Bills settled: payments put on them, bills closed and deleted.

What is on a bill is counted where the change is committed: a charge that arrives meanwhile either
is on the bill, or finds it closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core.accounts import (
    Account,
    AccountKind,
    Bill,
    BillState,
    Payment,
    bill_keys,
    payment_keys,
)
from orderhub.core.business import Business, Loads, LockKey
from orderhub.core.commands import OrderName, PlaceOrder, Terms
from orderhub.core.facts import Accepted, Facts, IdQuota, NewIds, OrderLoad, Record, RecordKey
from orderhub.core.money import ZERO, is_storable, kept, rounded
from orderhub.core.queries import cancelled_at
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.tax import TaxRules
from orderhub.core.values import Order

_PAYMENT = "account_payment"


class TakePayment(Terms, frozen=True, kw_only=True):
    """Money an account paid outside, put on one of its open bills or (bill empty) on none."""

    account: str
    bill: str = ""
    currency: str
    amount: Decimal  # positive for money received
    category: str = ""
    reservation: str = ""
    reference: str = ""
    notes: str = ""
    data: dict[str, Any] = msgspec.field(default_factory=dict)
    may_refund: bool = False  # negative amounts
    may_charge_companies: bool = True


class CloseBill(Terms, frozen=True, kw_only=True):
    """A receipt is paid in full; an invoice is balanced by an invoice payment of what is still owed.

    notes       None = as they are
    associates  accounts that `data` speaks of: the bill must concern them
    data        merged over the bill's
    """

    bill: str
    kind: str  # `receipt` or `invoice`
    notes: str | None = None
    associates: tuple[str, ...] = ()
    data: dict[str, Any] = msgspec.field(default_factory=dict)


class DeleteBills(Terms, frozen=True, kw_only=True):
    """All of them, or none. A deleted bill is kept, unseen, so that nothing can be put on it any more."""

    bills: tuple[str, ...]


def owed(facts: Facts, tenant: int, bill: str) -> dict[str, Decimal]:
    """What the account still owes on a bill, by currency; settled currencies are left out.

    Three may share 10.60 as 3.5333 each: less than half of the least amount that a line can have is owed by nobody.
    """
    found: dict[str, Decimal] = {}
    for order in facts.orders(tenant, OrderName("bill", bill)):
        for line in order.lines:
            if cancelled_at(order, line) is None:
                found[order.currency] = found.get(order.currency, ZERO) + line.gross
    for record in facts.records(tenant, _PAYMENT, "bill", bill):
        payment: Payment = record.doc
        found[payment.currency] = found.get(payment.currency, ZERO) - payment.amount
    settings = facts.settings(tenant)
    return {
        currency: value
        for currency, value in found.items()
        if rounded(value, TaxRules.of(settings, currency).digits)
    }


def refused_bill(bill: Bill | None, uid: str, account: str = "") -> Rejected | None:
    """Why nothing can be put on a bill: there is none, it is closed, or (account given) another's."""
    if bill is None or bill.state is BillState.DELETED:
        return Rejected(Reason.BILL_UNKNOWN, "bill", f"no bill {uid}")
    if bill.state is not BillState.OPEN:
        return Rejected(Reason.BILL_CLOSED, "bill", "the bill is closed")
    if account and bill.account != account:
        return Rejected(Reason.BILL_OF_OTHER_ACCOUNT, "bill", "the bill is another account's")
    return None


def refused_account(account: Account | None, uid: str, *, companies: bool) -> Rejected | None:
    if account is None or not account.active:
        return Rejected(Reason.ACCOUNT_UNKNOWN, "account", f"no account {uid}")
    if account.kind is AccountKind.COMPANY and not companies:
        return Rejected(Reason.ACCOUNT_UNKNOWN, "account", "the caller may not charge companies")
    return None


def refused_on_closed_bill(order: Order, facts: Facts, field: str) -> Rejected | None:
    """Why nothing of an order can be cancelled or refunded any more: a closed bill says that it was sold."""
    bill = facts.doc(order.tenant_id, "bill", "uid", order.bill) if order.bill else None
    if bill is None or bill.state is not BillState.CLOSED:
        return None
    return Rejected(Reason.TRANSITION_NOT_ALLOWED, field, "what is on a closed bill stands")


def bill_name(uid: str) -> LockKey:
    """What whoever puts something on a bill, closes or deletes it holds until the commit."""
    return ("bill", "uid", uid)


def _now(command: PlaceOrder, facts: Facts) -> int:
    return command.origin.now(facts.settings(command.origin.tenant_id).clock)


def _with_bill(record: Record, **members: Any) -> Record:
    bill = msgspec.structs.replace(record.doc, **members)
    return msgspec.structs.replace(
        record, doc=bill, version=record.version + 1, keys=bill_keys(bill)
    )


def _payment(tenant: int, record_id: int, uid: str, payment: Payment) -> Record:
    return Record(
        tenant_id=tenant,
        kind=_PAYMENT,
        id=record_id,
        uid=uid,
        code="",
        doc=payment,
        keys=payment_keys(payment),
    )


# --- payments


def _payment_loads(command: PlaceOrder, _facts: Facts) -> Iterator[RecordKey]:
    terms = command.terms
    assert isinstance(terms, TakePayment)
    for kind, uid in (
        ("account", terms.account),
        ("bill", terms.bill),
        ("accounting_category", terms.category),
        ("reservation", terms.reservation),
    ):
        if uid:
            yield RecordKey(command.origin.tenant_id, kind, "uid", uid)


def take(command: PlaceOrder, facts: Facts, ids: NewIds) -> Accepted | Rejected:
    """The payment, first among the records."""
    terms = command.terms
    assert isinstance(terms, TakePayment)
    tenant = command.origin.tenant_id
    refusal = _refused_payment(terms, facts, tenant)
    if refusal is not None:
        return refusal
    now = _now(command, facts)
    account: Account = facts.doc(tenant, "account", "uid", terms.account)
    payment = Payment(
        account=terms.account,
        account_kind=account.kind,
        bill=terms.bill,
        currency=terms.currency,
        amount=kept(terms.amount),
        category=terms.category,
        reservation=terms.reservation,
        reference=terms.reference,
        notes=terms.notes,
        created_at=now,
        updated_at=now,
        data=terms.data,
    )
    records = [_payment(tenant, ids.records[_PAYMENT][0], ids.uids[0], payment)]
    if terms.bill:
        bill = facts.record(tenant, "bill", "uid", terms.bill)
        assert bill is not None
        records.append(_with_bill(bill, updated_at=now))
    return Accepted(records=tuple(records))


def _refused_payment(terms: TakePayment, facts: Facts, tenant: int) -> Rejected | None:
    account = facts.doc(tenant, "account", "uid", terms.account)
    refusal = refused_account(account, terms.account, companies=terms.may_charge_companies)
    if refusal is None and terms.bill:
        bill = facts.doc(tenant, "bill", "uid", terms.bill)
        refusal = refused_bill(bill, terms.bill, terms.account)
    if refusal is not None:
        return refusal
    for reason, kind, field, uid in (
        (Reason.CATEGORY_UNKNOWN, "accounting_category", "category", terms.category),
        (Reason.REFERENCE_UNKNOWN, "reservation", "reservation", terms.reservation),
    ):
        found = facts.doc(tenant, kind, "uid", uid) if uid else None
        if uid and (found is None or not found.active):
            return Rejected(reason, field, f"no {field} {uid}")
    if not facts.settings(tenant).accepts(terms.currency):
        return Rejected(Reason.CURRENCY_NOT_ENABLED, "currency", f"{terms.currency} is not enabled")
    if terms.amount < ZERO and not terms.may_refund:
        return Rejected(Reason.REBATE_NOT_PERMITTED, "amount", "a negative payment")
    if not is_storable(kept(terms.amount)):
        return Rejected(
            Reason.AMOUNT_OUT_OF_RANGE,
            "amount",
            "at most 12 digits before the point",
        )
    return None


def _payment_id_quota(_command: PlaceOrder, _facts: Facts) -> IdQuota:
    return IdQuota(records=((_PAYMENT, 1),), uids=1)


def _payment_lock_keys(command: PlaceOrder) -> Iterator[LockKey]:
    terms = command.terms
    assert isinstance(terms, TakePayment)
    if terms.bill:
        yield bill_name(terms.bill)


# --- closing


def _bill_loads(tenant: int, uid: str) -> Iterator[RecordKey | OrderLoad]:
    """A bill and everything that was put on it."""
    yield RecordKey(tenant, "bill", "uid", uid)
    yield RecordKey(tenant, _PAYMENT, "bill", uid)
    yield OrderLoad(tenant, OrderName("bill", uid))


def _close_loads(command: PlaceOrder, facts: Facts) -> Loads:
    terms = command.terms
    assert isinstance(terms, CloseBill)
    tenant = command.origin.tenant_id
    yield from _bill_loads(tenant, terms.bill)
    bill: Bill | None = facts.doc(tenant, "bill", "uid", terms.bill)
    if bill is not None:
        for uid in (bill.account, *bill.associated):
            yield RecordKey(tenant, "account", "uid", uid)


def close(command: PlaceOrder, facts: Facts, ids: NewIds) -> Accepted | Rejected:
    """The closed bill, then the invoice payments that balance it."""
    terms = command.terms
    assert isinstance(terms, CloseBill)
    tenant = command.origin.tenant_id
    record = facts.record(tenant, "bill", "uid", terms.bill)
    refusal = refused_bill(None if record is None else record.doc, terms.bill)
    if refusal is not None:
        return refusal
    assert record is not None
    bill: Bill = record.doc
    if not set(terms.associates) <= set(bill.associated):
        return Rejected(Reason.ACCOUNT_UNKNOWN, "associates", "the bill does not concern them")
    balance = owed(facts, tenant, terms.bill)
    if terms.kind == "receipt" and balance:
        return Rejected(Reason.TRANSITION_NOT_ALLOWED, "bill", f"still owed: {balance}")
    now = _now(command, facts)
    accounts = {
        uid: account
        for uid in (bill.account, *bill.associated)
        if (account := facts.doc(tenant, "account", "uid", uid)) is not None
    }
    closed = _with_bill(
        record,
        state=BillState.CLOSED,
        kind=terms.kind,
        number=str(record.id),
        notes=bill.notes if terms.notes is None else terms.notes,
        updated_at=now,
        closed_at=now,
        accounts=accounts,
        data={**bill.data, **terms.data},
    )
    payments = [
        _payment(
            tenant,
            record_id,
            uid,
            Payment(
                account=bill.account,
                account_kind=bill.account_kind,
                bill=terms.bill,
                currency=currency,
                amount=value,
                kind="invoice",
                created_at=now,
                updated_at=now,
            ),
        )
        for (currency, value), record_id, uid in zip(
            balance.items(), ids.records.get(_PAYMENT, ()), ids.uids, strict=True
        )
    ]
    return Accepted(records=(closed, *payments))


def _close_id_quota(command: PlaceOrder, facts: Facts) -> IdQuota:
    terms = command.terms
    assert isinstance(terms, CloseBill)
    count = len(owed(facts, command.origin.tenant_id, terms.bill))
    return IdQuota(records=((_PAYMENT, count),), uids=count) if count else IdQuota()


def _close_lock_keys(command: PlaceOrder) -> Iterator[LockKey]:
    terms = command.terms
    assert isinstance(terms, CloseBill)
    yield bill_name(terms.bill)


# --- deleting


def _delete_loads(command: PlaceOrder, _facts: Facts) -> Loads:
    terms = command.terms
    assert isinstance(terms, DeleteBills)
    for uid in terms.bills:
        yield from _bill_loads(command.origin.tenant_id, uid)


def delete(command: PlaceOrder, facts: Facts, _ids: NewIds) -> Accepted | Rejected:
    """Only bills that nothing was ever put on, not even what was cancelled since."""
    terms = command.terms
    assert isinstance(terms, DeleteBills)
    tenant = command.origin.tenant_id
    now = _now(command, facts)
    deleted = []
    for uid in terms.bills:
        record = facts.record(tenant, "bill", "uid", uid)
        refusal = refused_bill(None if record is None else record.doc, uid)
        if refusal is not None:
            return refusal
        assert record is not None
        if facts.orders(tenant, OrderName("bill", uid)) or facts.records(
            tenant, _PAYMENT, "bill", uid
        ):
            return Rejected(Reason.TRANSITION_NOT_ALLOWED, "bill", f"bill {uid} is not empty")
        deleted.append(_with_bill(record, state=BillState.DELETED, updated_at=now))
    return Accepted(records=tuple(deleted))


def _delete_lock_keys(command: PlaceOrder) -> Iterator[LockKey]:
    terms = command.terms
    assert isinstance(terms, DeleteBills)
    return map(bill_name, terms.bills)


def _nothing_id_quota(_command: PlaceOrder, _facts: Facts) -> IdQuota:
    return IdQuota()


BUSINESSES = (
    Business(
        name="TakePayment",
        terms=TakePayment,
        place=take,
        loads=_payment_loads,
        id_quota=_payment_id_quota,
        lock_keys=_payment_lock_keys,
    ),
    Business(
        name="CloseBill",
        terms=CloseBill,
        place=close,
        loads=_close_loads,
        id_quota=_close_id_quota,
        lock_keys=_close_lock_keys,
    ),
    Business(
        name="DeleteBills",
        terms=DeleteBills,
        place=delete,
        loads=_delete_loads,
        id_quota=_nothing_id_quota,
        lock_keys=_delete_lock_keys,
    ),
)
