"""python -m bench processes: what more processes on one PostgreSQL bring, any client anywhere.

Rates follow what else the machine does; the processor time of an order hardly does, and says what the cores at hand
would allow: all of them, divided by what an order costs all who take part in it (hubs, PostgreSQL, client).
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from bench.__main__ import _KEY, _call, _free_port, _fresh, _prepare
from bench.cases import cases
from bench.client import measure
from bench.edge import cpu_s
from tests.support.postgres import fresh_database, make_home, processes_of, running_server

_PROGRAM = [sys.executable, "-c", "from orderhub.cli import main; main()"]


class Found(NamedTuple):
    per_second: float
    hub_us: float  # processor time of an order, of all hub processes
    database_us: float
    all_us: float  # the client's, too
    failures: int


@contextmanager
def _served(url: str, workers: int) -> Iterator[tuple[str, int]]:
    port = _free_port()
    environment = {
        **os.environ,
        "ORDERHUB_SECRET_KEY": _KEY,
        "ORDERHUB_RATE_LIMITS": "false",
        "ORDERHUB_TENANT_CALLS": "100000",
        "ORDERHUB_WORKERS": str(workers),
    }
    words = [*_PROGRAM, "serve", "--database", url, "--port", str(port)]
    process = subprocess.Popen(
        words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    base_url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                _call(base_url, "GET", "/health/ready", "", None)
                break
            except OSError:
                time.sleep(0.05)
        yield base_url, process.pid
    finally:
        process.terminate()
        process.wait()


def _spent(pids: list[int]) -> float:
    return sum(cpu_s(each) for each in pids if Path(f"/proc/{each}").exists())


def _load(
    name: str, base_url: str, pid: int, home: Path, connections: int, seconds: float
) -> Found:
    """One run of load. What ends meanwhile is not counted, which costs little: backends stay."""
    case = dataclasses.replace(cases()[name], _numbers=itertools.count(time.time_ns() // 1000))
    hubs = [pid, *(each.pid for each in psutil.Process(pid).children())]
    database = [each.pid for each in processes_of(home)]
    before = _spent(hubs), _spent(database), time.process_time()
    children = os.times()
    result = measure(case, base_url, connections, seconds)
    after = _spent(hubs), _spent(database), time.process_time()
    since = os.times()
    client = after[2] - before[2]
    client += since.children_user + since.children_system
    client -= children.children_user + children.children_system
    count = max(1.0, float(result.answered or result.per_second * seconds))
    hub, server = (1e6 * (after[n] - before[n]) / count for n in (0, 1))
    return Found(
        result.per_second, hub, server, hub + server + 1e6 * client / count, result.failures
    )


def bench(name: str, counts: list[int], connections: int, seconds: float, rounds: int) -> None:
    found: dict[int, list[Found]] = {each: [] for each in counts}
    home = make_home()
    with running_server(home) as base, ExitStack() as stack:
        servers: dict[int, tuple[str, int]] = {}
        for count in counts:
            url = stack.enter_context(fresh_database(base))
            _fresh(url)
            servers[count] = stack.enter_context(_served(url, count))
            _prepare(servers[count][0], cases()[name])
            time.sleep(1.0)
            _load(name, *servers[count], home, connections, 1.0)
        for _ in range(rounds):
            for count, server in servers.items():
                found[count].append(_load(name, *server, home, connections, seconds))
    _print(name, connections, found)


def _print(name: str, connections: int, found: dict[int, list[Found]]) -> None:
    cores = len(os.sched_getaffinity(0))
    print(f"\n{name} on PostgreSQL, {connections} connections, {cores} cores", flush=True)
    print(
        f"{'processes':>9} {'orders/s':>9} {'x one':>6} {'hub us':>8} {'x one':>6} {'database us':>11} "
        f"{'all us':>8} {'allowed x':>9} {'of allowed':>10} {'failed':>6}"
    )
    one = found[min(found)]
    alone = Found(*(statistics.median(column) for column in zip(*one, strict=True)))
    for count, runs in found.items():
        here = Found(*(statistics.median(column) for column in zip(*runs, strict=True)))
        pairs: list[Any] = list(zip(runs, one, strict=True))
        times = statistics.median(a.per_second / b.per_second for a, b in pairs)
        costs = statistics.median(a.hub_us / b.hub_us for a, b in pairs)
        # As many as one process's order would fit on the cores, were they all busy.
        allowed = min(count, cores * 1e6 / alone.all_us / alone.per_second)
        print(
            f"{count:>9} {here.per_second:>9.0f} {times:>6.2f} {here.hub_us:>8.0f} {costs:>6.2f} "
            f"{here.database_us:>11.0f} {here.all_us:>8.0f} {allowed:>9.2f} {times / allowed:>10.2f} "
            f"{sum(each.failures for each in runs):>6}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.processes", description=__doc__)
    parser.add_argument("--case", choices=list(cases()), default="kakaclo-one-sku")
    parser.add_argument("--processes", default="1,2,3")
    parser.add_argument("--connections", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    counts = [int(each) for each in given.processes.split(",")]
    bench(given.case, counts, given.connections, given.seconds, given.rounds)


if __name__ == "__main__":
    main()
