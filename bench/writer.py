"""python -m bench writer [--database …] [--case NAME ...]: what the writer's thread costs by batch and by order.

There is no HTTP: calls are made through the hub's own app, but what they would put into the queue is kept. Then the
kept commands are decided and committed by a real intake on a real database, in batches of one size after the other.
Time is that of the processor, not of the clock: a machine that others are busy on changes it little.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import dataclasses
import gc
import itertools
import pstats
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec

from bench.cases import UNIQUE, Case, cases
from bench.stages import watched
from orderhub.app import Hub, build
from orderhub.core.decide import RECORD_TYPES
from orderhub.demo import seed
from orderhub.dialects.finding import find_dialects
from orderhub.intake.intake import Intake
from orderhub.intake.outcome import Failure, Settled, Waiting
from orderhub.ledger.ledger import Ledger
from orderhub.settings import ProgramSettings
from orderhub.web import logs
from orderhub.web.cipher import Cipher
from tests.support.postgres import fresh_database, make_home, processes_of, running_server

_KEY = "a key for benchmarks"
_ORIGIN = "http://127.0.0.1:1"
# (commands in a batch, batches in a round)
_SIZES = ((1, 60), (8, 20), (32, 9), (128, 3))
_ROUNDS = 7
_STAGE_ROUNDS = 3
_REFERENCE_MS = 0.15  # on two quiet cores
_WARM_UP = ((1, 20), (32, 4))


class _Keeper:
    """In place of the intake: has commands decided, or keeps them for later."""

    def __init__(self, real: Intake) -> None:
        self._real = real
        self.kept: list[Waiting] | None = None
        self.depth = 0

    def put(self, waiting: Waiting, *, bulk: bool = False) -> None:
        if self.kept is None:
            self._real.put(waiting, bulk=bulk)
            return
        self.kept.append(waiting)
        waiting.deliver(Failure("unavailable"))

    def start(self) -> None:
        self._real.start()

    def stop(self) -> None:
        self._real.stop()

    def saw(self, newest_us: int) -> None:
        self._real.saw(newest_us)


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    """What a batch of so many orders costs, in ms: the thread's median, the server's mean."""

    size: int
    thread_ms: float
    server_ms: float


async def _prepare(client: httpx.AsyncClient, case: Case) -> None:
    for method, path, token, given in case.setup:
        headers = {"Authorization": f"Bearer {token}"}
        body = given
        if body.get("place", "") is None:
            where = f"{path.removesuffix('/adjust')}?kind={body['kind']}&subject={body['subject']}"
            pools = await client.get(where, headers=headers)
            body = {**body, "place": pools.json()["items"][0]["place"]}
        answer = await client.request(method, path, json=body, headers=headers)
        answer.raise_for_status()


async def _send(client: httpx.AsyncClient, case: Case, numbers: Iterator[int]) -> httpx.Response:
    return await client.post(
        case.path,
        content=case.body_text().replace(UNIQUE, f"{next(numbers):09d}"),
        headers={"Authorization": f"Bearer {case.token}", "Content-Type": "application/json"},
    )


async def _commands(hub: Hub, keeper: _Keeper, case: Case, count: int) -> list[Waiting]:
    """The commands of so many create calls, as the hub's own app makes them."""
    numbers = itertools.count(1)
    await hub.start()
    transport = httpx.ASGITransport(app=hub.app)
    async with httpx.AsyncClient(transport=transport, base_url=_ORIGIN) as client:
        await _prepare(client, case)
        first = await _send(client, case, numbers)
        if not case.is_success(first.status_code, first.content):
            raise RuntimeError(f"{case.name} was refused: {first.text}")
        keeper.kept = []
        for _ in range(count):
            await _send(client, case, numbers)
    kept, keeper.kept = keeper.kept, None
    assert len(kept) == count
    return kept


def _decide(intake: Intake, batch: list[Waiting]) -> None:
    outcomes: list[Settled] = []
    for each in batch:
        each.loop, each.deliver = None, outcomes.append
    intake._finish(batch)
    refused = [each for each in outcomes if each.kind != "accepted"]
    if refused or len(outcomes) != len(batch):
        raise RuntimeError(f"not every order was placed: {refused[:1]}")


def _reference_ms() -> float:
    """What a fixed piece of work takes now: others who share the processor make all work slower alike."""
    started = time.thread_time_ns()
    rows = [{"n": n, "text": str(n), "pair": (n, n)} for n in range(400)]
    sorted((msgspec.json.encode(row) for row in rows), key=len)
    return (time.thread_time_ns() - started) / 1e6


def _timed(intake: Intake, batch: list[Waiting]) -> float:
    """The thread's processor time in ms, at the speed at which the reference takes what it usually takes."""
    before = _reference_ms()
    started = time.thread_time_ns()
    _decide(intake, batch)
    ms = (time.thread_time_ns() - started) / 1e6
    return ms * 2 * _REFERENCE_MS / (before + _reference_ms())


def _server_s(home: Path | None) -> float:
    """The processor time of a PostgreSQL server so far, in s."""
    if home is None:
        return 0.0
    used = [each.cpu_times() for each in processes_of(home)]
    return sum(each.user + each.system for each in used)


def measure(intake: Intake, waiting: Iterator[Waiting], home: Path | None) -> list[Point]:
    """One point for each size of batch."""
    for size, batches in _WARM_UP:
        for _ in range(batches):
            _decide(intake, list(itertools.islice(waiting, size)))
    gc.collect()
    gc.freeze()  # as `orderhub serve` does
    found: dict[int, list[float]] = {}
    server: dict[int, float] = {}
    for _ in range(_ROUNDS):
        for size, batches in _SIZES:
            taken = [list(itertools.islice(waiting, size)) for _ in range(batches)]
            server_s = _server_s(home)
            ms = statistics.median(_timed(intake, batch) for batch in taken)
            server_ms = 1000 * (_server_s(home) - server_s) / batches
            found.setdefault(size, []).append(ms)
            server[size] = server.get(size, 0.0) + server_ms / _ROUNDS
    return [Point(size, statistics.median(found[size]), server[size]) for size, _ in _SIZES]


def print_stages(intake: Intake, waiting: Iterator[Waiting]) -> None:
    """Where the time of an order goes, by size of batch: medians of its batches, in µs an order."""
    found: dict[str, dict[int, float]] = {}
    for size, batches in _SIZES:
        taken = [list(itertools.islice(waiting, size)) for _ in range(batches * _STAGE_ROUNDS)]
        with watched(taken) as stages:
            by_batch: list[dict[str, int]] = []
            for batch in taken:
                stages.reset()
                _decide(intake, batch)
                by_batch.append(stages.spent)
        for name in dict.fromkeys(name for spent in by_batch for name in spent):
            ns = statistics.median(spent.get(name, 0) for spent in by_batch)
            found.setdefault(name, {})[size] = ns / 1000 / size
    sizes = [size for size, _ in _SIZES]
    print(f"{'µs an order, by size of batch':<34}", *(f"{size:>8}" for size in sizes))
    rows = sorted(found.items())
    rows.append(
        ("all", {size: sum(each.get(size, 0) for each in found.values()) for size in sizes})
    )
    for name, by_size in rows:
        print(f"{name:<34}", *(f"{by_size.get(size, 0):8.1f}" for size in sizes))


def fit(sizes: list[int], times: list[float]) -> tuple[float, float]:
    """(fixed, per order) of the line through the points; each counts by how far it is off in its own measure."""
    weights = [1 / max(each, 1e-6) ** 2 for each in times]
    total = sum(weights)
    mean_size = sum(w * n for w, n in zip(weights, sizes, strict=True)) / total
    mean_time = sum(w * t for w, t in zip(weights, times, strict=True)) / total
    steep = sum(
        w * (n - mean_size) * (t - mean_time) for w, n, t in zip(weights, sizes, times, strict=True)
    ) / sum(w * (n - mean_size) ** 2 for w, n in zip(weights, sizes, strict=True))
    return mean_time - steep * mean_size, steep


@contextmanager
def _database(kind: str) -> Iterator[tuple[str, Path | None]]:
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="orderhub-bench-") as folder:
            yield f"sqlite:///{folder}/writer.sqlite", None
        return
    home = make_home()
    with running_server(home) as base, fresh_database(base) as url:
        yield url, home


def run(name: str, kind: str, profile: str, *, stages: bool) -> None:
    case = cases()[name]
    per_round = sum(size * batches for size, batches in _SIZES)
    count = per_round * _ROUNDS + sum(size * batches for size, batches in _WARM_UP)
    if stages:
        count += per_round * _STAGE_ROUNDS
    with _database(kind) as (url, home):
        settings = ProgramSettings.from_environment(
            database=url, port=1, public_url=_ORIGIN, rate_limits=False, secret_key=_KEY
        )
        ledger = Ledger.open(url, RECORD_TYPES, limit_s=float(settings.answer_timeout_s))
        seed(ledger, Cipher(_KEY), find_dialects())
        intake = Intake(ledger)
        keeper = _Keeper(intake)

        async def go() -> None:
            hub = build(settings, ledger=ledger, intake=keeper)
            kept = await _commands(hub, keeper, case, count)
            intake.stop()
            profiler = cProfile.Profile()
            if profile:
                profiler.enable()
            waiting = iter(kept)
            points = measure(intake, waiting, home)
            if profile:
                profiler.disable()
                pstats.Stats(profiler).sort_stats(profile).print_stats(45)
            _print(name, kind, points)
            if stages:
                print_stages(intake, waiting)
            await hub.stop()

        asyncio.run(go())


def _print(name: str, kind: str, points: list[Point]) -> None:
    sizes = [each.size for each in points]
    ways = {"the writer's thread": [each.thread_ms for each in points]}
    if kind != "sqlite":
        ways["the server"] = [each.server_ms for each in points]
    for way, times in ways.items():
        fixed, each = fit(sizes, times)
        batches = ", ".join(f"{n}: {t:.3f}" for n, t in zip(sizes, times, strict=True))
        print(
            f"{name:<16} {kind:<9} {way:<20} {fixed:6.3f} ms a batch + {each:6.4f} ms an order   "
            f"(ms by size of batch: {batches})",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench writer", description=__doc__)
    parser.add_argument("--case", action="append", choices=list(cases()))
    parser.add_argument("--database", choices=["sqlite", "postgres", "both"], default="both")
    parser.add_argument("--profile", choices=["tottime", "cumtime"], default="")
    parser.add_argument("--stages", action="store_true", help="and where the time of an order goes")
    given = parser.parse_args()
    logs.configure("error")
    for name in given.case or list(cases()):
        for kind in ["sqlite", "postgres"] if given.database == "both" else [given.database]:
            run(name, kind, given.profile, stages=given.stages)


if __name__ == "__main__":
    main()
