"""Orders of any door as this vendor's query calls show them. Never raises, looks nothing up.

What is shown is always a group: an order on its own is a group of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import Any

import msgspec

from orderhub.core.cancellation import next_refund
from orderhub.core.details import ParcelDetails
from orderhub.core.fulfilment import GIVEN_BACK, given_back, is_partly_shipped, to_ship
from orderhub.core.life import before_refund
from orderhub.core.money import EXACT, ZERO, plain, times, total
from orderhub.core.parcels import is_prepaid
from orderhub.core.queries import Reads
from orderhub.core.steps import Refund
from orderhub.core.values import EXTRAS, MICROSECONDS, Line, LineKind, Order, Settings, Status
from orderhub.core.zones import local_time
from orderhub.dialects.kakaclo.mapping import item_id, number_of, refund_number
from orderhub.dialects.kakaclo.states import DRAFT_WORDS, STATES, V2_STATES

_FOUR = Decimal("0.0001")
_LATEST = 253_402_300_799  # the last second of the year 9999


def state_of(orders: tuple[Order, ...]) -> str:
    """The V1 status of an order or a group."""
    return _state({order.status for order in orders})


def _state(statuses: set[Status]) -> str:
    for name, state in STATES.items():
        if not statuses.isdisjoint(state.none):
            continue
        if all(not statuses.isdisjoint(any_of) for any_of in state.some):
            return name
    raise AssertionError(f"no status for {statuses}")


def money(amount: Decimal) -> Decimal:
    """Four decimals as the vendor shows them; an amount of another door may have more."""
    shown = amount.quantize(_FOUR, context=EXACT)
    return shown if shown == amount else plain(amount)


def moment(at_us: Any) -> str | None:
    """`2022-11-01T06:21:12Z`, or null for no time."""
    if not isinstance(at_us, int) or at_us == 0:
        return None
    seconds = at_us // MICROSECONDS
    if not -62_135_596_800 <= seconds <= _LATEST:
        return None
    at = datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)
    return at.isoformat().replace("+00:00", "Z")


def show(
    orders: tuple[Order, ...], settings: Settings, version: int = 1, *, draft: bool = False
) -> dict[str, Any]:
    """One object of the order list. Several orders are shown as their parent, with `subOrders`.

    draft: V1 as its first pages have it: a status by another word, and more names for some members.
    """
    first = orders[0]
    is_parent = len(orders) > 1
    state = state_of(orders)
    words = DRAFT_WORDS if draft else {}
    goods = [(order, line) for order in orders for line in order.kept_lines if _is_item(line)]
    item = _item_v1 if version == 1 else _item_v2
    shown: dict[str, Any] = {
        "id": first.group_number if is_parent else number_of(first),
        "customOrderId": first.reference or None,
        "remark": first.doc.notes or None,
    }
    if version == 1:
        shown |= {"CustomOrderNumber": shown["customOrderId"], "status": words.get(state, state)}
    else:
        status, financial, _ = V2_STATES[state]
        # Nothing that was sent comes back by a refund that is only looked at.
        fulfillment = V2_STATES[_state({before_refund(order) for order in orders})][2]
        if any(order.status is Status.PENDING for order in orders):
            financial = "waiting"
        if fulfillment == "waiting_to_ship" and any(map(is_partly_shipped, orders)):
            fulfillment = "partially_shipped"
        shown |= {
            "status": status,
            "financialStatus": financial,
            "fulfillmentStatus": fulfillment,
            "refundStatus": _refund_state(orders, state),
        }
    paid = "payAt" if version == 1 else "payDate"
    done = "completedAt" if version == 1 else "completedDate"
    kept = [order.doc.business for order in orders]
    parcel = parcel_of(first)
    shown |= {
        "purchaseDate": _latest(each.paid_at for each in kept),
        paid: _latest(each.paid_at for each in kept),
        done: _latest(each.completed_at for each in kept),
        "cancelDate": _latest(each.cancelled_at for each in kept),
        "refundDate": _latest(each.refunded_at for each in kept),
        "salePlatform": first.doc.vendor.get("salePlatform"),
        "shippingAddress": _address(first),
        "warehouseId": None if is_parent or parcel is None else parcel.warehouse_id,
        "warehouseCode": None if is_parent or parcel is None else parcel.warehouse,
    }
    shown |= _amounts_v1(orders) if version == 1 else _amounts_v2(orders)
    shown["orderItems"] = [item(order, line) for order, line in goods]
    names = ("id",) if version == 1 else ("id", "packId")
    packages = _packages(orders, settings, item, *names)
    shown["fulfillments"] = ([_drafted(each) for each in packages] if draft else packages) or None
    shown["createDate"] = moment(min(order.occurred_at for order in orders))
    shown["modifyDate"] = moment(max(order.updated_at for order in orders))
    if draft or version != 1:
        shown["updateDate"] = shown["modifyDate"]
    shown["parentId"] = first.group_number or None if not is_parent else None
    shown["subOrders"] = [_sub_order(order, words) for order in orders] if is_parent else []
    return shown


def parcel_of(order: Order) -> ParcelDetails | None:
    """What is kept of an order as a parcel; None: it is another business's."""
    details = order.doc.business
    return details if isinstance(details, ParcelDetails) else None


def _sub_order(order: Order, words: Mapping[str, str]) -> dict[str, Any]:
    parcel, state = parcel_of(order), state_of((order,))
    return {
        "id": number_of(order),
        "warehouseCode": None if parcel is None else parcel.warehouse,
        "warehouseId": None if parcel is None else parcel.warehouse_id,
        "status": words.get(state, state),
        "skuCodes": [line.sku for line in order.kept_lines if _is_item(line)],
    }


def _is_item(line: Line) -> bool:
    return line.kind not in EXTRAS


def _freight(orders: Iterable[Order]) -> Decimal:
    return total(
        [
            line.gross
            for order in orders
            for line in order.kept_lines
            if line.kind is LineKind.FREIGHT
        ]
    )


def _amounts_v1(orders: tuple[Order, ...]) -> dict[str, Any]:
    """totalAmount (the samples) = finalAmount (the table) = skusAmount + freightAmount, exactly."""
    final = total([order.total for order in orders])
    freight = _freight(orders)
    return {
        "currencyCode": orders[0].currency,
        "totalAmount": money(final),
        "finalAmount": money(final),
        "freightAmount": money(freight),
        "skusAmount": money(EXACT.subtract(final, freight)),
    }


def _amounts_v2(orders: tuple[Order, ...]) -> dict[str, Any]:
    """finalAmount = subTotalAmount + freightAmount - couponAmount, exactly."""
    final = total([order.total for order in orders])
    freight = _freight(orders)
    items = [line.gross for order in orders for line in order.kept_lines if _is_item(line)]
    subtotal = total(items)
    refunded = total([_given_back(order) for order in orders])
    return {
        "currencyCode": orders[0].currency,
        "finalAmount": money(final),
        "freightAmount": money(freight),
        "subTotalAmount": money(subtotal),
        "couponAmount": money(EXACT.subtract(EXACT.add(subtotal, freight), final)),
        "promotionAmount": money(ZERO),
        "refundedAmount": money(refunded),
        "refundableAmount": money(EXACT.subtract(final, refunded)),
    }


def _given_back(order: Order) -> Decimal:
    """The money that came back: of a cancelled order its total, where that was drawn on the balance."""
    if order.status is Status.CANCELLED:
        return order.total if _is_all_back(order) else ZERO
    return order.refunded


def _is_all_back(order: Order) -> bool:
    """Whether all of it came back; a cancelled order was not paid, but a prepaid parcel was drawn before that."""
    if order.status is Status.CANCELLED:
        return is_prepaid(order.doc) and not order.doc.imported_at
    return order.status is Status.REFUNDED


def _units_back(order: Order, line: Line) -> int:
    """The units of a line whose money came back."""
    return (
        0
        if order.status is Status.CANCELLED and not _is_all_back(order)
        else given_back(order, line)
    )


def _refund_state(orders: tuple[Order, ...], state: str) -> str:
    if state in ("refunding", "refunded"):
        return state
    if state == "cancel":
        return "refunded" if any(map(_is_all_back, orders)) else "NULL"
    return "partial_refund" if any(_given_back(order) for order in orders) else "NULL"


def _item_v1(
    order: Order, line: Line, units: int | None = None, _back: int | None = None
) -> dict[str, Any]:
    """A line, or so many units of it. This version does not tell what was given back."""
    in_part = units is not None and units != line.quantity
    parcel = parcel_of(order)
    return {
        "id": item_id(order, line.line_no),
        "imageUrl": line.data.get("image"),
        "productName": line.title or None,
        "productNum": line.quantity if units is None else units,
        "skuCode": line.sku,
        "option1": line.data.get("option1"),
        "option2": line.data.get("option2"),
        "option3": line.data.get("option3"),
        "subtotal": money(times(line.unit_gross, units or 0) if in_part else line.gross),
        "purchasePrices": money(line.unit_gross),
        "stockStatus": "normal",
        "promotionAmount": money(ZERO),
        "countryCode": None if parcel is None else parcel.warehouse_country,
        "warehouseCode": None if parcel is None else parcel.warehouse,
    }


def _item_v2(
    order: Order, line: Line, units: int | None = None, back: int | None = None
) -> dict[str, Any]:
    """A line, or so many units of it, of which some were given back."""
    shown = _item_v1(order, line, units)
    name = shown["id"]
    amount, subtotal = shown.pop("purchasePrices"), shown.pop("subtotal")
    if back is None:
        back = _units_back(order, line)
    return {
        "id": name,
        "itemId": name,
        "fulfillmentStatus": _sent_state(order, line) if units is None else "fully_shipped",
        "refundStatus": _back_state(order, back, shown["productNum"]),
        **shown,
        "refundedNum": back,
        "total": subtotal,
        "amount": amount,
    }


def _sent_state(order: Order, line: Line) -> str:
    """How far a line was sent. Nothing that was sent comes back by a refund that is only looked at."""
    status = before_refund(order)
    if status is Status.PENDING or status in GIVEN_BACK:
        return "NULL"
    if to_ship(order, line):
        return "partially_shipped" if line.shipped else "waiting_to_ship"
    is_sent = line.shipped or status in (Status.SHIPPED, Status.COMPLETED)
    return "fully_shipped" if is_sent else "NULL"


def _back_state(order: Order, back: int, units: int) -> str:
    """Of a line, or of what is in a package, whose units all, in part or not at all came back."""
    if _is_all_back(order) or (back and back == units):
        return "refunded"
    if order.status is Status.REFUNDING:
        return "refunding"
    return "partial_refund" if back else "NULL"


def _latest(moments: Iterable[int | None]) -> str | None:
    return moment(max((each for each in moments if each is not None), default=0))


def _address(order: Order) -> dict[str, Any]:
    to, contact = order.doc.ship_to, order.doc.contact
    if to is None:
        recipient = f"{contact.first_name} {contact.last_name}".strip() if contact else ""
        shown = {"recipient": recipient, "phone": contact.phone if contact else ""}
    else:
        shown = {
            "country": to.country,
            "city": to.city,
            "phone": to.phone,
            "recipient": f"{to.recipient} {to.last_name}".strip() if to.last_name else to.recipient,
            "street1": to.street1,
            "street2": to.street2,
            "province": to.province,
            "zip": to.postcode,
            "vat": to.vat,
            "ioss": to.ioss,
        }
    return {name: shown.get(name) or None for name in _ADDRESS}


_ADDRESS = (
    "country",
    "city",
    "phone",
    "recipient",
    "street1",
    "street2",
    "province",
    "zip",
    "vat",
    "ioss",
)


def _packages(
    orders: tuple[Order, ...], settings: Settings, item: Any, *names: str
) -> list[dict[str, Any]]:
    """One entry a package, named `KA`, local YYYYMMDDhhmm, four digits, `_` and its position, under these names."""
    packages = []
    for order in orders:
        contents = _contents(order)
        is_delivered = (
            order.status is Status.COMPLETED or order.doc.business.completed_at is not None
        )
        for position, shipment in enumerate(order.doc.shipments, 1):
            at = shipment.at or 0
            carrier, tracking = shipment.carrier or None, shipment.tracking or None
            packages.append(
                {
                    **{
                        name: f"KA{_local(at, settings)}{order.id % 10_000:04d}_{position}"
                        for name in names
                    },
                    "status": "completed" if is_delivered else "shipped",
                    "deliveryTime": moment(at),
                    "trackingCode": tracking,
                    "carrier": carrier,
                    "carrierType": "last",
                    "logisticsSearchUrl": None,
                    "items": [item(order, *each) for each in contents[position - 1]],
                    "trackingInfos": [{"carrier": carrier, "trackingCode": tracking}]
                    if tracking
                    else [],
                }
            )
    return packages


def _drafted(package: dict[str, Any]) -> dict[str, Any]:
    """A package with the names that the first pages have for two of its members beside those of the later ones."""
    return {**package, "logisticsProviders": package["carrier"], "orderItems": package["items"]}


def _contents(order: Order) -> list[list[tuple[Line, int, int]]]:
    """For each package the lines in it, their units, and how many of those were given back.

    A package that names no line took what was left. What was given back is what was never sent, as far as that
    goes; of which package the rest was nobody knows: it is taken from the first.
    """
    left = {line.line_no: line.shipped for line in order.lines}
    back = {
        line.line_no: max(0, given_back(order, line) - (line.quantity - line.shipped))
        for line in order.lines
    }
    contents = []
    for shipment in order.doc.shipments:
        units = shipment.lines or dict(left)
        content = []
        for line in order.lines:
            sent = units.get(line.line_no, 0)
            if sent:
                returned = min(sent, back[line.line_no])
                back[line.line_no] -= returned
                content.append((line, sent, returned))
        contents.append(content)
        left = {no: n - units.get(no, 0) for no, n in left.items()}
    return contents


def _local(at_us: int, settings: Settings) -> str:
    return f"{local_time(settings.time_zone, at_us):%Y%m%d%H%M}" if at_us else ""


def show_one(reads: Reads, order: Order, _base_url: str) -> dict[str, Any]:
    """`Dialect.render`: an order of any door as the V1 query shows it."""
    return show((order,), reads.settings(order.tenant_id))


def refunds_of(orders: tuple[Order, ...]) -> list[dict[str, Any]]:
    """The refunds of an order or a group, oldest first; `id` is which of these each was asked for by."""
    found: dict[str, tuple[tuple[int, int, str], dict[str, Any]]] = {}
    for order in orders:
        for entry, status in _refunds(order):
            number = entry.of or number_of(order)
            no = refund_number(number, entry.seq)
            shown = {
                "refundNo": no,
                "refundStatus": status,
                "id": number,
                "remark": entry.remark or None,
            }
            found[no] = ((entry.at or 0, entry.seq, no), shown)
    return [shown for _, shown in sorted(found.values(), key=itemgetter(0))]


def _refunds(order: Order) -> Iterator[tuple[Refund, str]]:
    """An order's refunds, all of them numbered: those that were given back, and the one asked for in another way."""
    done = order.doc.refunds
    for nth, entry in enumerate(done, 1):
        yield msgspec.structs.replace(entry, seq=entry.seq or nth), "refund_successfully"
    details = order.doc.business
    is_asked = order.status is Status.REFUNDING
    seq = details.refund_asked_seq or (next_refund((order,)) if is_asked else 0)
    if seq and all(entry.seq != seq for entry in done):
        asked = Refund(at=details.refund_asked_at, seq=seq)
        yield asked, "pending_review" if is_asked else "refund_failed"
