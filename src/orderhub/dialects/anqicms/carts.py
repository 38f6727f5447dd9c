"""Carts: of the caller who is logged in, or of the anonymous visitor that the `cart` token names."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import chain
from typing import Any

from orderhub.core.carts import CartItem, keys_of, row_name
from orderhub.core.catalogue import Product, Sellable, price_of
from orderhub.core.commands import PutRecords, RecordChange
from orderhub.core.money import ZERO, from_micros, to_micros
from orderhub.core.ordering import MAX_QUANTITY
from orderhub.core.queries import Reads, RecordQuery, RecordSort
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Settings
from orderhub.dialects.anqicms import wire, words
from orderhub.dialects.anqicms.access import Visitor, cart_token_of, holders_of, login_required
from orderhub.dialects.anqicms.goods import (
    docs_by_id,
    goods_object,
    listed,
    rate_for,
    sold_as,
    stock_of,
    together,
    unit_paid,
    units_left,
)
from orderhub.dialects.anqicms.mapping import fen, seconds, written
from orderhub.dialects.anqicms.wire import MAX_ROWS
from orderhub.dialects.contract import Answer, Call, CommandRejected


def _holders(call: Call, visitor: Visitor) -> tuple[str, ...]:
    """The carts a call is about, the visitor's own first: what he put in before he logged in is his too.

    Raises HTTPFault for a visitor with neither login nor cart token.
    """
    holders = holders_of(call, visitor)
    if not holders:
        raise login_required()
    return holders


async def listing(call: Call, visitor: Visitor) -> Answer:
    """The rows, newest first, at today's prices; `total` counts all of them."""
    holders = _holders(call, visitor)
    token = cart_token_of(call)
    asked = wire.QUERY.read(wire.Cart, call.query)
    settings = await call.hub.settings(visitor.tenant_id)
    query = RecordQuery(
        tenant_id=visitor.tenant_id,
        kind="cart_item",
        by="holder",
        values=holders,
        sort=RecordSort.NEWEST,
        offset=(asked.current - 1) * asked.pageSize,
        limit=asked.pageSize,
    )

    def ask(reads: Reads) -> tuple[list[dict[str, Any]], int]:
        items: list[CartItem] = [record.doc for record in reads.records(query)]
        tenant = visitor.tenant_id
        products = docs_by_id(reads, tenant, "product", {item.product_id for item in items})
        sold = sold_as(reads, tenant, products.values())
        stock = stock_of(reads, tenant, chain.from_iterable(sold.values()))
        rate = rate_for(reads, visitor, call.received_at)
        goods = {
            number: goods_object(product, together(sold[number], stock), rate)
            for number, product in products.items()
        }
        shown = []
        for item in items:
            bought = _bought(item, sold.get(item.product_id, ()), settings)
            unit = ZERO if bought is None else unit_paid(bought.price or ZERO, rate)
            is_there = bought is not None and units_left(bought, stock) >= item.quantity
            row = _row(
                item,
                unit,
                listed(item.added_price, rate),
                goods.get(item.product_id),
                is_available=is_there,
            )
            is_own = bool(visitor.user_id) and item.holder == holders[0]
            whose = {"user_id": visitor.user_id} if is_own else {"token": token}
            shown.append({**row, **whose})
        return shown, reads.count_records(query)

    rows, total = await call.hub.read(ask)
    return words.listed(rows, total)


def _row(
    item: CartItem,
    unit: Decimal,
    added: int,
    goods: dict[str, Any] | None,
    *,
    is_available: bool,
) -> dict[str, Any]:
    """`unit` is what one costs now, `added` what it cost in fen when it was put in."""
    return {
        "id": item.id,
        "cart_id": item.id,
        "archive_id": item.product_id,
        "sku_id": item.variant_id,
        "sku_values": item.data.get("sku_values", []),
        "quantity": item.quantity,
        "origin_price": added,
        "price": fen(unit),
        "amount": fen(unit * item.quantity),
        "origin_amount": added * item.quantity,
        "status": item.data.get("status", 0),
        "priority": item.data.get("priority", 0),
        "user_id": 0,
        "token": "",
        "created_time": seconds(item.created_at),
        "updated_time": seconds(item.updated_at),
        "order_extra": item.data.get("order_extra"),
        "is_wholesale": False,
        "available": is_available,
        "title": "" if goods is None else goods["title"],
        "archive": goods,
    }


def _bought(item: CartItem, sold: Iterable[Sellable], settings: Settings) -> Sellable | None:
    """What the row is for, of what its product is bought as; None when it is not sold any more, as `create` sees it."""
    for each in sold:
        if item.variant_id == (0 if each.variant is None else each.variant.id):
            refused = _not_sold(each.product, settings) or isinstance(price_of(each), Rejected)
            return None if refused else each
    return None


def _not_sold(product: Product, settings: Settings) -> Rejected | None:
    """Why nothing of the product can be bought, if so."""
    if not product.active or product.kind != "good":
        return Rejected(Reason.PRODUCT_UNKNOWN, "product", f"no {product.id}")
    if product.currency and not settings.accepts(product.currency):
        return Rejected(
            Reason.CURRENCY_NOT_ENABLED, "product", f"{product.currency} is not accepted"
        )
    return None


async def put(call: Call, visitor: Visitor) -> Answer:
    """`add` and `update` alike: a product that is in the cart gets the new quantity."""
    holders = _holders(call, visitor)
    given = wire.read(wire.CartRow, call)
    settings = await call.hub.settings(visitor.tenant_id)
    now = settings.clock.at(call.received_at)
    if not 0 < (given.quantity or 1) <= MAX_QUANTITY:
        raise CommandRejected(Rejected(Reason.QUANTITY_INVALID, "lines[0].quantity", "too many"))

    def ask(reads: Reads) -> tuple[CartItem | None, int]:
        price = _price_of(reads, visitor.tenant_id, given, settings)
        stored = _stored_row(reads, visitor.tenant_id, holders, given)
        if stored is None:
            query = RecordQuery(
                tenant_id=visitor.tenant_id, kind="cart_item", by="holder", values=holders[:1]
            )
            if reads.count_records(query) >= MAX_ROWS:
                raise CommandRejected(Rejected(Reason.QUANTITY_INVALID, "cart", "the cart is full"))
        return stored, price

    stored, price_micros = await call.hub.read(ask)
    item = _item(given, holders[0], now, stored, price_micros)
    change = RecordChange(kind="cart_item", id=item.id, doc=item, keys=keys_of(item))
    command = PutRecords(
        origin=call.origin(visitor.caller, call.body),
        changes=(change,),
        unique=(("cart_item", "row", row_name(item)),),
    )
    sentence = words.say(call, "saved")
    return await call.respond(
        command,
        lambda _accepted: words.done(sentence),
        # A twin put the same product in at the same moment: it is in the cart.
        lambda rejected: (
            words.done(sentence)
            if rejected.reason is Reason.ALREADY_EXISTS
            else words.refusal(call, rejected)
        ),
    )


def _stored_row(
    reads: Reads, tenant_id: int, holders: tuple[str, ...], given: wire.CartRow
) -> CartItem | None:
    """The row of the product in the first of the carts that has one."""
    for holder in holders:
        wanted = CartItem(holder=holder, product_id=given.archive_id, variant_id=given.sku_id)
        record = reads.record(tenant_id, "cart_item", "row", row_name(wanted))
        if record is not None:
            stored: CartItem = record.doc
            return stored
    return None


def _price_of(reads: Reads, tenant_id: int, given: wire.CartRow, settings: Settings) -> int:
    """Today's unit price in millionths. Raises CommandRejected for what is not sold."""
    product = reads.record(tenant_id, "product", "id", given.archive_id)
    if product is None:
        raise CommandRejected(Rejected(Reason.PRODUCT_UNKNOWN, "product", f"no {given.archive_id}"))
    refusal = _not_sold(product.doc, settings)
    if refusal is not None:
        raise CommandRejected(refusal)
    variant = reads.record(tenant_id, "variant", "id", given.sku_id) if given.sku_id else None
    if given.sku_id and (
        variant is None or variant.doc.product_id != given.archive_id or not variant.doc.active
    ):
        raise CommandRejected(Rejected(Reason.VARIANT_UNKNOWN, "variant", f"no SKU {given.sku_id}"))
    if variant is None and _has_skus(reads, tenant_id, given.archive_id):
        raise CommandRejected(
            Rejected(Reason.VARIANT_UNKNOWN, "variant", "bought by SKU: name one")
        )
    price = price_of(Sellable(product.doc, None if variant is None else variant.doc))
    if isinstance(price, Rejected):
        raise CommandRejected(price)
    return to_micros(price)


def _has_skus(reads: Reads, tenant_id: int, product_id: int) -> bool:
    query = RecordQuery(
        tenant_id=tenant_id,
        kind="variant",
        by="product",
        values=(str(product_id),),
        limit=MAX_ROWS,
    )
    return any(record.doc.active for record in reads.records(query))


def _item(
    given: wire.CartRow, holder: str, now: int, stored: CartItem | None, price_micros: int
) -> CartItem:
    data: dict[str, Any] = {} if stored is None else dict(stored.data)
    for name in ("status", "priority"):
        value = getattr(given, name)
        if value:
            data[name] = value
    data |= written(given)
    return CartItem(
        id=0 if stored is None else stored.id,
        holder=holder if stored is None else stored.holder,
        product_id=given.archive_id,
        variant_id=given.sku_id,
        quantity=given.quantity or 1,
        added_price=from_micros(price_micros) if stored is None else stored.added_price,
        created_at=now if stored is None else stored.created_at,
        updated_at=now,
        data=data,
    )


async def remove(call: Call, visitor: Visitor) -> Answer:
    """Takes one row out. A row that is not in the caller's cart is unknown."""
    holders = _holders(call, visitor)
    row_id = wire.read(wire.RowId, call).id
    record = await call.hub.read(
        lambda reads: reads.record(visitor.tenant_id, "cart_item", "id", row_id)
    )
    # A repeat under an Idempotency-Key must reach its first answer although the row is gone.
    if record is None and not call.header("idempotency-key"):
        raise CommandRejected(Rejected(Reason.RECORD_UNKNOWN, "cart", f"no cart row {row_id}"))
    if record is not None and record.doc.holder not in holders:
        raise CommandRejected(
            Rejected(Reason.RECORD_UNKNOWN, "cart", f"no cart row {row_id} of yours")
        )
    command = PutRecords(
        origin=call.origin(visitor.caller, call.body),
        changes=(RecordChange(kind="cart_item", id=row_id),),
        exists=(("cart_item", "id", str(row_id)),),
    )
    sentence = words.say(call, "deleted")
    return await call.respond(command, lambda _accepted: words.done(sentence))
