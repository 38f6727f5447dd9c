"""The feed, read on from any place, in one consistent look.

What was written before there was a feed is a lane of its own, read straight from the events by recorded time; all
else follows it. The other lanes are merged by the stamps of their batches: what one batch saw of another comes first.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator
from functools import partial
from heapq import merge
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, literal_column, select, text

from orderhub.core.feed import FedEvent, FeedLook, FeedPlace, PlaceAhead, event_id, notice_id
from orderhub.ledger import rows
from orderhub.ledger.tables import feed, notice, order_event, orders

OLD = -1  # the lane of old events
_EVENT = "e.kind, e.occurred_at, e.recorded_at, e.actor, e.request_id, e.data, o.uid, o.door"
# The condition must be literal: the index is a partial one.
_OLD = f"""
    SELECT e.order_id, e.version, {_EVENT} FROM order_event e
    JOIN orders o ON o.tenant_id = e.tenant_id AND o.id = e.order_id
    WHERE e.fed = 0 AND e.tenant_id = :tenant_id
      AND (e.recorded_at, e.order_id, e.version) > (:at, :order_id, :version)
    ORDER BY e.recorded_at, e.order_id, e.version LIMIT :limit"""
_LAST_OLD = """
    SELECT recorded_at, order_id, version FROM order_event WHERE fed = 0 AND tenant_id = :tenant_id
    ORDER BY recorded_at DESC, order_id DESC, version DESC LIMIT 1"""
_LANES = "SELECT lane, next FROM feed_lane WHERE tenant_id = :tenant_id ORDER BY lane"
_STAMPS = """
    SELECT stamp, lane FROM feed WHERE tenant_id = :tenant_id AND lane = :lane
      AND position >= :first AND position < :until ORDER BY position"""
_FED = f"""
    SELECT f.stamp, f.lane, f.position, f.order_id, f.version, {_EVENT} FROM feed f
    LEFT JOIN order_event e ON e.tenant_id = f.tenant_id AND e.order_id = f.order_id
      AND e.version = f.version
    LEFT JOIN orders o ON o.tenant_id = f.tenant_id AND o.id = f.order_id
    WHERE f.tenant_id = :tenant_id AND f.lane = :lane
      AND f.position >= :first AND f.position < :until ORDER BY f.position"""
_NOTICE = "uid, kind, occurred_at, recorded_at, actor, request_id, data"
_NOTICES = f"""
    SELECT position, {_NOTICE} FROM notice
    WHERE tenant_id = :tenant_id AND lane = :lane AND position >= :first AND position < :until"""
_ONE_NOTICE = f"SELECT {_NOTICE} FROM notice WHERE tenant_id = :tenant_id AND uid = :uid"
_ONE_EVENT = f"""
    SELECT e.version, {_EVENT} FROM orders o
    JOIN order_event e ON e.tenant_id = o.tenant_id AND e.order_id = o.id
    WHERE o.tenant_id = :tenant_id AND o.uid = :uid AND e.version = :version"""
_RECORDED = """
    SELECT coalesce(e.recorded_at, n.recorded_at) FROM feed f
    LEFT JOIN order_event e ON e.tenant_id = f.tenant_id AND e.order_id = f.order_id
      AND e.version = f.version
    LEFT JOIN notice n ON n.tenant_id = f.tenant_id AND n.lane = f.lane AND n.position = f.position
    WHERE f.tenant_id = :tenant_id AND f.lane = :lane AND f.position = :position"""
_LAST_ID = (1 << 62) - 1  # no order has a greater one
# A page takes in no more places than this, however few of them are of a kind that is wanted.
_MOST_LOOKED_AT = 500


def look(
    connection: Connection,
    tenant_id: int,
    place: FeedPlace,
    limit: int,
    kinds: Collection[str] = (),
    until: FeedPlace | None = None,
) -> FeedLook:
    """At most `limit` events of these kinds (none = all) behind a place, and before `until`. Raises PlaceAhead."""
    lanes = _lanes(connection, tenant_id)
    progress = sum(lanes.values())
    if any(lanes.get(lane, 0) < position for lane, position in place.lanes.items()):
        raise PlaceAhead
    if until is not None:
        lanes = {lane: min(end, until.lanes.get(lane, 0)) for lane, end in lanes.items()}
    wanted, most = frozenset(kinds), _MOST_LOOKED_AT if kinds else limit
    old, positions = place.old, dict(place.lanes)
    found: list[tuple[FedEvent, FeedPlace]] = []
    looked_at, is_cut = 0, False
    old_until = None if until is None else until.old
    for lane, behind, event in _from(connection, tenant_id, place, lanes, most, old_until):
        if lane == OLD:
            old = behind
        else:
            positions[lane] = behind[0]
        looked_at += 1
        if not wanted or event.kind in wanted:
            found.append((event, FeedPlace(old, dict(positions))))
            if len(found) == limit:
                is_cut = True
                break
    at = FeedPlace(old, positions)
    is_end = not is_cut and looked_at < most
    return FeedLook(tuple(found), at, is_end, progress)


def end(connection: Connection, tenant_id: int) -> FeedPlace:
    """The place behind everything that there is."""
    last = connection.execute(text(_LAST_OLD), {"tenant_id": tenant_id}).first()
    return FeedPlace(() if last is None else tuple(last), _lanes(connection, tenant_id))


def place_at(connection: Connection, tenant_id: int, at_us: int) -> FeedPlace:
    """About where what was recorded from then on begins: exact as far as the clocks of all writers agree."""

    def recorded_at(lane: int, position: int) -> int:
        given = {"tenant_id": tenant_id, "lane": lane, "position": position}
        return int(connection.execute(text(_RECORDED), given).scalar_one())

    lanes = {
        lane: bisect_left(range(following), at_us, key=partial(recorded_at, lane))
        for lane, following in _lanes(connection, tenant_id).items()
    }
    return FeedPlace((at_us - 1, _LAST_ID, _LAST_ID), lanes)


def one(connection: Connection, tenant_id: int, uid: str, version: int) -> FedEvent | None:
    """An order's event, or with version 0 a notice."""
    given = {"tenant_id": tenant_id, "uid": uid, "version": version}
    if version:
        row = connection.execute(text(_ONE_EVENT), given).first()
        return None if row is None else _event(tenant_id, row)
    row = connection.execute(text(_ONE_NOTICE), given).first()
    return None if row is None else _notice(tenant_id, row)


def to_come(
    connection: Connection, tenant_id: int, place: FeedPlace, names: Collection[tuple[str, int]]
) -> set[tuple[str, int]]:
    """Those of these events (uid and version of an order's, uid and 0 of a notice) that stand behind the place."""
    uids = sorted({uid for uid, version in names if version})
    notices = sorted({uid for uid, version in names if not version})
    query = select(orders.c.id, orders.c.uid).where(
        orders.c.tenant_id == tenant_id, orders.c.uid.in_(uids)
    )
    known = {row.id: row.uid for row in connection.execute(query)}
    old = select(order_event.c.recorded_at, order_event.c.order_id, order_event.c.version).where(
        order_event.c.tenant_id == tenant_id,
        order_event.c.order_id.in_(sorted(known)),
        order_event.c.fed == literal_column("0"),
    )
    rows = [tuple(row) for row in connection.execute(old)]
    found = {(known[row[1]], int(row[2])) for row in rows if row > place.old}
    for lane, end in _lanes(connection, tenant_id).items():
        first = place.lanes.get(lane, 0)
        if first >= end:
            continue
        fed = select(feed.c.order_id, feed.c.version).where(
            *_behind(feed, tenant_id, lane, first), feed.c.order_id.in_(sorted(known))
        )
        found |= {(known[row.order_id], row.version) for row in connection.execute(fed)}
        told = select(notice.c.uid).where(
            *_behind(notice, tenant_id, lane, first), notice.c.uid.in_(notices)
        )
        found |= {(uid, 0) for uid in connection.execute(told).scalars()}
    return found & set(names)


def _behind(table: Table, tenant_id: int, lane: int, first: int) -> tuple[ColumnElement[bool], ...]:
    return table.c.tenant_id == tenant_id, table.c.lane == lane, table.c.position >= first


def progress(connection: Connection, tenant_ids: Collection[int]) -> dict[int, int]:
    """How many positions each tenant has given out."""
    return {each: sum(_lanes(connection, each).values()) for each in tenant_ids}


def _lanes(connection: Connection, tenant_id: int) -> dict[int, int]:
    return dict(tuple(row) for row in connection.execute(text(_LANES), {"tenant_id": tenant_id}))


Found = tuple[int, tuple[int, ...], FedEvent]  # lane, where it goes on behind it, event


def _from(
    connection: Connection,
    tenant_id: int,
    place: FeedPlace,
    lanes: dict[int, int],
    most: int,
    old_until: tuple[int, ...] | None,
) -> Iterator[Found]:
    """At most so many, in order; of the old events those up to `old_until`, None = all."""
    at, order_id, version = place.old or (-(1 << 62), 0, 0)
    given = {"tenant_id": tenant_id, "at": at, "order_id": order_id, "version": version}
    found = 0
    has_old = old_until is None or place.old < old_until
    query = text(_OLD), {**given, "limit": most}
    for row in connection.execute(*query).all() if has_old else ():
        behind = (row.recorded_at, row.order_id, row.version)
        if old_until is not None and behind > old_until:
            break
        found += 1
        yield OLD, behind, _event(tenant_id, row)
    if found < most:
        yield from _merged(connection, tenant_id, place, lanes, most - found)


def _merged(
    connection: Connection, tenant_id: int, place: FeedPlace, lanes: dict[int, int], most: int
) -> Iterator[Found]:
    first = {lane: place.lanes.get(lane, 0) for lane in lanes}
    until = {lane: min(lanes[lane], first[lane] + most) for lane in lanes}
    open_ = [lane for lane in lanes if first[lane] < until[lane]]
    if len(open_) > 1:  # how many of each are among the first
        stamps = [_stamps(connection, tenant_id, lane, first[lane], until[lane]) for lane in open_]
        until = dict(first)
        for _, lane in islice(merge(*stamps), most):
            until[lane] += 1
    fed = [
        _fed(connection, tenant_id, lane, first[lane], until[lane])
        for lane in open_
        if first[lane] < until[lane]
    ]
    for _, lane, position, event in merge(*fed, key=lambda each: each[:3]):
        yield lane, (position + 1,), event


def _stamps(
    connection: Connection, tenant_id: int, lane: int, first: int, until: int
) -> list[tuple[int, int]]:
    given = {"tenant_id": tenant_id, "lane": lane, "first": first, "until": until}
    return [(row.stamp, row.lane) for row in connection.execute(text(_STAMPS), given)]


def _fed(
    connection: Connection, tenant_id: int, lane: int, first: int, until: int
) -> list[tuple[int, int, int, FedEvent]]:
    given = {"tenant_id": tenant_id, "lane": lane, "first": first, "until": until}
    found = connection.execute(text(_FED), given).all()
    notices: dict[int, Any] = {}
    if any(not row.order_id for row in found):
        notices = {row.position: row for row in connection.execute(text(_NOTICES), given)}
    return [
        (
            row.stamp,
            row.lane,
            row.position,
            _event(tenant_id, row) if row.order_id else _notice(tenant_id, notices[row.position]),
        )
        for row in found
    ]


def _event(tenant_id: int, row: Any) -> FedEvent:
    return FedEvent(
        tenant_id=tenant_id,
        id=event_id(row.uid, row.version),
        kind=f"order.{row.kind}",
        occurred_at=row.occurred_at,
        recorded_at=row.recorded_at,
        actor=row.actor,
        request_id=row.request_id,
        data=rows.event_data(row.data),
        order_uid=row.uid,
        version=row.version,
        channel=row.door,
    )


def _notice(tenant_id: int, row: Any) -> FedEvent:
    return FedEvent(
        tenant_id=tenant_id,
        id=notice_id(row.uid),
        kind=row.kind,
        occurred_at=row.occurred_at,
        recorded_at=row.recorded_at,
        actor=row.actor,
        request_id=row.request_id,
        data=rows.event_data(row.data),
    )
