"""What sends events to webhooks, put together: in the words of the hub's own API, signed, switched off by commands."""

from __future__ import annotations

import asyncio
from functools import partial

import structlog

from orderhub.core.answer import Answer
from orderhub.core.commands import Origin, PutRecords, RecordChange
from orderhub.core.facts import Accepted, Record
from orderhub.core.refusals import Rejected
from orderhub.core.webhook_formats import Message, Terms
from orderhub.core.webhooks import HUB_FORMAT, RECORD_KIND, Webhook
from orderhub.delivery.engine import Engine
from orderhub.delivery.hub_format import HubFormat
from orderhub.delivery.means import Reply
from orderhub.delivery.pace import Pace
from orderhub.delivery.sender import Reply as Came
from orderhub.delivery.signing import headers
from orderhub.dialects.codec import encode
from orderhub.intake.outcome import Settled, Waiting
from orderhub.web.cipher import SecretKeyMissing
from orderhub.web.hub_api.events import fed_event_shape
from orderhub.web.hub_api.shapes import order_told
from orderhub.web.hub_api.shaping import exact_instant
from orderhub.web.port import HubPort

_ACTOR = "webhooks"
_DONE = Answer(200, b"")


def deliverer(port: HubPort) -> Engine:
    """The engine of a hub. Formats of dialects are known by their dialect's name."""
    port.formats[HUB_FORMAT] = HubFormat(fed_event_shape, order_told, exact_instant, encode)
    for dialect in port.dialects:
        if dialect.webhooks is not None:
            port.formats[dialect.name] = dialect.webhooks
    told = port.metrics.webhooks
    engine = Engine(
        port.ledger,
        port.formats,
        post=_Posts(port),
        switch_off=_Switch(port),
        meter=told,
        now_us=port.now_us,
        pace=Pace(lambda: port.hands.total),
        is_outage=port.is_outage,
        is_alone=not port.ledger.is_postgres,  # a SQLite file is served by one process
    )
    told.lag.set_function(lambda: engine.lag_s)
    told.failing.set_function(lambda: engine.failing)
    return engine


class _Posts:
    """Signs with every secret that is valid, and posts."""

    def __init__(self, port: HubPort) -> None:
        self._port = port

    async def __call__(
        self, tenant_id: int, webhook: Webhook, message: Message, terms: Terms
    ) -> Reply:
        sent = dict(message.headers)
        if terms.is_signed:
            now = self._port.now_us()
            try:
                secrets = [
                    self._port.cipher.decrypt(each.text)
                    for each in webhook.secrets
                    if not each.until_us or each.until_us > now
                ]
            except SecretKeyMissing as missing:
                return Came(error=f"not signed: {missing}")
            sent |= headers(secrets, message.id, now // 1_000_000, message.body)
        return await self._port.sender.post(
            webhook.url,
            message.body,
            sent,
            timeout_s=terms.timeout_s,
            follows=terms.follows,
            may_loopback=await self._port.is_sandbox(tenant_id),
        )


class _Switch:
    """Has a webhook's record say that it is off, by a command like any other: its event is in the feed by then."""

    def __init__(self, port: HubPort) -> None:
        self._port = port
        self._log = structlog.get_logger("orderhub.webhooks")

    async def __call__(self, webhook: Record, why: str) -> None:
        loop, now = asyncio.get_running_loop(), self._port.now_us()
        done: asyncio.Future[Settled] = loop.create_future()
        members = {"is_enabled": False, "off_why": why, "off_at": now}
        change = RecordChange(
            kind=RECORD_KIND, id=webhook.id, if_version=webhook.version, members=members
        )
        command = PutRecords(
            origin=Origin(
                tenant_id=webhook.tenant_id, channel="hub", actor=_ACTOR, recorded_at=now
            ),
            changes=(change,),
            exists=((RECORD_KIND, "id", str(webhook.id)),),
        )
        waiting = Waiting(
            command=command,
            render=_accepted,
            render_refusal=_rejected,
            deliver=partial(_tell, done),
            loop=loop,
        )
        self._port.intake.put(waiting, bulk=True)
        outcome = await done
        if outcome.kind != "accepted":
            return  # it was changed meanwhile, or cannot be written now: the next failure says so again
        self._port.metrics.webhooks.switched_off.labels(why).inc()
        self._log.warning(
            "a webhook is switched off", tenant=webhook.tenant_id, webhook=webhook.uid, reason=why
        )
        self._port.watch.grew(webhook.tenant_id)
        self._port.deliverer.wake(webhook.tenant_id, is_changed=True)


def _tell(done: asyncio.Future[Settled], settled: Settled) -> None:
    if not done.done():
        done.set_result(settled)


def _accepted(_accepted: Accepted) -> Answer:
    return _DONE


def _rejected(_rejected: Rejected) -> Answer:
    return _DONE
