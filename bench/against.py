"""python -m bench against COMMIT: this hub beside that of another commit, at every door and on both databases.

Beside both stand the floor (the hub whose decision and ledger are a constant), a bare uvicorn that answers a
constant and, for KakaClo, a plain FastAPI + SQLAlchemy service (bench/plain.py; two workers on PostgreSQL). All take
turns, so that what else the machine does meets them alike. Printed are orders a second and the processor time of the
server's process for each order, and of both how many times as much this hub does: `x orders/s` above 1 and `x CPU`
below 1 are good.

The other commit runs from a tree of its own with the libraries that are installed here.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path

import psutil

from bench.__main__ import _free_port, cases_with_run
from bench.cases import cases
from bench.client import patient
from bench.edge import _ROOT, Cost, _bare, _bare_case, _checked_out, _when_up
from tests.support.postgres import fresh_database, running_server

_PLAIN_CASES = ("kakaclo-one-sku", "kakaclo")
Server = tuple[str, int]  # base URL, process id


@contextmanager
def _hub(url: str, tree: Path, name: str, *more: str) -> Iterator[Server]:
    """The hub of a tree, or its floor, filled and prepared for a case by its own code."""
    port = _free_port()
    environment = {
        **os.environ,
        "ORDERHUB_SECRET_KEY": "a key for benchmarks",
        "PYTHONPATH": f"{tree / 'src'}:{tree}",
    }

    def run(program: str) -> None:
        subprocess.run([sys.executable, "-c", program], cwd=tree, env=environment, check=True)

    run(f"from bench.__main__ import _fresh; _fresh({url!r})")
    command = [sys.executable, "-m", "bench.server", url, str(port), *more]
    with _running(command, port, tree, environment) as server:
        run(
            "from bench.__main__ import _prepare; from bench.cases import cases; "
            f"_prepare({server[0]!r}, cases()[{name!r}])"
        )
        yield server


@contextmanager
def _plain(url: str, workers: int) -> Iterator[Server]:
    port = _free_port()
    command = [sys.executable, "-m", "bench.plain", url, str(port), str(workers)]
    with _running(command, port, _ROOT, dict(os.environ)) as server:
        yield server


@contextmanager
def _running(
    command: list[str], port: int, folder: Path, environment: dict[str, str]
) -> Iterator[Server]:
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield _when_up(f"http://127.0.0.1:{port}"), process.pid
    finally:
        process.terminate()
        process.wait()


def _cpu_s(pid: int) -> float:
    """Of a process and its workers, also of their threads that have ended."""
    process = psutil.Process(pid)
    used = [each.cpu_times() for each in (process, *process.children())]
    return sum(each.user + each.system for each in used)


@contextmanager
def _urls(kind: str) -> Iterator[Callable[[str], str]]:
    """Answers a database for each name."""
    with ExitStack() as stack:
        if kind == "sqlite":
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="orderhub-bench-"))
            yield lambda name: f"sqlite:///{folder}/{name}.sqlite"
        else:
            base = stack.enter_context(running_server())
            yield lambda _name: stack.enter_context(fresh_database(base))


def _ways(
    name: str, kind: str, trees: dict[str, Path], url: Callable[[str], str]
) -> dict[str, AbstractContextManager[Server]]:
    """What is measured beside each other; the first is this hub."""
    ways: dict[str, AbstractContextManager[Server]] = {
        "hub": _hub(url("hub"), _ROOT, name),
        **{each: _hub(url("other"), tree, name) for each, tree in trees.items()},
        "floor": _hub(url("floor"), _ROOT, name, "floor"),
        "bare": _bare(),
    }
    if name in _PLAIN_CASES and importlib.util.find_spec("fastapi"):
        ways["plain"] = _plain(url("plain"), 2 if kind == "postgres" else 1)
    return ways


def _measured(way: str, server: Server, name: str, connections: int, seconds: float) -> Cost:
    case = _bare_case(name) if way == "bare" else cases_with_run(name)
    before = _cpu_s(server[1])
    result = patient(case, server[0], connections, seconds)
    return Cost.of(result, _cpu_s(server[1]) - before)


def bench_case(
    name: str, kind: str, trees: dict[str, Path], counts: list[int], seconds: float, rounds: int
) -> None:
    costs: dict[int, dict[str, list[Cost]]] = {}
    with _urls(kind) as url, ExitStack() as stack:
        ways = _ways(name, kind, trees, url)
        servers = {way: stack.enter_context(server) for way, server in ways.items()}
        measure = partial(_measured, name=name)
        for way, server in servers.items():
            measure(way, server, connections=8, seconds=min(1.0, seconds))  # warms up
        for _ in range(rounds):
            for count in counts:
                for way, server in servers.items():
                    cost = measure(way, server, connections=count, seconds=seconds)
                    costs.setdefault(count, {}).setdefault(way, []).append(cost)
    for count, found in costs.items():
        _print(name, kind, count, found)


def _print(name: str, kind: str, count: int, costs: dict[str, list[Cost]]) -> None:
    def middle(pairs: Iterator[float]) -> float:
        return statistics.median(pairs)

    hub = costs["hub"]
    for way, each in costs.items():
        beside = ""
        if way != "hub":
            both = list(zip(hub, each, strict=True))
            rate = middle(h.result.per_second / max(o.result.per_second, 1e-9) for h, o in both)
            cpu = middle(h.cpu_us / max(o.cpu_us, 1e-9) for h, o in both)
            beside = f"the hub: {rate:5.2f} x orders/s, {cpu:5.2f} x CPU"
        print(
            f"{name:<16} {kind:<8} {count:>4} {way:<8} "
            f"{middle(c.result.per_second for c in each):>7.0f}/s "
            f"{middle(c.cpu_us for c in each):>6.0f} us of CPU {middle(c.result.p50_ms for c in each):>7.1f} ms p50 "
            f"{sum(c.result.failures for c in each):>3} failed  {beside}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.against", description=__doc__)
    parser.add_argument("commit", help="what to measure beside this hub")
    parser.add_argument("--case", action="append", choices=list(cases()))
    parser.add_argument("--database", choices=["sqlite", "postgres", "both"], default="both")
    parser.add_argument("--connections", default="1,32,128")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    counts = [int(each) for each in given.connections.split(",")]
    kinds = ["sqlite", "postgres"] if given.database == "both" else [given.database]
    print(f"load average at the start: {os.getloadavg()[0]:.1f}", flush=True)
    if not importlib.util.find_spec("fastapi"):
        print("FastAPI is not installed: the plain service is left out", flush=True)
    with _checked_out(given.commit) as tree:
        for kind in kinds:
            for name in given.case or cases():
                trees = {given.commit[:8]: tree}
                bench_case(name, kind, trees, counts, given.seconds, given.rounds)
    print(f"load average at the end: {os.getloadavg()[0]:.1f}", flush=True)


if __name__ == "__main__":
    main()
