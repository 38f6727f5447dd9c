"""A real `orderhub serve` process, and clients that speak to it byte by byte."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import httpx

from tests.support import http
from tests.support.forks import Forked
from tests.support.hub import SECRET_KEY, seed_demo

_READY_WITHIN_S = 60.0
# Below the range that outgoing connections get their ports from.
_PORTS = range(15_000, 32_000)
PATIENCE_S = 20.0  # however slow the machine


@dataclass
class Served:
    """A running server. Its clients are the test's to close."""

    process: Forked
    port: int
    log: Path
    start: Callable[[], Forked]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> Wire:
        return Wire(socket.create_connection(("127.0.0.1", self.port), PATIENCE_S))

    def send(self, *pieces: bytes) -> Reply:
        """One connection: the bytes, then the first answer and whether the server closed behind it."""
        with self.connect() as wire:
            for piece in pieces:
                wire.write(piece)
            return wire.reply()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def start_again(self) -> None:
        """On the same ledger, at the same address."""
        self.process = self.start()
        _wait_ready(self)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(each) for each in self.log.read_text().splitlines()]

    def line_of(self, request_id: str) -> dict[str, Any]:
        """The log's line about a request, which a thread writes a moment after its answer left."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if found := [each for each in self.lines() if each.get("request_id") == request_id]:
                (line,) = found
                return line
            time.sleep(0.02)
        raise AssertionError(f"nothing is said of {request_id}")

    def memory_kb(self, what: str = "VmRSS") -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split(f"{what}:")[1].split()[0])

    def forget_peak(self) -> None:
        """From now on VmHWM is the most memory that was in use since."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")


@dataclass(frozen=True)
class Reply:
    status: int  # 0: closed without an answer
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """One connection of a client that may do what no client should."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._file = connection.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def write(self, data: bytes) -> bool:
        """Whether all of it was taken; a server that has closed does not take it."""
        try:
            self._socket.sendall(data)
        except OSError:
            return False
        return True

    def reply(self) -> Reply:
        """The next answer. Fails when there is none within the test's patience."""
        try:
            first = self._file.readline()
            if not first:
                return Reply(0, {}, b"")
            headers: dict[str, str] = {}
            while (line := self._file.readline()) not in {b"\r\n", b""}:
                name, _, value = line.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            body = self._file.read(int(headers.get("content-length", "0")))
        except ConnectionError:
            return Reply(0, {}, b"")
        return Reply(int(first.split()[1]), headers, body)

    def is_closed(self) -> bool:
        """Waits until the server closes; fails when it does not within the test's patience."""
        try:
            return self._file.read(1) == b""
        except ConnectionError:
            return True

    def is_open(self) -> bool:
        """Whether the server has neither closed nor said anything, as of now."""
        self._socket.setblocking(False)
        try:
            return not isinstance(self._socket.recv(1, socket.MSG_PEEK), bytes)
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        finally:
            self._socket.settimeout(PATIENCE_S)


@contextmanager
def serving(folder: Path, *, files: int = 0, **settings: Any) -> Iterator[Served]:
    """`orderhub serve` with the demo businesses in a new database; `files` = how many it may open, half at first."""
    url = f"sqlite:///{folder / 'hub.sqlite'}"
    seed_demo(url)
    port = free_port()
    given = {"secret_key": SECRET_KEY, "rate_limits": "false", "log_level": "info", **settings}
    environment = {n: value for n, value in os.environ.items() if not n.startswith("ORDERHUB_")}
    environment |= {f"ORDERHUB_{name.upper()}": str(value) for name, value in given.items()}

    limit_files = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (files // 2, files))
    log = folder / "server.log"

    def start() -> Forked:
        words = ["serve", "--database", url, "--port", str(port)]
        with log.open("ab") as out:
            return Forked(words, env=environment, out=out, before=limit_files if files else None)

    served = Served(start(), port, log, start)
    try:
        _wait_ready(served)
        yield served
    finally:
        served.process.send_signal(signal.SIGTERM)
        try:
            served.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            served.kill()


def _wait_ready(served: Served) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline:
        assert served.process.poll() is None, served.log.read_text()
        try:
            if http.get(f"{served.url}/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(served.log.read_text())


def free_port() -> int:
    chance = random.SystemRandom()
    for _ in range(200):
        port = chance.choice(_PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("no free port")
