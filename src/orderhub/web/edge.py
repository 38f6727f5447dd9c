"""The edge: uvicorn's HTTP protocol with the limits that it lacks. Whoever holds a connection pays for it within them.

A head is small and complete in time, a body moves, an answer is taken, an idle connection ends, requests in line are
few, and connections beyond the limit are refused at once. One sweep looks at the deadlines of all connections, so that
a request costs no timer.
"""

from __future__ import annotations

import asyncio
import math
import resource
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from orderhub.dialects.codec import encode
from orderhub.settings import ProgramSettings, SettingRefused
from orderhub.web.metrics import Metrics
from orderhub.web.turned_away import TURNED_AWAY, Refusal, TurnedAway

HEAD_BYTES = 32 * 1024
HEAD_FIELDS = 100
IN_LINE = 32  # requests that wait behind the one in hand, on one connection

# The extension of a scope whose request and answer need not pass in ASGI's pieces: a `Whole`.
WHOLE = "orderhub.whole"

_LINGER_S = 2.0
_MOST_LINGERING = 64
_SWEEP_S = 1.0
_NEVER = math.inf
# What is no connection of a client's: the database, logs, those that are just being refused.
_OTHER_FILES = 128
_MOST_FILES = 1 << 20
# Each connection may hold a head and a body in memory; who has that memory sets a higher limit.
_MOST_BY_DEFAULT = 16_384


MALFORMED = Refusal("malformed", 400, "The request is no valid HTTP")
HEAD_TOO_LARGE = Refusal(
    "head_too_large",
    431,
    f"The head of a request is at most {HEAD_BYTES} bytes and {HEAD_FIELDS} fields",
)
HEAD_LATE = Refusal("timeout", 408, "The head of the request did not arrive in time")
BODY_LATE = Refusal("timeout", 408, "The body of the request stopped moving")
TOO_MANY_IN_LINE = Refusal("too_many_in_line", 503, f"At most {IN_LINE} requests wait in line")
TOO_MANY_CONNECTIONS = Refusal("too_many_connections", 503, "There are too many connections")
# Those that a client is told by a name of their own.
TOLD = (HEAD_TOO_LARGE, HEAD_LATE, TOO_MANY_IN_LINE, TOO_MANY_CONNECTIONS)
SILENT = Refusal("silent")
NOT_TAKEN = Refusal("not_taken")


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds until a head must be complete, a body must have moved, an idle connection ends; connections at most."""

    head_s: float
    body_s: float
    keep_alive_s: float
    connections: int


def limits_of(settings: ProgramSettings, files: int) -> Limits:
    """The limits in a process that may open so many files. Raises SettingRefused when they are too few."""
    room = files - min(_OTHER_FILES, files // 2)
    wanted = settings.max_connections
    if wanted > room:
        raise SettingRefused(
            f"ORDERHUB_MAX_CONNECTIONS must be at most {room} where a process may open {files} files: "
            "raise the limit of open files (ulimit -n)."
        )
    return Limits(
        head_s=settings.head_timeout_s,
        body_s=settings.body_timeout_s,
        keep_alive_s=settings.keep_alive_s,
        connections=wanted or min(room, _MOST_BY_DEFAULT),
    )


def raise_file_limit() -> int:
    """Let this process open as many files as the system lets it; answers how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return _MOST_FILES if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        return soft
    return wanted


class Edge:
    """All connections of one server. What uvicorn calls to get a protocol for a new one."""

    def __init__(
        self,
        limits: Limits,
        metrics: Metrics,
        leave: Callable[[], None] | None = None,
        tell: Callable[[TurnedAway], None] | None = None,
    ) -> None:
        self.limits = limits
        self._leave = leave
        self._tell = tell
        self.lingering = 0  # refused, and still there to hear why
        self._connections: set[Any] = set()
        self._refusals = metrics.edge_refusals
        self._log = structlog.get_logger("orderhub.edge")
        self._sweeps = False
        self._usual: tuple[list[tuple[bytes, bytes]], bytes] = ([], b"")
        metrics.connections.set_function(lambda: len(self._connections))

    def __call__(self, **uvicorns: Any) -> EdgeProtocol:
        protocol = EdgeProtocol(self, **uvicorns)
        if not self._sweeps:
            self._sweeps = True
            self._connections = protocol.connections
            self._sweep(protocol.loop)
        return protocol

    def leave(self) -> None:
        """The server begins to leave: answers that would go on for long are asked to end."""
        if self._leave is not None:
            self._leave()

    def tell(self, away: TurnedAway) -> None:
        """Whoever keeps the calls hears of one that never became one."""
        if self._tell is not None:
            self._tell(away)

    def usual_head(self, fields: list[tuple[bytes, bytes]]) -> bytes:
        """What uvicorn puts before each head: the date, which it makes anew every second."""
        if fields is not self._usual[0]:
            self._usual = (fields, b"".join([b"%b: %b\r\n" % field for field in fields]))
        return self._usual[1]

    @property
    def is_full(self) -> bool:
        return len(self._connections) - self.lingering > self.limits.connections

    @property
    def may_linger(self) -> bool:
        return self.lingering < _MOST_LINGERING

    def refused(self, why: Refusal, client: str) -> str:
        """Count and log a refusal; answers the id that its log line is found by."""
        request_id = uuid4().hex
        self._refusals.labels(why.kind).inc()
        if why is not SILENT:  # a browser opens connections that it may never use
            self._log.info(
                "refused", request_id=request_id, kind=why.kind, status=why.status, client=client
            )
        return request_id

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in tuple(self._connections):
            if connection.deadline <= now:
                connection.overdue()
        limits = self.limits
        least = min(limits.head_s, limits.body_s, limits.keep_alive_s)
        loop.call_later(min(_SWEEP_S, least / 4), self._sweep, loop)


# How much of a request has arrived. Plain numbers: they are looked at several times a request.
_NOTHING, _HEAD, _BODY = range(3)


class _Stop(Exception):
    """Raised inside the parser: nothing more of this connection is read."""


class EdgeProtocol(HttpToolsProtocol):
    """One connection.

    `deadline` is when the sweep asks what became of it: never while the hub itself is what a client waits for.
    """

    def __init__(self, edge: Edge, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self.deadline = _NEVER
        self._edge = edge
        self._limits = edge.limits
        self._message = _NOTHING
        self._running: Any = None  # the request in hand; uvicorn's `cycle` is the newest one
        self._refusal: Refusal | None = None
        self._method = ""  # of the head that was refused
        self._deaf = False
        self._lingers = False
        self._size = 0  # of the head so far, complete fields only
        self._fields = 0
        self._progress = 0
        self._loose = (
            0  # bytes since the parser last got anywhere: of one field, or between pieces of a body
        )
        self._unsent = 0

    # --- the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._edge.is_full:
            self._refuse(TOO_MANY_CONNECTIONS)
        else:
            self._arm(self._limits.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._lingers:
            self._lingers = False
            self._edge.lingering -= 1
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        self._edge.leave()
        super().shutdown()

    def data_received(self, data: bytes) -> None:
        if self._deaf:  # what still comes is dropped
            return
        message, progress = self._message, self._progress
        self._piece = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Answered as what it also is, a request of HTTP/1.1; what comes after it is in no language known here.
            self.cycle.keep_alive = False
            self._close_ears()
        except httptools.HttpParserError:
            self._refuse(self._refusal or MALFORMED)
            return
        if self._progress != progress:
            self._loose = 0
            # Who was answered before their body was complete has one such time for all the rest.
            if self._message != _BODY or not self.cycle.response_complete:
                self._rest()
            return
        if self._message != message:
            self._rest()
        self._loose += self._piece
        if self._loose > HEAD_BYTES:
            self._refuse(MALFORMED if self._message == _BODY else HEAD_TOO_LARGE)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unsent = self.transport.get_write_buffer_size()
        self._arm(self._limits.body_s)

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self._lingers:
            self._rest()

    # --- what the parser finds

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._message = _HEAD

    def on_header(self, name: bytes, value: bytes) -> None:
        """As uvicorn's, but so many and no more, and none of a trailer, which no rule before the hub has looked at."""
        if self._message != _HEAD:
            return
        headers = self.headers
        if len(headers) == HEAD_FIELDS:
            self._stop(HEAD_TOO_LARGE)
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        headers.append((name, value))

    def on_headers_complete(self) -> None:
        # No need to measure a head that came in so few bytes.
        if self._loose + self._piece > HEAD_BYTES and self._head_bytes() > HEAD_BYTES:
            self._stop(HEAD_TOO_LARGE)
        if len(self.pipeline) == IN_LINE:
            self._stop(TOO_MANY_IN_LINE)
        if not self.url.startswith(b"/") and not self._calls_one_host():
            self._stop(MALFORMED)
        super().on_headers_complete()
        self._message = _BODY
        self._progress += 1

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _calls_one_host(self) -> bool:
        """Whether the target (`GET http://a/`) and the Host field name the same: readers differ whom to believe."""
        named = self.url.partition(b"://")[2].partition(b"/")[0].partition(b"?")[0].lower()
        return not named or all(v.lower() == named for n, v in self.headers if n == b"host")

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._progress += 1

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._message = _NOTHING
        self._progress += 1

    # --- answers

    def usual_head(self, fields: list[tuple[bytes, bytes]]) -> bytes:
        return self._edge.usual_head(fields)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._running = cycle
        cycle.scope["extensions"] = {WHOLE: Whole(self, cycle)}
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """As uvicorn's, but nothing more is read until the line is empty, and no timer is set."""
        self.server_state.total_requests += 1
        if self._running is not None:
            # Its scope leads back to it: without it a request is gone when it ends, and the collector finds nothing.
            self._running.scope = None
        if self.transport.is_closing():
            return
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self._refusal is not None:
            self._speak(self._refusal)
            return
        else:
            self.flow.resume_reading()
        self._rest()

    # --- deadlines

    @property
    def _works(self) -> bool:
        """Whether a request is in hand that its client is still owed an answer to."""
        running = self._running
        return running is not None and not (running.response_complete or running.disconnected)

    def _arm(self, seconds: float) -> None:
        self.deadline = self.loop.time() + seconds

    def _rest(self) -> None:
        """The deadline of whatever the connection now waits for."""
        limits = self._limits
        if self.flow.write_paused:
            self._arm(limits.body_s)
        elif self._works:
            if self._message == _BODY and self._running is self.cycle:
                self._arm(limits.body_s)
            else:
                self.deadline = _NEVER
        elif self._message == _NOTHING:
            self._arm(limits.keep_alive_s)
        else:
            self._arm(limits.head_s if self._message == _HEAD else limits.body_s)

    def overdue(self) -> None:
        """For the sweep: the deadline has passed."""
        if self._lingers or self.transport.is_closing():
            self.transport.abort()
        elif self.flow.write_paused:
            self._take_or_leave()
        elif self._message == _HEAD:
            self._refuse(HEAD_LATE)
        elif self._message == _BODY:
            if self._running.response_complete:
                self.transport.abort()
            elif self.flow.read_paused:  # it is the hub that has not read on
                self._arm(self._limits.body_s)
            else:
                self._refuse(BODY_LATE)
        elif self.transport.get_write_buffer_size():
            self._give_up(NOT_TAKEN)
        else:
            if self._running is None:
                self._edge.refused(SILENT, self._client)
            self.transport.close()

    def _take_or_leave(self) -> None:
        """An answer that is being read may take its time; one that nobody reads may not."""
        unsent = self.transport.get_write_buffer_size()
        if unsent < self._unsent:
            self._unsent = unsent
            self._arm(self._limits.body_s)
        else:
            self._give_up(NOT_TAKEN)

    # --- refusing

    @property
    def _client(self) -> str:
        return self.client[0] if self.client else ""

    def _stop(self, why: Refusal) -> None:
        """Inside the parser: end reading here. `data_received` refuses."""
        self._refusal = why
        raise _Stop

    def _refuse(self, why: Refusal) -> None:
        """Read no more, answer what was accepted before, then say why and close."""
        self._refusal = why
        self._close_ears()
        if self._message == _BODY:
            self._drop_incomplete()
        if self._works:
            self.flow.pause_reading()
            self.deadline = _NEVER
        else:
            self._speak(why)

    def _close_ears(self) -> None:
        if self._message == _HEAD and not self._deaf:
            self._method = self.parser.get_method().decode("ascii")
        self._deaf = True
        self.parser = None  # type: ignore[assignment] # with all that it had gathered

    def _drop_incomplete(self) -> None:
        """The newest request will never be complete: its handler must not wait, nor begin."""
        if self._running is not self.cycle:
            self.pipeline.popleft()
        elif not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _speak(self, why: Refusal) -> None:
        if self.transport.is_closing():
            return
        running = self._running
        if running is not None and running.response_started and not running.response_complete:
            self._give_up(why)  # half an answer is out: words now would be read as a part of it
            return
        if self._message == _BODY and running is self.cycle and running.response_complete:
            self._give_up(why)  # has been answered already
            return
        request_id = self._edge.refused(why, self._client)
        body = _problem(why, request_id)
        self.transport.write(_words(why, request_id, body))
        self._tell(why, request_id, body)
        if not self._edge.may_linger:
            self.transport.close()
            return
        # A socket that is closed while data waits in it is reset, and the client never reads why.
        self.transport.write_eof()
        self.flow.resume_reading()
        self._lingers = True
        self._edge.lingering += 1
        self._arm(_LINGER_S)

    def _tell(self, why: Refusal, request_id: str, body: bytes) -> None:
        """Of whom the request was is found out from its head; a handler that waits for its body does so itself."""
        if self._message == _NOTHING or not self.headers:
            return
        away = TurnedAway(self.scope, why, request_id, body)  # type: ignore[arg-type]
        if self._message == _BODY and self._running is self.cycle:
            self.cycle.scope[TURNED_AWAY] = away
            return
        if self._message == _HEAD:
            path, _, query = self.url.partition(b"?")
            away.scope.update(
                method=self._method,
                path=unquote(path.decode("latin-1")),
                raw_path=path,
                query_string=query,
            )
        self._edge.tell(away)

    def _give_up(self, why: Refusal) -> None:
        self._edge.refused(why, self._client)
        self.transport.abort()


class Whole:
    """One request and its answer, as a whole: what ASGI's messages would do, in one step each."""

    __slots__ = ("_cycle", "_protocol")

    def __init__(self, protocol: EdgeProtocol, cycle: Any) -> None:
        self._protocol = protocol
        self._cycle = cycle

    def body(self) -> bytes | None:
        """The body, where all of it has come; None: it takes ASGI's messages."""
        cycle = self._cycle
        if cycle.more_body or cycle.disconnected or cycle.waiting_for_100_continue:
            return None
        cycle.message_event.clear()
        body, cycle.body = bytes(cycle.body), bytearray()
        self._protocol.flow.resume_reading()
        return body

    def answer(self, status: int, head: bytes, body: bytes) -> bool:
        """Write it, without looking at each field again. False: it takes ASGI's messages."""
        protocol, cycle = self._protocol, self._cycle
        if cycle.response_started or protocol.flow.write_paused:
            return False
        if cycle.disconnected:
            return True
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        usual = protocol.usual_head(cycle.default_headers)
        ending = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
        protocol.transport.write(b"".join((STATUS_LINE[status], usual, head, ending, body)))
        cycle.message_event.set()
        if not cycle.keep_alive:
            protocol.transport.close()
        cycle.on_response()
        return True


def _problem(why: Refusal, request_id: str) -> bytes:
    """A problem of the hub: no dialect is known yet, or none will be asked."""
    return encode(
        {
            "type": f"/docs/problems#{why.kind}",
            "title": why.title,
            "status": why.status,
            "request_id": request_id,
        }
    )


def _words(why: Refusal, request_id: str, body: bytes) -> bytes:
    """The whole answer."""
    retry = b"retry-after: 1\r\n" if why.status == 503 else b""
    return (
        b"%scontent-type: application/problem+json\r\ncontent-length: %d\r\nrequest-id: %s\r\n%s%s%s"
        % (
            STATUS_LINE[why.status],
            len(body),
            request_id.encode(),
            retry,
            b"x-content-type-options: nosniff\r\ncache-control: no-store\r\nconnection: close\r\n\r\n",
            body,
        )
    )
