"""Which dialect and route a request belongs to. Exact paths are one look-up; patterns are tried after.

Paths are matched as they were sent, escapes and all, as a rule in a proxy before the hub matches them: `%6f` is no `o`
here and `%2f` no slash. Only what stands for a parameter is unescaped, after it was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote

from orderhub.dialects.contract import Dialect, Route

_SLASHES = re.compile("/{2,}")
_PARAMETER = re.compile(r"\{(\w+)\}")


@cache
def _pattern_of(path: str) -> re.Pattern[str]:
    return re.compile(
        "".join(
            f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part)
            for index, part in enumerate(_PARAMETER.split(path))
        )
    )


@dataclass(frozen=True, slots=True)
class Match:
    """What was found. `route` None: the path is unknown, or (with `allowed`) known under other methods."""

    dialect: Dialect | None
    route: Route | None
    params: Mapping[str, str]
    allowed: tuple[str, ...] = ()


class Router:
    """Built once from all dialects. Raises ValueError when two routes claim one method and path."""

    def __init__(self, dialects: Iterable[Dialect]) -> None:
        self._exact: dict[str, dict[str, tuple[Dialect, Route]]] = {}
        self._patterns: dict[
            str, list[tuple[re.Pattern[str], dict[str, tuple[Dialect, Route]]]]
        ] = {}
        prefixes: list[tuple[str, Dialect]] = []
        for dialect in dialects:
            prefixes += [(prefix, dialect) for prefix in dialect.prefixes]
            for route in dialect.routes:
                methods = self._methods(route.path)
                if route.method in methods:
                    raise ValueError(f"{route.method} {route.path} is claimed twice")
                methods[route.method] = (dialect, route)
        self._prefixes = sorted(prefixes, key=lambda each: -len(each[0]))
        self._known: dict[tuple[str, str], Match] = {
            (method, path): Match(dialect, route, {})
            for path, methods in self._exact.items()
            for method, (dialect, route) in methods.items()
        }

    def _methods(self, path: str) -> dict[str, tuple[Dialect, Route]]:
        if "{" not in path:
            return self._exact.setdefault(path, {})
        pattern = _pattern_of(path)
        family = self._patterns.setdefault(path.split("/")[1], [])
        for known, methods in family:
            if known == pattern:
                return methods
        methods = {}
        family.append((pattern, methods))
        return methods

    def find(self, method: str, path: str) -> Match:
        """The route of a path as it was sent, without its query."""
        found = self._known.get((method, path))
        if found is not None:
            return found
        params: Mapping[str, str] = {}
        methods = self._exact.get(path)
        if methods is None:
            first = path.split("/", 2)[1] if path.startswith("/") else ""
            for pattern, candidates in self._patterns.get(first, ()):
                match = pattern.fullmatch(path)
                if match is not None:
                    methods, params = candidates, match.groupdict()
                    if "%" in path:
                        params = {name: unquote(value) for name, value in params.items()}
                    break
        if methods is None:
            owner = self._owner(path)
            is_one = path.endswith("/") and not path.endswith("//")
            if is_one and owner is not None and owner.takes_slash:
                found = self.find(method, path[:-1])
                return found if found.dialect is owner else Match(owner, None, {})
            return Match(owner, None, {})
        # HEAD is GET without the body, which the edge leaves out.
        chosen = methods.get(method) or (methods.get("GET") if method == "HEAD" else None)
        if chosen is None:
            dialect = next(iter(methods.values()))[0]
            return Match(dialect, None, {}, tuple(sorted(methods)))
        return Match(chosen[0], chosen[1], params)

    def _owner(self, path: str) -> Dialect | None:
        # Two slashes where one is meant find nothing, and are told so in the words of whoever was meant.
        path = _SLASHES.sub("/", path)
        for prefix, dialect in self._prefixes:
            if path.startswith(prefix):
                return dialect
        return None
