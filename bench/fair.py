"""python -m bench fair: what a crowd of one tenant does to another tenant, and what fairness costs.

A crowd of connections of one tenant, each of which honours `Retry-After`, and two clients of another. Beside the
hub stands the same hub without fairness: one line for all, and no limit to the calls in hand. Clients are
processes of their own, so that what they cost each other is not counted as the hub's.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.__main__ import _fresh, _prepare, _server, cases_with_run
from bench.cases import cases
from bench.client import Result, patient

_CROWD, _GUEST = "sitecore_cdp", "kakaclo-one-sku"
_GUESTS = 2
# Connections that many integrators use: a tenant who is alone must not meet the limit with these.
_USUAL = 128
_FORGOTTEN_S = 1.5  # after this long nobody counts as being there still
_WAYS = ("hub", "unfair")
_ALONE_AT_MOST, _TOTAL_AT_LEAST = 4.0, 0.95


@dataclass(frozen=True, slots=True)
class Round:
    """One round at one server."""

    alone: Result  # the guest by itself
    usual: Result  # the tenant of the crowd by itself, with the usual number of connections
    crowd: Result
    guest: Result  # beside the crowd
    cpu_s: float  # of the server, while the crowd and the guest were there

    @property
    def total(self) -> float:
        return self.crowd.per_second + self.guest.per_second

    @property
    def per_cpu_s(self) -> float:
        """Orders for a second of the server's processor time: what others do on the machine hardly shows in it."""
        return (self.crowd.answered + self.guest.answered) / self.cpu_s

    @property
    def slower(self) -> float:
        return self.guest.p99_ms / self.alone.p99_ms if self.alone.p99_ms else 0.0


def _load(name: str, base_url: str, connections: int, seconds: float) -> Result:
    return patient(cases_with_run(name), base_url, connections, seconds)


def _cpu_s(pid: int) -> float:
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def _round(
    pool: ProcessPoolExecutor, server: tuple[str, int], connections: int, seconds: float
) -> Round:
    base_url, pid = server

    def run(name: str, count: int) -> Result:
        return pool.submit(_load, name, base_url, count, seconds).result()

    alone = run(_GUEST, _GUESTS)
    time.sleep(_FORGOTTEN_S)
    usual = run(_CROWD, _USUAL)
    before_s = _cpu_s(pid)
    crowd = pool.submit(_load, _CROWD, base_url, connections, seconds)
    guest = pool.submit(_load, _GUEST, base_url, _GUESTS, seconds)
    results = crowd.result(), guest.result()
    return Round(alone, usual, *results, _cpu_s(pid) - before_s)


def _print(rounds: dict[str, list[Round]], connections: int) -> bool:
    """Medians of all rounds; answers whether what is promised held."""

    def middle(way: str, figure: Callable[[Round], float]) -> float:
        return statistics.median(figure(each) for each in rounds[way])

    print(
        f"{'way':<8} {'guest alone p50, p99':>21} {f'beside {connections} p50, p99':>21} {'p99 x':>6} "
        f"{'total/s':>8} {f'{_USUAL} alone/s':>12} {'told busy':>9} {'failed':>6}"
    )
    for way, each in rounds.items():
        failed = sum(
            r.alone.failures + r.usual.failures + r.crowd.failures + r.guest.failures for r in each
        )
        print(
            f"{way:<8} {middle(way, lambda r: r.alone.p50_ms):>12.1f} {middle(way, lambda r: r.alone.p99_ms):>8.1f} "
            f"{middle(way, lambda r: r.guest.p50_ms):>12.1f} {middle(way, lambda r: r.guest.p99_ms):>8.1f} "
            f"{middle(way, lambda r: r.slower):>6.1f} {middle(way, lambda r: r.total):>8.0f} "
            f"{middle(way, lambda r: r.usual.per_second):>12.0f} {middle(way, lambda r: r.crowd.refused):>9.0f} "
            f"{failed:>6}"
        )
    pairs = list(zip(rounds["hub"], rounds["unfair"], strict=True))
    slower = middle("hub", lambda r: r.slower)
    total = statistics.median(hub.total / unfair.total for hub, unfair in pairs)
    usual = statistics.median(h.usual.per_second / u.usual.per_second for h, u in pairs)
    print(f"the guest's p99 is {slower:.2f} x what it is alone (at most {_ALONE_AT_MOST:g})")
    print(f"the total is {total:.2f} x that without fairness (at least {_TOTAL_AT_LEAST:g})")
    work = statistics.median(hub.per_cpu_s / unfair.per_cpu_s for hub, unfair in pairs)
    print(f"the total for a second of processor time is {work:.2f} x that without fairness")
    print(f"a tenant alone with {_USUAL} connections does {usual:.2f} x of that without fairness")
    told = sum(each.usual.refused for each in rounds["hub"])
    print(f"and was told busy {told} times")
    return slower <= _ALONE_AT_MOST and total >= _TOTAL_AT_LEAST


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.fair", description=__doc__)
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    rounds: dict[str, list[Round]] = {way: [] for way in _WAYS}
    processes = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="orderhub-bench-") as folder,
        ProcessPoolExecutor(2, mp_context=processes) as pool,
        ExitStack() as stack,
    ):
        servers: dict[str, tuple[str, int]] = {}
        for way in _WAYS:
            url = f"sqlite:///{folder}/{way}.sqlite"
            _fresh(url)
            servers[way] = stack.enter_context(_server(url, way))
            for name in (_CROWD, _GUEST):
                _prepare(servers[way][0], cases()[name])
            _round(pool, servers[way], 8, min(given.seconds, 1.0))
        for _ in range(given.rounds):
            for way, server in servers.items():
                rounds[way].append(_round(pool, server, given.connections, given.seconds))
    raise SystemExit(0 if _print(rounds, given.connections) else 1)


if __name__ == "__main__":
    main()
