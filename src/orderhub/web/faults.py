"""Faults on purpose: what a sandbox's credential asks to meet, so that an integrator sees how his retries do.

`credential.data["faults"]` is `{"since": …, "steps": [{"kind", "times", "delay_s", "path"}]}`. A step
meets so many calls whose path begins with `path`, each call meets one step, and how often a step was met
is counted in this process from `since` on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any

import msgspec

from orderhub.dialects.contract import Answer, Call, Fault, FaultKind, Stop, WireFault

MAX_STEPS = 20
MAX_TIMES = 10_000
MAX_DELAY_S = 60.0
_MOST_STEPS = 10_000


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


class Plan(msgspec.Struct, frozen=True):
    since: int
    steps: tuple[Step, ...] = ()


class Dropped(ConnectionError):
    """The connection is to be closed without an answer."""


_BEFORE = {
    Kind.RATE_LIMIT: Fault(FaultKind.RATE_LIMITED, "a fault on purpose", retry_after_s=1),
    Kind.ERROR_BEFORE: Fault(FaultKind.BROKEN, "a fault on purpose"),
    Kind.STALE_CLOCK: Fault(
        FaultKind.UNAUTHENTICATED, "a fault on purpose", (WireFault("t", "stale"),)
    ),
}


def plan_of(data: dict[str, Any]) -> Plan | None:
    """The plan in a credential's data; None for none, or for one that nobody can have set."""
    try:
        return msgspec.convert(data["faults"], Plan)
    except (KeyError, msgspec.ValidationError):
        return None


class Faults:
    """One for each port. `is_sandbox` says of a tenant whether it may be disturbed."""

    def __init__(self, is_sandbox: Callable[[int], Awaitable[bool]]) -> None:
        self._is_sandbox = is_sandbox
        self._met: dict[tuple[str, int, int], int] = {}
        self._calls: dict[str, Step] = {}

    def left(self, credential_id: str, plan: Plan) -> list[int]:
        """How many calls each step will still meet."""
        return [
            step.times - self._met.get((credential_id, plan.since, index), 0)
            for index, step in enumerate(plan.steps)
        ]

    async def before(self, call: Call) -> None:
        """Before a command is queued. Raises Stop for a fault that keeps it from being done."""
        step = await self._step(call)
        if step is not None and step.kind in _BEFORE:
            raise Stop(_BEFORE[step.kind])

    async def after(self, call: Call, answer: Answer) -> Answer:
        """Before the answer leaves. Raises Stop or Dropped when it must not."""
        step = await self._step(call)
        if step is None:
            return answer
        if step.delay_s:
            await asyncio.sleep(step.delay_s)
        if step.kind in _BEFORE:
            raise Stop(_BEFORE[step.kind])
        if step.kind is Kind.ERROR_AFTER:
            raise Stop(Fault(FaultKind.BROKEN, "a fault on purpose"))
        if step.kind is Kind.DROP:
            raise Dropped
        return answer

    def done(self, call: Call) -> None:
        """The call is over."""
        self._calls.pop(call.request_id, None)

    async def _step(self, call: Call) -> Step | None:
        """The step that the call meets, chosen once: a call may submit several commands."""
        met = self._calls.get(call.request_id)
        if met is not None or call.caller is None or call.planned is not None:
            return met
        if "faults" not in call.caller.credential.data:
            return met
        credential = call.caller.credential
        plan = plan_of(credential.data)
        if plan is None or call.path.startswith("/hub/"):
            return None
        if not await self._is_sandbox(call.caller.tenant_id):
            return None
        # Users of one site are callers of their own under its credential.
        credential_id = credential.id.partition(":")[0]
        for index, left in enumerate(self.left(credential_id, plan)):
            step = plan.steps[index]
            if left > 0 and call.path.startswith(step.path):
                return self._meet(call, step, (credential_id, plan.since, index))
        return None

    def _meet(self, call: Call, step: Step, name: tuple[str, int, int]) -> Step:
        if len(self._met) > _MOST_STEPS:
            self._met.clear()
        self._met[name] = self._met.get(name, 0) + 1
        self._calls[call.request_id] = step
        call.notes["fault_on_purpose"] = step.kind.value
        return step
