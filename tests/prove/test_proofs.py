"""The proofs in short, on real server processes; `make prove` runs them at full length."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from prove import load, servers
from prove.__main__ import arguments
from prove.backup import prove_backup
from prove.deliver import prove_deliver
from prove.feed import prove_feed
from prove.kill import prove_kill
from prove.race import prove_race
from prove.relay import prove_relay
from prove.servers import seed_database
from prove.term import prove_term
from prove.twins import prove_twins
from prove.verdict import Verdict
from tests.support import forks
from tests.support.forks import Forked
from tests.support.postgres import fresh_database

SEED = 20_240_101


@pytest.fixture(autouse=True)
def in_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers are killed and started again all the time: no start imports the whole program, few orders pile up."""

    def begin(words: list[str], env: dict[str, str], log: IO[bytes]) -> Forked:
        return Forked(words, env=env, out=log, start_new_session=True)

    monkeypatch.setattr(servers, "begin", begin)
    monkeypatch.setattr(servers, "command", forks.run)
    monkeypatch.setattr(load, "SPELL", 50)


def must_hold(proof: Coroutine[Any, Any, Verdict]) -> None:
    verdict = asyncio.run(proof)
    assert not verdict.violations, verdict.report()


def test_the_last_unit_goes_to_one_of_64_clients(database_url: str, tmp_path: Path) -> None:
    seed_database(database_url)
    must_hold(prove_race(database_url, rounds=4, seed=SEED, logs=tmp_path))


@pytest.mark.postgres
def test_twins_on_two_processes_place_one_order(postgres_url: str, tmp_path: Path) -> None:
    seed_database(postgres_url)
    must_hold(prove_twins(postgres_url, rounds=3, seed=SEED, logs=tmp_path))


def test_kill_9_loses_no_acknowledged_order_and_doubles_none(
    sqlite_url: str, tmp_path: Path
) -> None:
    seed_database(sqlite_url)
    must_hold(prove_kill(sqlite_url, kills=3, seed=SEED, logs=tmp_path, answers=30))


def test_backups_under_load_restore_to_ledgers_without_a_gap(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    seed_database(database_url)

    @contextmanager
    def fresh() -> Iterator[str]:
        if database_url.startswith("sqlite"):
            yield f"sqlite:///{tmp_path / 'restored.sqlite'}"
            (tmp_path / "restored.sqlite").unlink()
        else:
            with fresh_database(request.getfixturevalue("postgres_server")) as url:
                yield url

    short = {"backups": 2, "answers": 60}
    must_hold(prove_backup(database_url, seed=SEED, logs=tmp_path, fresh=fresh, **short))


def test_readers_of_the_feed_miss_nothing_and_see_nothing_twice(
    database_url: str, tmp_path: Path
) -> None:
    seed_database(database_url)
    must_hold(prove_feed(database_url, kills=2, seed=SEED, logs=tmp_path, answers=30))


@pytest.mark.slow
def test_every_event_reaches_receivers_that_are_no_good(database_url: str, tmp_path: Path) -> None:
    seed_database(database_url)
    short = {"kills": 2, "answers": 30, "outage": 100, "is_timed": False}
    must_hold(prove_deliver(database_url, seed=SEED, logs=tmp_path, **short))


def test_orders_handed_on_are_there_once_whatever_dies(sqlite_url: str, tmp_path: Path) -> None:
    seed_database(sqlite_url)
    must_hold(prove_relay(sqlite_url, kills=2, seed=SEED, logs=tmp_path, at_once=5))


def test_sigterm_answers_what_it_placed(sqlite_url: str, tmp_path: Path) -> None:
    seed_database(sqlite_url)
    must_hold(prove_term(sqlite_url, rounds=1, seed=SEED, logs=tmp_path, answers=50))


def test_without_a_name_all_proofs_are_run() -> None:
    assert arguments([]).proofs == []
    assert arguments(["race", "term"]).proofs == ["race", "term"]
    with pytest.raises(SystemExit):
        arguments(["rice"])
