"""Who crowds is told busy, in the dialect's own words and when to come back; nobody else notices."""

from __future__ import annotations

import asyncio
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from orderhub.dialects.finding import find_dialects
from orderhub.intake.busy import Busy
from orderhub.web.recent import Recent
from orderhub.web.shares import TENANT, Hands, Threads
from tests.support.calls import Caller, Reply
from tests.support.golden import Golden, by, goldens, raw, sent

DIALECTS = find_dialects()
LIMIT_S = 20.0


def ready(hub: Caller, dialect: Any) -> Golden:
    case: Golden = goldens(dialect.name)[0]
    if case.clock:
        hub.freeze(case.tenant, case.clock)
    return case


def tenant_id(hub: Caller, name: str) -> int:
    tenant = hub.hub.ledger.read(lambda reads: reads.tenant(name))
    assert tenant is not None
    return tenant.id


@contextmanager
def crowded(hub: Caller, name: str) -> Iterator[None]:
    """The tenant has as many calls in hand as it may."""
    hands, tenant = hub.hub.port.hands, tenant_id(hub, name)
    ids = [f"crowd {n}" for n in range(hands._most)]
    for each in ids:
        hands.take(each, tenant)
    try:
        yield
    finally:
        for each in ids:
            hands.put_down(each)


def in_vendors_login(hub: Caller, case: Golden, body: Any = None) -> Reply:
    request = case.request if body is None else replace(case.request, body=body)
    reply: Reply = sent(request, hub.send, {})
    return reply


def in_hubs_login(hub: Caller, case: Golden, **headers: str) -> Reply:
    asked = by(case.request, f"hub-demo-{case.tenant}")
    return hub.send(asked.method, asked.path, asked.query, {**asked.headers, **headers}, raw(asked))


LOGINS = [in_vendors_login, in_hubs_login]


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_a_call_too_many_is_told_busy_in_the_vendors_words_and_when_to_come_back(
    hub: Caller, dialect: Any, login: Callable[[Caller, Golden], Reply]
) -> None:
    case = ready(hub, dialect)
    with crowded(hub, case.tenant):
        told = login(hub, case)
        assert int(told.headers["retry-after"]) >= 1
        assert told.status == 503 or told.json()["code"] not in {0, 10000}
        assert hub.orders(case.tenant) == []
    assert login(hub, case).status in {200, 201}
    assert len(hub.orders(case.tenant)) == 1


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_those_behind_the_first_of_a_crowd_are_told_the_same_before_anything_is_asked(
    hub: Caller, dialect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, asked = ready(hub, dialect), []
    port = hub.hub.port
    real = port.credential

    async def credential(*names: str) -> Any:
        asked.append(names)
        return await real(*names)

    monkeypatch.setattr(port, "credential", credential)
    with crowded(hub, case.tenant):
        first = in_hubs_login(hub, case)
        told = len(asked)
        again = in_hubs_login(hub, case)
        assert (again.status, int(again.headers["retry-after"]) >= 1) == (first.status, True)
        if dialect.asks_body:  # another caller may have the same head
            assert len(asked) > told
        else:
            assert len(asked) == told
            assert again.body == first.body
            assert again.headers.keys() == first.headers.keys()
            assert again.headers["request-id"] != first.headers["request-id"]
        told = len(asked)
        hub.send("POST", case.request.path, None, {"Authorization": "Bearer other"}, b"{}")
        assert len(asked) > told, "who shows something else may be somebody else"
    assert in_hubs_login(hub, case).status in {200, 201}, "once there is room, they are served"


def test_the_hubs_own_api_says_busy_to_reads_too(hub: Caller) -> None:
    with crowded(hub, "shop"):
        told = hub.ask("GET", "/hub/v1/orders", token="hub-demo-shop")
        assert told.status == 503
        assert told.json()["type"].endswith("busy")
        assert int(told.headers["retry-after"]) >= 1
        assert hub.ask("GET", "/hub/v1/orders", token="hub-demo-cdp").status == 200
        assert hub.ask("GET", "/hub/v1/orders").status == 200, "an operator is no part of the crowd"
        assert hub.ask("GET", "/health/ready", token="").status == 200
        assert hub.ask("GET", "/metrics", token="").status == 200
    assert hub.ask("GET", "/hub/v1/orders", token="hub-demo-shop").status == 200


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_busy_is_said_before_the_body_is_decoded(
    hub: Caller, dialect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = ready(hub, dialect)
    in_vendors_login(hub, case)  # whatever is read once is read by now

    def decoded(_: bytes) -> Any:
        raise AssertionError("decoded")

    for module in _modules_that_decode(dialect.name):
        for name in ("decode", "decode_object"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, decoded)
    with crowded(hub, case.tenant):
        told = in_vendors_login(hub, case)
    assert "retry-after" in told.headers
    assert hub.broken() == {}


def _modules_that_decode(name: str) -> list[Any]:
    return [
        module
        for at, module in list(sys.modules.items())
        if at.startswith(f"orderhub.dialects.{name}.")
    ]


def test_tokens_in_a_body_that_is_no_json_or_anothers_are_judged_as_ever(hub: Caller) -> None:
    mews = next(each for each in DIALECTS if each.name == "mews")
    case = ready(hub, mews)
    with crowded(hub, case.tenant):
        broken = hub.send("POST", case.request.path, None, {}, b'{"ClientToken": "x", ')
        assert broken.status == 400
        stranger = in_vendors_login(hub, case, {**case.request.body, "AccessToken": "nobody's"})
        assert stranger.status == 401
        other = in_vendors_login(hub, case, {**case.request.body, "ClientToken": "other"})
        assert other.status == 401


# --- counted down again, however a call ends


def _refused(hub: Caller, case: Golden) -> None:
    asked = by(replace(case.request, body={"no": "order"}), f"hub-demo-{case.tenant}")
    hub.send(asked.method, asked.path, asked.query, asked.headers, raw(asked))


def _broken(hub: Caller, case: Golden) -> None:
    submit = hub.hub.port.submit

    async def breaks(*_: Any) -> Any:
        raise ZeroDivisionError

    hub.hub.port.submit = breaks  # type: ignore[method-assign]
    in_hubs_login(hub, case)
    hub.hub.port.submit = submit  # type: ignore[method-assign]


def _queue_full(hub: Caller, case: Golden) -> None:
    limit, hub.hub.intake._queue_limit = hub.hub.intake._queue_limit, 0
    in_hubs_login(hub, case)
    hub.hub.intake._queue_limit = limit


def _cancelled(hub: Caller, case: Golden) -> None:
    """The server gives the call up while it waits for its commit."""

    async def give_up() -> None:
        put, waits = hub.hub.intake.put, asyncio.Event()
        hub.hub.intake.put = lambda *_, **__: waits.set()
        asked = by(case.request, f"hub-demo-{case.tenant}")
        call = asyncio.create_task(
            hub.asend(asked.method, asked.path, asked.query, asked.headers, raw(asked))
        )
        await waits.wait()
        assert hub.hub.port.hands.count(tenant_id(hub, case.tenant)) == 1
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        hub.hub.intake.put = put

    hub.run(give_up())


def _left(hub: Caller, case: Golden) -> None:
    """The client leaves before its request is complete."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(_: Any) -> None:
        raise AssertionError("nobody is there")

    asked = by(case.request, f"hub-demo-{case.tenant}")
    headers = [(n.lower().encode(), v.encode()) for n, v in asked.headers.items()]
    scope = {"type": "http", "method": asked.method, "path": asked.path, "headers": headers}
    hub.run(hub.hub.app(scope, receive, send))


def _dropped(hub: Caller, case: Golden) -> None:
    """A fault on purpose: the connection closes without an answer."""
    path = f"/hub/v1/tenants/{case.tenant}/credentials"
    listed = hub.operate("GET", f"{path}?kind=hub")["items"]
    for each in listed:
        hub.ask("PUT", f"{path}/{each['id']}/faults", {"faults": [{"kind": "drop"}]})
    with pytest.raises(Exception, match=r"^$"):  # there is no transport to abort: Dropped comes out
        in_hubs_login(hub, case)


def _dry_run(hub: Caller, case: Golden) -> None:
    in_hubs_login(hub, case, **{"hub-dry-run": "true"})


def _unavailable(hub: Caller, case: Golden) -> None:
    def full(_: str) -> Any:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    ledger = hub.hub.intake._ledger
    ledger.batch = full
    assert in_hubs_login(hub, case).status in {200, 503}
    del ledger.batch


def _unread(hub: Caller, case: Golden) -> None:
    """Refused before any handler asked who calls: a sandbox is told why, so it is found out afterwards."""
    asked = by(case.request, f"hub-demo-{case.tenant}")
    for method, path in ((asked.method, f"{asked.path}/no-such-path"), ("PATCH", asked.path)):
        hub.send(method, path, asked.query, asked.headers, b'"text"')
    hub.send(asked.method, asked.path, asked.query, asked.headers, b'"text"')


ENDS = [
    _refused,
    _broken,
    _queue_full,
    _cancelled,
    _left,
    _dropped,
    _dry_run,
    _unavailable,
    _unread,
]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_no_call_stays_in_hand_after_its_end(
    hub: Caller, dialect: Any, end: Callable[[Caller, Golden], None]
) -> None:
    case = ready(hub, dialect)
    end(hub, case)
    hands = hub.hub.port.hands
    assert hands.count(tenant_id(hub, case.tenant)) == 0
    assert hands._tenants == {}
    with crowded(hub, case.tenant):
        assert "retry-after" in in_hubs_login(hub, case).headers
    assert hands._tenants == {}


def test_a_plan_and_the_call_it_is_made_of_are_one_call(hub: Caller) -> None:
    hub.hub.port.hands = Hands(1)
    plan = {
        "dialect": "sitecore_cdp",
        "path": "/v2.1/orders",
        "body": goldens("sitecore_cdp")[0].request.body,
    }
    assert hub.ask("POST", "/hub/v1/plans", plan, token="hub-demo-cdp").status == 201
    assert hub.hub.port.hands._tenants == {}


# --- the count itself


def hands(most: int) -> tuple[Hands, list[float]]:
    now = [100.0]
    return Hands(most, lambda: now[0]), now


def test_a_tenant_alone_has_the_whole_limit_and_half_of_it_while_another_calls():
    each, now = hands(4)
    for number in range(4):
        each.take(f"a{number}", 1)
    assert each.is_crowded
    with pytest.raises(Busy):
        each.take("a4", 1)
    each.take("b0", 2)
    each.put_down("a0")
    each.put_down("a1")
    with pytest.raises(Busy):
        each.take("a5", 1)
    each.take("b1", 2)
    with pytest.raises(Busy):
        each.take("b2", 2)
    for name in ("b0", "b1"):
        each.put_down(name)
    now[0] += 1.1
    each.take("a6", 1)
    each.take("a7", 1)
    assert each.count(1) == 4
    assert each.count(2) == 0


def test_beside_others_a_tenant_has_as_many_calls_as_two_short_batches_hold():
    now = [100.0]
    each = Hands(8, lambda: now[0], lambda: 2)
    each.take("b0", 2)
    each.take("a0", 1)
    assert not each.is_full(1)
    each.take("a1", 1)
    assert each.is_full(1)
    with pytest.raises(Busy):
        each.take("a2", 1)
    now[0] += 1.1
    assert not each.is_full(1)


def test_a_call_counts_once_and_moves_with_its_tenant():
    each, _ = hands(2)
    each.take("call", 1)
    each.take("call", 1)
    assert (each.count(1), each.count(2)) == (1, 0)
    each.take("call", 2)
    assert (each.count(1), each.count(2)) == (0, 1)
    each.put_down("call")
    each.put_down("call")
    each.put_down("never in hand")
    assert (each.count(1), each.count(2)) == (0, 0)


def test_an_operator_who_looks_on_halves_nobodys_share():
    each, _ = hands(4)
    for number in range(3):
        each.take(f"a{number}", 1)
        each.take(f"operator{number}", 0)
    assert each.count(1) == 3


# --- turns at the threads


async def _worked(threads: Threads, names: list[tuple[int, str]]) -> list[str]:
    """The order in which work is done that waits behind something slow."""
    gate, done = threading.Event(), []
    first = asyncio.create_task(threads.run(gate.wait, LIMIT_S))
    await asyncio.sleep(0)
    rest = []
    for tenant, name in names:
        TENANT.set(tenant)
        rest.append(asyncio.create_task(threads.run(done.append, name)))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, *rest)
    return done


def test_reads_of_a_crowd_do_not_stand_before_those_of_others():
    threads = Threads(1, "test")
    names = [(1, f"a{n}") for n in range(4)] + [(2, "b0"), (2, "b1")]
    assert asyncio.run(_worked(threads, names)) == ["a0", "b0", "a1", "b1", "a2", "a3"]
    threads.close()


def test_what_a_thread_raises_is_raised_where_it_was_asked_for():
    async def ask() -> None:
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 / 0)
        assert await threads.run(divmod, 7, 2) == (3, 1)

    threads = Threads(1, "test")
    asyncio.run(ask())
    threads.close()


def test_closing_drops_what_has_not_begun():
    async def ask() -> None:
        gate = threading.Event()
        running = asyncio.create_task(threads.run(gate.wait, LIMIT_S))
        waiting = asyncio.create_task(threads.run(int))
        await asyncio.sleep(0)
        closing = asyncio.get_running_loop().run_in_executor(None, threads.close)
        await asyncio.sleep(0)
        gate.set()
        await closing
        assert await running
        await asyncio.wait([waiting], timeout=LIMIT_S)
        assert waiting.done()

    threads = Threads(1, "test")
    asyncio.run(ask())


# --- what was read a moment ago


def test_what_was_read_is_told_for_less_than_a_second() -> None:
    now, reads = [100.0], []

    async def read(key: str) -> int:
        reads.append(key)
        return len(reads)

    async def ask() -> None:
        recent = Recent(read, lambda: now[0])
        assert [await recent.get("k") for _ in range(3)] == [1, 1, 1]
        now[0] += 0.91
        assert await recent.get("k") == 2
        recent.drop("k")
        assert await recent.get("k") == 3
        recent.forget()
        assert await recent.get("k") == 4

    asyncio.run(ask())


def test_what_nobody_asks_for_any_more_makes_room_for_what_is_asked_for() -> None:
    now: list[float] = [100.0]
    kept: weakref.WeakSet[Found] = weakref.WeakSet()

    class Found:
        """What was read."""

    async def read(_: int) -> Found:
        found = Found()
        kept.add(found)
        return found

    async def ask() -> None:
        recent = Recent(read, lambda: now[0])
        for key in range(500):
            await recent.get(key)
        assert len(kept) == 500
        now[0] += 1.0
        for key in range(500, 750):
            await recent.get(key)
        assert len(kept) == 250

    asyncio.run(ask())


def test_what_was_being_read_while_it_was_changed_is_not_kept() -> None:
    values = ["old"]

    async def ask() -> None:
        gate = asyncio.Event()

        async def read(_: str) -> str:
            value = values[0]
            await gate.wait()
            return value

        recent = Recent(read)
        asked = asyncio.create_task(recent.get("k"))
        await asyncio.sleep(0)  # it asks
        await asyncio.sleep(0)  # and is read
        values[0] = "new"
        recent.forget()
        gate.set()
        assert await asked == "old"
        assert await recent.get("k") == "new"

    asyncio.run(ask())


def test_what_many_ask_for_at_once_is_read_once_and_before_it_is_too_old() -> None:
    now, gates = [100.0], []

    async def read(_: str) -> int:
        gate = asyncio.Event()
        gates.append(gate)
        mine = len(gates)
        await gate.wait()
        return mine

    async def ask() -> None:
        recent = Recent(read, lambda: now[0])
        crowd = [asyncio.create_task(recent.get("k")) for _ in range(50)]
        await asyncio.sleep(0)
        crowd.pop().cancel()  # whoever leaves takes the answer from nobody else
        await asyncio.sleep(0)
        assert len(gates) == 1
        gates[0].set()
        assert await asyncio.gather(*crowd) == [1] * 49
        now[0] += 0.6
        assert [await recent.get("k") for _ in range(3)] == [1, 1, 1], "nobody waits for the second"
        await asyncio.sleep(0)
        assert len(gates) == 2
        gates[1].set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        now[0] += 0.6
        assert await recent.get("k") == 2

    asyncio.run(ask())


def test_a_reading_that_fails_is_told_to_all_who_wait_and_begun_anew_for_the_next() -> None:
    failing = [True]

    async def read(_: str) -> str:
        await asyncio.sleep(0)
        if failing[0]:
            raise ConnectionError
        return "there"

    async def ask() -> None:
        recent = Recent(read)
        told = await asyncio.gather(*(recent.get("k") for _ in range(3)), return_exceptions=True)
        assert [type(each) for each in told] == [ConnectionError] * 3
        failing[0] = False
        assert await recent.get("k") == "there"

    asyncio.run(ask())
