"""SIGTERM under load: the hub stops taking, finishes what waits and answers it, then leaves."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

from prove.audit import audit
from prove.doors import ALL, Door
from prove.kill import compare, finish
from prove.load import Load
from prove.servers import described, processes, running
from prove.verdict import Verdict

CLIENTS = 64
_ANSWERS = 300

_COUNTS = (
    "stops",
    "orders acknowledged",
    "answers after the signal",
    "calls cut off",
    "orders found placed by a call without an answer",
    "acknowledged orders replayed",
    "orders stored",
)


async def prove_term(
    url: str,
    *,
    rounds: int,
    seed: int,
    logs: Path,
    doors: Sequence[Door] = ALL,
    answers: int = _ANSWERS,
) -> Verdict:
    """A call that got no answer placed nothing: what the hub placed, it answered before it left."""
    verdict = Verdict("SIGTERM", described(url))
    verdict.counts.update(dict.fromkeys(_COUNTS, 0))
    chance = random.Random(seed)
    after = 0
    async with running(url, processes(url), logs) as servers:
        load = Load(verdict, servers, doors, seed=seed, clients=CLIENTS, holds_lost=True)
        async with load.running():
            for number in range(rounds):
                await load.answered(chance.randrange(1, answers))
                victim = chance.choice(servers)
                before = load.answers[victim]
                status = await victim.terminate()
                after += load.answers[victim] - before
                verdict.counts["stops"] += 1
                verdict.demand(status == 0, f"stop {number}: exit status {status}")
                load.interrupted()
                lost = [attempt for attempt in load.lost if attempt.answer is None]
                expected = [attempt.marker for attempt in load.acknowledged()]
                found = await asyncio.to_thread(audit, url)
                compare(verdict, found, expected)
                for attempt in lost:
                    if found.orders[attempt.marker]:
                        verdict.violate(f"{attempt.marker} was placed and never answered")
                await victim.start()
                load.send_lost_again()
                if verdict.violations:
                    break
            load.send_lost_again()
        found = await asyncio.to_thread(audit, url)
        for server in servers:
            verdict.demand(not server.log(), f"the server complained: {server.log()}")
    verdict.counts["answers after the signal"] = after
    # With nothing in flight at any of the stops the proof would have proven nothing.
    verdict.demand(after > 0, "no call was in flight at any stop")
    finish(verdict, load, found)
    return verdict
