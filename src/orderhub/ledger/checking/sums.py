"""The laws that SQL looks at: sums over whole tables, and rows that name each other."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from orderhub.core.values import Status
from orderhub.ledger.checking.laws import Law
from orderhub.ledger.checking.report import Breach
from orderhub.ledger.checking.streams import rows_of
from orderhub.ledger.daily import DAY
from orderhub.ledger.groups import ALL_OWNERS, GROUPED, GROUPS

# What a pool's columns must say.
MOVED = """
    SELECT tenant_id, pool_kind AS kind, subject, place,
           CAST(sum(CASE kind WHEN 'opening' THEN units ELSE 0 END) AS BIGINT) AS opening,
           CAST(sum(CASE kind WHEN 'adjustment' THEN units ELSE 0 END) AS BIGINT) AS adjusted,
           CAST(sum(CASE kind WHEN 'draw' THEN units ELSE 0 END) AS BIGINT) AS drawn,
           CAST(sum(CASE kind WHEN 'return' THEN units ELSE 0 END) AS BIGINT) AS returned
    FROM pool_move GROUP BY tenant_id, pool_kind, subject, place"""

# What the row of each group must say, from its orders; statuses once each, in order.
_STATUSES = " || ".join(
    f"max(CASE WHEN status = '{each}' THEN '{each} ' ELSE '' END)" for each in sorted(Status)
)
GROUP_COLUMNS = "tenant_id, number, head_id, door, statuses, occurred_at, updated_at, recorded_at"
GROUPS_OF_ORDERS = f"""
    SELECT tenant_id, group_number AS number, min(id) AS head_id, min(door) AS door,
           rtrim({_STATUSES}) AS statuses, min(occurred_at) AS occurred_at,
           max(updated_at) AS updated_at, min(recorded_at) AS recorded_at
    FROM orders WHERE group_number <> '' GROUP BY tenant_id, group_number"""
_DIFFER = " OR ".join(
    f"g.{each.strip()} <> a.{each.strip()}" for each in GROUP_COLUMNS.split(",")[2:]
)

# (tenant, owner, channel, status) of tallies that are wrong, with what they say and what they must.
TALLIES = f"""
    SELECT tenant_id, owner, door, status, CAST(sum(tallied) AS BIGINT) AS tallied,
           CAST(sum(counted) AS BIGINT) AS counted
    FROM (
        SELECT tenant_id, owner, door, status, sum(n) AS tallied, 0 AS counted
        FROM tally WHERE owner NOT LIKE '{DAY}%' GROUP BY tenant_id, owner, door, status
        UNION ALL
        SELECT tenant_id, '{ALL_OWNERS}', door, status, 0, count(*)
        FROM orders GROUP BY tenant_id, door, status
        UNION ALL
        SELECT tenant_id, owner, door, status, 0, count(*)
        FROM orders WHERE owner <> '' GROUP BY tenant_id, owner, door, status
        UNION ALL
        SELECT tenant_id, '{GROUPED}', door, status, 0, count(*)
        FROM orders WHERE group_number <> '' GROUP BY tenant_id, door, status
        UNION ALL
        SELECT tenant_id, '{GROUPS}', door, statuses, 0, count(*)
        FROM order_group GROUP BY tenant_id, door, statuses) t
    GROUP BY tenant_id, owner, door, status
    HAVING sum(tallied) <> sum(counted)"""

# (tenant, counter, next, greatest id) of counters that are behind; next is NULL where there is none.
COUNTERS = """
    SELECT o.tenant_id, 'order' AS name, c.next, o.greatest
    FROM (SELECT tenant_id, max(id) AS greatest FROM orders GROUP BY tenant_id) o
    LEFT JOIN counter c ON c.tenant_id = o.tenant_id AND c.name = 'order'
    WHERE c.next IS NULL OR c.next <= o.greatest
    UNION ALL
    SELECT m.tenant_id, 'move', c.next, m.greatest
    FROM (SELECT tenant_id, max(id) AS greatest FROM pool_move GROUP BY tenant_id) m
    LEFT JOIN counter c ON c.tenant_id = m.tenant_id AND c.name = 'move'
    WHERE c.next IS NULL OR c.next <= m.greatest"""

# Timers that nobody waits for.
TIMERS = """
    FROM timer t LEFT JOIN orders o ON o.tenant_id = t.tenant_id AND o.id = t.order_id
    WHERE o.id IS NULL OR replace(o.timers, '}', ',') NOT LIKE
        '%"' || t.kind || '":' || t.due_at || ',%'"""

_POOL = "kind || ' ' || subject || ' ' || place"
_MOVE = "m.pool_kind || ' ' || m.subject || ' ' || m.place"

# Each query answers rows (tenant_id, subject, detail) that break the law of its name.
LAWS: dict[Law, str] = {
    Law.AVAILABLE: f"""
        SELECT tenant_id, {_POOL}, 'available ' || available
        FROM pool WHERE available <> opening + adjusted - drawn + returned OR available < 0""",
    Law.POOL_SUM: f"""
        SELECT p.tenant_id, p.kind || ' ' || p.subject || ' ' || p.place,
               'row ' || p.opening || '/' || p.adjusted || '/' || p.drawn || '/' || p.returned
               || ', moves ' || coalesce(m.opening, 0) || '/' || coalesce(m.adjusted, 0) || '/'
               || coalesce(m.drawn, 0) || '/' || coalesce(m.returned, 0)
        FROM pool p LEFT JOIN ({MOVED}) m
          ON m.tenant_id = p.tenant_id AND m.kind = p.kind AND m.subject = p.subject
             AND m.place = p.place
        WHERE p.opening <> coalesce(m.opening, 0) OR p.adjusted <> coalesce(m.adjusted, 0)
           OR p.drawn <> coalesce(m.drawn, 0) OR p.returned <> coalesce(m.returned, 0)""",
    Law.MOVE_HAS_POOL: f"""
        SELECT m.tenant_id, {_MOVE}, 'move ' || m.id
        FROM pool_move m LEFT JOIN pool p ON p.tenant_id = m.tenant_id AND p.kind = m.pool_kind
             AND p.subject = m.subject AND p.place = m.place
        WHERE p.tenant_id IS NULL""",
    Law.MOVE_KIND: f"""
        SELECT m.tenant_id, {_MOVE}, 'move ' || m.id || ', ' || m.kind || ' of ' || m.units
        FROM pool_move m
        WHERE m.kind NOT IN ('opening', 'adjustment', 'draw', 'return')
           OR (m.kind = 'opening' AND (m.units < 0 OR m.order_id <> 0))
           OR (m.kind IN ('draw', 'return') AND (m.units <= 0 OR m.order_id = 0))""",
    Law.KEY_HAS_ORDER: """
        SELECT n.tenant_id, 'key ' || n.key, 'order ' || n.order_uid
        FROM natural_key n LEFT JOIN orders o ON o.tenant_id = n.tenant_id AND o.uid = n.order_uid
        WHERE o.id IS NULL OR o.natural_key <> n.key""",
    Law.CLAIM_ANSWER: """
        SELECT tenant_id, 'key ' || key || ' of ' || scope, 'status ' || status
        FROM claim WHERE status = 0 OR fingerprint = ''""",
    Law.CLAIM_ORDER: """
        SELECT c.tenant_id, 'key ' || c.key || ' of ' || c.scope, 'no order ' || c.order_uid
        FROM claim c LEFT JOIN orders o ON o.tenant_id = c.tenant_id AND o.uid = c.order_uid
        WHERE c.order_uid <> '' AND o.id IS NULL""",
    Law.COUNTER: f"""
        SELECT tenant_id, 'counter ' || name,
               'next ' || coalesce(CAST(next AS TEXT), 'missing') || ', greatest id ' || greatest
        FROM ({COUNTERS}) c""",
    Law.TIMER_HAS_ORDER: f"SELECT t.tenant_id, 'order ' || t.order_id, t.kind || ' ' || t.due_at {TIMERS}",
    Law.RECORD_KEY: """
        SELECT k.tenant_id, k.kind || ' ' || k.id, k.name || ' ' || k.value
        FROM record_key k LEFT JOIN record r ON r.tenant_id = k.tenant_id AND r.kind = k.kind
             AND r.id = k.id
        WHERE r.id IS NULL""",
    Law.GROUP: f"""
        SELECT g.tenant_id, 'group ' || g.number, g.statuses || ' at ' || g.updated_at
        FROM order_group g LEFT JOIN ({GROUPS_OF_ORDERS}) a
          ON a.tenant_id = g.tenant_id AND a.number = g.number
        WHERE a.number IS NULL OR {_DIFFER}
        UNION ALL
        SELECT DISTINCT o.tenant_id, 'group ' || o.group_number, 'no row'
        FROM orders o WHERE o.group_number <> '' AND NOT EXISTS (
            SELECT 1 FROM order_group g WHERE g.tenant_id = o.tenant_id AND g.number = o.group_number)""",
    Law.TALLY: f"""
        SELECT tenant_id, door || ' ' || status || ' of ' || owner,
               'tally ' || tallied || ', orders ' || counted
        FROM ({TALLIES}) t""",
}


def breaches(connection: Connection) -> Iterator[Breach]:
    for law, query in LAWS.items():
        for tenant_id, subject, detail in rows_of(connection, query):
            yield Breach(law, tenant_id, subject, detail)
