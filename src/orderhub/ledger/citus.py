"""What Citus refuses in the words of PostgreSQL, or would get wrong, in words that it takes. See docs/decisions/0039.

Locks are rows: an advisory lock is known to one node alone. A tenant's settings have one row for as long as there is
the tenant, and it bears three locks: whoever writes for the tenant shares it, whoever decides about names has it for
himself among those, and whoever removes the tenant has it alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from orderhub.ledger import bulk, tables
from orderhub.ledger.driver import Driver

Beyond = tuple[str, list[Any]]  # a number, or a query for one in brackets with its parameters

_ENCODER = msgspec.json.Encoder()
_TENANT = (
    "SELECT t.tenant_id FROM record AS t WHERE t.kind = 'settings' AND t.id = 0 "
    "AND t.tenant_id = ANY(CAST(%s AS bigint[])) ORDER BY t.tenant_id FOR {} OF t"
)
_STAY = _TENANT.format("KEY SHARE")
_STAY_WITH_ONE = _STAY.replace("= ANY(CAST(%s AS bigint[]))", "= %s")
_NAMES = _TENANT.format("NO KEY UPDATE")
_LEAVE = _TENANT.format("UPDATE")
_ADVANCE = (
    "UPDATE feed_lane AS t SET next = t.next + r.n, stamp = greatest(t.stamp, l.stamp) + 1 "
    "FROM json_to_recordset(CAST(%s AS json)) AS r(tenant_id bigint, n bigint), "
    "(SELECT tenant_id, max(stamp) AS stamp FROM feed_lane WHERE tenant_id = ANY(CAST(%s AS bigint[])) "
    "GROUP BY tenant_id) AS l "
    "WHERE t.tenant_id = r.tenant_id AND l.tenant_id = t.tenant_id AND t.lane = CAST(%s AS bigint) "
    "AND t.tenant_id = ANY(CAST(%s AS bigint[])) RETURNING t.tenant_id, t.next, t.stamp"
)

_NEWEST = "SELECT coalesce(max(stamp), 0) FROM feed_lane WHERE tenant_id = %s"
_ADVANCE_ONE = (
    "UPDATE feed_lane SET next = next + CAST(%s AS bigint), stamp = greatest(stamp, CAST(%s AS bigint)) + 1 "
    "WHERE tenant_id = %s AND lane = %s RETURNING tenant_id, next, stamp"
)
_FEW = 8


def stay_with(driver: Driver, tenants: Sequence[int]) -> None:
    """Until the commit, none of these tenants is removed or restored."""
    if len(tenants) == 1:
        driver.send(_STAY_WITH_ONE, (str(tenants[0]),))
    elif tenants:  # locks of nobody's rows are refused
        driver.send(_STAY, (bulk.array_of(tenants),))


def hold_names_of(driver: Driver, tenants: Iterable[int]) -> None:
    """Until the commit, nobody else decides about names of these tenants."""
    driver.send(_NAMES, (bulk.array_of(tenants),))


def leave(driver: Driver, tenant_id: int) -> None:
    """Until the commit, nobody else writes for the tenant: who has begun ends first."""
    driver.rows(_LEAVE, (bulk.array_of([tenant_id]),))


def advance(driver: Driver, counts: Mapping[int, int], lane: int) -> list[tuple[int, int, int]]:
    """So many places of each tenant's lane are taken: (tenant, the next that nobody has, the batch's stamp)."""
    found = _advanced(driver, counts, lane)
    missing = counts.keys() - {tenant_id for tenant_id, _, _ in found}
    if missing:
        lanes = [
            {"tenant_id": tenant_id, "lane": lane, "next": 0, "stamp": 0}
            for tenant_id in sorted(missing)
        ]
        bulk.insert(driver, tables.feed_lane, lanes, "DO NOTHING")
        found += _advanced(driver, {each: counts[each] for each in missing}, lane)
    return found


def few_pools(keys: Sequence[dict[str, Any]], *, lock: bool) -> tuple[str, list[Any]] | None:
    """The pools of one tenant, if they are few, in words that Citus sees through at a glance; None = too many."""
    tenants = {each["tenant_id"] for each in keys}
    if len(tenants) > 1 or len(keys) > _FEW:
        return None
    named = [tuple(name for name in each if name != "tenant_id") for each in keys]
    given = [bulk.as_text(tenants.pop())]
    for each, names in zip(keys, named, strict=True):
        given += [each[name] for name in names]
    return _pools_sql(tuple(named), lock=lock), given


@lru_cache(maxsize=256)
def _pools_sql(named: tuple[tuple[str, ...], ...], *, lock: bool) -> str:
    any_of = " OR ".join(f"({' AND '.join(f't.{name} = %s' for name in names)})" for names in named)
    return (
        f"SELECT {bulk.all_of(tables.pool)} FROM pool AS t WHERE t.tenant_id = %s AND ({any_of}) "
        f"ORDER BY t.kind, t.subject, t.place{' FOR UPDATE OF t' if lock else ''}"
    )


def _advanced(driver: Driver, counts: Mapping[int, int], lane: int) -> list[tuple[int, int, int]]:
    if len(counts) == 1:
        ((tenant_id, n),) = counts.items()
        stamp = driver.rows(_NEWEST, (str(tenant_id),))[0][0]
        return driver.rows(_ADVANCE_ONE, (str(n), str(stamp), str(tenant_id), str(lane)))
    given = [{"tenant_id": tenant_id, "n": n} for tenant_id, n in counts.items()]
    mine = bulk.array_of(counts)
    return driver.rows(_ADVANCE, (_ENCODER.encode(given).decode(), mine, lane, mine))


def reserve(driver: Driver, tenant_id: int, name: str, size: int, beyond: Sequence[Beyond]) -> int:
    """The end of a block of ids behind all that is `beyond`: numbers, or queries for one."""
    first = max(
        int(driver.rows(f"SELECT {sql}" if sql.isdecimal() else sql[1:-1], given)[0][0])
        for sql, given in beyond
    )
    sql = (
        "INSERT INTO counter AS t (tenant_id, name, next) VALUES (%s, %s, CAST(%s AS bigint)) "
        "ON CONFLICT (tenant_id, name) DO UPDATE SET next = greatest(t.next, CAST(%s AS bigint)) + CAST(%s AS bigint) "
        "RETURNING next"
    )
    return int(driver.rows(sql, (tenant_id, name, first + size, first, size))[0][0])


def next_tenant(driver: Driver) -> int:
    """An id beyond every tenant there is, and every one that was removed."""
    beyond: Beyond = ("(SELECT coalesce(max(id), 0) + 1 FROM tenant)", [])
    return reserve(driver, 0, "tenant", 1, [beyond]) - 1
