"""Vendor words to commands. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from orderhub.core.commands import LineChange, Numbering, Origin, PlaceOrder, StatedLine
from orderhub.core.recorded import RecordedSale
from orderhub.dialects.sitecore_cdp.access import NAME
from orderhub.dialects.sitecore_cdp.words import natural_key

GUEST = "sitecore_cdp.guest"
# What only this door knows about an order hangs under this key of the order's vendor data, also on
# an order of another door: contacts, consumers and the data extension.
PARTS = NAME
# A deleted order stays in the ledger, as history must; this door shows it no more.
DELETED = "deleted"

# An order's lines are numbered from 1 to 4000; its people take the numbers behind, so that every
# part of an order has a ref that leads back to the order without a look-up table.
FIRST_CONTACT, LAST_CONTACT = 4_001, 4_031
FIRST_CONSUMER, LAST_CONSUMER = 4_032, 4_095

# Echoed members of an order that only this vendor knows.
ECHOED = ("paymentType", "cardType", "pointOfSale", "channel")
# Members of an item that are no column of a line; prices and times stay as they were stated.
ITEM_DATA = (
    "description", "type", "currencyCode", "originalPrice", "originalCurrencyCode",
    "referenceId", "vendor", "status", "language", "channel", "orderedAt",
)  # fmt: skip


def to_place(
    members: Mapping[str, Any],
    origin: Origin,
    key: str,
    *,
    guest: str = "",
    account: str = "",
    items: tuple[StatedLine, ...] = (),
    parts: Mapping[str, Any] | None = None,
) -> PlaceOrder:
    """`members` as read by fields.ORDER; `key` is the client key that the order is unique under.

    `guest` is the ref of a guest that must be there, `account` of one that was just looked up.
    """
    vendor: dict[str, Any] = {name: members[name] for name in ECHOED if name in members}
    if guest:
        parts = {"guest": {"ref": guest}, **(parts or {})}
    if parts:
        vendor[PARTS] = parts
    occurred_at = members["orderedAt"]
    reference = members["referenceId"]
    return PlaceOrder(
        origin=origin,
        terms=RecordedSale(
            total=members["price"],
            currency=members["currencyCode"],
            occurred_at=occurred_at,
            items=items,
            account=guest or account,
            account_kind=GUEST if guest else "",
        ),
        numbering=Numbering.UID,
        natural_key=natural_key(key, occurred_at, reference),
        reference=reference,
        vendor_status=members.get("status", ""),
        vendor=vendor,
    )


def to_item(members: Mapping[str, Any], now: int) -> StatedLine:
    """`members` as read by fields.ORDER_ITEM."""
    quantity, stated = _quantity(members.get("quantity"))
    data = {name: members[name] for name in ITEM_DATA if name in members}
    return StatedLine(
        title=members.get("name", ""),
        sku=members.get("productId", ""),
        quantity=quantity,
        price=members["price"],
        data={**data, **stated, "created_at": now, "modified_at": now},
    )


def to_line_change(members: Mapping[str, Any], line_no: int, now: int) -> LineChange:
    """The members that were sent; a null one is taken away."""
    data: dict[str, Any] = {name: members[name] for name in ITEM_DATA if name in members}
    quantity: int | None = None
    if "quantity" in members:
        quantity, stated = _quantity(members["quantity"])
        data["stated_quantity"] = stated.get("stated_quantity")
    return LineChange(
        line_no=line_no,
        title=(members["name"] or "") if "name" in members else None,
        sku=(members["productId"] or "") if "productId" in members else None,
        quantity=quantity,
        price=members.get("price"),
        data={**data, "modified_at": now},
    )


def _quantity(stated: Decimal | None) -> tuple[int, dict[str, Any]]:
    """Whole units for the line. A line has no halves: 1.5 is one unit that is shown as stated."""
    if stated is None:
        return 1, {}
    if stated == stated.to_integral_value():
        return int(stated), {}
    return 1, {"stated_quantity": stated}
