"""On PostgreSQL: rows are found by their keys, whatever the tables' figures say, and whenever they said so."""

import json
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import Connection

from orderhub.core.decide import RECORD_TYPES
from orderhub.core.deliveries import WebhookState
from orderhub.ledger import bulk, deliveries, pipeline, tables
from orderhub.ledger.database import batch_on, open_writer
from orderhub.ledger.ledger import Ledger
from tests.support import world
from tests.support.postgres import fresh_database

_MORE_HAND_OVERS = """
    INSERT INTO hand_over (tenant_id, order_id, connection_id, uid, state)
    SELECT 1, n, 1, 'uid ' || n, 'planned' FROM generate_series(CAST(%s AS bigint), CAST(%s AS bigint)) n
"""
_MORE_LINES = """
    INSERT INTO order_line SELECT (json_populate_record(l, json_build_object('order_id', n))).*
    FROM order_line l, generate_series(1000, 6000) n WHERE l.order_id < 1000
"""


@pytest.mark.postgres
@pytest.mark.one_machine
@pytest.mark.parametrize("figures", ["of a full table", "of an empty table"])
def test_the_lines_of_one_order_are_found_without_reading_those_of_all(
    postgres_world: str, figures: str
) -> None:
    with closing(Ledger.open(postgres_world, RECORD_TYPES)) as ledger:
        look(ledger, figures)


def look(ledger: Ledger, figures: str) -> None:
    sale = world.place(ledger, world.sale())
    with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(_MORE_LINES)
        if figures == "of a full table":
            connection.exec_driver_sql("ANALYZE order_line")
    keys = ("tenant_id", "order_id")
    sql = bulk._select_sql(tables.order_line, keys, 0, True, (), lock=False, citus=False)
    given = json.dumps([{"tenant_id": sale.tenant_id, "order_id": sale.id}])
    with ledger.batch("a batch") as batch:
        plan = batch._driver.rows(f"EXPLAIN {sql}", [given])
    assert not any("Seq Scan" in line or "Hash Join" in line for (line,) in plan), plan


@pytest.mark.postgres
@pytest.mark.one_machine
def test_so_are_deliveries_of_which_something_is_settled(
    postgres_world: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = []

    def look_at(connection: Connection, *_: Any) -> None:
        columns = ("tenant_id", "webhook_id", "id", "state")
        sql = f"EXPLAIN {bulk._update_sql(tables.delivery, columns, 0, '')}"
        plans.append(connection.exec_driver_sql(sql, ("[]",)).scalars().all())

    monkeypatch.setattr(deliveries, "_settle", look_at)
    with closing(Ledger.open(postgres_world, RECORD_TYPES)) as ledger:
        with ledger.engine.begin() as connection:
            connection.exec_driver_sql(
                "INSERT INTO delivery (tenant_id, webhook_id, id) SELECT 1, 1, generate_series(1, 2000)"
            )
        state = WebhookState(tenant_id=1, webhook_id=1)
        ledger.deliveries.settle([deliveries.Settling(state=state)], now_us=0)
    ((*plan,),) = plans
    assert not any("Seq Scan" in line or "Hash Join" in line for line in plan), plan


@pytest.mark.postgres
@pytest.mark.one_machine
def test_what_was_planned_for_an_empty_table_is_planned_anew_once_it_is_full(
    postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "_PLANNED_FOR_S", 0.0)
    # Nothing is known of the table there, nor gets known: figures of other rows led to another index.
    with (
        fresh_database(postgres_server) as url,
        closing(Ledger.open(url, RECORD_TYPES)) as ledger,
    ):
        driver = open_writer(ledger.engine)
        driver.send("ALTER TABLE hand_over SET (autovacuum_enabled = false)")
        driver.send(_MORE_HAND_OVERS, (1, 20))
        row = {"tenant_id": 1, "order_id": 7, "connection_id": 1, "reason": "it waits"}
        for _ in range(20):  # as often as a server goes on asking itself whether one plan fits all
            with batch_on(driver):
                bulk.update(driver, tables.hand_over, [row])
        driver.send(_MORE_HAND_OVERS, (21, 20_000))
        with batch_on(driver):
            ((prepared,),) = driver.rows(
                "SELECT name FROM pg_prepared_statements WHERE statement LIKE 'UPDATE hand_over%%'"
            )
            plan = driver.rows(f"EXPLAIN EXECUTE {prepared}('it waits', 1, 7, 1)")
        driver.close()
    assert any("hand_over_pkey" in line for (line,) in plan), plan
