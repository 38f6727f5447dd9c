"""Ordering: create, preview, list, look at, cancel, finish and ask for a refund."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from orderhub.core.commands import Action, ChangeOrder, OrderName
from orderhub.core.queries import OrderQuery, Reads
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import MICROSECONDS, Order, Settings, Status
from orderhub.core.zones import instants_of
from orderhub.dialects.anqicms import mapping, show, wire, words
from orderhub.dialects.anqicms.access import (
    Visitor,
    holders_of,
    look,
    not_anonymous,
    owner_of,
)
from orderhub.dialects.anqicms.goods import rate_for
from orderhub.dialects.anqicms.show import shown_orders
from orderhub.dialects.contract import Answer, Call, CommandRejected

_NUMBER_LENGTH = 18
# Orders of one second are looked at so many at a time.
_STRIDE = 1_000
# What a buyer may do, and from where: less than an operator may.
_MOVES: dict[Action, tuple[tuple[Status, ...], str]] = {
    Action.CANCEL: ((Status.PENDING,), "canceled"),
    Action.COMPLETE: ((Status.SHIPPED,), "completed"),
    Action.REQUEST_REFUND: ((Status.PAID, Status.COMPLETED), "refund_asked"),
}


# --- create and preview


async def create(call: Call, visitor: Visitor) -> Answer:
    """The body is read before anyone asks who sent it: a broken one is told so even to nobody."""
    given = wire.read(wire.CreateOrder, call)
    return await _submit(
        call,
        visitor,
        given,
        lambda order, settings: words.success(show.order_data(order, settings)),
    )


async def checkout(call: Call, visitor: Visitor) -> Answer:
    """What `create` would make of the same body: the same decision, of which nothing is kept."""
    given = wire.read(wire.CreateOrder, call)

    def preview(order: Order, settings: Settings) -> Answer:
        members = show.whole_order(order, settings)
        # Nothing was placed: what would name the order names nothing.
        address_id = 0 if given.address is None else given.address.id
        members.update(id=0, order_id="", created_time=0, updated_time=0, address_id=address_id)
        if "order_address" in members:
            members["order_address"]["id"] = address_id
        for detail in members["details"]:
            detail.update(id=0, order_id="")
        return words.success(members)

    dry_run = call.as_dry_run()
    answer = await _submit(dry_run, visitor, given, preview)
    call.cause = dry_run.cause
    return answer


async def _submit(
    call: Call,
    visitor: Visitor,
    given: wire.CreateOrder,
    word: Callable[[Order, Settings], Answer],
) -> Answer:
    settings = await call.hub.settings(visitor.tenant_id)
    holders = holders_of(call, visitor) if given.cart_ids else ()
    origin = call.origin(visitor.caller, call.body)
    command = mapping.place_order(given, origin, visitor.user_id, holders)
    return await call.respond(command, lambda accepted: word(accepted.order, settings))


# --- looking


async def orders(call: Call, visitor: Visitor) -> Answer:
    """The caller's orders, newest first. An unknown `status` does not filter."""
    asked = wire.QUERY.read(wire.Orders, call.query)
    size = asked.pageSize
    query = OrderQuery(
        tenant_id=visitor.tenant_id,
        owner=owner_of(visitor),
        statuses=asked.status,
        offset=(asked.current - 1) * size,
        limit=size,
        with_total=True,
    )
    settings = await call.hub.settings(visitor.tenant_id)

    def ask(reads: Reads) -> tuple[list[Any], int]:
        found = reads.orders(query)
        rate = rate_for(reads, visitor, call.received_at)
        shown = shown_orders(reads, found.items, settings, rate)
        return shown, found.total or 0

    items, total = await look(call, visitor, ask)
    return words.listed(items, total)


async def detail(call: Call, visitor: Visitor) -> Answer:
    """One order, for who may see it."""
    not_anonymous(visitor)
    settings = await call.hub.settings(visitor.tenant_id)
    order_id = wire.QUERY.read(wire.OrderId, call.query).order_id

    def ask(reads: Reads) -> dict[str, Any] | None:
        order = find_order(reads, visitor, settings, order_id)
        if not may_see(visitor, order):
            return None
        rate = rate_for(reads, visitor, call.received_at)
        return shown_orders(reads, (order,), settings, rate)[0]

    members = await look(call, visitor, ask)
    if members is None:
        cause = Rejected(Reason.NOT_OWNER, "order", "the order is not the caller's")
        return words.turned_down(call, "forbidden", cause)
    return words.success(members)


def may_see(visitor: Visitor, order: Order) -> bool:
    return visitor.is_wide or order.owner == visitor.caller.owner


def find_order(reads: Reads, visitor: Visitor, settings: Settings, order_id: str) -> Order:
    """The order of this number; whoever sees the whole tenant finds those of other doors too.

    Raises CommandRejected(ORDER_UNKNOWN). An order of another door is named by the same recipe from its own
    time and id; the number is not stored, so it is looked for among the orders of that second.
    """
    if len(order_id) == _NUMBER_LENGTH and order_id.isascii() and order_id.isdecimal():
        order = reads.order(visitor.tenant_id, OrderName("number", order_id))
        if order is None and visitor.is_wide:
            order = _by_recipe(reads, visitor.tenant_id, settings, order_id)
        elif order is not None and order.channel != mapping.DIALECT_NAME:
            order = None
        if order is not None:
            return order
    raise CommandRejected(Rejected(Reason.ORDER_UNKNOWN, "order", "no such order"))


def _by_recipe(reads: Reads, tenant_id: int, settings: Settings, order_id: str) -> Order | None:
    try:
        local = datetime.strptime(order_id[:14], "%Y%m%d%H%M%S")  # noqa: DTZ007 - the tenant's zone
        starts = instants_of(settings.time_zone, local)
    except (ValueError, OverflowError):
        return None
    # Two seconds of the year's longest day bear the same name.
    found = (_of_second(reads, tenant_id, start, int(order_id[14:])) for start in starts)
    return next(filter(None, found), None)


def _of_second(reads: Reads, tenant_id: int, start: int, tail: int) -> Order | None:
    """The order of another door that came in that second and whose id has these last four digits."""
    query = OrderQuery(
        tenant_id=tenant_id,
        occurred_from=start,
        occurred_to=start + MICROSECONDS,
        by_occurred=True,
        limit=_STRIDE,
        with_lines=False,
    )
    after: str | None = ""
    while after is not None:
        page = reads.orders(msgspec.structs.replace(query, after=after))
        for order in page.items:
            if order.channel != mapping.DIALECT_NAME and order.id % 10_000 == tail:
                return reads.order(tenant_id, OrderName("uid", order.uid))
        after = page.cursor
    return None


# --- moves of the buyer


async def cancel(call: Call, visitor: Visitor) -> Answer:
    return await _move(call, visitor, Action.CANCEL)


async def finish(call: Call, visitor: Visitor) -> Answer:
    return await _move(call, visitor, Action.COMPLETE)


async def refund(call: Call, visitor: Visitor) -> Answer:
    return await _move(call, visitor, Action.REQUEST_REFUND)


async def _move(call: Call, visitor: Visitor, action: Action) -> Answer:
    not_anonymous(visitor)
    order_id = wire.read(wire.OrderId, call).order_id
    statuses, said = _MOVES[action]
    order = await own_order(call, visitor, order_id)
    command = change_of(call, visitor, order, action, only_from=statuses)
    sentence = words.say(call, said)
    return await call.respond(command, lambda _accepted: words.done(sentence))


async def own_order(call: Call, visitor: Visitor, order_id: str, *, guests: bool = False) -> Order:
    """The order, when it is the caller's own. Raises CommandRejected, and HTTPFault for who must log in first."""
    order = await order_named(call, visitor, order_id, guests=guests)
    if not may_see(visitor, order):
        raise CommandRejected(
            Rejected(Reason.NOT_OWNER, "order", "the order belongs to someone else")
        )
    return order


async def order_named(
    call: Call, visitor: Visitor, order_id: str, *, guests: bool = False
) -> Order:
    """The order of that number, whosever it is. Raises as `own_order` does."""
    settings = await call.hub.settings(visitor.tenant_id)

    def ask(reads: Reads) -> Order:
        return find_order(reads, visitor, settings, order_id)

    if guests and visitor.is_anonymous:
        return await call.hub.read(ask)
    return await look(call, visitor, ask)


def change_of(
    call: Call, visitor: Visitor, order: Order, action: Action, **members: Any
) -> ChangeOrder:
    # Whoever sees the whole tenant may move every order of it, whomever new ones would belong to.
    origin = msgspec.structs.replace(
        call.origin(visitor.caller, call.body), owner=visitor.caller.owner
    )
    return ChangeOrder(origin=origin, name=OrderName("uid", order.uid), action=action, **members)
