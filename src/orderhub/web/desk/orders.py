"""The list of orders: of every channel, newest first, by state and time, or by whatever is looked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from orderhub.core.queries import Reads
from orderhub.core.values import EXTRAS, MICROSECONDS, Order, Status
from orderhub.core.zones import zone_of
from orderhub.dialects.contract import Answer, Call
from orderhub.web.desk.exports import AS_CSV, media_asked, path_to
from orderhub.web.desk.finding import LONGEST, PAGE, Filters, Found, find, who_of
from orderhub.web.desk.forms import Form
from orderhub.web.desk.language import N_
from orderhub.web.desk.page import HOME, Visitor, page, show
from orderhub.web.desk.statuses import TABS, Badge, badge_of
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.lists import listed
from orderhub.web.hub_api.shaping import Page, amount, exact_instant

CURSOR = re.compile(r"[0-9]{1,18}\.[0-9]{1,18}")
# What `selected.py` does.
SEVERAL = (
    ("pay", N_("Mark as paid")),
    ("ship", N_("Ship")),
    ("cancel", N_("Cancel")),
    ("packing-slip", N_("Packing slip")),
    ("invoice", N_("Invoice")),
)
# Days back, today among them.
_TIMES: Mapping[str, tuple[int, str]] = {
    "": (0, N_("Any time")),
    "1": (1, N_("Today")),
    "7": (7, N_("Last 7 days")),
    "30": (30, N_("Last 30 days")),
    "90": (90, N_("Last 90 days")),
}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the list has it."""

    path: str
    uid: str
    number: str
    channel: str
    who: str
    what: str
    badge: Badge
    total: Decimal
    currency: str
    at_us: int


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """An order as a row of a file; amounts are exact, instants ISO 8601."""

    number: str
    uid: str
    channel: str
    status: str
    who: str
    what: str
    currency: str
    total: str
    paid: str
    refunded: str
    occurred_at: str


class Tab(msgspec.Struct, frozen=True):
    """`title` as `N_` marks it; `count` None = it is not known at once."""

    path: str
    title: str
    is_here: bool
    count: int | None


class Pages(msgspec.Struct, frozen=True):
    """Where a list goes on; empty = it does not."""

    newest: str = ""
    older: str = ""


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """`channels` and `times` as (value, title); `steps`, what can be done with several orders, as (name, title)."""

    rows: tuple[Row, ...]
    tabs: tuple[Tab, ...]
    pages: Pages
    text: str
    status: str
    channel: str
    time: str
    channels: tuple[tuple[str, str], ...]
    times: tuple[tuple[str, str], ...]
    steps: tuple[tuple[str, str], ...]
    csv: str


async def orders(call: Call, visitor: Visitor, _sent: Form) -> Answer:
    """What cannot be meant by a filter filters nothing: an old link still shows a list."""
    titles = titles_of(call)
    asked = {name: call.query.get(name, "").strip() for name in ("q", "channel", "status", "time")}
    asked["q"] = asked["q"][:LONGEST]
    asked["channel"] = asked["channel"] if asked["channel"] in titles else ""
    asked["status"] = asked["status"] if asked["status"] in {*Status} else ""
    asked["time"] = asked["time"] if asked["time"] in _TIMES else ""
    cursor = call.query.get("after", "")
    after = tuple(map(int, cursor.split("."))) if CURSOR.fullmatch(cursor) else ()
    filters = Filters(
        text=asked["q"],
        channel=asked["channel"],
        statuses=(Status(asked["status"]),) if asked["status"] else (),
        since=_since(visitor, call.received_at, _TIMES[asked["time"]][0]),
    )

    if media_asked(call):
        return await _file(call, visitor, filters)

    def look(reads: Reads) -> tuple[Found, Mapping[tuple[str, Status], int]]:
        return find(reads, visitor.at.id, filters, after), reads.order_counts(visitor.at.id)

    found, counts = await call.hub.read(look)
    is_counted = not asked["q"] and not asked["time"]
    context = Orders(
        rows=tuple(row_of(each, titles) for each in found.orders),
        tabs=tuple(
            Tab(
                _path(asked, status=status),
                title,
                status == asked["status"],
                _count(counts, asked["channel"], status) if is_counted else None,
            )
            for status, title in TABS
        ),
        pages=Pages(
            newest=_path(asked) if after else "",
            older=_path(asked, after=".".join(map(str, found.after))) if found.after else "",
        ),
        text=asked["q"],
        status=asked["status"],
        channel=asked["channel"],
        time=asked["time"],
        channels=(("", N_("Every channel")), *titles.items()),
        times=tuple((name, title) for name, (_, title) in _TIMES.items()),
        csv=_path(asked, **AS_CSV),
        steps=SEVERAL if visitor.may("orders:write") else (),
    )
    return show(call, visitor, "orders.html", context)


async def _file(call: Call, visitor: Visitor, filters: Filters) -> Answer:
    """Every order that the filters let through, newest first."""

    async def ask(cursor: str, limit: int) -> Page[Sheet]:
        after = tuple(map(int, cursor.split("."))) if cursor else ()
        found = await call.hub.read(lambda reads: find(reads, visitor.at.id, filters, after, limit))
        following = ".".join(map(str, found.after)) or None
        return Page(items=tuple(map(_sheet, found.orders)), next_cursor=following)

    columns = Sheet.__struct_fields__
    media = media_asked(call)
    return await listed(call, "orders", ask, columns, cursor="", limit=PAGE, media=media)


def _sheet(order: Order) -> Sheet:
    return Sheet(
        number=order.number,
        uid=order.uid,
        channel=order.channel,
        status=order.status,
        who=who_of(order),
        what=_what(order),
        currency=order.currency,
        total=amount(order.total),
        paid=amount(order.paid),
        refunded=amount(order.refunded),
        occurred_at=exact_instant(order.occurred_at),
    )


def _path(asked: Mapping[str, str], **more: str) -> str:
    return path_to(HOME, {**asked, **more})


def titles_of(call: Call) -> dict[str, str]:
    """The channels by name, as people call them."""
    return {each.name: each.brand or each.title for each in port(call).dialects}


def _since(visitor: Visitor, now_us: int, days: int) -> int | None:
    """The beginning of the day so many days ago, in the tenant's zone; the list goes by wall time."""
    if not days:
        return None
    assert visitor.settings is not None
    zone = zone_of(visitor.settings.time_zone)
    today = datetime.fromtimestamp(now_us / MICROSECONDS, zone).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    return round((today - timedelta(days=days - 1)).timestamp() * MICROSECONDS)


def _count(counts: Mapping[tuple[str, Status], int], channel: str, status: str) -> int:
    return sum(
        n
        for (door, state), n in counts.items()
        if (not channel or door == channel) and (not status or state == status)
    )


def row_of(order: Order, titles: Mapping[str, str]) -> Row:
    return Row(
        path=f"{HOME}/{order.uid}",
        uid=order.uid,
        number=order.number,
        channel=titles.get(order.channel, order.channel),
        who=who_of(order),
        what=_what(order),
        badge=badge_of(order),
        total=order.total,
        currency=order.currency,
        at_us=order.occurred_at,
    )


def _what(order: Order) -> str:
    """The first lines, as far as they fit: what is sold, not what is taken for or off it."""
    lines = [line for line in order.kept_lines if line.kind not in EXTRAS]
    told = [
        f"{each.title or each.sku} × {each.quantity}"
        if each.quantity != 1
        else each.title or each.sku
        for each in lines[:3]
    ]
    return ", ".join(filter(None, told)) + (" …" if len(lines) > 3 else "")


ROUTES = (page(HOME, "orders:read", orders),)
