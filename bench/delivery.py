"""python -m bench delivery: what webhooks cost the orders, how many messages leave, how late, and in how much memory.

Receivers are one sink in a process of its own, and so is the client: what they cost is not counted as the hub's.

orders   orders/s with none, one and ten webhooks, in turn, each on a hub and a database of its own
drain    messages a second to one webhook while orders rest
lag      how long after its commit an event arrives, at half of the orders that a hub with one webhook takes
behind   the memory of a hub that catches up on many events, from one look at it to the next
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

import uvloop

from bench.__main__ import _call, _databases, _fresh, _prepare, _rss_mib, _server, cases_with_run
from bench.cases import cases
from bench.client import Result, patient
from bench.fair import _cpu_s
from prove.client import Connection
from tests.support.sink import Sink, sinking

_CASE, _TOKEN = "kakaclo-one-sku", "hub-demo-omni"
_COUNTS = (0, 1, 10)
_PARTS = ("orders", "drain", "lag", "behind")
# What is promised.
_ORDERS_AT_LEAST = 0.9
_PER_S_AT_LEAST = 500
_LAG_AT_MOST_MS = 1_000
_MORE_MIB_AT_MOST = 32

_Server = tuple[str, int]  # base URL and process id


@dataclass(frozen=True, slots=True)
class Round:
    load: Result
    cpu_s: float

    @property
    def per_cpu_s(self) -> float:
        """Orders for a second of the server's processor time, messages and all."""
        return self.load.answered / self.cpu_s


def _load(base_url: str, connections: int, seconds: float) -> Result:
    return patient(cases_with_run(_CASE), base_url, connections, seconds)


def _webhook(server: _Server, sink: Sink) -> str:
    """A new one, of what comes from now on; its path."""
    made = _call(server[0], "POST", "/hub/v1/webhooks", _TOKEN, {"url": sink.url})
    return f"/hub/v1/webhooks/{made['id']}"


def _set(server: _Server, path: str, *, enabled: bool) -> None:
    _call(server[0], "PATCH", path, _TOKEN, {"enabled": enabled})


def _remove(server: _Server, paths: Sequence[str]) -> None:
    for path in paths:
        _call(server[0], "DELETE", path, _TOKEN, None)


def _orders(
    pool: ProcessPoolExecutor,
    servers: dict[int, _Server],
    sink: Sink,
    given: argparse.Namespace,
) -> bool:
    rounds: dict[int, list[Round]] = {count: [] for count in servers}
    sent: dict[int, list[float]] = {count: [] for count in servers}
    for number in range(given.rounds):
        for count in [*servers][:: 1 if number % 2 else -1]:
            server = servers[count]
            paths = [_webhook(server, sink) for _ in range(count)]
            sink.counts()
            before_s = _cpu_s(server[1])
            load = pool.submit(_load, server[0], given.connections, given.seconds).result()
            rounds[count].append(Round(load, _cpu_s(server[1]) - before_s))
            sent[count].append(sink.counts()["posts"] / given.seconds)
            _remove(server, paths)
    print(
        f"{'webhooks':>8} {'orders/s':>9} {'of a CPU':>9} {'p50 ms':>8} {'p99 ms':>8} {'messages/s':>11} {'failed':>6}"
    )
    for count, each in rounds.items():
        loads = [one.load for one in each]
        print(
            f"{count:>8} {statistics.median(one.per_second for one in loads):>9.0f} "
            f"{statistics.median(one.per_cpu_s for one in each):>9.0f} "
            f"{statistics.median(one.p50_ms for one in loads):>8.2f} "
            f"{statistics.median(one.p99_ms for one in loads):>8.2f} "
            f"{statistics.median(sent[count]):>11.0f} {sum(one.failures for one in loads):>6}"
        )
    ratios = {}
    for count in _COUNTS[1:]:
        pairs = list(zip(rounds[count], rounds[0], strict=True))
        ratios[count] = statistics.median(a.load.per_second / b.load.per_second for a, b in pairs)
        work = statistics.median(a.per_cpu_s / b.per_cpu_s for a, b in pairs)
        goal = f" (at least {_ORDERS_AT_LEAST:g})" if count == 1 else ""
        print(
            f"orders/s with {count} are {ratios[count]:.2f} x those with none{goal}, "
            f"{work:.2f} x for a second of processor time",
            flush=True,
        )
    return ratios[1] >= _ORDERS_AT_LEAST


def _drain(
    pool: ProcessPoolExecutor, server: _Server, sink: Sink, given: argparse.Namespace
) -> bool:
    rates, costs = [], []
    for _ in range(given.rounds):
        path = _webhook(server, sink)
        _set(server, path, enabled=False)
        load = pool.submit(_load, server[0], given.connections, given.seconds).result()
        sink.counts()
        began, before_s = time.perf_counter(), _cpu_s(server[1])
        _set(server, path, enabled=True)
        posts = 0
        while posts < load.answered and time.perf_counter() - began < 120:
            time.sleep(0.05)
            posts += sink.counts()["posts"]
        rates.append(posts / (time.perf_counter() - began))
        costs.append(1000 * (_cpu_s(server[1]) - before_s) / posts)
        _remove(server, [path])
    rate = statistics.median(rates)
    print(
        f"{rate:.0f} messages/s while orders rest (at least {_PER_S_AT_LEAST}), "
        f"{statistics.median(costs):.2f} ms of processor time a message",
        flush=True,
    )
    return rate >= _PER_S_AT_LEAST


async def _evenly(base_url: str, per_s: float, seconds: float) -> int:
    """Orders at an even pace, whatever becomes of those before; how many."""
    parts = urlsplit(base_url)
    case, loop = cases_with_run(_CASE), asyncio.get_running_loop()
    free: list[Connection] = []
    began = loop.time()

    async def one(number: int) -> None:
        await asyncio.sleep(began + number / per_s - loop.time())
        connection = free.pop() if free else Connection(parts.port or 80)
        head, _, body = case.request(parts.netloc).partition(b"\r\n\r\n")
        headers = {"Authorization": f"Bearer {_TOKEN}"}
        path = head.split(b" ", 2)[1].decode()
        await connection.request("POST", path, body, headers)
        free.append(connection)

    count = int(per_s * seconds)
    await asyncio.gather(*(one(number) for number in range(count)))
    for each in free:
        each.close()
    return count


def _evenly_run(base_url: str, per_s: float, seconds: float) -> int:
    return uvloop.run(_evenly(base_url, per_s, seconds))


def _lag(pool: ProcessPoolExecutor, server: _Server, sink: Sink, given: argparse.Namespace) -> bool:
    path = _webhook(server, sink)
    whole = pool.submit(_load, server[0], given.connections, given.seconds).result()
    _remove(server, [path])
    half = whole.per_second / 2
    path = _webhook(server, sink)
    sink.counts()
    before_s = _cpu_s(server[1])
    placed = pool.submit(_evenly_run, server[0], half, 2 * given.seconds).result()
    busy = (_cpu_s(server[1]) - before_s) / (2 * given.seconds)
    time.sleep(_LAG_AT_MOST_MS / 1000)
    counts = sink.counts()
    _remove(server, [path])
    print(
        f"at {half:.0f} orders/s, half of what it takes: {counts['posts']} of {placed} events arrived, "
        f"half of them within {counts['p50_ms']:.0f} ms and 99 of 100 within {counts['p99_ms']:.0f} ms "
        f"(at most {_LAG_AT_MOST_MS}); {busy:.0%} of a processor",
        flush=True,
    )
    return counts["posts"] >= placed and counts["p99_ms"] <= _LAG_AT_MOST_MS


def _behind(
    pool: ProcessPoolExecutor, server: _Server, sink: Sink, given: argparse.Namespace
) -> bool:
    path = _webhook(server, sink)
    _set(server, path, enabled=False)
    placed = 0
    while placed < given.behind:
        seconds = min(10.0, 1 + (given.behind - placed) / 1_000)
        placed += pool.submit(_load, server[0], given.connections, seconds).result().answered
    before = most = _rss_mib(server[1])
    sink.counts()
    _set(server, path, enabled=True)
    until, posts = time.perf_counter() + given.watched, 0
    for _ in itertools.count():
        time.sleep(0.2)
        posts += sink.counts()["posts"]
        most = max(most, _rss_mib(server[1]))
        if posts >= placed or time.perf_counter() > until:
            break
    _remove(server, [path])
    print(
        f"{placed} events behind, {posts} of them sent: {before:.0f} MiB before, {most:.0f} at most since "
        f"(at most {_MORE_MIB_AT_MOST} more)",
        flush=True,
    )
    return most - before <= _MORE_MIB_AT_MOST and posts > 0


_WITH_ONE = {"drain": _drain, "lag": _lag, "behind": _behind}


def bench_database(pool: ProcessPoolExecutor, kind: str, given: argparse.Namespace) -> bool:
    """Answers whether the goals were reached."""
    print(f"\n{_CASE} on {kind}", flush=True)
    held = []
    with _databases(kind) as urls, ExitStack() as stack:
        sink = stack.enter_context(sinking())
        servers = {}
        for count, url in zip(_COUNTS, urls, strict=True):
            if "orders" not in given.part and count != 1:
                continue
            _fresh(url)
            servers[count] = stack.enter_context(_server(url, "hub"))
            _prepare(servers[count][0], cases()[_CASE])
            pool.submit(_load, servers[count][0], 8, min(given.seconds, 1.0)).result()
        if "orders" in given.part:
            held.append(_orders(pool, servers, sink, given))
        held += [
            part(pool, servers[1], sink, given)
            for name, part in _WITH_ONE.items()
            if name in given.part
        ]
    return all(held)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.delivery", description=__doc__)
    parser.add_argument("--part", action="append", choices=_PARTS)
    parser.add_argument("--database", choices=["sqlite", "postgres", "both"], default="both")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--behind", type=int, default=100_000, help="events to catch up on")
    parser.add_argument("--watched", type=float, default=60.0, help="seconds of catching up")
    given = parser.parse_args()
    given.part = given.part or [*_PARTS]
    kinds = ["sqlite", "postgres"] if given.database == "both" else [given.database]
    processes = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=processes) as pool:
        reached = [bench_database(pool, kind, given) for kind in kinds]
    raise SystemExit(0 if all(reached) else 1)


if __name__ == "__main__":
    main()
