"""What is called off here is called off there: first, where the vendor must agree; afterwards, where it only records.

A cancellation or a refund is not final here before the vendor has said yes. Should we die between its yes and our
commit, its news brings the same about. What the vendor decides later comes as news, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from orderhub.core.commands import HandOverStep, MoveHandOver, Origin
from orderhub.core.facts import Record
from orderhub.core.fulfilment import GIVEN_BACK
from orderhub.core.handing import HandOver, HandOverState
from orderhub.core.money import ZERO, plain
from orderhub.core.queries import Reads
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.steps import Units
from orderhub.core.values import Line as OrderLine
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
from orderhub.relay.consequences import CALLED_OFF
from orderhub.relay.jobs import job_of
from orderhub.relay.means import Means
from orderhub.relay.steps import ACTOR, Trouble
from orderhub.relay.talking import Line, Silence

Lines = Callable[[int, int], tuple[Record, Line] | None]


async def first(
    means: Means, lines: Lines, before: Order, after: Order
) -> Rejected | Trouble | None:
    """Have the vendors call off what is to be called off here; None: they did, or nothing of it is anybody's.

    before, after  the order as it stands, and as it would be. What is only money is nobody's business but ours
    lines          the connection of (tenant, id) and a way there; None where it is switched off
    """
    is_whole = after.status in GIVEN_BACK and before.status not in GIVEN_BACK
    units = _given_back(before, after)
    if not is_whole and not units:
        return None
    for hand_over in await _placed(means, before):
        found = lines(hand_over.tenant_id, hand_over.connection_id)
        if found is None:
            continue
        record, line = found
        job = await _job(means, hand_over, line.client)
        if job is None or line.client.records_only:
            continue
        numbers = {each.line_no for each in job.lines}
        mine = {} if is_whole else {no: count for no, count in units.items() if no in numbers}
        if not is_whole and not mine:
            continue
        must, end = await _asked(
            line, job, hand_over, mine, is_paid=before.status is not Status.PENDING
        )
        refused = _refusal(record.doc.title or record.doc.dialect, end)
        if refused is not None and must:
            return refused
    return None


async def told(means: Means, line: Line, hand_over: HandOver, order: Order) -> str | Trouble:
    """What was called off here, said there as well. Returns under which name it is known; empty = nothing to say.

    Raises nothing: what the vendor refuses now cannot be helped, and is a trouble that is told.
    """
    name = _name(order, line.client)
    if not name or name in hand_over.told:
        return ""
    job = await _job(means, hand_over, line.client)
    if job is None:
        return ""
    amount = None if order.status in GIVEN_BACK else order.refunded
    _, end = await _asked(line, job, hand_over, {}, is_paid=order.paid > ZERO, amount=amount)
    match end:
        case None | Done() | Pending():
            return name
        case Refused(reason):
            return Trouble(f"it still stands there: {reason}")
        case Blocked(reason, _, retry_after_s) | Silence(reason, _, _, retry_after_s):
            return Trouble(reason, retry_after_s)
        case Doubt(reason):
            return Trouble(reason)
    return Trouble("the answer cannot be read")


async def pulls(means: Means, order: Order) -> list[MoveHandOver]:
    """The commands that have an order's hand-overs seen to, so that what was called off here is said there."""
    found = await _placed(means, order)
    return [_look(each, means.now_us()) for each in found if CALLED_OFF not in each.told]


async def looks(means: Means, record: Record, numbers: Sequence[str]) -> list[MoveHandOver]:
    """The commands that have the hand-overs of these numbers at a connection seen to."""
    name = (record.tenant_id, record.id)

    def look(reads: Reads) -> list[HandOver]:
        held = reads.relay.held(*name, numbers)
        found = [each for order in held.values() for each in reads.relay.of_order(name[0], order)]
        return [each for each in found if each.connection_id == name[1] and _is_placed(each)]

    placed = await means.in_thread(lambda: means.ledger.read(look))
    return [_look(each, means.now_us()) for each in placed]


def _look(hand_over: HandOver, now_us: int) -> MoveHandOver:
    return MoveHandOver(
        origin=Origin(
            tenant_id=hand_over.tenant_id, channel="hub", actor=ACTOR, recorded_at=now_us
        ),
        order_id=hand_over.order_id,
        connection_id=hand_over.connection_id,
        step=HandOverStep.NEWS,
        if_version=hand_over.version,
        reason=hand_over.reason,
        due_at=now_us,
    )


def _is_placed(hand_over: HandOver) -> bool:
    return hand_over.state is HandOverState.PLACED


def _name(order: Order, client: Client) -> str:
    if order.status in GIVEN_BACK:
        return CALLED_OFF
    if client.records_only and order.refunded:
        return f"refunded {plain(order.refunded)}"
    return ""


def _given_back(before: Order, after: Order) -> Units:
    known = {line.line_no: _gone(line) for line in before.lines}
    counts = {line.line_no: _gone(line) - known.get(line.line_no, 0) for line in after.lines}
    return {number: count for number, count in counts.items() if count > 0}


def _gone(line: OrderLine) -> int:
    return line.quantity if line.cancelled else line.refunded


async def _placed(means: Means, order: Order) -> list[HandOver]:
    name = (order.tenant_id, order.id)
    ask = means.ledger.read
    found = await means.in_thread(lambda: ask(lambda reads: reads.relay.of_order(*name)))
    return list(filter(_is_placed, found))


async def _job(means: Means, hand_over: HandOver, client: Client) -> Job | None:
    def look(reads: Reads) -> Job | str:
        return job_of(reads, hand_over, client, as_it_was=True)

    job = await means.in_thread(lambda: means.ledger.read(look))
    return None if isinstance(job, str) else job


async def _asked(
    line: Line,
    job: Job,
    hand_over: HandOver,
    units: Mapping[int, int],
    *,
    is_paid: bool,
    amount: Decimal | None = None,
) -> tuple[bool, object]:
    """Whether the vendor must agree, and what it said; None where it has no such call.

    Of a vendor that refunds nothing a paid order is called off if it can be; that it cannot holds no refund up here.
    """
    client, placed = line.client, Placed(hand_over.number, hand_over.refs)

    def cancel(link: Link, answers: Answers) -> Undoing:
        return client.cancel(link, job, placed, units, answers)

    def refund(link: Link, answers: Answers) -> Undoing:
        return client.refund(link, job, placed, units, amount, answers)

    if is_paid and client.has("refund"):
        return True, await line.talk(refund, key=f"{hand_over.marker}-off")
    if client.has("cancel"):
        return not is_paid, await line.talk(cancel, key=f"{hand_over.marker}-off")
    return False, None


def _refusal(vendor: str, end: object) -> Rejected | Trouble | None:
    match end:
        case None | Done():
            return None
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
