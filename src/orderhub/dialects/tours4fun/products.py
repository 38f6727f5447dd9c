"""The calls that describe products: detail and list."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from orderhub.core.catalogue import Product
from orderhub.core.money import ZERO, is_storable, plain, rounded
from orderhub.core.passengers import FormField
from orderhub.core.queries import Reads, RecordQuery
from orderhub.core.quotes import Tour
from orderhub.dialects.contract import Answer, Call, Caller
from orderhub.dialects.tours4fun import wire, words
from orderhub.dialects.tours4fun.access import authenticate
from orderhub.dialects.tours4fun.reading import read
from orderhub.dialects.tours4fun.sold import (
    ask_as_caller,
    bookable_days,
    currency_of,
    line_of,
    lowest_price,
    nothing_for,
    sold_product,
    today_of,
    told_of,
)

_SCANNED = 1_000
# `ttd` ("things to do") is what used to be called activity, and the tickets.
_LINES = {"ttd": ("activity", "ticket", "ttd")}
_REGIONS = ("region", "sub_region", "region_chinese_name", "sub_region_chinese_name")
_CITIES = ("departure_city", "return_city", "visited_city")


async def detail(call: Call) -> Answer:
    """One product as one object, several as an object by id; unknown ones are left out."""
    caller = await authenticate(call)
    numbers = (await read(wire.ProductIds, call, caller)).product_ids

    def ask(reads: Reads, caller: Caller) -> dict[str, dict[str, Any]]:
        tenant_id = caller.tenant_id
        today = today_of(reads, call, tenant_id)
        shown = {}
        for number in numbers:
            sold = sold_product(reads, tenant_id, number)
            if sold is not None:
                shown[str(number)] = describe(
                    *sold,
                    currency=currency_of(reads, tenant_id, sold[0]),
                    is_sold_out=not bookable_days(reads, tenant_id, sold[1], number, today),
                )
        return shown

    shown = await ask_as_caller(call, ask)
    if not shown:
        raise nothing_for(numbers[0])
    return words.success(shown[str(numbers[0])] if len(numbers) == 1 else shown)


def describe(product: Product, tour: Tour, *, currency: str, is_sold_out: bool) -> dict[str, Any]:
    """`data` of `/v2/product/detail`: what decides comes from the rules, the rest from `data`."""
    data = told_of(product)
    duration, unit = _duration(product, tour)
    base = {
        "product_id": product.id,
        "product_id_old": data.get("product_id_old", ""),
        "product_line": line_of(product),
        "name": product.title,
        "image_url": data.get("image_url", ""),
        "advertised_price": plain(lowest_price(tour)),
        "currency": currency,
        "duration": plain(duration),
        "duration_type": unit,
        "stock_status": 0 if is_sold_out else 1,
        "max_child_age": tour.max_child_age,
        "min_days_before_departure": tour.min_days_ahead,
        "min_guest_number": tour.min_guests,
    }
    told = {name: data.get(name, 0) for name in _BASE_NUMBERS}
    places = {name: data.get(name, []) for name in ("departure_city", "return_city")}
    regions = {name: data.get(name, "") for name in _REGIONS}
    return {
        "base": {**base, **told, **places, **regions},
        "info": data.get("info", {}),
        "language": data.get("language", []),
        "itinerary": data.get("itinerary", []),
        "media": data.get("media", {"image_url": data.get("image_url", "")}),
        "passengerForm": {field.name: _field(field) for field in tour.form},
    }


_BASE_NUMBERS = ("show_ownexpense", "visa_passport", "is_pickup", "is_dropoff", "hotel_pickup")


def _duration(product: Product, tour: Tour) -> tuple[Decimal, str]:
    """How long it lasts, and in which unit: whole days, unless `data` tells hours or minutes."""
    data = told_of(product)
    try:
        told = Decimal(str(data.get("duration")))
    except ArithmeticError:
        told = ZERO
    if is_storable(told) and told > 0:
        return told, str(data.get("duration_type", "day"))
    return Decimal(tour.duration_days), "day"


def _field(field: FormField) -> dict[str, Any]:
    return {
        "name": field.name,
        "label": field.label,
        "type": str(field.kind),
        "min": "" if field.minimum is None else str(plain(field.minimum)),
        "max": "" if field.maximum is None else str(plain(field.maximum)),
        "options": field.options,
        "placeholder": field.placeholder,
    }


async def list_products(call: Call) -> Answer:
    """Products by region, line or keyword, at least one of them. Numbers leave as text."""
    caller = await authenticate(call)
    asked = await read(wire.ProductList, call, caller)
    region, keyword, line = asked.region, asked.keyword.lower(), asked.product_line
    page, size = asked.page, asked.page_size
    lines = _LINES.get(line, (line,)) if line else ()

    def is_wanted(product: Product) -> bool:
        return (
            (not region or region in [product.data.get(name) for name in _REGIONS])
            and (not lines or line_of(product) in lines)
            and (not keyword or keyword in product.title.lower())
        )

    found = await call.hub.read(lambda reads: _search(reads, caller.tenant_id, is_wanted))
    shown = found[(page - 1) * size : page * size]
    return words.success(
        {
            "count": str(len(found)),
            "page": str(page),
            "page_size": str(size),
            "products": [_entry(*pair) for pair in shown],
        }
    )


def _search(
    reads: Reads, tenant_id: int, is_wanted: Callable[[Product], bool]
) -> list[tuple[Product, Tour]]:
    """The wanted tours on sale, by id. A tenant's tours are few enough to be looked through."""
    found: list[tuple[Product, Tour]] = []
    last = 0
    while True:
        tours = reads.records(
            RecordQuery(tenant_id=tenant_id, kind="tour", limit=_SCANNED, after_id=last)
        )
        if not tours:
            return found
        ids = tuple(str(record.id) for record in tours)
        products = reads.records(
            RecordQuery(tenant_id=tenant_id, kind="product", by="id", values=ids, limit=_SCANNED)
        )
        by_id = {record.id: record.doc for record in products}
        for record in tours:
            product = by_id.get(record.id)
            if product is not None and product.active and is_wanted(product):
                found.append((product, record.doc))
        last = tours[-1].id


def _entry(product: Product, tour: Tour) -> dict[str, Any]:
    data = told_of(product)
    duration, unit = _duration(product, tour)
    return {
        "product_id": str(product.id),
        "product_id_old": str(data.get("product_id_old", "")),
        "name": product.title,
        "image_url": data.get("image_url", ""),
        "product_line": line_of(product),
        "duration": str(rounded(duration, 1)),
        "duration_type": unit,
        "sub_region": data.get("sub_region", ""),
        "sub_region_chinese_name": data.get("sub_region_chinese_name", ""),
        "region": data.get("region", ""),
        "region_chinese_name": data.get("region_chinese_name", ""),
        "advertised_price": str(rounded(lowest_price(tour), 6)),
        **{name: [_city(each) for each in data.get(name, [])] for name in _CITIES},
    }


def _city(city: dict[str, Any]) -> dict[str, Any]:
    """The list names a city's members otherwise than the detail does."""
    by_end = {name.rsplit("_", 1)[-1]: each for name, each in city.items()}
    name = by_end.get("name", "")
    return {"id": by_end.get("id", 0), "name_en": city.get("name_en", name), "name": name}
