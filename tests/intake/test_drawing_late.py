"""Pools with ample left are not locked while a batch is decided: another process draws on them meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from orderhub.core.answer import Answer
from orderhub.core.facts import Accepted
from orderhub.intake.batch import CommandBatch
from orderhub.intake.uids import Uids
from orderhub.ledger.changeset import Stale
from orderhub.ledger.check import check_ledger
from orderhub.ledger.ledger import Ledger
from tests.support import world
from tests.support.world import ask, intake_of, second_process

pytestmark = pytest.mark.postgres
HAT = "product:188"


@pytest.fixture
def two(postgres_world: str) -> Iterator[tuple[Ledger, Ledger]]:
    with ExitStack() as stack:
        one, other = (stack.enter_context(second_process(postgres_world)) for _ in range(2))
        yield one, other
        assert [str(each) for each in check_ledger(one.engine).breaches] == []


def sell(
    ledger: Ledger,
    units: int = 1,
    meanwhile: Callable[[], object] = lambda: None,
    *,
    locks_late: bool = True,
) -> str:
    """`meanwhile`: what is done once the order is decided, before it is written."""

    def say(_accepted: Accepted) -> Answer:
        meanwhile()
        return Answer(200, b"")

    asked = world.waiting(world.basket((188, units)), answer=say)
    run = CommandBatch(ledger, Uids(), 0, [asked], world.NOON, locks_late=locks_late)
    return run.run()[0].kind


def test_what_two_batches_draw_at_once_is_added_up(two: tuple[Ledger, Ledger]) -> None:
    one, other = two
    world.run_all(one, world.adjust(0, HAT, count=1_000))
    assert sell(one, 2, meanwhile=lambda: sell(other, 3)) == "accepted"
    assert world.stock(one, HAT) == 995


@pytest.mark.parametrize(
    "meanwhile",
    [
        world.adjust(-995, HAT),  # too little is left
        world.adjust(0, HAT, low_at=999),  # what is little has changed
        world.adjust(-999, HAT),
    ],
)
def test_what_does_not_hold_any_more_is_decided_again(
    two: tuple[Ledger, Ledger], meanwhile: object
) -> None:
    one, other = two
    world.run_all(one, world.adjust(0, HAT, count=1_000))
    with pytest.raises(Exception, match="division by zero") as failed:
        sell(one, 6, meanwhile=lambda: world.run_all(other, meanwhile))
    assert one.is_passing(failed.value)
    left = world.stock(one, HAT)
    assert sell(one, 6, locks_late=False) == ("accepted" if left >= 6 else "rejected")
    assert world.stock(one, HAT) == (left - 6 if left >= 6 else left)


@pytest.mark.parametrize("left", [1, 2, 8])
def test_the_last_units_are_sold_under_a_lock(two: tuple[Ledger, Ledger], left: int) -> None:
    one, other = two
    world.run_all(one, world.adjust(0, HAT, count=left))

    def is_locked() -> None:
        with other.engine.begin() as connection, pytest.raises(Exception, match="could not obtain"):
            connection.exec_driver_sql("SELECT 1 FROM pool FOR UPDATE NOWAIT")

    assert sell(one, left, meanwhile=is_locked) == "accepted"
    assert world.stock(one, HAT) == 0
    assert sell(one) == "rejected"


def test_who_buys_up_all_that_is_there_is_decided_twice(two: tuple[Ledger, Ledger]) -> None:
    one, _ = two
    world.run_all(one, world.adjust(0, HAT, count=1_000))
    with pytest.raises(Stale):
        sell(one, 1_000)
    assert sell(one, 1_000, locks_late=False) == "accepted"


def test_four_processes_sell_all_there_is_and_no_more_and_it_is_told_once(
    postgres_world: str,
) -> None:
    with ExitStack() as stack:
        ledgers = [stack.enter_context(second_process(postgres_world)) for _ in range(4)]
        world.run_all(ledgers[0], world.adjust(0, HAT, count=240, low_at=20))
        intakes = [stack.enter_context(intake_of(each)) for each in ledgers]

        def buy(number: int) -> int:
            units = 1 + number % 3
            outcome = ask(intakes[number % 4], world.basket((188, units)))
            return units if outcome.kind == "accepted" else 0

        with ThreadPoolExecutor(32) as threads:
            sold = list(threads.map(buy, range(240)))
        left = world.stock(ledgers[0], HAT)
        assert sum(sold) == 240 - left
        assert left == 0
        with ledgers[0].engine.connect() as connection:
            told = connection.exec_driver_sql(
                "SELECT kind FROM notice WHERE kind LIKE 'pool.%%' ORDER BY recorded_at"
            ).scalars()
            assert sorted(told) == ["pool.low", "pool.out"]
        assert [str(each) for each in check_ledger(ledgers[0].engine).breaches] == []
