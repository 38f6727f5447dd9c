"""Who waits for the feed to go on is woken: at once by this process's own commits, soon by those of others.

Nobody who waits holds a thread, a connection or a transaction. While anyone waits, one small look for all of them is
taken twice a second; while nobody does, none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress

LOOK_EVERY_S = 0.5

Progress = Callable[[Collection[int]], Awaitable[dict[int, int]]]


class Watch:
    """One for each event loop. `progress` answers of each tenant what `FeedPage.progress` says."""

    def __init__(self, progress: Progress, *, every_s: float = LOOK_EVERY_S) -> None:
        self._progress = progress
        self._every_s = every_s
        self._waiting: dict[int, dict[asyncio.Future[None], int]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether the hub is leaving: who waits is sent home."""
        return self._is_closed

    def count(self, tenant_id: int) -> int:
        """How many wait for the tenant's feed."""
        return len(self._waiting.get(tenant_id, ()))

    def total(self) -> int:
        """How many wait, of all tenants."""
        return sum(map(len, self._waiting.values()))

    def grew(self, tenant_id: int) -> None:
        """Something was committed for the tenant."""
        for each in self._waiting.pop(tenant_id, {}):
            if not each.done():
                each.set_result(None)

    async def wait(self, tenant_id: int, progress: int, limit_s: float) -> None:
        """Until the tenant's feed may be further than `progress`, the time is up, or the hub leaves."""
        if self._is_closed or limit_s <= 0:
            return
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant_id, {})[mine] = progress
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(limit_s):
                    await mine
        finally:
            others = self._waiting.get(tenant_id, {})
            others.pop(mine, None)
            if not others:
                self._waiting.pop(tenant_id, None)

    def close(self) -> None:
        """Everyone who waits goes on, and nobody waits again."""
        self._is_closed = True
        for tenant_id in [*self._waiting]:
            self.grew(tenant_id)

    async def _look(self) -> None:
        """While anyone waits. What was committed between his look and his waiting is seen here, too."""
        while self._waiting:
            # A database that is in trouble says nothing; who waits finds out when he reads.
            with suppress(Exception):
                found = await self._progress([*self._waiting])
                for tenant_id, now in found.items():
                    seen = self._waiting.get(tenant_id, {})
                    if any(each != now for each in seen.values()):
                        self.grew(tenant_id)
            await asyncio.sleep(self._every_s)
