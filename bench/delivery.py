"""python -m bench delivery: what webhooks cost the orders, how many messages leave, how late, and in how much memory.

Receivers are one sink in a process of its own, and so is the client: what they cost is not counted as the hub's.

orders   orders/s with none, one and ten webhooks, in turn, each on a hub and a database of its own
drain    messages a second to one webhook while orders rest
lag      how long after its commit an event arrives, at half of the orders that the hub takes without a webhook
behind   the memory of a hub that catches up on many events, and of its delivery process, as it goes on
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil
import uvloop

from bench.__main__ import _call, _databases, _fresh, _prepare, _server, cases_with_run
from bench.cases import cases
from bench.client import Result, patient
from prove.client import Connection
from tests.support.sink import Sink, sinking

_CASE, _TOKEN = "kakaclo-one-sku", "hub-demo-omni"
_COUNTS = (0, 1, 10)
_PARTS = ("orders", "drain", "lag", "behind")
_STARTS_WITHIN_S = 60.0
# What is promised.
_ORDERS_AT_LEAST = 0.9
_PER_S_AT_LEAST = 500
_LAG_AT_MOST_MS = 1_000
_MORE_MIB_AT_MOST = 32

# By then the delivery process has its code, its connections and full pages of events.
_WARM_AFTER = 10_000

_Server = tuple[str, int]  # base URL and process id


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor time and memory of a hub, and of what it started: the process that sends."""

    hub_s: float = 0.0
    sending_s: float = 0.0
    hub_mib: float = 0.0
    sending_mib: float = 0.0

    @classmethod
    def now(cls, server: _Server) -> Spent:
        hub = psutil.Process(server[1])
        rest = hub.children(recursive=True)
        return cls(
            _cpu_s(hub), sum(map(_cpu_s, rest)), _rss_mib(hub), sum(map(_rss_mib, rest), 0.0)
        )

    def since(self, before: Spent) -> Spent:
        """Times since then, memory as it is."""
        return Spent(
            self.hub_s - before.hub_s,
            self.sending_s - before.sending_s,
            self.hub_mib,
            self.sending_mib,
        )


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _rss_mib(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 2**20


@dataclass(frozen=True, slots=True)
class Round:
    load: Result
    spent: Spent

    @property
    def per_cpu_s(self) -> float:
        """Orders for a second of the processor time of the process that takes them."""
        return self.load.answered / self.spent.hub_s


def _load(base_url: str, connections: int, seconds: float) -> Result:
    return patient(cases_with_run(_CASE), base_url, connections, seconds)


def _webhooks(pool: ProcessPoolExecutor, server: _Server, sink: Sink, count: int = 1) -> list[str]:
    """So many new ones, of what comes from now on; their paths. The delivery process is up and has sent to each."""
    paths = []
    for _ in range(count):
        made = _call(server[0], "POST", "/hub/v1/webhooks", _TOKEN, {"url": sink.url})
        paths.append(f"/hub/v1/webhooks/{made['id']}")
    if count:
        pool.submit(_evenly_run, server[0], 1, 1).result()
    posts, until = 0, time.perf_counter() + _STARTS_WITHIN_S
    while posts < count and time.perf_counter() < until:
        time.sleep(0.05)
        posts += sink.counts()["posts"]
    return paths


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
            paths = _webhooks(pool, server, sink, count)
            before = Spent.now(server)
            load = pool.submit(_load, server[0], given.connections, given.seconds).result()
            rounds[count].append(Round(load, Spent.now(server).since(before)))
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
    rates: list[float] = []
    each_ms: list[tuple[float, float]] = []
    for _ in range(given.rounds):
        (path,) = _webhooks(pool, server, sink)
        _set(server, path, enabled=False)
        load = pool.submit(_load, server[0], given.connections, given.seconds).result()
        sink.counts()
        began, before = time.perf_counter(), Spent.now(server)
        _set(server, path, enabled=True)
        posts = 0
        while posts < load.answered and time.perf_counter() - began < 120:
            time.sleep(0.05)
            posts += sink.counts()["posts"]
        rates.append(posts / (time.perf_counter() - began))
        spent = Spent.now(server).since(before)
        each_ms.append((1000 * spent.hub_s / posts, 1000 * spent.sending_s / posts))
        _remove(server, [path])
    rate = statistics.median(rates)
    hub_ms, sending_ms = map(statistics.median, zip(*each_ms, strict=True))
    print(
        f"{rate:.0f} messages/s while orders rest (at least {_PER_S_AT_LEAST}), a message takes "
        f"{sending_ms:.2f} ms of the delivery process and {hub_ms:.2f} ms of the hub",
        flush=True,
    )
    return rate >= _PER_S_AT_LEAST


@dataclass(frozen=True, slots=True)
class Placed:
    """Orders at an even pace: how many, and how long until the last was answered."""

    count: int
    took_s: float


async def _evenly(base_url: str, per_s: float, seconds: float) -> Placed:
    """Orders at an even pace, whatever becomes of those before."""
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
    return Placed(count, loop.time() - began)


def _evenly_run(base_url: str, per_s: float, seconds: float) -> Placed:
    return uvloop.run(_evenly(base_url, per_s, seconds))


def _lag(pool: ProcessPoolExecutor, server: _Server, sink: Sink, given: argparse.Namespace) -> bool:
    whole = pool.submit(_load, server[0], given.connections, given.seconds).result()
    half, seconds = whole.per_second / 2, 2 * given.seconds
    before = Spent.now(server)
    alone_s = pool.submit(_evenly_run, server[0], half, seconds).result().took_s
    alone = Spent.now(server).since(before)
    (path,) = _webhooks(pool, server, sink)
    before = Spent.now(server)
    placed = pool.submit(_evenly_run, server[0], half, seconds).result()
    spent = Spent.now(server).since(before)
    time.sleep(_LAG_AT_MOST_MS / 1000)
    counts = sink.counts()
    _remove(server, [path])
    print(
        f"at {half:.0f} orders/s, half of what it takes without a webhook: {counts['posts']} of {placed.count} "
        f"events arrived, half within {counts['p50_ms']:.0f} ms and 99 of 100 within {counts['p99_ms']:.0f} ms "
        f"(at most {_LAG_AT_MOST_MS}); orders took {placed.took_s:.1f} s of {seconds:.0f}; the hub has "
        f"{spent.hub_s / placed.took_s:.0%} of a processor ({alone.hub_s / alone_s:.0%} without a webhook), "
        f"its delivery process {spent.sending_s / placed.took_s:.0%}",
        flush=True,
    )
    return bool(counts["posts"] >= placed.count and counts["p99_ms"] <= _LAG_AT_MOST_MS)


def _behind(
    pool: ProcessPoolExecutor, server: _Server, sink: Sink, given: argparse.Namespace
) -> bool:
    (path,) = _webhooks(pool, server, sink)
    _set(server, path, enabled=False)
    placed = 0
    while placed < given.behind:
        seconds = min(10.0, 1 + (given.behind - placed) / 1_000)
        placed += pool.submit(_load, server[0], given.connections, seconds).result().answered
    before = Spent.now(server)
    sink.counts()
    _set(server, path, enabled=True)
    until, posts = time.perf_counter() + given.watched, 0
    looks: list[tuple[int, Spent]] = []
    while posts < placed and time.perf_counter() < until:
        time.sleep(0.2)
        posts += sink.counts()["posts"]
        looks.append((posts, Spent.now(server)))
    _remove(server, [path])
    for tenth in range(1, 11):
        seen = [look for sent, look in looks if sent >= tenth * placed / 10]
        if seen:
            print(
                f"{tenth * placed // 10:>8} sent: {seen[0].hub_mib:.0f} MiB the hub, "
                f"{seen[0].sending_mib:.0f} MiB its delivery process"
            )
    warm = next((look for sent, look in looks if sent >= _WARM_AFTER), looks[-1][1])
    most = max(look.hub_mib + look.sending_mib for _, look in looks)
    more = most - min(before.hub_mib, warm.hub_mib) - warm.sending_mib
    print(
        f"{placed} events behind, {posts} of them sent: {before.hub_mib:.0f} MiB the hub before, "
        f"{warm.sending_mib:.0f} MiB its delivery process after {_WARM_AFTER} events; "
        f"{more:.0f} MiB more than these at most since (at most {_MORE_MIB_AT_MOST})",
        flush=True,
    )
    return more <= _MORE_MIB_AT_MOST and posts >= placed


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
    parser.add_argument(
        "--watched", type=float, default=240.0, help="seconds of catching up at most"
    )
    given = parser.parse_args()
    given.part = given.part or [*_PARTS]
    kinds = ["sqlite", "postgres"] if given.database == "both" else [given.database]
    processes = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=processes) as pool:
        reached = [bench_database(pool, kind, given) for kind in kinds]
    raise SystemExit(0 if all(reached) else 1)


if __name__ == "__main__":
    main()
