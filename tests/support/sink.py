"""python -m tests.support.sink [PORT]: takes every webhook, in a process of its own, and counts.

It costs little beside the hub that is measured. `POST` is answered 204. `GET /counts` tells how many posts came
since it was asked last, how long after they were recorded (in ms), and how many events came in all.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import uvloop

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ID = re.compile(rb"\r\nwebhook-id: *([^\r]+)", re.IGNORECASE)
_TIME = re.compile(rb'"timestamp":"([^"]+)"')
_TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"


class _Counts:
    def __init__(self) -> None:
        self.ids: set[bytes] = set()
        self.posts = 0
        self.lags_ms: list[float] = []

    def take(self, head: bytes, body: bytes) -> None:
        self.posts += 1
        if found := _ID.search(head):
            self.ids.add(found[1])
        if found := _TIME.search(body, 0, 400):
            at = datetime.fromisoformat(found[1].decode()).timestamp()
            self.lags_ms.append((time.time() - at) * 1000)

    def told(self) -> bytes:
        lags = sorted(self.lags_ms) or [0.0]
        counts = {
            "posts": self.posts,
            "events": len(self.ids),
            "p50_ms": lags[len(lags) // 2],
            "p99_ms": lags[min(len(lags) - 1, len(lags) * 99 // 100)],
        }
        self.posts, self.lags_ms = 0, []
        text = json.dumps(counts).encode()
        return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(text), text)


class _Connection(asyncio.Protocol):
    def __init__(self, counts: _Counts) -> None:
        self._counts = counts
        self._transport: Any = None
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            head = self._rest[:end]
            found = _LENGTH.search(head)
            whole = end + 4 + (int(found[1]) if found else 0)
            if len(self._rest) < whole:
                return
            body, self._rest = self._rest[end + 4 : whole], self._rest[whole:]
            if head.startswith(b"GET"):
                self._transport.write(self._counts.told())
            else:
                self._counts.take(head, body)
                self._transport.write(_TAKEN)


async def _serve(port: int) -> None:
    counts = _Counts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(counts), "127.0.0.1", port)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


class Sink:
    """One that runs. It can be ended and started again, on the same port."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.support.sink", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def counts(self) -> dict[str, Any]:
        """Since it was asked last; `events` since it was started."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/counts") as answer:
            return dict(json.load(answer))


@contextmanager
def sinking() -> Iterator[Sink]:
    sink = Sink()
    sink.start()
    try:
        yield sink
    finally:
        sink.stop()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
