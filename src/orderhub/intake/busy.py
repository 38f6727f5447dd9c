"""Told to come back later, and when: not all in the same second."""

from __future__ import annotations

import time
from collections.abc import Callable

_MOST_S = 30


class Busy(Exception):
    """Too much waits already: try again after `retry_after_s` seconds."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"busy, retry after {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Returns:
    """When those who are told busy come back: at most `per_s` of them in a second, the others in the seconds after it.

    Nobody waits longer than half a minute. Not thread-safe.
    """

    def __init__(self, per_s: int, now_s: Callable[[], float] = time.monotonic) -> None:
        self._step_s = 1 / per_s
        self._now_s = now_s
        self._next_s = 0.0

    def next_s(self) -> int:
        """Whole seconds, at least one, for the next who is told busy."""
        now = self._now_s()
        at = min(max(self._next_s, now), now + _MOST_S - 1)
        self._next_s = at + self._step_s
        return 1 + int(at - now)
