"""Numbers of processes: small, each held by one, and used again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from orderhub.ledger import slots
from orderhub.ledger.ledger import Ledger

FOR_US = 60_000_000


@pytest.fixture
def shared(postgres_url: str) -> Iterator[Ledger]:
    ledger = Ledger.open(postgres_url, {})
    yield ledger
    ledger.close()


def test_a_sqlite_file_has_one_process_whose_number_is_0(sqlite_url: str) -> None:
    ledger = Ledger.open(sqlite_url, {})
    assert ledger.lease_slot("a", FOR_US) == ledger.lease_slot("b", FOR_US) == (0, True)
    ledger.leave_slot("a")
    ledger.close()


@pytest.mark.postgres
def test_each_process_has_a_number_of_its_own_and_the_smallest_keeps_house(shared: Ledger) -> None:
    assert shared.lease_slot("a", FOR_US) == (0, True)
    assert shared.lease_slot("b", FOR_US) == (1, False)
    assert shared.lease_slot("a", FOR_US) == (0, True), "who asks again keeps it"
    shared.leave_slot("a")
    assert shared.lease_slot("b", FOR_US) == (1, True), "the one before it is gone"
    assert shared.lease_slot("c", FOR_US) == (0, True)


@pytest.mark.postgres
def test_the_number_of_one_that_died_is_the_next_ones_when_its_time_is_over(shared: Ledger) -> None:
    assert shared.lease_slot("dead", FOR_US).number == 0
    assert shared.lease_slot("early", FOR_US).number == 1
    with shared.engine.begin() as connection:
        connection.execute(text("UPDATE slot SET held_until = 1 WHERE holder = 'dead'"))
    assert shared.lease_slot("late", FOR_US) == (0, True)
    assert shared.lease_slot("dead", FOR_US).number == 2, "it was not dead, and has another one"


@pytest.mark.postgres
def test_those_that_come_at_once_get_different_numbers(shared: Ledger) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda n: shared.lease_slot(f"p{n}", FOR_US).number, range(12)))
    assert len(set(found)) >= 11, "one that met others too often shares"
    assert max(found) < slots.SLOTS


@pytest.mark.postgres
def test_where_all_are_taken_a_number_is_shared(shared: Ledger) -> None:
    with shared.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO slot (number, holder, held_until) SELECT n, 'x' || n, :until "
                "FROM generate_series(0, :last) AS n"
            ),
            {"until": 1 << 62, "last": slots.SLOTS - 1},
        )
    one_more = shared.lease_slot("one more", FOR_US)
    assert 0 <= one_more.number < slots.SLOTS
    assert not one_more.is_first
