"""Before an order is called off here, the vendors that have it are asked: see relay/calling_off.py."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import uuid4

import msgspec

from orderhub.core.answer import Answer
from orderhub.core.commands import ChangeOrder, Command, OrderName, PlaceOrder
from orderhub.core.facts import Accepted
from orderhub.core.queries import Reads
from orderhub.core.refusals import Rejected
from orderhub.core.values import Order
from orderhub.intake.claims import Claim
from orderhub.intake.intake import Intake
from orderhub.intake.outcome import Failure, Settled, Waiting
from orderhub.relay.calling_off import Again, Asking
from orderhub.relay.engine import Engine
from orderhub.relay.means import NotDecided
from orderhub.relay.steps import Trouble

# Who calls us waits no longer for a vendor.
_PATIENCE_S = 20.0
_PAUSE_S = 0.25  # while somebody else asks
_NOTHING = Answer(200, b"")
Read = Callable[[Callable[[Reads], Any]], Awaitable[Any]]
Off = PlaceOrder | ChangeOrder


async def asked_first(
    relayer: Engine, intake: Intake, read: Read, command: Off, claim: Claim | None
) -> Off | Rejected | Trouble:
    """Why a command must not be decided now; or the command, to which each vendor that has a say said yes.

    Only what would be accepted here is asked there: it is decided first, and nothing of that is kept. A repeat of
    what was done (by its `claim`) asks nobody. Raises Busy.
    """
    if not relayer.is_onward(command.origin.tenant_id):
        return command
    asking = Asking(_name_of(claim), str(uuid4()))
    reason = "the vendor gives no answer in time"
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                found = await _asked(relayer, intake, read, command, claim, asking)
                if not isinstance(found, Again):
                    return found
                reason = found.reason
                await asyncio.sleep(_PAUSE_S)
    except TimeoutError:
        return Trouble(reason)
    except NotDecided as error:
        return Trouble(str(error))


async def _asked(
    relayer: Engine,
    intake: Intake,
    read: Read,
    command: Off,
    claim: Claim | None,
    asking: Asking,
) -> Off | Rejected | Trouble | Again:
    accepted = await _would(intake, command, claim)
    if accepted is None:
        return command
    pairs = await read(partial(_before, accepted.changed))
    if pairs is None:
        return Again()  # it was changed in between
    for before, after in pairs:
        found = await relayer.ask_first(before, after, asking)
        if found is not None:
            return found
    return msgspec.structs.replace(command, wish=asking.by)


def _name_of(claim: Claim | None) -> str:
    """The same for the same call when it comes again."""
    if claim is None:
        return ""
    return hashlib.sha256(repr((claim.name, claim.fingerprint)).encode()).hexdigest()[:32]


async def _would(intake: Intake, command: Command, claim: Claim | None) -> Accepted | None:
    """What would come of it; None: it was done before, or is refused, which is for the decision itself to tell.

    Raises Busy.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Settled] = loop.create_future()

    def deliver(settled: Settled) -> None:
        if not done.done():
            done.set_result(settled)

    waiting = Waiting(
        command=command,
        render=lambda _accepted: _NOTHING,
        render_refusal=lambda _rejected: _NOTHING,
        deliver=deliver,
        claim=claim,
        dry_run=True,
        loop=loop,
    )
    intake.put(waiting)
    outcome = await done
    if isinstance(outcome, Failure):
        raise NotDecided(f"the hub cannot decide: {outcome.kind}")
    return outcome.accepted


def _before(changed: tuple[Order, ...], reads: Reads) -> list[tuple[Order, Order]] | None:
    """Each order as it stands, with what it would be; None when one stands otherwise by now."""
    pairs = []
    for after in changed:
        before = reads.order(after.tenant_id, OrderName("id", str(after.id)))
        if before is None or before.version != after.version - 1:
            return None
        pairs.append((before, after))
    return pairs
