"""What happened at a vendor's becomes steps of our orders: asked for again and again, less and less often.

A vendor whose list tells what changed is asked for windows of time, which follow one another; any other for each
order by its number. Whatever a vendor's webhook names is asked for at once, in the same way. News is a picture of how
things are over there: it is safe to be told of it twice, and nothing is lost when it is told late.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import structlog

from orderhub.core.commands import ChangeOrder, HandOverStep, MoveHandOver, OrderName, Origin
from orderhub.core.handing import NOT_TAKEN, HandOver, HandOverState, is_asked
from orderhub.core.queries import Reads
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.relaying import RelayState
from orderhub.core.values import Order
from orderhub.dialects.client import (
    Answers,
    Blocked,
    Doubt,
    Job,
    Link,
    News,
    Placed,
    Telling,
    Told,
    Window,
)
from orderhub.relay import calling_off
from orderhub.relay.consequences import Change, consequence, is_settled, is_told
from orderhub.relay.jobs import job_there
from orderhub.relay.means import Means
from orderhub.relay.steps import ACTOR, FIRST_NEWS_S, OVERLAP_S, SECOND_US, Trouble
from orderhub.relay.talking import ELSEWHERE, Line, Silence

_DAY_US = 86_400 * SECOND_US
# Between two windows: as long as something comes, and at most once nothing does.
_SOON_S, _SELDOM_S = 30.0, 600.0
# Between two questions about one order: longer each time that nothing came.
_LAST_S, _LONGER = 21_600.0, 1.5
# What was placed so long ago is waited for no more.
LONGEST_US = 90 * _DAY_US
_OVERLAP_US = round(OVERLAP_S * SECOND_US)
# 90 days of them, six hours apart.
_MOST_TOLD = 400
_MOST_STEPS = 50  # that one order takes at once


class Newsreader:
    """Asks one connection for news, under its lease."""

    def __init__(self, means: Means, line: Line) -> None:
        self._means = means
        self._line = line
        self._client = line.client
        self._log = structlog.get_logger("orderhub.relay")

    @property
    def has_news(self) -> bool:
        return self._client.has("news")

    def soon(self, state: RelayState) -> RelayState | None:
        """Something was placed: the next window is asked for soon. None: it is as it stands."""
        due_at = self._now + round(_SOON_S * SECOND_US)
        if not (self.has_news and self._client.tells_windows) or state.news_due_at <= due_at:
            return None
        return msgspec.structs.replace(state, news_due_at=due_at)

    def is_due(self, state: RelayState) -> bool:
        """Whether the next window is to be asked for."""
        return self.has_news and self._client.tells_windows and state.news_due_at <= self._now

    # --- by window

    async def read_on(self, state: RelayState) -> RelayState | Trouble | Doubt:
        """The window since the last one. Returns how far the connection is known by then. Raises NotDecided."""
        now = self._now
        name = (state.tenant_id, state.connection_id)
        first = await self._first_placed(name, now)
        if not first:
            return self._read(state, until=now if state.news_until else 0, pause_s=_SELDOM_S)
        since = state.news_until or first
        window = Window(max(since - _OVERLAP_US, now - LONGEST_US), now)
        told = await self._told(window, ())
        # More happened than is read at once: what happened first is read first.
        while isinstance(told, Doubt) and told.is_long and (half := _first_half(window)):
            window = half
            told = await self._told(window, ())
        if isinstance(told, Trouble | Doubt):
            return told
        found = await self._placed_as(name, {each.number for each in told})
        moved = False
        news: dict[str, list[News]] = {number: [] for number in found}
        for each in told:
            if each.number in news:
                news[each.number].append(each)
        for number, hand_over in found.items():
            if not _is_known(hand_over, news[number]):
                moved |= await self._follow(hand_over, news[number])
        pause_s = 0.0 if window.until_us < now else _SOON_S if moved else self._pause_s(state)
        return self._read(state, until=window.until_us, pause_s=pause_s)

    def later(self, state: RelayState) -> RelayState:
        """How it stands where none could be had: the same window is asked for again."""
        return self._read(state, until=state.news_until, pause_s=self._pause_s(state))

    def _read(self, state: RelayState, *, until: int, pause_s: float) -> RelayState:
        due_at = self._now + round(pause_s * SECOND_US)
        return msgspec.structs.replace(state, news_until=until, news_due_at=due_at)

    def _pause_s(self, state: RelayState) -> float:
        """Twice as long as the last one, within bounds."""
        last_s = (state.news_due_at - state.news_until) / SECOND_US if state.news_until else 0.0
        return min(max(2 * last_s, _SOON_S), _SELDOM_S)

    async def _first_placed(self, name: tuple[int, int], now: int) -> int:
        """Since when there may be news: when the first was sent of those that are placed; 0 = there is none."""
        ask = self._means.ledger.read
        return await self._means.in_thread(
            lambda: ask(lambda reads: reads.relay.first_placed(*name, now - LONGEST_US))
        )

    async def _placed_as(
        self, name: tuple[int, int], numbers: Iterable[str]
    ) -> dict[str, HandOver]:
        """Which of the vendor's numbers are orders of ours, that were placed where the connection leads."""
        wanted = sorted(set(numbers))

        def look(reads: Reads) -> dict[str, HandOver]:
            held = reads.relay.held(*name, wanted)
            found = {}
            for number, order_id in held.items():
                for each in reads.relay.of_order(name[0], order_id):
                    is_there = each.state is HandOverState.PLACED and self._line.leads_to(each)
                    if each.connection_id == name[1] and is_there:
                        found[number] = each
            return found

        return await self._means.in_thread(lambda: self._means.ledger.read(look))

    # --- by number

    async def of(self, hand_over: HandOver) -> Trouble | None:
        """One order. Raises NotDecided."""
        if not self._line.leads_to(hand_over):
            await self._noted(hand_over, ELSEWHERE)
            return None
        placed = Placed(hand_over.number, hand_over.refs)
        told: Sequence[News] | Trouble | Doubt = ()
        if self.has_news:
            told = await self._told(Window(hand_over.created_at, self._now), (placed,))
        if isinstance(told, Doubt):
            await self._noted(hand_over, told.reason)
            return None
        if isinstance(told, Trouble):
            return told
        await self._follow(hand_over, [each for each in told if each.number == hand_over.number])
        return None

    async def _noted(self, hand_over: HandOver, why: str) -> None:
        """There is no answer about it, and why; it is asked about later."""
        found = await self._standing(hand_over)
        if found is not None:
            order, hand_over, _ = found
            stuck = "" if is_settled(order, hand_over, ()) else why
            await self._note(order, hand_over, (), stuck)

    async def _told(
        self, window: Window, placed: tuple[Placed, ...]
    ) -> Sequence[News] | Trouble | Doubt:
        def step(link: Link, answers: Answers) -> Telling:
            return self._client.news(link, window, placed, answers)

        end = await self._line.talk(step)
        match end:
            case Told(news):
                return news
            case Blocked(reason, _, retry_after_s) | Silence(reason, _, _, retry_after_s):
                return Trouble(reason, retry_after_s)
            case Doubt():
                return end
        return Trouble("the news cannot be read")

    # --- what comes of it

    async def _follow(self, hand_over: HandOver, news: list[News]) -> bool:
        """Step by step until the order knows all of it. Returns whether it moved."""
        moved = False
        for _ in range(_MOST_STEPS):
            found = await self._standing(hand_over)
            if found is None:
                return moved
            order, hand_over, job = found
            if is_asked(hand_over, self._now):
                # What is told may be the very wish, done there and not yet here.
                await self._note(order, hand_over, news, hand_over.reason)
                return moved
            next_ = consequence(order, hand_over, job, news, self._origin(hand_over))
            if isinstance(next_, Change):
                refused = await self._change(next_.command)
                if refused is None:
                    moved = True
                    continue
                if refused.reason is Reason.VERSION_CONFLICT:
                    continue
                stuck: str = refused.detail or refused.reason.value
                await self._note(order, hand_over, news, stuck)
                return moved
            stuck = next_.stuck
            if hand_over.due_at <= self._now:
                told = await calling_off.told(self._means, self._line, hand_over, order)
                hand_over, trouble = told
                stuck = trouble.reason if trouble is not None else stuck
            elif calling_off.is_owed(self._client, hand_over, order):
                stuck = stuck or hand_over.reason
            await self._note(order, hand_over, news, stuck, next_.news)
            return moved
        self._log.warning("news without an end", tenant=hand_over.tenant_id, handover=hand_over.uid)
        return moved

    async def _standing(self, hand_over: HandOver) -> tuple[Order, HandOver, Job] | None:
        def look(reads: Reads) -> tuple[Order, HandOver, Job] | None:
            tenant = hand_over.tenant_id
            order = reads.order(tenant, OrderName("id", str(hand_over.order_id)))
            now = reads.relay.named(tenant, hand_over.uid)
            if order is None or now is None or now.state is not HandOverState.PLACED:
                return None
            job = job_there(reads, now, self._client)
            return None if isinstance(job, str) else (order, now, job)

        return await self._means.in_thread(lambda: self._means.ledger.read(look))

    async def _change(self, command: ChangeOrder) -> Rejected | None:
        return await self._means.change(command)

    async def _note(
        self,
        order: Order,
        hand_over: HandOver,
        news: Sequence[News],
        stuck: str,
        told: tuple[str, ...] = (),
    ) -> None:
        """When it is asked for next, and why what was told could not be followed."""
        known = msgspec.structs.replace(hand_over, told=(*hand_over.told, *told))
        is_owed = calling_off.is_owed(self._client, known, order)
        due_at = self._next(hand_over, bool(stuck), is_owed=is_owed)
        if is_settled(order, known, news) and not is_owed:
            due_at = 0
        if (wish := hand_over.there.wish) is not None and is_asked(hand_over, self._now):
            due_at = wish.until
        reason = stuck or hand_over.refs.get(NOT_TAKEN, "")
        is_news = bool(set(told) - set(hand_over.told)) or reason != hand_over.reason
        if not is_news and not due_at and hand_over.due_at > self._now:
            return
        command = MoveHandOver(
            origin=self._origin(hand_over),
            order_id=hand_over.order_id,
            connection_id=hand_over.connection_id,
            step=HandOverStep.NEWS,
            if_version=hand_over.version,
            news=known.told,
            there=hand_over.there,
            reason=reason,
            due_at=due_at,
        )
        # Whoever moved it meanwhile has it looked at again.
        await self._means.submit(command)

    def _next(self, hand_over: HandOver, is_stuck: bool, *, is_owed: bool) -> int:
        """When one order is asked for again; 0 = its windows tell, or nobody waits for it any more.

        is_stuck  whether something of it could not be followed yet
        is_owed   whether something has to be said there, however old it is: so often it is tried
        """
        now = self._now
        is_old = now - hand_over.created_at > LONGEST_US
        if is_old and not (is_owed and hand_over.asked < _MOST_TOLD):
            return 0
        if not (is_stuck or is_owed) and self._client.tells_windows:
            return 0
        pause_s = min(FIRST_NEWS_S * _LONGER ** min(hand_over.asked, 50), _LAST_S)
        return now + round(pause_s * SECOND_US)

    def _origin(self, hand_over: HandOver) -> Origin:
        return Origin(
            tenant_id=hand_over.tenant_id, channel="hub", actor=ACTOR, recorded_at=self._now
        )

    @property
    def _now(self) -> int:
        return self._means.now_us()


def _first_half(window: Window) -> Window | None:
    """None: it is so short that the next one would begin no later."""
    half_us = (window.until_us - window.since_us) // 2
    return Window(window.since_us, window.since_us + half_us) if half_us > 2 * _OVERLAP_US else None


def _is_known(hand_over: HandOver, news: Sequence[News]) -> bool:
    """Whether all of it was followed before: windows overlap, so most of what they tell was told by the last one."""
    if hand_over.reason != hand_over.refs.get(NOT_TAKEN, ""):
        return False
    return all(is_told(hand_over, each) for each in news)
