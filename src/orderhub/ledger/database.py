"""Opening a database: durable or not at all, of this program's version or not at all."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO, Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

_MIGRATIONS = Path(__file__).parent / "migrations"
# Query parameters of a SQLite URL that would weaken what a commit promises.
_WEAKENING = {"synchronous", "journal_mode", "mode", "cache", "nolock", "immutable", "vfs", "uri"}
_LOCK_TIMEOUT_MS = 10_000
_MIGRATION_LOCK = 0x6F72_6465_7268_7562  # "orderhub"


class DatabaseRefused(Exception):
    """The database cannot be used; the message is one clear sentence for the operator."""


def parse_url(url: str) -> URL:
    """`sqlite:///path` or `postgresql://…` as SQLAlchemy reads it. Raises DatabaseRefused for anything else."""
    try:
        parsed = make_url(url)
    except SQLAlchemyError as error:
        raise DatabaseRefused(f"{url!r} is not a database URL.") from error
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername != "sqlite":
        raise DatabaseRefused(
            f"{parsed.drivername} is not supported: use sqlite:///path or postgresql://…"
        )
    if not parsed.database or parsed.database == ":memory:":
        raise DatabaseRefused("An in-memory SQLite database keeps nothing: name a file.")
    weak = sorted(_WEAKENING & set(parsed.query))
    if weak:
        raise DatabaseRefused(
            f"The SQLite URL sets {', '.join(weak)}: the hub always runs with journal_mode=WAL and "
            "synchronous=FULL, since anything less may lose acknowledged orders."
        )
    return parsed


def open_engine(url: str, *, readers: int = 4) -> Engine:
    """An engine whose commits are durable. SQLite: WAL and synchronous=FULL; PostgreSQL: synchronous_commit=on."""
    parsed = parse_url(url)
    if parsed.drivername == "sqlite":
        engine = create_engine(
            parsed,
            pool_size=readers + 2,
            max_overflow=8,
            connect_args={"timeout": _LOCK_TIMEOUT_MS / 1000, "check_same_thread": False},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(
        parsed,
        pool_size=readers + 2,
        max_overflow=8,
        isolation_level="READ COMMITTED",
        connect_args={"options": "-c synchronous_commit=on -c timezone=UTC"},
    )


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by us, explicitly
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    mode = cursor.fetchone()[0]
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA synchronous")
    level = cursor.fetchone()[0]
    cursor.execute(f"PRAGMA busy_timeout={_LOCK_TIMEOUT_MS}")
    cursor.execute("PRAGMA temp_store=MEMORY")
    cursor.execute("PRAGMA cache_size=-32768")
    cursor.close()
    if mode != "wal" or level != 2:
        raise DatabaseRefused(
            f"SQLite runs with journal_mode={mode} and synchronous={level} here: the hub needs WAL and FULL."
        )


def _begin_sqlite(connection: Any) -> None:
    # Readers take a snapshot; only the one writer asks for the write lock, at once, so that it
    # never fails halfway for want of it.
    writing = connection.get_execution_options().get("orderhub_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def writing(engine: Engine) -> Engine:
    """The same engine, for transactions that write."""
    return engine.execution_options(orderhub_writes=True)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def head_revision() -> str:
    """The newest schema this program knows."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def migrate(engine: Engine) -> None:
    """Bring the schema to this program's version. Raises DatabaseRefused when it is newer."""
    check_version(engine, must_be_current=False)
    config = _config()
    with writing(engine).connect() as connection:
        if engine.dialect.name == "postgresql":
            # Processes that start together take turns; the second finds nothing left to do.
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def check_version(engine: Engine, *, must_be_current: bool = True) -> None:
    """Refuse a database that is newer than the program, or (where asked) older or empty."""
    script = ScriptDirectory.from_config(_config())
    known = {revision.revision for revision in script.walk_revisions()}
    current = _current_revision(engine) if _is_there(engine) or not must_be_current else None
    if current is not None and current not in known:
        raise DatabaseRefused(
            f"The database is at schema {current}, which this program ({head_revision()}) does not know: "
            "it was written by a newer OrderHub, so run that one."
        )
    if must_be_current and current != head_revision():
        raise DatabaseRefused(
            f"The database is at schema {current or 'none'}, this program needs {head_revision()}: "
            "start `orderhub serve` once to migrate it."
        )


def _is_there(engine: Engine) -> bool:
    """Whether looking would not make an empty SQLite file."""
    return engine.dialect.name != "sqlite" or Path(engine.url.database or "").exists()


def _current_revision(engine: Engine) -> str | None:
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as error:
        why = str(getattr(error, "orig", error)).strip().partition("\n")[0]
        url = engine.url.render_as_string(hide_password=True)
        raise DatabaseRefused(f"The database {url} cannot be opened: {why}.") from error


class ServeLock:
    """One server per SQLite file: held by `serve` for as long as it runs."""

    def __init__(self, url: str) -> None:
        parsed = parse_url(url)
        self._path = (
            Path(f"{parsed.database}.lock")
            if parsed.drivername == "sqlite" and parsed.database
            else None
        )
        self._file: IO[str] | None = None

    def take(self, note: str) -> None:
        """Raises DatabaseRefused when another server holds it. `note` (its address) is for those who meet the lock."""
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = self._path.open("a+")
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise DatabaseRefused(f"{self._path} cannot be written: {why}.") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip()
            file.close()
            raise DatabaseRefused(
                f"Another OrderHub serves this SQLite file already ({holder or 'address unknown'}): "
                "one process writes to a SQLite file; use PostgreSQL to run several."
            ) from None
        self._file = file
        self.note(note)

    def note(self, note: str) -> None:
        """Leave another note for those who meet the lock."""
        if self._file is not None:
            self._file.truncate(0)
            self._file.write(note)
            self._file.flush()

    def holder(self) -> str:
        """The note of the server that holds the lock now, or empty when none does."""
        if self._path is None or not self._path.exists():
            return ""
        with self._path.open("r") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return file.read().strip()
            fcntl.flock(file, fcntl.LOCK_UN)
        return ""

    def release(self) -> None:
        if self._file is not None:
            os.truncate(self._file.name, 0)
            self._file.close()
            self._file = None
