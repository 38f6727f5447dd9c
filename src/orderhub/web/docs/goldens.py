"""The golden pairs of a dialect: the vendor documents' own examples, with what the hub answers to them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from importlib import resources
from typing import Any

import msgspec

from orderhub.dialects.codec import decode
from orderhub.dialects.contract import Dialect, Route
from orderhub.dialects.json_paths import PathMissing, at, filled, without

_PLACEHOLDER = b"{{"


class Golden(msgspec.Struct, frozen=True, kw_only=True):
    """One pair. `body` and `answer` are JSON values; UNSET where there is none, or where it is no JSON."""

    name: str
    title: str
    method: str
    path: str
    query: dict[str, Any]
    status: int
    body: Any = msgspec.UNSET
    answer: Any = msgspec.UNSET


def goldens_of(dialect: Dialect) -> tuple[Golden, ...]:
    """The golden files of the dialect's folder, by name; none where there is no such folder."""
    package = f"orderhub.dialects.{dialect.name}"
    if dialect.name == "hub":
        package = "orderhub.web.hub_api"
    try:
        folder = resources.files(package) / "golden"
        files = [each for each in folder.iterdir() if each.name.endswith(".json")]
    except (FileNotFoundError, ModuleNotFoundError, NotADirectoryError):
        return ()
    pairs = {
        each.name.removesuffix(".json"): decode(each.read_bytes())
        for each in sorted(files, key=lambda each: each.name)
    }
    answers: dict[Any, Any] = {}
    for pair in pairs.values():
        if pair["response"]["status"] < 400:
            call = (pair["request"]["method"], pair["request"]["path"])
            answers.setdefault(call, pair["response"].get("body"))
    return tuple(_golden(name, pair, _said_before(pair, answers)) for name, pair in pairs.items())


def _said_before(pair: dict[str, Any], answers: dict[Any, Any]) -> dict[str, Any]:
    """What a pair takes from the calls before it, as the pairs of those calls have it."""
    said = {}
    for each in pair.get("before", ()):
        answer = answers.get((each["method"], each["path"]))
        for name, path in (each.get("save") or {}).items():
            with suppress(PathMissing):
                said[name] = at(answer, path)
    return said


def _golden(name: str, pair: dict[str, Any], said: dict[str, Any]) -> Golden:
    request, response = filled(pair["request"], said), filled(pair["response"], said)
    return Golden(
        name=name,
        title=pair.get("title", name),
        method=request["method"],
        path=request["path"],
        query=request.get("query") or {},
        status=response["status"],
        body=_body(request),
        answer=_shown(response),
    )


def _shown(response: dict[str, Any]) -> Any:
    """The answer without members that only other servers send."""
    body = response.get("body", msgspec.UNSET)
    for path in response.get("optional") or ():
        body = without(body, path)
    return body


def _body(request: dict[str, Any]) -> Any:
    if "body_text" not in request:
        return request.get("body", msgspec.UNSET)
    is_lines = (request.get("headers") or {}).get("Content-Type") == "application/x-ndjson"
    return request["body_text"] if is_lines else msgspec.UNSET


def is_shown_whole(value: Any) -> bool:
    """Whether no part of it stands for what an earlier call answered."""
    return _PLACEHOLDER not in msgspec.json.encode(value)


def placed(routes: Iterable[Route], pair: Golden) -> dict[str, str]:
    """What stands in the pair's path where the route that it is meant for has parameters."""
    for route in routes:
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(route.path))
        found = re.fullmatch(pattern, pair.path)
        if found and route.method == pair.method and found.groupdict():
            return found.groupdict()
    return {}


def by_route(
    routes: Iterable[Route], goldens: Iterable[Golden]
) -> dict[tuple[str, str], list[Golden]]:
    """(method, path) of a route -> its pairs; an exact path wins over one with parameters.

    An operation that is served at several paths has the pairs of one at all of them.
    """
    routes = tuple(routes)
    found: dict[tuple[str, str], list[Golden]] = {}
    patterns: list[tuple[re.Pattern[str], Route]] = []
    for route in routes:
        found[(route.method, route.path)] = []
        parts = re.split(r"\{\w+\}", route.path)
        patterns.append((re.compile("[^/]+".join(map(re.escape, parts))), route))
    for golden in goldens:
        exact = found.get((golden.method, golden.path))
        if exact is not None:
            exact.append(golden)
            continue
        for pattern, route in patterns:
            if route.method == golden.method and pattern.fullmatch(golden.path):
                found[(route.method, route.path)].append(golden)
                break
    first: dict[Any, list[Golden]] = {}
    for route in routes:
        key = (route.method, route.handler, id(route.request))
        own = found[route.method, route.path]
        if own:
            first.setdefault(key, own)
    return {
        (route.method, route.path): found[route.method, route.path]
        or first.get((route.method, route.handler, id(route.request)), [])
        for route in routes
    }
