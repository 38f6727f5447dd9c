"""Amounts on the desk's pages."""

from decimal import Decimal

import pytest

from orderhub.web.desk.rendering import money


@pytest.mark.parametrize(
    ("currency", "shown"),
    [("RSD", "RSD99.50"), ("IQD", "IQD99.500"), ("USD", "$99.50"), ("JPY", "¥100")],
)
def test_an_amount_is_shown_with_the_decimals_of_its_currency(currency: str, shown: str) -> None:
    assert money(Decimal("99.5"), currency, "en") == shown
