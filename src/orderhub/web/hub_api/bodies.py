"""What a call takes, as typed models: from them OpenAPI is written, and whatever does not fit is refused.

What is wrong is said with the place where it is wrong: in msgspec's words, or in those of a member's own
(`says`). A member that `says` what it is has the limits of its `extra_json_schema`, and they are checked here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import islice
from typing import Annotated, Any, TypeVar, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from msgspec import inspect

from orderhub.dialects.codec import decode_object
from orderhub.dialects.contract import Call, Dialect, HTTPFault, WireFault, invalid
from orderhub.web.docs.schemas import REF
from orderhub.web.hub_api.inner import port

M = TypeVar("M", bound=msgspec.Struct)

_AT = re.compile(r" - at `\$\.?(.*)`$")
# So many are told of one request; who sends more has more to learn.
MOST_FAULTS = 100
_FIRST_YEAR, _LAST_YEAR = 1970, 9000
_NO_TIME = datetime.min  # noqa: DTZ901 - the one that has no time zone is never a right one
_NO_AMOUNT = Decimal("NaN")
# 29 February is in the years that have one.
_YEAR = "(?:19[789]|[2-8][0-9]{2})[0-9]"
_LEAP = (
    "(?:19(?:7[26]|8[048]|9[26])|[2-8][0-9](?:0[48]|[2468][048]|[13579][26])"
    "|(?:[2468][048]|[357][26])00)"
)
_DAY = (
    f"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    f"|{_LEAP}-02-29)"
)
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
_MOMENT = f"{_DAY}T{_TIME}(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9])"
_DIGITS = re.compile(r"-?[0-9]{1,60}(?:\.[0-9]{1,60})?")
_IF_MATCH = re.compile(r'(?:W/)?"*(\*|[0-9]{1,9})?"*')


def form(pattern: str, says: str = "", about: str = "") -> msgspec.Meta:
    """A text of this form, which `says` what it is; without that its handler does."""
    return msgspec.Meta(
        description=about or None,
        extra_json_schema={"pattern": f"^(?:{pattern})$"},
        extra={"says": says},
    )


def one_of(
    values: Iterable[str], about: str = "", *, optional: bool = False, says: str = ""
) -> msgspec.Meta:
    """One of these words; `optional`: or an empty text."""
    words = [*values]
    return msgspec.Meta(
        description=about or None,
        extra_json_schema={"enum": [*([""] if optional else []), *words]},
        extra={"says": says or f"is one of {', '.join(words)}"},
    )


def up_to(most: int) -> msgspec.Meta:
    """How many items a page has at most."""
    return msgspec.Meta(
        extra_json_schema={"minimum": 1, "maximum": most}, extra={"says": f"is 1 to {most}"}
    )


Text = Annotated[str, msgspec.Meta(max_length=500)]
Name = Annotated[str, msgspec.Meta(max_length=200)]
# Empty = the first page.
Cursor = Annotated[
    str, form("[0-9]{0,18}", "is a next_cursor of an earlier page", "`next_cursor` of a page")
]
Moment = Annotated[
    str,
    form(_MOMENT, about="ISO 8601 with an offset, from 1970 on"),  # see `instant`
]
AnyMoment = Annotated[str, form(f"(?:{_MOMENT})?", about="ISO 8601 with an offset")]
AnyDay = Annotated[str, form(f"(?:{_DAY})?", "is a day such as 2026-11-28")]
# A name in a path: what does not fit names nothing.
ITEM_ID = re.compile("(?!0*$)[0-9]{1,15}")
ItemId = Annotated[str, form(ITEM_ID.pattern)]
# Which there are is known when the routes are made.
DIALECT_NAME = "DialectName"
DialectName = Annotated[str, msgspec.Meta(extra_json_schema={"$ref": f"{REF}{DIALECT_NAME}"})]
_ANY_NAME = {"anyOf": [{"$ref": f"{REF}{DIALECT_NAME}"}, {"const": ""}]}


def any_dialect(about: str) -> msgspec.Meta:
    """The name of a dialect, or an empty text."""
    return msgspec.Meta(description=about, extra_json_schema=_ANY_NAME)


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request body: unknown members are refused, so that a misspelt one is never silently without effect."""


class Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query parameters. A misspelt filter must not quietly list everything, nor one of two alike be dropped."""


class IfMatch(msgspec.Struct, frozen=True, kw_only=True):
    """The header that guards against a lost update."""

    version: Annotated[
        str,
        form(
            _IF_MATCH.pattern,
            about="the version that is to be changed, as its ETag says; else 412",
        ),
    ] = msgspec.field(default="", name="If-Match")


class NoSwitches(msgspec.Struct, forbid_unknown_fields=True):
    """The settings of a dialect that has none."""


def members_of(call: Call) -> dict[str, Any]:
    """The members of the body; no body is an empty object."""
    return decode_object(call.body) if call.body.strip() else {}


def body_of(call: Call, model: type[M]) -> M:
    """The body as its model. Raises HTTPFault(INVALID) with every member that is wrong."""
    return converted(members_of(call), model)


def converted(value: Any, model: type[M], prefix: str = "") -> M:
    """The value as its model. Raises HTTPFault(INVALID) with every member that is wrong."""
    try:
        found = msgspec.convert(value, model)
    except msgspec.ValidationError as error:
        misfits = _misfits(value, model, prefix) if isinstance(value, dict) else ()
        raise invalid(*([*islice(misfits, MOST_FAULTS)] or [fault_of(error, prefix)])) from None
    faults: list[WireFault] = []
    for field in _with_words(model):
        at = f"{prefix}.{field.encode_name}" if prefix else field.encode_name
        faults += _out_of_form(field, getattr(found, field.name), at)
    if faults:
        raise invalid(*faults)
    return found


def query_of(call: Call, model: type[M]) -> M:
    """The query as its model. Raises HTTPFault(INVALID) with every parameter that is wrong."""
    fields = {field.encode_name: field for field in _fields(model)}
    names = [name for name, _ in parse_qsl(call.query_string, keep_blank_values=True)]
    faults = []
    for name in sorted(set(names)):
        if name not in fields:
            faults.append(_fault(name, f"{name} is not a parameter of this list"))
        elif names.count(name) > 1:
            faults.append(_fault(name, f"{name} is given more than once"))
    given: dict[str, Any] = {}
    for name, field in fields.items():
        value: Any = call.query.get(name)
        if field.required and not value:
            faults.append(_fault(name, f"{name} is required", "missing"))
        elif value is not None:
            if _is_whole(field.type):
                value = int(value) if _is_number(value, 9) else None
            faults += _out_of_form(field, value, name)
            given[name] = value
    if faults:
        raise invalid(*faults[:MOST_FAULTS])
    try:
        return msgspec.convert(given, model)
    except msgspec.ValidationError:
        raise invalid(*islice(_misfits(given, model, ""), MOST_FAULTS)) from None


def _misfits(
    given: dict[str, Any], model: type[msgspec.Struct], prefix: str
) -> Iterator[WireFault]:
    """Everything that is wrong with an object, in msgspec's words, which stops at the first."""
    types = {each.encode_name: each for each in _fields(model)}
    hints = _hints(model)
    for name, value in given.items():
        if name not in types:
            if model.__struct_config__.forbid_unknown_fields:
                yield fault_of(
                    msgspec.ValidationError(f"Object contains unknown field `{name}`"), prefix
                )
            continue
        try:
            msgspec.convert(value, hints[types[name].name])
        except msgspec.ValidationError as error:
            at = f"{prefix}.{name}" if prefix else name
            inner = [*islice(_misfits_within(value, types[name].type, at), MOST_FAULTS)]
            yield from inner or [fault_of(error, at)]
    for name, field in types.items():
        if field.required and name not in given:
            yield fault_of(
                msgspec.ValidationError(f"Object missing required field `{name}`"), prefix
            )


def _misfits_within(value: Any, kind: inspect.Type, path: str) -> Iterator[WireFault]:
    """The same of the objects that a member is or holds."""
    match kind:
        case inspect.Metadata():
            yield from _misfits_within(value, kind.type, path)
        case inspect.UnionType():
            for each in kind.types:
                yield from _misfits_within(value, each, path)
        case inspect.StructType() if isinstance(value, dict):
            yield from _misfits(value, kind.cls, path)
        case inspect.VarTupleType() if isinstance(value, list):
            for index, each in enumerate(value[:MOST_FAULTS]):
                yield from _misfits_within(each, kind.item_type, f"{path}[{index}]")


def _out_of_form(field: inspect.Field, value: Any, path: str) -> Iterator[WireFault]:
    """The fault of a member that is not what it says."""
    says, limits = _says(field.type)
    if says and not _is_within(value, limits):
        yield _fault(path, f"{path} {says}")


def _is_within(value: Any, limits: Mapping[str, Any]) -> bool:
    if "enum" in limits:
        return value in limits["enum"]
    if "pattern" in limits:
        return re.fullmatch(limits["pattern"], value) is not None
    return value is not None and bool(limits["minimum"] <= value <= limits["maximum"])


@cache
def _fields(model: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    found = inspect.type_info(model)
    assert isinstance(found, inspect.StructType)
    return found.fields


@cache
def _with_words(model: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    return tuple(field for field in _fields(model) if _says(field.type)[0])


@cache
def _hints(model: type[msgspec.Struct]) -> dict[str, Any]:
    return get_type_hints(model, include_extras=True)


def _says(kind: inspect.Type) -> tuple[str, Mapping[str, Any]]:
    """What a member says that it is, and the limits that this means."""
    if not isinstance(kind, inspect.Metadata):
        return "", {}
    return (kind.extra or {}).get("says", ""), kind.extra_json_schema or {}


def _is_whole(kind: inspect.Type) -> bool:
    return isinstance(kind.type if isinstance(kind, inspect.Metadata) else kind, inspect.IntType)


def _fault(path: str, message: str, problem: str = "value") -> WireFault:
    return WireFault(path, problem, message)


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
    # An item of a member: `lines` and `[0].quantity`.
    dot = "." if prefix and path and not path.startswith("[") else ""
    where = f"{prefix}{dot}{path}"
    return WireFault(where, problem, f"{where or 'body'}: {message}")


def refuse_misfit(
    dialects: Iterable[Dialect], kind: str, data: Mapping[str, Any], path: str
) -> None:
    """Raises HTTPFault(INVALID) for what a dialect could not read of the free `data` of such a record or credential."""
    for dialect in dialects:
        if kind in dialect.data:
            converted(data, dialect.data[kind], path)


def refuse(path: str, message: str, problem: str = "value") -> HTTPFault:
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
    """An amount, given as a number or (better) as a text of digits."""
    # Python itself takes 1_0 and digits of any script, which in an amount are slips.
    is_one = not isinstance(value, str) or _DIGITS.fullmatch(value)
    found = Decimal(value) if is_one else _NO_AMOUNT
    if not found.is_finite():
        raise refuse(path, f"{path} is an amount such as 12.50")
    return found


def _is_number(text: str, longest: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= longest


def refuse_unless_dialect(call: Call, name: str, member: str = "dialect") -> None:
    """Raises HTTPFault(INVALID) with the dialects that there are."""
    known = sorted(each.name for each in port(call).dialects)
    if name not in known:
        raise refuse(member, f"{member} is one of {', '.join(known)}")


def if_match(call: Call) -> int | None:
    """The version that `If-Match` names; None = any."""
    found = _IF_MATCH.fullmatch(call.header("if-match").strip())
    if found is None:
        raise refuse("If-Match", "If-Match is a version, as its ETag says")
    return int(found[1]) if found[1] not in (None, "*") else None
