"""opening + adjusted - drawn + returned = available, never below zero, whatever is asked of a pool."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.core import adjustments
from orderhub.core.catalogue import Product, Warehouse
from orderhub.core.commands import AdjustPool, Origin
from orderhub.core.facts import Accepted, Facts, NewIds, PoolLoad, Record, RecordKey
from orderhub.core.pools import returns_of, shortage
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Move, Pool, PoolKey
from tests.support.examples import examples

AT = Origin(tenant_id=1, channel="hub", actor="test", recorded_at=1)
PLACES = ("A", "B")
SHIRT = PoolKey(1, "stock", "product:188", "A")


def adjust(by: int, place: str = "A", **more: object) -> AdjustPool:
    return AdjustPool(
        origin=AT, kind="stock", subject="product:188", place=place, by=by, reason="count", **more
    )


def known_with(*pools: Pool) -> Facts:
    """The shirt, two warehouses, and these pools of it."""
    known = Facts()
    docs = [
        ("product", "id", "188", Product(id=188)),
        *(("warehouse", "code", code, Warehouse(id=n, code=code)) for n, code in enumerate(PLACES)),
    ]
    for kind, by, value, doc in docs:
        found = Record(tenant_id=1, kind=kind, id=doc.id, uid="", code=doc.code, doc=doc)
        known.learn_records(RecordKey(1, kind, by, value), [found])
    known.learn_pools(PoolLoad(1, "stock", "product:188"), pools)
    return known


# What happens: adjust a place by so many units, an order draws on both places, an order gives back.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("adjust"), st.sampled_from(PLACES), st.integers(-9, 9)),
        st.tuples(st.just("draw"), st.integers(0, 4), st.integers(0, 4)),
        st.tuples(st.just("return"), st.integers(0, 9), st.just(0)),
    ),
    max_size=40,
)


@examples(200, shrink=True)
@given(STEPS)
def test_pools_are_conserved_under_any_sequence_of_commands(steps: list[tuple]) -> None:
    known = known_with()
    model = dict.fromkeys(PLACES, 0)  # what a child would count
    drawn: list[tuple[Move, ...]] = []
    moves: list[Move] = []
    for order_id, (what, first, second) in enumerate(steps, 1):
        if what == "adjust":
            decision = adjustments.adjust(adjust(second, first), known, NewIds())
            is_possible = model[first] + second >= 0
            assert isinstance(decision, Accepted) is is_possible
            if is_possible:
                model[first] += second
        elif what == "draw":
            keys = [PoolKey(1, "stock", "product:188", place) for place in PLACES]
            wanted = dict(zip(keys, (first, second), strict=True))
            took = tuple(Move(k, "draw", n, order_id, 1) for k, n in wanted.items() if n)
            refusal = shortage(known, took)
            is_possible = first <= model["A"] and second <= model["B"]
            assert (refusal is None) is is_possible
            decision = refusal or Accepted(moves=took)
            if is_possible:
                drawn.append(took)
                model["A"] -= first
                model["B"] -= second
        else:
            back = returns_of(drawn.pop(first % len(drawn)), "cancelled") if drawn else ()
            decision = Accepted(moves=back)
            for move in back:
                model[move.key.place] += move.units
        if isinstance(decision, Accepted):
            known.apply(decision)
            moves += decision.moves
        for place, units in model.items():
            pool = known.pool(PoolKey(1, "stock", "product:188", place))
            if pool is not None:
                is_kept(pool, units, [each for each in moves if each.key == pool.key])


def is_kept(pool: Pool, units: int, moves: list[Move]) -> None:
    assert pool.available == units >= 0
    assert pool.available == pool.opening + pool.adjusted - pool.drawn + pool.returned
    for kind, value in (
        ("opening", pool.opening),
        ("adjustment", pool.adjusted),
        ("draw", pool.drawn),
        ("return", pool.returned),
    ):
        assert value == sum(move.units for move in moves if move.kind == kind)


def test_draws_on_one_pool_are_summed_before_they_are_compared() -> None:
    known = known_with(Pool(key=SHIRT, opening=3))
    draws = [Move(SHIRT, "draw", 2, 1, line) for line in (1, 2)]
    refusal = shortage(known, draws)
    assert refusal is not None
    assert (refusal.reason, refusal.detail) == (
        Reason.OUT_OF_STOCK,
        "stock of product:188 at A: 4 wanted, 3 left",
    )


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("stock", Reason.OUT_OF_STOCK),
        ("seats", Reason.SOLD_OUT),
        ("rooms", Reason.SOLD_OUT),
        ("coupon", Reason.COUPON_USED_UP),
        ("balance", Reason.BALANCE_TOO_LOW),
    ],
)
def test_what_runs_short_says_what_it_was(kind: str, reason: Reason) -> None:
    refusal = shortage(Facts(), [Move(PoolKey(1, kind, "x"), "draw", 1)], field="f")
    assert refusal is not None
    assert (refusal.reason, refusal.field) == (reason, "f")


def test_a_pool_below_zero_is_a_bug_and_not_a_refusal() -> None:
    known = known_with(Pool(key=SHIRT, opening=1))
    with pytest.raises(AssertionError, match="below zero"):
        known.apply(Accepted(moves=(Move(SHIRT, "draw", 2, 1, 1),)))


ADJUSTMENTS = [
    # stands     by  what comes of it
    (None,      5,  (5, "opening")),
    (None,      0,  (0, "opening")),
    (None,     -1,  Reason.OUT_OF_STOCK),
    (3,         2,  (5, "adjustment")),
    (3,        -3,  (0, "adjustment")),
    (3,        -4,  Reason.OUT_OF_STOCK),
]  # fmt: skip


@pytest.mark.parametrize(("stands", "by", "then"), ADJUSTMENTS)
def test_a_pool_is_opened_or_counted(stands: int | None, by: int, then: object) -> None:
    known = known_with() if stands is None else known_with(Pool(key=SHIRT, opening=stands))
    decision = adjustments.adjust(adjust(by), known, NewIds())
    if isinstance(decision, Rejected):
        assert decision.reason is then
        return
    known.apply(decision)
    (move,) = decision.moves
    assert (known.pools(1, "stock", "product:188")["A"].available, move.kind) == then
    assert move.reason == "count"
    assert msgspec.structs.asdict(decision.result)["key"] == SHIRT
