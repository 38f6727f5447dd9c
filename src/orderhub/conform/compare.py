"""What two answers differ in, said so that it can be found."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_AROUND = 24
_MOST = 12


def compact(value: Any) -> bytes:
    """JSON as every dialect writes it: no spaces, no escapes beyond need, exact numbers."""
    return _ENCODER.encode(value)


def bytes_apart(expected: bytes, got: bytes) -> list[str]:
    """The first differing byte with what stands around it; empty when there is none."""
    if expected == got:
        return []
    where = next(
        (i for i, (a, b) in enumerate(zip(expected, got, strict=False)) if a != b),
        min(len(expected), len(got)),
    )
    return [f"byte {where}: expected {_around(expected, where)}, got {_around(got, where)}"]


def _around(text: bytes, where: int) -> str:
    start, end = max(0, where - _AROUND), where + _AROUND
    shown = text[start:end].decode("utf-8", "replace")
    return f"{'…' if start else ''}{shown}{'…' if end < len(text) else ''}"


def values_apart(expected: Any, got: Any, path: str = "$") -> list[str]:
    """Every place where two JSON values differ, a few at most."""
    return list(_apart(expected, got, path))[:_MOST]


def _apart(expected: Any, got: Any, path: str) -> list[str]:
    if isinstance(expected, dict) and isinstance(got, dict):
        wrong = []
        for name, each in expected.items():
            if name in got:
                wrong += _apart(each, got[name], f"{path}.{name}")
            else:
                wrong.append(f"{path}.{name}: missing, expected {_shown(each)}")
        wrong += [
            f"{path}.{name}: not expected, got {_shown(each)}"
            for name, each in got.items()
            if name not in expected
        ]
        return wrong
    if isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            return [f"{path}: expected {len(expected)} items, got {len(got)}"]
        return [
            line
            for index, (a, b) in enumerate(zip(expected, got, strict=True))
            for line in _apart(a, b, f"{path}[{index}]")
        ]
    if _same(expected, got):
        return []
    return [f"{path}: expected {_shown(expected)}, got {_shown(got)}"]


def order_apart(expected: Any, got: Any, path: str = "$") -> list[str]:
    """Where the members of an object stand in another order, in two values that are otherwise equal."""
    if isinstance(expected, dict):
        if list(expected) != list(got):
            return [f"{path}: members in another order: {', '.join(got)}"]
        return [
            line
            for name, each in expected.items()
            for line in order_apart(each, got[name], f"{path}.{name}")
        ]
    if isinstance(expected, list):
        return [
            line
            for index, (a, b) in enumerate(zip(expected, got, strict=True))
            for line in order_apart(a, b, f"{path}[{index}]")
        ]
    return []


def _same(expected: Any, got: Any) -> bool:
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    numbers = (int, Decimal)
    if isinstance(expected, numbers) and isinstance(got, numbers):
        return expected == got
    return type(expected) is type(got) and bool(expected == got)


def _shown(value: Any) -> str:
    text = compact(value).decode("utf-8", "replace")
    return text if len(text) <= 80 else f"{text[:79]}…"
