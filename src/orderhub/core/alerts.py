"""What is told of pools: that little is left, nothing, or enough again.

A pool is at a level: `enough`, `low` (no more than its `low_at`), `out`. Each move that takes it to another level is
told once. Nothing is told of a pool that is opened, nor when `low_at` itself changes: then the next move counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec

from orderhub.core.commands import Origin
from orderhub.core.facts import Accepted, Facts, PoolLoad, RecordKey
from orderhub.core.pools import MONEY_KINDS, stated
from orderhub.core.values import Notice, Pool, PoolKey
from orderhub.core.webhooks import OFF

LOW, OUT, BACK = "pool.low", "pool.out", "pool.back"
NOTICE_KINDS = (LOW, OUT, BACK, OFF)
# Goods and places are watched always. Redemptions and balances run out by nature: only where a pool says `low_at`.
_OF_ITEMS = frozenset(("stock", "seats", "rooms"))
_SIGNS = {"draw": -1, "return": 1, "adjustment": 1}
_LEVELS = ("enough", "low", "out")
_ENOUGH, _LOW, _OUT = range(3)


def item_loads(load: PoolLoad, facts: Facts) -> Iterator[RecordKey]:
    """The items whose `low_at` holds for these pools, as far as they are not known yet; asked until there are none."""
    if load.kind not in _OF_ITEMS:
        return
    kind, number = _item(load.subject)
    if not number:
        return
    doc = facts.known_doc(load.tenant_id, kind, number)
    if doc is not None and kind == "variant":
        kind, number = "product", doc.product_id
        doc = facts.known_doc(load.tenant_id, kind, number)
    key = RecordKey(load.tenant_id, kind, "id", str(number))
    if doc is None and not facts.knows(key):
        yield key


@lru_cache(4_096)
def _item(subject: str) -> tuple[str, int]:
    """`variant:3` as its parts; `("", 0)` for what is no item."""
    kind, _, number = subject.partition(":")
    if kind in ("product", "variant") and number.isdecimal():
        return kind, int(number)
    return "", 0


def _items(key: PoolKey, facts: Facts) -> list[Any]:
    """The variant and the product, or the product, that the pool counts, where they are known."""
    kind, number = _item(key.subject) if key.kind in _OF_ITEMS else ("", 0)
    doc = facts.known_doc(key.tenant_id, kind, number) if number else None
    if doc is None:
        return []
    if kind == "product":
        return [doc]
    product = facts.known_doc(key.tenant_id, "product", doc.product_id)
    return [doc] if product is None else [doc, product]


def _low_at(key: PoolKey, of_pool: int, facts: Facts) -> int | None:
    """What is little here; None: nobody watches the pool."""
    if of_pool:
        return of_pool
    if key.kind not in _OF_ITEMS:
        return None
    return facts.derived(
        key.tenant_id,
        ("low_at", key.subject),
        lambda: next((each.low_at for each in _items(key, facts) if each.low_at), 0),
    )


def untold_from(pool: Pool, facts: Facts) -> int:
    """While no less than this is in the pool, there is nothing to tell of it."""
    low_at = _low_at(pool.key, pool.low_at, facts)
    return 0 if low_at is None else low_at + 1


def _level(available: int, low_at: int) -> int:
    if available <= 0:
        return _OUT
    return _LOW if available <= low_at else _ENOUGH


def told(accepted: Accepted, origin: Origin, facts: Facts) -> Accepted:
    """The same decision with what it tells of pools. `facts` are those before it."""
    if not accepted.moves:
        return accepted
    sums: dict[PoolKey, int] = {}
    for move in accepted.moves:
        if move.kind in _SIGNS:
            sums[move.key] = sums.get(move.key, 0) + _SIGNS[move.kind] * move.units
    marks = dict(accepted.low_marks)
    notices = []
    for key, by in sums.items():
        pool = facts.pool(key)
        if pool is None or not by:
            continue
        low_at = _low_at(key, marks.get(key, pool.low_at), facts)
        if low_at is None:
            continue
        available = pool.available
        before, after = _level(available, low_at), _level(available + by, low_at)
        if before == after:
            continue
        kind = BACK if after < before else OUT if after == _OUT else LOW
        data = _data(pool, by, low_at, after)
        items = _items(key, facts)
        data |= {"code": items[0].code} if items and items[0].code else {}
        notices.append(_notice(kind, data, accepted, origin, facts))
    if not notices:
        return accepted
    return msgspec.structs.replace(accepted, notices=(*accepted.notices, *notices))


def _data(pool: Pool, by: int, low_at: int, level: int) -> dict[str, Any]:
    key = pool.key

    def units(count: int) -> int | str:
        return stated(key.kind, count) if key.kind in MONEY_KINDS else count

    return {
        "kind": key.kind,
        "subject": key.subject,
        "place": key.place,
        "level": _LEVELS[level],
        "available": units(pool.available + by),
        "by": units(by),
        "low_at": units(low_at),
    }


def _notice(
    kind: str, data: dict[str, Any], accepted: Accepted, origin: Origin, facts: Facts
) -> Notice:
    orders = (accepted.placed or accepted.changed)[:1]
    return Notice(
        tenant_id=origin.tenant_id,
        kind=kind,
        occurred_at=origin.now(facts.settings(origin.tenant_id).clock),
        recorded_at=origin.recorded_at,
        actor=origin.actor,
        data=data | ({"order": orders[0].uid} if orders else {}),
        request_id=origin.request_id,
    )
