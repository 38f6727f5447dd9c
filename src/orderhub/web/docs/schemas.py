"""JSON Schemas: of wire models, and of examples where there is no model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from orderhub.dialects.members import is_declared, schema_of, within

REF = "#/components/schemas/"
Schema = dict[str, Any]
# A number without a float anywhere on its way: JSON shows it as a plain number.
_DECIMAL = {"type": "string", "format": "decimal"}
_NUMBER = {"type": "number"}


class Schemas:
    """The schemas of a document's models; a dict is one already, with what is in its `$defs`.

    Shapes with a name become components.
    """

    def __init__(self, models: Iterable[Any]) -> None:
        self._models = list({id(each): each for each in models}.values())
        said = {id(each): schema_of(each) for each in self._models if is_declared(each)}
        typed = [e for e in self._models if not isinstance(e, dict) and id(e) not in said]
        schemas, components = msgspec.json.schema_components(typed, ref_template=REF + "{name}")
        self._found: dict[int, Schema] = dict(zip(map(id, typed), map(plain, schemas), strict=True))
        self.components: dict[str, Schema] = {n: plain(s) for n, s in components.items()}
        entries = {
            m.__name__: m for each in self._models if is_declared(each) for m in within(each)
        }
        named = {id(schema_of(m)): n for n, m in entries.items() if n not in self.components}
        self._found |= {key: _referring(schema, named) for key, schema in said.items()}
        self.components |= {n: _referring(schema_of(entries[n]), named) for n in named.values()}
        for each in self._models:
            if isinstance(each, dict):
                self._found[id(each)] = {n: value for n, value in each.items() if n != "$defs"}
                self.components |= each.get("$defs", {})

    def of(self, model: Any) -> Schema:
        if isinstance(model, tuple):
            return either(*map(self.of, model))
        return self._found[id(model)]


def _referring(schema: Schema, named: dict[int, str]) -> Schema:
    """The schema, with references in place of those within it that have a name, by id."""

    def inner(value: Any) -> Any:
        if id(value) in named:
            return {"$ref": REF + named[id(value)]}
        if isinstance(value, list):
            return [inner(each) for each in value]
        return {n: inner(each) for n, each in value.items()} if isinstance(value, dict) else value

    return {name: inner(value) for name, value in schema.items()}


def members(model: Any) -> tuple[dict[str, Schema], set[str]]:
    """(member -> schema, the required ones) of a model that is spread over parameters."""
    if is_declared(model):
        model = schema_of(model, nullable=False)
    if isinstance(model, dict):
        return dict(model["properties"]), set(model.get("required", ()))
    (schema,), components = msgspec.json.schema_components((model,), ref_template=REF + "{name}")
    while "$ref" in schema:
        schema = components[schema["$ref"].removeprefix(REF)]
    properties = {name: plain(each) for name, each in schema.get("properties", {}).items()}
    return properties, set(schema.get("required", ()))


def plain(schema: Any) -> Any:
    """As msgspec says it, with Decimals as the numbers they are on the wire and no defaults of ours."""
    if isinstance(schema, list):
        return [plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if {k: schema.get(k) for k in _DECIMAL} == _DECIMAL:
        return {**{k: v for k, v in schema.items() if k not in _DECIMAL}, **_NUMBER}
    return {name: plain(each) for name, each in schema.items()}


def inferred(values: list[Any], *, whole: bool = True) -> Schema:
    """What all values have in common, said so loosely that what is like them fits too.

    whole   the values are entire bodies: what all of them have is required. Further down nothing is,
            and everything may be null.
    """
    objects = [each for each in values if isinstance(each, Mapping)]
    lists = [each for each in values if isinstance(each, list)]
    types = sorted({_type_of(each) for each in values})
    if not whole:
        types = sorted({*types, "null"})
    schema: Schema = {"type": types[0] if len(types) == 1 else types} if types else {}
    if objects:
        names = list(dict.fromkeys(name for each in objects for name in each))
        if _is_table(names):
            return schema
        schema["properties"] = {
            name: inferred([each[name] for each in objects if name in each], whole=False)
            for name in names
        }
        if whole:
            required = [name for name in names if all(name in each for each in objects)]
            if required:
                schema["required"] = required
            for name in required:
                _let_envelope_speak(schema["properties"], name, objects)
    items = [item for each in lists for item in each]
    if items:
        schema["items"] = inferred(items, whole=False)
    return {} if types == ["null"] else schema


_SCALARS: dict[type, Any] = {int: "integer", str: ["string", "null"], bool: "boolean"}


def _is_table(names: list[str]) -> bool:
    """Whether the members are data themselves: numbers and ids rather than words."""
    return any(not name.isidentifier() for name in names)


def _let_envelope_speak(properties: dict[str, Schema], name: str, objects: list[Any]) -> None:
    """A member that every whole body has, always of one scalar type, is that; only a text may be null."""
    kinds = {type(each[name]) for each in objects}
    if len(kinds) == 1 and kinds <= set(_SCALARS):
        properties[name] = {"type": _SCALARS[kinds.pop()]}


def _type_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float() | Decimal():
            return "number"
        case str():
            return "string"
        case list() | tuple():
            return "array"
    return "object"


def either(*schemas: Schema) -> Schema:
    """Any of them; of equal ones one."""
    distinct = [each for index, each in enumerate(schemas) if each not in schemas[:index]]
    if len(distinct) == 1:
        return distinct[0]
    return {} if {} in distinct else {"anyOf": distinct}
