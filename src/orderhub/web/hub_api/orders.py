"""/hub/v1/orders: every order of every door, listed, searched, in full, and through any other door."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from orderhub.core.commands import OrderName
from orderhub.core.queries import Reads
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Event, Move, Order
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Caller, CommandRejected, Route
from orderhub.web.hub_api.access import guarded, tenant_of
from orderhub.web.hub_api.bodies import Query, any_dialect, query_of, refuse
from orderhub.web.hub_api.fields import named, picker, some_of
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.lists import exports, listed, whole
from orderhub.web.hub_api.order_filters import ListOrders, page, wanted
from orderhub.web.hub_api.shapes import (
    OrderEvent,
    OrderInFull,
    OrderSummary,
    SparseOrder,
    SparseSummary,
    event_shape,
    order_in_full,
    order_summary,
)
from orderhub.web.hub_api.shaping import Page, Whole
from orderhub.web.hub_api.tables import columns_of


class OneOrder(Query, frozen=True, kw_only=True):
    as_: Annotated[str, any_dialect("the dialect to show it as; not with fields")] = msgspec.field(
        default="", name="as"
    )
    fields: Annotated[str, some_of(OrderInFull)] = ""


# With `as`.
ElseWhere = Annotated[
    dict[str, Any],
    msgspec.Meta(description="With `as`: as that dialect's own read call shows it."),
]


@guarded("orders:read")
async def list_orders(call: Call, who: Caller) -> Answer:
    """Newest first, by one of the combinations of filters that an index answers."""
    tenant_id: int | None = who.tenant_id or None
    given = query_of(call, ListOrders)
    if given.tenant:
        tenant_id = (await tenant_of(call, who, given.tenant)).id
    pick = picker(given.fields, OrderSummary)

    async def ask(cursor: str, limit: int) -> Page[Any]:
        behind = msgspec.structs.replace(given, cursor=cursor, limit=limit)
        asked = wanted(call, behind, tenant_id)
        (found, following), names = await call.hub.read(
            lambda reads: (page(reads, asked), tenant_names(reads))
        )
        items = tuple(pick(order_summary(order, names[order.tenant_id])) for order in found)
        return Page(items=items, next_cursor=following)

    columns = named(given.fields) or columns_of(OrderSummary)
    return await listed(call, "orders", ask, columns, cursor=given.cursor, limit=given.limit)


def tenant_names(reads: Reads) -> dict[int, str]:
    return {tenant.id: tenant.name for tenant in reads.tenants()}


def unknown_order(uid: str) -> CommandRejected:
    return CommandRejected(Rejected(Reason.ORDER_UNKNOWN, "uid", f"no order {uid}"))


@guarded("orders:read")
async def one_order(call: Call, who: Caller) -> Answer:
    """The order, its lines, draws, events and raw request; with `as`, as that dialect would show it."""
    given = query_of(call, OneOrder)
    if given.as_:
        return await _through_another_channel(call, who, given)
    pick = picker(given.fields, OrderInFull)

    def in_full(
        reads: Reads, order: Order
    ) -> tuple[Order, str, tuple[Event, ...], tuple[Move, ...]]:
        name = tenant_names(reads)[order.tenant_id]
        return order, name, reads.events(order), reads.moves(order)

    found = await _found(call, who, in_full)
    return Answer(200, encode(pick(order_in_full(*found))), (_etag(found[0]),))


async def _found(call: Call, who: Caller, ask: Any) -> Any:
    """What `ask` answers for the order of the path, or the refusal when it is none of the caller's."""
    uid = call.params["uid"].lower()

    def look(reads: Reads) -> Any:
        order = reads.order(who.tenant_id or None, OrderName("uid", uid))
        return None if order is None else ask(reads, order)

    found = await call.hub.read(look)
    if found is None:
        raise unknown_order(uid)
    return found


async def _through_another_channel(call: Call, who: Caller, given: OneOrder) -> Answer:
    name = given.as_
    channels = {each.name: each.render for each in port(call).dialects if each.render is not None}
    if name not in channels:
        raise refuse("as", f"as is one of {', '.join(sorted(channels))}")
    if given.fields:
        raise refuse("fields", "fields and as cannot be combined: a vendor's answer is whole")

    def shown_there(reads: Reads, order: Order) -> tuple[Order, Any]:
        return order, channels[name](reads, order, call.base_url)

    order, shown = await _found(call, who, shown_there)
    return Answer(200, encode(shown), (_etag(order),))


@guarded("orders:read")
async def order_events(call: Call, who: Caller) -> Answer:
    """The history of one order, oldest first."""
    events = await _found(call, who, lambda reads, order: reads.events(order))
    return whole(call, "events", tuple(map(event_shape, events)), OrderEvent)


def _etag(order: Order) -> tuple[str, str]:
    return ("ETag", f'"{order.version}"')


_ORDERS = "/hub/v1/orders"

ROUTES = (
    Route(
        "GET",
        _ORDERS,
        list_orders,
        "Orders of every door, newest first",
        query=ListOrders,
        answers={200: (Page[SparseSummary], *exports(SparseSummary))},  # type: ignore[valid-type]
    ),
    Route(
        "GET",
        f"{_ORDERS}/{{uid}}",
        one_order,
        "One order in full, or through another door",
        query=OneOrder,
        answers={200: (SparseOrder, ElseWhere)},
    ),
    Route(
        "GET",
        f"{_ORDERS}/{{uid}}/events",
        order_events,
        "The history of one order",
        answers={200: (Whole[OrderEvent], *exports(OrderEvent))},
    ),
)
