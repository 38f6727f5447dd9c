"""What a pool may be called: a slip of the pen is refused with the field named, and opens nothing."""

from __future__ import annotations

from datetime import date

import pytest

from orderhub.core import decide
from orderhub.core.catalogue import Product, Variant, Warehouse, keys_of_variant
from orderhub.core.commands import AdjustPool, Origin
from orderhub.core.coupons import Coupon, CouponClaim
from orderhub.core.departures import Departures
from orderhub.core.facts import Accepted, Facts, NewIds, Record, RecordKey
from orderhub.core.memberships import User
from orderhub.core.quotes import Tour
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Pool, PoolKey, Settings

SEASON = Departures(first=date(2030, 5, 1), last=date(2030, 5, 31), weekdays=(1,))
DOCS = {
    ("settings", 0): Settings(name="shop", currency="EUR", currencies=("USD",)),
    ("product", 5): Product(id=5, code="HAT"),
    ("product", 6): Product(id=6, code="COAT"),
    ("variant", 60): Variant(id=60, product_id=6, code="COAT-M"),
    ("variant", 61): Variant(id=61, product_id=6, code="COAT-S", stocked=False),
    ("product", 7): Product(id=7, code="EBOOK", stocked=False),
    ("product", 8): Product(id=8, kind="tour"),
    ("tour", 8): Tour(departures=(SEASON,)),
    ("product", 9): Product(id=9, code="OLD"),
    ("variant", 90): Variant(id=90, product_id=9, active=False),
    ("variant", 99): Variant(id=99, product_id=98),
    ("warehouse", 1): Warehouse(id=1, code="MAIN"),
    ("coupon", 1): Coupon(id=1, code="MANY", limited=True, per_user=2),
    ("coupon", 2): Coupon(id=2, code="FREE"),
    ("coupon_claim", 3): CouponClaim(id=3, coupon_id=1, user_id=10, claimed_at=0),
    ("user", 10): User(id=10),
}
# There from before: its warehouse is gone.
GONE = PoolKey(1, "stock", "product:5", "GONE")


def record(kind: str, number: int) -> Record:
    doc = DOCS[kind, number]
    keys = keys_of_variant(doc) if isinstance(doc, Variant) else ()
    code = getattr(doc, "code", "")
    return Record(tenant_id=1, kind=kind, id=number, uid="", code=code, doc=doc, keys=keys)


def names(each: Record, load: RecordKey) -> bool:
    if each.kind != load.kind:
        return False
    if load.by == "all":
        return True
    given = {"id": str(each.id), "code": each.code, **dict(each.keys)}
    return given.get(load.by) == load.value


def adjusted(known: Facts | None = None, **members: object) -> Accepted | Rejected:
    """Decided upon what it asks for and nothing else."""
    known = known or Facts()
    origin = Origin(tenant_id=1, channel="hub", actor="test", recorded_at=1)
    command = AdjustPool(origin=origin, reason="count", **members)
    every = [record(*name) for name in DOCS]
    while missing := [n for n in decide.loads(command, known) if not known.knows(n)]:
        for load in missing:
            known.learn_records(load, [each for each in every if names(each, load)])
    for load in decide.pool_loads(command, known):
        stands = (load.subject, load.place) == (GONE.subject, GONE.place)
        known.learn_pools(load, [Pool(key=GONE, opening=4)] if stands else [])
    decision = decide.decide(command, known, NewIds())
    if isinstance(decision, Accepted):
        known.apply(decision)
    return decision


def pool(kind: str, subject: str, place: str = "", **more: object) -> dict[str, object]:
    return {"kind": kind, "subject": subject, "place": place, "by": 5, **more}


OPENED = [
    pool("stock", "product:5", "MAIN"),
    pool("stock", "variant:60", "MAIN"),
    pool("stock", "product:9", "MAIN"),  # none of its variants is sold
    pool("seats", "product:8", "2030-05-06"),
    pool("coupon", "coupon:1"),
    pool("coupon", "coupon:1", "user:10"),
    pool("coupon", "coupon_claim:3"),
    pool("balance", "EUR"),
    pool("balance", "user:10"),
]


@pytest.mark.parametrize("members", OPENED, ids=str)
def test_a_pool_is_opened_under_names_that_the_catalogue_knows(members: dict[str, object]) -> None:
    decision = adjusted(**members)
    assert isinstance(decision, Accepted), decision
    assert [(m.kind, m.units) for m in decision.moves] == [("opening", 5)]


BY_CODE = [
    ("stock", "HAT", "product:5"),
    ("stock", "COAT-M", "variant:60"),
    ("coupon", "MANY", "coupon:1"),
]


@pytest.mark.parametrize(("kind", "code", "subject"), BY_CODE)
def test_an_item_is_named_by_its_code_too(kind: str, code: str, subject: str) -> None:
    place = "MAIN" if kind == "stock" else ""
    decision = adjusted(kind=kind, code=code, place=place, by=5)
    assert isinstance(decision, Accepted), decision
    assert decision.result.key == PoolKey(1, kind, subject, place)


REFUSED = [
    (pool("stok", "product:5", "MAIN"), "kind", Reason.REFERENCE_UNKNOWN),
    (pool("stock", "product:77", "MAIN"), "subject", Reason.PRODUCT_UNKNOWN),
    (pool("stock", "produkt:5", "MAIN"), "subject", Reason.PRODUCT_UNKNOWN),
    (pool("stock", "product:05", "MAIN"), "subject", Reason.PRODUCT_UNKNOWN),
    (pool("stock", f"product:{10**30}", "MAIN"), "subject", Reason.PRODUCT_UNKNOWN),
    (pool("stock", "variant:77", "MAIN"), "subject", Reason.VARIANT_UNKNOWN),
    (pool("stock", "variant:99", "MAIN"), "subject", Reason.VARIANT_UNKNOWN),
    (pool("stock", "coupon:1", "MAIN"), "subject", Reason.PRODUCT_UNKNOWN),
    (pool("stock", "product:5", "NOWHERE"), "place", Reason.WAREHOUSE_UNKNOWN),
    (pool("stock", "product:5"), "place", Reason.WAREHOUSE_UNKNOWN),
    (pool("stock", "product:7", "MAIN"), "subject", Reason.TRANSITION_NOT_ALLOWED),
    (pool("stock", "variant:61", "MAIN"), "subject", Reason.TRANSITION_NOT_ALLOWED),
    (pool("stock", "product:6", "MAIN"), "subject", Reason.TRANSITION_NOT_ALLOWED),
    (pool("stock", "product:8", "MAIN"), "subject", Reason.TRANSITION_NOT_ALLOWED),
    ({"kind": "stock", "code": "HATT", "place": "MAIN", "by": 5}, "code", Reason.PRODUCT_UNKNOWN),
    (pool("seats", "product:5", "2030-05-06"), "subject", Reason.TRANSITION_NOT_ALLOWED),
    (pool("seats", "product:77", "2030-05-06"), "subject", Reason.PRODUCT_UNKNOWN),
    (pool("seats", "product:8", "2030-05-07"), "place", Reason.DATE_UNAVAILABLE),
    (pool("seats", "product:8", "20300506"), "place", Reason.DATE_UNAVAILABLE),
    (pool("seats", "product:8", "MAIN"), "place", Reason.DATE_UNAVAILABLE),
    (pool("rooms", "product:8", "2030-05-06"), "subject", Reason.TRANSITION_NOT_ALLOWED),
    (pool("coupon", "coupon:77"), "subject", Reason.COUPON_UNKNOWN),
    (pool("coupon", "coupon:2"), "subject", Reason.TRANSITION_NOT_ALLOWED),
    (pool("coupon", "coupon:2", "user:10"), "subject", Reason.TRANSITION_NOT_ALLOWED),
    (pool("coupon", "coupon:1", "user:77"), "place", Reason.ACCOUNT_UNKNOWN),
    (pool("coupon", "coupon:1", "MAIN"), "place", Reason.ACCOUNT_UNKNOWN),
    (pool("coupon", "coupon_claim:3", "user:10"), "place", Reason.REFERENCE_UNKNOWN),
    (pool("balance", "dropship"), "subject", Reason.CURRENCY_NOT_ENABLED),
    (pool("balance", "USD"), "subject", Reason.CURRENCY_NOT_ENABLED),  # parcels are paid in EUR
    (pool("balance", "user:77"), "subject", Reason.ACCOUNT_UNKNOWN),
    (pool("balance", "EUR", "MAIN"), "place", Reason.REFERENCE_UNKNOWN),
    (pool("stock", "product:5", "MAIN", by=10**15 + 1), "by", Reason.AMOUNT_OUT_OF_RANGE),
    (pool("balance", "EUR", by=10**18 + 1), "by", Reason.AMOUNT_OUT_OF_RANGE),
    (pool("stock", "product:5", "MAIN", by=-1), "by", Reason.OUT_OF_STOCK),
]


@pytest.mark.parametrize(("members", "field", "reason"), REFUSED, ids=str)
def test_a_slip_of_the_pen_is_refused(
    members: dict[str, object], field: str, reason: Reason
) -> None:
    decision = adjusted(**members)
    assert isinstance(decision, Rejected), decision
    assert (decision.field, decision.reason) == (field, reason), decision.detail


def test_a_pool_whose_warehouse_is_gone_can_still_be_emptied() -> None:
    decision = adjusted(kind="stock", subject=GONE.subject, place=GONE.place, count=0)
    assert isinstance(decision, Accepted)
    assert [(m.kind, m.units) for m in decision.moves] == [("adjustment", -4)]


def test_a_count_says_what_is_left_and_said_again_changes_nothing() -> None:
    known = Facts()
    here = {"kind": "stock", "subject": "product:5", "place": "MAIN"}
    said = [adjusted(known, **here, count=count) for count in (0, 7, 7, 3)]
    assert all(isinstance(each, Accepted) for each in said)
    assert [[(m.kind, m.units) for m in each.moves] for each in said] == [
        [("opening", 0)],
        [("adjustment", 7)],
        [],
        [("adjustment", -4)],
    ]
    assert known.pools(1, "stock", "product:5")["MAIN"].available == 3


def test_money_that_runs_short_is_said_in_units_of_the_currency() -> None:
    decision = adjusted(**pool("balance", "EUR", by=-12_500_000))
    assert isinstance(decision, Rejected)
    assert decision.detail == "only 0 left"
