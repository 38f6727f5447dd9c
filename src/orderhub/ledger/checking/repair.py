"""What the rest of the ledger determines, put right. Orders, lines, events, moves and claims are never touched.

Each mend follows something else, so it is left alone for tenants for whom that is in doubt: a pool made
equal to moves that are wrong would sell what is sold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from orderhub.ledger import bulk, tables
from orderhub.ledger.checking import feed_repair, orders, sums
from orderhub.ledger.checking import tenants as of_tenants
from orderhub.ledger.checking.days import DaysChecked
from orderhub.ledger.checking.laws import Law
from orderhub.ledger.checking.records import misnamed
from orderhub.ledger.checking.report import Breach, Report
from orderhub.ledger.checking.rewriting import Rows, write
from orderhub.ledger.checking.standing import walk
from orderhub.ledger.daily import Sums, row_name
from orderhub.ledger.driver import Driver

_TOLD = 1_000
_TERM = ("tenant_id", "kind", "term", "recorded_at", "order_id")
_MOVES = (Law.READABLE, Law.MOVE_KIND, Law.MOVE_HAS_ORDER, Law.DRAWN, Law.HELD, Law.RETURNS)
# The order in which a batch comes to these tables: see docs/decisions/0002.
_LOCKED = (
    *("claim", "natural_key", "counter", "record", "orders", "pool", "order_line", "order_event"),
    *("order_term", "pool_move", "order_group", "record_key", "timer", "tally"),
    *("feed_lane", "feed", "notice"),
)


def keep_others_out(connection: Connection) -> None:
    """Until the commit, others read and nobody writes. A SQLite transaction that writes is alone already."""
    if connection.dialect.name == "postgresql":
        tables_named = ", ".join(_LOCKED)
        connection.execute(text(f"LOCK TABLE {tables_named} IN SHARE ROW EXCLUSIVE MODE"))


@dataclass(frozen=True)
class Mend:
    """What makes `laws` hold again, following what `sources` say; answers a line for each thing that it did."""

    laws: tuple[Law, ...]
    sources: tuple[Law, ...]
    work: Callable[[Connection, frozenset[int]], Iterator[str]]


def mended(connection: Connection, report: Report) -> Iterator[str]:
    """Mend what the report found broken; a line for each thing that was mended or left."""
    told = 0
    for mend in _MENDS:
        tenants = _tenants(report, mend.laws)
        doubtful = tenants & _tenants(report, mend.sources)
        for tenant_id in sorted(doubtful):
            sources = [law for law in mend.sources if tenant_id in report.broken.get(law, ())]
            yield f"left: {mend.laws[0]}: tenant {tenant_id}: first see to {sources[0]!s}"
        if tenants - doubtful:
            for line in mend.work(connection, frozenset(tenants - doubtful)):
                told += 1
                if told <= _TOLD:
                    yield f"mended: {line}"
    if told > _TOLD:
        yield f"mended: {told - _TOLD} things more"


def _tenants(report: Report, laws: Iterable[Law]) -> set[int]:
    return set().union(*(report.broken.get(law, set()) for law in laws))


# --- counters and pools


def _counters(connection: Connection, tenants: frozenset[int]) -> Iterator[str]:
    for row in connection.execute(text(sums.COUNTERS)).all():
        if row.tenant_id in tenants:
            following = row.greatest + 1
            write(connection, tables.counter, [(row.tenant_id, row.name, following)])
            yield f"counter {row.name} of tenant {row.tenant_id}: {row.next} -> {following}"


_POOL = "tenant_id, kind, subject, place, opening, adjusted, drawn, returned"
_WRONG_POOLS = f"""
    SELECT p.tenant_id, p.kind, p.subject, p.place, coalesce(m.opening, 0) AS opening,
           coalesce(m.adjusted, 0) AS adjusted, coalesce(m.drawn, 0) AS drawn,
           coalesce(m.returned, 0) AS returned, p.available
    FROM pool p LEFT JOIN ({sums.MOVED}) m
      ON m.tenant_id = p.tenant_id AND m.kind = p.kind AND m.subject = p.subject AND m.place = p.place
    WHERE p.opening <> coalesce(m.opening, 0) OR p.adjusted <> coalesce(m.adjusted, 0)
       OR p.drawn <> coalesce(m.drawn, 0) OR p.returned <> coalesce(m.returned, 0)
       OR p.available <> p.opening + p.adjusted - p.drawn + p.returned OR p.available < 0
    UNION ALL
    SELECT {_POOL}, 0 FROM ({sums.MOVED}) m WHERE NOT EXISTS (
        SELECT 1 FROM pool p WHERE p.tenant_id = m.tenant_id AND p.kind = m.kind
        AND p.subject = m.subject AND p.place = m.place)"""


def _pools(connection: Connection, tenants: frozenset[int]) -> Iterator[str]:
    for row in connection.execute(text(_WRONG_POOLS)).all():
        left = row.opening + row.adjusted - row.drawn + row.returned
        if row.tenant_id in tenants and left >= 0:
            write(connection, tables.pool, [(*row[:8], left)])
            name = f"{row.kind} {row.subject} {row.place}".rstrip()
            yield f"pool {name} of tenant {row.tenant_id}: available {row.available} -> {left}"


# --- groups and tallies


def _groups(connection: Connection, tenants: frozenset[int]) -> Iterator[str]:
    wrong = connection.execute(text(sums.LAWS[Law.GROUP])).all()
    numbers = {(row[0], row[1].removeprefix("group ")) for row in wrong if row[0] in tenants}
    if not numbers:
        return
    given = [{"tenant_id": tenant_id, "number": number} for tenant_id, number in sorted(numbers)]
    bulk.delete(Driver(connection), tables.order_group, given)
    columns = sums.GROUP_COLUMNS
    connection.execute(
        text(
            f"INSERT INTO order_group ({columns}) SELECT {columns} FROM ({sums.GROUPS_OF_ORDERS}) a "
            "WHERE NOT EXISTS (SELECT 1 FROM order_group g "
            "WHERE g.tenant_id = a.tenant_id AND g.number = a.number)"
        )
    )
    for tenant_id, number in sorted(numbers):
        yield f"group {number} of tenant {tenant_id}: as its orders say"


def _tallies(connection: Connection, tenants: frozenset[int]) -> Iterator[str]:
    for row in connection.execute(text(sums.TALLIES)).all():
        if row.tenant_id not in tenants:
            continue
        name = dict(zip(("tenant_id", "owner", "door", "status"), row, strict=False))
        bulk.delete(Driver(connection), tables.tally, [name])
        if row.counted:
            write(connection, tables.tally, [(*row[:4], 0, row.counted)])
        said = f"{row.door} {row.status} of {row.owner}"
        yield f"tally {said} of tenant {row.tenant_id}: {row.tallied} -> {row.counted}"


def _days(connection: Connection, tenants: frozenset[int]) -> Iterator[str]:
    checked = DaysChecked(connection)
    found = [
        each for standing in walk(connection, Report()) for each in checked.wrong_before(standing)
    ]
    found += checked.wrong_at_last()
    for name, says, should in found:
        if name[0] not in tenants:
            continue
        bulk.delete(Driver(connection), tables.tally, [row_name(name)])
        sums = Sums()
        sums.figures[name] = should
        sums.write(Driver(connection), 0)
        yield (
            f"day {' '.join(name[1:])} of tenant {name[0]}: orders {says.orders} -> {should.orders}, "
            f"revenue {says.revenue} -> {should.revenue}"
        )


# --- what single orders determine: terms, timers, natural keys


def _terms(connection: Connection, tenants: frozenset[int]) -> Iterator[str]:
    nobody = Report()  # what cannot be read was reported
    new, gone = Rows(connection, tables.order_term), Rows(connection, tables.order_term)
    for standing in walk(connection, nobody):
        order = standing.order
        if order.tenant_id not in tenants:
            continue
        wanted = orders.terms(standing)
        strange = frozenset() if orders.was_amended(standing) else standing.terms - wanted
        for term in sorted(wanted - standing.terms):
            new.insert(_term_row(order, term))
            yield f"order {order.uid} of tenant {order.tenant_id} is found by {term}"
        for term in sorted(strange):
            gone.delete(_term_row(order, term))
            yield f"order {order.uid} of tenant {order.tenant_id} is not found by {term}"
    new.write()
    gone.write()


def _term_row(order: Any, term: str) -> tuple[Any, ...]:
    at, kind, words = term.split(" ", 2)
    return order.tenant_id, kind, words, int(at), order.id


def _lonely_terms(connection: Connection, tenants: frozenset[int]) -> Iterator[str]:
    lonely = """
        FROM order_term t LEFT JOIN orders o ON o.tenant_id = t.tenant_id AND o.id = t.order_id
        WHERE o.id IS NULL"""
    columns = ", ".join(f"t.{each}" for each in _TERM)
    gone = Rows(connection, tables.order_term)
    for row in connection.execute(text(f"SELECT {columns} {lonely}")).all():
        if row.tenant_id in tenants:
            gone.delete(tuple(row))
            yield f"search term {row.term} of no order {row.order_id} of tenant {row.tenant_id}"
    gone.write()


def _timers(connection: Connection, tenants: frozenset[int]) -> Iterator[str]:
    query = f"SELECT t.tenant_id, t.kind, t.order_id {sums.TIMERS}"
    for row in connection.execute(text(query)).all():
        if row.tenant_id in tenants:
            bulk.delete(Driver(connection), tables.timer, [dict(row._mapping)])  # noqa: SLF001 - its API
            yield f"{row.kind} of order {row.order_id} of tenant {row.tenant_id}: nobody waits for it"
    missing = [
        (standing.order, kind, due_at)
        for standing in walk(connection, Report())
        if standing.order.waits_for and standing.order.tenant_id in tenants
        for kind, due_at in standing.waits_for.items()
        if standing.timers.get(kind) != due_at
    ]
    for order, kind, due_at in missing:
        write(connection, tables.timer, [(order.tenant_id, kind, order.id, due_at, 0)])
        yield f"order {order.uid} of tenant {order.tenant_id}: {kind} at {due_at}"


def _keys(connection: Connection, tenants: frozenset[int]) -> Iterator[str]:
    """Keys that orders took. One that no order took stays: it keeps an order from being placed twice."""
    query = """
        SELECT o.tenant_id, o.natural_key, o.uid FROM orders o LEFT JOIN natural_key n
          ON n.tenant_id = o.tenant_id AND n.key = o.natural_key
        WHERE o.natural_key <> '' AND (n.key IS NULL OR n.order_uid <> o.uid)"""
    for tenant_id, key, uid in connection.execute(text(query)).all():
        if tenant_id in tenants:
            write(connection, tables.natural_key, [(tenant_id, key, "", uid)])
            yield f"natural key {key} of tenant {tenant_id}: order {uid}"


# --- what records determine


def _record_keys(connection: Connection, tenants: frozenset[int]) -> Iterator[str]:
    lonely = connection.execute(
        text(
            "SELECT k.tenant_id, k.kind, k.name, k.value, k.id FROM record_key k LEFT JOIN record r "
            "ON r.tenant_id = k.tenant_id AND r.kind = k.kind AND r.id = k.id WHERE r.id IS NULL"
        )
    ).all()
    gone = [tuple(row) for row in lonely if row.tenant_id in tenants]
    new: list[tuple[Any, ...]] = []
    for found in list(misnamed(connection)):
        if not isinstance(found, Breach) and found[0][0] in tenants:
            (tenant_id, kind, record_id), lacks, strange = found
            new += [(tenant_id, kind, *each, record_id) for each in sorted(lacks)]
            gone += [(tenant_id, kind, *each, record_id) for each in sorted(strange)]
    changes = Rows(connection, tables.record_key)
    for row in gone:
        changes.delete(row)
        yield f"key {row[2]} {row[3]} of {row[1]} {row[4]} of tenant {row[0]}: gone"
    changes.write()
    for row in new:
        changes.insert(row)
        yield f"key {row[2]} {row[3]} of {row[1]} {row[4]} of tenant {row[0]}: kept again"
    changes.write()


_MENDS = (
    Mend((Law.HAS_TENANT,), (), of_tenants.mended),
    Mend((Law.COUNTER,), (), _counters),
    Mend((Law.POOL_SUM, Law.AVAILABLE, Law.MOVE_HAS_POOL), _MOVES, _pools),
    Mend((Law.GROUP,), (Law.FOLD,), _groups),
    Mend((Law.TALLY, Law.GROUP), (Law.FOLD,), _tallies),
    Mend((Law.DAILY,), (Law.READABLE, Law.FOLD, Law.EVENT_HAS_ORDER), _days),
    Mend((Law.FOUND_BY_TERMS, Law.TERM_IS_RIGHT), (Law.READABLE,), _terms),
    Mend((Law.TERM_HAS_ORDER,), (), _lonely_terms),
    Mend((Law.ORDER_HAS_TIMER, Law.TIMER_HAS_ORDER), (Law.WAITS_IN_VAIN, Law.READABLE), _timers),
    Mend((Law.ORDER_HAS_KEY, Law.KEY_HAS_ORDER), (), _keys),
    Mend((Law.RECORD_KEY, Law.RECORD_NAMES), (Law.READABLE,), _record_keys),
    Mend(
        (Law.FED_ONCE, Law.FED_IN_ORDER, Law.PLACE_HAS_EVENT, Law.LANE),
        (Law.READABLE, Law.EVENT_HAS_ORDER, Law.FOLD),
        feed_repair.mended,
    ),
)
