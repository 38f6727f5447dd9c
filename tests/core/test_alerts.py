"""What is told of pools: each move that takes one to another level, once."""

from typing import Any

import msgspec
import pytest

from orderhub.core import alerts
from orderhub.core.catalogue import Product, Variant
from orderhub.core.commands import Origin
from orderhub.core.facts import Accepted, Facts, PoolLoad, Record, RecordKey
from orderhub.core.values import Move, Notice, Pool, PoolKey, Settings

NOON = 1_700_000_000_000_000
ORIGIN = Origin(tenant_id=1, channel="test", actor="tester", recorded_at=NOON, request_id="r")


def record(kind: str, doc: Any) -> Record:
    return Record(tenant_id=1, kind=kind, id=getattr(doc, "id", 0), uid="", code="", doc=doc)


def facts(pool: Pool, *items: Product | Variant) -> Facts:
    known = Facts()
    given = [("settings", Settings(name="shop"))]
    given += [(type(each).__name__.lower(), each) for each in items]
    for kind, doc in given:
        each = record(kind, doc)
        known.learn_records(RecordKey(1, kind, "id", str(each.id)), [each])
    key = pool.key
    known.learn_pools(PoolLoad(1, key.kind, key.subject, key.place), [pool])
    return known


def stock(
    available: int, *, low_at: int = 0, subject: str = "product:7", kind: str = "stock"
) -> Pool:
    return Pool(key=PoolKey(1, kind, subject, "A"), opening=available, low_at=low_at)


def told(pool: Pool, *moves: tuple[str, int], items: tuple[Any, ...] = ()) -> tuple[Notice, ...]:
    accepted = Accepted(moves=tuple(Move(pool.key, kind, units) for kind, units in moves))
    return alerts.told(accepted, ORIGIN, facts(pool, *items)).notices


LOW, OUT, BACK = "pool.low", "pool.out", "pool.back"


@pytest.mark.parametrize(
    ("before", "low_at", "moves", "kind", "level"),
    [
        (10, 3, [("draw", 6)], None, None),
        (10, 3, [("draw", 7)], LOW, "low"),
        (10, 3, [("draw", 10)], OUT, "out"),
        (3, 3, [("draw", 1)], None, None),
        (3, 3, [("draw", 3)], OUT, "out"),
        (0, 3, [("return", 2)], BACK, "low"),
        (0, 3, [("return", 4)], BACK, "enough"),
        (3, 3, [("adjustment", 1)], BACK, "enough"),
        (4, 3, [("adjustment", -1)], LOW, "low"),
        (4, 3, [("adjustment", -4)], OUT, "out"),
        (1, 0, [("draw", 1)], OUT, "out"),
        (0, 0, [("return", 1)], BACK, "enough"),
        (5, 3, [("draw", 4), ("return", 4)], None, None),
        (5, 3, [("draw", 2), ("draw", 3)], OUT, "out"),
    ],
)
def test_a_pool_that_comes_to_another_level_is_told_once(
    before: int, low_at: int, moves: list[tuple[str, int]], kind: str | None, level: str | None
) -> None:
    notices = told(stock(before, low_at=low_at), *moves)
    assert [each.kind for each in notices] == ([kind] if kind else [])
    assert [each.data["level"] for each in notices] == ([level] if level else [])


def test_a_notice_says_which_pool_how_much_is_left_and_who_moved_it() -> None:
    pool = stock(10, subject="variant:3")
    items = (Variant(id=3, product_id=7, code="TEE_M"), Product(id=7, low_at=4))
    (notice,) = told(pool, ("draw", 8), items=items)
    assert notice == Notice(
        tenant_id=1,
        kind=LOW,
        occurred_at=NOON,
        recorded_at=NOON,
        actor="tester",
        request_id="r",
        data={
            "kind": "stock",
            "subject": "variant:3",
            "place": "A",
            "level": "low",
            "available": 2,
            "by": -8,
            "low_at": 4,
            "code": "TEE_M",
        },
    )


@pytest.mark.parametrize(
    ("pool_says", "variant_says", "product_says", "is_low_at"),
    [(0, 0, 0, 0), (0, 0, 5, 5), (0, 4, 5, 4), (3, 4, 5, 3), (3, 0, 0, 3)],
)
def test_the_pool_says_first_then_the_variant_then_the_product(
    pool_says: int, variant_says: int, product_says: int, is_low_at: int
) -> None:
    items = (Variant(id=3, product_id=7, low_at=variant_says), Product(id=7, low_at=product_says))
    pool = stock(9, low_at=pool_says, subject="variant:3")
    (notice,) = told(pool, ("draw", 9), items=items)
    assert notice.data["low_at"] == is_low_at


@pytest.mark.parametrize("kind", ["coupon", "balance"])
def test_redemptions_and_balances_are_told_of_only_where_their_pool_says_so(kind: str) -> None:
    assert told(stock(5, kind=kind, subject="user:7"), ("draw", 5)) == ()
    (notice,) = told(stock(5, kind=kind, subject="user:7", low_at=1), ("draw", 5))
    assert notice.kind == OUT


def test_money_is_told_as_an_amount() -> None:
    pool = stock(5_500_000, kind="balance", subject="USD", low_at=2_000_000)
    (notice,) = told(pool, ("draw", 4_000_000))
    said = {name: notice.data[name] for name in ("available", "by", "low_at")}
    assert said == {"available": "1.5", "by": "-4", "low_at": "2"}


def test_nothing_is_told_of_a_pool_that_is_opened() -> None:
    known = facts(stock(1))
    opened = Pool(key=PoolKey(1, "stock", "product:8", "A"), opening=0, low_at=5)
    accepted = Accepted(opened=(opened,), moves=(Move(opened.key, "opening", 0),))
    assert alerts.told(accepted, ORIGIN, known) is accepted


def test_a_new_mark_counts_for_the_move_it_comes_with() -> None:
    pool = stock(10)
    accepted = Accepted(moves=(Move(pool.key, "adjustment", -2),), low_marks=((pool.key, 8),))
    (notice,) = alerts.told(accepted, ORIGIN, facts(pool)).notices
    assert (notice.kind, notice.data["low_at"]) == (LOW, 8)


def test_items_are_asked_for_until_they_are_known() -> None:
    load = PoolLoad(1, "stock", "variant:3")
    known = Facts()
    assert [*alerts.item_loads(load, known)] == [RecordKey(1, "variant", "id", "3")]
    variant = record("variant", Variant(id=3, product_id=7))
    known.learn_records(RecordKey(1, "variant", "code", "TEE"), [variant])
    assert [*alerts.item_loads(load, known)] == [RecordKey(1, "product", "id", "7")]
    known.learn_records(RecordKey(1, "product", "id", "7"), [])
    assert [*alerts.item_loads(load, known)] == []
    assert [*alerts.item_loads(msgspec.structs.replace(load, kind="coupon"), Facts())] == []
    assert [*alerts.item_loads(PoolLoad(1, "stock", "variant:x"), Facts())] == []
