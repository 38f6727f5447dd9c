"""All that a SQLite ledger holds, but what a call may touch without changing anything."""

from __future__ import annotations

import sqlite3
from pathlib import Path

# Blocks of ids are set aside in steps, when a credential was used is noted whatever it did, and so is the call itself.
_PASSED_OVER = {
    "counter": None,
    "credential": "last_used_at",
    "alembic_version": None,
    "request_log": None,
}


def dump(database: Path) -> dict[str, list[tuple[object, ...]]]:
    """Table -> its rows in order."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        names = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name not in _PASSED_OVER or _PASSED_OVER[name]
        ]
        found = {}
        for name in names:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            shown = ", ".join(each for each in columns if each != _PASSED_OVER.get(name))
            found[name] = connection.execute(f"SELECT {shown} FROM {name}").fetchall()
    connection.close()
    return found


def changed(before: dict[str, list[tuple[object, ...]]], database: Path) -> list[str]:
    """The tables that hold something else than before."""
    after = dump(database)
    return [name for name in after if after[name] != before.get(name)]
