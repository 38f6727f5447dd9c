"""The vendor's requests in the vendor's spelling, each member declared once, in every form clients ever sent.

`""` and null count as absent; numbers also come as text; blanks around a text do not count. Members that are not
known are ignored: the raw request is kept. The first fault is told.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from operator import not_
from typing import Annotated, Any, ClassVar, TypeVar

from msgspec import Meta, Struct

from orderhub.core.money import plain
from orderhub.core.passengers import Guest, parse_date
from orderhub.core.upgrades import UpgradeChoice
from orderhub.core.values import Status
from orderhub.dialects.codec import decode_object
from orderhub.dialects.contract import HTTPFault, WireFault, invalid
from orderhub.dialects.describing import Schema, listed
from orderhub.dialects.members import (
    Bad,
    Kind,
    Reading,
    Style,
    also,
    kind,
    many,
    shaped,
    text,
)
from orderhub.dialects.members import whole as between
from orderhub.dialects.scalars import as_integer
from orderhub.dialects.tours4fun.words import ORDER_STATUSES

S = TypeVar("S", bound=Struct)

MAX_ID = 2**63 - 1
MAX_COUNT = 100_000
MAX_TEXT = 1_000
MAX_ANSWERS = 60
MAX_CHOICES = 100
MAX_PAGE_SIZE = 100
# Page and size are plain offsets: what lies deeper is not served page by page.
DEEPEST = 10_000_000
# Of the longest number that is looked at: no longer ones come out of JSON.
_DIGITS = 61


def fault(path: str, problem: str, message: str = "") -> HTTPFault:
    return invalid(WireFault(path, problem, message or f"{path}: {problem}"))


def _say(bad: Bad, value: Any, path: str) -> str:
    if bad.problem == "missing" and bad.expected:
        return f"one of {bad.expected} is needed"
    if bad.problem == "length" and bad.expected and not isinstance(value, str):
        return f"{path}: at most {bad.expected}"
    return f"{path}: {(bad.problem == 'value' and bad.expected) or bad.problem}"


BODY = Style(say=_say, is_absent=not_, gathers=False)


def decode(body: bytes) -> dict[str, Any]:
    """The body as an object. PHP writes an empty one as `[]`, and some clients send nothing."""
    return {} if body.strip() in (b"", b"[]") else decode_object(body)


# Texts are matched first, so that slashes within them stay; one without an end, to the end: it is looked at once.
_COMMENT = re.compile(rb'("(?:[^"\\]|\\.)*+"?)|//[^\r\n]*')


def decode_commented(body: bytes) -> dict[str, Any]:
    """The body without the `//` comments that the document's own example carries."""
    return decode(_COMMENT.sub(lambda found: found[1] or b"", body))


# --- kinds


def _integer(value: Any, least: int = 0, most: int = MAX_ID) -> int:
    number: int | None = value
    if value.__class__ is not int:
        number = as_integer(value, _DIGITS)
    if number is None:
        raise Bad("type")
    if not least <= number <= most:
        raise Bad("value")
    return number


def whole(least: int = 0, most: int = MAX_ID) -> Kind:
    """An integer, also as text or as a number with nothing behind the point."""
    return kind(partial(_integer, least=least, most=most), between(least, most).schema)


def _day_of(value: str) -> date:
    found = parse_date(value)
    if found is None:
        raise Bad("value", "not a date YYYY-MM-DD")
    return found


_DAY = text(MAX_TEXT, blank=False, strip=True).then(_day_of, {"type": "string", "format": "date"})


def _moment(value: str) -> date | None:
    """The day of `YYYY-MM-DD`, with or without a time of day behind it."""
    if not value:
        return None
    day, _, clock = value.partition(" ")
    found = parse_date(day)
    if found is None or (clock and not _is_time(clock)):
        raise Bad("value", "not YYYY-MM-DD HH:MM:SS")
    return found


_MOMENT: Schema = {
    "type": "string",
    "pattern": "^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}(?: [0-9]{2}:[0-9]{2}:[0-9]{2})?)?$",
}


def _is_time(clock: str) -> bool:
    try:
        datetime.strptime(clock, "%H:%M:%S")  # noqa: DTZ007 - a time of day has no zone
    except ValueError:
        return False
    return True


_FLAGS = {0: False, 1: True, "0": False, "1": True, "no": False, "yes": True, "": False}
_FLAGS |= {"false": False, "true": True}


def _flag_of(value: Any) -> bool:
    if isinstance(value, str):
        value = value.strip().lower()
    elif isinstance(value, (list, dict)):
        raise Bad("type")
    found = _FLAGS.get(value)
    if found is None:
        raise Bad("value")
    return found


_FLAG = kind(
    _flag_of,
    {"anyOf": [{"enum": [each for each in _FLAGS if each != ""]}, {"type": "boolean"}]},
)


def _entries(value: Any) -> Any:
    """PHP writes a list with gaps as an object of numbered members."""
    return list(value.values()) if isinstance(value, dict) else value


def _numbers(value: Any, most: int = 10) -> tuple[int, ...]:
    """A list of ids, or a lone one."""
    entries = _entries(value)
    if not isinstance(entries, list):
        entries = [entries]
    if len(entries) > most:
        raise Bad("length", most)
    return tuple(map(_integer, entries))


def _some(found: tuple[int, ...]) -> tuple[int, ...]:
    if not found:
        raise Bad("missing")
    return found


def _upgrades(value: Any, path: str, reading: Reading) -> tuple[UpgradeChoice, ...]:
    if value == []:  # how PHP writes none
        return ()
    if not isinstance(value, dict):
        raise Bad("type")
    if len(value) > MAX_CHOICES:
        raise Bad("length")
    found: dict[int, tuple[int, ...]] = {}
    for upgrade, options in value.items():
        try:
            chosen = () if options in (None, "") else _numbers(options, MAX_CHOICES)
            number = _integer(upgrade)
        except Bad as bad:
            reading.fault(f"{path}.{upgrade[:20]}", bad, options)
        else:
            found[number] = found.get(number, ()) + chosen
    return tuple([UpgradeChoice(*each) for each in found.items()])


_GUEST_TYPES = {"adult": False, "child": True, "kid": True}


def _guest(value: Any) -> Guest:
    if not isinstance(value, dict):
        raise Bad("type")
    type_ = value.get("type") or "adult"
    if not isinstance(type_, str):
        raise Bad("type", path=".type")
    is_child = _GUEST_TYPES.get(type_.strip().lower())
    if is_child is None:
        raise Bad("value", path=".type")
    if len(value) > MAX_ANSWERS:
        raise Bad("length")
    # A list or an object answers no question of a form: it stays in the raw request alone.
    answers = {
        name: _answer(each, name)
        for name, each in value.items()
        if name != "type" and not isinstance(each, (list, dict))
    }
    return Guest(kind=type_, is_child=is_child, answers=answers)


def _answer(value: Any, name: str) -> Any:
    """An answer as it was sent; a broken number becomes text, which is how documents keep it."""
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise Bad("length", path=f".{name[:40]}")
        return value
    return str(plain(value)) if isinstance(value, Decimal) else value


_GUEST: Schema = {
    "type": "object",
    "properties": {"type": {"enum": [*_GUEST_TYPES, None]}},
    "maxProperties": MAX_ANSWERS,
}


def _status(code: int) -> tuple[Status, ...]:
    if code and code not in ORDER_STATUSES:
        raise Bad("value")
    return (ORDER_STATUSES[code],) if code else ()


Id = Annotated[int, whole()]
Count = Annotated[int, whole(0, MAX_COUNT)]
Text = Annotated[str, text(MAX_TEXT, strip=True)]


# --- ordering


class Room(Struct, frozen=True, kw_only=True):
    adult: Annotated[Count, Meta(description="missing or 0 → 30005 (**D**); draws seats")] = 0
    kid: Annotated[
        Count, also("child"), Meta(description="priced by the table below; draws seats")
    ] = 0
    single_pairup: Annotated[
        bool,
        _FLAG,
        Meta(
            description='0/1, true/false, "yes"/"no": a lone adult pays the pair-up price, else the '
            "double price; otherwise echoed without effect (**C**)"
        ),
    ] = False


class Ticket(Struct, frozen=True, kw_only=True):
    sku_id: Id
    count: Count


def _tickets(value: Any) -> Any:
    """`[{sku_id, count}]`, or of 2017 clients `{sku_id: count}`."""
    if isinstance(value, dict) and not any(isinstance(each, dict) for each in value.values()):
        return [{"sku_id": sku_id, "count": count} for sku_id, count in value.items()]
    return _entries(value)


class Contact(Struct, frozen=True, kw_only=True):
    """Under the request's names or those of the answers."""

    first_name: Annotated[Text, also("firstname")] = ""
    last_name: Annotated[Text, also("lastname")] = ""
    mobile: Annotated[Text, also("telephone")] = ""
    email: Text = ""


def _only(value: Any) -> Any:
    """The object, perhaps as the only one of a list; any empty value is none."""
    if isinstance(value, list):
        if len(value) > 1:
            raise Bad("length")
        value = value[0] if value else None
    return None if value == "" else value


class CalculateOrder(Struct, frozen=True, kw_only=True):
    """What is asked for. A price may be asked without pickup, and never names guests."""

    rooms: Annotated[
        tuple[Room, ...],
        many(shaped(Room), 200).taking(_entries),
        Meta(description="ignored, and not echoed, for a product sold by tickets"),
    ] = ()
    tickets: Annotated[
        tuple[Ticket, ...],
        many(shaped(Ticket), MAX_CHOICES).taking(_tickets),
        Meta(
            description='or of 2017 `{"sku": count}`; lines of a product sold by tickets, where `rooms` '
            "and guests are not needed (**D**); ignored, and not echoed, for any other"
        ),
    ] = ()
    product_id: Annotated[
        Id, Meta(description="of kind `tour` or `ticket`; unknown or not on sale → 20001")
    ]
    departure_date: Annotated[
        date,
        _DAY,
        Meta(
            description="must be a departure (**D**) and far enough ahead on the tenant's clock → else "
            "20002 (**C**: days too near are not listed either)"
        ),
    ]
    departure_address: Text = ""
    adult: Annotated[
        Count,
        Meta(
            description="used where a product is sold by persons and no rooms are sent; else ignored, "
            "rooms win (**C**)"
        ),
    ] = 0
    kid: Annotated[Count, Meta(description="like `adult`")] = 0
    upgrades: Annotated[
        tuple[UpgradeChoice, ...],
        Kind(None, {"type": "object", "maxProperties": MAX_CHOICES}, _upgrades),
        Meta(
            description="lists of options or one option, ids as text or numbers; `[]` is `{}`. One option "
            "of each single group, exactly `required` of a multi group, any number for 0 (**D**); else 20003"
        ),
    ] = ()


class AddOrder(CalculateOrder, frozen=True, kw_only=True):
    """The booking, who travels and whom to ask."""

    departure_address: Annotated[
        str,
        text(MAX_TEXT, blank=False, strip=True),
        Meta(
            description="kept; checked against the meeting points only where the product says "
            "`pickups_only` (20005)"
        ),
    ]
    guest_info: Annotated[
        tuple[Guest, ...],
        many(kind(_guest, _GUEST), 999).taking(_entries),  # three digits of a guest's id
        Meta(
            description="`type` is `adult`, `child` or `kid`, echoed as sent, `adult` when missing; `child` "
            "and `kid` mean the same (**D**: both occur). Every field of the product's form must be answered "
            "and fit its kind → else 20007; other scalars, at most 60 of 1000 characters, are kept and "
            "echoed, a fraction as text; lists and objects are ignored (**C**)"
        ),
    ] = ()
    contact: Annotated[
        Contact | None,
        shaped(Contact).taking(_only),
        Meta(
            description="or a list of one; all non-empty, one `@` with visible text on both sides → "
            "else 30006"
        ),
    ] = None


def read_booking(model: type[S], body: dict[str, Any]) -> S:
    """The body as its Struct. Raises HTTPFault.

    Head counts of older clients matter only where neither rooms nor tickets say more: else they may be anything.
    """
    if ("adult" in body or "kid" in body) and (body.get("rooms") or body.get("tickets")):
        body = {name: value for name, value in body.items() if name not in ("adult", "kid")}
    return BODY.read(model, body)


# --- the other calls


class OrderId(Struct, frozen=True, kw_only=True):
    order_id: Id


class CancelOrder(OrderId, frozen=True, kw_only=True):
    cancel_reason: Text = ""


class OrderList(Struct, frozen=True, kw_only=True):
    page: Annotated[int, whole(1, DEEPEST)]
    page_size: Annotated[int, whole(1, MAX_PAGE_SIZE)] = 10
    order_status: Annotated[
        tuple[Status, ...],
        whole().then(_status, {"enum": [0, *ORDER_STATUSES, *map(str, ORDER_STATUSES)]}),
        Meta(description="our addition: one code of the vendor's table; 0 is any"),
    ] = ()


class ProductIds(Struct, frozen=True, kw_only=True):
    product_ids: Annotated[
        tuple[int, ...], kind(_numbers, listed(whole().schema, 1, 10)).then(_some)
    ]


class ProductId(Struct, frozen=True, kw_only=True):
    product_id: Id


class Departure(ProductId, frozen=True, kw_only=True):
    departure_date: Annotated[date, _DAY]


class Upgrades(Departure, frozen=True, kw_only=True):
    purchase_date: Annotated[
        date | None,
        _DAY.taking(lambda value: value or None),
        Meta(description="whose rates convert; today if not said"),
    ] = None
    currency: Annotated[str, text(10, strip=True), Meta(description="USD if not said")] = ""


class ProductList(Struct, frozen=True, kw_only=True):
    region: Text = ""
    product_line: Text = ""
    keyword: Annotated[str, text(100, strip=True)] = ""
    page: Annotated[int, whole(1, MAX_COUNT)] = 1
    page_size: Annotated[int, whole(1, MAX_PAGE_SIZE)] = 20

    ONE_OF: ClassVar = (("region", "product_line", "keyword"),)


class RateDay(Struct, frozen=True, kw_only=True):
    date: Annotated[
        date | None,
        text(MAX_TEXT, strip=True).then(_moment, _MOMENT),
        Meta(description="`YYYY-MM-DD`, perhaps with a time behind it; today if not said"),
    ] = None
