"""/hub/v1/handovers: what became of the orders that were handed on, and what a person decides about them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from orderhub.core import routes
from orderhub.core.commands import HandOverStep, MoveHandOver, OrderName
from orderhub.core.connections import RECORD_KIND as CONNECTION
from orderhub.core.facts import Accepted
from orderhub.core.hand_overs import plan_of
from orderhub.core.handing import NEVER, HandOver, HandOverState
from orderhub.core.queries import Reads, RecordQuery
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.relaying import HandOverQuery
from orderhub.core.values import Order
from orderhub.dialects.client import Answers, Ask, Client, Job, Link, Request, Send
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Caller, CommandRejected, Route
from orderhub.relay.jobs import comes_back, job_of
from orderhub.relay.waiting import with_reasons
from orderhub.web.hub_api.access import guarded, origin_in, tenant_id_asked
from orderhub.web.hub_api.bodies import (
    Body,
    IfMatch,
    Text,
    body_of,
    form,
    if_match,
    one_of,
    query_of,
    refuse,
    up_to,
)
from orderhub.web.hub_api.connections import (
    MAX_PAGE,
    SCOPE,
    OfTenant,
    client_of,
    connection_named,
    line_to,
    tenant_id_of,
)
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.lists import exports, listed
from orderhub.web.hub_api.shaping import Instant, Page, Shape, exact_instant, plain_values
from orderhub.web.hub_api.tables import columns_of

_STATES = [each.value for each in HandOverState]
_DROPPED = "somebody decided that it shall not go there"
_CURSOR = r"(?:[0-9]{1,18}\.[0-9]{1,18}\.[0-9]{1,18}u?)?"


class ListHandOvers(OfTenant, frozen=True, kw_only=True):
    state: Annotated[str, one_of(_STATES, optional=True)] = ""
    connection: Annotated[str, msgspec.Meta(description="only at this one")] = ""
    order: Annotated[str, msgspec.Meta(description="only of this order, by its id or uid")] = ""
    limit: Annotated[int, up_to(MAX_PAGE)] = 50
    cursor: Annotated[
        str,
        form(_CURSOR, "is a next_cursor of an earlier page", "`next_cursor` of the page before"),
    ] = ""


class ThereAs(Body, frozen=True, kw_only=True):
    """It is there."""

    number: Annotated[
        str, msgspec.Meta(min_length=1, max_length=200, description="what the vendor calls it")
    ]


class NotThere(Body, frozen=True, kw_only=True):
    """It shall not go there; a note for people says why."""

    reason: Text = ""


class WhatIf(Body, frozen=True, kw_only=True):
    """An order that stands; `connection`: as if it went there, whatever the routes say."""

    order: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    connection: Annotated[str, msgspec.Meta(max_length=36)] = ""


class HandOverShown(Shape, frozen=True, kw_only=True):
    """One order at one connection.

    lines       numbers of its lines; empty = all
    number      what the vendor calls it
    reason      why it waits, was refused, or why nobody knows
    candidates  of what is unsure: numbers of what it may be
    marker      the text under which it can be found there
    """

    id: str
    order: str
    connection: str
    state: str
    lines: tuple[int, ...]
    number: str | None
    reason: str | None
    candidates: tuple[str, ...]
    marker: str
    attempts: int
    version: int
    created_at: Instant
    updated_at: Instant
    sent_at: Instant | None
    next_look_at: Instant | None


class CallShown(Shape, frozen=True, kw_only=True):
    """The very call, without what says who calls."""

    method: str
    path: str
    query: dict[str, str]
    body: Any


class Preview(Shape, frozen=True, kw_only=True):
    """Where an order would go, and what would be sent first.

    obstacle  why it would wait or be refused; null = it would go
    request   null where there is an obstacle
    """

    connection: str
    dialect: str
    lines: tuple[int, ...]
    obstacle: str | None
    request: CallShown | None


class Previews(Shape, frozen=True, kw_only=True):
    items: tuple[Preview, ...]


@guarded(SCOPE)
async def list_hand_overs(call: Call, who: Caller) -> Answer:
    """What a person must decide about first, then those of the newest orders."""
    given = query_of(call, ListHandOvers)
    tenant_id = await tenant_id_asked(call, who, given.tenant, "hand-overs")

    async def ask(cursor: str, limit: int) -> Page[HandOverShown]:
        def look(reads: Reads) -> Page[HandOverShown]:
            sought = _sought(reads, tenant_id, given)
            found, more = page_of(reads, sought, cursor, limit)
            return Page(items=tuple(map(_shown, found)), next_cursor=more)

        return await call.hub.read(look)

    columns = columns_of(HandOverShown)
    return await listed(call, "handovers", ask, columns, cursor=given.cursor, limit=given.limit)


def _sought(reads: Reads, tenant_id: int, given: ListHandOvers) -> HandOverQuery:
    connection = connection_named(reads, tenant_id, given.connection).id if given.connection else 0
    order_uid = _order(reads, tenant_id, given.order).uid if given.order else ""
    states = (given.state,) if given.state else ()
    return HandOverQuery(
        tenant_id=tenant_id, states=states, connection=connection, order_uid=order_uid
    )


def page_of(
    reads: Reads, sought: HandOverQuery, cursor: str, limit: int
) -> tuple[tuple[HandOver, ...], str | None]:
    """Hand-overs, and the cursor of those behind them.

    Unsure ones first, unless a state is asked for: a cursor that ends with `u` is among these.
    """
    replace, is_sorted = msgspec.structs.replace, bool(sought.states)
    found: list[HandOver] = []
    place = cursor.removesuffix("u")
    after = tuple(map(int, place.split("."))) if place else ()
    is_first = not is_sorted and (not cursor or cursor.endswith("u"))
    if is_first:
        unsure = replace(sought, states=("unsure",), after=after, limit=limit + 1)
        found += reads.relay.page(unsure)
        after = ()
        sought = replace(sought, states=tuple(each for each in _STATES if each != "unsure"))
    elif not is_sorted:
        sought = replace(sought, states=tuple(each for each in _STATES if each != "unsure"))
    if len(found) <= limit:
        found += reads.relay.page(replace(sought, after=after, limit=limit + 1 - len(found)))
    more = None
    if len(found) > limit:
        last = found[limit - 1]
        more = f"{last.created_at}.{last.order_id}.{last.connection_id}"
        if is_first and last.state is HandOverState.UNSURE:
            more += "u"
    return with_reasons(reads, found[:limit]), more


@guarded(SCOPE)
async def get_hand_over(call: Call, who: Caller) -> Answer:
    """One hand-over."""
    tenant_id = await tenant_id_of(call, who)
    found = await _found(call, tenant_id)
    (shown,) = await call.hub.read(lambda reads: with_reasons(reads, (found,)))
    return Answer(200, encode(_shown(shown)))


@guarded(SCOPE)
async def is_there(call: Call, who: Caller) -> Answer:
    """A person decides about one that is unsure: it is there, under this number. Or has placed it by hand.

    `If-Match` with its version: only if it still stands as it was seen (412).
    """
    return await _moved(call, who, HandOverStep.PLACE, number=body_of(call, ThereAs).number)


@guarded(SCOPE)
async def send_again(call: Call, who: Caller) -> Answer:
    """What was refused or waits is sent now. Of what is unsure a person says by it: it is not there.

    `If-Match` with its version: only if it still stands as it was seen (412).
    """
    return await _moved(call, who, HandOverStep.AGAIN)


@guarded(SCOPE)
async def drop(call: Call, who: Caller) -> Answer:
    """It shall not go there. Of what is unsure a person says by it: it is not there, and need not be.

    `If-Match` with its version: only if it still stands as it was seen (412).
    """
    given = body_of(call, NotThere)
    return await _moved(call, who, HandOverStep.REFUSE, reason=given.reason or _DROPPED)


async def _moved(
    call: Call, who: Caller, step: HandOverStep, number: str = "", reason: str = ""
) -> Answer:
    asked = if_match(call)
    tenant_id = await tenant_id_of(call, who)
    found = await _found(call, tenant_id)
    if found.state in (HandOverState.SENDING, HandOverState.PLACED):
        why = f"it is {found.state}: nobody can decide about it now"
        raise CommandRejected(Rejected(Reason.TRANSITION_NOT_ALLOWED, "state", why))
    refs: dict[str, str] = {}
    if number:
        number, refs = await _there_as(call, found, number)
    command = MoveHandOver(
        origin=origin_in(call, who, tenant_id),
        order_id=found.order_id,
        connection_id=found.connection_id,
        step=step,
        if_version=found.version if asked is None else asked,
        number=number,
        refs=refs,
        reason=reason,
    )

    # A key's repeat is answered before; else whoever decides decides about what they saw.
    def answer(accepted: Accepted) -> Answer:
        return Answer(200, encode(_shown(accepted.result)))

    return await call.respond(command, answer)


async def _there_as(call: Call, found: HandOver, typed: str) -> tuple[str, dict[str, str]]:
    """The number as its vendor writes it, and where it is. Raises HTTPFault(INVALID) where nothing is left of it."""
    name = (found.tenant_id, CONNECTION, "id", found.connection_id)
    to = await call.hub.read(lambda reads: reads.record(*name))
    # History may be written of a connection that is no more.
    number = (Client() if to is None else client_of(call, to.doc.dialect)).number_of(typed)
    if not number:
        raise refuse("number", "number says nothing that can be seen")
    try:
        return number, {} if to is None else port(call).relayer.line(to).there
    except (ValueError, KeyError):
        return number, {}  # its credentials cannot be read


@guarded(SCOPE)
async def preview(call: Call, who: Caller) -> Answer:
    """Where an order would go by the routes in force, and the very request. Nothing is sent or kept."""
    tenant_id = await tenant_id_of(call, who)
    given = body_of(call, WhatIf)

    def look(reads: Reads) -> tuple[Order, list[HandOver]]:
        order = _order(reads, tenant_id, given.order)
        return order, _plans(reads, order, given.connection, call.received_at)

    _, plans = await call.hub.read(look)
    shown = [await _previewed(call, each) for each in plans]
    return Answer(200, encode(Previews(items=tuple(shown))))


def _plans(reads: Reads, order: Order, connection: str, now_us: int) -> list[HandOver]:
    if connection:
        to = connection_named(reads, order.tenant_id, connection)
        way = routes.Route(
            connection=to.id, connection_uid=to.uid, when="placed", channels=(order.channel,)
        )
        return plan_of(order, (way,), now_us)
    query = RecordQuery(tenant_id=order.tenant_id, kind=routes.RECORD_KIND, limit=1_000)
    ways = tuple(routes.due(reads.records(query), ("placed", "paid")))
    return plan_of(order, ways, now_us)


async def _previewed(call: Call, plan: HandOver) -> Preview:
    connection = await call.hub.read(
        lambda reads: connection_named(reads, plan.tenant_id, plan.connection_uid)
    )
    line = line_to(call, connection)

    def look(reads: Reads) -> Job | str:
        job = job_of(reads, plan, line.client)
        return job if isinstance(job, str) else comes_back(reads, job.order) or job

    job = await call.hub.read(look)
    obstacle = job if isinstance(job, str) else line.client.unfit(job, line.link)
    request = None if obstacle or isinstance(job, str) else _first(line.client, line.link, job)
    return Preview(
        connection=plan.connection_uid,
        dialect=connection.doc.dialect,
        lines=plan.lines,
        obstacle=obstacle or None,
        request=request,
    )


def _first(client: Any, link: Link, job: Job) -> CallShown | None:
    none: Answers = ()
    step = client.place(link, job, none)
    if not isinstance(step, Ask | Send):
        return None
    request: Request = step.request
    return CallShown(
        method=request.method,
        path=request.path,
        query=dict(request.query),
        body=plain_values(request.body),
    )


async def _found(call: Call, tenant_id: int) -> HandOver:
    name = call.params["id"].lower()
    found = await call.hub.read(lambda reads: reads.relay.named(tenant_id, name))
    if found is None:
        raise CommandRejected(Rejected(Reason.RECORD_UNKNOWN, "id", f"no hand-over {name[:40]}"))
    return found


def _order(reads: Reads, tenant_id: int, name: str) -> Order:
    by = "id" if name.isdecimal() else "uid"
    found = reads.order(tenant_id, OrderName(by, name.lower()))
    if found is None:
        raise CommandRejected(Rejected(Reason.ORDER_UNKNOWN, "order", f"no order {name[:40]}"))
    return found


def _shown(each: HandOver) -> HandOverShown:
    return HandOverShown.of(
        each,
        id=each.uid,
        order=each.order_uid,
        connection=each.connection_uid,
        state=each.state.value,
        sent_at=exact_instant(each.started_at) if each.started_at else None,
        next_look_at=exact_instant(each.due_at) if each.due_at < NEVER else None,
    )


_ALL = "/hub/v1/handovers"
_ONE = f"{_ALL}/{{id}}"

ROUTES = (
    Route(
        "GET",
        _ALL,
        list_hand_overs,
        "Hand-overs",
        query=ListHandOvers,
        answers={200: (Page[HandOverShown], *exports(HandOverShown))},
    ),
    Route(
        "POST",
        f"{_ALL}/preview",
        preview,
        "Where an order would go, and the very request",
        query=OfTenant,
        request=WhatIf,
        examples={"by the routes": {"value": {"order": "46"}}},
        answers={200: Previews},
    ),
    Route(
        "GET", _ONE, get_hand_over, "One hand-over", query=OfTenant, answers={200: HandOverShown}
    ),
    Route(
        "POST",
        f"{_ONE}/placed",
        is_there,
        "It is there: its number",
        query=OfTenant,
        headers=IfMatch,
        request=ThereAs,
        answers={200: HandOverShown},
        mutates=True,
    ),
    Route(
        "POST",
        f"{_ONE}/drop",
        drop,
        "It shall not go there",
        query=OfTenant,
        headers=IfMatch,
        request=NotThere,
        optional_body=True,
        answers={200: HandOverShown},
        mutates=True,
    ),
    Route(
        "POST",
        f"{_ONE}/send",
        send_again,
        "Send it again",
        query=OfTenant,
        headers=IfMatch,
        answers={200: HandOverShown},
        mutates=True,
    ),
)
