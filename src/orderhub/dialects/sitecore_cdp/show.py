"""Orders of every door in vendor words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core.details import RecordedDetails
from orderhub.core.ids import line_uid
from orderhub.core.money import plain
from orderhub.core.queries import Reads
from orderhub.core.values import Line, LineKind, Order, Status
from orderhub.dialects.sitecore_cdp import wire
from orderhub.dialects.sitecore_cdp.access import NAME
from orderhub.dialects.sitecore_cdp.kinds import STATUSES
from orderhub.dialects.sitecore_cdp.mapping import DELETED, ITEM_DATA, PARTS
from orderhub.dialects.sitecore_cdp.times import second_text, time_text

_STATUS = {
    Status.PENDING: "PAYMENT_PENDING",
    Status.PAID: "PURCHASED",
    Status.SHIPPED: "PURCHASED",
    Status.COMPLETED: "PURCHASED",
    Status.CANCELLED: "CANCELLED",
    Status.REFUNDING: "PURCHASED",
    Status.REFUNDED: "REFUNDED",
}
_STATUSES = frozenset(STATUSES)
_ITEM_SHOWN = (
    "name", "description", "type", "productId", "price", "currencyCode", "originalPrice",
    "originalCurrencyCode", "referenceId", "vendor", "status", "language", "quantity",
    "channel", "orderedAt", "consumerTypeCode", "flightSegments",
)  # fmt: skip


def parts_of(order: Order) -> dict[str, Any]:
    """Contacts, consumers and extension of an order, as this door keeps them."""
    parts = order.doc.vendor.get(PARTS)
    return parts if isinstance(parts, dict) else {}


def is_ours(order: Order) -> bool:
    return order.channel == NAME


def is_deleted(order: Order) -> bool:
    return is_ours(order) and bool(order.doc.vendor.get(DELETED))


def reference_of(order: Order) -> str:
    """What this door calls an order by: the client's own reference, else the number of its door."""
    return order.reference if is_ours(order) else order.number


def status_of(order: Order) -> str | None:
    """The client's own word for an order of this door, else the canonical status."""
    if is_ours(order):
        if order.vendor_status in _STATUSES and not is_deleted(order):
            return order.vendor_status
        if order.status is Status.PENDING:
            return None  # none was stated, and no default is documented
    elif order.status is not Status.REFUNDED and order.refunded > 0:
        return "PARTIALY_REFUNDED"
    return _STATUS[order.status]


def created_at(order: Order) -> int:
    """When the hub learned of it, in the tenant's time."""
    details = order.doc.business
    return details.stated_at if isinstance(details, RecordedDetails) else order.occurred_at


def people_in(parts: Mapping[str, Any], role: str) -> list[tuple[int, dict[str, Any]]]:
    """The contacts or consumers with their numbers, in the order in which they were added."""
    there = parts.get(role)
    if not there:  # as of most orders
        return []
    people = ((int(number), each) for number, each in there.items())
    return sorted(people, key=lambda found: (found[1]["created_at"], found[0]))


def linked_guest(parts: Mapping[str, Any]) -> str:
    """The guest that an order was created with; empty for none."""
    return str(parts["guest"].get("ref", "")) if "guest" in parts else ""


def guests_in(parts: Mapping[str, Any]) -> tuple[str, ...]:
    """The guests of the contacts and the one that the order was created with, each once."""
    linked, contacts = linked_guest(parts), people_in(parts, "contacts")
    if not contacts:
        return (linked,) if linked else ()
    everybody = (*(each["guest"] for _, each in contacts), linked)
    return tuple(dict.fromkeys(filter(None, everybody)))


def guests_of(order: Order) -> tuple[str, ...]:
    """The guests that an order belongs to, each once. Of one from an older version the account alone may say it."""
    found = guests_in(parts_of(order))
    is_told = not order.account or order.account in found or not is_ours(order)
    return found if is_told else (*found, order.account)


def to_order(
    order: Order,
    base: str,
    *,
    contacts: Any = None,
    consumers: Any = None,
    items: Any = None,
) -> wire.Order:
    """The order as a read call shows it. Collections given here replace the lists of links."""
    vendor = order.doc.vendor if is_ours(order) else {}
    if contacts is None:
        contacts = {"items": [{"href": guest_href(base, ref)} for ref in guests_of(order)]}
    if consumers is None:
        consumers = {"items": [{"href": href} for href in consumer_hrefs(order, base)]}
    if items is None:
        hrefs = [{"href": item_href(order, base, line)} for line in order.kept_lines]
        items = {"items": hrefs}
    since = created_at(order)
    created = second_text(since)
    return wire.Order(
        ref=order.uid,
        href=order_href(base, order.uid),
        createdAt=created,
        modifiedAt=created if since == order.updated_at else second_text(order.updated_at),
        orderedAt=time_text(order.occurred_at),
        currencyCode=order.currency,
        price=plain(order.total),
        referenceId=reference_of(order),
        paymentType=vendor.get("paymentType"),
        cardType=vendor.get("cardType"),
        pointOfSale=vendor.get("pointOfSale"),
        channel=vendor.get("channel"),
        status=status_of(order),
        contacts=contacts,
        consumers=consumers,
        orderItems=items,
    )


def to_wire_item(order: Order, line: Line, base: str) -> dict[str, Any]:
    """One line as an order item, whichever door and business it comes from."""
    data = line.data if line.kind is LineKind.RECORDED_ITEM else {}
    shown: dict[str, Any] = {name: data[name] for name in ITEM_DATA if name in data}
    shown["name"] = line.title or None
    shown["productId"] = line.sku or (str(line.product_id) if line.product_id else None)
    shown["price"] = line.unit_gross
    shown["quantity"] = data.get("stated_quantity", line.quantity)
    shown.setdefault("currencyCode", order.currency)
    if line.kind is not LineKind.RECORDED_ITEM:
        shown["type"] = line.kind.value.upper()
        shown["referenceId"] = order.number
        shown["status"] = "CANCELLED" if line.cancelled else status_of(order)
    result: dict[str, Any] = {
        "href": item_href(order, base, line),
        "ref": line_uid(order.uid, line.line_no),
        "createdAt": second_text(data.get("created_at", created_at(order))),
        "modifiedAt": second_text(data.get("modified_at", order.updated_at)),
    }
    for name in _ITEM_SHOWN:
        value = shown.get(name)
        if value is not None:
            result[name] = plain(value) if isinstance(value, Decimal) else value
    return result


def to_contact(order: Order, number: int, contact: Mapping[str, Any], base: str) -> dict[str, Any]:
    ref = line_uid(order.uid, number)
    return {
        "href": f"{base}/v2.1/orderContacts/{ref}",
        "ref": ref,
        "createdAt": second_text(contact["created_at"]),
        "modifiedAt": second_text(contact["modified_at"]),
        **contact["members"],
        "guest": {"href": guest_href(base, contact["guest"])},
        "order": {"href": order_href(base, order.uid)},
    }


def to_consumer(
    order: Order, number: int, consumer: Mapping[str, Any], base: str
) -> dict[str, Any]:
    ref = line_uid(order.uid, number)
    result = {
        "href": f"{base}/v2.1/orderConsumers/{ref}",
        "ref": ref,
        "createdAt": second_text(consumer["created_at"]),
        "modifiedAt": second_text(consumer["modified_at"]),
        **consumer["members"],
    }
    if consumer["guest"]:
        result["guest"] = {"href": guest_href(base, consumer["guest"])}
    items = [{"href": f"{base}/v2.1/orderItems/{item}"} for item in items_of(order, consumer)]
    result["orderItems"] = {"items": items}
    result["order"] = {"href": order_href(base, order.uid)}
    return result


def items_of(order: Order, consumer: Mapping[str, Any]) -> list[str]:
    """The refs of a consumer's items that stand; a row of a batch knew them by their numbers in the order."""
    numbered = [line_uid(order.uid, number) for number in consumer.get("lines", ())]
    standing = item_refs(order)
    return [ref for ref in (*consumer["items"], *numbered) if ref in standing]


def item_refs(order: Order) -> set[str]:
    return {line_uid(order.uid, line.line_no) for line in order.kept_lines}


def to_extension(extension: Mapping[str, Any], href: str, ref: str) -> dict[str, Any]:
    return {
        "href": href,
        "ref": ref,
        "name": "ext",
        "key": "default",
        "createdAt": second_text(extension["created_at"]),
        "modifiedAt": second_text(extension["modified_at"]),
        **{
            name: plain(value) if isinstance(value, Decimal) else value
            for name, value in extension["pairs"].items()
        },
    }


def order_href(base: str, uid: str) -> str:
    return f"{base}/v2.1/orders/{uid}"


def guest_href(base: str, uid: str) -> str:
    return f"{base}/v2.1/guests/{uid}"


def item_href(order: Order, base: str, line: Line) -> str:
    return f"{base}/v2.1/orderItems/{line_uid(order.uid, line.line_no)}"


def consumer_hrefs(order: Order, base: str) -> list[str]:
    consumers = people_in(parts_of(order), "consumers")
    refs = [line_uid(order.uid, number) for number, _ in consumers]
    return [f"{base}/v2.1/orderConsumers/{ref}" for ref in refs]


def render(_reads: Reads, order: Order, base_url: str) -> Any:
    """An order of any door as GET /v2.1/orders/{ref} shows it."""
    return msgspec.to_builtins(to_order(order, base_url), builtin_types=(Decimal,))
