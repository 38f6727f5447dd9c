"""python -m bench [NAME] [--case …] [--database …]: see docs/benchmarks.md for the names."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.cases import Case, cases
from bench.client import Result, measure
from orderhub.core.decide import RECORD_TYPES
from orderhub.demo import seed
from orderhub.dialects.finding import find_dialects
from orderhub.ledger.ledger import Ledger
from orderhub.web.port import Cipher
from tests.support.postgres import fresh_database, running_server

_KEY = "a key for benchmarks"
# What the hub promises at 128 connections, as shares of the floor and multiples of batch size 1.
_MODES = {"hub": {}, "floor": {}, "batch of 1": {"ORDERHUB_BATCH_LIMIT": "1"}}
# Servers that are something else than the hub: what the benchmark's server is told to be.
_OTHERS = ("floor", "unfair")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _call(base_url: str, method: str, path: str, token: str, body: Any) -> Any:
    request = urllib.request.Request(
        base_url + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or b"null")


@contextmanager
def _server(url: str, mode: str) -> Iterator[tuple[str, int]]:
    """A running server; yields its base URL and process id."""
    port = _free_port()
    environment = {
        **os.environ,
        "ORDERHUB_SECRET_KEY": _KEY,
        "ORDERHUB_WEBHOOK_ALLOW": "127.0.0.1",
        "ORDERHUB_LOG_LEVEL": "info",
        **_MODES.get(mode, {}),
    }
    command = [sys.executable, "-m", "bench.server", url, str(port)]
    if mode in _OTHERS:
        command.append(mode)
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    base_url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"{base_url}/health/ready"):
                    break
            except OSError:
                if process.poll() is not None:
                    raise RuntimeError(f"the {mode} server did not start") from None
                time.sleep(0.05)
        yield base_url, process.pid
    finally:
        process.terminate()
        process.wait()


def _prepare(base_url: str, case: Case) -> None:
    for method, path, token, given in case.setup:
        body = given
        if body and body.get("place", "") is None:
            tenant = path.split("/")[4]
            pools = _call(
                base_url,
                "GET",
                f"/hub/v1/tenants/{tenant}/pools?kind={body['kind']}&subject={body['subject']}",
                token,
                None,
            )
            body = {**body, "place": pools["items"][0]["place"]}
        _call(base_url, method, path, token, body)


def _rss_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _fresh(url: str) -> None:
    ledger = Ledger.open(url, RECORD_TYPES)
    seed(ledger, Cipher(_KEY), find_dialects())
    ledger.close()


def bench_case(
    name: str, database: str, urls: list[str], connections: list[int], seconds: float, rounds: int
) -> None:
    """Hub, floor and batch size 1 in turn, so that a change of the machine's speed meets all three."""
    results: dict[tuple[str, int], list[Result]] = {}
    memory: list[float] = []
    with ExitStack() as stack:
        servers = {}
        for mode, url in zip(_MODES, urls, strict=True):
            _fresh(url)
            servers[mode] = stack.enter_context(_server(url, mode))
            case = cases()[name]
            _prepare(servers[mode][0], case)
            measure(case, servers[mode][0], 8, min(seconds, 1.0))
        for _ in range(rounds):
            for count in connections:
                for mode, (base_url, pid) in servers.items():
                    result = measure(cases_with_run(name), base_url, count, seconds)
                    results.setdefault((mode, count), []).append(result)
                    if mode == "hub":
                        memory.append(_rss_mib(pid))
    _print(name, database, connections, results, memory)


def cases_with_run(name: str) -> Case:
    """The case with numbers that no earlier run used."""
    case = cases()[name]
    start = time.time_ns() // 1000
    return dataclasses.replace(case, _numbers=itertools.count(start))


def _print(
    name: str,
    database: str,
    connections: list[int],
    results: dict[tuple[str, int], list[Result]],
    memory: list[float],
) -> None:
    print(f"\n{name} on {database}", flush=True)
    print(
        f"{'connections':>11}  {'way':<10} {'orders/s':>9} {'p50 ms':>8} {'p99 ms':>8} {'failed':>6}  ratio"
    )
    for count in connections:
        rates = {mode: [each.per_second for each in results[(mode, count)]] for mode in _MODES}
        for mode in _MODES:
            each = results[(mode, count)]
            ratio = ""
            if mode != "hub":
                pairs = [h / o for h, o in zip(rates["hub"], rates[mode], strict=True) if o]
                ratio = f"hub is {statistics.median(pairs):.2f} x this" if pairs else ""
            print(
                f"{count:>11}  {mode:<10} {statistics.median(rates[mode]):>9.0f} "
                f"{statistics.median([r.p50_ms for r in each]):>8.2f} "
                f"{statistics.median([r.p99_ms for r in each]):>8.2f} "
                f"{sum(r.failures for r in each):>6}  {ratio}"
            )
    print(
        f"memory of the hub: {memory[0]:.0f} MiB after the first run, {memory[-1]:.0f} after the last",
        flush=True,
    )


@contextmanager
def _databases(kind: str) -> Iterator[list[str]]:
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="orderhub-bench-") as folder:
            yield [f"sqlite:///{folder}/{index}.sqlite" for index in range(len(_MODES))]
        return
    with running_server() as base, ExitStack() as stack:
        yield [stack.enter_context(fresh_database(base)) for _ in _MODES]


_HEADLINE = "kakaclo-one-sku"


def run_cases(arguments: list[str]) -> None:
    """The table. Without --case: one dialect on both databases, then every dialect at 128 connections on SQLite."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--case", action="append", choices=list(cases()))
    parser.add_argument("--database", choices=["sqlite", "postgres", "both"], default="both")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", default="1,32,128")
    given = parser.parse_args(arguments)
    connections = [int(each) for each in given.connections.split(",")]
    kinds = ["sqlite", "postgres"] if given.database == "both" else [given.database]
    for name in given.case or [_HEADLINE]:
        for kind in kinds:
            with _databases(kind) as urls:
                bench_case(name, kind, urls, connections, given.seconds, given.rounds)
    if given.case is None:
        for name in cases():
            with _databases("sqlite") as urls:
                bench_case(name, "sqlite", urls, [128], given.seconds, given.rounds)


def main() -> None:
    """Some words name benchmarks of their own; without one of them the table is made."""
    first = sys.argv[1] if len(sys.argv) > 1 else ""
    if first in (
        "against",
        "bulk",
        "check",
        "scale",
        "desk",
        "imports",
        "planner",
        "fair",
        "writer",
        "requests",
        "edge",
        "delivery",
        "idle",
        "processes",
    ):
        del sys.argv[1]
        importlib.import_module(f"bench.{first}").main()
    else:
        run_cases(sys.argv[1:])


if __name__ == "__main__":
    main()
