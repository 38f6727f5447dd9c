"""Who waits for a feed or streams it: has a place while it is there, and is told when the feed is another."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from orderhub.web.hub_api import events
from orderhub.web.streaming import Disconnected, while_there
from tests.support.hub import HubUnderTest, operator_headers, running_hub
from tests.support.waiting import until
from tests.web.hub_client import AS_CDP, new_token
from tests.web.test_hub_events import EVENTS, ask, pieces_of, tenant_id, waits
from tests.web.test_sandbox_snapshots import Shop, opened

PATIENCE_S = 20.0  # less than any of these calls would wait by itself


class Client:
    """A call by hand, as an ASGI server would bring it: its client may leave, or stop reading."""

    def __init__(self, hub: HubUnderTest, method: str, query: str, **headers: str) -> None:
        self.app = hub.hub.app
        self.scope = {
            "type": "http",
            "method": method,
            "path": EVENTS,
            "query_string": query.encode(),
            "headers": [(n.lower().encode(), v.encode()) for n, v in headers.items()],
            "client": ("127.0.0.1", 50_000),
        }
        self.status = 0
        self.begun, self.left, self.reads = False, asyncio.Event(), asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        if not self.begun:
            self.begun = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        if message["type"] == "http.response.body":
            await self.reads.wait()

    def calls(self) -> asyncio.Task[None]:
        called = self.app(self.scope, self.receive, self.send)
        return asyncio.create_task(asyncio.wait_for(called, PATIENCE_S))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_call_whose_client_leaves_waits_no_longer(tmp_path: Path, method: str) -> None:
    async with running_hub(tmp_path) as hub:
        cdp = await tenant_id(hub, "cdp")
        client = Client(hub, method, "after=end&wait=60", **AS_CDP)
        call = client.calls()
        await waits(hub, cdp)
        client.left.set()
        await call
        assert (client.status, hub.hub.port.watch.count(cdp)) == (0, 0)
        path = "/hub/v1/requests?tenant=cdp&limit=1"

        async def look() -> Any:
            return (await hub.get(path, headers=operator_headers())).json()["items"]

        (told,) = await until(look, bool)
        assert (told["path"], told["status"], told["reason"]) == (EVENTS, None, "client_left")


async def test_a_stream_has_a_place_also_while_its_client_does_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_WAITING", 2)
    async with running_hub(tmp_path) as hub:
        stream = {**AS_CDP, "Accept": "text/event-stream"}
        two = [Client(hub, "GET", "", **stream) for _ in range(2)]
        calls = [each.calls() for each in two]
        for each in two:
            while not each.status:  # noqa: ASYNC110 - it is seen from without
                await asyncio.sleep(0.005)
        for headers, query in ((stream, ""), (AS_CDP, "after=end&wait=60")):
            third = Client(hub, "GET", query, **headers)
            third.reads.set()
            await third.calls()
            assert third.status == 503
        two[0].left.set()
        for each in two:
            each.reads.set()
        await calls[0]
        fourth = Client(hub, "HEAD", "", **stream)
        fourth.reads.set()
        await fourth.calls()
        assert fourth.status == 200
        two[1].left.set()
        await calls[1]
        assert not hub.hub.port.places._tenants


Change = Callable[[Shop], Awaitable[Any]]


async def reset(shop: Shop) -> None:
    await shop.reset()


async def remove(shop: Shop) -> None:
    gone = await shop.hub.request("DELETE", shop.path, headers=operator_headers())
    assert gone.status_code == 204, gone.text


@contextmanager
def nothing_broken() -> Iterator[None]:
    with capture_logs() as lines:
        yield
    assert [each for each in lines if each["event"] == "broken"] == []


@pytest.mark.parametrize("change", [reset, remove])
@pytest.mark.parametrize("is_operator", [False, True])
@pytest.mark.parametrize("orders", [0, 1])
async def test_a_feed_that_is_another_by_now_is_told_of_nothing_more(
    tmp_path: Path, change: Change, is_operator: bool, orders: int
) -> None:
    async with running_hub(tmp_path) as hub:
        with nothing_broken():
            shop = await opened(hub)
            for _ in range(orders):
                await shop.place()
            headers = operator_headers() if is_operator else shop.own
            query = {"tenant": shop.tenant} if is_operator else {}
            start = (await ask(hub, headers, **query))["next_cursor"]
            stream = asyncio.create_task(pieces_of(hub, 1_000_000, headers, **query))
            waiting = asyncio.create_task(
                hub.get(EVENTS, params={**query, "after": start, "wait": 60}, headers=headers)
            )
            await waits(hub, shop.id(), 2)
            await change(shop)
            await stream
            answer = await waiting
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize("change", [{"enabled": False}, {"scopes": ["pools"]}])
async def test_whose_token_ends_is_told_so_and_nothing_of_a_sandbox(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    async with running_hub(tmp_path) as hub:
        made = await new_token(hub, "cdp", "orders:read")
        headers = {"Authorization": f"Bearer {made['token']}"}
        stream = asyncio.create_task(pieces_of(hub, 1_000_000, headers))
        waiting = asyncio.create_task(
            hub.get(EVENTS, params={"after": "end", "wait": 60}, headers=headers)
        )
        await waits(hub, await tenant_id(hub, "cdp"), 2)
        path = f"/hub/v1/tenants/cdp/credentials/{made['id']}"
        changed = await hub.request("PATCH", path, json=change, headers=operator_headers())
        assert changed.status_code == 200, changed.text
        hub.hub.port.watch.grew(await tenant_id(hub, "cdp"))
        answer = await waiting
        assert answer.status_code == (403 if "scopes" in change else 401), answer.text
        await stream


async def test_a_client_that_leaves_as_the_work_ends_calls_nothing_off() -> None:
    ends = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await ends.wait()
        return {"type": "http.disconnect"}

    async def work() -> str:
        for _ in range(3):
            await asyncio.sleep(0)  # who waits for the client waits first, and is told first
        await ends.wait()
        return "done"

    async def call() -> str:
        found = await while_there(receive, work())
        for _ in range(3):
            await asyncio.sleep(0)  # whatever was to be called by then has been
        return found

    for _ in range(10):
        ends.clear()
        task = asyncio.create_task(call())
        await asyncio.sleep(0.01)
        ends.set()
        with suppress(Disconnected):
            assert await task == "done"
        assert not task.cancelled()
