"""JSON Schemas for OpenAPI that kinds of members are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

# Where text is meant a number is read, and the other way round: see scalars.py.
TEXT = ["string", "number"]
INTEGER = ["integer", "string"]
NUMBER = ["number", "string"]

_CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_OFFSET = "(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9])"
_SECOND = "(?::[0-5][0-9](?:\\.[0-9]{1,6})?)?"
# What neither Python nor JavaScript takes for a blank.
_NOT_BLANK = r"[^\s\x1c-\x1f\x85\ufeff]"
# 29 February is in the years that have one.
_LEAP = "19(?:7[26]|8[048]|9[26])|20(?:0[048]|[2468][048]|[13579][26])"


def _day(year: str) -> str:
    return (
        f"(?:{year}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
        "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
        f"|(?:{_LEAP})-02-29)"
    )


DAY = _day("(?:19|20)[0-9]{2}")
# Perhaps without an offset, and perhaps without a time at all.
LOOSE_INSTANT: Schema = {"type": "string", "pattern": f"^{DAY}T{_CLOCK}{_SECOND}{_OFFSET}?$"}
DAY_OR_INSTANT: Schema = {
    "type": "string",
    "pattern": f"^{DAY}(?:T{_CLOCK}{_SECOND}{_OFFSET}?)?$",
}
BIRTHDAY: Schema = {
    "type": "string",
    "pattern": f"^(?:19[0-9]{{2}}|20[01][0-9])-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    f"(?:T{_CLOCK}{_SECOND}{_OFFSET}?)?$",
}


def text(most: int, about: str = "") -> Schema:
    schema: Schema = {"type": TEXT, "maxLength": most}
    return {**schema, "description": about} if about else schema


def needed(most: int) -> Schema:
    """A text with something else than blanks in it."""
    return {"type": TEXT, "minLength": 1, "maxLength": most, "pattern": _NOT_BLANK}


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    more: Schema = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    if "type" in schema:
        kinds = schema["type"]
        more["type"] = [*(kinds if isinstance(kinds, list) else [kinds]), "null"]
    return {**schema, **more}


def whole(least: int, most: int, about: str = "") -> Schema:
    schema: Schema = {"type": "integer", "minimum": least, "maximum": most}
    return {**schema, "description": about} if about else schema


def or_empty(schema: Schema) -> Schema:
    """A query parameter that counts as absent when it is empty."""
    about = {name: schema[name] for name in ("description",) if name in schema}
    rest = {name: value for name, value in schema.items() if name not in about}
    return {"anyOf": [rest, {"const": ""}], **about}


def listed(item: Schema, least: int, most: int) -> Schema:
    return {"type": "array", "items": item, "minItems": least, "maxItems": most}


def members(properties: Mapping[str, Schema], *required: str, **more: Any) -> Schema:
    """An object."""
    schema: Schema = {"type": "object", "properties": dict(properties)}
    if required:
        schema["required"] = list(required)
    return {**schema, **more}


NOTHING: Schema = {"enum": [None, ""]}


def any_of(spelled: Mapping[str, Schema]) -> list[Schema]:
    """For `anyOf`: one of these members is there; the first that is there is the one that counts."""
    return [
        {
            "properties": {**dict.fromkeys(list(spelled)[:index], NOTHING), name: schema},
            "required": [name],
        }
        for index, (name, schema) in enumerate(spelled.items())
    ]
