"""Bulk statements, generated from the tables: the rows of a batch travel as one JSON parameter.

One statement per table and batch is what makes a batch cheap: see docs/decisions/0001.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Boolean, Connection, Integer, Table, Text

_ENCODER = msgspec.json.Encoder()


def rows_parameter(rows: Sequence[dict[str, Any]], columns: tuple[str, ...], postgres: bool) -> str:
    """The rows as the JSON text that every statement here takes.

    PostgreSQL reads objects fastest; SQLite finds a member by position in half the time it takes by name.
    """
    if postgres:
        return _ENCODER.encode(rows).decode()
    return _ENCODER.encode(list(map(itemgetter(*columns), rows))).decode()


def is_postgres(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _pg_type(table: Table, name: str) -> str:
    if name not in table.c:
        return "bigint"  # a value to compare with, such as a base version
    column = table.c[name]
    if isinstance(column.type, Boolean):
        return "boolean"
    if isinstance(column.type, Integer) and not isinstance(column.type, BigInteger):
        return "integer"
    return "bigint" if isinstance(column.type, BigInteger) else "text"


@lru_cache(maxsize=256)
def rows_source(table: Table, columns: tuple[str, ...], postgres: bool) -> str:
    """A FROM item `r` with one row per JSON row and the named columns of `table`."""
    if postgres:
        typed = ", ".join(f'"{name}" {_pg_type(table, name)}' for name in columns)
        return f"json_to_recordset(CAST(%s AS json)) AS r({typed})"
    picked = ", ".join(
        f"json_extract(value, '$[{index}]') AS \"{name}\"" for index, name in enumerate(columns)
    )
    return f"(SELECT {picked} FROM json_each(?)) AS r"


def _names(columns: Sequence[str], prefix: str = "") -> str:
    return ", ".join(f'{prefix}"{name}"' for name in columns)


@lru_cache(maxsize=1_024)
def insert_sql(
    table: Table,
    columns: tuple[str, ...],
    postgres: bool,
    on_conflict: str = "",
    returning: str = "",
) -> str:
    """INSERT of all rows; on PostgreSQL in key order, so that writers of several processes meet in one order."""
    keys = [column.name for column in table.primary_key.columns]
    source = rows_source(table, columns, postgres)
    order = f" ORDER BY {_names(keys, 'r.')}" if postgres else ""
    sql = (
        f"INSERT INTO {table.name} ({_names(columns)}) SELECT {_names(columns, 'r.')} "
        f"FROM {source} WHERE true{order}"
    )
    if on_conflict:
        sql += f" ON CONFLICT ({_names(keys)}) {on_conflict}"
    if returning:
        sql += f" RETURNING {returning}"
    return sql


@lru_cache(maxsize=256)
def update_sql(table: Table, columns: tuple[str, ...], postgres: bool, more: str = "") -> str:
    """UPDATE of each row by its primary key; `more` is a further condition."""
    keys = [column.name for column in table.primary_key.columns]
    source = rows_source(table, (*keys, *columns), postgres)
    assignments = ", ".join(f'"{name}" = r."{name}"' for name in columns if name in table.c)
    same = " AND ".join(f'{table.name}."{name}" = r."{name}"' for name in keys)
    return f"UPDATE {table.name} SET {assignments} FROM {source} WHERE {same}{more}"


@lru_cache(maxsize=256)
def delete_sql(table: Table, columns: tuple[str, ...], postgres: bool) -> str:
    """DELETE of every row whose `columns` equal those of a given row."""
    source = rows_source(table, columns, postgres)
    same = " AND ".join(f'{table.name}."{name}" = r."{name}"' for name in columns)
    if postgres:
        return f"DELETE FROM {table.name} USING {source} WHERE {same}"
    return f"DELETE FROM {table.name} WHERE EXISTS (SELECT 1 FROM {source} WHERE {same})"


@lru_cache(maxsize=256)
def select_sql(
    table: Table,
    keys: tuple[str, ...],
    postgres: bool,
    *,
    order_by: tuple[str, ...] = (),
    lock: bool = False,
) -> str:
    """SELECT of every row whose `keys` equal those of a given one, in order, locked where asked (PostgreSQL)."""
    source = rows_source(table, keys, postgres)
    same = " AND ".join(f't."{name}" = r."{name}"' for name in keys)
    sql = f"SELECT t.* FROM {source} CROSS JOIN {table.name} AS t WHERE {same}"
    if order_by:
        sql += f" ORDER BY {_names(order_by, 't.')}"
    return sql + (" FOR UPDATE OF t" if lock and postgres else "")


@lru_cache(maxsize=64)
def _defaults(table: Table) -> tuple[tuple[str, Any], ...]:
    """The columns that the database fills by itself when they are left out, and with what."""
    return tuple(
        (column.name, "" if isinstance(column.type, Text) else 0)
        for column in table.columns
        if not column.primary_key and column.server_default is not None
    )


def _telling(table: Table, rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """The columns in which any row differs from the column's default: only these are read out of the JSON."""
    first = rows[0]
    silent = {
        name
        for name, default in _defaults(table)
        if first.get(name) == default and all(row[name] == default for row in rows)
    }
    return tuple(name for name in first if name not in silent)


def insert(
    connection: Connection,
    table: Table,
    rows: Sequence[dict[str, Any]],
    on_conflict: str = "",
    returning: str = "",
) -> Any:
    """Insert rows that all have the same columns. Answers the cursor result."""
    columns = _telling(table, rows)
    postgres = is_postgres(connection)
    sql = insert_sql(table, columns, postgres, on_conflict, returning)
    return connection.exec_driver_sql(sql, (rows_parameter(rows, columns, postgres),))


def insert_tuples(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    rows: Sequence[tuple[Any, ...]],
    on_conflict: str = "",
) -> None:
    """Insert many small rows, given as the values of `columns`."""
    postgres = is_postgres(connection)
    sql = insert_sql(table, columns, postgres, on_conflict)
    given: Sequence[Any] = (
        [dict(zip(columns, row, strict=True)) for row in rows] if postgres else rows
    )
    connection.exec_driver_sql(sql, (_ENCODER.encode(given).decode(),))


def update(
    connection: Connection, table: Table, rows: Sequence[dict[str, Any]], more: str = ""
) -> int:
    """Update rows by their primary key; answers how many were."""
    keys = tuple(column.name for column in table.primary_key.columns)
    columns = tuple(name for name in rows[0] if name not in keys)
    postgres = is_postgres(connection)
    sql = update_sql(table, columns, postgres, more)
    parameter = rows_parameter(rows, (*keys, *columns), postgres)
    return int(connection.exec_driver_sql(sql, (parameter,)).rowcount)


def delete(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
    """Delete the rows that match the given members; answers how many were."""
    columns, postgres = tuple(rows[0]), is_postgres(connection)
    sql = delete_sql(table, columns, postgres)
    parameter = rows_parameter(rows, columns, postgres)
    return int(connection.exec_driver_sql(sql, (parameter,)).rowcount)


def select(
    connection: Connection,
    table: Table,
    rows: Sequence[dict[str, Any]],
    *,
    order_by: tuple[str, ...] = (),
    lock: bool = False,
) -> list[Any]:
    """The rows of `table` that match any of the given ones."""
    columns, postgres = tuple(rows[0]), is_postgres(connection)
    sql = select_sql(table, columns, postgres, order_by=order_by, lock=lock)
    parameter = rows_parameter(rows, columns, postgres)
    return list(connection.exec_driver_sql(sql, (parameter,)))
