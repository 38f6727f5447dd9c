"""/hub/v1/tenants/{tenant}/pools: stock, seats, coupons, balances: what is left, why, and a count corrected."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from orderhub.core.adjustments import MOST_UNITS
from orderhub.core.commands import AdjustPool, Origin
from orderhub.core.facts import Accepted
from orderhub.core.money import kept, to_micros
from orderhub.core.pools import MONEY_KINDS, POOL_KINDS
from orderhub.core.queries import MoveQuery
from orderhub.core.values import PoolKey
from orderhub.dialects.codec import decode, encode
from orderhub.dialects.contract import Answer, Call, Caller, HTTPFault, Media, Route, WireFault
from orderhub.web.hub_api.access import guarded, origin_in, tenant_in_path
from orderhub.web.hub_api.bodies import (
    Body,
    Query,
    body_of,
    converted,
    form,
    one_of,
    query_of,
    refuse,
    up_to,
)
from orderhub.web.hub_api.bulk import (
    CHUNK,
    MAX_BYTES,
    MAX_ROW,
    NDJSON,
    RefusedRow,
    fault_of_row,
    lines_of,
    refused_row,
    write_row,
)
from orderhub.web.hub_api.lists import exports, listed
from orderhub.web.hub_api.shapes import (
    PoolFigures,
    PoolMove,
    past_move_shape,
    pool_shape,
)
from orderhub.web.hub_api.shaping import Page, Shape, Units
from orderhub.web.hub_api.tables import columns_of

MAX_PAGE = 200
# So many digits as `MOST_UNITS` has noughts, or as an amount may have.
_WHOLE = "[0-9]{1,15}|10{15}"
_AMOUNT = r"[0-9]{1,12}(?:\.[0-9]{1,40})?"
_MOST_MONEY = 10**12 - 1
_CURSOR = "is a next_cursor of an earlier page"
_ABOUT_CURSOR = "`next_cursor` of the page before"

Short = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Place = Annotated[str, msgspec.Meta(max_length=200)]


class ListPools(Query, frozen=True, kw_only=True):
    kind: Annotated[str, one_of(POOL_KINDS, "`stock` unless said", optional=True)] = ""
    subject: str = ""
    limit: Annotated[int, up_to(1_000)] = 1_000
    cursor: Annotated[str, form(r"(?:[0-9]{1,4}\.[\s\S]*)?", _CURSOR, _ABOUT_CURSOR)] = ""


class PoolHistory(Query, frozen=True, kw_only=True):
    kind: Annotated[str, one_of(POOL_KINDS)]
    subject: Annotated[str, msgspec.Meta(min_length=1)]
    place: str = ""
    limit: Annotated[int, up_to(MAX_PAGE)] = 50
    cursor: Annotated[str, form(r"(?:[0-9]{1,18}\.[0-9]{1,18})?", _CURSOR, _ABOUT_CURSOR)] = ""


class Adjustment(Body, frozen=True, kw_only=True):
    """One pool counted anew; one that does not exist is opened. `reason` is kept in its history.

    subject, code  what is counted: by its name in pools, or by the code of an item
    by, count      so many more (signed), or how many are left: whole units, of a balance an amount
    low_at         from when on little is left, for `pool.low` among the events; 0 = what its item says. It
                   may come alone, for a pool that is there
    """

    kind: Annotated[Short, one_of(POOL_KINDS)] = "stock"
    subject: Short | None = None
    code: Short | None = None
    place: Place = ""
    by: int | str | None = None
    count: int | str | None = None
    low_at: int | str | None = None
    reason: Short


def _figure(most: int, text: str, *, is_signed: bool) -> dict[str, Any]:
    """So many more, which is never 0, or how many are left."""
    if not is_signed:
        number = {"type": "integer", "minimum": 0, "maximum": most}
        return {"anyOf": [number, {"type": "string", "pattern": f"^(?:{text})$"}]}
    number = {"type": "integer", "minimum": -most, "maximum": most, "not": {"const": 0}}
    return {"anyOf": [number, {"type": "string", "pattern": f"^-?(?![0.]*$)(?:{text})$"}]}


def _together() -> list[dict[str, Any]]:
    """What is counted, by its subject or code, and how: by so many, as so many, or little from so many on."""
    counted = [kind for kind in POOL_KINDS if kind not in MONEY_KINDS]
    return [
        {
            "properties": {
                "kind": {"enum": kinds},
                name: {"type": "string"},
                "low_at": {
                    "anyOf": [*_figure(most, text, is_signed=False)["anyOf"], _NULL],
                },
                figure: _figure(most, text, is_signed=figure == "by"),
                **{n: _NULL for n in ("subject", "code", "by", "count") if n not in (name, figure)},
            },
            "required": [name, figure, *(["kind"] if kinds != counted else [])],
        }
        for kinds, most, text, names in (
            (counted, MOST_UNITS, _WHOLE, ("subject", "code")),
            ([*MONEY_KINDS], _MOST_MONEY, _AMOUNT, ("subject",)),
        )
        for name in names
        for figure in ("by", "count", "low_at")
    ]


_NULL = {"type": "null"}
# What one member says of the others is more than their types say.
ADJUSTED = Annotated[Adjustment, msgspec.Meta(extra_json_schema={"anyOf": _together()})]


class Counted(Shape, frozen=True, kw_only=True):
    """The result of a row."""

    line: int
    status: Literal["opened", "adjusted", "unchanged"]
    kind: str
    subject: str
    place: str
    available: Units


@guarded("pools")
async def list_pools(call: Call, who: Caller) -> Answer:
    """Pools of one kind (`stock` unless said), or of one subject of it, by name."""
    tenant = await tenant_in_path(call, who)
    given = query_of(call, ListPools)
    subjects = (given.subject,) if given.subject else ()
    kind = given.kind or "stock"

    async def ask(cursor: str, limit: int) -> Page[PoolFigures]:
        after = _pool_after(cursor)
        found = await call.hub.read(
            lambda reads: reads.pools_page(tenant.id, kind, subjects, after, limit + 1)
        )
        last = found[limit - 1].key if len(found) > limit else None
        following = None if last is None else f"{len(last.subject)}.{last.subject}{last.place}"
        return Page(items=tuple(map(pool_shape, found[:limit])), next_cursor=following)

    columns = columns_of(PoolFigures)
    return await listed(call, "pools", ask, columns, cursor=given.cursor, limit=given.limit)


def _pool_after(cursor: str) -> tuple[str, str]:
    """The subject, told from the place by its length: both may hold any character."""
    length, _, names = cursor.partition(".")
    return (names[: int(length)], names[int(length) :]) if cursor else ("", "")


@guarded("pools")
async def pool_history(call: Call, who: Caller) -> Answer:
    """Every move of one pool, newest first."""
    tenant = await tenant_in_path(call, who)
    given = query_of(call, PoolHistory)
    key = PoolKey(tenant.id, given.kind, given.subject, given.place)

    async def ask(cursor: str, limit: int) -> Page[PoolMove]:
        at, _, move_id = cursor.partition(".")
        query = MoveQuery(key=key, after=(int(at), int(move_id)) if at else None, limit=limit + 1)
        found = await call.hub.read(lambda reads: reads.past_moves(query))
        last = found[limit - 1] if len(found) > limit else None
        following = None if last is None else f"{last.recorded_at}.{last.id}"
        return Page(items=tuple(map(past_move_shape, found[:limit])), next_cursor=following)

    columns = columns_of(PoolMove)
    return await listed(call, "pool-history", ask, columns, cursor=given.cursor, limit=given.limit)


@guarded("pools")
async def adjust_pool(call: Call, who: Caller) -> Answer:
    """Count more or fewer units, or say how many are left, with a reason."""
    tenant = await tenant_in_path(call, who)
    command = command_of(origin_in(call, who, tenant.id), body_of(call, Adjustment))

    def answer(accepted: Accepted) -> Answer:
        return Answer(200, encode(pool_shape(accepted.result)))

    return await call.respond(command, answer)


def command_of(origin: Origin, given: Adjustment) -> AdjustPool:
    """The command of an adjustment. Raises HTTPFault for one that names nothing or says nothing."""
    kind = given.kind
    for one, other, said in (
        ("subject", "code", (given.subject, given.code)),
        ("by", "count", (given.by, given.count)),
    ):
        if said.count(None) == 2 and (one == "subject" or given.low_at is None):
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
        low_at=None if given.low_at is None else _units(kind, given.low_at, "low_at"),
        reason=given.reason,
    )


def _units(kind: str, said: int | str, name: str) -> int:
    """In the pool's own units: millionths of a balance."""
    is_money = kind in MONEY_KINDS
    text = said if isinstance(said, str) else f"{said:d}" if abs(said) <= MOST_UNITS else ""
    sign = "-?" if name == "by" else ""
    if re.fullmatch(f"{sign}(?:{_AMOUNT if is_money else _WHOLE})", text) is None:
        what = "an amount such as 1000.00" if is_money else f"a whole number, at most {MOST_UNITS}"
        raise refuse(name, f"{name} is {what}{'' if sign else ', not below 0'}")
    return to_micros(kept(Decimal(text))) if is_money else int(text)


@guarded("pools")
async def bulk_adjust(call: Call, who: Caller) -> Answer:
    """An adjustment a line (NDJSON), one result a line out; rows with `count` may be sent again."""
    tenant = await tenant_in_path(call, who)
    origin = origin_in(call, who, tenant.id)
    rows = (_row(line, origin) async for line in lines_of(call.stream()))
    return Answer(200, b"".join(await write_rows(call, rows)), (), NDJSON)


async def write_rows(call: Call, rows: AsyncIterator[AdjustPool | WireFault]) -> list[bytes]:
    """A result for each row, in their order, as a line of NDJSON."""
    results: list[bytes] = []
    chunk: list[AdjustPool | WireFault] = []
    async for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            results += await _write(call, chunk, len(results))
            chunk = []
    return results + await _write(call, chunk, len(results))


def _row(line: bytes, origin: Origin) -> AdjustPool | WireFault:
    if len(line) > MAX_ROW:
        return WireFault("", "length", f"a row of more than {MAX_ROW} bytes")
    try:
        return command_of(origin, converted(decode(line), Adjustment))
    except HTTPFault as stop:
        return fault_of_row(stop)


async def _write(call: Call, rows: list[AdjustPool | WireFault], done: int) -> list[bytes]:
    # Started in the order of the rows, so that they enter the queue in it.
    return await asyncio.gather(
        *(_write_one(call, row, done + index + 1) for index, row in enumerate(rows))
    )


async def _write_one(call: Call, row: AdjustPool | WireFault, number: int) -> bytes:
    if isinstance(row, WireFault):
        return refused_row(number, row)

    def told(accepted: Accepted) -> Counted:
        shown = pool_shape(accepted.result)
        is_changed = accepted.moves or accepted.low_marks
        status = "opened" if accepted.opened else "adjusted" if is_changed else "unchanged"
        return Counted.of(shown, line=number, status=status)

    return await write_row(call, number, row, told)


_POOLS = "/hub/v1/tenants/{tenant}/pools"

ROUTES = (
    Route(
        "POST",
        f"{_POOLS}:bulk",
        bulk_adjust,
        "Adjust many pools, NDJSON in and out",
        request=Media(NDJSON, ADJUSTED),
        optional_body=True,
        answers={200: Media(NDJSON, (Counted, RefusedRow))},
        mutates=True,
        idempotency_key=False,  # its rows are committed one by one
        max_body=MAX_BYTES,
        stream=True,
    ),
    Route(
        "GET",
        _POOLS,
        list_pools,
        "Stock, seats, coupons, balances",
        query=ListPools,
        answers={200: (Page[PoolFigures], *exports(PoolFigures))},
    ),
    Route(
        "GET",
        f"{_POOLS}/history",
        pool_history,
        "Why a pool holds what it holds",
        query=PoolHistory,
        answers={200: (Page[PoolMove], *exports(PoolMove))},
    ),
    Route(
        "POST",
        f"{_POOLS}/adjust",
        adjust_pool,
        "Adjust a pool with a reason",
        request=ADJUSTED,
        answers={200: PoolFigures},
        mutates=True,
    ),
)
