"""A small HTTP/1.1 client: proofs share two cores with the servers, so what asks must cost little."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prove.verdict import ProofStopped

TOKEN = "hub-demo-omni"
ANSWERED_WITHIN_S = 60.0
# What differs between an answer and its repeat by nature.
_OF_THE_CALL = ("date", "request-id", "idempotent-replayed", "connection")


@dataclass(frozen=True)
class Answer:
    """An answer that arrived whole. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_replayed(self) -> bool:
        return self.headers.get("idempotent-replayed") == "true"

    def json(self) -> Any:
        """The body, or None when it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def same_as(self, other: Answer) -> bool:
        """Byte for byte in the body, and equal in every header that is not of the single call."""
        return (self.status, self.body, self._lasting()) == (
            other.status,
            other.body,
            other._lasting(),
        )

    def _lasting(self) -> dict[str, str]:
        return {name: text for name, text in self.headers.items() if name not in _OF_THE_CALL}

    def __str__(self) -> str:
        return f"{self.status} {self.body[:300].decode(errors='replace')}"


class Connection:
    """One kept-alive connection, opened at the first request; closed by any trouble."""

    # Where a node of a cluster may be away for a moment, who is told to come again does, for so long.
    patience_s = 0.0

    def __init__(self, port: int) -> None:
        self.port = port
        self.told_later = (
            0  # how often it was told to come again: the call may have been done all the same
        )
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        if self._writer is None or self._writer.is_closing():
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """As `ask`, again for as long as it is told to come again, within its patience."""
        until = time.monotonic() + self.patience_s
        while True:
            answer = await self.ask(method, path, body, headers)
            if "retry-after" not in answer.headers or time.monotonic() > until:
                return answer
            self.told_later += 1
            await asyncio.sleep(0.1)

    async def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Raises OSError or EOFError when no whole answer came: the order may be placed, or not."""
        try:
            await self.open()
            assert self._reader is not None
            assert self._writer is not None
            self._writer.write(_head(method, path, len(body), headers or {}) + body)
            return await asyncio.wait_for(self._answer(self._reader), ANSWERED_WITHIN_S)
        except BaseException:
            self.close()
            raise

    async def _answer(self, reader: asyncio.StreamReader) -> Answer:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, text = line.partition(":")
            if name:
                headers[name.lower()] = text.strip()
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(int(lines[0].split(" ", 2)[1]), headers, body)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._reader = self._writer = None


def _head(method: str, path: str, length: int, headers: Mapping[str, str]) -> bytes:
    given = {
        "Host": "127.0.0.1",
        "Authorization": f"Bearer {TOKEN}",
        "Content-Type": "application/json",
        "Content-Length": str(length),
        **headers,
    }
    lines = "".join(f"{name}: {text}\r\n" for name, text in given.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


async def call(connection: Connection, method: str, path: str, content: Any = None) -> Any:
    """A call of the hub's own API that must succeed: its content."""
    body = json.dumps(content).encode() if content is not None else b""
    answer = await connection.request(method, path, body, {"Idempotency-Key": uuid.uuid4().hex})
    if answer.status != 200:
        raise ProofStopped(f"{method} {path} was answered {answer}")
    return answer.json()
