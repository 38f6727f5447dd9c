"""What a day's business adds up to: each event counts on the tenant's day on which it was recorded.

An order counts on the day it was placed; what is amended, cancelled or refunded later counts on its own day, so
that a day that is over never changes. Amounts are whole millionths of the currency: sums know no limit here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core.money import to_micros
from orderhub.core.values import EXTRAS, Order, Settings, Status
from orderhub.core.zones import day_start, local_day

# How far the units of an order went up or down is told under this name by the event that amended them.
UNITS_CHANGED = "units_changed"


class Figures(msgspec.Struct):
    """Sums of one day, channel and currency. revenue - refunded - cancelled is what was sold and stood.

    orders         placed
    units          of what was ordered: discounts and freight are none
    revenue        totals of orders placed, and by how much later amendments changed them; millionths
    refunds        steps that gave money back
    refunded       what they gave; millionths
    cancellations  orders cancelled before they were paid
    cancelled      what those, and units cancelled of unpaid orders, would have cost; millionths
    """

    orders: int = 0
    units: int = 0
    revenue: int = 0
    refunds: int = 0
    refunded: int = 0
    cancellations: int = 0
    cancelled: int = 0

    def add(self, other: Figures) -> None:
        self.orders += other.orders
        self.units += other.units
        self.revenue += other.revenue
        self.refunds += other.refunds
        self.refunded += other.refunded
        self.cancellations += other.cancellations
        self.cancelled += other.cancelled


NOTHING = Figures()


class DayFigures(msgspec.Struct, frozen=True):
    """The sums of one day, such as 2026-11-28, of one channel in one currency."""

    day: str
    channel: str
    currency: str
    figures: Figures


class Worth(msgspec.Struct, frozen=True):
    """What an order counts for so far; amounts in millionths."""

    currency: str
    status: str
    total: int
    refunded: int
    units: int

    @classmethod
    def of(cls, order: Order) -> Worth:
        return cls(
            order.currency,
            order.status.value,
            to_micros(order.total),
            to_micros(order.refunded),
            units_in(order),
        )


Counted = Iterable[tuple[str, Figures]]  # by currency


def day_of(settings: Settings, now_us: int) -> str:
    """The tenant's calendar day, such as 2026-11-28, at an instant of its own clock."""
    return day_in(settings.time_zone, now_us)


def day_in(zone: str, at_us: int) -> str:
    """The calendar day of a zone at an instant. Mostly it is the one that was asked for last."""
    known = _KNOWN.get(zone)
    if known is not None and known[0] <= at_us < known[1]:
        return known[2]
    day = local_day(zone, at_us)
    if date.min < day < date.max:
        _KNOWN[zone] = (day_start(zone, day), day_start(zone, day + _ONE), day.isoformat())
    return day.isoformat()


_ONE = timedelta(days=1)
_KNOWN: dict[str, tuple[int, int, str]] = {}  # zone -> from, until, the day between


def units_of(lines: Iterable[Any], *, recorded: bool) -> int:
    """The units of an order's lines, given as such or as their rows."""
    units = 0
    for line in lines:
        if line.kind not in EXTRAS and not (recorded and line.cancelled):
            units += line.quantity
    return units


def units_in(order: Order) -> int:
    return units_of(order.lines, recorded=order.recorded)


def first(data: Mapping[str, Any], units: int) -> tuple[Worth, Counted]:
    """Of the event that placed an order."""
    worth = Worth(data["currency"], data["status"], _micros(data["total"]), 0, units)
    placed = Figures(orders=1, units=units, revenue=worth.total)
    return worth, ((worth.currency, placed),)


def later(before: Worth, data: Mapping[str, Any]) -> tuple[Worth, Counted]:
    """Of an event of an order that counted for `before`."""
    units = data.get(UNITS_CHANGED, 0)
    after = Worth(
        data.get("currency", before.currency),
        data.get("status", before.status),
        _micros(data["total"]) if "total" in data else before.total,
        _micros(data["refunded"]) if "refunded" in data else before.refunded,
        before.units + units,
    )
    if after.currency != before.currency:
        return after, _moved(before, after)
    sums = Figures(units=units, revenue=after.total - before.total)
    given_back = after.refunded - before.refunded
    if after.status == Status.CANCELLED != before.status:
        sums.cancellations = 1
        sums.cancelled = after.total - before.refunded
    elif before.status == Status.PENDING:
        sums.cancelled = given_back  # units of what nobody has paid
    elif given_back or after.status == Status.REFUNDED != before.status:
        sums.refunds, sums.refunded = 1, given_back
    return after, ((after.currency, sums),)


def _moved(before: Worth, after: Worth) -> Counted:
    """An order that was restated in another currency counts there from then on."""
    gone = Figures(orders=-1, units=-before.units, revenue=-before.total)
    come = Figures(orders=1, units=after.units, revenue=after.total)
    return (before.currency, gone), (after.currency, come)


def history(events: Iterable[Mapping[str, Any]], units_now: int) -> Iterator[Counted]:
    """What each of an order's events counts for, from their data alone, in order; `units_now` are those of its lines.

    The first one counts the units that there are, less those that came or went later.
    """
    told = list(events)
    worth: Worth | None = None
    for data in told:
        if worth is None:
            later_on = sum(each.get(UNITS_CHANGED, 0) for each in told)
            worth, counted = first(data, units_now - later_on)
        else:
            worth, counted = later(worth, data)
        yield counted


def _micros(told: Any) -> int:
    """An amount of an event, which is a text once it is kept."""
    return to_micros(told if isinstance(told, Decimal) else Decimal(told))
