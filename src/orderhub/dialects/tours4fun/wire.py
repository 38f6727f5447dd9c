"""The vendor's shapes in the vendor's spelling, and readers of every form clients ever sent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core.passengers import parse_date
from orderhub.dialects.codec import decode_object
from orderhub.dialects.contract import Stop, WireFault, invalid

MAX_ID = 2**63 - 1
MAX_COUNT = 100_000
MAX_TEXT = 1_000
MAX_ROOMS = 200
MAX_GUESTS = 999  # three digits of a guest's id
MAX_ANSWERS = 60
MAX_CHOICES = 100

# ------------------------------------------------------------------ shapes, for OpenAPI and readers


class Room(msgspec.Struct, frozen=True):
    adult: int
    kid: int = 0
    single_pairup: int = 0


class Ticket(msgspec.Struct, frozen=True):
    sku_id: int
    count: int


class Contact(msgspec.Struct, frozen=True):
    first_name: str
    last_name: str
    mobile: str
    email: str


class CalculateOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    product_id: int
    departure_date: str
    departure_address: str = ""
    upgrades: dict[str, list[str]] = {}
    rooms: list[Room] = []
    tickets: list[Ticket] = []
    adult: int = 0
    kid: int = 0


class AddOrder(CalculateOrder, frozen=True, kw_only=True, omit_defaults=True):
    contact: Contact
    guest_info: list[dict[str, Any]] = []


class OrderId(msgspec.Struct, frozen=True):
    order_id: int


class CancelOrder(OrderId, frozen=True):
    cancel_reason: str = ""


class OrderList(msgspec.Struct, frozen=True):
    page: int
    page_size: int = 10
    order_status: int | None = None


class ProductIds(msgspec.Struct, frozen=True):
    product_ids: list[int]


class ProductId(msgspec.Struct, frozen=True):
    product_id: int


class Departure(ProductId, frozen=True):
    departure_date: str


class Upgrades(Departure, frozen=True):
    purchase_date: str = ""
    currency: str = "USD"


class ProductList(msgspec.Struct, frozen=True):
    region: str = ""
    product_line: str = ""
    keyword: str = ""
    page: int = 1
    page_size: int = 20


class RateDay(msgspec.Struct, frozen=True):
    date: str = ""


class Envelope(msgspec.Struct, frozen=True):
    """Every answer. `code` 0 is success; HTTP is 200 whatever it says."""

    code: int
    msg: str
    data: Any


# ------------------------------------------------------------------ readers


def read(body: bytes) -> dict[str, Any]:
    """The body as an object. PHP writes an empty one as `[]`, and some clients send nothing."""
    return {} if body.strip() in (b"", b"[]") else decode_object(body)


# Texts are matched first, so that slashes within them stay.
_COMMENT = re.compile(rb'("(?:[^"\\]|\\.)*")|//[^\r\n]*')


def read_commented(body: bytes) -> dict[str, Any]:
    """The body without the `//` comments that the document's own example carries."""
    return read(_COMMENT.sub(lambda found: found[1] or b"", body))


def fault(path: str, problem: str, message: str = "") -> Stop:
    return invalid(WireFault(path, problem, message or f"{path}: {problem}"))


def whole(value: Any, path: str, *, least: int = 0, most: int = MAX_ID) -> int:
    """An integer, also as text or as a number with nothing behind the point."""
    number = value
    if isinstance(value, str):
        digits = value.strip()
        number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None
    elif isinstance(value, Decimal):
        number = int(value) if value.is_finite() and value == value.to_integral_value() else None
    if number is None or isinstance(number, bool) or not isinstance(number, int):
        raise fault(path, "missing" if value is None else "type")
    if not least <= number <= most:
        raise fault(path, "value")
    return number


def whole_or(
    members: dict[str, Any], name: str, default: int, path: str = "", **limits: int
) -> int:
    """An integer member; missing, null and the empty text mean the default."""
    value = members.get(name)
    if value is None or value == "":
        return default
    return whole(value, f"{path}{name}", **limits)


def text(members: dict[str, Any], name: str, *, needed: bool = True, most: int = MAX_TEXT) -> str:
    """A text member, without the blanks around it."""
    value = members.get(name)
    if value is None:
        if needed:
            raise fault(name, "missing")
        return ""
    if not isinstance(value, str):
        raise fault(name, "type")
    value = value.strip()
    if needed and not value:
        raise fault(name, "missing")
    if len(value) > most:
        raise fault(name, "length")
    return value


def scalar(value: Any, path: str) -> str:
    """Text, or a number written as text: PHP clients mix them freely."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise fault(path, "type")
    written = str(value).strip()
    if len(written) > MAX_TEXT:
        raise fault(path, "length")
    return written


def day(members: dict[str, Any], name: str) -> date:
    """A day written `YYYY-MM-DD`."""
    found = parse_date(text(members, name))
    if found is None:
        raise fault(name, "value", f"{name}: not a date YYYY-MM-DD")
    return found


def items(value: Any, path: str, most: int) -> list[Any]:
    """A list; PHP writes one with gaps as an object of numbered members, and none as any empty value."""
    if value is None or value == "":
        return []
    found = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(found, list):
        raise fault(path, "type")
    if len(found) > most:
        raise fault(path, "length", f"{path}: at most {most}")
    return found


def objects(value: Any, path: str, most: int) -> Iterable[tuple[str, dict[str, Any]]]:
    """Each object of a list with its path."""
    for index, each in enumerate(items(value, path, most)):
        where = f"{path}[{index}]"
        if not isinstance(each, dict):
            raise fault(where, "type")
        yield where, each


_FLAGS = {0: False, 1: True, "0": False, "1": True, "no": False, "yes": True, "": False}
_FLAGS |= {None: False, "false": False, "true": True}


def flag(value: Any, path: str) -> bool:
    """0 or 1, in all the ways clients write them."""
    if isinstance(value, str):
        value = value.strip().lower()
    elif isinstance(value, list | dict):
        raise fault(path, "type")
    found = _FLAGS.get(value)
    if found is None:
        raise fault(path, "value")
    return found
