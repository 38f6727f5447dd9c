"""What is counted, as people know it: a pool with the item that it counts, and whether little of it is left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import msgspec

from orderhub.core.money import from_micros
from orderhub.core.pools import MONEY_KINDS
from orderhub.core.queries import Reads, RecordQuery
from orderhub.core.values import Pool, PoolKey
from orderhub.web.desk.language import N_
from orderhub.web.desk.statuses import Badge

POOL = "/desk/stock/pool"
OUT, LOW, ENOUGH = range(3)
LEVELS: tuple[Badge, ...] = (
    Badge(N_("used up"), "bad"),
    Badge(N_("low"), "wait"),
    Badge(N_("enough"), "ok"),
)
# Kinds of record that a pool's subject may name.
_ITEMS = ("product", "variant", "coupon")
_OF_ITEMS = frozenset(("stock", "seats", "rooms"))

Items = Mapping[tuple[str, int], Any]
Held = Mapping[PoolKey, int] | None
# As many orders that wait for their payment are looked through, whenever stock is shown.
_MOST_UNPAID = 2_000


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """A pool as a list has it. Figures are units, of a balance amounts of money.

    counted  all that there ever was, sold or not
    sold     drawn by orders and not given back, of which
    held     is by orders that wait for their payment; None where these are too many to look through
    low_at   so many are little; 0 = nothing is
    """

    key: PoolKey
    code: str
    title: str
    counted: int | Decimal
    sold: int | Decimal
    held: int | Decimal | None
    available: int | Decimal
    low_at: int | Decimal
    level: int
    is_money: bool

    @property
    def path(self) -> str:
        return path_of_pool(self.key)

    @property
    def currency(self) -> str:
        """Of a balance that is of one; empty = that of the business, as of a user's."""
        return "" if ":" in self.key.subject else self.key.subject

    @property
    def badge(self) -> Badge:
        return LEVELS[self.level]

    @property
    def order(self) -> tuple[int, str, str]:
        """Low first."""
        return self.level, self.key.subject, self.key.place


def path_of_pool(key: PoolKey) -> str:
    names = {"kind": key.kind, "subject": key.subject, "place": key.place}
    return f"{POOL}?{urlencode({name: each for name, each in names.items() if each})}"


def named(reads: Reads, tenant_id: int, subjects: Iterable[str]) -> Items:
    """The items that subjects of pools name, and the products of variants; those that are gone are missing."""
    wanted: dict[str, set[int]] = {kind: set() for kind in _ITEMS}
    for subject in subjects:
        kind, number = item_of(subject)
        if kind in wanted:
            wanted[kind].add(number)
    found: dict[tuple[str, int], Any] = {}
    for kind in ("variant", "coupon", "product"):
        if not wanted[kind]:
            continue
        ids = tuple(map(str, sorted(wanted[kind])))
        query = RecordQuery(tenant_id=tenant_id, kind=kind, by="id", values=ids, limit=len(ids))
        found.update(((kind, each.id), each.doc) for each in reads.records(query))
        if kind == "variant":
            wanted["product"].update(doc.product_id for _, doc in [*found.items()])
    return found


def item_of(subject: str) -> tuple[str, int]:
    """`variant:3` as its parts; `("", 0)` for what names no item."""
    kind, _, number = subject.partition(":")
    return (kind, int(number)) if number.isascii() and number.isdecimal() else ("", 0)


def counted(pool: Pool, items: Items, held: Held = None) -> Counted:
    """A pool as it is shown. `held` as `Reads.held` tells it."""
    low_at = pool.low_at or _low_at(pool.key, items)
    level = OUT if pool.available <= 0 else LOW if pool.available <= low_at else ENOUGH
    code, title = names_of(pool.key.subject, items)
    kind = pool.key.kind
    waiting = None if held is None else held.get(pool.key, 0)
    return Counted(
        key=pool.key,
        code=code,
        title=title,
        counted=_figure(kind, pool.opening + pool.adjusted),
        sold=_figure(kind, pool.drawn - pool.returned),
        held=None if waiting is None else _figure(kind, waiting),
        available=_figure(kind, pool.available),
        low_at=_figure(kind, low_at),
        level=level,
        is_money=kind in MONEY_KINDS,
    )


def held_in(reads: Reads, tenant_id: int) -> Held:
    return reads.held(tenant_id, _MOST_UNPAID)


def rows_of(reads: Reads, pools: tuple[Pool, ...], held: Held = None) -> tuple[Counted, ...]:
    """Pools of one tenant, in their order."""
    if not pools:
        return ()
    items = named(reads, pools[0].key.tenant_id, {pool.key.subject for pool in pools})
    return tuple(counted(pool, items, held) for pool in pools)


def names_of(subject: str, items: Items) -> tuple[str, str]:
    """The code and the title of what is counted; without an item its subject."""
    doc = items.get(item_of(subject))
    if doc is None:
        return subject, ""
    product = items.get(("product", doc.product_id)) if subject.startswith("variant:") else None
    title = doc.title or (product.title if product else "")
    return doc.code or subject, title


def _low_at(key: PoolKey, items: Items) -> int:
    """What the item says is little: the variant, else its product."""
    doc = items.get(item_of(key.subject)) if key.kind in _OF_ITEMS else None
    if doc is None:
        return 0
    product = items.get(("product", doc.product_id)) if key.subject.startswith("variant:") else None
    return int(doc.low_at or (product.low_at if product else 0))


def _figure(kind: str, units: int) -> int | Decimal:
    return from_micros(units) if kind in MONEY_KINDS else units
