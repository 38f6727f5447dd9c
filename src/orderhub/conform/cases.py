"""What is asked of a server: requests, and what their answers must look like."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from typing import Any

from orderhub.conform.compare import bytes_apart, compact, order_apart, values_apart
from orderhub.conform.replies import Reply, is_success, json_value
from orderhub.dialects.conforming import HUB_PATH, Request
from orderhub.dialects.json_paths import PathMissing, at, blanked, filled, without

# All replies of a case, the last one being the answer under test -> what is wrong with them.
Check = Callable[[Sequence[Reply], Mapping[str, Any]], list[str]]


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to try. `requests` are sent in order; those before the last must succeed unless `free`.

    clock      the instant that the tenant's clock must stand at; empty = any time will do
    anywhere   holds at any time and whatever else is there; else it needs an untouched place of its own
    of_hub     promised by the hub alone, not by the vendor
    accepts    whether the last request is expected to be accepted
    free       whether the requests before the last may be refused
    """

    dialect: str
    name: str
    title: str
    requests: tuple[Request, ...]
    check: Check
    kind: str = "rule"
    tenant: str = ""
    clock: str = ""
    anywhere: bool = True
    of_hub: bool = False
    accepts: bool = True
    free: bool = False

    def __str__(self) -> str:
        return f"{self.dialect}-{self.name}"

    @property
    def request(self) -> Request:
        """The one under test."""
        return self.requests[-1]

    @property
    def before(self) -> tuple[Request, ...]:
        """Those that only prepare it."""
        return self.requests[:-1]

    @property
    def needs_operator(self) -> bool:
        return any(each.is_operators for each in self.requests)


# --- golden pairs: files of the dialects


def golden_cases(dialect: str) -> list[Case]:
    """All golden pairs of a dialect, by name; none when it has no folder of them."""
    folder = resources.files(f"orderhub.dialects.{dialect}") / "golden"
    if not folder.is_dir():
        return []
    names = sorted(each.name for each in folder.iterdir() if each.name.endswith(".json"))
    return [golden_case(dialect, name, (folder / name).read_text()) for name in names]


def golden_case(dialect: str, name: str, text: str) -> Case:
    """One file. Numbers of the expected answer stay exact."""
    given = json.loads(text)
    response = json.loads(text, parse_float=Decimal)["response"]
    sign = given.get("sign")
    return Case(
        dialect=dialect,
        name=name.removesuffix(".json"),
        title=given["title"],
        kind="golden",
        tenant=given.get("tenant", ""),
        clock=given.get("clock", {}).get("at", ""),
        anywhere=given.get("anywhere", "clock" not in given),
        requests=tuple(
            request_of(each, sign) for each in (*given.get("before", ()), given["request"])
        ),
        accepts=is_success(response["status"], response["body"]),
        check=_golden_check(response),
    )


def request_of(given: Mapping[str, Any], sign: Mapping[str, str] | None) -> Request:
    path = given["path"]
    return Request(
        method=given["method"],
        path=path,
        query=given.get("query") or {},
        headers=given.get("headers") or {},
        body=given.get("body"),
        text=given.get("body_text"),
        save=given.get("save") or {},
        sign=None if path.startswith(HUB_PATH) else given.get("sign", sign),
    )


def _golden_check(response: Mapping[str, Any]) -> Check:
    ignored, optional = response.get("ignore") or (), response.get("optional") or ()

    def check(replies: Sequence[Reply], saved: Mapping[str, Any]) -> list[str]:
        reply = replies[-1]
        body = filled(response["body"], saved)
        wrong = status_wrong(reply, response["status"])
        for name, value in (response.get("headers") or {}).items():
            found = reply.headers.get(name.lower())
            if found != value:
                wrong.append(f"header {name}: expected {value!r}, got {found!r}")
        exact = bool(response.get("exact"))
        return wrong + body_wrong(reply.body, body, ignored=ignored, optional=optional, exact=exact)

    return check


def status_wrong(reply: Reply, expected: int) -> list[str]:
    if reply.status == expected:
        return []
    return [f"status: expected {expected}, got {reply.status}"]


def body_wrong(
    got: bytes,
    expected: Any,
    *,
    ignored: Sequence[str],
    optional: Sequence[str] = (),
    exact: bool,
) -> list[str]:
    """What differs. `exact` compares bytes.

    ignored    members that need only be of the same type
    optional   likewise, and they may be missing
    """
    if expected is None:
        return [] if not got else [f"body: expected none, got {got[:80]!r}"]
    try:
        found = json_value(got)
    except ValueError as error:
        return [f"body: not JSON: {error}: {got[:80]!r}"]
    for path in optional:
        try:
            at(found, path)
        except PathMissing:
            expected = without(expected, path)
    try:
        expected = with_values_of(expected, found, (*ignored, *optional))
    except PathMissing as missing:
        return values_apart(expected, found) or [f"{missing.path}: missing"]
    if exact:
        return bytes_apart(compact(expected), got)
    wrong = values_apart(expected, found)
    return wrong or order_apart(expected, found)


def with_values_of(expected: Any, found: Any, paths: Sequence[str]) -> Any:
    """`expected` with what the server makes up taken from the answer, where it is of the same type."""
    for path in paths:
        try:
            was = at(expected, path)
        except PathMissing:
            continue
        value = at(found, path)
        if _kind_of(value) is _kind_of(was):
            expected = blanked(expected, path, value)
    return expected


def _kind_of(value: Any) -> type:
    return Decimal if type(value) is int else type(value)
