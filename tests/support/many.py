"""One order many times over: as rows of a list, not as books that add up."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def multiply(file: Path, tenant: str, rows: int) -> None:
    """The tenant's one order becomes so many, each recorded a little later than the one before."""
    new = {
        "id": "id + n",
        "uid": "uid || n",
        "number": "uid || n",
        "recorded_at": "recorded_at + n",
    }
    with closing(sqlite3.connect(file)) as connection, connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(orders)")]
        values = ", ".join(new.get(name, name) for name in names)
        connection.execute(
            "WITH RECURSIVE times(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM times WHERE n < ?) "
            f"INSERT INTO orders SELECT {values} FROM orders, times "
            "WHERE tenant_id = (SELECT id FROM tenant WHERE name = ?)",
            (rows - 1, tenant),
        )


def take_back(file: Path) -> None:
    """Only the one order is left."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "DELETE FROM orders WHERE uid NOT IN (SELECT order_uid FROM natural_key)"
        )
