"""Reading a body field by field: types, lengths, times, words.

`read` gathers every fault of a body in the order of the vendor's documentation, because the vendor
names several at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from orderhub.dialects.codec import decode_object
from orderhub.dialects.contract import Call, Fault, FaultKind, HTTPFault, WireFault, invalid
from orderhub.dialects.sitecore_cdp.wire import CHANNELS, GENDERS, GUEST_TYPES, STATUSES

MAX_TEXT = 255
MAX_NAME = 128  # the vendor's batch documents cap an item's name here
MAX_LONG_TEXT = 4_000
MAX_LIST = 50
MAX_EXTENSION_PAIRS = 100
MAX_DIGITS = 40  # of a number, and how many places it may stand away from the decimal point


# --- reading one value


class Bad(Exception):
    """A value that cannot be taken. `problem` as in WireFault, `path` below the field itself."""

    def __init__(self, problem: str, message: str, path: str = "") -> None:
        super().__init__(message)
        self.problem = problem
        self.message = message
        self.path = path


Check = Callable[[Any], Any]


class Field(NamedTuple):
    name: str
    check: Check
    required: bool = False


def text(longest: int = MAX_TEXT, *, blank: bool = True) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise Bad("type", "must be a string.")
        if len(value) > longest:
            raise Bad("length", f"length must be between 0 and {longest}.")
        if not blank and not value.strip():
            raise Bad("value", "may not be empty.")
        return value

    return check


def one_of(values: Iterable[str], *, any_case: bool = False) -> Check:
    known = {value.lower() if any_case else value: value for value in values}
    message = f"must be one of {', '.join(known.values())}."

    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise Bad("type", "must be a string.")
        found = known.get(value.lower() if any_case else value)
        if found is None:
            raise Bad("value", message)
        return found

    return check


def number(value: Any) -> Decimal:
    """A JSON number, exactly. What is longer than any arithmetic here is exact for is refused."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value)
    if not isinstance(value, Decimal):
        raise Bad("type", "must be a number.")
    if value and (len(value.as_tuple().digits) > MAX_DIGITS or abs(value.adjusted()) > MAX_DIGITS):
        raise Bad("value", "numeric value out of bounds.")
    return value


def primitive(value: Any) -> str | bool | Decimal:
    """A value of a data extension."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(text(MAX_LONG_TEXT)(value))
    if isinstance(value, (int, Decimal)):
        return number(value)
    raise Bad("type", "must be a string, a number or a boolean.")


def positive(value: Any) -> Decimal:
    amount = number(value)
    if amount <= 0:
        raise Bad("value", "must be greater than 0.")
    return amount


_CURRENCY = re.compile("[A-Z]{3}")


def currency(value: Any) -> str:
    if not isinstance(value, str):
        raise Bad("type", "must be a string.")
    if _CURRENCY.fullmatch(value) is None:
        raise Bad("value", "must be an upper case ISO 4217 currency code.")
    return value


# Dates come with and without seconds, with fractions of any length (some clients send seven
# digits), with Z, an offset or nothing at all; everything without an offset is UTC.
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(:\d\d)?(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BAD_INSTANT = "must be an ISO 8601 date and time."


def instant(value: Any) -> int:
    """Microseconds since 1970 UTC of an ISO 8601 time; finer fractions are cut off."""
    return _micros(value, needs_time=True)


def date_or_instant(value: Any) -> int:
    return _micros(value, needs_time=False)


def _micros(value: Any, *, needs_time: bool) -> int:
    if not isinstance(value, str):
        raise Bad("type", "must be a string.")
    match = _INSTANT.fullmatch(value)
    if match is None:
        raise Bad("value", _BAD_INSTANT)
    day, clock, seconds, fraction, offset = match.groups()
    if clock is None and needs_time:
        raise Bad("value", _BAD_INSTANT)
    zone = "+00:00" if offset is None or offset == "Z" else offset
    try:
        at = datetime.fromisoformat(f"{day}T{clock or '00:00'}{seconds or ':00'}{zone}")
        at = at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Bad("value", _BAD_INSTANT) from None
    # Years at the rim of the calendar cannot be shown again in every time zone.
    if not 1000 <= at.year <= 9998:
        raise Bad("value", _BAD_INSTANT)
    whole = at - _EPOCH
    micros = (whole.days * 86_400 + whole.seconds) * 1_000_000
    return micros + int(fraction[:6].ljust(6, "0")) if fraction else micros


def time_text(micros: int) -> str:
    """As the vendor writes times: UTC with Z, no fraction unless there is one."""
    seconds, rest = divmod(micros, 1_000_000)
    at = datetime.fromtimestamp(seconds, UTC)
    shown = at.isoformat(timespec="seconds")[:19]
    if not rest:
        return f"{shown}Z"
    return f"{shown}.{rest // 1000:03d}Z" if rest % 1000 == 0 else f"{shown}.{rest:06d}Z"


def second_text(micros: int) -> str:
    """The server's own times, to the second as in the vendor's v2.1 examples."""
    return time_text(micros - micros % 1_000_000)


def texts(longest: int = MAX_TEXT) -> Check:
    one = text(longest)

    def check(value: Any) -> list[str]:
        if not isinstance(value, list):
            raise Bad("type", "must be a list.")
        if len(value) > MAX_LIST:
            raise Bad("length", f"at most {MAX_LIST} entries are allowed.")
        found = []
        for index, each in enumerate(value):
            try:
                found.append(one(each))
            except Bad as bad:
                raise Bad(bad.problem, bad.message, f"[{index}]") from None
        return found

    return check


def email(value: Any) -> str:
    address = str(text()(value)).strip()
    if "@" not in address[1:-1]:
        raise Bad("value", "must be an e-mail address.")
    return address


def emails(value: Any) -> list[str]:
    found: list[str] = texts()(value)
    for index, each in enumerate(found):
        try:
            found[index] = email(each)
        except Bad as bad:
            raise Bad(bad.problem, bad.message, f"[{index}]") from None
    return found


def birthday(now: int) -> Check:
    """A date before `now` (microseconds)."""

    def check(value: Any) -> str:
        if date_or_instant(value) >= now:
            raise Bad("value", "must be in the past.")
        return str(value)

    return check


def kept_instant(value: Any) -> str:
    """A time that is echoed as it was sent."""
    date_or_instant(value)
    return str(value)


def link(value: Any) -> str:
    """The last path segment of `{"href": ...}`: a ref, in lower case."""
    if not isinstance(value, dict) or not isinstance(value.get("href"), str):
        raise Bad("type", "must be an object with an href.")
    return ref_of(value["href"])


def ref_of(href: str) -> str:
    return href.rstrip("/").rpartition("/")[2][:MAX_TEXT].lower()


def links(value: Any) -> list[str]:
    items = value.get("items") if isinstance(value, dict) else None
    if not isinstance(items, list) or len(items) > MAX_LIST:
        raise Bad("type", f"must be an object with a list of at most {MAX_LIST} items.")
    found = []
    for index, each in enumerate(items):
        try:
            found.append(link(each))
        except Bad as bad:
            raise Bad(bad.problem, bad.message, f".items[{index}]") from None
    return found


_IDENTIFIER = (
    Field("provider", text(blank=False), required=True),
    Field("id", text(blank=False), required=True),
    Field("expiryDate", kept_instant),
)


def identifiers(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise Bad("type", "must be a list.")
    if len(value) > MAX_LIST:
        raise Bad("length", f"at most {MAX_LIST} entries are allowed.")
    found = []
    for index, each in enumerate(value):
        if not isinstance(each, dict):
            raise Bad("type", "must be an object.", f"[{index}]")
        faults: list[WireFault] = []
        members = read_fields(each, _IDENTIFIER, faults)
        if faults:
            raise Bad(faults[0].problem, faults[0].message, f"[{index}].{faults[0].path}")
        found.append(members)
    return found


# --- reading a body

ORDER = (
    Field("currencyCode", currency, required=True),
    Field("orderedAt", instant, required=True),
    Field("price", number, required=True),
    Field("referenceId", text(blank=False), required=True),
    Field("createdAt", instant),
    Field("modifiedAt", instant),
    Field("paymentType", text()),
    Field("cardType", text()),
    Field("pointOfSale", text()),
    Field("channel", one_of(CHANNELS)),
    Field("status", one_of(STATUSES)),
)

ORDER_ITEM = (
    Field("name", text(MAX_NAME)),
    Field("description", text(MAX_LONG_TEXT)),
    Field("type", text()),
    Field("productId", text()),
    Field("price", number, required=True),
    Field("currencyCode", currency),
    Field("originalPrice", number),
    Field("originalCurrencyCode", currency),
    Field("referenceId", text()),
    Field("vendor", text()),
    Field("status", text()),
    Field("language", text()),
    Field("quantity", positive),
    Field("channel", text()),
    Field("orderedAt", kept_instant),
)

CONSUMER = (
    Field("firstName", text()),
    Field("lastName", text()),
    Field("guest", link),
    Field("orderItems", links),
)


def consumer(_now: int) -> tuple[Field, ...]:
    return CONSUMER


BATCH = (
    Field("checksum", text(blank=False), required=True),
    Field("size", number, required=True),
)


def person(now: int) -> tuple[Field, ...]:
    """Members that a contact and a guest share."""
    return (
        Field("title", text()),
        Field("firstName", text()),
        Field("lastName", text()),
        Field("gender", one_of(GENDERS, any_case=True)),
        Field("dateOfBirth", birthday(now)),
        Field("email", email),
        Field("emails", emails),
        Field("phoneNumbers", texts()),
        Field("language", text()),
        Field("nationality", text()),
        Field("passportNumber", text()),
        Field("passportExpiry", kept_instant),
        Field("street", texts()),
        Field("city", text()),
        Field("country", text()),
        Field("postCode", text()),
        Field("state", text()),
        Field("identifiers", identifiers),
    )


def guest(now: int) -> tuple[Field, ...]:
    return (Field("guestType", one_of(GUEST_TYPES), required=True), *person(now))


def read_fields(
    body: Mapping[str, Any],
    fields: Iterable[Field],
    faults: list[WireFault],
    *,
    partial: bool = False,
) -> dict[str, Any]:
    """The members that were sent, read; faults are added to `faults` in the order of the fields.

    `partial`: a required member may be left out (not be null), and a null one comes back as None.
    """
    found: dict[str, Any] = {}
    for name, check, required in fields:
        value = body.get(name)
        if value is None:
            if required and (not partial or name in body):
                faults.append(WireFault(name, "missing", "may not be null."))
            elif partial and name in body:
                found[name] = None
            continue
        try:
            found[name] = check(value)
        except Bad as bad:
            faults.append(WireFault(f"{name}{bad.path}", bad.problem, bad.message))
    return found


def read(
    body: Mapping[str, Any], fields: Iterable[Field], *, partial: bool = False
) -> dict[str, Any]:
    """As `read_fields`; raises HTTPFault(INVALID) with every fault."""
    faults: list[WireFault] = []
    found = read_fields(body, fields, faults, partial=partial)
    if faults:
        raise invalid(*faults)
    return found


def json_body(call: Call) -> dict[str, Any]:
    """The body as an object. Raises HTTPFault: another media type, malformed JSON, not an object."""
    media = call.header("content-type")
    if media and media != "application/json":
        kind = media.partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            raise HTTPFault(Fault(FaultKind.UNSUPPORTED_MEDIA, kind[:MAX_TEXT]))
    return decode_object(call.body)


# --- data extensions

_EXTENSION_KEY = re.compile("[a-z][A-Za-z0-9]{0,127}")
# The server's own members: sent back by a client that read them before, and ignored.
_SERVER_KEYS = frozenset({"ref", "href", "createdAt", "modifiedAt"})


def read_extension(body: Mapping[str, Any], *, partial: bool = False) -> dict[str, Any]:
    """The key-value pairs of a data extension: flat, primitive, camelCase alphanumeric keys.

    `name` may only be `ext` and `key` only `default`; neither counts as a pair. With `partial` a
    null value means that the pair goes. Raises HTTPFault(INVALID).
    """
    pairs: dict[str, Any] = {}
    faults: list[WireFault] = []
    for key, value in body.items():
        if key in _SERVER_KEYS:
            continue
        if key in {"name", "key"}:
            only = "ext" if key == "name" else "default"
            if value != only:
                faults.append(WireFault(key, "value", f"must be {only}."))
        elif _EXTENSION_KEY.fullmatch(key) is None:
            message = "must be a camelCase alphanumeric key."
            faults.append(WireFault(key[:MAX_NAME], "value", message))
        elif value is None and not partial:
            faults.append(WireFault(key, "missing", "may not be null."))
        else:
            try:
                pairs[key] = value if value is None else primitive(value)
            except Bad as bad:
                faults.append(WireFault(key, bad.problem, bad.message))
    if faults:
        raise invalid(*faults[:MAX_LIST])
    if not pairs and not partial:
        raise invalid(WireFault("ext", "missing", "must contain at least one key-value pair."))
    return pairs
