"""The calls on days, extras and meeting points of a product; and the published rates."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from orderhub.core.catalogue import Product
from orderhub.core.exchange import Exchange, exchange
from orderhub.core.money import plain, rounded
from orderhub.core.queries import Reads
from orderhub.core.quotes import SoldBy, Tour
from orderhub.core.rooms import RoomPrices
from orderhub.core.upgrades import UpgradeGroup, UpgradeOption
from orderhub.dialects.contract import Answer, Call, Caller
from orderhub.dialects.tours4fun import wire, words
from orderhub.dialects.tours4fun.access import authenticate
from orderhub.dialects.tours4fun.reading import read
from orderhub.dialects.tours4fun.sold import (
    SIZES,
    Days,
    ask_as_caller,
    bookable_days,
    currency_of,
    departing_product,
    lowest_price,
    nothing_for,
    rates_of_tenant,
    sold_product,
    today_of,
)

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "CNY": "¥", "JPY": "¥", "KRW": "₩", "RUB": "₽"}


async def availabilities(call: Call) -> Answer:
    """The days that can be booked from today on, at list prices."""
    caller = await authenticate(call)
    product_id = (await read(wire.ProductId, call, caller)).product_id

    def ask(reads: Reads, caller: Caller) -> tuple[Tour, Days, str]:
        tenant_id = caller.tenant_id
        sold = sold_product(reads, tenant_id, product_id)
        if sold is None:
            raise nothing_for(product_id)
        product, tour = sold
        today = today_of(reads, call, tenant_id)
        days = bookable_days(reads, tenant_id, tour, product_id, today)
        return tour, days, currency_of(reads, tenant_id, product)

    tour, days, currency = await ask_as_caller(call, ask)
    by_rooms = tour.sold_by is SoldBy.ROOMS
    lowest = lowest_price(tour)
    dates = [
        {
            "date": day.isoformat(),
            "display_price": _display(stretch.display_price or lowest, as_text=not by_rooms),
            "min_persons": stretch.min_persons,
        }
        for day, stretch in days
    ]
    return words.success(
        {
            "currency": currency,
            "symbol": _SYMBOLS.get(currency, currency),
            "price": _prices(tour),
            "availabilities": dates,
        }
    )


def _display(price: Decimal, *, as_text: bool) -> Any:
    return str(rounded(price, 2)) if as_text else plain(price)


def _prices(tour: Tour) -> dict[str, Any]:
    """Tours show text with four decimals, lines sold by persons plain numbers."""
    match tour.sold_by:
        case SoldBy.ROOMS:
            shown = {name: str(rounded(getattr(tour.prices, name), 4)) for name in SIZES}
            if tour.prices.pairup:
                shown["single_pairup"] = str(rounded(tour.prices.pairup, 4))
            return shown
        case SoldBy.PERSONS:
            return {"adult": plain(tour.adult_price), "kid": plain(tour.kid_price)}
        case SoldBy.TICKETS:
            return {str(ticket.sku_id): plain(ticket.price) for ticket in tour.tickets}


async def upgrades(call: Call) -> Answer:
    """The groups to choose from, in the currency asked for, by the rates of the purchase."""
    caller = await authenticate(call)
    asked = await read(wire.Upgrades, call, caller)
    currency = asked.currency.upper() or "USD"

    def ask(reads: Reads, caller: Caller) -> tuple[Product, Tour, Exchange | None]:
        tenant_id = caller.tenant_id
        product, tour = departing_product(reads, tenant_id, asked.product_id, asked.departure_date)
        source = currency_of(reads, tenant_id, product)
        rates_of = asked.purchase_date or today_of(reads, call, tenant_id)
        return (
            product,
            tour,
            exchange(rates_of_tenant(reads, tenant_id), rates_of, source, currency),
        )

    _, tour, convert = await ask_as_caller(call, ask)
    if convert is None:
        raise wire.fault("currency", "value", f"no rate for {currency}")
    return words.success([_group(group, convert) for group in tour.upgrades])


def _group(group: UpgradeGroup, convert: Exchange) -> dict[str, Any]:
    return {
        "upgrade_id": group.id,
        "name": group.name,
        "sub_name": group.sub_name,
        "currency": convert.target,
        "tips": group.tips,
        "can_multi_select": int(group.multiple),
        "required": group.required,
        "options": [_option(option, convert) for option in group.options],
    }


def _option(option: UpgradeOption, convert: Exchange) -> dict[str, Any]:
    rooms: RoomPrices | None = option.by_room
    entries = (
        [("prefix", option.price)]
        if rooms is None
        else [(name, getattr(rooms, name)) for name in SIZES]
    )
    return {
        "option_id": option.id,
        "name": option.name,
        "is_per_order": int(option.per_order),
        "tips": option.tips,
        "value": [{"name": name, "price": plain(convert(price))} for name, price in entries],
    }


async def departure(call: Call) -> Answer:
    """Where and when travellers are met."""
    caller = await authenticate(call)
    asked = await read(wire.Departure, call, caller)

    def ask(reads: Reads, caller: Caller) -> Tour:
        product_id, day = asked.product_id, asked.departure_date
        return departing_product(reads, caller.tenant_id, product_id, day)[1]

    tour = await ask_as_caller(call, ask)
    return words.success(
        [
            {
                "id": pickup.id,
                "start_time": pickup.start_time,
                "end_time": pickup.end_time,
                "location": pickup.location,
                "address": pickup.address,
                "tips": pickup.tips,
            }
            for pickup in tour.pickups
        ]
    )


async def rate(call: Call) -> Answer:
    """Units of each currency per base unit, on a day of the tenant or now."""
    caller = await authenticate(call)
    asked = (await read(wire.RateDay, call, caller)).date

    def ask(reads: Reads, caller: Caller) -> dict[str, Decimal]:
        table = rates_of_tenant(reads, caller.tenant_id)
        if table is None:
            return {reads.settings(caller.tenant_id).currency: Decimal(1)}
        sheet = table.at(asked or today_of(reads, call, caller.tenant_id))
        return {table.base: Decimal(1), **({} if sheet is None else sheet.rates)}

    rates = await ask_as_caller(call, ask)
    return words.success({currency: plain(each) for currency, each in rates.items()})
