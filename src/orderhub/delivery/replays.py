"""What was sent once is sent again: single events, or all of a stretch of time. It goes under the same ids."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from orderhub.core.deliveries import BEHIND, REPLAY, Delivery, Stretch, WebhookState
from orderhub.core.facts import Record
from orderhub.core.feed import FedEvent, FeedPlace, named_by
from orderhub.core.queries import Reads
from orderhub.core.webhooks import Webhook
from orderhub.delivery.feed import Item, cursor_of, event_named, page, place_of
from orderhub.ledger.ledger import Ledger

MOST_EVENTS = 1_000
# The clocks of those who write may differ by this.
_SKEW_US = 3_600_000_000
# That one look takes in while nothing of them is of the stretch.
_MOST_PAGES = 8


class EventUnknown(Exception):
    """The message is the id of which the tenant has no event."""


def about(event: FedEvent) -> str:
    """Whose order of events counts: an order's, or that of a pool, an account, a webhook."""
    if event.order_uid:
        return event.order_uid
    data = event.data
    if "subject" in data:
        return f"{data.get('kind')}|{data['subject']}|{data.get('place')}"
    for name in ("account", "webhook"):
        if name in data:
            return f"{name}|{data[name]}"
    return event.id


def beginning(webhook: Record) -> WebhookState:
    """How far a webhook is that was never served."""
    return WebhookState(
        tenant_id=webhook.tenant_id, webhook_id=webhook.id, cursor=webhook.doc.begins
    )


def is_for(webhook: Webhook, event: FedEvent) -> bool:
    """Whether the webhook wants it."""
    is_of_kind = not webhook.kinds or event.kind in webhook.kinds
    return is_of_kind and (not webhook.channels or event.channel in webhook.channels)


def _come_to(reads: Reads, webhook: Record) -> str:
    """The cursor that a webhook has come to."""
    return (reads.webhook_state(webhook.tenant_id, webhook.id) or beginning(webhook)).cursor


def send_events_again(
    ledger: Ledger, webhook: Record, event_ids: Sequence[str], now_us: int
) -> tuple[Delivery, ...]:
    """Have these events sent to a webhook, of whatever kind they are. At most MOST_EVENTS.

    None of what comes by itself, see `stretch_page`. Raises EventUnknown; then none is.
    """

    def found(reads: Reads) -> list[FedEvent]:
        events: list[FedEvent] = []
        for event_id in dict.fromkeys(event_ids):
            event = event_named(reads, webhook.tenant_id, event_id)
            if event is None:
                raise EventUnknown(event_id)
            events.append(event)
        names = [name for each in events if (name := named_by(each.id)) is not None]
        at = place_of(_come_to(reads, webhook), webhook.tenant_id)
        to_come = reads.feed_to_come(webhook.tenant_id, at, names)
        return [
            each
            for each in events
            if not (named_by(each.id) in to_come and is_for(webhook.doc, each))
        ]

    wanted = [_again(webhook, event, now_us) for event in ledger.read(found)]
    if not wanted:
        return ()
    ids = ledger.deliveries.keep(beginning(webhook), wanted, now_us)
    replace = msgspec.structs.replace
    return tuple(replace(each, id=number) for each, number in zip(wanted, ids, strict=True))


def _again(webhook: Record, event: FedEvent, now_us: int) -> Delivery:
    return Delivery(
        tenant_id=webhook.tenant_id,
        webhook_id=webhook.id,
        event_id=event.id,
        kind=event.kind,
        about=about(event),
        cause=REPLAY,
        next_at=BEHIND,  # the first of each order is given its turn when they are kept
        last_at=now_us,
    )


def send_stretch_again(ledger: Ledger, webhook: Record, from_us: int, to_us: int) -> int:
    """Have all that is for a webhook and was recorded in [from, to) sent again, in the background. Answers its id."""
    tenant_id = webhook.tenant_id

    def ends(reads: Reads) -> tuple[FeedPlace, FeedPlace]:
        return (
            reads.feed_place_at(tenant_id, from_us - _SKEW_US),
            reads.feed_place_at(tenant_id, to_us + _SKEW_US),
        )

    first, until = ledger.read(ends)
    stretch = Stretch(
        tenant_id=tenant_id,
        webhook_id=webhook.id,
        id=0,
        from_at=from_us,
        to_at=to_us,
        cursor=cursor_of(tenant_id, first),
        until=cursor_of(tenant_id, until),
    )
    return ledger.deliveries.send_again(beginning(webhook), stretch)


def stretch_page(
    reads: Reads, webhook: Record, stretch: Stretch, limit: int
) -> tuple[tuple[Item, ...], Stretch]:
    """What comes next of a stretch, and what is left of it behind that; with `cursor` empty: nothing is.

    What the webhook has not come to yet comes by itself: sent now it would overtake what is before it.
    """
    come_to, kinds = _come_to(reads, webhook), webhook.doc.kinds
    items: tuple[Item, ...] = ()
    for _ in range(_MOST_PAGES):
        items, stretch = _page(reads, stretch, limit, kinds, come_to)
        if items or not stretch.cursor:
            break
    return items, stretch


def _page(
    reads: Reads, stretch: Stretch, limit: int, kinds: Sequence[str], come_to: str
) -> tuple[tuple[Item, ...], Stretch]:
    tenant_id = stretch.tenant_id
    found = page(reads, tenant_id, stretch.cursor, limit, kinds, come_to)
    items = tuple(
        each for each in found.items if stretch.from_at <= each.event.recorded_at < stretch.to_at
    )
    at, until = place_of(found.next_cursor, tenant_id), place_of(stretch.until, tenant_id)
    old_end = reads.feed_end(tenant_id).old
    is_old_done = at.old >= min(until.old, old_end)
    if is_old_done:  # the rest of what is old is not of the stretch
        at = FeedPlace(max(at.old, old_end), at.lanes)
    is_done = found.is_end or (
        is_old_done
        and all(at.lanes.get(lane, 0) >= position for lane, position in until.lanes.items())
    )
    cursor = "" if is_done else cursor_of(tenant_id, at)
    return items, msgspec.structs.replace(stretch, cursor=cursor)
