"""Numbers by which something stands in the ledger though no record may have them: where one was removed, say."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, TextClause, text

from orderhub.core.queries import LeftBehind

_POOLS = """
    SELECT substr(subject, {start}) AS id FROM pool
    WHERE tenant_id = :tenant AND kind IN ({kinds}) AND subject {among}"""
_KEYS = """
    SELECT value AS id FROM record_key
    WHERE tenant_id = :tenant AND kind = '{kind}' AND name = '{name}' AND value {among}"""
_RECORDS = """
    SELECT CAST(id AS TEXT) AS id FROM record
    WHERE tenant_id = :tenant AND kind = '{kind}' AND id BETWEEN :first AND :last"""
# Many values as one parameter: the statement is the same however many there are.
_AMONG = {
    "sqlite": "IN (SELECT value FROM json_each(:{}))",
    "postgresql": "= ANY(CAST(:{} AS text[]))",
}


def left_behind(
    connection: Connection, tenant_id: int, sorts: LeftBehind, ids: range
) -> frozenset[int]:
    """Those of the ids, one after another, by which something of these sorts stands."""
    if not ids or sorts == LeftBehind():
        return frozenset()
    dialect = connection.dialect.name
    given: dict[str, Any] = {"tenant": tenant_id}
    if sorts.records:
        given |= {"first": ids[0], "last": ids[-1]}
    if sorts.keys:
        given["names"] = [str(each) for each in ids]
    if sorts.pools:
        given["subjects"] = [f"{sorts.subject}{each}" for each in ids]
    if dialect == "sqlite":
        given = {n: json.dumps(v) if isinstance(v, list) else v for n, v in given.items()}
    found = connection.execute(_query(sorts, dialect), given).scalars()
    return frozenset(map(int, found))


@lru_cache(maxsize=64)
def _query(sorts: LeftBehind, dialect: str) -> TextClause:
    """One statement for all of them: a load of the catalogue asks for every few of its rows."""
    among = _AMONG[dialect].format
    found = [_RECORDS.format(kind=kind) for kind in sorts.records]
    found += [_KEYS.format(kind=kind, name=name, among=among("names")) for kind, name in sorts.keys]
    if sorts.pools:
        kinds = ", ".join(f"'{each}'" for each in sorts.pools)
        start = len(sorts.subject) + 1
        found.append(_POOLS.format(start=start, kinds=kinds, among=among("subjects")))
    return text(" UNION ALL ".join(found))
