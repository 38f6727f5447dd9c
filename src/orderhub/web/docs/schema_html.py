"""A JSON Schema as nested lists a person can read."""

from __future__ import annotations

import re
from html import escape
from typing import Any

from orderhub.web.docs.schemas import REF

Json = dict[str, Any]
_DEPTH = 6
_MANY = 24
_FEW_MEMBERS = 4  # more of them within another shape are unfolded on demand
_NULL = {"type": "null"}
_BOUNDS = {
    "minimum": "from {}",
    "exclusiveMinimum": "above {}",
    "maximum": "to {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {}",
    "maxItems": "at most {}",
    "format": "{}",
    "const": "always {}",
}


def schema_html(schema: Json | bool, depth: int = 0) -> str:
    """The schema in words, and what is in it."""
    if isinstance(schema, bool) or not schema:
        return '<span class="type">anything</span>'
    if "anyOf" in schema and _NULL in schema["anyOf"]:
        rest = [each for each in schema["anyOf"] if each != _NULL]
        if len(rest) == 1:
            about = {name: each for name, each in schema.items() if name != "anyOf"}
            return f'{schema_html({**about, **rest[0]}, depth)} <span class="type">or null</span>'
    inside = _inside(schema, depth) if depth < _DEPTH else ""
    return f'<span class="type">{_kind(schema)}</span>{_words(schema)}{inside}'


def _kind(schema: Json) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].removeprefix(REF))
        return f'<a href="#shape-{name}">{name}</a>'
    kind = schema.get("type", "")
    return escape(" or ".join(kind) if isinstance(kind, list) else str(kind))


def _words(schema: Json) -> str:
    said = [text.format(schema[name]) for name, text in _BOUNDS.items() if name in schema]
    values = schema.get("enum", ())
    if values:
        shown = [_value(each) for each in values[:_MANY]]
        said.append("one of " + ", ".join(shown) + (", …" if len(values) > _MANY else ""))
    words = f' <span class="bounds">{escape("; ".join(said))}</span>' if said else ""
    about = schema.get("description", "")
    return f"{words} {prose(about)}" if about else words


def _value(value: Any) -> str:
    return {None: "null", "": "empty"}.get(value, str(value)) if value in (None, "") else str(value)


def _inside(schema: Json, depth: int) -> str:
    parts = []
    required = set(schema.get("required", ()))
    rows = "".join(
        f"<li><code>{escape(name)}</code>{'<b> required</b>' if name in required else ''} "
        f"{schema_html(each, depth + 1)}</li>"
        for name, each in schema.get("properties", {}).items()
    )
    if rows:
        members = f'<ul class="members">{rows}</ul>'
        count = len(schema["properties"])
        if depth and count > _FEW_MEMBERS:
            members = f"<details><summary>{count} members</summary>{members}</details>"
        parts.append(members)
    if isinstance(schema.get("items"), dict) and schema["items"]:
        parts.append(f' <span class="of">of</span> {schema_html(schema["items"], depth + 1)}')
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            choices = "".join(f"<li>{schema_html(e, depth + 1)}</li>" for e in schema[word])
            parts.append(f'<span class="of">{_CHOICES[word]}</span><ul>{choices}</ul>')
    return "".join(parts)


def prose(text: str) -> str:
    """A sentence with its `code` marked as such."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


_CODE = re.compile("`([^`]+)`")
_CHOICES = {"anyOf": "one or more of", "oneOf": "one of", "allOf": "all of"}
