"""Whether commits can be made: seen from those that were made a moment ago, else tried."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from orderhub.intake.standing import Standing

_EVERY_S = 1.0


class Readiness:
    """One try at a time, at most one a second, in a thread of its own: a probe costs next to nothing, even a flood."""

    def __init__(self, try_commit: Callable[[], None], standing: Standing, limit_s: float) -> None:
        self._try_commit = try_commit
        self._standing = standing
        self._limit_s = limit_s
        self._thread = ThreadPoolExecutor(1, "orderhub-probe")
        self._trying: asyncio.Future[None] | None = None
        self._began = 0.0

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)

    async def can_commit(self) -> bool:
        """Within the time limit, whatever the database does."""
        if self._standing.committed_within(_EVERY_S):
            return True
        now = time.monotonic()
        if self._trying is None or self._trying.done():
            if now - self._began < _EVERY_S:
                return self._standing.is_good
            self._began = now
            loop = asyncio.get_running_loop()
            self._trying = loop.run_in_executor(self._thread, self._try)
        left_s = self._began + self._limit_s - now
        if left_s <= 0:
            return False  # it has been stuck for long: nobody waits for it once more
        await asyncio.wait({self._trying}, timeout=left_s)
        return self._trying.done() and self._standing.is_good

    def _try(self) -> None:
        began = time.monotonic()
        try:
            self._try_commit()
        except Exception as error:  # noqa: BLE001 - whatever it was, no commit was made
            # A writer that is hard at work may keep the probe out: then it has committed meanwhile.
            if not self._standing.committed_within(time.monotonic() - began):
                self._standing.failed(error)
        else:
            self._standing.committed()
