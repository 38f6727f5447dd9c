"""Readers of the feed beside several writing processes and `kill -9`: each event once, none skipped, in order.

A reader asks any process, keeps what it got and its cursor together, as who deals with events does in one transaction
of his own, and now and then forgets a page that it has not kept yet. Orders that are told of are paid and shipped
through any process, so that the events of one order are written by several.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Engine, text

from orderhub.core.feed import event_id
from prove.audit import audit, looked
from prove.client import Connection
from prove.doors import ALL, Door
from prove.kill import compare, finish
from prove.load import Load
from prove.servers import Server, described, processes, running
from prove.verdict import Verdict

CLIENTS = 16
PROCESSES = 4
# Of each a reader: pages of one, of a few, of many that wait for more, and of some kinds alone.
_READERS: tuple[dict[str, Any], ...] = (
    {"limit": 3},
    {"limit": 50},
    {"limit": 200, "wait": 5},
    {"limit": 20, "kinds": "order.paid,order.shipped"},
)
_ANSWERS = 150
_WITHIN_S = 0.02
_FORGETS_EVERY = 5
_POLL_S = 0.02
_STEPS = ("pay", "ship")
_LEAST_STEPS = 20
_WAITS_S = 60.0

_COUNTS = (
    "kills",
    "orders acknowledged",
    "calls cut off",
    "orders found placed by a call without an answer",
    "acknowledged orders replayed",
    "orders stored",
    "events",
    "steps of orders",
    "pages read again",
)


class Reader:
    """What one reader has kept: the ids in the order in which they came, and where it goes on."""

    def __init__(
        self, verdict: Verdict, servers: Sequence[Server], seed: str, **query: Any
    ) -> None:
        self._verdict = verdict
        self._servers = servers
        self._chance = random.Random(seed)
        self._query = query
        self._cursor = ""
        self.kept: list[dict[str, Any]] = []
        self.is_at_end = False
        self.has_done = False  # an answer that comes with a cancellation makes wait_for forget that

    async def run(self) -> None:
        while not self.has_done:
            page = await self._page()
            if page is None:
                await asyncio.sleep(_POLL_S)
                continue
            self.is_at_end = not page["items"]
            if page["items"] and not self._chance.randrange(_FORGETS_EVERY):
                self._verdict.counts["pages read again"] += 1
                continue
            self.kept += page["items"]
            self._cursor = page["next_cursor"]
            if self.is_at_end:
                await asyncio.sleep(_POLL_S)

    async def _page(self) -> Any:
        """A page from any process; None when it gave no whole answer."""
        ready = [server for server in self._servers if server.is_ready]
        if not ready:
            return None
        connection = Connection(self._chance.choice(ready).port)
        query = urlencode({**self._query, "after": self._cursor})
        try:
            answer = await connection.request("GET", f"/hub/v1/events?{query}")
        except (OSError, EOFError):
            return None
        finally:
            connection.close()
        if answer.status != 200:
            self._verdict.demand(answer.status == 503, f"a reader was answered {answer}")
            return None
        return answer.json()


async def move_on(
    verdict: Verdict, reader: Reader, servers: Sequence[Server], chance: random.Random
) -> None:
    """Pay and ship what the reader is told of. What is refused or cut off is nobody's business here."""
    done = 0
    while not reader.has_done:
        fresh, done = reader.kept[done:], len(reader.kept)
        for each in fresh:
            ready = [server for server in servers if server.is_ready]
            version = each["version"] or 0
            if not ready or not 1 <= version <= len(_STEPS):
                continue
            connection = Connection(chance.choice(ready).port)
            path = f"/hub/v1/orders/{each['order']}/{_STEPS[version - 1]}"
            with suppress(OSError, EOFError):
                answer = await connection.request("POST", path, b"{}")
                verdict.counts["steps of orders"] += answer.status == 200
            connection.close()
        await asyncio.sleep(_POLL_S)


async def prove_feed(
    url: str,
    *,
    kills: int,
    seed: int,
    logs: Path,
    doors: Sequence[Door] = ALL,
    answers: int = _ANSWERS,
) -> Verdict:
    """Ends when every reader is at the end of a feed in which nothing happens any more."""
    verdict = Verdict("feed", described(url, PROCESSES))
    verdict.counts.update(dict.fromkeys(_COUNTS, 0))
    chance = random.Random(seed)
    async with running(url, processes(url, PROCESSES), logs) as servers:
        readers = [
            Reader(verdict, servers, f"{seed} {number}", **query)
            for number, query in enumerate(_READERS)
        ]
        # One reader more, whose orders are moved on until it has done.
        steps = Reader(verdict, servers, f"{seed} steps", limit=50)
        stepping = asyncio.create_task(steps.run())
        moving = asyncio.create_task(
            move_on(verdict, steps, servers, random.Random(f"{seed} moves"))
        )
        reading = [asyncio.create_task(each.run()) for each in readers]
        try:
            load = Load(verdict, servers, doors, seed=seed, clients=CLIENTS)
            async with load.running():
                while verdict.counts["kills"] < kills and not verdict.violations:
                    await load.answered(chance.randrange(1, answers))
                    await asyncio.sleep(chance.random() * _WITHIN_S)
                    victim = chance.choice(servers)
                    victim.kill()
                    verdict.counts["kills"] += 1
                    load.interrupted()
                    victim.spawn()
                    await victim.wait_ready()
            await until(
                verdict,
                "orders to move on",
                lambda: _has_moved(verdict),
                lambda: (verdict.counts["steps of orders"], len(steps.kept)),
            )
            steps.has_done = True
            await moving
            for each in readers:
                each.is_at_end = False
            await until(
                verdict,
                "readers at the end",
                lambda: all(each.is_at_end for each in readers),
                lambda: [len(each.kept) for each in readers],
            )
        finally:
            for each in (steps, *readers):
                each.has_done = True
            await asyncio.gather(moving, stepping, *reading)
        found = await asyncio.to_thread(audit, url)
        for server in servers:
            verdict.demand(not server.log(), f"the server complained: {server.log()}")
    compare(verdict, found, [attempt.marker for attempt in load.acknowledged()])
    finish(verdict, load, found)
    _judge(verdict, readers, await asyncio.to_thread(stored, url))
    return verdict


def _has_moved(verdict: Verdict) -> bool:
    return verdict.counts["steps of orders"] >= _LEAST_STEPS


async def until(
    verdict: Verdict, what: str, holds: Callable[[], bool], moved: Callable[[], object]
) -> None:
    """As `comes`, and a violation where it does not."""
    verdict.demand(await comes(holds, moved), f"no {what}, and nothing moves for {_WAITS_S:.0f} s")


async def comes(
    holds: Callable[[], bool], moved: Callable[[], object], stands_s: float = _WAITS_S
) -> bool:
    """Waits until it holds, however slow the machine; False: `moved` has answered the same for so long.

    Looks now and then: what is waited for happens in other processes.
    """
    loop = asyncio.get_running_loop()
    seen, deadline = moved(), loop.time() + stands_s
    while not holds():
        if (now := moved()) != seen:
            seen, deadline = now, loop.time() + stands_s
        elif loop.time() > deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True


def stored(url: str) -> list[tuple[str, str]]:
    """(kind, id) of every event of an order of the proof's tenant, from the database itself."""
    return looked(url, _stored)


def _stored(engine: Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT e.kind, e.version, o.uid FROM order_event e JOIN orders o "
                "ON o.tenant_id = e.tenant_id AND o.id = e.order_id "
                "JOIN tenant t ON t.id = e.tenant_id WHERE t.name = 'omni'"
            )
        ).all()
    return [(f"order.{row.kind}", event_id(row.uid, row.version)) for row in rows]


def _judge(verdict: Verdict, readers: Sequence[Reader], stored: list[tuple[str, str]]) -> None:
    verdict.counts["events"] = len(stored)
    for number, reader in enumerate(readers):
        query = _READERS[number]
        kinds = query["kinds"].split(",") if "kinds" in query else None
        wanted = {name for kind, name in stored if kinds is None or kind in kinds}
        of_orders = [each for each in reader.kept if each["order"]]
        told = [each["id"] for each in of_orders]
        name = f"reader {number}"
        verdict.demand(len(told) == len(set(told)), f"{name} was told something twice")
        missed, strange = wanted - set(told), set(told) - wanted
        verdict.demand(
            not missed, f"{name} missed {len(missed)} events, such as {min(missed, default='')}"
        )
        verdict.demand(
            not strange, f"{name} was told what is not stored: {min(strange, default='')}"
        )
        seen: dict[str, int] = {}
        for each in of_orders:
            last = seen.get(each["order"], 0)
            if each["version"] <= last or (kinds is None and each["version"] != last + 1):
                verdict.violate(f"{name} was told version {each['version']} behind {last}")
            seen[each["order"]] = each["version"]
