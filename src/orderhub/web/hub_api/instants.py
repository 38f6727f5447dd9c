"""Where a document holds instants, as its type says, and something done with each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import inspect

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
            types = {field.encode_name: field.type for field in kind.fields}
            return {
                name: with_instants(each, types[name], f"{path}.{name}", move)
                if name in types
                else each
                for name, each in value.items()
            }
        case inspect.VarTupleType() if isinstance(value, list | tuple):
            return [
                with_instants(each, kind.item_type, f"{path}[{index}]", move)
                for index, each in enumerate(value)
            ]
    return value


def _may_be_none(kind: inspect.Type) -> bool:
    match kind:
        case inspect.Metadata():
            return _may_be_none(kind.type)
        case inspect.UnionType():
            return True
    return False
