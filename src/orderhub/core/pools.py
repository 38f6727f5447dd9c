"""Drawing on pools: sum per pool first, then check each once, so that two lines never use the same last unit."""

from __future__ import annotations

from collections.abc import Iterable

from orderhub.core.facts import Facts
from orderhub.core.money import from_micros, plain
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Move, PoolKey

_SHORT = {
    "stock": Reason.OUT_OF_STOCK,
    "seats": Reason.SOLD_OUT,
    "rooms": Reason.SOLD_OUT,
    "coupon": Reason.COUPON_USED_UP,
    "balance": Reason.BALANCE_TOO_LOW,
}
POOL_KINDS = tuple(_SHORT)
# Counted in millionths of a currency, and stated in units of it.
MONEY_KINDS = ("balance",)


def stated(kind: str, units: int) -> str:
    """What a pool holds, as it is said: whole units, or an amount of money such as `12.5`."""
    return f"{plain(from_micros(units)):f}" if kind in MONEY_KINDS else str(units)


def shortage(facts: Facts, draws: Iterable[Move], *, field: str = "lines") -> Rejected | None:
    """The refusal of a set of draws, or None when every pool holds what all of them take together.

    A pool that does not exist holds nothing.
    """
    sums: dict[PoolKey, int] = {}
    for move in draws:
        sums[move.key] = sums.get(move.key, 0) + move.units
    for key, units in sums.items():
        pool = facts.pool(key)
        available = 0 if pool is None else pool.available
        if units > available:
            return Rejected(
                _SHORT.get(key.kind, Reason.OUT_OF_STOCK),
                field,
                f"{key.kind} of {key.subject}{f' at {key.place}' if key.place else ''}: "
                f"{stated(key.kind, units)} wanted, {stated(key.kind, available)} left",
            )
    return None


def returns_of(draws: Iterable[Move], reason: str) -> tuple[Move, ...]:
    """The moves that give back what draws took."""
    return tuple(
        Move(move.key, "return", move.units, move.order_id, move.line_no, reason) for move in draws
    )
