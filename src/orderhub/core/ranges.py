"""Whether a document keeps within the ranges of its members: asked where an item is written, never where one is read.

A range stands beside its member (`core/units.py`); what members say of each other is a `Rule` in the
`RULES` of their Struct. A member whose default breaks its own range is needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect

from orderhub.core.countries import ISO_COUNTRIES
from orderhub.core.currencies import current_currencies, known_currencies

NEEDED = "is needed"


class Rule(NamedTuple):
    """What members of one document say of each other. `says` goes on from the member's name."""

    member: str
    says: str
    holds: Callable[[Any], bool]


class Breach(NamedTuple):
    """A member out of its range: `path` from the document on (`departures[0].last`), and why."""

    path: str
    says: str


def breaches(doc: msgspec.Struct) -> Iterator[Breach]:
    """Everything in the document that is out of its range, in the order of its members."""
    yield from _of_struct(doc, "")


def is_needed(field: inspect.Field) -> bool:
    """Whether a document must have the member: it has no default, or one that its own range refuses."""
    if field.required:
        return True
    if field.default is msgspec.NODEFAULT:
        return False  # an empty list or table
    return any(True for _ in _of_value(field.default, field.type, "", {}))


def rules_of(struct: type[msgspec.Struct]) -> tuple[Rule, ...]:
    """What its members say of each other."""
    found: tuple[Rule, ...] = getattr(struct, "RULES", ())
    return found


@cache
def type_of(struct: type[msgspec.Struct]) -> inspect.StructType:
    """What msgspec knows of it, worked out once."""
    found = inspect.type_info(struct)
    assert isinstance(found, inspect.StructType), f"{struct} is no Struct"
    return found


def fields_of(struct: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    """Its members with their types and ranges."""
    return type_of(struct).fields


def strangers(value: Any, kind: inspect.Type, path: str = "") -> Iterator[str]:
    """Paths of the members of a JSON value that its type has not: reading it would drop them in silence."""
    match kind:
        case inspect.Metadata():
            yield from strangers(value, kind.type, path)
        case inspect.UnionType():
            for each in kind.types:
                yield from strangers(value, each, path)
        case inspect.StructType() if isinstance(value, dict):
            known = _members_within(kind.cls)
            for name, each in value.items():
                at = f"{path}.{name}" if path else name
                if name not in known:
                    yield at
                elif (within := known[name]) is not None:
                    yield from strangers(each, within, at)
        case inspect.VarTupleType() | inspect.ListType() if isinstance(value, list):
            for index, each in enumerate(value):
                yield from strangers(each, kind.item_type, f"{path}[{index}]")


@cache
def _members_within(struct: type[msgspec.Struct]) -> Mapping[str, inspect.Type | None]:
    """Its members, each with its type where that can have members in turn."""
    return {
        each.encode_name: each.type if _has_members(each.type) else None
        for each in fields_of(struct)
    }


def _has_members(kind: inspect.Type) -> bool:
    match kind:
        case inspect.Metadata():
            return _has_members(kind.type)
        case inspect.UnionType():
            return any(map(_has_members, kind.types))
        case inspect.VarTupleType() | inspect.ListType():
            return _has_members(kind.item_type)
    return isinstance(kind, inspect.StructType)


@cache
def _limited(struct: type[msgspec.Struct]) -> tuple[tuple[inspect.Field, bool], ...]:
    """The members that can be out of range, each with whether it is needed."""
    return tuple((each, is_needed(each)) for each in fields_of(struct) if _has_limits(each.type))


def _has_limits(kind: inspect.Type) -> bool:
    match kind:
        case inspect.Metadata():
            return not _LIMITS.isdisjoint(kind.extra_json_schema or ()) or _has_limits(kind.type)
        case inspect.UnionType():
            return any(map(_has_limits, kind.types))
        case inspect.StructType():
            return bool(rules_of(kind.cls) or _limited(kind.cls))
        case inspect.VarTupleType() | inspect.ListType():
            return _has_limits(kind.item_type)
        case inspect.DictType():
            return _has_limits(kind.key_type) or _has_limits(kind.value_type)
    return False


def _of_struct(doc: msgspec.Struct, path: str) -> Iterator[Breach]:
    for field, needed in _limited(type(doc)):
        value = getattr(doc, field.name)
        if value is field.default and not needed:
            continue
        at = f"{path}.{field.name}" if path else field.name
        for breach in _of_value(value, field.type, at, {}):
            is_absent = breach.path == at and not field.required and value == field.default
            yield Breach(at, NEEDED) if is_absent else breach
    for rule in rules_of(type(doc)):
        if not rule.holds(doc):
            yield Breach(f"{path}.{rule.member}" if path else rule.member, rule.says)


def _of_value(
    value: Any, kind: inspect.Type, path: str, limits: Mapping[str, Any]
) -> Iterator[Breach]:
    match kind:
        case inspect.Metadata():
            yield from _of_value(
                value, kind.type, path, {**limits, **(kind.extra_json_schema or {})}
            )
        case inspect.UnionType():
            others = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
            if value is not None and len(others) == 1:
                yield from _of_value(value, others[0], path, limits)
        case inspect.StructType():
            yield from _of_struct(value, path)
        case inspect.VarTupleType() | inspect.ListType():
            for index, each in enumerate(value):
                yield from _of_value(each, kind.item_type, f"{path}[{index}]", {})
        case inspect.DictType():
            for name, each in value.items():
                yield from _of_value(name, kind.key_type, f"{path}.{name}", {})
                yield from _of_value(each, kind.value_type, f"{path}.{name}", {})
        case _:
            words = _out_of(value, limits)
            if words:
                yield Breach(path, words)


_LIMITS = {"minimum", "exclusiveMinimum", "maximum", "enum", "minLength", "maxLength", "pattern"}
_FORMATS = {
    "iso-4217": "is a currency of ISO 4217, such as EUR",
    "iso-3166-1": "is a country of ISO 3166-1, such as DE",
    "iso-3166-1-alpha-3": "is a country of three letters, such as DEU",
    "currency-code": "is a currency that is or was, such as EUR",
    "uuid-in-lower-case": "is a UUID in lower case",
    "time-of-day": "is a time HH:MM:SS",
    "trimmed": "has no blanks around it and no line breaks",
    "e-mail": "is an e-mail address",
    "mobile": "is a mobile number of mainland China: 11 digits",
}
_KNOWN: dict[str, Callable[[], Collection[str]]] = {
    "iso-4217": current_currencies,
    "currency-code": known_currencies,
    "iso-3166-1": lambda: ISO_COUNTRIES,
}


def _out_of(value: Any, limits: Mapping[str, Any]) -> str:
    """How a value is out of its limits, those of JSON Schema; empty = it is not."""
    least, above, most = (limits.get(name) for name in ("minimum", "exclusiveMinimum", "maximum"))
    if above is not None and not value > above:
        return f"is above {above}"
    if (least is not None and value < least) or (most is not None and value > most):
        return f"is at least {least}" if most is None else f"is from {least} to {most}"
    if "enum" in limits and value not in limits["enum"]:
        return f"is one of {', '.join(map(str, limits['enum']))}"
    if isinstance(value, str) and len(value) < limits.get("minLength", 0):
        return "is not empty"
    if isinstance(value, str) and len(value) > limits.get("maxLength", len(value)):
        return f"has at most {limits['maxLength']} characters"
    form = limits.get("format", "")
    if "pattern" in limits and not re.fullmatch(limits["pattern"], value):
        return _FORMATS[form]
    return _FORMATS[form] if value and form in _KNOWN and value not in _KNOWN[form]() else ""
