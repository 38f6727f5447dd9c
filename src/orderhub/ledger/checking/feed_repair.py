"""Places in the feed, put right by the events that stand. An event is never touched, nor a place that is in order.

An order's events stand in their order, so that its places tell whose they are. An event without a place gets the one
that is free where it was committed; where none is, it is told at the end: a reader knows it by its id, and rather sees
an event twice than never. A gap that no event belongs into is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from orderhub.ledger import rows, tables
from orderhub.ledger.checking.report import Report
from orderhub.ledger.checking.rewriting import Rows, write
from orderhub.ledger.checking.standing import Standing, walk

Place = tuple[int, int, int]  # stamp, lane, position: readers come by in this order

_PLACES = """
    SELECT f.lane, f.position, f.stamp, f.order_id, e.version AS known, e.recorded_at, n.uid AS notice
    FROM feed f
    LEFT JOIN order_event e ON e.tenant_id = f.tenant_id AND e.order_id = f.order_id
      AND e.version = f.version
    LEFT JOIN notice n ON n.tenant_id = f.tenant_id AND n.lane = f.lane AND n.position = f.position
    WHERE f.tenant_id = :tenant_id ORDER BY f.lane, f.position"""
_NOTICES = """
    SELECT n.uid, n.lane, n.position FROM notice n
    LEFT JOIN feed f ON f.tenant_id = n.tenant_id AND f.lane = n.lane AND f.position = n.position
    WHERE n.tenant_id = :tenant_id AND f.lane IS NULL"""
_ENDS = """
    SELECT lane, max(position) + 1 AS next, max(stamp) AS stamp
    FROM feed WHERE tenant_id = :tenant_id GROUP BY lane"""
_LANES = "SELECT lane, next, stamp FROM feed_lane WHERE tenant_id = :tenant_id ORDER BY lane"


@dataclass(slots=True)
class _Order:
    """Some of whose events have no place. `places` by version."""

    tenant_id: int
    id: int
    uid: str
    places: dict[int, Place]

    def suits(self, version: int, place: Place) -> bool:
        return all(
            (at < place) if other < version else (at > place) for other, at in self.places.items()
        )


@dataclass(frozen=True, slots=True)
class _Missing:
    recorded_at: int
    version: int
    order: _Order


@dataclass(slots=True)
class _Free:
    """Positions `first` to `until` of a lane that no event is at, between those at either side."""

    lane: int
    first: int
    until: int
    stamp: int  # of the place before, 0 at the beginning
    since: int  # recorded before
    next_stamp: int | None  # None: it is the end of the lane
    to: int | None


@dataclass(slots=True)
class _Lanes:
    """As `feed_lane` says: lane -> (next, stamp)."""

    said: dict[int, tuple[int, int]]
    free: list[_Free] = field(default_factory=list)


def mended(connection: Connection, tenants: frozenset[int]) -> Iterator[str]:
    """A line for each thing that was mended."""
    said = {each: _Lanes(_said(connection, each)) for each in sorted(tenants)}
    missing: dict[int, list[_Missing]] = {each: [] for each in said}
    changes = Rows(connection, tables.feed)
    for standing in walk(connection, Report()):  # what cannot be read was reported
        lanes = said.get(standing.order.tenant_id)
        if lanes is not None:
            yield from _own_places(standing, lanes, changes, missing[standing.order.tenant_id])
    changes.write()
    for tenant_id, lanes in said.items():
        _look_for_free(connection, tenant_id, lanes)
        yield from _notices(connection, tenant_id, lanes)
        yield from _fill(connection, tenant_id, lanes, missing[tenant_id])
        yield from _ends(connection, tenant_id)


def _said(connection: Connection, tenant_id: int) -> dict[int, tuple[int, int]]:
    found = connection.execute(text(_LANES), {"tenant_id": tenant_id})
    return {row.lane: (row.next, row.stamp) for row in found}


def _own_places(
    standing: Standing, lanes: _Lanes, changes: Rows, missing: list[_Missing]
) -> Iterator[str]:
    """An order's places tell its events in their order; what it has none for is noted."""
    order = standing.order
    events = {
        event.version: event.recorded_at for event, _ in standing.events if event.fed == rows.FED
    }
    wanted = sorted(events)
    places = sorted(standing.fed, key=_place)
    if [each.version for each in places] == wanted:
        return
    for each in [p for p in places if len(places) > len(wanted) and _is_beyond(p, lanes)]:
        places.remove(each)
        changes.delete((order.tenant_id, each.lane, each.position))
        yield f"order {order.uid} of tenant {order.tenant_id}: a second place of event {each.version} is gone"
    if len(places) == len(wanted):
        for each, version in zip(places, wanted, strict=True):
            if each.version != version:
                row = (order.tenant_id, each.lane, each.position, each.stamp, order.id, version)
                changes.insert(row)
                yield f"order {order.uid} of tenant {order.tenant_id}: event {version} has its place"
        return
    versions = [each.version for each in places]
    if versions == sorted(set(versions)) and set(versions) < set(wanted):
        known = dict(zip(versions, map(_place, places), strict=True))
        lacks = _Order(order.tenant_id, order.id, order.uid, known)
        missing += [_Missing(events[v], v, lacks) for v in wanted if v not in known]


def _place(row: Any) -> Place:
    return row.stamp, row.lane, row.position


def _is_beyond(place: Any, lanes: _Lanes) -> bool:
    """Whether it is further on than its lane ever was."""
    return place.lane not in lanes.said or place.position >= lanes.said[place.lane][0]


def _look_for_free(connection: Connection, tenant_id: int, lanes: _Lanes) -> None:
    """The stretches of each lane in which nothing is told."""
    given = {"tenant_id": tenant_id}
    stream = connection.execute(text(_PLACES), given, execution_options={"yield_per": 2_000})
    ends: dict[
        int, tuple[int, int, int]
    ] = {}  # lane -> position behind the last, its stamp, recorded
    for row in stream:
        if row.known is None and (row.order_id or row.notice is None):
            continue  # tells nothing
        following, stamp, since = ends.get(row.lane, (0, 0, -1))
        recorded_at = since if row.recorded_at is None else row.recorded_at
        if row.position > following:
            free = _Free(row.lane, following, row.position, stamp, since, row.stamp, recorded_at)
            lanes.free.append(free)
        ends[row.lane] = (row.position + 1, row.stamp, recorded_at)
    for lane, (end, _) in lanes.said.items():
        following, stamp, since = ends.get(lane, (0, 0, -1))
        if following < end:
            lanes.free.append(_Free(lane, following, end, stamp, since, None, None))


def _notices(connection: Connection, tenant_id: int, lanes: _Lanes) -> Iterator[str]:
    """What is told of no order says itself where: its place is written again where that is free."""
    for row in connection.execute(text(_NOTICES), {"tenant_id": tenant_id}).all():
        for number, free in enumerate(lanes.free):
            if free.lane == row.lane and free.first <= row.position < free.until:
                stamp = _stamp(free, row.position, lanes, free.stamp + row.position - free.first)
                write(connection, tables.feed, [(tenant_id, row.lane, row.position, stamp, 0, 0)])
                before = _Free(
                    free.lane, free.first, row.position, free.stamp, free.since, stamp, free.to
                )
                free.first, free.stamp = row.position + 1, stamp
                lanes.free[number : number + 1] = [
                    each for each in (before, free) if each.first < each.until
                ]
                yield f"notice {row.uid} of tenant {tenant_id} has its place again"
                break


def _fill(
    connection: Connection, tenant_id: int, lanes: _Lanes, missing: list[_Missing]
) -> Iterator[str]:
    """Each event that has no place gets a free one: first where it was recorded, then any that suits, then the end."""
    missing.sort(key=lambda each: (each.recorded_at, each.order.id, each.version))
    changes = Rows(connection, tables.feed)
    for is_strict in (True, False):
        for free in lanes.free:
            for position in range(free.first, free.until):
                found = next(
                    (m for m in missing if _suits(m, free, position, lanes, is_strict)), None
                )
                if found is None:
                    break
                missing.remove(found)
                stamp = _stamp(free, position, lanes, free.stamp)
                free.first, free.stamp = position + 1, stamp
                yield _put(changes, found, (stamp, free.lane, position))
    changes.write()
    ends = connection.execute(text(_ENDS), {"tenant_id": tenant_id}).all()
    lane = min((row.lane for row in ends), default=0)
    following = max((row.next for row in ends if row.lane == lane), default=0)
    stamp = max((row.stamp for row in ends), default=0) + 1
    for each in missing:
        place = (stamp, lane, following)
        if each.order.suits(each.version, place):
            following += 1
            yield _put(changes, each, place)
    changes.write()


def _suits(missing: _Missing, free: _Free, position: int, lanes: _Lanes, is_strict: bool) -> bool:
    place = (_stamp(free, position, lanes, free.stamp), free.lane, position)
    if not missing.order.suits(missing.version, place):
        return False
    return not is_strict or (
        free.since <= missing.recorded_at and (free.to is None or missing.recorded_at <= free.to)
    )


def _stamp(free: _Free, position: int, lanes: _Lanes, before: int) -> int:
    """A stamp between those at either side: that of a batch of its own where there was one."""
    if free.next_stamp is not None:
        return max(1, before, min(before + 1, free.next_stamp - 1))
    end, newest = lanes.said[free.lane]
    return newest if position == end - 1 else max(1, before, min(before + 1, newest))


def _put(changes: Rows, missing: _Missing, place: Place) -> str:
    stamp, lane, position = place
    order = missing.order
    changes.insert((order.tenant_id, lane, position, stamp, order.id, missing.version))
    order.places[missing.version] = place
    return f"order {order.uid} of tenant {order.tenant_id}: event {missing.version} has its place again"


def _ends(connection: Connection, tenant_id: int) -> Iterator[str]:
    """A lane ends behind its last place."""
    found = connection.execute(text(_ENDS), {"tenant_id": tenant_id})
    ends = {row.lane: (row.next, row.stamp) for row in found}
    said = _said(connection, tenant_id)
    for lane in sorted({*ends, *said}):
        wanted = ends.get(lane, (0, 0))
        if said.get(lane) != wanted:
            write(connection, tables.feed_lane, [(tenant_id, lane, *wanted)])
            yield f"lane {lane} of tenant {tenant_id}: ends at {wanted[0]}, its stamp is {wanted[1]}"
