"""Names in JSON: `$.data[0].id`, `{{name}}` in texts, and `{{=name}}` for the value itself, number or text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_STEP = re.compile(r"[^.\[\]]+")


class PathMissing(LookupError):
    """The value has nothing at this path."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def steps(path: str) -> list[str]:
    return _STEP.findall(path.removeprefix("$"))


def at(value: Any, path: str) -> Any:
    """What a path leads to. Raises PathMissing."""
    for step in steps(path):
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (LookupError, TypeError, ValueError):
            raise PathMissing(path) from None
    return value


def blanked(value: Any, path: str, instead: Any) -> Any:
    """A copy with another value at the path, which must be there."""
    return _put(value, steps(path), instead)


def _put(value: Any, way: list[str], instead: Any) -> Any:
    if not way:
        return instead
    step, *rest = way
    if isinstance(value, list):
        place = int(step)
        return [
            _put(each, rest, instead) if index == place else each
            for index, each in enumerate(value)
        ]
    return {
        name: _put(each, rest, instead) if name == step else each for name, each in value.items()
    }


def without(value: Any, path: str) -> Any:
    """A copy that lacks the member at the path, which leads through objects only."""
    return _without(value, steps(path))


def _without(value: Any, way: list[str]) -> Any:
    step, *rest = way
    if not rest:
        return {name: each for name, each in value.items() if name != step}
    return {**value, step: _without(value[step], rest)}


def filled(value: Any, saved: Mapping[str, Any]) -> Any:
    """Every `{{name}}` in texts replaced, and `{{=name}}` by the value itself; other values as they are."""
    if not saved:
        return value
    if isinstance(value, str):
        if "{{" in value:
            for name, each in saved.items():
                if value == f"{{{{={name}}}}}":
                    return each
                value = value.replace(f"{{{{{name}}}}}", str(each))
        return value
    if isinstance(value, Mapping):
        return {name: filled(each, saved) for name, each in value.items()}
    return [filled(each, saved) for each in value] if isinstance(value, list) else value
