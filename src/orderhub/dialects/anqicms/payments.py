"""Paying an order: from the user's balance, offline, or through a provider behind one port."""

from __future__ import annotations

import hashlib
from typing import Any, Protocol

from orderhub.core.basket_changes import PAID_FROM_BALANCE
from orderhub.core.commands import Action
from orderhub.core.facts import Accepted
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.steps import Payment
from orderhub.core.values import Order, Settings, Status
from orderhub.dialects.anqicms import wire, words
from orderhub.dialects.anqicms.access import Visitor, login_required
from orderhub.dialects.anqicms.mapping import seconds
from orderhub.dialects.anqicms.orders import change_of, may_see, order_named, own_order
from orderhub.dialects.anqicms.show import basket_of, is_basket, number_of
from orderhub.dialects.contract import Answer, Call, CommandRejected, Fault, FaultKind

OFFLINE = "offline"
_PENDING = (Status.PENDING,)
_ASK_AGAIN_S = "1"
_PAID = (
    Status.PAID,
    Status.SHIPPED,
    Status.COMPLETED,
    Status.REFUNDING,
    Status.REFUNDED,
)
# A one-pixel picture stands where a provider would draw its QR code.
_QR_PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk"
    "YPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


class PaymentProvider(Protocol):
    """Begins a payment somewhere else. What it answers goes to the client as it is."""

    ways: frozenset[str]

    def begin(self, way: str, order: Order, number: str, payment_id: str) -> dict[str, Any]:
        """What the client needs to pay: a picture, a link, or the members of a signed request.

        `number` is the order's as it is found here, and `payment_id` the payment's.
        """
        ...


class SandboxProvider:
    """Gives the documented answers without a provider behind them; only a sandbox tenant has it.

    The order is paid when the operator says so: `POST /hub/v1/orders/{uid}/pay`.
    """

    ways = frozenset({"wechat", "weapp", "alipay", "paypal", "stripe"})

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url

    def begin(self, way: str, order: Order, number: str, payment_id: str) -> dict[str, Any]:
        if way == "wechat":
            return {"pay_way": way, "code_url": _QR_PIXEL}
        if way == "weapp":
            nonce = hashlib.sha256(payment_id.encode()).hexdigest()
            return {
                "pay_way": way,
                "paySign": hashlib.sha256(f"sandbox|{nonce}|{order.total}".encode()).hexdigest(),
                "timeStamp": str(seconds(order.updated_at)),
                "package": f"prepay_id=sandbox{payment_id}",
                "nonceStr": nonce[:32],
                "signType": "RSA",
            }
        link = f"{self._public_url}/api/payment/check?order_id={number}&pay_way={way}"
        return {"pay_way": way, "jump_url": link}


def provider_for(way: str, settings: Settings, public_url: str) -> PaymentProvider | None:
    """Who takes payments by this way for a tenant; None = nobody."""
    if settings.sandbox and way in SandboxProvider.ways:
        return SandboxProvider(public_url)
    return None


async def pay(call: Call, visitor: Visitor) -> Answer:
    """The owner pays his pending order. Whoever sees the whole tenant may also mark one as paid."""
    await _no_stranger(call, visitor)
    given = wire.read(wire.PayOrder, call)
    order = await own_order(call, visitor, given.order_id, guests=True)
    settings = await call.hub.settings(visitor.tenant_id)
    way = given.pay_way
    if way in (PAID_FROM_BALANCE, OFFLINE):
        if way == OFFLINE and not visitor.is_wide:
            wide_only = Fault(
                FaultKind.FORBIDDEN, f"{OFFLINE} is for callers that see the whole shop"
            )
            return words.turned_down(call, "forbidden", wide_only)
        if way == PAID_FROM_BALANCE and not is_basket(order):
            cause = Rejected(
                Reason.RECORD_UNKNOWN, "payment", "no balance pays orders of other doors"
            )
            return words.turned_down(call, "no_payment", cause)
        return await _pay_now(call, visitor, order, way, settings)
    provider = provider_for(way, settings, call.base_url)
    if provider is None:
        cause = Rejected(Reason.RECORD_UNKNOWN, "payment", f"no provider for {way}")
        return words.turned_down(call, "no_payment", cause)
    command = change_of(
        call, visitor, order, Action.AMEND, payment=Payment(way=way), only_from=_PENDING
    )
    number = number_of(order, settings)

    def answer(accepted: Accepted) -> Answer:
        after = accepted.order
        # Only the shop's own orders have payments with numbers: one of another door goes by its own.
        return words.success(provider.begin(way, after, number, _payment_id(after) or number))

    return await call.respond(command, answer)


async def _no_stranger(call: Call, visitor: Visitor) -> None:
    """Who is not logged in pays where guests may order. Raises HTTPFault elsewhere."""
    if not visitor.is_anonymous:
        return
    record = await call.hub.read(lambda reads: reads.record(visitor.tenant_id, "shop", "id", 1))
    if record is None or not record.doc.guest_ordering:
        raise login_required()


async def _pay_now(
    call: Call, visitor: Visitor, order: Order, way: str, settings: Settings
) -> Answer:
    command = change_of(
        call, visitor, order, Action.PAY, payment=Payment(way=way), only_from=_PENDING
    )
    sentence = words.say(call, "paid")

    def answer(accepted: Accepted) -> Answer:
        after = accepted.order
        members = {
            "payment_id": _payment_id(after),
            "order_id": number_of(after, settings),
            "status": 1,
        }
        return words.success(members, sentence)

    return await call.respond(command, answer)


def _payment_id(order: Order) -> str:
    return basket_of(order).payment_number


async def check(call: Call, visitor: Visitor) -> Answer:
    """Whether the order is paid, told at once. Without a payment begun there is no record of one."""
    await _no_stranger(call, visitor)
    order_id = wire.QUERY.read(wire.OrderId, call.query).order_id
    order = await order_named(call, visitor, order_id, guests=True)
    if not may_see(visitor, order):
        cause = Rejected(Reason.NOT_OWNER, "order", "the order is another user's")
        return words.turned_down(call, "forbidden", cause)
    if order.status in _PAID:
        return words.done(words.say(call, "paid"))
    if not (_payment_id(order) or order.doc.payments):
        raise CommandRejected(Rejected(Reason.RECORD_UNKNOWN, "payment", "no payment was begun"))
    cause = Rejected(Reason.RECORD_UNKNOWN, "payment", "the payment has not come in")
    return words.turned_down(call, "unpaid", cause, headers=(("Retry-After", _ASK_AGAIN_S),))
