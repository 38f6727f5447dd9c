"""What is to be sent: an order as it stands, in the words of listings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from orderhub.core import listings
from orderhub.core.hand_overs import is_whole, lines_left, lines_of, part_of
from orderhub.core.handing import HandOver, Sent, marker_of, uids_in
from orderhub.core.listings import Listing, subject_of
from orderhub.core.queries import Reads, RecordQuery
from orderhub.core.values import EXTRAS, Line, Order
from orderhub.dialects.client import Client, Job

_NAMED = 5  # things that are not listed, of many


def job_of(
    reads: Reads, hand_over: HandOver, client: Client, *, as_it_was: bool = False
) -> Job | str:
    """The job, or in a sentence why there can be none yet.

    `as_it_was`: to look for it by, whatever is listed or was given back since it was sent.
    """
    return jobs_of(reads, (hand_over,), client, as_it_was=as_it_was)[0]


def jobs_of(
    reads: Reads, hand_overs: Sequence[HandOver], client: Client, *, as_it_was: bool = False
) -> list[Job | str]:
    """The same of several of one connection, in as many statements as of one."""
    if not hand_overs:
        return []
    tenant_id, connection_id = hand_overs[0].tenant_id, hand_overs[0].connection_id
    found = reads.orders_among(tenant_id, tuple(each.order_id for each in hand_overs))
    orders = {order.id: order for order in found}
    listed = _listed(reads, tenant_id, connection_id, found)
    return [
        _job(orders[each.order_id], each, client, listed, as_it_was=as_it_was)
        if each.order_id in orders
        else "the order is no more"
        for each in hand_overs
    ]


def sent_in(job: Job) -> dict[int, Sent]:
    """What goes there with a job, to be kept with the hand-over."""
    listed = job.listings
    return {
        line.line_no: Sent(line.quantity, listed[line.line_no].id, listed[line.line_no].title)
        if line.line_no in listed
        else Sent(line.quantity, "")
        for line in job.lines
    }


def job_there(reads: Reads, hand_over: HandOver, client: Client) -> Job | str:
    """The job as it went: so many units, under the names that they were sent by, whatever is listed today."""
    job = job_of(reads, hand_over, client, as_it_was=True)
    went = hand_over.there.sent
    if isinstance(job, str) or not went:
        return job
    lines = tuple(
        part_of(line, went[line.line_no].units) for line in job.lines if line.line_no in went
    )
    listings = {
        number: each
        for number in went
        if (each := _listed_then(hand_over, went[number], job.listings.get(number))) is not None
    }
    return replace(job, lines=lines, listings=listings)


def _listed_then(hand_over: HandOver, went: Sent, today: Listing | None) -> Listing | None:
    if went.id is None:
        return today
    if today is None or today.id != went.id:
        today = Listing(connection=hand_over.connection_id, subject="", id=went.id)
    return replace(today, title=went.title) if went.id else None


def comes_back(reads: Reads, order: Order) -> str:
    """Why an order is handed on to nobody: it is one that its own tenant handed on. Empty = it is not.

    It would go round for ever. What another tenant handed on goes further: that is a chain.
    """
    for uid in names_in(order):
        earlier = reads.relay.named(order.tenant_id, uid)
        if earlier is not None and earlier.order_id != order.id:
            return (
                f"the order {earlier.order_uid} was handed on by this tenant itself, and came back"
                f" as this one: the connection {earlier.connection_uid} leads to the tenant's own door"
            )
    return ""


def names_in(order: Order) -> tuple[str, ...]:
    """The hand-overs, of whomever, whose markers stand where the doors of a hub keep them."""
    return uids_in(order.reference, order.doc.notes)


def _with_trail(order: Order) -> Order:
    """With the marker that it came with in its notes, which go along: so a longer way round is seen, too."""
    trail = [
        each for each in map(marker_of, uids_in(order.reference)) if each not in order.doc.notes
    ]
    if not trail:
        return order
    # In front: vendors cut off the end of what is too long.
    notes = " ".join((*trail, order.doc.notes)).strip()
    return replace(order, doc=replace(order.doc, notes=notes))


def _job(
    order: Order,
    hand_over: HandOver,
    client: Client,
    listed: Mapping[str, Listing],
    *,
    as_it_was: bool,
) -> Job | str:
    if not order.lines and not client.records_only:
        return "the order has no lines"
    lines = lines_of(order, hand_over) if as_it_was else lines_left(order, hand_over)
    known = {line.line_no: listed[name] for line in lines if (name := _subject(line)) in listed}
    if client.needs_listings and not as_it_was:
        missing = [
            each.sku or each.title or f"line {each.line_no}"
            for each in lines
            if each.kind not in EXTRAS and each.line_no not in known
        ]
        if missing:
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            return f"not listed at this connection: {', '.join(missing[:_NAMED])}{more}"
    return Job(
        order=_with_trail(order),
        lines=lines,
        is_whole=is_whole(order, hand_over),
        listings=known,
        marker=hand_over.marker,
    )


def _listed(
    reads: Reads, tenant_id: int, connection_id: int, orders: Sequence[Order]
) -> dict[str, Listing]:
    """What of these orders is listed at the connection, by its subject."""
    subjects = {_subject(line) for order in orders for line in order.lines} - {""}
    if not subjects:
        return {}
    names = tuple(listings.key_of(connection_id, each) for each in sorted(subjects))
    sought = RecordQuery(
        tenant_id=tenant_id,
        kind=listings.RECORD_KIND,
        by="subject",
        values=names,
        limit=len(names),
    )
    return {each.doc.subject: each.doc for each in reads.records(sought)}


def _subject(line: Line) -> str:
    return subject_of(line.product_id, line.variant_id)
