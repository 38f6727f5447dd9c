"""A load client of plain asyncio protocols: keep-alive connections, each with one request under way.

A connection that is told to come back later does so: what it was refused is counted, and sent anew.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from bench.cases import Case


@dataclass(frozen=True, slots=True)
class Result:
    """What one run of load came to. Times in milliseconds."""

    per_second: float
    p50_ms: float
    p99_ms: float
    failures: int
    refused: int = 0  # told to come back later
    answered: int = 0


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as the last one is answered."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._started = 0.0
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._next()

    def _next(self) -> None:
        assert self._transport is not None
        if self._transport.is_closing():
            return
        request = self._load.next_request()
        if request is None:
            self._transport.close()
            return
        self._started = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._buffer[:head_end].lower()
        length = _number(head, b"content-length:")
        if len(self._buffer) < head_end + 4 + length:
            return
        body = self._buffer[head_end + 4 : head_end + 4 + length]
        self._buffer = b""
        pause = _number(head, b"retry-after:")
        if pause:
            self._load.refused += 1
            asyncio.get_running_loop().call_later(pause, self._next)
            return
        self._load.answered(time.perf_counter() - self._started, head[9:12], body)
        self._next()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._load.gone()


def _number(head: bytes, name: bytes) -> int:
    """What a header of the lower-case head says; 0 when it is not there."""
    _, _, rest = head.partition(name)
    return int(rest.partition(b"\r\n")[0] or 0)


class _Load:
    def __init__(self, case: Case, host: str, until: float, connections: int) -> None:
        self._case = case
        self._host = host
        self._until = until
        self._open = connections
        self.times: list[float] = []
        self.failures = 0
        self.refused = 0
        self.last = 0.0  # when the last answer came
        self.finished = asyncio.get_running_loop().create_future()

    def next_request(self) -> bytes | None:
        if time.perf_counter() >= self._until:
            return None
        return self._case.request(self._host)

    def answered(self, seconds: float, status: bytes, body: bytes) -> None:
        self.times.append(seconds)
        self.last = time.perf_counter()
        if not self._case.is_success(int(status), body):
            self.failures += 1

    def gone(self) -> None:
        self._open -= 1
        if not self._open and not self.finished.done():
            self.finished.set_result(None)


async def _run(case: Case, host: str, port: int, connections: int, seconds: float) -> Result:
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    load = _Load(case, f"{host}:{port}", started + seconds, connections)
    for _ in range(connections):
        await loop.create_connection(lambda: _Connection(load), host, port)
    await load.finished
    took = load.last - started
    times = sorted(load.times)
    if not times:
        return Result(0.0, 0.0, 0.0, load.failures, load.refused)
    return Result(
        len(times) / took,
        1000 * times[len(times) // 2],
        1000 * times[min(len(times) - 1, len(times) * 99 // 100)],
        load.failures,
        load.refused,
        len(times),
    )


def patient(case: Case, base_url: str, connections: int, seconds: float) -> Result:
    """As `measure`, by the client that comes back when it is told to."""
    parts = urlsplit(base_url)
    return uvloop.run(
        _run(case, parts.hostname or "127.0.0.1", parts.port or 80, connections, seconds)
    )


def measure(case: Case, base_url: str, connections: int, seconds: float) -> Result:
    """Load for `seconds` over so many connections, by wrk when it is installed."""
    if shutil.which("wrk"):
        return _measure_with_wrk(case, base_url, connections, seconds)
    return patient(case, base_url, connections, seconds)


def _measure_with_wrk(case: Case, base_url: str, connections: int, seconds: float) -> Result:
    threads = 1
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "load.lua"
        script.write_text(case.lua())
        done = subprocess.run(
            [
                "wrk",
                f"-t{threads}",
                f"-c{connections}",
                f"-d{max(1, round(seconds))}s",
                "--latency",
                "-s",
                str(script),
                base_url,
            ],
            capture_output=True,
            text=True,
            check=True,
        )
    last = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    count, micros, p50, p99, failed = (float(part) for part in last.split()[1:])
    return Result(count / (micros / 1e6), p50 / 1000, p99 / 1000, int(failed))
