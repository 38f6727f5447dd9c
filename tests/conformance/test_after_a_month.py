"""The documents' examples get their own answers on a demo that has its month behind it."""

from pathlib import Path

import pytest
from sqlalchemy import text

from orderhub.conform.cases import golden_cases
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.values import Settings
from orderhub.demo import live_a_month, seed
from orderhub.dialects.finding import find_dialects, part_of
from orderhub.ledger.check import check_ledger
from orderhub.ledger.database import open_engine
from orderhub.ledger.ledger import Ledger
from orderhub.web.cipher import Cipher
from tests.support.calls import copied
from tests.support.hub import SECRET_KEY, running_hub
from tests.support.pairs import passes, runner_on

NAMES = [dialect.name for dialect in find_dialects()]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lived") / "demo.sqlite"
    ledger = Ledger.open(f"sqlite:///{path}", RECORD_TYPES)
    seed(ledger, Cipher(SECRET_KEY), find_dialects())
    live_a_month(ledger, find_dialects())
    ledger.close()
    return path


@pytest.mark.parametrize("dialect", NAMES)
async def test_examples_get_their_numbers(lived: Path, tmp_path: Path, dialect: str) -> None:
    async with running_hub(copied(lived, tmp_path)) as hub:
        runner = runner_on(hub, dialect)
        for case in golden_cases(dialect):
            await passes(runner, case)


def test_the_month_is_as_it_is_told(lived: Path) -> None:
    engine = open_engine(f"sqlite:///{lived}")
    ledger = Ledger(engine, RECORD_TYPES)
    assert check_ledger(engine).breaches == []
    tenants = {each.id: each.name for each in ledger.read(lambda reads: reads.tenants())}
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "SELECT tenant_id, count(*) AS n, max(id) AS last, max(updated_at) AS newest,"
                " count(DISTINCT status) AS statuses, count(DISTINCT door) AS doors FROM orders"
                " GROUP BY tenant_id"
            )
        ).all()
        drawn = connection.execute(
            text("SELECT DISTINCT tenant_id, kind, subject FROM pool WHERE drawn <> 0")
        ).all()
    orders = {tenants[row.tenant_id]: row for row in found}
    assert set(orders) == {"omni", "shop", "dropship", "tours"}
    assert orders["omni"].n > sum(row.n for row in found) // 2
    assert 300 < sum(row.n for row in found) < 1_000
    assert (orders["omni"].doors, orders["omni"].statuses) == (len(NAMES), 6)
    for name, row in orders.items():
        settings: Settings = ledger.read(lambda reads, t=row.tenant_id: reads.settings(t))
        if name != "omni":
            assert row.last < settings.first_order_id
        start = {
            each.name: each.clock_from for door in NAMES for each in part_of(door, "demo").DEMO
        }
        begins = settings.clock.at(_seeded_at(ledger))
        assert row.newest < begins, (name, start.get(name))
    assert {tenants[row.tenant_id] for row in drawn} == {"omni"}
    assert {row.subject for row in drawn} == {f"product:{number}" for number in range(950, 955)}
    ledger.close()


def _seeded_at(ledger: Ledger) -> int:
    """When the demo's clocks began."""
    found = ledger.read(lambda reads: reads.credentials(None))
    return min(each.created_at for each in found)


def test_the_same_seed_tells_the_same_month(lived: Path, tmp_path: Path) -> None:
    def told(path: Path) -> list[tuple[object, ...]]:
        engine = open_engine(f"sqlite:///{path}")
        with engine.connect() as connection:
            rows = connection.execute(
                text(
                    "SELECT tenant_id, id, door, status, total, refunded FROM orders ORDER BY 1, 2"
                )
            )
            found = [tuple(row) for row in rows]
        engine.dispose()
        return found

    path = tmp_path / "again.sqlite"
    ledger = Ledger.open(f"sqlite:///{path}", RECORD_TYPES)
    seed(ledger, Cipher(SECRET_KEY), find_dialects())
    live_a_month(ledger, find_dialects())
    ledger.close()
    assert told(path) == told(lived)
