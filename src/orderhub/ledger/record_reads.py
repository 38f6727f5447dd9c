"""Records by their names or keys, in the order of their ids or of their age.

Ids do not sort by arrival across processes (decision 0005); uids that the hub made do, they are UUIDv7. What bears a
uid from elsewhere counts as older than all of these, and among its like by its id.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    func,
    not_,
    select,
    tuple_,
)

from orderhub.core.queries import RecordQuery, RecordSort
from orderhub.ledger.tables import record, record_key

MAX_ID_DIGITS = 18
_OF_RECORD = ("all", "id", "uid", "code")  # what `RecordQuery.by` says that is no key
# So many bearers of a key are looked up and sorted; for more the whole kind is walked, page after page.
_FEW = 1_000
_OLDEST = ""
# UUIDv7 of all times until the year 2527 are below it.
_BEYOND = "1"
_BY_AGE = (RecordSort.NEWEST, RecordSort.OLDEST)
_DOWNWARD = (RecordSort.NEWEST, RecordSort.LAST_ID)


def found(connection: Connection, query: RecordQuery) -> list[Row[Any]]:
    """The rows of the records that are asked for, in the order asked for."""
    is_by_age = query.sort in _BY_AGE
    if query.by == "all" and is_by_age:
        return _walked(connection, query, _of_kind(query))
    if query.by not in _OF_RECORD:
        # Apart: PostgreSQL, as long as it has not counted a new ledger's rows, would read all keys for each record.
        bearers = select(_bearers(query).subquery())
        chosen = bearers.limit(_FEW + 1) if is_by_age else _page(bearers, query)
        ids = tuple(str(row.id) for row in connection.execute(chosen))
        if len(ids) > _FEW and is_by_age:
            return _walked(connection, query, _of_kind(query).where(_bears(query)))
        if not ids:
            return []
        query = msgspec.structs.replace(query, by="id", values=ids)
        if not is_by_age:
            query = msgspec.structs.replace(query, offset=0, after_id=0)
    return list(connection.execute(_page(records(query), query)).all())


def records(query: RecordQuery) -> Select[Any]:
    """All of them, in no order."""
    chosen = _of_kind(query)
    if query.by == "all":
        return chosen
    if query.by == "id":
        ids = [int(v) for v in query.values if v.isdecimal() and len(v) <= MAX_ID_DIGITS]
        return chosen.where(record.c.id.in_(ids))
    if query.by in ("uid", "code"):
        return chosen.where(record.c[query.by].in_(query.values))
    return chosen.where(record.c.id.in_(_bearers(query)))


def _walked(connection: Connection, query: RecordQuery, chosen: Select[Any]) -> list[Row[Any]]:
    """Many by age: along the uids that tell it, and along the ids of the rest, whose end is the oldest."""
    last = _age_of(query.after_uid)
    parts: list[tuple[Any, Any, Any]] = [
        (_tells_age(record.c.uid), record.c.uid, last),
        (not_(_tells_age(record.c.uid)), record.c.id, query.after_id),
    ]
    if query.sort is RecordSort.OLDEST:
        parts.reverse()
    if query.after_id and (query.sort is RecordSort.NEWEST) != bool(last):
        del parts[0]
    rows: list[Row[Any]] = []
    for nth, (condition, place, beyond) in enumerate(parts):
        here = chosen.where(condition)
        if query.after_id and nth == 0:
            here = here.where(_is_beyond(place, beyond, query))
        left = query.offset + query.limit - len(rows)
        if left:
            rows += connection.execute(here.order_by(_ordered(place, query)).limit(left))
    return rows[query.offset :]


def _page(chosen: Select[Any], query: RecordQuery) -> Select[Any]:
    """Of few records, or of the ids of records, those beyond the last one seen, in order, as many as are asked for."""
    place = next(column for column in chosen.selected_columns if column.name == "id")
    after: Any = query.after_id
    order = [_not_walked(place) if query.by in ("uid", "code") else place]
    if query.sort in _BY_AGE:
        order.insert(0, _age(record.c.uid))
        place, after = tuple_(order[0], place), tuple_(_age_of(query.after_uid), after)
    if query.after_id:
        chosen = chosen.where(_is_beyond(place, after, query))
    ordered = chosen.order_by(*(_ordered(each, query) for each in order))
    return ordered.limit(query.limit).offset(query.offset)


def _is_beyond(place: Any, last: Any, query: RecordQuery) -> ColumnElement[bool]:
    beyond: ColumnElement[bool] = place < last if query.sort in _DOWNWARD else place > last
    return beyond


def _ordered(place: Any, query: RecordQuery) -> Any:
    return place.desc() if query.sort in _DOWNWARD else place


def _tells_age(uid: Any) -> ColumnElement[bool]:
    """Whether a uid is a UUIDv7."""
    return and_(uid < _BEYOND, func.substr(uid, 15, 1) == "7")


def _age(uid: Any) -> ColumnElement[str]:
    return case((_tells_age(uid), uid), else_=_OLDEST)


def _age_of(uid: str) -> str:
    """The same of a uid that is known."""
    return uid if uid < _BEYOND and uid[14:15] == "7" else _OLDEST


def _of_kind(query: RecordQuery) -> Select[Any]:
    return select(record).where(record.c.tenant_id == query.tenant_id, record.c.kind == query.kind)


def _not_walked(column: Any) -> Any:
    """The same: SQLite would rather walk all ids in order than look up names and sort a few; a sum it cannot walk."""
    return column + 0


def _bearers(query: RecordQuery) -> Select[Any]:
    """The ids of the records that bear one of these keys, each once."""
    return select(_not_walked(record_key.c.id).label("id")).distinct().where(*_is_borne(query))


def _bears(query: RecordQuery) -> ColumnElement[bool]:
    """Whether a record bears one of these keys: counted, so that no planner looks for the bearers first."""
    count = select(func.count()).select_from(record_key)
    of_record = count.where(*_is_borne(query), record_key.c.id == record.c.id)
    return of_record.scalar_subquery() > 0


def _is_borne(query: RecordQuery) -> tuple[ColumnElement[bool], ...]:
    """What is true of a key that is asked for."""
    return (
        record_key.c.tenant_id == query.tenant_id,
        record_key.c.kind == query.kind,
        record_key.c.name == query.by,
        record_key.c.value.in_(query.values),
    )
