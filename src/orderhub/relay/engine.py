"""Hands orders on. One engine for each process; those of several processes share the connections by leases.

This process's own commits wake it at once; one small look for all connections of all tenants, twice a second, finds
what others committed, what is due, and what was written anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar
from uuid import uuid4

import structlog

from orderhub.core.connections import RECORD_KIND, Connection
from orderhub.core.facts import Record
from orderhub.core.queries import Reads
from orderhub.core.refusals import Rejected
from orderhub.core.relaying import RelayLook, RelayState
from orderhub.core.values import Order
from orderhub.dialects.client import Client
from orderhub.ledger.leases import is_free
from orderhub.ledger.ledger import Ledger
from orderhub.relay import calling_off
from orderhub.relay.agent import LEASE_S, Agent
from orderhub.relay.calling_off import Again, Asking
from orderhub.relay.means import Change, Decrypt, Make, Meter, Submit
from orderhub.relay.steps import SECOND_US, Trouble
from orderhub.relay.talking import Line

T = TypeVar("T")
Name = tuple[int, int]  # tenant, connection

LOOK_EVERY_S = 0.5
_THREADS = 2
_LAST_WRITES_S = 3.0


class Engine:
    """Implements Means. For the event loop of its process alone.

    now_us   never goes back; wall_us: what others go by, for signatures
    is_busy  whether those who order want the process for themselves: then each connection does one thing at a time
    """

    def __init__(
        self,
        ledger: Ledger,
        clients: Mapping[str, Client],
        *,
        make: Make,
        submit: Submit,
        change: Change,
        decrypt: Decrypt,
        meter: Meter,
        now_us: Callable[[], int],
        wall_us: Callable[[], int],
        is_busy: Callable[[], bool] = lambda: False,
        is_outage: Callable[[Exception], bool] = Ledger.is_outage,
        is_alone: bool = False,
        linger_s: float = 0.0,
    ) -> None:
        self.ledger = ledger
        self.clients = clients
        self.make = make
        self.submit = submit
        self.change = change
        self.decrypt = decrypt
        self.meter = meter
        self.now_us = now_us
        self._wall_us = wall_us
        self.is_busy = is_busy
        self._is_outage = is_outage
        self._is_alone = is_alone
        self._linger_s = linger_s
        self._owner = str(uuid4())
        self._threads = ThreadPoolExecutor(_THREADS, "orderhub-relay")
        self._agents: dict[Name, Agent] = {}
        self._tasks: dict[Name, asyncio.Task[None]] = {}
        self._records: dict[Name, Record] = {}
        self._seen: dict[Name, RelayLook] = {}
        self._of_tenant: dict[int, list[Name]] = {}
        self._tenants: frozenset[int] | None = None  # who have connections, switched on or not
        self._woken = asyncio.Event()
        self._is_leaving = False
        self._log = structlog.get_logger("orderhub.relay")
        self.unsure = 0  # how many a person must decide about

    # --- for all

    def wake(self, tenant_id: int, *, is_changed: bool = False) -> None:
        """Hand-overs of the tenant came or moved; `is_changed`: a connection, a route or a listing was written."""
        if is_changed:
            self._woken.set()
        for name in self._of_tenant.get(tenant_id, ()):
            self._start(name)

    def line(self, record: Record) -> Line:
        """A way to the vendor, for one talk or many. Raises ValueError for credentials that cannot be read."""
        doc: Connection = record.doc
        return Line(
            record.tenant_id,
            doc,
            self.clients[doc.dialect],
            make=self.make,
            decrypt=self.decrypt,
            now_us=self.now_us,
            wall_us=self._wall_us,
        )

    @property
    def stuck(self) -> int:
        """How many connections that are switched on could not be used of late, or not asked for news."""
        return sum(
            each.state is not None and each.state.reason != "" and self._is_on(name)
            for name, each in list(self._seen.items())
        )

    async def ask_first(
        self, before: Order, after: Order, asking: Asking
    ) -> Rejected | Trouble | Again | None:
        """Have vendors call off what is to be called off here: see `calling_off.first`. Raises NotDecided."""
        return await calling_off.first(self, self._line_to, before, after, asking)

    def connection(self, uid: str) -> Record | None:
        """The connection of that id, of whichever tenant, as of the last look; None for one that is switched off."""
        for name, record in self._records.items():
            if record.uid == uid and self._is_on(name):
                return record
        return None

    async def heard(self, record: Record, numbers: Sequence[str]) -> None:
        """The vendor says that something happened to these: they are asked for at once. Raises NotDecided."""
        commands = await calling_off.looks(self, record, numbers)
        for command in commands:
            await self.submit(command)
        if commands:
            self.wake(record.tenant_id)

    def is_onward(self, tenant_id: int) -> bool:
        """Whether orders of this tenant may be at a vendor's, as of the last look; before the first one anybody's."""
        return self._tenants is None or tenant_id in self._tenants

    def _line_to(self, record: Record) -> Line:
        """The way of who sees to the connection, whose login and limits are counted there; else one of its own."""
        agent = self._agents.get((record.tenant_id, record.id))
        if agent is not None and agent.version == record.version:
            return agent.line
        return self.line(record)

    # --- its life

    async def run(self) -> None:
        """Until it is cancelled or `stop` is called."""
        if self._is_alone:
            await self._quietly(self.in_thread(self.ledger.relay.forget_leases))
        while not self._is_leaving:
            await self._quietly(self.look())
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._woken.wait()
            self._woken.clear()

    async def look(self) -> None:
        """One look at all connections; those that have anything to do are seen to."""
        now = self.now_us()
        known = {name: each.version for name, each in self._records.items()}

        def ask(reads: Reads) -> tuple[list[RelayLook], list[Record | None], int]:
            found = reads.relay.look(now)
            anew = [
                reads.record(each.tenant_id, RECORD_KIND, "id", each.connection_id)
                for each in found
                if known.get((each.tenant_id, each.connection_id)) != each.version
            ]
            return found, anew, reads.relay.unsure() if found else 0

        found, anew, self.unsure = await self.in_thread(lambda: self.ledger.read(ask))
        self._records |= {(each.tenant_id, each.id): each for each in anew if each is not None}
        self._seen = {(each.tenant_id, each.connection_id): each for each in found}
        self._records = {name: each for name, each in self._records.items() if name in self._seen}
        of_tenant: dict[int, list[Name]] = {}
        for name in filter(self._is_on, self._seen):
            of_tenant.setdefault(name[0], []).append(name)
        self._of_tenant = of_tenant
        self._tenants = frozenset(tenant for tenant, _ in self._seen)
        for name, agent in [*self._agents.items()]:
            record = self._records.get(name)
            if record is None or record.version != agent.version or not self._is_on(name):
                agent.leave()
                if name not in self._tasks:
                    del self._agents[name]
        for name, seen in self._seen.items():
            if self._is_on(name) and (self._has_work(seen, now) or self._has_news(name, now)):
                self._start(name)

    def _has_work(self, seen: RelayLook, now_us: int) -> bool:
        state = seen.state
        if state is None or state.version != seen.version:
            return True  # it was written: whatever waits is looked at anew
        return self._is_free(state) and seen.is_due and state.resume_at <= now_us

    def _has_news(self, name: Name, now_us: int) -> bool:
        """Whether it is time to ask what happened there."""
        state, client = self._seen[name].state, self.clients[self._records[name].doc.dialect]
        if state is None or not (client.tells_windows and self._is_free(state)):
            return False
        return max(state.news_due_at, state.resume_at) <= now_us

    def _is_free(self, state: RelayState | None) -> bool:
        """Whether nobody else has it, as far as could be seen."""
        longest_us = round(LEASE_S * SECOND_US)
        return state is None or is_free(state, self._owner, self.now_us(), longest_us)

    def _rests(self, name: Name) -> bool:
        """Whether its vendor is left in peace: not even its lease is taken for each order that comes."""
        agent, record = self._agents.get(name), self._records[name]
        state = self._seen[name].state if agent is None else agent.state
        if state is None or state.version != record.version:
            return False
        return state.resume_at > self.now_us()

    def _is_on(self, name: Name) -> bool:
        record = self._records.get(name)
        return record is not None and record.doc.is_enabled and record.doc.dialect in self.clients

    def _start(self, name: Name) -> None:
        agent = self._agents.get(name)
        if agent is not None:
            agent.wake()
        if self._is_leaving or name in self._tasks or name not in self._records:
            return
        if not self._is_free(self._seen[name].state) or self._rests(name):
            return
        if agent is None:
            record = self._records[name]
            try:
                agent = Agent(self, record, self.line(record), self._owner, linger_s=self._linger_s)
            except ValueError as error:
                self._log.warning("a connection cannot be used", tenant=name[0], error=str(error))
                return
            self._agents[name] = agent
        self._tasks[name] = asyncio.create_task(self._serve(name, agent))

    async def _serve(self, name: Name, agent: Agent) -> None:
        try:
            await self._quietly(agent.run())
        finally:
            del self._tasks[name]

    async def _quietly(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - a later look may succeed
            if not self._is_outage(error):
                self._log.warning("connections will be looked at again", exc_info=error)

    async def idle(self) -> None:
        """Until nobody has anything to do for now; for tests and for commands."""
        while self._tasks:
            await asyncio.gather(*self._tasks.values())

    async def stop(self, within_s: float) -> None:
        """What is on its way may end, for so long; what is cut off stays `sending`, and is asked about later."""
        self._is_leaving = True
        self._woken.set()
        for agent in [*self._agents.values()]:
            agent.leave()
        running = list(self._tasks.values())
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=within_s)
        if late:
            for agent in [*self._agents.values()]:
                await agent.abandon()
            _, late = await asyncio.wait(late, timeout=_LAST_WRITES_S)
            for task in late:
                task.cancel()

    def close(self) -> None:
        """Once it has stopped: waits for what runs in threads."""
        self._threads.shutdown(cancel_futures=True)

    async def in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
