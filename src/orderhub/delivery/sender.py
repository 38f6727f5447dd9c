"""Posts a message and says what came of it. It knows nothing of orders, and never raises for what the network does.

Where a connection may go is asked when its socket is made, of the very address it is for: see targets.py.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from orderhub import __version__
from orderhub.delivery.targets import Targets, host_of, is_secure, literal_of

MOST_BYTES = 65_536  # of an answer that are read
_MOST_HOPS = 3
_MOST_PAUSE_S = 86_400
_LOOK_UP_S = 3.0  # when a webhook is written
# Shorter than the five seconds after which many a server closes: what is sent into a closing connection is lost.
_KEPT_OPEN_S = 4.0
_LOOK_UPS = 16  # at once: names that nobody answers for must not hold up others for long

# The addresses of a host, as texts. Raises OSError.
LookUp = Callable[[str], Awaitable[Sequence[str]]]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an attempt.

    status         of the answer; 0 = there was none that is whole
    body           its beginning, 64 KiB at most
    retry_after_s  how long the receiver wants to be left alone, a day at most; 0 = it does not say
    error          why there was none, in a sentence; empty = there was
    duration_us    from the look-up of the name to the end of the answer
    headers        by lower-case name
    is_cut         whether there is more of the body
    """

    status: int = 0
    body: bytes = b""
    retry_after_s: int = 0
    error: str = ""
    duration_us: int = 0
    headers: Mapping[str, str] = {}
    is_cut: bool = False

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class Call(msgspec.Struct, frozen=True):
    """One call. `follows`: redirects that are followed, with the same body, under the same rules for addresses."""

    method: str
    url: str
    body: bytes = b""
    headers: Mapping[str, str] = {}
    follows: frozenset[int] = frozenset()


class _Closed(OSError):
    """A connection that was not made, since its address is none that we send to."""


class Sender:
    """One for each event loop; made anywhere, used and closed within the loop.

    look_up  instead of the machine's resolver
    trust    certificates that are believed; None = those that the machine trusts
    """

    def __init__(
        self,
        targets: Targets,
        *,
        look_up: LookUp | None = None,
        trust: ssl.SSLContext | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._targets = targets
        self._names = _Names(look_up)
        self._trust = trust
        self._now_s = now_s
        # A connection that was opened for one who may more is never used for one who may less.
        self._sessions: dict[tuple[bool, bool], aiohttp.ClientSession] = {}

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        timeout_s: float,
        follows: frozenset[int] = frozenset(),
        may_loopback: bool = False,
    ) -> Reply:
        """Post once, within the time from the first look-up to the last byte read.

        follows  redirects that are followed, with the same body, under the same rules for addresses
        may_loopback  whether the webhook is a sandbox's
        """
        call = Call("POST", url, body, headers, follows)
        return await self.call(call, timeout_s=timeout_s, may_loopback=may_loopback)

    async def call(
        self,
        call: Call,
        *,
        timeout_s: float,
        may_loopback: bool = False,
        most_bytes: int = MOST_BYTES,
    ) -> Reply:
        """Make a call once, on the terms of `post`. Of its answer so many bytes are read."""
        started = time.perf_counter_ns()
        attempt = _Attempt()
        try:
            async with asyncio.timeout(timeout_s):
                reply = await self._made(attempt, call, may_loopback, most_bytes)
        except TimeoutError:
            reply = attempt.failed(f"there was no {attempt.missing} within {timeout_s:g} s")
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:
            reply = attempt.failed(_said(error))
        took = (time.perf_counter_ns() - started) // 1_000
        return msgspec.structs.replace(reply, duration_us=took)

    async def refusal_of(self, url: str, *, may_loopback: bool = False) -> str:
        """What is wrong with a URL that is to be written, also by what its host leads to now; empty = nothing.

        A name that leads nowhere yet is fine: it is judged again whenever something is sent.
        """
        if why := self._targets.refusal(url, may_loopback=may_loopback):
            return why
        if literal_of(url):
            return ""
        try:
            async with asyncio.timeout(_LOOK_UP_S):
                addresses = await self._names.addresses(host_of(url)[0])
        except (OSError, TimeoutError):
            return ""
        for address in addresses:
            why = self._targets.closed(address, is_secure=is_secure(url), may_loopback=may_loopback)
            if why:
                return f"leads to {address}, which is {why}"
        return ""

    async def close(self) -> None:
        """Drop all connections. What is still under way ends with an error."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()
        self._names.end()

    async def _made(
        self, attempt: _Attempt, call: Call, may_loopback: bool, most_bytes: int
    ) -> Reply:
        url = call.url
        for _ in range(_MOST_HOPS + 1):
            if why := self._targets.refusal(url, may_loopback=may_loopback):
                return attempt.failed(f"its URL {why}")
            session = self._session(is_secure(url), may_loopback)
            async with session.request(
                call.method, url, data=call.body, headers=call.headers, allow_redirects=False
            ) as answer:
                attempt.status = answer.status
                place = answer.headers.get("location", "")
                if answer.status not in call.follows or not place:
                    return await self._read(answer, most_bytes)
                url = str(answer.url.join(URL(place)))
                attempt.follow(url)
                answer.close()
        return Reply(error=f"it redirects more than {_MOST_HOPS} times")

    async def _read(self, answer: aiohttp.ClientResponse, most_bytes: int) -> Reply:
        text = bytearray()
        while len(text) < most_bytes and (piece := await answer.content.read(MOST_BYTES)):
            text += piece
        if len(text) >= most_bytes:
            answer.close()  # it may never end
        return Reply(
            status=answer.status,
            body=bytes(text[:most_bytes]),
            headers={name.lower(): value for name, value in answer.headers.items()},
            is_cut=len(text) >= most_bytes,
            retry_after_s=_pause_s(answer.headers.get("retry-after", ""), self._now_s()),
        )

    def _session(self, secure: bool, may_loopback: bool) -> aiohttp.ClientSession:
        session = self._sessions.get((secure, may_loopback))
        if session is None:
            session = self._sessions[secure, may_loopback] = self._new(secure, may_loopback)
        return session

    def _new(self, secure: bool, may_loopback: bool) -> aiohttp.ClientSession:
        def opened(info: Any) -> socket.socket:
            family, kind, protocol, _, place = info
            address = str(place[0])
            why = self._targets.closed(address, is_secure=secure, may_loopback=may_loopback)
            if why:
                raise _Closed(f"it leads to {address}, which is {why}")
            return socket.socket(family, kind, protocol)

        if secure and self._trust is None:
            self._trust = ssl.create_default_context()
        connector = aiohttp.TCPConnector(
            limit=0,  # whoever sends bounds himself: a place that is waited for would be taken from others
            keepalive_timeout=_KEPT_OPEN_S,
            resolver=self._names,
            socket_factory=opened,
            ssl=self._trust if secure and self._trust else True,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
            skip_auto_headers=("Accept-Encoding",),
            headers={
                "User-Agent": f"OrderHub/{__version__}",
                "Content-Type": "application/json",
            },
        )


class _Attempt:
    """How far an attempt is, for the sentence that says where it ended."""

    def __init__(self) -> None:
        self.status = 0
        self.hop = ""

    def follow(self, url: str) -> None:
        self.status, self.hop = 0, f"redirected to {url[:200]}: "

    @property
    def missing(self) -> str:
        return f"end of its answer {self.status}" if self.status else "answer"

    def failed(self, why: str) -> Reply:
        return Reply(error=self.hop + why)


class _Names(AbstractResolver):
    """The machine's resolver in threads of its own, so that names that hang hold up nothing else."""

    def __init__(self, look_up: LookUp | None) -> None:
        self._look_up = look_up
        self._threads: ThreadPoolExecutor | None = None

    async def addresses(self, host: str) -> Sequence[str]:
        if self._look_up is not None:
            return await self._look_up(host)
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_LOOK_UPS, "look-up")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _addresses, host)

    async def resolve(  # both families, whatever it is asked for
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in await self.addresses(host)
        ]

    async def close(self) -> None:
        """For the connectors: they share it, and it outlives each of them."""

    def end(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None


def _addresses(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


def _pause_s(text: str, now_s: float) -> int:
    """Seconds of a Retry-After, which may be a date; 0 = nothing that can be read."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]), _MOST_PAUSE_S)
    try:
        pause = parsedate_to_datetime(text).timestamp() - now_s
    except (ValueError, TypeError, OverflowError):
        return 0
    return min(max(round(pause), 0), _MOST_PAUSE_S)


def _said(error: Exception) -> str:
    """Why there was no answer, for people."""
    closed: BaseException | None = error
    while closed is not None and not isinstance(closed, _Closed):
        closed = closed.__cause__ or closed.__context__
    if closed is not None:
        return str(closed)
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return f"its certificate is not valid: {error.certificate_error}"
        case aiohttp.ClientConnectorSSLError():
            return f"TLS failed: {error.strerror or error}"
        case aiohttp.ClientConnectorDNSError():
            return "its host does not resolve"
        case aiohttp.ClientConnectorError():
            return f"no connection: {error.strerror or error.os_error}"
        case aiohttp.ServerDisconnectedError():
            return "it closed the connection without an answer"
        case aiohttp.ClientPayloadError():
            return "its answer broke off"
        case aiohttp.ClientOSError() | OSError():
            return f"the connection broke: {error.strerror or type(error).__name__}"
        case RuntimeError():
            return "the connection was closed"
    return "its answer is no HTTP"
