"""python -m bench cluster [--case NAME]: what an order costs on a Citus cluster, beside plain PostgreSQL.

Both are databases of the cluster that ORDERHUB_TEST_DATABASE names, which must run on this machine: one that is
distributed, and one at the coordinator that Citus has no part in. Batches are of one tenant, and are decided and
committed on both in turn, by the same programs: what else the machine does meets both. Time is the processor's, of the
writer's thread, of the coordinator, and of all workers.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import psutil
import psycopg
from psycopg import sql

from bench.cases import Case, cases
from bench.edge import cpu_s
from bench.writer import _KEY, _ORIGIN, _commands, _Keeper, _timed
from orderhub.app import Hub, build
from orderhub.core.decide import RECORD_TYPES
from orderhub.demo import seed
from orderhub.dialects.finding import find_dialects
from orderhub.intake.intake import Intake
from orderhub.intake.outcome import Waiting
from orderhub.ledger.ledger import Ledger
from orderhub.settings import ProgramSettings
from orderhub.web import logs
from orderhub.web.cipher import Cipher
from tests.support import cluster

# (commands in a batch, batches in a round)
_SIZES = ((1, 40), (32, 6), (256, 2))
_WARM_UP = ((1, 20), (32, 4), (256, 1))
_MOST = {1: 2.0, 256: 2.2}  # times plain PostgreSQL


class Spent(NamedTuple):
    """ms of a batch."""

    hub: float
    coordinator: float
    workers: float

    @property
    def all(self) -> float:
        return sum(self)


class Side:
    """One of the two databases, with a hub whose commands wait to be decided."""

    def __init__(self, url: str, nodes: Sequence[Sequence[int]]) -> None:
        self._nodes = nodes  # the postmasters: of the coordinator, of the workers
        self._settings = ProgramSettings.from_environment(
            database=url, port=1, public_url=_ORIGIN, rate_limits=False, secret_key=_KEY
        )
        self.ledger = Ledger.open(url, RECORD_TYPES, limit_s=float(self._settings.answer_timeout_s))
        if not self.ledger.read(lambda reads: reads.tenants()):
            seed(self.ledger, Cipher(_KEY), find_dialects())
        self._intake = Intake(self.ledger)
        self._keeper = _Keeper(self._intake)
        self._waiting: Iterator[Waiting] = iter(())
        self._hub: Hub | None = None

    async def prepare(self, case: Case, count: int) -> None:
        self._hub = build(self._settings, ledger=self.ledger, intake=self._keeper)
        self._waiting = iter(await _commands(self._hub, self._keeper, case, count))
        self._intake.stop()

    async def end(self) -> None:
        if self._hub is not None:
            await self._hub.stop()

    def spend(self, size: int, batches: int) -> Spent:
        """On so many batches of so many orders; the mean of one."""
        taken = [list(itertools.islice(self._waiting, size)) for _ in range(batches)]
        before = self._servers_ms()
        hub = sum(_timed(self._intake, batch) for batch in taken)
        after = self._servers_ms()
        servers = (a - b for a, b in zip(after, before, strict=True))
        return Spent(hub / batches, *(each / batches for each in servers))

    def _servers_ms(self) -> list[float]:
        return [1000 * sum(map(_tree_s, pids)) for pids in self._nodes]


def _tree_s(postmaster: int) -> float:
    found = 0.0
    for each in (postmaster, *(one.pid for one in psutil.Process(postmaster).children())):
        try:
            found += cpu_s(each)
        except OSError:
            continue
    return found


def _postmaster(node: str) -> int:
    with psycopg.connect(node) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        return psutil.Process(row[0]).ppid()


@contextmanager
def _plain(server: str) -> Iterator[str]:
    """A database at the coordinator that Citus has no part in."""
    name, first = f"plain_{uuid.uuid4().hex}", cluster.nodes(server)[0]
    with psycopg.connect(first, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield cluster.database_on(first, name)
    finally:
        with psycopg.connect(first, autocommit=True) as connection:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))


def run(server: str, case: Case, rounds: int) -> bool:
    """Whether it costs no more than is promised."""
    postmasters = [_postmaster(each) for each in cluster.nodes(server)]
    nodes = (postmasters[:1], postmasters[1:])
    with ExitStack() as stack:
        urls = {
            "PostgreSQL": stack.enter_context(_plain(server)),
            "Citus": stack.enter_context(cluster.fresh_database(server)),
        }
        sides = {name: Side(url, nodes) for name, url in urls.items()}
        found = asyncio.run(_measured(sides, case, rounds))
    return _print(case.name, found)


async def _measured(
    sides: dict[str, Side], case: Case, rounds: int
) -> dict[tuple[str, int], list[Spent]]:
    count = sum(size * batches for size, batches in _SIZES) * rounds
    count += sum(size * batches for size, batches in _WARM_UP)
    found: dict[tuple[str, int], list[Spent]] = {}
    for side in sides.values():
        await side.prepare(case, count)
    for size, batches in _WARM_UP:
        for side in sides.values():
            side.spend(size, batches)
    for _ in range(rounds):
        for size, batches in _SIZES:
            for name, side in sides.items():
                found.setdefault((name, size), []).append(side.spend(size, batches))
    for side in sides.values():
        await side.end()
    return found


def _print(name: str, found: dict[tuple[str, int], list[Spent]]) -> bool:
    keeps = True
    print(f"{name}: ms of processor time of a batch of one tenant")
    print(f"{'orders':>6}  {'':<10} {'hub':>8} {'coordinator':>11} {'workers':>8} {'all':>8}")
    for size, _ in _SIZES:
        totals = {}
        for way in ("PostgreSQL", "Citus"):
            rounds = found[way, size]
            shown = Spent(*(statistics.median(each) for each in zip(*rounds, strict=True)))
            totals[way] = [each.all for each in rounds]
            print(
                f"{size:>6}  {way:<10} {shown.hub:>8.2f} {shown.coordinator:>11.2f} "
                f"{shown.workers:>8.2f} {shown.all:>8.2f}"
            )
        pairs = zip(totals["Citus"], totals["PostgreSQL"], strict=True)
        ratio = statistics.median(there / here for there, here in pairs)
        limit = _MOST.get(size)
        keeps = keeps and (limit is None or ratio <= limit)
        print(f"{'':>6}  {ratio:.2f} x" + (f" (at most {limit})" if limit else ""), flush=True)
    return keeps


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench cluster", description=__doc__)
    parser.add_argument("--case", action="append", choices=list(cases()))
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    server = cluster.named()
    if server is None:
        print(cluster.NEEDS, file=sys.stderr)
        sys.exit(2)
    logs.configure("error")
    kept = [run(server, cases()[name], given.rounds) for name in given.case or ["kakaclo-one-sku"]]
    sys.exit(0 if all(kept) else 1)


if __name__ == "__main__":
    main()
