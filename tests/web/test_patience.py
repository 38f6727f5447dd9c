"""How long a call waits for the database, and how `/health/ready` finds out whether a commit can be made."""

import asyncio
import threading
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from orderhub.intake.standing import Standing
from orderhub.web import readiness
from orderhub.web.patience import Patience, begin, patience
from orderhub.web.readiness import Readiness
from tests.support.calls import Caller, calling

TROUBLE = OperationalError("INSERT", {}, Exception("database or disk is full"))


def test_a_call_has_one_budget_for_all_that_it_waits_for_and_a_command_renews_it() -> None:
    async def run() -> None:
        begin(0.2)
        never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        mine = patience(9.0)
        assert mine is patience(9.0)
        with pytest.raises(TimeoutError):
            async with mine.wait():
                await never
        again = asyncio.get_running_loop().create_future()
        with pytest.raises(TimeoutError):  # at once: nothing is left
            async with asyncio.timeout(5), patience(9.0).wait():
                await again
        mine.renew()
        async with mine.wait():
            await asyncio.sleep(0)
        begin(None)
        assert patience(9.0) is not patience(9.0), "a long upload's waits count one by one"

    asyncio.run(run())


def test_what_is_done_in_time_costs_only_the_time_it_took() -> None:
    async def run() -> None:
        waits = Patience(30.0)
        async with waits.wait():
            await asyncio.sleep(0.01)
        assert 0 < waits._left_s < 30.0

    asyncio.run(run())


@pytest.fixture
def slow(demo_url: str):
    with calling(demo_url, answer_timeout_s=1) as caller:
        yield caller


def stuck(hub: Caller, method: str, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """The ledger's method waits until the event is set."""
    go = threading.Event()
    works = getattr(hub.hub.ledger, method)

    def waits(*args: Any, **more: Any) -> Any:
        assert go.wait(30)
        return works(*args, **more)

    monkeypatch.setattr(hub.hub.ledger, method, waits)
    return go


ORDER = {"goods_id": 188, "quantity": 1, "type": "goods"}


def test_a_command_whose_commit_may_still_happen_is_503_and_its_repeat_finds_it(
    slow: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = ("POST", "/api/order/create", ORDER, "hub-demo-shop")
    before = len(slow.orders("shop"))
    with monkeypatch.context() as patched:
        go = stuck(slow, "batch", patched)
        answer = slow.ask(*create, idempotency_key="k")
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) >= 1
        go.set()
    again = slow.ask(*create, idempotency_key="k")
    assert again.headers["idempotent-replayed"] == "true"
    assert len(slow.orders("shop")) == before + 1


def test_a_read_that_takes_too_long_is_503(slow: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        go = stuck(slow, "read", patched)
        answer = slow.ask("GET", "/hub/v1/orders")
        go.set()
    assert answer.status == 503
    assert answer.headers["retry-after"]
    assert "does not answer in time" in answer.json()["detail"]
    assert slow.ask("GET", "/hub/v1/orders").status == 200


def test_the_directory_that_does_not_answer_is_503_and_says_that_it_may_still_be_done(
    slow: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        go = stuck(slow, "directory", patched)
        answer = slow.ask("POST", "/hub/v1/tenants", {"name": "acme"}, idempotency_key="k")
        go.set()
    assert answer.status == 503
    assert "may still be done" in answer.json()["detail"]
    assert slow.ask("POST", "/hub/v1/tenants", {"name": "acme"}, idempotency_key="k").status == 201


# --- readiness


def ready(hub: Caller) -> int:
    return hub.send("GET", "/health/ready").status


def test_ready_is_503_while_no_commit_can_be_made(
    slow: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_EVERY_S", 0.0)
    assert ready(slow) == 200
    with monkeypatch.context() as patched:

        def full() -> None:
            raise TROUBLE

        patched.setattr(slow.hub.port.readiness, "_try_commit", full)
        assert ready(slow) == 503
    assert ready(slow) == 200


def test_a_probe_really_commits(slow: Caller) -> None:
    def probes() -> int:
        with slow.hub.ledger.engine.connect() as connection:
            found = connection.exec_driver_sql("SELECT next FROM counter WHERE name = 'probe'")
            return found.scalar() or 0

    before = probes()
    slow.hub.ledger.try_commit()
    slow.hub.ledger.try_commit()
    assert probes() == max(before, 1) + (1 if before == 0 else 2)


def test_one_probe_at_a_time_and_one_a_second_and_none_beside_commits() -> None:
    tried: list[int] = []
    standing = Standing()
    looks = Readiness(lambda: tried.append(1), standing, 1.0)

    async def run() -> None:
        assert await asyncio.gather(*(looks.can_commit() for _ in range(50))) == [True] * 50
        assert len(tried) == 1
        standing.failed(TROUBLE)
        assert [await looks.can_commit() for _ in range(5)] == [False] * 5
        assert len(tried) == 1, "not asked again within the second"
        standing.committed()
        assert await looks.can_commit()
        assert len(tried) == 1, "a commit was just made"

    asyncio.run(run())
    looks.close()


def test_a_probe_that_hangs_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    go, began = threading.Event(), threading.Event()

    def hangs() -> None:
        began.set()
        assert go.wait(30)

    looks = Readiness(hangs, Standing(), 0.1)

    async def run() -> None:
        assert await looks.can_commit() is False
        async with asyncio.timeout(20):
            assert await asyncio.gather(*(looks.can_commit() for _ in range(50))) == [False] * 50
        go.set()
        assert looks._trying is not None
        await looks._trying
        assert await looks.can_commit() is True

    asyncio.run(run())
    looks.close()


def test_trouble_is_said_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING", "orderhub.standing")
    standing = Standing()
    for _ in range(3):
        standing.failed(TROUBLE)
    standing.failed(ConnectionError("gone"))
    standing.committed()
    standing.committed()
    assert [each.getMessage() for each in caplog.records] == [
        "no commit can be made: database or disk is full",
        "no commit can be made: gone",
        "commits can be made again",
    ]
