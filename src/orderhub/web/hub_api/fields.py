"""`fields=`: sparse answers. Names of members, with dots into objects: `fields=uid,status,contact.email`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from orderhub.web.hub_api.bodies import refuse
from orderhub.web.hub_api.shaping import Shape

_MAX = 2_000
Pick = Callable[[Shape], Any]


def some_of(shape: type[Shape]) -> msgspec.Meta:
    """The parameter: names of members of the shape."""
    name = rf"\s*(?:{'|'.join(shape.__struct_fields__)})(?:\s*|\.[^,]*)"
    return msgspec.Meta(
        description="Only these members, with dots into objects: `uid,status,contact.email`",
        extra_json_schema={"maxLength": _MAX, "pattern": f"^(?:{name}(?:,{name})*)?$"},
    )


def picker(text: str, shape: type[Shape]) -> Pick:
    """What reduces an item to the members asked for. Raises HTTPFault for a member there is not."""
    if not text:
        return lambda item: item
    known = shape.__struct_fields__
    if len(text) > _MAX:
        raise refuse("fields", f"fields is at most {_MAX} characters long")
    wanted: dict[str, list[str]] = {}
    for name in text.split(","):
        top, _, rest = name.strip().partition(".")
        if top not in known:
            raise refuse("fields", f"{top or 'nothing'} is not a member: {', '.join(known)}")
        wanted.setdefault(top, []).append(rest)

    def pick(item: Shape) -> dict[str, Any]:
        return {name: _within(_plain(item, name), paths) for name, paths in wanted.items()}

    return pick


def named(text: str) -> tuple[str, ...]:
    """The members that are asked for, as columns: as they were named, each once."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(","))) if text else ()


def _plain(item: Shape, name: str) -> Any:
    return msgspec.to_builtins(getattr(item, name))


def _within(value: Any, paths: list[str]) -> Any:
    """The parts of an object (or of each object of a list) that the paths name; all of it for an empty one."""
    if "" in paths:
        return value
    if isinstance(value, list | tuple):
        return [_within(each, paths) for each in value]
    if not isinstance(value, dict):
        return value
    wanted: dict[str, list[str]] = {}
    for path in paths:
        top, _, rest = path.partition(".")
        wanted.setdefault(top, []).append(rest)
    return {name: _within(value[name], rest) for name, rest in wanted.items() if name in value}
