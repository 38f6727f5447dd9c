"""/hub/v1/tenants/{tenant}/pools: stock, seats, coupons, balances: what is left, why, and a count corrected."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from orderhub.core.commands import AdjustPool
from orderhub.core.known import Accepted
from orderhub.core.pools import POOL_KINDS
from orderhub.core.queries import MoveQuery
from orderhub.core.values import PoolKey
from orderhub.dialects.contract import Answer, Call, Caller, Route
from orderhub.dialects.wiring import encode
from orderhub.web.hub_api.access import guarded, origin_in, tenant_in_path
from orderhub.web.hub_api.bodies import (
    Body,
    body_of,
    limit_of,
    refuse,
    refuse_unknown_query,
)
from orderhub.web.hub_api.shapes import past_move_shape, pool_shape

MAX_PAGE = 200
_MAX_UNITS = 10**15
_MOVE_CURSOR = re.compile(r"[0-9]{1,18}\.[0-9]{1,18}")
_LIST = frozenset({"kind", "subject", "limit", "cursor"})
_HISTORY = frozenset({"kind", "subject", "place", "limit", "cursor"})

Short = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Adjustment(Body, frozen=True, kw_only=True):
    """`by` is signed; a pool that does not exist is opened. `reason` is kept in the pool's history."""

    kind: Short
    subject: Short
    place: Annotated[str, msgspec.Meta(max_length=200)] = ""
    by: Annotated[int, msgspec.Meta(ge=-_MAX_UNITS, le=_MAX_UNITS)]
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
    """Count more or fewer units, with a reason."""
    tenant = await tenant_in_path(call, who)
    given = body_of(call, Adjustment)
    if not given.by:
        raise refuse("by", "by is a whole number of units, not 0")

    def answer(accepted: Accepted) -> Answer:
        return Answer(200, encode(pool_shape(accepted.result)))

    command = AdjustPool(
        origin=origin_in(call, who, tenant.id),
        kind=_kind(given.kind),
        subject=given.subject,
        place=given.place,
        by=given.by,
        reason=given.reason,
    )
    return await call.submit(command, answer)


_POOLS = "/hub/v1/tenants/{tenant}/pools"

ROUTES = (
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
