"""A real `orderhub serve` process: started on a database, asked over HTTP, stopped, its log read."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support import http
from tests.support.forks import Forked, run

PROGRAM = [sys.executable, "-c", "from orderhub.cli import main; main()"]
SECRET_KEY = "a key for tests"
LIMIT_S = 60.0


def environment(**variables: str) -> dict[str, str]:
    kept = {name: each for name, each in os.environ.items() if not name.startswith("ORDERHUB_")}
    return {**kept, "ORDERHUB_SECRET_KEY": SECRET_KEY, **variables}


def bound_by_modes() -> None:
    """Run in a child before the program: root, too, may then not write what is read-only."""
    drop_from_bounding_set, overrides = 24, (1, 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    if os.geteuid() == 0:
        for capability in overrides:
            ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0)


def orderhub(
    *words: str, before: Callable[[], None] | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself. `before` runs in its process, ahead of the interpreter."""
    env = environment(**variables)
    if before is None:
        return run(words, env, LIMIT_S)
    return subprocess.run(
        [*PROGRAM, *words],
        capture_output=True,
        text=True,
        env=env,
        timeout=LIMIT_S,
        preexec_fn=before,
        check=False,
    )


class Served:
    """One hub process and its address."""

    def __init__(self, process: subprocess.Popen[bytes] | Forked, log: Path, url: str) -> None:
        self.process, self.log, self.url = process, log, url

    def ask(
        self, method: str, path: str, token: str = "hub-demo-operator", **more: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        return http.request(method, f"{self.url}{path}", headers=headers, timeout=LIMIT_S, **more)

    def create(self, key: str = "", goods: int = 188) -> httpx.Response:
        """An order of the demo's shop."""
        headers = {"Idempotency-Key": key} if key else {}
        body = {"goods_id": goods, "quantity": 1, "type": "goods"}
        return self.ask("POST", "/api/order/create", "hub-demo-shop", json=body, headers=headers)

    @property
    def ready(self) -> int:
        return self.ask("GET", "/health/ready").status_code

    def lines(self, *parts: str) -> list[str]:
        """What it logged that holds all of these."""
        return [line for line in self.log.read_text().splitlines() if all(p in line for p in parts)]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT_S)


@contextmanager
def serving(
    database: str, log: Path, *, program: Sequence[str] = (), **variables: str
) -> Iterator[Served]:
    """A ready hub on the database, of this program or another; gone at the end, however that comes."""
    words = ["serve", "--database", database, "--port", "0"]
    env = environment(**{"ORDERHUB_RATE_LIMITS": "false", **variables})
    process: subprocess.Popen[bytes] | Forked
    with log.open("ab") as out:
        if program:
            process = subprocess.Popen(
                [*program, *words], stdout=out, stderr=out, env=env, start_new_session=True
            )
        else:
            process = Forked(words, env=env, out=out, start_new_session=True)
    try:
        url = wait_for(lambda: _address(process.pid, process), "an address")
        hub = Served(process, log, url)
        wait_for(lambda: _answers(hub), f"an answer; {log.read_text()}")
        yield hub
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_for(look: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}")


def _answers(hub: Served) -> bool:
    assert hub.process.poll() is None, hub.log.read_text()
    try:
        return http.get(f"{hub.url}/health/live", timeout=LIMIT_S).status_code == 200
    except httpx.TransportError:
        return False


def _address(pid: int, process: subprocess.Popen[bytes] | Forked) -> str:
    """Port 0 is any: the kernel knows which one the process listens on."""
    assert process.poll() is None, "it left at once"
    import psutil  # noqa: PLC0415

    try:
        for each in psutil.Process(pid).net_connections("tcp"):
            if each.status == psutil.CONN_LISTEN:
                return f"http://127.0.0.1:{each.laddr.port}"
    except psutil.NoSuchProcess:
        pass
    return ""


def placed(answer: httpx.Response) -> str:
    """The number of an order that was acknowledged."""
    assert answer.status_code == 200, answer.text
    return str(json.loads(answer.text)["data"]["order_id"])
