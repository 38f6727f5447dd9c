"""The ASGI app: one request in, one answer out, whatever goes wrong in between."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any
from uuid import uuid4

import msgspec
import structlog

from orderhub.dialects.contract import (
    Answer,
    Call,
    Dialect,
    Fault,
    FaultKind,
    Refused,
    Route,
    Stop,
    Why,
    WireFault,
    invalid,
)
from orderhub.settings import ProgramSettings
from orderhub.web.faults import Dropped
from orderhub.web.port import DRY_RUN, HubPort
from orderhub.web.routing import Router

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[0-9A-Fa-f:]+\](:\d{1,5})?")
_JSON = "application/json"
_LONGEST_DETAIL = 1_000
_SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
]


class Disconnected(Exception):
    """The client left before its request was complete."""


class HubApp:
    """Routes, words faults, logs and measures. Built by orderhub.app; importing does nothing."""

    def __init__(
        self,
        *,
        port: HubPort,
        dialects: tuple[Dialect, ...],
        fallback: Dialect,
        settings: ProgramSettings,
        start: Callable[[], Awaitable[None]],
        stop: Callable[[], Awaitable[None]],
    ) -> None:
        self.port = port
        self.dialects = dialects
        self.router = Router((*dialects, fallback))
        self._fallback = fallback
        self._settings = settings
        self._start = start
        self._stop = stop
        self._proxies = {p.strip() for p in settings.trusted_proxies.split(",") if p.strip()}
        self._log = structlog.get_logger("orderhub.web")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self._start()
                except Exception as error:
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    raise
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        method, path = scope["method"], scope["path"]
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        request_id = uuid4().hex
        match = self.router.find(method, path)
        dialect = match.dialect or self._fallback
        call = Call(
            hub=self.port,
            dialect=dialect,
            method=method,
            path=path,
            query_string=scope.get("query_string", b"").decode("latin-1"),
            headers=headers,
            params=match.params,
            client=self._client_behind_proxy(scope, headers),
            base_url=self._called_by(scope, headers),
            request_id=request_id,
            received_at=time.time_ns() // 1000,
        )
        try:
            answer = await self._answer(call, match.route, match.allowed, receive)
        except Disconnected:
            return
        except Dropped:
            self._log.info("dropped", request_id=request_id, path=path, **call.notes)
            await _hang_up(receive, send)
            return
        answer = _marked(call, match.route, answer)
        if call.why is not None and answer.body and await self.port.explains(call):
            answer = _explained(call.why, answer)
        await _send(send, answer, request_id, head=method == "HEAD")
        seconds = time.perf_counter() - started
        if match.route is None or not match.route.probe or answer.status >= 400:
            self.port.metrics.answered(dialect.name, seconds)
        self._log.info(
            "answered",
            request_id=request_id,
            dialect=dialect.name,
            method=method,
            path=path,
            status=answer.status,
            ms=round(seconds * 1000, 3),
            tenant=call.caller.tenant_id if call.caller else None,
            **call.notes,
        )

    async def _answer(
        self, call: Call, route: Route | None, allowed: tuple[str, ...], receive: Receive
    ) -> Answer:
        dialect = call.dialect
        try:
            if route is None:
                kind = FaultKind.METHOD_NOT_ALLOWED if allowed else FaultKind.NOT_FOUND
                answer = self._fault(call, Fault(kind, call.path))
                return _with_allow(answer, allowed) if answer.status == 405 else answer
            if dialect is self._fallback:
                _refuse_nul(call)  # each vendor's door words an unusable name as an unknown one
            limit = route.max_body or self._settings.max_body_bytes
            _refuse_large(call, limit)
            if route.stream:
                call.set_stream(_stream(receive, limit))
            else:
                call.body = await _body(receive, limit)
            if route.mutates or route.stream:
                _refuse_unclear_dry_run(call)
            answer = await route.handler(call)
            return await self.port.faults.after(call, answer)
        except Stop as stop:
            return self._fault(call, stop.fault)
        except Refused as refused:
            rejected = refused.rejected
            call.notes.update(reason=rejected.reason.value, field=rejected.field)
            if rejected.detail:
                call.notes["detail"] = rejected.detail
            call.explain(rejected)
            self.port.metrics.refusals.labels(dialect.name, rejected.reason.value).inc()
            return dialect.refusal(call, rejected)
        except (Disconnected, Dropped):
            raise
        except Exception as error:  # noqa: BLE001 - the last net: worded, logged
            outage = self.port.ledger.is_outage(error)
            self._log.error("broken", request_id=call.request_id, path=call.path, exc_info=error)
            kind = FaultKind.UNAVAILABLE if outage else FaultKind.BROKEN
            return self._fault(call, Fault(kind, retry_after_s=1 if outage else 0))
        finally:
            self.port.faults.done(call)

    def _fault(self, call: Call, fault: Fault) -> Answer:
        call.notes["fault"] = fault.kind.value
        if fault.message:
            call.notes["detail"] = fault.message
        call.explain(fault)
        self.port.metrics.faults.labels(call.dialect.name, fault.kind.value).inc()
        answer = call.dialect.fault(call, fault)
        if fault.retry_after_s and not any(n.lower() == "retry-after" for n, _ in answer.headers):
            retry = ("Retry-After", str(fault.retry_after_s))
            answer = msgspec.structs.replace(answer, headers=(*answer.headers, retry))
        return answer

    def _client_behind_proxy(self, scope: Scope, headers: dict[str, str]) -> str:
        client = _client(scope)
        if client in self._proxies and "x-forwarded-for" in headers:
            return headers["x-forwarded-for"].rpartition(",")[2].strip()
        return client

    def _called_by(self, scope: Scope, headers: dict[str, str]) -> str:
        """What a trusted proxy says the client called; empty = no proxy, or none that is believed."""
        host = headers.get("x-forwarded-host", "").rpartition(",")[2].strip()
        scheme = headers.get("x-forwarded-proto", "https").rpartition(",")[2].strip().lower()
        usable = _HOST.fullmatch(host) and scheme in ("http", "https")
        return f"{scheme}://{host}" if usable and _client(scope) in self._proxies else ""


def _client(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _refuse_nul(call: Call) -> None:
    """No database keeps U+0000, and what looks something up by it would break on one of them."""
    if "\x00" in call.path or "%00" in call.query_string or "\x00" in call.query_string:
        raise Stop(Fault(FaultKind.MALFORMED, "U+0000 is not allowed"))


def _refuse_unclear_dry_run(call: Call) -> None:
    """Who writes `Hub-Dry-Run: yes` means that nothing shall happen: he is asked again rather than obeyed."""
    if call.header("hub-dry-run", "false").lower() not in ("true", "false"):
        message = "Hub-Dry-Run is true or false"
        raise invalid(WireFault("Hub-Dry-Run", "value", message))


def _refuse_large(call: Call, limit: int) -> None:
    length = call.header("content-length")
    if length.isdecimal() and int(length) > limit:
        raise Stop(Fault(FaultKind.TOO_LARGE, f"at most {limit} bytes"))


async def _body(receive: Receive, limit: int) -> bytes:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    body: bytes = message.get("body", b"")
    if not message.get("more_body") and len(body) <= limit:
        return body
    parts, size = [body], len(body)
    while message.get("more_body"):
        if size > limit:
            raise Stop(Fault(FaultKind.TOO_LARGE, f"at most {limit} bytes"))
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        parts.append(message.get("body", b""))
        size += len(parts[-1])
    if size > limit:
        raise Stop(Fault(FaultKind.TOO_LARGE, f"at most {limit} bytes"))
    return b"".join(parts)


async def _stream(receive: Receive, limit: int) -> AsyncIterator[bytes]:
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise Stop(Fault(FaultKind.TOO_LARGE, f"at most {limit} bytes"))
        if part:
            yield part
        if not message.get("more_body"):
            return


def _marked(call: Call, route: Route | None, answer: Answer) -> Answer:
    """Every answer of a dry run says that it is one, also where nothing was decided."""
    if route is None or not (route.mutates or route.stream) or not call.is_dry_run:
        return answer
    if any(name == DRY_RUN[0] for name, _ in answer.headers):
        return answer
    return msgspec.structs.replace(answer, headers=(*answer.headers, DRY_RUN))


def _explained(why: Why, answer: Answer) -> Answer:
    """The answer with the reason in headers: its body stays the vendor's."""
    told = [why.field, why.detail or why.reason.replace("_", " ")]
    headers = (
        ("Hub-Reason", why.reason),
        ("Hub-Detail", _header_text(": ".join(filter(None, told)))),
    )
    return msgspec.structs.replace(answer, headers=(*answer.headers, *headers))


def _header_text(text: str) -> str:
    """One line of ASCII. What is neither is escaped as in a Python literal."""
    plain = text[:_LONGEST_DETAIL].encode("ascii", "backslashreplace").decode()
    return "".join(each if each.isprintable() else " " for each in plain)


async def _hang_up(receive: Receive, send: Send) -> None:
    """Close the connection without a byte of an answer. ASGI has no word for it: uvicorn's transport has."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise Dropped
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


def _with_allow(answer: Answer, allowed: tuple[str, ...]) -> Answer:
    return msgspec.structs.replace(answer, headers=(*answer.headers, ("Allow", ", ".join(allowed))))


async def _send(send: Send, answer: Answer, request_id: str, *, head: bool) -> None:
    headers = [(b"request-id", request_id.encode()), *_SECURITY]
    if answer.body or answer.status not in (204, 304):
        headers.append((b"content-length", str(len(answer.body)).encode()))
    # An empty JSON body is no JSON; an empty list of lines is one.
    if answer.body or answer.media_type != _JSON:
        headers.append((b"content-type", answer.media_type.encode()))
    headers += [
        (name.lower().encode(), value.encode("latin-1", "replace"))
        for name, value in answer.headers
    ]
    with suppress(OSError):
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if head else answer.body})
