"""Which databases there may be, and where a SQLite file really lies."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

# Query parameters of a SQLite URL that would weaken what a commit promises.
_WEAKENING = {"synchronous", "journal_mode", "mode", "cache", "nolock", "immutable", "vfs", "uri"}

# Query parameters that may be shown. Of the others some are secrets, and some may be a secret's misspelled name.
_SHOWN = {"host", "port", "dbname", "user", "service", "sslmode"}
_NO_URL = (
    "That is not a database URL: it is sqlite:///path or postgresql://user:password@host:port/name, where @ : / and % "
    "within a name or a password are written %40 %3A %2F and %25."
)


class DatabaseRefused(Exception):
    """The database cannot be used; the message is one clear sentence for the operator."""


def parse_url(url: str) -> URL:
    """`sqlite:///path` or `postgresql://…` as SQLAlchemy reads it. Raises DatabaseRefused for anything else.

    The refusal does not repeat the text: a password may stand anywhere in what is no URL.
    """
    try:
        parsed = make_url(url)
    except (SQLAlchemyError, ValueError) as error:  # ValueError: a port that is no number
        raise DatabaseRefused(_NO_URL) from error
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        before_query = url.partition("?")[0]
        is_misread = before_query.count("@") > (parsed.username is not None)
        if is_misread or "@" in (parsed.host or ""):  # what stands there is the rest of a password
            raise DatabaseRefused(_NO_URL)
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


def file_of(url: URL) -> Path | None:
    """The SQLite file that a parsed URL leads to, symbolic links followed; None for PostgreSQL."""
    if url.get_backend_name() != "sqlite":
        return None
    return Path(os.path.realpath(url.database or ""))


def url_of_file(path: Path | str) -> str:
    """The URL of a SQLite file, whatever characters its path is of."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def without_password(url: str | URL) -> str:
    """The URL as it may be shown: no password, and of its query what says where it leads. Raises DatabaseRefused."""
    parsed = parse_url(url) if isinstance(url, str) else url
    where = {name: each for name, each in parsed.query.items() if name in _SHOWN}
    shown = parsed.set(drivername=parsed.get_backend_name(), query=where)
    return shown.render_as_string(hide_password=True)
