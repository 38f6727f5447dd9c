"""When a tour leaves: stretches of days, with what must be booked together on each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from orderhub.core.units import Count

Weekday = Annotated[int, Meta(ge=1, le=7)]


class Departures(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Days from `first` to `last`, both included.

    `weekdays` are ISO numbers (1 = Monday); none = every day.
    """

    first: date
    last: date
    weekdays: tuple[Weekday, ...] = ()
    without: tuple[date, ...] = ()
    min_persons: Count = 1
    display_price: Decimal | None = None

    def includes(self, day: date) -> bool:
        if not self.first <= day <= self.last or day in self.without:
            return False
        return not self.weekdays or day.isoweekday() in self.weekdays

    def days(self, since: date) -> Iterator[date]:
        """Its days from `since` on, in order."""
        for ordinal in range(max(self.first, since).toordinal(), self.last.toordinal() + 1):
            day = date.fromordinal(ordinal)
            if self.includes(day):
                yield day


def departure_on(stretches: Iterable[Departures], day: date) -> Departures | None:
    """The stretch that has a departure on a day; of several the first listed."""
    for stretch in stretches:
        if stretch.includes(day):
            return stretch
    return None


def upcoming(
    stretches: Iterable[Departures], since: date, limit: int
) -> list[tuple[date, Departures]]:
    """The next departures from a day on, in order of date, each date once, at most `limit`."""
    found: dict[date, Departures] = {}
    for stretch in stretches:
        for count, day in enumerate(stretch.days(since)):
            if count == limit:
                break
            found.setdefault(day, stretch)
    return sorted(found.items(), key=lambda pair: pair[0])[:limit]
