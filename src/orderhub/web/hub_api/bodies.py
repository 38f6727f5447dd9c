"""Request bodies as typed models: what is wrong with them is said with the place where it is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from orderhub.dialects.codec import decode_object
from orderhub.dialects.contract import Call, Dialect, Stop, WireFault, invalid

M = TypeVar("M", bound=msgspec.Struct)

Text = Annotated[str, msgspec.Meta(max_length=500)]
Name = Annotated[str, msgspec.Meta(max_length=200)]
_AT = re.compile(r" - at `\$\.?(.*)`$")
_FIRST_YEAR, _LAST_YEAR = 1970, 9000
_NO_TIME = datetime.min  # noqa: DTZ901 - the one that has no time zone is never a right one
_NO_AMOUNT = Decimal("NaN")


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request body: unknown members are refused, so that a misspelt one is never silently without effect."""


def fault_of(error: msgspec.ValidationError, prefix: str = "") -> WireFault:
    """What msgspec found wrong, with its path in the request."""
    text = str(error)
    found = _AT.search(text)
    path = found.group(1) if found else ""
    message = _AT.sub("", text).replace("Object ", "")
    missing = re.search(r"missing required field `(\w+)`", message)
    unknown = re.search(r"unknown field `(\w+)`", message)
    named = missing or unknown
    if named:
        path = f"{path}.{named.group(1)}" if path else named.group(1)
    problem = "missing" if missing else "value" if unknown else "type"
    where = ".".join(part for part in (prefix, path) if part)
    return WireFault(where, problem, f"{where or 'body'}: {message}")


class NoSwitches(msgspec.Struct, forbid_unknown_fields=True):
    """The settings of a dialect that has none."""


def members_of(call: Call) -> dict[str, Any]:
    """The members of the body; no body is an empty object."""
    return decode_object(call.body) if call.body.strip() else {}


def body_of(call: Call, model: type[M]) -> M:
    """The body as its model. Raises Stop(INVALID) with the first member that is wrong."""
    return converted(members_of(call), model)


def converted(value: Any, model: type[M], prefix: str = "") -> M:
    try:
        return msgspec.convert(value, model)
    except msgspec.ValidationError as error:
        raise invalid(fault_of(error, prefix)) from None


def refuse_misfit(
    dialects: Iterable[Dialect], kind: str, data: Mapping[str, Any], path: str
) -> None:
    """Raises Stop(INVALID) for what a dialect could not read of the free `data` of such a record or credential."""
    for dialect in dialects:
        if kind in dialect.data:
            converted(data, dialect.data[kind], path)


def refuse(path: str, message: str, problem: str = "value") -> Stop:
    return invalid(WireFault(path, problem, message))


def instant(text: str, path: str) -> int:
    """An ISO 8601 instant with its offset, as microseconds since 1970."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = _NO_TIME
    if moment.tzinfo is None or not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise refuse(path, f"{path} is ISO 8601 with an offset, from 1970 on")
    whole = moment.replace(microsecond=0)
    return int(whole.timestamp()) * 1_000_000 + moment.microsecond


def exact(value: Decimal | int | str, path: str) -> Decimal:
    """An amount, given as a number or (better) as a text."""
    try:
        found = Decimal(value)
    except (ArithmeticError, ValueError):
        found = _NO_AMOUNT
    if not found.is_finite():
        raise refuse(path, f"{path} is an amount such as 12.50")
    return found


def limit_of(call: Call, most: int, default: int = 50) -> int:
    text = call.query.get("limit", str(default))
    if not _is_number(text, 9) or not 1 <= int(text) <= most:
        raise refuse("limit", f"limit is 1 to {most}")
    return int(text)


def after_id(call: Call) -> int:
    """The id that ended the page before, of a list by id; 0 before the first page."""
    text = call.query.get("cursor") or "0"
    if not _is_number(text, 18):
        raise refuse("cursor", "cursor is a next_cursor of an earlier page")
    return int(text)


def _is_number(text: str, longest: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= longest


def refuse_unknown_query(call: Call, allowed: frozenset[str]) -> None:
    """A misspelt filter must not quietly list everything, nor one of two alike be dropped."""
    names = [name for name, _ in parse_qsl(call.query_string, keep_blank_values=True)]
    for name in sorted(names):
        if name not in allowed:
            raise refuse(name, f"{name} is not a parameter of this list")
        if names.count(name) > 1:
            raise refuse(name, f"{name} is given more than once")


def if_match(call: Call) -> int | None:
    """The version that `If-Match` names; None = any."""
    text = call.header("if-match").strip().removeprefix("W/").strip('"')
    if not text or text == "*":
        return None
    if not _is_number(text, 9):
        raise refuse("If-Match", "If-Match is a version, as its ETag says")
    return int(text)
