"""One look at all that a webhook may be sent next, in a thread and with nothing open afterwards."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from orderhub.core.deliveries import BEHIND, Delivery, Stretch
from orderhub.core.facts import Record
from orderhub.core.feed import FedEvent
from orderhub.core.queries import Reads
from orderhub.core.values import Order
from orderhub.core.webhooks import RECORD_KIND, Webhook
from orderhub.delivery.feed import FeedPage, Item, event_named, page
from orderhub.delivery.replays import about, is_for, stretch_page


class Wants(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for.

    limit     of each
    live      the cursor to read on from; None = nothing
    due       what waits and is due
    again     what of a stretch is to be sent again
    in_hand   whether anything about this is in hand: then nothing that waits is taken
    """

    limit: int
    live: str | None = None
    due: bool = False
    again: bool = False
    in_hand: Callable[[str], bool]


class Found(msgspec.Struct):
    """What a look brought. `webhook` None: there is none any more, or it is switched off.

    due      rows with their events, those of one order in their order and without a gap; None = the event is no more
    due_at   when the next is due that is not in hand
    stretch  what is left of it behind its items; None = no stretch is left
    orders   by uid, as they stand now
    held_up  orders of which something waits
    """

    webhook: Record | None
    live: FeedPage | None = None
    due: tuple[tuple[Delivery, FedEvent | None], ...] = ()
    due_at: int | None = None
    stretch: tuple[tuple[Item, ...], Stretch] | None = None
    orders: dict[str, Order] = {}
    held_up: set[str] = set()


def look(reads: Reads, tenant_id: int, webhook_id: int, wants: Wants, now_us: int) -> Found:
    record = reads.record(tenant_id, RECORD_KIND, "id", webhook_id)
    if record is None or not record.doc.is_enabled:
        return Found(None)
    webhook: Webhook = record.doc
    found = Found(record)
    events: list[FedEvent] = []
    if wants.due:
        found.due, found.due_at = _due(reads, tenant_id, webhook_id, wants, now_us)
        events += [event for _, event in found.due if event is not None]
    if wants.live is not None:
        found.live = page(reads, tenant_id, wants.live, wants.limit, webhook.kinds)
        events += [each.event for each in found.live.items if is_for(webhook, each.event)]
    if wants.again:
        for left in reads.stretches(tenant_id, webhook_id)[:1]:
            found.stretch = stretch_page(reads, record, left, wants.limit)
            events += [each.event for each in found.stretch[0] if is_for(webhook, each.event)]
    uids = {each.order_uid for each in events if each.order_uid}
    found.orders = {order.uid: order for order in reads.orders_of_uids(tenant_id, uids)}
    if wants.live is not None or found.stretch is not None:
        found.held_up = reads.held_up(tenant_id, webhook_id, {*map(about, events)})
    return found


def _due(
    reads: Reads, tenant_id: int, webhook_id: int, wants: Wants, now_us: int
) -> tuple[tuple[tuple[Delivery, FedEvent | None], ...], int]:
    """What is due and what waits behind it, and when more is."""
    heads, due_at = reads.due_deliveries(tenant_id, webhook_id, now_us, wants.limit, wants.in_hand)
    rows = {each.id: each for each in heads}
    if wants.limit > 1:
        lines = {each.about for each in heads}
        for each in reads.waiting_deliveries(tenant_id, webhook_id, lines, 2 * wants.limit):
            if each.next_at == BEHIND:
                rows[each.id] = each
    found = tuple(
        (rows[number], event_named(reads, tenant_id, rows[number].event_id))
        for number in sorted(rows)
    )
    return found, due_at
