"""Currencies: which are in use today (CLDR, by way of Babel), and how many decimals each has (ISO 4217)."""

from __future__ import annotations

from functools import cache

from babel.core import get_global
from babel.numbers import get_currency_precision

# Where the minor units of ISO 4217's list one (of its maintenance agency, SIX) are others than CLDR's, which has the
# decimals that people still pay with: a bill may have cents that no coin is left for.
_ISO_DIGITS = {
    "AFN": 2,
    "ALL": 2,
    "IQD": 3,
    "IRR": 2,
    "KPW": 2,
    "LAK": 2,
    "LBP": 2,
    "MGA": 2,
    "MMK": 2,
    "RSD": 2,
    "SOS": 2,
    "SYP": 2,
    "YER": 2,
}


@cache
def currency_digits(code: str) -> int:
    """Decimals of a currency: 2 for USD, 0 for JPY, 3 for KWD; 2 for a code nobody knows."""
    return _ISO_DIGITS.get(code) or int(get_currency_precision(code))


@cache
def current_currencies() -> tuple[str, ...]:
    """The ISO 4217 codes that are legal tender somewhere today, sorted."""
    found = {
        code
        for territory in get_global("territory_currencies").values()
        for code, _start, end, is_tender in territory
        if is_tender and end is None
    }
    return tuple(sorted(found))


@cache
def known_currencies() -> frozenset[str]:
    """Those that ever were, too: a vendor's list of rates may still hold one."""
    return frozenset(get_global("all_currencies"))


def is_currency(code: str) -> bool:
    """Whether business can be done in it today."""
    return code in current_currencies()
