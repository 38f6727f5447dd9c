"""The feed of a tenant: every event once, in the order in which they were committed, from any cursor on.

A cursor says how far a reader is in each lane. It is a text without a meaning to others, good for ever, and can be
made anew from any event's own: whoever has done with an event goes on from its `cursor`.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NoBase64
from collections.abc import Collection

import msgspec

from orderhub.core.feed import KINDS, FedEvent, FeedPlace, PlaceAhead, named_by
from orderhub.core.queries import Reads
from orderhub.ledger.ledger import Ledger

BEGINNING, END = "", "end"
_FORM = 1
_LONGEST = 2_000


class CursorUnknown(Exception):
    """What is no cursor of this tenant's feed; the message says why."""


class KindUnknown(Exception):
    """The message names the kind that there is not."""


class Item(msgspec.Struct, frozen=True):
    """An event, and where to go on once it has been dealt with."""

    event: FedEvent
    cursor: str


class FeedPage(msgspec.Struct, frozen=True):
    """A stretch of the feed.

    next_cursor  where to go on, also when there is nothing yet
    is_end       whether it holds all that there was when it was read; a page that does not may still be short
    progress     changes when the feed goes on: see delivery/watch.py
    """

    items: tuple[Item, ...]
    next_cursor: str
    is_end: bool
    progress: int


class _Cursor(msgspec.Struct, array_like=True, frozen=True):
    form: int
    tenant_id: int
    old: tuple[int, ...]
    lanes: dict[int, int]


class Feed:
    """Reads a ledger's feed. Any thread may; each call is one consistent look, and holds nothing afterwards."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def read(
        self, tenant_id: int, cursor: str = BEGINNING, limit: int = 100, kinds: Collection[str] = ()
    ) -> FeedPage:
        """At most `limit` events behind the cursor, of these kinds (none = all).

        Raises CursorUnknown, KindUnknown.
        """
        return self._ledger.read(lambda reads: page(reads, tenant_id, cursor, limit, kinds))

    def end(self, tenant_id: int) -> str:
        """The cursor behind everything that there is."""
        return self.read(tenant_id, END, 1).next_cursor

    def event(self, tenant_id: int, event_id: str) -> FedEvent | None:
        """One event by its id; None = the tenant has none of that name."""
        return self._ledger.read(lambda reads: event_named(reads, tenant_id, event_id))


def page(
    reads: Reads,
    tenant_id: int,
    cursor: str,
    limit: int,
    kinds: Collection[str] = (),
    until: str = END,
) -> FeedPage:
    """As `Feed.read`, within a look that is taken already; nothing that is behind the cursor `until`."""
    for kind in kinds:
        if kind not in KINDS:
            raise KindUnknown(f"{kind} is none of {', '.join(KINDS)}")
    place = reads.feed_end(tenant_id) if cursor == END else place_of(cursor, tenant_id)
    try:
        ends = None if until == END else place_of(until, tenant_id)
        found = reads.feed_look(tenant_id, place, limit, kinds, ends)
    except PlaceAhead:
        raise CursorUnknown("is ahead of this ledger: it is of another one") from None
    return FeedPage(
        tuple(Item(event, cursor_of(tenant_id, at)) for event, at in found.events),
        cursor_of(tenant_id, found.place),
        found.is_end,
        found.progress,
    )


def event_named(reads: Reads, tenant_id: int, event_id: str) -> FedEvent | None:
    named = named_by(event_id)
    return None if named is None else reads.feed_event(tenant_id, *named)


def cursor_of(tenant_id: int, place: FeedPlace) -> str:
    lanes = dict(sorted(place.lanes.items()))
    text = msgspec.json.encode([_FORM, tenant_id, place.old, lanes])
    return urlsafe_b64encode(text).rstrip(b"=").decode()


def moved(cursor: str, tenant_id: int) -> str:
    """The same place in the feed of a tenant that has another id by now. Raises CursorUnknown."""
    if cursor in (BEGINNING, END):
        return cursor
    return cursor_of(tenant_id, _read(cursor)[1])


def place_of(cursor: str, tenant_id: int) -> FeedPlace:
    """Raises CursorUnknown."""
    if not cursor:
        return FeedPlace()
    of_tenant, place = _read(cursor)
    if of_tenant != tenant_id:
        raise CursorUnknown("is a cursor of another tenant's feed, or of before it was restored")
    return place


def _read(cursor: str) -> tuple[int, FeedPlace]:
    """The tenant's id, and the place."""
    try:
        text = urlsafe_b64decode(cursor[:_LONGEST] + "=" * (-len(cursor) % 4))
        found = msgspec.json.decode(text, type=_Cursor)
    except (NoBase64, ValueError):
        raise CursorUnknown("is no cursor of the feed") from None
    place = FeedPlace(found.old, found.lanes)
    numbers = (*found.old, *found.lanes, *found.lanes.values())
    is_sound = (
        found.form == _FORM
        and len(found.old) in (0, 3)
        and max(map(abs, numbers), default=0) < 1 << 62
    )
    if not is_sound or cursor_of(found.tenant_id, place) != cursor:
        raise CursorUnknown("is no cursor of the feed")
    return found.tenant_id, place
