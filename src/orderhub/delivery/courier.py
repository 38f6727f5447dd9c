"""Serves one webhook, while this process has its lease: reads on, sends, and writes down what came of it.

Orders are sent side by side, the events of one order one after another. What failed, and what waits behind it, gets a
row and is left there until it is due; then the cursor moves over it. Nothing is open in the database while anything
is on its way, and all of a round is written in one short transaction that is void without the lease.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress

import msgspec
import structlog

from orderhub.core.deliveries import (
    BEHIND,
    DROPPED,
    EVENT,
    REPLAY,
    SENT,
    WAITING,
    Attempt,
    Stretch,
    WebhookLook,
    WebhookState,
)
from orderhub.core.facts import Record
from orderhub.core.webhook_formats import Format, Message, Terms, Told
from orderhub.core.webhooks import RECORD_KIND, Webhook
from orderhub.delivery import retries
from orderhub.delivery.feed import Item, place_of
from orderhub.delivery.journal import LeaseLost, Settled
from orderhub.delivery.looking import Found, Wants, look
from orderhub.delivery.means import Means, Off, attempt_of
from orderhub.delivery.outcomes import Outcomes, Written
from orderhub.delivery.pieces import Lines, Piece, Reading
from orderhub.delivery.replays import about, beginning, is_for
from orderhub.ledger.deliveries import Settling

LEASE_US = 30_000_000
MOST_FLYING = 16  # sent at once to one receiver
_PAGE = 256  # read at once, unless more than that is in hand
# A cursor behind which so much is settled but for one slow answer gets a move on.
_MOST_MARKS = 512
# Results are written together: so many, or what there is after so long while there is more to send.
_FLUSH = 256
_FLUSH_EVERY_S = 0.25
# So often at most it reads and writes: what is committed meanwhile is one page, and a round costs the same for many.
_ROUND_S = 0.2
# While orders want the machine for themselves: a page a second, and the rest once they do not.
_BUSY_ROUND_S = 1.0
# A cursor that only passed by what is not for the webhook is written now and then: others know it by that alone.
_PASSED_BY = 1_000
_PASSED_BY_US = 5_000_000
_SAFE_US = 1_000_000


class Courier:
    """One webhook. `run` returns when there is nothing more to do for now; one at a time. For the event loop alone."""

    def __init__(self, means: Means, tenant_id: int, webhook_id: int, tenant: str) -> None:
        self._means = means
        self._name = (tenant_id, webhook_id)
        self._tenant = tenant
        self.state = WebhookState(tenant_id=tenant_id, webhook_id=webhook_id)
        self._webhook: Record | None = None
        self._format: Format | None = None
        self._terms = Terms()
        self._log = structlog.get_logger("orderhub.webhooks")
        self._chance = random.Random()  # noqa: S311 - jitter
        self._event = asyncio.Event()
        self._round_at = 0.0
        self._flights: set[asyncio.Task[None]] = set()
        self.is_leaving = False
        self._forget()

    def _forget(self) -> None:
        """Nothing is in hand. What is still on its way comes back to nobody."""
        for flight in self._flights:
            flight.cancel()
        self._flights = set()
        self._live = Reading(self.state.cursor)
        self._replay: tuple[Stretch, Reading] | None = None
        self._may_replay = True
        self._due_at = self.state.due_at
        self._lines = Lines()
        self._stuck: set[str] = set()
        self._outcomes = Outcomes(*self._name)
        self._pull_since: int | None = None
        self._is_woken = True
        self._off = ""

    # --- seen from outside

    def wake(self) -> None:
        """The feed may have gone on. Said with every order: until it has looked, once is enough."""
        if not self._is_woken:
            self._is_woken = True
            self._event.set()

    def told(self, seen: WebhookLook) -> None:
        """What a look at all webhooks saw of this one."""
        if seen.state is not None and seen.state.due_at <= self._means.now_us():
            self._due_at = min(self._due_at, seen.state.due_at)
        self._may_replay = self._may_replay or seen.has_replays
        if seen.version != self.state.version:
            self.state = msgspec.structs.replace(self.state, resume_at=0)
        self._is_woken = True
        self._event.set()

    def leave(self) -> None:
        """Nothing more is sent; `run` returns once what is on its way is back."""
        self.is_leaving = True
        self._event.set()

    def has_read(self, progress: int) -> bool:
        """Whether it has the webhook and has read all that there is in the feed."""
        return self._has_lease() and self._live.is_end and self._live.progress == progress

    @property
    def reached(self) -> int:
        """How many positions of the feed it has read, while it has the webhook."""
        if not self._has_lease():
            return 0
        return sum(place_of(self._live.at, self._name[0]).lanes.values())

    @property
    def is_to_note(self) -> bool:
        """Whether how far it has come is to be written, whatever else there is."""
        passed = self.reached - self.state.passed
        written_us = self.state.leased_until - LEASE_US
        is_late = self._means.now_us() - written_us >= _PASSED_BY_US
        return passed >= _PASSED_BY or (passed > 0 and is_late)

    def oldest_us(self) -> int | None:
        """When the first was recorded of what is read and not settled; None: there is nothing of the kind."""
        events = (each.event for each in self._live.unsettled())
        return next((each.recorded_at for each in events if each is not None), None)

    async def run(self) -> None:
        """Serve it. What could not be written is read and sent again later, under the same ids."""
        try:
            while await self._round():
                pass
            await self._landed()
            await self._rest()
        except LeaseLost:
            self._give_up()
        except BaseException:
            # Its cursor may be ahead of what could be written: how far it is, the ledger says when it is served next.
            self.state = msgspec.structs.replace(self.state, leased_until=0)
            self._forget()
            raise

    async def abandon(self) -> None:
        """What is on its way is not waited for any longer: it is tried again by whoever has the webhook next."""
        flights, self._flights = self._flights, set()
        for flight in flights:
            flight.cancel()
        for flight in flights:
            with suppress(asyncio.CancelledError):
                await flight
        self._event.set()

    async def give_back(self) -> None:
        """Let others have the webhook; what is known was written by the end of `run`."""
        state = self.state
        if state.owner:
            await self._means.journal.release(state)
            self._give_up()

    def _give_up(self) -> None:
        self.state = msgspec.structs.replace(self.state, owner="", leased_until=0)
        self._forget()

    # --- a round

    async def _round(self) -> bool:
        """Write, read, send, wait. False: nothing is left to do for now."""
        loop = asyncio.get_running_loop()
        while (early_s := self._round_at + self._round_s - loop.time()) > 0 and not self.is_leaving:
            await self._pause(early_s)
        self._round_at = loop.time()
        if not self._has_lease() and not await self._take():
            return False
        wants = self._wants()
        if wants is not None and wants.live is not None:
            self._is_woken = False
        settling = self._settling() if self._must_write(wants) else None
        if (settling or wants) and not await self._turn(settling, wants):
            return False
        self._send()
        if self._off and not self._flights:
            await self._switch_off()
            return False
        if self._flights:
            await self._wait()
            return True
        # What came back while it wrote is written first: only then there may be more of a stretch.
        return self._wants() is not None or self._must_write(None)

    @property
    def _round_s(self) -> float:
        return _BUSY_ROUND_S if self._means.gives_way else _ROUND_S

    async def _wait(self) -> None:
        """Until there is something to read or to write; what may leave meanwhile does."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + 5.0
        while True:
            until = ends_at
            if self._outcomes:
                until = min(until, self._outcomes.began_s + _FLUSH_EVERY_S)
            if self._wants() is not None:
                until = min(until, self._round_at + self._round_s)
            if until <= (now := loop.time()):
                return
            await self._pause(until - now)
            is_over = not self._has_lease() or self._off or loop.time() >= ends_at
            if not self._flights or is_over or len(self._outcomes) >= _FLUSH:
                return

    async def _pause(self, limit_s: float | None) -> None:
        """Until something is back or there is more to read or to do, for so long at most; then what may leave does."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._event.wait()
        self._event.clear()
        self._send()

    async def _turn(self, settling: Written | None, wants: Wants | None) -> bool:
        """Write and read while others leave. False: the webhook is not to be served any more."""
        working = asyncio.ensure_future(self._written_and_read(settling, wants))
        working.add_done_callback(lambda _: self._event.set())
        while not working.done():
            await self._pause(None)
        written, found = await working
        due_at = BEHIND
        if settling is not None and written is not None:
            due_at = self._note(settling, *written)
        is_served = wants is None or found is None or self._take_in(wants, found)
        # What was given its turn just now was passed over by the look if the one before it was in hand still.
        self._due_at = min(self._due_at, due_at)
        return is_served

    async def _written_and_read(
        self, settling: Written | None, wants: Wants | None
    ) -> tuple[Settled | None, Found | None]:
        means, name, now = self._means, self._name, self._means.now_us()
        written = None if settling is None else await means.journal.settle(settling.what, now)
        if wants is None:
            return written, None
        found = await means.in_thread(
            lambda: means.ledger.read(lambda reads: look(reads, *name, wants, now))
        )
        return written, found

    async def _landed(self) -> None:
        """What is on its way is back: switched off or removed, it has been sent all the same."""
        while self._flights:
            self._event.clear()
            await self._event.wait()

    async def _rest(self) -> None:
        """Nothing is in hand any more: what was read and did not leave waits in rows."""
        now = self._means.now_us()
        for line in self._lines.drop_all():
            for nth, piece in enumerate(line):
                if piece not in self._outcomes:
                    self._outcomes.waits(
                        piece, BEHIND if nth else max(now, self.state.resume_at), now
                    )
        if self.state.owner and (self._must_write(None) or self.is_to_note):
            await self._turn(self._settling(), None)

    async def _switch_off(self) -> None:
        why, self._off = self._off, ""
        await self._rest()
        found = self._webhook
        assert found is not None
        await self._means.switch_off(Off(found.tenant_id, found.id, found.uid, found.version, why))

    # --- the lease

    def _has_lease(self) -> bool:
        """Whether nobody else can have the webhook for as long as a call takes."""
        left_us = self.state.leased_until - self._means.now_us()
        return bool(self.state.owner) and left_us > self._timeout_us() + _SAFE_US

    def _timeout_us(self) -> int:
        return round(self._terms.timeout_s * 1_000_000)

    async def _take(self) -> bool:
        """Take the lease, or renew it. What is in hand is good only where it never ended."""
        if self.is_leaving:
            return False
        now = self._means.now_us()
        is_ours = bool(self.state.owner) and now < self.state.leased_until
        if is_ours and (self._flights or self._outcomes or self._lines.count):
            return await self._turn(self._settling(), None)
        self._forget()
        ledger, (tenant_id, webhook_id) = self._means.ledger, self._name
        webhook = await self._means.in_thread(
            lambda: ledger.read(
                lambda reads: reads.record(tenant_id, RECORD_KIND, "id", webhook_id)
            )
        )
        state = None
        if webhook is not None and webhook.doc.is_enabled:
            mine = msgspec.structs.replace(
                beginning(webhook), owner=self._means.owner, leased_until=now + LEASE_US
            )
            state = await self._means.journal.lease(mine, now, LEASE_US, webhook.version)
        if webhook is None or state is None:
            self._give_up()
            return False
        self.state = state
        self._forget()
        return self._serves(webhook)

    def _serves(self, webhook: Record) -> bool:
        self._webhook = webhook
        name = webhook.doc.format
        self._format = self._means.formats.get(name)
        if self._format is None:
            self._log.error("a webhook has a format that nobody knows", format=name)
            return False
        self._terms = self._format.terms
        return True

    # --- reading

    @property
    def is_resting(self) -> bool:
        """Whether the receiver is left alone for now."""
        return self.state.resume_at > 0 and self._means.now_us() < self.state.resume_at

    def _wants(self) -> Wants | None:
        """What is read next; None: there is no room, or nothing to read."""
        if self.is_leaving or self._off or self.is_resting:
            return None
        count, is_due = self._lines.count, self._due_at <= self._means.now_us()
        has_live = not self._live.is_end or self._is_woken
        if retries.is_down(self.state):  # one thing at a time, and what waits first
            limit, has_live = 1, has_live and not is_due
            if count:
                return None
        else:
            limit = _PAGE
            if count > limit:
                return None
        has_live = has_live and len(self._live) < 2 * _MOST_MARKS
        again = self._may_replay and self._replay is None and limit > 1
        if not (has_live or is_due or again):
            return None
        return Wants(
            limit=limit,
            live=self._live.at if has_live else None,
            due=is_due,
            again=again,
            in_hand=self._abouts_in_hand().__contains__,
        )

    def _abouts_in_hand(self) -> set[str]:
        """Also of what is back: until that is written, its row says that it waits."""
        return {*self._lines.abouts(), *self._outcomes.abouts()}

    def _take_in(self, wants: Wants, found: Found) -> bool:
        """Put what a look brought into lines. False: the webhook is not to be served any more."""
        webhook = found.webhook
        if webhook is None:
            return False
        if webhook.version != self.state.version:
            # Whoever changed it has a reason to believe that it works now.
            self.state = retries.anew(self.state, webhook.version)
            self._pull_since = 0
        if wants.again:
            self._may_replay = found.stretch is not None
        if not self._serves(webhook):
            return False
        if found.due_at is not None:
            self._due_at = found.due_at
        for row, event in found.due:
            order = None if event is None else found.orders.get(event.order_uid)
            piece = Piece(event, row.about, order, row.cause, row)
            # The ledger was restored from before it, or the form of the webhook says nothing of it.
            if event is None or self._is_silent(piece):
                self._outcomes.keep(piece, msgspec.structs.replace(row, state=DROPPED))
            else:
                self._lines.put(piece)
        if found.live is not None:
            self._live.read(self._marked(found.live.items, found, EVENT), found.live.next_cursor)
            self._live.is_end, self._live.progress = found.live.is_end, found.live.progress
        if found.stretch is not None:
            items, left = found.stretch
            reading = Reading(left.cursor)
            reading.read(self._marked(items, found, REPLAY), left.cursor)
            self._replay = (left, reading)
        return True

    def _marked(
        self, items: Sequence[Item], found: Found, cause: str
    ) -> list[tuple[Piece | None, str]]:
        """Pieces in their lines, or behind what waits, each with the cursor behind it."""
        assert self._webhook is not None
        marks: list[tuple[Piece | None, str]] = []
        for item in items:
            event = item.event
            if not is_for(self._webhook.doc, event):
                marks.append((None, item.cursor))
                continue
            piece = Piece(event, about(event), found.orders.get(event.order_uid), cause)
            if self._is_silent(piece):
                marks.append((None, item.cursor))
                continue
            is_held_up = piece.about in found.held_up or piece.about in self._stuck
            if is_held_up and not self._lines.goes_on(piece.about):
                self._outcomes.waits(piece, BEHIND, self._means.now_us())
            else:
                self._lines.put(piece)
            marks.append((piece, item.cursor))
        return marks

    # --- sending

    def _send(self) -> None:
        """Let leave what may."""
        if not self._has_lease():
            return
        most = 1 if retries.is_down(self.state) else MOST_FLYING
        while self._lines.has_ready and len(self._flights) < most:
            if self.is_leaving or self._off or self.is_resting:
                return
            self._launch(self._lines.take(self._terms.most_events))

    def _launch(self, pieces: list[Piece]) -> None:
        assert self._webhook is not None
        try:
            message = self._message(pieces)
        except Exception as error:  # noqa: BLE001
            # A bug of ours says nothing of the receiver: it is tried again as if it had failed.
            self._log.exception("an event cannot be worded", about=pieces[0].about)
            attempt = Attempt(self._means.now_us(), 0, 0, error=f"not worded: {error}")
            self._wait_for_it(pieces, attempt, 0.0)
            return
        if message is None:
            for each in pieces:
                each.is_settled = True
                if each.row is not None:
                    self._outcomes.keep(each, msgspec.structs.replace(each.row, state=DROPPED))
            self._lines.done(pieces)
            return
        self._flights.add(asyncio.create_task(self._fly(self._webhook.doc, message, pieces)))

    def _message(self, pieces: Sequence[Piece]) -> Message | None:
        assert self._webhook is not None
        assert self._format is not None
        told = [Told(each.event, each.order, self._tenant) for each in pieces if each.event]
        return self._format.message(self._webhook.doc, told)

    def _is_silent(self, piece: Piece) -> bool:
        """Of many events in one message each is asked about by itself: only what is said counts as sent."""
        if self._terms.most_events == 1:
            return False
        with suppress(Exception):  # it is seen again when the message is made
            return self._message([piece]) is None
        return False

    async def _fly(self, webhook: Webhook, message: Message, pieces: list[Piece]) -> None:
        at, retry_after_s = self._means.now_us(), 0.0
        try:
            reply = await self._means.post(self._name[0], webhook, message, self._terms)
            attempt, retry_after_s = attempt_of(at, reply), reply.retry_after_s
        except Exception as broken:  # noqa: BLE001 - as above
            self._log.exception("a message could not be posted", event_id=message.id)
            error = f"not posted: {type(broken).__name__}"
            attempt = Attempt(at, 0, self._means.now_us() - at, error=error)
        me = asyncio.current_task()
        if me not in self._flights:  # nobody waits for it any more
            return
        self._flights.discard(me)
        if 200 <= attempt.status < 300:
            self._arrived(pieces, attempt)
        else:
            self._failed(pieces, attempt, retry_after_s)
        self._event.set()

    def _arrived(self, pieces: list[Piece], attempt: Attempt) -> None:
        if retries.is_down(self.state):
            # It is back: what failed only since it was down need not wait any longer.
            self._pull_since = self.state.failing_since
        self.state = retries.after_success(self.state)
        for each in pieces:
            self._outcomes.tried(each, attempt, SENT)
            if each.event is not None and each.cause == EVENT:
                self._means.meter.lagged(max(0, attempt.at - each.event.recorded_at) / 1e6)
        self._means.meter.delivered("sent", len(pieces))
        self._lines.done(pieces)

    def _failed(self, pieces: list[Piece], attempt: Attempt, retry_after_s: float) -> None:
        now = self._means.now_us()
        asked_s = retries.asked_for_s(attempt.status, retry_after_s)
        self.state = retries.after_failure(self.state, now, asked_s, self._chance.random())
        self._off = self._off or retries.off_why(self.state, now, attempt.status)
        self._wait_for_it(pieces, attempt, asked_s)

    def _wait_for_it(self, pieces: list[Piece], attempt: Attempt, asked_s: float) -> None:
        """Each is tried again by its own count, and all else of its line goes behind; or it is given up."""
        chance, now = self._chance.random(), self._means.now_us()
        tried: dict[str, int] = {}
        lost: list[Piece] = []
        for each in pieces:
            next_at = retries.again_at(
                self._terms, each.row, now, asked_s, chance, gives_up=not self._off
            )
            if next_at is None:
                self._outcomes.tried(each, attempt, DROPPED)
                lost.append(each)
                continue
            self._outcomes.tried(each, attempt, WAITING, BEHIND if each.about in tried else next_at)
            tried.setdefault(each.about, next_at)
        self._lines.done([each for each in lost if each.about not in tried])
        for line in tried:
            for each in self._lines.drop(line):
                if each.row is None and each not in self._outcomes:
                    self._outcomes.waits(each, BEHIND, now)
        self._stuck |= tried.keys()
        self._due_at = min(self._due_at, *tried.values(), BEHIND)
        for outcome, count in (("failed", len(pieces) - len(lost)), ("dropped", len(lost))):
            if count:
                self._means.meter.delivered(outcome, count)

    # --- writing

    def _must_write(self, wants: Wants | None) -> bool:
        """Whether there is enough, or anything and nothing better to do than what is wanted."""
        if self._outcomes or self._pull_since is not None:
            since_s = asyncio.get_running_loop().time() - self._outcomes.began_s
            is_idle = not (self._flights or self._lines.count or wants)
            if len(self._outcomes) >= _FLUSH or since_s >= _FLUSH_EVERY_S or is_idle:
                return True
        if self._replay is not None and self._replay[1].is_settled:
            return True
        if len(self._live) > _MOST_MARKS:
            return True
        return self.state.leased_until - self._means.now_us() < LEASE_US // 2

    def _overtake(self) -> None:
        """One slow answer does not hold the cursor for ever: what is before it gets rows, too."""
        if len(self._live) <= _MOST_MARKS:
            return
        now = self._means.now_us()
        due_at = now + self._timeout_us()
        seen: set[str] = set()
        for each in self._live.unsettled():
            self._outcomes.waits(each, BEHIND if each.about in seen else due_at, now)
            seen.add(each.about)

    def _settling(self) -> Written:
        """What is to be written now. Whatever comes back from here on is written by the next."""
        self._overtake()
        added, changed = self._outcomes.taken()
        self._stuck = set()
        stretches: tuple[Stretch, ...] = ()
        if self._replay is not None and self._replay[1].is_settled:
            stretches, self._replay = (self._replay[0],), None
        pull_since, self._pull_since = self._pull_since, None
        state, cursor = self.state, self._live.settled()
        if cursor is not None:
            passed = sum(place_of(cursor, self._name[0]).lanes.values())
            state = msgspec.structs.replace(state, cursor=cursor, passed=passed)
        self.state = state  # the lease is longer once that is written: messages leave meanwhile
        what = Settling(
            state=msgspec.structs.replace(state, leased_until=self._means.now_us() + LEASE_US),
            added=[row for _, row in added],
            changed=[row for _, row in changed],
            stretches=stretches,
            pull_since=pull_since,
        )
        return Written(what, added, changed)

    def _note(self, settled: Written, ids: list[int], state: WebhookState) -> int:
        """It is written: pieces know their rows. Answers when what waits is due, if that may be another time now."""
        for (piece, row), number in zip(settled.added, ids, strict=True):
            piece.row = msgspec.structs.replace(row, id=number)
        for piece, row in settled.changed:
            piece.row = row
        what, until = settled.what, settled.what.state.leased_until
        self.state = msgspec.structs.replace(self.state, due_at=state.due_at, leased_until=until)
        return state.due_at if what.added or what.changed or what.pull_since is not None else BEHIND
