"""Citus: which table lies where, what is asked of every node, and which tenants' rows lie together.

What only one node must have (numbers of processes) stays at the coordinator, the directory is on every node, and all
that belongs to a tenant lies in one shard of every table, on one node. See docs/decisions/0039.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from enum import StrEnum

import msgspec
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from orderhub.ledger import tables
from orderhub.ledger.database import DURABLE, check_version, writing
from orderhub.ledger.urls import DatabaseRefused

log = logging.getLogger("orderhub.cluster")

SHARDS = 32
# Shards are split seldom: a batch that spans two of them by then fails, and is taken apart.
_KNOWN_FOR_S = 60.0
# Writers say themselves what they wrote of records; a trigger has no place on a distributed table.
_TRIGGERS = ("record_inserted", "record_updated", "record_deleted")
_THERE = text("SELECT to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL")
_PLACED = text(
    "SELECT c.relname FROM pg_catalog.pg_dist_partition AS p "
    "JOIN pg_catalog.pg_class AS c ON c.oid = p.logicalrelid"
)
_SERVED = text(
    "SELECT count(*) FROM slot "
    "WHERE held_until > CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"
)
_SHARD = text(
    "SELECT t.id, get_shard_id_for_distribution_column('orders', t.id) "
    "FROM unnest(CAST(:tenants AS bigint[])) AS t(id)"
)
_SETTINGS_OF_NODES = text(
    "SELECT n.nodename || ':' || n.nodeport AS node, c.success, c.result "
    "FROM run_command_on_all_nodes(:asked) AS c JOIN pg_dist_node AS n ON n.nodeid = c.nodeid"
)
_ASKED = (
    "SELECT concat_ws(' ', " + ", ".join(f"current_setting('{name}')" for name in DURABLE) + ")"
)


class Place(StrEnum):
    """Where the rows of a table lie."""

    EVERYWHERE = "on every node"
    SHARDED = "by tenant"
    COORDINATOR = "at the coordinator"  # where it is already: Citus has no part in it


class PlacedTable(msgspec.Struct, frozen=True, kw_only=True):
    """`done`: it lies there already."""

    table: str
    place: Place
    done: bool


_MAKE = {
    Place.EVERYWHERE: "SELECT create_reference_table(:table)",
    Place.SHARDED: "SELECT create_distributed_table(:table, 'tenant_id', colocate_with => :beside)",
}


def places() -> dict[str, Place]:
    """Every table, those of the directory first, which finds the tenant."""
    found = {"alembic_version": Place.EVERYWHERE}
    found |= {str(each.name): Place.EVERYWHERE for each in tables.DIRECTORY}
    # Looked at with the directory, by who signs in.
    found[str(tables.person_role.name)] = Place.EVERYWHERE
    found["orders"] = Place.SHARDED
    for each in tables.metadata.sorted_tables:
        is_of_tenant = "tenant_id" in each.c
        found.setdefault(str(each.name), Place.SHARDED if is_of_tenant else Place.COORDINATOR)
    return found


def is_cluster(connection: Connection) -> bool:
    """Whether the database is the coordinator of a Citus cluster, whatever of it is distributed."""
    return connection.dialect.name == "postgresql" and bool(connection.execute(_THERE).scalar())


def plan(engine: Engine) -> tuple[PlacedTable, ...]:
    """What `distribute` would do; changes nothing. Raises DatabaseRefused where there is no cluster."""
    check_version(engine)
    with engine.connect() as connection:
        if not is_cluster(connection):
            raise DatabaseRefused(
                "The database is no Citus cluster: CREATE EXTENSION citus there and on every worker, "
                "then citus_set_coordinator_host and citus_add_node."
            )
        placed = set(connection.execute(_PLACED).scalars())
    return tuple(
        PlacedTable(table=name, place=place, done=name in placed or place is Place.COORDINATOR)
        for name, place in places().items()
    )


def distribute(
    engine: Engine, shards: int = SHARDS, done: Callable[[PlacedTable], None] = lambda _: None
) -> tuple[PlacedTable, ...]:
    """Lay every table where it belongs, one a commit: what is cut short goes on when it is asked for again.

    Nobody may serve the database meanwhile. Raises DatabaseRefused.
    """
    planned = plan(engine)
    waiting = [each for each in planned if not each.done]
    if waiting:
        _refuse_served(engine)
    for each in waiting:
        with writing(engine).begin() as connection:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            _place(connection, each, shards)
        done(each)
    return planned


def _refuse_served(engine: Engine) -> None:
    with engine.connect() as connection:
        if connection.execute(_SERVED).scalar():
            raise DatabaseRefused("A hub serves the database: stop it first.")


def _place(connection: Connection, each: PlacedTable, shards: int) -> None:
    if each.table == tables.record.name:
        for trigger in _TRIGGERS:
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {trigger} ON record")
    given: dict[str, object] = {"table": each.table}
    if each.place is Place.SHARDED:
        is_first = each.table == tables.orders.name
        given["beside"] = "none" if is_first else tables.orders.name
        connection.exec_driver_sql(f"SET LOCAL citus.shard_count = {shards:d}")
        connection.execute(text(_MAKE[each.place]), given)
        _forget_local(connection, each.table)
    else:
        connection.execute(text(_MAKE[each.place]), given)
        if each.place is Place.EVERYWHERE:
            _forget_local(connection, each.table)


def _forget_local(connection: Connection, table: str) -> None:
    """The rows are in the shards by now: what is left of them in the table itself is in the way of everybody."""
    connection.execute(
        text("SELECT truncate_local_data_after_distributing_table(CAST(:table AS regclass))"),
        {"table": table},
    )


# --- a hub that opens it


def look_over(engine: Engine) -> bool:
    """Whether the ledger lies on a cluster. Raises DatabaseRefused for one that does so in part, or may lose orders."""
    with engine.connect() as connection:
        if not is_cluster(connection):
            return False
        placed = set(connection.execute(_PLACED).scalars())
        missing = [
            name
            for name, place in places().items()
            if name not in placed and place is not Place.COORDINATOR
        ]
        if tables.orders.name not in placed:
            log.warning(
                "Citus is there and no table is distributed: one machine bears all. See `orderhub database distribute`."
            )
            return False
        if missing:
            raise DatabaseRefused(
                f"Not distributed yet: {', '.join(missing)}. Run `orderhub database distribute` first."
            )
        _refuse_weak_nodes(connection)
    return True


def _refuse_weak_nodes(connection: Connection) -> None:
    """A commit is as durable as the node of its rows makes it; the coordinator's session says nothing of that."""
    for node, is_answered, result in connection.execute(_SETTINGS_OF_NODES, {"asked": _ASKED}):
        if not is_answered:
            log.warning("the node %s cannot be asked how durable its commits are: %s", node, result)
            continue
        for (name, enough), value in zip(DURABLE.items(), result.split(), strict=True):
            if value not in enough:
                raise DatabaseRefused(
                    f"The node {node} runs with {name}={value}: the hub needs it on, since it may lose "
                    "acknowledged orders else."
                )


class Groups:
    """Which tenants' rows lie in one shard. Only the writer's thread asks."""

    def __init__(self, engine: Engine, now_s: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._now_s = now_s
        self._known: dict[int, int] = {}
        self._until_s = 0.0

    def of(self, tenant_id: int) -> int:
        """The number of a tenant's group; who is not known yet is one alone."""
        return self._known.get(tenant_id, -tenant_id)

    def learn(self, tenants: Collection[int]) -> None:
        """Ask about those who are not known. One that cannot be asked about stays alone."""
        now_s = self._now_s()
        if now_s > self._until_s:
            self._known, self._until_s = {}, now_s + _KNOWN_FOR_S
        unknown: Sequence[int] = sorted({*tenants} - self._known.keys())
        if not unknown:
            return
        try:
            with self._engine.connect() as connection:
                found = connection.execute(_SHARD, {"tenants": unknown})
                self._known.update((tenant_id, shard) for tenant_id, shard in found)
        except SQLAlchemyError as error:
            log.warning("which tenants lie together is not known: %s", error)
