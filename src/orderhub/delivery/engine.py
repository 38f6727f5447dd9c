"""Sends events to webhooks. One engine for each process; those of several processes share the webhooks by leases.

Nobody polls: this process's own commits wake it at once, and one small look for all webhooks of all tenants, twice a
second, finds what others committed, what is due, and what was switched on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import monotonic
from typing import TypeVar
from uuid import uuid4

import msgspec
import structlog

from orderhub.core.deliveries import (
    DROPPED,
    SENT,
    TEST,
    TEST_KIND,
    Attempt,
    Delivery,
    WebhookLook,
)
from orderhub.core.facts import Record
from orderhub.core.feed import FedEvent, notice_id
from orderhub.core.queries import Reads
from orderhub.core.webhook_formats import Format, Told
from orderhub.core.webhooks import RECORD_KIND, Webhook
from orderhub.delivery.courier import LEASE_US, Courier
from orderhub.delivery.journal import Journal, LedgerJournal
from orderhub.delivery.means import Meter, Post, SwitchOff, attempt_of
from orderhub.delivery.replays import beginning
from orderhub.ledger.leases import is_free
from orderhub.ledger.ledger import Ledger

T = TypeVar("T")

LOOK_EVERY_S = 0.5
_GIVES_WAY_S = 0.5
_THREADS = 2
_LAST_WRITES_S = 3.0


class Engine:
    """Implements Means. For the event loop of its process alone, but for `lag_s` and `failing`.

    journal    who writes; None = the ledger itself
    owner      of the leases that it takes; who takes the place of a dead one bears its name
    is_outage  whether an error is the database's: that has a log of its own
    is_alone   nobody else serves this ledger: leases that are there are of a program that died
    """

    def __init__(
        self,
        ledger: Ledger,
        formats: Mapping[str, Format],
        *,
        post: Post,
        switch_off: SwitchOff,
        meter: Meter,
        now_us: Callable[[], int],
        journal: Journal | None = None,
        owner: str = "",
        is_outage: Callable[[Exception], bool] = Ledger.is_outage,
        is_alone: bool = False,
    ) -> None:
        self.ledger = ledger
        self.formats = formats
        self.meter = meter
        self.post = post
        self.switch_off = switch_off
        self.now_us = now_us
        self.journal = journal or LedgerJournal(ledger, self.in_thread)
        self.owner = owner or uuid4().hex
        self.is_outage = is_outage
        self._is_alone = is_alone
        self._threads = ThreadPoolExecutor(_THREADS, "orderhub-delivery")
        self._couriers: dict[tuple[int, int], Courier] = {}
        self._tasks: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._seen: dict[tuple[int, int], WebhookLook] = {}
        self._of_tenant: dict[int, list[tuple[int, int]]] = {}
        self._docs: dict[tuple[int, int], tuple[int, Webhook]] = {}
        # How far each was that has not read all, and since when it is there.
        self._behind: dict[tuple[int, int], tuple[int, int]] = {}
        self._woken = asyncio.Event()
        self._is_leaving = False
        self._gives_way_until_s = 0.0
        self._log = structlog.get_logger("orderhub.webhooks")

    # --- for all

    def wake(self, tenant_id: int, *, is_changed: bool = False) -> None:
        """Something was committed for the tenant; `is_changed`: a webhook was, and all of them are looked at anew."""
        if is_changed:
            self._woken.set()
        for name in self._of_tenant.get(tenant_id, ()):
            self._start(name)

    def give_way(self, is_busy: bool) -> None:
        """Said with wakes: whether orders come thick and fast. They do no longer once nothing is said for a while."""
        self._gives_way_until_s = monotonic() + _GIVES_WAY_S if is_busy else 0.0

    @property
    def gives_way(self) -> bool:
        return monotonic() < self._gives_way_until_s

    async def test(self, webhook: Record) -> Delivery:
        """Send a `webhook.test` once, switched on or not. It is kept as a delivery, and never tried again."""
        now = self.now_us()
        event = FedEvent(
            tenant_id=webhook.tenant_id,
            id=notice_id(str(uuid4())),
            kind=TEST_KIND,
            occurred_at=now,
            recorded_at=now,
            actor="",
            request_id="",
            data={"webhook": webhook.uid},
        )
        attempt = await self._tried(webhook, event)
        delivery = Delivery(
            tenant_id=webhook.tenant_id,
            webhook_id=webhook.id,
            event_id=event.id,
            kind=TEST_KIND,
            about=event.id,
            cause=TEST,
            state=SENT if 200 <= attempt.status < 300 else DROPPED,
            attempts=1,
            first_at=attempt.at,
            last_at=attempt.at,
            log=(attempt,),
        )
        kept = self.ledger.deliveries.keep
        ids = await self.in_thread(lambda: kept(beginning(webhook), [delivery], now))
        return msgspec.structs.replace(delivery, id=ids[0])

    async def _tried(self, webhook: Record, event: FedEvent) -> Attempt:
        doc: Webhook = webhook.doc
        now, form = self.now_us(), self.formats.get(doc.format)
        if form is None:
            return Attempt(now, 0, 0, error=f"there is no format {doc.format}")
        message = form.message(doc, [Told(event, None)])
        if message is None:
            return Attempt(now, 0, 0, error=f"the format {doc.format} has no message for a test")
        return attempt_of(now, await self.post(webhook.tenant_id, doc, message, form.terms))

    @property
    def tenants(self) -> list[int]:
        """Those whose commits are to wake it."""
        return [*self._of_tenant]

    @property
    def failing(self) -> int:
        """How many webhooks that are switched on had nothing but failures of late."""
        return sum(
            each.state is not None and each.state.failing_since > 0
            for name, each in list(self._seen.items())
            if self._is_on(name)
        )

    @property
    def lag_s(self) -> float:
        """How long the oldest event waits that some webhook, switched on, has not been sent or put aside yet."""
        times = [each.oldest_us() for each in list(self._couriers.values())]
        times += [since for _, since in list(self._behind.values())]
        oldest = min(
            (each for each in times if each is not None),
            default=None,
        )
        return 0.0 if oldest is None else max(0.0, (self.now_us() - oldest) / 1e6)

    # --- its life

    async def run(self) -> None:
        """Until it is cancelled or `stop` is called."""
        if self._is_alone:
            await self._quietly(self.journal.forget_leases())
        while not self._is_leaving:
            await self._quietly(self.look())
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._woken.wait()
            self._woken.clear()

    async def _quietly(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - a later look may succeed
            if not self.is_outage(error):
                self._log.warning("webhooks will be looked at again", exc_info=error)

    async def look(self) -> None:
        """One look at all webhooks; those that have anything to do are set to work."""
        known = {name: version for name, (version, _) in self._docs.items()}

        def ask(reads: Reads) -> tuple[list[WebhookLook], list[Record]]:
            found = reads.webhooks_look()
            anew = [
                reads.record(each.tenant_id, RECORD_KIND, "id", each.webhook_id)
                for each in found
                if known.get((each.tenant_id, each.webhook_id)) != each.version
            ]
            return found, [each for each in anew if each is not None]

        found, records = await self.in_thread(lambda: self.ledger.read(ask))
        for record in records:
            self._docs[(record.tenant_id, record.id)] = (record.version, record.doc)
        self._seen = {(each.tenant_id, each.webhook_id): each for each in found}
        of_tenant: dict[int, list[tuple[int, int]]] = {}
        for name in self._seen:
            if self._is_on(name):
                of_tenant.setdefault(name[0], []).append(name)
        self._of_tenant = of_tenant
        for name in self._docs.keys() - self._seen.keys():
            del self._docs[name]
        for name in self._tasks:
            if not self._is_on(name):  # what it has in hand is not for now
                self._couriers[name].leave()
        for name in self._couriers.keys() - self._seen.keys() - self._tasks.keys():
            del self._couriers[name]
        for name, seen in self._seen.items():
            self._look_at(name, seen)
        for name in self._behind.keys() - self._seen.keys():
            del self._behind[name]

    def _look_at(self, name: tuple[int, int], seen: WebhookLook) -> None:
        courier, state = self._couriers.get(name), seen.state
        has_read = courier is not None and courier.has_read(seen.progress)
        is_behind = not has_read and (state is None or state.passed != seen.progress)
        reached = max(state.passed if state else 0, courier.reached if courier else 0)
        if not is_behind or not self._is_on(name):
            self._behind.pop(name, None)
        elif (
            self._behind.get(name, (-1, 0))[0] != reached
        ):  # what it had not come to then, it has now
            self._behind[name] = (reached, self.now_us())
        if not self._is_on(name) or not self._is_free(seen):
            return
        now = self.now_us()
        is_changed = state is None or state.version != seen.version
        is_due = state is not None and state.due_at <= now
        is_to_note = courier is not None and courier.is_to_note
        if is_changed or (
            (is_behind or is_due or is_to_note or seen.has_replays)
            and (state is None or state.resume_at <= now)
        ):
            self._courier(name).told(seen)
            self._start(name)

    def _is_on(self, name: tuple[int, int]) -> bool:
        found = self._docs.get(name)
        return found is not None and found[1].is_enabled and found[1].format in self.formats

    def _is_free(self, seen: WebhookLook) -> bool:
        """Whether nobody else has it, as far as could be seen."""
        state = seen.state
        return state is None or is_free(state, self.owner, self.now_us(), LEASE_US)

    def _courier(self, name: tuple[int, int]) -> Courier:
        courier = self._couriers.get(name)
        if courier is None:
            courier = self._couriers[name] = Courier(self, *name, self._seen[name].tenant)
        return courier

    def _start(self, name: tuple[int, int]) -> None:
        courier = self._courier(name)
        courier.wake()
        if name in self._tasks or courier.is_resting:  # the look that finds it rested starts it
            return
        if self._is_leaving or not self._is_free(self._seen[name]):
            return
        courier.is_leaving = False
        self._tasks[name] = asyncio.create_task(self._serve(name, courier))

    async def _serve(self, name: tuple[int, int], courier: Courier) -> None:
        try:
            await self._quietly(courier.run())
        finally:
            del self._tasks[name]

    async def idle(self) -> None:
        """Until nobody has anything to do for now; for tests and for commands."""
        while self._tasks:
            await asyncio.gather(*self._tasks.values())

    async def stop(self, within_s: float) -> None:
        """What is on its way may end, for so long; then all that is known is written down and others may go on.

        A database that does not answer is not waited for: then the leases end by themselves.
        """
        self._is_leaving = True
        self._woken.set()
        for courier in [*self._couriers.values()]:
            courier.leave()
        running = list(self._tasks.values())
        if running:
            _, late = await asyncio.wait(running, timeout=within_s)
            for courier in [*self._couriers.values()]:
                await courier.abandon()
            if late:
                _, late = await asyncio.wait(late, timeout=_LAST_WRITES_S)
                for task in late:
                    task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WRITES_S):
                for courier in [*self._couriers.values()]:
                    await self._quietly(courier.give_back())

    def close(self) -> None:
        """Once it has stopped: waits for what runs in threads."""
        self._threads.shutdown(cancel_futures=True)

    async def in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
