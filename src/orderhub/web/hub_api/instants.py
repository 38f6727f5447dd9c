"""Where a document holds instants, as its type says, and something done with each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from orderhub.core.ranges import fields_of
from orderhub.core.units import Instant

_INSTANT = inspect.type_info(Instant)


def is_instant(kind: inspect.Type) -> bool:
    """Whether a member is an instant, or one or none."""
    match kind:
        case inspect.Metadata():
            return is_instant(kind.type)
        case inspect.UnionType():
            return any(map(is_instant, kind.types))
    return kind == _INSTANT


def with_instants(
    value: Any, kind: inspect.Type, path: str, move: Callable[[Any, str, Any], Any]
) -> Any:
    """The JSON value with `move(instant, path, what stands for none)` in the place of each instant."""
    if is_instant(kind):
        return move(value, path, None if _may_be_none(kind) else 0)
    match kind:
        case inspect.Metadata():
            return with_instants(value, kind.type, path, move)
        case inspect.UnionType():
            for each in kind.types:
                value = with_instants(value, each, path, move)
        case inspect.StructType() if isinstance(value, dict):
            types = _with_some(kind.cls)
            return {
                name: with_instants(each, types[name], f"{path}.{name}", move)
                if name in types
                else each
                for name, each in value.items()
            }
        case inspect.VarTupleType() if isinstance(value, list | tuple) and _has_some(kind):
            return [
                with_instants(each, kind.item_type, f"{path}[{index}]", move)
                for index, each in enumerate(value)
            ]
    return value


@cache
def _with_some(struct: type[msgspec.Struct]) -> Mapping[str, inspect.Type]:
    """The members that are instants or have some within, so that the others need not be gone through."""
    return {each.encode_name: each.type for each in fields_of(struct) if _has_some(each.type)}


def _has_some(kind: inspect.Type) -> bool:
    match kind:
        case inspect.Metadata():
            return _has_some(kind.type)
        case inspect.UnionType():
            return any(map(_has_some, kind.types))
        case inspect.StructType():
            return bool(_with_some(kind.cls))
        case inspect.VarTupleType():
            return _has_some(kind.item_type)
    return kind == _INSTANT


def _may_be_none(kind: inspect.Type) -> bool:
    match kind:
        case inspect.Metadata():
            return _may_be_none(kind.type)
        case inspect.UnionType():
            return True
    return False
