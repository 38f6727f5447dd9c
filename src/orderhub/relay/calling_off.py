"""What is called off here is called off there: first, where the vendor must agree; afterwards, where it only records.

A cancellation or a refund is not final here before the vendor has said yes. That it is asked is written on the
hand-over before it is (a `Wish`), so that one asks at a time and no news does the same again meanwhile; the deciding
commit takes the wish away. Should we die between its yes and our commit, its news brings the same about. What is
asked for is how much shall be off in all: what a vendor's own record shows to be off is not asked for again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal

import msgspec

from orderhub.core.calling_off import (
    CALLED_OFF,
    beyond,
    is_all,
    known_off,
    owed,
    wanted,
)
from orderhub.core.commands import HandOverStep, MoveHandOver, Origin
from orderhub.core.connections import RECORD_KIND
from orderhub.core.facts import Record
from orderhub.core.fulfilment import GIVEN_BACK
from orderhub.core.handing import HandOver, HandOverState, Wish, is_asked
from orderhub.core.money import ZERO, plain
from orderhub.core.queries import Reads
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.steps import Units
from orderhub.core.values import Order, Status
from orderhub.dialects.client import (
    Answers,
    Blocked,
    Client,
    Done,
    Doubt,
    Job,
    Link,
    Pending,
    Placed,
    Refused,
    Undoing,
)
from orderhub.relay.jobs import job_there
from orderhub.relay.means import Means, NotDecided
from orderhub.relay.steps import ACTOR, SECOND_US, Trouble
from orderhub.relay.talking import ELSEWHERE, Line, Silence

# Longer than anybody waits for a vendor and for the commit behind it.
_WISHED_S = 60.0
_TRIES = 5


class Asking(msgspec.Struct, frozen=True):
    """Who asks. `name` is the same when the same call comes again, empty = nobody can tell; `by` is this one time's."""

    name: str = ""
    by: str = ""


class Again(msgspec.Struct, frozen=True):
    """Somebody else is at it, or it was changed meanwhile: look anew, in a moment."""

    reason: str = "the order is being changed"


async def first(
    means: Means,
    line_to: Callable[[Record], Line],
    before: Order,
    after: Order,
    asking: Asking,
) -> Rejected | Trouble | Again | None:
    """Have the vendors call off what is to be called off here; None: they did, or nothing of it is anybody's.

    before, after  the order as it stands, and as it would be. What is only money is nobody's business but ours
    line_to        a way to the vendor of a connection. Raises ValueError for credentials that cannot be read
    """
    for hand_over, record in await _placed(means, before):
        off = wanted(after, hand_over)
        if not beyond(off, wanted(before, hand_over)) or not owed(after, hand_over):
            continue
        client = means.clients.get(record.doc.dialect) if record is not None else None
        if record is None or client is None or client.records_only:
            continue
        vendor = record.doc.title or record.doc.dialect
        if not record.doc.is_enabled:
            why = (
                f"{vendor} has it as {hand_over.number}, and the connection is switched off:"
                " switch it on first, or remove it"
            )
            return Rejected(Reason.TRANSITION_NOT_ALLOWED, "status", why)
        try:
            line = line_to(record)
        except ValueError as error:
            return Trouble(f"{vendor} cannot be asked: {error}")
        wished = await _wished(means, hand_over, before, off, asking)
        if not isinstance(wished, HandOver):
            return wished
        refused = await _agreed(means, line, wished, before, asking)
        if refused is not None:
            return refused
    return None


async def _agreed(
    means: Means, line: Line, wished: HandOver, before: Order, asking: Asking
) -> Rejected | Trouble | Again | None:
    """What the vendor says to a wish that is written down; None: it is done there, or needs no yes."""
    job = await _job(means, wished, line.client)
    if isinstance(job, str):
        await _answered(means, wished, asking.by, None)
        return Trouble(job)
    try:
        is_paid = before.status is not Status.PENDING
        must, end, was_sent = await _asked(line, job, wished, before, is_paid=is_paid)
    except asyncio.CancelledError:
        with suppress(NotDecided):
            await _answered(means, wished, asking.by, _unanswered(means, wished, line))
        raise
    if isinstance(end, Done | None):
        return None
    # A clear no is the end of a wish. Who gave none may still be at it.
    is_open = was_sent and isinstance(end, Silence | Doubt)
    await _answered(means, wished, asking.by, _unanswered(means, wished, line) if is_open else None)
    refused = _refusal(line.connection.title or line.connection.dialect, end)
    return refused if must else None


async def told(
    means: Means, line: Line, hand_over: HandOver, order: Order
) -> tuple[HandOver, Trouble | None]:
    """What was called off here, said there as well: the hand-over with what is known by then, to be noted.

    Its trouble is what the vendor refuses, which cannot be helped now and is told. Raises NotDecided.
    """
    if line.client.records_only:
        return await _recorded(means, line, hand_over, order)
    off, now = wanted(order, hand_over), means.now_us()
    if not is_owed(line.client, hand_over, order) or is_asked(hand_over, now):
        return hand_over, None
    job = await _job(means, hand_over, line.client)
    if isinstance(job, str):
        return hand_over, Trouble(job)
    wished = await _wished(means, hand_over, order, off, Asking(by=hand_over.uid))
    if not isinstance(wished, HandOver):
        return hand_over, None  # whoever moved it has it looked at again
    _, end, was_sent = await _asked(line, job, wished, order, is_paid=order.paid > ZERO)
    if isinstance(end, Done | None):
        return known_off(_with(wished, None), order, off), None
    is_open = was_sent and isinstance(end, Silence | Doubt)
    after = _with(wished, _unanswered(means, wished, line) if is_open else None)
    return after, _trouble(end)


def is_owed(client: Client, hand_over: HandOver, order: Order) -> bool:
    """Whether something was called off here of which it is not known that it is there."""
    if client.records_only:
        return bool(_name(order)) and _name(order) not in hand_over.told
    return bool(owed(order, hand_over))


async def _recorded(
    means: Means, line: Line, hand_over: HandOver, order: Order
) -> tuple[HandOver, Trouble | None]:
    """The same for a vendor that only keeps what became of it: said again, it is the same."""
    name = _name(order)
    if not is_owed(line.client, hand_over, order):
        return hand_over, None
    job = await _job(means, hand_over, line.client)
    if isinstance(job, str):
        return hand_over, Trouble(job)
    amount = None if order.status in GIVEN_BACK else order.refunded
    _, end, _ = await _asked(
        line, job, hand_over, order, is_paid=order.paid > ZERO, amount=amount, key=name
    )
    if isinstance(end, Done | None):
        return msgspec.structs.replace(hand_over, told=(*hand_over.told, name)), None
    return hand_over, _trouble(end)


def _name(order: Order) -> str:
    if order.status in GIVEN_BACK:
        return CALLED_OFF
    return f"refunded {plain(order.refunded)}" if order.refunded else ""


# --- wishes


async def _wished(
    means: Means, hand_over: HandOver, order: Order, off: Units, asking: Asking
) -> HandOver | Rejected | Trouble | Again:
    """The hand-over once it is committed that its vendor is asked to have so much off in all."""
    now, last = means.now_us(), hand_over.there.wish
    if last is not None and is_asked(hand_over, now, asking.by):
        if last.by:
            return Again("the vendor is being asked about the order already")
        wait_s = (last.until - now) / SECOND_US
        return Trouble("the vendor may still be at what it was asked before", wait_s)
    if last is not None and last.name and last.name == asking.name and last.off != off:
        why = "the order was changed since this was asked for first: it may be done by now"
        return Rejected(Reason.TRANSITION_NOT_ALLOWED, "status", why)
    is_same = last is not None and last.off == off
    wish = Wish(
        name=asking.name,
        by=asking.by,
        off=off,
        seq=last.seq if last is not None and is_same else hand_over.version,
        until=now + round(_WISHED_S * SECOND_US),
    )
    command = _command(means, _with(hand_over, wish), HandOverStep.WISH)
    after = await means.submit(msgspec.structs.replace(command, if_order=order.version))
    return Again() if isinstance(after, Rejected) else after


async def _answered(means: Means, wished: HandOver, by: str, wish: Wish | None) -> None:
    """The vendor was asked: what is left of the wish. Who moved the hand-over meanwhile did not take it."""
    name = (wished.tenant_id, wished.uid)
    for _ in range(_TRIES):
        now = await means.in_thread(
            lambda: means.ledger.read(lambda reads: reads.relay.named(*name))
        )
        if now is None or now.there.wish is None or now.there.wish.by != by:
            return
        after = await means.submit(_command(means, _with(now, wish), HandOverStep.WISH))
        if not isinstance(after, Rejected):
            return


def _unanswered(means: Means, wished: HandOver, line: Line) -> Wish | None:
    """The same wish with nobody at it: asked again only once the vendor must be done with it."""
    wish, settle_us = wished.there.wish, round(line.connection.settle_s * SECOND_US)
    return wish and msgspec.structs.replace(wish, by="", until=means.now_us() + settle_us)


def _with(hand_over: HandOver, wish: Wish | None) -> HandOver:
    there = msgspec.structs.replace(hand_over.there, wish=wish)
    return msgspec.structs.replace(hand_over, there=there)


def _command(means: Means, hand_over: HandOver, step: HandOverStep) -> MoveHandOver:
    now = means.now_us()
    return MoveHandOver(
        origin=Origin(tenant_id=hand_over.tenant_id, channel="hub", actor=ACTOR, recorded_at=now),
        order_id=hand_over.order_id,
        connection_id=hand_over.connection_id,
        step=step,
        if_version=hand_over.version,
        there=hand_over.there,
    )


# --- looked at again


async def looks(means: Means, record: Record, numbers: Sequence[str]) -> list[MoveHandOver]:
    """The commands that have the hand-overs of these numbers at a connection seen to."""
    name = (record.tenant_id, record.id)

    def look(reads: Reads) -> list[HandOver]:
        held = reads.relay.held(*name, numbers)
        found = [each for order in held.values() for each in reads.relay.of_order(name[0], order)]
        return [each for each in found if each.connection_id == name[1] and _is_placed(each)]

    placed = await means.in_thread(lambda: means.ledger.read(look))
    return [
        msgspec.structs.replace(
            _command(means, each, HandOverStep.NEWS), reason=each.reason, due_at=means.now_us()
        )
        for each in placed
    ]


def _is_placed(hand_over: HandOver) -> bool:
    return hand_over.state is HandOverState.PLACED


async def _placed(means: Means, order: Order) -> list[tuple[HandOver, Record | None]]:
    """Where an order is, each with the connection's record as it stands; None: it is no more."""
    tenant = order.tenant_id

    def look(reads: Reads) -> list[tuple[HandOver, Record | None]]:
        found = filter(_is_placed, reads.relay.of_order(tenant, order.id))
        return [
            (each, reads.record(tenant, RECORD_KIND, "id", each.connection_id)) for each in found
        ]

    return await means.in_thread(lambda: means.ledger.read(look))


async def _job(means: Means, hand_over: HandOver, client: Client) -> Job | str:
    def look(reads: Reads) -> Job | str:
        return job_there(reads, hand_over, client)

    return await means.in_thread(lambda: means.ledger.read(look))


# --- the vendor asked


async def _asked(
    line: Line,
    job: Job,
    hand_over: HandOver,
    order: Order,
    *,
    is_paid: bool,
    amount: Decimal | None = None,
    key: str = "",
) -> tuple[bool, object, bool]:
    """Whether the vendor must agree, what it said (None: it has no such call), and whether anything was sent.

    Of a vendor that refunds nothing a paid order is called off if it can be; that it cannot holds no refund up here.
    """
    client, placed, wish = (
        line.client,
        Placed(hand_over.number, hand_over.refs),
        hand_over.there.wish,
    )
    if not line.leads_to(hand_over):
        return False, Refused(ELSEWHERE), False
    units = {} if wish is None or is_all(order, hand_over, wish.off) else wish.off
    key = f"{hand_over.marker}-off-{key or (wish and wish.seq) or ''}"
    sent: list[bool] = []

    async def before_send() -> bool:
        sent.append(True)
        return True

    def cancel(link: Link, answers: Answers) -> Undoing:
        return client.cancel(link, job, placed, units, answers)

    def refund(link: Link, answers: Answers) -> Undoing:
        return client.refund(link, job, placed, units, amount, answers)

    if is_paid and client.has("refund"):
        end = await line.talk(refund, key=key, before_send=before_send)
        return True, end, bool(sent)
    if client.has("cancel"):
        end = await line.talk(cancel, key=key, before_send=before_send)
        return not is_paid, end, bool(sent)
    return False, None, False


def _trouble(end: object) -> Trouble:
    match end:
        case Refused(reason):
            return Trouble(f"it still stands there: {reason}")
        case Pending(about):
            return Trouble(f"it still stands there, and is decided later: {about}")
        case Blocked(reason, _, retry_after_s) | Silence(reason, _, _, retry_after_s):
            return Trouble(reason, retry_after_s)
        case Doubt(reason):
            return Trouble(reason)
    return Trouble("the answer cannot be read")


def _refusal(vendor: str, end: object) -> Rejected | Trouble:
    match end:
        case Refused(reason):
            why = f"{vendor} refuses it: {reason}"
        case Pending(about):
            why = f"{vendor} decides later, and then it is done here: {about}"
        case Blocked(reason, _, retry_after_s) | Silence(reason, _, _, retry_after_s):
            return Trouble(f"{vendor} gives no answer: {reason}", retry_after_s)
        case Doubt(reason):
            return Trouble(f"{vendor} gives no clear answer: {reason}")
        case _:
            return Trouble(f"{vendor} gives an answer that cannot be read")
    return Rejected(Reason.TRANSITION_NOT_ALLOWED, "status", why)
