"""The last unit, wanted by all at once: exactly one gets it, and the others are told so in their vendor's words."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

from prove.audit import audit
from prove.client import Answer, Connection, call
from prove.doors import LAST_ONE, SELLING, Door
from prove.servers import Server, complaints, described, processes, running
from prove.verdict import ProofStopped, Verdict

CLIENTS = 64
_PROCESSES = 4  # on PostgreSQL
_POOL = "product:900"
_REFUSED = re.compile(r'orderhub_refusals_total\{dialect="(\w+)",reason="(\w+)"\} (\d+)')
# Mews puts the call's id into the body of a refusal.
_CALL_ID = re.compile(rb'"RequestId":\s*"[^"]*"')


async def prove_race(url: str, *, rounds: int, seed: int, logs: Path) -> Verdict:
    """`rounds` races of 64 clients through three doors, restocked in between."""
    verdict = Verdict("race", described(url, _PROCESSES))
    async with running(url, processes(url, _PROCESSES), logs) as servers:
        race = _Race(verdict, servers, random.Random(seed))
        try:
            await race.learn_words()
            for number in range(rounds):
                await race.run(number)
            await race.check_reasons()
        finally:
            race.close()
        for server in servers:
            said = complaints(server)
            verdict.demand(not said, f"the server complained: {said}")
        found = await asyncio.to_thread(audit, url)
    verdict.violations += found.breaches
    # One unit was there from the start: the lone buyer's.
    drawn = found.drawn.get(_POOL, 0)
    verdict.demand(drawn == rounds + 1, f"{drawn} units went in {rounds} rounds and a lone sale")
    twice = [marker for marker, count in found.orders.items() if count != 1]
    verdict.demand(not twice, f"orders more than once: {twice}")
    verdict.demand(len(found.orders) == rounds + 1, f"{len(found.orders)} orders are stored")
    return verdict


class _Race:
    def __init__(self, verdict: Verdict, servers: Sequence[Server], chance: random.Random) -> None:
        self._verdict = verdict
        self._servers = servers
        self._chance = chance
        self._control = Connection(servers[0].port)
        ports = islice(cycle(server.port for server in servers), CLIENTS)
        self._clients = [Connection(port) for port in ports]
        self._words: dict[Door, bytes] = {}
        self._refused: Counter[Door] = Counter()
        self._won: Counter[str] = Counter()

    def close(self) -> None:
        for connection in (self._control, *self._clients):
            connection.close()

    async def learn_words(self) -> None:
        """A lone caller buys the unit that is there, then each door says how it refuses the next."""
        first = SELLING[0]
        sold = await self._control.request("POST", first.path, first.body("proof-0-0", LAST_ONE))
        if not first.placed(sold):
            raise ProofStopped(f"a lone order through {first.name} was answered {sold}")
        for door in SELLING:
            refused = await self._control.request(
                "POST", door.path, door.body("proof-0-1", LAST_ONE)
            )
            if not door.sold_out(refused):
                raise ProofStopped(f"{door.name} words an empty shelf as {refused}")
            self._words[door] = _wording(refused)
            self._refused[door] += 1

    async def run(self, number: int) -> None:
        verdict = self._verdict
        pool = await call(
            self._control,
            "POST",
            "/hub/v1/tenants/omni/pools/adjust",
            {"kind": "stock", "subject": _POOL, "place": "US01", "by": 1, "reason": "restocked"},
        )
        verdict.demand(pool["available"] == 1, f"round {number}: restocked to {pool}")
        # Who asks where is drawn anew each time, so that every door and process gets its chance.
        doors = list(islice(cycle(SELLING), CLIENTS))
        self._chance.shuffle(doors)
        self._chance.shuffle(self._clients)
        told_later = sum(client.told_later for client in self._clients)
        await asyncio.gather(*(client.open() for client in self._clients))
        answers = await asyncio.gather(
            *(
                client.request("POST", door.path, door.body(f"proof-{number + 1:x}-{n}", LAST_ONE))
                for n, (client, door) in enumerate(zip(self._clients, doors, strict=True))
            ),
            return_exceptions=True,
        )
        winners = []
        for door, client, answer in zip(doors, self._clients, answers, strict=True):
            if isinstance(answer, BaseException):
                verdict.violate(f"round {number}: {door.name} did not answer: {answer!r}")
            elif door.placed(answer):
                winners.append(door.name)
                self._won[door.name] += 1
                self._won[f"process {self._process(client)}"] += 1
            elif door.sold_out(answer) and _wording(answer) == self._words[door]:
                self._refused[door] += 1
                verdict.counts["told out of stock"] += 1
            else:
                verdict.violate(f"round {number}: {door.name} answered {answer}")
        verdict.counts["rounds"] += 1
        verdict.counts["orders"] += len(winners)
        was_told_later = sum(client.told_later for client in self._clients) > told_later
        # Who was told to come again may have got it by then, and finds the shelf empty.
        enough = (0, 1) if was_told_later else (1,)
        verdict.demand(len(winners) in enough, f"round {number}: {len(winners)} got it: {winners}")

    def _process(self, client: Connection) -> int:
        return [server.port for server in self._servers].index(client.port) + 1

    async def check_reasons(self) -> None:
        """The words alone could be another refusal's: the hub counts why it refused."""
        counted: Counter[tuple[str, str]] = Counter()
        for server in self._servers:
            connection = Connection(server.port)
            text = (await connection.request("GET", "/metrics")).body.decode()
            connection.close()
            for dialect, reason, count in _REFUSED.findall(text):
                counted[dialect, reason] += int(count)
        for door in SELLING:
            reasons = {reason: n for (name, reason), n in counted.items() if name == door.name}
            expected = {"out_of_stock": self._refused[door]}
            self._verdict.demand(
                reasons == expected, f"{door.name} refused for {reasons}, not {expected}"
            )
        won = ", ".join(f"{name} {count}" for name, count in sorted(self._won.items()))
        self._verdict.notes.append(f"won by {won}")


def _wording(answer: Answer) -> bytes:
    return _CALL_ID.sub(b"", answer.body)
