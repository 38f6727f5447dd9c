"""Vendor words to ours and back. Pure: neither bytes nor a database reach this file."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec import UNSET

from orderhub.core.basket_prices import BasketItem
from orderhub.core.baskets import GoodsBasket
from orderhub.core.carts import holder_of_user
from orderhub.core.commands import Numbering, Origin, PlaceOrder
from orderhub.core.coupons import CouponChoice
from orderhub.core.money import EXACT, from_micros
from orderhub.core.values import MICROSECONDS
from orderhub.dialects.anqicms import wire

DIALECT_NAME = "anqicms"
VIP = "vip"
DEFAULT_TYPE = "goods"
# Owners are the vendor's user ids as text; guests, where a shop takes their orders, have none.
GUEST_OWNER = "guest"

# Address members: the vendor's name -> ours. `country` holds the district, not a nation.
ADDRESS_MEMBERS = {
    "name": "recipient",
    "last_name": "last_name",
    "phone": "phone",
    "email": "email",
    "province": "province",
    "city": "city",
    "town": "town",
    "country": "district",
    "address_info": "street1",
    "company": "company",
    "postcode": "postcode",
}


def place_order(
    given: wire.CreateOrder, origin: Origin, user_id: int, cart_holders: tuple[str, ...]
) -> PlaceOrder:
    """The command that a `create` body stands for."""
    address = given.address
    return PlaceOrder(
        origin=origin,
        terms=GoodsBasket(
            user_id=user_id,
            items=_items(given),
            cart_ids=given.cart_ids,
            cart_holders=cart_holders,
            membership=given.type == VIP,
            coupon=_coupon(given),
            address_id=0 if address is None else address.id,
            address=None if address is None else address_members(address),
            label=given.type or DEFAULT_TYPE,
        ),
        numbering=Numbering.TIME4,
        notes=given.remark,
    )


def _items(given: wire.CreateOrder) -> tuple[BasketItem, ...]:
    if given.details:
        return tuple(
            _item(each.goods_id, each.goods_sku_id, each.quantity, each.sku_values)
            for each in given.details
        )
    if given.goods_id:
        return (_item(given.goods_id, given.goods_sku_id, given.quantity, given.sku_values),)
    return ()


def _item(
    goods_id: int, sku_id: int, quantity: int, sku_values: tuple[dict[str, Any], ...]
) -> BasketItem:
    return BasketItem(
        product_id=goods_id,
        variant_id=sku_id,
        quantity=quantity or 1,
        data={"sku_values": list(sku_values)} if sku_values else {},
    )


def _coupon(given: wire.CreateOrder) -> CouponChoice | None:
    code = given.coupon_code.strip()
    if not (given.coupon_code_id or code or given.coupon_id):
        return None
    return CouponChoice(claim_id=given.coupon_code_id, code=code, coupon_id=given.coupon_id)


def address_members(address: wire.AddressIn) -> dict[str, str]:
    """The members that were given, by our names."""
    return {
        ours: value
        for theirs, ours in ADDRESS_MEMBERS.items()
        if (value := getattr(address, theirs)) is not UNSET
    }


def cart_holders(user_id: int, cart_token: str) -> tuple[str, ...]:
    """Whose carts a caller may order from: his own, and the anonymous one he holds the token of."""
    holders = (holder_of_user(user_id),) if user_id else ()
    return (*holders, f"token:{cart_token}") if cart_token else holders


# --- money and time on the wire


def fen(amount: Any) -> int:
    """An amount in 1/100 of the currency unit, truncated."""
    return int(Decimal(amount).scaleb(2, EXACT))


def fen_of_micros(micros: int) -> int:
    return fen(from_micros(micros))


def seconds(at_us: Any) -> int:
    return int(at_us) // MICROSECONDS if at_us else 0
