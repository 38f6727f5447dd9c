"""Processes of `orderhub` that start at once: forks of one that has imported all of it.

What the program imports takes more than a second of processor time, far more than most tests then ask of it. A fork
is a process like any other: with a pid, signals, environment, folder, standard streams and an end of its own. What has
to begin with an empty interpreter is started by `subprocess`. FOR_SHELLS is a program that asks for one.
"""

from __future__ import annotations

import atexit
import gc
import os
import pickle
import pkgutil
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, NamedTuple

import typer.main

import orderhub
from orderhub.cli import main
from orderhub.cli.commands import app
from tests.support.compiled import keep_commands

ROOT = Path(__file__).resolve().parents[2]
FOR_SHELLS = Path(__file__).with_name("forked.py")
_NUMBER = 4  # bytes of each number that is sent


class Start(NamedTuple):
    """What a process begins with; its standard streams come beside it."""

    words: Sequence[str]
    environment: Mapping[str, str]
    folder: str
    before: Callable[[], object] | None  # called ahead of the program; a function of a module
    leads_session: bool


class Forked:
    """A running `orderhub`: as much of `subprocess.Popen` as tests use."""

    def __init__(
        self,
        words: Sequence[str],
        *,
        env: Mapping[str, str],
        out: IO[bytes],
        err: IO[bytes] | None = None,
        before: Callable[[], object] | None = None,
        start_new_session: bool = False,
    ) -> None:
        self.args = ["orderhub", *words]
        self.returncode: int | None = None
        given = Start(words, env, str(Path.cwd()), before, start_new_session)
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(str(address()))
        start = pickle.dumps(tuple(given))
        with Path(os.devnull).open("rb") as nothing:
            streams = [nothing.fileno(), out.fileno(), (err or out).fileno()]
            socket.send_fds(self._line, [_bytes(len(start))], streams)
            self._line.sendall(start)
        self.pid = self._number()

    def poll(self) -> int | None:
        """How it ended; None = it runs."""
        if self.returncode is None and select.select([self._line], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """How it ended. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            self._line.settimeout(timeout)
            try:
                self.returncode = self._number()
            except TimeoutError:
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self._line.close()
        return self.returncode

    def send_signal(self, sign: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sign)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _number(self) -> int:
        sent = self._line.recv(_NUMBER)
        assert sent, "the process that forks is gone"
        return int.from_bytes(sent, "big", signed=True)


def run(
    words: Sequence[str], env: Mapping[str, str], within_s: float
) -> subprocess.CompletedProcess[str]:
    """What a command says that ends by itself. Raises subprocess.TimeoutExpired."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = Forked(words, env=env, out=out, err=err)
        try:
            code = process.wait(within_s)
        finally:
            process.kill()
            process.wait()
        return subprocess.CompletedProcess(process.args, code, *map(_text, (out, err)))


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode()


@cache
def address() -> Path:
    """Where the process listens that forks for this one. It is started at the first use and ends with this one."""
    folder = Path(tempfile.mkdtemp(prefix="orderhub-forks-"))
    kept = {name: each for name, each in os.environ.items() if not name.startswith("ORDERHUB_")}
    words = [sys.executable, "-m", "tests.support.forks", str(folder / "socket")]
    process = subprocess.Popen(
        words, cwd=ROOT, env=kept, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )

    def end() -> None:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    assert process.stdout is not None
    with process.stdout as said:
        assert said.readline(), "what forks did not start"
    return folder / "socket"


def _bytes(number: int) -> bytes:
    return number.to_bytes(_NUMBER, "big", signed=True)


# ------------------------------------------------------------------- the process that forks


def serve(where: str) -> Sequence[str] | None:
    """Forks for whoever connects. Returns in each fork, with its words; at the end None."""
    running: dict[int, socket.socket] = {}
    ends, ended = os.pipe()
    os.set_blocking(ended, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(ended)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(where)
        listener.listen()
        gc.freeze()
        print("ready", flush=True)  # noqa: T201
        while True:
            readable, _, _ = select.select([listener, ends, sys.stdin], [], [])
            if ends in readable:
                os.read(ends, 4096)
                _tell_ends(running)
            if listener in readable:
                line, _ = listener.accept()
                start, streams = _received(line)
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    for each in (line, *running.values()):
                        each.close()
                    os.close(ends)
                    os.close(ended)
                    _begin(start, streams)
                    return start.words
                for stream in streams:
                    os.close(stream)
                running[pid] = line
                line.sendall(_bytes(pid))
            if sys.stdin in readable:
                return None


def _received(line: socket.socket) -> tuple[Start, list[int]]:
    head, streams, _, _ = socket.recv_fds(line, _NUMBER, 3)
    left, parts = int.from_bytes(head, "big"), b""
    while len(parts) < left:
        parts += line.recv(left - len(parts))
    return Start(*pickle.loads(parts)), streams


def _tell_ends(running: dict[int, socket.socket]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with running.pop(pid) as line, suppress(OSError):  # nobody waits any more
            line.sendall(_bytes(os.waitstatus_to_exitcode(status)))


def _begin(start: Start, streams: list[int]) -> None:
    """What an interpreter does for a new process."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if start.leads_session:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, "utf-8", "backslashreplace", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(start.environment)
    os.chdir(start.folder)
    if start.before is not None:
        start.before()


def load() -> None:
    """All of the program, what its commands import late as well."""
    for each in pkgutil.walk_packages(orderhub.__path__, "orderhub."):
        if not each.name.endswith("__main__") and ".migrations" not in each.name:
            import_module(each.name)
    keep_commands()
    typer.main.get_command(app)


if __name__ == "__main__":
    load()
    words = serve(sys.argv[1])
    if words is not None:
        sys.argv = ["-c", *words]
        main()
