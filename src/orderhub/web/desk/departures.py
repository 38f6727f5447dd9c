"""Departures with their seats: the next days on which tours leave, and what is left on each."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec

from orderhub.core.departures import upcoming
from orderhub.core.facts import Record
from orderhub.core.queries import Reads, RecordQuery
from orderhub.core.values import MICROSECONDS, Pool, PoolKey
from orderhub.dialects.contract import Answer, Call
from orderhub.web.desk.counted import Counted, Items, counted
from orderhub.web.desk.exports import media_asked, path_to
from orderhub.web.desk.forms import Form
from orderhub.web.desk.item_form import zone_here
from orderhub.web.desk.orders import Pages
from orderhub.web.desk.page import Visitor, page, show
from orderhub.web.desk.products import number_in, pages_of
from orderhub.web.hub_api.lists import whole

PATH = "/desk/departures"
_SCOPE = "catalogue"
_TOURS = 20  # of a page
_DAYS = 31  # shown from the first one on
_OF_ONE = 366


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One day of one tour. `seats` and `rooms` None = they are not counted on it."""

    day: date
    tour: int
    code: str
    title: str
    path: str
    least: int
    seats: Counted | None
    rooms: Counted | None


class Departures(msgspec.Struct, frozen=True, kw_only=True):
    """`tour` is the one that is looked at, 0 = all of a page. Days are from `since` on, `until` is the last."""

    rows: tuple[Row, ...]
    pages: Pages
    tour: int
    title: str
    since: str
    until: str
    csv: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A departure in a file."""

    day: str
    product_id: int
    code: str
    title: str
    min_persons: int
    seats_counted: int | None
    seats_sold: int | None
    seats_available: int | None
    rooms_available: int | None


async def departures(call: Call, visitor: Visitor, _sent: Form) -> Answer:
    """What cannot be meant by a filter filters nothing."""
    tour = number_in(call.query.get("tour", ""))
    after = number_in(call.query.get("after", ""))
    since = _day(call.query.get("since", "")) or _today(call, visitor)
    until = since + timedelta(days=(_OF_ONE if tour else _DAYS) - 1)
    tenant_id = visitor.at.id

    def look(reads: Reads) -> tuple[tuple[Row, ...], int, str]:
        query = RecordQuery(tenant_id=tenant_id, kind="tour", after_id=after, limit=_TOURS + 1)
        if tour:
            query = RecordQuery(tenant_id=tenant_id, kind="tour", by="id", values=(str(tour),))
        tours = reads.records(query)
        following = tours[_TOURS - 1].id if len(tours) > _TOURS else 0
        rows = _rows(reads, tenant_id, tours[:_TOURS], since, until)
        title = rows[0].title if tour and rows else ""
        return rows, following, title

    rows, following, title = await call.hub.read(look)
    if media_asked(call):
        return whole(call, "departures", tuple(map(_line, rows)), Line, media=media_asked(call))
    asked = {"tour": str(tour or ""), "since": call.query.get("since", "")[:10]}
    context = Departures(
        rows=rows,
        pages=pages_of(PATH, asked, after, following),
        tour=tour,
        title=title,
        since=since.isoformat(),
        until=until.isoformat(),
        csv=path_to(PATH, {**asked, "after": str(after or ""), "as": "csv"}),
    )
    return show(call, visitor, "departures.html", context)


def _today(call: Call, visitor: Visitor) -> date:
    """By the tenant's clock, in its zone."""
    assert visitor.settings is not None
    now_us = visitor.settings.clock.at(call.hub.now_us())
    return datetime.fromtimestamp(now_us // MICROSECONDS, UTC).astimezone(zone_here(visitor)).date()


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if date(1970, 1, 1) <= found <= date(9990, 1, 1) else None


def _rows(
    reads: Reads, tenant_id: int, tours: tuple[Record, ...], since: date, until: date
) -> tuple[Row, ...]:
    """By day, then by tour."""
    if not tours:
        return ()
    ids = tuple(str(each.id) for each in tours)
    query = RecordQuery(tenant_id=tenant_id, kind="product", by="id", values=ids)
    items: Items = {("product", each.id): each.doc for each in reads.records(query)}
    leaving = [
        (day, tour, stretch.min_persons)
        for tour in tours
        for day, stretch in upcoming(tour.doc.departures, since, (until - since).days + 1)
        if day <= until
    ]
    subjects = tuple(f"product:{each}" for each in ids)
    places = tuple({day.isoformat() for day, _, _ in leaving})
    pools: dict[PoolKey, Pool] = {}
    for kind in ("seats", "rooms") if places else ():
        found = reads.pools(tenant_id, kind, subjects, places)
        pools.update((each.key, each) for each in found)
    rows = (_row(tenant_id, day, tour, least, pools, items) for day, tour, least in leaving)
    return tuple(sorted(rows, key=lambda row: (row.day, row.tour)))


def _row(
    tenant_id: int,
    day: date,
    tour: Record,
    least: int,
    pools: dict[PoolKey, Pool],
    items: Items,
) -> Row:
    def of(kind: str, is_counted: bool) -> Counted | None:
        key = PoolKey(tenant_id, kind, f"product:{tour.id}", day.isoformat())
        if not is_counted:
            return None
        # A day that was never counted has none left.
        return counted(pools.get(key) or Pool(key=key, opening=0), items)

    product = items.get(("product", tour.id))
    return Row(
        day=day,
        tour=tour.id,
        code=(product.code if product else "") or str(tour.id),
        title=product.title if product else "",
        path=path_to(PATH, {"tour": str(tour.id)}),
        least=least,
        seats=of("seats", tour.doc.seats_counted),
        rooms=of("rooms", tour.doc.rooms_counted),
    )


def _line(row: Row) -> Line:
    seats, rooms = row.seats, row.rooms
    return Line(
        day=row.day.isoformat(),
        product_id=row.tour,
        code=row.code,
        title=row.title,
        min_persons=row.least,
        seats_counted=None if seats is None else int(seats.counted),
        seats_sold=None if seats is None else int(seats.sold),
        seats_available=None if seats is None else int(seats.available),
        rooms_available=None if rooms is None else int(rooms.available),
    )


ROUTES = (page(PATH, _SCOPE, departures),)
