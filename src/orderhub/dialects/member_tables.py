"""python -m orderhub.dialects.member_tables: writes the tables of requests in every dialect's README anew.

A table stands between `<!-- members: wire.CreateOrder -->` and `<!-- end -->`; the rest of a README is by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path

import msgspec

from orderhub.dialects.describing import Schema
from orderhub.dialects.finding import find_dialects
from orderhub.dialects.members import alternatives, declared, is_declared

_TABLE = re.compile(r"<!-- members: (\w+)\.(\w+) -->\n.*?<!-- end -->\n", re.DOTALL)
_HEAD = "| member | rule | meaning |\n|---|---|---|\n"


def written(text: str, package: str) -> str:
    """The README with its tables as the package's requests have it. Raises AttributeError for one that it has not."""

    def table(found: re.Match[str]) -> str:
        model = getattr(import_module(f"{package}.{found[1]}"), found[2])
        rows = "\n".join(table_of(model))
        return f"<!-- members: {found[1]}.{found[2]} -->\n{_HEAD}{rows}\n<!-- end -->\n"

    return _TABLE.sub(table, text)


def readmes() -> list[tuple[str, Path]]:
    """(package, its README) of every dialect."""
    folder = Path(__file__).parent
    names = sorted(each.name for each in find_dialects())
    return [(f"orderhub.dialects.{name}", folder / name / "README.md") for name in names]


def table_of(model: type[msgspec.Struct]) -> list[str]:
    """The rows of a README's table: member, rule, meaning. Also of a Struct that is declared to msgspec alone."""
    if is_declared(model):
        return list(_rows(model, ""))
    _, shapes = msgspec.json.schema_components((model,), ref_template="{name}")
    return list(_typed_rows(model.__name__, shapes, ""))


def _rows(model: type[msgspec.Struct], path: str) -> Iterator[str]:
    grouped = {name for group in alternatives(model) for name in group}
    for each in declared(model):
        names = " or ".join(f"`{path}{name}`" for name in each.names)
        schema = each.kind.schema
        rule = [*(["required"] if each.required else []), *_limits(schema)]
        if each.attribute in grouped:
            rule.insert(0, "one of these is required")
        yield _row(names, rule, each.about)
        if each.kind.model is not None:
            within = "[]" if schema.get("type") == "array" else ""
            yield from _rows(each.kind.model, f"{path}{each.name}{within}.")


def _row(names: str, rule: Iterable[str], about: str) -> str:
    return f"| {names} | {', '.join(rule)} | {about} |"


def _typed_rows(name: str, shapes: Mapping[str, Schema], path: str) -> Iterator[str]:
    """The same of what is declared to msgspec alone, as its JSON Schemas say it."""
    shape = shapes[name]
    for member, schema in shape["properties"].items():
        # A union with null may be left out, another one has several types.
        ways = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
        said: Schema = ways[0] if len(ways) == 1 and not _is_decimal(ways[0]) else _either(ways)
        inner: str = said.get("$ref") or said.get("items", {}).get("$ref", "")
        if "$ref" in said:
            said = {"type": "object"}
        rule = [*(["required"] if member in shape["required"] else []), *_limits(said)]
        yield _row(f"`{path}{member}`", rule, schema.get("description", ""))
        if inner:
            within = "[]" if said["type"] == "array" else ""
            yield from _typed_rows(inner, shapes, f"{path}{member}{within}.")


def _is_decimal(schema: Schema) -> bool:
    return schema.get("format") == "decimal"


def _either(ways: Iterable[Schema]) -> Schema:
    """The types of scalars. A Decimal may be a JSON number or a text, and an integer is a number."""
    kinds = [
        k for each in ways for k in (("number", "string") if _is_decimal(each) else (each["type"],))
    ]
    return {
        "type": [
            each for each in dict.fromkeys(kinds) if each != "integer" or "number" not in kinds
        ]
    }


def _limits(schema: Schema) -> list[str]:
    found = []
    kinds = schema.get("type")
    if "enum" in schema and len(schema["enum"]) <= 12:
        found.append(" ".join(f"`{each}`" for each in schema["enum"]))
    elif kinds:
        found.append(kinds if isinstance(kinds, str) else " or ".join(kinds))
    if "maxLength" in schema:
        found.append(f"≤ {schema['maxLength']:,} characters")
    if "exclusiveMinimum" in schema:
        found.append(f"above {schema['exclusiveMinimum']:,}, at most {schema['maximum']:,}")
    elif "minimum" in schema or "maximum" in schema:
        found.append(f"{schema.get('minimum', 0):,} to {schema['maximum']:,}")
    if "maxItems" in schema:
        found.append(f"{schema.get('minItems', 0)} to {schema['maxItems']:,} entries")
    return found


if __name__ == "__main__":
    for package, path in readmes():
        before = path.read_text()
        after = written(before, package)
        if after != before:
            path.write_text(after)
            sys.stdout.write(f"{path} is written anew\n")
