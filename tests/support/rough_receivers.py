"""Receivers of webhooks that answer what a test tells them to, byte by byte, over real sockets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request, and the connection it came by."""

    connection: int
    line: str
    headers: dict[str, str]
    body: bytes
    writer: asyncio.StreamWriter

    async def say(self, text: bytes) -> None:
        self.writer.write(text)
        await self.writer.drain()


Answering = Callable[[Received], Awaitable[Any]]


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """A whole answer. Underscores in names of headers stand for dashes."""
    lines = [f"HTTP/1.1 {status} So", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def always(text: bytes) -> Answering:
    return lambda received: received.say(text)


@dataclass
class Receiver:
    """Where it is, and what it got. `connections` counts who came, also those who said nothing."""

    answering: Answering
    port: int = 0
    connections: int = 0
    received: list[Received] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        mine = self.connections
        with suppress(OSError, asyncio.IncompleteReadError):
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                line, *lines = head.strip().split("\r\n")
                pairs = (each.partition(":") for each in lines)
                headers = {name.lower(): value.strip() for name, _, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                one = Received(mine, line, headers, body, writer)
                self.received.append(one)
                await self.answering(one)
                if writer.is_closing():
                    break
        writer.close()


@asynccontextmanager
async def receiving(
    answering: Answering, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Receiver]:
    receiver = Receiver(answering)
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        with suppress(asyncio.CancelledError):
            await receiver.serve(reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(accept, host, 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for each in [*tasks]:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
