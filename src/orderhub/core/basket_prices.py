"""Pricing a basket: each line at the shop's own price, less the discount of the buyer's inviter.

Prices are whole minor units; the unit price is truncated before it is multiplied.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core.catalogue import Product, Sellable, Variant, price_of, variant_needed
from orderhub.core.commissions import Shop
from orderhub.core.facts import Facts
from orderhub.core.memberships import UserGroup
from orderhub.core.money import EXACT, minor_units
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.stock import is_counted_now
from orderhub.core.values import LineKind


class BasketItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line asked for. `data` is kept with the line and never priced from."""

    product_id: int
    variant_id: int = 0
    quantity: int = 1
    data: dict[str, Any] = {}


class Priced(msgspec.Struct, frozen=True):
    """A line with its prices in minor units. `subject` names its stock, if any is drawn."""

    item: BasketItem
    kind: LineKind
    title: str
    list_price: int
    unit: int
    sku: str = ""
    subject: str = ""
    seller_id: int = 0
    currency: str = ""
    form_url: str = ""

    @property
    def amount(self) -> int:
        return self.unit * self.item.quantity


class Prices(msgspec.Struct, frozen=True):
    """Where prices come from, and what percentage of them this buyer pays."""

    tenant_id: int
    facts: Facts
    shop: Shop
    currency: str  # of what names none
    percent: int


def sellable_of(item: BasketItem, tenant: int, facts: Facts) -> Sellable | Rejected:
    product: Product | None = facts.doc(tenant, "product", "id", item.product_id)
    if product is None or product.kind != "good":
        return Rejected(Reason.PRODUCT_UNKNOWN, "product", f"no product {item.product_id}")
    if not product.active:
        return Rejected(
            Reason.PRODUCT_INACTIVE, "product", f"product {item.product_id} is not sold"
        )
    if not item.variant_id:
        return variant_needed(facts, tenant, product, "variant") or Sellable(product)
    variant: Variant | None = facts.doc(tenant, "variant", "id", item.variant_id)
    if variant is None or variant.product_id != product.id or not variant.active:
        return Rejected(
            Reason.VARIANT_UNKNOWN, "variant", f"no SKU {item.variant_id} of the product"
        )
    return Sellable(product, variant)


def percent_of(inviter_group: UserGroup | None) -> int:
    """What a buyer pays of list prices: all, unless their inviter's group gives a discount."""
    percent = 0 if inviter_group is None else inviter_group.discount
    return percent if 0 < percent < 100 else 100


def price_lines(
    items: tuple[BasketItem, ...], prices: Prices, *, membership: bool
) -> tuple[Priced, ...] | Rejected:
    """Every line priced, or the first refusal."""
    priced: list[Priced] = []
    for index, item in enumerate(items):
        if item.quantity < 1:
            return Rejected(
                Reason.QUANTITY_INVALID, f"lines[{index}].quantity", "at least one unit"
            )
        found = _priced_membership(item, prices) if membership else _priced_good(item, prices)
        if isinstance(found, Rejected):
            return msgspec.structs.replace(found, field=f"lines[{index}].{found.field}")
        if priced and found.currency != priced[0].currency:
            return Rejected(
                Reason.CURRENCY_NOT_ENABLED, f"lines[{index}].product", "one currency per order"
            )
        priced.append(found)
    return tuple(priced)


def _priced_good(item: BasketItem, prices: Prices) -> Priced | Rejected:
    sellable = sellable_of(item, prices.tenant_id, prices.facts)
    if isinstance(sellable, Rejected):
        return sellable
    price = price_of(sellable)
    if isinstance(price, Rejected):
        return price
    product = sellable.product
    list_price = minor_units(price, prices.shop.price_digits)
    return Priced(
        item,
        LineKind.GOOD,
        product.title,
        list_price,
        list_price * prices.percent // 100,
        sellable.sku,
        sellable.subject if is_counted_now(prices.facts, prices.tenant_id, sellable) else "",
        product.seller_id,
        product.currency or prices.currency,
        product.form_url,
    )


def _priced_membership(item: BasketItem, prices: Prices) -> Priced | Rejected:
    group: UserGroup | None = prices.facts.doc(
        prices.tenant_id, "user_group", "id", item.product_id
    )
    if group is None or not group.active:
        return Rejected(Reason.PRODUCT_UNKNOWN, "product", f"no user group {item.product_id}")
    if group.price is None or group.price < 0:
        return Rejected(
            Reason.PRICE_NOT_SOLD, "product", f"user group {item.product_id} is not for sale"
        )
    list_price = minor_units(group.price, prices.shop.price_digits)
    return Priced(
        item,
        LineKind.MEMBERSHIP,
        group.title,
        list_price,
        list_price * prices.percent // 100,
        currency=group.currency or prices.currency,
    )


def seller_of(priced: tuple[Priced, ...]) -> int | Rejected:
    """The one seller of all lines; the house's own goods (seller 0) go with anyone's."""
    seller_id = 0
    for index, each in enumerate(priced):
        if not each.seller_id:
            continue
        if seller_id and each.seller_id != seller_id:
            return Rejected(
                Reason.SELLERS_DIFFER, f"lines[{index}].product", "one seller per order"
            )
        seller_id = each.seller_id
    return seller_id


def amount_of(minor: int, digits: int) -> Decimal:
    return Decimal(minor).scaleb(-digits, EXACT)
