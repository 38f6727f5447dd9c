"""Opening a database: durable or not at all, of this program's version or not at all."""

from __future__ import annotations

import math
import os
import socket
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote
from weakref import WeakKeyDictionary

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, inspect
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from orderhub.ledger.driver import Driver
from orderhub.ledger.files import (
    OPEN,
    OPEN_TO_READ,
    FileWatch,
    ServeLock,
    hold_to_read,
    make_file,
)
from orderhub.ledger.turns import Turns
from orderhub.ledger.urls import DatabaseRefused, file_of, parse_url, without_password

__all__ = ["DatabaseRefused", "ServeLock", "parse_url"]  # where everyone looks for them

_MIGRATIONS = Path(__file__).parent / "migrations"
# Nobody waits for what has no limit of its own: a command, the check, a migration.
_PATIENCE_S = 30
COPY_MARK = "copy_in_progress"  # the table that a copy has until it is whole
# Later migrations take whatever stands.
LAST_THAT_REFUSES = "0003"
_MIGRATION_LOCK = 0x6F72_6465_7268_7562  # "orderhub"
# SQLite takes its log into the file once that has so many pages, 16 MiB. With 1,000, as it would, it did so with every
# 40th lone order and nearly every large batch; most pages are the same ones again and again.
_WAL_PAGES = 4_000
_FULL = 2  # what SQLite calls synchronous=FULL when it is asked
# How many steps SQLite goes between two looks at the clock: some tenths of a millisecond.
_STEPS = 20_000
# A peer that went without a word (its machine, the network) is given up by the kernel.
_TCP = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
DURABLE = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_apply", "remote_write", "local"),
}
# Pages that a connection to SQLite keeps, in KiB: where one works alone (a command, the writer of a hub), and each of
# the many that a hub has beside it, so that they come to little; the machine has the file's pages in memory anyway.
_KEPT_KIB, _KEPT_BESIDE_KIB = 32_768, 8_192
_TURN = "turn"  # in a connection's info, while it has one
# The connections to PostgreSQL that are open, to be cut when it does not answer.
_OPEN: WeakKeyDictionary[Engine, set[Any]] = WeakKeyDictionary()
# In the info of a connection to SQLite: what is done before a transaction that writes begins, and before its commit.
_TURNS = "turns"
# Whether the ledger lies on a Citus cluster: in the info of a connection to PostgreSQL.
CITUS = "citus"
_HAS_CITUS = "SELECT to_regclass('pg_catalog.pg_dist_partition')"
_IS_DISTRIBUTED = (
    "SELECT true FROM pg_catalog.pg_dist_partition WHERE logicalrelid = to_regclass('orders')"
)
_SHOW_DURABLE = "SELECT " + ", ".join(f"current_setting('{name}')" for name in DURABLE)


def open_engine(url: str, *, readers: int = 4, limit_s: float | None = None) -> Engine:
    """An engine whose commits are durable. SQLite: WAL and synchronous=FULL; PostgreSQL: synchronous_commit=on.

    A SQLite file is never made by this. `limit_s`: connects, statements and waits for locks end after so long;
    without it statements take as long as they need.
    """
    parsed = parse_url(url)
    pool: dict[str, Any] = {
        "pool_size": readers + 2,
        "max_overflow": 8,
        "pool_timeout": limit_s or _PATIENCE_S,
    }
    path = file_of(parsed)
    if path is not None:
        return _sqlite_engine(parsed, path, limit_s, pool)
    engine = create_engine(
        parsed,
        isolation_level="READ COMMITTED",
        connect_args=_postgres_arguments(parsed.query, limit_s),
        **pool,
    )
    connections = _OPEN[engine] = set()
    event.listen(engine, "connect", _refuse_weak_connection)
    event.listen(engine, "connect", lambda each, _record: connections.add(each))
    event.listen(engine, "close", lambda each, _record: connections.discard(each))
    return engine


# --- SQLite


def _sqlite_engine(parsed: URL, path: Path, limit_s: float | None, pool: dict[str, Any]) -> Engine:
    wait_s = limit_s or _PATIENCE_S
    arguments = {"timeout": wait_s, "check_same_thread": False, "uri": True}
    engine = create_engine(parsed, connect_args=arguments, **pool)
    watch, turns = FileWatch(path), Turns()
    held = hold_to_read(path)
    how = OPEN if held is None else OPEN_TO_READ

    def connect(_dialect: Any, _record: Any, arguments: list[Any], _named: Any) -> None:
        watch.check()
        arguments[0] = f"file:{quote(str(path))}?{how}"

    def prepare(connection: Any, record: Any) -> None:
        try:
            if held is None:
                _make_log(connection)
            _prepare_sqlite(connection, wait_s, _KEPT_KIB if limit_s is None else _KEPT_BESIDE_KIB)
        except BaseException:
            connection.close()
            raise
        if limit_s is not None:
            record.info["ends_at"] = ends_at = [math.inf]
            connection.set_progress_handler(lambda: time.monotonic() > ends_at[0], _STEPS)
        watch.opened()
        record.info[_TURNS] = (take_turn, watch.check)

    def take_turn(info: dict[str, Any]) -> None:
        if limit_s is not None:
            info["ends_at"][0] = (
                math.inf
            )  # what is being written is never cut short: it ends by itself
        if _TURN not in info:  # it keeps its turn from one transaction to the next
            turns.take(wait_s)
            info[_TURN] = turns

    def begin(connection: Any) -> None:
        # Readers take a snapshot; only the one writer asks for the write lock, at once, so that it
        # never fails halfway for want of it.
        watch.check()
        if connection.get_execution_options().get("orderhub_writes", False):
            take_turn(connection.info)
            Driver(connection).begin()
            return
        if limit_s is not None:
            connection.info["ends_at"][0] = time.monotonic() + limit_s
        Driver(connection).send("BEGIN")

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "connect", prepare)
    event.listen(engine, "close", lambda _connection, _record: watch.closed())
    event.listen(engine, "begin", begin)
    event.listen(engine, "checkin", lambda _connection, record: leave_turn(record))
    event.listen(engine, "commit", lambda _connection: watch.check())
    if held is not None:
        event.listen(engine, "engine_disposed", lambda _engine: os.close(held), once=True)
    return engine


def _prepare_sqlite(connection: Any, wait_s: float, kept_kib: int) -> None:
    connection.isolation_level = None  # transactions are begun by us, explicitly
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={int(wait_s * 1000)}")
    cursor.execute(f"PRAGMA wal_autocheckpoint={_WAL_PAGES}")
    cursor.execute("PRAGMA temp_store=MEMORY")
    cursor.execute(f"PRAGMA cache_size=-{kept_kib}")
    cursor.close()


def _make_log(connection: Any) -> None:
    """WAL and FULL, which are as durable as it gets. Raises DatabaseRefused where they cannot be had."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    mode = cursor.fetchone()[0]
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA synchronous")
    level = cursor.fetchone()[0]
    cursor.close()
    if mode != "wal" or level != _FULL:
        raise DatabaseRefused(
            f"SQLite runs with journal_mode={mode} and synchronous={level} here: the hub needs WAL and FULL."
        )


def open_writer(engine: Engine) -> Driver:
    """A connection for one `batch_on` after the other."""
    connection = engine.connect()
    if engine.dialect.name == "postgresql":
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
    driver = Driver(connection)
    if engine.dialect.name == "sqlite":
        driver.send(f"PRAGMA cache_size=-{_KEPT_KIB}")
    driver.pipeline()
    return driver


@contextmanager
def batch_on(driver: Driver) -> Iterator[None]:
    """A writing transaction: committed when the block ends well; else the driver must be closed.

    Without SQLAlchemy's, which costs as much as several statements. The file is looked at once, before the commit.
    """
    info = driver.connection.info
    take_turn, check = info.get(_TURNS, (None, None))
    if take_turn is not None:
        take_turn(info)
    driver.begin()
    driver.find_by_keys()
    yield
    if check is not None:
        check()
    driver.commit()
    leave_turn(driver.connection)


def leave_turn(connection: Any) -> None:
    """Let others write, between two transactions; a connection that goes back to the pool does by itself."""
    turns = connection.info.pop(_TURN, None)
    if turns is not None:
        turns.leave()


def writing(engine: Engine) -> Engine:
    """The same engine, for transactions that write."""
    return engine.execution_options(orderhub_writes=True)


@contextmanager
def losable(engine: Engine) -> Iterator[Connection]:
    """A transaction of a `writing` engine that a crash of the machine may take back: nobody waits for the disk.

    No order's: it is whole or not there, and what others commit beside it is as durable as ever.
    """
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            with connection.begin():
                connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
                yield connection
            return
        raw: Any = connection.connection.driver_connection
        raw.execute("PRAGMA synchronous=NORMAL")
        try:
            with connection.begin():
                yield connection
        finally:
            _make_durable(connection, raw)


def _make_durable(connection: Connection, raw: Any) -> None:
    """Whoever uses the connection next may write orders."""
    try:
        raw.execute("PRAGMA synchronous=FULL")
        is_durable = raw.execute("PRAGMA synchronous").fetchone() == (_FULL,)
    except sqlite3.Error:
        is_durable = False
    if not is_durable:
        connection.invalidate()


# --- PostgreSQL


def _postgres_arguments(query: Mapping[str, Any], limit_s: float | None) -> dict[str, Any]:
    """What is not said in the URL; of what is said, only that which would weaken a commit is overruled."""
    given = query.get("options", "")
    options = [given if isinstance(given, str) else " ".join(given)]
    options += ["-c synchronous_commit=on", "-c timezone=UTC"]
    # Citus alone knows it: what a transaction sets for itself holds on every node that it comes to.
    # A consistent look is one connection's: it has one to each node.
    options += [
        "-c citus.propagate_set_commands=local",
        "-c citus.max_adaptive_executor_pool_size=1",
    ]
    options += [
        "-c orderhub.counts=on"
    ]  # who says so counts the records that it writes: kept_records.py
    if limit_s is not None:
        limit_ms = max(1, int(limit_s * 1000))
        options += [f"-c statement_timeout={limit_ms}", f"-c lock_timeout={max(1, limit_ms // 2)}"]
    more = {"connect_timeout": max(2, math.ceil(limit_s or _PATIENCE_S)), **_TCP}
    wanted: dict[str, Any] = {name: each for name, each in more.items() if name not in query}
    # psycopg forgets what it has prepared at each rollback, which ends every look, and has the server forget with it
    # all that the writer had prepared on the same connection: pipeline.py.
    wanted["prepare_threshold"] = None
    return {**wanted, "options": " ".join(filter(None, options))}


def _refuse_weak_connection(connection: Any, record: Any) -> None:
    """Whatever stands between (a pooler may drop options): each connection must be durable."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(_SHOW_DURABLE)
            _refuse_weak(cursor.fetchone())
            cursor.execute(_HAS_CITUS)
            if cursor.fetchone()[0] is not None:
                cursor.execute(_IS_DISTRIBUTED)
                record.info[CITUS] = cursor.fetchone() is not None
        connection.rollback()
    except BaseException:
        connection.close()
        raise


def _refuse_weak(values: Any) -> None:
    for (name, enough), value in zip(DURABLE.items(), values, strict=True):
        if value not in enough:
            raise DatabaseRefused(
                f"PostgreSQL runs with {name}={value}: the hub needs it on, since it may lose acknowledged orders else."
            )


def refuse_weak_commits(engine: Engine) -> None:
    """Raises DatabaseRefused for a PostgreSQL whose commits the server, database or role made less than durable.

    A session of the hub's asks for more and gets it; but who turned it off did not expect orders here.
    """
    if engine.dialect.name != "postgresql":
        return
    wait = {"connect_timeout": _PATIENCE_S} if "connect_timeout" not in engine.url.query else {}
    plain = create_engine(engine.url, poolclass=NullPool, connect_args=wait)
    try:
        with plain.connect() as connection:
            _refuse_weak(connection.exec_driver_sql(_SHOW_DURABLE).one())
    except SQLAlchemyError as error:
        raise _cannot_be_opened(engine, error) from error
    finally:
        plain.dispose()


def cut_all(engine: Engine) -> None:
    """End the connections to PostgreSQL under those who wait on them: they get an error at once."""
    for connection in list(_OPEN.get(engine, ())):
        with suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)


# --- the schema


def migrations_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


@cache
def _script() -> ScriptDirectory:
    """This program's migrations. To find them takes as long as all else that opening a ledger does."""
    return ScriptDirectory.from_config(migrations_config())


@cache
def head_revision() -> str:
    """The newest schema this program knows."""
    head = _script().get_current_head()
    assert head is not None
    return head


def migrate(engine: Engine, *, create: bool = True) -> None:
    """Bring the ledger to this program's version, step by step: each is a commit, and a repeat goes on where it was.

    Raises DatabaseRefused when it is newer, or holds what this version could not read: then nothing is changed.

    `create`: a ledger is made where there is none, and a SQLite file, too.
    """
    path = file_of(engine.url)
    if path is not None and create:
        make_file(path)
    current = check_version(engine, must_be_current=False)
    if current == head_revision():
        return
    if current is None and not create:
        raise DatabaseRefused(
            f"There is no ledger in {without_password(engine.url)}: `orderhub init` or `orderhub serve` makes one."
        )
    while _migrated_on(engine) != head_revision():
        pass


def steps_from(current: str | None) -> list[str]:
    """The schemas that a ledger is brought to one after another, each with a commit of its own."""
    pending = [each.revision for each in _script().iterate_revisions("head", current or "base")]
    pending.reverse()
    if current is None:
        return pending[-1:]  # there is nothing yet that a half of it could be kept of
    # Whatever may refuse what stands leaves the ledger as it was, for the program that it came from.
    return [each for each in pending if each >= LAST_THAT_REFUSES]


def _migrated_on(engine: Engine) -> str:
    """One step further, if any is left; answers the schema then."""
    config = migrations_config()
    with writing(engine).connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(
                "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"
            )
            # Processes that start together take turns; the second finds nothing left to do.
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
        current = MigrationContext.configure(connection).get_current_revision()
        steps = steps_from(current)
        if steps:
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, steps[0])
            except ValueError as error:
                raise DatabaseRefused(f"The ledger stays as it was: {error}") from error
            connection.commit()
    return steps[0] if steps else head_revision()


def check_version(engine: Engine, *, must_be_current: bool = True) -> str | None:
    """The schema, None for none; refused when it is newer than the program, or (where asked) older or none."""
    current = _current_revision(engine)
    if current is not None:
        refuse_newer("The database", current)
    if must_be_current and current != head_revision():
        raise DatabaseRefused(
            f"The database is at schema {current or 'none'}, this program needs {head_revision()}: "
            "start `orderhub serve` once to migrate it."
        )
    return current


def refuse_newer(what: str, schema: str) -> None:
    """Raises DatabaseRefused for a schema that this program does not know."""
    if schema not in {revision.revision for revision in _script().walk_revisions()}:
        raise DatabaseRefused(
            f"{what} is at schema {schema}, which this program ({head_revision()}) does not know: "
            "it was written by a newer OrderHub, so run that one."
        )


def refuse_unfinished_copy(engine: Engine) -> None:
    """Raises DatabaseRefused for a ledger that `orderhub copy` has not finished: see moving/copying.py."""
    path = file_of(engine.url)
    if path is not None and not path.exists():
        return
    try:
        with engine.connect() as connection:
            is_unfinished = inspect(connection).has_table(COPY_MARK)
    except SQLAlchemyError as error:
        raise _cannot_be_opened(engine, error) from error
    if is_unfinished:
        raise DatabaseRefused(
            "The database holds a copy that is not finished: repeat `orderhub copy`, which goes on where it was."
        )


def _current_revision(engine: Engine) -> str | None:
    path = file_of(engine.url)
    if path is not None and not path.exists():
        return None
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _cannot_be_opened(engine, error) from error


def _cannot_be_opened(engine: Engine, error: Exception) -> DatabaseRefused:
    why = str(getattr(error, "orig", error)).strip().partition("\n")[0]
    return DatabaseRefused(f"The database {without_password(engine.url)} cannot be opened: {why}.")
