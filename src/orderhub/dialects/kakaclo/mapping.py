"""The vendor's words to commands. Pure: neither bytes nor a database reach this file."""

from __future__ import annotations

from orderhub.core.commands import (
    Action,
    CancelItem,
    ChangeOrder,
    Numbering,
    OrderName,
    Origin,
    PlaceOrder,
)
from orderhub.core.countries import country_code
from orderhub.core.parcels import Dropship, Item
from orderhub.core.steps import Refund
from orderhub.core.values import Address, Order, Settings
from orderhub.dialects.codec import switches
from orderhub.dialects.kakaclo.data import Switches
from orderhub.dialects.kakaclo.wire import CreateOrder, OrderAddress, RefundItem, RefundOrder

NAME = "kakaclo"
# The vendor's numbers: 13 digits that begin with 1000000.
BASE = 1_000_000_000_000
# A line is named by its order's id and its number in the order.
_LINES = 10_000
_SEQ_DIGITS = 3
_NUMBER_DIGITS = 13


def place_order(order: CreateOrder, origin: Origin, settings: Settings) -> PlaceOrder:
    ours = switches(settings, NAME, Switches)
    return PlaceOrder(
        origin=origin,
        numbering=Numbering.ID13,
        terms=Dropship(
            items=tuple(
                Item(each.sku, each.quantity, each.warehouseCode or order.warehouseCode)
                for each in order.orderItemsList
            ),
            channel=_channel(order),
            denied=tuple(country_code(each) or each for each in ours.denied_countries),
            ioss_required=ours.ioss_required,
            prepaid=ours.prepaid,
        ),
        reference=order.reference,
        ship_to=address_of(order.orderAddress),
        notes=order.remark,
        vendor={"salePlatform": order.SalePlatform} if order.SalePlatform else {},
    )


def _channel(order: CreateOrder) -> str:
    """A parcel has one channel: the order's own wish, else the first of its items'."""
    if order.channelCode or order.channelType:
        return order.channelCode or order.channelType
    for each in order.orderItemsList:
        if each.channelCode or each.channelType:
            return each.channelCode or each.channelType
    return ""


def address_of(address: OrderAddress) -> Address:
    return Address(
        recipient=address.recipient,
        phone=address.phone,
        country=address.country,
        province=address.province,
        city=address.city,
        street1=address.street1,
        street2=address.street2,
        postcode=address.zip,
        ioss=address.ioss,
        vat=address.vat,
    )


def cancel(
    refund: RefundOrder, number: str, orders: tuple[Order, ...], origin: Origin
) -> ChangeOrder:
    """The refund of the order or the group that `number` names: in part when it names items."""
    is_group = orders[0].group_number == number
    return ChangeOrder(
        origin=origin,
        name=OrderName("group", number) if is_group else OrderName("id", str(orders[0].id)),
        action=Action.CALL_OFF,
        reason=refund.remark,
        refund=Refund(of=number, remark=refund.remark, reason=refund.refundReason),
        items=tuple(_item(each) for each in refund.orderItems),
    )


def _item(item: RefundItem) -> CancelItem:
    order_id, line_no = _line_of(item.itemId) if item.itemId else (0, 0)
    return CancelItem(
        quantity=item.quantity,
        order_id=order_id,
        line_no=line_no,
        sku=item.skuCode,
        country=item.countryCode,
    )


def number_of(order: Order) -> str:
    """The 13 digits an order goes by at this door, whichever door it came through."""
    return str(BASE + order.id)


def id_of(number: str) -> int:
    """The id of the order that a number names, if it is no group's; 0 = it is no number of ours."""
    if len(number) != _NUMBER_DIGITS or not (number.isascii() and number.isdigit()):
        return 0
    return max(int(number) - BASE, 0)


def item_id(order: Order, line_no: int) -> str:
    return str(order.id * _LINES + line_no)


def _line_of(item: str) -> tuple[int, int]:
    order_id, line_no = divmod(int(item), _LINES)
    # An id of 0 would mean "no line named"; no order has -1 either.
    return order_id or -1, line_no


def refund_number(of: str, seq: int) -> str:
    """The number of a refund: the order's or group's, and how many refunds it makes of it."""
    return f"{of}{seq:0{_SEQ_DIGITS}d}"


def refund_named(text: str) -> tuple[str, str]:
    """(order number, refund number) that a refund query asks for; no refund number = all."""
    if len(text) >= _NUMBER_DIGITS + _SEQ_DIGITS:
        return text[:_NUMBER_DIGITS], text
    return text, ""
