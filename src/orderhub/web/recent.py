"""What was read from the ledger a moment ago, so that not every call reads it again."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_OLDEST_S = 0.9
_SIZE = 20_000


class Recent(Generic[K, V]):
    """Answers are at most 0.9 seconds old. Only the event loop's thread uses it."""

    def __init__(
        self, read: Callable[[K], Awaitable[V]], now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._now_s = now_s
        self._found: dict[K, tuple[float, V]] = {}
        self._forgotten = 0

    async def get(self, key: K) -> V:
        asked_s, forgotten = self._now_s(), self._forgotten
        found = self._found.get(key)
        if found is not None and asked_s < found[0] + _OLDEST_S:
            return found[1]
        value = await self._read(key)
        if forgotten == self._forgotten:
            if len(self._found) >= _SIZE:
                self._found.clear()
            self._found[key] = (asked_s, value)
        return value

    def known(self, key: K) -> V | None:
        """What `get` would answer at once; None where it would read."""
        found = self._found.get(key)
        return found[1] if found is not None and self._now_s() < found[0] + _OLDEST_S else None

    def forget(self) -> None:
        """Something was changed here: what is being read now may be older than that, and is not kept."""
        self._found.clear()
        self._forgotten += 1

    def drop(self, key: K) -> None:
        """As `forget`, for one that was changed here."""
        self._found.pop(key, None)
        self._forgotten += 1
