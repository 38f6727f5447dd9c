"""What sends events to webhooks, put together: in the words of the hub's own API, signed, switched off by commands.

A hub that serves has it in a process of its own, made by delivery_process.py; a command and a test have it at hand.
"""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

import structlog

from orderhub.core.answer import Answer
from orderhub.core.commands import Origin, PutRecords, RecordChange
from orderhub.core.facts import Accepted
from orderhub.core.refusals import Rejected
from orderhub.core.webhook_formats import Format, Message, Terms
from orderhub.core.webhooks import HUB_FORMAT, RECORD_KIND, Webhook
from orderhub.delivery.apart import EngineApart
from orderhub.delivery.engine import Engine
from orderhub.delivery.hub_format import HubFormat
from orderhub.delivery.means import Off, Reply
from orderhub.delivery.sender import Reply as Came
from orderhub.delivery.sender import Sender
from orderhub.delivery.signing import headers
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Dialect
from orderhub.intake.clock import Clock
from orderhub.intake.outcome import Settled, Waiting
from orderhub.settings import ProgramSettings
from orderhub.web import logs
from orderhub.web.cipher import Cipher, SecretKeyMissing
from orderhub.web.hub_api.events import fed_event_shape
from orderhub.web.hub_api.shapes import order_told
from orderhub.web.hub_api.shaping import exact_instant
from orderhub.web.port import HubPort

PROCESS = "orderhub.web.delivery_process"
_ACTOR = "webhooks"
# Calls in hand from which on messages leave the machine to them. PostgreSQL has a dozen at half of what it takes.
_BUSY = 24
_DONE = Answer(200, b"")


def deliverer(
    port: HubPort, settings: ProgramSettings, *, is_apart: bool = False
) -> Engine | EngineApart:
    """The engine of a hub; `is_apart`: in a process of its own, for one that serves."""
    port.formats.update(formats_of(port.dialects))
    told = port.metrics.webhooks
    engine = Engine(
        port.ledger,
        port.formats,
        post=Posts(port.clock, port.cipher, port.sender, port.is_sandbox),
        switch_off=_Switch(port),
        meter=told,
        now_us=port.now_us,
        is_outage=port.is_outage,
        is_alone=not port.ledger.is_postgres,  # a SQLite file is served by one process
    )
    made: Engine | EngineApart = engine
    if is_apart:
        given = {"settings": dataclasses.asdict(settings), "logs": logs.as_configured()}
        made = EngineApart(engine, _spawn, given, lambda: port.hands.total >= _BUSY)
    told.lag.set_function(lambda: made.lag_s)
    told.failing.set_function(lambda: made.failing)
    return made


def formats_of(dialects: Iterable[Dialect]) -> dict[str, Format]:
    """Those of dialects are known by their dialect's name."""
    found: dict[str, Format] = {
        HUB_FORMAT: HubFormat(fed_event_shape, order_told, exact_instant, encode)
    }
    for dialect in dialects:
        if dialect.webhooks is not None:
            found[dialect.name] = dialect.webhooks
    return found


def _spawn(end: socket.socket) -> subprocess.Popen[bytes]:
    """A new interpreter: this one has threads, and must not be forked. Secrets come over the socket."""
    number = end.fileno()
    return subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-P", "-m", PROCESS, str(number)],
        pass_fds=[number],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


class Posts:
    """Signs with every secret that is valid, and posts. By the wall, as receivers go: the future is refused."""

    def __init__(
        self,
        clock: Clock,
        cipher: Cipher,
        sender: Sender,
        is_sandbox: Callable[[int], Awaitable[bool]],
    ) -> None:
        self._clock = clock
        self._cipher = cipher
        self._sender = sender
        self._is_sandbox = is_sandbox

    async def __call__(
        self, tenant_id: int, webhook: Webhook, message: Message, terms: Terms
    ) -> Reply:
        sent = dict(message.headers)
        if terms.is_signed:
            now = self._clock.onward_us()
            try:
                secrets = [
                    self._cipher.decrypt(each.text)
                    for each in webhook.secrets
                    if not each.until_us or each.until_us > now
                ]
            except SecretKeyMissing as missing:
                return Came(error=f"not signed: {missing}")
            at = self._clock.now_us() // 1_000_000
            sent |= headers(secrets, message.id, at, message.body)
        return await self._sender.post(
            webhook.url,
            message.body,
            sent,
            timeout_s=terms.timeout_s,
            follows=terms.follows,
            may_loopback=await self._is_sandbox(tenant_id),
        )


class _Switch:
    """Has a webhook's record say that it is off, by a command like any other: its event is in the feed by then."""

    def __init__(self, port: HubPort) -> None:
        self._port = port
        self._log = structlog.get_logger("orderhub.webhooks")

    async def __call__(self, off: Off) -> None:
        loop, now = asyncio.get_running_loop(), self._port.now_us()
        done: asyncio.Future[Settled] = loop.create_future()
        members = {"is_enabled": False, "off_why": off.why, "off_at": now}
        change = RecordChange(
            kind=RECORD_KIND, id=off.webhook_id, if_version=off.version, members=members
        )
        command = PutRecords(
            origin=Origin(tenant_id=off.tenant_id, channel="hub", actor=_ACTOR, recorded_at=now),
            changes=(change,),
            exists=((RECORD_KIND, "id", str(off.webhook_id)),),
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
        self._port.metrics.webhooks.switched_off.labels(off.why).inc()
        self._log.warning(
            "a webhook is switched off", tenant=off.tenant_id, webhook=off.uid, reason=off.why
        )
        self._port.watch.grew(off.tenant_id)
        self._port.deliverer.wake(off.tenant_id, is_changed=True)


def _tell(done: asyncio.Future[Settled], settled: Settled) -> None:
    if not done.done():
        done.set_result(settled)


def _accepted(_accepted: Accepted) -> Answer:
    return _DONE


def _rejected(_rejected: Rejected) -> Answer:
    return _DONE
