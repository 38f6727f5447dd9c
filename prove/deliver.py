"""Webhooks beside `kill -9` and receivers that fail, stall, drop, answer late and die; then an outage of one.

Each event of each order reaches each receiver at least once, under one id, those of an order in their order, and
nothing that is not stored. Receivers judge for themselves, at every call: see receivers.py.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from prove.audit import audit
from prove.client import Answer, Connection
from prove.doors import ALL, RECORDED, Door
from prove.feed import Reader, comes, move_on, stored, until
from prove.kill import compare, finish
from prove.load import Load
from prove.receivers import DYING, Receiver, receiving
from prove.servers import Server, complaints, described, is_cluster, processes, running
from prove.verdict import ProofStopped, Verdict
from tests.support.sink import Sink, sinking

CLIENTS = 12
_ANSWERS = 150
_WITHIN_S = 0.05
# A kill waits so long for a call that it may interrupt: what sends is a process of its own, that begins anew with each
# hub, behind all else on a machine that is busy.
_CALLED_WITHIN_S = 15.0
_DEAD_S = 1.5
_STANDS_S = 120.0  # what was to come and did not for so long does not come
_LEAST_STEPS = 20

# The outage.
OUTAGE = 10_000
_MOST_WORSE = 1.5
_PER_S = 100
_SLICE_S = 2.0
_WATCHED_S = 60.0  # then orders rest, and what is left comes

_COUNTS = (
    "kills",
    "of them while calls were on their way",
    "orders acknowledged",
    "calls cut off",
    "orders found placed by a call without an answer",
    "acknowledged orders replayed",
    "orders stored",
    "events",
    "steps of orders",
    "pages read again",
    "receivers",
    "calls of receivers",
    "deaths of receivers",
    "events taken again",
)


async def prove_deliver(
    url: str,
    *,
    kills: int,
    seed: int,
    logs: Path,
    doors: Sequence[Door] = ALL,
    answers: int = _ANSWERS,
    outage: int = OUTAGE,
    is_timed: bool = True,
) -> Verdict:
    """`is_timed` False: what the outage costs new orders is said, and is no violation."""
    verdict = Verdict("deliver", described(url))
    verdict.counts.update(dict.fromkeys(_COUNTS, 0))
    chance = random.Random(seed)
    async with running(url, processes(url), logs) as servers, receiving(verdict, seed) as receivers:
        for each in receivers:
            await _subscribe(servers[0], each)
        steps = Reader(verdict, servers, f"{seed} steps", limit=50)
        work = [
            asyncio.create_task(steps.run()),
            asyncio.create_task(move_on(verdict, steps, servers, random.Random(f"{seed} moves"))),
        ]
        dying = asyncio.create_task(_die(verdict, receivers, random.Random(f"{seed} deaths")))
        try:
            load = Load(
                verdict,
                servers,
                doors,
                seed=seed,
                clients=CLIENTS,
                may_be_told_later=is_cluster(url),
            )
            async with load.running():
                while verdict.counts["kills"] < kills and not verdict.violations:
                    await load.answered(chance.randrange(1, answers))
                    await _called(receivers)
                    await asyncio.sleep(chance.random() * _WITHIN_S)
                    victim = chance.choice(servers)
                    verdict.counts[_COUNTS[1]] += any(each.in_hand for each in receivers)
                    victim.kill()
                    verdict.counts["kills"] += 1
                    load.interrupted()
                    victim.spawn()
                    await victim.wait_ready()
            await until(
                verdict,
                "orders to move on",
                lambda: verdict.counts["steps of orders"] >= _LEAST_STEPS,
                lambda: (verdict.counts["steps of orders"], len(steps.kept)),
            )
        finally:
            steps.has_done = True
            dying.cancel()
            await asyncio.gather(*work, dying, return_exceptions=True)
        found = await asyncio.to_thread(audit, url)
        compare(verdict, found, [attempt.marker for attempt in load.acknowledged()])
        finish(verdict, load, found)
        await _judge(verdict, servers, receivers, url)
        if not verdict.violations:
            await _prove_outage(verdict, servers[0], url, outage, is_timed=is_timed)
        for server in servers:
            said = complaints(server)
            verdict.demand(not said, f"the server complained: {said}")
    return verdict


async def _subscribe(server: Server, receiver: Receiver) -> None:
    made = await _webhook(server, "POST", "", {"url": receiver.url, "after": ""})
    receiver.webhook, receiver.secret = made["id"], made["secret"]


async def _webhook(server: Server, method: str, path: str, content: Any) -> Any:
    connection = Connection(server.port)
    try:
        answer = await _asked(
            connection,
            method,
            f"/hub/v1/webhooks{path}",
            b"" if content is None else json.dumps(content).encode(),
        )
    finally:
        connection.close()
    if answer.status not in (200, 201, 204):
        raise ProofStopped(f"{method} of a webhook was answered {answer}")
    return answer.json()


async def _called(receivers: Sequence[Receiver]) -> None:
    """Until one of them is called, or nobody is for a while."""
    for each in receivers:
        each.moved.clear()
    waits = [asyncio.create_task(each.moved.wait()) for each in receivers]
    await asyncio.wait(waits, timeout=_CALLED_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
    for each in waits:
        each.cancel()


async def _die(verdict: Verdict, receivers: Sequence[Receiver], chance: random.Random) -> None:
    """One of them is gone now and then."""
    (receiver,) = [each for each in receivers if each.way == DYING]
    try:
        while True:
            await asyncio.sleep(chance.random() * 4 * _DEAD_S)
            await receiver.close()
            verdict.counts["deaths of receivers"] += 1
            await asyncio.sleep(chance.random() * _DEAD_S)
            await receiver.open()
    except asyncio.CancelledError:
        await receiver.close()
        await receiver.open()
        raise


async def _judge(
    verdict: Verdict, servers: Sequence[Server], receivers: Sequence[Receiver], url: str
) -> None:
    """From here on receivers are well, and somebody says so: what waits for its next attempt comes now."""
    wanted = {name for _, name in await asyncio.to_thread(stored, url)}
    verdict.counts["events"] = len(wanted)
    verdict.counts["receivers"] = len(receivers)
    for each in receivers:
        each.is_healthy = True
        await _webhook(servers[0], "PATCH", f"/{each.webhook}", {"title": "it is well"})
    await comes(
        lambda: all(wanted <= each.taken for each in receivers),
        lambda: [len(each.taken) for each in receivers],
        _STANDS_S,
    )
    for each in receivers:
        missed = wanted - each.taken
        verdict.demand(
            not missed, f"{each.way} missed {len(missed)} events, such as {min(missed, default='')}"
        )
        strange = {one for one in each.taken - wanted if one.count("_") > 1}
        verdict.demand(
            not strange, f"{each.way} was told what is not stored: {min(strange, default='')}"
        )
        verdict.counts["calls of receivers"] += each.calls
        verdict.counts["events taken again"] += each.again
        await _webhook(servers[0], "DELETE", f"/{each.webhook}", None)


# --- an outage


async def _prove_outage(
    verdict: Verdict, server: Server, url: str, events: int, *, is_timed: bool
) -> None:
    """Many events wait for a receiver that was gone; new orders are as quick while it catches up as while it rests.

    It is told and not told in turn, so that a change of the machine's speed meets both.
    """
    with sinking() as sink:
        made = await _webhook(server, "POST", "", {"url": sink.url})
        path = f"/{made['id']}"
        sink.stop()
        await _place(server, events)
        await asyncio.to_thread(_take_up_files, url)
        await _webhook(server, "PATCH", path, {"enabled": False})
        sink.start()
        started, is_on = time.monotonic(), False
        times: dict[bool, list[float]] = {False: [], True: []}
        while await _came(sink) < events and time.monotonic() - started < _WATCHED_S:
            is_on = not is_on
            await _webhook(server, "PATCH", path, {"enabled": is_on})
            times[is_on] += await _paced(server)
        await _webhook(server, "PATCH", path, {"enabled": True})
        placed = events + sum(map(len, times.values()))
        came, seen = -1, time.monotonic()
        while (now := await _came(sink)) < placed:
            if now != came:
                came, seen = now, time.monotonic()
            elif time.monotonic() - seen > _STANDS_S:
                raise ProofStopped(f"of {placed} events {now} were caught up on")
            await asyncio.sleep(0.1)
        verdict.counts["events caught up on"] = placed
        await _webhook(server, "DELETE", path, None)
    rest, busy = (_p99_ms(times[each]) for each in (False, True))
    verdict.notes.append(
        f"p99 of new orders {busy:.1f} ms while it caught up and {rest:.1f} ms while it did not"
    )
    if is_timed:
        verdict.demand(
            busy <= _MOST_WORSE * rest, f"new orders took {busy / rest:.2f} times as long"
        )


def _take_up_files(url: str) -> None:
    """What PostgreSQL does every few minutes: files of its log that are done with are those to come.

    Until it has some, it fills each of 16 MiB with zeros while all commits wait, up to a quarter of a second.
    """
    if url.startswith("postgresql"):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")


async def _came(sink: Sink) -> int:
    return int((await asyncio.to_thread(sink.counts))["events"])


async def _place(server: Server, count: int) -> None:
    """So many orders, as fast as they are taken."""
    numbers = iter(range(count))
    run = f"outage-{time.time_ns()}"

    async def client() -> None:
        connection = Connection(server.port)
        for number in numbers:
            await _order(connection, f"{run}-{number}")
        connection.close()

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


async def _asked(
    connection: Connection, method: str, path: str, body: bytes, **headers: str
) -> Answer:
    """Asked again while the hub says that it is busy: on a machine that others need, too, it may be."""
    while True:
        answer = await connection.request(method, path, body, headers)
        if answer.status not in (429, 503):
            return answer
        await asyncio.sleep(float(answer.headers.get("retry-after", 1)))


async def _order(connection: Connection, marker: str) -> None:
    named = {"Idempotency-Key": marker}
    answer = await _asked(connection, "POST", RECORDED.path, RECORDED.body(marker), **named)
    if not RECORDED.placed(answer):
        raise ProofStopped(f"an order was answered {answer}")


async def _paced(server: Server) -> list[float]:
    """Orders at an even pace, whatever becomes of those before: how long each took, from when it was due."""
    loop, run = asyncio.get_running_loop(), f"paced-{time.time_ns()}"
    free = [Connection(server.port) for _ in range(8)]
    begin = loop.time()

    async def one(number: int) -> float:
        due = begin + number / _PER_S
        await asyncio.sleep(due - loop.time())
        connection = free.pop() if free else Connection(server.port)
        await _order(connection, f"{run}-{number}")
        free.append(connection)
        return loop.time() - due

    times = await asyncio.gather(*(one(number) for number in range(int(_SLICE_S * _PER_S))))
    for each in free:
        each.close()
    return list(times)


def _p99_ms(times: list[float]) -> float:
    ordered = sorted(times) or [0.0]
    return 1000 * ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
