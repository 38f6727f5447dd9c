"""What is told of accounts and payments: which there are, and nothing of them."""

from decimal import Decimal

import pytest

from orderhub.core import alerts, news
from orderhub.core.accounts import Account, AccountKind, Payment
from orderhub.core.catalogue import Product
from orderhub.core.commands import Origin
from orderhub.core.facts import Accepted, Facts, Record, RecordKey
from orderhub.core.feed import KINDS
from orderhub.core.values import Settings

ORIGIN = Origin(tenant_id=1, channel="test", actor="tester", recorded_at=7, request_id="r")
GUEST = Account(first_name="Ada", last_name="Byron", email="ada@guests.example")
PAID = Payment(account="a", currency="EUR", amount=Decimal(1), notes="by card 4111")


def told(*docs, version=1):
    facts = Facts()
    settings = Record(
        tenant_id=1, kind="settings", id=0, uid="", code="", doc=Settings(name="shop")
    )
    facts.learn_records(RecordKey(1, "settings", "id", "0"), [settings])
    records = tuple(
        Record(tenant_id=1, kind="x", id=nth, uid=f"u{nth}", code="", doc=doc, version=version)
        for nth, doc in enumerate(docs)
    )
    accepted = Accepted(records=records)
    return news.told(alerts.told(accepted, ORIGIN, facts), ORIGIN, facts).notices


@pytest.mark.parametrize(
    ("doc", "version", "kind", "data"),
    [
        (GUEST, 1, "account.added", {"account": "u0", "kind": "customer"}),
        (GUEST, 2, "account.changed", {"account": "u0", "kind": "customer"}),
        (
            Account(kind=AccountKind.COMPANY),
            1,
            "account.added",
            {"account": "u0", "kind": "company"},
        ),
        (PAID, 1, "payment.added", {"payment": "u0", "account": "a"}),
    ],
)
def test_that_it_is_there_is_told_and_nothing_of_it(doc, version, kind, data):
    (notice,) = told(doc, version=version)
    assert (notice.kind, notice.data) == (kind, data)
    assert (notice.actor, notice.request_id, notice.recorded_at) == ("tester", "r", 7)
    assert kind in KINDS


def test_a_payment_on_a_bill_names_it():
    (notice,) = told(Payment(account="a", currency="EUR", bill="b"))
    assert notice.data == {"payment": "u0", "account": "a", "bill": "b"}


def test_of_other_records_nothing_is_told():
    assert told(Product(id=1), Settings(name="shop"), {"first_name": "Ada"}) == ()


def test_each_record_is_told_once():
    assert [each.kind for each in told(GUEST, PAID, GUEST)] == [
        "account.added",
        "payment.added",
        "account.added",
    ]
