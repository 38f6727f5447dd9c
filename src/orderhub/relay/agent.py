"""Sees to one connection, under its lease: what is due is sent or asked about, several at once."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec
import structlog

from orderhub.core.connections import Connection
from orderhub.core.facts import Record
from orderhub.core.handing import HandOver, HandOverState
from orderhub.core.queries import Reads
from orderhub.core.relaying import RelayState
from orderhub.dialects.client import Doubt, Job
from orderhub.relay.jobs import jobs_of
from orderhub.relay.means import Means, NotDecided
from orderhub.relay.news import Newsreader
from orderhub.relay.steps import SECOND_US, Steps, Trouble, pause_us
from orderhub.relay.talking import Line

# Longer than any call: who takes a connection over knows that no call of the one before is under way.
LEASE_S = 90.0
_RENEWED_S = 60.0  # while no less of it is left
_MARGIN_S = 5.0
_REST_S = 0.2  # while only what is in hand can go on
# So many are read beyond those that can be begun, and begun within so long.
_AHEAD, _AHEAD_US = 24, 1_000_000
# While those who order want the process for themselves: all at once, that their commits and the vendor's answers come
# together, and then nothing for so long.
_BURST_EVERY_S = 1.0
# What was placed is asked about once in so many turns even while there is enough to be placed.
_NEWS_EVERY = 4
_MOST_REASON = 500

Due = tuple[HandOver, Job | str | None]  # what is planned with its job, or what is in the way of it


class Agent:
    """For as long as the record of its connection is what it was."""

    def __init__(
        self, means: Means, record: Record, line: Line, owner: str, *, linger_s: float = 0.0
    ) -> None:
        self._means = means
        self._record = record
        self._line = line
        self._steps = Steps(means, line)
        self._news = Newsreader(means, line)
        self._linger_s = linger_s
        self._tasks: dict[int, asyncio.Task[Trouble | None]] = {}  # by order
        self._asked: set[int] = set()  # those of them that are asked about, and there
        self._ahead: list[Due] = []  # read, and not begun
        self._read_at = 0
        self._begun_at = 0
        self._turns = 0
        self._hearing: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._is_leaving = False
        self._renewing = asyncio.Lock()
        self.state = RelayState(
            tenant_id=record.tenant_id,
            connection_id=record.id,
            owner=owner,
            version=record.version,
        )
        self._log = structlog.get_logger("orderhub.relay")

    @property
    def version(self) -> int:
        return self._record.version

    @property
    def is_idle(self) -> bool:
        return not self._tasks

    @property
    def line(self) -> Line:
        return self._line

    def wake(self) -> None:
        self._woken.set()

    def leave(self) -> None:
        """Nothing more is begun; what is under way may end."""
        self._is_leaving = True
        self._woken.set()

    # --- its work

    async def run(self) -> None:
        """Until nothing is due any more, it is left in peace, or somebody else has it."""
        if not await self._leased():
            return
        try:
            while not self._is_leaving and self.state.resume_at <= self._means.now_us():
                self._woken.clear()
                if not await self._leased():
                    break
                self._listen()
                if not await self._round() and not await self._is_called_for():
                    break
        finally:
            await self._ended()
            held = self.state
            # It is nobody's from now on, in memory as well: the next run takes it anew, or finds who has it.
            self.state = msgspec.structs.replace(held, leased_until=0)
            self._ahead.clear()
            await self._means.in_thread(lambda: self._means.ledger.relay.release(held))

    def _listen(self) -> None:
        """Ask what happened there, when it is time to: beside what is handed on, since there may be much of it."""
        if self._hearing is not None and self._hearing.done():
            ended, self._hearing = self._hearing, None
            ended.result()  # raises what a database that is away raises
        if self._hearing is None and self._news.is_due(self.state):
            self._hearing = asyncio.create_task(self._hear())
            self._hearing.add_done_callback(lambda _: self._woken.set())

    async def _hear(self) -> None:
        if not await self._may_call():
            return
        try:
            read = await self._news.read_on(self.state)
        except NotDecided as error:
            read = Trouble(str(error))
        except Exception as error:  # noqa: BLE001 - told, and tried again later
            self._log.exception("news broke", tenant=self.state.tenant_id)
            read = Trouble(f"the client broke: {type(error).__name__}")
        if isinstance(read, Trouble):
            await self._against(read)
            return
        # The lease may have been renewed meanwhile.
        known, why = self.state, ""
        if isinstance(read, Doubt):  # the vendor is there: what is to be sent goes on
            read, why = self._news.later(known), read.reason[:_MOST_REASON]
        self.state = msgspec.structs.replace(
            known,
            news_until=read.news_until,
            news_due_at=read.news_due_at,
            reason=known.reason if known.misses else why,
        )
        state = self.state
        await self._means.in_thread(lambda: self._means.ledger.relay.note(state))

    async def _is_called_for(self) -> bool:
        """Whether there is more within a moment: a lease costs two commits, and orders come one after another."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._linger_s):
                await self._woken.wait()
                return True
        return False

    async def abandon(self) -> None:
        """What is under way is cut off: it stays `sending`, and is asked about by whoever comes next."""
        for task in (*self._tasks.values(), *filter(None, [self._hearing])):
            task.cancel()

    async def _round(self) -> bool:
        """Begin what is due; False: there is nothing, and nothing is in hand."""
        is_held = self._is_held
        if not is_held:
            self._begun_at = self._means.now_us()
        free = 0 if is_held else max(0, self._places - len(self._tasks))
        for hand_over, job in await self._next(free):
            task = asyncio.create_task(self._seen_to(hand_over, job))
            self._tasks[hand_over.order_id] = task
            if hand_over.state is HandOverState.PLACED:
                self._asked.add(hand_over.order_id)
        if not self._tasks:
            if self._hearing is not None and not self._hearing.done():
                await asyncio.wait([self._hearing], timeout=_REST_S)
                return True
            if is_held:
                await asyncio.sleep(_REST_S)
                return True
            return self._woken.is_set()
        await self._some_done(is_held)
        await self._note({each for each in self._tasks.values() if each.done()})
        return True

    @property
    def _is_held(self) -> bool:
        """Whether nothing is begun now for the sake of those who order."""
        if not self._means.is_busy():
            return False
        rested_us = self._means.now_us() - self._begun_at
        return bool(self._tasks) or 0 <= rested_us < round(_BURST_EVERY_S * SECOND_US)

    async def _some_done(self, is_held: bool) -> None:
        """Until anything in hand is done, or more can be begun."""
        if is_held or len(self._tasks) >= self._places:
            await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)
            return
        woken = asyncio.ensure_future(self._woken.wait())
        await asyncio.wait(
            [*self._tasks.values(), woken], timeout=_REST_S, return_when=asyncio.FIRST_COMPLETED
        )
        woken.cancel()

    async def _next(self, free: int) -> list[Due]:
        """What is due and not in hand. Where there is a marker some more are read than can be begun.

        What was placed is asked about in places that are left over, half of them at most, and now and then before all
        else: what comes in meanwhile is not to wait behind it.
        """
        self._turns += 1
        is_news_turn = self._turns % _NEWS_EVERY == 0 and not self._asked
        if self._means.now_us() - self._read_at > _AHEAD_US:
            self._ahead.clear()
        wanted, news = free - len(self._ahead), list[Due]()
        if free and (wanted > 0 or is_news_turn):
            self._read_at = self._means.now_us()
            is_dense = self._line.client.marker and not self._means.is_busy()
            more = _AHEAD if is_dense else 0
            most_news = min(free, max(1, self._places // 2) - len(self._asked))
            due = await self._due(wanted + more if wanted > 0 else 0, most_news)
            news = [each for each in due if each[0].state is HandOverState.PLACED]
            self._ahead += due[: len(due) - len(news)]
        most = free - min(len(news), 1) if is_news_turn else free
        begun, self._ahead = self._ahead[:most], self._ahead[most:]
        return [*begun, *news[: free - len(begun)]]

    async def _due(self, limit: int, most_news: int) -> list[Due]:
        """With their jobs, and the news last. Without a marker only one may be in doubt: others would look the same."""
        now, name = self._means.now_us(), (self.state.tenant_id, self.state.connection_id)
        in_hand = (*self._tasks, *(each.order_id for each, _ in self._ahead))
        ask, client = self._means.ledger.read, self._line.client

        def look(reads: Reads) -> list[Due]:
            only_sending = not client.marker and reads.relay.is_sending(*name)
            due: tuple[HandOver, ...] = ()
            if limit:
                due = reads.relay.due(*name, now, limit, in_hand, only_sending=only_sending)
            if most_news > 0:
                due = (*due, *reads.relay.due(*name, now, most_news, in_hand, news=True))
            planned = [each for each in due if each.state is HandOverState.PLANNED]
            jobs = dict(
                zip(
                    (each.order_id for each in planned),
                    jobs_of(reads, planned, client),
                    strict=True,
                )
            )
            return [(each, jobs.get(each.order_id)) for each in due]

        return await self._means.in_thread(lambda: ask(look))

    @property
    def _places(self) -> int:
        """So many may be under way: one where nothing tells them apart."""
        return self._doc.at_once if self._line.client.marker else 1

    @property
    def _doc(self) -> Connection:
        doc: Connection = self._record.doc
        return doc

    async def _seen_to(self, hand_over: HandOver, job: Job | str | None) -> Trouble | None:
        try:
            if hand_over.state is HandOverState.PLACED:
                return await self._news.of(hand_over)
            # What was in the way may be gone by now: that is looked at anew.
            read = None if isinstance(job, str) else job
            return await self._steps.see_to(hand_over, self._may_call, read)
        except NotDecided as error:
            return Trouble(str(error))
        except Exception as error:  # noqa: BLE001 - told, and tried again later
            # A bug of a client, or of ours: neither may take the connection down with it for good.
            self._log.exception(
                "a hand-over broke", tenant=hand_over.tenant_id, handover=hand_over.uid
            )
            return Trouble(f"the client broke: {type(error).__name__}")

    async def _note(self, done: set[asyncio.Task[Trouble | None]]) -> None:
        """What went well, or did not, is held for or against the connection."""
        for order_id in [name for name, task in self._tasks.items() if task in done]:
            del self._tasks[order_id]
            self._asked.discard(order_id)
        troubles = [each for task in done if not task.cancelled() and (each := task.result())]
        if troubles:
            await self._against(max(troubles, key=lambda each: each.retry_after_s))
        elif done and self.state.misses:
            await self._noted(misses=0, resume_at=0, reason="")
        soon = self._news.soon(self.state) if done else None
        if soon is not None:
            self.state = soon
            await self._means.in_thread(lambda: self._means.ledger.relay.note(soon))

    async def _against(self, trouble: Trouble) -> None:
        """The connection is left in peace for a while."""
        misses = self.state.misses + 1
        wait_us = max(pause_us(misses), round(trouble.retry_after_s * SECOND_US))
        await self._noted(
            misses=misses, resume_at=self._means.now_us() + wait_us, reason=trouble.reason
        )

    async def _noted(self, *, misses: int, resume_at: int, reason: str) -> None:
        self.state = msgspec.structs.replace(
            self.state, misses=misses, resume_at=resume_at, reason=reason[:_MOST_REASON]
        )
        state = self.state
        await self._means.in_thread(lambda: self._means.ledger.relay.note(state))

    async def _ended(self) -> None:
        """Until nothing is in hand any more."""
        if self._hearing is not None:
            await asyncio.gather(self._hearing, return_exceptions=True)
            self._hearing = None
        while self._tasks:
            done, _ = await asyncio.wait(self._tasks.values())
            with suppress(Exception):
                await self._note(done)

    # --- the lease

    async def _may_call(self) -> bool:
        """Whether a call that begins now ends while the connection is still ours."""
        needed_us = round((self._line.timeout_s + _MARGIN_S) * SECOND_US)
        if self.state.leased_until - self._means.now_us() >= needed_us:
            return True
        return await self._leased(always=True)

    async def _leased(self, *, always: bool = False) -> bool:
        async with self._renewing:
            now = self._means.now_us()
            left_us = self.state.leased_until - now
            if left_us >= round(_RENEWED_S * SECOND_US) and not always:
                return True
            longest_us = round(LEASE_S * SECOND_US)
            wanted = msgspec.structs.replace(
                self.state, leased_until=now + longest_us, version=self._record.version
            )
            relay = self._means.ledger.relay
            taken = await self._means.in_thread(lambda: relay.lease(wanted, now, longest_us))
            if taken is None:
                return False
            # What was heard meanwhile may not be noted yet.
            known = self.state
            self.state = msgspec.structs.replace(
                taken,
                news_until=max(taken.news_until, known.news_until),
                news_due_at=max(taken.news_due_at, known.news_due_at),
            )
            return True
