"""Orders of every door in the members of the document."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UNSET

from orderhub.core.address_book import SavedAddress
from orderhub.core.basket_prices import Rate
from orderhub.core.commissions import kept
from orderhub.core.details import BasketDetails
from orderhub.core.numbering import time_number
from orderhub.core.queries import Reads
from orderhub.core.steps import Shipment
from orderhub.core.values import MICROSECONDS, Address, Line, LineKind, Order, Settings, Status
from orderhub.dialects.anqicms import wire
from orderhub.dialects.anqicms.goods import goods_by_id, groups_by_id, shop_rate, skus_by_id
from orderhub.dialects.anqicms.mapping import (
    ADDRESS_MEMBERS,
    DEFAULT_TYPE,
    DIALECT_NAME,
    fen,
    seconds,
)
from orderhub.dialects.anqicms.people import users_by_id

_LINE_IDS_PER_ORDER = 10_000
_NO_BASKET = BasketDetails()
_NO_SHIPMENT = Shipment()

STATUS_CODES: dict[Status, int] = {
    Status.CANCELLED: -1,
    Status.PENDING: 0,
    Status.PAID: 1,
    Status.SHIPPED: 2,
    Status.COMPLETED: 3,
    Status.REFUNDING: 8,
    Status.REFUNDED: 9,
}


def number_of(order: Order, settings: Settings) -> str:
    """The order's number here: its own, or for an order of another door the same recipe."""
    if order.channel == DIALECT_NAME:
        return order.number
    return time_number(settings, order.occurred_at, order.id)


def basket_of(order: Order) -> BasketDetails:
    """What the basket rules know of the order; nothing for an order that is no basket."""
    details = order.doc.business
    return details if isinstance(details, BasketDetails) else _NO_BASKET


def is_basket(order: Order) -> bool:
    """Whether it is a user's of the shop, rather than an order of another door."""
    return basket_of(order) is not _NO_BASKET


def user_of(order: Order) -> int:
    return basket_of(order).user_id


def refund_status(order: Order) -> int:
    """1 refunded, -1 a refund was asked for and rejected, 0 none or in progress."""
    if order.status is Status.REFUNDED:
        return 1
    asked = order.doc.business.refund_asked_from
    return -1 if asked and order.status is not Status.REFUNDING else 0


def order_data(order: Order, settings: Settings) -> wire.OrderData:
    """An order of any door in the members of the document. Never raises, looks nothing up."""
    basket = basket_of(order)
    details = order.doc.business
    amount = fen(order.total)
    origin = fen(basket.origin_amount) if basket.origin_amount else _undiscounted(order)
    shipment = order.doc.shipments[-1] if order.doc.shipments else _NO_SHIPMENT
    address = order.doc.ship_to
    shipped_at = details.shipped_at or 0
    ends_at = (
        shipped_at + settings.auto_finish_s * MICROSECONDS
        if shipped_at and settings.auto_finish_s
        else 0
    )
    return wire.OrderData(
        id=order.id,
        created_time=seconds(order.occurred_at),
        updated_time=seconds(order.updated_at),
        order_id=number_of(order, settings),
        payment_id=basket.payment_number,
        user_id=basket.user_id,
        address_id=basket.address_id,
        remark=order.doc.notes,
        type=basket.label or DEFAULT_TYPE,
        status=STATUS_CODES[order.status],
        refund_status=refund_status(order),
        origin_amount=origin,
        amount=amount,
        paid_time=seconds(details.paid_at),
        end_time=seconds(ends_at),
        deliver_time=seconds(shipped_at),
        finished_time=seconds(details.completed_at or details.cancelled_at),
        discount_amount=origin - amount,
        seller_id=basket.seller_id,
        seller_amount=_share(order, basket.seller_amount),
        share_user_id=basket.share_user_id,
        share_parent_user_id=basket.share_parent_user_id,
        share_amount=_share(order, basket.share_amount),
        share_parent_amount=_share(order, basket.share_parent_amount),
        express_company=shipment.carrier,
        tracking_number=shipment.tracking,
        order_address=UNSET if address is None else _order_address(order, address),
        custom_form_url=basket.form_url or UNSET,
    )


def _share(order: Order, amount: Decimal) -> int:
    """What somebody earns from the order as it stands: refunds take their part of it."""
    return fen(kept(order, amount))


def _undiscounted(order: Order) -> int:
    off = sum(
        (line.gross for line in order.lines if line.kind is LineKind.DISCOUNT), start=Decimal(0)
    )
    return fen(order.total - off)


def _order_address(order: Order, address: Address) -> wire.AddressOut:
    at = seconds(order.occurred_at)
    return address_out(address, user_of(order), at, at)


def address_out(address: Address, user_id: int, created: int, updated: int) -> wire.AddressOut:
    return wire.AddressOut(
        id=address.id,
        created_time=created,
        updated_time=updated,
        user_id=user_id,
        **{theirs: getattr(address, ours) for theirs, ours in ADDRESS_MEMBERS.items()},
    )


def saved_address(saved: SavedAddress) -> wire.AddressOut:
    address = msgspec.structs.replace(saved.address, id=saved.id)
    created, updated = seconds(saved.created_at), seconds(saved.updated_at)
    return address_out(address, saved.user_id, created, updated)


def whole_order(
    order: Order,
    settings: Settings,
    *,
    goods: Mapping[int, Any] | None = None,
    skus: Mapping[int, Any] | None = None,
    groups: Mapping[int, Any] | None = None,
    user: Any = None,
) -> dict[str, Any]:
    """An order as lists and `detail` show it, with the product, SKU and group objects given."""
    members: dict[str, Any] = msgspec.to_builtins(order_data(order, settings))
    claim = basket_of(order).coupon_claim_id
    members["coupon_code_id"] = str(claim) if claim else ""
    members["user"] = user
    members["is_updated"] = 0
    members["details"] = [
        _detail(order, line, settings, goods or {}, skus or {}, groups or {})
        for line in order.kept_lines
        if line.kind is not LineKind.DISCOUNT
    ]
    return members


def _detail(
    order: Order,
    line: Line,
    settings: Settings,
    goods: Mapping[int, Any],
    skus: Mapping[int, Any],
    groups: Mapping[int, Any],
) -> dict[str, Any]:
    price = fen(line.unit_gross)
    kept = line.data if is_basket(order) else {}
    list_price = fen(kept.get("list_price", line.unit_gross))
    membership = line.kind is LineKind.MEMBERSHIP
    return {
        "id": order.id * _LINE_IDS_PER_ORDER + line.line_no,
        "created_time": seconds(order.occurred_at),
        "updated_time": seconds(order.updated_at),
        "order_id": number_of(order, settings),
        "user_id": user_of(order),
        "goods_id": line.product_id,
        "goods_item_id": line.variant_id,
        "goods_sku_id": line.variant_id,
        "price": price,
        "origin_price": list_price,
        "amount": fen(line.gross),
        "origin_amount": list_price * line.quantity,
        "quantity": line.quantity,
        "status": 1,
        "sku_values": kept.get("sku_values", []),
        "order_extra": kept.get("order_extra"),
        "order_fields": order_fields(kept.get("order_extra")),
        "goods": None if membership else goods.get(line.product_id) or _goods_of(line, list_price),
        "goods_sku": skus.get(line.variant_id) if line.variant_id else None,
        "group": groups.get(line.product_id) or _group_of(line, list_price) if membership else None,
    }


def order_fields(extra: Any) -> list[dict[str, str]] | None:
    """How the vendor's order form shows what a buyer wrote for an article: a field for each member of it."""
    if not isinstance(extra, dict):
        return None
    return [{"name": name, "field_name": name, "type": _form_of(extra[name])} for name in extra]


def _form_of(value: Any) -> str:
    """The form's own words: it lists pairs and pictures, and prints anything else."""
    if not isinstance(value, list):
        return "text"
    pairs = all(isinstance(each, dict) and {"key", "value"} <= each.keys() for each in value)
    return "texts" if pairs else "images"


def _goods_of(line: Line, price: int) -> dict[str, Any]:
    return {"id": line.product_id, "title": line.title, "price": price}


def _group_of(line: Line, price: int) -> dict[str, Any]:
    return {"id": line.product_id, "title": line.title, "price": price}


def shown_orders(
    reads: Reads, found: tuple[Order, ...], settings: Settings, rate: Rate
) -> list[dict[str, Any]]:
    """Orders with the goods, SKUs, groups and users they name: one question for each kind.

    `rate` is what who looks at them pays of list prices now.
    """
    if not found:
        return []
    tenant = found[0].tenant_id
    goods_ids, sku_ids, group_ids = set(), set(), set()
    for order in found:
        for line in order.lines:
            if line.kind is LineKind.MEMBERSHIP:
                group_ids.add(line.product_id)
            elif line.product_id:
                goods_ids.add(line.product_id)
                if line.variant_id:
                    sku_ids.add(line.variant_id)
    goods = goods_by_id(reads, tenant, goods_ids, rate)
    skus = skus_by_id(reads, tenant, sku_ids)
    groups = groups_by_id(reads, tenant, group_ids, rate)
    users = users_by_id(reads, tenant, {user_of(order) for order in found}, rate)
    return [
        whole_order(
            order,
            settings,
            goods=goods,
            skus=skus,
            groups=groups,
            user=users.get(user_of(order)),
        )
        for order in found
    ]


def render(reads: Reads, order: Order, _base_url: str) -> dict[str, Any]:
    """An order of any door as `/api/order/detail` shows it."""
    tenant = order.tenant_id
    return shown_orders(reads, (order,), reads.settings(tenant), shop_rate(reads, tenant))[0]
