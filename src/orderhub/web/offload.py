"""Work that must not hold the event loop up, in threads: reads, slow computations, short transactions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from orderhub.core.queries import Reads
from orderhub.dialects.contract import Fault, FaultKind, HTTPFault
from orderhub.ledger.ledger import Ledger
from orderhub.web.patience import Patience, patience
from orderhub.web.shares import Threads

T = TypeVar("T")

_RETRY_AFTER_S = 2
MAY_STILL_BE_DONE = (
    "the database does not answer in time, and it may still be done: "
    "repeat it with the same Idempotency-Key"
)


class Offload:
    """One for each port. Callers wait for `answer_timeout_s` at most, counted over their whole call."""

    def __init__(self, ledger: Ledger, answer_timeout_s: float) -> None:
        self._ledger = ledger
        self._answer_timeout_s = answer_timeout_s
        self._readers = Threads(4, "orderhub-reader")
        self._workers = Threads(2, "orderhub-worker")
        # Apart from the workers: a database that does not answer must not keep a password from being hashed.
        self._writers = Threads(2, "orderhub-aside")
        self.threads = (self._readers, self._workers, self._writers)

    def close(self) -> None:
        """Waits for what runs in threads; what has not begun is dropped."""
        for threads in self.threads:
            threads.close()

    def patience(self) -> Patience:
        """How long the call that is being served goes on waiting."""
        return patience(self._answer_timeout_s)

    async def read(self, ask: Callable[[Reads], T]) -> T:
        """Raises HTTPFault(UNAVAILABLE) when the database does not answer in time."""
        try:
            async with self.patience().wait():
                return await self._readers.run(self._ledger.read, ask)
        except TimeoutError:
            raise too_late("the database does not answer in time") from None

    async def blocking(self, work: Callable[..., T], *args: Any) -> T:
        """Slow work that asks no database."""
        return await self._workers.run(work, *args)

    async def write(self, work: Callable[..., T], *args: Any, limit_s: float | None = None) -> T:
        """A transaction beside the queue. `limit_s`: other than a caller's usual patience.

        Raises HTTPFault(UNAVAILABLE) when it is not done in time; it may still be done.
        """
        waits = self.patience() if limit_s is None else Patience(limit_s)
        try:
            async with waits.wait():
                done = await self.housekeep(work, *args)
        except TimeoutError:
            raise too_late(MAY_STILL_BE_DONE) from None
        waits.renew()
        return done

    async def housekeep(self, work: Callable[..., T], *args: Any) -> T:
        """As `write`, with the patience that no caller has."""
        return await self._writers.run(work, *args)


def too_late(message: str) -> HTTPFault:
    return HTTPFault(Fault(FaultKind.UNAVAILABLE, message, retry_after_s=_RETRY_AFTER_S))
