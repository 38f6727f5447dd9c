"""When the next call may be made: limits as vendors document them, each so many calls within so many seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from orderhub.dialects.client import Limit


class Limits:
    """Of one connection, kept by the one process that sees to it. Seconds are of any clock that never goes back."""

    def __init__(self, limits: Sequence[Limit]) -> None:
        self._windows = [(each, deque[float]()) for each in limits if each.calls > 0]

    def wait_s(self, now_s: float) -> float:
        """How long until a call may be made; 0.0 = now, and then it counts as made."""
        wait = max((self._wait(limit, calls, now_s) for limit, calls in self._windows), default=0.0)
        if wait <= 0:
            for _, calls in self._windows:
                calls.append(now_s)
            return 0.0
        return wait

    @staticmethod
    def _wait(limit: Limit, calls: deque[float], now_s: float) -> float:
        while calls and calls[0] <= now_s - limit.window_s:
            calls.popleft()
        return calls[0] + limit.window_s - now_s if len(calls) >= limit.calls else 0.0
