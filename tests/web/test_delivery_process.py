"""Webhooks are sent by a process of the hub's own: started, replaced and ended by it; nothing is lost by that."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from orderhub.core.decide import RECORD_TYPES
from orderhub.core.deliveries import WAITING, WebhookStanding
from orderhub.ledger.database import open_engine
from orderhub.ledger.ledger import Ledger
from orderhub.web.deliverer import PROCESS
from tests.support.hub_process import Served, serving, wait_for
from tests.support.receivers import PATIENCE_S, Receiver
from tests.web.test_deliverer import ALLOWED, put_webhook

pytestmark = pytest.mark.slow


@pytest.fixture
def url(demo_url: str) -> str:
    """A database with the demo's businesses."""
    return demo_url


@contextmanager
def hub_on(url: str, tmp_path: Path) -> Iterator[Served]:
    with serving(url, tmp_path / "hub.log", ORDERHUB_WEBHOOK_ALLOW=ALLOWED) as hub:
        yield hub


def processes(hub: Served) -> list[psutil.Process]:
    """Those that send for it."""
    found = psutil.Process(hub.process.pid).children(recursive=True)
    return [each for each in found if PROCESS in each.cmdline()]


def standing(url: str, tenant_id: int) -> WebhookStanding:
    ledger = Ledger(open_engine(url), RECORD_TYPES)
    try:
        return ledger.read(lambda reads: reads.webhook_standing(tenant_id, 1))
    finally:
        ledger.close()


def order(hub: Served) -> None:
    assert hub.create().json()["code"] == 0


def all_came(url: str, tenant_id: int) -> bool:
    found = standing(url, tenant_id)
    return (found.behind, found.waiting) == (0, 0)


def test_one_that_is_killed_is_replaced_and_nothing_is_lost(
    url: str, tmp_path: Path, sink: Receiver
) -> None:
    tenant_id, _ = put_webhook(url, sink.url)
    go = threading.Event()
    sink.answer = lambda _: 204 if go.wait(PATIENCE_S) else 500
    with hub_on(url, tmp_path) as hub:
        for _ in range(5):
            order(hub)
        wait_for(lambda: sink.calls, "a call")
        (first,) = processes(hub)
        first.kill()
        order(hub)  # the hub serves on
        go.set()
        wait_for(lambda: all_came(url, tenant_id), "all that is to be sent")
        (second,) = processes(hub)
        assert second.pid != first.pid
        assert hub.lines("the delivery process is gone, and is started again")
        assert hub.stop() == 0
    placed = {each.id for each in sink.taken if each.json["type"] == "order.placed"}
    assert len(placed) >= 6
    assert not second.is_running()


def test_one_is_started_once_there_is_a_webhook_and_wakes_at_each_commit(
    url: str, tmp_path: Path, sink: Receiver
) -> None:
    with hub_on(url, tmp_path) as hub:
        order(hub)
        assert processes(hub) == []
        made = hub.ask("POST", "/hub/v1/webhooks", "hub-demo-shop", json={"url": sink.url}).json()
        wait_for(lambda: processes(hub), "a process")
        order(hub)
        wait_for(lambda: sink.calls, "a call")
        tried = hub.ask("POST", f"/hub/v1/webhooks/{made['id']}/test", "hub-demo-shop").json()
        assert tried["status"] == 204
        sent = 'orderhub_deliveries_total{outcome="sent"} '

        def counted() -> bool:
            text = hub.ask("GET", "/metrics").text
            return any(
                float(each.split()[-1]) for each in text.splitlines() if each.startswith(sent)
            )

        wait_for(counted, "what the process did in the hub's metrics")
        assert hub.stop() == 0


def test_signals_for_the_whole_group_leave_it_to_the_hub_to_end_it(
    url: str, tmp_path: Path, sink: Receiver
) -> None:
    tenant_id, _ = put_webhook(url, sink.url)
    with hub_on(url, tmp_path) as hub:
        wait_for(lambda: sink.taken or order(hub), "a call that was taken")
        (process,) = processes(hub)
        for each in (signal.SIGTERM, signal.SIGINT):
            process.send_signal(each)
        order(hub)
        wait_for(lambda: all_came(url, tenant_id), "all that is to be sent")
        assert processes(hub) == [process]
        assert hub.stop() == 0
        assert not process.is_running()


def test_it_does_not_outlive_a_hub_that_is_killed(url: str, tmp_path: Path, sink: Receiver) -> None:
    put_webhook(url, sink.url)
    with hub_on(url, tmp_path) as hub:
        wait_for(lambda: sink.taken or order(hub), "a call that was taken")
        (process,) = processes(hub)
        hub.process.kill()
        process.wait(PATIENCE_S)


def test_a_webhook_is_switched_off_by_the_hub_as_the_process_asks(
    url: str, tmp_path: Path, sink: Receiver
) -> None:
    sink.answer = lambda _: 410
    tenant_id, _ = put_webhook(url, sink.url)
    with hub_on(url, tmp_path) as hub:
        order(hub)
        wait_for(lambda: hub.lines("a webhook is switched off"), "a webhook that is switched off")
        (made,) = hub.ask("GET", "/hub/v1/webhooks", "hub-demo-shop").json()["items"]
        assert (made["enabled"], made["disabled_reason"]) == (False, "gone")
        ledger = Ledger(open_engine(url), RECORD_TYPES)
        try:
            rows = ledger.read(lambda reads: reads.deliveries(tenant_id, 1, WAITING))
        finally:
            ledger.close()
        assert rows
        assert hub.stop() == 0
