"""The ASGI app: one request in, one answer out, whatever goes wrong in between."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, MutableMapping
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import quote

import msgspec

from orderhub.core.facts import TenantGone
from orderhub.dialects.contract import (
    Answer,
    Call,
    CommandRejected,
    Dialect,
    Fault,
    FaultKind,
    HTTPFault,
    Route,
    Why,
    WireFault,
    invalid,
)
from orderhub.settings import ProgramSettings
from orderhub.web import logs
from orderhub.web.bodies import Bodies
from orderhub.web.edge import WHOLE, Whole
from orderhub.web.faults import Dropped
from orderhub.web.patience import begin
from orderhub.web.port import DRY_RUN, HubPort
from orderhub.web.routing import Match, Router
from orderhub.web.shares import Crowds
from orderhub.web.streaming import (
    Disconnected,
    Receive,
    Send,
    Streamed,
    send_pieces,
    while_there,
)
from orderhub.web.turned_away import TURNED_AWAY, TurnedAway

Scope = MutableMapping[str, Any]

_JSON = "application/json"
_PROBLEM = "application/problem+json"
_LONGEST_DETAIL = 1_000
_LEFT = Why("client_left", "", "the client left before its request was complete")
_GONE = "the sandbox was put back or removed meanwhile"
_MOST_AWAY = 16
_SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]
_NOT_KEPT = (b"cache-control", b"no-store")
_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_NO_EXTENSIONS: dict[str, Any] = {}
_IN_PATHS = "/:@!$&'()*+,;=~"
# Of two of these a proxy may have looked at one and the hub at the other. Any other field that comes
# twice is a list, in the order it came.
_ONCE = frozenset({"host", "authorization", "idempotency-key", "hub-dry-run", "content-type"})


class HubApp:
    """Routes, words faults, logs and measures. Built by orderhub.app; importing does nothing."""

    def __init__(
        self,
        *,
        port: HubPort,
        dialects: tuple[Dialect, ...],
        own: tuple[Dialect, ...],
        settings: ProgramSettings,
        start: Callable[[], Awaitable[None]],
        stop: Callable[[], Awaitable[None]],
    ) -> None:
        self.port = port
        self.dialects = dialects
        self.router = Router((*dialects, *own))
        self._own_names = frozenset(each.name for each in own)
        self._fallback = own[-1]  # words what is nobody's
        self._settings = settings
        self._start = start
        self._stop = stop
        self._away: set[asyncio.Task[None]] = set()
        self._log = logs.Logger("orderhub.web")
        self._bodies = Bodies(settings.max_bodies_bytes)
        self._crowds = Crowds(lambda: port.hands, self._told_crowd)
        # Not secret, and asked of no system: to wait for one is to let other threads go first.
        self._random = random.Random()  # noqa: S311

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
        request_id = self._random.randbytes(16).hex()
        try:
            await self._served(scope, receive, send, request_id)
        finally:
            self.port.places.leave(request_id)

    async def _served(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        started = time.perf_counter()
        is_crowded = self._crowds and self.port.is_crowded
        if is_crowded and await self._crowd_is_told(scope, request_id, send):
            return
        call, match, twice = self._call(scope, request_id)
        dialect, method, path = call.dialect, call.method, call.path
        try:
            if twice:
                answer = self._refuse_twice(call, twice)
            else:
                answer = await self._answer(call, match, scope, receive)
        except Disconnected:
            await self._keep_left(call, match.route, scope, time.perf_counter() - started)
            return
        except Dropped:
            self.port.request_log.offer(call, match.route, None, time.perf_counter() - started)
            self._log.info("dropped", request_id=request_id, path=path, **call.notes)
            await _hang_up(receive, send)
            return
        answer = _marked(call, match.route, answer)
        if (
            call.cause is not None
            and dialect.is_api
            and await self.port.explains(call)
            and answer.body
        ):
            answer = _explained(call.why or Why(""), answer)
        if isinstance(call.cause, Fault) and call.cause.kind is FaultKind.BUSY:
            self._note_crowd(scope, call, answer)
        # Before the answer leaves, so that its caller finds it in the log.
        self.port.request_log.offer(call, match.route, answer, time.perf_counter() - started)
        if not _sent_whole(scope, method, request_id, answer):
            await self._sent(call, answer, receive, send)
        seconds = time.perf_counter() - started
        is_measured = match.route is None or not match.route.probe or answer.status >= 400
        if is_measured:
            waits = "waits" in call.notes
            self.port.metrics.answers.observe(
                dialect.name, answer.status, None if waits else seconds
            )
        self._log.info(
            "answered",
            request_id=request_id,
            dialect=dialect.name,
            method=method,
            path=path,
            status=answer.status,
            ms=int(seconds * 1_000_000) / 1000,
            tenant=call.caller.tenant_id if call.caller else None,
            **call.notes,
        )

    def _call(self, scope: Scope, request_id: str) -> tuple[Call, Match, str]:
        """The call that a request is, where it leads, and the name of a header that is there twice."""
        headers, twice = _headers(scope["headers"])
        client, called = self.port.proxies.behind(_client(scope), headers)
        match = self.router.find(scope["method"], _raw_path(scope))
        call = Call(
            hub=self.port,
            dialect=match.dialect or self._fallback,
            method=scope["method"],
            path=scope["path"],
            query_string=scope.get("query_string", b"").decode("latin-1"),
            headers=headers,
            params=match.params,
            client=client,
            called=called,
            request_id=request_id,
            received_at=self.port.clock.now_us(),
        )
        return call, match, twice

    # --- calls that get no answer of the app's, for the request log

    def turned_away(self, away: TurnedAway) -> None:
        """The edge refused a request. Whose it was is found out later, and by few at a time."""
        if len(self._away) < _MOST_AWAY:
            task = asyncio.create_task(self._keep_away(away))
            self._away.add(task)
            task.add_done_callback(self._away.discard)

    async def _keep_away(self, away: TurnedAway) -> None:
        call, match, _ = self._call(away.scope, away.request_id)
        await self._keep(call, match.route, away, 0.0)

    async def _keep_left(
        self, call: Call, route: Route | None, scope: Scope, seconds: float
    ) -> None:
        """The client left before its request was complete, or the edge sent it home."""
        await self._keep(call, route, scope.get(TURNED_AWAY), seconds)

    async def _keep(
        self, call: Call, route: Route | None, away: TurnedAway | None, seconds: float
    ) -> None:
        with suppress(Exception):  # an outage has its own log
            await self.port.identify(call)
        answer, why = None, _LEFT
        if away is not None:
            call.request_id = away.request_id
            answer = Answer(away.why.status, away.body, media_type=_PROBLEM)
            why = Why(away.why.kind, "", away.why.title)
        self.port.request_log.offer(call, route, answer, seconds, why)

    # --- answers
    async def _crowd_is_told(self, scope: Scope, request_id: str, send: Send) -> bool:
        """Whether the call is one of a crowd's, and was told so."""
        found = self._crowds.answer(_head_of(scope))
        if found is None:
            return False
        dialect, answer = found
        self.port.metrics.faults.inc(dialect, FaultKind.BUSY.value)
        self.port.metrics.answers.observe(dialect, answer.status, None)
        if not _sent_whole(scope, scope["method"], request_id, answer):
            await _send(send, answer, request_id, head=scope["method"] == "HEAD")
        return True

    def _note_crowd(self, scope: Scope, call: Call, answer: Answer) -> None:
        """Refuse the others behind this call alike; not where its answer is its own, or its head may be another's."""
        caller = call.caller
        dialect, own = call.dialect, call.request_id.encode() in answer.body
        if caller is None or own or dialect.asks_body or not dialect.is_api:
            return
        if self.port.hands.is_full(caller.tenant_id):
            self._crowds.remember(_head_of(scope), dialect.name, caller.tenant_id, answer)

    def _told_crowd(self, tenant_id: int, calls: int) -> None:
        self._log.info("turned_away", tenant=tenant_id, calls=calls)

    async def _sent(self, call: Call, answer: Answer, receive: Receive, send: Send) -> None:
        is_head = call.method == "HEAD"
        await _send(send, answer, call.request_id, head=is_head)
        if not isinstance(answer, Streamed) or is_head:
            return
        try:
            await send_pieces(receive, send, answer.pieces)
        except Exception as error:  # noqa: BLE001 - half an answer is out: whoever reads it must see that
            is_told = isinstance(error, HTTPFault | TenantGone) or self.port.is_outage(error)
            if not is_told:
                self._log.error("broken", request_id=call.request_id, exc_info=error)
            await _hang_up(receive, send)

    async def _answer(self, call: Call, match: Match, scope: Scope, receive: Receive) -> Answer:
        dialect, route, allowed = call.dialect, match.route, match.allowed
        try:
            if route is None:
                kind = FaultKind.METHOD_NOT_ALLOWED if allowed else FaultKind.NOT_FOUND
                answer = self._fault(call, Fault(kind, call.path))
                return _with_allow(answer, allowed) if answer.status == 405 else answer
            if dialect.name in self._own_names:
                _refuse_nul(call)  # each vendor's door words an unusable name as an unknown one
            begin(None if route.stream else self.port.answer_timeout_s)
            limit = route.max_body or self._settings.max_body_bytes
            declared = _refuse_large(call, limit)
            if route.stream:
                call.set_stream(_stream(receive, limit))
            else:
                whole: Whole | None = scope.get("extensions", _NO_EXTENSIONS).get(WHOLE)
                body = None if whole is None else whole.body()
                if body is None:
                    grown = partial(self._bodies.grown, call.request_id, declared=declared)
                    call.body = await _body(receive, limit, grown)
                else:
                    call.body = _within(limit, body)
                    self._bodies.grown(call.request_id, len(body))
            if route.mutates or route.stream:
                _refuse_unclear_dry_run(call)
            handled = route.handler(call)
            answer = await (while_there(receive, handled) if route.waits else handled)
            if self.port.faults.may_meet(call):
                answer = await self.port.faults.after(call, answer)
            return answer
        except HTTPFault as stop:
            return self._fault(call, stop.fault)
        except CommandRejected as refused:
            rejected = refused.rejected
            call.notes.update(reason=rejected.reason.value, field=rejected.field)
            if rejected.detail:
                call.notes["detail"] = rejected.detail
            call.explain(rejected)
            self.port.metrics.refusals.inc(dialect.name, rejected.reason.value)
            return dialect.refusal(call, rejected)
        except (Disconnected, Dropped):
            raise
        except Exception as error:  # noqa: BLE001 - the last net: worded, logged
            if isinstance(error, TenantGone):
                self.port.forget()  # who comes again is looked up anew
                return self._fault(call, Fault(FaultKind.UNAVAILABLE, _GONE, retry_after_s=1))
            if self.port.is_outage(error):
                return self._fault(call, Fault(FaultKind.UNAVAILABLE, retry_after_s=1))
            self._log.error("broken", request_id=call.request_id, path=call.path, exc_info=error)
            return self._fault(call, Fault(FaultKind.BROKEN))
        finally:
            self.port.faults.done(call)
            self.port.hands.put_down(call.request_id)
            self._bodies.let_go(call.request_id)

    def _fault(self, call: Call, fault: Fault) -> Answer:
        call.notes["fault"] = fault.kind.value
        if fault.message:
            call.notes["detail"] = fault.message
        call.explain(fault)
        self.port.metrics.faults.inc(call.dialect.name, fault.kind.value)
        answer = call.dialect.fault(call, fault)
        if fault.retry_after_s and not any(n.lower() == "retry-after" for n, _ in answer.headers):
            retry = ("Retry-After", str(fault.retry_after_s))
            answer = msgspec.structs.replace(answer, headers=(*answer.headers, retry))
        return answer

    def _refuse_twice(self, call: Call, name: str) -> Answer:
        """HTTP 400 at every door: a door's words may come with 200, which a proxy would take for success."""
        kind = FaultKind.KEY_INVALID if name == "idempotency-key" else FaultKind.MALFORMED
        answer = self._fault(call, Fault(kind, f"{name.title()} is given more than once"))
        return msgspec.structs.replace(answer, status=400)


def _headers(fields: Iterable[tuple[bytes, bytes]]) -> tuple[dict[str, str], str]:
    """The headers by name, and the name of one that is given twice and must not be."""
    fields = list(fields)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in fields}
    if len(headers) == len(fields):
        return headers, ""
    headers, twice = {}, ""
    for raw_name, raw_value in fields:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name not in headers:
            headers[name] = value
        elif name in _ONCE:
            twice = name
        else:
            headers[name] += ("; " if name == "cookie" else ", ") + value
    return headers, twice


# What differs between calls that are one caller's and ask for the same.
_VARYING = frozenset({b"content-length", b"idempotency-key", b"x-request-id", b"traceparent"})


def _head_of(scope: Scope) -> Hashable:
    """What an answer to a crowd may depend on, and whose it is."""
    told = [field for field in scope["headers"] if field[0] not in _VARYING]
    raw = scope.get("raw_path") or scope["path"]
    return scope["method"], raw, scope.get("query_string"), scope.get("client", ("",))[0], *told


def _raw_path(scope: Scope) -> str:
    """The path as it was sent; a server need not tell it."""
    raw = scope.get("raw_path")
    return raw.decode("latin-1") if raw else quote(scope["path"], safe=_IN_PATHS)


def _client(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _refuse_nul(call: Call) -> None:
    """No database keeps U+0000, and what looks something up by it would break on one of them."""
    if "\x00" in call.path or "%00" in call.query_string or "\x00" in call.query_string:
        raise HTTPFault(Fault(FaultKind.MALFORMED, "U+0000 is not allowed"))


def _refuse_unclear_dry_run(call: Call) -> None:
    """Who writes `Hub-Dry-Run: yes` means that nothing shall happen: they are asked again rather than obeyed."""
    if call.headers.get("hub-dry-run", "false").lower() not in ("true", "false"):
        message = "Hub-Dry-Run is true or false"
        raise invalid(WireFault("Hub-Dry-Run", "value", message))


def _refuse_large(call: Call, limit: int) -> int:
    """How long the body is, where its head says so; 0: it does not."""
    length = call.header("content-length")
    declared = int(length) if length.isdecimal() else 0
    if declared > limit:
        raise HTTPFault(Fault(FaultKind.TOO_LARGE, f"at most {limit} bytes"))
    return declared


def _within(limit: int, body: bytes) -> bytes:
    if len(body) > limit:
        raise HTTPFault(Fault(FaultKind.TOO_LARGE, f"at most {limit} bytes"))
    return body


async def _body(receive: Receive, limit: int, grown: Callable[[int], None]) -> bytes:
    """All of the body; `grown` hears how much of it has come. Raises HTTPFault and Disconnected."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    body: bytes = message.get("body", b"")
    parts, size = [body], len(body)
    grown(size)
    while message.get("more_body"):
        if size > limit:
            raise HTTPFault(Fault(FaultKind.TOO_LARGE, f"at most {limit} bytes"))
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        grown(size)
    return _within(limit, b"".join(parts))


async def _stream(receive: Receive, limit: int) -> AsyncIterator[bytes]:
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise HTTPFault(Fault(FaultKind.TOO_LARGE, f"at most {limit} bytes"))
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
    plain = text[:_LONGEST_DETAIL].encode("ascii", "backslashreplace").decode()[:_LONGEST_DETAIL]
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


def _fields(answer: Answer, request_id: str) -> list[tuple[bytes, bytes]]:
    """The fields of the answer's head."""
    fields = [(b"request-id", request_id.encode()), *_SECURITY]
    if not isinstance(answer, Streamed) and (answer.body or answer.status not in (204, 304)):
        fields.append((b"content-length", b"%d" % len(answer.body)))
    # An empty JSON body is no JSON; an empty list of lines is one.
    if answer.body or answer.media_type != _JSON:
        fields.append((b"content-type", answer.media_type.encode()))
    own = [
        (name.lower().encode(), _CONTROLS.sub(b" ", value.encode("latin-1", "replace")))
        for name, value in answer.headers
    ]
    if all(name != _NOT_KEPT[0] for name, _ in own):
        fields.append(_NOT_KEPT)
    return fields + own


def _sent_whole(scope: Scope, method: str, request_id: str, answer: Answer) -> bool:
    """Whether the answer has left at once: our own edge can write head and body together."""
    whole: Whole | None = scope.get("extensions", _NO_EXTENSIONS).get(WHOLE)
    if whole is None or method == "HEAD" or isinstance(answer, Streamed):
        return False
    return whole.answer(answer.status, _head(answer, request_id), answer.body)


def _head(answer: Answer, request_id: str) -> bytes:
    """The fields of the answer's head, written out."""
    body = answer.body
    if answer.headers or not body or answer.media_type != _JSON:
        return b"".join([b"%b: %b\r\n" % field for field in _fields(answer, request_id)])
    return _USUAL_HEAD % (request_id.encode(), len(body))


# As most answers have it, with the request's id and the length of the body to be filled in.
_USUAL_HEAD = b"".join(
    b"%b: %b\r\n" % field
    for field in (
        (b"request-id", b"%b"),
        *_SECURITY,
        (b"content-length", b"%d"),
        (b"content-type", _JSON.encode()),
        _NOT_KEPT,
    )
)


async def _send(send: Send, answer: Answer, request_id: str, *, head: bool) -> None:
    headers, is_stream = _fields(answer, request_id), isinstance(answer, Streamed)
    with suppress(OSError):
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if head or not is_stream:
            await send({"type": "http.response.body", "body": b"" if head else answer.body})
