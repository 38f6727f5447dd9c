"""One hand-over seen to: sent, asked about, finished.

The rule that makes it safe: commit that you will call, call, commit what came back; and after any doubt ask before
calling again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from orderhub.core.commands import HandOverStep, MoveHandOver, Origin
from orderhub.core.handing import HandOver, HandOverState, There
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Order
from orderhub.dialects.client import (
    Answers,
    Blocked,
    Doubt,
    Finding,
    Finishing,
    Found,
    Job,
    Link,
    Placed,
    Placing,
    Refused,
    Window,
)
from orderhub.relay.jobs import comes_back, job_of, names_in, sent_in
from orderhub.relay.means import Means
from orderhub.relay.talking import Line, NotSent, Silence

ACTOR = "relay"
# Whether a call that begins now ends while the connection is still ours.
MayCall = Callable[[], Awaitable[bool]]
SECOND_US = 1_000_000
_LONGEST_PAUSE_S = 300.0
# Where nothing is sent while one is in doubt.
_LONGEST_HOLD_UP_S = 15.0
# After it was placed, where each order is asked for by its number.
FIRST_NEWS_S = 60.0
# A vendor's list may lag behind: each window of news begins so long before the last one ended.
OVERLAP_S = 120.0
# What was only recorded goes once nothing was added to it for so long.
GATHER_S = 30.0
_GATHERS = "more lines may come: it goes once nothing was added to it for a while"
# What waits for a listing is looked at when one is written; and now and then, in case something else was in the way.
_LOOK_AGAIN_US = 6 * 3_600 * SECOND_US
# So often without a clear answer, and each time it was not there: it is the order that the vendor cannot stand.
_MOST_DOUBTS = 5
_SOUGHT = "sought"  # in `refs`, from when it is sent until it is found
_OTHERWISE = "it was sent in other words than its order, or the connection, has by now"
_NOT_YET = "it is not there yet: asked again"
_NOTHING = "it is not there"


class Trouble(msgspec.Struct, frozen=True):
    """Nothing that is this order's alone: the connection is left in peace for a while."""

    reason: str
    retry_after_s: float = 0.0


class Steps:
    """Sees to hand-overs of one connection."""

    def __init__(self, means: Means, line: Line) -> None:
        self._means = means
        self._line = line
        self._client = line.client

    async def see_to(
        self, hand_over: HandOver, may_call: MayCall, job: Job | None = None
    ) -> Trouble | None:
        """One step, or as many as can be taken now. Raises NotDecided.

        `job`: of what is planned, as it was read a moment ago. An order that is another by now is not sent by it.
        """
        if hand_over.state is HandOverState.PLANNED:
            return await self._place(hand_over, may_call, job)
        if hand_over.number:
            return await self._finish(hand_over, _placed(hand_over), may_call)
        return await self._ask(hand_over, may_call)

    # --- sent

    async def _place(
        self, planned: HandOver, may_call: MayCall, read: Job | None = None
    ) -> Trouble | None:
        found = await self._job(planned) if read is None else self._fit(read)
        if isinstance(found, str):
            await self._wait(planned, found, _LOOK_AGAIN_US)
            return None
        job = found
        if (rest_us := await self._gathers_us(job.order)) > 0:
            await self._wait(planned, _GATHERS, rest_us)
            return None
        if reason := await self._why_not_on(job.order):
            await self._move(planned, HandOverStep.REFUSE, reason=reason)
            return None
        sending: list[HandOver] = []

        async def before_send() -> bool:
            after = await self._sending(planned, job)
            if after is not None:
                sending.append(after)
                return await may_call()
            return False

        def step(link: Link, answers: Answers) -> Placing:
            return self._client.place(link, job, answers)

        end = await self._line.talk(step, key=planned.marker, before_send=before_send)
        if isinstance(end, NotSent):
            return None
        if not sending:
            return await self._not_sent(planned, job, end, may_call)
        return await self._sent(sending[0], job, end, may_call)

    async def _sending(self, planned: HandOver, job: Job) -> HandOver | None:
        """It is committed that it is sent; None: its order went another way, or it was moved meanwhile."""
        now = self._now
        ends = now + round(self._line.timeout_s * SECOND_US)
        command = self._command(
            planned,
            HandOverStep.SEND,
            refs=self._sought(job),
            if_order=job.order.version,
            due_at=ends,
            sure_at=ends + self._settle_us,
        )
        command = msgspec.structs.replace(command, there=There(sent=sent_in(job)))
        after = await self._means.submit(command)
        if isinstance(after, Rejected):
            return None
        self._tell(after)
        return after if after.state is HandOverState.SENDING else None

    async def _not_sent(
        self, planned: HandOver, job: Job, end: object, may_call: MayCall
    ) -> Trouble | None:
        """It ended before anything was sent."""
        match end:
            case Placed():  # the vendor was asked, and has it
                sending = await self._sending(planned, job)
                if sending is None:
                    return None
                return await self._found(sending, end, job, may_call)
            case Refused(reason):
                await self._move(planned, HandOverStep.REFUSE, reason=reason)
            case Blocked(reason, _, retry_after_s):
                await self._wait(planned, reason, self._pause_us(planned))
                return Trouble(reason, retry_after_s)
            case Silence(reason, _, is_down, retry_after_s):
                await self._wait(planned, reason, self._pause_us(planned))
                return Trouble(reason, retry_after_s) if is_down else None
            case Doubt(reason):
                await self._wait(planned, reason, self._pause_us(planned))
        return None

    async def _sent(
        self, sending: HandOver, job: Job, end: object, may_call: MayCall
    ) -> Trouble | None:
        """The call was made: what is known by now."""
        match end:
            case Placed():
                return await self._found(sending, end, job, may_call)
            case Refused(reason):
                await self._move(sending, HandOverStep.REFUSE, reason=reason)
            case Blocked(reason, _, retry_after_s):
                await self._move(sending, HandOverStep.AGAIN, reason=reason)
                return Trouble(reason, retry_after_s)
            case Silence(reason, _, is_down, retry_after_s):
                await self._doubted(sending, reason)
                return Trouble(reason, retry_after_s) if is_down else None
            case Doubt(reason):
                await self._doubted(sending, reason)
        return None

    async def _doubted(self, sending: HandOver, reason: str) -> None:
        """The call has ended, so it is known from when on its absence proves something."""
        now = self._now
        self._means.meter.handed("doubted")
        await self._move(
            sending,
            HandOverStep.ASK,
            reason=reason,
            due_at=now,
            sure_at=min(sending.sure_at, now + self._settle_us),
        )

    # --- asked about

    async def _ask(self, sending: HandOver, may_call: MayCall) -> Trouble | None:
        job = await self._as_sent(sending)
        if isinstance(job, str):
            await self._move(sending, HandOverStep.DOUBT, reason=job)
            return None
        is_as_sent = self._sought(job) == sending.refs
        if not (is_as_sent or self._client.marker):
            return await self._unsure(sending, _OTHERWISE, ())
        asked, window = self._now, Window(sending.started_at, self._now)

        def step(link: Link, answers: Answers) -> Finding:
            return self._client.find(link, job, window, answers)

        end = await self._line.talk(step)
        match end:
            case Found(candidates):
                return await self._weigh(
                    sending, candidates, asked, may_call, is_as_sent=is_as_sent
                )
            case Blocked(reason, _, retry_after_s):
                await self._later(sending, reason)
                return Trouble(reason, retry_after_s)
            case Silence(reason, _, is_down, retry_after_s):
                await self._later(sending, reason)
                return Trouble(reason, retry_after_s) if is_down else None
            case Doubt(reason):
                await self._later(sending, reason)
        return None

    async def _weigh(
        self,
        sending: HandOver,
        candidates: Sequence[Placed],
        asked_us: int,
        may_call: MayCall,
        *,
        is_as_sent: bool,
    ) -> Trouble | None:
        """What was found may be this order, or another's."""
        free = await self._free(sending, candidates)
        if len(free) > 1:
            why = "several orders there may be this one"
            return await self._unsure(sending, why, free)
        if free:
            if not self._client.marker and await self._others_in_doubt(sending):
                why = "it may be this one, or another order that nobody is sure of either"
                return await self._unsure(sending, why, free)
            return await self._found(sending, free[0], None, may_call)
        if self._client.find_delay_s is None:
            return await self._unsure(sending, "the vendor cannot say that it is not there", ())
        if asked_us < sending.sure_at:
            wait_us = min(self._pause_us(sending, growth=2), sending.sure_at - asked_us)
            # What the vendor said, if anything, tells more than that it is asked about.
            why = sending.reason or _NOT_YET
            await self._move(sending, HandOverStep.ASK, reason=why, due_at=asked_us + wait_us)
            return None
        if not is_as_sent:
            return await self._unsure(sending, _OTHERWISE, ())
        if sending.there.doubts + 1 >= _MOST_DOUBTS:
            why = f"{_MOST_DOUBTS} times sent, and no clear answer: {sending.reason or _NOTHING}"
            await self._move(sending, HandOverStep.REFUSE, reason=why)
            return None
        again = await self._move(sending, HandOverStep.AGAIN, reason="it is not there: sent again")
        return await self._place(again, may_call) if again is not None else None

    async def _free(self, sending: HandOver, candidates: Sequence[Placed]) -> list[Placed]:
        """Those that no other hand-over has."""
        if not candidates:
            return []
        numbers = [each.number for each in candidates]
        name = (sending.tenant_id, sending.connection_id)
        ask = self._means.ledger.read
        held = await self._means.in_thread(
            lambda: ask(lambda reads: reads.relay.held(*name, numbers))
        )
        own = sending.order_id
        return [each for each in candidates if held.get(each.number, own) == own]

    async def _others_in_doubt(self, sending: HandOver) -> bool:
        name = (sending.tenant_id, sending.connection_id, sending.order_id)
        ask = self._means.ledger.read
        return await self._means.in_thread(
            lambda: ask(lambda reads: reads.relay.is_in_doubt(*name))
        )

    async def _unsure(
        self, sending: HandOver, reason: str, candidates: Sequence[Placed]
    ) -> Trouble | None:
        numbers = tuple(each.number for each in candidates)
        await self._move(sending, HandOverStep.DOUBT, reason=reason, candidates=numbers)
        return None

    async def _later(self, sending: HandOver, reason: str) -> None:
        due_at = self._now + self._pause_us(sending)
        await self._move(sending, HandOverStep.ASK, reason=reason, due_at=due_at)

    # --- there

    async def _found(
        self, sending: HandOver, placed: Placed, job: Job | None, may_call: MayCall
    ) -> Trouble | None:
        done = self._done(placed, job)
        step = HandOverStep.FIND if done is None else HandOverStep.PLACE
        due_at = self._now if done is None else self._news_at(sending)
        refs = {**((done and done.refs) or placed.refs), **self._line.there}
        command = msgspec.structs.replace(
            self._command(sending, step, number=placed.number, refs=refs, due_at=due_at),
            reason=done.reason if done is not None else "",
        )
        after = await self._means.submit(command)
        if isinstance(after, Rejected):
            if after.reason is Reason.ALREADY_EXISTS:
                return await self._unsure(sending, after.detail, (placed,))
            return None
        self._tell(after)
        if step is HandOverStep.FIND:
            return await self._finish(after, placed, may_call, job)
        return None

    def _done(self, placed: Placed, job: Job | None) -> Placed | None:
        """How it stands where nothing is left to be done about it; None: something is, or may be."""
        if not self._client.has("finish"):
            return placed
        end = None if job is None else self._client.finish(self._line.link, job, placed, ())
        return end if isinstance(end, Placed) else None

    async def _finish(
        self, sending: HandOver, placed: Placed, may_call: MayCall, job: Job | None = None
    ) -> Trouble | None:
        if not self._client.has("finish"):
            await self._move(sending, HandOverStep.PLACE, due_at=self._news_at(sending))
            return None
        found = job or await self._job(sending)
        if isinstance(found, str):
            await self._find(sending, found, _LOOK_AGAIN_US)
            return None
        whole = found

        def step(link: Link, answers: Answers) -> Finishing:
            return self._client.finish(link, whole, placed, answers)

        end = await self._line.talk(step, key=f"{sending.marker}-more", before_send=may_call)
        # What was cut off may still arrive there: then it is looked at once it has.
        later_us = max(self._pause_us(sending), self._settle_us)
        match end:
            case Placed(_, refs, reason):
                due_at = self._news_at(sending)
                there = {**refs, **self._line.there}
                await self._move(
                    sending, HandOverStep.PLACE, reason=reason, refs=there, due_at=due_at
                )
            case Blocked(reason, _, retry_after_s):
                await self._find(sending, reason, self._pause_us(sending))
                return Trouble(reason, retry_after_s)
            case Silence(reason, _, is_down, retry_after_s):
                await self._find(sending, reason, later_us)
                return Trouble(reason, retry_after_s) if is_down else None
            case Doubt(reason):
                await self._find(sending, reason, later_us)
        return None

    async def _find(self, sending: HandOver, reason: str, after_us: int) -> None:
        due_at = self._now + after_us
        await self._move(sending, HandOverStep.FIND, reason=reason, due_at=due_at)

    # --- commands

    async def _job(self, hand_over: HandOver, *, as_it_was: bool = False) -> Job | str:
        ask = self._means.ledger.read
        client = self._client
        job = await self._means.in_thread(
            lambda: ask(lambda reads: job_of(reads, hand_over, client, as_it_was=as_it_was))
        )
        if isinstance(job, str) or as_it_was or hand_over.state is not HandOverState.PLANNED:
            return job
        return self._fit(job)

    async def _as_sent(self, sending: HandOver) -> Job | str:
        """What to look for: the order as it was ordered; as it stands, where units were given back before it went."""
        job = await self._job(sending, as_it_was=True)
        if isinstance(job, str) or self._sought(job) == sending.refs:
            return job
        left = await self._job(sending, as_it_was=False)
        return job if isinstance(left, str) or self._sought(left) != sending.refs else left

    def _sought(self, job: Job) -> dict[str, str]:
        return {_SOUGHT: self._line.sought(job)}

    async def _gathers_us(self, order: Order) -> int:
        """How much longer a recorded sale may still get lines: they come one by one, and half of it goes nowhere."""
        if not order.recorded:
            return 0
        ask = self._means.ledger.read
        events = await self._means.in_thread(lambda: ask(lambda reads: reads.events(order)))
        last_at = max((each.recorded_at for each in events), default=0)
        return last_at + round(GATHER_S * SECOND_US) - self._now

    async def _why_not_on(self, order: Order) -> str:
        """See `comes_back`. An order without a marker, which is nearly every one, costs no read."""
        if not names_in(order):
            return ""
        ask = self._means.ledger.read
        return await self._means.in_thread(lambda: ask(lambda reads: comes_back(reads, order)))

    def _fit(self, job: Job) -> Job | str:
        return self._client.unfit(job, self._line.link) or job

    async def _wait(self, planned: HandOver, reason: str, after_us: int) -> None:
        self._means.meter.handed("waiting")
        await self._move(planned, HandOverStep.WAIT, reason=reason, due_at=self._now + after_us)

    async def _move(
        self,
        before: HandOver,
        step: HandOverStep,
        *,
        reason: str = "",
        due_at: int = 0,
        sure_at: int = 0,
        refs: dict[str, str] | None = None,
        candidates: tuple[str, ...] = (),
    ) -> HandOver | None:
        """None: somebody else moved it meanwhile, and the next look sees how."""
        command = msgspec.structs.replace(
            self._command(before, step, due_at=due_at, refs=refs),
            reason=reason,
            sure_at=sure_at,
            candidates=candidates,
        )
        after = await self._means.submit(command)
        if isinstance(after, Rejected):
            return None
        self._tell(after)
        return after

    def _command(
        self,
        before: HandOver,
        step: HandOverStep,
        *,
        number: str = "",
        refs: dict[str, str] | None = None,
        due_at: int = 0,
        sure_at: int = 0,
        if_order: int | None = None,
    ) -> MoveHandOver:
        return MoveHandOver(
            origin=Origin(
                tenant_id=before.tenant_id, channel="hub", actor=ACTOR, recorded_at=self._now
            ),
            order_id=before.order_id,
            connection_id=before.connection_id,
            step=step,
            if_version=before.version,
            if_order=if_order,
            number=number,
            refs=refs or {},
            due_at=due_at,
            sure_at=sure_at,
        )

    def _tell(self, after: HandOver) -> None:
        if after.state not in (HandOverState.PLANNED, HandOverState.SENDING):
            self._means.meter.handed(after.state.value)
            if after.state is HandOverState.PLACED:
                self._means.meter.took((after.updated_at - after.created_at) / SECOND_US)

    @property
    def _now(self) -> int:
        return self._means.now_us()

    @property
    def _settle_us(self) -> int:
        """How long after a call has ended without an answer its order may still appear."""
        late_s = self._client.find_delay_s or 0.0
        return round((self._line.connection.settle_s + late_s) * SECOND_US)

    def _news_at(self, sending: HandOver) -> int:
        """When it is first asked what became of what was just placed; 0 = nobody has to ask, or its windows tell.

        Windows went by while nobody knew that it was there. If that was brief the next one looks back far enough,
        with as much to spare for a list that lags behind.
        """
        if not self._client.has("news"):
            return 0
        is_brief = self._now - sending.started_at <= round(OVERLAP_S / 2 * SECOND_US)
        if self._client.tells_windows and (not sending.asked or is_brief):
            return 0
        return self._now + round(FIRST_NEWS_S * SECOND_US)

    def _pause_us(self, hand_over: HandOver, growth: int = 1) -> int:
        """Twice as long each time; `growth` 2: four times, where each look is pages of the vendor's limits."""
        longest_s = _LONGEST_PAUSE_S if self._client.marker else _LONGEST_HOLD_UP_S
        return pause_us(growth * (hand_over.asked or hand_over.version), longest_s)


def pause_us(times: int, longest_s: float = _LONGEST_PAUSE_S) -> int:
    """Twice as long each time, five minutes at most."""
    return round(min(longest_s, 2.0 ** min(times, 20) / 2) * SECOND_US)


def _placed(hand_over: HandOver) -> Placed:
    return Placed(hand_over.number, hand_over.refs)
