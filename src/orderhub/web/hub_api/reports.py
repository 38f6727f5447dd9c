"""/hub/v1/reports: what a tenant's days added up to, and why its calls were refused."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

import msgspec

from orderhub.core.daily import DayFigures, day_of
from orderhub.core.money import from_micros
from orderhub.core.queries import Reads
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Caller, Route
from orderhub.web.hub_api.access import guarded, tenant_of
from orderhub.web.hub_api.bodies import AnyDay, Query, query_of, refuse
from orderhub.web.hub_api.lists import JSON, exports, media_of, whole
from orderhub.web.hub_api.requests import write_down
from orderhub.web.hub_api.shaping import Amount, Instant, Shape, amount, exact_instant

MOST_DAYS = 366
_USUAL_DAYS = 30


class WhichDays(Query, frozen=True, kw_only=True):
    """Calendar days of the tenant, both included."""

    tenant: Annotated[str, msgspec.Meta(description="an operator says whose days")] = ""
    from_: Annotated[AnyDay, msgspec.Meta(description="29 days before `to` unless said")] = (
        msgspec.field(default="", name="from")
    )
    to: Annotated[AnyDay, msgspec.Meta(description="today by the tenant's clock unless said")] = ""


class WhichRefusals(Query, frozen=True, kw_only=True):
    tenant: Annotated[str, msgspec.Meta(description="an operator says whose calls")] = ""


class Day(Shape, frozen=True, kw_only=True):
    """What one dialect's orders in one currency came to on one day of the tenant's.

    `revenue` is of orders placed that day, and by how much others were amended; what is cancelled or refunded counts on
    its own day. `net` is revenue less both.
    """

    day: Annotated[str, msgspec.Meta(extra_json_schema={"format": "date"})]
    dialect: str
    currency: str
    orders: int
    units: int
    revenue: Amount
    refunds: int
    refunded: Amount
    cancellations: int
    cancelled: Amount
    net: Amount


class Daily(Shape, frozen=True, kw_only=True):
    """Newest first. `is_complete`: else orders from before there was a roll-up are still being counted."""

    items: tuple[Day, ...]
    is_complete: bool


class RefusalCount(Shape, frozen=True, kw_only=True):
    """How many calls of a dialect were refused for a reason."""

    dialect: str
    reason: str
    count: int
    last_at: Instant


class RefusalCounts(Shape, frozen=True, kw_only=True):
    """Most frequent first, of the calls that are still kept: those `since` then, null = none is."""

    items: tuple[RefusalCount, ...]
    since: Instant | None


@guarded("orders:read")
async def daily(call: Call, who: Caller) -> Answer:
    """Orders, units, revenue, refunds and cancellations by day, dialect and currency: days without any have no row."""
    given = query_of(call, WhichDays)
    tenant_id = await _tenant_id(call, who, given.tenant)
    now_us = call.received_at

    def look(reads: Reads) -> tuple[tuple[DayFigures, ...], bool]:
        first, last = _stretch(given, day_of_tenant(reads, tenant_id, now_us))
        return reads.days(tenant_id, first, last), reads.are_days_whole(tenant_id)

    found, is_complete = await call.hub.read(look)
    items = tuple(map(day_shape, found))
    if media_of(call.header("accept")) == JSON:
        return Answer(200, encode(Daily(items=items, is_complete=is_complete)))
    return whole(call, "daily", items, Day)


@guarded("requests")
async def refusals(call: Call, who: Caller) -> Answer:
    """Why calls of the last days were refused, as far as the request log keeps them."""
    given = query_of(call, WhichRefusals)
    tenant_id = await _tenant_id(call, who, given.tenant)
    await write_down(call)
    found, since = await call.hub.read(lambda reads: reads.refusals(tenant_id))
    items = tuple(RefusalCount.of(each, dialect=each.channel) for each in found)
    if media_of(call.header("accept")) == JSON:
        shown = None if since is None else exact_instant(since)
        return Answer(200, encode(RefusalCounts(items=items, since=shown)))
    return whole(call, "refusals", items, RefusalCount)


def day_of_tenant(reads: Reads, tenant_id: int, now_us: int) -> str:
    """Today, by its zone and its clock."""
    settings = reads.settings(tenant_id)
    return day_of(settings, settings.clock.at(now_us))


def day_shape(found: DayFigures) -> Day:
    figures = found.figures
    net = figures.revenue - figures.refunded - figures.cancelled
    amounts = {"revenue": figures.revenue, "refunded": figures.refunded}
    amounts |= {"cancelled": figures.cancelled, "net": net}
    return Day.of(
        figures,
        day=found.day,
        dialect=found.channel,
        currency=found.currency,
        **{name: amount(from_micros(each)) for name, each in amounts.items()},
    )


def _stretch(given: WhichDays, today: str) -> tuple[str, str]:
    last = date.fromisoformat(given.to or today)
    first = date.fromisoformat(given.from_) if given.from_ else last - timedelta(_USUAL_DAYS - 1)
    if (last - first).days >= MOST_DAYS:
        raise refuse("from", f"from is at most {MOST_DAYS} days before the day after to")
    return first.isoformat(), last.isoformat()


async def _tenant_id(call: Call, who: Caller, name: str) -> int:
    if name:
        return (await tenant_of(call, who, name)).id
    if not who.tenant_id:
        raise refuse("tenant", "tenant is required", "missing")
    return who.tenant_id


ROUTES = (
    Route(
        "GET",
        "/hub/v1/reports/daily",
        daily,
        "What each day came to",
        query=WhichDays,
        answers={200: (Daily, *exports(Day))},
    ),
    Route(
        "GET",
        "/hub/v1/reports/refusals",
        refusals,
        "Why calls were refused, by how often",
        query=WhichRefusals,
        answers={200: (RefusalCounts, *exports(RefusalCount))},
    ),
)
