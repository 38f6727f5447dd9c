"""The stall's shapes in the stall's spelling."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from orderhub.dialects.codec import decode_object
from orderhub.dialects.contract import WireFault, invalid
from orderhub.dialects.scalars import as_meant, is_usable


class Sale(msgspec.Struct, forbid_unknown_fields=False):
    item: str
    pieces: int
    price: Decimal


def read_sale(body: bytes, longest_item: int) -> Sale:
    """The sale that was sent, its scalars by the rule of all doors. Raises HTTPFault: no JSON object, or no sale."""
    members = decode_object(body)
    try:
        sale = msgspec.convert(as_meant(members, Sale), Sale)
    except msgspec.ValidationError as error:
        raise invalid(WireFault("", "type", str(error))) from None
    if not is_usable(sale.price):
        raise invalid(WireFault("price", "value", "a number that can be computed with"))
    if len(sale.item) > longest_item:
        raise invalid(WireFault("item", "length", f"at most {longest_item} characters"))
    return sale
