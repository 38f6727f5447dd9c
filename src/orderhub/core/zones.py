"""Time zones: a tenant's local time at an instant, and the instants of a local time.

A zone is an IANA name (`America/New_York`), `UTC`, or a fixed offset (`+05:30`). Names are looked up in the
`tzdata` package alone, never in the machine's own files, so that every process has the same rules.
Instants are microseconds since 1970 UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_US = 1_000_000
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)
# A day from either end of the calendar, every zone has a local time.
_FIRST_US = (datetime.min.replace(tzinfo=UTC) + _DAY - _EPOCH) // _MICROSECOND
_LAST_US = (datetime.max.replace(tzinfo=UTC) - _DAY - _EPOCH) // _MICROSECOND
_OFFSET = re.compile(r"([+-])([01][0-9]):([0-5][0-9])")
# In minutes: what local time there is anywhere.
LEAST_OFFSET, MOST_OFFSET = -12 * 60, 14 * 60


class UnknownZone(ValueError):
    """The name is no time zone."""


def fixed_zone(offset_minutes: int) -> str:
    """The name of the zone that is always so many minutes ahead of UTC: `+08:00`."""
    if not offset_minutes:
        return "UTC"
    hours, minutes = divmod(abs(offset_minutes), 60)
    return f"{'-' if offset_minutes < 0 else '+'}{hours:02}:{minutes:02}"


def iana_name(zone: str) -> str:
    """The IANA name for those who know no other: `Etc/GMT-8` for `+08:00`. An offset that has none stays."""
    if zone == "UTC":
        return "Etc/UTC"
    offset = _OFFSET.fullmatch(zone)
    if offset is None or offset[3] != "00":
        return zone
    return f"Etc/GMT{'-' if offset[1] == '+' else '+'}{int(offset[2])}"


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """Every IANA name, links such as `US/Eastern` included."""
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split())


@lru_cache(maxsize=1_024)
def zone_of(name: str) -> tzinfo:
    """The zone of that name, to the letter. Raises UnknownZone."""
    if name == "UTC":
        return UTC
    offset = _OFFSET.fullmatch(name)
    if offset is not None:
        minutes = int(offset[2]) * 60 + int(offset[3])
        minutes = -minutes if offset[1] == "-" else minutes
        if LEAST_OFFSET <= minutes <= MOST_OFFSET:
            return timezone(timedelta(minutes=minutes))
    if name not in zone_names():
        raise UnknownZone(
            "a time zone is an IANA name such as America/New_York, or an offset such as +05:30"
        )
    rules = files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    return ZoneInfo.from_file(BytesIO(rules), key=name)


def local_time(zone: str, at_us: int) -> datetime:
    """The local time at an instant. Of a time that comes twice, the second has `fold` 1.

    Instants beyond the calendar, whose local time could not be told, count as its ends.
    """
    told_us = min(max(at_us, _FIRST_US), _LAST_US)
    return (_EPOCH + timedelta(microseconds=told_us)).astimezone(zone_of(zone))


def local_day(zone: str, at_us: int) -> date:
    """The calendar day at an instant."""
    return _day_at(zone, at_us // _SECOND_US)


@lru_cache(1_024)
def _day_at(zone: str, second: int) -> date:
    return local_time(zone, second * _SECOND_US).date()


def instants_of(zone: str, local: datetime) -> tuple[int, ...]:
    """The instants that show this local time (a datetime without a zone), in their order.

    One as a rule; two where clocks were put back over it; none where they were put forward over it.
    """
    found = {_instant(zone, local, fold) for fold in (0, 1)}
    return tuple(sorted(at for at in found if local_time(zone, at).replace(tzinfo=None) == local))


@lru_cache(4_096)
def day_start(zone: str, day: date) -> int:
    """The first instant of a calendar day: midnight, or the end of the gap that midnight fell into.

    A day that a zone left out (Apia, 30 December 2011) begins where the next one does.
    """
    midnight = datetime.combine(day, time.min)
    shown = instants_of(zone, midnight)
    # Every gap over a midnight since 1970 begins at it: midnight by the offset before is where the gap ends.
    return shown[0] if shown else _instant(zone, midnight, 0)


def _instant(zone: str, local: datetime, fold: int) -> int:
    aware = local.replace(tzinfo=zone_of(zone), fold=fold)
    return (aware - _EPOCH) // _MICROSECOND
