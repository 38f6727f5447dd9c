"""GET /hub/v1/events: pages, waiting, streams; what is wrong with a call is named."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from orderhub.delivery.watch import Watch
from orderhub.web.hub_api import events
from tests.support.hub import HubUnderTest, running_hub
from tests.web.hub_client import (
    AS_CDP,
    AS_OPERATOR,
    AS_SHOP,
    new_token,
    problem_of,
    record,
    sell,
    token,
)

EVENTS = "/hub/v1/events"


async def ask(hub: HubUnderTest, headers: Any = AS_SHOP, **query: Any) -> dict[str, Any]:
    answer = await hub.get(EVENTS, params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    whole: dict[str, Any] = answer.json()
    return whole


async def test_everything_that_happened_to_an_order_is_read_in_pages(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        start = (await ask(hub, after="end"))["next_cursor"]
        order = await sell(hub)
        await hub.pay(order["uid"])
        await hub.ship(order["uid"])
        first = await ask(hub, after=start, limit=2)
        rest = await ask(hub, after=first["next_cursor"])
        told = [*first["items"], *rest["items"]]
        assert [each["kind"] for each in told] == ["order.placed", "order.paid", "order.shipped"]
        assert [each["version"] for each in told] == [1, 2, 3]
        assert {(each["order"], each["dialect"]) for each in told} == {(order["uid"], "anqicms")}
        history = (await hub.get(f"/hub/v1/orders/{order['uid']}/events", headers=AS_SHOP)).json()
        for fed, known in zip(told, history["items"], strict=True):
            same = ("occurred_at", "recorded_at", "actor", "data", "request_id", "version")
            assert {name: fed[name] for name in same} == {name: known[name] for name in same}
        uid = order["uid"].replace("-", "")
        assert [each["id"] for each in told] == [f"evt_{uid}_{n}" for n in (1, 2, 3)]
        empty = await ask(hub, after=rest["next_cursor"])
        assert empty == {"items": [], "next_cursor": rest["next_cursor"]}


async def test_only_what_is_wanted_is_told(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub)
        await hub.pay(order["uid"])
        found = await ask(hub, kinds="order.paid,order.shipped")
        assert [each["kind"] for each in found["items"]] == ["order.paid"]


async def test_an_operator_says_whose_events(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await record(hub, 1)
        found = await ask(hub, AS_OPERATOR, tenant="cdp")
        assert [each["kind"] for each in found["items"]] == ["order.placed"]
        answer = await hub.get(EVENTS, headers=AS_OPERATOR)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "tenant")
        answer = await hub.get(EVENTS, params={"tenant": "cdp"}, headers=AS_SHOP)
        assert (answer.status_code, problem_of(answer)) == (404, "record_unknown")


async def test_reading_events_needs_the_scope_of_reading_orders(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        without = await new_token(hub, "shop", "pools")
        answer = await hub.get(EVENTS, headers=token(without["token"]))
        assert (answer.status_code, problem_of(answer)) == (403, "forbidden")
        assert "orders:read" in answer.json()["detail"]
        having = await new_token(hub, "shop", "orders:read")
        await ask(hub, token(having["token"]))


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [
        ({"after": "nonsense"}, "after", "after is no cursor of the feed"),
        (
            {"kinds": "order.placed,order.sold"},
            "kinds",
            "kinds: order.sold is none of order.placed, ",
        ),
        ({"kinds": ","}, "kinds", "kinds: "),
        ({"limit": "0"}, "limit", "limit is 1 to 1000"),
        ({"limit": "1001"}, "limit", "limit is 1 to 1000"),
        ({"wait": "61"}, "wait", "wait is 0 to 60"),
        ({"wait": "-1"}, "wait", "wait is 0 to 60"),
        ({"wiat": "1"}, "wiat", "wiat is not a parameter"),
    ],
)
async def test_what_is_wrong_is_named(
    tmp_path: Path, query: dict[str, str], field: str, says: str
) -> None:
    async with running_hub(tmp_path) as hub:
        for accept in ("application/json", "text/event-stream"):
            headers = {**AS_SHOP, "Accept": accept}
            answer = await hub.get(EVENTS, params=query, headers=headers)
            assert answer.status_code == 400, answer.text
            assert problem_of(answer) == "invalid"
            error = answer.json()["errors"][0]
            assert (error["field"], error["message"].startswith(says)) == (field, True), error


async def test_a_cursor_of_another_tenant_is_refused(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        cursor = (await ask(hub, AS_CDP, after="end"))["next_cursor"]
        answer = await hub.get(EVENTS, params={"after": cursor}, headers=AS_SHOP)
        assert "another tenant" in answer.json()["errors"][0]["message"]


# --- waiting


async def waits(hub: HubUnderTest, tenant: int, count: int = 1) -> None:
    while hub.hub.port.watch.count(tenant) < count:  # noqa: ASYNC110 - it is seen from without
        await asyncio.sleep(0.005)


async def tenant_id(hub: HubUnderTest, name: str) -> int:
    found = hub.hub.ledger.read(lambda reads: reads.tenant(name))
    assert found is not None
    return found.id


async def test_who_waits_is_answered_with_the_next_event_and_holds_nothing(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        start = (await ask(hub, AS_CDP, after="end"))["next_cursor"]
        cdp = await tenant_id(hub, "cdp")
        waiting = asyncio.create_task(ask(hub, AS_CDP, after=start, wait=60))
        await waits(hub, cdp)
        assert hub.hub.port.hands.count(cdp) == 0, "who waits is no call in hand"
        assert hub.hub.ledger.engine.pool.checkedout() <= 1  # the writer's own
        await record(hub, 1)
        found = await waiting
        assert [each["kind"] for each in found["items"]] == ["order.placed"]


async def test_who_waits_for_one_kind_is_not_answered_with_nothing(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        start = (await ask(hub, after="end"))["next_cursor"]
        shop = await tenant_id(hub, "shop")
        query = {"after": start, "wait": 60, "kinds": "order.paid"}
        waiting = asyncio.create_task(ask(hub, **query))
        await waits(hub, shop)
        order = await sell(hub)
        await waits(hub, shop)
        assert not waiting.done()
        await hub.pay(order["uid"])
        assert [each["kind"] for each in (await waiting)["items"]] == ["order.paid"]


async def test_who_waits_in_vain_gets_an_empty_page(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        found = await ask(hub, AS_CDP, after="end", wait=1)
        assert found["items"] == []


async def test_too_many_that_wait_are_told_busy(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(events, "MOST_WAITING", 2)
    async with running_hub(tmp_path) as hub:
        cdp = await tenant_id(hub, "cdp")
        two = [asyncio.create_task(ask(hub, AS_CDP, after="end", wait=60)) for _ in range(2)]
        await waits(hub, cdp, 2)
        answer = await hub.get(EVENTS, params={"after": "end", "wait": 60}, headers=AS_CDP)
        assert (answer.status_code, problem_of(answer)) == (503, "busy")
        assert int(answer.headers["retry-after"]) > 0
        await ask(hub, AS_CDP, after="end")
        await record(hub, 1)
        await asyncio.gather(*two)


async def test_who_waits_when_the_hub_leaves_is_answered_at_once(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        waiting = asyncio.create_task(ask(hub, AS_CDP, after="end", wait=60))
        await waits(hub, await tenant_id(hub, "cdp"))
        hub.hub.port.watch.close()
        assert (await waiting)["items"] == []


async def test_what_another_process_commits_wakes_who_waits() -> None:
    progress = {7: 3}

    async def look(tenants: Any) -> dict[int, int]:
        return {each: progress[each] for each in tenants}

    watch = Watch(look, every_s=0.005)
    waiting = asyncio.create_task(watch.wait(7, 3, 60))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    progress[7] = 4
    await waiting
    await watch.wait(7, 3, 60)  # it was further already
    assert watch.count(7) == 0


async def test_a_look_that_fails_is_taken_again() -> None:
    looks = 0

    async def look(_tenants: Any) -> dict[int, int]:
        nonlocal looks
        looks += 1
        if looks < 3:
            raise OSError
        return {7: 4}

    await Watch(look, every_s=0.001).wait(7, 3, 60)
    assert looks == 3


# --- streams


async def pieces_of(hub: HubUnderTest, count: int, headers: Any, **query: Any) -> list[str]:
    """The first pieces of a stream, as an ASGI server would send them; then the client leaves."""
    sent: list[str] = []
    gone = asyncio.Event()
    asked = httpx.Request("GET", f"http://hub.test{EVENTS}", params=query)
    given = {"accept": "text/event-stream", **{n.lower(): v for n, v in headers.items()}}
    scope = {
        "type": "http",
        "method": "GET",
        "path": EVENTS,
        "query_string": asked.url.query,
        "headers": [(n.encode(), v.encode()) for n, v in given.items()],
        "client": ("127.0.0.1", 50_000),
    }
    begun = False

    async def receive() -> dict[str, Any]:
        nonlocal begun
        if not begun:
            begun = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200
            assert (b"content-type", b"text/event-stream") in message["headers"]
            assert not [n for n, _ in message["headers"] if n == b"content-length"]
        elif message.get("more_body"):
            sent.append(message["body"].decode())
            if len(sent) == count:
                gone.set()

    await hub.hub.app(scope, receive, send)
    return sent


def event_of(piece: str) -> tuple[str, str, Any]:
    fields = dict(line.split(": ", 1) for line in piece.strip().splitlines())
    return fields["id"], fields["event"], json.loads(fields["data"])


async def test_a_stream_tells_what_was_and_what_comes(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await record(hub, 1)
        cdp = await tenant_id(hub, "cdp")
        stream = asyncio.create_task(pieces_of(hub, 3, AS_CDP))
        await waits(hub, cdp)
        await record(hub, 2)
        head, *told = await stream
        assert head.startswith("retry: ")
        assert [event_of(each)[1] for each in told] == ["order.placed"] * 2
        items = (await ask(hub, AS_CDP))["items"]
        assert [event_of(each)[2] for each in told] == items
        # Where the client left off it goes on, whatever its address still says.
        again = {**AS_CDP, "Last-Event-ID": event_of(told[0])[0]}
        _, second = await pieces_of(hub, 2, again, after="end")
        assert event_of(second)[2] == items[1]
        assert hub.hub.port.watch.count(cdp) == 0


async def test_an_operator_sees_who_reads_the_feed_and_how_far_behind(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        told = hub.hub.metrics.registry.get_sample_value
        await record(hub, 1)
        cdp = await tenant_id(hub, "cdp")
        await ask(hub, AS_CDP)
        await ask(hub, AS_CDP, after="end")
        assert told("orderhub_feed_events_total", {"way": "page"}) == 1
        stream = asyncio.create_task(pieces_of(hub, 3, AS_CDP))
        await waits(hub, cdp)
        assert (told("orderhub_feed_streams"), told("orderhub_feed_waiting")) == (1, 1)
        await record(hub, 2)
        await stream
        assert (told("orderhub_feed_streams"), told("orderhub_feed_waiting")) == (0, 0)
        assert told("orderhub_feed_events_total", {"way": "stream"}) == 2
        # Each time what was last was a moment old.
        assert told("orderhub_feed_age_seconds_count") == 3
        assert told("orderhub_feed_age_seconds_bucket", {"le": "3600.0"}) == 3


async def test_an_unknown_last_event_id_is_named(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        headers = {**AS_CDP, "Accept": "text/event-stream", "Last-Event-ID": "x"}
        answer = await hub.get(EVENTS, headers=headers)
        assert answer.json()["errors"][0]["field"] == "Last-Event-ID"


async def test_a_stream_beats_and_ends_with_its_token(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(events.stream, "__kwdefaults__", {"heartbeat_s": 0.01})
    async with running_hub(tmp_path) as hub:
        made = await new_token(hub, "cdp", "orders:read")
        headers = token(made["token"])
        _, beat = await pieces_of(hub, 2, headers, after="end")
        cursor = (await ask(hub, AS_CDP, after="end"))["next_cursor"]
        assert beat == f"id: {cursor}\n: heartbeat\n\n"
        stream = asyncio.create_task(pieces_of(hub, 1_000_000, headers))
        await waits(hub, await tenant_id(hub, "cdp"))
        path = f"/hub/v1/tenants/cdp/credentials/{made['id']}"
        await hub.request("DELETE", path, headers=AS_OPERATOR)
        await stream


# --- pools


def notices(found: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    return [
        (each["kind"], each["data"]["available"], each["order"])
        for each in found["items"]
        if each["kind"].startswith("pool.")
    ]


async def test_a_pool_that_runs_low_out_and_back_is_told(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        base = "/hub/v1/tenants/shop/pools/adjust"
        counted = {"subject": "product:188", "place": "MAIN", "reason": "count"}
        answer = await hub.post(base, {**counted, "count": 6, "low_at": 4}, headers=AS_SHOP)
        assert answer.json()["low_at"] == 4
        start = (await ask(hub, after="end"))["next_cursor"]
        order = await sell(hub, quantity=3)
        await sell(hub, quantity=3)
        await hub.cancel(order["uid"])
        await hub.post(base, {**counted, "by": 5}, headers=AS_SHOP)
        found = await ask(hub, after=start)
        told = [("pool.low", 3), ("pool.out", 0), ("pool.back", 3), ("pool.back", 8)]
        assert [each[:2] for each in notices(found)] == told
        only = await ask(hub, after=start, kinds="pool.low,pool.out,pool.back")
        assert notices(only) == notices(found)
        first = only["items"][0]
        assert (first["order"], first["version"], first["dialect"]) == (None, None, None)
        assert first["data"]["order"] == order["uid"]
        assert first["data"]["level"] == "low"
        assert len({each["id"] for each in found["items"]}) == len(found["items"])


async def test_what_a_product_says_holds_for_what_is_drawn_and_given_back(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        path = "/hub/v1/tenants/shop/catalogue/products/188"
        item = (await hub.get(path, headers=AS_SHOP)).json()
        doc = {**item["doc"], "low_at": 998}
        put = {"doc": doc, "uid": item["uid"], "code": item["code"]}
        answer = await hub.request("PUT", path, json=put, headers=AS_SHOP)
        assert answer.is_success, answer.text
        start = (await ask(hub, after="end"))["next_cursor"]
        order = await sell(hub, quantity=3)
        await hub.cancel(order["uid"])
        told = [("pool.low", 997, None), ("pool.back", 1000, None)]
        assert notices(await ask(hub, after=start)) == told


async def test_low_at_alone_marks_a_pool_and_opens_none(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        base = "/hub/v1/tenants/shop/pools/adjust"
        marked = {"subject": "product:188", "place": "MAIN", "reason": "season", "low_at": 40}
        answer = await hub.post(base, marked, headers=AS_SHOP)
        assert (answer.json()["low_at"], answer.json()["available"]) == (40, 1000)
        path = "/hub/v1/tenants/shop/catalogue/products/9001"
        await hub.request("PUT", path, json={"doc": {"title": "Hat"}}, headers=AS_SHOP)
        uncounted = {**marked, "subject": "product:9001"}
        answer = await hub.post(base, uncounted, headers=AS_SHOP)
        assert (answer.status_code, answer.json()["field"]) == (422, "low_at"), answer.text
        answer = await hub.post(base, {**uncounted, "count": 50}, headers=AS_SHOP)
        assert (answer.json()["low_at"], answer.json()["available"]) == (40, 50)
        answer = await hub.post(base, {**marked, "low_at": -1}, headers=AS_SHOP)
        assert answer.json()["errors"][0]["field"] == "low_at"
        balance = {"kind": "balance", "subject": "user:1000", "reason": "x", "low_at": "12.50"}
        answer = await hub.post(base, balance, headers=AS_SHOP)
        assert answer.json()["low_at"] == "12.5"


async def test_a_dry_run_tells_nothing(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        start = (await ask(hub, after="end"))["next_cursor"]
        body = {"subject": "product:188", "place": "MAIN", "reason": "x", "count": 0}
        dry = {**AS_SHOP, "Hub-Dry-Run": "true"}
        await hub.post("/hub/v1/tenants/shop/pools/adjust", body, headers=dry)
        assert (await ask(hub, after=start))["items"] == []
