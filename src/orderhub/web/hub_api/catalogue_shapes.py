"""What an item of each kind looks like when it is written: out of the Structs, their ranges and their rules.

One source for OpenAPI and for the guide; what is written is checked against the same Structs.
"""

from __future__ import annotations

import inspect as python
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import inspect

from orderhub.core.ranges import fields_of, is_needed, rules_of
from orderhub.dialects.describing import Schema
from orderhub.web.docs.schemas import REF
from orderhub.web.hub_api.catalogue_kinds import KINDS, Kind
from orderhub.web.hub_api.catalogue_rows import UUID, Row
from orderhub.web.hub_api.instants import is_instant

# What an item may get from beside its document.
_GIVEN = ("id", "uid", "code")
_KEPT = (
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "enum",
    "description",
)


def about_of(struct: type[msgspec.Struct]) -> str:
    """The first sentence of what a Struct says of itself."""
    return (python.getdoc(struct) or "").partition("\n")[0]


def structs_of(fields: tuple[inspect.Field, ...]) -> Iterator[type[msgspec.Struct]]:
    """The Structs within members, each before those within it."""
    for field in fields:
        for struct in _within(field.type):
            yield struct
            yield from structs_of(fields_of(struct))


def _within(kind: inspect.Type) -> Iterator[type[msgspec.Struct]]:
    match kind:
        case inspect.StructType():
            yield kind.cls
        case inspect.Metadata():
            yield from _within(kind.type)
        case inspect.VarTupleType() | inspect.ListType():
            yield from _within(kind.item_type)
        case inspect.UnionType():
            for each in kind.types:
                yield from _within(each)


def schema_of(kind: inspect.Type) -> Schema:
    """A value as JSON Schema. Amounts are texts or numbers, instants ISO 8601 or null."""
    if is_instant(kind):
        words = kind.extra_json_schema if isinstance(kind, inspect.Metadata) else None
        return {"type": ["string", "null"], "format": "date-time", **_kept(words)}
    match kind:
        case inspect.Metadata():
            return {**schema_of(kind.type), **_kept(kind.extra_json_schema)}
        case inspect.UnionType():
            return {"anyOf": [schema_of(each) for each in kind.types]}
        case inspect.StructType():
            return {"$ref": f"{REF}{kind.cls.__name__}"}
        case inspect.VarTupleType() | inspect.ListType():
            return {"type": "array", "items": schema_of(kind.item_type)}
        case inspect.DictType():
            values = schema_of(kind.value_type)
            return {"type": "object", **({"additionalProperties": values} if values else {})}
        case inspect.EnumType():
            return {"type": "string", "enum": [each.value for each in kind.cls]}
        case inspect.IntType():
            found = {"minimum": kind.ge, "maximum": kind.le}
            return {"type": "integer", **{n: v for n, v in found.items() if v is not None}}
        case inspect.DecimalType():
            return {"type": ["string", "number"], "format": "decimal"}
        case inspect.DateType():
            return {"type": "string", "format": "date"}
        case inspect.StrType():
            return {"type": "string"}
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.NoneType():
            return {"type": "null"}
    return {}


def _kept(extra: dict[str, Any] | None) -> Schema:
    return {name: value for name, value in (extra or {}).items() if name in _KEPT}


def object_schema(
    fields: tuple[inspect.Field, ...], *more: str, given: tuple[str, ...] = ()
) -> Schema:
    """An object of these members and no others. `more` says what no single member can."""
    needed = [each.name for each in fields if is_needed(each) and each.name not in given]
    words = " ".join(more)
    return {
        "type": "object",
        **({"description": words} if words else {}),
        "properties": {each.name: _with_default(each) for each in fields},
        **({"required": needed} if needed else {}),
        "additionalProperties": False,
    }


def _with_default(field: inspect.Field) -> Schema:
    schema = schema_of(field.type)
    told = default_of(field)
    return schema if told is None or is_needed(field) else {**schema, "default": told}


def default_of(field: inspect.Field) -> Any:
    """The default as it is written; None = there is none that says anything."""
    default = field.default
    if is_instant(field.type) or isinstance(default, msgspec.Struct) or default == ():
        return None
    if default is msgspec.NODEFAULT or isinstance(default, date):
        return None
    return str(default) if isinstance(default, Decimal) else default


def rules_in_words(struct: type[msgspec.Struct]) -> str:
    return " ".join(f"`{rule.member}` {rule.says}." for rule in rules_of(struct))


def _doc_schema(kind: Kind) -> Schema:
    rules = "" if kind.members else rules_in_words(kind.model)
    words = filter(None, (f"{kind.name}: {kind.what}.", rules))
    schema = object_schema(kind.fields, *words, given=_GIVEN)
    properties = schema["properties"]
    properties.setdefault("id", {"type": "integer", "description": "the item's"})
    if "uid" in properties:
        properties["uid"] = {**properties["uid"], "pattern": f"^$|{UUID}"}  # read in any case
    return schema


def component_of(kind: Kind) -> str:
    """The name of the kind's shape in OpenAPI: `TaxEnvironmentsDoc`."""
    return "".join(part.capitalize() for part in kind.name.split("-")) + "Doc"


def _definitions() -> dict[str, Schema]:
    found = {component_of(kind): _doc_schema(kind) for kind in KINDS.values()}
    for kind in KINDS.values():
        for struct in structs_of(kind.fields):
            about = (about_of(struct), rules_in_words(struct))
            found[struct.__name__] = object_schema(fields_of(struct), *filter(None, about))
    return found


def _row_schema(*, bulk: bool) -> Schema:
    properties = dict(msgspec.json.schema(Row)["$defs"]["Row"]["properties"])
    properties["doc"] = {
        "description": "The members of its kind",
        "anyOf": [{"$ref": f"{REF}{component_of(kind)}"} for kind in KINDS.values()]
        + ([{"type": "null"}] if bulk else []),
    }
    if not bulk:
        properties["delete"] = {"const": False}
    return {
        "type": "object",
        "description": "`uid` and `code` default to those of `doc`. `version` of a listed one is ignored.",
        "properties": properties,
        **({} if bulk else {"required": ["doc"]}),
        "additionalProperties": False,
        "$defs": _definitions(),
    }


ITEM_WRITTEN = _row_schema(bulk=False)
ROW_WRITTEN = _row_schema(bulk=True)
# The id is the path's.
EXAMPLES_OF_KINDS = {
    kind.name: {
        "summary": kind.what.capitalize(),
        "value": {name: each for name, each in kind.example.items() if name != "id"},
    }
    for kind in KINDS.values()
}
