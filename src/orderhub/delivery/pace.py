"""How much sending may take of the hub's time: all that it wants while orders rest, a small share while they do not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

# The writer is busy that is at work for more than this part of the time, or that finds so many commands whenever it has
# done with others. The latter holds, too, where it is messages that keep the orders waiting.
_BUSY = 0.75
_CROWD = 4
_LOOK_EVERY_S = 0.1
_STAYS_BUSY_S = 0.5
# Of the processor time that the process gets, while the hub is busy.
_SHARE = 0.08
# What a message costs in all: read, worded, signed, posted, written down.
_COST_S = 0.0012
_MOST_AT_ONCE = 8
_LEAST_PAUSE_S = 0.05


class Written(NamedTuple):
    """What the writer did so far: seconds at work, batches that it wrote, and commands in them."""

    seconds: float = 0.0
    batches: int = 0
    commands: int = 0


class Pace:
    """For one event loop."""

    def __init__(
        self,
        written: Callable[[], Written],
        now_s: Callable[[], float] = time.monotonic,
        spent_s: Callable[[], float] = time.process_time,
    ) -> None:
        self._written = written
        self._now_s = now_s
        self._spent_s = spent_s
        self._seen = (now_s(), written())
        self._busy_until_s = 0.0
        self._next_s = 0.0  # when, in processor time, the next message is paid for

    @property
    def is_busy(self) -> bool:
        """Whether the writer has been of late."""
        now = self._now_s()
        if now - self._seen[0] >= _LOOK_EVERY_S:
            self._look(now)
        return now < self._busy_until_s

    def _look(self, now: float) -> None:
        (at, before), after = self._seen, self._written()
        self._seen = (now, after)
        commands, batches = after.commands - before.commands, after.batches - before.batches
        is_working = after.seconds - before.seconds > _BUSY * (now - at)
        if is_working or commands >= _CROWD * max(1, batches):
            self._busy_until_s = now + _STAYS_BUSY_S

    def may_send(self) -> float:
        """0.0: a message may leave; else ask again in so many seconds."""
        if not self.is_busy:
            return 0.0
        every_s, spent = _COST_S / _SHARE, self._spent_s()
        self._next_s = max(self._next_s, spent - _MOST_AT_ONCE * every_s)
        if self._next_s > spent:
            return max(_LEAST_PAUSE_S, self._next_s - spent)
        self._next_s += every_s
        return 0.0
