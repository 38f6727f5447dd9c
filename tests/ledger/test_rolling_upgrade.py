"""Two processes on one PostgreSQL: the newest release serves on while this program migrates under it and joins in."""

from __future__ import annotations

import subprocess
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from sqlalchemy import text

from orderhub.ledger.check import check_ledger
from orderhub.ledger.database import check_version, migrate, open_engine, writing
from tests.support import released
from tests.support.hub_process import SECRET_KEY, Served, environment, placed, serving, wait_for

# The release that is upgraded from knows no cluster.
pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.one_machine]
# The release fills the database itself, as it was when it was released.
_SEED = """
import sys
from orderhub.core.decide import RECORD_TYPES
from orderhub.demo import seed
from orderhub.dialects.finding import find_dialects
from orderhub.ledger.ledger import Ledger
from orderhub.web.port import Cipher
ledger = Ledger.open(sys.argv[1], RECORD_TYPES)
seed(ledger, Cipher(sys.argv[2]), find_dialects())
ledger.close()
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The newest release. A clone without its tag cannot try an upgrade, and says so last."""
    try:
        tag = released.newest()
    except released.TagMissing as missing:
        pytest.skip(f"upgrades: not tried ({missing})")
    return released.unpacked(tag, tmp_path_factory.mktemp("released"))


@pytest.fixture
def old(package: Path, postgres_url: str, tmp_path: Path) -> Iterator[Served]:
    """A hub of the newest release, which serves the demo."""
    path = {"PYTHONPATH": str(package)}
    seed = [*released.command()[:1], "-c", _SEED, postgres_url, SECRET_KEY]
    subprocess.run(seed, env=environment(**path), capture_output=True, check=True, timeout=100)
    with serving(postgres_url, tmp_path / "old.log", program=released.command(), **path) as hub:
        yield hub


class Buyer:
    """Buys on and on, at one hub or at another in turn, until it is left; every order under a key."""

    def __init__(self, *hubs: Served) -> None:
        self.hubs = list(hubs)
        self.numbers: list[str] = []
        self.refused: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._buy)

    def _buy(self) -> None:
        while not self._stop.is_set():
            for hub in tuple(self.hubs):
                answer = hub.create(str(uuid.uuid4()))
                if answer.status_code == 200 and answer.json()["code"] == 0:
                    self.numbers.append(placed(answer))
                else:
                    self.refused.append(answer.text)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        self._stop.set()
        self._thread.join()


def test_orders_are_taken_all_the_time_and_all_of_them_stand(
    old: Served, postgres_url: str, tmp_path: Path
) -> None:
    with Buyer(old) as buyer:
        wait_for(lambda: len(buyer.numbers) > 5, "orders on the old schema")
        with serving(postgres_url, tmp_path / "new.log") as new:
            wait_for(lambda: new.ready == 200, "the new one")
            before = len(buyer.numbers)
            buyer.hubs.append(new)
            wait_for(lambda: len(buyer.numbers) > before + 20, "orders at both")
            buyer.hubs.remove(old)
            before = len(buyer.numbers)
            wait_for(lambda: len(buyer.numbers) > before + 5, "orders at the new one")
            assert old.stop() == 0
            buyer.leave()
            assert buyer.refused == []
            engine = open_engine(postgres_url)
            check_version(engine)
            with engine.connect() as connection:
                stand = set(connection.execute(text("SELECT number FROM orders")).scalars())
                bare = set(
                    connection.execute(text("SELECT CAST(id AS TEXT) FROM orders")).scalars()
                )
            assert set(buyer.numbers) <= stand | bare
            assert check_ledger(engine).breaches == []
            engine.dispose()


def test_what_an_older_program_writes_in_the_catalogue_is_seen_at_once(postgres_url: str) -> None:
    """Its sessions do not say that they count, so the database does it for them: one for each statement."""
    engine = open_engine(postgres_url)
    migrate(engine)
    sums = text("SELECT kind, sum(version) AS n FROM record_version GROUP BY kind ORDER BY kind")
    write = (
        "INSERT INTO record (tenant_id, kind, id, uid) VALUES (7, 'product', 1, 'a'), (7, 'settings', 0, 'b')",
        "UPDATE record SET code = 'c' WHERE tenant_id = 7 AND kind = 'product'",
        "DELETE FROM record WHERE tenant_id = 7 AND kind = 'product'",
    )
    for counts, expected in (
        ("on", []),
        ("off", [("any settings", 1), ("product", 3), ("settings", 1)]),
    ):
        with writing(engine).begin() as connection:
            connection.exec_driver_sql(f"SET LOCAL orderhub.counts = '{counts}'")
            for statement in write:
                connection.exec_driver_sql(statement)
            assert [tuple(row) for row in connection.execute(sums)] == expected
            connection.exec_driver_sql("DELETE FROM record WHERE tenant_id = 7")
            connection.exec_driver_sql("DELETE FROM record_version")
    engine.dispose()


def test_the_release_refuses_the_ledger_once_it_has_left_it(
    package: Path, postgres_url: str, tmp_path: Path
) -> None:
    engine = open_engine(postgres_url)
    migrate(engine)
    engine.dispose()
    words = released.command("serve", "--database", postgres_url, "--port", "0")
    path = {"PYTHONPATH": str(package)}
    found = subprocess.run(
        words, env=environment(**path), capture_output=True, text=True, timeout=100, check=False
    )
    assert found.returncode != 0
    assert "newer OrderHub" in found.stdout + found.stderr
