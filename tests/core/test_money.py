"""Money is exact, bounded, and rounded only where somebody says how."""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.core.money import (
    Rounding,
    divided,
    from_micros,
    is_storable,
    minor_units,
    plain,
    rounded,
    times,
    to_micros,
    total,
)
from tests.support.examples import examples

D = Decimal
ANY = st.decimals(allow_nan=False, allow_infinity=False)
STORABLE = st.integers(-(10**18) + 1, 10**18 - 1).map(from_micros)
MODES = {
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.DOWN: ROUND_DOWN,
    Rounding.UP: ROUND_UP,
}


@examples(300, shrink=True)
@given(STORABLE)
def test_a_storable_amount_comes_back_from_the_ledgers_integers(amount: Decimal) -> None:
    assert is_storable(amount)
    assert abs(to_micros(amount)) < 2**63
    assert from_micros(to_micros(amount)) == amount


@examples(500, shrink=True)
@given(ANY)
def test_what_is_storable_comes_back_and_what_is_not_could_not(amount: Decimal) -> None:
    # 999999999999.9999990 has seven decimals, of which six count.
    fits = abs(amount) < 10**12 and amount == amount.scaleb(6).to_integral_value().scaleb(-6)
    assert is_storable(amount) == bool(fits)
    if fits:
        assert from_micros(to_micros(amount)) == amount


@pytest.mark.parametrize(
    ("text", "storable"),
    [
        ("0", True),
        ("-0", True),
        ("999999999999.999999", True),
        ("-999999999999.999999", True),
        ("1000000000000", False),
        ("-1000000000000", False),
        ("0.000001", True),
        ("0.0000001", False),
        ("0.0000010", True),
        ("1E+11", True),
        ("1E+12", False),
        ("1E-6", True),
        ("1E-7", False),
        ("0E-50", True),
        ("0E+50", True),
        ("1E+999999", False),
        ("1E-999999", False),
        ("1." + "0" * 60, True),
        ("1." + "0" * 60 + "1", False),
        ("NaN", False),
        ("sNaN", False),
        ("Infinity", False),
        ("-Infinity", False),
    ],
)
def test_the_edges_of_what_can_be_kept(text: str, storable: bool) -> None:
    assert is_storable(D(text)) is storable


@examples(300, shrink=True)
@given(STORABLE, st.integers(0, 6), st.sampled_from(Rounding))
def test_rounding_gives_so_many_decimals_by_the_mode_that_was_asked_for(
    amount: Decimal, digits: int, mode: Rounding
) -> None:
    result = rounded(amount, digits, mode)
    assert -result.as_tuple().exponent == digits
    assert result == amount.quantize(D(1).scaleb(-digits), MODES[mode])
    assert abs(result - amount) < D(1).scaleb(-digits)
    assert rounded(result, digits, mode) == result


ROUNDINGS = [
    # amount     half up  half even  down    up
    ("0.125",   "0.13",  "0.12",   "0.12",  "0.13"),
    ("0.135",   "0.14",  "0.14",   "0.13",  "0.14"),
    ("-0.125", "-0.13", "-0.12",  "-0.12", "-0.13"),
    ("0.1201",  "0.12",  "0.12",   "0.12",  "0.13"),
    ("-0.1299", "-0.13", "-0.13", "-0.12", "-0.13"),
    ("7",       "7.00",  "7.00",   "7.00",  "7.00"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROUNDINGS)
def test_each_mode_settles_halves_its_own_way(row: tuple[str, ...]) -> None:
    amount, *expected = row
    modes = (Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.DOWN, Rounding.UP)
    assert [str(rounded(D(amount), 2, mode)) for mode in modes] == expected


@examples(200, shrink=True)
@given(STORABLE, STORABLE)
def test_a_product_is_exact(left: Decimal, right: Decimal) -> None:
    assert Fraction(times(left, right)) == Fraction(left) * Fraction(right)


@examples(200, shrink=True)
@given(st.lists(STORABLE, max_size=30))
def test_a_sum_is_exact_whatever_the_order(amounts: list[Decimal]) -> None:
    assert total(amounts) == total(amounts[::-1])
    assert Fraction(total(amounts)) == sum(map(Fraction, amounts))


def test_a_quotient_is_right_to_far_more_digits_than_money_has() -> None:
    assert rounded(times(divided(D(1), D(3)), 3), 12) == 1
    assert str(divided(D(2), D(3))).endswith("6667")


@examples(200, shrink=True)
@given(STORABLE)
def test_the_plain_form_is_the_same_amount_without_zeros_or_exponent(amount: Decimal) -> None:
    shown = plain(amount)
    assert shown == amount
    assert "E" not in str(shown)
    assert not ("." in str(shown) and str(shown).endswith("0"))
    assert str(plain(D("-0.00"))) == "0"


def test_the_plain_form_keeps_more_digits_than_arithmetic_does_by_default() -> None:
    long = D("1234567890123456789012345678901234567.890")
    assert str(plain(long)) == "1234567890123456789012345678901234567.89"


@pytest.mark.parametrize(
    ("amount", "digits", "units"), [("1.5", 2, 150), ("7", 0, 7), ("-1.234", 3, -1234)]
)
def test_minor_units_are_the_currencys_smallest(amount: str, digits: int, units: int) -> None:
    assert minor_units(D(amount), digits) == units
