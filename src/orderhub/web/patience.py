"""How long a call waits for the database: one budget a call, whatever it waits for.

Only waiting for the database counts: a body that comes slowly or a delay on purpose does not. Each command that was
done fills the budget up again, so that a call with many commands may take its time while it gets on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")

_LOOKS_EVERY_S = 0.1


class Overdue:
    """Futures that are waited for until a time: one look at all of them now and then, rather than a timer for each.

    Only the event loop's thread uses it.
    """

    def __init__(self) -> None:
        self._ends: dict[asyncio.Future[Any], float] = {}
        self._looks = False

    def watch(self, future: asyncio.Future[Any], ends_at: float) -> None:
        """At `ends_at` of the loop's time, or shortly after it, the future raises TimeoutError."""
        self._ends[future] = ends_at
        if not self._looks:
            self._looks = True
            self._look_later()

    def forget(self, future: asyncio.Future[Any]) -> None:
        self._ends.pop(future, None)

    def _look_later(self) -> None:
        asyncio.get_running_loop().call_later(_LOOKS_EVERY_S, self._look)

    def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        for future in [each for each, ends_at in self._ends.items() if ends_at <= now]:
            if not future.done():
                future.set_exception(TimeoutError())
        self._looks = bool(self._ends)
        if self._looks:
            self._look_later()


class Patience:
    """Seconds that may be waited in all, until it is renewed."""

    __slots__ = ("_left_s", "_limit_s")

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

    async def wait_for(self, future: asyncio.Future[T], overdue: Overdue) -> T:
        """What comes of a future that nobody else waits for; then the budget is full again. Raises TimeoutError."""
        began = future.get_loop().time()
        overdue.watch(future, began + self._left_s)
        try:
            found = await future
        except BaseException:
            self._left_s = max(0.0, self._left_s - (future.get_loop().time() - began))
            raise
        finally:
            overdue.forget(future)
        self._left_s = self._limit_s
        return found

    def renew(self) -> None:
        self._left_s = self._limit_s


_of_call: ContextVar[Patience | None] = ContextVar("patience", default=None)


def begin(limit_s: float | None) -> None:
    """For the call that this task serves; None: each wait has a budget of its own, as a long upload needs it."""
    _of_call.set(None if limit_s is None else Patience(limit_s))


def patience(limit_s: float) -> Patience:
    """That of the call, or a new one where there is no call or the call is a long one."""
    return _of_call.get() or Patience(limit_s)
