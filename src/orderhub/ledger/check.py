"""The laws of the ledger, verified without changing anything: every breach is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Engine, text

from orderhub.core.money import to_micros
from orderhub.core.values import Status
from orderhub.ledger import rows, tables

_SHOWN = 1_000
_CHUNK = 2_000
_FOLDED = (
    "status",
    "vendor_status",
    "currency",
    "account",
    "net",
    "tax",
    "total",
    "paid",
    "refunded",
)
_AMOUNTS = {"net", "tax", "total", "paid", "refunded"}
_AT_FIRST = {"paid": 0, "refunded": 0}  # until an event says otherwise


@dataclass(frozen=True, slots=True)
class Breach:
    """One law broken by one thing."""

    law: str
    tenant_id: int
    subject: str
    detail: str

    def __str__(self) -> str:
        return f"{self.law}: tenant {self.tenant_id}, {self.subject}: {self.detail}"


@dataclass(slots=True)
class Report:
    """What was looked at, and what was found broken (the first thousand)."""

    breaches: list[Breach] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def summary(self) -> str:
        looked = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        verdict = f"{len(self.breaches)} breaches" if self.breaches else "every law holds"
        return f"{verdict} ({looked})"


# Each query answers rows (tenant_id, subject, detail) that break the law of its name.
# What the row of each group must say, from its orders; statuses once each, in order.
_STATUSES = " || ".join(
    f"max(CASE WHEN status = '{each}' THEN '{each} ' ELSE '' END)" for each in sorted(Status)
)
_GROUPED = f"""
    SELECT tenant_id, group_number AS number, min(id) AS head_id, min(door) AS door,
           rtrim({_STATUSES}) AS statuses, min(occurred_at) AS occurred_at,
           max(updated_at) AS updated_at, min(recorded_at) AS recorded_at
    FROM orders WHERE group_number <> '' GROUP BY tenant_id, group_number"""
_GROUPS = """
    SELECT tenant_id, number, head_id, door, statuses, occurred_at, updated_at, recorded_at
    FROM order_group"""

_LAWS: dict[str, str] = {
    "a pool's available is opening + adjusted - drawn + returned, and not below zero": """
        SELECT tenant_id, kind || ' ' || subject || ' ' || place, 'available ' || available
        FROM pool WHERE available <> opening + adjusted - drawn + returned OR available < 0""",
    "a pool is the sum of its moves": """
        SELECT p.tenant_id, p.kind || ' ' || p.subject || ' ' || p.place,
               'row ' || p.opening || '/' || p.adjusted || '/' || p.drawn || '/' || p.returned
               || ', moves ' || coalesce(m.opening, 0) || '/' || coalesce(m.adjusted, 0) || '/'
               || coalesce(m.drawn, 0) || '/' || coalesce(m.returned, 0)
        FROM pool p LEFT JOIN (
            SELECT tenant_id, pool_kind, subject, place,
                   sum(CASE kind WHEN 'opening' THEN units ELSE 0 END) AS opening,
                   sum(CASE kind WHEN 'adjustment' THEN units ELSE 0 END) AS adjusted,
                   sum(CASE kind WHEN 'draw' THEN units ELSE 0 END) AS drawn,
                   sum(CASE kind WHEN 'return' THEN units ELSE 0 END) AS returned
            FROM pool_move GROUP BY tenant_id, pool_kind, subject, place) m
          ON m.tenant_id = p.tenant_id AND m.pool_kind = p.kind AND m.subject = p.subject
             AND m.place = p.place
        WHERE p.opening <> coalesce(m.opening, 0) OR p.adjusted <> coalesce(m.adjusted, 0)
           OR p.drawn <> coalesce(m.drawn, 0) OR p.returned <> coalesce(m.returned, 0)""",
    "a move has its pool": """
        SELECT m.tenant_id, m.pool_kind || ' ' || m.subject || ' ' || m.place, 'move ' || m.id
        FROM pool_move m LEFT JOIN pool p ON p.tenant_id = m.tenant_id AND p.kind = m.pool_kind
             AND p.subject = m.subject AND p.place = m.place
        WHERE p.tenant_id IS NULL""",
    "an order returns no more than it drew, and nothing once it stands": """
        SELECT tenant_id, 'order ' || order_id, pool_kind || ' ' || subject || ' ' || place
        FROM pool_move WHERE order_id <> 0
        GROUP BY tenant_id, order_id, pool_kind, subject, place, line_no
        HAVING sum(CASE kind WHEN 'draw' THEN units WHEN 'return' THEN -units ELSE 0 END) < 0""",
    "an order that ended holds nothing of a pool": """
        SELECT o.tenant_id, 'order ' || o.uid, 'still holds ' || m.held
        FROM orders o JOIN (
            SELECT tenant_id, order_id,
                   sum(CASE kind WHEN 'draw' THEN units WHEN 'return' THEN -units ELSE 0 END) AS held
            FROM pool_move WHERE order_id <> 0 GROUP BY tenant_id, order_id) m
          ON m.tenant_id = o.tenant_id AND m.order_id = o.id
        WHERE o.status IN ('cancelled', 'refunded') AND m.held <> 0""",
    "the lines add up to the order": """
        SELECT o.tenant_id, 'order ' || o.uid, 'total ' || o.total || ', lines ' || coalesce(l.gross, 0)
        FROM orders o LEFT JOIN (
            SELECT tenant_id, order_id, sum(net) AS net, sum(tax) AS tax, sum(gross) AS gross
            FROM order_line GROUP BY tenant_id, order_id) l
          ON l.tenant_id = o.tenant_id AND l.order_id = o.id
        WHERE NOT o.recorded AND (o.net <> coalesce(l.net, 0) OR o.tax <> coalesce(l.tax, 0)
              OR o.total <> coalesce(l.gross, 0))""",
    "net + tax = gross on every line": """
        SELECT tenant_id, 'order ' || order_id, 'line ' || line_no FROM order_line
        WHERE net + tax <> gross""",
    "net + tax = total on every order": """
        SELECT tenant_id, 'order ' || uid, 'total ' || total FROM orders WHERE net + tax <> total""",
    "a line has its order": """
        SELECT l.tenant_id, 'order ' || l.order_id, 'line ' || l.line_no
        FROM order_line l LEFT JOIN orders o ON o.tenant_id = l.tenant_id AND o.id = l.order_id
        WHERE o.id IS NULL""",
    "an event has its order": """
        SELECT e.tenant_id, 'order ' || e.order_id, 'event ' || e.version
        FROM order_event e LEFT JOIN orders o ON o.tenant_id = e.tenant_id AND o.id = e.order_id
        WHERE o.id IS NULL""",
    "a move of an order has its order": """
        SELECT m.tenant_id, 'order ' || m.order_id, 'move ' || m.id
        FROM pool_move m LEFT JOIN orders o ON o.tenant_id = m.tenant_id AND o.id = m.order_id
        WHERE m.order_id <> 0 AND o.id IS NULL""",
    "a natural key that is taken has its order or is being taken": """
        SELECT n.tenant_id, 'key ' || n.key, 'no order ' || n.order_uid
        FROM natural_key n LEFT JOIN orders o ON o.tenant_id = n.tenant_id AND o.uid = n.order_uid
        WHERE o.id IS NULL""",
    "a bound key has its answer": """
        SELECT tenant_id, 'key ' || key || ' of ' || scope, 'status ' || status
        FROM claim WHERE status = 0 OR fingerprint = ''""",
    "a timer has its order": """
        SELECT t.tenant_id, 'order ' || t.order_id, t.kind
        FROM timer t LEFT JOIN orders o ON o.tenant_id = t.tenant_id AND o.id = t.order_id
        WHERE o.id IS NULL""",
    "a search term has its order": """
        SELECT t.tenant_id, 'order ' || t.order_id, t.kind || ' ' || t.term
        FROM order_term t LEFT JOIN orders o ON o.tenant_id = t.tenant_id AND o.id = t.order_id
        WHERE o.id IS NULL""",
    "a record's key has its record": """
        SELECT k.tenant_id, k.kind || ' ' || k.id, k.name || ' ' || k.value
        FROM record_key k LEFT JOIN record r ON r.tenant_id = k.tenant_id AND r.kind = k.kind
             AND r.id = k.id
        WHERE r.id IS NULL""",
    "a group is what its orders add up to": f"""
        SELECT tenant_id, 'group ' || number, statuses FROM (
            SELECT * FROM (SELECT * FROM ({_GROUPED}) a EXCEPT SELECT * FROM ({_GROUPS}) b) more
            UNION ALL
            SELECT * FROM (SELECT * FROM ({_GROUPS}) c EXCEPT SELECT * FROM ({_GROUPED}) d) less) t""",
    "a tally is the number of orders it counts": """
        SELECT tenant_id, door || ' ' || status || ' of ' || owner,
               'tally ' || sum(tallied) || ', orders ' || sum(counted)
        FROM (
            SELECT tenant_id, owner, door, status, n AS tallied, 0 AS counted FROM tally
            UNION ALL
            SELECT tenant_id, '*', door, status, 0, 1 FROM orders
            UNION ALL
            SELECT tenant_id, owner, door, status, 0, 1 FROM orders WHERE owner <> ''
            UNION ALL
            SELECT tenant_id, '(grouped)', door, status, 0, 1 FROM orders WHERE group_number <> ''
            UNION ALL
            SELECT tenant_id, '(groups)', door, statuses, 0, 1 FROM order_group) t
        GROUP BY tenant_id, owner, door, status
        HAVING sum(tallied) <> sum(counted)""",
}


def check_ledger(engine: Engine) -> Report:
    """Verify every law in one consistent look."""
    report = Report()
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        for name, table in (
            ("orders", tables.orders),
            ("lines", tables.order_line),
            ("events", tables.order_event),
            ("pools", tables.pool),
            ("moves", tables.pool_move),
        ):
            counted = connection.execute(text(f"SELECT count(*) FROM {table.name}"))
            report.counts[name] = int(counted.scalar_one())
        for law, query in _LAWS.items():
            for tenant_id, subject, detail in connection.execute(text(query)).fetchmany(_SHOWN):
                report.breaches.append(Breach(law, tenant_id, subject, detail))
        report.breaches.extend(_unfolded(connection))
        report.breaches.extend(_misnamed(connection))
    del report.breaches[_SHOWN:]
    return report


def _unfolded(connection: Connection) -> Iterator[Breach]:
    """Orders whose row is not what their events add up to."""
    law = "an order's row is what its events add up to"
    members = ", ".join(f"o.{name}" for name in _FOLDED)
    query = text(
        f"SELECT o.tenant_id, o.id, o.uid, o.version, {members}, e.version AS event_version, e.data "
        "FROM orders o LEFT JOIN order_event e ON e.tenant_id = o.tenant_id AND e.order_id = o.id "
        "ORDER BY o.tenant_id, o.id, e.version"
    )
    result = connection.execution_options(yield_per=_CHUNK).execute(query)
    current: Any = None
    state: dict[str, Any] = {}
    expected = 0
    for row in result:
        if current is None or (row.tenant_id, row.id) != (current.tenant_id, current.id):
            if current is not None:
                yield from _compare(law, current, state, expected)
            current, state, expected = row, dict(_AT_FIRST), 0
        if row.event_version is None:
            continue
        expected += 1
        if row.event_version != expected:
            yield Breach(law, row.tenant_id, f"order {row.uid}", f"event {expected} is missing")
            expected = row.event_version
        state.update(rows.event_data(row.data))
    if current is not None:
        yield from _compare(law, current, state, expected)


def _compare(law: str, row: Any, state: dict[str, Any], version: int) -> Iterator[Breach]:
    subject = f"order {row.uid}"
    if row.version != version:
        yield Breach(law, row.tenant_id, subject, f"version {row.version}, {version} events")
    for name in _FOLDED:
        if name not in state:
            continue
        value = getattr(row, name)
        said = to_micros(Decimal(state[name])) if name in _AMOUNTS else state[name]
        if value != said:
            yield Breach(law, row.tenant_id, subject, f"{name} is {value}, events say {said}")


def _misnamed(connection: Connection) -> Iterator[Breach]:
    """Records that look-ups by one of their names would miss."""
    query = text(
        "SELECT r.tenant_id, r.kind, r.id, r.names, k.name, k.value "
        "FROM record r LEFT JOIN record_key k ON k.tenant_id = r.tenant_id AND k.kind = r.kind "
        "AND k.id = r.id WHERE r.names <> '' ORDER BY r.tenant_id, r.kind, r.id"
    )
    result = connection.execution_options(yield_per=_CHUNK).execute(query)
    for (tenant_id, kind, record_id), found in groupby(result, key=itemgetter(0, 1, 2)):
        each = list(found)
        missing = set(rows.record_names(each[0].names)) - {(row.name, row.value) for row in each}
        if missing:
            names = ", ".join(f"{name} {value}" for name, value in sorted(missing))
            law = "a record is found by its names"
            yield Breach(law, tenant_id, f"{kind} {record_id}", f"not by {names}")
