"""Orders: create, find, read, update, delete."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from orderhub.core.commands import Action, ChangeOrder, OrderName, Origin, PlaceOrder
from orderhub.core.facts import Accepted
from orderhub.core.queries import OrderQuery, OrderSearch, Reads
from orderhub.core.recorded import RecordedSale
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.search_terms import ACCOUNT
from orderhub.core.values import Order, Status
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Caller, CommandRejected, WireFault, invalid
from orderhub.dialects.overtaken import ATTEMPTS, first_attempt, is_overtaken
from orderhub.dialects.sitecore_cdp import mapping, show, wire
from orderhub.dialects.sitecore_cdp.access import NAME, caller_of, client_key
from orderhub.dialects.sitecore_cdp.paging import collection, row
from orderhub.dialects.sitecore_cdp.words import is_duplicate, key_after, name_in

# Orders that share a reference are read so many at a time.
_STRIDE = 200
# An update may say the order's time so far off, as the vendor's pages have it: two days.
_SAME_WITHIN = 2 * 86_400_000_000
# Creating is the hot path: a query that is not there is not read.
_NO_GUEST = wire.CreateQuery()


# --- create


async def create_order(call: Call) -> Answer:
    """POST /v2.1/orders -> 201. `?guestRef=` links the order to a guest at once."""
    caller = await caller_of(call)
    order = wire.CDP.read(wire.OrderRequest, wire.json_body(call))
    origin = call.origin(caller, call.body)
    asked = wire.QUERY.read(wire.CreateQuery, call.query) if call.query_string else _NO_GUEST
    command = mapping.to_place(order, origin, client_key(caller), guest=asked.guestRef)
    base = call.base_url
    for _ in range(ATTEMPTS):
        outcome = await call.submit(
            command, lambda accepted: order_answer(accepted.order, base, 201)
        )
        if outcome.rejected is None or not is_duplicate(outcome.rejected):
            return outcome.answer
        again = await named_again(command, call)
        if again is None:
            return outcome.answer
        command = again
        first_attempt(call)
    raise CommandRejected(Rejected(Reason.VERSION_CONFLICT, "version"))


async def named_again(command: PlaceOrder, call: Call) -> PlaceOrder | None:
    """The command under the name of an order that was deleted; None where there is one of that name."""
    terms = command.terms
    assert isinstance(terms, RecordedSale)
    query = OrderQuery(
        tenant_id=command.origin.tenant_id,
        channel=NAME,
        reference=command.reference,
        occurred_from=terms.occurred_at,
        occurred_to=terms.occurred_at + 1,
        limit=_STRIDE,
        with_lines=False,
    )
    found = await call.hub.read(lambda reads: reads.orders(query).items)
    name = name_in(command.natural_key)
    named = [order for order in found if name_in(order.natural_key) == name]
    if not named or not all(map(show.is_deleted, named)):
        return None
    key = key_after(command.natural_key, named[0].uid)
    return msgspec.structs.replace(command, natural_key=key)


def order_answer(order: Order, base: str, status: int = 200) -> Answer:
    return Answer(status, encode(show.to_order(order, base)))


# --- one order


async def order_of_call(call: Call, caller: Caller, ref: str | None = None) -> Order:
    """The order that the path names, of any door. Raises CommandRejected when there is none."""
    uid = (call.params["ref"] if ref is None else ref).lower()
    order = await call.hub.read(lambda reads: reads.order(caller.tenant_id, OrderName("uid", uid)))
    if order is None or show.is_deleted(order):
        raise unknown_order(uid)
    return order


def unknown_order(uid: str) -> CommandRejected:
    return CommandRejected(Rejected(Reason.ORDER_UNKNOWN, "order", f"no order {uid}"))


def must_be_ours(order: Order, *fields: str) -> None:
    """What another door sold is read here; its price and status change through its own door."""
    if not show.is_ours(order):
        message = (
            f"the order was placed through another API ({order.channel}) and is read-only here."
        )
        raise invalid(*(WireFault(field, "value", message) for field in fields or ("orderRef",)))


async def get_order(call: Call) -> Answer:
    """GET /v2.1/orders/{ref}. `expand`: orderItems, contacts, consumers, or `true` for all."""
    caller = await caller_of(call)
    order = await order_of_call(call, caller)
    query = wire.QUERY.read(wire.Expand, call.query)
    return Answer(200, encode(expanded(order, call.base_url, query.expand)))


def expanded(order: Order, base: str, parts: frozenset[str]) -> wire.Order:
    """The order with the named parts in full, as paged collections of the older API."""

    def whole(path: str, items: list[Any]) -> dict[str, Any]:
        href = f"{show.order_href(base, order.uid)}/{path}"
        return {"href": href, "offset": 0, "limit": max(len(items), 1), "items": items}

    kept = show.parts_of(order)
    contacts = consumers = items = None
    if "contacts" in parts:
        found = show.people_in(kept, "contacts")
        contacts = whole("contacts", [show.to_contact(order, *each, base) for each in found])
    if "consumers" in parts:
        found = show.people_in(kept, "consumers")
        consumers = whole("consumers", [show.to_consumer(order, *each, base) for each in found])
    if "orderItems" in parts:
        lines = order.kept_lines
        items = whole("orderItems", [show.to_wire_item(order, line, base) for line in lines])
    return show.to_order(order, base, contacts=contacts, consumers=consumers, items=items)


async def patch_order(call: Call) -> Answer:
    """PATCH /v2.1/orders/{ref}: what is sent changes, null takes an optional member away."""
    return await _update(call, partial=True)


async def put_order(call: Call) -> Answer:
    """PUT /v2.1/orders/{ref}: the order as sent; optional members that are not sent go away."""
    return await _update(call, partial=False)


async def _update(call: Call, *, partial: bool) -> Answer:
    caller = await caller_of(call)
    body = wire.json_body(call)
    order = await order_of_call(call, caller)
    must_be_ours(order)
    members = wire.update(wire.OrderRequest, body, partial=partial)
    _must_keep_names(members, order)
    command = amendment(members, order, call, caller)
    base = call.base_url
    return await call.respond(command, lambda accepted: order_answer(accepted.order, base))


def _must_keep_names(members: dict[str, Any], order: Order) -> None:
    """referenceId and orderedAt are the order's name to the client: they cannot change."""
    at = members.get("orderedAt", order.occurred_at)
    changes = {
        # The vendor tells orders apart by days: a client that lost the fraction means this one.
        "orderedAt": abs(at - order.occurred_at) >= _SAME_WITHIN,
        "referenceId": members.get("referenceId", order.reference) != order.reference,
    }
    faults = [
        WireFault(name, "value", "cannot be changed.")
        for name, is_other in changes.items()
        if is_other
    ]
    if faults:
        raise invalid(*faults)


def amendment(
    members: dict[str, Any],
    order: Order,
    call: Call,
    caller: Caller,
    request: bytes | None = None,
) -> ChangeOrder:
    """`members` as `wire.update` has them: None takes an optional one away."""
    changes: dict[str, Any] = {}
    if "price" in members:
        changes["total"] = members["price"]
    if "currencyCode" in members:
        changes["currency"] = members["currencyCode"]
    vendor = {name: members[name] for name in mapping.ECHOED if name in members}
    status = (members["status"] or "") if "status" in members else None
    return ChangeOrder(
        origin=tenant_wide(call, caller, request),
        name=OrderName("uid", order.uid),
        action=Action.AMEND,
        vendor_status=status,
        vendor=vendor or None,
        changes=changes,
    )


def tenant_wide(call: Call, caller: Caller, request: bytes | None = None) -> Origin:
    """The origin of a change. Every client key of a tenant may change every order of this door."""
    origin = call.origin(caller, call.body if request is None else request)
    return msgspec.structs.replace(origin, owner="")


async def delete_order(call: Call) -> Answer:
    """DELETE /v2.1/orders/{ref} -> 204. The ledger keeps the order; this door hides it."""
    caller = await caller_of(call)
    for _ in range(ATTEMPTS):
        order = await order_of_call(call, caller)
        must_be_ours(order)
        first_attempt(call)
        outcome = await call.submit(
            deletion(order, call, caller), lambda _accepted: Answer(204, b"")
        )
        if not is_overtaken(outcome):
            return outcome.answer
    raise CommandRejected(Rejected(Reason.VERSION_CONFLICT, "version"))


def deletion(order: Order, call: Call, caller: Caller, request: bytes | None = None) -> ChangeOrder:
    """An order nobody paid through the hub is cancelled for the other doors too.

    A deleted order is no guest's account any more; whose it was is kept, for whoever is asked to forget them.
    """
    everybody = dict.fromkeys((order.account, *order.doc.business.accounts))
    return ChangeOrder(
        origin=tenant_wide(call, caller, request),
        name=OrderName("uid", order.uid),
        # Whether it is cancelled or only hidden was decided by what was read.
        if_version=order.version,
        action=Action.CANCEL if order.status is Status.PENDING else Action.AMEND,
        reason="deleted by the client",
        vendor={mapping.DELETED: True},
        changes={"account": "", "accounts": tuple(filter(None, everybody))},
    )


def with_parts(
    order: Order, parts: Mapping[str, Any], changes: Mapping[str, Any], origin: Origin
) -> ChangeOrder:
    """The order with what this door keeps about it rewritten, and canonical changes besides."""
    return ChangeOrder(
        origin=origin,
        name=OrderName("uid", order.uid),
        action=Action.AMEND,
        if_version=order.version,
        vendor={mapping.PARTS: {name: part for name, part in parts.items() if part} or None},
        changes=dict(changes),
    )


async def change_parts(
    call: Call, caller: Caller, order: Order, change: Any, answer: Any
) -> Answer | None:
    """Rewrite what this door keeps about an order; None = someone else changed the order meanwhile.

    `change` gets the parts as a fresh dict and may also return canonical changes.
    """
    parts = {name: dict(value) for name, value in show.parts_of(order).items()}
    changes = change(parts) or {}

    def render(accepted: Accepted) -> Answer:
        result: Answer = answer(accepted.order)
        return result

    first_attempt(call)
    command = with_parts(order, parts, changes, tenant_wide(call, caller))
    outcome = await call.submit(command, render)
    return None if is_overtaken(outcome) else outcome.answer


# --- many orders


async def find_orders(call: Call) -> Answer:
    """GET /v2.1/orders with exactly one of `referenceId` and `guestRef`; newest first."""
    caller = await caller_of(call)
    asked = wire.QUERY.read(wire.FindOrders, call.query)
    reference, guest = asked.referenceId, asked.guestRef
    if bool(reference) == bool(guest):
        message = "exactly one of referenceId and guestRef is required."
        raise invalid(WireFault("referenceId", "missing", message))
    order_by, oldest_first = asked.sort
    if order_by == "orderedAt" and not guest:
        message = "orderedAt can only be used with guestRef."
        raise invalid(WireFault("sort", "value", message))
    if guest:
        query = OrderQuery(
            tenant_id=caller.tenant_id,
            account=guest,
            by_occurred=order_by == "orderedAt",
            oldest_first=oldest_first,
            offset=asked.offset,
            limit=asked.limit,
        )
        page = await call.hub.read(lambda reads: _of_guest(reads, query, asked))
    else:
        query = OrderQuery(
            tenant_id=caller.tenant_id, channel=NAME, reference=reference, oldest_first=oldest_first
        )
        page = await call.hub.read(lambda reads: _by_reference(reads, query, asked))
    base = call.base_url
    items: list[Any] = (
        [expanded(order, base, asked.expand) for order in page]
        if asked.expand
        else [row(show.order_href(base, order.uid)) for order in page]
    )
    return Answer(200, encode(collection(call, asked, items)))


def _of_guest(reads: Reads, query: OrderQuery, paging: wire.Page) -> tuple[Order, ...]:
    """Orders of a guest: those whose latest contact it is, and those on which others came after it."""
    others = _shared(reads, query)
    if not others:
        return reads.orders(query).items
    assert query.tenant_id is not None
    first = msgspec.structs.replace(query, offset=0, limit=paging.end, with_lines=False)
    found = [*reads.orders(first).items, *others]
    found.sort(
        key=lambda order: (order.occurred_at if query.by_occurred else order.recorded_at, order.id),
        reverse=not query.oldest_first,
    )
    return _whole(reads, query.tenant_id, found[paging.offset : paging.end])


def of_guest(reads: Reads, query: OrderQuery, known: Collection[str]) -> list[Order]:
    """Some orders of a guest, without their lines, that are none of these: whoever parts with them asks again."""
    own = reads.orders(msgspec.structs.replace(query, limit=_STRIDE, with_lines=False)).items
    return [order for order in (*own, *_shared(reads, query)) if order.uid not in known]


def _shared(reads: Reads, query: OrderQuery) -> list[Order]:
    found: list[Order] = []
    after: tuple[int, ...] = ()
    while True:
        page = reads.search(
            OrderSearch(
                tenant_id=query.tenant_id,
                terms=((ACCOUNT, query.account),),
                after=after,
                limit=_STRIDE,
            )
        )
        # An order goes on to be found by somebody who was taken off it, or for whom it was deleted.
        found += [
            order
            for order in page
            if order.account != query.account
            and query.account in show.guests_of(order)
            and not show.is_deleted(order)
        ]
        if len(page) < _STRIDE:
            return found
        after = (page[-1].recorded_at, page[-1].id)


def _whole(reads: Reads, tenant_id: int, page: list[Order]) -> tuple[Order, ...]:
    """The same orders with their lines."""
    whole = {
        order.id: order
        for order in reads.orders_among(tenant_id, tuple(order.id for order in page))
    }
    return tuple(whole[order.id] for order in page)


def _by_reference(reads: Reads, query: OrderQuery, paging: wire.Page) -> tuple[Order, ...]:
    """Orders of this door by reference, and the one of another door with that number."""
    found = list(islice(all_live(reads, query), paging.end))
    assert query.tenant_id is not None
    other = reads.order(query.tenant_id, OrderName("number", query.reference))
    if other is not None and not show.is_ours(other):
        found.append(other)
        found.sort(key=lambda order: (order.recorded_at, order.id), reverse=not query.oldest_first)
    return _whole(reads, query.tenant_id, found[paging.offset : paging.end])


def all_live(reads: Reads, query: OrderQuery) -> Iterator[Order]:
    """The orders of a query that were not deleted, without their lines, loaded as they are looked at."""
    after: str | None = ""
    while after is not None:
        page = reads.orders(
            msgspec.structs.replace(query, after=after, limit=_STRIDE, with_lines=False)
        )
        yield from (order for order in page.items if not show.is_deleted(order))
        after = page.cursor
