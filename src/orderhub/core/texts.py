"""Texts that every database keeps: none holds U+0000, and no name is longer than an index takes."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

# An index of PostgreSQL takes 2,704 bytes, with what stands beside the name.
MOST_BYTES_OF_NAME = 2_000
_NUL = "\0"
_NUL_IN_JSON = b"\\u0000"


def fault_of_name(name: object) -> str:
    """Why nothing can be found by this name, going on from what it is the name of; empty = it can."""
    text = str(name)
    if _NUL in text:
        return "holds U+0000"
    if len(text.encode(errors="replace")) > MOST_BYTES_OF_NAME:
        return f"has more than {MOST_BYTES_OF_NAME} bytes"
    return ""


def nul_in(value: Any) -> str | None:
    """Where in a document the first text with U+0000 stands, as `data.image`; None = nowhere."""
    if _NUL_IN_JSON not in msgspec.json.encode(value):
        return None
    # A backslash before the word is written alike, so it is looked for.
    return _found(msgspec.to_builtins(value, builtin_types=(Decimal,), str_keys=True), "")


def _found(value: Any, path: str) -> str | None:
    match value:
        case str():
            return path if _NUL in value else None
        case Mapping():
            pairs = [
                (f"{path}.{name}" if path else str(name), each) for name, each in value.items()
            ]
            if any(_NUL in at for at, _ in pairs):
                return path
            return next(
                (at for name, each in pairs if (at := _found(each, name)) is not None), None
            )
        case list() | tuple():
            each_at = (_found(each, f"{path}[{index}]") for index, each in enumerate(value))
            return next((at for at in each_at if at is not None), None)
    return None
