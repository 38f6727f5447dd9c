"""A new ledger on PostgreSQL is planned for by what it holds, before the database would look by itself."""

from contextlib import closing

import pytest
from sqlalchemy import Connection, text

from orderhub.core.decide import RECORD_TYPES
from orderhub.ledger import figures
from orderhub.ledger.ledger import Ledger
from tests.support.hub_process import wait_for
from tests.support.postgres import fresh_database

_ROWS = """
    INSERT INTO record (tenant_id, kind, id, uid, code, version, doc, names)
    SELECT 1, 'note', n, 'uid ' || n, 'code ' || n, 1, '1', ''
    FROM generate_series(CAST(%s AS bigint), CAST(%s AS bigint)) n
"""
_LOOK = "EXPLAIN SELECT * FROM record WHERE tenant_id = 1 AND kind = 'note' AND code IN ('a', 'b')"


def plan(connection: Connection) -> str:
    return "\n".join(connection.exec_driver_sql(_LOOK).scalars())


def fill(ledger: Ledger, first: int, last: int) -> None:
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql(_ROWS, (first, last))


@pytest.mark.postgres
@pytest.mark.one_machine
def test_figures_are_taken_once_of_what_has_rows_and_none(postgres_server: str) -> None:
    with (
        fresh_database(postgres_server) as url,
        closing(Ledger.open(url, RECORD_TYPES)) as ledger,
        ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
    ):
        # The database's own would take the figures where the test comes a minute late.
        connection.exec_driver_sql("ALTER TABLE record SET (autovacuum_enabled = false)")
        few = figures._ENOUGH - 1
        fill(ledger, 1, few)
        seen = "SELECT n_mod_since_analyze FROM pg_stat_user_tables WHERE relname = 'record'"
        wait_for(lambda: connection.exec_driver_sql(seen).scalar_one() >= few, "all rows counted")
        assert ledger.take_first_figures() == []
        fill(ledger, few + 1, 4_000)
        assert "record_by_code" not in plan(connection)
        assert wait_for(ledger.take_first_figures, "a table without figures") == ["record"]
        assert "record_by_code" in plan(connection)
        assert ledger.take_first_figures() == []


@pytest.mark.postgres
@pytest.mark.one_machine
def test_a_table_is_asked_for_once_even_if_nothing_comes_of_it(
    postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    always = text("SELECT 'record' UNION SELECT 'something_of_others'")
    monkeypatch.setattr(figures, "_UNKNOWN", always)
    with (
        fresh_database(postgres_server) as url,
        closing(Ledger.open(url, RECORD_TYPES)) as ledger,
    ):
        assert ledger.take_first_figures() == ["record"]
        assert ledger.take_first_figures() == []


def test_sqlite_needs_none(sqlite_world: str) -> None:
    with closing(Ledger.open(sqlite_world, RECORD_TYPES)) as ledger:
        assert ledger.take_first_figures() == []
