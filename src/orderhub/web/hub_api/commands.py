"""POST /hub/v1/orders/{uid}/…: what moves an order along its life, whole or in part."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec

from orderhub.core import steps
from orderhub.core.commands import Action, ChangeOrder, OrderName
from orderhub.core.facts import Accepted
from orderhub.core.ids import order_of
from orderhub.core.values import Order
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Caller, Route
from orderhub.web.hub_api.access import guarded, origin_in
from orderhub.web.hub_api.bodies import (
    Body,
    IfMatch,
    Text,
    converted,
    exact,
    if_match,
    members_of,
    refuse,
)
from orderhub.web.hub_api.orders import tenant_names, unknown_order
from orderhub.web.hub_api.shapes import OrderSummary, order_summary

_MAX_LINES = 4_095


class Part(Body, frozen=True, kw_only=True):
    """So many units of one line, named by its uid or its number."""

    uid: str = ""
    line_no: Annotated[int, msgspec.Meta(ge=1, le=_MAX_LINES)] | None = None
    quantity: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]


Parts = Annotated[tuple[Part, ...], msgspec.Meta(min_length=1, max_length=_MAX_LINES)]


class AnyStep(Body, frozen=True, kw_only=True):
    """What every command may carry."""

    reason: Text = ""


class Payment(AnyStep, frozen=True, kw_only=True):
    method: Text = ""
    reference: Text = ""


class Shipment(AnyStep, frozen=True, kw_only=True):
    """Without `lines` everything that waits is shipped."""

    carrier: Text = ""
    tracking: Text = ""
    lines: Parts | None = None


class Refund(AnyStep, frozen=True, kw_only=True):
    """Without `lines` and `amount` everything is refunded. `amount` is in the order's currency."""

    lines: Parts | None = None
    amount: Decimal | None = None


_NO_PAYMENT = steps.Payment()
_STEPS: dict[str, tuple[Action, type[AnyStep]]] = {
    "pay": (Action.PAY, Payment),
    "ship": (Action.SHIP, Shipment),
    "complete": (Action.COMPLETE, AnyStep),
    "cancel": (Action.CANCEL, AnyStep),
    "refund": (Action.REFUND, Refund),
    "request-refund": (Action.REQUEST_REFUND, AnyStep),
    "reject-refund": (Action.REJECT_REFUND, AnyStep),
}


@guarded("orders:write")
async def move_order(call: Call, who: Caller) -> Answer:
    """One step of one order. `If-Match` with the order's version guards against a lost update (412)."""
    uid, name = call.params["uid"].lower(), call.path.rpartition("/")[2]
    action, model = _STEPS[name]
    given = converted(members_of(call), model)
    tenant_id = who.tenant_id or await _tenant_id_of(call, uid)
    command = _command(
        ChangeOrder(
            origin=origin_in(call, who, tenant_id),
            name=OrderName("uid", uid),
            action=action,
            reason=given.reason,
            if_version=if_match(call),
        ),
        given,
        uid,
    )
    names = await call.hub.read(tenant_names)

    def answer(accepted: Accepted) -> Answer:
        order: Order = accepted.changed[0]
        body = order_summary(order, names[order.tenant_id])
        return Answer(200, encode(body), (("ETag", f'"{order.version}"'),))

    return await call.respond(command, answer)


def _command(bare: ChangeOrder, given: AnyStep, uid: str) -> ChangeOrder:
    with_more = msgspec.structs.replace
    match given:
        case Payment():
            payment = steps.Payment(method=given.method, reference=given.reference)
            return with_more(bare, payment=None if payment == _NO_PAYMENT else payment)
        case Shipment():
            shipment = steps.Shipment(
                carrier=given.carrier, tracking=given.tracking, lines=_units(given.lines, uid)
            )
            action = bare.action if given.lines is None else Action.SHIP_PART
            return with_more(bare, shipment=shipment, action=action)
        case Refund():
            refund = steps.Refund(
                reason=given.reason,
                lines=_units(given.lines, uid),
                amount=None if given.amount is None else exact(given.amount, "amount"),
            )
            is_whole = given.lines is None and given.amount is None
            action = bare.action if is_whole else Action.REFUND_PART
            return with_more(bare, refund=refund, action=action)
    return bare


def _units(parts: tuple[Part, ...] | None, uid: str) -> steps.Units:
    """Line number -> units; a line named twice is the sum of both."""
    units: steps.Units = {}
    for index, part in enumerate(parts or ()):
        number = part.line_no
        if (number is None) is (not part.uid):
            raise refuse(f"lines[{index}]", f"lines[{index}] has either uid or line_no", "missing")
        if number is None:
            order_uid, number = order_of(part.uid)
            if order_uid != uid or not number:
                raise refuse(f"lines[{index}].uid", f"lines[{index}].uid is no line of the order")
        units[number] = units.get(number, 0) + part.quantity
    return units


async def _tenant_id_of(call: Call, uid: str) -> int:
    order = await call.hub.read(lambda reads: reads.order(None, OrderName("uid", uid)))
    if order is None:
        raise unknown_order(uid)
    return order.tenant_id


_SUMMARIES = {
    "pay": "Note that an order is paid",
    "ship": "Ship an order, or some units of it",
    "complete": "Complete an order",
    "cancel": "Cancel an unpaid order",
    "refund": "Refund an order, some units or some money of it",
    "request-refund": "Ask for a refund, which someone decides on",
    "reject-refund": "Turn a request for a refund down",
}

ROUTES = tuple(
    Route(
        "POST",
        f"/hub/v1/orders/{{uid}}/{name}",
        move_order,
        _SUMMARIES[name],
        request=model,
        optional_body=True,
        headers=IfMatch,
        answers={200: OrderSummary},
        mutates=True,
    )
    for name, (_action, model) in _STEPS.items()
)
