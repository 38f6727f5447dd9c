"""Bills settled: what is owed is counted from what is known at the moment of deciding."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from orderhub.core.accounts import Account, AccountKind, Bill, BillState, Payment, payment_keys
from orderhub.core.billing import CloseBill, DeleteBills, TakePayment, owed
from orderhub.core.commands import Origin, PlaceOrder
from orderhub.core.decide import decide, id_quota, loads, lock_keys
from orderhub.core.facts import Accepted, Facts, NewIds, OrderLoad, Record, RecordKey
from orderhub.core.refusals import Reason
from orderhub.core.values import Clock, ClockMode, Line, LineKind, Order, Settings, Status
from tests.support.documents import doc

NOW = 10**15
SETTINGS = Settings(
    name="hotel",
    currency="USD",
    currencies=("EUR",),
    clock=Clock(ClockMode.FROZEN, frozen_at_us=NOW),
)
PAID = Payment(account="ann", bill="bill", currency="USD", amount=Decimal(10))


def command(terms) -> PlaceOrder:
    return PlaceOrder(
        origin=Origin(tenant_id=1, channel="mews", actor="c1", recorded_at=NOW), terms=terms
    )


def charged(gross: str, currency="USD", **members) -> Order:
    amount = Decimal(gross)
    line = Line(
        line_no=1,
        kind=LineKind.CUSTOM_ITEM,
        title="Beer",
        quantity=1,
        unit_net=amount,
        unit_gross=amount,
        net=amount,
        tax=Decimal(0),
        gross=amount,
    )
    given = {
        "tenant_id": 1,
        "id": 5,
        "uid": f"order-{gross}-{currency}",
        "channel": "mews",
        "number": "5",
        "placed_by": "c1",
        "status": Status.PENDING,
        "currency": currency,
        "net": amount,
        "tax": Decimal(0),
        "total": amount,
        "bill": "bill",
        "occurred_at": NOW,
        "updated_at": NOW,
        "recorded_at": NOW,
        "doc": doc(),
        "lines": (line,),
    }
    return Order(**{**given, **members})


def known_to(asked, *orders: Order, payments=(), **bill) -> Facts:
    """Answers what the command asks for, as the ledger would."""
    known = Facts()
    rows = {
        "settings": [("", SETTINGS)],
        "account": [
            ("ann", Account(last_name="Smith")),
            ("gone", Account(active=False)),
            ("inc", Account(kind=AccountKind.COMPANY)),
        ],
        "bill": [("bill", Bill(account="ann", **bill))],
        "account_payment": [(f"p{n}", payment) for n, payment in enumerate(payments)],
    }
    while missing := [
        load
        for load in loads(asked, known)
        if not (load in known.loaded_orders if isinstance(load, OrderLoad) else known.knows(load))
    ]:
        for load in missing:
            if isinstance(load, OrderLoad):
                known.learn_orders(load, [o for o in orders if o.bill == load.name.value])
                continue
            found = [
                Record(tenant_id=1, kind=load.kind, id=number, uid=uid, code="", doc=doc)
                for number, (uid, doc) in enumerate(rows.get(load.kind, ()), 1)
                if load.by == "id"
                or (load.by == "uid" and uid == load.value)
                or (load.by, load.value) in (payment_keys(doc) if load.by == "bill" else ())
            ]
            known.learn_records(load, found)
    return known


def decided(terms, *orders: Order, payments=(), **bill):
    asked = command(terms)
    known = known_to(asked, *orders, payments=payments, **bill)
    want = id_quota(asked, known)
    records = {kind: tuple(range(100, 100 + n)) for kind, n in want.records}
    return decide(asked, known, NewIds(records=records, uids=("u1", "u2", "u3")[: want.uids]))


def test_what_is_owed_leaves_out_the_cancelled_and_the_settled():
    cancelled = charged("99", id=7, status=Status.CANCELLED)
    orders = [charged("10"), charged("3", "EUR", id=6), cancelled]
    terms = CloseBill(bill="bill", kind="invoice")
    known = known_to(command(terms), *orders, payments=(PAID,))
    assert owed(known, 1, "bill") == {"EUR": Decimal(3)}


def test_an_invoice_is_balanced_in_every_currency():
    accepted = decided(
        CloseBill(bill="bill", kind="invoice", data={"due": "x"}),
        charged("10"),
        charged("3", "EUR", id=6),
    )
    bill, *payments = accepted.records
    assert (bill.doc.state, bill.doc.number, bill.doc.closed_at) == (BillState.CLOSED, "1", NOW)
    assert bill.doc.accounts["ann"].last_name == "Smith"
    assert bill.doc.data == {"due": "x"}
    assert bill.version == 2
    assert {(p.doc.currency, p.doc.amount, p.doc.kind) for p in payments} == {
        ("USD", Decimal(10), "invoice"),
        ("EUR", Decimal(3), "invoice"),
    }


def test_a_receipt_is_paid_in_full():
    receipt = CloseBill(bill="bill", kind="receipt")
    assert decided(receipt, charged("10")).reason is Reason.TRANSITION_NOT_ALLOWED
    assert len(decided(receipt, charged("10"), payments=(PAID,)).records) == 1
    assert decided(receipt, payments=(PAID,)).reason is Reason.TRANSITION_NOT_ALLOWED


def shares(*amounts: str, currency="USD") -> tuple[Payment, ...]:
    return tuple(replace(PAID, currency=currency, amount=Decimal(each)) for each in amounts)


PARTS = [
    # charged  in      paid                                          still owed
    ("10.60",  "USD",  ("3.5333", "3.5333", "3.5333"),               {}),
    ("10.60",  "USD",  ("3.5334", "3.5334", "3.5334"),               {}),
    ("10.60",  "USD",  ("10.595001",),                               {}),
    ("10.60",  "USD",  ("10.595",),                                  {"USD": Decimal("0.005")}),
    ("10.60",  "USD",  ("10.605",),                                  {"USD": Decimal("-0.005")}),
    ("100",    "JPY",  ("33.3333", "33.3333", "33.3333"),            {}),
    ("1.000",  "KWD",  ("0.3333", "0.3333", "0.3333"),               {}),
    ("1.000",  "KWD",  ("0.333", "0.333", "0.333"),                  {"KWD": Decimal("0.001")}),
]  # fmt: skip


@pytest.mark.parametrize(("gross", "currency", "paid", "left"), PARTS)
@pytest.mark.parametrize("kind", ["receipt", "invoice"])
def test_what_is_too_small_for_any_line_is_owed_by_nobody(kind, gross, currency, paid, left):
    terms = CloseBill(bill="bill", kind=kind)
    given = {"payments": shares(*paid, currency=currency)}
    assert owed(known_to(command(terms), charged(gross, currency), **given), 1, "bill") == left
    decision = decided(terms, charged(gross, currency), **given)
    if left and kind == "receipt":
        assert decision.reason is Reason.TRANSITION_NOT_ALLOWED
    else:
        assert len(decision.records) == 1 + len(left)


def test_only_bills_that_nothing_was_ever_put_on_are_deleted():
    delete = DeleteBills(bills=("bill",))
    (deleted,) = decided(delete).records
    assert deleted.doc.state is BillState.DELETED
    for refused in (
        decided(delete, charged("10", status=Status.CANCELLED)),
        decided(delete, payments=(PAID,)),
    ):
        assert refused.reason is Reason.TRANSITION_NOT_ALLOWED
    assert decided(delete, state=BillState.CLOSED).reason is Reason.BILL_CLOSED
    assert decided(delete, state=BillState.DELETED).reason is Reason.BILL_UNKNOWN


def payment(**members) -> TakePayment:
    return TakePayment(**{"account": "ann", "currency": "USD", "amount": Decimal(1), **members})


def test_a_payment_is_put_on_the_bill():
    paid, bill = decided(payment(bill="bill")).records
    assert (paid.doc.bill, paid.doc.created_at) == ("bill", NOW)
    assert paid.keys == (("account", "ann"), ("bill", "bill"))
    assert bill.doc.updated_at == NOW
    assert decided(payment(amount=Decimal(-1), may_refund=True)).records


@pytest.mark.parametrize(
    ("terms", "bill", "reason", "field"),
    [
        (payment(account="none"), {}, Reason.ACCOUNT_UNKNOWN, "account"),
        (payment(account="gone"), {}, Reason.ACCOUNT_UNKNOWN, "account"),
        (
            payment(account="inc", may_charge_companies=False),
            {},
            Reason.ACCOUNT_UNKNOWN,
            "account",
        ),
        (payment(bill="none"), {}, Reason.BILL_UNKNOWN, "bill"),
        (payment(bill="bill"), {"state": BillState.CLOSED}, Reason.BILL_CLOSED, "bill"),
        (payment(bill="bill", account="inc"), {}, Reason.BILL_OF_OTHER_ACCOUNT, "bill"),
        (payment(category="none"), {}, Reason.CATEGORY_UNKNOWN, "category"),
        (payment(reservation="none"), {}, Reason.REFERENCE_UNKNOWN, "reservation"),
        (payment(currency="GBP"), {}, Reason.CURRENCY_NOT_ENABLED, "currency"),
        (payment(amount=Decimal(-1)), {}, Reason.REBATE_NOT_PERMITTED, "amount"),
        (payment(amount=Decimal("1e12")), {}, Reason.AMOUNT_OUT_OF_RANGE, "amount"),
        (
            CloseBill(bill="bill", kind="receipt", associates=("inc",)),
            {},
            Reason.ACCOUNT_UNKNOWN,
            "associates",
        ),
    ],
)
def test_a_refusal_names_its_field(terms, bill, reason, field):
    refused = decided(terms, **bill)
    assert (refused.reason, refused.field) == (reason, field)


@pytest.mark.parametrize(
    "terms",
    [
        payment(bill="bill"),
        CloseBill(bill="bill", kind="receipt"),
        DeleteBills(bills=("bill",)),
    ],
)
def test_whoever_touches_a_bill_holds_its_name(terms):
    assert list(lock_keys(command(terms))) == [("bill", "uid", "bill")]
    assert RecordKey(1, "bill", "uid", "bill") in set(
        loads(command(terms), known_to(command(terms)))
    )


def test_a_charge_decided_before_in_the_same_batch_is_counted():
    asked = command(CloseBill(bill="bill", kind="receipt"))
    known = known_to(asked)
    known.apply(Accepted(placed=(charged("10"),)))
    assert decide(asked, known, NewIds()).reason is Reason.TRANSITION_NOT_ALLOWED
