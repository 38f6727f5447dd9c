"""The guide to the catalogue, out of what is checked: `make docs` writes it to docs/catalogue.md."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

from orderhub.core.ranges import fields_of, is_needed, rules_of
from orderhub.core.units import ItemId
from orderhub.web.hub_api.catalogue_kinds import KINDS, Kind
from orderhub.web.hub_api.catalogue_shapes import (
    about_of,
    default_of,
    schema_of,
    structs_of,
)

_INTRODUCTION = """# The catalogue

What the `doc` of each kind of item holds: `PUT /hub/v1/tenants/{tenant}/catalogue/{kind}/{id}` and
`:bulk` take it, whoever may `catalogue` ([hub-api.md](hub-api.md)). This page is written by
`make docs` out of the same Structs that are checked; the
[OpenAPI document](openapi.md) says the same.

- A member that is missing has its default; **needed** ones have none. Unknown members are refused, at any depth.
- Amounts are texts (`"12.50"`) or numbers, of at most 12 digits before the point; 6 behind it are kept (of an
  exchange rate 12), half away from zero. Instants are ISO 8601 with an offset, days `YYYY-MM-DD`. Money is never
  below 0: what gives money back is a coupon, a refund, or a rebate that a caller with the permission posts
  (Mews), never a price.
- **No price is not a price of 0**: without one a thing is not for sale through any door; 0 is free on purpose. In
  the room, adult and child prices of a tour 0 is "not sold".
- **A product that has active variants is bought by variant**, through every door and every cart. Mews names no
  variants, so it does not sell such a product. A Mews charge that states its own amount needs no price of the product.
- Ranges hold where an item is written. What an older hub let in goes on being read and shown, sells for nothing
  below 0, and is refused when it is written again ([decision 0008](decisions/0008-ranges-at-the-write.md)).
- *Read by* names the doors whose calls or rules look at a member; the hub itself shows every one.
- `uid` and `code` may stand beside `doc`, in it or in both. `data` is free: `dialects/<name>/data.py` names what a door
  reads of it, in the shape that it reads.
"""
_ITEM_ID = inspect.type_info(ItemId)
_HUGE = 10**12
_TABLE = "\n| member | type | default | read by | what it means |\n|---|---|---|---|---|\n"


def guide() -> str:
    """The whole page."""
    parts = [_INTRODUCTION]
    structs: dict[str, type[msgspec.Struct]] = {}
    for kind in KINDS.values():
        parts.append(_section(kind))
        for struct in structs_of(kind.fields):
            structs.setdefault(struct.__name__, struct)
    parts.append("\n## Within them\n")
    for name, struct in structs.items():
        table = "".join(map(_row, fields_of(struct)))
        parts.append(f"\n### Shape {name}\n\n{about_of(struct)}\n{_TABLE}{table}{_rules(struct)}")
    return "".join(parts)


def _section(kind: Kind) -> str:
    words = f"\n## {kind.name}\n\n"
    if kind.members:
        words += f"{kind.what.capitalize()}."
        owners = [k.name for k in KINDS.values() if k.record == kind.record and not k.members]
        words += f" A view of `{owners[0]}`:" if owners else " A view:"
        words += " what else the item holds stays as it is."
        if kind.opening:
            said = ", ".join(f"`{e.name}`" for e in kind.fields if e.name in kind.opening)
            words += f" {said} are said when an item is made, and neither shown nor changed after."
            words += f" Of {', '.join(f'`{name}`' for name in kind.names)} one is **needed** then."
    else:
        words += about_of(kind.model)
    if kind.named:
        words += " The item's `code` is **needed**."
    if kind.single:
        words += " Its id is 1."
    table = "".join(map(_row, kind.fields))
    rules = "" if kind.members else _rules(kind.model)
    row = kind.example
    body = json.dumps({n: v for n, v in row.items() if n != "id"}, ensure_ascii=False)
    example = (
        f"\n```\nPUT /hub/v1/tenants/{{tenant}}/catalogue/{kind.name}/{row['id']}\n{body}\n```\n"
    )
    return f"{words}\n{_TABLE}{table}{rules}{example}"


def _rules(struct: type[msgspec.Struct]) -> str:
    rows = "".join(f"- `{rule.member}` {rule.says}.\n" for rule in rules_of(struct))
    return f"\n{rows}" if rows else ""


def _row(field: inspect.Field) -> str:
    schema = schema_of(field.type)
    about = schema.pop("description", "")
    by = ", ".join(_readers(field.type)) or "the hub"
    cells = (f"`{field.name}`", _type(schema), _default(field), by, about)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _readers(kind: inspect.Type) -> list[str]:
    found = (kind.extra or {}).get("by", "") if isinstance(kind, inspect.Metadata) else ""
    return str(found).split()


def _default(field: inspect.Field) -> str:
    if field.type == _ITEM_ID:
        return "the path's"
    if is_needed(field) and field.name != "uid":
        return "**needed**"
    told = default_of(field)
    return "" if told in (None, "") else f"`{json.dumps(told)}`"


_NAMES = {
    "decimal": "amount",
    "date": "day",
    "date-time": "instant",
    "uuid-in-lower-case": "UUID",
    "iso-4217": "currency",
    "currency-code": "currency",
    "iso-3166-1": "country",
    "iso-3166-1-alpha-3": "country, 3 letters",
    "time-of-day": "time",
    "trimmed": "text",
    "e-mail": "e-mail address",
    "mobile": "mobile number",
}


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#shape-{name.lower()})"
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if schema.get("type") == "object":
        values = schema.get("additionalProperties")
        return f"table of {_type(values)}" if values else "object"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(each)}`".replace('"', "") for each in schema["enum"])
    kind = schema.get("type", "anything")
    name = _NAMES.get(schema.get("format", ""), kind)
    words = {"string": "text", "boolean": "`true`, `false`", "integer": "whole"}.get(
        str(name), name
    )
    return " ".join(filter(None, (str(words), *_range(schema))))


def _range(schema: dict[str, Any]) -> Iterator[str]:
    least, above, most = (schema.get(n) for n in ("minimum", "exclusiveMinimum", "maximum"))
    if above is not None:
        yield f"above {above}"
    elif least is not None and most is not None and most < _HUGE:
        yield f"{least} to {most}"
    elif least is not None:
        yield f"from {least}"
    if schema.get("minLength"):
        yield "not empty"
    if schema.get("maxLength"):
        yield f"of at most {schema['maxLength']} characters"
