"""How long a call waits for the database: one budget a call, whatever it waits for.

Only waiting for the database counts: a body that comes slowly or a delay on purpose does not. Each command that was
done fills the budget up again, so that a call with many commands may take its time while it gets on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar


class Patience:
    """Seconds that may be waited in all, until it is renewed."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._left_s = limit_s

    @asynccontextmanager
    async def wait(self) -> AsyncIterator[None]:
        """Raises TimeoutError once nothing is left."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._left_s):
                yield
        finally:
            self._left_s = max(0.0, self._left_s - (loop.time() - began))

    def renew(self) -> None:
        self._left_s = self._limit_s


_of_call: ContextVar[Patience | None] = ContextVar("patience", default=None)


def begin(limit_s: float | None) -> None:
    """For the call that this task serves; None: each wait has a budget of its own, as a long upload needs it."""
    _of_call.set(None if limit_s is None else Patience(limit_s))


def patience(limit_s: float) -> Patience:
    """That of the call, or a new one where there is no call or the call is a long one."""
    return _of_call.get() or Patience(limit_s)
