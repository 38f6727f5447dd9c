"""What stands between two hubs: it delays, drops, cuts and answers 500, before the vendor has an order and after."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from prove.servers import Server, free_port

# How often each is met, of all calls. `later`: hung up on at once, and the vendor gets the call a little later.
FAULTS: dict[str, float] = {
    "slow": 0.10,
    "500 before": 0.04,
    "500 after": 0.05,
    "dropped before": 0.04,
    "dropped after": 0.05,
    "cut": 0.03,
    "garbled": 0.02,
    "later": 0.03,
}
_SLOW_S = 0.2
LATER_S = 0.5
_BROKEN = b"HTTP/1.1 500 Broken\r\ncontent-length: 6\r\n\r\nbroken"
_GARBLED = (
    b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"data":{'
)

# What is done behind a call that was forwarded, before anybody hears of it: method and path, body, fault, answer.
Behind = Callable[[str, bytes, str, bytes], Awaitable[None]]


class Between:
    """Listens as the vendor, and forwards to whatever port the vendor's process has in this life."""

    def __init__(self, vendor: Server, chance: random.Random, behind: Behind | None = None) -> None:
        self.port = free_port()
        self.is_healthy = False
        self.calls = 0
        self.in_hand = 0
        self.met: Counter[str] = Counter()
        self.moved = asyncio.Event()
        self._vendor = vendor
        self._chance = chance
        self._behind = behind
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def heal(self) -> None:
        self.is_healthy = True

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(OSError, EOFError, asyncio.CancelledError):
                while await self._call(reader, writer):
                    pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def close(self) -> None:
        tasks = [*self._tasks]
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One call; False: the connection is of no more use."""
        message, name, body = await _message(reader)
        self.calls += 1
        self.in_hand += 1
        self.moved.set()
        try:
            return await self._seen_to(writer, message, name, body)
        finally:
            self.in_hand -= 1

    async def _seen_to(
        self, writer: asyncio.StreamWriter, message: bytes, name: str, body: bytes
    ) -> bool:
        fault = self._drawn()
        self.met[fault] += bool(fault)
        match fault:
            case "500 before":
                writer.write(_BROKEN)
                return True
            case "dropped before":
                return False
            case "later":
                self._later(message)
                return False
            case "slow":
                await asyncio.sleep(self._chance.random() * _SLOW_S)
        answer = await self._forwarded(message)
        if answer and self._behind is not None:
            await self._behind(name, body, fault, answer)
        match fault:
            case "dropped after":
                return False
            case "500 after":
                answer = _BROKEN
            case "garbled":
                answer = _GARBLED
            case "cut":
                writer.write(answer[: self._chance.randrange(1, max(2, len(answer)))])
                await writer.drain()
                return False
            case "slow":
                await asyncio.sleep(self._chance.random() * _SLOW_S)
        if not answer:
            return False
        writer.write(answer)
        await writer.drain()
        return True

    def _drawn(self) -> str:
        if self.is_healthy:
            return ""
        drawn = self._chance.random()
        for fault, part in FAULTS.items():
            drawn -= part
            if drawn < 0:
                return fault
        return ""

    def _later(self, message: bytes) -> None:
        async def late(after_s: float) -> None:
            await asyncio.sleep(after_s)
            await self._forwarded(message)

        task = asyncio.create_task(late(self._chance.random() * LATER_S))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forwarded(self, message: bytes) -> bytes:
        """The vendor's answer, as it came; empty: it is gone, or went before it answered."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._vendor.port)
        except OSError:
            return b""
        try:
            writer.write(message)
            return (await _message(reader))[0]
        except (OSError, EOFError):
            return b""
        finally:
            writer.close()


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, str, bytes]:
    """A request or an answer: all of it, its first line, its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    lengths = [int(text) for key, _, text in pairs if key.lower() == "content-length"]
    body = await reader.readexactly(lengths[0]) if lengths else b""
    return head + body, first, body


@asynccontextmanager
async def standing(between: Between) -> AsyncIterator[Between]:
    server = await asyncio.start_server(between.connected, "127.0.0.1", between.port)
    try:
        yield between
    finally:
        server.close()
        await between.close()
