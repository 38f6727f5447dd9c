"""A batch's events get their places in the feed: the last that it does before its commit.

A place is a position in a lane. Positions are given out under the lane's row, which stays locked until the commit, so
that they have no gap and are seen in their order; several lanes keep writers out of each other's way. See
docs/decisions/0020.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from orderhub.core.facts import Accepted
from orderhub.ledger import bulk, citus, rows, tables
from orderhub.ledger.driver import Driver

# On PostgreSQL; SQLite has one writer and lane 0. More lanes than writers cost readers a look each.
LANES = 8
_LOCKS = 0x6665_6564  # "feed": lanes in use, beside those of the migration and of names
_ENCODER = msgspec.json.Encoder()
_PLACE_COLUMNS = tuple(tables.feed.columns.keys())

# `stamp` is greater than that of everything that was committed when the statement began, thus of whatever the batch
# was decided upon: by it readers merge the lanes. A lane that another batch is in is passed by, while there are others.
_ADVANCED = f"""
WITH given AS MATERIALIZED (
    SELECT * FROM json_to_recordset(CAST(%s AS json))
        AS r(tenant_id bigint, nth bigint, order_id bigint, version bigint)
), chosen AS MATERIALIZED (
    SELECT (CAST(%s AS integer) + g) %% {LANES} AS lane FROM generate_series(0, {LANES - 1}) AS g
    WHERE pg_try_advisory_xact_lock({_LOCKS}, (CAST(%s AS integer) + g) %% {LANES}) LIMIT 1
), advanced AS (
    INSERT INTO feed_lane (tenant_id, lane, next, stamp)
    SELECT r.tenant_id, coalesce((SELECT lane FROM chosen), CAST(%s AS integer)), count(*),
        1 + coalesce((SELECT max(l.stamp) FROM feed_lane l WHERE l.tenant_id = r.tenant_id), 0)
    FROM given AS r GROUP BY r.tenant_id ORDER BY r.tenant_id
    ON CONFLICT (tenant_id, lane) DO UPDATE
        SET next = feed_lane.next + excluded.next,
            stamp = greatest(feed_lane.stamp + 1, excluded.stamp)
    RETURNING tenant_id, lane, next, stamp
)"""
_FED = """
INSERT INTO feed (tenant_id, lane, position, stamp, order_id, version)
SELECT a.tenant_id, a.lane, a.next - r.nth, a.stamp, r.order_id, r.version
FROM given AS r JOIN advanced AS a ON a.tenant_id = r.tenant_id"""
_NOTICE_COLUMNS = tuple(
    column.name for column in tables.notice.columns if column.name not in ("lane", "position")
)
_NOTICED = f""", noticed AS (
    INSERT INTO notice (lane, position, {", ".join(_NOTICE_COLUMNS)})
    SELECT a.lane, a.next - r.nth, {", ".join(f"r.{name}" for name in _NOTICE_COLUMNS)}
    FROM json_to_recordset(CAST(%s AS json)) AS r(nth bigint, tenant_id bigint, uid text, kind text,
        occurred_at bigint, recorded_at bigint, actor text, data text, request_id text)
    JOIN advanced AS a ON a.tenant_id = r.tenant_id
)"""


class _Fed:
    """What a batch tells, by tenant in its order: (order, version), or a notice's row instead."""

    def __init__(self, accepted: Iterable[Accepted], notice_uids: Iterable[str]) -> None:
        self.tenants: dict[int, list[tuple[int, int] | dict[str, Any]]] = {}
        uids = iter(notice_uids)
        for each in accepted:
            for event in each.events:
                if event.is_past:
                    continue
                told = self.tenants.setdefault(event.tenant_id, [])
                told.append((event.order_id, event.version))
            for notice in each.notices:
                told = self.tenants.setdefault(notice.tenant_id, [])
                told.append(rows.notice_row(notice, next(uids)))


def write(
    driver: Driver, accepted: Iterable[Accepted], notice_uids: Sequence[str], slot: int
) -> None:
    """Give the events of a batch their places. `slot` is the number of the process, which prefers a lane by it."""
    fed = _Fed(accepted, notice_uids)
    if not fed.tenants:
        return
    if driver.is_citus:
        lane = slot % LANES
        counts = {tenant_id: len(told) for tenant_id, told in fed.tenants.items()}
        _write_places(driver, fed, lane, citus.advance(driver, counts, lane))
    elif driver.is_postgres:
        _write_postgres(driver, fed, slot % LANES)
    else:
        _write_sqlite(driver, fed)


def _write_postgres(driver: Driver, fed: _Fed, lane: int) -> None:
    given, notices = [], []
    for tenant_id, told in fed.tenants.items():
        for nth, each in zip(range(len(told), 0, -1), told, strict=True):
            # `nth` from the end of what the lane is advanced by.
            order_id, version = each if isinstance(each, tuple) else (0, 0)
            given.append(
                {"tenant_id": tenant_id, "nth": nth, "order_id": order_id, "version": version}
            )
            if isinstance(each, dict):
                notices.append({"nth": nth, **each})
    parameters: list[Any] = [_ENCODER.encode(given).decode(), lane, lane, lane]
    if notices:
        parameters.append(_ENCODER.encode(notices).decode())
    driver.send(_ADVANCED + (_NOTICED if notices else "") + _FED, parameters)


def _write_sqlite(driver: Driver, fed: _Fed) -> None:
    advanced = bulk.insert_returning(
        driver,
        tables.feed_lane,
        [
            {"tenant_id": tenant_id, "lane": 0, "next": len(told), "stamp": 1}
            for tenant_id, told in fed.tenants.items()
        ],
        "DO UPDATE SET next = feed_lane.next + excluded.next, stamp = 1 + "
        # Other lanes are there where the ledger was copied from PostgreSQL: what comes now comes behind all of them.
        "(SELECT max(l.stamp) FROM feed_lane l WHERE l.tenant_id = feed_lane.tenant_id)",
        "tenant_id, next, stamp",
    )
    _write_places(driver, fed, 0, advanced)


def _write_places(
    driver: Driver, fed: _Fed, lane: int, advanced: Iterable[tuple[Any, ...]]
) -> None:
    """The places up to the next free one of each tenant's lane."""
    places: list[tuple[int, ...]] = []
    notices: list[dict[str, Any]] = []
    for tenant_id, following, stamp in advanced:
        told = fed.tenants[tenant_id]
        for position, each in enumerate(told, following - len(told)):
            order_id, version = each if isinstance(each, tuple) else (0, 0)
            places.append((tenant_id, lane, position, stamp, order_id, version))
            if isinstance(each, dict):
                notices.append({**each, "lane": lane, "position": position})
    bulk.insert_tuples(driver, tables.feed, _PLACE_COLUMNS, places)
    if notices:
        bulk.insert(driver, tables.notice, notices)
