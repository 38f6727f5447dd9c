"""Who was answered and calls again is decided together with the others; nobody waits for a loop in vain."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from orderhub.core.answer import Outcome
from orderhub.intake import answers
from orderhub.intake.intake import Intake
from orderhub.ledger.ledger import Ledger
from tests.intake.test_queue import held, running
from tests.support import world
from tests.support.world import sale

LIMIT_S = 30


class StandsStill:
    """A loop that is held up for good."""

    def call_soon_threadsafe(self, *_: Any) -> None:
        pass


def lets_others_run() -> None:
    """As wherever bytes are read or written: the writer could begin."""
    time.sleep(0)


async def buys(intake: Intake, times: int, rounds: int) -> None:
    """One client, who calls again within so many rounds of the loop after he is answered."""
    loop = asyncio.get_running_loop()
    for _ in range(times):
        for _ in range(rounds):
            await asyncio.sleep(0)
        lets_others_run()
        done: asyncio.Future[Outcome] = loop.create_future()
        intake.put(world.waiting(sale(), deliver=done.set_result, loop=loop))
        assert (await done).kind == "accepted"


def test_who_is_answered_together_and_calls_again_is_decided_together(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_TURN_S", LIMIT_S)  # however slow this machine is

    async def many() -> None:
        await asyncio.gather(*(buys(desk.intake, 10, number % 3) for number in range(12)))

    with running(ledger) as desk:
        with held(monkeypatch) as batches:
            pass  # only their sizes are asked for
        asyncio.run(many())
    assert sum(batches.sizes) == 120
    # The first takes whoever is there, and those who missed it come once more at the end.
    assert set(batches.sizes[2:-2]) == {12}


def test_a_loop_that_does_not_get_to_its_turn_holds_nobody_up(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_TURN_S", 0.01)
    told = threading.Event()
    with running(ledger, batch_limit=1) as desk:
        desk.intake.put(world.waiting(sale(), loop=StandsStill()))
        desk.intake.put(world.waiting(sale(), deliver=lambda _: told.set()))
        assert told.wait(LIMIT_S)


def test_a_loop_that_is_closed_holds_nobody_up(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_TURN_S", 2 * LIMIT_S)
    loop = asyncio.new_event_loop()
    loop.close()
    told = threading.Event()
    with running(ledger, batch_limit=1) as desk:
        desk.intake.put(world.waiting(sale(), loop=loop))
        desk.intake.put(world.waiting(sale(), deliver=lambda _: told.set()))
        assert told.wait(LIMIT_S)


def test_stopping_waits_for_no_loop(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "_TURN_S", 100 * LIMIT_S)
    told: list[Outcome] = []
    with running(ledger, batch_limit=1) as desk:
        desk.intake.put(world.waiting(sale(), loop=StandsStill()))
        desk.intake.put(world.waiting(sale(), deliver=told.append))
        leaves = threading.Thread(target=desk.intake.stop, daemon=True)
        leaves.start()
        leaves.join(LIMIT_S)
        assert not leaves.is_alive()
    assert [each.kind for each in told] == ["accepted"]
