"""Currencies: their decimals are those of ISO 4217."""

import pytest

from orderhub.core.currencies import currency_digits, current_currencies

# From ISO 4217's list one (of the maintenance agency, SIX), of those in use: all others have two.
WITHOUT = frozenset(
    (
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    )
)
WITH_THREE = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))


@pytest.mark.parametrize("code", current_currencies())
def test_a_currency_has_the_decimals_of_iso_4217(code: str) -> None:
    assert currency_digits(code) == (0 if code in WITHOUT else 3 if code in WITH_THREE else 2)


def test_the_table_has_currencies_of_today() -> None:
    assert set(current_currencies()) >= WITHOUT | WITH_THREE
