"""The rows that a batch's accepted commands add up to, and the statements that write them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from orderhub.core.commands import Origin
from orderhub.core.facts import Accepted, Facts, Record
from orderhub.core.handing import HandOver
from orderhub.core.search_terms import terms_of
from orderhub.core.values import Line, Order, PoolKey
from orderhub.ledger import bulk, daily, groups, persons, relay, rows, tables
from orderhub.ledger.daily import NO_SUMS, Days
from orderhub.ledger.driver import Driver
from orderhub.ledger.groups import ALL_OWNERS, GROUPED
from orderhub.ledger.kept_records import count_writes

_ORDER, _LINE, _EVENT, _MOVE, _TERM = (
    tuple(table.columns.keys())
    for table in (
        tables.orders,
        tables.order_line,
        tables.order_event,
        tables.pool_move,
        tables.order_term,
    )
)


class Stale(Exception):
    """Another process changed a record that this batch had read: decide the batch again."""


class ChangeSet:
    """Collects; where a batch changes a thing twice, the last state is written once."""

    def __init__(
        self,
        facts: Facts,
        accepted: Sequence[tuple[Origin, Accepted]],
        move_ids: Iterable[int],
        slot: int,
    ) -> None:
        self._facts = facts
        self._slot = slot
        self._placed: dict[tuple[int, int], Order] = {}
        self._changed: dict[tuple[int, int], Order] = {}
        self._lines: dict[tuple[int, int, int], tuple[Any, ...]] = {}
        self._changed_lines: dict[tuple[int, int, int], tuple[Any, ...]] = {}
        self._amended: set[tuple[int, int]] = set()
        self._events: list[tuple[Any, ...]] = []
        self._moves: list[tuple[Any, ...]] = []
        self._opened: set[PoolKey] = set()
        self._touched: set[PoolKey] = set()
        self._records: dict[tuple[int, str, int], tuple[int, Record]] = {}
        self._removed: dict[tuple[int, str, int], int] = {}
        self._timers: dict[tuple[int, str, int], dict[str, Any]] = {}
        self._timers_done: set[tuple[int, str, int]] = set()
        self._tallies: dict[tuple[int, str, str, str], int] = {}
        self._statuses: dict[tuple[int, int], str] = {}
        self._days = Days(facts)
        self._hand_overs: dict[tuple[int, int, int], HandOver] = {}
        self._redactions = [redaction for _, each in accepted for redaction in each.redactions]
        ids = iter(move_ids)
        for origin, each in accepted:
            self._collect_orders(each)
            self._collect_moves(origin, each, ids)
            self._collect_records(each)
            for hand_over in each.hand_overs:
                self._hand_overs[hand_over.name] = hand_over

    def _collect_orders(self, accepted: Accepted) -> None:
        self._days.count(accepted)
        for order in accepted.placed:
            name = (order.tenant_id, order.id)
            self._placed[name] = order
            for line in order.lines:
                self._lines[(*name, line.line_no)] = rows.line_row(order, line)
            self._count(order, 1)
        for order in accepted.changed:
            name = (order.tenant_id, order.id)
            self._recount(order)
            if name in self._placed:
                self._placed[name] = order
            else:
                self._changed[name] = order
            if order.doc.business.accounts:  # whose it is besides may be new with any step
                self._amended.add(name)
        for order, line in accepted.changed_lines:
            self._set_line(order, line, self._changed_lines)
        for order, line in accepted.added_lines:
            self._set_line(order, line, self._lines)
            self._amended.add((order.tenant_id, order.id))
        for event in accepted.events:
            self._events.append(rows.event_row(event))
            if event.kind == "amended":
                self._amended.add((event.tenant_id, event.order_id))
        for timer in accepted.timers_done:
            timer_name = (timer.tenant_id, timer.kind, timer.order_id)
            self._timers.pop(timer_name, None)
            self._timers_done.add(timer_name)
        for timer in accepted.timers:
            timer_name = (timer.tenant_id, timer.kind, timer.order_id)
            self._timers_done.discard(timer_name)
            self._timers[timer_name] = {
                "tenant_id": timer.tenant_id,
                "kind": timer.kind,
                "order_id": timer.order_id,
                "due_at": timer.due_at,
                "claimed_until": 0,
            }

    def _set_line(
        self, order: Order, line: Line, otherwise: dict[tuple[int, int, int], tuple[Any, ...]]
    ) -> None:
        name = (order.tenant_id, order.id, line.line_no)
        target = self._lines if name in self._lines else otherwise
        target[name] = rows.line_row(order, line)

    def _count(self, order: Order, by: int, status: str | None = None) -> None:
        status = order.status.value if status is None else status
        for owner in (ALL_OWNERS, order.owner, order.group_number and GROUPED):
            if owner:
                name = (order.tenant_id, owner, order.channel, status)
                self._tallies[name] = self._tallies.get(name, 0) + by
        if by > 0:
            self._statuses[(order.tenant_id, order.id)] = status

    def _recount(self, order: Order) -> None:
        name = (order.tenant_id, order.id)
        before = self._statuses.get(name) or self._facts.when_loaded(order).status.value
        if before != order.status.value:
            self._count(order, -1, before)
            self._count(order, 1)

    def _collect_moves(self, origin: Origin, accepted: Accepted, ids: Any) -> None:
        self._opened.update(pool.key for pool in accepted.opened)
        for move in accepted.moves:
            self._touched.add(move.key)
            self._moves.append(rows.move_row(move, next(ids), origin.actor, origin.recorded_at))
        self._touched.update(key for key, _ in accepted.low_marks)

    def _collect_records(self, accepted: Accepted) -> None:
        """Each record with its base: the version that stands in the database, 0 = none does."""
        for record in accepted.removed:
            name = (record.tenant_id, record.kind, record.id)
            base = self._records.pop(name, (record.version, record))[0]
            if base:
                self._removed[name] = base
        for record in accepted.records:
            name = (record.tenant_id, record.kind, record.id)
            stands = self._removed.pop(name, record.version - 1)
            self._records[name] = (self._records.get(name, (stands, record))[0], record)

    # --- writing

    def write(self, driver: Driver, *, with_pools: bool = True) -> None:
        """At most one statement per table and kind of change. Raises Stale.

        `with_pools` False: all but what is left of pools.
        """
        if self._placed:
            placed = [rows.order_row(order) for order in self._placed.values()]
            bulk.insert_tuples(driver, tables.orders, _ORDER, placed)
        if self._changed:
            changed = [rows.changed_order_row(order) for order in self._changed.values()]
            bulk.update(driver, tables.orders, changed)
        if self._lines:
            bulk.insert_tuples(driver, tables.order_line, _LINE, list(self._lines.values()))
        if self._changed_lines:
            changed = [dict(zip(_LINE, each, strict=True)) for each in self._changed_lines.values()]
            bulk.update(driver, tables.order_line, changed)
        if self._events:
            bulk.insert_tuples(driver, tables.order_event, _EVENT, self._events)
        self._write_terms(driver)
        for redaction in self._redactions:
            persons.redact(driver, redaction)
        if self._moves:
            bulk.insert_tuples(driver, tables.pool_move, _MOVE, self._moves)
        if with_pools:
            self._write_pools(driver)
        self._write_groups(driver)
        self._write_records(driver)
        if self._hand_overs:
            relay.write(driver, list(self._hand_overs.values()))
        if self._timers:
            bulk.insert(
                driver,
                tables.timer,
                list(self._timers.values()),
                "DO UPDATE SET due_at = excluded.due_at, claimed_until = 0",
            )
        if self._timers_done:
            bulk.delete(
                driver,
                tables.timer,
                [
                    {"tenant_id": tenant_id, "kind": kind, "order_id": order_id}
                    for tenant_id, kind, order_id in sorted(self._timers_done)
                ],
            )
        self._write_tallies(driver)

    def _write_terms(self, driver: Driver) -> None:
        """What new and amended orders are found by; what an order was found by before stays."""
        amended = [self._changed[name] for name in sorted(self._amended) if name in self._changed]
        found = [
            (order.tenant_id, kind, term, order.recorded_at, order.id)
            for order in (*self._placed.values(), *amended)
            for kind, term in terms_of(order)
        ]
        if found:
            bulk.insert_tuples(driver, tables.order_term, _TERM, found, "DO NOTHING")

    def _write_groups(self, driver: Driver) -> None:
        for name, by in groups.keep(driver, self._placed.values(), self._changed.values()).items():
            self._tallies[name] = self._tallies.get(name, 0) + by

    def _write_pools(self, driver: Driver) -> None:
        for keys, write in (
            (self._opened, bulk.insert),
            (self._touched - self._opened, bulk.update),
        ):
            states = []
            for key in sorted(keys):
                pool = self._facts.pool(key)
                assert pool is not None
                states.append(rows.pool_row(pool))
            if states:
                write(driver, tables.pool, states)

    def _write_records(self, driver: Driver) -> None:
        written = [(name[0], name[1]) for name in (*self._records, *self._removed)]
        if not written:
            return
        count_writes(driver, written, self._slot)
        new = [rows.record_row(record) for base, record in self._records.values() if not base]
        stale_check = [
            {**rows.record_row(record), "base_version": base}
            for base, record in self._records.values()
            if base
        ]
        if new:
            bulk.insert(driver, tables.record, new)
        if stale_check:
            updated = bulk.update_those(
                driver, tables.record, stale_check, " AND record.version = r.base_version"
            )
            if updated != len(stale_check):
                raise Stale
        renamed = [
            {"tenant_id": name[0], "kind": name[1], "id": name[2]}
            for name in (
                *(each for each, (base, _) in self._records.items() if base),
                *self._removed,
            )
        ]
        if renamed:
            bulk.delete(driver, tables.record_key, renamed)
        if self._removed:
            gone = [
                {"tenant_id": name[0], "kind": name[1], "id": name[2], "version": base}
                for name, base in self._removed.items()
            ]
            if bulk.deleted(driver, tables.record, gone) != len(gone):
                raise Stale
        names = [
            {
                "tenant_id": record.tenant_id,
                "kind": record.kind,
                "name": name,
                "value": value,
                "id": record.id,
            }
            for _, record in self._records.values()
            for name, value in dict.fromkeys(record.keys)
        ]
        if names:
            bulk.insert(driver, tables.record_key, names)

    def _write_tallies(self, driver: Driver) -> None:
        """How many orders there are, and what the days add up to."""
        counted = [(*name, self._slot, by, *NO_SUMS) for name, by in self._tallies.items() if by]
        daily.add(driver, counted + self._days.sums.rows(self._slot))
