"""Lists in which a group of orders counts as one entry: orders alone and groups, merged.

A page walks an index in order and stops. Totals come from tallies; only those of a stretch of time
are counted: the stretch or what lies outside it, whichever is shorter, in an index that holds all that is
asked for; and where few entries have the statuses asked for, these.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    func,
    literal_column,
    select,
    tuple_,
    union_all,
)

from orderhub.core.queries import EntryQuery
from orderhub.core.values import Status
from orderhub.ledger.groups import ALL_OWNERS, GROUPED, GROUPS
from orderhub.ledger.tables import order_group, orders, tally

# In words, not as a parameter: only then is a partial index known to cover the condition.
EMPTY: ColumnElement[str] = literal_column("''")
# So many rows are looked at without further thought.
_FEW = 2_000


def page_of_entries(connection: Connection, query: EntryQuery) -> tuple[list[tuple[int, str]], int]:
    """The page as (order id, group number or empty), and how many entries there are in all."""
    every = _tallied(connection, query, ALL_OWNERS)
    grouped = _tallied(connection, query, GROUPED)
    alone = {name: n - grouped.get(name, 0) for name, n in every.items()}
    sources = [
        _Source(query, orders.c, "id", "status", orders.c.group_number, alone),
        _Source(
            query,
            order_group.c,
            "head_id",
            "statuses",
            order_group.c.number,
            _tallied(connection, query, GROUPS),
        ),
    ]
    heads = [head for source in sources for head in source.heads()]
    total = sum(source.count(connection) for source in sources)
    if not heads:
        return [], total
    # Each head is a page in itself, so that SQLite takes its ORDER BY inside the union.
    merged = union_all(*(select(head.subquery()) for head in heads)).subquery()
    page = (
        select(merged.c.id, merged.c.number)
        .order_by(merged.c.at.desc(), merged.c.id.desc())
        .offset(query.offset)
        .limit(query.limit)
    )
    return [(row.id, row.number) for row in connection.execute(page)], total


def _tallied(connection: Connection, query: EntryQuery, owner: str) -> dict[str, int]:
    """Status, or statuses of a group -> how many there are."""
    counted = (
        select(tally.c.status, func.sum(tally.c.n).label("n"))
        .where(tally.c.tenant_id == query.tenant_id, tally.c.owner == owner)
        .group_by(tally.c.status)
    )
    return {row.status: int(row.n) for row in connection.execute(counted)}


def _suits(query: EntryQuery, statuses: str) -> bool:
    found = {Status(each) for each in statuses.split()}
    return not query.states or any(state.suits(found) for state in query.states)


class _Source:
    """The entries of one table: orders alone, or groups. `there` is how many there are of each `kind`."""

    def __init__(
        self,
        query: EntryQuery,
        columns: Any,
        last: str,
        kind: str,
        number: ColumnElement[str],
        there: dict[str, int],
    ) -> None:
        self._query = query
        self._columns = columns
        self._last = columns[last]
        self._kind = columns[kind]
        self._number = number
        self._kinds = [each for each, n in there.items() if n and _suits(query, each)]
        self._every = sum(there[each] for each in self._kinds)
        self._when = _when(query)
        self._is_timed = self._when != "recorded_at"
        # Few of these kinds in all: they are found by kind, whatever the time.
        self._is_rare = bool(query.states) and self._is_timed and self._every <= _FEW

    def heads(self) -> list[Select[Any]]:
        """The statements whose results, merged, begin with the page."""
        if not self._kinds:
            return []
        at = self._columns[self._when] + 0 if self._is_rare else self._columns[self._when]
        chosen = (
            select(at.label("at"), self._last.label("id"), self._number.label("number"))
            .where(*self._conditions(self._query))
            .order_by(at.desc(), self._last.desc())
            .limit(self._query.offset + self._query.limit)
        )
        if self._query.states and not self._is_timed:
            # Each on its own: a walk over several of them at once would have to sort them all.
            return [chosen.where(self._kind == each) for each in self._kinds]
        return [chosen]

    def count(self, connection: Connection) -> int:
        """How many entries there are in all."""
        if not (self._kinds and self._is_timed):
            return self._every
        if self._is_rare:
            return self._counted(connection, self._query)
        if self._query.occurred_bounds and self._query.updated_bounds:
            return self._counted(connection, self._query)
        outside = list(_outside(self._query, self._when))
        looked_at = _FEW
        while True:
            # By turns and ever further, so that the shorter side decides how long it takes.
            within = self._counted(connection, self._query, looked_at)
            if within < looked_at:
                return within
            beyond = sum(self._counted(connection, each, looked_at) for each in outside)
            if beyond < looked_at:
                return self._every - beyond
            looked_at *= 8

    def _counted(
        self, connection: Connection, query: EntryQuery, at_most: int | None = None
    ) -> int:
        found = select(self._columns[self._when]).where(*self._conditions(query)).limit(at_most)
        counted = select(func.count()).select_from(found.subquery())
        return int(connection.execute(counted).scalar_one())

    def _conditions(self, query: EntryQuery) -> Iterator[ColumnElement[bool]]:
        if self._is_rare:
            yield self._found_by_kind()
        else:
            yield self._columns.tenant_id == query.tenant_id
        if self._columns is orders.c:
            yield orders.c.group_number == EMPTY
        for name, bounds in (
            ("updated_at", query.updated_bounds),
            ("occurred_at", query.occurred_bounds),
        ):
            if bounds is not None:
                column = self._columns[name]
                if self._is_rare or name != self._when:
                    column = column + 0  # not the index to walk
                if bounds[0] is not None:
                    yield column >= bounds[0]
                if bounds[1] is not None:
                    yield column < bounds[1]
        if query.states and self._is_timed and not self._is_rare:
            # Joined to a text, so that the index of times is walked and not that of statuses.
            yield (self._kind + EMPTY).in_(self._kinds)

    def _found_by_kind(self) -> ColumnElement[bool]:
        """By key, which for each table SQLite does only if it is told so in just this way.

        Else it would walk all of an index of times, since that holds everything it needs.
        """
        tenant_id = self._query.tenant_id
        if self._columns is orders.c:
            same = orders.alias("same").c
            named = select(same.tenant_id, same.id).where(
                same.tenant_id == tenant_id, same.status.in_(self._kinds)
            )
            return tuple_(orders.c.tenant_id, orders.c.id).in_(named)
        same = order_group.alias("same").c
        numbers = select(same.number).where(
            same.tenant_id == tenant_id, same.statuses.in_(self._kinds)
        )
        return and_(order_group.c.tenant_id == tenant_id, order_group.c.number.in_(numbers))


def _when(query: EntryQuery) -> str:
    """The instant that sorts."""
    if query.updated_bounds is not None:
        return "updated_at"
    return "recorded_at" if query.occurred_bounds is None else "occurred_at"


def _outside(query: EntryQuery, when: str) -> Iterator[EntryQuery]:
    """Queries for what lies before and after the one stretch of time that is asked for."""
    name = when.removesuffix("_at")
    least, below = query.updated_bounds or query.occurred_bounds or (None, None)
    if least is not None:
        yield msgspec.structs.replace(query, **{f"{name}_from": None, f"{name}_to": least})
    if below is not None:
        yield msgspec.structs.replace(query, **{f"{name}_from": below, f"{name}_to": None})
