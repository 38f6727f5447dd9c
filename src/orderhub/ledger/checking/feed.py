"""The feed against the events: each stands in it once, in lanes without a gap, an order's in their order."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from orderhub.ledger import rows
from orderhub.ledger.checking.laws import Law
from orderhub.ledger.checking.report import Breach
from orderhub.ledger.checking.standing import Standing
from orderhub.ledger.checking.streams import rows_of

_LANES = """
    SELECT l.tenant_id, l.lane, l.next, l.stamp, count(f.position) AS places,
           coalesce(min(f.position), 0) AS first, coalesce(max(f.position), -1) AS last,
           coalesce(max(f.stamp), 0) AS newest
    FROM feed_lane l LEFT JOIN feed f ON f.tenant_id = l.tenant_id AND f.lane = l.lane
    GROUP BY l.tenant_id, l.lane, l.next, l.stamp ORDER BY l.tenant_id, l.lane"""
_NO_LANE = """
    SELECT f.tenant_id, f.lane, count(*) AS places FROM feed f
    WHERE NOT EXISTS (SELECT 1 FROM feed_lane l WHERE l.tenant_id = f.tenant_id AND l.lane = f.lane)
    GROUP BY f.tenant_id, f.lane ORDER BY f.tenant_id, f.lane"""
_NO_NOTICE = """
    SELECT f.tenant_id, f.lane, f.position FROM feed f
    LEFT JOIN notice n ON n.tenant_id = f.tenant_id AND n.lane = f.lane AND n.position = f.position
    WHERE f.order_id = 0 AND n.uid IS NULL ORDER BY f.tenant_id, f.lane, f.position"""
_NO_PLACE = """
    SELECT n.tenant_id, n.uid, n.kind FROM notice n
    LEFT JOIN feed f ON f.tenant_id = n.tenant_id AND f.lane = n.lane AND f.position = n.position
      AND f.order_id = 0
    WHERE f.lane IS NULL ORDER BY n.tenant_id, n.lane, n.position"""


def breaches_of(standing: Standing) -> Iterator[tuple[Law, str]]:
    """What is wrong with the places of one order's events."""
    versions = [place.version for place in standing.fed]
    wanted = [event.version for event, _ in standing.events if event.fed == rows.FED]
    if versions != wanted:
        known = {event.version for event, _ in standing.events}
        for version in sorted({*versions, *wanted}):
            count, most = versions.count(version), wanted.count(version)
            if version not in known:
                yield Law.PLACE_HAS_EVENT, f"place of version {version}"
            elif count != most:
                yield Law.FED_ONCE, f"event {version} has {count} places"
    places = [(place.stamp, place.lane, place.position) for place in standing.fed]
    if places != sorted(places):
        yield Law.FED_IN_ORDER, f"places of versions {', '.join(map(str, versions))}"


def breaches(connection: Connection) -> Iterator[Breach]:
    """Of lanes, and of events that are no order's."""
    for row in rows_of(connection, _LANES):
        is_whole = (row.first, row.last + 1, row.newest) == (0, row.places, row.stamp)
        if not is_whole or row.next != row.places:
            detail = f"{row.places} places from {row.first} to {row.last}, it says {row.next}"
            yield Breach(Law.LANE, row.tenant_id, f"lane {row.lane}", detail)
    for row in rows_of(connection, _NO_LANE):
        detail = f"{row.places} places, and no such lane"
        yield Breach(Law.LANE, row.tenant_id, f"lane {row.lane}", detail)
    for row in rows_of(connection, _NO_NOTICE):
        detail = f"nothing at position {row.position}"
        yield Breach(Law.PLACE_HAS_EVENT, row.tenant_id, f"lane {row.lane}", detail)
    for row in rows_of(connection, _NO_PLACE):
        yield Breach(Law.FED_ONCE, row.tenant_id, f"notice {row.uid}", row.kind)
