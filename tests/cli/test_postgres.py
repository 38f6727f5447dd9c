"""A PostgreSQL of the test's own: weak settings are refused at the start, and a frozen one keeps nobody waiting."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil
import psycopg
import pytest

from orderhub.core.decide import RECORD_TYPES
from orderhub.ledger.database import DatabaseRefused
from orderhub.ledger.ledger import Ledger
from tests.support.hub import seed_demo
from tests.support.hub_process import orderhub, placed, serving, wait_for
from tests.support.postgres import fresh_database, make_home, processes_of, running_server

pytestmark = pytest.mark.postgres
DURABLE = ("fsync", "full_page_writes", "synchronous_commit")


class Own(NamedTuple):
    home: Path
    url: str

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Every process of the server stands still."""
        stopped = processes_of(self.home)
        for each in stopped:
            with suppress(psutil.NoSuchProcess):
                each.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for each in stopped:
                with suppress(psutil.NoSuchProcess):  # it was about to leave
                    each.send_signal(signal.SIGCONT)


@pytest.fixture(scope="module")
def own() -> Iterator[Own]:
    home = make_home()
    with running_server(home, without=DURABLE) as url:
        yield Own(home, url)


@pytest.fixture
def database(own: Own) -> Iterator[str]:
    with fresh_database(own.url) as url:
        yield url


def executed(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for each in statements:
            connection.execute(each)


WEAK = [
    # what weakens it, what mends it, what is named
    *((f"ALTER SYSTEM SET {name} = off", f"ALTER SYSTEM RESET {name}", name) for name in DURABLE),
    (
        "ALTER ROLE postgres SET synchronous_commit = off",
        "ALTER ROLE postgres RESET synchronous_commit",
        "synchronous_commit",
    ),
    (
        "ALTER DATABASE {name} SET synchronous_commit = off",
        "ALTER DATABASE {name} RESET synchronous_commit",
        "synchronous_commit",
    ),
]


@pytest.mark.parametrize(("weaken", "mend", "named"), WEAK, ids=[each[0] for each in WEAK])
def test_a_server_that_may_lose_orders_is_refused(
    own: Own, database: str, weaken: str, mend: str, named: str
) -> None:
    name = database.partition("@/")[2].partition("?")[0]
    Ledger.open(database, RECORD_TYPES).close()
    executed(own.url, weaken.format(name=name), "SELECT pg_reload_conf()")
    try:
        wait_for(lambda: shown(database, named) == "off", "the setting")
        with pytest.raises(DatabaseRefused, match=f"PostgreSQL runs with {named}=off: ") as no:
            Ledger.open(database, RECORD_TYPES)
        assert "\n" not in str(no.value)
    finally:
        executed(own.url, mend.format(name=name), "SELECT pg_reload_conf()")
    wait_for(lambda: shown(database, named) == "on", "the setting")
    Ledger.open(database, RECORD_TYPES).close()


def shown(url: str, name: str) -> str:
    with psycopg.connect(url) as connection:
        return str(connection.execute(f"SHOW {name}").fetchone()[0])


def test_the_url_cannot_weaken_a_commit(own: Own, database: str) -> None:
    weak = f"{database}&options=-c%20synchronous_commit%3Doff"
    said = orderhub("serve", "--database", weak, "--port", "0")
    assert said.returncode == 2
    assert said.stderr.startswith("orderhub: PostgreSQL runs with synchronous_commit=off: ")
    assert said.stderr.count("\n") == 1
    kept = Ledger.open(f"{database}&options=-c%20search_path%3Dpublic", RECORD_TYPES)
    with kept.engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW search_path").scalar() == "public"
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    kept.close()


def test_a_server_that_is_weakened_while_the_hub_runs_is_no_longer_used(
    own: Own, database: str
) -> None:
    ledger = Ledger.open(database, RECORD_TYPES)
    executed(own.url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
    try:
        wait_for(lambda: shown(database, "fsync") == "off", "the setting")
        ledger.engine.dispose()
        with pytest.raises(DatabaseRefused, match="fsync=off") as no:
            ledger.try_commit()
        assert ledger.is_outage(no.value)
    finally:
        executed(own.url, "ALTER SYSTEM RESET fsync", "SELECT pg_reload_conf()")
        ledger.close()


@pytest.mark.slow
def test_a_frozen_database_keeps_nobody_waiting_and_loses_and_doubles_nothing(
    own: Own, database: str, tmp_path: Path
) -> None:
    seed_demo(database)
    with serving(database, tmp_path / "log", ORDERHUB_ANSWER_TIMEOUT_S="1") as hub:
        wait_for(lambda: hub.ready == 200, "a hub that is ready")
        placed(hub.create())
        with own.frozen():
            answers: dict[str, httpx.Response] = {}

            def ask(name: str) -> None:
                is_read = name.startswith("read")
                answers[name] = (
                    hub.ask("GET", "/hub/v1/orders") if is_read else hub.create(key=name)
                )

            asking = [
                threading.Thread(target=ask, args=(f"{kind}{number}",))
                for kind in ("order", "read")
                for number in range(8)
            ]
            for each in asking:
                each.start()
            for each in asking:
                each.join(20)
            assert len(answers) == 16, "everyone is answered while it stands still"
            assert {each.status_code for each in answers.values()} == {503}
            assert all(each.headers["retry-after"] for each in answers.values())
            assert hub.ready == 503
            assert hub.ready == 503, "and at once, while the first look still hangs"
        wait_for(lambda: hub.ready == 200, "a hub that is ready again")
        keys = [f"order{number}" for number in range(8)]
        numbers = {placed(hub.create(key=key)) for key in keys}
        assert numbers == {placed(hub.create(key=key)) for key in keys}
        assert len(numbers) == 8
        with psycopg.connect(database) as connection:
            assert connection.execute("SELECT count(*) FROM orders").fetchone() == (9,)
        assert hub.stop() == 0
    assert hub.lines("Traceback") == []


@pytest.mark.slow
def test_sigterm_ends_the_hub_though_the_database_is_frozen(
    own: Own, database: str, tmp_path: Path
) -> None:
    seed_demo(database)
    with serving(database, tmp_path / "log", ORDERHUB_ANSWER_TIMEOUT_S="1") as hub:
        placed(hub.create())
        with own.frozen():
            assert hub.create(key="k").status_code == 503
            assert hub.stop() == 0
        assert hub.lines("Traceback") == []


@pytest.mark.slow
def test_a_frozen_database_is_not_waited_for_at_the_start(own: Own, database: str) -> None:
    began = time.monotonic()
    with own.frozen():
        said = orderhub("serve", "--database", f"{database}&connect_timeout=2", "--port", "0")
    assert said.returncode == 2, said.stderr
    assert "cannot be opened" in said.stderr
    assert time.monotonic() - began < 60
    assert said.stderr.count("\n") == 1


def test_a_read_only_database_is_not_ready(own: Own, database: str, tmp_path: Path) -> None:
    seed_demo(database)
    with serving(database, tmp_path / "log") as hub:
        wait_for(lambda: hub.ready == 200, "a hub that is ready")
        executed(own.url, "ALTER SYSTEM SET default_transaction_read_only = on")
        executed(own.url, "SELECT pg_reload_conf()")
        try:
            wait_for(lambda: hub.ready == 503, "a hub that is not ready")
            assert hub.create(key="k").status_code == 503
            assert hub.ask("GET", "/hub/v1/orders").status_code == 200
        finally:
            executed(own.url, "ALTER SYSTEM RESET default_transaction_read_only")
            executed(own.url, "SELECT pg_reload_conf()")
        wait_for(lambda: hub.ready == 200, "a hub that is ready again")
        placed(hub.create(key="k"))
        assert hub.stop() == 0
