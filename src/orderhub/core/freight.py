"""Freight by place, destination and weight, from a table in the catalogue.

A rate is a record of kind `freight_rate`, found by the key `country`: a country code, or `*` for
every destination. Where several rates fit, the one that says most about the parcel wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Annotated

import msgspec

from orderhub.core.facts import Facts, RecordKey
from orderhub.core.money import EXACT, ZERO
from orderhub.core.units import (
    Country,
    Currency,
    Days,
    ItemId,
    NeededCode,
    Positive,
    Price,
    Text,
    about,
)

STANDARD = "Standard"
ANYWHERE = "*"
KIND = "freight_rate"


class FreightRate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a parcel costs on one channel: `base`, and `per_step` for every started `step_g` grams."""

    id: ItemId
    warehouse: Annotated[str, about("code of the place it leaves from; empty = any", "kakaclo")] = (
        ""
    )
    country: Annotated[
        Country, about("ISO 3166-1 alpha-2 of the destination; empty = any", "kakaclo")
    ] = ""
    channel: Annotated[
        Text, about("kind of service: `Standard`, `Express`, `Expedited`", "kakaclo")
    ] = STANDARD
    code: Annotated[NeededCode, about("what an order names it by", "kakaclo")] = ""
    title: Annotated[str, about("what it is called", "kakaclo")] = ""
    company: Annotated[str, about("who carries", "kakaclo")] = ""
    base: Annotated[Price, about("of every parcel", "kakaclo")] = ZERO
    per_step: Annotated[Price, about("of every started step of its weight", "kakaclo")] = ZERO
    step_g: Annotated[Positive, about("grams of a step", "kakaclo")] = 100
    currency: Annotated[
        Currency, about("of its prices; only what is in the tenant's currency serves", "kakaclo")
    ] = ""
    delivery: Annotated[str, about("how long it takes, in words", "kakaclo")] = ""
    days: Annotated[
        Days, about("longest delivery: channels are shown fastest first", "kakaclo")
    ] = 0
    active: Annotated[bool, about("whether it serves now", "kakaclo")] = True

    def amount(self, weight_g: int) -> Decimal:
        """The freight of one parcel."""
        steps = -(-weight_g // self.step_g) if self.step_g > 0 else 0
        return EXACT.add(self.base, EXACT.multiply(self.per_step, Decimal(steps)))


RECORDS: dict[str, type] = {KIND: FreightRate}


def keys_of_rate(rate: FreightRate) -> tuple[tuple[str, str], ...]:
    """The keys that the record of a rate must carry."""
    return (("country", rate.country or ANYWHERE),)


def rate_loads(tenant_id: int, country: str) -> tuple[RecordKey, ...]:
    """The rates that may fit a destination."""
    return (
        RecordKey(tenant_id, KIND, "country", country),
        RecordKey(tenant_id, KIND, "country", ANYWHERE),
    )


def rates_known(facts: Facts, tenant_id: int, country: str) -> list[FreightRate]:
    """The rates that were loaded for a destination, in the currency that orders are charged in."""
    charged_in = ("", facts.settings(tenant_id).currency)
    return [
        record.doc
        for load in rate_loads(tenant_id, country)
        for record in facts.records(tenant_id, load.kind, load.by, load.value)
        if record.doc.currency in charged_in
    ]


def channels(rates: Iterable[FreightRate], warehouse: str, country: str) -> list[FreightRate]:
    """The channels that serve the way, each with its most specific rate, fastest first."""
    best: dict[str, tuple[int, FreightRate]] = {}
    for rate in rates:
        if not rate.active or rate.warehouse not in ("", warehouse):
            continue
        if rate.country not in ("", country):
            continue
        if rate.base < 0 or rate.per_step < 0:
            continue  # an older hub let such a rate in: nobody is paid for being shipped to
        fit = 2 * (rate.warehouse != "") + (rate.country != "")
        name = rate.code or rate.channel
        found = best.get(name)
        if found is None or fit > found[0]:
            best[name] = (fit, rate)
    return sorted((rate for _, rate in best.values()), key=lambda rate: (rate.days, rate.code))


def named(offered: Sequence[FreightRate], asked: str) -> FreightRate | None:
    """The channel asked for by code or kind; of several of a kind the first, which is the fastest."""
    asked = asked.strip()
    if asked:
        for spelled in (str, str.lower):  # as it stands before any case
            for rate in offered:
                if spelled(asked) in (spelled(rate.code), spelled(rate.channel)):
                    return rate
    return None


def chosen(offered: Sequence[FreightRate], asked: str) -> FreightRate | None:
    """The channel asked for by code or kind; else the standard one, else the slowest."""
    if not offered:
        return None
    found = named(offered, asked)
    if found is not None:
        return found
    for rate in offered:
        if rate.channel == STANDARD:
            return rate
    return offered[-1]
