"""A ledger copied into the other kind of database, table by table in the order of keys, and compared row by row.

What is written is committed a piece at a time: who is interrupted goes on behind the greatest key that is there.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any, Protocol

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    Table,
    Text,
    func,
    insert,
    inspect,
    select,
    text,
    tuple_,
)
from sqlalchemy.exc import SQLAlchemyError

from orderhub.ledger.checking.integrity import reason
from orderhub.ledger.database import COPY_MARK, check_version, migrate, open_engine, writing
from orderhub.ledger.files import make_file, refuse_missing
from orderhub.ledger.tables import feed_lane, metadata
from orderhub.ledger.urls import DatabaseRefused, file_of, parse_url, without_password

_AT_ONCE = 2_000
_ROWS_A_COMMIT = 20_000
# Stands in the target from the first row to the comparison: what has it is a copy that is not whole.
_MARK = Table(COPY_MARK, MetaData(), Column("source", Text, nullable=False))

Row = tuple[Any, ...]


class Watcher(Protocol):
    """Is told what is done now, of how many rows, and how many more are done."""

    def begins(self, what: str, total: int) -> None: ...
    def did(self, rows: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Copied:
    """What stands in both databases. `rows` by table, `copied` in this run."""

    rows: dict[str, int]
    copied: int


def refuse_same(source_url: str, target_url: str) -> None:
    """Raises DatabaseRefused where both are one, or there is no source."""
    source_at, target_at = parse_url(source_url), parse_url(target_url)
    if source_at == target_at or (file_of(source_at) or 1) == (file_of(target_at) or 2):
        raise DatabaseRefused("--from and --to are the same database.")
    refuse_missing(source_url)


def copy(source_url: str, target_url: str, watcher: Watcher) -> Copied:
    """Copy and compare. The caller sees to it that nobody writes to either. Raises DatabaseRefused.

    The target is empty, or holds a copy of the same source that was interrupted.
    """
    source, target = open_engine(source_url), open_engine(target_url)
    try:
        check_version(source)
        _begin(target, without_password(source_url))
        with _reading(source) as here:
            copied = sum(
                _copy_table(here, target, each, watcher) for each in metadata.sorted_tables
            )
        with _reading(source) as here, _reading(target) as there:
            rows = {
                each.name: _compare(here, there, each, watcher) for each in metadata.sorted_tables
            }
        _finish(target)
    except SQLAlchemyError as error:
        raise DatabaseRefused(
            f"The copy stops here: {reason(error)}. Repeated, it goes on where it was."
        ) from error
    finally:
        source.dispose()
        target.dispose()
    return Copied(rows, copied)


def _reading(engine: Engine) -> Connection:
    """One look for as long as it is open."""
    connection = engine.connect()
    if engine.dialect.name == "postgresql":
        connection.execution_options(isolation_level="REPEATABLE READ")
    return connection


def _begin(target: Engine, source: str) -> None:
    """The mark that it is a copy under way, and the target's tables. Raises DatabaseRefused for any other ledger.

    The mark is first: tables without it would be a ledger, empty and ready to be served.
    """
    path = file_of(target.url)
    if path is not None:
        make_file(path)
    if not _is_ours(target, source):
        with target.connect() as connection:
            tables = sorted(inspect(connection).get_table_names())
        if tables:
            raise DatabaseRefused(
                f"The database --to is not empty (there is {tables[0]}): a copy is made where nothing is."
            )
        with writing(target).begin() as connection:
            _MARK.create(connection)
            connection.execute(insert(_MARK).values(source=source))
    migrate(target)


def _is_ours(target: Engine, source: str) -> bool:
    with target.connect() as connection:
        if not inspect(connection).has_table(_MARK.name):
            return False
        of = connection.execute(select(_MARK.c.source)).scalar()
    if of != source:
        raise DatabaseRefused(f"The database --to holds an unfinished copy of {of}: make it empty.")
    return True


def _finish(target: Engine) -> None:
    with writing(target).begin() as connection:
        if target.dialect.name == "sqlite":
            _give_lane(connection)
        _MARK.drop(connection)
    if target.dialect.name == "postgresql":
        with target.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))


def _give_lane(connection: Connection) -> None:
    """SQLite writes to lane 0 alone: where the source had only others, it is there from now on."""
    lanes = connection.execute(select(feed_lane.c.tenant_id, feed_lane.c.lane)).all()
    have = {tenant_id for tenant_id, lane in lanes if lane == 0}
    for tenant_id in sorted({tenant_id for tenant_id, _ in lanes} - have):
        given = {"tenant_id": tenant_id, "lane": 0, "next": 0, "stamp": 0}
        connection.execute(insert(feed_lane).values(given))


# --- rows


def _order(table: Table, connection: Connection) -> list[Any]:
    """The key, in the order of code points: the same in both databases."""
    is_postgres = connection.dialect.name == "postgresql"
    return [
        each.collate("C") if is_postgres and isinstance(each.type, Text) else each
        for each in table.primary_key.columns
    ]


def _rows(
    connection: Connection, table: Table, after: Row | None = None
) -> Generator[Row, None, None]:
    """All rows behind a key, in its order, some at a time."""
    key = _order(table, connection)
    query = select(table).order_by(*key)
    if after is not None:
        query = query.where(tuple_(*key) > after)
    with connection.execute(query, execution_options={"yield_per": _AT_ONCE}) as found:
        for some in found.partitions():
            yield from map(tuple, some)


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _copy_table(source: Connection, target: Engine, table: Table, watcher: Watcher) -> int:
    with target.connect() as connection:
        key = _order(table, connection)
        newest = select(*table.primary_key.columns).order_by(*(each.desc() for each in key))
        last = connection.execute(newest.limit(1)).first()
        done = _count(connection, table) if last is not None else 0
    watcher.begins(table.name, max(0, _count(source, table) - done))
    copied = 0
    with closing(_rows(source, table, None if last is None else tuple(last))) as rows:
        while True:
            with writing(target).begin() as connection:
                written = 0
                while written < _ROWS_A_COMMIT and (some := list(islice(rows, _AT_ONCE))):
                    _write(connection, table, some)
                    watcher.did(len(some))
                    written += len(some)
            copied += written
            if written < _ROWS_A_COMMIT:
                return copied


def _write(connection: Connection, table: Table, some: list[Row]) -> None:
    names = [each.name for each in table.columns]
    if connection.dialect.name != "postgresql":
        connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in some])
        return
    raw: Any = connection.connection.driver_connection
    columns = ", ".join(f'"{name}"' for name in names)
    with (
        raw.cursor() as cursor,
        cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy_in,
    ):
        for row in some:
            copy_in.write_row(row)


def _compare(here: Connection, there: Connection, table: Table, watcher: Watcher) -> int:
    """How many rows the table has in both. Raises DatabaseRefused at the first that differs."""
    watcher.begins(f"comparing {table.name}", _count(here, table))
    width = len(table.primary_key.columns)
    count = 0
    with closing(_rows(here, table)) as ours, closing(_rows(there, table)) as theirs:
        for mine, other in zip_longest(ours, theirs):
            if mine != other:
                raise DatabaseRefused(
                    f"The copy is not the source: {table.name} {(mine or other)[:width]} differs. If somebody wrote to "
                    "the source meanwhile, empty the database --to and copy again."
                )
            count += 1
            if count % _AT_ONCE == 0:
                watcher.did(_AT_ONCE)
    return count
