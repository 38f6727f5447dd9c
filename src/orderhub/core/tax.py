"""Taxes on an amount: rates, the strategies they are worked out by, one rounding for all.

A tax is taken from the line, not from the unit: the amount times the quantity is rounded once
to the tax precision, then each tax is rounded from it. Net + taxes = gross, always.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, ClassVar

import msgspec

from orderhub.core.currencies import currency_digits
from orderhub.core.money import EXACT, ZERO, Rounding, divided, rounded, times
from orderhub.core.ranges import Rule
from orderhub.core.units import Alpha3, AnyCurrency, Instant, NeededCode, Price, Text, about
from orderhub.core.values import Pricing, Settings, TaxPart

_ONE = Decimal(1)


class Strategy(StrEnum):
    """How a tax is worked out.

    RELATIVE   rate x net
    FLAT       an absolute value per unit, in a currency of its own
    DEPENDENT  rate x (net + the taxes of the taxations it builds on)
    """

    RELATIVE = "relative"
    FLAT = "flat"
    DEPENDENT = "dependent"


class Interval(msgspec.Struct, frozen=True, omit_defaults=True):
    """A window of time, its start inclusive, its end exclusive.

    Microseconds since 1970 UTC; None = open.
    """

    start: Annotated[Instant | None, about("from when on; none = ever since", "mews")] = None
    end: Annotated[Instant | None, about("until when; none = for ever", "mews")] = None

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "end",
            "is after start",
            lambda window: window.start is None or window.end is None or window.start < window.end,
        ),
    )

    def holds(self, at_us: int) -> bool:
        return (self.start is None or self.start <= at_us) and (
            self.end is None or at_us < self.end
        )


class TaxRate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rate of a taxation."""

    code: Annotated[NeededCode, about("what products and charges name it by", "mews")]
    taxation: Annotated[Text, about("code of the taxation it is a rate of", "mews")]
    strategy: Annotated[Strategy, about("how the tax is worked out", "mews")] = Strategy.RELATIVE
    value: Annotated[Price, about("0.06 for 6 %; `flat`: units of `currency`", "mews")] = ZERO
    currency: Annotated[AnyCurrency, about("of a `flat` rate; empty = any", "mews")] = ""
    base_taxations: Annotated[
        tuple[Text, ...], about("`dependent`: codes of the taxations it builds on", "mews")
    ] = ()
    valid: Annotated[tuple[Interval, ...], about("when it holds, none = always", "mews")] = ()

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "value",
            "is from 0 to 1 unless the rate is flat: 0.06 for 6 %",
            lambda rate: rate.strategy is Strategy.FLAT or rate.value <= 1,
        ),
        Rule(
            "currency",
            "is needed where the rate is flat",
            lambda rate: rate.strategy is not Strategy.FLAT or rate.currency != "",
        ),
        Rule(
            "base_taxations",
            "is needed where the rate is dependent",
            lambda rate: rate.strategy is not Strategy.DEPENDENT or rate.base_taxations,
        ),
    )

    def __post_init__(self) -> None:
        if not self.value.is_finite() or self.value < 0:
            raise ValueError("a tax rate is a number of at least 0")

    def is_valid(self, at_us: int) -> bool:
        return not self.valid or any(each.holds(at_us) for each in self.valid)


class Taxation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tax as the law names it; its rates refer to its `code`."""

    code: Annotated[NeededCode, about("what rates and environments name it by", "mews")]
    name: Annotated[str, about("what it is called", "mews")] = ""
    local_name: Annotated[str, about("what it is called there", "mews")] = ""


class TaxEnvironment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The taxations of a country for a time."""

    code: Annotated[NeededCode, about("what an enterprise names it by", "mews")]
    country: Annotated[Alpha3, about("ISO 3166-1 alpha-3", "mews")] = ""
    taxations: Annotated[
        tuple[Text, ...], about("codes: no rate of another one is charged", "mews")
    ] = ()
    valid: Annotated[Interval, about("when it holds", "mews")] = Interval()


RECORDS: dict[str, type] = {
    "tax_rate": TaxRate,
    "taxation": Taxation,
    "tax_environment": TaxEnvironment,
}


class Taxed(msgspec.Struct, frozen=True):
    """An amount with its taxes: net + tax = gross, and the parts add up to the tax."""

    net: Decimal
    tax: Decimal
    gross: Decimal
    parts: tuple[TaxPart, ...] = ()


class TaxRules(msgspec.Struct, frozen=True):
    """How one tenant works out taxes in one currency. `digits` is the tax precision."""

    pricing: Pricing
    digits: int
    rounding: Rounding = Rounding.HALF_UP

    @classmethod
    def of(cls, settings: Settings, currency: str) -> TaxRules:
        """The tenant's precision, else the decimals of the currency."""
        digits = settings.tax_precision
        return cls(
            settings.pricing,
            currency_digits(currency) if digits is None else digits,
            settings.rounding,
        )


def taxed(
    unit: Decimal, quantity: int, pricing: Pricing, rates: Sequence[TaxRate], rules: TaxRules
) -> Taxed:
    """The line of `quantity` times `unit`, a net or a gross amount as `pricing` says."""
    return _taxed(unit, quantity, pricing, tuple(rates), rules)


@lru_cache(4_096)
def _taxed(
    unit: Decimal,
    quantity: int,
    pricing: Pricing,
    rates: tuple[TaxRate, ...],
    rules: TaxRules,
) -> Taxed:
    """What is charged is mostly charged again and again. All results are rounded: equal amounts have equal ones."""
    amount = rounded(times(unit, quantity), rules.digits, rules.rounding)
    if not rates:
        return Taxed(amount, ZERO, amount)
    ordered = in_order(rates)
    # A rebate gives back the flat tax of its units; what costs nothing is not taxed.
    units = quantity if amount > 0 else -quantity if amount < 0 else 0
    if pricing is Pricing.NET:
        parts = _parts(amount, units, ordered, rules)
        tax = _sum(part.amount for part in parts)
        return Taxed(amount, tax, EXACT.add(amount, tax), parts)
    net = rounded(_net_of(amount, units, ordered), rules.digits, rules.rounding)
    tax = EXACT.subtract(amount, net)
    return Taxed(net, tax, amount, _filled(_parts(net, units, ordered, rules), tax))


def in_order(rates: Sequence[TaxRate]) -> Sequence[TaxRate]:
    """The rates so that each comes after those it builds on; given order otherwise.

    Rates that build on each other in a circle keep their order: each counts what came before it.
    """
    if len(rates) < 2 or all(not rate.base_taxations for rate in rates):
        return rates
    waiting = list(rates)
    done: list[TaxRate] = []
    while waiting:
        open_taxations = {rate.taxation for rate in waiting}
        ready = [
            rate
            for rate in waiting
            if not any(
                base in open_taxations and base != rate.taxation for base in rate.base_taxations
            )
        ] or waiting[:1]
        done.extend(ready)
        waiting = [rate for rate in waiting if rate not in ready]
    return done


def _parts(
    net: Decimal, units: int, rates: Sequence[TaxRate], rules: TaxRules
) -> tuple[TaxPart, ...]:
    """Each tax on `net`, rounded; a dependent one counts the rounded taxes it builds on."""
    parts: list[TaxPart] = []
    if len(rates) == 1 and rates[0].strategy is not Strategy.FLAT:
        rate = rates[0]
        return (
            TaxPart(rate.code, net, rounded(times(net, rate.value), rules.digits, rules.rounding)),
        )
    by_taxation: dict[str, Decimal] = {}
    for rate in rates:
        base = net
        if rate.strategy is Strategy.FLAT:
            amount = times(rate.value, units)
        else:
            if rate.strategy is Strategy.DEPENDENT:
                base = _sum((net, *(by_taxation.get(each, ZERO) for each in rate.base_taxations)))
            amount = times(base, rate.value)
        amount = rounded(amount, rules.digits, rules.rounding)
        by_taxation[rate.taxation] = EXACT.add(by_taxation.get(rate.taxation, ZERO), amount)
        parts.append(TaxPart(rate.code, base, amount))
    return tuple(parts)


def _net_of(gross: Decimal, units: int, rates: Sequence[TaxRate]) -> Decimal:
    """The exact net that `gross` came from: every tax is a share of the net and a fixed amount."""
    shares: dict[str, Decimal] = {}
    fixed: dict[str, Decimal] = {}
    for rate in rates:
        share, flat = rate.value, ZERO
        if rate.strategy is Strategy.FLAT:
            share, flat = ZERO, times(rate.value, units)
        elif rate.strategy is Strategy.DEPENDENT:
            below = _sum((_ONE, *(shares.get(each, ZERO) for each in rate.base_taxations)))
            share = times(rate.value, below)
            flat = times(rate.value, _sum(fixed.get(each, ZERO) for each in rate.base_taxations))
        shares[rate.taxation] = EXACT.add(shares.get(rate.taxation, ZERO), share)
        fixed[rate.taxation] = EXACT.add(fixed.get(rate.taxation, ZERO), flat)
    untaxed = EXACT.subtract(gross, _sum(fixed.values()))
    return divided(untaxed, _sum((_ONE, *shares.values())))


def _filled(parts: tuple[TaxPart, ...], tax: Decimal) -> tuple[TaxPart, ...]:
    """The same parts adding up to `tax`: what rounding left over goes to the largest."""
    rest = EXACT.subtract(tax, _sum(part.amount for part in parts))
    if not rest:
        return parts
    largest = max(range(len(parts)), key=lambda index: abs(parts[index].amount))
    part = parts[largest]
    corrected = TaxPart(part.code, part.base, EXACT.add(part.amount, rest))
    return (*parts[:largest], corrected, *parts[largest + 1 :])


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    result = ZERO
    for amount in amounts:
        result = EXACT.add(result, amount)
    return result


class UnusableCode(msgspec.Struct, frozen=True):
    """Why the tax codes of a line cannot be applied. `conflict`: they do not go together."""

    detail: str
    conflict: bool = False


def rates_of(
    codes: Sequence[str],
    known: Mapping[str, TaxRate],
    environment: TaxEnvironment | None,
    currency: str,
    at_us: int,
) -> tuple[TaxRate, ...] | UnusableCode:
    """The rates that `codes` name at a time, in a currency, within the environment (None = any)."""
    found: list[TaxRate] = []
    for code in codes:
        rate = known.get(code)
        if rate is None:
            return UnusableCode(f"no tax rate {code}")
        if environment is not None and rate.taxation not in environment.taxations:
            return UnusableCode(f"{code} is no tax of {environment.code}")
        if not rate.is_valid(at_us):
            return UnusableCode(f"{code} is not valid at that time")
        if rate.currency and rate.currency != currency:
            return UnusableCode(f"{code} is charged in {rate.currency}")
        if rate in found:
            return UnusableCode(f"{code} is named twice", conflict=True)
        found.append(rate)
    return tuple(found)
