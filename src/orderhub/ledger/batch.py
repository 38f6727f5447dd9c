"""One writing transaction: claim, load, and write a whole batch in a handful of statements.

Locks are taken in one order by every process (claims, orders, pools, natural keys, lanes of the feed, each
sorted by key), so that two processes wait for each other but do not deadlock. Pools with ample left are not locked
before they are drawn on, at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import Table

from orderhub.core.answer import KeptAnswer
from orderhub.core.commands import Origin
from orderhub.core.draws import Draw
from orderhub.core.facts import (
    Accepted,
    Facts,
    HandOverLoad,
    OrderLoad,
    PoolLoad,
    Record,
    RecordKey,
)
from orderhub.core.values import Order, Pool
from orderhub.ledger import bulk, citus, draws, feed, relay, rows, tables
from orderhub.ledger.changeset import ChangeSet
from orderhub.ledger.driver import Driver, Row
from orderhub.ledger.kept_records import KeptRecords
from orderhub.ledger.staying import STAY


class ClaimName(msgspec.Struct, frozen=True, order=True):
    """The scope of an idempotency key is the tenant and the credential."""

    tenant_id: int
    scope: str
    key: str


Branch = tuple[
    str, int
]  # a part of a statement that finds rows by other names, and for how many it has room

# What was in the way of a batch is in the way of some of its commands: its parts wait no longer than this.
_HURRIED_MS = 200
# So few pools PostgreSQL is asked for by name.
_FEW_POOLS = 8
# Names a record always has; every other `by` is one of its keys.
_OWN_NAMES = ("id", "uid", "code", "all")
_LOCK_KEYS = (
    "SELECT pg_advisory_xact_lock(h) FROM (SELECT DISTINCT hashtextextended(value, 0) AS h "
    "FROM json_array_elements_text(CAST(%s AS json)) ORDER BY h) AS names"
)


class Batch:
    """What the writer does on one connection, between BEGIN and COMMIT."""

    def __init__(
        self, driver: Driver, codec: rows.RecordCodec, kept: KeptRecords, mark: str
    ) -> None:
        self._driver = driver
        self._codec = codec
        self._kept = kept
        self._mark = mark  # tells this attempt's rows from earlier ones
        self._tenants: Sequence[int] = ()  # that the batch has to do with
        self._postgres = self._driver.is_postgres
        self._citus = self._driver.is_citus

    def hurry(self) -> None:
        """Hardly wait for others' locks: SQLite has none but the one of the whole file."""
        if self._postgres:
            self._driver.send(f"SET LOCAL lock_timeout = {_HURRIED_MS}")

    # --- claims

    def claim(self, names: dict[ClaimName, str], now_us: int) -> dict[ClaimName, KeptAnswer]:
        """Bind the keys that are free (name -> fingerprint); answers the ones that were bound before.

        A twin running in another process is waited for.
        """
        if not names:
            return {}
        given = [
            {
                "tenant_id": name.tenant_id,
                "scope": name.scope,
                "key": name.key,
                "fingerprint": fingerprint,
                "batch": self._mark,
                "created_at": now_us,
            }
            for name, fingerprint in sorted(names.items())
        ]
        # DO UPDATE with no change is how a row that stands is returned, in the same statement.
        found = bulk.insert_returning(
            self._driver,
            tables.claim,
            given,
            "DO UPDATE SET batch = claim.batch",
            ", ".join(tables.claim.columns.keys()),
        )
        return {
            ClaimName(row.tenant_id, row.scope, row.key): rows.to_kept_answer(row)
            for row in bulk.named(tables.claim, found)
            if row.batch != self._mark
        }

    def taken_natural(self, keys: Iterable[tuple[int, str]]) -> Callable[[], set[tuple[int, str]]]:
        """Which of the vendors' natural keys are taken: asked now, and known once what this answers is called.

        One that another process takes meanwhile is found out by `bind_natural`.
        """
        given = [{"tenant_id": tenant_id, "key": key} for tenant_id, key in sorted(set(keys))]
        if not given:
            return set
        found = bulk.asked(self._driver, tables.natural_key, given)
        return lambda: {(row.tenant_id, row.key) for row in found()}

    def lock_keys(self, names: Iterable[tuple[int, str, str, str]]) -> None:
        """Until the commit, nobody else decides about these record names (tenant, kind, by, value).

        Whether a name is free, or what is put on the record that bears it: there is no row to lock.
        SQLite has one writer, so there is nobody else.
        """
        if self._citus:
            tenants = {tenant_id for tenant_id, *_ in names}
            if tenants:
                self._kept.forget_versions()
                citus.hold_names_of(self._driver, tenants)
            return
        held = {rows.json_text(name) for name in names} if self._postgres else ()
        if held:
            self._kept.forget_versions()
            self._driver.send(_LOCK_KEYS, (rows.json_text(sorted(held)),))

    def stay_with(self, tenants: Sequence[int]) -> None:
        """Until the commit, none of these tenants is removed or restored; one that is by now is found gone.

        Before any row is locked, and without waiting for the answer.
        """
        if self._postgres:
            self._kept.forget_versions()
        if self._citus:
            citus.stay_with(self._driver, tenants)
        elif self._postgres:
            self._driver.send(STAY, (rows.json_text(tenants),))

    # --- facts

    def recall(self, facts: Facts, tenants: Sequence[int], *, presume: bool = False) -> None:
        """Lend all that earlier batches loaded of these tenants' records and nobody has written since.

        `tenants`: all that the batch has to do with. `presume`: on PostgreSQL, where nobody wrote for long that is not
        waited for; before anything is decided `records_stand` is to be asked. Raises TenantGone.
        """
        self._tenants = tenants
        self._kept.see_versions(self._driver, tenants, presume=presume and self._driver.gathers)
        for each in self._kept.standing(tenants):
            facts.lend_records(*each)

    def records_stand(self) -> bool:
        """Whether what was presumed of them is so; else the batch is to be begun again."""
        return self._kept.presumption_holds()

    def recall_again(self, facts: Facts) -> bool:
        """Take back what others wrote while locks were waited for; whether anything of it was known."""
        if not self.meets_others:
            return False
        return facts.take_back(self._kept.changed(self._driver, self._tenants))

    def load_records(self, facts: Facts, keys: Sequence[RecordKey]) -> None:
        """One statement for all the records that the keys name."""
        if self._tenants:
            self._kept.see_versions(self._driver, self._tenants)
        parts: dict[str, list[dict[str, Any]]] = {}
        for key in keys:
            by = key.by if key.by in _OWN_NAMES else "key"
            given: dict[str, Any] = {"tenant_id": key.tenant_id, "kind": key.kind}
            if by == "id":
                given["id"] = int(key.value)
            elif by != "all":
                given["uid"] = key.value
            if by == "key":
                given["code"] = key.by
            parts.setdefault(by, []).append(given)
        branches, parameters = self._branches(sorted(parts.items()))
        sql = _records_sql(branches, self._postgres, citus=self._citus)
        found: dict[RecordKey, list[Record]] = {key: [] for key in keys}
        weights = dict.fromkeys(keys, 0)
        for by, value, *row in self._driver.rows(sql, parameters):
            record = self._codec.kept_record(tuple(row))
            key = RecordKey(record.tenant_id, record.kind, by, value)
            found[key].append(record)
            weights[key] += self._codec.weight(row)
        for key, records in found.items():
            self._kept.keep(key, tuple(records), weights[key])
            if not facts.knows(key):  # by what was lent to them
                facts.learn_records(key, records)

    def recall_derived(self, facts: Facts, tenants: Sequence[int]) -> None:
        """What earlier batches derived from the records of these tenants; asked once all records are loaded."""
        for tenant_id, derived in self._kept.derived(tenants):
            facts.learn_derived(tenant_id, derived)

    def load_orders(self, facts: Facts, loads: Sequence[OrderLoad]) -> None:
        """The orders that the names mean, locked, with their lines and what they hold of pools."""
        self._kept.forget_versions()
        parts: dict[str, list[dict[str, Any]]] = {}
        for load in loads:
            value: Any = load.name.value
            column = {"group": "group_number"}.get(load.name.by, load.name.by)
            if column == "id":
                if not value.isdecimal() or len(value) > 18:
                    continue
                value = int(value)
            parts.setdefault(column, []).append({"tenant_id": load.tenant_id, column: value})
        found: list[Order] = []
        if parts:
            branches, parameters = self._branches(sorted(parts.items()))
            sql = _orders_sql(branches, self._postgres, citus=self._citus)
            parameters += self._of_locked(parts)
            # Who is named in two ways is found twice.
            rows_found = dict.fromkeys(self._driver.rows(sql, parameters))
            locked = bulk.named(tables.orders, rows_found)
            if locked:
                found = self._whole_orders(facts, locked)
        for load in loads:
            facts.learn_orders(load, [order for order in found if _bears(order, load)])

    def _whole_orders(self, facts: Facts, locked: list[Any]) -> list[Order]:
        given = [{"tenant_id": row.tenant_id, "order_id": row.id} for row in locked]
        lines: dict[tuple[int, int], list[Any]] = {}
        for row in bulk.select(
            self._driver,
            tables.order_line,
            given,
            order_by=("tenant_id", "order_id", "line_no"),
        ):
            lines.setdefault((row.tenant_id, row.order_id), []).append(rows.to_line(row))
        moves: dict[tuple[int, int], list[Any]] = {}
        for row in bulk.select(self._driver, tables.pool_move, given):
            moves.setdefault((row.tenant_id, row.order_id), []).append(rows.to_move(row))
        for row in locked:
            name = (row.tenant_id, row.id)
            facts.learn_draws(*name, rows.held(moves.get(name, ())))
        return [rows.to_order(row, lines.get((row.tenant_id, row.id), ())) for row in locked]

    def load_hand_overs(self, facts: Facts, loads: Sequence[HandOverLoad]) -> None:
        """Asked after their orders are locked: they move with these alone."""
        for each, found in relay.load(self._driver, loads).items():
            facts.learn_hand_overs(each, found)

    @property
    def meets_others(self) -> bool:
        """Whether others write meanwhile: SQLite has one writer."""
        return self._postgres

    def load_pools(self, facts: Facts, loads: Sequence[PoolLoad], *, lock: bool = True) -> None:
        """Read the pools, locked in key order: what was read of them before without a lock is forgotten."""
        if self._citus:
            few = citus.few_pools([_pool_key(load) for load in loads], lock=lock)
            if few is not None:
                self._learn_pools(facts, loads, self._driver.rows(*few))
                return
        elif self._driver.gathers and len(loads) <= _FEW_POOLS:
            names = [_pool_key(load) for load in loads]
            sql = _few_pools_sql(tuple(map(len, names)), lock=lock)
            given = [value for each in names for value in each.values()]
            self._learn_pools(facts, loads, self._driver.rows(sql, given))
            return
        exact = [_pool_key(load) for load in loads if load.place is not None]
        whole = [_pool_key(load) for load in loads if load.place is None]
        parts = [(name, part) for name, part in (("exact", exact), ("whole", whole)) if part]
        branches, parameters = self._branches(parts)
        sql = _pools_sql(branches, self._postgres, lock=lock, citus=self._citus)
        parameters += self._of_locked(dict(parts))
        self._learn_pools(facts, loads, dict.fromkeys(self._driver.rows(sql, parameters)))

    @staticmethod
    def _learn_pools(facts: Facts, loads: Sequence[PoolLoad], given: Iterable[Row]) -> None:
        found: dict[tuple[int, str, str], list[Pool]] = {}
        for row in bulk.named(tables.pool, given):
            found.setdefault((row.tenant_id, row.kind, row.subject), []).append(rows.to_pool(row))
        for load in loads:
            pools = found.get((load.tenant_id, load.kind, load.subject), [])
            facts.learn_pools(
                load, [pool for pool in pools if load.place in (None, pool.key.place)]
            )

    def _branches(
        self, parts: Iterable[tuple[str, list[dict[str, Any]]]]
    ) -> tuple[tuple[Branch, ...], list[Any]]:
        """The parts of a statement, each with how many rows it has room for, and its parameters."""
        branches: list[Branch] = []
        parameters: list[Any] = []
        for name, given in parts:
            size = bulk.size_of(len(given), self._postgres)
            branches.append((name, size))
            parameters += bulk.rows_parameters(given, tuple(given[0]), size, self._postgres)
            parameters += bulk.tenants_of(given, citus=self._citus)
        return tuple(branches), parameters

    def _of_locked(self, parts: dict[str, list[dict[str, Any]]]) -> list[Any]:
        """Whose the rows are that all branches together find."""
        return bulk.tenants_of(chain.from_iterable(parts.values()), citus=self._citus)

    # --- results

    def write(
        self,
        facts: Facts,
        accepted: Sequence[tuple[Origin, Accepted]],
        move_ids: Iterable[int],
        slot: int,
        with_pools: bool = True,
    ) -> None:
        """Everything that the accepted commands changed: one statement per table. Raises Stale.

        `with_pools` False: `draw` is still to come.
        """
        for origin, each in accepted:
            if each.records or each.removed:
                self._kept.wrote(origin.tenant_id)
        if accepted:
            ChangeSet(facts, accepted, move_ids, slot).write(self._driver, with_pools=with_pools)

    def draw(self, found: Sequence[Draw]) -> None:
        """What was drawn from pools that are not locked: asked last but for what is unique and `feed`."""
        draws.write(self._driver, found)

    def feed(
        self, accepted: Sequence[tuple[Origin, Accepted]], notice_uids: Sequence[str], slot: int
    ) -> None:
        """Their events' places in the feed: asked last, since its lock is the last in the order of locks."""
        feed.write(self._driver, [each for _, each in accepted], notice_uids, slot)

    def settle_claims(self, kept: dict[ClaimName, KeptAnswer], freed: Iterable[ClaimName]) -> None:
        """Bind the answers of accepted commands; free the keys of refused ones."""
        if kept:
            bulk.update(
                self._driver,
                tables.claim,
                [
                    {
                        "tenant_id": name.tenant_id,
                        "scope": name.scope,
                        "key": name.key,
                        **rows.kept_answer_row(answer),
                    }
                    for name, answer in sorted(kept.items())
                ],
            )
        gone = [
            {"tenant_id": name.tenant_id, "scope": name.scope, "key": name.key} for name in freed
        ]
        if gone:
            bulk.delete(self._driver, tables.claim, gone)

    def bind_natural(self, orders: dict[tuple[int, str], str]) -> None:
        """Take natural keys for orders (by uid). One that another process took meanwhile breaks the batch."""
        if orders:
            bulk.insert(
                self._driver,
                tables.natural_key,
                [
                    {"tenant_id": tenant_id, "key": key, "order_uid": uid}
                    for (tenant_id, key), uid in sorted(orders.items())
                ],
            )


def _pool_key(load: PoolLoad) -> dict[str, Any]:
    key: dict[str, Any] = {
        "tenant_id": load.tenant_id,
        "kind": load.kind,
        "subject": load.subject,
    }
    if load.place is not None:
        key["place"] = load.place
    return key


def _bears(order: Order, load: OrderLoad) -> bool:
    if order.tenant_id != load.tenant_id:
        return False
    name = load.name
    held = {
        "uid": order.uid,
        "id": str(order.id),
        "number": order.number,
        "group": order.group_number,
        "bill": order.bill,
    }
    return held[name.by] == name.value


@lru_cache(maxsize=256)
def _records_sql(branches: tuple[Branch, ...], postgres: bool, *, citus: bool) -> str:
    selects = []
    there = bulk.on_tenants("t", citus=citus)
    for by, size in branches:
        if by == "key":
            columns: tuple[str, ...] = ("tenant_id", "kind", "uid", "code")
            source = bulk.rows_source(tables.record, columns, size, postgres)
            selects.append(
                f"SELECT r.code AS found_by, r.uid AS found_value, {bulk.all_of(tables.record)} "
                f"FROM {source} CROSS JOIN record_key AS k CROSS JOIN record AS t "
                "WHERE k.tenant_id = r.tenant_id AND k.kind = r.kind AND k.name = r.code "
                "AND k.value = r.uid AND t.tenant_id = k.tenant_id AND t.kind = k.kind AND t.id = k.id"
                f"{there}"
            )
            continue
        name = {"id": "id", "all": ""}.get(by, "uid")
        columns = ("tenant_id", "kind", *((name,) if name else ()))
        source = bulk.rows_source(tables.record, columns, size, postgres)
        value = {"id": "CAST(r.id AS TEXT)", "all": "''"}.get(by, "r.uid")
        match = {"id": "t.id = r.id", "all": "true", "uid": "t.uid = r.uid"}.get(
            by, "t.code = r.uid"
        )
        selects.append(
            f"SELECT '{by}' AS found_by, {value} AS found_value, {bulk.all_of(tables.record)} "
            f"FROM {source} CROSS JOIN record AS t "
            f"WHERE t.tenant_id = r.tenant_id AND t.kind = r.kind AND {match}{there}"
        )
    return " UNION ALL ".join(selects)


@lru_cache(maxsize=256)
def _orders_sql(sized: tuple[Branch, ...], postgres: bool, *, citus: bool) -> str:
    conditions = {
        column: f't.tenant_id = r.tenant_id AND t."{column}" = r."{column}"'
        # Partial indexes are used only under their own condition.
        + {
            "number": " AND t.number <> t.uid",
            "group_number": " AND t.group_number <> ''",
            "bill": " AND t.bill <> ''",
        }.get(column, "")
        for column, _ in sized
    }
    branches = [
        (
            bulk.rows_source(tables.orders, ("tenant_id", column), size, postgres),
            conditions[column],
        )
        for column, size in sized
    ]
    return _locked_sql(tables.orders, branches, postgres, citus=citus)


@lru_cache(maxsize=256)
def _few_pools_sql(places: tuple[int, ...], *, lock: bool) -> str:
    """For PostgreSQL; of each load by how many parts of the key it is known.

    It asks one table alone, so that a row that was changed while it was waited for is looked at again.
    """
    keys = ("tenant_id", "kind", "subject", "place")
    found = " OR ".join(
        f"({' AND '.join(f't.{name} = %s' for name in keys[:count])})" for count in places
    )
    order = ", ".join(f"t.{name}" for name in keys)
    return (
        f"SELECT {bulk.all_of(tables.pool)} FROM pool AS t WHERE {found} ORDER BY {order}"
        f"{' FOR UPDATE' if lock else ''}"
    )


@lru_cache(maxsize=256)
def _pools_sql(sized: tuple[Branch, ...], postgres: bool, *, lock: bool, citus: bool) -> str:
    keys = ("tenant_id", "kind", "subject")
    branches = []
    for name, size in sized:
        columns = (*keys, "place") if name == "exact" else keys
        source = bulk.rows_source(tables.pool, columns, size, postgres)
        branches.append((source, " AND ".join(f't."{each}" = r."{each}"' for each in columns)))
    return _locked_sql(tables.pool, branches, postgres, lock=lock, citus=citus)


def _locked_sql(
    table: Table,
    branches: list[tuple[str, str]],
    postgres: bool,
    *,
    lock: bool = True,
    citus: bool = False,
) -> str:
    """Each row once that any branch (source of names, condition) finds; on PostgreSQL locked, in the order of its key.

    SQLite walks a whole table for `IN` a subquery on several columns: there each branch is joined, which it never does
    in another order than the one that is written.
    """
    name = table.name
    if not postgres:
        return " UNION ALL ".join(
            f"SELECT {bulk.all_of(table)} FROM {source} CROSS JOIN {name} AS t WHERE {condition}"
            for source, condition in branches
        )
    key = ", ".join(f"t.{column.name}" for column in table.primary_key.columns)
    there = bulk.on_tenants("t", citus=citus)
    found = " UNION ALL ".join(
        f"SELECT {key} FROM {source} CROSS JOIN {name} AS t WHERE {condition}{there}"
        for source, condition in branches
    )
    # Names first, then rows: a row that another batch changes meanwhile is looked for again once it is free, and in the
    # plan of one query over several branches PostgreSQL then does not find it.
    return (
        f"WITH found AS MATERIALIZED ({found}) "
        f"SELECT {bulk.all_of(table)} FROM {name} AS t WHERE ({key}) IN (SELECT * FROM found){there} "
        f"ORDER BY {key}{' FOR UPDATE OF t' if lock else ''}"
    )
