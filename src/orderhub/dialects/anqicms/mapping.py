"""Vendor words to ours and back. Pure: neither bytes nor a database reach this file."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Protocol

from msgspec import UNSET

from orderhub.core.basket_prices import BasketItem
from orderhub.core.baskets import GoodsBasket
from orderhub.core.carts import holder_of_user
from orderhub.core.commands import Numbering, Origin, PlaceOrder
from orderhub.core.coupons import CouponChoice
from orderhub.core.money import from_micros, minor_units
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


class _Written(Protocol):
    @property
    def sku_values(self) -> list[Any]: ...
    @property
    def order_extra(self) -> dict[str, Any] | None: ...


class _Ordered(_Written, Protocol):
    @property
    def goods_id(self) -> int: ...
    @property
    def goods_sku_id(self) -> int: ...
    @property
    def quantity(self) -> int: ...


def place_order(
    given: wire.CreateOrder, origin: Origin, user_id: int, cart_holders: tuple[str, ...]
) -> PlaceOrder:
    """The command that a `create` body stands for."""
    address = given.address
    members = None if address is None else address_members(address)
    # Clients that send every member of a form: an address without a letter is none, or the stored one.
    if members is not None and not any(members.values()):
        members = None
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
            address=members,
            label=given.type or DEFAULT_TYPE,
        ),
        numbering=Numbering.TIME4,
        notes=given.remark,
    )


def _items(given: wire.CreateOrder) -> tuple[BasketItem, ...]:
    lines: tuple[_Ordered, ...] = given.details
    if not lines and given.goods_id:
        lines = (given,)
    return tuple(
        BasketItem(
            product_id=each.goods_id,
            variant_id=each.goods_sku_id,
            quantity=each.quantity or 1,
            data=written(each),
        )
        for each in lines
    )


def written(line: _Written) -> dict[str, Any]:
    """What is kept with a line or a row of a cart as it came, for people to read."""
    data: dict[str, Any] = {}
    if line.sku_values:
        data["sku_values"] = line.sku_values
    if line.order_extra is not None:
        data["order_extra"] = line.order_extra
    return data


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
    return minor_units(Decimal(amount), 2)


def fen_of_micros(micros: int) -> int:
    return fen(from_micros(micros))


def seconds(at_us: Any) -> int:
    return int(at_us) // MICROSECONDS if at_us else 0
