"""Our words to the vendor's: an order of any door as detail and list show it, no look-ups."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core.details import TourDetails
from orderhub.core.money import ZERO, plain, rounded
from orderhub.core.queries import Reads
from orderhub.core.values import Contact, Line, Order, Settings
from orderhub.core.zones import local_time
from orderhub.dialects.tours4fun.words import STATUS_CODES

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Of an order that an older hub took: guests were numbered within it, at most 999 of them.
_GUESTS_A_ORDER = 1_000
_ZONELESS = "%Y-%m-%d %H:%M:%S"


def in_full(order: Order, settings: Settings) -> dict[str, Any]:
    """`data` of `/v2/order/detail`. The price is the net one, shown with two decimals."""
    return {
        "order_id": order.id,
        "order_status": STATUS_CODES[order.status][0],
        "created_at": moment(order.occurred_at, settings),
        "updated_at": moment(order.updated_at, settings),
        "price": plain(rounded(_price(order), 2)),
        "product_list": [
            {
                **product,
                "contact": [product["contact"]] if product["contact"] else [],
                "guest": _guests(order),
                "upgrades": _upgrades(order),
            }
            for product in _products(order, settings)
        ],
    }


def listed(order: Order, settings: Settings) -> dict[str, Any]:
    """One entry of `/v2/order/list`. The price is the net one, with four decimals."""
    return {
        "order_id": order.id,
        "order_status": STATUS_CODES[order.status][0],
        "created_at": moment(order.occurred_at, settings),
        "updated_at": moment(order.updated_at, settings),
        "currency": _settlement(order, "currency") or order.currency,
        "price": plain(_price(order)),
        "product_list": [
            {name: each for name, each in product.items() if name != "departure_address"}
            for product in _products(order, settings)
        ],
    }


def moment(at_us: int, settings: Settings) -> str:
    """`YYYY-MM-DD HH:MM:SS` on the tenant's clock; the vendor never names the zone."""
    return local_time(settings.time_zone, at_us).strftime(_ZONELESS)


def price_info(values: tuple[Any, Any, Any, Any, Any, Any]) -> dict[str, Any]:
    """The six amounts: net, list and discount, each in product and settlement currency."""
    net, net_target, listed_, listed_target, discount, discount_target = map(_amount, values)
    return {
        "total_retail": net,
        "total_retail_target_currency": net_target,
        "original_total_retail": listed_,
        "original_total_retail_target_currency": listed_target,
        "total_discount": discount,
        "total_discount_target_currency": discount_target,
    }


def contact(person: Contact | None) -> dict[str, str]:
    """Under the names of the vendor's samples; empty when nobody is named."""
    if person is None:
        return {}
    return {
        "firstname": person.first_name,
        "lastname": person.last_name,
        "telephone": person.phone,
        "email": person.email,
    }


def _tour_of(order: Order) -> TourDetails | None:
    details = order.doc.business
    return details if isinstance(details, TourDetails) else None


def _settlement(order: Order, name: str) -> Any:
    return order.doc.settlement.get(name) if _tour_of(order) else None


def _price(order: Order) -> Decimal:
    net = _settlement(order, "net")
    return rounded(order.total, 4) if net is None else Decimal(net)


def _amount(value: Any) -> Decimal:
    return plain(value if isinstance(value, Decimal) else Decimal(value))


def _products(order: Order, settings: Settings) -> list[dict[str, Any]]:
    booked = _tour_of(order)
    if booked is not None:
        return [_tour(order, booked)]
    return [_foreign(order, line, settings) for line in order.lines if not line.cancelled]


def _tour(order: Order, booked: TourDetails) -> dict[str, Any]:
    settled = order.doc.settlement
    product = {
        "product_id": booked.product_id,
        "product_name": booked.product_title,
        "product_status": STATUS_CODES[order.status][1],
        "product_line": booked.product_line,
        "departure_date": booked.date,
        "end_date": booked.end_date,
        "departure_address": booked.pickup,
        "rooms": [
            {"adult": room.adults, "kid": room.kids, "single_pairup": int(room.pairup)}
            for room in booked.rooms
        ],
        "price_info": price_info(
            (
                booked.net,
                settled["net"],
                booked.list,
                settled["list"],
                booked.discount,
                settled["discount"],
            )
        ),
        "contact": contact(order.doc.contact),
    }
    if booked.tickets:
        product["tickets"] = msgspec.to_builtins(booked.tickets)
    return product


def _foreign(order: Order, line: Line, settings: Settings) -> dict[str, Any]:
    """A line that another door sold: a ticket to this vendor's eyes, at the price that was paid."""
    day = moment(order.service_at or order.occurred_at, settings)[:10]
    address = order.doc.ship_to
    person = order.doc.contact
    if person is None and address is not None:
        person = Contact(
            first_name=address.recipient,
            last_name=address.last_name,
            email=address.email,
            phone=address.phone,
        )
    amount = line.gross
    return {
        "product_id": line.product_id,
        "product_name": line.title or line.sku,
        "product_status": STATUS_CODES[order.status][1],
        "product_line": "ticket",
        "departure_date": day,
        "end_date": day,
        "departure_address": "" if address is None else address.street1,
        "rooms": [],
        "price_info": price_info((amount, amount, amount, amount, ZERO, ZERO)),
        "contact": contact(person),
    }


def _guests(order: Order) -> list[dict[str, Any]]:
    """The form's answers as they were sent."""
    booked = _tour_of(order)
    if booked is None:
        return []
    shown = []
    for number, guest in enumerate(booked.guests, 1):
        ids = {
            "order_product_guest_id": guest.id or order.id * _GUESTS_A_ORDER + number,
            "order_product_id": order.id,
        }
        unless_told = {"telephone": None, "email": None, "type": guest.kind}
        # The ids stand first and are not the client's to set.
        shown.append({**ids, **unless_told, **guest.answers, **ids})
    return shown


def _upgrades(order: Order) -> list[dict[str, Any]]:
    booked = _tour_of(order)
    if booked is None:
        return []
    return [
        {
            "upgrade_id": upgrade.id,
            "option_id": upgrade.option,
            "name": upgrade.name,
            "subname": upgrade.sub_name,
            "option_name": upgrade.option_name,
            "provider_tour_code": upgrade.option_code,
        }
        for upgrade in booked.upgrades
    ]


def render(reads: Reads, order: Order, _base_url: str) -> dict[str, Any]:
    """An order of any door as `/v2/order/detail` shows it."""
    return in_full(order, reads.settings(order.tenant_id))
