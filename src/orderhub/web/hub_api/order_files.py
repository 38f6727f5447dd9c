"""/hub/v1/orders:export and /hub/v1/orders:import: whole orders out, for a file, and history from elsewhere in.

What comes in draws on no pool, is sent to no webhook, has no place in the feed and waits for nothing. It is found,
listed and counted in the days on which it happened, and later commands move it like any other order.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import msgspec

from orderhub.core.access import Tenant
from orderhub.core.commands import ImportOrder, Origin
from orderhub.core.facts import Accepted
from orderhub.dialects.codec import decode
from orderhub.dialects.contract import (
    Answer,
    Call,
    Caller,
    CommandRejected,
    HTTPFault,
    Media,
    Route,
    WireFault,
)
from orderhub.ledger.checking.sound import broken_by
from orderhub.web import order_sheets
from orderhub.web.hub_api.access import guarded, origin_in, tenant_of
from orderhub.web.hub_api.bodies import Query, converted, query_of, refuse
from orderhub.web.hub_api.bulk import (
    MAX_BYTES,
    NDJSON,
    RefusedRow,
    fault_of_row,
    lines_of,
    refused_row,
    write_row,
)
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.lists import exports, listed
from orderhub.web.hub_api.order_filters import FindOrders, page, wanted
from orderhub.web.hub_api.order_records import PastOrder, order_of, past_order
from orderhub.web.hub_api.orders import tenant_names
from orderhub.web.hub_api.shaping import Page, Shape

MAX_ORDER = 4 * 1024 * 1024
# So many are on their way at a time. They enter a few at a time behind the orders that wait.
_CHUNK = 256


class ImportOrders(Query, frozen=True, kw_only=True):
    tenant: Annotated[
        str,
        msgspec.Meta(
            description="whose all rows are; else each row's own `tenant`, and a tenant's token is its own"
        ),
    ] = ""


class TakenOver(Shape, frozen=True, kw_only=True):
    """The result of a row: `unchanged` = it was there already."""

    line: int
    status: Literal["imported", "unchanged"]
    number: str


@guarded("orders:read")
async def export_orders(call: Call, who: Caller) -> Answer:
    """Whole orders, newest first: a page as JSON, all from the cursor on as NDJSON, or as CSV with a row a line."""
    given = query_of(call, FindOrders)
    tenant_id: int | None = who.tenant_id or None
    if given.tenant:
        tenant_id = (await tenant_of(call, who, given.tenant)).id

    async def ask(cursor: str, limit: int) -> Page[PastOrder]:
        behind = msgspec.structs.replace(given, cursor=cursor, limit=limit)
        asked = wanted(call, behind, tenant_id)
        search = msgspec.structs.replace(asked.search, with_lines=True)
        asked = msgspec.structs.replace(asked, search=search)

        def look(reads: Any) -> Any:
            found, following = page(reads, asked)
            return found, following, reads.histories(found), tenant_names(reads)

        found, following, events, names = await call.hub.read(look)
        items = tuple(past_order(each, names[each.tenant_id], events[each.uid]) for each in found)
        return Page(items=items, next_cursor=following)

    return await listed(
        call,
        "orders",
        ask,
        order_sheets.COLUMNS,
        cursor=given.cursor,
        limit=given.limit,
        rows=order_sheets.rows_of,
    )


@guarded("orders:write")
async def import_orders(call: Call, who: Caller) -> Answer:
    """A whole order a line (NDJSON, as the export has it), one result a line out. A repeat changes nothing."""
    given = query_of(call, ImportOrders)
    whose = _Tenants(call, who)
    if given.tenant:
        await whose.of(given.tenant)
    results: list[bytes] = []
    chunk: list[bytes] = []
    async for line in lines_of(call.stream(), MAX_ORDER):
        chunk.append(line)
        if len(chunk) == _CHUNK:
            results += await _write(call, whose, given.tenant, chunk, len(results))
            chunk = []
    results += await _write(call, whose, given.tenant, chunk, len(results))
    return Answer(200, b"".join(results), (), NDJSON)


class _Tenants:
    """The tenants that rows name, each looked up once, and the origin of what is written in them."""

    def __init__(self, call: Call, who: Caller) -> None:
        self._call, self._who = call, who
        self._found: dict[str, Tenant | None] = {}
        self._origins: dict[int, Origin] = {}

    async def of(self, name: str) -> Tenant:
        """Raises CommandRejected for one that the caller does not reach."""
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = await tenant_of(self._call, self._who, name)
        return found

    async def origin(self, name: str) -> Origin:
        """Raises HTTPFault where it cannot be told whose the row is."""
        tenant_id = self._who.tenant_id
        if name or not tenant_id:
            if not name:
                raise refuse("tenant", "tenant is required: whose order is it?", "missing")
            try:
                tenant_id = (await self.of(name)).id
            except CommandRejected:
                raise refuse("tenant", f"no tenant {name}: make it first") from None
        origin = self._origins.get(tenant_id)
        if origin is None:
            made = origin_in(self._call, self._who, tenant_id)
            origin = self._origins[tenant_id] = msgspec.structs.replace(made, request="")
        return origin


async def _write(
    call: Call, whose: _Tenants, tenant: str, chunk: list[bytes], done: int
) -> list[bytes]:
    known = frozenset(("hub", *(each.name for each in port(call).dialects)))
    rows: list[ImportOrder | WireFault] = []
    for nth, line in enumerate(chunk, 1):
        rows.append(await _row(line, whose, tenant, known))
        if nth % 32 == 0:
            await asyncio.sleep(0)  # others are heard meanwhile
    # Started in the order of the rows, so that they enter the queue in it.
    return await asyncio.gather(
        *(_write_one(call, row, done + index) for index, row in enumerate(rows, 1))
    )


async def _row(
    line: bytes, whose: _Tenants, tenant: str, known: frozenset[str]
) -> ImportOrder | WireFault:
    """The command of a row, or what is wrong with it: whatever it comes to here has kept the laws of the ledger."""
    try:
        given = converted(decode(line), PastOrder)
        if given.dialect not in known:
            raise refuse("dialect", f"dialect is one of {', '.join(sorted(known))}")
        origin = await whose.origin(tenant or given.tenant)
        order, events = order_of(given, origin.recorded_at)
    except HTTPFault as stop:
        return fault_of_row(stop)
    broken = broken_by(order, events)
    if broken:
        return WireFault("", "value", f"the order would break a law of the ledger: {broken}")
    return ImportOrder(origin=origin, order=order, events=events)


async def _write_one(call: Call, row: ImportOrder | WireFault, number: int) -> bytes:
    if isinstance(row, WireFault):
        return refused_row(number, row)

    def told(accepted: Accepted) -> TakenOver:
        return TakenOver(line=number, status=accepted.result, number=row.order.number)

    return await write_row(call, number, row, told)


_ORDERS = "/hub/v1/orders"

ROUTES = (
    Route(
        "GET",
        f"{_ORDERS}:export",
        export_orders,
        "Whole orders for a file, newest first",
        query=FindOrders,
        answers={200: (Page[PastOrder], *exports(PastOrder))},
    ),
    Route(
        "POST",
        f"{_ORDERS}:import",
        import_orders,
        "Take over orders from elsewhere, NDJSON in and out",
        query=ImportOrders,
        request=Media(NDJSON, PastOrder),
        optional_body=True,
        answers={200: Media(NDJSON, (TakenOver, RefusedRow))},
        mutates=True,
        idempotency_key=False,  # its rows are committed one by one, and a repeat changes nothing
        max_body=MAX_BYTES,
        stream=True,
    ),
)
