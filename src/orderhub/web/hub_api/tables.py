"""Rows as CSV: a column for each member, cells that a spreadsheet takes for what they are.

A text that a spreadsheet would run as a formula gets an apostrophe before it, which the importer takes off again
(`text_of`). UTF-8 with a byte order mark, since spreadsheets take a file without one for something else.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import inspect

MARK = "\ufeff".encode()
# What a spreadsheet may run, wide forms included; a number is none of it. Apostrophes that stand there are a part of
# the text: it gets one more, so that taking one off always gives the text back.
_RUNS = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


def harmless(text: str) -> str:
    """The text as a cell that no spreadsheet runs."""
    if _RUNS.match(text) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def text_of(cell: str) -> str:
    """The text that a cell was made of."""
    return cell[1:] if cell[:1] == "'" and _RUNS.match(cell) else cell


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
    return _lines(
        [_cell(_at(plain, path)) for path in paths] for plain in map(msgspec.to_builtins, items)
    )


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


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
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return msgspec.json.encode(value).decode()
