"""What is sold, as the vendor shows it: products, SKUs and user groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import chain
from typing import Any

import msgspec

from orderhub.core.basket_prices import Rate, amount_of, percent_of
from orderhub.core.catalogue import Product, Sellable, Variant
from orderhub.core.commissions import NO_SHOP
from orderhub.core.memberships import UserGroup
from orderhub.core.money import ZERO
from orderhub.core.queries import OrderQuery, Reads, RecordQuery
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.stock import is_counted, subjects_of
from orderhub.core.values import LineKind, Settings, Status
from orderhub.dialects.anqicms import wire, words
from orderhub.dialects.anqicms.access import Visitor, look, not_anonymous, user_in
from orderhub.dialects.anqicms.mapping import fen
from orderhub.dialects.contract import Answer, Call, CommandRejected

_BOUGHT = (Status.PAID, Status.SHIPPED, Status.COMPLETED)
# What the vendor shows for goods that nobody counts.
_UNCOUNTED = 9_999_999
_SYMBOLS = {"CNY": "￥", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_MAX_ORDERS_SEARCHED = 1_000
_MAX_SKUS = 10_000


def goods_object(product: Product, stock: int, rate: Rate) -> dict[str, Any]:
    """A product as order lines and carts carry it; `data` holds what only shows."""
    price = product.price or ZERO
    data = product.data
    return {
        "id": product.id,
        "title": product.title,
        "logo": data.get("logo", ""),
        "thumb": data.get("thumb", ""),
        "price": listed(price, rate),
        "stock": stock,
        "link": data.get("link", ""),
        "user_id": product.seller_id,
        "favorable_price": fen(unit_paid(price, rate)),
        "has_ordered": False,
        "images": data.get("images", []),
    }


def listed(price: Decimal, rate: Rate) -> int:
    """A list price as `create` begins with it."""
    return fen(amount_of(rate.listed(price), rate.digits))


def unit_paid(price: Decimal, rate: Rate) -> Decimal:
    """What `create` asks for one unit."""
    return amount_of(rate.paid(price), rate.digits)


def group_object(group: UserGroup, rate: Rate) -> dict[str, Any]:
    data = group.data
    price = group.price or ZERO
    return {
        "id": group.id,
        "title": group.title,
        "description": data.get("description", ""),
        "level": group.level,
        "status": int(group.active),
        "price": listed(price, rate),
        "favorable_price": fen(unit_paid(price, rate)),
        "setting": {
            "share_reward": group.share_reward,
            "parent_reward": group.parent_reward,
            "discount": group.discount,
            "expire_day": group.expire_days,
        },
    }


def sku_object(variant: Variant, product: Product, stock: int, rate: Rate) -> dict[str, Any]:
    price = Sellable(product, variant).price or ZERO
    data = variant.data
    return {
        "id": variant.id,
        "title": variant.title,
        "sku": variant.code,
        "symbol": data.get("symbol", ""),
        "values": data.get("values", []),
        "logo": data.get("logo", ""),
        "price": _units(price, rate),
        "stock": stock,
    }


def goods_by_id(reads: Reads, tenant_id: int, ids: Iterable[int], rate: Rate) -> dict[int, Any]:
    products: dict[int, Product] = docs_by_id(reads, tenant_id, "product", ids)
    sold = sold_as(reads, tenant_id, products.values())
    stock = stock_of(reads, tenant_id, chain.from_iterable(sold.values()))
    return {
        number: goods_object(each, together(sold[number], stock), rate)
        for number, each in products.items()
    }


def sold_as(reads: Reads, tenant_id: int, products: Iterable[Product]) -> dict[int, list[Sellable]]:
    """What each product is bought as: one of its SKUs, where it has active ones, or else itself."""
    sold: dict[int, list[Sellable]] = {}
    by_id = {product.id: product for product in products}
    if not by_id:
        return {}
    ids = tuple(str(number) for number in by_id)
    query = RecordQuery(
        tenant_id=tenant_id, kind="variant", by="product", values=ids, limit=_MAX_SKUS
    )
    for record in reads.records(query):
        variant: Variant = record.doc
        if variant.active:
            product = by_id[variant.product_id]
            sold.setdefault(product.id, []).append(Sellable(product, variant))
    for number, product in by_id.items():
        sold.setdefault(number, [Sellable(product)])
    return sold


def shop_rate(reads: Reads, tenant_id: int) -> Rate:
    """Prices as the shop lists them, without anybody's discount."""
    shop = reads.record(tenant_id, "shop", "id", 1)
    return Rate((NO_SHOP if shop is None else shop.doc).price_digits)


def rate_for(reads: Reads, visitor: Visitor, wall_us: int) -> Rate:
    """What the caller pays of list prices, as `create` works it out."""
    buyer = user_in(reads, visitor)
    return rate_of(reads, visitor.tenant_id, 0 if buyer is None else buyer.inviter_id, wall_us)


def rate_of(reads: Reads, tenant_id: int, inviter_id: int, wall_us: int) -> Rate:
    """What a buyer pays whom this one brought: the inviter's group decides. 0 = nobody brought them."""
    rate = shop_rate(reads, tenant_id)
    inviter = reads.record(tenant_id, "user", "id", inviter_id) if inviter_id else None
    if inviter is None:
        return rate
    now = reads.settings(tenant_id).clock.at(wall_us)
    group = reads.record(tenant_id, "user_group", "id", inviter.doc.group_at(now))
    percent = percent_of(None if group is None else group.doc)
    return msgspec.structs.replace(rate, percent=percent)


def skus_by_id(reads: Reads, tenant_id: int, ids: Iterable[int]) -> dict[int, Any]:
    variants: dict[int, Variant] = docs_by_id(reads, tenant_id, "variant", ids)
    return {
        number: {"id": variant.id, "title": variant.title, "sku": variant.code}
        for number, variant in variants.items()
    }


def groups_by_id(reads: Reads, tenant_id: int, ids: Iterable[int], rate: Rate) -> dict[int, Any]:
    groups: dict[int, UserGroup] = docs_by_id(reads, tenant_id, "user_group", ids)
    return {number: group_object(group, rate) for number, group in groups.items()}


def docs_by_id(reads: Reads, tenant_id: int, kind: str, ids: Iterable[int]) -> dict[int, Any]:
    values = tuple(str(number) for number in sorted(set(ids)) if number)
    if not values:
        return {}
    query = RecordQuery(tenant_id=tenant_id, kind=kind, by="id", values=values, limit=len(values))
    return {record.id: record.doc for record in reads.records(query)}


def _units(price: Decimal, rate: Rate) -> Decimal:
    """Prices of this operation are in currency units, as a number."""
    return Decimal(listed(price, rate)) / 100


# --- operations


async def archive_sku(call: Call, visitor: Visitor) -> Answer:
    """A product with its SKUs and their stock, by `id` or `filename`; needs no login."""
    settings = await call.hub.settings(visitor.tenant_id)
    asked = wire.QUERY.read(wire.Archive, call.query)
    members = await call.hub.read(
        lambda reads: _archive(reads, visitor, settings, asked.id, asked.filename)
    )
    return words.success(members)


def _archive(
    reads: Reads, visitor: Visitor, settings: Settings, product_id: int, filename: str
) -> dict[str, Any]:
    tenant = visitor.tenant_id
    found = None
    if product_id:
        found = reads.record(tenant, "product", "id", product_id)
    elif filename and filename.isprintable():
        found = reads.record(tenant, "product", "filename", filename)
    product: Product | None = None if found is None else found.doc
    if product is None or not product.active or product.kind != "good":
        raise CommandRejected(
            Rejected(Reason.PRODUCT_UNKNOWN, "product", f"no product {product_id}")
        )
    query = RecordQuery(
        tenant_id=tenant, kind="variant", by="product", values=(str(product.id),), limit=1_000
    )
    variants: list[Variant] = [record.doc for record in reads.records(query) if record.doc.active]
    sold = [Sellable(product, variant) for variant in variants] or [Sellable(product)]
    stock = stock_of(reads, tenant, sold)
    rate = shop_rate(reads, tenant)
    skus = [
        sku_object(variant, product, units_left(Sellable(product, variant), stock), rate)
        for variant in variants
    ]
    own = None if product.price is None else _units(product.price, rate)
    asked = [Sellable(product, variant).price for variant in variants]
    prices = [_units(price, rate) for price in asked if price is not None] or [own or ZERO]
    currency = product.currency or settings.currency
    return {
        "id": product.id,
        "title": product.title,
        "currency": currency,
        "curency_symbol": _SYMBOLS.get(currency, currency),
        "price": min(prices) if own is None else own,
        "min_price": min(prices),
        "max_price": max(prices),
        "user_limit": 0,
        "quota_used": 0,
        "order_count": 0,
        "stock": together(sold, stock),
        "options": product.data.get("options", []),
        "skus": skus,
        "wholesale_rules": [],
    }


def stock_of(reads: Reads, tenant: int, sold: Iterable[Sellable]) -> dict[str, int]:
    """Subject -> units in all places, of those that have any pool."""
    subjects = {name for each in sold for name in (each.subject, *subjects_of(each))}
    if not subjects:
        return {}
    left: dict[str, int] = {}
    for pool in reads.pools(tenant, "stock", tuple(sorted(subjects))):
        left[pool.key.subject] = left.get(pool.key.subject, 0) + pool.available
    return left


def units_left(sellable: Sellable, stock: Mapping[str, int]) -> int:
    return stock.get(sellable.subject, 0) if is_counted(sellable, stock) else _UNCOUNTED


def together(sold: Iterable[Sellable], stock: Mapping[str, int]) -> int:
    """Of several SKUs: the sum, unless one of them is not counted."""
    skus = tuple(sold)
    if not all(is_counted(each, stock) for each in skus):
        return _UNCOUNTED
    return sum(units_left(each, stock) for each in skus)


async def order_check(call: Call, visitor: Visitor) -> Answer:
    """Whether the caller has bought the product, or need not: it is free, or his own."""
    not_anonymous(visitor)
    product_id = wire.QUERY.read(wire.Id, call.query).id

    def ask(reads: Reads) -> bool:
        record = reads.record(visitor.tenant_id, "product", "id", product_id)
        if record is None:
            raise CommandRejected(
                Rejected(Reason.PRODUCT_UNKNOWN, "product", f"no product {product_id}")
            )
        product: Product = record.doc
        sold = sold_as(reads, visitor.tenant_id, (product,))[product.id]
        is_own = visitor.user_id and product.seller_id == visitor.user_id
        if is_own or all(each.price == 0 for each in sold):
            return True
        query = OrderQuery(
            tenant_id=visitor.tenant_id,
            owner=str(visitor.user_id),
            statuses=_BOUGHT,
            limit=_MAX_ORDERS_SEARCHED,
        )
        return any(
            # The id of a membership is that of a user group.
            line.kind is LineKind.GOOD
            and line.product_id == product_id
            and line.refunded < line.quantity
            for order in reads.orders(query).items
            for line in order.lines
        )

    return words.success(await look(call, visitor, ask))


async def user_groups(call: Call, visitor: Visitor) -> Answer:
    """The active groups, lowest level first; needs no login. One without a price is shown at 0, and not sold."""
    query = RecordQuery(tenant_id=visitor.tenant_id, kind="user_group", limit=1_000)
    records, rate = await call.hub.read(
        lambda reads: (reads.records(query), rate_for(reads, visitor, call.received_at))
    )
    groups: list[UserGroup] = [record.doc for record in records if record.doc.active]
    groups.sort(key=lambda group: (group.level, group.id))
    return words.success([group_object(group, rate) for group in groups])


async def user_group(call: Call, visitor: Visitor) -> Answer:
    group_id = wire.QUERY.read(wire.Id, call.query).id
    record, rate = await call.hub.read(
        lambda reads: (
            reads.record(visitor.tenant_id, "user_group", "id", group_id),
            rate_for(reads, visitor, call.received_at),
        )
    )
    if record is None:
        raise CommandRejected(Rejected(Reason.RECORD_UNKNOWN, "user_group", f"no group {group_id}"))
    return words.success(group_object(record.doc, rate))
