"""What sending goods would cost on each channel: from one warehouse, or as it would be split."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from orderhub.core.facts import Facts
from orderhub.core.freight import FreightRate, channels, rates_known
from orderhub.core.money import EXACT
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
    sums: dict[str, Quote] = {}
    for number, parcel in enumerate(plan.parcels):
        weight_g = parcel_weight_g(goods, parcel)
        offered = {each.channel: each for each in channels(rates, parcel.place, country)}
        if number:
            sums = {name: quote for name, quote in sums.items() if name in offered}
        for name, rate in offered.items():
            before = sums.get(name)
            amount = rate.amount(weight_g)
            if before is not None:
                slower = max(before.rate, rate, key=lambda each: each.days)
                sums[name] = Quote(slower, EXACT.add(before.amount, amount))
            elif not number:
                sums[name] = Quote(rate, amount)
    return tuple(sorted(sums.values(), key=lambda quote: (quote.rate.days, quote.rate.code)))
