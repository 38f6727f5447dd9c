"""Receivers of webhooks that are no good, each in its own way, and what they hold the hub to whatever they do."""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from orderhub.core.feed import event_id
from prove.servers import free_port
from prove.verdict import Verdict

# Of its calls: answered 500, hung up on (read or not), answered late, never answered.
WAYS: dict[str, dict[str, float]] = {
    "steady": {},
    "failing": {"fail": 0.2},
    "dropping": {"drop": 0.2},
    "late": {"late": 0.3, "stall": 0.002},
    "dying": {"fail": 0.02, "drop": 0.02, "late": 0.02},
}
DYING = "dying"
_LATE_S = 0.3
_TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"
_BROKEN = b"HTTP/1.1 500 Broken\r\ncontent-length: 6\r\n\r\nbroken"


class Receiver:
    """One webhook's other end. It judges each call when it comes, and counts what it answered 2xx."""

    def __init__(self, verdict: Verdict, way: str, seed: int) -> None:
        self.way = way
        self.is_healthy = False  # from then on it takes everything, at once
        self.taken: set[str] = set()  # ids that it answered 2xx
        self.calls = 0
        self.in_hand = 0  # calls that are not answered yet
        self.again = 0
        self.port = free_port()
        self.secret = ""
        self.webhook = ""
        self.moved = asyncio.Event()
        self._verdict = verdict
        self._chance = random.Random(f"{seed} {way}")
        self._versions: dict[str, set[int]] = defaultdict(set)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{self.way}"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    async def close(self) -> None:
        """As a process that dies: nobody listens, and what was open is cut."""
        if self._server is not None:
            self._server.close()
            self._server = None
        cut = [*self._connections]
        for each in cut:
            each.cancel()
        await asyncio.gather(*cut, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with suppress(OSError, EOFError, asyncio.CancelledError):
                while await self._call(reader, writer):
                    pass
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One call; False: it was hung up on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        pairs = (line.partition(":") for line in head.split("\r\n")[1:])
        headers = {name.lower(): text.strip() for name, _, text in pairs if name}
        does = self._drawn()
        if does == "drop" and self._chance.random() < 0.5:
            return False
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        told = self._judged(headers, body)
        self.in_hand += 1
        try:
            self.moved.set()
            return await self._answered(writer, does, headers.get("webhook-id", ""), told)
        finally:
            self.in_hand -= 1

    async def _answered(
        self, writer: asyncio.StreamWriter, does: str, id_: str, told: dict[str, Any]
    ) -> bool:
        if does == "drop":
            return False
        if does == "stall":
            await asyncio.sleep(60)
        if does == "late":
            await asyncio.sleep(self._chance.random() * _LATE_S)
        if does == "fail":
            writer.write(_BROKEN)
        else:
            self._take(id_, told)
            self.moved.set()
            writer.write(_TAKEN)
        await writer.drain()
        return True

    def _drawn(self) -> str:
        if self.is_healthy:
            return ""
        drawn = self._chance.random()
        for does, part in WAYS[self.way].items():
            drawn -= part
            if drawn < 0:
                return does
        return ""

    def _judged(self, headers: dict[str, str], body: bytes) -> dict[str, Any]:
        """The event. What a receiver may rely on holds at every call, also at one that it will refuse."""
        self.calls += 1
        name = f"{self.way}: {headers.get('webhook-id')}"
        demand = self._verdict.demand
        try:
            Webhook(self.secret).verify(body, headers, json_parse=False)
        except WebhookVerificationError as error:
            self._verdict.violate(f"{name} is not signed: {error}")
        data = json.loads(body)["data"]
        event: dict[str, Any] = data["event"]
        demand(event["id"] == headers.get("webhook-id"), f"{name} has another id than its event")
        if not event["order"]:
            return event
        uid, version = event["order"], event["version"]
        demand(event["id"] == event_id(uid, version), f"{name} is not the id of its event")
        demand(data["order"]["version"] >= version, f"{name} comes with an order that is older")
        before = set(range(1, version)) - self._versions[uid]
        demand(not before, f"{name} comes before version {min(before, default=0)} was taken")
        return event

    def _take(self, id_: str, event: dict[str, Any]) -> None:
        self.again += id_ in self.taken
        self.taken.add(id_)
        if event["order"]:
            self._versions[event["order"]].add(event["version"])


@asynccontextmanager
async def receiving(verdict: Verdict, seed: int) -> AsyncIterator[list[Receiver]]:
    """One of each, listening."""
    receivers = [Receiver(verdict, way, seed) for way in WAYS]
    try:
        for each in receivers:
            await each.open()
        yield receivers
    finally:
        for each in receivers:
            await each.close()
