"""`kill -9` at random moments under load: no acknowledged order is lost, and none is doubled."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

from prove.audit import Found, audit
from prove.doors import ALL, Door
from prove.load import Load
from prove.servers import Server, complaints, described, is_cluster, processes, running
from prove.verdict import Verdict

CLIENTS = 24
# A kill comes after so many answers at most, and then within so many seconds: early and late in a
# batch, a commit, an answer.
_ANSWERS = 150
_WITHIN_S = 0.02
# One life in so many ends before it takes its first order.
_STILLBORN_EVERY = 8
_START_S = 1.5

_COUNTS = (
    "kills",
    "of them while it started",
    "orders acknowledged",
    "calls cut off",
    "orders found placed by a call without an answer",
    "acknowledged orders replayed",
    "orders stored",
)


async def prove_kill(
    url: str,
    *,
    kills: int,
    seed: int,
    logs: Path,
    doors: Sequence[Door] = ALL,
    answers: int = _ANSWERS,
) -> Verdict:
    """Ends at the first kill after which something is wrong: later ones would only repeat it."""
    verdict = Verdict("kill -9", described(url))
    verdict.counts.update(dict.fromkeys(_COUNTS, 0))
    chance = random.Random(seed)
    async with running(url, processes(url), logs) as servers:
        load = Load(
            verdict, servers, doors, seed=seed, clients=CLIENTS, may_be_told_later=is_cluster(url)
        )
        async with load.running():
            while verdict.counts["kills"] < kills and not verdict.violations:
                await load.answered(chance.randrange(1, answers))
                await asyncio.sleep(chance.random() * _WITHIN_S)
                victim = chance.choice(servers)
                _kill(verdict, victim)
                load.interrupted()
                victim.spawn()
                if verdict.counts["kills"] < kills and not chance.randrange(_STILLBORN_EVERY):
                    await asyncio.sleep(chance.random() * _START_S)
                    _kill(verdict, victim)
                    verdict.counts["of them while it started"] += 1
                    victim.spawn()
                await victim.wait_ready()
                expected = load.acknowledged()
                found = await asyncio.to_thread(audit, url)
                compare(verdict, found, [attempt.marker for attempt in expected])
        found = await asyncio.to_thread(audit, url)
        for server in servers:
            said = complaints(server)
            verdict.demand(not said, f"the server complained: {said}")
    finish(verdict, load, found)
    return verdict


def _kill(verdict: Verdict, victim: Server) -> None:
    victim.kill()
    verdict.counts["kills"] += 1


def compare(verdict: Verdict, found: Found, acknowledged: Sequence[str]) -> None:
    """Every acknowledged order once, nothing twice, and no law broken."""
    for marker in acknowledged:
        if not found.orders[marker]:
            verdict.violate(f"{marker} was acknowledged and is gone")
    for marker, count in found.orders.items():
        if count > 1:
            verdict.violate(f"{marker} is stored {count} times")
    verdict.violations += found.breaches


def finish(verdict: Verdict, load: Load, found: Found) -> None:
    """At rest: what is stored is what was answered, no more and no less, and so is the stock."""
    compare(verdict, found, [attempt.marker for attempt in load.attempts])
    wanted = {attempt.marker for attempt in load.attempts}
    verdict.demand(
        set(found.orders) <= wanted, f"orders nobody asked for: {set(found.orders) - wanted}"
    )
    sold = sum(attempt.door.draws_stock for attempt in load.attempts)
    drawn = found.drawn.get("product:910", 0)
    verdict.demand(drawn == sold, f"{sold} units were sold and {drawn} are gone from stock")
    verdict.counts["orders stored"] = found.orders.total()
