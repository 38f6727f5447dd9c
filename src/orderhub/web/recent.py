"""What was read from the ledger a moment ago, so that not every call reads it again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from contextvars import Context
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_OLDEST_S = 0.9
# From this age on it is read again on the side: who calls often never waits for it.
_AGEING_S = 0.4
_SIZE = 20_000


class Recent(Generic[K, V]):
    """Answers are at most 0.9 seconds old. Only the event loop's thread uses it."""

    def __init__(
        self, read: Callable[[K], Awaitable[V]], now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._now_s = now_s
        self._found: dict[K, tuple[float, V]] = {}
        self._under_way: dict[K, asyncio.Task[None]] = {}
        self._forgotten = 0

    async def get(self, key: K) -> V:
        found = self._found.get(key)
        age = self._now_s() - found[0] if found is not None else _OLDEST_S
        if found is None or age >= _OLDEST_S:
            return await self._fresh(key)
        if age >= _AGEING_S and key not in self._under_way:
            # Nobody's call waits for it: neither whose turn it is nor how long may be waited is the caller's.
            task = asyncio.create_task(self._on_the_side(key), context=Context())
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return found[1]

    def forget(self) -> None:
        """Something was changed here: what is being read now may be older than that, and is not kept."""
        self._found.clear()
        self._forgotten += 1

    def drop(self, key: K) -> None:
        """As `forget`, for one that was changed here."""
        self._found.pop(key, None)
        self._forgotten += 1

    def close(self) -> None:
        for task in self._under_way.values():
            task.cancel()

    async def _fresh(self, key: K) -> V:
        asked_at, forgotten = self._now_s(), self._forgotten
        value = await self._read(key)
        if forgotten == self._forgotten:
            if len(self._found) >= _SIZE:
                self._found.clear()
            self._found[key] = (asked_at, value)
        return value

    async def _on_the_side(self, key: K) -> None:
        with suppress(
            Exception
        ):  # what is known grows too old, and then the caller meets the trouble
            await self._fresh(key)
