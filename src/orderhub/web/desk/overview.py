"""How business goes: today and the last 30 days from the daily roll-up, and what wants somebody's attention."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal

import msgspec

from orderhub.core.daily import DayFigures
from orderhub.core.handing import HandOverState
from orderhub.core.money import from_micros
from orderhub.core.queries import OrderQuery, Reads, RecordQuery
from orderhub.core.request_log import Refusals
from orderhub.core.values import Order, Status
from orderhub.core.webhooks import RECORD_KIND
from orderhub.dialects.contract import Answer, Call
from orderhub.web.desk.charts import Chart, chart
from orderhub.web.desk.counted import ENOUGH, Counted, rows_of
from orderhub.web.desk.finding import who_of
from orderhub.web.desk.forms import Form
from orderhub.web.desk.handing_on import at_most, counts
from orderhub.web.desk.inner import file, wanted
from orderhub.web.desk.language import N_
from orderhub.web.desk.orders import titles_of
from orderhub.web.desk.page import HOME, Visitor, page, show
from orderhub.web.desk.stock import STRETCH
from orderhub.web.hub_api import reports
from orderhub.web.hub_api.reports import day_of_tenant
from orderhub.web.hub_api.webhooks import MOST_WEBHOOKS

PATH = "/desk/overview"
_SPANS: Mapping[str, tuple[int, str]] = {
    "7": (7, N_("Last 7 days")),
    "": (30, N_("Last 30 days")),
    "90": (90, N_("Last 90 days")),
}
_FEW = 8
_CALLS = 5_000  # the newest, of which is told why they were refused


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel's orders in one currency came to; `net` is revenue less what was cancelled and refunded."""

    channel: str
    currency: str
    orders: int
    revenue: Decimal
    refunded: Decimal
    cancelled: Decimal
    net: Decimal


class Unpaid(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    number: str
    who: str
    total: Decimal
    currency: str
    at_us: int


class Failing(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook of which nothing but failures came since then, or that the hub switched off."""

    uid: str
    name: str
    since_us: int
    is_off: bool


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """`today` and `yesterday` as days such as 2026-11-28. What the visitor may not see is None.

    unsure, not_taken  hand-overs that wait for a decision, as shown: such as 99+; empty = there is none
    """

    today: str
    orders_today: int
    orders_yesterday: int
    revenue_today: tuple[tuple[str, Decimal], ...]
    to_ship: int
    to_pay: int
    charts: tuple[Chart, ...]
    sums: tuple[Sum, ...]
    is_complete: bool
    unpaid: tuple[Unpaid, ...]
    refusals: tuple[Refusals, ...] | None
    running_out: tuple[Counted, ...] | None
    failing: tuple[Failing, ...] | None
    unsure: str
    not_taken: str
    titles: Mapping[str, str]
    span: str
    spans: tuple[tuple[str, str], ...]


class _Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One look at the ledger."""

    today: str
    days: tuple[DayFigures, ...]
    is_complete: bool
    counts: Mapping[tuple[str, Status], int]
    unpaid: tuple[Order, ...]
    refusals: tuple[Refusals, ...] | None
    running_out: tuple[Counted, ...] | None
    failing: tuple[Failing, ...] | None
    undecided: Mapping[HandOverState, int]


async def overview(call: Call, visitor: Visitor, _sent: Form) -> Answer:
    span = call.query.get("time", "")
    span = span if span in _SPANS else ""
    length = _SPANS[span][0]
    if media := wanted(call):
        tenant_id, now_us = visitor.at.id, call.received_at
        today = await call.hub.read(lambda reads: day_of_tenant(reads, tenant_id, now_us))
        query = {"from": _calendar(today, length)[0], "to": today}
        return await file(call, visitor, reports.daily, media, query=query)
    seen = await call.hub.read(lambda reads: _look(reads, visitor, call.received_at, length))
    days = _calendar(seen.today, length)
    yesterday = days[-2]
    context = Overview(
        today=seen.today,
        orders_today=_orders_on(seen.days, seen.today),
        orders_yesterday=_orders_on(seen.days, yesterday),
        revenue_today=_revenue_on(seen.days, seen.today),
        to_ship=_count(seen.counts, Status.PAID),
        to_pay=_count(seen.counts, Status.PENDING),
        charts=_charts(seen.days, days, titles_of(call)),
        sums=_sums(seen.days, titles_of(call)),
        is_complete=seen.is_complete,
        unpaid=tuple(map(_unpaid, seen.unpaid)),
        refusals=seen.refusals,
        running_out=seen.running_out,
        failing=seen.failing,
        unsure=at_most(seen.undecided[HandOverState.UNSURE]),
        not_taken=at_most(seen.undecided[HandOverState.REFUSED]),
        titles=titles_of(call),
        span=span,
        spans=tuple((name, title) for name, (_, title) in _SPANS.items()),
    )
    return show(call, visitor, "overview.html", context)


def _look(reads: Reads, visitor: Visitor, now_us: int, length: int) -> _Seen:
    tenant_id = visitor.at.id
    today = day_of_tenant(reads, tenant_id, now_us)
    first = (date.fromisoformat(today) - timedelta(length - 1)).isoformat()
    oldest = OrderQuery(
        tenant_id=tenant_id,
        statuses=(Status.PENDING,),
        oldest_first=True,
        limit=_FEW,
        with_lines=False,
    )
    return _Seen(
        today=today,
        days=reads.days(tenant_id, first, today),
        is_complete=reads.are_days_whole(tenant_id),
        counts=reads.order_counts(tenant_id),
        unpaid=reads.orders(oldest).items,
        refusals=reads.refusals(tenant_id, _CALLS)[0][:_FEW] if visitor.may("requests") else None,
        running_out=_running_out(reads, tenant_id) if visitor.may("pools") else None,
        failing=_failing(reads, tenant_id) if visitor.may("webhooks") else None,
        undecided=counts(reads, tenant_id),
    )


def _failing(reads: Reads, tenant_id: int) -> tuple[Failing, ...]:
    sought = RecordQuery(tenant_id=tenant_id, kind=RECORD_KIND, limit=MOST_WEBHOOKS)
    found = []
    for each in reads.records(sought):
        state = reads.webhook_state(tenant_id, each.id)
        since = each.doc.off_at or (state.failing_since if state else 0)
        if since:
            name = each.doc.title or each.doc.url
            is_off = bool(each.doc.off_why)
            found.append(Failing(uid=each.uid, name=name, since_us=since, is_off=is_off))
    return tuple(found)


def _calendar(today: str, length: int) -> tuple[str, ...]:
    last = date.fromisoformat(today)
    return tuple((last - timedelta(back)).isoformat() for back in reversed(range(length)))


def _orders_on(found: Iterable[DayFigures], day: str) -> int:
    return sum(each.figures.orders for each in found if each.day == day)


def _revenue_on(found: Iterable[DayFigures], day: str) -> tuple[tuple[str, Decimal], ...]:
    """By currency, most first."""
    sums: dict[str, int] = {}
    for each in found:
        if each.day == day and each.figures.revenue:
            sums[each.currency] = sums.get(each.currency, 0) + each.figures.revenue
    told = ((currency, from_micros(micros)) for currency, micros in sums.items())
    return tuple(sorted(told, key=lambda pair: -pair[1]))


def _charts(
    found: tuple[DayFigures, ...], days: tuple[str, ...], titles: Mapping[str, str]
) -> tuple[Chart, ...]:
    """Orders, then revenue in each currency: amounts of several are never added up."""
    named = [(each, titles.get(each.channel, each.channel)) for each in found]
    colours = {name: index % 6 + 1 for index, name in enumerate(sorted({n for _, n in named}))}
    orders: dict[str, dict[str, Decimal]] = {}
    revenue: dict[str, dict[str, dict[str, Decimal]]] = {}
    for each, name in named:
        of_day = orders.setdefault(each.day, {})
        of_day[name] = of_day.get(name, Decimal(0)) + each.figures.orders
        of_day = revenue.setdefault(each.currency, {}).setdefault(each.day, {})
        of_day[name] = of_day.get(name, Decimal(0)) + from_micros(each.figures.revenue)
    of_money = (chart(days, revenue[code], code, colours.__getitem__) for code in sorted(revenue))
    return (chart(days, orders, "", colours.__getitem__), *of_money)


def _sums(found: Iterable[DayFigures], titles: Mapping[str, str]) -> tuple[Sum, ...]:
    sums: dict[tuple[str, str], list[int]] = {}
    for each in found:
        of_pair = sums.setdefault((titles.get(each.channel, each.channel), each.currency), [0] * 4)
        figures = each.figures
        parts = (figures.orders, figures.revenue, figures.refunded, figures.cancelled)
        for index, part in enumerate(parts):
            of_pair[index] += part
    return tuple(
        Sum(
            channel=channel,
            currency=currency,
            orders=orders,
            revenue=from_micros(revenue),
            refunded=from_micros(refunded),
            cancelled=from_micros(cancelled),
            net=from_micros(revenue - refunded - cancelled),
        )
        for (channel, currency), (orders, revenue, refunded, cancelled) in sorted(sums.items())
    )


def _unpaid(order: Order) -> Unpaid:
    return Unpaid(
        path=f"{HOME}/{order.uid}",
        number=order.number,
        who=who_of(order),
        total=order.total,
        currency=order.currency,
        at_us=order.occurred_at,
    )


def _running_out(reads: Reads, tenant_id: int) -> tuple[Counted, ...]:
    """What is low or used up, as the list of stock has it; the least first."""
    pools = reads.pools_by_left(tenant_id, "stock", (), None, STRETCH)
    low = [each for each in rows_of(reads, pools) if each.level != ENOUGH]
    low.sort(key=lambda each: (each.available, each.key))
    return tuple(low[:_FEW])


def _count(counts: Mapping[tuple[str, Status], int], status: Status) -> int:
    return sum(n for (_, state), n in counts.items() if state is status)


ROUTES = (page(PATH, "orders:read", overview),)
