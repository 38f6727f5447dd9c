"""Before an order is called off here, the vendors that have it are asked: see relay/calling_off.py."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from orderhub.core.answer import Answer
from orderhub.core.charge_changes import CancelLines
from orderhub.core.commands import Action, ChangeOrder, Command, OrderName, PlaceOrder
from orderhub.core.facts import Accepted
from orderhub.core.queries import Reads
from orderhub.core.refusals import Rejected
from orderhub.core.values import Order
from orderhub.intake.busy import Busy
from orderhub.intake.intake import Intake
from orderhub.intake.outcome import Failure, Settled, Waiting
from orderhub.relay.engine import Engine
from orderhub.relay.steps import Trouble

_ACTIONS = (Action.CANCEL, Action.CALL_OFF, Action.REFUND, Action.REFUND_PART)
# Who calls us waits no longer for a vendor.
_PATIENCE_S = 20.0
_TRIES = 3
_NOTHING = Answer(200, b"")
Read = Callable[[Callable[[Reads], Any]], Awaitable[Any]]


async def asked_first(
    relayer: Engine, intake: Intake, read: Read, command: Command
) -> Rejected | Trouble | None:
    """Why a command must not be decided now; None: no vendor has a say, or each said yes.

    Only what would be accepted here is asked there: it is decided first, and nothing of that is kept.
    """
    if not relayer.is_onward(command.origin.tenant_id):
        return None
    try:
        async with asyncio.timeout(_PATIENCE_S):
            for _ in range(_TRIES):
                accepted = await _would(intake, command)
                if accepted is None:
                    return None
                pairs = await read(partial(_before, accepted.changed))
                if pairs is None:
                    continue  # it was changed in between
                for before, after in pairs:
                    refused = await relayer.ask_first(before, after)
                    if refused is not None:
                        return refused
                return None
    except TimeoutError:
        return Trouble("the vendor gives no answer in time")
    return Trouble("the order is being changed")


def calls_off(command: Command) -> bool:
    """Whether the vendors that have its orders are to be asked first."""
    if isinstance(command, ChangeOrder):
        return command.action in _ACTIONS
    return isinstance(command, PlaceOrder) and isinstance(command.terms, CancelLines)


async def _would(intake: Intake, command: Command) -> Accepted | None:
    """What would come of it; None: a refusal, which is for the decision itself to tell."""
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
        dry_run=True,
        loop=loop,
    )
    try:
        intake.put(waiting)
    except Busy:
        return None
    outcome = await done
    return None if isinstance(outcome, Failure) else outcome.accepted


def _before(changed: tuple[Order, ...], reads: Reads) -> list[tuple[Order, Order]] | None:
    """Each order as it stands, with what it would be; None when one stands otherwise by now."""
    pairs = []
    for after in changed:
        before = reads.order(after.tenant_id, OrderName("id", str(after.id)))
        if before is None or before.version != after.version - 1:
            return None
        pairs.append((before, after))
    return pairs
