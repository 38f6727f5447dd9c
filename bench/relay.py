"""python -m bench relay: how fast orders are handed on, how late, and what that costs the doors.

Two hubs and a client, each a process of its own: KakaClo orders come in at the first, which places each with the
second as a user of its AnQiCMS shop.

rate     hand-overs a second while the doors rest, and the processor time of either hub for one
lag      from an order's commit to the commit of its number at the vendor, at an even pace
orders   orders/s at the doors with relaying and without, in turn
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory

from sqlalchemy import text

from bench.__main__ import _call, _fresh, _prepare, _server
from bench.cases import cases
from bench.client import Result
from bench.delivery import _CASE, _TOKEN, _evenly_run, _load
from bench.fair import _cpu_s
from orderhub.ledger.database import open_engine
from prove.doors import PLENTY
from prove.relay import VENDORS
from tests.support.postgres import fresh_database, running_server

_PARTS = ("rate", "lag", "orders")
# What is promised.
_PER_S_AT_LEAST = 150
_ORDERS_AT_LEAST = 0.85
_DRAINED_WITHIN_S = 300.0
_POLL_S = 0.05

_Server = tuple[str, int]  # base URL and process id


@dataclass(frozen=True, slots=True)
class Round:
    load: Result
    cpu_s: float

    @property
    def per_cpu_s(self) -> float:
        """Orders for a second of the hub's processor time, hand-overs and all."""
        return self.load.answered / self.cpu_s


@dataclass(frozen=True)
class Pair:
    """Both hubs, and the way from the first to the second."""

    here: _Server
    there: _Server
    url: str  # of the database here
    connection: str
    route: str

    def set(self, *, relays: bool, plans: bool = True) -> None:
        self._patch(f"routes/{self.route}", enabled=plans)
        self._patch(f"connections/{self.connection}", enabled=relays)

    def _patch(self, path: str, **members: bool) -> None:
        _call(self.here[0], "PATCH", f"/hub/v1/{path}", _TOKEN, members)

    def count(self, state: str) -> int:
        sql = "SELECT count(*) FROM hand_over WHERE state = :state"
        return int(self._asked(sql, state=state)[0][0])

    def lags_ms(self, since_us: int) -> list[float]:
        sql = (
            "SELECT updated_at - created_at FROM hand_over "
            "WHERE state = 'placed' AND created_at >= :since"
        )
        return sorted(int(row[0]) / 1_000 for row in self._asked(sql, since=since_us))

    def _asked(self, sql: str, **given: str | int) -> list[tuple[int, ...]]:
        engine = open_engine(self.url)
        try:
            with engine.connect() as connection:
                return [tuple(row) for row in connection.execute(text(sql), given)]
        finally:
            engine.dispose()

    def cpu_s(self) -> tuple[float, float]:
        return _cpu_s(self.here[1]), _cpu_s(self.there[1])

    def analyze(self) -> None:
        """What PostgreSQL does by itself within minutes: a ledger of a minute is planned for as an empty one."""
        if self.url.startswith("sqlite"):
            return
        engine = open_engine(self.url)
        with engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
        engine.dispose()

    def drained(self) -> None:
        until = time.perf_counter() + _DRAINED_WITHIN_S
        while self.count("planned") + self.count("sending"):
            if time.perf_counter() > until:
                raise RuntimeError("hand-overs are still waiting")
            time.sleep(_POLL_S)


def _paired(here: _Server, there: _Server, url: str, at_once: int) -> Pair:
    def made(path: str, **body: object) -> str:
        return str(_call(here[0], "POST", f"/hub/v1/{path}", _TOKEN, body).get("id", ""))

    vendor = {"dialect": "anqicms", "base_url": there[0], "at_once": at_once}
    connection = made("connections", **vendor, **VENDORS["anqicms"])
    route = made("routes", connection=connection, when="placed")
    listed = {"subject": f"product:{PLENTY}", "id": str(PLENTY)}
    made("listings", connection=connection, items=[listed])
    return Pair(here, there, url, connection, route)


def _rate(pool: ProcessPoolExecutor, pair: Pair, given: argparse.Namespace) -> bool:
    rates, costs = [], []
    for _ in range(given.rounds):
        pair.set(relays=False)
        pool.submit(_load, pair.here[0], given.connections, given.seconds).result()
        pair.analyze()
        before, waiting = pair.cpu_s(), pair.count("planned")
        placed = pair.count("placed")
        began = time.perf_counter()
        pair.set(relays=True)
        while (left := pair.count("planned")) and time.perf_counter() - began < given.watched:
            time.sleep(_POLL_S)
        taken_s = time.perf_counter() - began
        count = pair.count("placed") - placed
        after = pair.cpu_s()
        rates.append(count / taken_s)
        costs.append([1_000 * (b - a) / max(count, 1) for a, b in zip(before, after, strict=True)])
        print(f"  {count} of {waiting} in {taken_s:.1f} s, {left} left", flush=True)
        pair.set(relays=False)
    rate = statistics.median(rates)
    here, there = (statistics.median(each) for each in zip(*costs, strict=True))
    print(
        f"{rate:.0f} hand-overs/s while the doors rest (at least {_PER_S_AT_LEAST}); each takes {here:.2f} ms "
        f"of a processor here and {there:.2f} ms at the vendor",
        flush=True,
    )
    return rate >= _PER_S_AT_LEAST


def _lag(pool: ProcessPoolExecutor, pair: Pair, given: argparse.Namespace) -> bool:
    pair.set(relays=True)
    pair.drained()
    since_us = time.time_ns() // 1_000
    before, seconds = pair.cpu_s(), 2 * given.seconds
    placed = pool.submit(_evenly_run, pair.here[0], given.pace, seconds).result().count
    busy = [(b - a) / seconds for a, b in zip(before, pair.cpu_s(), strict=True)]
    pair.drained()
    lags = pair.lags_ms(since_us)
    print(
        f"at {given.pace:g} orders/s: {len(lags)} of {placed} were placed, half of them within "
        f"{lags[len(lags) // 2]:.0f} ms and 99 of 100 within {lags[len(lags) * 99 // 100]:.0f} ms; "
        f"{busy[0]:.0%} of a processor here and {busy[1]:.0%} at the vendor",
        flush=True,
    )
    return len(lags) == placed


def _orders(pool: ProcessPoolExecutor, pair: Pair, given: argparse.Namespace) -> bool:
    """What waits at the end of a round rests until the next that relays."""
    rounds: dict[bool, list[Round]] = {False: [], True: []}
    handed, theirs = [], []
    for number in range(given.rounds):
        for relays in (False, True) if number % 2 else (True, False):
            pair.set(relays=relays, plans=relays)
            before, placed = pair.cpu_s(), pair.count("placed")
            load = pool.submit(_load, pair.here[0], given.connections, given.seconds).result()
            after = pair.cpu_s()
            rounds[relays].append(Round(load, after[0] - before[0]))
            if relays:
                handed.append((pair.count("placed") - placed) / given.seconds)
                theirs.append((after[1] - before[1]) / given.seconds)
            pair.set(relays=False, plans=False)
            time.sleep(1)
    for relays, each in rounds.items():
        print(
            f"{'relaying' if relays else 'alone':>9} "
            f"{statistics.median(one.load.per_second for one in each):>7.0f} orders/s "
            f"{statistics.median(one.per_cpu_s for one in each):>7.0f} for a second of its processor time "
            f"p50 {statistics.median(one.load.p50_ms for one in each):.2f} ms "
            f"p99 {statistics.median(one.load.p99_ms for one in each):.2f} ms, "
            f"{sum(one.load.failures for one in each)} failed"
        )
    pairs = list(zip(rounds[True], rounds[False], strict=True))
    ratio = statistics.median(a.load.per_second / b.load.per_second for a, b in pairs)
    work = statistics.median(a.per_cpu_s / b.per_cpu_s for a, b in pairs)
    print(
        f"orders/s while relaying are {ratio:.2f} x those alone (at least {_ORDERS_AT_LEAST:g}), {work:.2f} x for a "
        f"second of its processor time; beside them {statistics.median(handed):.0f} hand-overs/s, and "
        f"{statistics.median(theirs):.0%} of a processor at the vendor",
        flush=True,
    )
    return ratio >= _ORDERS_AT_LEAST


_WITH = {"rate": _rate, "lag": _lag, "orders": _orders}


@contextmanager
def _two(kind: str, folder: str) -> Iterator[tuple[str, str]]:
    """A database of the kind for the hub that hands on, and a SQLite file for the vendor."""
    there = f"sqlite:///{folder}/there.sqlite"
    if kind == "sqlite":
        yield f"sqlite:///{folder}/here.sqlite", there
        return
    with running_server() as server, fresh_database(server) as here:
        yield here, there


def bench_database(pool: ProcessPoolExecutor, kind: str, given: argparse.Namespace) -> bool:
    """Answers whether the goals were reached."""
    print(f"\n{_CASE} to anqicms on {kind}, {given.at_once} at once", flush=True)
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="orderhub-bench-"))
        here, there = stack.enter_context(_two(kind, folder))
        servers = []
        for url in (here, there):
            _fresh(url)
            servers.append(stack.enter_context(_server(url, "hub")))
            _prepare(servers[-1][0], cases()[_CASE])
        pair = _paired(servers[0], servers[1], here, given.at_once)
        pool.submit(_evenly_run, servers[0][0], 20, 1.0).result()
        pair.drained()
        held = [part(pool, pair, given) for name, part in _WITH.items() if name in given.part]
        return all(held)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.relay", description=__doc__)
    parser.add_argument("--part", action="append", choices=_PARTS)
    parser.add_argument("--database", choices=["sqlite", "postgres", "both"], default="both")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--at-once", type=int, default=8, help="hand-overs under way at once")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pace", type=float, default=50.0, help="orders/s while lag is measured")
    parser.add_argument("--watched", type=float, default=30.0, help="seconds of handing on, each")
    given = parser.parse_args()
    given.part = given.part or [*_PARTS]
    kinds = ["sqlite", "postgres"] if given.database == "both" else [given.database]
    processes = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=processes) as pool:
        reached = [bench_database(pool, kind, given) for kind in kinds]
    raise SystemExit(0 if all(reached) else 1)


if __name__ == "__main__":
    main()
