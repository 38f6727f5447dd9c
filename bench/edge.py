"""python -m bench edge: what a call costs before and behind the decision, beside a bare uvicorn.

The floor is the hub whose decision and ledger are a constant. It is measured by the processor time that its process
takes for a call, and by calls a second as a share of a bare uvicorn's that answers a constant; the servers take turns.
`--against COMMIT` puts the floor of that commit beside it. `busy` is what a call costs that is told to come back later.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.__main__ import _free_port, cases_with_run
from bench.cases import Case, cases
from bench.client import Result, patient

_ROOT = Path(__file__).parents[1]
_BARE = """
import sys, uvicorn
BODY = b'{"code":10000,"ref":"","OrderId":"","code":0}'
HEAD = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]
async def app(scope, receive, send):
    if scope["type"] == "http":
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": HEAD})
        await send({"type": "http.response.body", "body": BODY})
uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", lifespan="off",
    access_log=False, log_level="error")
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """One run at one server."""

    result: Result
    cpu_us: float  # of the server's process, for each call

    @classmethod
    def of(cls, result: Result, cpu_s: float) -> Cost:
        return cls(result, 1e6 * cpu_s / max(1, result.answered + result.refused))


def cpu_s(pid: int) -> float:
    """Processor time of a process so far, of all its threads, to the nanosecond rather than to the tick."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except OSError:  # it has ended
            continue
    return total / 1e9


@contextmanager
def _bare() -> Iterator[tuple[str, int]]:
    port = _free_port()
    process = subprocess.Popen([sys.executable, "-c", _BARE, str(port)])
    try:
        yield _when_up(f"http://127.0.0.1:{port}"), process.pid
    finally:
        process.terminate()
        process.wait()


def _when_up(base_url: str) -> str:
    for _ in range(1200):
        try:
            with urllib.request.urlopen(f"{base_url}/health/ready"):
                return base_url
        except urllib.error.HTTPError:
            return base_url
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the server did not start")


@contextmanager
def _checked_out(commit: str) -> Iterator[Path]:
    """The tree of a commit, for as long as it is measured."""
    with tempfile.TemporaryDirectory(prefix="orderhub-bench-") as folder:
        tree = Path(folder)
        archive = subprocess.run(
            ["git", "archive", commit], cwd=_ROOT, check=True, capture_output=True
        )
        subprocess.run(["tar", "-x", "-C", tree], input=archive.stdout, check=True)
        yield tree


@contextmanager
def _floor(url: str, tree: Path, name: str) -> Iterator[tuple[str, int]]:
    """The floor of a tree, filled and prepared for a case by its own code."""
    port = _free_port()
    environment = {
        **os.environ,
        "ORDERHUB_SECRET_KEY": "a key for benchmarks",
        "PYTHONPATH": f"{tree / 'src'}:{tree}",
    }

    def run(program: str) -> None:
        subprocess.run([sys.executable, "-c", program], cwd=tree, env=environment, check=True)

    run(f"from bench.__main__ import _fresh; _fresh({url!r})")
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.server", url, str(port), "floor"],
        cwd=tree,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        base_url = _when_up(f"http://127.0.0.1:{port}")
        run(
            "from bench.__main__ import _prepare; from bench.cases import cases; "
            f"_prepare({base_url!r}, cases()[{name!r}])"
        )
        yield base_url, process.pid
    finally:
        process.terminate()
        process.wait()


def _measured(case: Case, server: tuple[str, int], connections: int, seconds: float) -> Cost:
    base_url, pid = server
    before = cpu_s(pid)
    result = patient(case, base_url, connections, seconds)
    return Cost.of(result, cpu_s(pid) - before)


def _bare_case(name: str) -> Case:
    case = cases_with_run(name)
    object.__setattr__(case, "status", 200)
    object.__setattr__(case, "success", "{")
    return case


def bench_case(name: str, against: str, connections: int, seconds: float, rounds: int) -> None:
    costs: dict[str, list[Cost]] = {}
    with tempfile.TemporaryDirectory(prefix="orderhub-bench-") as folder, ExitStack() as stack:
        servers = {"bare": stack.enter_context(_bare())}
        url = f"sqlite:///{folder}/now.sqlite"
        servers["floor"] = stack.enter_context(_floor(url, _ROOT, name))
        if against:
            tree = stack.enter_context(_checked_out(against))
            url = f"sqlite:///{folder}/then.sqlite"
            servers[against] = stack.enter_context(_floor(url, tree, name))
        for way, server in servers.items():
            patient(_bare_case(name) if way == "bare" else cases_with_run(name), server[0], 8, 0.5)
        for _ in range(rounds):
            for way, server in servers.items():
                case = _bare_case(name) if way == "bare" else cases_with_run(name)
                costs.setdefault(way, []).append(_measured(case, server, connections, seconds))
    _print(name, connections, costs)


def _print(name: str, connections: int, costs: dict[str, list[Cost]]) -> None:
    for way, each in costs.items():
        shares = [
            mine.result.per_second / bare.result.per_second
            for mine, bare in zip(each, costs["bare"], strict=True)
        ]
        cpu = [mine.cpu_us / bare.cpu_us for mine, bare in zip(each, costs["bare"], strict=True)]
        print(
            f"{name:<16} {connections:>4} {way:<8} "
            f"{statistics.median(c.result.per_second for c in each):>8.0f}/s "
            f"{statistics.median(c.cpu_us for c in each):>7.0f} us of CPU "
            f"{statistics.median(shares):>6.3f} x bare, CPU {statistics.median(cpu):>5.1f} x bare "
            f"{sum(c.result.failures for c in each):>4} failed",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.edge", description=__doc__)
    parser.add_argument("--case", action="append", choices=list(cases()))
    parser.add_argument("--against", default="", help="a commit to measure beside")
    parser.add_argument("--connections", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    for name in given.case or cases():
        bench_case(name, given.against, given.connections, given.seconds, given.rounds)


if __name__ == "__main__":
    main()
