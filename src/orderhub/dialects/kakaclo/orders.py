"""Creating, listing and refunding orders."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

from orderhub.core.facts import Accepted
from orderhub.core.queries import EntryQuery, OrderQuery, Reads
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Order, Status
from orderhub.dialects.codec import decode_object
from orderhub.dialects.contract import Answer, Call, CommandRejected
from orderhub.dialects.kakaclo.access import bad, caller_of, just_after, success
from orderhub.dialects.kakaclo.mapping import (
    cancel,
    id_of,
    number_of,
    place_order,
    refund_named,
    refund_number,
)
from orderhub.dialects.kakaclo.show import parcel_of, refunds_of, show, state_of
from orderhub.dialects.kakaclo.states import STATES
from orderhub.dialects.kakaclo.wire import (
    BODY,
    QUERY,
    CreateOrder,
    Orders,
    OrdersV2,
    Paging,
    RefundByNumber,
    RefundOrder,
    Refunds,
    RefundWhole,
)
from orderhub.dialects.kakaclo.words import REFUND_FIELDS, SUCCESS
from orderhub.dialects.spelling import spelled


def _created(accepted: Accepted) -> Answer:
    number = accepted.group_number or number_of(accepted.order)
    body = f'{{"code":{SUCCESS},"message":"success","data":{number}}}'
    return Answer(200, body.encode())


async def create(call: Call) -> Answer:
    """One order for each warehouse that ships; the answer is the one number that stands for all."""
    caller, settings = await caller_of(call)
    order = BODY.read(CreateOrder, decode_object(call.body))
    command = place_order(order, call.origin(caller, call.body), settings)
    return await call.respond(command, _created)


# --- the list


class _Asked:
    """What the list's query parameters ask for."""

    def __init__(self, query: Orders | OrdersV2) -> None:
        self.page, self.size = query.pageNumber, query.pageSize
        self.split = query.split == "1"
        self.ids, self.states = query.ids, query.status
        self.created_from = query.createStartTime
        self.created_to = just_after(query.createEndTime)
        self.updated_from = query.updateStartTime
        self.updated_to = just_after(query.updateEndTime)

    def suits(self, orders: tuple[Order, ...]) -> bool:
        """Whether a group found by its number passes the other filters."""
        created = min(order.occurred_at for order in orders)
        updated = max(order.updated_at for order in orders)
        return (
            (self.states is None or state_of(orders) in self.states)
            and (self.created_from is None or created >= self.created_from)
            and (self.created_to is None or created < self.created_to)
            and (self.updated_from is None or updated >= self.updated_from)
            and (self.updated_to is None or updated < self.updated_to)
        )

    def entries(self, tenant_id: int) -> EntryQuery:
        """Parents, and orders without one."""
        return EntryQuery(
            tenant_id=tenant_id,
            states=tuple(STATES[name] for name in self.states or ()),
            occurred_from=self.created_from,
            occurred_to=self.created_to,
            updated_from=self.updated_from,
            updated_to=self.updated_to,
            offset=(self.page - 1) * self.size,
            limit=self.size,
        )

    def orders(self, tenant_id: int) -> OrderQuery:
        """Orders, each on its own."""
        states = self.states or ()
        return OrderQuery(
            tenant_id=tenant_id,
            statuses=tuple(_STATUS_OF[name] for name in states if name in _STATUS_OF),
            occurred_from=self.created_from,
            occurred_to=self.created_to,
            updated_from=self.updated_from,
            updated_to=self.updated_to,
            offset=(self.page - 1) * self.size,
            limit=self.size,
            with_total=True,
        )


_STATUS_OF: dict[str, Status] = {
    "waiting_payment": Status.PENDING,
    "waiting_to_ship": Status.PAID,
    "shipped": Status.SHIPPED,
    "delivered": Status.COMPLETED,
    "cancel": Status.CANCELLED,
    "refunding": Status.REFUNDING,
    "refunded": Status.REFUNDED,
}


def _find(reads: Reads, tenant_id: int, asked: _Asked) -> tuple[int, list[tuple[Order, ...]]]:
    """The total and the page, each entry an order or the orders of a group."""
    if asked.ids:
        groups = [g for g in _named(reads, tenant_id, asked.ids, asked.split) if asked.suits(g)]
        start = (asked.page - 1) * asked.size
        return len(groups), groups[start : start + asked.size]
    if asked.states == frozenset():
        return 0, []
    if not asked.split:
        page = reads.entries(asked.entries(tenant_id))
        return page.total, list(page.entries)
    query = asked.orders(tenant_id)
    if asked.states is not None and not query.statuses:
        return 0, []
    orders = reads.orders(query)
    return orders.total or 0, [(order,) for order in orders.items]


def _named(
    reads: Reads, tenant_id: int, ids: tuple[str, ...], split: bool
) -> list[tuple[Order, ...]]:
    """What the numbers stand for, newest first; a number that is not known stands for nothing."""
    wanted = {each for each in ids if id_of(each)}
    if not wanted:
        return []
    found = reads.orders_among(
        tenant_id, ids=tuple(sorted(id_of(each) for each in wanted)), groups=tuple(sorted(wanted))
    )
    groups: dict[str, list[Order]] = {}
    alone: list[tuple[Order, ...]] = []
    for order in found:
        if order.group_number in wanted and not split:
            groups.setdefault(order.group_number, []).append(order)
        if number_of(order) in wanted or (split and order.group_number in wanted):
            alone.append((order,))
    every = alone + [tuple(orders) for orders in groups.values()]
    return sorted(every, key=lambda g: (g[0].recorded_at, g[0].id, -len(g)), reverse=True)


async def _list(call: Call, version: int, *, draft: bool = False) -> Answer:
    caller, settings = await caller_of(call)
    query = QUERY.read(OrdersV2, call.query) if version == 2 else QUERY.read(Orders, call.query)
    asked = _Asked(query)
    total, groups = await call.hub.read(lambda reads: _find(reads, caller.tenant_id, asked))
    return success(
        {
            "vo": None,
            "list": [show(group, settings, version, draft=draft) for group in groups],
            "total": total,
            "pageNumber": asked.page,
            "pageSize": asked.size,
            "totalPageNumber": None,
            "modifyDate": None,
            "nextId": None,
        }
    )


async def list_v1(call: Call) -> Answer:
    """Orders newest first; a group is one entry, its parent, unless `split=1` is asked for."""
    return await _list(call, 1)


async def list_draft(call: Call) -> Answer:
    """The same at the path of the first pages, in their words for statuses."""
    return await _list(call, 1, draft=True)


async def list_v2(call: Call) -> Answer:
    return await _list(call, 2)


# --- refunds


async def _orders_of(call: Call, tenant_id: int, number: str) -> tuple[Order, ...]:
    found = await call.hub.read(lambda reads: _named(reads, tenant_id, (number,), split=False))
    if not found:
        raise CommandRejected(Rejected(Reason.ORDER_UNKNOWN, "order", f"no order {number}"))
    return found[0]


async def _cancel(call: Call, refund: RefundOrder, number: str, version: int) -> Answer:
    caller = call.caller
    assert caller is not None
    orders = await _orders_of(call, caller.tenant_id, number)
    if refund.orderItems and any(parcel_of(order) is None for order in orders):
        # Orders of other doors follow other rules: they are refunded whole or not at all.
        raise CommandRejected(Rejected(Reason.TRANSITION_NOT_ALLOWED, "status", "not in part"))
    command = cancel(refund, number, orders, call.origin(caller, call.body))

    def answer(accepted: Accepted) -> Answer:
        refunds = accepted.changed[0].doc.refunds
        no = refund_number(number, refunds[-1].seq or len(refunds))
        data: Any = {0: {"RefundNo": [no]}, 1: no}.get(version, int(no))
        return success(data)

    call.spelling = partial(spelled, REFUND_FIELDS)
    return await call.respond(command, answer)


async def refund_v1(call: Call) -> Answer:
    """The whole order is called off, before it ships; the answer is the refund's number."""
    await caller_of(call)
    asked = BODY.read(RefundWhole, _body_of(call))
    refund = RefundOrder(remark=asked.remark, refundReason=asked.refundReason)
    return await _cancel(call, refund, call.params["id"], 1)


async def refund_v2(call: Call) -> Answer:
    """The whole order, or some units of some items."""
    await caller_of(call)
    refund = BODY.read(RefundOrder, _body_of(call))
    return await _cancel(call, refund, call.params["id"], 2)


def _body_of(call: Call) -> dict[str, Any]:
    return decode_object(call.body) if call.body.strip() else {}


async def refund_old(call: Call) -> Answer:
    """The first draft's call: `{OrderNo, Reason, Remark, Contacts, Phone}`, a list back."""
    await caller_of(call)
    asked = BODY.read(RefundByNumber, decode_object(call.body))
    refund = RefundOrder(remark=asked.remark, refundReason=asked.Reason)
    return await _cancel(call, refund, asked.OrderNo, 0)


async def _refunds(call: Call, tenant_id: int, text: str) -> list[dict[str, Any]]:
    number, refund_no = refund_named(text)
    orders = await _orders_of(call, tenant_id, number)
    found = refunds_of(orders)
    if refund_no:
        found = [each for each in found if each["refundNo"] == refund_no]
        if not found:
            raise CommandRejected(
                Rejected(Reason.RECORD_UNKNOWN, "refundNo", f"no refund {refund_no}")
            )
    return found


async def refund_query(call: Call) -> Answer:
    """The refunds of an order, by its number or by theirs, oldest first."""
    caller, _ = await caller_of(call)
    page = QUERY.read(Paging, call.query)
    found = await _refunds(call, caller.tenant_id, call.params["id"])
    return success(
        {
            "total": len(found),
            "pageNumber": page.pageNumber,
            "pageSize": page.pageSize,
            "list": page.of(found),
        }
    )


async def refund_query_old(call: Call) -> Answer:
    """The first draft's call: `refundNo`, `ids` and the page as query parameters, a bare list back."""
    caller, _ = await caller_of(call)
    query = QUERY.read(Refunds, call.query)
    wanted = (*query.refundNo, *query.ids)
    if not wanted:
        raise bad("refundNo", "is required")
    found: list[dict[str, Any]] = []
    for each in wanted:
        with suppress(CommandRejected):  # a list leaves out what is not known
            found += await _refunds(call, caller.tenant_id, each)
    return success(query.of(list({each["refundNo"]: each for each in found}.values())))
