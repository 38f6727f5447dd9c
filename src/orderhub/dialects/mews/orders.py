"""Orders and their items: `orders/add`, `orderItems/*`, `productServiceOrders/getAll`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from orderhub.core.accounts import BillState
from orderhub.core.charge_changes import CancelLines
from orderhub.core.commands import OrderName, PlaceOrder
from orderhub.core.facts import Accepted
from orderhub.core.ids import order_of
from orderhub.core.ordering import MAX_LINES
from orderhub.core.queries import LineQuery, OrderQuery, Reads, RecordQuery, RecordSort
from orderhub.dialects.contract import Answer, WireFault, invalid
from orderhub.dialects.mews.access import Session, enterprise_of, nothing
from orderhub.dialects.mews.mapping import order_added, place_order, spelling_of
from orderhub.dialects.mews.paging import Window, bad_cursor, choices, cursor_of, lowered, window
from orderhub.dialects.mews.show import (
    ALL_TYPES,
    SERVICE_ORDER_STATES,
    STATES,
    Pair,
    order_items,
    service_order,
)
from orderhub.dialects.mews.wire import (
    AddOrder,
    CancelOrderItems,
    GetOrderItems,
    GetProductServiceOrders,
)
from orderhub.dialects.mews.words import TooHeavy

_CHUNK = 1000
# For one page that is filtered by what no index serves, so many rows are looked at, however short the page.
_MOST_LOOKED_AT = 20_000
_SERVICE_STATES = (
    "Inquired",
    "Enquired",  # as it was spelled before
    "Requested",
    "Optional",
    "Confirmed",
    "Started",
    "Processed",
    "Canceled",
)


async def add(session: Session, body: AddOrder) -> Answer:
    if len(body.ProductOrders or ()) + len(body.Items or ()) > MAX_LINES:
        raise TooHeavy(f"at most {MAX_LINES} products and items an order")
    command = place_order(session, body)
    session.call.spelling = spelling_of(body)
    return await session.call.respond(command, order_added)


# --- order items


async def get_items(session: Session, body: GetOrderItems) -> Answer:
    query = _query(body)
    keep = _keep(body)
    closed_within = window(body.ClosedUtc, "ClosedUtc")

    def look(reads: Reads) -> list[dict[str, Any]]:
        collector = _Items(reads, session.tenants, query, keep, closed_within)
        return collector.page(body.Limitation.Count, cursor_of(body.Limitation))

    shown = await session.call.hub.read(look)
    cursor = shown[-1]["Id"] if shown else None
    return session.answer({"OrderItems": shown, "Cursor": cursor}, empty=not shown)


def _query(body: GetOrderItems) -> LineQuery:
    created = window(body.CreatedUtc, "CreatedUtc") or (None, None)
    updated = window(body.UpdatedUtc, "UpdatedUtc") or (None, None)
    consumed = window(body.ConsumedUtc, "ConsumedUtc") or (None, None)
    cancelled = window(body.CanceledUtc, "CanceledUtc") or (None, None)
    filters = (
        body.OrderItemIds,
        body.ServiceOrderIds,
        body.ServiceIds,
        body.AccountIds,
        body.BillIds,
        body.CreatedUtc,
        body.UpdatedUtc,
        body.ConsumedUtc,
        body.CanceledUtc,
        body.ClosedUtc,
    )
    if not any(filters):
        raise invalid(WireFault("OrderItemIds", "missing", "at least one filter is needed"))
    return LineQuery(
        tenant_id=0,
        lines=tuple(order_of(uid) for uid in lowered(body.OrderItemIds)),
        order_uids=lowered(body.ServiceOrderIds),
        services=lowered(body.ServiceIds),
        accounts=lowered(body.AccountIds),
        bills=lowered(body.BillIds),
        occurred_from=created[0],
        occurred_to=created[1],
        updated_from=updated[0],
        updated_to=updated[1],
        consumed_from=consumed[0],
        consumed_to=consumed[1],
        cancelled_from=cancelled[0],
        cancelled_to=cancelled[1],
    )


def _keep(body: GetOrderItems) -> Callable[[dict[str, Any]], bool]:
    states = choices(body.AccountingStates, "AccountingStates", STATES)
    types = choices(body.Types, "Types", ALL_TYPES)
    currency = body.Currency

    def keep(item: dict[str, Any]) -> bool:
        return (
            (not states or item["AccountingState"] in states)
            and (not types or item["Type"] in types)
            # Amounts are never converted: the filter chooses instead.
            and (not currency or item["Amount"]["Currency"] == currency)
        )

    return keep


class _Search:
    """How much is read for a page: at first what it holds, which is all unless a filter drops some; then in chunks."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._looked_at = 0
        self.limit = count

    def go_on(self, looked_at: int, found: int) -> None:
        """After so many rows, and so many found in all. Raises TooHeavy when too many were looked at in vain."""
        self._looked_at += looked_at
        self.limit = _CHUNK
        if self._looked_at >= _MOST_LOOKED_AT and found < self._count:
            raise TooHeavy(f"{self._looked_at} rows were looked at: narrow the filters")


class _Items:
    """Collects a page of items, tenant by tenant."""

    def __init__(
        self,
        reads: Reads,
        tenants: Sequence[int],
        query: LineQuery,
        keep: Callable[[dict[str, Any]], bool],
        closed_within: Window | None,
    ) -> None:
        self._reads = reads
        self._tenants = tenants
        self._query = query
        self._keep = keep
        self._closed_within = closed_within

    def page(self, count: int, cursor: str) -> list[dict[str, Any]]:
        start, before = self._start(cursor)
        found: list[dict[str, Any]] = []
        search = _Search(count)
        for tenant_id in self._tenants[start:]:
            query = self._for_tenant(tenant_id)
            enterprise = enterprise_of(self._reads, tenant_id)
            uid = "" if enterprise is None else enterprise.uid
            while query is not None and len(found) < count:
                limit = search.limit
                pairs = self._reads.lines(_from(query, before, limit))
                found += self._shown(tenant_id, pairs, uid)
                if len(pairs) < limit:
                    break
                order, line = pairs[-1]
                before = (order.occurred_at, order.id, line.line_no)
                search.go_on(len(pairs), len(found))
            before = None
        return found[:count]

    def _start(self, cursor: str) -> tuple[int, tuple[int, int, int] | None]:
        if not cursor:
            return 0, None
        uid, line_no = order_of(cursor)
        for index, tenant_id in enumerate(self._tenants):
            order = self._reads.order(tenant_id, OrderName("uid", uid))
            if order is not None:
                return index, (order.occurred_at, order.id, line_no)
        raise bad_cursor()

    def _for_tenant(self, tenant_id: int) -> LineQuery | None:
        """The query of one tenant. Items were closed when their bills were."""
        bills = self._query.bills
        if self._closed_within is not None:
            closed = self._bills_closed(tenant_id)
            bills = tuple(uid for uid in closed if not bills or uid in bills)
            if not bills:
                return None
        return replace(self._query, tenant_id=tenant_id, bills=bills)

    def _bills_closed(self, tenant_id: int) -> list[str]:
        assert self._closed_within is not None
        start, end = self._closed_within
        found: list[str] = []
        after = 0
        while True:
            chunk = self._reads.records(
                RecordQuery(
                    tenant_id=tenant_id,
                    kind="bill",
                    by="state",
                    values=(BillState.CLOSED,),
                    sort=RecordSort.LAST_ID,
                    limit=_CHUNK,
                    after_id=after,
                )
            )
            found += [record.uid for record in chunk if start <= record.doc.closed_at < end]
            if len(chunk) < _CHUNK:
                return found
            after = chunk[-1].id

    def _shown(self, tenant_id: int, pairs: Sequence[Pair], uid: str) -> list[dict[str, Any]]:
        return [
            item for item in order_items(self._reads, tenant_id, pairs, uid) if self._keep(item)
        ]


def _from(query: LineQuery, before: tuple[int, int, int] | None, limit: int) -> LineQuery:
    return replace(query, before=before, limit=limit)


async def cancel_items(session: Session, body: CancelOrderItems) -> Answer:
    lines = tuple(order_of(uid) for uid in lowered(body.OrderItemIds))
    command = PlaceOrder(origin=session.origin(), terms=CancelLines(lines=lines))

    def answer(_accepted: Accepted) -> Answer:
        return nothing(session.call)

    session.call.spelling = lambda _field: "OrderItemIds"
    return await session.call.respond(command, answer)


# --- product service orders


async def get_service_orders(session: Session, body: GetProductServiceOrders) -> Answer:
    states = {
        "Inquired" if state == "Enquired" else state
        for state in choices(body.States, "States", _SERVICE_STATES)
    }
    updated = window(body.UpdatedUtc, "UpdatedUtc") or (None, None)
    query = OrderQuery(
        services=lowered(body.ServiceIds),
        names=tuple(OrderName("uid", uid) for uid in lowered(body.ProductServiceOrderIds)),
        accounts=lowered(body.AccountIds),
        statuses=tuple(status for status, shown in SERVICE_ORDER_STATES.items() if shown in states),
        updated_from=updated[0],
        updated_to=updated[1],
        by_occurred=True,
        with_lines=False,
    )
    if states and not query.statuses:
        return session.answer({"ProductServiceOrders": [], "Cursor": None}, empty=True)
    reservations = frozenset(lowered(body.LinkedReservationIds))

    def look(reads: Reads) -> list[dict[str, Any]]:
        start, after = _service_order_start(reads, session.tenants, cursor_of(body.Limitation))
        found: list[dict[str, Any]] = []
        count = body.Limitation.Count
        search = _Search(count)
        for tenant_id in session.tenants[start:]:
            while len(found) < count:
                limit = search.limit
                here = replace(query, tenant_id=tenant_id, after=after, limit=limit)
                orders = reads.orders(here).items
                shown = [service_order(order) for order in orders]
                found += [
                    each
                    for each in shown
                    if not reservations or each["LinkedReservationId"] in reservations
                ]
                if len(orders) < limit:
                    break
                after = f"{orders[-1].occurred_at}.{orders[-1].id}"
                search.go_on(len(orders), len(found))
            after = ""
        return found[:count]

    shown = await session.call.hub.read(look)
    cursor = shown[-1]["Id"] if shown else None
    return session.answer({"ProductServiceOrders": shown, "Cursor": cursor}, empty=not shown)


def _service_order_start(reads: Reads, tenants: Sequence[int], cursor: str) -> tuple[int, str]:
    if not cursor:
        return 0, ""
    for index, tenant_id in enumerate(tenants):
        order = reads.order(tenant_id, OrderName("uid", cursor))
        if order is not None:
            return index, f"{order.occurred_at}.{order.id}"
    raise bad_cursor()
