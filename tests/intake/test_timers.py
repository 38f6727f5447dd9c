"""When timers fire, in a loop whose time passes at once: nobody waits, however slow the machine is."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import insert

from orderhub.core.answer import Answer, Outcome
from orderhub.core.facts import Timer
from orderhub.intake.outcome import Waiting
from orderhub.ledger import tables
from orderhub.ledger.ledger import Ledger
from orderhub.web.timers import Timers
from tests.support import world
from tests.support.world import second_process

SECOND, DAY_S = 1_000_000, 86_400


class _Impatient(selectors.DefaultSelector):
    """Waits for nothing: so much later it is."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if not found and timeout:
            self.now_s += timeout
        return found


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._waits = _Impatient()
        super().__init__(self._waits)

    def time(self) -> float:
        return self._waits.now_s


class _Intake:
    """Says yes to everything, and when it was asked."""

    def __init__(self, loop: _Loop) -> None:
        self._loop = loop
        self.fired_s: list[float] = []

    def put(self, waiting: Waiting, *, bulk: bool = False) -> None:
        assert bulk, "timers give way to callers"
        self.fired_s.append(self._loop.time())
        waiting.deliver(Outcome(Answer(200, b"")))


@contextmanager
def loop() -> Iterator[_Loop]:
    found = _Loop()
    try:
        yield found
    finally:
        found.close()


def fired(
    loop: _Loop, ledger: Any, for_s: float, events: dict[float, Callable[[], object]], noon: int = 0
) -> list[float]:
    """When timers fired, in seconds; `events` happen at their second."""
    intake = _Intake(loop)

    async def directly(work: Callable[..., Any], *args: Any) -> Any:
        return work(*args)

    async def live() -> None:
        wake = asyncio.Event()
        now_us = lambda: noon + int(loop.time() * SECOND)  # noqa: E731
        timers = Timers(ledger, intake, wake, directly, lambda _: False, now_us)  # type: ignore[arg-type]
        task = asyncio.create_task(timers.run())
        for at_s, happen in sorted(events.items()):
            await asyncio.sleep(at_s - loop.time())
            happen()
        await asyncio.sleep(for_s - loop.time())
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    loop.run_until_complete(live())
    return intake.fired_s


class _OneTimer:
    """A ledger with one timer, which is claimed once."""

    def __init__(self, due_us: int) -> None:
        self._due_us = due_us

    def settings_written(self) -> int:
        return 0

    def clocks(self) -> dict[int, Any]:
        return {}

    def due_timers(self, now_us: int, _claim_us: int, *, clocks: Any) -> list[Timer]:
        if now_us < self._due_us:
            return []
        due, self._due_us = self._due_us, 1 << 62
        return [Timer(tenant_id=1, kind="auto_close", order_id=1, due_at=due)]


@pytest.mark.parametrize("due_s", [0.0, 0.3, 0.5, 7.01, 7.5, 7.99, 1_000.0])
def test_a_timer_fires_within_a_second_of_its_time_and_not_before(due_s: float) -> None:
    with loop() as passing:
        (at_s,) = fired(passing, _OneTimer(int(due_s * SECOND)), due_s + 5, {})
    assert due_s <= at_s <= due_s + 1


def with_timer(ledger: Ledger, due_s: int) -> None:
    order = world.place(ledger)
    row = {"tenant_id": world.SHOP, "kind": "auto_close", "order_id": order.id}
    with ledger.engine.begin() as connection:
        due_at = world.NOON + due_s * SECOND
        connection.execute(insert(tables.timer), [{**row, "due_at": due_at}])


def test_a_clock_that_another_process_moves_is_seen_within_a_second(postgres_world: str) -> None:
    with second_process(postgres_world) as one, second_process(postgres_world) as other:
        with_timer(one, 2 * DAY_S)
        moves = {
            3.2: lambda: world.run_all(other, world.clock("advance", by_us=DAY_S * SECOND)),
            6.7: lambda: world.run_all(other, world.clock("advance", by_us=DAY_S * SECOND)),
        }
        with loop() as passing:
            at_s = fired(passing, one, 12.0, moves, world.NOON)
    assert at_s
    assert 6.7 <= at_s[0] <= 7.7


def test_clocks_are_read_anew_only_when_settings_were_written(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[float] = []
    with loop() as passing:
        clocks = ledger.clocks
        monkeypatch.setattr(ledger, "clocks", lambda: read.append(passing.time()) or clocks())
        fired(passing, ledger, 9.0, {4.2: lambda: world.run_all(ledger, world.settings(title="x"))})
    assert len(read) == 2
    assert read[0] <= 1
    assert 4.2 <= read[1] <= 5.2
