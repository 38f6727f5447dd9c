"""The first pool of a product is opened while orders are decided, at two processes: what follows is counted."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from orderhub.core.answer import Outcome
from orderhub.core.commands import RecordChange
from orderhub.core.refusals import Reason
from orderhub.intake.intake import Intake
from orderhub.ledger.check import check_ledger
from tests.support import world
from tests.support.world import ask, intake_of, second_process

HAT = "product:190"
UNITS = 6
WAIT_S = 60


def is_counted(outcome: Outcome) -> bool:
    assert outcome.accepted is not None
    return any(move.kind == "draw" for move in outcome.accepted.moves)


@pytest.mark.postgres
@pytest.mark.parametrize("attempt", range(3))
def test_no_order_asked_for_after_the_first_count_escapes_it(
    postgres_world: str, attempt: int
) -> None:
    with ExitStack() as stack:
        one, two = (stack.enter_context(second_process(postgres_world)) for _ in range(2))
        hat = world.product(190, stocked=None)
        world.run_all(one, world.put(RecordChange(kind="product", id=190, doc=hat)))
        intakes = [stack.enter_context(intake_of(each)) for each in (one, two)]
        is_open = threading.Event()

        def count(intake: Intake) -> str:
            outcome = ask(intake, world.adjust(0, HAT, count=UNITS))
            is_open.set()
            return outcome.kind

        def buy(intake: Intake) -> tuple[int, int]:
            """How many it got out of the stock, and how many of them were asked for before."""
            drawn = escaped = 0
            for _ in range(12):
                was_open = is_open.is_set()
                outcome = ask(intake, world.basket((190, 1)))
                if outcome.kind == "accepted" and is_counted(outcome):
                    drawn += 1
                elif outcome.kind == "accepted":
                    assert not was_open, "sold without a count after the count was answered"
                    escaped += 1
                else:
                    assert outcome.rejected.reason is Reason.OUT_OF_STOCK, outcome
            return drawn, escaped

        with ThreadPoolExecutor(6) as threads:
            buyers = [threads.submit(buy, each) for each in intakes for _ in range(2)]
            counts = [threads.submit(count, each) for each in intakes]
            # Two count the same shelf at once; that the second finds some sold meanwhile is no harm.
            assert [each.result(WAIT_S) for each in counts] == ["accepted", "accepted"]
            drawn = sum(each.result(WAIT_S)[0] for each in buyers)
        (pool,) = one.read(lambda reads: reads.pools(world.SHOP, "stock", (HAT,)))
        assert pool.drawn == drawn
        assert pool.available == pool.opening + pool.adjusted - drawn >= 0
        assert pool.opening == UNITS
        assert check_ledger(one.engine).breaches == []
