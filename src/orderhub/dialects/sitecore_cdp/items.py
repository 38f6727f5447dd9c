"""Order items: added to a standing order, read, changed, removed."""

from __future__ import annotations

from functools import partial
from typing import Any

from orderhub.core.commands import Action, ChangeOrder, LineChange, OrderName
from orderhub.core.facts import Accepted
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Line, Order
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Caller, CommandRejected
from orderhub.dialects.sitecore_cdp import mapping, show, wire
from orderhub.dialects.sitecore_cdp.access import caller_of
from orderhub.dialects.sitecore_cdp.guests import tenant_now
from orderhub.dialects.sitecore_cdp.orders import must_be_ours, order_of_call, tenant_wide
from orderhub.dialects.sitecore_cdp.paging import page_of, row
from orderhub.dialects.sitecore_cdp.refs import part_of
from orderhub.dialects.sitecore_cdp.words import of_one_item


def unknown_part(ref: str) -> CommandRejected:
    return CommandRejected(Rejected(Reason.RECORD_UNKNOWN, "line", f"nothing called {ref}"))


async def item_of_call(call: Call, caller: Caller) -> tuple[Order, Line]:
    """The order and line that `/v2.1/orderItems/{ref}` names. Raises CommandRejected."""
    ref = call.params["ref"]
    uid, line_no = part_of(ref)
    order = await order_of_call(call, caller, uid)
    for line in order.kept_lines:
        if line.line_no == line_no:
            return order, line
    raise unknown_part(ref)


async def create_item(call: Call) -> Answer:
    """POST /v2.1/orders/{ref}/orderItems -> 201."""
    caller = await caller_of(call)
    request = wire.CDP.read(wire.OrderItemRequest, wire.json_body(call))
    order = await order_of_call(call, caller)
    must_be_ours(order)
    item = mapping.to_item(request, await tenant_now(call, caller))
    command = ChangeOrder(
        origin=tenant_wide(call, caller),
        name=OrderName("uid", order.uid),
        action=Action.AMEND,
        add_lines=(item,),
    )
    base = call.base_url

    def answer(accepted: Accepted) -> Answer:
        after, line = accepted.added_lines[0]
        return Answer(201, encode(show.to_wire_item(after, line, base)))

    return await call.respond(command, answer, partial(of_one_item, call))


async def list_items(call: Call) -> Answer:
    """GET /v2.1/orders/{ref}/orderItems."""
    caller = await caller_of(call)
    asked = wire.QUERY.read(wire.ByCreated, call.query)
    order = await order_of_call(call, caller)
    base = call.base_url
    lines = order.kept_lines
    if asked.expand:
        items: list[Any] = [show.to_wire_item(order, line, base) for line in lines]
    else:
        items = [row(show.item_href(order, base, line)) for line in lines]
    return Answer(200, encode(page_of(call, asked, items)))


async def get_item(call: Call) -> Answer:
    """GET /v2.1/orderItems/{ref}."""
    caller = await caller_of(call)
    order, line = await item_of_call(call, caller)
    return Answer(200, encode(show.to_wire_item(order, line, call.base_url)))


async def patch_item(call: Call) -> Answer:
    """PATCH /v2.1/orderItems/{ref}: what is sent changes, null takes a member away."""
    return await _update(call, partial=True)


async def put_item(call: Call) -> Answer:
    """PUT /v2.1/orderItems/{ref}: the item as sent; members that are not sent go away."""
    return await _update(call, partial=False)


async def _update(call: Call, *, partial: bool) -> Answer:
    caller = await caller_of(call)
    body = wire.json_body(call)
    order, line = await item_of_call(call, caller)
    must_be_ours(order)
    members = wire.update(wire.OrderItemRequest, body, partial=partial)
    now = await tenant_now(call, caller)
    change = mapping.to_line_change(members, line.line_no, now)
    return await change_line(call, caller, order, change)


async def change_line(call: Call, caller: Caller, order: Order, change: LineChange) -> Answer:
    """Submit the change of one line; the answer shows the item, or is 204 when it was removed."""
    base = call.base_url

    def answer(accepted: Accepted) -> Answer:
        after, line = accepted.changed_lines[0]
        if line.cancelled:
            return Answer(204, b"")
        return Answer(200, encode(show.to_wire_item(after, line, base)))

    command = ChangeOrder(
        origin=tenant_wide(call, caller),
        name=OrderName("uid", order.uid),
        action=Action.AMEND,
        line_changes=(change,),
    )
    return await call.respond(command, answer, partial(of_one_item, call))


async def delete_item(call: Call) -> Answer:
    """DELETE /v2.1/orderItems/{ref} -> 204."""
    caller = await caller_of(call)
    order, line = await item_of_call(call, caller)
    must_be_ours(order)
    return await change_line(call, caller, order, LineChange(line_no=line.line_no, cancelled=True))
