"""How answers are made: a Struct is what is sent, its members in their order, and what OpenAPI says is sent.

A type says how its value is shown: amounts as exact texts, instants in ISO 8601 UTC. So a member whose
name is the source's own needs no line but its declaration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Annotated, Any, Generic, Self, TypeVar

import msgspec
from msgspec import UNSET, UnsetType, inspect

from orderhub.core.money import plain

T = TypeVar("T")


# The amounts and instants of an order and its events are few, and each is shown many times.
_MOST_KNOWN = 4_096


@lru_cache(_MOST_KNOWN)
def amount(value: Decimal) -> str:
    return f"{plain(value):f}"


@lru_cache(_MOST_KNOWN)
def exact_instant(us: int) -> str:
    whole, rest = divmod(us, 1_000_000)
    text = datetime.fromtimestamp(whole, UTC).isoformat()[:19]
    return f"{text}.{rest:06d}Z" if rest else f"{text}Z"


def plain_values(value: Any) -> Any:
    """Documents with their Decimals as exact strings."""
    if type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, Decimal):
        return amount(value)
    if isinstance(value, dict):
        return {str(key): plain_values(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain_values(each) for each in value]
    if isinstance(value, msgspec.Struct):
        return plain_values(msgspec.to_builtins(value))
    return value


_AS_THEY_ARE = frozenset((str, int, bool, float, type(None)))

_AMOUNT = r"^-?[0-9]+(?:\.[0-9]+)?$"
Amount = Annotated[str, msgspec.Meta(pattern=_AMOUNT, extra={"shown": amount})]
Instant = Annotated[
    str,
    msgspec.Meta(extra_json_schema={"format": "date-time"}, extra={"shown": exact_instant}),
]
Data = Annotated[dict[str, Any], msgspec.Meta(extra={"shown": plain_values})]
Units = Annotated[
    int | str,
    msgspec.Meta(
        description="Whole units; of a balance an amount of money.",
        extra_json_schema={"pattern": _AMOUNT},
    ),
]


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, or a part of one."""

    @classmethod
    def of(cls, source: Any, **own: Any) -> Self:
        """The shape of a value: members by their names, but for its `own`; of one that may be null, nothing is null."""
        as_they_are, shown = _taken(cls, tuple(own))
        for name in as_they_are:
            own[name] = getattr(source, name)
        for name, way in shown:
            own[name] = way(getattr(source, name))
        return cls(**own)


class Page(Shape, Generic[T], frozen=True, kw_only=True):
    """A page, and the cursor of the next one: null on the last."""

    items: tuple[T, ...]
    next_cursor: str | None


class Whole(Shape, Generic[T], frozen=True, kw_only=True):
    """A list that has no pages."""

    items: tuple[T, ...]


Way = Callable[[Any], Any]


@cache
def _taken(
    shape: type[Shape], own: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[tuple[str, Way], ...]]:
    """The members that are taken from a source: those that are shown as they are, and how each other one is."""
    kind = inspect.type_info(shape)
    assert isinstance(kind, inspect.StructType)
    # Only what is always there.
    taken = [
        (each.name, _way(each.type))
        for each in kind.fields
        if each.required and each.name not in own
    ]
    as_they_are = tuple(name for name, way in taken if way is None)
    return as_they_are, tuple((name, way) for name, way in taken if way is not None)


def _way(kind: inspect.Type) -> Way | None:
    """None: as it is."""
    match kind:
        case inspect.Metadata():
            given: Way | None = (kind.extra or {}).get("shown")
            return given or _way(kind.type)
        case inspect.UnionType(includes_none=True):
            shown = _way(next(e for e in kind.types if not isinstance(e, inspect.NoneType)))
            if shown is None:
                return lambda value: value or None
            return lambda value: shown(value) if value else None
        case inspect.VarTupleType():
            each = _way(kind.item_type)
            return tuple if each is None else lambda values: tuple(map(each, values))
        case inspect.StructType() if issubclass(kind.cls, Shape):
            return kind.cls.of
    return None


def in_part(name: str, types: Mapping[str, Any], *, strict: bool = False) -> type[msgspec.Struct]:
    """An object with these members, each of which may be left out; `strict`: and no others."""
    return msgspec.defstruct(
        name,
        [(n, t | UnsetType, UNSET) for n, t in types.items()],
        forbid_unknown_fields=strict,
    )
