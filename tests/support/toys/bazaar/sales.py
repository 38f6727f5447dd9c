"""Reporting a sale and looking it up."""

from __future__ import annotations

from orderhub.dialects.bazaar.access import NAME, caller_of
from orderhub.dialects.bazaar.data import Switches
from orderhub.dialects.bazaar.mapping import place_order
from orderhub.dialects.bazaar.show import shown
from orderhub.dialects.bazaar.wire import read_sale

from orderhub.core.commands import OrderName
from orderhub.core.facts import Accepted
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.codec import encode, switches
from orderhub.dialects.contract import Answer, Call, CommandRejected


async def sell(call: Call) -> Answer:
    caller = await caller_of(call)
    settings = await call.hub.settings(caller.tenant_id)
    sale = read_sale(call.body, switches(settings, NAME, Switches).longest_item)
    origin = call.origin(caller, call.body)
    command = place_order(sale, origin, settings.currency, settings.clock.at(call.received_at))

    def answer(accepted: Accepted) -> Answer:
        return Answer(201, encode(shown(accepted.order)))

    return await call.respond(command, answer)


async def show(call: Call) -> Answer:
    caller = await caller_of(call)
    uid = call.params["uid"]
    order = await call.hub.read(lambda reads: reads.order(caller.tenant_id, OrderName("uid", uid)))
    if order is None:
        raise CommandRejected(Rejected(Reason.ORDER_UNKNOWN, "uid"))
    return Answer(200, encode(shown(order)))
