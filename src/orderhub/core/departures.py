"""When a tour leaves: stretches of days, with what must be booked together on each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from orderhub.core.ranges import Rule
from orderhub.core.units import Count, Price, about

Weekday = Annotated[int, Meta(ge=1, le=7)]


class Departures(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Days from `first` to `last`, both included."""

    first: Annotated[date, about("the first day", "tours4fun")]
    last: Annotated[date, about("the last day", "tours4fun")]
    weekdays: Annotated[
        tuple[Weekday, ...], about("ISO numbers, 1 = Monday; none = every day", "tours4fun")
    ] = ()
    without: Annotated[tuple[date, ...], about("days on which it does not leave", "tours4fun")] = ()
    min_persons: Annotated[Count, about("it leaves with no fewer", "tours4fun")] = 1
    display_price: Annotated[
        Price | None, about("the price a calendar shows; none = the tour's lowest", "tours4fun")
    ] = None

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule("last", "is not before first", lambda days: days.first <= days.last),
    )

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


def day_of_place(place: str) -> date | None:
    """The day whose seats or rooms lie at a place, in the one spelling that bookings draw from."""
    try:
        day = date.fromisoformat(place)
    except ValueError:
        return None
    return day if day.isoformat() == place else None


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
