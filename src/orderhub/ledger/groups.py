"""The row that each group of orders has, for lists in which a group counts as one (entries.py).

It holds what its orders add up to. It is worked out anew, in the same transaction, whenever
one of them changes: first locked, then read by a statement of its own, so that of two
writers of two orders of a group the second sees what the first wrote.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from orderhub.core.values import Order
from orderhub.ledger import bulk
from orderhub.ledger.driver import Driver
from orderhub.ledger.tables import order_group

# Tallies are kept by owner; no owner can be called by these names. All orders together:
ALL_OWNERS = "*"
# Orders that belong to a group, and groups by the statuses of their orders.
GROUPED, GROUPS = "(grouped)", "(groups)"

TallyName = tuple[int, str, str, str]
States = list[tuple[str, int]]  # status and time of the last update of each order of a group


def keep(driver: Driver, placed: Iterable[Order], changed: Iterable[Order]) -> dict[TallyName, int]:
    """Write the rows of the groups that these orders belong to. Answers how the tallies of groups change."""
    tallies: dict[TallyName, int] = {}

    def count(tenant_id: int, channel: str, statuses: str, by: int) -> None:
        name = (tenant_id, GROUPS, channel, statuses)
        tallies[name] = tallies.get(name, 0) + by

    new: dict[tuple[int, str], list[Order]] = {}
    joined: set[tuple[int, str]] = set()
    for order in placed:
        if order.group_number:
            name = (order.tenant_id, order.group_number)
            new.setdefault(name, []).append(order)
            if order.doc.imported_at:
                joined.add(name)  # others of the group may be there already
    if joined:
        for row in _locked_rows(driver, sorted(joined)):
            own = new.pop((row.tenant_id, row.number))
            grown = _grown(row, _row_of(own))
            bulk.update(driver, order_group, [grown])
            count(row.tenant_id, row.door, row.statuses, -1)
            count(row.tenant_id, grown["door"], grown["statuses"], 1)
    if new:
        born = [_row_of(orders_of) for orders_of in new.values()]
        bulk.insert(driver, order_group, born)
        for row in born:
            count(row["tenant_id"], row["door"], row["statuses"], 1)
    touched = {(each.tenant_id, each.group_number) for each in changed if each.group_number}
    if touched:
        before = _locked(driver, sorted(touched))
        after = [_changed_row(row, states) for row, states in before]
        bulk.update(driver, order_group, after)
        for (row, _), now in zip(before, after, strict=True):
            count(row.tenant_id, row.door, row.statuses, -1)
            count(row.tenant_id, row.door, now["statuses"], 1)
    return tallies


def _row_of(orders_of: list[Order]) -> dict[str, Any]:
    first = min(orders_of, key=lambda order: order.id)
    return {
        "tenant_id": first.tenant_id,
        "number": first.group_number,
        "head_id": first.id,
        "door": first.channel,
        "statuses": _joined(order.status.value for order in orders_of),
        "occurred_at": min(order.occurred_at for order in orders_of),
        "updated_at": max(order.updated_at for order in orders_of),
        "recorded_at": first.recorded_at,
    }


def _grown(row: Any, more: dict[str, Any]) -> dict[str, Any]:
    """The row of a group that further orders have joined."""
    return {
        **more,
        "head_id": min(row.head_id, more["head_id"]),
        "door": min(row.door, more["door"]),
        "statuses": _joined((*row.statuses.split(), *more["statuses"].split())),
        "occurred_at": min(row.occurred_at, more["occurred_at"]),
        "updated_at": max(row.updated_at, more["updated_at"]),
        "recorded_at": min(row.recorded_at, more["recorded_at"]),
    }


def _changed_row(row: Any, states: States) -> dict[str, Any]:
    return {
        "tenant_id": row.tenant_id,
        "number": row.number,
        "statuses": _joined(status for status, _ in states),
        "updated_at": max(updated_at for _, updated_at in states),
    }


def _joined(statuses: Iterable[str]) -> str:
    return " ".join(sorted(set(statuses)))


def _locked_rows(driver: Driver, names: list[tuple[int, str]]) -> list[Any]:
    given = [{"tenant_id": tenant_id, "number": number} for tenant_id, number in names]
    return bulk.select(driver, order_group, given, order_by=("tenant_id", "number"), lock=True)


def _locked(driver: Driver, names: list[tuple[int, str]]) -> list[tuple[Any, States]]:
    """The rows of these groups, locked in order, each with its orders as they stand by then."""
    given = [{"tenant_id": tenant_id, "number": number} for tenant_id, number in names]
    found = _locked_rows(driver, names)
    postgres = driver.is_postgres
    size = bulk.size_of(len(given), postgres)
    parameters = bulk.rows_parameters(given, ("tenant_id", "number"), size, postgres)
    parameters += bulk.tenants_of(given, citus=driver.is_citus)
    members: dict[tuple[int, str], States] = {}
    for tenant_id, number, *state in driver.rows(
        _members_sql(size, postgres, citus=driver.is_citus), parameters
    ):
        members.setdefault((tenant_id, number), []).append(tuple(state))
    return [(row, members[row.tenant_id, row.number]) for row in found]


@lru_cache(maxsize=16)
def _members_sql(size: int, postgres: bool, *, citus: bool) -> str:
    source = bulk.rows_source(order_group, ("tenant_id", "number"), size, postgres)
    # The last condition is what lets the partial index be used. SQLite has to be told to: else it walks an index of
    # all orders of the tenant that holds the two columns.
    index = "" if postgres else "INDEXED BY orders_by_group_number"
    return (
        f"SELECT t.tenant_id, t.group_number, t.status, t.updated_at FROM {source} "
        f"CROSS JOIN orders AS t {index} WHERE t.tenant_id = r.tenant_id AND t.group_number = r.number "
        f"AND t.group_number <> ''{bulk.on_tenants('t', citus=citus)}"
    )
