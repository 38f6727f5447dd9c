"""Bulk statements, generated from the tables: one for each table and batch, whatever the number of rows.

To PostgreSQL the rows of a statement travel as one JSON parameter, but for a few in a batch, to SQLite as a list of
values that is filled up to the next power of two, so that the statements it has prepared are few: docs/decisions/0001,
0018 and 0040. To Citus a statement says besides whose rows they are, so that it goes to the one node that has
them, and more of them are inserted as plain values: 0039.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import chain, compress
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import BigInteger, Boolean, Integer, Table

from orderhub.ledger.driver import Driver, Row

_ENCODER = msgspec.json.Encoder()
# SQLite's own limit, less the one that says how many rows are meant.
_MOST_PARAMETERS = 32_765
# More rows than these are asked for as JSON: a statement may ask for several kinds of them.
_MOST_FOUND = 1_024
# So few rows SQLite updates one by one, each by its key; more are joined.
_FEW = 8
# Rows of so few columns are bound as they are, and so are few values: nothing is gained by leaving a silent one out.
_NARROW, _MOST_NARROW, _FEW_VALUES = 8, 2_048, 160
# So few values are inserted on Citus as they are. More are read from JSON by the coordinator, which copies them on.
_FEW_ON_CITUS = 400


def size_of(count: int, postgres: bool) -> int:
    """How many rows a statement has room for that is to find `count` rows; 0 = any number, as JSON."""
    return 0 if postgres or count > _MOST_FOUND else 1 << (count - 1).bit_length()


def rows_parameters(
    rows: Sequence[dict[str, Any]], columns: tuple[str, ...], size: int, postgres: bool
) -> list[Any]:
    """The rows as the parameters of a `rows_source` of this size.

    PostgreSQL reads objects fastest; SQLite finds a member by position in half the time it takes by name.
    """
    if postgres:
        return [_ENCODER.encode(rows).decode()]
    listed = [[row[name] for name in columns] for row in rows]
    if not size:
        return [_ENCODER.encode(listed).decode()]
    return _filled(list(chain.from_iterable(listed)), len(rows), len(columns), size)


def _filled(parameters: list[Any], count: int, wide: int, size: int) -> list[Any]:
    """The parameters of `count` rows for a statement that has room for `size`."""
    if size > 1:
        parameters += [0] * ((size - count) * wide)
        parameters.append(count)
    return parameters


def on_tenants(alias: str, *, citus: bool) -> str:
    """A further condition by which Citus sees where the rows of `alias` are; its parameter is `tenants_of`."""
    return f" AND {alias}.tenant_id = ANY(CAST(%s AS bigint[]))" if citus else ""


def tenants_of(rows: Iterable[dict[str, Any]], *, citus: bool) -> list[Any]:
    """The parameter of `on_tenants`, if there is one."""
    return [array_of(row["tenant_id"] for row in rows)] if citus else []


def as_text(value: Any) -> str:
    """A value as a parameter that has no type of its own: PostgreSQL takes that of the column."""
    return value if type(value) is str else str(value)


def array_of(tenants: Iterable[int]) -> str:
    """These tenants as a parameter of Citus, which is to see what is in it."""
    return f"{{{','.join(map(str, sorted(set(tenants))))}}}"


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
def rows_source(table: Table, columns: tuple[str, ...], size: int, postgres: bool) -> str:
    """A FROM item `r` with the named columns of `table`, from `rows_parameters` of this size."""
    if size:
        return _values_source(columns, size)
    if postgres:
        typed = ", ".join(f'"{name}" {_pg_type(table, name)}' for name in columns)
        return f"json_to_recordset(CAST(%s AS json)) AS r({typed})"
    picked = ", ".join(
        f"json_extract(value, '$[{index}]') AS \"{name}\"" for index, name in enumerate(columns)
    )
    return f"(SELECT {picked} FROM json_each(?)) AS r"


def _values_source(columns: tuple[str, ...], size: int) -> str:
    """The same for SQLite, from so many rows of plain parameters, and one that says how many are meant if not one."""
    picked = ", ".join(f'column{index} AS "{name}"' for index, name in enumerate(columns, 1))
    one = f"({', '.join('?' * len(columns))})"
    limit = " LIMIT ?" if size > 1 else ""
    return f"(SELECT {picked} FROM (VALUES {', '.join([one] * size)}){limit}) AS r"


def _names(columns: Sequence[str], prefix: str = "") -> str:
    return ", ".join(f'{prefix}"{name}"' for name in columns)


@lru_cache(maxsize=64)
def _keys(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.primary_key.columns)


@lru_cache(maxsize=1_024)
def _insert_sql(
    table: Table, columns: tuple[str, ...], size: int, on_conflict: str, returning: str
) -> str:
    """INSERT of all rows; on PostgreSQL in key order, so that writers of several processes meet in one order."""
    keys = _keys(table)
    sql = f"INSERT INTO {table.name} ({_names(columns)}) "
    if size == 1:
        sql += f"VALUES ({', '.join('?' * len(columns))})"
    elif size:
        # Without a condition, ON CONFLICT would be read as that of a join.
        sql += f"SELECT * FROM {_values_source(columns, size)} WHERE true"
    else:
        source = rows_source(table, columns, 0, True)
        # As a program sorts, whatever the database's own order is.
        order = ", ".join(
            f'r."{name}"' + (' COLLATE "C"' if _pg_type(table, name) == "text" else "")
            for name in keys
        )
        sql += f"SELECT {_names(columns, 'r.')} FROM {source} ORDER BY {order}"
    if on_conflict:
        sql += f" ON CONFLICT ({_names(keys)}) {on_conflict}"
    if returning:
        sql += f" RETURNING {returning}"
    return sql


@lru_cache(maxsize=1_024)
def _few_sql(
    table: Table, columns: tuple[str, ...], count: int, on_conflict: str, returning: str
) -> str:
    """INSERT of so many rows for PostgreSQL, each value a parameter: a plan without a source to take apart and sort."""
    row = f"({', '.join(['%s'] * len(columns))})"
    sql = f"INSERT INTO {table.name} ({_names(columns)}) VALUES {', '.join([row] * count)}"
    if on_conflict:
        sql += f" ON CONFLICT ({_names(_keys(table))}) {on_conflict}"
    return f"{sql} RETURNING {returning}" if returning else sql


@lru_cache(maxsize=256)
def _update_one_sql(table: Table, columns: tuple[str, ...]) -> str:
    """UPDATE of a row for PostgreSQL, its key last among the parameters."""
    keys = _keys(table)
    assignments = ", ".join(f'"{name}" = %s' for name in columns if name not in keys)
    same = " AND ".join(f'"{name}" = %s' for name in keys)
    return f"UPDATE {table.name} SET {assignments} WHERE {same}"


@lru_cache(maxsize=256)
def _update_sql(
    table: Table, columns: tuple[str, ...], size: int, more: str, *, citus: bool = False
) -> str:
    """UPDATE of each row by its primary key; `more` is a further condition."""
    keys = _keys(table)
    changing = [name for name in columns if name in table.c and name not in keys]
    if size == 1:
        mark = {name: f"?{place}" for place, name in enumerate(columns, 1)}
        assignments = ", ".join(f'"{name}" = {mark[name]}' for name in changing)
        same = " AND ".join(f'"{name}" = {mark[name]}' for name in keys)
        return f"UPDATE {table.name} SET {assignments} WHERE {same}"
    source = rows_source(table, columns, size, not size)
    assignments = ", ".join(f'"{name}" = r."{name}"' for name in changing)
    same = " AND ".join(f'{table.name}."{name}" = r."{name}"' for name in keys)
    more += on_tenants(table.name, citus=citus)
    return f"UPDATE {table.name} SET {assignments} FROM {source} WHERE {same}{more}"


@lru_cache(maxsize=256)
def _one_sql(table: Table, changing: tuple[str, ...]) -> str:
    """UPDATE of one row in the plainest words: Citus sees at a glance where it is."""
    assignments = ", ".join(f'"{name}" = %s' for name in changing)
    same = " AND ".join(f'"{name}" = %s' for name in _keys(table))
    return f"UPDATE {table.name} SET {assignments} WHERE {same}"


@lru_cache(maxsize=256)
def _delete_sql(
    table: Table, columns: tuple[str, ...], postgres: bool, *, citus: bool = False
) -> str:
    """DELETE of every row whose `columns` equal those of a given row; for SQLite of one given row."""
    if not postgres:
        same = " AND ".join(f'"{name}" = ?' for name in columns)
        return f"DELETE FROM {table.name} WHERE {same}"
    source = rows_source(table, columns, 0, postgres)
    same = " AND ".join(f'{table.name}."{name}" = r."{name}"' for name in columns)
    same += on_tenants(table.name, citus=citus)
    return f"DELETE FROM {table.name} USING {source} WHERE {same}"


@lru_cache(maxsize=256)
def _select_sql(
    table: Table,
    keys: tuple[str, ...],
    size: int,
    postgres: bool,
    order_by: tuple[str, ...],
    *,
    where: str = "",
    lock: bool,
    citus: bool,
) -> str:
    """SELECT of every row whose `keys` equal those of a given one, in order, locked where asked (PostgreSQL)."""
    source = rows_source(table, keys, size, postgres)
    same = " AND ".join(f't."{name}" = r."{name}"' for name in keys)
    more = (f" AND {where}" if where else "") + on_tenants("t", citus=citus)
    if lock and citus:  # which locks no row that is joined
        sql = f"SELECT {all_of(table)} FROM {table.name} AS t WHERE ({_names(keys, 't.')}) IN "
        sql += f"(SELECT {_names(keys, 'r.')} FROM {source})"
        sql += f"{more} ORDER BY {_names(order_by or keys, 't.')}"
        return f"{sql} FOR UPDATE OF t"
    sql = f"SELECT {all_of(table)} FROM {source} CROSS JOIN {table.name} AS t WHERE {same}{more}"
    if order_by:
        sql += f" ORDER BY {_names(order_by, 't.')}"
    return sql + (" FOR UPDATE OF t" if lock and postgres else "")


# --- rows read


@lru_cache(maxsize=64)
def all_of(table: Table, alias: str = "t") -> str:
    """The columns of a table in their order, for a SELECT whose rows `named` names."""
    return _names([column.name for column in table.columns], f"{alias}.")


@lru_cache(maxsize=64)
def _row_type(table: Table) -> Any:
    fields = [(column.name, Any) for column in table.columns]
    return NamedTuple(table.name, fields)


def named(table: Table, rows: Iterable[Row]) -> list[Any]:
    """Rows of `all_of` a table, with their members by name."""
    return list(map(_row_type(table)._make, rows))


# --- rows written


class _Columns:
    """Rows by column: what a whole column says is seen at once, and the silent ones are left out."""

    def __init__(self, names: tuple[str, ...], values: Sequence[tuple[Any, ...]]) -> None:
        self.names, self._values = names, values

    @classmethod
    def of(cls, rows: Sequence[dict[str, Any]], names: tuple[str, ...]) -> _Columns:
        """At least two names."""
        return cls(names, list(zip(*map(itemgetter(*names), rows), strict=True)))

    def telling(self, table: Table) -> _Columns:
        """Without those in which no row differs from the column's default, which is 0 or empty."""
        silent = _fill_themselves(table)
        telling = [
            name not in silent or any(values)
            for name, values in zip(self.names, self._values, strict=True)
        ]
        return _Columns(tuple(compress(self.names, telling)), list(compress(self._values, telling)))

    def as_json(self) -> str:
        """For PostgreSQL, which reads objects fastest."""
        names = self.names
        return _ENCODER.encode(
            [dict(zip(names, row, strict=True)) for row in zip(*self._values, strict=True)]
        ).decode()

    @property
    def count(self) -> int:
        return len(self._values[0])

    @property
    def are_few(self) -> bool:
        return len(self.names) * self.count <= _FEW_ON_CITUS

    def as_texts(self, table: Table) -> list[str]:
        """For Citus: the values one by one, in the order of keys, of the same type whatever their size."""
        keys = [self.names.index(name) for name in _keys(table)]
        rows = sorted(zip(*self._values, strict=True), key=itemgetter(*keys))
        return list(map(as_text, chain.from_iterable(rows)))

    def as_parameters(self, table: Table, least: int = 1) -> Iterable[tuple[int, list[Any]]]:
        """For SQLite: (rows that a statement has room for, its parameters), most often one."""
        values = self._values
        for name in _booleans(table).intersection(self.names):
            # The driver asks for an adapter for everything that is not exactly a number or text.
            index = self.names.index(name)
            if type(values[index][0]) is bool:
                values = [*values[:index], tuple(map(int, values[index])), *values[index + 1 :]]
        wide, count = len(values), len(values[0])
        most = 1 << ((_MOST_PARAMETERS // wide).bit_length() - 1)
        for start in range(0, count, most):
            part = values if count <= most else [each[start : start + most] for each in values]
            rows = len(part[0])
            size = max(least, 1 << (rows - 1).bit_length())
            parameters = list(chain.from_iterable(zip(*part, strict=True)))
            yield size, _filled(parameters, rows, wide, size)


@lru_cache(maxsize=64)
def _fill_themselves(table: Table) -> frozenset[str]:
    """The columns that the database fills by itself when they are left out."""
    return frozenset(
        column.name
        for column in table.columns
        if not column.primary_key and column.server_default is not None
    )


@lru_cache(maxsize=64)
def _booleans(table: Table) -> frozenset[str]:
    return frozenset(column.name for column in table.columns if isinstance(column.type, Boolean))


def _alone(table: Table, row: dict[str, Any]) -> tuple[Any, ...]:
    """One row for SQLite as it is: to look for its silent columns takes longer than to bind them."""
    if _booleans(table).isdisjoint(row):
        return tuple(row.values())
    return tuple(int(each) if isinstance(each, bool) else each for each in row.values())


def insert(
    driver: Driver,
    table: Table,
    rows: Sequence[dict[str, Any]],
    on_conflict: str = "",
) -> None:
    """Insert rows that all have the same columns."""
    names = tuple(rows[0])
    if len(rows) == 1 and not driver.is_postgres:
        driver.send(_insert_sql(table, names, 1, on_conflict, ""), _alone(table, rows[0]))
        return
    if driver.gathers and len(rows) * len(names) <= _FEW_VALUES:
        # In the order of keys, as they come from JSON: two writers meet in one order.
        given = sorted(rows, key=itemgetter(*_keys(table))) if len(rows) > 1 else rows
        values = list(chain.from_iterable(map(itemgetter(*names), given)))
        driver.send(_few_sql(table, names, len(rows), on_conflict, ""), values)
        return
    _insert(driver, table, _Columns.of(rows, names).telling(table), on_conflict)


def insert_tuples(
    driver: Driver,
    table: Table,
    columns: tuple[str, ...],
    rows: Sequence[tuple[Any, ...]],
    on_conflict: str = "",
) -> None:
    """Insert rows that are given as the values of `columns`, with 0 and 1 for what is false and true, keys first."""
    if not driver.is_postgres and len(rows) == 1:
        driver.send(_insert_sql(table, columns, 1, on_conflict, ""), rows[0])
        return
    is_narrow = len(columns) <= _NARROW and len(rows) <= _MOST_NARROW
    if not driver.is_postgres and (is_narrow or len(columns) * len(rows) <= _FEW_VALUES):
        size = 1 << (len(rows) - 1).bit_length()
        parameters = _filled(list(chain.from_iterable(rows)), len(rows), len(columns), size)
        driver.send(_insert_sql(table, columns, size, on_conflict, ""), parameters)
        return
    if driver.gathers and len(columns) * len(rows) <= _FEW_VALUES:
        values = list(chain.from_iterable(sorted(rows)))
        driver.send(_few_sql(table, columns, len(rows), on_conflict, ""), values)
        return
    given = _Columns(columns, list(zip(*rows, strict=True)))
    _insert(driver, table, given.telling(table), on_conflict)


def _insert(driver: Driver, table: Table, rows: _Columns, on_conflict: str) -> None:
    if driver.is_citus and rows.are_few:
        driver.send(_few_sql(table, rows.names, rows.count, on_conflict, ""), rows.as_texts(table))
        return
    if driver.is_postgres:
        driver.send(_insert_sql(table, rows.names, 0, on_conflict, ""), (rows.as_json(),))
        return
    for size, parameters in rows.as_parameters(table):
        driver.send(_insert_sql(table, rows.names, size, on_conflict, ""), parameters)


def insert_returning(
    driver: Driver,
    table: Table,
    rows: Sequence[dict[str, Any]],
    on_conflict: str,
    returning: str,
) -> list[Row]:
    """As `insert`; answers the columns `returning` of the rows that stand then."""
    names = tuple(rows[0])
    if len(rows) == 1 and not driver.is_postgres:
        sql = _insert_sql(table, names, 1, on_conflict, returning)
        return driver.rows(sql, _alone(table, rows[0]))
    if driver.gathers and len(rows) == 1:
        sql = _few_sql(table, names, 1, on_conflict, returning)
        return driver.rows(sql, tuple(rows[0].values()))
    columns = _Columns.of(rows, names).telling(table)
    if driver.is_citus and columns.are_few:
        sql = _few_sql(table, columns.names, columns.count, on_conflict, returning)
        return driver.rows(sql, columns.as_texts(table))
    if driver.is_postgres:
        sql = _insert_sql(table, columns.names, 0, on_conflict, returning)
        return driver.rows(sql, (columns.as_json(),))
    found: list[Row] = []
    for size, parameters in columns.as_parameters(table):
        found += driver.rows(
            _insert_sql(table, columns.names, size, on_conflict, returning), parameters
        )
    return found


def _update(
    driver: Driver, table: Table, rows: Sequence[dict[str, Any]], more: str
) -> Iterable[tuple[str, Sequence[Any]]]:
    keys = _keys(table)
    columns = (*keys, *(name for name in rows[0] if name not in keys))
    given = _Columns.of(rows, columns)
    if driver.is_citus and len(rows) == 1 and not more:
        changing = tuple(name for name in columns if name not in keys)
        row = rows[0]
        yield _one_sql(table, changing), [as_text(row[name]) for name in (*changing, *keys)]
        return
    if driver.is_postgres:
        citus = driver.is_citus
        sql = _update_sql(table, columns, 0, more, citus=citus)
        yield sql, (given.as_json(), *tenants_of(rows, citus=citus))
        return
    for size, parameters in given.as_parameters(table, least=2):
        yield _update_sql(table, columns, size, more), parameters


def update(driver: Driver, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Update rows by their primary key; a few of them in the order in which they are given."""
    if driver.gathers and len(rows) <= _FEW:
        keys = _keys(table)
        names = tuple(rows[0])
        named = itemgetter(*(name for name in names if name not in keys), *keys)
        for row in rows:
            driver.send(_update_one_sql(table, names), named(row))
        return
    if len(rows) <= _FEW and not driver.is_postgres:
        keys = _keys(table)
        columns = (*keys, *(name for name in rows[0] if name not in keys))
        given = list(map(itemgetter(*columns), rows))
        driver.changed_by_each(_update_sql(table, columns, 1, ""), given)
        return
    for sql, parameters in _update(driver, table, rows, ""):
        driver.send(sql, parameters)


def update_those(driver: Driver, table: Table, rows: Sequence[dict[str, Any]], more: str) -> int:
    """Update the rows that fulfil a further condition; answers how many were."""
    return sum(
        driver.changed(sql, parameters) for sql, parameters in _update(driver, table, rows, more)
    )


def delete(driver: Driver, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Delete the rows that match the given members."""
    if driver.is_postgres:
        driver.send(*_delete(driver, table, rows))
    else:
        deleted(driver, table, rows)


def deleted(driver: Driver, table: Table, rows: Sequence[dict[str, Any]]) -> int:
    """As `delete`; answers how many there were, which PostgreSQL is waited for."""
    if driver.is_postgres:
        return driver.changed(*_delete(driver, table, rows))
    # Given many rows at once, SQLite would walk the whole table.
    sql = _delete_sql(table, tuple(rows[0]), False)
    return driver.changed_by_each(sql, [tuple(row.values()) for row in rows])


def _delete(driver: Driver, table: Table, rows: Sequence[dict[str, Any]]) -> tuple[str, list[Any]]:
    columns, citus = tuple(rows[0]), driver.is_citus
    given = rows_parameters(rows, columns, 0, True) + tenants_of(rows, citus=citus)
    return _delete_sql(table, columns, True, citus=citus), given


def select(
    driver: Driver,
    table: Table,
    rows: Sequence[dict[str, Any]],
    *,
    where: str = "",
    order_by: tuple[str, ...] = (),
    lock: bool = False,
) -> list[Any]:
    """The rows of `table` that match any of the given ones; `where`: and fulfil this condition on `t`."""
    return asked(driver, table, rows, where=where, order_by=order_by, lock=lock)()


def asked(
    driver: Driver,
    table: Table,
    rows: Sequence[dict[str, Any]],
    *,
    where: str = "",
    order_by: tuple[str, ...] = (),
    lock: bool = False,
) -> Callable[[], list[Any]]:
    """As `select`, of which the rows are waited for later: see `Driver.ask`."""
    columns, postgres, citus = tuple(rows[0]), driver.is_postgres, driver.is_citus
    size = size_of(len(rows), postgres)
    sql = _select_sql(table, columns, size, postgres, order_by, where=where, lock=lock, citus=citus)
    given = rows_parameters(rows, columns, size, postgres) + tenants_of(rows, citus=citus)
    found = driver.ask(sql, given)
    return lambda: named(table, found())
