"""`orderhub serve --workers N` for real: one port, one database, several processes that come and go."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import uuid
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from orderhub.core.decide import RECORD_TYPES
from orderhub.ledger.check import check_ledger
from orderhub.ledger.ledger import Ledger
from tests.dialects.anqicms.front import token
from tests.support import http
from tests.support.forks import Forked
from tests.support.hub_process import Served, environment, orderhub, placed, serving, wait_for

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
_ORDERS = re.compile(r'^orderhub_orders_total\{dialect="anqicms"\} (\d+)', re.MULTILINE)


@pytest.fixture
def database(postgres_demo: str) -> str:
    return postgres_demo


def workers_of(hub: Served) -> list[psutil.Process]:
    return psutil.Process(hub.process.pid).children()


def orders_counted(hub: Served) -> int:
    found = _ORDERS.search(hub.ask("GET", "/metrics").text)
    return int(found.group(1)) if found else 0


def test_a_worker_that_is_killed_while_orders_come_is_started_again_and_no_order_is_lost(
    database: str, tmp_path: Path
) -> None:
    with serving(database, tmp_path / "log", ORDERHUB_WORKERS="2") as hub:
        wait_for(lambda: len(workers_of(hub)) == 2, "two workers")
        told: list[str] = []
        stop = threading.Event()

        def buy() -> None:
            while not stop.is_set():
                key = str(uuid.uuid4())
                while True:  # as a client does that got no answer: again, under its key
                    try:
                        told.append(placed(hub.create(key)))
                        break
                    except httpx.TransportError:
                        continue

        buyers = [threading.Thread(target=buy) for _ in range(4)]
        for each in buyers:
            each.start()
        for _ in range(2):
            enough = len(told) + 20
            wait_for(lambda enough=enough: len(told) >= enough, "orders")
            before = {each.pid for each in workers_of(hub)}
            os.kill(min(before), signal.SIGKILL)
            wait_for(
                lambda before=before: len({each.pid for each in workers_of(hub)} - before) == 1,
                "another worker",
            )
        enough = len(told) + 20
        wait_for(lambda: len(told) >= enough, "orders")
        stop.set()
        for each in buyers:
            each.join()
        assert len(told) == len(set(told))
        assert len(hub.lines('"worker died"', '"status":-9')) == 2
        with psycopg.connect(database) as connection:
            [(stored,)] = connection.execute(
                "SELECT count(*) FROM orders WHERE tenant_id = (SELECT tenant_id FROM orders LIMIT 1)"
            ).fetchall()
            [(slots,)] = connection.execute("SELECT max(number) FROM slot").fetchall()
        assert stored == len(told)
        assert slots == 1  # who was started again has the number of the one that died
        assert hub.stop() == 0
    ledger = Ledger.open(database, RECORD_TYPES)
    assert [str(breach) for breach in check_ledger(ledger.engine).breaches] == []
    ledger.close()


def test_metrics_are_those_of_all_workers_and_never_go_back(database: str, tmp_path: Path) -> None:
    with serving(database, tmp_path / "log", ORDERHUB_WORKERS="3") as hub:
        wait_for(lambda: len(workers_of(hub)) == 3, "three workers")
        with psycopg.connect(database, autocommit=True) as connection:
            count = 0
            # New connections, until each of them took an order: the slots of their tallies say so.
            slots = "SELECT count(DISTINCT slot) FROM tally WHERE n > 0"
            while count < 12 or connection.execute(slots).fetchall()[0][0] < 2:
                placed(hub.create())
                count += 1
        wait_for(lambda: orders_counted(hub) == count, f"{count} orders counted")
        victim = workers_of(hub)[0]
        victim.kill()
        wait_for(lambda: hub.lines('"worker died"'), "a death")
        wait_for(lambda: len(workers_of(hub)) == 3, "three workers again")
        assert {orders_counted(hub) for _ in range(8)} == {count}
        text = hub.ask("GET", "/metrics").text
        assert text.count("# TYPE orderhub_orders_total counter") == 1
        assert text.count("\norderhub_connections ") == 1
        for own in ("orderhub_processes 3", "orderhub_ready 3"):
            assert f"\n{own}.0\n" in text
        builds = re.findall(r"^orderhub_build_info\{.*postgresql.*\} (\S+)$", text, re.MULTILINE)
        assert builds == ["1.0"]
        (size,) = re.findall(r"^orderhub_database_bytes (\S+)$", text, re.MULTILINE)
        with psycopg.connect(database) as connection:
            there = connection.execute("SELECT pg_database_size(current_database())").fetchall()
        assert 0.5 * there[0][0] < float(size) <= there[0][0], "once, not once for each worker"


def test_at_sigterm_calls_in_hand_are_finished(database: str, tmp_path: Path) -> None:
    with serving(database, tmp_path / "log", ORDERHUB_WORKERS="2") as hub:
        wait_for(lambda: len(workers_of(hub)) == 2, "two workers")
        told: list[str] = []
        refused: list[Exception] = []
        with psycopg.connect(database) as connection:
            # A pool that somebody holds keeps the calls in hand.
            connection.execute("SELECT 1 FROM pool FOR UPDATE").fetchall()

            def buy() -> None:
                try:
                    told.append(placed(hub.create()))
                except Exception as error:  # noqa: BLE001 - told to the test
                    refused.append(error)

            buyers = [threading.Thread(target=buy) for _ in range(4)]
            for each in buyers:
                each.start()
            wait_for(
                lambda: connection.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchall(),
                "a call that waits",
            )
            hub.process.send_signal(signal.SIGTERM)
            wait_for(lambda: is_deaf(hub), "nobody new to be heard")
            connection.rollback()
        for each in buyers:
            each.join()
        assert hub.process.wait(60) == 0
        assert len(told) + len(refused) == 4
        assert told
        assert all(isinstance(each, httpx.TransportError) for each in refused), refused
        left = json.loads(hub.lines('"left"')[-1])
        assert left["status"] == 0


def test_workers_that_have_not_begun_leave_without_a_fault(database: str, tmp_path: Path) -> None:
    words = ["serve", "--database", database, "--port", "0", "--workers", "2"]
    with (tmp_path / "log").open("ab") as out:
        hub = Forked(words, env=environment(), out=out, start_new_session=True)
    try:
        wait_for(lambda: len(psutil.Process(hub.pid).children()) == 2, "two workers")
        hub.terminate()
        assert hub.wait(60) == 0
    finally:
        hub.kill()
        hub.wait()
    left = json.loads((tmp_path / "log").read_text().splitlines()[-1])
    assert (left["event"], left["status"]) == ("left", 0)


def is_deaf(hub: Served) -> bool:
    try:
        http.get(f"{hub.url}/health/live")
    except httpx.TransportError:
        return True
    return False


def test_a_second_signal_ends_it_at_once(database: str, tmp_path: Path) -> None:
    def buy() -> None:
        with pytest.raises(httpx.TransportError):
            hub.create()

    with serving(database, tmp_path / "log", ORDERHUB_WORKERS="2") as hub:
        wait_for(lambda: len(workers_of(hub)) == 2, "two workers")
        with psycopg.connect(database) as connection:
            connection.execute("SELECT 1 FROM pool FOR UPDATE").fetchall()
            buyer = threading.Thread(target=buy)
            buyer.start()
            wait_for(
                lambda: connection.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchall(),
                "a call that waits",
            )
            hub.process.send_signal(signal.SIGTERM)
            wait_for(lambda: is_deaf(hub), "nobody new to be heard")
            assert hub.process.poll() is None
            hub.process.send_signal(signal.SIGTERM)
            assert hub.process.wait(60) == 1
            buyer.join()


def test_workers_leave_when_their_parent_is_killed(database: str, tmp_path: Path) -> None:
    with serving(database, tmp_path / "log", ORDERHUB_WORKERS="2") as hub:
        workers = wait_for(lambda: len(found := workers_of(hub)) == 2 and found, "two workers")
        hub.process.kill()
        hub.process.wait()
        wait_for(lambda: not any(each.is_running() for each in workers), "both to leave")


def test_what_keeps_a_worker_from_starting_is_one_sentence(database: str, tmp_path: Path) -> None:
    refused = orderhub("serve", "--database", f"sqlite:///{tmp_path}/a.sqlite", "--workers", "2")
    assert refused.returncode != 0
    assert refused.stderr.strip().endswith(
        "2 workers need PostgreSQL: one process writes to a SQLite file."
    )
    assert not (tmp_path / "a.sqlite").exists()
    refused = orderhub(
        *("serve", "--database", database, "--workers", "2", "--port", "0"),
        ORDERHUB_SECRET_KEY="another key",
    )
    assert refused.returncode != 0
    assert len(refused.stderr.strip().splitlines()) == 1


def test_an_address_just_saved_is_the_newest_whichever_process_took_it(
    database: str, tmp_path: Path
) -> None:
    mine = {"headers": {"Token": token()}}
    with serving(database, tmp_path / "log", ORDERHUB_WORKERS="2") as hub:
        wait_for(lambda: len(workers_of(hub)) == 2, "two workers")
        named = [f"new{number}" for number in range(20)]
        for nth, name in enumerate(named, 1):
            saved = hub.ask("POST", "/api/order/address", json={"name": name, "phone": "1"}, **mine)
            assert saved.json()["code"] == 0, saved.text
            assert hub.ask("GET", "/api/order/address", **mine).json()["data"]["name"] == name
            listed = hub.ask("GET", "/api/order/addresses", **mine).json()["data"]
            assert [each["name"] for each in listed] == named[:nth][::-1]
        assert len({each["id"] // 64 for each in listed}) > 1, "both processes gave ids"
