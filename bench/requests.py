"""python -m bench requests: what keeping every call in the request log costs the orders.

One hub that keeps `all`, one that keeps `none`, each on a database of its own, under the same load in turn. The client
is a process of its own, so that what it costs is not counted as the hub's.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import urllib.request
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from bench.__main__ import _call, _databases, _fresh, _prepare, _server, cases_with_run
from bench.cases import cases
from bench.client import Result, patient
from bench.fair import _cpu_s

_WAYS = ("all", "none")
_AT_LEAST = 0.95
_OPERATOR = "hub-demo-operator"
_COUNTS = ("kept", "dropped")


@dataclass(frozen=True, slots=True)
class Round:
    load: Result
    cpu_s: float  # of the server

    @property
    def per_cpu_s(self) -> float:
        """Orders for a second of the server's processor time: what others do on the machine hardly shows in it."""
        return self.load.answered / self.cpu_s


def _load(name: str, base_url: str, connections: int, seconds: float) -> Result:
    return patient(cases_with_run(name), base_url, connections, seconds)


def _round(
    pool: ProcessPoolExecutor,
    name: str,
    server: tuple[str, int],
    connections: int,
    seconds: float,
) -> Round:
    base_url, pid = server
    before_s = _cpu_s(pid)
    load = pool.submit(_load, name, base_url, connections, seconds).result()
    return Round(load, _cpu_s(pid) - before_s)


def _counted(base_url: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{base_url}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    found = dict(line.split() for line in lines if line.startswith("orderhub_request_log_"))
    return {each: int(float(found[f"orderhub_request_log_{each}_total"])) for each in _COUNTS}


def bench_database(
    pool: ProcessPoolExecutor, kind: str, name: str, connections: int, seconds: float, rounds: int
) -> bool:
    """The ways in turn, so that a change of the machine's speed meets both; answers whether the goal was reached."""
    results: dict[str, list[Round]] = {way: [] for way in _WAYS}
    with _databases(kind) as urls, ExitStack() as stack:
        servers = {}
        for way, url in zip(_WAYS, urls, strict=False):
            _fresh(url)
            os.environ["ORDERHUB_REQUEST_LOG"] = way
            servers[way] = stack.enter_context(_server(url, "hub"))
            _prepare(servers[way][0], cases()[name])
            _round(pool, name, servers[way], 8, min(seconds, 1.0))
        for number in range(rounds):
            for way in _WAYS[:: 1 if number % 2 else -1]:
                results[way].append(_round(pool, name, servers[way], connections, seconds))
        counted = {way: _counted(base_url) for way, (base_url, _) in servers.items()}
        path = "/hub/v1/requests?limit=1"
        is_kept = bool(_call(servers["all"][0], "GET", path, _OPERATOR, None)["items"])
    return _print(kind, name, results, counted, is_kept=is_kept)


def _print(
    kind: str,
    name: str,
    results: dict[str, list[Round]],
    counted: dict[str, dict[str, int]],
    *,
    is_kept: bool,
) -> bool:
    print(f"\n{name} on {kind}")
    print(
        f"{'keeps':<6} {'orders/s':>9} {'p50 ms':>8} {'p99 ms':>8} {'kept':>8} {'dropped':>8} {'failed':>6}"
    )
    for way, rounds in results.items():
        loads = [each.load for each in rounds]
        print(
            f"{way:<6} {statistics.median(each.per_second for each in loads):>9.0f} "
            f"{statistics.median(each.p50_ms for each in loads):>8.2f} "
            f"{statistics.median(each.p99_ms for each in loads):>8.2f} "
            f"{counted[way]['kept']:>8} {counted[way]['dropped']:>8} "
            f"{sum(each.failures for each in loads):>6}"
        )
    pairs = list(zip(results["all"], results["none"], strict=True))
    ratio = statistics.median(a.load.per_second / n.load.per_second for a, n in pairs)
    work = statistics.median(a.per_cpu_s / n.per_cpu_s for a, n in pairs)
    print(f"orders/s with the log are {ratio:.2f} x those without")
    print(
        f"orders for a second of processor time are {work:.2f} x those without (at least {_AT_LEAST:g})",
        flush=True,
    )
    # A log that kept nothing, or one that could not be turned off, would have measured nothing.
    return work >= _AT_LEAST and is_kept and counted["none"]["kept"] == 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.requests", description=__doc__)
    parser.add_argument("--case", choices=list(cases()), default="kakaclo-one-sku")
    parser.add_argument("--database", choices=["sqlite", "postgres", "both"], default="both")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    kinds = ["sqlite", "postgres"] if given.database == "both" else [given.database]
    processes = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=processes) as pool:
        reached = [
            bench_database(pool, kind, given.case, given.connections, given.seconds, given.rounds)
            for kind in kinds
        ]
    raise SystemExit(0 if all(reached) else 1)


if __name__ == "__main__":
    main()
