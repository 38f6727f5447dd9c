"""What an upgrade of the schema will do to a ledger, told beforehand: `orderhub migrate --plan`."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import msgspec
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from orderhub.ledger.database import check_version, head_revision, migrations_config, steps_from


class Work(StrEnum):
    """What a migration does to a table, and what its rows cost."""

    MADE = "made"  # it is new, so it has no rows
    DEFINED = "defined"  # a column with a default, or a trigger: no row is touched
    INDEXED = "indexed"  # each row is read once
    WALKED = "walked"  # each row is read, and some are written


# A test holds it against what the migrations really do.
WORK: dict[str, tuple[tuple[str, Work], ...]] = {
    "0001": (),
    "0002": (
        ("order_line", Work.WALKED),
        ("orders", Work.WALKED),
        ("claim", Work.DEFINED),
    ),
    "0003": (("orders", Work.WALKED),),
    "0004": (("record", Work.WALKED),),
    "0005": (("request_log", Work.MADE),),
    "0006": (
        *(("feed_lane", Work.MADE), ("feed", Work.MADE), ("notice", Work.MADE)),
        ("pool", Work.DEFINED),
        ("order_event", Work.INDEXED),
    ),
    "0007": (
        *(("webhook_state", Work.MADE), ("delivery", Work.MADE), ("webhook_replay", Work.MADE)),
        ("record", Work.INDEXED),
    ),
    "0008": (
        *(("person", Work.MADE), ("person_role", Work.MADE)),
        *(("person_session", Work.MADE), ("person_link", Work.MADE)),
    ),
    "0009": (("tally", Work.DEFINED), ("order_event", Work.INDEXED)),
    "0010": (("timer", Work.INDEXED), ("orders", Work.INDEXED)),
    "0011": (("record_version", Work.MADE), ("tenant", Work.WALKED)),
    "0012": (("delivery", Work.INDEXED), ("pool", Work.INDEXED), ("guess", Work.MADE)),
    "0013": (("slot", Work.MADE),),
    "0014": (("record", Work.DEFINED),),
    "0015": (("sandbox_snapshot", Work.MADE),),
    "0016": (
        *(("hand_over", Work.MADE), ("relay_state", Work.MADE)),
        ("record", Work.INDEXED),
    ),
    "0017": (("hand_over", Work.INDEXED),),
    "0018": (("hand_over", Work.DEFINED),),
}
_ESTIMATED = text("SELECT CAST(reltuples AS bigint) FROM pg_class WHERE oid = to_regclass(:name)")


class PlannedTable(msgspec.Struct, frozen=True, kw_only=True):
    """`rows`: how many there are, about, that the work must look at."""

    table: str
    work: Work
    rows: int


class PlannedMigration(msgspec.Struct, frozen=True, kw_only=True):
    """One migration. `commits`: whether it ends a step, after which an upgrade that is cut short goes on."""

    schema: str
    about: str
    commits: bool
    tables: tuple[PlannedTable, ...]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What `orderhub migrate` would do. `schema` None: there is no ledger yet."""

    schema: str | None
    becomes: str
    migrations: tuple[PlannedMigration, ...]


def plan(engine: Engine) -> Plan:
    """Changes nothing, and needs no lock. Raises DatabaseRefused for a ledger of a newer program."""
    current = check_version(engine, must_be_current=False)
    script = ScriptDirectory.from_config(migrations_config())
    pending = list(script.iterate_revisions("head", current or "base"))[::-1]
    commits = set(steps_from(current))
    migrations = []
    if current is not None:
        with engine.connect() as connection:
            there = set(inspect(connection).get_table_names())
            for each in pending:
                about, _, _ = (each.doc or "").partition("\n")
                migrations.append(
                    PlannedMigration(
                        schema=each.revision,
                        about=about,
                        commits=each.revision in commits,
                        tables=tuple(_tables(connection, each.revision, there)),
                    )
                )
    return Plan(schema=current, becomes=head_revision(), migrations=tuple(migrations))


def _tables(connection: Connection, revision: str, there: set[str]) -> Iterator[PlannedTable]:
    for name, work in WORK[revision]:
        reads = work in (Work.INDEXED, Work.WALKED) and name in there
        yield PlannedTable(table=name, work=work, rows=_rows(connection, name) if reads else 0)


def _rows(connection: Connection, table: str) -> int:
    """On PostgreSQL as its statistics say; a table that was never analysed is counted."""
    if connection.dialect.name == "postgresql":
        estimated = connection.execute(_ESTIMATED, {"name": table}).scalar()
        if estimated is not None and int(estimated) >= 0:
            return int(estimated)
    return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())
