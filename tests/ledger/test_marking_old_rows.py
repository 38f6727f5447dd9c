"""A ledger of the first schema is marked as if it had been written by this program."""

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, inspect

from orderhub.core.decide import RECORD_TYPES
from orderhub.delivery.feed import Feed
from orderhub.ledger.check import check_ledger
from orderhub.ledger.daily import DAY
from orderhub.ledger.database import migrate, migrations_config, open_engine, writing
from orderhub.ledger.files import make_file
from orderhub.ledger.ledger import Ledger
from orderhub.ledger.tables import BESIDE_THE_BOOKS, metadata
from orderhub.ledger.urls import file_of, parse_url
from tests.ledger.doors import sell
from tests.support import world
from tests.support.calls import copied
from tests.support.world import Rows, rows_of_all

# Which order a key answered for is not told by an old answer, and no old event has a place in the feed. What they count
# for on their days is counted behind the migration, into rows of slot 0.
_UNTOLD = {"claim": {"order_uid"}, "order_event": {"fed"}, "tally": {"slot"}}
_NEWER = {"feed", "feed_lane", "notice", "person", "person_role", "person_session", "person_link"}


def is_day(row: dict[str, Any]) -> bool:
    return str(row.get("owner", "")).startswith(DAY)


@pytest.fixture
def new_rows(demo_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    url = copied(demo_file, tmp_path_factory.mktemp("new"))
    sell(url)
    engine = open_engine(url)
    rows = rows_of_all(engine) | {table.name: [] for table in BESIDE_THE_BOOKS}
    engine.dispose()
    return rows


def fill_old(engine: Engine, rows: Rows) -> None:
    """The first schema, with the rows as it would have held them."""
    config = migrations_config()
    with writing(engine).connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        there = set(inspect(connection).get_table_names())
        for table in metadata.sorted_tables:
            if table.name not in there or not rows[table.name]:
                continue
            known = {column["name"] for column in inspect(connection).get_columns(table.name)}
            old = [
                {key: row[key] for key in row if key in known}
                for row in rows[table.name]
                if not is_day(row)
            ]
            kept = [column for column in table.columns if column.name in known]
            insert = table.insert().values({column.name: None for column in kept})
            connection.execute(insert, old)
        connection.commit()


def told_by_feed(ledger: Ledger) -> set[tuple[int, int, int]]:
    """Every event that the feeds tell, in small pages: (tenant, order, version)."""
    feed, found = Feed(ledger), []
    orders = {each.uid: each for each in world.all_orders(ledger)}
    for tenant_id in {each.tenant_id for each in orders.values()}:
        cursor, is_end = "", False
        while not is_end:
            page = feed.read(tenant_id, cursor, 2)
            found += [
                (tenant_id, orders[each.event.order_uid].id, each.event.version)
                for each in page.items
            ]
            cursor, is_end = page.next_cursor, page.is_end
    assert len(found) == len(set(found))
    return set(found)


@pytest.mark.one_machine
def test_old_orders_are_marked_by_their_draws_keys_and_timers(
    database_url: str, new_rows: Rows
) -> None:
    if (path := file_of(parse_url(database_url))) is not None:
        make_file(path)
    engine = open_engine(database_url)
    fill_old(engine, new_rows)
    migrate(engine)
    ledger = Ledger.open(database_url, RECORD_TYPES)
    assert told_by_feed(ledger) == {
        (row["tenant_id"], row["order_id"], row["version"]) for row in new_rows["order_event"]
    }
    ledger.close()
    assert [str(breach) for breach in check_ledger(engine).breaches] == []
    ledger = Ledger(engine, RECORD_TYPES)
    assert not any(is_day(row) for row in rows_of_all(engine)["tally"])
    while ledger.count_old_events(3):
        assert check_ledger(engine).total == 0
    for name, rows in rows_of_all(engine).items():
        if name in _NEWER:
            assert rows == []
            continue
        if name == "record_version":
            # A tenant that has one stands; what was written before is nobody's memory.
            assert [row["kind"] for row in rows] == ["settings"] * len(new_rows["tenant"])
            continue
        untold = _UNTOLD.get(name, set())
        told = [{key: row[key] for key in row if key not in untold} for row in new_rows[name]]
        found = [{key: row[key] for key in row if key not in untold} for row in rows]
        assert sorted(map(repr, found)) == sorted(map(repr, told)), name
    engine.dispose()
