"""Carts: what a user, or an anonymous visitor by a token, means to buy."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core.basket_prices import BasketItem
from orderhub.core.facts import Record
from orderhub.core.money import ZERO


class CartItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of a cart. `added_price` is the unit price when it was put in; prices are never kept.

    holder  whose cart: `user:1000`, or `token:…` of an anonymous visitor
    data    what the vendor keeps beside it: chosen options, remarks
    """

    id: int = 0
    holder: str
    product_id: int
    variant_id: int = 0
    quantity: int = 1
    added_price: Decimal = ZERO
    created_at: int = 0
    updated_at: int = 0
    data: dict[str, Any] = {}


RECORDS: dict[str, type] = {"cart_item": CartItem}


def holder_of_user(user_id: int) -> str:
    return f"user:{user_id}"


def keys_of(item: CartItem) -> tuple[tuple[str, str], ...]:
    """How a row is found: by its cart, and as the only row of its product in it."""
    return (("holder", item.holder), ("row", row_name(item)))


def row_name(item: CartItem) -> str:
    return f"{item.holder}|{item.product_id}|{item.variant_id}"


def is_held_by(record: Record, holders: tuple[str, ...]) -> bool:
    item: CartItem = record.doc
    return item.holder in holders


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What an order takes out of carts.

    items    what is bought, with what was written in the rows that stand for it
    left     rows of which units are left, with as many as are left
    emptied  rows of which nothing is left
    """

    items: tuple[BasketItem, ...]
    left: tuple[Record, ...] = ()
    emptied: tuple[Record, ...] = ()


def all_of(rows: Iterable[Record]) -> Taken:
    """Every unit of the rows."""
    rows = tuple(rows)
    items = (
        BasketItem(
            product_id=row.doc.product_id,
            variant_id=row.doc.variant_id,
            quantity=row.doc.quantity,
            data=row.doc.data,
        )
        for row in rows
    )
    return Taken(items=tuple(items), emptied=rows)


def taken_for(items: Iterable[BasketItem], rows: Iterable[Record], now_us: int) -> Taken:
    """The units of the items, where the rows have them. What an item says itself counts before its row."""
    rows = tuple(rows)
    if not rows:
        return Taken(items=tuple(items))
    left = {row.id: row.doc.quantity for row in rows}
    bought = []
    for item in items:
        wanted, written = item.quantity, None
        for row in rows:
            if (row.doc.product_id, row.doc.variant_id) != (item.product_id, item.variant_id):
                continue
            units = min(wanted, left[row.id])
            if units and written is None:
                written = row.doc.data
            left[row.id] -= units
            wanted -= units
        data = {**written, **item.data} if written else item.data
        bought.append(msgspec.structs.replace(item, data=data))
    return Taken(
        items=tuple(bought),
        left=tuple(
            _with(row, left[row.id], now_us) for row in rows if 0 < left[row.id] < row.doc.quantity
        ),
        emptied=tuple(row for row in rows if not left[row.id]),
    )


def _with(row: Record, units: int, now_us: int) -> Record:
    doc = msgspec.structs.replace(row.doc, quantity=units, updated_at=now_us)
    return msgspec.structs.replace(row, doc=doc, version=row.version + 1)
