"""Times on the wire: ISO 8601 in, `YYYY-MM-DDThh:mm:ssZ` out; instants are microseconds UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from orderhub.core.zones import local_day
from orderhub.dialects.contract import WireFault, invalid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND_US = 1_000_000
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d(?:[Tt]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_DATE_LENGTH = len("2020-02-04")
# What follows a date that is meant alone.
_MIDNIGHT = re.compile(r"(?:[Tt]00:00(?::00(?:\.0+)?)?(?:[Zz]|[+-][0-9:]+)?)?", re.ASCII)
_DURATION = re.compile(
    r"P(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,6})D)?"
    r"(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?",
    re.ASCII,
)
# Days in the longest three months: the vendor's limit on every interval.
_LONGEST_INTERVAL_US = 92 * 86_400 * _SECOND_US
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z
_FIRST_SECOND = -62_135_596_800  # 0001-01-01T00:00:00Z


def parse_instant(text: str, name: str) -> int:
    """Microseconds of a time with `Z`, an offset or neither (UTC); a day is its first. Raises HTTPFault(INVALID)."""
    if _INSTANT.fullmatch(text):
        try:
            moment = datetime.fromisoformat(text.upper())
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            return (moment.astimezone(UTC) - _EPOCH) // _MICROSECOND
        except (ValueError, OverflowError):
            pass
    raise invalid(WireFault(name, "value", f"{name} is no ISO 8601 date and time"))


def utc(at_us: int | None) -> str | None:
    """The vendor's form of an instant. What lies beyond the calendar is its end."""
    if at_us is None:
        return None
    seconds = min(max(at_us // _SECOND_US, _FIRST_SECOND), _LAST_SECOND)
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19] + "Z"


def parse_interval(start: str, end: str, name: str) -> tuple[int, int]:
    """Start inclusive, end exclusive; equal ends mean that instant. At most three months long."""
    first = parse_instant(start, f"{name}.StartUtc")
    last = parse_instant(end, f"{name}.EndUtc")
    if last < first or last - first > _LONGEST_INTERVAL_US:
        raise invalid(WireFault(name, "value", "an interval is 0 to 3 months long"))
    if last > first:
        return first, last
    # What is shown is shown by its second: whoever asks for what was shown means all of that.
    second = first - first % _SECOND_US
    return second, second + _SECOND_US


def duration(seconds: int) -> str:
    """The vendor's form of a duration: `P0M7DT0H0M0S`."""
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    return f"P0M{days}DT{hours}H{minutes}M{rest}S"


def is_duration(text: str) -> bool:
    """Whether `text` is an ISO 8601 duration of at least one part."""
    match = _DURATION.fullmatch(text)
    return match is not None and any(part is not None for part in match.groups())


def parse_date(text: str, name: str, zone: str) -> str:
    """A date, alone or with a time of it. Raises HTTPFault(INVALID).

    A midnight is of the day that is written beside it. Any other time is of the day that it is in the zone: the
    vendor's clients send the local midnight in UTC, which may lie on another day.
    """
    at_us = parse_instant(text, name)
    if _MIDNIGHT.fullmatch(text, _DATE_LENGTH):
        return text[:_DATE_LENGTH]
    return local_day(zone, at_us).isoformat()
