"""What the calls on products share: finding what is on sale, its days and its lowest price."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any, TypeVar

from orderhub.core.catalogue import Product
from orderhub.core.departures import Departures, day_of_place, departure_on, upcoming
from orderhub.core.exchange import RateTable
from orderhub.core.money import ZERO
from orderhub.core.queries import Reads
from orderhub.core.quotes import SoldBy, Tour
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.tours import today
from orderhub.dialects.contract import Call, Caller, CommandRejected

T = TypeVar("T")
Days = list[tuple[date, Departures]]

SIZES = ("single", "double", "triple", "quad", "kid")
_MOST_DATES = 366
_RATES_ID = 1


async def ask_as_caller(call: Call, ask: Callable[[Reads, Caller], T]) -> T:
    caller = call.caller
    assert caller is not None
    return await call.hub.read(lambda reads: ask(reads, caller))


def sold_product(reads: Reads, tenant_id: int, product_id: int) -> tuple[Product, Tour] | None:
    product = reads.record(tenant_id, "product", "id", product_id)
    tour = reads.record(tenant_id, "tour", "id", product_id)
    if product is None or tour is None or not product.doc.active:
        return None
    return product.doc, tour.doc


def today_of(reads: Reads, call: Call, tenant_id: int) -> date:
    settings = reads.settings(tenant_id)
    return today(settings, call.received_at)


def rates_of_tenant(reads: Reads, tenant_id: int) -> RateTable | None:
    record = reads.record(tenant_id, "exchange_rates", "id", _RATES_ID)
    return None if record is None else record.doc


def nothing_for(product_id: int) -> CommandRejected:
    """Each call says in its own words that it found nothing for a product."""
    return CommandRejected(
        Rejected(Reason.RECORD_UNKNOWN, "product", f"no product {product_id} on sale")
    )


def told_of(product: Product) -> dict[str, Any]:
    """The free members of a product; null is as good as none."""
    return {name: each for name, each in product.data.items() if each is not None}


def line_of(product: Product) -> str:
    return str(told_of(product).get("product_line", product.kind))


def currency_of(reads: Reads, tenant_id: int, product: Product) -> str:
    return product.currency or reads.settings(tenant_id).currency


def lowest_price(tour: Tour) -> Decimal:
    """The lowest price somebody may pay."""
    prices = [tour.adult_price]
    if tour.sold_by is SoldBy.ROOMS:
        prices = [getattr(tour.prices, name) for name in SIZES[:-1]]
    elif tour.sold_by is SoldBy.TICKETS:
        prices = [ticket.price for ticket in tour.tickets]
    return min((price for price in prices if price), default=ZERO)


def bookable_days(reads: Reads, tenant_id: int, tour: Tour, product_id: int, today: date) -> Days:
    """The next departures that are far enough ahead, with seats and rooms left where counted."""
    since = date.fromordinal(today.toordinal() + tour.min_days_ahead)
    free = _free_days(reads, tenant_id, tour, product_id)
    if free is None:
        return upcoming(tour.departures, since, _MOST_DATES)
    leaving = (
        (day, stretch)
        for day in sorted(free)
        if day >= since and (stretch := departure_on(tour.departures, day)) is not None
    )
    return list(islice(leaving, _MOST_DATES))


def _free_days(reads: Reads, tenant_id: int, tour: Tour, product_id: int) -> set[date] | None:
    """The days with something left of all that is counted; None: nothing is."""
    counted = (("seats", tour.seats_counted), ("rooms", tour.rooms_counted))
    kinds = [kind for kind, is_counted in counted if is_counted]
    if not kinds:
        return None
    left = [
        {pool.key.place for pool in pools if pool.available > 0}
        for pools in (reads.pools(tenant_id, kind, (f"product:{product_id}",)) for kind in kinds)
    ]
    return {day for place in set.intersection(*left) if (day := day_of_place(place)) is not None}


def departing_product(
    reads: Reads, tenant_id: int, product_id: int, day: date
) -> tuple[Product, Tour]:
    sold = sold_product(reads, tenant_id, product_id)
    if sold is None:
        raise nothing_for(product_id)
    if departure_on(sold[1].departures, day) is None:
        raise CommandRejected(Rejected(Reason.DATE_UNAVAILABLE, "date", f"no departure on {day}"))
    return sold
