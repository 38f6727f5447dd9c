"""A tenant's share of the hub: how many of its calls are in hand at once, and its turn at the threads.

What a crowd of one tenant costs the others is the work that is begun for it, so a call too many is refused as soon
as its tenant is known. Who is told to come back later and does so costs next to nothing.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections.abc import Callable
from contextvars import ContextVar
from threading import Lock
from typing import Any, TypeVar

from orderhub.intake.busy import Busy, Returns
from orderhub.intake.lanes import Company, Lanes

T = TypeVar("T")

# The tenant whose call is being served; 0 = not known yet, an operator's, or the hub's own housekeeping.
TENANT: ContextVar[int] = ContextVar("tenant", default=0)


class Hands:
    """Which calls are in hand, by tenant. Only the event loop's thread uses it.

    most   calls of one tenant at once; half as many while other tenants call as well
    """

    def __init__(self, most: int, now_s: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._half = max(1, most // 2)
        self._now_s = now_s
        self._tenants: dict[str, int] = {}  # request id -> tenant
        self._calls: dict[int, int] = {}  # tenant -> calls in hand
        self._returns: dict[int, Returns] = {}  # of tenants that crowd
        self._company = Company(now_s)

    @property
    def is_crowded(self) -> bool:
        """Whether any tenant has as many calls in hand as it may."""
        return bool(self._calls) and max(self._calls.values()) >= self._may_have()

    def take(self, request_id: str, tenant_id: int) -> None:
        """The call's tenant is known. Raises Busy when it has too many in hand; a call that changes its tenant moves.

        Calls that are made on the way to an answer bear the same request id and count as one with it.
        """
        before = self._tenants.get(request_id)
        if before != tenant_id:
            self._company.heard(tenant_id)
            count = self._calls.get(tenant_id, 0)
            if count >= self._may_have():
                raise Busy(self._come_back_s(tenant_id))
            self.put_down(request_id)
            self._tenants[request_id] = tenant_id
            self._calls[tenant_id] = count + 1
        TENANT.set(tenant_id)

    def _may_have(self) -> int:
        return self._half if self._company.is_there else self._most

    def _come_back_s(self, tenant_id: int) -> int:
        """A quarter as many come back in a second as may be in hand: being refused costs something too."""
        returns = self._returns.get(tenant_id)
        if returns is None:
            returns = self._returns[tenant_id] = Returns(max(1, self._most // 4), self._now_s)
        return returns.next_s()

    def put_down(self, request_id: str) -> None:
        """The call is over, however it ended; one that never had a tenant is fine."""
        tenant_id = self._tenants.pop(request_id, None)
        if tenant_id is not None:
            left = self._calls[tenant_id] - 1
            if left:
                self._calls[tenant_id] = left
            else:
                del self._calls[tenant_id]

    def count(self, tenant_id: int) -> int:
        """How many of the tenant's calls are in hand."""
        return self._calls.get(tenant_id, 0)


class Threads:
    """A few threads that serve tenants in turn, so that nobody's work waits behind all of another's."""

    def __init__(self, count: int, name: str) -> None:
        self._threads = concurrent.futures.ThreadPoolExecutor(count, name)
        self._lanes: Lanes[tuple[concurrent.futures.Future[Any], Callable[[], Any]]] = Lanes()
        self._gate = Lock()

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        """`work` done in a thread, when it is the turn of the tenant whose call is being served."""
        done: concurrent.futures.Future[T] = concurrent.futures.Future()
        with self._gate:
            self._lanes.put(TENANT.get(), (done, lambda: work(*args)))
        self._threads.submit(self._next)
        return await asyncio.wrap_future(done)

    def _next(self) -> None:
        """One for each that was put, but whose turn it is is only seen now."""
        with self._gate:
            _, (done, work) = self._lanes.take()
        if not done.set_running_or_notify_cancel():
            return
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whatever it was goes to the one who waits
            done.set_exception(error)

    def close(self) -> None:
        """Waits for what runs; what has not begun is dropped."""
        self._threads.shutdown(cancel_futures=True)
        while self._lanes:
            self._lanes.take()[1][0].cancel()
