"""The edge of the hub: every answer can be found again, every stray call gets its vendor's words, no secret stays."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orderhub.dialects.contract import Dialect
from orderhub.dialects.finding import find_dialects
from tests.support import world
from tests.support.calls import Caller, calling, copied
from tests.support.dialects import HUB
from tests.support.golden import Golden, Request, goldens, sent
from tests.support.hub import operator_headers, seed_demo
from tests.support.waiting import until

DIALECTS = find_dialects()
DEADLINE_S = 20.0


@pytest.fixture(scope="module")
def demo_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "demo.sqlite"
    seed_demo(f"sqlite:///{path}")
    return path


class Log:
    """Stands where the app's logger stands and keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def info(self, event: str, **members: Any) -> None:
        self.lines.append({"event": event, **members})

    error = warning = info


@pytest.fixture
def hub(demo_file: Path, tmp_path: Path) -> Iterator[Caller]:
    with calling(copied(demo_file, tmp_path)) as caller:
        caller.hub.app._log = Log()
        yield caller


def lines(hub: Caller) -> list[dict[str, Any]]:
    log: Log = hub.hub.app._log
    return log.lines


def ready(hub: Caller, dialect: Dialect) -> Golden:
    """The dialect's own create example, with the clock where it lives."""
    case = goldens(dialect.name)[0]
    if case.clock:
        hub.freeze(case.tenant, case.clock)
    return case


# --- the request id


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_the_id_of_an_answer_finds_its_log_line_and_the_orders_history(
    hub: Caller, dialect: Dialect
) -> None:
    case = ready(hub, dialect)
    reply = sent(case.request, hub.send, {})
    request_id = reply.headers["request-id"]
    (line,) = [each for each in lines(hub) if each["request_id"] == request_id]
    assert line["event"] == "answered"
    assert (line["dialect"], line["status"]) == (dialect.name, reply.status)
    assert line["path"] == case.request.path
    assert line["outcome"] == "accepted"
    assert line["tenant"] >= 1
    uid = hub.orders(case.tenant)[0]["uid"]
    assert uid in line["orders"]
    events = hub.operate("GET", f"/hub/v1/orders/{uid}")["events"]
    assert events[0]["request_id"] == request_id


def test_every_answer_has_an_id_of_its_own_even_to_nonsense(hub: Caller) -> None:
    calls = [
        ("GET", "/"),
        ("GET", "/health"),
        ("GET", "/metrics"),
        ("HEAD", "/health"),
        ("BREW", "/pot"),
        ("POST", "/hub/v1/orders"),
        ("GET", "/" + "x" * 5_000),
        ("POST", "/v2/order/add"),
    ]
    ids = [hub.send(method, path).headers["request-id"] for method, path in calls]
    assert len(set(ids)) == len(calls)
    assert all(len(each) == 32 for each in ids)


def test_a_refusal_says_in_the_log_what_its_words_may_hide(hub: Caller) -> None:
    reply = hub.ask("GET", "/hub/v1/orders/00000000-0000-0000-0000-000000000000")
    (line,) = [e for e in lines(hub) if e["request_id"] == reply.headers["request-id"]]
    assert (line["reason"], line["field"], line["status"]) == ("order_unknown", "uid", 404)


def test_a_bug_is_logged_with_its_trace_under_the_answers_id(
    hub: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(hub.hub.port, "read", broken)
    reply = hub.ask("GET", "/hub/v1/tenants")
    assert reply.status == 500
    broke, answered = [e for e in lines(hub) if e["request_id"] == reply.headers["request-id"]]
    assert isinstance(broke["exc_info"], ZeroDivisionError)
    assert answered["fault"] == "broken"
    assert "ZeroDivision" not in reply.body.decode()


def test_a_client_that_left_is_not_answered(hub: Caller) -> None:
    sent: list[Any] = []

    async def gone() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/v2/order/add", "headers": []}
        await hub.hub.app(scope, receive, send)

    hub.run(gone())
    assert sent == []


# --- stray calls


@pytest.mark.parametrize("dialect", [*DIALECTS, HUB], ids=lambda each: each.name)
def test_a_path_nobody_has_gets_the_words_of_whose_prefix_it_is_under(
    hub: Caller, dialect: Dialect
) -> None:
    for prefix in dialect.prefixes:
        path = f"{prefix.rstrip('/')}/no/such/path"
        said = shape(hub, dialect, "POST", path)
        assert set(json.loads(hub.send("GET", path).body)) == said
        head = hub.send("HEAD", path)
        assert head.body == b""
        assert int(head.headers["content-length"]) > 0


def shape(hub: Caller, dialect: Dialect, method: str, path: str) -> set[str]:
    reply = hub.send(method, path)
    assert reply.status in {404, 200}, reply
    (line,) = [e for e in lines(hub) if e["request_id"] == reply.headers["request-id"]]
    assert line["dialect"] == dialect.name
    assert line["fault"] == "not_found" or "fault" not in line
    return set(reply.json())


@pytest.mark.parametrize("dialect", [*DIALECTS, HUB], ids=lambda each: each.name)
def test_another_method_is_refused_and_told_which_there_are(hub: Caller, dialect: Dialect) -> None:
    for route in dialect.routes:
        path = route.path.replace("{", "").replace("}", "")
        reply = hub.send("BREW", path)
        assert reply.status in {405, 404, 200}
        assert reply.json()
        if reply.status == 405:
            assert route.method in reply.headers["allow"].split(", ")


@pytest.mark.parametrize("dialect", [*DIALECTS, HUB], ids=lambda each: each.name)
def test_head_is_answered_like_get_without_the_body(hub: Caller, dialect: Dialect) -> None:
    token = "hub-demo-operator"
    if dialect is not HUB:
        token = f"hub-demo-{goldens(dialect.name)[0].tenant}"
    shown = {"authorization": f"Bearer {token}"}
    for route in dialect.routes:
        if route.method == "GET" and "{" not in route.path:
            get = hub.send("GET", route.path, headers=shown)
            head = hub.send("HEAD", route.path, headers=shown)
            assert head.status == get.status, route.path
            assert head.body == b""
            assert head.headers["content-type"] == get.headers["content-type"]


def test_an_unknown_path_elsewhere_is_a_problem_of_the_hub(hub: Caller) -> None:
    reply = hub.send("GET", "/nowhere")
    assert reply.status == 404
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["type"] == "/docs/problems#not_found"


# --- metrics and health


METRICS = [
    # who asks, with which headers, may see
    ("127.0.0.1", {}, True),
    ("::1", {}, True),
    ("10.0.0.7", {}, False),
    ("", {}, False),
    ("127.0.0.1", {"x-forwarded-for": "10.0.0.7"}, False),
    ("127.0.0.1", {"forwarded": "for=127.0.0.1"}, False),
    ("127.0.0.1", {"x-real-ip": "127.0.0.1"}, False),
    ("10.0.0.7", {"authorization": "Bearer hub-demo-operator"}, True),
    ("10.0.0.7", {"authorization": "bearer  hub-demo-operator"}, True),
    ("10.0.0.7", {"authorization": "Bearer hub-demo-shop"}, False),
    ("10.0.0.7", {"authorization": "Basic hub-demo-operator"}, False),
    (
        "127.0.0.1",
        {"x-forwarded-for": "1.1.1.1", "authorization": "Bearer hub-demo-operator"},
        True,
    ),
]


@pytest.mark.parametrize(("client", "headers", "may"), METRICS)
def test_metrics_are_for_operators_and_for_loopback(
    hub: Caller, client: str, headers: dict[str, str], may: bool
) -> None:
    reply = hub.send("GET", "/metrics", headers=headers, client=client)
    assert reply.status == (200 if may else 403)
    assert (b"orderhub_" in reply.body) is may


def test_metrics_count_what_happened_by_dialect_and_reason(hub: Caller) -> None:
    for dialect in DIALECTS:
        sent(ready(hub, dialect).request, hub.send, {})
    hub.ask("GET", "/hub/v1/orders/0")
    hub.ask("GET", "/hub/v1/orders", token="nobody")
    told = hub.send("GET", "/metrics").body.decode()
    for dialect in DIALECTS:
        assert f'orderhub_orders_total{{dialect="{dialect.name}"}} ' in told
        assert f'orderhub_answer_seconds_count{{dialect="{dialect.name}"}} 1.0' in told
    assert 'orderhub_refusals_total{dialect="hub",reason="order_unknown"} 1.0' in told
    assert 'orderhub_faults_total{dialect="hub",kind="unauthenticated"} 1.0' in told
    for name in ("orderhub_batch_commands_count", "orderhub_commit_seconds_count"):
        assert float(told.split(f"\n{name} ")[1].split("\n")[0]) >= len(DIALECTS)
    assert "\norderhub_queue_depth 0.0" in told


def test_health_says_ready_until_the_hub_begins_to_leave(hub: Caller) -> None:
    for path in ("/health", "/health/ready", "/health/live"):
        assert hub.send("GET", path, client="10.0.0.7").status == 200
    hub.run(hub.hub.stop())
    leaving = hub.send("GET", "/health")
    assert leaving.status == 503
    assert leaving.headers["retry-after"] == "1"
    assert hub.send("GET", "/health/live").status == 200


@pytest.mark.parametrize("path", ["/metrics", "/health", "/health/ready", "/health/live"])
@pytest.mark.parametrize("client", ["127.0.0.1", "10.0.0.7"])
def test_a_probe_is_logged_like_any_call(hub: Caller, client: str, path: str) -> None:
    reply = hub.send("GET", path, client=client)
    found = [each for each in lines(hub) if each["request_id"] == reply.headers["request-id"]]
    assert [each["status"] for each in found] == [reply.status]


def test_a_probe_counts_in_the_answer_times_only_when_it_fails(hub: Caller) -> None:
    def measured() -> float:
        told = hub.send("GET", "/metrics", client="127.0.0.1").body.decode()
        name = 'orderhub_answer_seconds_count{dialect="hub"}'
        return float(told.split(f"{name} ")[1].split("\n")[0]) if name in told else 0.0

    before = measured()
    assert hub.send("GET", "/health").status == 200
    assert measured() == before
    assert hub.send("GET", "/metrics", client="10.0.0.7").status == 403
    assert measured() == before + 1


# --- what is kept


def secrets_of(dialect: Dialect, request: Request) -> set[str]:
    """Everything in a request that opens a door."""
    found = {
        value.partition(" ")[2] or value
        for name, value in request.headers.items()
        if name.lower() in {"authorization", "token", "cookie"}
    }
    if request.sign is not None:
        found |= {request.sign["secret"]}
    if isinstance(request.body, dict):
        found |= {str(request.body[name]) for name in dialect.secrets if name in request.body}
    return {each for each in found if each}


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_the_raw_request_is_kept_without_what_opens_a_door(hub: Caller, dialect: Dialect) -> None:
    case = ready(hub, dialect)
    secrets = secrets_of(dialect, case.request)
    assert secrets, "the example shows no credential"
    sent(case.request, hub.send, {})
    uid = hub.orders(case.tenant)[0]["uid"]
    kept = hub.operate("GET", f"/hub/v1/orders/{uid}")["request"]
    expected = {n: v for n, v in case.request.body.items() if n not in dialect.secrets}
    assert set(kept) == set(expected)
    everything = repr(world.every_row(hub.hub.ledger))
    assert not [each for each in secrets if each in everything]


# --- timers


def once(hub: Caller, uid: str, status: str) -> dict[str, Any]:
    """The order once it has that status; the hub's own tasks run meanwhile."""

    async def order() -> Any:
        return (await hub.asend("GET", f"/hub/v1/orders/{uid}", headers=operator_headers())).json()

    found: dict[str, Any] = hub.run(until(order, lambda shown: shown["status"] == status))
    return found


def test_an_unpaid_order_is_closed_when_the_tenants_clock_says_so(hub: Caller) -> None:
    shop = next(each for each in DIALECTS if each.name == "anqicms")
    hub.operate("PATCH", "/hub/v1/tenants/shop/settings", {"auto_close_s": 1_800})
    case = ready(hub, shop)
    sent(case.request, hub.send, {})
    uid = hub.orders("shop")[0]["uid"]
    hub.operate("POST", "/hub/v1/tenants/shop/clock", {"action": "advance", "by_s": 1_799})
    assert not hub.hub.ledger.has_due_timers(hub.hub.port.now_us()), "its time has not come"
    assert hub.orders("shop")[0]["status"] == "pending"
    hub.operate("POST", "/hub/v1/tenants/shop/clock", {"action": "advance", "by_s": 1})
    order = once(hub, uid, "cancelled")
    assert order["events"][-1]["actor"] == "timer"
    assert order["events"][-1]["data"]["reason"] == "auto_close"
    assert [draw["kind"] for draw in order["draws"]] == ["draw", "return"]


def test_a_paid_order_is_not_closed(hub: Caller) -> None:
    shop = next(each for each in DIALECTS if each.name == "anqicms")
    hub.operate("PATCH", "/hub/v1/tenants/shop/settings", {"auto_close_s": 60, "auto_finish_s": 60})
    sent(ready(hub, shop).request, hub.send, {})
    uid = hub.orders("shop")[0]["uid"]
    hub.operate("POST", f"/hub/v1/orders/{uid}/pay", {})
    hub.operate("POST", f"/hub/v1/orders/{uid}/ship", {})
    hub.operate("POST", "/hub/v1/tenants/shop/clock", {"action": "advance", "by_s": 61})
    assert once(hub, uid, "completed")["events"][-1]["data"]["reason"] == "auto_finish"


@pytest.mark.parametrize("way", ["read", "blocking"])
def test_the_hub_closes_its_database_only_when_no_thread_uses_it(hub: Caller, way: str) -> None:
    """A call whose client left is cancelled, its thread is not: it still has a connection."""
    began, may_end = threading.Event(), threading.Event()
    port, ledger = hub.hub.port, hub.hub.ledger

    def look(_reads: Any) -> None:
        began.set()
        may_end.wait(DEADLINE_S)

    async def leave() -> None:
        call = port.read(look) if way == "read" else port.blocking(ledger.read, look)
        task = asyncio.ensure_future(call)
        await asyncio.to_thread(began.wait, DEADLINE_S)
        task.cancel()
        stopping = asyncio.ensure_future(hub.hub.stop())
        done, _ = await asyncio.wait({stopping}, timeout=0.5)
        may_end.set()
        await stopping
        assert not done, "stopped while a thread read"

    hub.run(leave())
