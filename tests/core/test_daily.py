"""Which day it is, and what an event counts for there."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orderhub.core import daily
from orderhub.core.daily import Figures
from orderhub.core.zones import day_start, local_day, zone_names

DAY_US = 86_400_000_000
ZONES = st.sampled_from(("UTC", "+05:30", "-12:00", *sorted(zone_names())))
INSTANTS = st.integers(-(10**15), 5 * 10**15)


@given(ZONES, INSTANTS, st.lists(st.integers(-2 * DAY_US, 2 * DAY_US), max_size=6))
@example("America/Sao_Paulo", 1_518_919_200_000_000, [-1, 0, 1, 3_600_000_000])
@example("Pacific/Apia", 1_325_239_200_000_000, [-1, 0, DAY_US])
@example("UTC", 10**18, [-(10**18)])
def test_a_day_that_is_known_is_the_same_day(zone: str, at_us: int, moves: list[int]) -> None:
    for by in (0, *moves):
        assert daily.day_in(zone, at_us + by) == local_day(zone, at_us + by).isoformat()


@given(ZONES, st.integers(0, 4 * 10**15))
def test_a_day_begins_and_ends_where_its_zone_says(zone: str, at_us: int) -> None:
    day = local_day(zone, at_us)
    first, following = day_start(zone, day), day_start(zone, day + timedelta(days=1))
    for instant in (first, following - 1):
        assert daily.day_in(zone, instant) == day.isoformat()


PLACED = {"status": "pending", "currency": "EUR", "total": Decimal("10.5")}
WHOLE = Figures(orders=1, units=3, revenue=10_500_000)


def counted(*later: dict[str, object], units_now: int = 3) -> Iterator[dict[str, Figures]]:
    told = daily.history([PLACED, *later], units_now)
    return (dict(each) for each in told)


@pytest.mark.parametrize(
    ("later", "figures"),
    [
        ({"status": "paid", "paid": "10.5"}, {"EUR": Figures()}),
        ({"status": "cancelled"}, {"EUR": Figures(cancellations=1, cancelled=10_500_000)}),
        ({"refunded": "4"}, {"EUR": Figures(cancelled=4_000_000)}),
        ({"status": "refunded"}, {"EUR": Figures()}),
        ({"total": "8", "net": "8"}, {"EUR": Figures(revenue=-2_500_000)}),
        ({"units_changed": 2, "lines": 2}, {"EUR": Figures(units=2)}),
        (
            {"currency": "USD"},
            {"EUR": Figures(orders=-1, units=-3, revenue=-10_500_000), "USD": WHOLE},
        ),
    ],
    ids=lambda each: ", ".join(each) if isinstance(each, dict) else "",
)
def test_what_an_event_of_an_unpaid_order_counts_for(
    later: dict[str, object], figures: dict[str, Figures]
) -> None:
    now = 3 + int(str(later.get("units_changed", 0)))
    assert list(counted(later, units_now=now)) == [{"EUR": WHOLE}, figures]


def test_what_is_given_back_in_parts_is_the_whole() -> None:
    paid, part = {"status": "paid"}, {"refunded": "4"}
    rest = {"status": "refunded", "refunded": "10.5"}
    assert list(counted(paid, part, rest))[2:] == [
        {"EUR": Figures(refunds=1, refunded=4_000_000)},
        {"EUR": Figures(refunds=1, refunded=6_500_000)},
    ]
