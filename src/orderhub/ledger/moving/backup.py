"""A backup of a ledger while it is served, in one consistent look, and proven by the laws before it counts as one.

SQLite copies itself (its online backup); PostgreSQL is dumped by `pg_dump` in the very snapshot that is checked.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import inspect
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from orderhub import __version__
from orderhub.ledger.check import check_ledger, checked, looking
from orderhub.ledger.checking.integrity import reason, refuse_unsound
from orderhub.ledger.checking.report import Report
from orderhub.ledger.database import check_version, head_revision, open_engine, refuse_newer
from orderhub.ledger.files import OPEN, OPEN_TO_READ, hold_to_read, refuse_missing
from orderhub.ledger.moving.archive import (
    SQLITE_FILES,
    Advance,
    Manifest,
    beside,
    manifest_of,
    pack,
    put_in_place,
    unpack,
)
from orderhub.ledger.urls import DatabaseRefused, file_of, parse_url, url_of_file, without_password

_PAGES = 2_048  # at a time, between two words of how far it is
# Secrets that PostgreSQL's programs take from no variable of the environment.
_UNTOLD = {"sslpassword", "oauth_client_secret"}


def back_up(url: str, file: Path, advance: Advance, *, is_checked: bool = True) -> Manifest:
    """Save the ledger as it stands to a file that is not there yet. Raises DatabaseRefused.

    Who serves it is neither asked nor stopped. One that breaks a law is saved all the same, and its manifest says so.
    """
    refuse_missing(url)
    if file.exists():
        raise DatabaseRefused(f"{file} is there already: name another file.")
    if not file.parent.is_dir():
        raise DatabaseRefused(f"There is no folder {file.parent}.")
    manifest = Manifest(
        program=__version__,
        kind="sqlite" if file_of(parse_url(url)) else "postgresql",
        schema="",
        began_at=datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
    )
    save = _save_sqlite if manifest.kind == "sqlite" else _save_postgres
    try:
        with beside(file, "ledger") as payload:
            report = save(url, payload, manifest, is_checked=is_checked)
            if report is not None:
                _note(manifest, report)
            pack(payload, manifest, file, advance)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise DatabaseRefused(f"{file} cannot be written: {why}.") from None
    return manifest


def _note(manifest: Manifest, report: Report) -> None:
    manifest.check, manifest.breaches = report.summary(), report.total
    manifest.counts = report.counts
    if report.newest:
        newest = datetime.fromtimestamp(report.newest / 1_000_000, UTC)
        manifest.newest = newest.isoformat(timespec="seconds").replace("+00:00", "Z")


# --- SQLite


def _save_sqlite(url: str, payload: Path, manifest: Manifest, *, is_checked: bool) -> Report | None:
    path = file_of(parse_url(url))
    assert path is not None
    held = hold_to_read(path)
    how = OPEN if held is None else OPEN_TO_READ
    try:
        with (
            closing(sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True)) as source,
            closing(sqlite3.connect(payload)) as target,
        ):
            source.execute("PRAGMA busy_timeout = 30000")
            target.execute("PRAGMA synchronous = OFF")
            source.isolation_level = None
            # What is read first is what stands until the end, whoever writes meanwhile: the copy never begins anew.
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(target, pages=_PAGES)
            source.execute("ROLLBACK")
            target.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise DatabaseRefused(f"{path} cannot be saved: {error}.") from error
    finally:
        if held is not None:
            os.close(held)
    engine = open_engine(url_of_file(payload))
    try:
        manifest.schema = check_version(engine, must_be_current=False) or ""
        if not manifest.schema:
            raise DatabaseRefused(f"There is no ledger in {path}.")
        return check_ledger(engine) if _can_check(manifest, is_checked=is_checked) else None
    finally:
        engine.dispose()
        with closing(sqlite3.connect(payload)) as saved:
            saved.execute("PRAGMA journal_mode = DELETE")


def _can_check(manifest: Manifest, *, is_checked: bool) -> bool:
    """Only a ledger of this program's own version is known well enough."""
    return is_checked and manifest.schema == head_revision()


# --- PostgreSQL


def _save_postgres(
    url: str, payload: Path, manifest: Manifest, *, is_checked: bool
) -> Report | None:
    program = _program("pg_dump")
    engine = open_engine(url)
    try:
        manifest.schema = check_version(engine, must_be_current=False) or ""
        if not manifest.schema:
            raise DatabaseRefused("There is no ledger in the database.")
        with looking(engine) as connection:
            snapshot = connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
            _run(
                parse_url(url),
                (program, "--format=custom", "--compress=0", "--no-owner", "--no-privileges"),
                (f"--snapshot={snapshot}", f"--file={payload}"),
            )
            if not _can_check(manifest, is_checked=is_checked):
                return None
            refuse_unsound(connection)
            return checked(connection)
    finally:
        engine.dispose()


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise DatabaseRefused(
            f"{name} is not here: it comes with PostgreSQL's client programs, of the server's version or a newer one."
        )
    return found


def _run(url: URL, words: Sequence[str], more: Sequence[str]) -> None:
    """Run one of PostgreSQL's programs on a database. The password is not among its words, which anybody may see."""
    untold = sorted(_UNTOLD & set(url.query))
    if untold:
        raise DatabaseRefused(
            f"{Path(words[0]).name} could be told {untold[0]} only where everybody sees it: leave it out of the URL."
        )
    environment = dict(os.environ)
    password = url.query.get("password", url.password)
    if password:
        environment["PGPASSWORD"] = str(password)
    # `URL.set` takes None for what is to stay.
    plain = url.set(drivername="postgresql")._replace(password=None)
    address = plain.difference_update_query(["password"]).render_as_string(hide_password=False)
    done = subprocess.run(  # noqa: S603 - a program of PostgreSQL's, with words of ours
        [*words, f"--dbname={address}", *more],
        capture_output=True,
        text=True,
        env=environment,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip() or f"it left with {done.returncode}").splitlines()[0]
        raise DatabaseRefused(f"{Path(words[0]).name} could not do it: {said}.".replace("..", "."))


# --- back again


def restore(file: Path, url: str, advance: Advance) -> tuple[Manifest, Report | None]:
    """Make a ledger of a backup where there is none, and prove it. Raises DatabaseRefused.

    The report is None for a ledger of an older version: `orderhub serve` migrates it.
    """
    manifest = manifest_of(file)
    refuse_newer(str(file), manifest.schema)  # before anything is written: PostgreSQL keeps it
    path = file_of(parse_url(url))
    if (manifest.kind == "sqlite") != (path is not None):
        raise DatabaseRefused(
            f"{file} is a backup of {manifest.kind}: restore it to such a database; `orderhub copy` leads to the other."
        )
    with _one_sentence(url):
        if path is not None:
            return _restore_sqlite(file, path, advance)
        return _restore_postgres(file, url, advance)


@contextmanager
def _one_sentence(url: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise DatabaseRefused(f"{without_password(url)} cannot be written: {why}.") from None
    except SQLAlchemyError as error:
        raise DatabaseRefused(f"The database cannot be restored: {reason(error)}.") from None


def _proven(url: str, manifest: Manifest) -> Report | None:
    engine = open_engine(url)
    try:
        return check_ledger(engine) if _can_check(manifest, is_checked=True) else None
    finally:
        engine.dispose()


def _restore_sqlite(file: Path, path: Path, advance: Advance) -> tuple[Manifest, Report | None]:
    if not path.parent.is_dir():
        raise DatabaseRefused(f"There is no folder {path.parent}.")
    for each in SQLITE_FILES:
        found = Path(f"{path}{each}")
        if found.exists():
            raise DatabaseRefused(f"{found} is there: a backup is restored where nothing is.")
    with beside(path, "restored") as part:
        manifest = unpack(file, part, advance)
        report = _proven(url_of_file(part), manifest)
        put_in_place(part, path)
    return manifest, report


def _restore_postgres(file: Path, url: str, advance: Advance) -> tuple[Manifest, Report | None]:
    program = _program("pg_restore")
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            tables: Any = inspect(connection).get_table_names()
    finally:
        engine.dispose()
    if tables:
        raise DatabaseRefused(
            f"The database is not empty (there is {min(tables)}): a backup is restored where nothing is."
        )
    # What a backup is kept on may be there to be read alone.
    room = file if os.access(file.parent, os.W_OK) else Path(tempfile.gettempdir(), file.name)
    with beside(room, "restored") as part:
        manifest = unpack(file, part, advance)
        words = (program, "--no-owner", "--no-privileges", "--single-transaction")
        _run(parse_url(url), (*words, "--exit-on-error"), (str(part),))
    return manifest, _proven(url, manifest)
