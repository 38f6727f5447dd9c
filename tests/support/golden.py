"""Golden pairs: a dialect's request and the answer its vendor documents, as data beside the dialect.

One file is one case: {"title", "tenant", "clock"?, "before"?: [requests], "request", "sign"?, "response"}.
A request is {"method", "path", "query"?, "headers"?, "body" | "body_text", "save"?: {name: "$.path"}};
`{{name}}` in later texts stands for what was saved. The answer has {"status", "headers"?, "body",
"exact"?: the bytes, "ignore"?: paths where only the JSON type counts}. All it takes to run one is
something that sends: see `run`.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from importlib import resources
from typing import Any, Protocol

import msgspec

_COMPACT = msgspec.json.Encoder(decimal_format="number").encode
_STEP = re.compile(r"[^.\[\]]+")


class Reply(Protocol):
    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


# method, path, query, headers, body
Send = Callable[[str, str, Mapping[str, Any], Mapping[str, str], bytes], Reply]


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a case. `sign`: as the vendor's clients sign, in place of a hub token."""

    method: str
    path: str
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    body: Any
    text: str | None
    save: Mapping[str, str]
    sign: Mapping[str, str] | None

    @classmethod
    def of(cls, given: Mapping[str, Any], sign: Mapping[str, str] | None) -> Request:
        return cls(
            given["method"],
            given["path"],
            given.get("query") or {},
            given.get("headers") or {},
            given.get("body"),
            given.get("body_text"),
            given.get("save") or {},
            None if given["path"].startswith("/hub/") else given.get("sign", sign),
        )

    @property
    def raw(self) -> bytes:
        if self.text is not None:
            return self.text.encode()
        return b"" if self.body is None else json.dumps(self.body, ensure_ascii=False).encode()

    def filled(self, saved: Mapping[str, Any]) -> Request:
        return replace(
            self,
            path=fill(self.path, saved),
            query=fill(dict(self.query), saved),
            headers=fill(dict(self.headers), saved),
            body=fill(self.body, saved),
            text=fill(self.text, saved),
        )

    def by(self, token: str) -> Request:
        """The same by another caller, who shows a token of the hub's own."""
        kept = {n: v for n, v in self.headers.items() if n.lower() not in _SECRETS}
        return replace(self, headers={**kept, "Authorization": f"Bearer {token}"}, sign=None)

    def sent(self, send: Send, saved: dict[str, Any]) -> Reply:
        ready = self.filled(saved)
        headers, query = dict(ready.headers), dict(ready.query)
        if ready.sign is not None:
            headers = {n: v for n, v in headers.items() if n.lower() != "authorization"}
            query.update(signature(ready.sign, ready.raw))
        reply = send(ready.method, ready.path, query, headers, ready.raw)
        for name, path in self.save.items():
            saved[name] = at(json.loads(reply.body), path)
        return reply


_SECRETS = ("authorization", "token", "cookie")


@dataclass(frozen=True, slots=True)
class Golden:
    dialect: str
    name: str
    tenant: str
    clock: str
    before: tuple[Request, ...]
    request: Request
    response: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.dialect}-{self.name}"

    def run(self, send: Send, freeze: Callable[[str, str], None]) -> list[str]:
        """What is wrong with the answers; empty when all is as the file says."""
        saved: dict[str, Any] = {}
        if self.clock:
            freeze(self.tenant, self.clock)
        for request in self.before:
            reply = request.sent(send, saved)
            if reply.status >= 300:
                return [f"{request.method} {request.path} before it: {reply.status} {reply.body!r}"]
        return self.differences(self.request.sent(send, saved), saved)

    def differences(self, reply: Reply, saved: Mapping[str, Any]) -> list[str]:
        wrong = []
        if reply.status != self.response["status"]:
            wrong.append(f"status {reply.status}, not {self.response['status']}")
        for name, value in (self.response.get("headers") or {}).items():
            if reply.headers.get(name.lower()) != value:
                wrong.append(f"{name}: {reply.headers.get(name.lower())!r}, not {value!r}")
        expected = fill(self.response["body"], saved)
        if expected is None:
            return wrong if not reply.body else [*wrong, f"a body: {reply.body[:200]!r}"]
        found = json.loads(reply.body, parse_float=Decimal)
        for path in self.response.get("ignore") or ():
            ours, theirs = at(found, path), at(expected, path)
            if json_type(ours) is json_type(theirs):
                expected = with_value(expected, path, ours)
        if _COMPACT(expected) == reply.body:
            return wrong
        if self.response.get("exact") or with_order(found) != with_order(expected):
            wrong.append(f"expected {_COMPACT(expected).decode()}\n     got {reply.body.decode()}")
        return wrong


def goldens(dialect: str) -> list[Golden]:
    """All cases of a dialect, by file name; none when it has no folder of them."""
    folder = resources.files(f"orderhub.dialects.{dialect}") / "golden"
    if not folder.is_dir():
        return []
    files = sorted((e for e in folder.iterdir() if e.name.endswith(".json")), key=lambda e: e.name)
    return [golden(dialect, each.name, each.read_text()) for each in files]


def golden(dialect: str, name: str, text: str) -> Golden:
    given = json.loads(text)
    sign = given.get("sign")
    return Golden(
        dialect,
        name.removesuffix(".json"),
        given.get("tenant", ""),
        given.get("clock", {}).get("at", ""),
        tuple(Request.of(each, sign) for each in given.get("before") or ()),
        Request.of(given["request"], sign),
        json.loads(text, parse_float=Decimal)["response"],
    )


def signature(sign: Mapping[str, str], body: bytes) -> dict[str, str]:
    """Tours4Fun's query members; no other vendor signs what it is sent."""
    assert sign["scheme"] == "tours4fun", sign
    t = str(int(time.time()))
    text = f"{sign['appkey']}{t}{sign['secret']}".encode() + body
    return {"appkey": sign["appkey"], "t": t, "sign": hashlib.md5(text).hexdigest()}


# --- JSON values


def fill(value: Any, saved: Mapping[str, Any]) -> Any:
    """Every `{{name}}` in texts replaced."""
    if isinstance(value, str):
        for name, each in saved.items():
            value = value.replace(f"{{{{{name}}}}}", str(each))
        return value
    if isinstance(value, dict):
        return {name: fill(each, saved) for name, each in value.items()}
    return [fill(each, saved) for each in value] if isinstance(value, list) else value


def at(value: Any, path: str) -> Any:
    for step in _STEP.findall(path.removeprefix("$")):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def with_value(value: Any, path: str, instead: Any) -> Any:
    """A copy with another value at the path."""

    def put(value: Any, way: list[str]) -> Any:
        if not way:
            return instead
        if isinstance(value, list):
            return [put(e, way[1:]) if i == int(way[0]) else e for i, e in enumerate(value)]
        return {n: put(e, way[1:]) if n == way[0] else e for n, e in value.items()}

    return put(value, _STEP.findall(path.removeprefix("$")))


def json_type(value: Any) -> type:
    return Decimal if type(value) is int else type(value)


def with_order(value: Any) -> Any:
    """A value whose equality knows the order of members, and true from 1."""
    if isinstance(value, dict):
        return [(name, with_order(each)) for name, each in value.items()]
    if isinstance(value, list):
        return [with_order(each) for each in value]
    return (json_type(value), value)
