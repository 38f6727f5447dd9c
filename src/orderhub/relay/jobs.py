"""What is to be sent: an order as it stands, in the words of listings."""

from __future__ import annotations

from orderhub.core import listings
from orderhub.core.commands import OrderName
from orderhub.core.hand_overs import is_whole, lines_left, lines_of
from orderhub.core.handing import HandOver
from orderhub.core.listings import Listing, subject_of
from orderhub.core.queries import Reads
from orderhub.core.routes import EXTRAS
from orderhub.core.values import Line
from orderhub.dialects.client import Client, Job

_NAMED = 5  # things that are not listed, of many


def job_of(
    reads: Reads, hand_over: HandOver, client: Client, *, as_it_was: bool = False
) -> Job | str:
    """The job, or in a sentence why there can be none yet.

    `as_it_was`: to look for it by, whatever is listed or was given back since it was sent.
    """
    name = OrderName("id", str(hand_over.order_id))
    order = reads.order(hand_over.tenant_id, name)
    if order is None:
        return "the order is no more"
    if not order.lines and not client.records_only:
        return "the order has no lines"
    lines = lines_of(order, hand_over) if as_it_was else lines_left(order, hand_over)
    known = {line.line_no: found for line in lines if (found := _listed(reads, hand_over, line))}
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
        order=order,
        lines=lines,
        is_whole=is_whole(order, hand_over),
        listings=known,
        marker=hand_over.marker,
    )


def _listed(reads: Reads, hand_over: HandOver, line: Line) -> Listing | None:
    subject = subject_of(line.product_id, line.variant_id)
    if not subject:
        return None
    name = listings.key_of(hand_over.connection_id, subject)
    found = reads.record(hand_over.tenant_id, listings.RECORD_KIND, "subject", name)
    return None if found is None else found.doc
