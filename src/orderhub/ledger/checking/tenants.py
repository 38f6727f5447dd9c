"""Rows against the tenants that they are of: one that was removed or restored leaves nothing under its id."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, delete, func, select

from orderhub.ledger.checking.laws import Law
from orderhub.ledger.checking.report import Breach
from orderhub.ledger.tables import BESIDE_THE_BOOKS, metadata, record, tenant

# The hub's own rows are of nobody: 0.
_OF_TENANTS = [
    each
    for each in metadata.sorted_tables
    if "tenant_id" in each.c and each not in BESIDE_THE_BOOKS
]


def breaches(connection: Connection) -> Iterator[Breach]:
    there = select(tenant.c.id)
    for table in _OF_TENANTS:
        owner = table.c.tenant_id
        query = select(owner, func.count()).where(owner != 0, owner.not_in(there)).group_by(owner)
        for tenant_id, count in connection.execute(query.order_by(owner)).all():
            yield Breach(
                Law.HAS_TENANT, tenant_id, table.name, f"rows of a tenant that is gone: {count}"
            )


def mended(connection: Connection, tenants: frozenset[int]) -> Iterator[str]:
    """What is left of tenants that were removed goes. One that still has its settings was not: its own row was lost."""
    has_settings = select(record.c.tenant_id).where(
        record.c.tenant_id.in_(tenants), record.c.kind == "settings"
    )
    lost = set(connection.scalars(has_settings))
    for table in _OF_TENANTS:
        for tenant_id in sorted(tenants - lost):
            gone = connection.execute(delete(table).where(table.c.tenant_id == tenant_id)).rowcount
            if gone:
                yield f"{table.name} of tenant {tenant_id}, which is gone: rows removed: {gone}"
