"""Amounts on the desk's pages."""

from decimal import Decimal
from pathlib import Path

import pytest

from orderhub.web.desk.rendering import amount, money
from tests.support.hub import running_hub
from tests.web.desk.browser import signed_in
from tests.web.hub_client import AS_OPERATOR, record


@pytest.mark.parametrize(
    ("currency", "shown"),
    [("RSD", "RSD99.50"), ("IQD", "IQD99.500"), ("USD", "$99.50"), ("JPY", "¥100")],
)
def test_an_amount_is_shown_with_the_decimals_of_its_currency(currency: str, shown: str) -> None:
    assert money(Decimal("99.5"), currency, "en") == shown


@pytest.mark.parametrize(
    ("value", "currency", "shown"),
    [
        ("1234", "JPY", "1,234"),
        ("12.3", "KWD", "12.300"),
        ("12.3", "EUR", "12.30"),
        ("0", "JPY", "0"),
        ("0.0125", "EUR", "0.0125"),  # of a unit: nothing is rounded away
        ("1234.5", "JPY", "1,234.5"),
    ],
)
def test_in_a_column_that_names_its_currency_an_amount_has_the_same_decimals(
    value: str, currency: str, shown: str
) -> None:
    assert amount(Decimal(value), currency, "en") == shown


@pytest.mark.parametrize(
    ("currency", "price", "shown", "nought", "most"),
    [("JPY", 1234, "1,234", "0", "1,234"), ("KWD", 12.3, "12.300", "0.000", "12.300")],
)
async def test_one_order_has_the_same_decimals_everywhere(
    tmp_path: Path, currency: str, price: float, shown: str, nought: str, most: str
) -> None:
    async with running_hub(tmp_path) as hub:
        await record(hub, 1, price=price, currencyCode=currency)
        (order,) = await hub.orders("cdp", limit=1)
        browser = await signed_in(hub, "cdp")
        path = f"/desk/orders/{order['uid']}"
        await browser.get(path)
        amounts = f"Net {shown} Tax {nought} Total {shown} Paid {nought}"
        assert f"{amounts} Refunded {nought}" in browser.text
        await browser.get(f"{path}/invoice")
        assert f"{amounts} Still to pay {shown}" in browser.text
        await browser.get(f"{path}/refund")
        assert f"At most {most}." in browser.text


async def test_a_balance_and_the_price_of_a_variant_have_those_of_their_currency(
    tmp_path: Path,
) -> None:
    async with running_hub(tmp_path) as hub:
        base = "/hub/v1/tenants/shop"
        answer = await hub.request(
            "PATCH", f"{base}/settings", json={"currency": "JPY"}, headers=AS_OPERATOR
        )
        assert answer.is_success, answer.text
        given = {"kind": "balance", "subject": "JPY", "count": "1234", "reason": "opened"}
        answer = await hub.post(f"{base}/pools/adjust", given, headers=AS_OPERATOR)
        assert answer.is_success, answer.text
        variant = {"doc": {"product_id": 188, "code": "V", "price": "7"}}
        answer = await hub.request(
            "PUT", f"{base}/catalogue/variants/1", json=variant, headers=AS_OPERATOR
        )
        assert answer.is_success, answer.text
        browser = await signed_in(hub)
        await browser.get("/desk/stock?kind=balance")
        assert " 1,234 " in browser.text
        await browser.get("/desk/products/188")
        assert " 7.00 " in browser.text, "its product says CNY"
