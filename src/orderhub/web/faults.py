"""Faults on purpose: what a sandbox's credential asks to meet, so that an integrator sees how their retries do.

`credential.data["faults"]` is a list of steps. A step meets `times` calls whose path begins with `path`, and
each call meets one step. What is `left` of it is kept with the credential, so that all processes and every
restart count as one; a call that is only tried out meets the step and leaves it there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from orderhub.dialects.contract import Answer, Call, Caller, Fault, FaultKind, HTTPFault
from orderhub.ledger.ledger import Ledger

MAX_STEPS = 20
MAX_TIMES = 10_000
MAX_DELAY_S = 60.0


class Kind(StrEnum):
    DELAY = "delay"  # the answer waits; what was asked for is done
    RATE_LIMIT = "rate_limit"  # too many calls, and nothing is done
    ERROR_BEFORE = "error_before"  # a breakdown before the commit
    ERROR_AFTER = "error_after"  # a breakdown after it: it is done, and the caller is not told
    DROP = "drop"  # the connection closes without an answer, after the commit
    STALE_CLOCK = "stale_clock"  # the caller's clock seems wrong: not let in


class Step(msgspec.Struct, frozen=True):
    kind: Kind
    times: int = 1
    delay_s: float = 0.0
    path: str = ""
    left: int = 1


class Dropped(ConnectionError):
    """The connection is to be closed without an answer."""


_BEFORE = {
    Kind.RATE_LIMIT: Fault(FaultKind.RATE_LIMITED, "a fault on purpose", retry_after_s=1),
    Kind.ERROR_BEFORE: Fault(FaultKind.BROKEN, "a fault on purpose"),
    Kind.STALE_CLOCK: Fault(FaultKind.UNAUTHENTICATED, "a fault on purpose"),
}


def plan_of(data: dict[str, Any]) -> tuple[Step, ...]:
    """The steps in a credential's data; none for none, or for what nobody can have set."""
    try:
        return msgspec.convert(data["faults"], tuple[Step, ...])
    except (KeyError, msgspec.ValidationError):
        return ()


def met_by(plan: Sequence[Step], path: str) -> int | None:
    """Which step of the plan a call of `path` meets; None = it is served."""
    fitting = (i for i, step in enumerate(plan) if step.left > 0 and path.startswith(step.path))
    return next(fitting, None)


def without_one(plan: Sequence[Step], index: int) -> list[Any]:
    """The plan once a call has met a step, as it is kept."""
    after = list(plan)
    after[index] = msgspec.structs.replace(plan[index], left=plan[index].left - 1)
    kept: list[Any] = msgspec.to_builtins(after)
    return kept


def take_step(ledger: Ledger, credential_id: str, path: str) -> Step | None:
    """The step that the next call of `path` meets, counted as met in a transaction of its own."""
    with ledger.directory("") as (_, directory):
        credential = directory.credential(credential_id)
        if credential is None:
            return None
        plan = plan_of(credential.data)
        index = met_by(plan, path)
        if index is None:
            return None
        data = {**credential.data, "faults": without_one(plan, index)}
        directory.change_credential(msgspec.structs.replace(credential, data=data))
        return plan[index]


class Faults:
    """One for each port.

    is_sandbox  says of a tenant whether it may be disturbed
    take        (credential id, path) -> the step that the next call meets, counted as met
    """

    def __init__(
        self,
        is_sandbox: Callable[[int], Awaitable[bool]],
        take: Callable[[str, str], Awaitable[Step | None]],
    ) -> None:
        self._is_sandbox = is_sandbox
        self._take = take
        self._calls: dict[str, Step | None] = {}

    def may_meet(self, call: Call) -> bool:
        """Whether the caller has a plan at all: hardly anyone does, and every call asks."""
        caller = call.caller
        return caller is not None and "faults" in caller.credential.data

    async def before(self, call: Call) -> None:
        """Before a command is queued. Raises HTTPFault for a fault that keeps it from being done."""
        step = await self._step(call)
        if step is not None and step.kind in _BEFORE:
            await asyncio.sleep(step.delay_s)
            raise HTTPFault(_BEFORE[step.kind])

    async def after(self, call: Call, answer: Answer) -> Answer:
        """Before the answer leaves. Raises HTTPFault or Dropped when it must not."""
        step = await self._step(call)
        if step is None:
            return answer
        if step.delay_s:
            await asyncio.sleep(step.delay_s)
        if step.kind in _BEFORE:
            raise HTTPFault(_BEFORE[step.kind])
        if step.kind is Kind.ERROR_AFTER:
            raise HTTPFault(Fault(FaultKind.BROKEN, "a fault on purpose"))
        if step.kind is Kind.DROP:
            raise Dropped
        return answer

    def done(self, call: Call) -> None:
        """The call is over."""
        self._calls.pop(call.request_id, None)

    async def _step(self, call: Call) -> Step | None:
        """The step that the call meets, chosen once: a call may submit several commands."""
        if call.request_id in self._calls:
            return self._calls[call.request_id]
        if call.caller is None or call.planned is not None or not self.may_meet(call):
            return None
        step = self._calls[call.request_id] = await self._chosen(call, call.caller)
        if step is not None:
            call.notes["fault_on_purpose"] = step.kind.value
        return step

    async def _chosen(self, call: Call, caller: Caller) -> Step | None:
        credential = caller.credential
        plan = plan_of(credential.data)
        index = None if call.path.startswith("/hub/") else met_by(plan, call.path)
        if index is None or not await self._is_sandbox(caller.tenant_id):
            return None
        # Users of one site are callers of their own under its credential.
        credential_id = credential.id.partition(":")[0]
        # What is known here may be a moment old: only the ledger counts.
        return plan[index] if call.is_dry_run else await self._take(credential_id, call.path)
