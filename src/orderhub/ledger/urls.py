"""Which databases there may be, and where a SQLite file really lies."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

# Query parameters of a SQLite URL that would weaken what a commit promises.
_WEAKENING = {"synchronous", "journal_mode", "mode", "cache", "nolock", "immutable", "vfs", "uri"}


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


def file_of(url: URL) -> Path | None:
    """The SQLite file that a parsed URL leads to, symbolic links followed; None for PostgreSQL."""
    if url.get_backend_name() != "sqlite":
        return None
    return Path(os.path.realpath(url.database or ""))


def without_password(url: str) -> str:
    """The URL as it may be shown. Raises DatabaseRefused."""
    return parse_url(url).set(drivername=url.partition(":")[0]).render_as_string()
