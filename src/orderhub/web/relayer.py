"""What hands orders on, put together: over the sender of webhooks, by commands through the intake."""

from __future__ import annotations

import asyncio
from functools import partial

import structlog

from orderhub.core.answer import Answer, Outcome
from orderhub.core.commands import ChangeOrder, MoveHandOver
from orderhub.core.connections import Connection
from orderhub.core.facts import Accepted
from orderhub.core.handing import HandOver
from orderhub.core.refusals import Rejected
from orderhub.delivery.sender import Call as Outgoing
from orderhub.delivery.sender import Reply
from orderhub.dialects.client import Signed
from orderhub.intake.busy import Busy
from orderhub.intake.outcome import Failure, Settled, Waiting
from orderhub.relay.engine import Engine
from orderhub.relay.means import NotDecided
from orderhub.web.port import HubPort

# Of an answer: a vendor's list may be long.
MOST_BYTES = 8 * 1_048_576
# While orders come one after another, a connection is kept for so long after the last of them.
_LINGER_S = 5.0
# Calls in hand from which on hand-overs leave the interpreter to them.
_BUSY = 12
_DONE = Answer(200, b"")


def relayer(port: HubPort) -> Engine:
    """The engine of a hub. Clients are known by their dialect's name."""
    told = port.metrics.relay
    engine = Engine(
        port.ledger,
        {each.name: each.client for each in port.dialects if each.client is not None},
        make=partial(_made, port),
        submit=partial(submitted, port),
        change=partial(changed, port),
        decrypt=port.cipher.decrypt,
        meter=told,
        now_us=port.now_us,
        wall_us=port.clock.now_us,
        is_busy=lambda: port.hands.total >= _BUSY,
        is_outage=port.is_outage,
        is_alone=not port.ledger.is_postgres,  # a SQLite file is served by one process
        linger_s=_LINGER_S,
    )
    told.unsure.set_function(lambda: engine.unsure)
    told.stuck.set_function(lambda: engine.stuck)
    return engine


async def _made(
    port: HubPort, tenant_id: int, connection: Connection, signed: Signed, timeout_s: float
) -> Reply:
    url = connection.base_url.rstrip("/") + signed.target
    return await port.sender.call(
        Outgoing(signed.method, url, signed.body, dict(signed.headers)),
        timeout_s=timeout_s,
        may_loopback=await port.is_sandbox(tenant_id),
        most_bytes=MOST_BYTES,
    )


async def submitted(port: HubPort, command: MoveHandOver) -> HandOver | Rejected:
    """The hand-over as it stands once the command is committed. Raises NotDecided."""
    outcome = await _decided(port, command)
    if outcome.rejected is not None:
        return outcome.rejected
    assert outcome.accepted is not None, "no key is bound to it, so it is no repeat"
    found: HandOver = outcome.accepted.result
    if found.reason:
        _log.info(
            "a hand-over moved",
            tenant=found.tenant_id,
            handover=found.uid,
            state=found.state.value,
            reason=found.reason,
        )
    return found


async def changed(port: HubPort, command: ChangeOrder) -> Rejected | None:
    """What happened to an order at a vendor's, done to ours: why it was refused, or None. Raises NotDecided."""
    return (await _decided(port, command)).rejected


async def _decided(port: HubPort, command: MoveHandOver | ChangeOrder) -> Outcome:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Settled] = loop.create_future()
    waiting = Waiting(
        command=command,
        render=_accepted,
        render_refusal=_rejected,
        deliver=partial(_tell, done),
        loop=loop,
    )
    try:
        port.intake.put(waiting, bulk=True)
    except Busy:
        raise NotDecided("the hub is busy") from None
    outcome = await done
    if isinstance(outcome, Failure):
        raise NotDecided(f"the hub cannot write: {outcome.kind}")
    accepted = outcome.accepted
    if accepted is not None and (accepted.notices or accepted.events):
        port.watch.grew(command.origin.tenant_id)
        port.deliverer.wake(command.origin.tenant_id)
    return outcome


def _tell(done: asyncio.Future[Settled], settled: Settled) -> None:
    if not done.done():
        done.set_result(settled)


def _accepted(_accepted: Accepted) -> Answer:
    return _DONE


def _rejected(_rejected: Rejected) -> Answer:
    return _DONE


_log = structlog.get_logger("orderhub.relay")
