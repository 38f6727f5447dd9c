"""Whether the database itself is whole: its pages and indexes, its tables and their columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from sqlalchemy import Connection, Table, text
from sqlalchemy.exc import SQLAlchemyError

from orderhub.ledger.database import DatabaseRefused
from orderhub.ledger.tables import BESIDE_THE_BOOKS, metadata

_AMCHECK = """
    SELECT n.nspname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.proname = 'bt_index_check' AND p.pronargs = 1 AND has_function_privilege(p.oid, 'execute')
"""
_INDEXES = """
    SELECT i.indexrelid::regclass::text, i.indexrelid FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
    WHERE t.relnamespace = current_schema()::regnamespace AND t.relname = ANY(:tables)
"""
# The tables with their columns, and with their indexes, in a look each: SQLAlchemy's inspector takes several a table.
_SHAPE = {
    "sqlite": (
        "SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table'",
        "SELECT tbl_name, name FROM sqlite_master WHERE type = 'index'",
    ),
    "postgresql": (
        """
        SELECT t.relname, c.attname FROM pg_class t JOIN pg_attribute c ON c.attrelid = t.oid
        WHERE t.relnamespace = current_schema()::regnamespace AND t.relkind IN ('r', 'p')
        AND c.attnum > 0 AND NOT c.attisdropped
        """,
        "SELECT tablename, indexname FROM pg_indexes WHERE schemaname = current_schema()",
    ),
}


def refuse_unsound(connection: Connection) -> None:
    """Raises DatabaseRefused with one sentence when the database is damaged or of another shape."""
    if connection.dialect.name == "postgresql":
        _check_indexes(connection)
    else:
        found = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one())
        if found != "ok":
            raise DatabaseRefused(f"The database is damaged: {found.partition(chr(10))[0]}.")
    _refuse_other_shape(connection)


def _check_indexes(connection: Connection) -> None:
    """With amcheck, where it is installed; without it the laws still read every row of every table."""
    schema = connection.execute(text(_AMCHECK)).scalar()
    if schema is None:
        return
    look = text(f'SELECT "{schema}".bt_index_check(CAST(:index AS oid))')
    names = [table.name for table in _books()]
    for name, oid in connection.execute(text(_INDEXES), {"tables": names}).all():
        try:
            connection.execute(look, {"index": oid})
        except SQLAlchemyError as error:
            raise DatabaseRefused(
                f"The index {name} cannot be trusted: {reason(error)}."
            ) from error


def _books() -> list[Table]:
    return [table for table in metadata.sorted_tables if table not in BESIDE_THE_BOOKS]


def _refuse_other_shape(connection: Connection) -> None:
    columns, indexes = (_by_table(connection, each) for each in _SHAPE[connection.dialect.name])
    for table in _books():
        if table.name not in columns:
            raise DatabaseRefused(f"The database lacks the table {table.name}: restore a backup.")
        stands, indexed = columns[table.name], indexes.get(table.name, ())
        lacks = [f"column {each.name}" for each in table.columns if each.name not in stands]
        lacks += [f"index {each.name}" for each in table.indexes if each.name not in indexed]
        if lacks:
            raise DatabaseRefused(f"The table {table.name} lacks the {lacks[0]}: restore a backup.")


def _by_table(connection: Connection, query: str) -> Mapping[str, Collection[str]]:
    found = defaultdict[str, set[str]](set)
    for table, name in connection.execute(text(query)):
        found[table].add(name)
    return found


def reason(error: Exception) -> str:
    """The first line of what a database says."""
    return str(getattr(error, "orig", error)).strip().partition("\n")[0]
