"""Kinds of values in this vendor's requests: how each is read, what it may hold, and why it is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core.currencies import known_currencies
from orderhub.core.ordering import MAX_QUANTITY
from orderhub.dialects.describing import (
    BIRTHDAY,
    DAY_OR_INSTANT,
    INTEGER,
    LOOSE_INSTANT,
    Schema,
    needed,
    or_empty,
)
from orderhub.dialects.describing import NUMBER as NUMERIC
from orderhub.dialects.describing import members as an_object
from orderhub.dialects.describing import whole as between
from orderhub.dialects.members import Bad, Kind, Reading, kind, many, text
from orderhub.dialects.scalars import as_integer, as_number
from orderhub.dialects.sitecore_cdp.batch_file import MAX_PACKED_BYTES
from orderhub.dialects.sitecore_cdp.times import is_time, micros_of

CHANNELS = (
    "WEB", "MOBILE_WEB", "MOBILE_APP", "CALL_CENTER", "AIRPORT_KIOSK", "BRANCH",
    "KIOSK", "OFFLINE", "GDS", "OTA", "OTHER",
)  # fmt: skip
# PARTIALY_ has one L on the vendor's wire.
STATUSES = (
    "BROWSED", "CANCELLED", "CONFIRMED", "DECLINED", "PARTIALY_CONFIRMED", "PARTIALY_REFUNDED",
    "PAYMENT_PENDING", "PENDING", "PURCHASED", "REFUNDED", "RESERVED", "SEARCHED", "UNKNOWN",
)  # fmt: skip
GUEST_TYPES = ("visitor", "customer", "traveller")
GENDERS = ("male", "female", "unknown")
PARTS = ("orderItems", "contacts", "consumers")

MAX_TEXT = 255
MAX_NAME = 128  # the vendor's batch documents cap an item's name here
MAX_LONG_TEXT = 4_000
MAX_LIST = 50
MAX_CONSUMERS = 64  # so many numbers are theirs among the parts of an order
MAX_DIGITS = 40  # of a number, and how many places it may stand away from the decimal point
DEFAULT_LIMIT = 10
MAX_LIMIT = 100
MAX_OFFSET = 100_000


def _not_blank(value: str) -> str:
    if not value.strip():
        raise Bad("value", message="may not be empty.")
    return value


def amount(value: Any) -> Decimal:
    """An amount, of any digits behind the point: Java's `new BigDecimal(19.99)` has 48. Core rounds there."""
    found = as_number(value)
    if found is None:
        raise Bad("type", "number")
    if found and found.adjusted() > MAX_DIGITS:
        raise Bad("value", message="numeric value out of bounds.")
    return found


def number(value: Any) -> Decimal:
    """A number, exactly. What is longer than any arithmetic here is exact for is refused."""
    found = amount(value)
    if found and (found.adjusted() < -MAX_DIGITS or _has_many_digits(found)):
        raise Bad("value", message="numeric value out of bounds.")
    return found


def _has_many_digits(value: Decimal) -> bool:
    # Most numbers are short however they are written; zeros at the end, as 1e40 is shown with, are no more to keep.
    if len(str(value)) <= MAX_DIGITS:
        return False
    digits = value.as_tuple().digits
    last = max((place for place, digit in enumerate(digits, 1) if digit), default=0)
    return last > MAX_DIGITS


def _positive(amount: Decimal) -> Decimal:
    if amount <= 0:
        raise Bad("value", message="must be greater than 0.")
    return amount


# Twelve digits before the point are kept: core refuses what is beyond. Behind it core rounds.
_MOST = 10**12 - 1
_WRITTEN: Schema = {"type": NUMERIC, "pattern": r"^-?[0-9]{1,11}(?:\.[0-9]{1,6})?$"}
NUMBER = kind(number, _WRITTEN)  # kept as it is, and never computed with
AMOUNT = kind(amount, {**_WRITTEN, "minimum": -_MOST, "maximum": _MOST})
QUANTITY = NUMBER.then(
    _positive,
    {
        "type": NUMERIC,
        "exclusiveMinimum": 0,
        "maximum": MAX_QUANTITY,
        "pattern": "^[1-9][0-9]{0,8}$",
    },
)


def _currency(value: Any) -> str:
    if not isinstance(value, str):
        raise Bad("type", "string")
    if value not in known_currencies():
        raise Bad("value", message="must be an upper case ISO 4217 currency code.")
    return value


def _micros(value: Any, *, needs_time: bool = True) -> int:
    if not isinstance(value, str):
        raise Bad("type", "string")
    try:
        return micros_of(value, needs_time=needs_time)
    except ValueError:
        raise Bad("value", message="must be an ISO 8601 date and time.") from None


def _kept_time(value: Any) -> str | None:
    """A time that is echoed as it was sent, and used for nothing: an empty one counts as absent."""
    if value == "":
        return None
    if not isinstance(value, str):
        raise Bad("type", "string")
    if not is_time(value):
        raise Bad("value", message="must be an ISO 8601 date and time.")
    return value


def _birthday(value: Any, _path: str, reading: Reading) -> str | None:
    """A date before now, the reading's context, in microseconds."""
    found = _kept_time(value)
    # What lies before the years that can be reckoned with is in the past as well.
    if found and found[:4] >= "1000" and _micros(found, needs_time=False) >= reading.context:
        raise Bad("value", message="must be in the past.")
    return found


def _address(value: str) -> str:
    address = value.strip()
    if "@" not in address[1:-1]:
        raise Bad("value", message="must be an e-mail address.")
    return address


IN_THE_PAST = Kind(None, BIRTHDAY, _birthday)

# What is cut off at the ends as white space is more than a pattern's \s: control characters too.
_END = r"[^\s\u0000-\u001f\u0085]"
EMAIL = text(MAX_TEXT).then(
    _address,
    {"type": "string", "maxLength": MAX_TEXT, "pattern": f"^{_END}[^@]*@[^@]*{_END}$"},
)


def ref_of(href: str) -> str:
    """The last path segment, in lower case."""
    return href.rstrip("/").rpartition("/")[2][:MAX_TEXT].lower()


def _link(value: Any) -> str:
    if not isinstance(value, dict) or not isinstance(value.get("href"), str):
        raise Bad("type", message="must be an object with an href.")
    return ref_of(value["href"])


LINK = kind(_link, an_object({"href": {"type": "string"}}, "href"))
_MANY_LINKS = many(LINK, MAX_LIST)


def _links(value: Any, path: str, reading: Reading) -> Any:
    items = value.get("items") if isinstance(value, dict) else None
    if not isinstance(items, list) or len(items) > MAX_LIST:
        message = f"must be an object with a list of at most {MAX_LIST} items."
        raise Bad("type", message=message)
    return _MANY_LINKS.read(items, f"{path}.items", reading)


LINKS = Kind(None, an_object({"items": _MANY_LINKS.schema}, "items"), _links)


def as_sent(each: Kind) -> Kind:
    """What is kept in the vendor's own shape rather than as Structs."""

    def read(value: Any, path: str, reading: Reading) -> Any:
        # A Decimal goes on to be one, for it to be written as a number.
        return msgspec.to_builtins(each.read(value, path, reading), builtin_types=(Decimal,))

    return Kind(None, each.schema, read, each.model)


def only(word: str) -> Kind:
    def check(value: Any) -> str:
        if value != word:
            raise Bad("value", message=f"must be {word}.")
        return word

    return kind(check, {"const": word})


def _checksum(value: str) -> str:
    if re.fullmatch("[0-9a-f]{32}", value.lower()) is None:
        raise Bad("value", message="must be a hex-encoded MD5.")
    return value.lower()


def _size(size: Decimal) -> int:
    if size != int(size) or not 1 <= size <= MAX_PACKED_BYTES:
        raise Bad("value", message=f"must be between 1 and {MAX_PACKED_BYTES}.")
    return int(size)


NEEDED = text(MAX_TEXT).then(_not_blank, needed(MAX_TEXT))
KEPT_TIME = kind(_kept_time, DAY_OR_INSTANT)
CHECKSUM = NEEDED.then(_checksum, {"type": "string", "pattern": "^[0-9A-Fa-f]{32}$"})
SIZE = NUMBER.then(
    _size, {**between(1, MAX_PACKED_BYTES), "type": INTEGER, "pattern": "^[1-9][0-9]{0,6}$"}
)
TIME = kind(_micros, LOOSE_INSTANT)
CURRENCY = kind(_currency, {"type": "string", "enum": sorted(known_currencies())})

# --- kinds of query parameters


def _page(least: int, most: int) -> Kind:
    def check(value: str) -> int:
        number = as_integer(value, 9)
        if number is None or not least <= number <= most:
            raise Bad("value", message=f"must be between {least} and {most}.")
        return number

    return kind(check, or_empty(between(least, most)))


OFFSET = _page(0, MAX_OFFSET)
LIMIT = _page(1, MAX_LIMIT)


def _expanded(value: str) -> frozenset[str]:
    """The parts to show in full: `true` = all."""
    asked = value.strip()
    if not asked or asked.lower() == "false":
        return frozenset()
    if asked.lower() == "true":
        return frozenset(PARTS)
    names = frozenset(name.strip() for name in asked.split(",") if name.strip())
    if not names <= set(PARTS):
        raise Bad("value", message=f"must be true, false or some of {', '.join(sorted(PARTS))}.")
    return names


def _sorting(names: tuple[str, ...], unless: tuple[str, bool]) -> Callable[[str], tuple[str, bool]]:
    """(`created` or `orderedAt`, oldest first). A leading minus or `::DESC` behind it means newest first."""

    def read(value: str) -> tuple[str, bool]:
        asked, _, way = value.strip().partition("::")
        name = asked.lstrip("+-")
        if not asked:
            return unless
        if name not in names or way not in {"", "ASC", "DESC"}:
            said = " or ".join(each for each in names if each != "createdAt")
            raise Bad("value", message=f"must be {said}.")
        is_descending = way == "DESC" or (not way and asked.startswith("-"))
        return "orderedAt" if name == "orderedAt" else "created", not is_descending

    return read


NEWEST_FIRST, OLDEST_FIRST = ("created", False), ("created", True)
STRING = kind(str, {"type": "string"})
REF = kind(str.lower, STRING.schema)
_PART = f"(?:{'|'.join(PARTS)})"
EXPAND = kind(
    _expanded,
    {
        "type": "string",
        "pattern": f"^(?:[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|{_PART}(?:,{_PART})*)?$",
    },
)
_CREATED = ("created", "createdAt")


def _sort(names: tuple[str, ...], unless: tuple[str, bool]) -> Kind:
    pattern = f"^(?:[+-]?(?:{'|'.join(names)})(?:::(?:ASC|DESC))?)?$"
    return kind(_sorting(names, unless), {"type": "string", "pattern": pattern})


SORT = _sort((*_CREATED, "orderedAt"), NEWEST_FIRST)
SORT_BY_CREATED = _sort(_CREATED, OLDEST_FIRST)
