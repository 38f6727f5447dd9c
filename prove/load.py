"""Clients that place orders without a pause, each under a key of its own, and hold the hub to what it answered."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prove.client import ANSWERED_WITHIN_S, Answer, Connection
from prove.doors import Door
from prove.servers import Server
from prove.verdict import ProofStopped, Verdict

_POLL_S = 0.005
# One order in so many is sent twice at the same moment.
_TWIN_EVERY = 10
# An order that so many calls in a row brought no answer for is given up: something hangs.
_MOST_SENDS = 200
# After an interruption so many answers are enough until the proof has looked at the ledger: two
# processes would otherwise pile up orders for as long as one of them starts.
SPELL = 200


@dataclass(eq=False)
class Attempt:
    """One order that a client wants, under one key, until it is answered and answered the same again."""

    door: Door
    marker: str
    body: bytes
    answer: Answer | None = None  # the first whole one: from here on the order is acknowledged
    fresh: int = 0  # answers that were no replay
    sends: int = 0


class Load:
    """`clients` in a closed loop over all servers that are ready."""

    def __init__(
        self,
        verdict: Verdict,
        servers: Sequence[Server],
        doors: Sequence[Door],
        *,
        seed: int,
        clients: int,
        holds_lost: bool = False,
        may_be_told_later: bool = False,
    ) -> None:
        self._verdict = verdict
        self._may_be_told_later = may_be_told_later  # where a node may be away for a moment
        self._servers = servers
        self._doors = doors
        self._clients = clients
        self._holds_lost = holds_lost
        self._chance = random.Random(seed)
        self._run = f"{seed & 0xFFFF_FFFF:x}"
        self._draining = False
        self._busy = 0
        self._moved = asyncio.Event()
        self._limit: int | None = None
        self._retries: deque[Attempt] = deque()
        self._acknowledged: list[Attempt] = []  # since the last interruption
        self.attempts: list[Attempt] = []
        self.lost: list[Attempt] = []  # without an answer, and not to be sent again yet
        self.answers: Counter[Server] = Counter()

    # --- what a proof does with it

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Clients at work while the block runs; at its end they settle what is open, then leave.

        By then every order was asked for once more after it had been acknowledged.
        """
        tasks = [asyncio.create_task(self._client(number)) for number in range(self._clients)]
        try:
            yield
            self.interrupted()
            self._draining = True
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def answered(self, more: int) -> None:
        """Wait for so many more answers. Raises ProofStopped when they do not come."""
        self._limit = None
        goal = self.answers.total() + more
        try:
            async with asyncio.timeout(ANSWERED_WITHIN_S):
                while self.answers.total() < goal and not self._verdict.violations:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            raise ProofStopped(f"the hub gave no {more} answers in a minute") from None

    def interrupted(self) -> None:
        """A server went away: every order acknowledged since the last time is asked for once more."""
        self._limit = self.answers.total() + SPELL
        self._retries.extend(self._acknowledged)
        self._acknowledged.clear()

    def send_lost_again(self) -> None:
        self._retries.extend(self.lost)
        self.lost.clear()

    def acknowledged(self) -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.answer is not None]

    # --- a client

    async def _client(self, number: int) -> None:
        chance = random.Random(f"{self._run} {number}")
        connections: dict[tuple[Server, int], Connection] = {}
        try:
            while True:
                ready = [server for server in self._servers if server.is_ready]
                attempt = self._next(chance) if ready and not self._rests() else None
                if attempt is None:
                    if ready and self._is_settled():
                        return
                    await asyncio.sleep(_POLL_S)
                    continue
                twins = 2 if chance.randrange(_TWIN_EVERY) == 0 else 1
                chosen = [chance.choice(ready) for _ in range(twins)]
                self._busy += 1
                try:
                    await self._ask(attempt, chosen, connections)
                finally:
                    self._busy -= 1
                    self._moved.set()
        finally:
            for connection in connections.values():
                connection.close()

    def _is_settled(self) -> bool:
        return self._draining and not (self._busy or self._retries or self._acknowledged)

    def _rests(self) -> bool:
        limit = None if self._draining else self._limit
        return limit is not None and self.answers.total() >= limit

    def _next(self, chance: random.Random) -> Attempt | None:
        """Half of what is sent is what is still owed an answer, so that kills meet replays too."""
        if self._draining and not self._retries:
            self.interrupted()
        if self._retries and (self._draining or chance.random() < 0.5):
            return self._retries.popleft()
        if self._draining:
            return None
        marker = f"proof-{self._run}-{len(self.attempts)}"
        door = chance.choice(self._doors)
        attempt = Attempt(door, marker, door.body(marker))
        self.attempts.append(attempt)
        return attempt

    async def _ask(
        self,
        attempt: Attempt,
        servers: Sequence[Server],
        connections: dict[tuple[Server, int], Connection],
    ) -> None:
        """Send it to each of the servers at once; with no answer at all it is sent again later."""
        known = attempt.answer
        sends = []
        for number, server in enumerate(servers):
            connection = connections.get((server, number))
            if connection is None or connection.port != server.port:
                if connection is not None:
                    connection.close()
                connection = connections[server, number] = Connection(server.port)
            sends.append(self._send(attempt, server, connection))
        attempt.sends += len(sends)
        answers = [answer for answer in await asyncio.gather(*sends) if answer is not None]
        for answer in answers:
            self._judge(attempt, answer, known)
        if answers:
            if known is None and not attempt.fresh:
                self._verdict.counts["orders found placed by a call without an answer"] += 1
            return
        self._verdict.counts["calls cut off"] += 1
        if attempt.sends > _MOST_SENDS:
            self._verdict.violate(f"{attempt.marker} ({attempt.door.name}) is never answered")
        elif self._holds_lost:
            self.lost.append(attempt)
        else:
            self._retries.append(attempt)

    async def _send(
        self, attempt: Attempt, server: Server, connection: Connection
    ) -> Answer | None:
        try:
            answer = await connection.ask(
                "POST", attempt.door.path, attempt.body, {"Idempotency-Key": attempt.marker}
            )
        except TimeoutError:
            self._verdict.violate(f"{attempt.marker} ({attempt.door.name}) hangs")
            return None
        except (OSError, EOFError):
            return None
        if self._may_be_told_later and "retry-after" in answer.headers:
            self._verdict.counts["calls told to come again"] += 1
            return None
        self.answers[server] += 1
        return answer

    # --- what an answer may be

    def _judge(self, attempt: Attempt, answer: Answer, known: Answer | None) -> None:
        verdict = self._verdict
        name = f"{attempt.marker} ({attempt.door.name})"
        if not attempt.door.placed(answer):
            verdict.violate(f"{name} was answered {answer}, at call {attempt.sends}")
            return
        attempt.fresh += not answer.is_replayed
        if attempt.fresh > 1:
            verdict.violate(f"{name} was placed {attempt.fresh} times: {answer}")
        if answer.is_replayed and attempt.sends == 1:
            verdict.violate(f"{name} is a replay at its first call")
        if attempt.answer is None:
            attempt.answer = answer
            self._acknowledged.append(attempt)
            verdict.counts["orders acknowledged"] += 1
        elif not answer.same_as(attempt.answer):
            verdict.violate(f"{name} was answered {attempt.answer}, later {answer}")
        elif known is not None and not answer.is_replayed:
            verdict.violate(f"{name} was acknowledged, and is no replay later: {answer}")
        elif known is not None:
            verdict.counts["acknowledged orders replayed"] += 1
