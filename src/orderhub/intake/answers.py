"""Outcomes on their way to those who wait, and the turn that the event loops of these have before the next batch."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from orderhub.intake.outcome import Settled, Waiting

log = logging.getLogger("orderhub.intake")

# Rounds of a loop until answers are written, and who calls again is read and waits in the queue.
_ROUNDS = 4
# A loop that is held up is not waited for longer.
_TURN_S = 0.25

Delivery = tuple[Callable[[Settled], None], Settled]


class Answers:
    """Hands outcomes out; `gate` is notified once every event loop that was handed some has had its turn.

    A loop and the writer share one interpreter. At work side by side, each waits for the other at every step, and a
    batch begins with the first few who call again. So they take turns: see decisions/0042.
    """

    def __init__(self, gate: threading.Condition) -> None:
        self._gate = gate
        self._turns: set[object] = set()  # those that are not over
        self._until_s = 0.0

    @property
    def are_out(self) -> bool:
        """Whether no loop has its turn. Asked with the gate held."""
        return not self._turns

    def left_s(self) -> float:
        """How long the next batch waits for loops at most; 0 = it may begin. Asked with the gate held."""
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            self._turns.clear()
        return left_s if self._turns else 0.0

    def hand_out(self, batch: Sequence[Waiting], outcomes: Sequence[Settled]) -> None:
        """From the writer's thread, after the commit. Who waits in no loop is told in this thread."""
        by_loop: dict[Any, list[Delivery]] = {}
        for waiting, outcome in zip(batch, outcomes, strict=True):
            by_loop.setdefault(waiting.loop, []).append((waiting.deliver, outcome))
        _deliver(by_loop.pop(None, ()))
        for loop, deliveries in by_loop.items():
            turn = object()
            with self._gate:
                self._turns.add(turn)
                self._until_s = time.monotonic() + _TURN_S
            try:
                loop.call_soon_threadsafe(self._have_turn, loop, deliveries, turn)
            except RuntimeError:
                self._end(turn)
                log.warning("%s answers had no one left to go to", len(deliveries))

    def _have_turn(self, loop: Any, deliveries: Sequence[Delivery], turn: object) -> None:
        _deliver(deliveries)
        self._let_run(loop, _ROUNDS, turn)

    def _let_run(self, loop: Any, rounds: int, turn: object) -> None:
        if rounds:
            loop.call_soon(self._let_run, loop, rounds - 1, turn)
        else:
            self._end(turn)

    def _end(self, turn: object) -> None:
        with self._gate:
            self._turns.discard(turn)
            if not self._turns:
                self._gate.notify()


def _deliver(deliveries: Sequence[Delivery]) -> None:
    for deliver, outcome in deliveries:
        deliver(outcome)
