"""Taxes: the worked examples, and the laws that hold for every amount, rate and rounding."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.core.money import Rounding
from orderhub.core.tax import (
    Interval,
    Strategy,
    TaxEnvironment,
    TaxRate,
    TaxRules,
    UnusableCode,
    in_order,
    rates_of,
    taxed,
)
from orderhub.core.values import Pricing


def relative(code: str, value: str) -> TaxRate:
    return TaxRate(code=code, taxation=f"T-{code}", value=Decimal(value))


SEVEN = relative("DE-2020-1-L", "0.07")
SALES = relative("US-MA-S", "0.0625")
EXCISE = relative("US-MA-EXCISE-0.75%", "0.0075")
FLAT = TaxRate(
    code="AT-5-EUR", taxation="AT", strategy=Strategy.FLAT, value=Decimal(5), currency="EUR"
)
ON_TOP = TaxRate(
    code="AT-2020-Extra-10%",
    taxation="AT-2020-Extra",
    strategy=Strategy.DEPENDENT,
    value=Decimal("0.1"),
    base_taxations=("T-DE-2020-1-L",),
)
NET = TaxRules(Pricing.NET, 2)


@pytest.mark.parametrize(
    ("unit", "quantity", "pricing", "rates", "net", "parts", "gross"),
    [
        ("100", 1, Pricing.GROSS, [SEVEN], "93.46", ["6.54"], "100"),
        ("-100", 1, Pricing.GROSS, [SEVEN], "-93.46", ["-6.54"], "-100"),
        ("7", 3, Pricing.NET, [relative("US-DC-G", "0.06")], "21", ["1.26"], "22.26"),
        ("10", 1, Pricing.NET, [SALES, EXCISE], "10", ["0.63", "0.08"], "10.71"),
        ("20", 3, Pricing.NET, [FLAT], "60", ["15"], "75"),
        ("-20", 3, Pricing.NET, [FLAT], "-60", ["-15"], "-75"),
        ("25", 3, Pricing.GROSS, [FLAT], "60", ["15"], "75"),
        ("0", 3, Pricing.NET, [FLAT], "0", ["0"], "0"),
        ("100", 1, Pricing.NET, [ON_TOP, SEVEN], "100", ["7", "10.7"], "117.7"),
        ("117.70", 1, Pricing.GROSS, [ON_TOP, SEVEN], "100", ["7", "10.7"], "117.7"),
        ("12.345", 2, Pricing.NET, [], "24.69", [], "24.69"),
    ],
)
def test_an_amount_is_split_into_net_and_taxes(unit, quantity, pricing, rates, net, parts, gross):
    found = taxed(Decimal(unit), quantity, pricing, rates, TaxRules(pricing, 2))
    assert [part.amount for part in found.parts] == [Decimal(part) for part in parts]
    assert (found.net, found.gross) == (Decimal(net), Decimal(gross))


@pytest.mark.parametrize(
    ("rounding", "tax"),
    [
        (Rounding.HALF_UP, "0.13"),
        (Rounding.HALF_EVEN, "0.12"),
        (Rounding.DOWN, "0.12"),
        (Rounding.UP, "0.13"),
    ],
)
def test_each_rounding_mode_settles_half_a_cent_in_its_own_way(rounding, tax):
    found = taxed(
        Decimal(2), 1, Pricing.NET, [relative("S", "0.0625")], TaxRules(Pricing.NET, 2, rounding)
    )
    assert found.tax == Decimal(tax)


@pytest.mark.parametrize(
    ("gross", "amounts"),
    [
        ("0.23", {"US-MA-S": "0.02", "US-MA-EXCISE-0.75%": "0.00"}),
        ("-0.23", {"US-MA-S": "-0.02", "US-MA-EXCISE-0.75%": "0.00"}),
    ],
)
@pytest.mark.parametrize("rates", [[SALES, EXCISE], [EXCISE, SALES]], ids=["first", "last"])
def test_what_rounding_leaves_over_goes_to_the_largest_tax(gross, amounts, rates):
    """The tax of a gross amount is 2 cents, and the two taxes on its net round to 1 cent and none."""
    found = taxed(Decimal(gross), 1, Pricing.GROSS, rates, TaxRules(Pricing.GROSS, 2))
    assert {part.code: part.amount for part in found.parts} == {
        code: Decimal(amount) for code, amount in amounts.items()
    }
    assert found.tax == sum(part.amount for part in found.parts)


def test_rates_that_build_on_each_other_in_a_circle_are_each_counted_once():
    one = TaxRate(code="1", taxation="A", strategy=Strategy.DEPENDENT, base_taxations=("B",))
    two = TaxRate(code="2", taxation="B", strategy=Strategy.DEPENDENT, base_taxations=("A",))
    assert list(in_order([one, two])) == [one, two]


def test_a_negative_rate_is_no_rate():
    with pytest.raises(ValueError, match="at least 0"):
        TaxRate(code="x", taxation="x", value=Decimal(-1))


TABLE = {rate.code: rate for rate in (SEVEN, FLAT, SALES)}
OLD = TaxRate(code="OLD", taxation="T-DE-2020-1-L", valid=(Interval(0, 100), Interval(200, None)))


@pytest.mark.parametrize(
    ("codes", "currency", "at", "conflict"),
    [
        (("NONE",), "EUR", 0, False),
        (("AT-5-EUR",), "USD", 0, False),
        (("US-MA-S",), "EUR", 0, False),
        (("OLD",), "EUR", 100, False),
        (("OLD",), "EUR", 199, False),
        (("DE-2020-1-L", "DE-2020-1-L"), "EUR", 0, True),
    ],
)
def test_codes_that_cannot_be_applied_say_why(codes, currency, at, conflict):
    environment = TaxEnvironment(code="DE-2020", taxations=("T-DE-2020-1-L", "AT"))
    found = rates_of(codes, {**TABLE, "OLD": OLD}, environment, currency, at)
    assert isinstance(found, UnusableCode)
    assert found.conflict is conflict


def test_codes_of_the_environment_are_found_within_their_validity():
    environment = TaxEnvironment(code="DE-2020", taxations=("T-DE-2020-1-L",))
    assert rates_of(("OLD",), {"OLD": OLD}, environment, "EUR", 99) == (OLD,)
    assert rates_of(("OLD",), {"OLD": OLD}, environment, "EUR", 200) == (OLD,)
    assert rates_of(("US-MA-S",), TABLE, None, "EUR", 0) == (SALES,)


amounts = st.decimals(-(10**9), 10**9, places=4)
values = st.decimals(0, 1, places=5)
RATES = st.lists(
    st.builds(
        lambda code, strategy, value, bases: TaxRate(
            code=str(code),
            taxation=f"T{code}",
            strategy=strategy,
            value=value,
            currency="USD" if strategy is Strategy.FLAT else "",
            base_taxations=tuple(f"T{base}" for base in bases)
            if strategy is Strategy.DEPENDENT
            else (),
        ),
        st.integers(0, 5),
        st.sampled_from(list(Strategy)),
        values,
        st.lists(st.integers(0, 5), max_size=3),
    ),
    max_size=4,
    unique_by=lambda rate: rate.code,
)


@given(
    amounts,
    st.integers(1, 1000),
    st.sampled_from(list(Pricing)),
    RATES,
    st.sampled_from([0, 2, 3]),
    st.sampled_from(list(Rounding)),
)
def test_net_and_taxes_always_add_up_to_gross(unit, quantity, pricing, rates, digits, rounding):
    found = taxed(unit, quantity, pricing, rates, TaxRules(pricing, digits, rounding))
    assert found.net + found.tax == found.gross
    assert sum(part.amount for part in found.parts) == found.tax
    for amount in (found.net, found.tax, found.gross, *(part.amount for part in found.parts)):
        assert amount == round(amount, digits)
    stated = found.net if pricing is Pricing.NET else found.gross
    assert abs(stated - unit * quantity) < Decimal(10) ** -digits


@given(amounts, values, st.sampled_from([0, 2, 3]), st.sampled_from(list(Rounding)))
def test_a_single_tax_taken_out_of_a_gross_amount_is_within_one_unit_of_the_tax_put_on_its_net(
    gross, value, digits, rounding
):
    rules = TaxRules(Pricing.GROSS, digits, rounding)
    rate = TaxRate(code="S", taxation="T", value=value)
    out = taxed(gross, 1, Pricing.GROSS, [rate], rules)
    put = taxed(out.net, 1, Pricing.NET, [rate], rules)
    assert abs(put.gross - out.gross) <= 2 * Decimal(10) ** -digits
