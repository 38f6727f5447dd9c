"""Pages of orders, pools and moves whose cost does not grow with the ledger.

Every list walks one index in order and stops: where a filter allows several values, each value is walked
on its own and the heads are merged, since a walk over several values at once would have to sort them all.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    SQLColumnExpression,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    select,
    tuple_,
    union_all,
)

from orderhub.core.queries import Bearers, MoveQuery, OrderSearch, PastMove
from orderhub.core.values import Pool, PoolKey, Status
from orderhub.ledger import rows
from orderhub.ledger.tables import order_term, orders, pool, pool_move, record_key

_ALL = 2**31 - 1
# Beyond the last character, so that everything that begins with a text is below it.
_LAST = "\U0010ffff"


def page_of_orders(connection: Connection, query: OrderSearch) -> list[Any]:
    """The rows of a page, in order, without their lines."""
    if query.tenant_id is None:
        return list(connection.execute(_of_all_tenants(query)).all())
    heads = [_head(query, each) for each in query.anyone_of or ((),)]
    if query.terms:
        heads = [_term_head(query, kind, term) for kind, term in query.terms]
    if len(heads) == 1:
        found = [row.id for row in connection.execute(heads[0])]
    else:
        # Each head is a page in itself, so that SQLite takes its ORDER BY inside the union.
        merged = union_all(*(select(head.subquery()) for head in heads)).subquery()
        newest = (
            select(merged.c.at, merged.c.id)
            .distinct()
            .order_by(merged.c.at.desc(), merged.c.id.desc())
            .limit(query.limit)
        )
        found = [row.id for row in connection.execute(newest)]
    if not found:
        return []
    # Without ORDER BY: for its sake SQLite would walk the index of that order instead of these ids.
    whole = select(orders).where(orders.c.tenant_id == query.tenant_id, orders.c.id.in_(found))
    by_id = {row.id: row for row in connection.execute(whole)}
    return [by_id[each] for each in found if each in by_id]


def _head(query: OrderSearch, filters: tuple[tuple[str, str], ...]) -> Select[Any]:
    when = orders.c[query.by]
    chosen = select(when.label("at"), orders.c.id).where(orders.c.tenant_id == query.tenant_id)
    for name, value in filters:
        chosen = chosen.where(orders.c[name] == value)
        if name in ("owner", "account", "reference"):
            chosen = chosen.where(orders.c[name] != "")  # their indexes hold nothing empty
    return _page(query, chosen, when, orders.c.id)


def _term_head(query: OrderSearch, kind: str, term: str) -> Select[Any]:
    when = order_term.c.recorded_at
    chosen = select(when.label("at"), order_term.c.order_id.label("id")).where(
        order_term.c.tenant_id == query.tenant_id,
        order_term.c.kind == kind,
        order_term.c.term == term,
    )
    return _page(query, chosen, when, order_term.c.order_id)


def _page(
    query: OrderSearch,
    chosen: Select[Any],
    when: SQLColumnExpression[Any],
    last: SQLColumnExpression[Any],
) -> Select[Any]:
    if query.since is not None:
        chosen = chosen.where(when >= query.since)
    if query.until is not None:
        chosen = chosen.where(when < query.until)
    if query.after:
        chosen = chosen.where(tuple_(when, last) < tuple_(*map(literal, query.after)))
    return chosen.order_by(when.desc(), last.desc()).limit(query.limit)


def _of_all_tenants(query: OrderSearch) -> Select[Any]:
    sort = (orders.c.recorded_at, orders.c.tenant_id, orders.c.id)
    chosen = select(orders)
    if query.since is not None:
        chosen = chosen.where(orders.c.recorded_at >= query.since)
    if query.until is not None:
        chosen = chosen.where(orders.c.recorded_at < query.until)
    if query.after:
        chosen = chosen.where(tuple_(*sort) < tuple_(*map(literal, query.after)))
    return chosen.order_by(*(each.desc() for each in sort)).limit(query.limit)


def terms_beginning(
    connection: Connection, tenant_id: int, kind: str, prefix: str, at_most: int
) -> tuple[str, ...]:
    """The terms of a kind that begin with a text, in order: one step along the index for each."""
    found: list[str] = []
    beyond = prefix
    inclusive = True
    while len(found) < at_most:
        term = order_term.c.term
        following = select(term).where(
            order_term.c.tenant_id == tenant_id,
            order_term.c.kind == kind,
            term >= beyond if inclusive else term > beyond,
            term < prefix + _LAST,
        )
        row = connection.execute(following.order_by(term).limit(1)).first()
        if row is None:
            break
        beyond, inclusive = row.term, False
        found.append(row.term)
    return tuple(found)


def page_of_pools(
    connection: Connection,
    tenant_id: int,
    kind: str,
    subjects: tuple[str, ...],
    after: tuple[str, str],
    limit: int,
) -> tuple[Pool, ...]:
    chosen = select(pool).where(pool.c.tenant_id == tenant_id, pool.c.kind == kind)
    if subjects:
        chosen = chosen.where(pool.c.subject.in_(subjects))
    if after != ("", ""):
        chosen = chosen.where(tuple_(pool.c.subject, pool.c.place) > tuple_(*map(literal, after)))
    chosen = chosen.order_by(pool.c.subject, pool.c.place).limit(limit)
    return tuple(rows.to_pool(row) for row in connection.execute(chosen))


def pools_by_left(
    connection: Connection,
    tenant_id: int,
    kind: str,
    subjects: tuple[str, ...],
    after: tuple[int, str, str] | None,
    limit: int,
) -> tuple[Pool, ...]:
    """Those of which the least is left first."""
    sort = (pool.c.available, pool.c.subject, pool.c.place)
    chosen = select(pool).where(pool.c.tenant_id == tenant_id, pool.c.kind == kind)
    if after is not None:
        chosen = chosen.where(tuple_(*sort) > tuple_(*map(literal, after)))
    if not subjects:
        found = connection.execute(chosen.order_by(*sort).limit(limit))
        return tuple(rows.to_pool(row) for row in found)
    # Sorted here: SQLite would rather walk all pools in order than look a few up by name.
    few = (
        rows.to_pool(row) for row in connection.execute(chosen.where(pool.c.subject.in_(subjects)))
    )
    return tuple(sorted(few, key=lambda each: (each.available, each.key))[:limit])


def stock_by_key(
    connection: Connection, tenant_id: int, kind: str, by: str, values: tuple[str, ...]
) -> dict[str, Bearers]:
    """By value of the key. No record is read, however many bear one."""
    named = record_key.c
    of_record = (
        pool.c.tenant_id == tenant_id,
        pool.c.kind == "stock",
        pool.c.subject == literal(f"{kind}:") + cast(named.id, String),
    )
    counted = (
        select(named.value, func.count(named.id.distinct()), func.sum(pool.c.available))
        .select_from(record_key.outerjoin(pool, and_(*of_record)))
        .where(
            named.tenant_id == tenant_id,
            named.kind == kind,
            named.name == by,
            named.value.in_(values),
        )
        .group_by(named.value)
    )
    return {
        value: Bearers(count, None if left is None else int(left))
        for value, count, left in connection.execute(counted)
    }


def held(connection: Connection, tenant_id: int) -> dict[PoolKey, int]:
    """What orders that wait for their payment have drawn, by pool. Costs as much as there are such orders."""
    waiting = select(orders.c.id).where(
        orders.c.tenant_id == tenant_id, orders.c.status == Status.PENDING.value
    )
    named = (pool_move.c.pool_kind, pool_move.c.subject, pool_move.c.place)
    units = case((pool_move.c.kind == "draw", pool_move.c.units), else_=-pool_move.c.units)
    # The limit keeps the two apart: grouped at once, SQLite would rather walk the moves of all orders.
    moves = (
        select(*named, units.label("units"))
        .where(pool_move.c.tenant_id == tenant_id, pool_move.c.order_id.in_(waiting))
        .limit(_ALL)
        .subquery()
    )
    pool = (moves.c.pool_kind, moves.c.subject, moves.c.place)
    sums = select(*pool, func.sum(moves.c.units)).group_by(*pool)
    return {
        PoolKey(tenant_id, kind, subject, place): int(drawn)
        for kind, subject, place, drawn in connection.execute(sums)
    }


def past_moves(connection: Connection, query: MoveQuery) -> tuple[PastMove, ...]:
    key = query.key
    moves = select(pool_move).where(
        pool_move.c.tenant_id == key.tenant_id,
        pool_move.c.pool_kind == key.kind,
        pool_move.c.subject == key.subject,
        pool_move.c.place == key.place,
    )
    if query.after is not None:
        here = tuple_(pool_move.c.recorded_at, pool_move.c.id)
        moves = moves.where(here < tuple_(*map(literal, query.after)))
    page = (
        moves.order_by(pool_move.c.recorded_at.desc(), pool_move.c.id.desc())
        .limit(query.limit)
        .subquery()
    )
    named = (
        select(page, func.coalesce(orders.c.uid, literal("", String)).label("order_uid"))
        .select_from(
            page.outerjoin(
                orders,
                (orders.c.tenant_id == page.c.tenant_id) & (orders.c.id == page.c.order_id),
            )
        )
        .order_by(page.c.recorded_at.desc(), page.c.id.desc())
    )
    return tuple(
        PastMove(
            id=row.id,
            move=rows.to_move(row),
            order_uid=row.order_uid,
            actor=row.actor,
            recorded_at=row.recorded_at,
        )
        for row in connection.execute(named)
    )
