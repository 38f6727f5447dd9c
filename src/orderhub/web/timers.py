"""Timers: due rows are claimed and done by idempotent commands through the intake. No leader is needed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import structlog

from orderhub.core.answer import Answer
from orderhub.core.commands import Action, ChangeOrder, OrderName, Origin
from orderhub.core.facts import Accepted, Timer
from orderhub.core.refusals import Rejected
from orderhub.core.timers import command_of_timer
from orderhub.core.values import Clock
from orderhub.intake.busy import Busy
from orderhub.intake.intake import Intake
from orderhub.intake.outcome import Settled, Waiting
from orderhub.ledger.ledger import Ledger

Blocking = Callable[..., Awaitable[Any]]  # runs a function with its arguments in a thread

_EVERY_S = 0.5
# A clock that is moved is seen by a count. Who moves one past the hub, in the table itself, is seen by and by.
_CLOCKS_S = 15.0
_CLAIM_US = 30_000_000
_DONE = Answer(200, b"")


class Timers:
    """Looks twice a second, and at once when a tenant's clock was moved here."""

    def __init__(
        self,
        ledger: Ledger,
        intake: Intake,
        wake: asyncio.Event,
        blocking: Blocking,
        is_outage: Callable[[Exception], bool],
        now_us: Callable[[], int],
    ) -> None:
        self._ledger = ledger
        self._intake = intake
        self._wake = wake
        self._blocking = blocking
        self._is_outage = is_outage
        self._now_us = now_us
        self._log = structlog.get_logger("orderhub.timers")
        self._clocks: dict[int, Clock] = {}
        self._clocks_until_s = 0.0
        self._settings_written = -1

    async def run(self) -> None:
        while True:
            # Not wait_for: on Python 3.11 it loses a cancellation that arrives with the wake-up.
            with suppress(TimeoutError):
                async with asyncio.timeout(_EVERY_S):
                    await self._wake.wait()
            self._wake.clear()
            try:
                while due := await self._blocking(self._claim):
                    await asyncio.gather(*(self._do(timer) for timer in due))
            except Busy:
                continue
            except Exception as error:  # noqa: BLE001 - a later look may succeed
                if not self._is_outage(error):
                    self._log.warning("timers will be tried again", exc_info=error)

    def _claim(self) -> list[Timer]:
        # Looked at before the clocks: one that is moved in between is read once more, not missed.
        written = self._ledger.settings_written()
        if written != self._settings_written or time.monotonic() >= self._clocks_until_s:
            until_s = time.monotonic() + _CLOCKS_S
            self._clocks = self._ledger.clocks()
            self._clocks_until_s, self._settings_written = until_s, written
        return self._ledger.due_timers(self._now_us(), _CLAIM_US, clocks=self._clocks)

    async def _do(self, timer: Timer) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Settled] = loop.create_future()
        bare = ChangeOrder(
            origin=Origin(
                tenant_id=timer.tenant_id,
                channel="hub",
                actor="timer",
                recorded_at=self._now_us(),
                due_at=timer.due_at if timer.tenant_id in self._clocks else 0,
            ),
            name=OrderName("id", str(timer.order_id)),
            action=Action.CANCEL,
        )
        self._intake.put(
            Waiting(
                command=command_of_timer(timer, bare),
                render=_accepted,
                render_refusal=_rejected,
                deliver=done.set_result,
                loop=loop,
            ),
            bulk=True,
        )
        outcome = await done
        if outcome.kind == "rejected":
            # The order went another way: the timer has nothing left to do.
            await self._blocking(self._ledger.drop_timer, timer)


def _accepted(_accepted: Accepted) -> Answer:
    return _DONE


def _rejected(_rejected: Rejected) -> Answer:
    return _DONE
