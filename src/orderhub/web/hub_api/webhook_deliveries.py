"""/hub/v1/webhooks/{id}/…: what was sent to a webhook and what it answered; sent again; a first try."""

from __future__ import annotations

from typing import Annotated

import msgspec

from orderhub.core import deliveries
from orderhub.core.deliveries import BEHIND, WAITING, Delivery
from orderhub.core.facts import Record
from orderhub.core.feed import named_by
from orderhub.core.queries import Reads
from orderhub.delivery.feed import event_named
from orderhub.delivery.replays import (
    MOST_EVENTS,
    EventUnknown,
    send_events_again,
    send_stretch_again,
)
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Caller, Route
from orderhub.web.hub_api.access import guarded, tenant_id_asked
from orderhub.web.hub_api.bodies import (
    Body,
    Moment,
    body_of,
    form,
    instant,
    one_of,
    query_of,
    refuse,
    up_to,
)
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.lists import exports, listed
from orderhub.web.hub_api.shaping import Instant, Page, Shape, exact_instant
from orderhub.web.hub_api.tables import columns_of
from orderhub.web.hub_api.webhooks import ONE, SCOPE, OfTenant, tenant_id_of, webhook_named

MAX_PAGE = 200


class ListDeliveries(OfTenant, frozen=True, kw_only=True):
    state: Annotated[str, one_of(deliveries.STATES, optional=True)] = ""
    limit: Annotated[int, up_to(MAX_PAGE)] = 50
    cursor: Annotated[
        str,
        form(
            "[0-9]{0,18}", "is a next_cursor of an earlier page", "`next_cursor` of the page before"
        ),
    ] = ""


class Attempt(Shape, frozen=True, kw_only=True):
    """One call of the receiver. Without an answer `status` is null and `error` says why; `answer` is 2 KiB at most."""

    at: Instant
    status: int | None
    duration_ms: float
    answer: str | None
    error: str | None


class DeliveryShown(Shape, frozen=True, kw_only=True):
    """One event, sent or on its way.

    cause     `event` = it happened, `replay` = it was to be sent again, `test`
    state     `waiting` for its next attempt, or behind an earlier one of its order; `sent`; `dropped` = given up
    tries     how many attempts there were; `attempts` are the newest of them, the last one last
    """

    id: str
    event: str
    kind: str
    order: str | None
    cause: str
    state: str
    tries: int
    attempts: tuple[Attempt, ...]
    next_attempt_at: Instant | None


class Replay(Body, frozen=True, kw_only=True):
    """Which events are sent again: these, or those recorded in a stretch of time.

    from, to  `from` inclusive, `to` exclusive; now unless said
    """

    events: (
        Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=MOST_EVENTS)] | None
    ) = None
    from_: Moment | None = msgspec.field(default=None, name="from")
    to: Moment | None = None


class ReplayBegun(Shape, frozen=True, kw_only=True):
    """The deliveries that were made of named events; or the stretch, which makes them as they are sent."""

    deliveries: tuple[str, ...]
    from_: Instant | None = msgspec.field(name="from")
    to: Instant | None


@guarded(SCOPE)
async def list_deliveries(call: Call, who: Caller) -> Answer:
    """Newest first, with their attempts. What is settled is kept for 30 days."""
    given = query_of(call, ListDeliveries)
    tenant_id = await tenant_id_asked(call, who, given.tenant, "webhook")

    async def ask(cursor: str, limit: int) -> Page[DeliveryShown]:
        def look(reads: Reads) -> tuple[Delivery, ...]:
            webhook = webhook_named(reads, tenant_id, call.params["id"])
            after = int(cursor or 0)
            return reads.deliveries(tenant_id, webhook.id, given.state, after, limit + 1)

        found = await call.hub.read(look)
        shown = tuple(map(_delivery, found[:limit]))
        return Page(items=shown, next_cursor=shown[-1].id if len(found) > limit else None)

    columns = columns_of(DeliveryShown)
    return await listed(call, "deliveries", ask, columns, cursor=given.cursor, limit=given.limit)


@guarded(SCOPE)
async def replay(call: Call, who: Caller) -> Answer:
    """Events are sent again, whether they arrived or not: under the ids that they have, beside what happens now.

    Named events go whatever the webhook is for, of a stretch only those that it is for; each with its order as it
    is by now. What the webhook has not come to yet is left out: it comes by itself, in its order.
    """
    tenant_id = await tenant_id_of(call, who)
    name = call.params["id"]
    webhook = await call.hub.read(lambda reads: webhook_named(reads, tenant_id, name))
    given = body_of(call, Replay)
    since, until = _stretch(call, given)
    if given.events is not None:
        made = await _events_again(call, webhook, given.events)
        shown = ReplayBegun(deliveries=tuple(str(each.id) for each in made), from_=None, to=None)
    else:
        if not call.is_dry_run:
            again = port(call).ledger, webhook, since, until
            await port(call).write(send_stretch_again, *again)
        shown = ReplayBegun(deliveries=(), from_=exact_instant(since), to=exact_instant(until))
    if not call.is_dry_run:
        port(call).deliverer.wake(tenant_id)
    return Answer(202, encode(shown))


def _stretch(call: Call, given: Replay) -> tuple[int, int]:
    """From when to when, where no events are named. Raises HTTPFault(INVALID) for both, and for neither."""
    if (given.events is None) is (given.from_ is None):
        raise refuse("events", "say which events, or since when (from, to)", "missing")
    if given.from_ is None:
        if given.to is not None:
            raise refuse("to", "to goes with from")
        return 0, 0
    since = instant(given.from_, "from")
    until = call.received_at if given.to is None else instant(given.to, "to")
    if since >= until:
        raise refuse("from", "from is before to, and past")
    return since, until


async def _events_again(
    call: Call, webhook: Record, names: tuple[str, ...]
) -> tuple[Delivery, ...]:
    """The deliveries that were made of them. Raises HTTPFault(INVALID) for what is no event of the tenant."""

    def look(reads: Reads) -> None:
        for name in names:
            if event_named(reads, webhook.tenant_id, name) is None:
                raise EventUnknown(name)

    try:
        if call.is_dry_run:
            await call.hub.read(look)
            return ()
        again = port(call).ledger, webhook, names, call.received_at
        return await port(call).write(send_events_again, *again)
    except EventUnknown as unknown:
        at = f"events[{names.index(str(unknown))}]"
        raise refuse(at, f"{at}: there is no event {str(unknown)[:80]}") from None


@guarded(SCOPE)
async def send_test(call: Call, who: Caller) -> Answer:
    """One message of the type `webhook.test`, now and once, and what became of it; also while it is switched off."""
    tenant_id = await tenant_id_of(call, who)
    name = call.params["id"]
    webhook = await call.hub.read(lambda reads: webhook_named(reads, tenant_id, name))
    if call.is_dry_run:
        tried = deliveries.Attempt(call.received_at, 0, 0, error="a dry run sends nothing")
    else:
        (tried,) = (await port(call).deliverer.test(webhook)).log
    return Answer(200, encode(_attempt(tried)))


def _delivery(each: Delivery) -> DeliveryShown:
    of_order = named_by(each.event_id)
    has_turn = each.state == WAITING and each.next_at < BEHIND
    return DeliveryShown(
        id=str(each.id),
        event=each.event_id,
        kind=each.kind,
        order=of_order[0] if of_order is not None and of_order[1] else None,
        cause=each.cause,
        state=each.state,
        tries=each.attempts,
        attempts=tuple(map(_attempt, each.log)),
        next_attempt_at=exact_instant(each.next_at) if has_turn else None,
    )


def _attempt(tried: deliveries.Attempt) -> Attempt:
    return Attempt(
        at=exact_instant(tried.at),
        status=tried.status or None,
        duration_ms=tried.duration_us / 1_000,
        answer=tried.answer or None,
        error=tried.error or None,
    )


ROUTES = (
    Route(
        "GET",
        f"{ONE}/deliveries",
        list_deliveries,
        "What was sent, and what waits",
        query=ListDeliveries,
        answers={200: (Page[DeliveryShown], *exports(DeliveryShown))},
    ),
    Route(
        "POST",
        f"{ONE}/replay",
        replay,
        "Send events again",
        query=OfTenant,
        request=Replay,
        answers={202: ReplayBegun},
        mutates=True,
        idempotency_key=False,  # whoever gets an event twice knows it by its id
    ),
    Route(
        "POST",
        f"{ONE}/test",
        send_test,
        "Send a test message",
        query=OfTenant,
        answers={200: Attempt},
        mutates=True,
        idempotency_key=False,
    ),
)
