"""Runs cases against a server, one after another, in sandboxes where the server is a hub and an operator allows it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from orderhub.conform.cases import Case
from orderhub.conform.compare import compact
from orderhub.conform.replies import Reply, succeeded
from orderhub.dialects.conforming import Login, Request
from orderhub.dialects.finding import conformance_of
from orderhub.dialects.json_paths import PathMissing, at, filled

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
_MOST_BYTES = 10_000_000
# A server that lets so many cases wait in vain is away: the others would wait as long for nothing.
_MOST_SILENT = 5


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a case. `differences` says why it failed, `why` why it was not even tried.

    One that failed without being tried counts like any other: nobody knows that it would have passed.
    """

    case: Case
    outcome: str
    seconds: float = 0.0
    differences: tuple[str, ...] = ()
    why: str = ""


class StepFailed(Exception):
    """A request that only prepares the one under test was refused."""


class NoAnswer(Exception):
    """The server gave no answer that could be compared. `is_silent`: it was waited for in vain."""

    def __init__(self, why: str, *, is_silent: bool) -> None:
        super().__init__(why)
        self.is_silent = is_silent


@dataclass(frozen=True, slots=True)
class Place:
    """Where a case runs: a tenant, and who its callers are. `is_own`: a sandbox of this one case's."""

    tenant: str
    login: Login
    is_own: bool = False


@dataclass
class Runner:
    """Over an open client, whose base URL is the server's.

    login           whom the server under test knows its caller as
    samples         dialect -> a request with the credentials that the golden pairs use
    operator_token  a hub operator's token: opens sandboxes, moves clocks, ships orders; empty = no such thing
    vendor_only     leave out what the hub promises beyond the vendor
    timeout_s       how long an answer may take until its last byte
    """

    client: httpx.AsyncClient
    login: Login = field(default_factory=Login)
    samples: dict[str, Request] = field(default_factory=dict)
    operator_token: str = ""
    vendor_only: bool = False
    timeout_s: float = 30.0
    _silent: int = 0
    _places: dict[str, Place] = field(default_factory=dict)
    _clocks: dict[str, str] = field(default_factory=dict)

    async def run(self, cases: Sequence[Case]) -> list[Result]:
        """All of them; the sandboxes that were opened for them are gone afterwards."""
        try:
            return [await self.run_one(case) for case in cases]
        finally:
            for dialect in list(self._places):
                await self._leave(self._places.pop(dialect))

    async def run_one(self, case: Case) -> Result:
        why = self._why_not(case)
        if why:
            return Result(case, SKIPPED, why=why)
        if self._silent >= _MOST_SILENT:
            why = f"not tried: {_MOST_SILENT} cases in a row waited for an answer in vain"
            return Result(case, FAILED, differences=(why,), why=why)
        started = time.perf_counter()
        silent, self._silent = self._silent, 0
        try:
            wrong = await self._differences(case)
        except StepFailed as failed:
            wrong = [str(failed)]
        except NoAnswer as error:
            wrong = [str(error)]
            self._silent = silent + 1 if error.is_silent else 0
        except Exception as error:  # noqa: BLE001 - what one answer does to the kit costs no other case its verdict
            wrong = [f"the kit broke on it: {type(error).__name__}: {error}"]
        seconds = time.perf_counter() - started
        return Result(case, FAILED if wrong else PASSED, seconds, tuple(wrong))

    def _why_not(self, case: Case) -> str:
        if case.of_hub and self.vendor_only:
            return "promised by the hub alone"
        if self.operator_token:
            return ""
        if case.needs_operator:
            return "needs a move of the hub's operator"
        return "" if case.anywhere else "needs a sandbox of its own and its clock"

    async def _differences(self, case: Case) -> list[str]:
        place = await self._place(case)
        try:
            saved, replies = await self._prepared(case, place)
            replies.append(await self.send(case, place, case.request, saved))
            return case.check(replies, saved)
        finally:
            if place.is_own:
                await self._leave(place)

    async def prepare(self, case: Case) -> tuple[Place, dict[str, Any], list[Reply]]:
        """Everything up to the request under test. Raises StepFailed."""
        place = await self._place(case)
        return place, *(await self._prepared(case, place))

    async def _prepared(self, case: Case, place: Place) -> tuple[dict[str, Any], list[Reply]]:
        await self._set_clock(case, place)
        saved: dict[str, Any] = {}
        replies: list[Reply] = []
        for index, request in enumerate(case.before, 1):
            reply = await self.send(case, place, request, saved)
            if not case.free and not succeeded(reply):
                raise StepFailed(
                    f"request {index} before it was refused: {reply.status} {reply.body[:200]!r}"
                )
            _save(request, reply, saved)
            replies.append(reply)
        return saved, replies

    async def send(
        self, case: Case, place: Place, request: Request, saved: dict[str, Any]
    ) -> Reply:
        """One request, with credentials and signature. Raises NoAnswer when none comes."""
        client, sample = conformance_of(case.dialect).client, self.samples.get(case.dialect)
        if request.is_operators:
            request = in_tenant(request, case.tenant, place.tenant)
            request = request.with_headers(Authorization=f"Bearer {self.operator_token}")
        elif sample is not None:
            request = client.with_login(request, sample, place.login)
        content = body_bytes(request, saved)
        query = {name: str(value) for name, value in filled(request.query, saved).items()}
        if request.sign is not None:
            query |= client.signature(request.sign, content or b"")
        reply = await self._ask(
            request.method,
            filled(request.path, saved),
            params=query or None,
            headers=header_bytes(filled(request.headers, saved)),
            content=content,
        )
        body = reply.body
        names = {} if sample is None else client.renamed(sample, place.login)
        for given, written in names.items():
            body = body.replace(given, written)
        return replace(reply, body=body)

    async def _ask(self, method: str, path: str, **more: Any) -> Reply:
        """The answer, whole, if it comes in time and is of a size. Raises NoAnswer."""
        self.client.cookies.clear()
        body = bytearray()
        try:
            async with (
                asyncio.timeout(self.timeout_s),
                self.client.stream(method, path, **more) as answer,
            ):
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > _MOST_BYTES:
                        why = f"no answer: more than {_MOST_BYTES:,} bytes"
                        raise NoAnswer(why, is_silent=False)
        except (TimeoutError, httpx.TimeoutException):
            why = f"no answer within {self.timeout_s:g} s"
            raise NoAnswer(why, is_silent=True) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = f"no answer: {type(error).__name__}: {error}".removesuffix(": ")
            raise NoAnswer(why, is_silent=isinstance(error, httpx.ConnectError)) from None
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Reply(answer.status_code, headers, bytes(body))

    # --- the hub's sandboxes and clocks

    async def _place(self, case: Case) -> Place:
        """A sandbox of the case's own when it needs one, else the one that the dialect's cases share."""
        if not self.operator_token:
            return Place(case.tenant, self.login)
        if case.anywhere and case.dialect in self._places:
            return self._places[case.dialect]
        path = "/hub/v1/sandboxes"
        made = await self._operate("POST", path, {"dialect": case.dialect})
        try:
            login = _login_of(case.dialect, made)
            place = Place(made["tenant"], login, is_own=not case.anywhere)
        except (LookupError, TypeError, AttributeError):
            raise StepFailed(f"POST {path}: no sandbox in the answer: {str(made)[:200]}") from None
        if case.anywhere:
            self._places[case.dialect] = place
        return place

    async def _leave(self, place: Place) -> None:
        """Nothing of the sandbox stays. No verdict on a case hangs on it."""
        with suppress(NoAnswer, StepFailed):
            await self._operate("DELETE", f"/hub/v1/sandboxes/{place.tenant}")

    async def _set_clock(self, case: Case, place: Place) -> None:
        if not (case.clock and self.operator_token) or self._clocks.get(place.tenant) == case.clock:
            return
        path = f"/hub/v1/tenants/{place.tenant}/clock"
        await self._operate("POST", path, {"action": "freeze", "at": case.clock})
        self._clocks[place.tenant] = case.clock

    async def _operate(self, method: str, path: str, body: Any = None) -> Any:
        headers = header_bytes({"Authorization": f"Bearer {self.operator_token}"})
        reply = await self._ask(method, path, json=body, headers=headers)
        if not 200 <= reply.status < 300:
            raise StepFailed(f"{method} {path}: {reply.status} {reply.body[:200]!r}")
        return reply.value()


def _login_of(dialect: str, made: Mapping[str, Any]) -> Login:
    """The login that the hub gave out with a sandbox."""
    if not made["credentials"]:
        return Login(hub_token=made["hub_token"])
    client = conformance_of(dialect).client
    values = client.of_sandbox(made["credentials"][0])
    return Login(values, made["hub_token"] if client.needs_hub_token else "")


def _save(request: Request, reply: Reply, saved: dict[str, Any]) -> None:
    value = reply.value() if request.save else None
    for name, path in request.save.items():
        try:
            saved[name] = at(value, path)
        except PathMissing:
            raise StepFailed(f"{path} is missing in {reply.body[:200]!r}") from None


def in_tenant(request: Request, written: str, tenant: str) -> Request:
    """An operator's request as it is meant for another tenant than the golden pair's."""
    path = request.path.replace(f"/tenants/{written}/", f"/tenants/{tenant}/")
    query = {
        name: tenant if name == "tenant" and value == written else value
        for name, value in request.query.items()
    }
    return replace(request, path=path, query=query)


def header_bytes(headers: Mapping[str, str]) -> dict[bytes, bytes]:
    """Headers for the wire; what is no ASCII goes out as UTF-8."""
    return {name.encode(): value.encode() for name, value in headers.items()}


def body_bytes(request: Request, saved: dict[str, Any]) -> bytes | None:
    if request.text is not None:
        return request.text.encode("utf-8", "surrogateescape")
    if request.body is None:
        return None
    return compact(filled(request.body, saved))
