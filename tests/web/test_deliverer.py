"""Webhooks through the whole hub: signed, in the hub's own words, metered, switched off, ended in peace."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from orderhub.app import purge_deliveries
from orderhub.core.commands import PutRecords, RecordChange
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.deliveries import SENT, Delivery
from orderhub.core.webhooks import RECORD_KIND, Webhook, WebhookSecret
from orderhub.delivery.signing import new_secret
from orderhub.intake.clock import wall_us
from orderhub.ledger.database import open_engine
from orderhub.ledger.ledger import Ledger
from orderhub.web.cipher import Cipher
from tests.delivery.rig import until
from tests.support import http, world
from tests.support.hub import SECRET_KEY, HubUnderTest, _with_demo, operator_headers, running_hub
from tests.support.hub_process import Served, serving, wait_for
from tests.support.receivers import PATIENCE_S, Receiver

SHOP = {"authorization": "Bearer hub-demo-shop"}
GOODS = {"goods_id": 188, "quantity": 1, "type": "goods"}
ALLOWED = "127.0.0.0/8"


def put_webhook(url: str, target: str, **members: Any) -> tuple[int, list[str]]:
    """A webhook of the demo's shop, from now on; its tenant and its secrets, the newest first."""
    ledger = Ledger(open_engine(url), RECORD_TYPES)
    try:
        tenants = ledger.read(lambda reads: reads.tenants())
        tenant_id = next(each.id for each in tenants if each.name == "shop")
        secrets = [new_secret(), new_secret()]
        cipher = Cipher(SECRET_KEY)
        kept = tuple(
            WebhookSecret(text=cipher.encrypt(each), until_us=until_us)
            for each, until_us in zip(secrets, (0, wall_us() + 3_600_000_000), strict=True)
        )
        gone = WebhookSecret(text=cipher.encrypt(new_secret()), until_us=1)
        doc = Webhook(uid="hook-1", url=target, secrets=(*kept, gone), **members)
        change = RecordChange(kind=RECORD_KIND, id=1, uid=doc.uid, doc=doc)
        origin = world.origin(tenant_id, recorded_at=wall_us())
        world.run_all(ledger, PutRecords(origin=origin, changes=(change,)))
        return tenant_id, secrets
    finally:
        ledger.close()


def hub_with(
    tmp_path: Path, target: str, work: Callable[[HubUnderTest, int, list[str]], Awaitable[None]]
) -> None:
    url = _with_demo(tmp_path)
    tenant_id, secrets = put_webhook(url, target)

    async def run() -> None:
        async with running_hub(tmp_path, webhook_allow=ALLOWED) as hub:
            await work(hub, tenant_id, secrets)

    asyncio.run(run())


async def order(hub: HubUnderTest) -> str:
    answer = await hub.post("/api/order/create", GOODS, headers=SHOP)
    assert answer.json()["code"] == 0, answer.text
    return str((await hub.orders("shop", limit=1))[0]["uid"])


def kept(hub: HubUnderTest, tenant_id: int) -> list[Delivery]:
    found = hub.hub.ledger.read(lambda reads: reads.deliveries(tenant_id, 1))
    return list(found)[::-1]


async def metric(hub: HubUnderTest, name: str) -> float:
    answer = await hub.get("/metrics", headers=operator_headers())
    lines = [each for each in answer.text.splitlines() if each.startswith(f"{name} ")]
    return float(lines[0].split()[-1]) if lines else 0.0


def test_an_order_comes_signed_with_every_secret_that_is_valid_and_in_the_hubs_words(
    tmp_path: Path, sink: Receiver
) -> None:
    async def work(hub: HubUnderTest, tenant_id: int, secrets: list[str]) -> None:
        await until(lambda: bool(hub.hub.port.deliverer._seen))
        before = len(sink.calls)
        uid = await order(hub)
        await until(lambda: len(kept(hub, tenant_id)) > before and len(sink.calls) > before)
        came = next(each for each in sink.calls if uid.replace("-", "") in each.id)
        for secret in secrets:
            Verifier(secret).verify(came.body.decode(), came.headers)
        with pytest.raises(WebhookVerificationError):
            Verifier(new_secret()).verify(came.body.decode(), came.headers)
        assert len(came.headers["webhook-signature"].split()) == 2
        body = came.json
        shown = await hub.order(uid)
        event = body["data"]["event"]
        assert (body["type"], body["timestamp"]) == ("order.placed", event["recorded_at"])
        assert (event["id"], event["order"]) == (came.id, uid)
        told = body["data"]["order"]
        assert told == {name: shown[name] for name in told}
        assert {"lines", "version", "contact", "vendor"} <= told.keys()
        assert await metric(hub, 'orderhub_deliveries_total{outcome="sent"}') >= 1
        assert await metric(hub, "orderhub_delivery_lag_seconds_count") >= 1
        assert await metric(hub, "orderhub_webhooks_failing") == 0
        assert await purge_deliveries(hub.hub.port) == 0

    hub_with(tmp_path, sink.url, work)


def test_410_switches_off_by_a_command_that_the_feed_and_the_metrics_tell(
    tmp_path: Path, sink: Receiver
) -> None:
    sink.answer = lambda _: 410

    async def work(hub: HubUnderTest, tenant_id: int, _: list[str]) -> None:
        await order(hub)
        name = (tenant_id, RECORD_KIND, "id", 1)

        def doc() -> Webhook:
            found = hub.hub.ledger.read(lambda reads: reads.record(*name))
            assert found is not None
            read: Webhook = found.doc
            return read

        await until(lambda: doc().off_why == "gone")
        assert (doc().is_enabled, doc().url) == (False, sink.url)
        assert doc().off_at
        answer = await hub.get(
            "/hub/v1/events",
            headers=operator_headers(),
            params={"tenant": "shop", "kinds": "webhook.off"},
        )
        (told,) = answer.json()["items"]
        assert told["data"] == {"webhook": "hook-1", "title": "", "reason": "gone"}
        assert await metric(hub, 'orderhub_webhooks_switched_off_total{reason="gone"}') == 1

    hub_with(tmp_path, sink.url, work)


def test_a_target_that_is_not_allowed_is_never_connected_to(tmp_path: Path, sink: Receiver) -> None:
    url = _with_demo(tmp_path)
    tenant_id, _ = put_webhook(url, sink.url)

    async def run() -> None:
        async with running_hub(tmp_path, host="0.0.0.0") as hub:
            await order(hub)
            await until(lambda: bool(kept(hub, tenant_id)))
            (row,) = kept(hub, tenant_id)[:1]
            assert row.log[0].status == 0
            assert "127.0.0.1" in row.log[0].error or "http" in row.log[0].error
            assert sink.calls == []

    asyncio.run(run())


def listens(hub: Served) -> bool:
    try:
        return http.get(f"{hub.url}/health/ready", timeout=PATIENCE_S).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.slow
def test_a_real_hub_that_is_ended_in_the_middle_loses_nothing_and_sends_again_only_after_a_kill(
    tmp_path: Path, sink: Receiver, how: signal.Signals
) -> None:
    url = _with_demo(tmp_path)
    tenant_id, _ = put_webhook(url, sink.url)
    go = threading.Event()
    sink.answer = lambda _: 204 if go.wait(PATIENCE_S) else 500
    with serving(url, tmp_path / "first.log", ORDERHUB_WEBHOOK_ALLOW=ALLOWED) as first:
        for _ in range(3):
            assert first.create().json()["code"] == 0
        wait_for(lambda: sink.calls, "a call")
        first.process.send_signal(how)
        wait_for(lambda: not listens(first), "a hub that leaves")
        go.set()
        first.process.wait(PATIENCE_S)
    with serving(url, tmp_path / "second.log", ORDERHUB_WEBHOOK_ALLOW=ALLOWED) as second:
        assert second.create().json()["code"] == 0
        ledger = Ledger(open_engine(url), RECORD_TYPES)
        try:

            def is_done() -> bool:
                found = ledger.read(lambda reads: reads.webhook_standing(tenant_id, 1))
                return (found.behind, found.waiting) == (0, 0)

            wait_for(is_done, "all that is to be sent")
            rows = ledger.read(lambda reads: reads.deliveries(tenant_id, 1, SENT))
            placed = [each for each in rows if each.kind == "order.placed"]
        finally:
            ledger.close()
    ids = [each.id for each in sink.taken]
    assert {each.event_id for each in placed} <= set(ids)
    assert len(placed) >= 4
    if how is signal.SIGTERM:
        assert len(ids) == len(set(ids))
