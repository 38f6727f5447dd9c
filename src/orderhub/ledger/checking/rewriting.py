"""How a mend writes: never into what it must follow."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table

from orderhub.ledger import bulk
from orderhub.ledger.driver import Driver

_WRITTEN = 500
_FORBIDDEN = frozenset(
    {"orders", "order_line", "order_event", "pool_move", "claim", "record", "notice"}
)


class Rows:
    """Rows to insert into or to delete from one table, written some at a time."""

    def __init__(self, connection: Connection, table: Table) -> None:
        assert table.name not in _FORBIDDEN
        self._connection, self._table = connection, table
        self._new: list[tuple[Any, ...]] = []
        self._gone: list[tuple[Any, ...]] = []

    def insert(self, row: tuple[Any, ...]) -> None:
        self._new.append(row)
        if len(self._new) >= _WRITTEN:
            self.write()

    def delete(self, row: tuple[Any, ...]) -> None:
        self._gone.append(row)
        if len(self._gone) >= _WRITTEN:
            self.write()

    def write(self) -> None:
        if self._gone:
            bulk.delete(
                Driver(self._connection), self._table, [_named(self._table, r) for r in self._gone]
            )
        if self._new:
            write(self._connection, self._table, self._new)
        self._new, self._gone = [], []


def write(connection: Connection, table: Table, rows: list[tuple[Any, ...]]) -> None:
    """Rows in the order of their columns; the one of the same key is replaced."""
    assert table.name not in _FORBIDDEN
    keys = {column.name for column in table.primary_key.columns}
    others = [column.name for column in table.columns if column.name not in keys]
    replaced = ", ".join(f"{name} = excluded.{name}" for name in others)
    then = f"DO UPDATE SET {replaced}" if replaced else "DO NOTHING"
    bulk.insert(Driver(connection), table, [_named(table, row) for row in rows], then)


def _named(table: Table, row: tuple[Any, ...]) -> dict[str, Any]:
    """A row, or the beginning of one, by the names of its columns."""
    return dict(zip((column.name for column in table.columns), row, strict=False))
