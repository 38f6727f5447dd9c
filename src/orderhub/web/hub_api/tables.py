"""Rows as CSV: a column for each member, cells that a spreadsheet takes for what they are.

A text that a spreadsheet would run as a formula gets an apostrophe before it, which the importer takes off again
(`sheets.text_of`). UTF-8 with a byte order mark, since spreadsheets take a file without one for something else.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import inspect

from orderhub.web.sheets import harmless

MARK = "\ufeff".encode()
# A number in free data is one, as the same list has it as JSON.
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def columns_of(shape: type[msgspec.Struct]) -> tuple[str, ...]:
    """Its members by name, with dots into objects: `contact.email`. A list or free data is one column."""
    return tuple(_columns(inspect.type_info(shape)))


def _columns(kind: inspect.Type, within: str = "") -> Iterable[str]:
    match kind:
        case inspect.Metadata():
            yield from _columns(kind.type, within)
        case inspect.StructType():
            for each in kind.fields:
                yield from _columns(each.type, f"{within}.{each.encode_name}")
        case inspect.UnionType() if len(inner := _structs(kind)) == 1:
            yield from _columns(inner[0], within)
        case _:
            yield within.removeprefix(".")


def _structs(kind: inspect.UnionType) -> list[inspect.Type]:
    """What a member is that is an object or nothing; empty where it may be something else as well."""
    some = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
    return some if all(isinstance(each, inspect.StructType) for each in some) else []


def head(columns: Sequence[str]) -> bytes:
    return MARK + _lines([columns])


def lines(items: Iterable[Any], columns: Sequence[str]) -> bytes:
    """A line for each item, which is a Struct or an object of JSON values."""
    paths = [column.split(".") for column in columns]
    return _lines([_cell(_at(plain, path)) for path in paths] for plain in map(_plain, items))


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _plain(item: Any) -> Any:
    return msgspec.to_builtins(item, builtin_types=(Decimal,))


def _at(value: Any, path: list[str]) -> Any:
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return harmless(value)
    if value is None:
        return ""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return str(value)
    return _ENCODER.encode(value).decode()
