"""/hub/v1/events: everything that happened to a tenant's orders and pools, in order, from any cursor on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from orderhub.core.facts import TenantGone
from orderhub.core.feed import KINDS, FedEvent
from orderhub.delivery.feed import CursorUnknown, FeedPage, KindUnknown, page
from orderhub.dialects.auth import bearer, digest
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import (
    Answer,
    Call,
    Caller,
    Fault,
    FaultKind,
    HTTPFault,
    Media,
    Route,
)
from orderhub.web.hub_api.access import (
    guarded,
    holds,
    lacking,
    tenant_id_asked,
    unknown_token,
)
from orderhub.web.hub_api.bodies import Query, query_of, refuse, up_to
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.lists import JSON, exports, media_of, streamed
from orderhub.web.hub_api.shapes import told_data
from orderhub.web.hub_api.shaping import Data, Instant, Shape
from orderhub.web.hub_api.tables import columns_of
from orderhub.web.patience import begin
from orderhub.web.streaming import Streamed

MAX_PAGE = 1_000
MAX_WAIT_S = 60
HEARTBEAT_S = 15.0
# Who waits costs a connection and little more; a tenant that wants more of them has a leak.
MOST_WAITING = 100
_SCOPE = "orders:read"
_STREAM = "text/event-stream"
_STREAM_PAGE = 100


class ListEvents(Query, frozen=True, kw_only=True):
    tenant: Annotated[str, msgspec.Meta(description="an operator says whose events")] = ""
    after: Annotated[
        str,
        msgspec.Meta(
            description="a `next_cursor`, good for ever; empty = from the beginning, `end` = from now on"
        ),
    ] = ""
    kinds: Annotated[
        str,
        msgspec.Meta(
            description=f"with commas, some of {', '.join(KINDS)}; empty = all",
        ),
    ] = ""
    limit: Annotated[int, up_to(MAX_PAGE)] = 100
    wait: Annotated[
        int,
        msgspec.Meta(
            description="so many seconds an empty answer waits for the next event",
            extra_json_schema={"minimum": 0, "maximum": MAX_WAIT_S},
            extra={"says": f"is 0 to {MAX_WAIT_S}"},
        ),
    ] = 0


class StreamHeaders(msgspec.Struct, frozen=True, kw_only=True):
    last_event_id: Annotated[
        str, msgspec.Meta(description="of a stream: the `id` of the last event that was seen")
    ] = msgspec.field(default="", name="Last-Event-ID")


class FeedEvent(Shape, frozen=True, kw_only=True):
    """An event. `id` never changes; what is of no order has no order, version and dialect."""

    id: str
    kind: str
    occurred_at: Instant
    recorded_at: Instant
    actor: str
    request_id: str | None
    order: str | None
    version: int | None
    dialect: str | None
    data: Data


class Events(Shape, frozen=True, kw_only=True):
    """Events in their order. `next_cursor` is always there: with no items it is where to ask again."""

    items: tuple[FeedEvent, ...]
    next_cursor: str


def fed_event_shape(event: FedEvent) -> FeedEvent:
    return FeedEvent.of(
        event,
        order=event.order_uid or None,
        dialect=event.channel or None,
        data=told_data(event.data),
    )


@guarded(_SCOPE)
async def list_events(call: Call, who: Caller) -> Answer:
    """Every event once, in the order of commits; as a stream (SSE) with `Accept: text/event-stream`."""
    given = query_of(call, ListEvents)
    tenant_id = await tenant_id_asked(call, who, given.tenant, "events")
    kinds = tuple(given.kinds.split(",")) if given.kinds else ()
    media = media_of(call.header("accept"))
    is_stream = _STREAM in call.header("accept").lower()
    last = call.header("last-event-id") if is_stream else ""
    limit = min(given.limit, _STREAM_PAGE) if is_stream else given.limit
    begin(None)  # each look has a budget of its own, since a waiting call takes many

    feed = _Feed(call, given.tenant, tenant_id, limit, kinds)
    try:
        first = await feed.read(last or given.after)
    except CursorUnknown as unknown:
        member = "Last-Event-ID" if last else "after"
        raise refuse(member, f"{member} {unknown}") from None
    except KindUnknown as unknown:
        raise refuse("kinds", f"kinds: {unknown}") from None
    if not is_stream and media != JSON:
        most = given.limit if "limit" in call.query else None
        return streamed("events", media, _up_to_the_end(feed, first, most), columns_of(FeedEvent))
    if is_stream or given.wait:
        _let_wait(call, tenant_id)
    if is_stream:
        pieces = stream(feed, first)
        return Streamed(200, b"", (("Cache-Control", "no-store"),), _STREAM, pieces=pieces)
    found = await _waited(feed, first, given.wait)
    _count(call, "page", found)
    items = tuple(fed_event_shape(each.event) for each in found.items)
    return Answer(200, encode(Events(items=items, next_cursor=found.next_cursor)))


@dataclass(frozen=True, slots=True)
class _Feed:
    """What a call reads on: the feed that its tenant had when it came. `tenant`: the name that it gave, if any."""

    call: Call
    tenant: str
    tenant_id: int
    limit: int
    kinds: tuple[str, ...]

    async def read(self, after: str) -> FeedPage:
        """Raises CursorUnknown and KindUnknown."""
        return await self.call.hub.read(
            lambda reads: page(reads, self.tenant_id, after, self.limit, self.kinds)
        )

    async def go_on(self, after: str) -> FeedPage:
        """A later page. Raises TenantGone: it was put back or removed; HTTPFault: the token may read no more."""
        if await self._tenant_id() != self.tenant_id:
            raise TenantGone(self.tenant_id)
        try:
            return await self.read(after)
        except CursorUnknown:
            raise TenantGone(self.tenant_id) from None

    async def _tenant_id(self) -> int:
        """Of the tenant that would be meant now; 0: of none."""
        hub = self.call.hub
        credential = await hub.credential("hub", digest(bearer(self.call)))
        if credential is None or not holds(credential, _SCOPE):
            # A sandbox takes its tokens with it.
            if not await hub.read(lambda reads: reads.tenants_among((self.tenant_id,))):
                return 0
            raise unknown_token() if credential is None else lacking(_SCOPE)
        if credential.tenant_id:
            return credential.tenant_id
        found = await hub.read(lambda reads: reads.tenant(self.tenant))
        return 0 if found is None else found.id


def _let_wait(call: Call, tenant_id: int) -> None:
    """A call that waits is no call in hand: it costs the hub nothing. Raises HTTPFault(BUSY) for one too many."""
    hub = port(call)
    if not hub.places.take(call.request_id, tenant_id, MOST_WAITING):
        message = f"at most {MOST_WAITING} calls wait for a tenant's events"
        raise HTTPFault(Fault(FaultKind.BUSY, message, retry_after_s=5))
    hub.hands.put_down(call.request_id)
    call.notes["waits"] = True


async def _waited(feed: _Feed, found: FeedPage, wait_s: int) -> FeedPage:
    """The first page that holds anything; an empty one at the end of the feed, once the time is up.

    Raises TenantGone, with which who calls is told to come again, and HTTPFault as `go_on` does.
    """
    watch, now = port(feed.call).watch, asyncio.get_running_loop().time
    until = now() + wait_s
    while not found.items:
        if found.is_end:
            left_s = until - now()
            if left_s <= 0 or watch.is_closed:
                break
            await watch.wait(feed.tenant_id, found.progress, left_s)
        found = await feed.go_on(found.next_cursor)
    return found


async def stream(
    feed: _Feed, found: FeedPage, *, heartbeat_s: float = HEARTBEAT_S
) -> AsyncGenerator[bytes, None]:
    """Server-Sent Events, whose ids are cursors; without events a heartbeat now and then.

    It ends when the hub leaves, the token may read no more or the feed is another: clients come back by themselves.
    """
    hub, now = port(feed.call), asyncio.get_running_loop().time
    with hub.metrics.feed_streams.track_inprogress():
        yield b"retry: 2000\n: OrderHub events\n\n"
        beats_at = now() + heartbeat_s
        while True:
            _count(feed.call, "stream", found)
            for each in found.items:
                shown = encode(fed_event_shape(each.event))
                head = f"id: {each.cursor}\nevent: {each.event.kind}\ndata: "
                yield head.encode() + shown + b"\n\n"
            if found.items:
                beats_at = now() + heartbeat_s
            if found.is_end:
                if now() >= beats_at:
                    # An id alone is remembered, too: of events that were passed over nothing is read again.
                    yield f"id: {found.next_cursor}\n: heartbeat\n\n".encode()
                    beats_at = now() + heartbeat_s
                left_s = max(0.0, beats_at - now())
                await hub.watch.wait(feed.tenant_id, found.progress, left_s)
            if hub.watch.is_closed:
                return
            try:
                found = await feed.go_on(found.next_cursor)
            except (TenantGone, HTTPFault):
                return


def _count(call: Call, way: str, found: FeedPage) -> None:
    if found.items:
        hub, last = port(call), found.items[-1].event
        hub.metrics.fed(way, len(found.items), hub.now_us() - last.recorded_at)


async def _up_to_the_end(
    feed: _Feed, found: FeedPage, left: int | None
) -> AsyncGenerator[Sequence[FeedEvent], None]:
    """All that there is, or so many: in pages, none of which waits for more. Raises as `go_on` does."""
    while True:
        items = found.items[:left]
        yield [fed_event_shape(each.event) for each in items]
        if left is not None:
            left -= len(items)
        if found.is_end or left == 0:
            return
        found = await feed.go_on(found.next_cursor)


ROUTES = (
    Route(
        "GET",
        "/hub/v1/events",
        list_events,
        "Everything that happened, in order",
        query=ListEvents,
        headers=StreamHeaders,
        waits=True,
        answers={200: (Events, Media(_STREAM, str), *exports(FeedEvent))},
    ),
)
