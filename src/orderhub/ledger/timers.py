"""Timers whose time has come: one look for all tenants, however many of them wait."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, func, or_, select

from orderhub.core.facts import Timer
from orderhub.core.values import Clock
from orderhub.ledger import bulk
from orderhub.ledger.driver import Driver
from orderhub.ledger.kept_records import ANY_SETTINGS
from orderhub.ledger.tables import record, record_version, tenant, timer

_MOST_TENANTS = 200  # in one look; the next one sees the others


class _Clocked(msgspec.Struct):
    clock: Clock = Clock()


_clocked = msgspec.json.Decoder(_Clocked).decode


def clocks(connection: Connection) -> dict[int, Clock]:
    """The clocks of tenants whose time is not the wall's."""
    settings = (record.c.tenant_id == tenant.c.id, record.c.kind == "settings", record.c.id == 0)
    # What is as it is without being said is not written down: a document with a clock has that word in it.
    found = select(tenant.c.id, record.c.doc).where(*settings, record.c.doc.contains('"clock"'))
    told = {tenant_id: _clocked(doc).clock for tenant_id, doc in connection.execute(found)}
    return {tenant_id: clock for tenant_id, clock in told.items() if clock != Clock()}


def settings_written(connection: Connection) -> int:
    """How often the settings of any tenant were written: as long as it is the same, so are the clocks."""
    counted = select(func.coalesce(func.sum(record_version.c.version), 0)).where(
        record_version.c.tenant_id == ANY_SETTINGS[0], record_version.c.kind == ANY_SETTINGS[1]
    )
    return int(connection.execute(counted).scalar_one())


def tenants_with_due(
    connection: Connection, now_us: int, claim_us: int | None, known: Mapping[int, Clock]
) -> list[int]:
    """Tenants with timers whose time has come, by these clocks: some of them, if there are many.

    `claim_us`: but for timers that are claimed, for so long at most; None: those too.
    """
    driver = Driver(connection)
    latest_us = max((now_us, *(clock.at(now_us) for clock in known.values())))
    first = driver.rows("SELECT min(due_at) FROM timer")[0][0]
    if first is None or first > latest_us:
        return []  # as nearly always: nobody's time has come, by whichever clock
    mark = "%s" if driver.is_postgres else "?"
    columns = ("tenant_id", "due_at")
    source = bulk.rows_source(timer, columns, 0, driver.is_postgres)
    # A claim that reaches too far was made under a clock that was put back since.
    free = f"AND (t.claimed_until < {mark} OR t.claimed_until > {mark})"
    bounds: tuple[int, ...] = (now_us, now_us + (claim_us or 0))
    if claim_us is None:
        free, bounds = "", ()
    if not known:
        sql = f"SELECT DISTINCT tenant_id FROM timer t WHERE due_at <= {mark} {free} LIMIT {mark}"
        return [row[0] for row in driver.rows(sql, (now_us, *bounds, _MOST_TENANTS))]
    there = bulk.rows_parameters(
        [
            {"tenant_id": tenant_id, "due_at": clock.at(now_us)}
            for tenant_id, clock in known.items()
        ],
        columns,
        0,
        driver.is_postgres,
    )
    # As a table of its own, which a cluster sends to every node.
    sql = (
        f"WITH r AS (SELECT * FROM {source}) "
        f"SELECT tenant_id FROM timer t WHERE due_at <= {mark} {free} "
        "AND NOT EXISTS (SELECT 1 FROM r WHERE r.tenant_id = t.tenant_id) "
        "UNION SELECT t.tenant_id FROM r JOIN timer t "
        f"ON t.tenant_id = r.tenant_id AND t.due_at <= r.due_at {free} LIMIT {mark}"
    )
    found = driver.rows(sql, (*there, now_us, *bounds, *bounds, _MOST_TENANTS))
    return [row[0] for row in found]


def overdue(connection: Connection, before_us: int) -> dict[int, tuple[int, int]]:
    """By tenant: how many of its timers came due before then, by the wall's clock, and when the first of them."""
    found = (
        select(timer.c.tenant_id, func.count(), func.min(timer.c.due_at))
        .where(timer.c.due_at < before_us)
        .group_by(timer.c.tenant_id)
    )
    return {row[0]: (row[1], row[2]) for row in connection.execute(found)}


def claim(
    connection: Connection,
    now_us: int,
    claim_us: int,
    times: Mapping[int, int],
    limit: int,
) -> list[Timer]:
    """Due timers of these tenants, whose times these are, claimed so that processes share them."""
    due: list[Timer] = []
    for tenant_id, tenant_now in times.items():
        chosen = (
            select(timer)
            .where(
                timer.c.tenant_id == tenant_id,
                timer.c.due_at <= tenant_now,
                or_(timer.c.claimed_until < now_us, timer.c.claimed_until > now_us + claim_us),
            )
            .order_by(timer.c.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        due += [
            Timer(tenant_id=row.tenant_id, kind=row.kind, order_id=row.order_id, due_at=row.due_at)
            for row in connection.execute(chosen)
        ]
    if due:
        claimed = [
            {
                "tenant_id": each.tenant_id,
                "kind": each.kind,
                "order_id": each.order_id,
                "claimed_until": now_us + claim_us,
            }
            for each in due
        ]
        bulk.update(Driver(connection), timer, claimed)
    return due
