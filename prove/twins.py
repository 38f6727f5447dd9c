"""The same order sent by 64 clients at once: placed once, whichever of the guards has to hold it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

from prove.audit import audit
from prove.client import Answer, Connection
from prove.doors import ALL, RECORDED, Door
from prove.servers import complaints, described, processes, running
from prove.verdict import Verdict

CLIENTS = 64
# One instant, as clients of different habits write it.
_INSTANTS = (
    b"2024-01-01T16:17:16Z",
    b"2024-01-01T16:17:16.000Z",
    b"2024-01-01T17:17:16+01:00",
    b"2024-01-01T08:17:16.000-08:00",
)


async def prove_twins(
    url: str, *, rounds: int, seed: int, logs: Path, doors: Sequence[Door] = ALL
) -> Verdict:
    """Each round: 64 twins under the vendor's natural key, then 64 under one Idempotency-Key."""
    verdict = Verdict("twins", described(url))
    chance = random.Random(seed)
    run = f"{seed & 0xFFFF:x}"
    async with running(url, processes(url), logs) as servers:
        ports = islice(cycle(server.port for server in servers), CLIENTS)
        clients = [Connection(port) for port in ports]
        for number in range(rounds):
            chance.shuffle(clients)
            await asyncio.gather(*(client.open() for client in clients))
            await _natural(verdict, clients, f"proof-{run}-{2 * number}")
            await _keyed(
                verdict, clients, doors[number % len(doors)], f"proof-{run}-{2 * number + 1}"
            )
            verdict.counts["rounds"] += 1
        for client in clients:
            client.close()
        for server in servers:
            said = complaints(server)
            verdict.demand(not said, f"the server complained: {said}")
        found = await asyncio.to_thread(audit, url)
    verdict.violations += found.breaches
    for number in range(2 * rounds):
        count = found.orders[f"proof-{run}-{number}"]
        verdict.demand(count == 1, f"order {number} is stored {count} times")
    return verdict


def _was_told_later(clients: Sequence[Connection]) -> bool:
    """Whether any was in this round."""
    told = sum(client.told_later for client in clients)
    for client in clients:
        client.told_later = 0
    return told > 0


async def _natural(verdict: Verdict, clients: Sequence[Connection], marker: str) -> None:
    """`referenceId` + `orderedAt` as instants: one 201, the rest 409."""
    body = RECORDED.body(marker)
    answers = await asyncio.gather(
        *(
            client.request("POST", RECORDED.path, body.replace(_INSTANTS[0], instant))
            for client, instant in zip(clients, cycle(_INSTANTS), strict=False)
        ),
        return_exceptions=True,
    )
    placed = sum(isinstance(each, Answer) and RECORDED.placed(each) for each in answers)
    conflicts = sum(isinstance(each, Answer) and each.status == 409 for each in answers)
    verdict.counts["twins answered 201"] += placed
    verdict.counts["answered 409"] += conflicts
    if _was_told_later(clients) and (placed, conflicts) == (0, len(clients)):
        return  # who was told to come again had placed it by then
    if (placed, conflicts) != (1, len(clients) - 1):
        others = {
            str(each) for each in answers if not isinstance(each, Answer) or each.status != 409
        }
        verdict.violate(
            f"{marker}: {placed} placed, {conflicts} conflicts, seen {sorted(others)[:3]}"
        )


async def _keyed(verdict: Verdict, clients: Sequence[Connection], door: Door, marker: str) -> None:
    """One key and one content: all get one answer, and all but one of them as a replay."""
    body = door.body(marker)
    answers = await asyncio.gather(
        *(
            client.request("POST", door.path, body, {"Idempotency-Key": marker})
            for client in clients
        ),
        return_exceptions=True,
    )
    good = [each for each in answers if isinstance(each, Answer) and door.placed(each)]
    replayed = sum(each.is_replayed for each in good)
    verdict.counts["keyed twins placed"] += len(good) - replayed
    verdict.counts["replayed"] += replayed
    if _was_told_later(clients) and (len(good), replayed) == (len(clients), len(clients)):
        return
    if (len(good), replayed) != (len(clients), len(clients) - 1):
        others = {str(each) for each in answers if each not in good}
        verdict.violate(
            f"{marker} ({door.name}): {len(good)} placed, {replayed} replays, seen {sorted(others)[:3]}"
        )
    elif not all(each.same_as(good[0]) for each in good):
        verdict.violate(f"{marker} ({door.name}): the answers differ")
