"""What sending goods would cost on each channel: from one warehouse, or as it would be split."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from orderhub.core.facts import Facts
from orderhub.core.freight import FreightRate, channels, named, rates_known
from orderhub.core.money import total
from orderhub.core.parcels import Item, goods_of, parcel_weight_g, plan_of, serving
from orderhub.core.refusals import Reason, Rejected


class Quote(msgspec.Struct, frozen=True):
    """One channel and what it costs in all. `rate` is that of the slowest parcel."""

    rate: FreightRate
    amount: Decimal


def from_warehouse(
    facts: Facts, tenant_id: int, items: tuple[Item, ...], country: str, warehouse: str
) -> tuple[Quote, ...] | Rejected:
    """Everything in one parcel, fastest channel first. Stock does not matter."""
    goods = goods_of(facts, tenant_id, items)
    if isinstance(goods, Rejected):
        return goods
    places = [record.doc for record in facts.records(tenant_id, "warehouse") if record.doc.active]
    if not any(place.code == warehouse for place in places):
        return Rejected(Reason.WAREHOUSE_UNKNOWN, "warehouse", f"no warehouse {warehouse}")
    offered = channels(rates_known(facts, tenant_id, country), warehouse, country)
    if not offered:
        return Rejected(Reason.COUNTRY_NOT_SERVED, "ship_to.country", f"no freight to {country}")
    weight_g = sum(good.sellable.weight_g * good.quantity for good in goods)
    return tuple(Quote(rate, rate.amount(weight_g)) for rate in offered)


def as_split(
    facts: Facts, tenant_id: int, items: tuple[Item, ...], country: str
) -> tuple[Quote, ...] | Rejected:
    """The sum over the parcels an order would become now, for each channel that serves them all."""
    goods = goods_of(facts, tenant_id, items)
    if isinstance(goods, Rejected):
        return goods
    served = serving(facts, tenant_id, country, "")
    if not served.rates:
        return Rejected(Reason.COUNTRY_NOT_SERVED, "ship_to.country", f"no freight to {country}")
    plan = plan_of(facts, tenant_id, goods, served)
    if isinstance(plan, Rejected):
        return plan
    rates = rates_known(facts, tenant_id, country)
    parcels = [
        (channels(rates, parcel.place, country), parcel_weight_g(goods, parcel))
        for parcel in plan.parcels
    ]
    kinds = dict.fromkeys(rate.channel for rate in parcels[0][0])
    quotes = [quote for kind in kinds if (quote := _on(kind, parcels)) is not None]
    return tuple(sorted(quotes, key=lambda quote: (quote.rate.days, quote.rate.code)))


def _on(kind: str, parcels: Sequence[tuple[list[FreightRate], int]]) -> Quote | None:
    """What an order is charged that asks for a kind of channel; None: not all parcels have it.

    parcels  of each the channels that serve it, and its weight
    """
    taken = [
        (rate, weight_g)
        for offered, weight_g in parcels
        if (rate := named(offered, kind)) is not None
    ]
    if len(taken) < len(parcels):
        return None
    slowest = max((rate for rate, _ in taken), key=lambda rate: rate.days)
    return Quote(slowest, total([rate.amount(weight_g) for rate, weight_g in taken]))
