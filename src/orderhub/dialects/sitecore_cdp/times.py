"""ISO 8601 times as this vendor's clients send them, and as it writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

# Dates come with and without seconds, with fractions of any length (some clients send seven
# digits), with Z, an offset or nothing at all; everything without an offset is UTC.
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d(T\d\d:\d\d(?::\d\d)?(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Years at the rim of the calendar cannot be shown again in every time zone.
_FIRST, _END = datetime(1000, 1, 1, tzinfo=UTC) - _EPOCH, datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH


def micros_of(text: str, *, needs_time: bool) -> int:
    """Microseconds since 1970 UTC; finer fractions are cut off. Raises ValueError for what is no such time."""
    match = _INSTANT.fullmatch(text)
    if match is None or (needs_time and match[1] is None):
        raise ValueError(text)
    at = datetime.fromisoformat(text)
    since = (at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH
    if not _FIRST <= since < _END:
        raise ValueError(text)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def is_time(text: str) -> bool:
    """Whether it is a date or a time of any year; .NET has 0001-01-01T00:00:00 for none."""
    if _INSTANT.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def time_text(micros: int) -> str:
    """As the vendor writes times: UTC with Z, no fraction unless there is one."""
    seconds, rest = divmod(micros, 1_000_000)
    shown = _seconds_text(seconds)
    if not rest:
        return f"{shown}Z"
    return f"{shown}.{rest // 1000:03d}Z" if rest % 1000 == 0 else f"{shown}.{rest:06d}Z"


@lru_cache(4_096)
def _seconds_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")[:19]


def second_text(micros: int) -> str:
    """The server's own times, to the second as in the vendor's v2.1 examples."""
    return time_text(micros - micros % 1_000_000)
