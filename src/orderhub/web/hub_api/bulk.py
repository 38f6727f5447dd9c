"""Bulk loads: NDJSON in, one result a line out, in the same order. A bad row never stops the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Literal

from msgspec import UNSET, UnsetType

from orderhub.core.commands import Command
from orderhub.core.facts import Accepted
from orderhub.core.refusals import Rejected
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import (
    Answer,
    Call,
    Fault,
    FaultKind,
    HTTPFault,
    Outcome,
    WireFault,
    malformed,
)
from orderhub.web.hub_api.shaping import Shape
from orderhub.web.hub_api.wording import TYPES, title_of

NDJSON = "application/x-ndjson"
MAX_BYTES = 32 * 1024 * 1024
MAX_ROW = 256 * 1024
# So many rows are on their way at a time: small chunks enter behind the orders that wait.
CHUNK = 64
_BUSY_PAUSE_S = 0.05


class RefusedRow(Shape, frozen=True, kw_only=True):
    """The result of a row that was not taken; `type` of one that has the right shape."""

    line: int
    status: Literal["refused"] = "refused"
    type: str | UnsetType = UNSET
    reason: str
    field: str | None
    detail: str


async def lines_of(pieces: AsyncIterator[bytes], most: int = MAX_ROW) -> AsyncIterator[bytes]:
    """The lines that are not blank. Raises HTTPFault for one that never ends."""
    rest = b""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if line.strip():
                yield line
        if len(rest) > most:
            raise malformed(f"a line of more than {most} bytes")
    if rest.strip():
        yield rest


async def write_row(
    call: Call, number: int, command: Command, told: Callable[[Accepted], Shape]
) -> bytes:
    """The result of one row's command, in words of its own; while the hub is busy the row waits."""

    def answer(accepted: Accepted) -> Answer:
        return Answer(200, _line_of(told(accepted)))

    def refusal(rejected: Rejected) -> Answer:
        row = RefusedRow(
            line=number,
            type=f"{TYPES}{rejected.reason.value}",
            reason=rejected.reason.value,
            field=rejected.field or None,
            detail=rejected.detail,
        )
        return Answer(200, _line_of(row))

    done = await _written(call, command, answer, refusal)
    if isinstance(done, Outcome):
        return done.answer.body
    row = RefusedRow(
        line=number,
        type=f"{TYPES}{done.kind.value}",
        reason=done.kind.value,
        field=None,
        detail=done.message or title_of(done.kind),
    )
    return _line_of(row)


async def write_together(
    call: Call, command: Command, told: Callable[[Accepted], Iterable[Shape]]
) -> list[bytes] | None:
    """The results of several rows that are one command; None: they are not known, and each is to be tried alone."""

    def answer(accepted: Accepted) -> Answer:
        return Answer(200, b"".join(map(_line_of, told(accepted))))

    done = await _written(call, command, answer, lambda _rejected: Answer(200, b""))
    if not isinstance(done, Outcome) or done.rejected:
        return None
    return done.answer.body.splitlines(keepends=True)


async def _written(
    call: Call,
    command: Command,
    answer: Callable[[Accepted], Answer],
    refusal: Callable[[Rejected], Answer],
) -> Outcome | Fault:
    """What became of a command; Fault: the hub cannot say. Raises TenantGone, which ends the load."""
    while True:
        try:
            # A load is sent again from its beginning, so no row binds a key.
            return await call.submit(command, answer, refusal, secret_answer=True, bulk=True)
        except HTTPFault as stop:
            if stop.fault.kind is not FaultKind.BUSY:
                return stop.fault
            await asyncio.sleep(_BUSY_PAUSE_S)


def _line_of(row: Shape) -> bytes:
    """A result as a line of NDJSON."""
    return encode(row) + b"\n"


def fault_of_row(stop: HTTPFault) -> WireFault:
    """What is wrong with the shape of a row, of several faults the first."""
    faults = stop.fault.faults
    return faults[0] if faults else WireFault("", "type", stop.fault.message or "not usable JSON")


def refused_row(number: int, fault: WireFault) -> bytes:
    """The result of a row that has the wrong shape."""
    row = RefusedRow(line=number, reason="invalid", field=fault.path or None, detail=fault.message)
    return _line_of(row)
