"""The calls on orders: add, cal, detail, list, cancel."""

from __future__ import annotations

import msgspec

from orderhub.core.commands import Action, ChangeOrder, OrderName
from orderhub.core.facts import Accepted
from orderhub.core.queries import OrderQuery, Reads
from orderhub.core.quotes import Booking, Offer, quote
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.tours import offer_keys, today
from orderhub.core.values import Order, Settings
from orderhub.dialects.contract import Answer, Call, Caller, CommandRejected
from orderhub.dialects.tours4fun import mapping, wire, words
from orderhub.dialects.tours4fun.access import authenticate
from orderhub.dialects.tours4fun.prices import calculation
from orderhub.dialects.tours4fun.reading import body_of, read
from orderhub.dialects.tours4fun.show import in_full, listed


def _added(accepted: Accepted) -> Answer:
    """The vendor's own sample: its `msg` is empty here, unlike everywhere else."""
    return Answer(200, b'{"code":0,"msg":"","data":{"order_id":%d}}' % accepted.order.id)


async def add(call: Call) -> Answer:
    caller = await authenticate(call)
    asked = wire.read_booking(wire.AddOrder, await body_of(call, caller))
    return await call.respond(mapping.place_order(asked, call.origin(caller, call.body)), _added)


async def calculate(call: Call) -> Answer:
    """The price of a booking, by the function that prices orders. Seats are not looked at."""
    caller = await authenticate(call)
    asked = wire.read_booking(wire.CalculateOrder, await body_of(call, caller))
    booking = mapping.booking(asked)
    owner = caller.owner or caller.acts_as
    offer = await call.hub.read(
        lambda reads: read_offer(reads, caller.tenant_id, booking, owner, call.received_at)
    )
    result = quote(offer, booking)
    if isinstance(result, Rejected):
        raise CommandRejected(result)
    return words.success(calculation(result))


def read_offer(
    reads: Reads, tenant_id: int, booking: Booking, owner: str, received_at: int
) -> Offer:
    """The facts of a price, found by the very names that an order's decision loads."""
    docs = {}
    for key in offer_keys(tenant_id, booking.product_id, owner):
        record = reads.record(tenant_id, key.kind, key.by, key.value)
        docs[key.kind] = None if record is None else record.doc
    settings = reads.settings(tenant_id)
    return Offer(
        product=docs["product"],
        tour=docs["tour"],
        rates=docs["exchange_rates"],
        reseller=docs.get("reseller"),
        currency=settings.currency,
        today=today(settings, received_at),
    )


async def detail(call: Call) -> Answer:
    caller = await authenticate(call)
    order_id = (await read(wire.OrderId, call, caller)).order_id

    def ask(reads: Reads) -> tuple[Order | None, Settings]:
        name = OrderName("id", str(order_id))
        return reads.order(caller.tenant_id, name), reads.settings(caller.tenant_id)

    order, settings = await call.hub.read(ask)
    if order is None:
        raise CommandRejected(Rejected(Reason.ORDER_UNKNOWN, "order", f"no order {order_id}"))
    if caller.owner and order.owner != caller.owner:
        raise CommandRejected(
            Rejected(Reason.NOT_OWNER, "order", "the order belongs to another app")
        )
    return words.success(in_full(order, settings))


async def list_orders(call: Call) -> Answer:
    """Newest first."""
    caller = await authenticate(call)
    asked = await read(wire.OrderList, call, caller)
    page, size = asked.page, asked.page_size
    if page * size > wire.DEEPEST:
        raise wire.fault("page", "value")
    query = OrderQuery(
        tenant_id=caller.tenant_id,
        owner=caller.owner or None,
        statuses=asked.order_status,
        offset=(page - 1) * size,
        limit=size,
        with_total=True,
    )
    found, settings = await call.hub.read(
        lambda reads: (reads.orders(query), reads.settings(caller.tenant_id))
    )
    total = found.total or 0
    return words.success(
        {
            "cur_page": page,
            "page_size": size,
            "total_page": -(-total // size),
            "total_num": total,
            "order_list": [listed(order, settings) for order in found.items],
        }
    )


async def cancel(call: Call) -> Answer:
    """An unpaid order ends and gives its seats back; any other is left as it is."""
    caller = await authenticate(call)
    asked = await read(wire.CancelOrder, call, caller)

    def answer(_accepted: Accepted) -> Answer:
        data = {"order_id": asked.order_id, "cancel_reason": asked.cancel_reason}
        return words.success(data, "cancel order success")

    return await call.respond(_cancel_command(call, caller, asked), answer)


def _cancel_command(call: Call, caller: Caller, asked: wire.CancelOrder) -> ChangeOrder:
    # An app reaches every order of its tenant unless it was told to see only its own.
    origin = msgspec.structs.replace(call.origin(caller, call.body), owner=caller.owner)
    return ChangeOrder(
        origin=origin,
        name=OrderName("id", str(asked.order_id)),
        action=Action.CANCEL,
        reason=asked.cancel_reason,
    )
