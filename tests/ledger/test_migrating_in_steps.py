"""An upgrade goes by steps, each within a budget that holds for a million orders, and told before it is begun.

Wall time is noise, so the budget is what SQLite counts: instructions of its virtual machine for each order there is.
A million orders at 100 instructions are a few seconds; at a statement for each they would be minutes.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event
from typer.testing import CliRunner

from orderhub.cli.commands import app
from orderhub.ledger import database, upgrading
from orderhub.ledger.database import (
    LAST_THAT_REFUSES,
    head_revision,
    migrate,
    migrations_config,
    open_engine,
    steps_from,
    writing,
)
from orderhub.ledger.files import make_file
from orderhub.ledger.upgrading import WORK, Work

RELEASED = "0003"  # the schema of the newest release
PENDING = steps_from(RELEASED)
ORDERS = 4_000
# Of one step, for each order with its line and its two events.
MOST_INSTRUCTIONS = 100
MOST_STATEMENTS = 30
_PART = 100  # the counter's own step

_FILL = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {n}) "
    "INSERT INTO {table} ({columns}) SELECT {values} FROM n"
)
_FILLED = (
    (
        "orders",
        "tenant_id, id, uid, number, status, currency, recorded, recorded_at, occurred_at, doc",
        "1, i, 'uid' || i, 'uid' || i, 'paid', 'USD', 0, i, i, '{}'",
    ),
    ("order_line", "tenant_id, order_id, line_no, cancelled", "1, i, 1, 0"),
    ("order_event", "tenant_id, order_id, version, kind, data", "1, i, 1, 'placed', '{}'"),
    ("order_event", "tenant_id, order_id, version, kind, data", "1, i, 2, 'paid', '{}'"),
)


def at_schema(url: str, revision: str, orders: int) -> Engine:
    """A ledger as a program of that schema left it, with so many orders."""
    make_file(Path(url.removeprefix("sqlite:///")))
    engine = open_engine(url)
    config = migrations_config()
    with writing(engine).connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for table, columns, values in _FILLED if orders else ():
            sql = _FILL.format(n=orders, table=table, columns=columns, values=values)
            connection.exec_driver_sql(sql)
        connection.commit()
    return engine


class Cost:
    """What one step takes: statements, rows written, instructions."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.rows = self.instructions = 0
        self.raw: Any = None
        self.before = 0


def cost_of(engine: Engine) -> Cost:
    """The next step of the ledger, taken and measured."""
    cost = Cost()

    def count() -> int:
        cost.instructions += _PART
        return 0

    def begun(_conn: Any, cursor: Any, sql: str, *_: Any) -> None:
        cost.statements.append(sql)
        raw: sqlite3.Connection = cursor.connection
        raw.set_progress_handler(count, _PART)
        if cost.raw is None:
            cost.raw, cost.before = raw, raw.total_changes

    event.listen(engine, "before_cursor_execute", begun)
    try:
        database._migrated_on(engine)
    finally:
        event.remove(engine, "before_cursor_execute", begun)
    cost.rows = cost.raw.total_changes - cost.before
    cost.raw.set_progress_handler(None, 0)
    return cost


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Engine]:
    engine = at_schema(f"sqlite:///{tmp_path / 'old.sqlite'}", RELEASED, ORDERS)
    yield engine
    engine.dispose()


def test_each_step_of_the_upgrade_keeps_to_its_budget_of_a_million_orders(filled: Engine) -> None:
    for revision in PENDING:
        cost = cost_of(filled)
        assert len(cost.statements) <= MOST_STATEMENTS, revision
        assert cost.rows < 50, (
            f"{revision} writes {cost.rows} rows: no order's row is to be written"
        )
        each = cost.instructions / ORDERS
        assert each <= MOST_INSTRUCTIONS, f"{revision}: {each:.0f} instructions an order"
    assert database.check_version(filled) == head_revision()


def test_a_migration_that_rewrites_what_stands_would_be_noticed(filled: Engine) -> None:
    def rewrite(_config: Any, _revision: str) -> None:
        connection: sa.Connection = _config.attributes["connection"]
        connection.exec_driver_sql("UPDATE orders SET doc = '{\"a\": 1}'")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(database.command, "upgrade", rewrite)
        cost = cost_of(filled)
    assert cost.rows >= ORDERS
    assert cost.instructions / ORDERS > 1


def test_an_upgrade_that_is_cut_short_goes_on_where_it_was(
    filled: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade, taken = command.upgrade, []

    def cut(config: Any, revision: str) -> None:
        if len(taken) == 3:
            raise KeyboardInterrupt
        taken.append(revision)
        upgrade(config, revision)

    monkeypatch.setattr(database.command, "upgrade", cut)
    with pytest.raises(KeyboardInterrupt):
        migrate(filled)
    assert taken == PENDING[:3]
    assert database.check_version(filled, must_be_current=False) == PENDING[2]
    taken.clear()
    monkeypatch.setattr(database.command, "upgrade", upgrade)
    migrate(filled)
    assert database.check_version(filled) == head_revision()


def test_what_may_refuse_a_ledger_is_one_step_with_all_before_it() -> None:
    assert steps_from("0001")[0] == LAST_THAT_REFUSES
    assert steps_from("0002")[0] == LAST_THAT_REFUSES
    assert steps_from(None) == [head_revision()]
    assert steps_from(head_revision()) == []


def touched(statements: list[str]) -> dict[str, set[str]]:
    """Table -> the first words of the statements that name it as theirs."""
    found: dict[str, set[str]] = {}
    for sql in statements:
        words = sql.replace('"', " ").replace("(", " ( ").split()
        verb = " ".join(words[:2]).upper()
        if verb == "CREATE TABLE":
            found.setdefault(words[2], set()).add("made")
        elif verb == "ALTER TABLE":
            found.setdefault(words[2], set()).add("defined")
        elif verb in ("CREATE INDEX", "CREATE UNIQUE"):
            found.setdefault(words[words.index("ON") + 1], set()).add("indexed")
    return found


@pytest.mark.parametrize("revision", PENDING)
def test_the_plan_is_what_is_done(tmp_path: Path, revision: str) -> None:
    """Of each migration: which tables it makes, defines and indexes."""
    number = PENDING.index(revision)
    before = PENDING[number - 1] if number else RELEASED
    engine = at_schema(f"sqlite:///{tmp_path / 'old.sqlite'}", before, 0)
    done = touched(cost_of(engine).statements)
    engine.dispose()
    planned = dict(WORK[revision])
    assert {name for name, ways in done.items() if "made" in ways} == {
        name for name, work in planned.items() if work is Work.MADE
    }
    for name, ways in done.items():
        if "made" not in ways:
            wanted = Work.INDEXED if "indexed" in ways else Work.DEFINED
            assert planned[name] in (wanted, Work.WALKED), (name, ways)


def test_every_migration_has_its_plan() -> None:
    script = ScriptDirectory.from_config(migrations_config())
    assert set(WORK) == {each.revision for each in script.walk_revisions()}


def test_the_plan_says_what_would_be_done_and_changes_nothing(
    filled: Engine, tmp_path: Path
) -> None:
    url = filled.url.render_as_string()
    done = CliRunner().invoke(app, ["migrate", "--plan", "--database", url])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["schema"], told["becomes"], told["done"]) == (RELEASED, head_revision(), False)
    assert [each["schema"] for each in told["migrations"]] == PENDING
    works = Counter(
        (t["table"], t["work"], t["rows"]) for m in told["migrations"] for t in m["tables"]
    )
    assert works["orders", "indexed", ORDERS] == 1
    assert works["order_event", "indexed", 2 * ORDERS] == 2
    assert database.check_version(filled, must_be_current=False) == RELEASED
    done = CliRunner().invoke(app, ["migrate", "--database", url])
    assert done.exit_code == 0, done.output
    assert database.check_version(filled) == head_revision()
    told = json.loads(CliRunner().invoke(app, ["migrate", "--plan", "--database", url]).stdout)
    assert told["migrations"] == []


def test_an_estimate_on_postgresql_needs_no_statistics(database_url: str) -> None:
    engine = open_engine(database_url)
    migrate(engine)
    with engine.connect() as connection:
        assert upgrading._rows(connection, "orders") == 0
        assert connection.execute(sa.text("SELECT count(*) FROM orders")).scalar() == 0
    engine.dispose()
