"""orderhub check: one sentence for what cannot be checked, and mending under the file's lock."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from orderhub.cli.commands import app
from orderhub.ledger import database
from orderhub.ledger.checking import sums
from orderhub.ledger.checking.laws import Law
from orderhub.ledger.database import ServeLock, open_engine, writing
from tests.support import world


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORDERHUB_DATABASE", raising=False)


@pytest.fixture
def sold(sqlite_url: str) -> str:
    with world.open_world(sqlite_url) as ledger:
        for _ in range(50):
            world.place(ledger, world.basket())
    return sqlite_url


def check(url: str, *options: str) -> Result:
    return CliRunner().invoke(app, ["check", "--database", url, *options])


def tamper(url: str, statement: str) -> None:
    engine = open_engine(url)
    with writing(engine).begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def one_sentence(result: Result) -> str:
    assert result.exit_code == 2, result.output
    said = result.stderr.strip()
    assert said.startswith("orderhub: ")
    assert "\n" not in said
    assert "Traceback" not in said
    return said


def spoil(url: str) -> None:
    """Some pages in the middle of the file are overwritten."""
    path = Path(url.removeprefix("sqlite:///"))
    whole = bytearray(path.read_bytes())
    for page in range(8, len(whole) // 4096, 3):
        whole[page * 4096 : page * 4096 + 512] = b"\xa5" * 512
    path.write_bytes(whole)


def cut_off(url: str) -> None:
    path = Path(url.removeprefix("sqlite:///"))
    path.write_bytes(path.read_bytes()[: 20 * 4096])


def no_table(url: str) -> None:
    tamper(url, "DROP TABLE order_term")


def no_column(url: str) -> None:
    tamper(url, "ALTER TABLE order_line DROP COLUMN counted")


def no_index(url: str) -> None:
    tamper(url, "DROP INDEX orders_by_uid")


@pytest.mark.parametrize(
    ("done", "says"),
    [
        (spoil, "database"),
        (cut_off, "database"),
        (no_table, "lacks the table order_term"),
        (no_column, "order_line lacks the column counted"),
        (no_index, "orders lacks the index orders_by_uid"),
    ],
)
def test_a_database_that_is_not_whole_is_refused_in_one_sentence(
    sold: str, done: Callable[[str], None], says: str
) -> None:
    done(sold)
    assert says in one_sentence(check(sold))
    assert says in one_sentence(check(sold, "--repair"))


def test_an_index_that_lost_entries_is_damage(sold: str) -> None:
    """What is not in the index would not be found, and could be written twice."""
    with sqlite3.connect(sold.removeprefix("sqlite:///")) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, '\"uid\"', 'uid') || ' WHERE id < 10' "
            "WHERE name = 'orders_by_uid'"
        )
    assert "The database is damaged" in one_sentence(check(sold))


def test_a_busy_database_is_refused_in_one_sentence(
    sold: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_LOCK_TIMEOUT_MS", 50, raising=False)
    monkeypatch.setattr(database, "_PATIENCE_S", 0.05, raising=False)
    with sqlite3.connect(sold.removeprefix("sqlite:///"), isolation_level=None) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        assert "locked" in one_sentence(check(sold))
        connection.execute("ROLLBACK")


@pytest.mark.postgres
def test_a_statement_that_is_cut_short_is_told_in_one_sentence(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world.open_world(postgres_url) as ledger:
        name = ledger.engine.url.database
    monkeypatch.setitem(sums.LAWS, Law.TALLY, "SELECT 1, 'x', CAST(pg_sleep(60) AS TEXT)")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" SET statement_timeout = 500')
    said = one_sentence(check(postgres_url))
    assert said == (
        "orderhub: The database cannot be checked: canceling statement due to statement timeout."
    )


def test_it_says_of_when_the_newest_order_is(sold: str) -> None:
    lines = check(sold).stdout.splitlines()
    assert lines[0].startswith("every law holds (50 orders, ")
    with sqlite3.connect(sold.removeprefix("sqlite:///")) as connection:
        newest = connection.execute("SELECT max(recorded_at) FROM orders").fetchone()[0]
    at = datetime.fromtimestamp(newest // 1_000_000, UTC)
    assert lines[1].startswith(f"the newest order is of {at:%Y-%m-%dT%H:%M:%SZ}: a file copied ")


def test_it_says_that_there_is_no_order(sqlite_url: str) -> None:
    with world.open_world(sqlite_url):
        pass
    assert check(sqlite_url).stdout.splitlines()[1] == "no order is in it"


def test_what_was_mended_is_said_line_by_line_and_holds_again(sold: str) -> None:
    tamper(sold, "UPDATE tally SET n = n + 1 WHERE owner = '*'")
    assert check(sold).exit_code == 1
    result = check(sold, "--repair")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "mended: tally test pending of * of tenant 1: 51 -> 50"
    assert result.stdout.splitlines()[1].startswith("every law holds (")
    assert check(sold).exit_code == 0


def test_what_cannot_be_mended_stays_a_breach(sold: str) -> None:
    tamper(sold, "UPDATE orders SET total = total + 1, net = net + 1 WHERE id = 1")
    result = check(sold, "--repair")
    assert result.exit_code == 1
    assert "mended" not in result.stdout
    assert result.stdout.splitlines()[-1].startswith("3 breaches (")


def test_nothing_is_mended_beside_a_hub_that_serves_the_file(sold: str) -> None:
    tamper(sold, "UPDATE tally SET n = n + 1 WHERE owner = '*'")
    lock = ServeLock(sold)
    lock.take("http://127.0.0.1:7777")
    assert "http://127.0.0.1:7777" in one_sentence(check(sold, "--repair"))
    assert check(sold).exit_code == 1  # looking is allowed
    lock.release()
    assert check(sold, "--repair").exit_code == 0


@pytest.mark.postgres
def test_on_postgresql_writers_wait_for_the_mending(postgres_url: str) -> None:
    with world.open_world(postgres_url) as ledger:
        world.place(ledger, world.basket())
    with psycopg.connect(postgres_url) as writer:
        writer.execute("UPDATE tally SET n = n + 1 WHERE owner = '*'")
        with psycopg.connect(postgres_url, autocommit=True) as settings:
            settings.execute(f'ALTER DATABASE "{writer.info.dbname}" SET lock_timeout = 200')
        said = one_sentence(check(postgres_url, "--repair"))
        assert "lock timeout" in said
        writer.commit()
    result = check(postgres_url, "--repair")
    assert result.exit_code == 0, result.output
    assert "mended: tally test pending of * of tenant 1: 2 -> 1" in result.stdout


# The PostgreSQL of the tests comes without amcheck: this stands in for its function, and finds one index bad.
STAND_IN = """
    CREATE SCHEMA checks;
    CREATE FUNCTION checks.bt_index_check(index regclass) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
        IF index = 'orders_by_uid'::regclass THEN
            RAISE EXCEPTION 'item order invariant violated for index "orders_by_uid"';
        END IF;
    END $$;
"""


@pytest.mark.postgres
def test_on_postgresql_each_index_is_looked_at_where_amcheck_is_installed(
    postgres_url: str,
) -> None:
    with world.open_world(postgres_url) as ledger:
        world.place(ledger, world.basket())
    assert check(postgres_url).exit_code == 0
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(STAND_IN)
    said = one_sentence(check(postgres_url))
    assert said.startswith("orderhub: The index orders_by_uid cannot be trusted: item order ")
