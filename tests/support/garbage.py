"""What no client in its right mind sends: golden bodies bent out of shape, raw bytes, abysses, monstrous numbers."""

from __future__ import annotations

import copy
import json
import random
import string
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from orderhub.dialects.contract import Dialect, Route
from tests.support.golden import Golden, Request, Send, sent, with_names

DEPTH = 100_000
ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    1.5,
    2**31,
    2**63,
    -(2**63) - 1,
    10**30,
    1e300,
    -0.0,
    "",
    " ",
    "0",
    "-1",
    "1e400",
    "NaN",
    "x" * 300,
    "".join(random.Random(1).choices(string.printable, k=6_000)),  # too long for any index
    "\u0000",
    "\ud83d\ude00",
    "\u202e\u0000\u202d",
    "'; DROP TABLE orders; --",
    "../../etc/passwd",
    "{{x}}",
    "%00",
    "2024-02-30T25:61:61Z",
    "9999-12-31T23:59:59.999999999+14:00",
    "0000-00-00",
    "00000000-0000-0000-0000-000000000000",
    [],
    {},
    [[]],
    [None],
    {"": None},
    {"id": {"id": {"id": []}}},
)
# Refused by every reader of JSON, before anything could come to a database.
NO_JSON: tuple[bytes, ...] = (
    b" ",
    b"{",
    b'{"a":',
    b"\x00",
    b"\xff\xfe{}",
    b"{'a': 1}",
    b"[" * DEPTH,
    b"<xml/>",
    bytes(range(256)),
)
RAW_BODIES: tuple[bytes, ...] = (
    *NO_JSON,
    b"",
    b"null",
    b"[]",
    b'"text"',
    b'\xef\xbb\xbf{"a":1}',
    b'{"a": NaN, "b": Infinity}',
    b'{"a":1,"a":2,"a":{}}',
    b'{"a":"\\ud800"}',
    b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\\u0000"}',
    b'{"\\u0000":1}',
    b'{"a":1e999999999}',
    b'{"a":' + b"9" * 5_000 + b"}",
    b'{"a":-0.' + b"0" * 5_000 + b"1}",
    b"[" * DEPTH + b"]" * DEPTH,
    b'{"a":' * DEPTH + b"1" + b"}" * DEPTH,
    b"a=1&b=2",
)
ODD_PARTS = (
    *("0", "-1", "1e5", "%00", "a%00b", "..", "%2e%2e%2f", "%ff%fe", "\u0661", "x" * 3_000),
    *("00000000-0000-0000-0000-000000000000", "9" * 40, "%F0%9F%98%80", "' OR 1=1", "*", "{id}"),
)
CONTENT_TYPES = (
    "application/json",
    "application/json; charset=latin-1",
    "text/plain",
    "",
    "x/\u00e9",
)


@dataclass(frozen=True, slots=True)
class Garbage:
    """A request that should be refused, or at worst taken for what it says."""

    method: str
    path: str
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.path[:200]} {self.query} {dict(self.headers)} {self.body[:2000]!r}"


class Heap:
    """Makes garbage for one dialect out of its routes and golden pairs."""

    def __init__(self, dialect: Dialect, goldens: list[Golden]) -> None:
        self._routes = [
            route for route in dialect.routes if route.mutates or route.method == "POST"
        ]
        self._routes += dialect.routes
        self._goldens = goldens
        self._samples: dict[tuple[str, str], list[Request]] = {}
        for case in goldens:
            for request in (*case.before, case.request):
                self._keep(request, request)
        self._token = f"hub-demo-{goldens[0].tenant}"

    def _keep(self, template: Request, request: Request) -> None:
        for route in self._routes:
            if route.method == request.method and _matches(route.path, template.path):
                self._samples.setdefault(_name(route), []).append(request)

    def grow(self, send: Send) -> None:
        """Makes what the golden pairs make first, so that garbage meets orders that are there."""
        for case in self._goldens:
            saved: dict[str, Any] = {}
            for request in case.before:
                with suppress(LookupError, TypeError, ValueError):
                    sent(request, send, saved)
            if saved:
                self._keep(case.request, with_names(case.request, saved))

    def make(self, chance: random.Random, value: Any = ...) -> Garbage:
        """One piece; `value` is the whole body where it is given."""
        route = chance.choice(self._routes)
        samples = self._samples.get(_name(route))
        sample = chance.choice(samples) if samples else None
        if value is not ...:
            body = json.dumps(value).encode()
        elif sample is None or not isinstance(sample.body, dict) or chance.random() < 0.15:
            body = chance.choice(RAW_BODIES)
        else:
            body = self._bent_bytes(chance, sample.body)
        query = dict(sample.query) if sample is not None else {}
        if chance.random() < 0.3:
            names = [*query, "id", "limit", "offset", "page", "order_id", "cursor"]
            odd = str(chance.choice(ODD_VALUES))[:3_000]
            query[chance.choice(names)] = odd.encode("utf-8", "replace").decode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        if chance.random() < 0.05:
            headers["Content-Type"] = chance.choice(CONTENT_TYPES)
        if chance.random() < 0.2:
            headers["Idempotency-Key"] = chance.choice(
                ("k", "k" * 256, "\u00e9", str(chance.random()))
            )
        return Garbage(route.method, self._path(chance, route, sample), query, headers, body)

    def _path(self, chance: random.Random, route: Route, sample: Request | None) -> str:
        if sample is not None and "{" not in sample.path and chance.random() < 0.7:
            return sample.path
        parts = route.path.split("/")
        return "/".join(
            quote(chance.choice(ODD_PARTS), safe="%") if part.startswith("{") else part
            for part in parts
        )

    def _bent_bytes(self, chance: random.Random, body: dict[str, Any]) -> bytes:
        bent = copy.deepcopy(body)
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            _bend(chance, bent)
        text = json.dumps(bent, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
        if chance.random() < 0.1 and text:
            cut = chance.randrange(len(text))
            text = text[:cut] + bytes([chance.randrange(256)]) + text[cut + 1 :]
        return text


def _name(route: Route) -> tuple[str, str]:
    return route.method, route.path


def _matches(pattern: str, path: str) -> bool:
    ours, theirs = pattern.split("/"), path.split("/")
    return len(ours) == len(theirs) and all(
        a == b or a.startswith("{") for a, b in zip(ours, theirs, strict=True)
    )


def _bend(chance: random.Random, value: Any) -> None:
    """Somewhere in the value one thing becomes another, goes, or comes twice."""
    holder, key = value, None
    while isinstance(holder, dict | list) and holder:
        key = (
            chance.choice(list(holder))
            if isinstance(holder, dict)
            else chance.randrange(len(holder))
        )
        inner = holder[key]
        if not isinstance(inner, dict | list) or not inner or chance.random() < 0.3:
            break
        holder = inner
    if key is None:
        return
    what = chance.random()
    if what < 0.15:
        del holder[key]
    elif what < 0.25 and isinstance(holder, list):
        holder.extend(holder[:1] * chance.choice((1, 2, 50)))
    elif what < 0.3 and isinstance(holder, dict):
        holder[str(chance.choice(ODD_VALUES))[:50]] = holder.pop(key)
    else:
        holder[key] = copy.deepcopy(chance.choice(ODD_VALUES))
