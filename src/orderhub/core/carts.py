"""Carts: what a user, or an anonymous visitor by a token, means to buy."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

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
