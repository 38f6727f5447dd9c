"""A listing: which of a vendor's things is ours, so that an order can name it over there."""

from __future__ import annotations

from typing import Any

import msgspec

RECORD_KIND = "listing"


class Listing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One product or variant of ours at one connection.

    uid         its name outside, a UUID
    connection  id of the connection's record
    subject     ours: `product:900` or `variant:3`
    code        ours, for people: the product's code or the variant's SKU as it was when this was written
    id          the vendor's own id of it
    sku         the vendor's own code of it, where it has one
    title       the vendor's name of it; checked against the vendor's list where there is one
    data        what else this vendor needs to be told: tickets, rooms, tax codes. Its client says what it reads
    """

    uid: str = ""
    connection: int
    subject: str
    code: str = ""
    id: str
    sku: str = ""
    title: str = ""
    data: dict[str, Any] = {}


def subject_of(product_id: int, variant_id: int) -> str:
    """What a line names, as a listing does; empty = nothing of the catalogue."""
    if variant_id:
        return f"variant:{variant_id}"
    return f"product:{product_id}" if product_id else ""


def key_of(connection: int, subject: str) -> str:
    """The name of the one listing of a thing at a connection: its key `subject`."""
    return f"{connection}:{subject}"
