"""PostgreSQL plans by figures of its tables, and of a new ledger's it has none until autovacuum comes by.

Until then, a minute or more, it takes every table for all but empty: the rows of a tenant's kind are read to the last
for each name that is looked up, which a load of many thousand does for every row.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Engine, text

from orderhub.ledger.tables import metadata

# So many rows are few enough to be read for nothing, and enough to tell what the next will be like.
_ENOUGH = 500
_UNKNOWN = text(
    "SELECT relname FROM pg_stat_user_tables "
    f"WHERE n_mod_since_analyze >= {_ENOUGH} AND last_analyze IS NULL AND last_autoanalyze IS NULL "
    "AND relid = to_regclass(CAST(relname AS text))"
)


def take_first(engine: Engine, asked: Collection[str] = ()) -> list[str]:
    """Have the figures taken of tables that have some rows and no figures; answers which those were.

    Not of those `asked` for before: a role that does not own the tables gets none, however often it asks.
    """
    if engine.dialect.name != "postgresql":
        return []
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        found = {str(name) for name in connection.execute(_UNKNOWN).scalars()}
        named = sorted(found.intersection(metadata.tables).difference(asked))
        for name in named:
            connection.exec_driver_sql(f"ANALYZE {name}")
    return named
