"""Windows of hits by name: vendors' rate limits."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

MOST_NAMES = 20_000


class Windows:
    """Sliding windows and leaky buckets, each by its name. Only the event loop's thread uses them.

    `clock` returns seconds that only ever grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._hits: dict[str, deque[float]] = {}
        self._levels: dict[str, tuple[float, float]] = {}

    def allow(self, name: str, limit: int, window_s: float) -> float:
        """Count a hit in a sliding window. `limit` 0 = no limit.

        Returns 0.0, or the seconds until one would be allowed again.
        """
        if not limit:
            return 0.0
        now = self._clock()
        # Last hit, last forgotten: a flood of new names does not wash away the one under attack.
        hits = self._hits.pop(name, None) or deque()
        while hits and hits[0] <= now - window_s:
            hits.popleft()
        wait_s = max(hits[0] + window_s - now, 0.001) if len(hits) >= limit else 0.0
        if not wait_s:
            hits.append(now)
        self._hits[name] = hits
        if len(self._hits) > MOST_NAMES:
            del self._hits[next(iter(self._hits))]
        return wait_s

    def room(self, name: str, limit: int, window_s: float) -> tuple[int, float]:
        """After `allow`: how many hits are left, and the seconds until the oldest one leaves the window."""
        hits = self._hits.get(name)
        if not hits:
            return limit, 0.0
        return max(0, limit - len(hits)), max(0.0, hits[0] + window_s - self._clock())

    def pour(self, name: str, bucket: int, leak_per_s: float) -> float:
        """Pour a hit into a leaky bucket. Returns 0.0, or the seconds until it would fit."""
        now = self._clock()
        level, since = self._levels.pop(name, (0.0, now))
        if len(self._levels) >= MOST_NAMES:
            del self._levels[next(iter(self._levels))]
        level = max(0.0, level - (now - since) * leak_per_s)
        if level + 1 > bucket:
            self._levels[name] = (level, now)
            return (level + 1 - bucket) / leak_per_s
        self._levels[name] = (level + 1, now)
        return 0.0
