"""Pricing a basket: each line at the shop's own price, less the discount of the buyer's inviter.

Prices are whole minor units; the unit price is truncated before it is multiplied.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from orderhub.core.catalogue import Product, Sellable, Variant, price_of, variant_needed
from orderhub.core.commissions import NO_SHOP
from orderhub.core.facts import Facts
from orderhub.core.memberships import UserGroup
from orderhub.core.money import EXACT, minor_units
from orderhub.core.ordering import untaxed_line
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Line, LineKind, Settings


class BasketItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line asked for. `data` is kept with the line and never priced from."""

    product_id: int
    variant_id: int = 0
    quantity: int = 1
    data: dict[str, Any] = {}


class Priced(msgspec.Struct, frozen=True):
    """What is sold in one line of a basket, at its prices in minor units.

    line      as it is kept with an order whose first line it is
    sellable  None: it is nothing that stock could be drawn for
    """

    line: Line
    list_price: int
    unit: int
    currency: str
    sellable: Sellable | None = None
    seller_id: int = 0
    form_url: str = ""

    @property
    def amount(self) -> int:
        return self.unit * self.line.quantity


class Rate(msgspec.Struct, frozen=True):
    """What becomes of a price, in minor units: truncated at the shop's decimals, then less the buyer's discount."""

    digits: int = NO_SHOP.price_digits
    percent: int = 100

    def listed(self, price: Decimal) -> int:
        return minor_units(price, self.digits)

    def paid(self, price: Decimal) -> int:
        return self.listed(price) * self.percent // 100


class Prices(msgspec.Struct, frozen=True):
    """Where prices come from, and what this buyer pays of them."""

    tenant_id: int
    facts: Facts
    settings: Settings
    rate: Rate


def sellable_of(item: BasketItem, tenant: int, facts: Facts) -> Sellable | Rejected:
    """What an item names, or the refusal of what is not sold."""
    named = ("sellable", item.product_id, item.variant_id)
    return facts.derived(tenant, named, lambda: _sellable_of(item, tenant, facts))


def _sellable_of(item: BasketItem, tenant: int, facts: Facts) -> Sellable | Rejected:
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
        found = _priced(item, prices, membership=membership)
        if isinstance(found, Rejected):
            return msgspec.structs.replace(found, field=f"lines[{index}].{found.field}")
        if not prices.settings.accepts(found.currency):
            return Rejected(
                Reason.CURRENCY_NOT_ENABLED,
                f"lines[{index}].product",
                f"{found.currency} is not accepted",
            )
        if priced and found.currency != priced[0].currency:
            return Rejected(
                Reason.CURRENCY_NOT_ENABLED, f"lines[{index}].product", "one currency per order"
            )
        priced.append(found)
    return tuple(priced)


def _priced(item: BasketItem, prices: Prices, *, membership: bool) -> Priced | Rejected:
    """So many of a good or a membership, worked out once for all who buy as many of it at that percentage."""
    work_out = _priced_membership if membership else _priced_good
    named = (
        "priced",
        membership,
        item.product_id,
        item.variant_id,
        item.quantity,
        prices.rate.percent,
    )
    return prices.facts.derived(prices.tenant_id, named, lambda: work_out(item, prices))


def _priced_good(item: BasketItem, prices: Prices) -> Priced | Rejected:
    sellable = sellable_of(item, prices.tenant_id, prices.facts)
    if isinstance(sellable, Rejected):
        return sellable
    price = price_of(sellable)
    if isinstance(price, Rejected):
        return price
    product = sellable.product
    return _sold_at(
        price,
        item,
        prices,
        LineKind.GOOD,
        product.title,
        product.currency,
        sellable=sellable,
        seller_id=product.seller_id,
        form_url=product.form_url,
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
    return _sold_at(group.price, item, prices, LineKind.MEMBERSHIP, group.title, group.currency)


def _sold_at(
    price: Decimal,
    item: BasketItem,
    prices: Prices,
    kind: LineKind,
    title: str,
    currency: str,
    *,
    sellable: Sellable | None = None,
    **more: Any,
) -> Priced:
    """`price` is the list price of one; `currency` empty = the tenant's."""
    digits = prices.rate.digits
    list_price, unit = prices.rate.listed(price), prices.rate.paid(price)
    line = untaxed_line(
        1,
        kind,
        title,
        item.quantity,
        amount_of(unit, digits),
        product_id=item.product_id,
        variant_id=item.variant_id,
        sku="" if sellable is None else sellable.sku,
        data={"list_price": amount_of(list_price, digits)} if unit != list_price else {},
    )
    return Priced(line, list_price, unit, currency or prices.settings.currency, sellable, **more)


def line_of(line_no: int, item: BasketItem, priced: Priced) -> Line:
    """The line of an order, with what is kept of the item beside it."""
    line = priced.line
    if item.data:
        return msgspec.structs.replace(line, line_no=line_no, data={**item.data, **line.data})
    return line if line_no == 1 else msgspec.structs.replace(line, line_no=line_no)


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


@lru_cache(4_096)
def amount_of(minor: int, digits: int) -> Decimal:
    return Decimal(minor).scaleb(-digits, EXACT)
