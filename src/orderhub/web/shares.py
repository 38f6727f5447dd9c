"""A tenant's share of the hub: how many of its calls are in hand at once, and its turn at the threads.

What a crowd of one tenant costs the others is the work that is begun for it, so a call too many is refused as soon
as its tenant is known. Who is told to come back later and does so costs next to nothing.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

import msgspec

from orderhub.core.answer import Answer
from orderhub.intake.busy import Busy, Returns
from orderhub.intake.lanes import Company, Lanes

T = TypeVar("T")

_ALIKE_S = 0.9  # for so long the same head is the same caller: as long as credentials are kept

# The tenant whose call is being served; 0 = not known yet, an operator's, or the hub's own housekeeping.
TENANT: ContextVar[int] = ContextVar("tenant", default=0)


class Hands:
    """Which calls are in hand, by tenant. Only the event loop's thread uses it.

    most       calls of one tenant at once
    in_company says how many, while other tenants call as well: never more than half of `most`
    """

    def __init__(
        self,
        most: int,
        now_s: Callable[[], float] = time.monotonic,
        in_company: Callable[[], int] | None = None,
    ) -> None:
        self._most = most
        self._half = max(1, most // 2)
        self._in_company = in_company
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
                raise Busy(self.come_back_s(tenant_id))
            self.put_down(request_id)
            self._tenants[request_id] = tenant_id
            self._calls[tenant_id] = count + 1
        TENANT.set(tenant_id)

    def _may_have(self) -> int:
        if not self._company.is_there:
            return self._most
        return self._half if self._in_company is None else min(self._half, self._in_company())

    def is_full(self, tenant_id: int) -> bool:
        """Whether the tenant has as many calls in hand as it may."""
        return self._calls.get(tenant_id, 0) >= self._may_have()

    def come_back_s(self, tenant_id: int) -> int:
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

    @property
    def total(self) -> int:
        """How many calls are in hand, of whichever tenant."""
        return len(self._tenants)

    def count(self, tenant_id: int) -> int:
        """How many of the tenant's calls are in hand."""
        return self._calls.get(tenant_id, 0)


class Places:
    """Which calls wait for something, by tenant, from when they are let wait until they are over. Of the event loop."""

    def __init__(self) -> None:
        self._tenants: dict[str, int] = {}  # request id -> tenant

    def take(self, request_id: str, tenant_id: int, most: int) -> bool:
        """Whether there was a place for the call, where a tenant has so many."""
        if sum(each == tenant_id for each in self._tenants.values()) >= most:
            return False
        self._tenants[request_id] = tenant_id
        return True

    def leave(self, request_id: str) -> None:
        """The call is over, however it ended; one that never waited is fine."""
        self._tenants.pop(request_id, None)


@dataclass(slots=True)
class _Refusal:
    dialect: str
    tenant_id: int
    answer: Answer  # without saying when to come back
    until_s: float
    calls: int = 0  # that were told so since


class Crowds:
    """How calls of a crowd were refused, for those behind them with the very same head: they cost next to nothing.

    The first is refused in full, and anew every second; its answer is the others'. Only the event loop's thread uses
    it.

    told   hears of each such refusal once its second is over: (tenant, how many calls were turned away by it)
    """

    def __init__(
        self,
        hands: Callable[[], Hands],
        told: Callable[[int, int], None],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hands = hands
        self._told = told
        self._now_s = now_s
        self._known: dict[Hashable, _Refusal] = {}

    def __bool__(self) -> bool:
        """Whether anybody is turned away."""
        return bool(self._known)

    def answer(self, head: Hashable) -> tuple[str, Answer] | None:
        """(dialect, answer) for a call with this head while its tenant still crowds; None: it is as any other."""
        refusal = self._known.get(head)
        if refusal is None:
            return None
        if self._now_s() >= refusal.until_s:
            del self._known[head]
            return None
        if not self._hands().is_full(refusal.tenant_id):
            return None
        refusal.calls += 1
        retry = ("Retry-After", str(self._hands().come_back_s(refusal.tenant_id)))
        headers = (*refusal.answer.headers, retry)
        return refusal.dialect, msgspec.structs.replace(refusal.answer, headers=headers)

    def remember(self, head: Hashable, dialect: str, tenant_id: int, answer: Answer) -> None:
        """A call with this head was refused in full."""
        headers = tuple(each for each in answer.headers if each[0].lower() != "retry-after")
        bare = msgspec.structs.replace(answer, headers=headers)
        refusal = self._known[head] = _Refusal(dialect, tenant_id, bare, self._now_s() + _ALIKE_S)
        asyncio.get_running_loop().call_later(_ALIKE_S, self._over, head, refusal)

    def _over(self, head: Hashable, refusal: _Refusal) -> None:
        if self._known.get(head) is refusal:
            del self._known[head]
        if refusal.calls:
            self._told(refusal.tenant_id, refusal.calls)


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
