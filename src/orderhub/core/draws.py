"""Draws that come out the same whatever else is drawn meanwhile, as long as enough is left.

Such a batch reads its pools without a lock and adds what it drew at its very end, on a condition. Whatever depends on
how much there is to the unit is decided under the lock: the last units, what is told of a pool, adjustments.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from orderhub.core.alerts import untold_from
from orderhub.core.facts import Accepted, Facts, PoolLoad
from orderhub.core.pools import MONEY_KINDS
from orderhub.core.values import Pool, PoolKey

# So many units a command, at most most of the time. Who draws more is decided twice where it gets close.
_UNITS = 8


class Draw(msgspec.Struct, frozen=True):
    """What a batch does to one pool. It holds while `least` is available and `low_at` is what it was."""

    key: PoolKey
    drawn: int
    returned: int
    least: int
    low_at: int


def are_ample(facts: Facts, loads: Iterable[PoolLoad], commands: int) -> bool:
    """Whether so many commands will hardly come near to the end of any of these pools, or to what is told of it.

    What they take of money nobody knows beforehand, nor that it is little beside what there is.
    """
    for load in loads:
        ahead = 0 if load.kind in MONEY_KINDS else _UNITS * commands
        for pool in facts.pools(load.tenant_id, load.kind, load.subject).values():
            if pool.available < untold_from(pool, facts) + ahead:
                return False
    return True


def draws_of(facts: Facts, accepted: Iterable[Accepted]) -> list[Draw] | None:
    """What was accepted, pool by pool in the order of keys; None: it depends on how much there is.

    `facts` are those after all of it.
    """
    sums: dict[PoolKey, list[int]] = {}  # drawn, returned, the most that was gone at any time
    for each in accepted:
        if each.opened or each.low_marks:
            return None
        for move in each.moves:
            drawn_returned = sums.setdefault(move.key, [0, 0, 0])
            if move.kind == "draw":
                drawn_returned[0] += move.units
            elif move.kind == "return":
                drawn_returned[1] += move.units
            else:
                return None
            drawn, returned, most = drawn_returned
            drawn_returned[2] = max(most, drawn - returned)
    found = []
    for key, (drawn, returned, most) in sorted(sums.items()):
        pool = facts.pool(key)
        assert pool is not None
        least = untold_from(pool, facts) + most
        if _before(pool, drawn, returned) < least:
            return None
        found.append(Draw(key, drawn, returned, least, pool.low_at))
    return found


def _before(pool: Pool, drawn: int, returned: int) -> int:
    return pool.available + drawn - returned
