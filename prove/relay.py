"""Orders onward beside `kill -9` of both hubs and a way between them that fails: each is there once, and known.

Hub A hands each order to hub B at the door it came by, and records it in B's customer history besides. At the end
every order is at B exactly once at each, A knows its number, and nobody waits for anything.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from prove.between import FAULTS, LATER_S, Between, standing
from prove.client import Answer, Connection
from prove.doors import ALL, HOTEL, PARCELS, PLENTY, RECORDED, SHOP, TOUR, Door
from prove.relayed import HISTORY, TOURS, Arrived, Handed, Sent, arrived, sent, waiting
from prove.servers import (
    PROGRAM,
    Server,
    begin,
    described,
    is_postgres,
    processes,
    running,
    seed_database,
)
from prove.verdict import ProofStopped, Verdict

_CALL_S = 5.0
# Recorded sales get no further lines here. What a kill left behind is seen to after seconds, not minutes: a lease still
# is longer than any call. Of a SQLite file no lease outlives its process.
_QUICK = "from orderhub.relay import steps; steps.GATHER_S = 0.5; "
_IN_A_HURRY = "from orderhub.relay import agent; agent.LEASE_S = 15.0; agent._RENEWED_S = 11.0; "
# Far more than the vendor is at a call that it gets `LATER_S` late, on a machine that does something else.
_SETTLE_S = 10 * LATER_S
_MOST_AT_ONCE = 8
_WITHIN_S = 0.05
# A kill waits so long for a call that it may interrupt: what was cut off before may have to wait for its time.
_CALLED_WITHIN_S = 2.0
_SETTLES_WITHIN_S = (
    600.0  # one hand-over may have to wait for five minutes until it is asked about again
)
_AGAIN_S, _LOOK_EVERY_S = 0.1, 0.5
_ACKNOWLEDGED_WITHIN_S = 120.0
# One booking in so many is of people who book the same more than once; the others may meet a stranger who does.
_ALIKE_EVERY, _REGULARS = 3, 3
_DECISIONS = 3
_GAVE_UP = "times sent, and no clear answer"

_UID = "00000000-0000-4000-8000-{:012d}"
# What B knows A by, and what A sells is called there.
VENDORS: dict[str, dict[str, Any]] = {
    SHOP.name: {
        "credentials": {"user_name": "omni", "password": "omni123456", "site": "2"},
    },
    HOTEL.name: {
        "credentials": {"client_token": "OMNI-CLIENT", "access_token": "OMNI-ACCESS"},
        "options": {
            "service_id": _UID.format(901),
            "account_id": _UID.format(902),
            "pricing": "Net",
        },
    },
    PARCELS.name: {"credentials": {"token": "omni-kakaclo"}},
    TOUR.name: {"credentials": {"appkey": "omni-tours", "secret": "omni-tours-secret"}},
    RECORDED.name: {
        "credentials": {"client_key": "omni-cdp", "api_token": "omni-cdp-secret"},
        "options": {"point_of_sale": "proof", "channel": "WEB"},
    },
}
_LISTED = {
    SHOP.name: (f"product:{PLENTY}", str(PLENTY)),
    HOTEL.name: (f"product:{PLENTY}", _UID.format(PLENTY)),
    PARCELS.name: (f"product:{PLENTY}", "PLENTY"),
    TOUR.name: ("product:102202692", "102202692"),
}

_COUNTS = (
    "kills of the hub that hands on",
    "kills of the vendor",
    "of them while calls were on their way",
    "orders placed",
    "hand-overs",
    "calls",
    "calls that met a fault",
    "sent again",
    "given up on, and sent again by a person",
    "unsure, and decided by a person",
)


@dataclass
class Trade:
    """What is sold at A, by clients that ask until they are answered."""

    verdict: Verdict
    servers: Sequence[Server]
    doors: Sequence[Door]
    run: str
    chance: random.Random
    markers: dict[str, Door] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def sell(self, count: int) -> None:
        for _ in range(count):
            door = self.doors[len(self.markers) % len(self.doors)]
            marker = f"proof-{self.run}-{len(self.markers)}"
            self.markers[marker] = door
            task = asyncio.create_task(self._sold(door, marker, self._body(door, marker)))
            self.tasks.add(task)

    async def settled(self) -> None:
        """Until each is acknowledged. Raises what went wrong."""
        await asyncio.gather(*self.tasks)

    def _body(self, door: Door, marker: str) -> bytes:
        if door is not TOUR:
            return door.body(marker)
        words = door.words(marker, 0)
        alike = not self.chance.randrange(_ALIKE_EVERY)
        # Without the marker: a stranger's booking has the same address.
        who = f"regular-{self.chance.randrange(_REGULARS)}" if alike else marker[len("proof-") :]
        words["contact"] |= {"email": f"{who}@example.com"}
        return json.dumps(words).encode()

    async def _sold(self, door: Door, marker: str, body: bytes) -> None:
        async with asyncio.timeout(_ACKNOWLEDGED_WITHIN_S):
            while True:
                answer = await self._asked(door, marker, body)
                if answer is not None:
                    break
                await asyncio.sleep(_AGAIN_S)
        if not door.placed(answer):
            raise ProofStopped(f"{marker} ({door.name}) was answered {answer}")
        self.verdict.counts["orders placed"] += 1

    async def _asked(self, door: Door, marker: str, body: bytes) -> Answer | None:
        ready = [each for each in self.servers if each.is_ready]
        if not ready:
            return None
        connection = Connection(self.chance.choice(ready).port)
        try:
            return await connection.request("POST", door.path, body, {"Idempotency-Key": marker})
        except (OSError, EOFError):
            return None
        finally:
            connection.close()


@dataclass
class Strangers:
    """Book at the vendor what was just booked there and not answered: nobody can tell the two apart from outside."""

    vendor: Server
    count: int = 0

    async def come(self, name: str, body: bytes, fault: str, answer: bytes) -> None:
        if f" {TOUR.path}" not in name or fault not in ("500 after", "dropped after"):
            return
        booking = json.loads(body)
        is_regular = booking["contact"]["email"].startswith("regular")
        if b'"code":0' not in answer or is_regular:
            return
        booking["departure_address"] = "a stranger's"
        connection = Connection(self.vendor.port)
        with suppress(OSError, EOFError):
            made = await connection.request("POST", TOUR.path, json.dumps(booking).encode())
            self.count += TOUR.placed(made)
        connection.close()


async def prove_relay(
    url: str,
    *,
    kills: int,
    seed: int,
    logs: Path,
    doors: Sequence[Door] = ALL,
    at_once: int = _MOST_AT_ONCE,
) -> Verdict:
    """With an `Idempotency-Key` at each call in the first half, and without any in the second."""
    verdict = Verdict("relay", described(url))
    verdict.counts.update(dict.fromkeys(_COUNTS, 0))
    chance = random.Random(seed)
    there = f"sqlite:///{logs}/there.sqlite"
    seed_database(there)
    hurry = _QUICK + (_IN_A_HURRY if is_postgres(url) else "")
    here = partial(begin, program=hurry + PROGRAM)
    async with (
        running(there, 1, logs, name="there") as (vendor,),
        running(url, processes(url), logs, name="here", begin=here) as servers,
    ):
        strangers = Strangers(vendor)
        between = Between(vendor, random.Random(f"{seed} faults"), strangers.come)
        async with standing(between):
            connections = await _connected(servers[0], between.url)
            trade = Trade(verdict, servers, doors, f"{seed & 0xFFFF_FFFF:x}", chance)
            for done in range(1, kills + 1):
                trade.sell(chance.randint(1, at_once))
                victim = vendor if done % 2 else chance.choice(servers)
                await _called(between)
                await asyncio.sleep(chance.random() * _WITHIN_S)
                verdict.counts[_COUNTS[2]] += between.in_hand > 0
                verdict.counts[_COUNTS[1 if victim is vendor else 0]] += 1
                victim.kill()
                victim.spawn()
                await victim.wait_ready()
                if done == (kills + 1) // 2:
                    await _each(servers, connections, {"sends_key": False})
            trade.sell(at_once)
            await trade.settled()
            between.heal()
            await _judge(verdict, servers, connections, trade, url, there)
            verdict.counts["calls"] = between.calls
            verdict.counts["calls that met a fault"] = between.met.total()
            met = ", ".join(f"{between.met[each]} {each}" for each in FAULTS)
            verdict.notes.append(f"{met}; {strangers.count} strangers")
        for server in (vendor, *servers):
            verdict.demand(not server.log(), f"the server complained: {server.log()}")
    return verdict


async def _called(between: Between) -> None:
    """Until the vendor is called, or nobody does for a while."""
    between.moved.clear()
    with suppress(TimeoutError):
        async with asyncio.timeout(_CALLED_WITHIN_S):
            await between.moved.wait()


# --- what a merchant does


async def _connected(server: Server, url: str) -> dict[str, str]:
    """Connections, routes and listings; dialects by the ids of their connections."""
    found = {}
    for dialect, vendor in VENDORS.items():
        body = {
            "dialect": dialect,
            "base_url": url,
            "settle_s": _SETTLE_S,
            "timeout_s": _CALL_S,
            **vendor,
        }
        made = await _asked(server, "POST", "connections", body)
        found[made["id"]] = dialect
        channels = list(VENDORS) if dialect == HISTORY else [dialect]
        route = {"connection": made["id"], "when": "placed", "channels": channels}
        await _asked(server, "POST", "routes", route)
        if dialect in _LISTED:
            subject, id_ = _LISTED[dialect]
            listed = {"connection": made["id"], "items": [{"subject": subject, "id": id_}]}
            await _asked(server, "POST", "listings", listed)
    return found


async def _each(
    servers: Sequence[Server], connections: Mapping[str, str], content: Mapping[str, Any]
) -> None:
    for each in connections:
        await _asked(servers[0], "PATCH", f"connections/{each}", content)


async def _asked(server: Server, method: str, path: str, content: Any) -> Any:
    connection = Connection(server.port)
    try:
        body = json.dumps(content).encode() if content is not None else b""
        answer = await connection.request(method, f"/hub/v1/{path}", body)
    finally:
        connection.close()
    if answer.status not in (200, 201, 204):
        raise ProofStopped(f"{method} {path} was answered {answer}")
    return answer.json()


# --- what came of it


async def _judge(
    verdict: Verdict,
    servers: Sequence[Server],
    connections: Mapping[str, str],
    trade: Trade,
    url: str,
    there: str,
) -> None:
    """The way is well again. What nobody can know is decided as by people: each looks at the vendor's own list."""
    here, has = await _looked(verdict, servers, connections, url, there)
    for _ in range(_DECISIONS):
        if not await _decided(verdict, servers[0], here, has):
            break
        here, has = await _looked(verdict, servers, connections, url, there)
    verdict.counts["hand-overs"] = len(here.hand_overs)
    verdict.counts["sent again"] = sum(each.attempts > 1 for each in here.hand_overs)
    verdict.violations += (*here.breaches, *has.breaches)
    for wrong in compared(trade.markers, here, has):
        verdict.violate(wrong)


async def _looked(
    verdict: Verdict,
    servers: Sequence[Server],
    connections: Mapping[str, str],
    url: str,
    there: str,
) -> tuple[Sent, Arrived]:
    """Both hubs, once nothing waits any more. What waits is looked at anew at once."""
    await _each(servers, connections, {"title": "it is well"})
    here = await _at_rest(verdict, url, connections)
    return here, await asyncio.to_thread(arrived, there, here.orders)


async def _at_rest(verdict: Verdict, url: str, connections: Mapping[str, str]) -> Sent:
    """What A says once nothing waits any more; after a while, whatever it says."""
    loop = asyncio.get_running_loop()
    end = loop.time() + _SETTLES_WITHIN_S
    while waits := await asyncio.to_thread(waiting, url):
        if loop.time() > end:
            for each in waits:
                verdict.violate(f"it stays: {each}")
            break
        await asyncio.sleep(_LOOK_EVERY_S)
    return await asyncio.to_thread(sent, url, connections)


async def _decided(verdict: Verdict, server: Server, here: Sent, has: Arrived) -> bool:
    """Whether a person had to decide about anything."""
    decided = False
    for each in here.hand_overs:
        if each.state == "unsure" and each.dialect == TOURS:
            found = has.orders.get((each.dialect, each.marker), ())
            names = {name for one in found for name in one.names}
            offered = names & {*each.candidates}
            verdict.demand(
                bool(offered) == bool(found),
                f"{_name(each)} may be {each.candidates}, it is said, and is {names}",
            )
            verdict.counts["unsure, and decided by a person"] += 1
            path = f"handovers/{each.uid}/{'placed' if offered else 'send'}"
            body = {"number": min(offered)} if offered else {}
            await _asked(server, "POST", path, body)
            decided = True
        elif each.state == "refused" and _GAVE_UP in each.reason:
            verdict.counts["given up on, and sent again by a person"] += 1
            await _asked(server, "POST", f"handovers/{each.uid}/send", {})
            decided = True
    return decided


def compared(markers: Mapping[str, Door], here: Sent, has: Arrived) -> Iterator[str]:
    """What is wrong, in sentences."""
    handed = {(each.dialect, each.marker): each for each in here.hand_overs}
    wanted = {(door.name, marker) for marker, door in markers.items()}
    wanted |= {(HISTORY, marker) for marker in markers}
    for marker in markers:
        if len(here.orders.get(marker, ())) != 1:
            yield f"{marker} is stored {len(here.orders.get(marker, ()))} times where it was placed"
    for dialect, marker in sorted(wanted):
        each, found = handed.get((dialect, marker)), has.orders.get((dialect, marker), ())
        if len(found) != 1:
            yield f"{marker} is at {dialect} {len(found)} times"
        if each is None:
            yield f"{marker} was not handed on to {dialect}"
        elif each.state != "placed":
            yield f"{_name(each)} is {each.state}: {each.reason}"
        elif found and each.number not in found[0].names:
            yield f"{_name(each)} is known as {each.number}, and is {set(found[0].names)}"
        elif found and dialect == HISTORY and found[0].lines != each.lines:
            yield f"{_name(each)} has {each.lines} lines, and {found[0].lines} there"
    for dialect, marker in {*handed} - wanted | {*has.orders} - wanted:
        yield f"{marker} is at {dialect}, where it was not to go"


def _name(each: Handed) -> str:
    return f"{each.marker} at {each.dialect}"
