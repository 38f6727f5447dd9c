"""How much sending may take of the hub's time: all that it wants while orders rest, a small share while they do not."""

from __future__ import annotations

import time
from collections.abc import Callable

# The writer that is at work for more than this part of the time is busy.
_BUSY = 0.75
_LOOK_EVERY_S = 0.1
# Of the processor time that the process gets, while the hub is busy.
_SHARE = 0.08
# What a message costs in all: read, worded, signed, posted, written down.
_COST_S = 0.0012
_MOST_AT_ONCE = 8


class Pace:
    """For one event loop. `writing_s` answers for how long the writer was at work so far."""

    def __init__(
        self,
        writing_s: Callable[[], float],
        now_s: Callable[[], float] = time.monotonic,
        spent_s: Callable[[], float] = time.process_time,
    ) -> None:
        self._writing_s = writing_s
        self._now_s = now_s
        self._spent_s = spent_s
        self._seen = (now_s(), writing_s())
        self._is_busy = False
        self._next_s = 0.0  # when, in processor time, the next message is paid for

    @property
    def is_busy(self) -> bool:
        """Whether the writer has been of late."""
        now = self._now_s()
        at, writing = self._seen
        if now - at >= _LOOK_EVERY_S:
            current = self._writing_s()
            self._is_busy = current - writing > _BUSY * (now - at)
            self._seen = (now, current)
        return self._is_busy

    def may_send(self) -> float:
        """0.0: a message may leave; else ask again in so many seconds."""
        if not self.is_busy:
            return 0.0
        every_s, spent = _COST_S / _SHARE, self._spent_s()
        self._next_s = max(self._next_s, spent - _MOST_AT_ONCE * every_s)
        if self._next_s > spent:
            return max(0.01, self._next_s - spent)
        self._next_s += every_s
        return 0.0
