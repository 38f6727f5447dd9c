"""What couriers write. What several of them have at once goes into one transaction: many cost little more than one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from orderhub.core.deliveries import WebhookState
from orderhub.ledger.deliveries import Settling
from orderhub.ledger.ledger import Ledger

_TRIES = 4

Settled = tuple[list[int], WebhookState]  # ids of what was added, the state as it stands
InThread = Callable[[Callable[[], Any]], Awaitable[Any]]


class LeaseLost(Exception):
    """Somebody else serves the webhook by now, or it was removed: nothing was written."""


class Journal(Protocol):
    """As `ledger.deliveries.Deliveries` has it."""

    async def lease(
        self, state: WebhookState, now_us: int, longest_us: int, version: int
    ) -> WebhookState | None: ...

    async def settle(self, settling: Settling, now_us: int) -> Settled:
        """Raises LeaseLost."""

    async def release(self, state: WebhookState) -> None: ...

    async def forget_leases(self) -> None: ...


class LedgerJournal:
    """Implements Journal on a ledger. For one event loop."""

    def __init__(self, ledger: Ledger, in_thread: InThread) -> None:
        self._ledger = ledger
        self._in_thread = in_thread
        self._waiting: list[tuple[Settling, int, asyncio.Future[Settled]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def lease(
        self, state: WebhookState, now_us: int, longest_us: int, version: int
    ) -> WebhookState | None:
        lease = self._ledger.deliveries.lease
        found: WebhookState | None = await self._in_thread(
            lambda: lease(state, now_us, longest_us, version)
        )
        return found

    async def release(self, state: WebhookState) -> None:
        await self._in_thread(lambda: self._ledger.deliveries.release(state))

    async def forget_leases(self) -> None:
        await self._in_thread(self._ledger.deliveries.forget_leases)

    async def settle(self, settling: Settling, now_us: int) -> Settled:
        done: asyncio.Future[Settled] = asyncio.get_running_loop().create_future()
        self._waiting.append((settling, now_us, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await done

    async def _write(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting, []
            what = [settling for settling, _, _ in taken]
            now_us = max(at for _, at, _ in taken)
            try:
                found = await self._in_thread(lambda: self._written(what, now_us))  # noqa: B023
            except BaseException as broken:  # noqa: BLE001 - the threads are closed, or this task is ended
                found = [broken] * len(taken)
            for (_, _, done), came in zip(taken, found, strict=True):
                if done.done():
                    continue
                if isinstance(came, BaseException):
                    done.set_exception(came)
                else:
                    done.set_result(came)

    def _written(self, what: Sequence[Settling], now_us: int) -> list[Settled | BaseException]:
        """In a thread. Whatever one of them is to blame for costs no other anything."""
        try:
            found = self._patiently(what, now_us)
        except Exception as error:  # noqa: BLE001 - told to who waits
            if len(what) == 1 or self._ledger.is_outage(error):
                return [error] * len(what)
            return [came for each in what for came in self._written([each], now_us)]
        return [LeaseLost() if each is None else each for each in found]

    def _patiently(self, what: Sequence[Settling], now_us: int) -> list[Settled | None]:
        """A database that is in trouble for a moment costs nobody a second message."""
        ledger = self._ledger
        for attempt in range(_TRIES - 1):
            try:
                return ledger.deliveries.settle(what, now_us)
            except Exception as error:
                if not (ledger.is_passing(error, attempt) or ledger.is_outage(error)):
                    raise
                time.sleep(0.1 * 2**attempt)
        return ledger.deliveries.settle(what, now_us)
