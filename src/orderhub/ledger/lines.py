"""Pages of single lines over all orders of a tenant, however many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    and_,
    func,
    or_,
    select,
    tuple_,
    union_all,
)

from orderhub.core.queries import LineQuery, cancelled_at
from orderhub.core.values import Line, Order, Status
from orderhub.ledger.entries import EMPTY
from orderhub.ledger.tables import order_line, orders

# A window of time with fewer orders is gathered whole and sorted; a fuller one is met soon enough
# by walking the orders from the newest on.
_SMALL_WINDOW = 20_000
# So many values of one filter are walked each along its own index; more are gathered and sorted.
_WALKED_VALUES = 8
_NEWEST_FIRST = (orders.c.occurred_at.desc(), orders.c.id.desc())

Whole = Callable[[Sequence[Any]], tuple[Order, ...]]
Pair = tuple[Order, Line]


def page_of_lines(connection: Connection, query: LineQuery, whole: Whole) -> tuple[Pair, ...]:
    """At most `query.limit` lines with their orders."""
    wanted = set(query.lines)
    found: list[Pair] = []
    before = query.before
    while len(found) < query.limit:
        # Most orders have more than one line: half as many orders will often do.
        chunk = (query.limit - len(found)) // 2 + 1
        rows = _chunk(connection, query, before, chunk)
        for order in whole(rows):
            for line in reversed(order.lines):
                position = (order.occurred_at, order.id, line.line_no)
                if query.before is not None and position >= query.before:
                    continue
                if wanted and (order.uid, line.line_no) not in wanted:
                    continue
                if _is_cancelled_within(query, order, line):
                    found.append((order, line))
        if len(rows) < chunk:
            break
        # Line number 0 is no line: the next chunk begins with the next order.
        before = (rows[-1].occurred_at, rows[-1].id, 0)
    return tuple(found[: query.limit])


def _is_cancelled_within(query: LineQuery, order: Order, line: Line) -> bool:
    if query.cancelled_from is None and query.cancelled_to is None:
        return True
    at = cancelled_at(order, line)
    return (
        at is not None
        and (query.cancelled_from is None or query.cancelled_from <= at)
        and (query.cancelled_to is None or at < query.cancelled_to)
    )


def _chunk(
    connection: Connection, query: LineQuery, before: tuple[int, int, int] | None, size: int
) -> Sequence[Any]:
    """The next orders that may have wanted lines, newest first."""
    conditions = [orders.c.tenant_id == query.tenant_id, *_names(query), *_conditions(query)]
    if before is not None:
        at, order_id, line_no = before
        here = tuple_(orders.c.occurred_at, orders.c.id)
        limit = tuple_(at, order_id)
        conditions.append(here <= limit if line_no > 1 else here < limit)
    window = _small_window(connection, query)
    if window is not None:
        gathered = window.cte("gathered").prefix_with("MATERIALIZED")
        conditions.append(orders.c.id.in_(select(gathered.c.id)))
        return _rows(connection, [*conditions, *_sets(query)], size)
    found: dict[int, Any] = {}
    for chosen in _walks(query):
        for row in _rows(connection, [*conditions, *chosen], size):
            found[row.id] = row
    newest = sorted(found.values(), key=lambda row: (row.occurred_at, row.id), reverse=True)
    return newest[:size]


def _rows(
    connection: Connection, conditions: list[ColumnElement[bool]], size: int
) -> Sequence[Any]:
    statement: Select[Any] = select(orders).where(*conditions)
    return connection.execute(statement.order_by(*_NEWEST_FIRST).limit(size)).all()


def _names(query: LineQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.lines:
        found.append(orders.c.uid.in_(sorted({uid for uid, _ in query.lines})))
    if query.order_uids:
        found.append(orders.c.uid.in_(query.order_uids))
    return found


def _filters(query: LineQuery) -> list[tuple[Any, tuple[str, ...]]]:
    return [
        (column, values)
        for column, values in (
            (orders.c.bill, query.bills),
            (orders.c.account, query.accounts),
            (orders.c.service, query.services),
        )
        if values
    ]


def _sets(query: LineQuery) -> list[ColumnElement[bool]]:
    return [column.in_(values) for column, values in _filters(query)]


def _walks(query: LineQuery) -> Iterator[list[ColumnElement[bool]]]:
    """Condition lists, one statement each, whose results together are the answer."""
    filters = _filters(query)
    if not filters or query.lines or query.order_uids:
        yield _sets(query)
        return
    (column, values), rest = filters[0], filters[1:]
    # `<> ''` because a partial index is used only under its own condition.
    others = [each.in_(these) for each, these in rest]
    if len(values) > _WALKED_VALUES:
        yield [column.in_(values), column != EMPTY, *others]
        return
    for value in values:
        yield [column == value, column != EMPTY, *others]


def _bounds(column: Any, least: int | None, below: int | None) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if least is not None:
        found.append(column >= least)
    if below is not None:
        found.append(column < below)
    return found


def _windows(
    query: LineQuery, plus: int | None = None
) -> Iterator[list[list[ColumnElement[bool]]]]:
    """Each window of time as alternatives, each of which one index serves.

    With `plus` 0 the conditions say the same but keep the planner from choosing those indexes.
    """

    def within(column: Any, least: int | None, below: int | None) -> list[ColumnElement[bool]]:
        return _bounds(column if plus is None else column + plus, least, below)

    updated = within(orders.c.updated_at, query.updated_from, query.updated_to)
    if updated:
        yield [updated]
    # What was cancelled was updated then or later.
    cancelled = within(orders.c.updated_at, query.cancelled_from, None)
    if cancelled:
        yield [cancelled]
    consumed = within(orders.c.service_at, query.consumed_from, query.consumed_to)
    if consumed:
        at_once = within(orders.c.occurred_at, query.consumed_from, query.consumed_to)
        yield [
            [orders.c.service_at != 0, *consumed],
            [orders.c.service_at == 0, *at_once],
        ]


def _conditions(query: LineQuery) -> list[ColumnElement[bool]]:
    """The windows as plain conditions."""
    found = _bounds(orders.c.occurred_at, query.occurred_from, query.occurred_to)
    for alternatives in _windows(query, 0):
        found.append(or_(*(and_(*each) for each in alternatives)))
    if query.cancelled_from is not None or query.cancelled_to is not None:
        of_order = and_(
            order_line.c.tenant_id == orders.c.tenant_id,
            order_line.c.order_id == orders.c.id,
            order_line.c.cancelled,
        )
        ended = orders.c.status.in_((Status.CANCELLED.value, Status.REFUNDED.value))
        found.append(or_(ended, select(order_line.c.line_no).where(of_order).exists()))
    return found


def _small_window(connection: Connection, query: LineQuery) -> CompoundSelect[Any] | None:
    """The ids of a window that holds few orders, to be gathered by its own index."""
    if query.lines or query.order_uids:
        return None
    for alternatives in _windows(query):
        ids = [
            select(orders.c.id).where(orders.c.tenant_id == query.tenant_id, *each)
            for each in alternatives
        ]
        few = [each.limit(_SMALL_WINDOW + 1).subquery() for each in ids]
        counts = (
            connection.execute(select(func.count()).select_from(each)).scalar_one() for each in few
        )
        if sum(counts) <= _SMALL_WINDOW:
            return union_all(*ids)
    return None
