"""The request log at rest: written beside the orders, cut short, and read along its indexes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, delete, func, literal, select, tuple_

from orderhub.core.request_log import Exchange, LoggedRequest, Refusals, RequestSearch
from orderhub.ledger import bulk
from orderhub.ledger.driver import Driver
from orderhub.ledger.tables import request_log as log
from orderhub.ledger.tables import tenant

OPERATORS = 0  # whose calls belong to no tenant


class _Summary(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a list shows besides the columns that it is filtered by."""

    field: str = ""
    detail: str = ""
    label: str = ""
    orders: tuple[str, ...] = ()
    duration_us: int = 0


_ENCODE = msgspec.json.Encoder().encode
_SUMMARY = msgspec.json.Decoder(_Summary).decode
_EXCHANGE = msgspec.json.Decoder(Exchange).decode
_LISTED = tuple(column for column in log.columns if column.name != "exchange")
_COLUMNS = [each.name for each in _LISTED if each.name in LoggedRequest.__struct_fields__]
_THERE_ON_SQLITE = "SELECT id FROM tenant WHERE id IN (SELECT value FROM json_each(?))"
_THERE_ON_POSTGRES = (
    "SELECT id FROM tenant WHERE id IN (SELECT value::bigint FROM json_array_elements_text(%s::json)) "
    "FOR KEY SHARE"
)
_PARTS = 50


class RequestLog:
    """What one process adds to the log. One thread at a time."""

    def __init__(self) -> None:
        # How many more calls of a tenant may be added before it is looked whether there are too many: to find out is
        # to count them, which takes longer than to add some.
        self._room: dict[int, int] = {}

    def write(self, connection: Connection, rows: Sequence[dict[str, Any]], most: int) -> None:
        """Keep these, of `rows_of`, and of each of their tenants no more than so many, the newest.

        A fiftieth of them go at a time.
        """
        driver = Driver(connection)
        there = _there(driver, {row["tenant_id"] for row in rows})
        rows = [row for row in rows if row["tenant_id"] in there]
        if rows:
            bulk.insert(driver, log, rows, "DO NOTHING")
        for tenant_id, count in sorted(Counter(row["tenant_id"] for row in rows).items()):
            left = self._room.get(tenant_id, 0) - count
            if left < 0:
                left = most // _PARTS
                _cut(connection, tenant_id, most - left)
            self._room[tenant_id] = left


def rows_of(calls: Sequence[tuple[LoggedRequest, Exchange]]) -> list[dict[str, Any]]:
    """These calls as they are kept: made before the transaction, so that it is short."""
    return [_row(call, exchange) for call, exchange in calls]


def _there(driver: Driver, tenant_ids: Collection[int]) -> set[int]:
    """Those of the tenants that were not removed since their calls; they stay until the commit."""
    sql = _THERE_ON_POSTGRES if driver.is_postgres else _THERE_ON_SQLITE
    found = driver.rows(sql, (msgspec.json.encode(sorted(tenant_ids)).decode(),))
    return {tenant_id for (tenant_id,) in found} | ({OPERATORS} & set(tenant_ids))


def _cut(connection: Connection, tenant_id: int, most: int) -> None:
    sort = (log.c.recorded_at, log.c.id)
    beyond = (
        select(*sort)
        .where(log.c.tenant_id == tenant_id)
        .order_by(*(each.desc() for each in sort))
        .offset(most)
        .limit(1)
    )
    first = connection.execute(beyond).first()
    if first is not None:
        old = tuple_(*sort) <= tuple_(*map(literal, first))
        connection.execute(delete(log).where(log.c.tenant_id == tenant_id, old))


def purge(connection: Connection, older_than_us: int, at_most: int) -> int:
    """Remove some of what is older; answers how many went."""
    old = (
        select(log.c.tenant_id, log.c.id)
        .where(log.c.recorded_at < older_than_us)
        .order_by(log.c.recorded_at)
        .limit(at_most)
    )
    gone: list[dict[str, Any]] = [
        {"tenant_id": row.tenant_id, "id": row.id} for row in connection.execute(old)
    ]
    return bulk.deleted(Driver(connection), log, gone) if gone else 0


def page(connection: Connection, search: RequestSearch) -> tuple[LoggedRequest, ...]:
    """Newest first."""
    return tuple(_to_logged(row) for row in connection.execute(page_query(search)))


def page_query(search: RequestSearch) -> Select[Any]:
    """A walk along one index, of which each row is looked at: of one tenant there are only so many."""
    chosen = select(*_LISTED)
    sort = [log.c.recorded_at, log.c.id]
    if search.tenant_id is None:
        sort.insert(1, log.c.tenant_id)
    else:
        chosen = chosen.where(log.c.tenant_id == search.tenant_id)
    for name, value in search.equal:
        chosen = chosen.where(log.c[name] == value)
    if search.since is not None:
        chosen = chosen.where(log.c.recorded_at >= search.since)
    if search.until is not None:
        chosen = chosen.where(log.c.recorded_at < search.until)
    if search.after:
        chosen = chosen.where(tuple_(*sort) < tuple_(*map(literal, search.after)))
    return chosen.order_by(*(each.desc() for each in sort)).limit(search.limit)


def one(
    connection: Connection, tenant_id: int | None, request_id: str
) -> tuple[LoggedRequest, Exchange] | None:
    """One call in full; None = every tenant's."""
    query = select(log).where(log.c.id == request_id)
    if tenant_id is not None:
        query = query.where(log.c.tenant_id == tenant_id)
    else:
        # The key begins with the tenant: a look-up across tenants is one look in each.
        ids = connection.execute(select(tenant.c.id)).scalars().all()
        query = query.where(log.c.tenant_id.in_([OPERATORS, *ids]))
    row = connection.execute(query).first()
    return None if row is None else (_to_logged(row), _EXCHANGE(row.exchange))


def count(connection: Connection, tenant_id: int) -> int:
    """How many are kept."""
    query = select(func.count()).select_from(log).where(log.c.tenant_id == tenant_id)
    return int(connection.execute(query).scalar_one())


def refusals(
    connection: Connection, tenant_id: int, newest: int | None = None
) -> tuple[tuple[Refusals, ...], int | None]:
    """Of the calls of a tenant that are kept, or the `newest` of them: the most frequent first; since when."""
    calls = select(log.c.channel, log.c.reason, log.c.recorded_at).where(
        log.c.tenant_id == tenant_id
    )
    if newest is not None:
        calls = calls.order_by(log.c.recorded_at.desc(), log.c.id.desc()).limit(newest)
    looked_at = calls.subquery()
    channel, reason, at = looked_at.c.channel, looked_at.c.reason, looked_at.c.recorded_at
    count = func.count().label("count")
    counted = (
        select(channel, reason, count, func.max(at).label("last_at"))
        .where(reason > "")
        .group_by(channel, reason)
        .order_by(count.desc(), channel, reason)
    )
    found = tuple(Refusals(*row) for row in connection.execute(counted))
    return found, connection.execute(select(func.min(at))).scalar_one()


def _row(call: LoggedRequest, exchange: Exchange) -> dict[str, Any]:
    summary = {name: getattr(call, name) for name in _Summary.__struct_fields__}
    return {
        **{name: getattr(call, name) for name in _COLUMNS},
        "summary": _ENCODE(_Summary(**summary)).decode(),
        "exchange": _ENCODE(exchange).decode(),
    }


def _to_logged(row: Row[Any]) -> LoggedRequest:
    summary = msgspec.structs.asdict(_SUMMARY(row.summary))
    return LoggedRequest(**{name: getattr(row, name) for name in _COLUMNS}, **summary)
