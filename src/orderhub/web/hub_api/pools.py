"""/hub/v1/tenants/{tenant}/pools: stock, seats, coupons, balances: what is left, why, and a count corrected."""

from __future__ import annotations

import asyncio
import re
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from orderhub.core.adjustments import MOST_UNITS
from orderhub.core.commands import AdjustPool, Origin
from orderhub.core.known import Accepted
from orderhub.core.money import to_micros
from orderhub.core.pools import MONEY_KINDS, POOL_KINDS
from orderhub.core.queries import MoveQuery
from orderhub.core.values import Pool, PoolKey
from orderhub.dialects.codec import decode, encode
from orderhub.dialects.contract import Answer, Call, Caller, Route, Stop, WireFault
from orderhub.web.hub_api.access import guarded, origin_in, tenant_in_path
from orderhub.web.hub_api.bodies import (
    Body,
    body_of,
    converted,
    limit_of,
    refuse,
    refuse_unknown_query,
)
from orderhub.web.hub_api.bulk import (
    CHUNK,
    MAX_BYTES,
    MAX_ROW,
    NDJSON,
    lines_of,
    refused_row,
    write_row,
)
from orderhub.web.hub_api.shapes import past_move_shape, pool_shape

MAX_PAGE = 200
# So many digits as `MOST_UNITS` has noughts, or as an amount may have.
_WHOLE = re.compile(r"-?[0-9]{1,15}|-?10{15}", re.ASCII)
_AMOUNT = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?", re.ASCII)
_MOVE_CURSOR = re.compile(r"[0-9]{1,18}\.[0-9]{1,18}")
_LIST = frozenset({"kind", "subject", "limit", "cursor"})
_HISTORY = frozenset({"kind", "subject", "place", "limit", "cursor"})

Short = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Adjustment(Body, frozen=True, kw_only=True):
    """One pool counted anew; one that does not exist is opened. `reason` is kept in its history.

    subject, code  what is counted: by its name in pools, or by the code of an item
    by, count      so many more (signed), or how many are left: whole units, of a balance an amount
    """

    kind: Short = "stock"
    subject: Short | None = None
    code: Short | None = None
    place: Annotated[str, msgspec.Meta(max_length=200)] = ""
    by: int | str | None = None
    count: int | str | None = None
    reason: Short


@guarded("pools")
async def list_pools(call: Call, who: Caller) -> Answer:
    """Pools of one kind (`stock` unless said), or of one subject of it, by name."""
    tenant = await tenant_in_path(call, who)
    refuse_unknown_query(call, _LIST)
    kind, subject = _kind(call.query.get("kind") or "stock"), call.query.get("subject", "")
    subjects = (subject,) if subject else ()
    limit, after = limit_of(call, 1_000, 1_000), _pool_after(call)
    found = await call.hub.read(
        lambda reads: reads.pools_page(tenant.id, kind, subjects, after, limit + 1)
    )
    last = found[limit - 1].key if len(found) > limit else None
    cursor = None if last is None else f"{len(last.subject)}.{last.subject}{last.place}"
    body = {"items": [pool_shape(pool) for pool in found[:limit]], "next_cursor": cursor}
    return Answer(200, encode(body))


def _kind(name: str) -> str:
    """A misspelt kind must not open a pool that nothing draws on, nor look empty."""
    if name not in POOL_KINDS:
        raise refuse("kind", f"kind is one of {', '.join(POOL_KINDS)}")
    return name


def _pool_after(call: Call) -> tuple[str, str]:
    """The subject, told from the place by its length: both may hold any character."""
    text = call.query.get("cursor", "")
    length, point, names = text.partition(".")
    if text and not (length.isascii() and length.isdecimal() and len(length) < 5 and point):
        raise refuse("cursor", "cursor is a next_cursor of an earlier page")
    return (names[: int(length)], names[int(length) :]) if text else ("", "")


@guarded("pools")
async def pool_history(call: Call, who: Caller) -> Answer:
    """Every move of one pool, newest first."""
    tenant = await tenant_in_path(call, who)
    refuse_unknown_query(call, _HISTORY)
    query = call.query
    for name in ("kind", "subject"):
        if not query.get(name):
            raise refuse(name, f"{name} is required", "missing")
    key = PoolKey(tenant.id, _kind(query["kind"]), query["subject"], query.get("place", ""))
    limit = limit_of(call, MAX_PAGE)
    page = await call.hub.read(
        lambda reads: reads.past_moves(MoveQuery(key=key, after=_after(call), limit=limit + 1))
    )
    last = page[limit - 1] if len(page) > limit else None
    body = {
        "items": [past_move_shape(each) for each in page[:limit]],
        "next_cursor": None if last is None else f"{last.recorded_at}.{last.id}",
    }
    return Answer(200, encode(body))


def _after(call: Call) -> tuple[int, int] | None:
    text = call.query.get("cursor", "")
    if not text:
        return None
    if not _MOVE_CURSOR.fullmatch(text):
        raise refuse("cursor", "cursor is a next_cursor of an earlier page")
    at, _, move_id = text.partition(".")
    return int(at), int(move_id)


@guarded("pools")
async def adjust_pool(call: Call, who: Caller) -> Answer:
    """Count more or fewer units, or say how many are left, with a reason."""
    tenant = await tenant_in_path(call, who)
    command = _command(origin_in(call, who, tenant.id), body_of(call, Adjustment))

    def answer(accepted: Accepted) -> Answer:
        return Answer(200, encode(pool_shape(accepted.result)))

    return await call.submit(command, answer)


def _command(origin: Origin, given: Adjustment) -> AdjustPool:
    """The command of an adjustment. Raises Stop for one that names nothing or says nothing."""
    kind = _kind(given.kind)
    for one, other, said in (
        ("subject", "code", (given.subject, given.code)),
        ("by", "count", (given.by, given.count)),
    ):
        if said.count(None) == 2:
            raise refuse(one, f"{one} or {other} is required", "missing")
        if None not in said:
            raise refuse(other, f"either {one} or {other}, not both")
    if given.code and kind in MONEY_KINDS:
        raise refuse("code", f"a pool of kind {kind} has a subject, no code")
    by = 0 if given.by is None else _units(kind, given.by, "by")
    if given.by is not None and not by:
        raise refuse("by", "by is not 0")
    return AdjustPool(
        origin=origin,
        kind=kind,
        subject=given.subject or "",
        code=given.code or "",
        place=given.place,
        by=by,
        count=None if given.count is None else _units(kind, given.count, "count"),
        reason=given.reason,
    )


def _units(kind: str, said: int | str, name: str) -> int:
    """In the pool's own units: millionths of a balance."""
    is_money = kind in MONEY_KINDS
    text = said if isinstance(said, str) else f"{said:d}" if abs(said) <= MOST_UNITS else ""
    form = (_AMOUNT if is_money else _WHOLE).fullmatch(text)
    if form is None or (name == "count" and text.startswith("-")):
        what = "an amount such as 1000.00" if is_money else f"a whole number, at most {MOST_UNITS}"
        raise refuse(name, f"{name} is {what}{', not below 0' if name == 'count' else ''}")
    return to_micros(Decimal(text)) if is_money else int(text)


@guarded("pools")
async def bulk_adjust(call: Call, who: Caller) -> Answer:
    """An adjustment a line (NDJSON), one result a line out; rows with `count` may be sent again."""
    tenant = await tenant_in_path(call, who)
    results: list[bytes] = []
    chunk: list[AdjustPool | WireFault] = []
    origin = origin_in(call, who, tenant.id)
    async for line in lines_of(call.stream()):
        chunk.append(_row(line, origin))
        if len(chunk) == CHUNK:
            results += await _write(call, chunk, len(results))
            chunk = []
    results += await _write(call, chunk, len(results))
    return Answer(200, b"".join(results), (), NDJSON)


def _row(line: bytes, origin: Origin) -> AdjustPool | WireFault:
    if len(line) > MAX_ROW:
        return WireFault("", "length", f"a row of more than {MAX_ROW} bytes")
    try:
        return _command(origin, converted(decode(line), Adjustment))
    except Stop as stop:
        faults = stop.fault.faults
        return faults[0] if faults else WireFault("", "type", stop.fault.message)


async def _write(call: Call, rows: list[AdjustPool | WireFault], done: int) -> list[bytes]:
    # Started in the order of the rows, so that they enter the queue in it.
    return await asyncio.gather(
        *(_write_one(call, row, done + index + 1) for index, row in enumerate(rows))
    )


async def _write_one(call: Call, row: AdjustPool | WireFault, number: int) -> bytes:
    if isinstance(row, WireFault):
        return refused_row(number, row)
    return await write_row(call, number, row, _told)


def _told(accepted: Accepted) -> dict[str, Any]:
    pool: Pool = accepted.result
    status = "opened" if accepted.opened else "adjusted" if accepted.moves else "unchanged"
    shown = pool_shape(pool)
    return {"status": status, **{name: shown[name] for name in _RESULT}}


_RESULT = ("kind", "subject", "place", "available")


_POOLS = "/hub/v1/tenants/{tenant}/pools"

ROUTES = (
    Route(
        "POST",
        f"{_POOLS}:bulk",
        bulk_adjust,
        "Adjust many pools, NDJSON in and out",
        mutates=True,
        max_body=MAX_BYTES,
        stream=True,
    ),
    Route("GET", _POOLS, list_pools, "Stock, seats, coupons, balances"),
    Route("GET", f"{_POOLS}/history", pool_history, "Why a pool holds what it holds"),
    Route(
        "POST",
        f"{_POOLS}/adjust",
        adjust_pool,
        "Adjust a pool with a reason",
        request=Adjustment,
        mutates=True,
    ),
)
