"""Draws written last: pools are locked from here to the commit, and not while the batch is decided and written."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from orderhub.core.draws import Draw
from orderhub.ledger import bulk
from orderhub.ledger.driver import Driver

# What PostgreSQL calls a division by zero: by it the statement ends a batch whose draws do not hold any more. An answer
# would be waited for under the locks.
DO_NOT_HOLD = "22012"
_KEY = ("tenant_id", "kind", "subject", "place")
_COLUMNS = (*_KEY, "drawn", "returned", "least", "low_at")
_ENCODER = msgspec.json.Encoder()
_SOURCE = (
    "json_to_recordset(CAST(%s AS json)) AS r(tenant_id bigint, kind text, subject text, place text, "
    "drawn bigint, returned bigint, least bigint, low_at bigint)"
)
_SAME = " AND ".join(f"t.{name} = r.{name}" for name in _KEY)
_KEYS = ", ".join(f"t.{name}" for name in _KEY)


def _lock_sql(*, citus: bool) -> str:
    if citus:  # which locks no row that is joined
        found = (
            f"FROM pool AS t WHERE ({_KEYS}) IN (SELECT {_KEYS.replace('t.', 'r.')} FROM {_SOURCE})"
        )
    else:
        found = f"FROM {_SOURCE} CROSS JOIN pool AS t WHERE {_SAME}"
    there = bulk.on_tenants("t", citus=citus)
    return f"SELECT 1 {found}{there} ORDER BY {_KEYS} FOR UPDATE OF t"


def _draw_sql(*, citus: bool) -> str:
    return (
        "WITH drawn AS (UPDATE pool AS t SET drawn = t.drawn + r.drawn, returned = t.returned + r.returned, "
        f"available = t.available - r.drawn + r.returned FROM {_SOURCE} WHERE {_SAME} "
        f"AND t.available >= r.least AND t.low_at = r.low_at{bulk.on_tenants('t', citus=citus)} RETURNING 1) "
        "SELECT 1 / CAST(count(*) = %s AS integer) FROM drawn"
    )


_STATEMENTS = {citus: (_lock_sql(citus=citus), _draw_sql(citus=citus)) for citus in (False, True)}


def write(driver: Driver, draws: Sequence[Draw]) -> None:
    """On PostgreSQL. Where one does not hold, the transaction fails with DO_NOT_HOLD, at the latest in its commit."""
    if not draws:
        return
    rows = [
        dict(zip(_COLUMNS, (*msgspec.structs.astuple(each.key), *_figures(each)), strict=True))
        for each in draws
    ]
    given = [_ENCODER.encode(rows).decode(), *bulk.tenants_of(rows, citus=driver.is_citus)]
    lock, draw = _STATEMENTS[driver.is_citus]
    if len(draws) > 1:
        driver.send(lock, given)  # in the order of keys, which an UPDATE does not promise
    driver.send(draw, (*given, len(draws)))


def _figures(draw: Draw) -> tuple[int, int, int, int]:
    return draw.drawn, draw.returned, draw.least, draw.low_at
