"""A sixth dialect, small enough to read at a glance: a stall that reports what it has sold."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from orderhub.dialects.bazaar.words import WORDS

from orderhub.core.commands import OrderName, PlaceOrder, StatedLine
from orderhub.core.known import Accepted
from orderhub.core.money import plain
from orderhub.core.recorded import RecordedSale
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Order
from orderhub.dialects.auth import hub_caller
from orderhub.dialects.codec import decode_object, encode
from orderhub.dialects.contract import (
    Answer,
    Call,
    Caller,
    Dialect,
    Fault,
    FaultKind,
    Refused,
    Route,
    Stop,
    WireFault,
    invalid,
)

FIELDS = {"lines[].quantity": "pieces", "lines[].price": "price"}
STATUSES = {
    FaultKind.MALFORMED: 400,
    FaultKind.INVALID: 400,
    FaultKind.UNAUTHENTICATED: 401,
    FaultKind.FORBIDDEN: 403,
    FaultKind.NOT_FOUND: 404,
    FaultKind.METHOD_NOT_ALLOWED: 405,
    FaultKind.TOO_LARGE: 413,
    FaultKind.UNSUPPORTED_MEDIA: 415,
    FaultKind.RATE_LIMITED: 429,
    FaultKind.KEY_INVALID: 400,
    FaultKind.BUSY: 503,
    FaultKind.UNAVAILABLE: 503,
    FaultKind.BROKEN: 500,
}


class Sale(msgspec.Struct, forbid_unknown_fields=False):
    item: str
    pieces: int
    price: Decimal


def failed(status: int, why: str) -> Answer:
    return Answer(status, encode({"ok": False, "why": why}))


def fault(_call: Call, fault: Fault) -> Answer:
    return failed(STATUSES[fault.kind], fault.message or fault.kind.value)


def refusal(call: Call, rejected: Rejected) -> Answer:
    status = 404 if rejected.reason is Reason.ORDER_UNKNOWN else 422
    return failed(status, f"no deal, {WORDS[rejected.reason]} ({call.spelling(rejected.field)})")


def shown(order: Order) -> dict[str, Any]:
    return {"ok": True, "sale": order.uid, "total": plain(order.total)}


async def known_caller(call: Call) -> Caller:
    caller = await hub_caller(call)
    if caller is None:
        raise Stop(Fault(FaultKind.UNAUTHENTICATED))
    return caller


async def sell(call: Call) -> Answer:
    caller = await known_caller(call)
    members = decode_object(call.body)
    try:
        sale = msgspec.convert(members, Sale)
    except msgspec.ValidationError as error:
        raise invalid(WireFault("", "type", str(error))) from None
    if len(sale.item) > 100:
        raise invalid(WireFault("item", "length", "at most 100 characters"))
    settings = await call.hub.settings(caller.tenant_id)
    terms = RecordedSale(
        total=sale.price,
        currency=settings.currency,
        occurred_at=settings.clock.at(call.received_at),
        items=(StatedLine(title=sale.item, quantity=sale.pieces, price=sale.price),),
    )

    def answer(accepted: Accepted) -> Answer:
        return Answer(201, encode(shown(accepted.order)))

    return await call.submit(PlaceOrder(origin=call.origin(caller, call.body), terms=terms), answer)


async def show(call: Call) -> Answer:
    caller = await known_caller(call)
    uid = call.params["uid"]
    order = await call.hub.read(lambda reads: reads.order(caller.tenant_id, OrderName("uid", uid)))
    if order is None:
        raise Refused(Rejected(Reason.ORDER_UNKNOWN, "uid"))
    return Answer(200, encode(shown(order)))


DIALECT = Dialect(
    name="bazaar",
    title="The bazaar",
    prefixes=("/bazaar/",),
    routes=(
        Route("POST", "/bazaar/sales", sell, "Report a sale", request=Sale, mutates=True),
        Route("GET", "/bazaar/sales/{uid}", show, "What was sold"),
    ),
    fault=fault,
    refusal=refusal,
    fields=FIELDS,
    render=lambda _reads, order, _base_url: shown(order),
)
