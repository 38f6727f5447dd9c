"""Hub processes as an operator runs them: `orderhub serve` on a seeded database, started, stopped and killed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO

from orderhub.core.decide import RECORD_TYPES
from orderhub.demo import seed
from orderhub.dialects.finding import find_dialects
from orderhub.ledger.ledger import Ledger
from orderhub.web.port import Cipher
from prove.client import Connection
from prove.verdict import ProofStopped
from tests.support import cluster

SECRET_KEY = "a key for proofs"
READY_WITHIN_S = 60.0
GONE_WITHIN_S = 45.0
_POLL_S = 0.02
# Below the range that outgoing connections get their ports from: a client that polls a port of that
# range before anyone listens there may be connected to itself.
_PORTS = range(15_000, 32_000)
# The console script, in words that work from any environment that has the package.
PROGRAM = "from orderhub.cli import main; main()"
# Words of a command, its environment, where its output goes.
Begin = Callable[[list[str], dict[str, str], IO[bytes]], "subprocess.Popen[bytes]"]


def seed_database(url: str) -> None:
    """Write the demo businesses into an empty database: `serve` itself seeds nothing."""
    ledger = Ledger.open(url, RECORD_TYPES)
    try:
        seed(ledger, Cipher(SECRET_KEY), find_dialects())
    finally:
        ledger.close()


_OF_A_NODE_AWAY = ("no commit can be made", "commits can be made again")


def begin(
    words: list[str], env: dict[str, str], log: IO[bytes], program: str = PROGRAM
) -> subprocess.Popen[bytes]:
    """A process of `orderhub`."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *words],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=env,
        start_new_session=True,  # a Ctrl-C is meant for the proof, which ends its servers
    )


def command(
    words: list[str], env: dict[str, str], within_s: float
) -> subprocess.CompletedProcess[str]:
    """What a command of `orderhub` says that ends by itself."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        capture_output=True,
        text=True,
        env=env,
        timeout=within_s,
        check=False,
    )


class ServerTrouble(ProofStopped):
    """A server that did not start or did not leave; the message ends with what it logged."""


class Server:
    """One hub process. It can be started again after it went, each time on a free port."""

    def __init__(self, url: str, log: Path, begin: Begin | None = None) -> None:
        self.url = url
        self._log = log
        self._begin = begin
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.life = 0  # counts its starts
        self.is_ready = False

    async def start(self) -> None:
        """Start it and wait until it takes orders."""
        self.spawn()
        await self.wait_ready()

    def spawn(self) -> None:
        assert self._process is None, "it runs already"
        self.port = free_port()
        self.life += 1
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("ORDERHUB_")
        }
        environment |= {
            "ORDERHUB_SECRET_KEY": SECRET_KEY,
            "ORDERHUB_RATE_LIMITS": "false",
            # A machine that others need, too, is slow: that is no fault of the hub's.
            "ORDERHUB_ANSWER_TIMEOUT_S": "30",
            "ORDERHUB_WEBHOOK_ALLOW": "127.0.0.1",
            # Errors alone: whatever is logged then is a violation.
            "ORDERHUB_LOG_LEVEL": "error",
        }
        words = ["serve", "--database", self.url, "--port", str(self.port)]
        with self._log.open("ab") as log:
            self._process = (self._begin or begin)(words, environment, log)

    async def wait_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise ServerTrouble(
                    f"the server left with {self._process.returncode}: {self.log()}"
                )
            if await self._answers_ready():
                self.is_ready = True
                return
            await asyncio.sleep(_POLL_S)
        raise ServerTrouble(f"the server is not ready after {READY_WITHIN_S:.0f} s: {self.log()}")

    async def _answers_ready(self) -> bool:
        connection = Connection(self.port)
        try:
            return (await connection.ask("GET", "/health/ready")).status == 200
        except (OSError, EOFError):
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        """As `kill -9`: no chance to finish anything."""
        assert self._process is not None
        self.is_ready = False
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    async def terminate(self) -> int:
        """As an operator stops it; answers the exit status once it is gone (negative: the signal it ended by)."""
        assert self._process is not None
        self.is_ready = False
        process, self._process = self._process, None
        process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GONE_WITHIN_S
        while process.poll() is None:
            if time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise ServerTrouble(
                    f"still there {GONE_WITHIN_S:.0f} s after SIGTERM: {self.log()}"
                )
            await asyncio.sleep(_POLL_S)
        return process.returncode

    def log(self) -> str:
        """The end of what the server logged; empty when it had nothing to complain about."""
        told = self._log.read_text(errors="replace") if self._log.exists() else ""
        end = told[-2_000:]
        # Whole lines: by the beginning of one is seen what it is about.
        return (end if len(end) == len(told) else end.partition("\n")[2] or end).strip()

    def discard(self) -> None:
        """However the proof ended: leave no process behind."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self.kill()


def free_port() -> int:
    chance = random.SystemRandom()  # not the proof's seed: two proofs may run at once
    for _ in range(200):
        port = chance.choice(_PORTS)
        with socket.socket() as probe:
            # As the server will bind it: connections of the last life that linger do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise ServerTrouble("no free port was found")


@asynccontextmanager
async def running(
    url: str, count: int, logs: Path, *, name: str = "server", begin: Begin | None = None
) -> AsyncIterator[Sequence[Server]]:
    """So many ready processes on one seeded database; none is left behind."""
    servers = [Server(url, logs / f"{name}-{number}.log", begin) for number in range(count)]
    try:
        for server in servers:
            server.spawn()
        await asyncio.gather(*(server.wait_ready() for server in servers))
        yield servers
    finally:
        for server in servers:
            server.discard()


def is_cluster(url: str) -> bool:
    """Whether it is on the cluster whose workers crash now and then."""
    return cluster.is_on(url)


def complaints(server: Server) -> str:
    """What a server logged that it should not have; where a node may be away, a hub says so."""
    lines = server.log().splitlines()
    if is_cluster(server.url):
        lines = [each for each in lines if not any(word in each for word in _OF_A_NODE_AWAY)]
    return "\n".join(lines)


def is_postgres(url: str) -> bool:
    return url.startswith("postgresql")


def processes(url: str, most: int = 2) -> int:
    """How many hub processes may share the database: a SQLite file has one writer."""
    return most if is_postgres(url) else 1


def described(url: str, most: int = 2) -> str:
    if is_cluster(url):
        return f"Citus, {most} processes"
    return f"PostgreSQL, {most} processes" if is_postgres(url) else "SQLite, 1 process"
