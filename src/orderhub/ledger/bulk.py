"""Bulk statements, generated from the tables: the rows of a batch travel as one JSON parameter.

One statement per table and batch is what makes a batch cheap: see docs/decisions/0001.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Boolean, Connection, Integer, Table

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


@lru_cache(maxsize=256)
def insert_sql(
    table: Table,
    columns: tuple[str, ...],
    postgres: bool,
    on_conflict: str = "",
    returning: str = "",
) -> str:
    """INSERT of all rows, in key order so that writers of several processes meet in one order."""
    keys = [column.name for column in table.primary_key.columns]
    source = rows_source(table, columns, postgres)
    sql = (
        f"INSERT INTO {table.name} ({_names(columns)}) SELECT {_names(columns, 'r.')} "
        f"FROM {source} WHERE true ORDER BY {_names(keys, 'r.')}"
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


def insert(
    connection: Connection,
    table: Table,
    rows: Sequence[dict[str, Any]],
    on_conflict: str = "",
    returning: str = "",
) -> Any:
    """Insert rows that all have the same columns. Answers the cursor result."""
    columns = tuple(rows[0])
    postgres = is_postgres(connection)
    sql = insert_sql(table, columns, postgres, on_conflict, returning)
    return connection.exec_driver_sql(sql, (rows_parameter(rows, columns, postgres),))


def insert_narrow(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    rows: Sequence[tuple[Any, ...]],
    on_conflict: str = "",
) -> None:
    """Insert many rows of a few columns. SQLite binds such rows in half the time it takes to read them as JSON."""
    if is_postgres(connection):
        insert(connection, table, [dict(zip(columns, r, strict=True)) for r in rows], on_conflict)
        return
    keys = [column.name for column in table.primary_key.columns]
    marks = ", ".join("?" * len(columns))
    sql = f"INSERT INTO {table.name} ({_names(columns)}) VALUES ({marks})"
    if on_conflict:
        sql += f" ON CONFLICT ({_names(keys)}) {on_conflict}"
    connection.exec_driver_sql(sql, list(rows))


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
