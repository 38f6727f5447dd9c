"""Money is an exact Decimal; what may be stored is bounded, and every rounding is named."""

from decimal import (
    ROUND_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Context,
    Decimal,
)
from enum import StrEnum
from functools import lru_cache

ZERO = Decimal(0)
# At rest an amount is a BIGINT of millionths: 12 digits before the point and 6 behind it fit.
STORED_DECIMALS = 6
_LIMIT = Decimal(10) ** 12
_MILLION = Decimal(10) ** STORED_DECIMALS
_QUANTUM = Decimal(1).scaleb(-STORED_DECIMALS)
# Wide enough that a product of two storable values, or of one with a tax rate, is never rounded.
EXACT = Context(prec=60)
# Prices, and what few units of them come to, are met again and again: what was asked of so many is known.
_AMOUNTS_KNOWN = 4_096


class Rounding(StrEnum):
    """How an amount between two representable ones is settled."""

    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    DOWN = "down"
    UP = "up"


_MODES = {
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.DOWN: ROUND_DOWN,
    Rounding.UP: ROUND_UP,
}
_QUANTA = tuple(Decimal(1).scaleb(-digits) for digits in range(13))


def rounded(amount: Decimal, digits: int, mode: Rounding = Rounding.HALF_UP) -> Decimal:
    """`amount` with exactly `digits` decimals (0 to 12)."""
    return amount.quantize(_QUANTA[digits], _MODES[mode], EXACT)


def times(amount: Decimal, factor: Decimal | int) -> Decimal:
    """The exact product."""
    return EXACT.multiply(amount, factor)


def divided(amount: Decimal, divisor: Decimal) -> Decimal:
    """The quotient to 60 significant digits; round it before it is used as money."""
    return EXACT.divide(amount, divisor)


def total(amounts: "list[Decimal] | tuple[Decimal, ...]") -> Decimal:
    """The exact sum."""
    result = ZERO
    for amount in amounts:
        result = EXACT.add(result, amount)
    return result


def is_storable(amount: Decimal) -> bool:
    """Whether `amount` has at most 12 digits before and 6 behind the point."""
    return amount.is_finite() and _has_room(amount)


@lru_cache(_AMOUNTS_KNOWN)
def _has_room(amount: Decimal) -> bool:
    # Within that range quantizing cannot fail: 18 digits are all it keeps.
    return -_LIMIT < amount < _LIMIT and amount.quantize(_QUANTUM, None, EXACT) == amount


def kept(amount: Decimal, digits: int = STORED_DECIMALS) -> Decimal:
    """What is kept of a stated amount: six decimals, as in the ledger, half away from zero.

    Programs that reckon in doubles send 0.30000000000000004, and what storage holds is no limit of what may be said.
    What is too large, or no number, is left as it is, for `is_storable` to refuse.
    """
    if not amount.is_finite() or not -_LIMIT < amount < _LIMIT:
        return amount
    near = amount.quantize(_QUANTA[digits], ROUND_HALF_UP, EXACT)
    return amount if near == amount else plain(near)


@lru_cache(_AMOUNTS_KNOWN)
def to_micros(amount: Decimal) -> int:
    """The amount in millionths. It must be storable: anything else is a bug of the caller."""
    # Exact in any context: what is storable has no more than 18 digits that count.
    return int(amount * _MILLION)


@lru_cache(_AMOUNTS_KNOWN)
def from_micros(micros: int) -> Decimal:
    """The amount of so many millionths."""
    return Decimal(micros).scaleb(-STORED_DECIMALS, EXACT)


@lru_cache(_AMOUNTS_KNOWN)
def plain(amount: Decimal) -> Decimal:
    """The same amount without trailing zeros and without an exponent: 10.50 and 1E+1 become 10.5 and 10."""
    trimmed = amount.normalize(EXACT)
    exponent = trimmed.as_tuple().exponent
    if isinstance(exponent, int) and exponent > 0:
        return trimmed.quantize(Decimal(1), context=EXACT)
    return trimmed or ZERO


@lru_cache(_AMOUNTS_KNOWN)
def minor_units(amount: Decimal, digits: int) -> int:
    """The amount in the currency's smallest unit (cents, fen); a finer part is cut off."""
    return int(amount.scaleb(digits, EXACT))
