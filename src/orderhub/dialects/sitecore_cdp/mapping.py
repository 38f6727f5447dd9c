"""Vendor words to commands. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from orderhub.core.commands import LineChange, Numbering, Origin, PlaceOrder, StatedLine
from orderhub.core.recorded import RecordedSale
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.contract import CommandRejected
from orderhub.dialects.sitecore_cdp.access import NAME
from orderhub.dialects.sitecore_cdp.wire import (
    ContactRequest,
    OrderItemRequest,
    OrderRequest,
    RowConsumer,
)
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
    "referenceId", "vendor", "status", "language", "channel", "orderedAt", "consumerTypeCode",
    "flightSegments",
)  # fmt: skip
# Members of everybody: contacts, consumers and guests.
PERSONAL = ContactRequest.__struct_fields__


def to_place(
    order: OrderRequest,
    origin: Origin,
    key: str,
    *,
    guest: str = "",
    account: str = "",
    items: tuple[StatedLine, ...] = (),
    parts: Mapping[str, Any] | None = None,
) -> PlaceOrder:
    """`key` is the client key that the order is unique under.

    `guest` is the ref of a guest that must be there, `account` of one that was just looked up.
    """
    vendor = _stated(order, ECHOED)
    if guest:
        parts = {"guest": {"ref": guest}, **(parts or {})}
    if parts:
        vendor[PARTS] = parts
    return PlaceOrder(
        origin=origin,
        terms=RecordedSale(
            total=order.price,
            currency=order.currencyCode,
            occurred_at=order.orderedAt,
            items=items,
            account=guest or account,
            account_kind=GUEST if guest else "",
        ),
        numbering=Numbering.UID,
        natural_key=natural_key(key, order.orderedAt, order.referenceId),
        reference=order.referenceId,
        vendor_status=order.status or "",
        vendor=vendor,
    )


def _stated(request: Struct, names: tuple[str, ...]) -> dict[str, Any]:
    """Those of the members that were sent."""
    return {name: value for name in names if (value := getattr(request, name)) is not None}


def to_consumers(
    consumers: tuple[RowConsumer, ...], numbers: Mapping[str, list[int]], now: int
) -> list[dict[str, Any]]:
    """Consumers of a row of a batch as they are kept. `numbers`: referenceId -> numbers of the items.

    Raises CommandRejected for one that names an item which the order has not.
    """
    kept: list[dict[str, Any]] = []
    for consumer in consumers:
        named = [item.referenceId for item in consumer.orderItems or ()]
        if not set(named) <= numbers.keys():
            raise CommandRejected(Rejected(Reason.REFERENCE_UNKNOWN, "consumers[].lines"))
        lines = sorted({line for reference in named for line in numbers[reference]})
        kept.append(
            {**to_person(_stated(consumer, PERSONAL), "", now), "items": [], "lines": lines}
        )
    return kept


def to_person(members: Mapping[str, Any], guest: str, now: int) -> dict[str, Any]:
    """What is kept of a contact, and beside items of a consumer. `guest` is empty for a consumer that is none."""
    kept = {name: value for name, value in members.items() if value is not None}
    return {"guest": guest, "created_at": now, "modified_at": now, "members": kept}


def numbers_of(references: Iterable[tuple[int, str | None]]) -> dict[str, list[int]]:
    """referenceId -> the numbers of the items that bear it."""
    found: dict[str, list[int]] = {}
    for number, reference in references:
        if reference:
            found.setdefault(reference, []).append(number)
    return found


def to_item(item: OrderItemRequest, now: int) -> StatedLine:
    quantity, stated = _quantity(item.quantity)
    return StatedLine(
        title=item.name or "",
        sku=item.productId or "",
        quantity=quantity,
        price=item.price,
        data={**_stated(item, ITEM_DATA), **stated, "created_at": now, "modified_at": now},
    )


def to_line_change(members: Mapping[str, Any], line_no: int, now: int) -> LineChange:
    """`members` as `wire.update` has them: None takes one away."""
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
