"""Exchange rates as they were published, and the one way an amount is converted by them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar

import msgspec

from orderhub.core.money import divided, rounded, times
from orderhub.core.units import Currency, CurrencyName, Rate, about

SETTLED_DECIMALS = 4
_ONE = Decimal(1)


class RateSheet(msgspec.Struct, frozen=True, kw_only=True):
    """Units of each currency per one unit of the base, valid from a day on."""

    since: Annotated[date, about("the first day it holds", "tours4fun")]
    rates: Annotated[dict[CurrencyName, Rate], about("currency -> its rate", "tours4fun")]

    DECIMALS: ClassVar = 12  # a rate is no amount: a third of it is lost behind six


class RateTable(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All published sheets of a tenant, in any order. The base currency is always 1."""

    base: Annotated[Currency, about("the currency that rates are of one unit of", "tours4fun")] = (
        "USD"
    )
    sheets: Annotated[
        tuple[RateSheet, ...], about("of a day the latest before it holds", "tours4fun")
    ] = ()

    def at(self, day: date) -> RateSheet | None:
        """The sheet that is valid on a day, or None before the first."""
        valid = [sheet for sheet in self.sheets if sheet.since <= day]
        return max(valid, key=lambda sheet: sheet.since) if valid else None


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """How amounts of one currency become amounts of another."""

    source: str
    target: str
    source_rate: Decimal = _ONE
    target_rate: Decimal = _ONE
    since: date | None = None  # of the sheet; None = no rate was needed

    def __call__(self, amount: Decimal) -> Decimal:
        """amount / source rate x target rate, half up to four decimals; each amount on its own."""
        if self.source_rate == self.target_rate:
            return rounded(amount, SETTLED_DECIMALS)
        return rounded(divided(times(amount, self.target_rate), self.source_rate), SETTLED_DECIMALS)


def exchange(table: RateTable | None, day: date, source: str, target: str) -> Exchange | None:
    """The exchange between two currencies on a day, or None when a rate for either is missing."""
    if source == target:
        return Exchange(source=source, target=target)
    sheet = None if table is None else table.at(day)
    if table is None or sheet is None:
        return None
    rates = {table.base: _ONE, **sheet.rates}
    source_rate, target_rate = rates.get(source), rates.get(target)
    if not source_rate or not target_rate:
        return None
    return Exchange(
        source=source,
        target=target,
        source_rate=source_rate,
        target_rate=target_rate,
        since=sheet.since,
    )
