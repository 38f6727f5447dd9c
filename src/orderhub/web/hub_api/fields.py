"""`fields=`: sparse answers. Names of members, with dots into objects: `fields=uid,status,contact.email`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from orderhub.dialects.contract import Call
from orderhub.web.hub_api.bodies import refuse

_MAX = 2_000
Pick = Callable[[dict[str, Any]], dict[str, Any]]


def picker(call: Call, known: Iterable[str]) -> Pick:
    """What reduces an item to the members asked for. Raises Stop for a member there is not."""
    text = call.query.get("fields", "")
    if not text:
        return lambda item: item
    if len(text) > _MAX:
        raise refuse("fields", f"fields is at most {_MAX} characters long")
    wanted: dict[str, list[str]] = {}
    for name in text.split(","):
        top, _, rest = name.strip().partition(".")
        if top not in known:
            raise refuse("fields", f"{top or 'nothing'} is not a member: {', '.join(known)}")
        wanted.setdefault(top, []).append(rest)
    return lambda item: {
        name: _within(item.get(name), paths) for name, paths in wanted.items() if name in item
    }


def _within(value: Any, paths: list[str]) -> Any:
    """The parts of an object (or of each object of a list) that the paths name; all of it for an empty one."""
    if "" in paths:
        return value
    if isinstance(value, list):
        return [_within(each, paths) for each in value]
    if not isinstance(value, dict):
        return value
    wanted: dict[str, list[str]] = {}
    for path in paths:
        top, _, rest = path.partition(".")
        wanted.setdefault(top, []).append(rest)
    return {name: _within(value[name], rest) for name, rest in wanted.items() if name in value}
