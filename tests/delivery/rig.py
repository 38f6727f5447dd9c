"""An engine on a ledger, with a clock that is given and receivers that are real."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec

from orderhub.core.commands import Action, RecordChange
from orderhub.core.deliveries import Delivery, WebhookState
from orderhub.core.facts import Record
from orderhub.core.feed import event_id
from orderhub.core.values import Order
from orderhub.core.webhook_formats import Format, Message, Terms
from orderhub.core.webhooks import RECORD_KIND, Webhook
from orderhub.delivery.engine import Engine
from orderhub.delivery.hub_format import HubFormat
from orderhub.delivery.means import Off
from orderhub.ledger.check import check_ledger
from orderhub.ledger.ledger import Ledger
from tests.support import http, world
from tests.support.receivers import PATIENCE_S, Receiver
from tests.support.receivers import Came as Call
from tests.support.world import NOON, SHOP

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR


class Came(msgspec.Struct):
    status: int = 0
    body: bytes = b""
    retry_after_s: float = 0.0
    error: str = ""
    duration_us: int = 0


class Meter:
    def __init__(self) -> None:
        self.outcomes: dict[str, int] = {}

    def delivered(self, outcome: str, count: int) -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + count

    def lagged(self, seconds: float) -> None:
        assert seconds >= 0


class Clock:
    def __init__(self) -> None:
        self.now_us = NOON + HOUR

    def __call__(self) -> int:
        return self.now_us


HUB = HubFormat(
    msgspec.structs.asdict,
    lambda order, tenant: {"tenant": tenant, "uid": order.uid, "version": order.version},
    str,
)


class Rig:
    """One hub's engine. Several of them on one ledger are several hubs."""

    def __init__(
        self, ledger: Ledger, clock: Clock | None = None, formats: dict[str, Format] | None = None
    ) -> None:
        self.ledger = ledger
        self.clock = clock or Clock()
        self.meter = Meter()
        self._client = http.AsyncClient(limits=httpx.Limits(max_connections=100))
        self.engine = Engine(
            ledger,
            {"hub": HUB, **(formats or {})},
            post=self._post,
            switch_off=self._switch_off,
            meter=self.meter,
            now_us=self.clock,
        )
        self.offs: list[str] = []

    async def _post(
        self, _tenant_id: int, webhook: Webhook, message: Message, _terms: Terms
    ) -> Came:
        headers = {"webhook-id": message.id, **dict(message.headers)}
        began = time.monotonic()
        try:
            answer = await self._client.post(
                webhook.url,
                content=message.body,
                headers=headers,
                timeout=PATIENCE_S,
            )
        except httpx.HTTPError as error:
            return Came(error=type(error).__name__)
        took_us = round((time.monotonic() - began) * SECOND)
        retry_after_s = float(answer.headers.get("retry-after", 0))
        return Came(answer.status_code, answer.content, retry_after_s, duration_us=took_us)

    async def _switch_off(self, off: Off) -> None:
        members = {"is_enabled": False, "off_why": off.why, "off_at": self.clock()}
        change = RecordChange(
            kind=RECORD_KIND, id=off.webhook_id, members=members, if_version=off.version
        )
        self.offs.append(off.why)
        await self.engine.in_thread(lambda: world.run(self.ledger, world.put(change)))

    async def pass_once(self) -> None:
        """One look, and all that it leads to for now."""
        await self.engine.look()
        await self.engine.idle()

    async def later(self, by_us: int) -> None:
        self.clock.now_us += by_us
        await self.pass_once()

    async def close(self) -> None:
        await self.engine.stop(5)
        self.engine.close()
        await self._client.aclose()


async def until(holds: Callable[[], bool]) -> None:
    """Looked at again and again, for a while."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in other threads
            await asyncio.sleep(0.01)


def rigged(ledger: Ledger, work: Callable[[Rig], Awaitable[Any]], **more: Any) -> Any:
    """Have `work` done with a rig."""

    async def run() -> Any:
        rig = Rig(ledger, **more)
        try:
            return await work(rig)
        finally:
            await rig.close()

    return asyncio.run(run())


def put_webhook(ledger: Ledger, url: str, number: int = 1, **members: Any) -> None:
    doc = Webhook(uid=f"hook-{number}", url=url, **members)
    change = RecordChange(kind=RECORD_KIND, id=number, uid=doc.uid, doc=doc)
    world.run_all(ledger, world.put(change))


def webhook(ledger: Ledger, number: int = 1) -> Record:
    found = ledger.read(lambda reads: reads.record(SHOP, RECORD_KIND, "id", number))
    assert found is not None
    return found


def change_webhook(ledger: Ledger, number: int = 1, **members: Any) -> None:
    change = RecordChange(kind=RECORD_KIND, id=number, members=members)
    world.run_all(ledger, world.put(change))


def state(ledger: Ledger, number: int = 1) -> WebhookState:
    found = ledger.read(lambda reads: reads.webhook_state(SHOP, number))
    assert found is not None
    return found


def deliveries(ledger: Ledger, state: str = "", number: int = 1) -> list[Delivery]:
    """Oldest first."""
    found = ledger.read(lambda reads: reads.deliveries(SHOP, number, state, 0, 100_000))
    return list(found)[::-1]


def assert_sound(ledger: Ledger) -> None:
    assert [str(breach) for breach in check_ledger(ledger.engine).breaches] == []


def events_of(*orders: tuple[Order, int]) -> list[str]:
    """The ids of the first so many events of each order."""
    return [event_id(order.uid, nth) for order, count in orders for nth in range(1, count + 1)]


def ids(calls: list[Call]) -> list[str]:
    return [each.id for each in calls]


def assert_all_came(sink: Receiver, wanted: list[str]) -> None:
    """Each at least once, under its id, and those of an order in their order, repeats left out."""
    assert set(wanted) <= set(ids(sink.taken)), "not all came"
    assert set(ids(sink.calls)) <= set(wanted), "something came that never happened"
    assert sink.most_of_an_order == 1
    seen: dict[str, int] = {}
    for each in dict.fromkeys(ids(sink.taken)):
        order, _, version = each.rpartition("_")
        assert int(version) == seen.get(order, 0) + 1, f"{each} came after {seen.get(order, 0)}"
        seen[order] = int(version)


def amend(ledger: Ledger, order: Order, times: int = 1) -> None:
    for _ in range(times):
        world.run_all(ledger, world.change(order, Action.AMEND))
