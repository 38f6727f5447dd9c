"""What was read from the ledger a moment ago, so that not every call reads it again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from orderhub.web.patience import begin

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_OLDEST_S = 0.9
# What is asked for at this age is read again meanwhile, so that no call has to wait for it.
_RENEWED_S = 0.5
_SIZE = 20_000


class Recent(Generic[K, V]):
    """Answers are at most 0.9 seconds old, and each is read once, however many ask at a time.

    Only the event loop's thread uses it.
    """

    def __init__(
        self, read: Callable[[K], Awaitable[V]], now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._now_s = now_s
        self._found: dict[K, tuple[float, V]] = {}
        # What is being read, since when. Whoever is no longer in here read what may be out of date by now.
        self._reading: dict[K, tuple[float, asyncio.Task[V]]] = {}

    async def get(self, key: K) -> V:
        now_s = self._now_s()
        found = self._found.get(key)
        if found is not None and now_s < found[0] + _OLDEST_S:
            if now_s >= found[0] + _RENEWED_S and key not in self._reading:
                self._begin(key, now_s)
            return found[1]
        began = self._reading.get(key)
        if began is None or now_s >= began[0] + _OLDEST_S:
            began = self._begin(key, now_s)
        return await asyncio.shield(began[1])

    def known(self, key: K) -> V | None:
        """What `get` would answer at once; None where it would read."""
        found = self._found.get(key)
        return found[1] if found is not None and self._now_s() < found[0] + _OLDEST_S else None

    def forget(self) -> None:
        """Something was changed here: what is being read now may be older than that, and is not kept."""
        self._found.clear()
        self._reading.clear()

    def drop(self, key: K) -> None:
        """As `forget`, for one that was changed here."""
        self._found.pop(key, None)
        self._reading.pop(key, None)

    def _begin(self, key: K, now_s: float) -> tuple[float, asyncio.Task[V]]:
        """Read for all who ask from now on: a task of its own, which no one of them takes with them when they leave."""
        task = asyncio.get_running_loop().create_task(self._renew(key, now_s))
        task.add_done_callback(_noticed)
        began = self._reading[key] = (now_s, task)
        return began

    async def _renew(self, key: K, asked_s: float) -> V:
        begin(None)  # as long as any call may wait, not as long as the one that happened to ask
        task = asyncio.current_task()
        try:
            value = await self._read(key)
        finally:
            began = self._reading.get(key)
            is_mine = began is not None and began[1] is task
            if is_mine:
                del self._reading[key]
        if is_mine:
            self._found.pop(key, None)  # the last one to be read is the last one to go
            self._found[key] = (asked_s, value)
            self._make_room(asked_s)
        return value

    def _make_room(self, now_s: float) -> None:
        """What is too old to be an answer goes, two for each that comes: nobody's are kept but those who call now."""
        for _ in range(2):
            oldest = next(iter(self._found))
            if self._found[oldest][0] + _OLDEST_S > now_s and len(self._found) <= _SIZE:
                return
            del self._found[oldest]


def _noticed(task: asyncio.Task[V]) -> None:
    """Whoever waits is told what went wrong; where nobody does, the next one asks anew."""
    if not task.cancelled():
        task.exception()
