"""A tenant stays for as long as somebody writes for it; who comes once it is removed or restored finds it gone.

Batches share a lock of each of their tenants (`STAY`), which whoever removes or restores one takes alone (`LEAVE`).
Who writes beside the intake shares the tenant's own row, which is the first that is changed then.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, select

from orderhub.core.facts import TenantGone
from orderhub.ledger.tables import tenant

_OF_TENANT = "hashtextextended('tenant ' || {}, 0)"
LEAVE = f"SELECT pg_advisory_xact_lock({_OF_TENANT.format('%s')})"
STAY = (
    f"SELECT pg_advisory_xact_lock_shared({_OF_TENANT.format('value')}) "
    "FROM json_array_elements_text(CAST(%s AS json))"
)


def stays(connection: Connection, tenant_id: int) -> bool:
    """Whether the tenant is there, and then until the commit. 0 is the hub's own, which always is."""
    row = select(tenant.c.id).where(tenant.c.id == tenant_id)
    shared = row.with_for_update(read=True, key_share=True)
    return not tenant_id or connection.execute(shared).first() is not None


def refuse_gone(connection: Connection, tenant_id: int) -> None:
    """As `stays`. Raises TenantGone."""
    if not stays(connection, tenant_id):
        raise TenantGone(tenant_id)


@contextmanager
def writing_for(write: Engine, tenant_id: int) -> Iterator[Connection]:
    """A short transaction beside the intake that writes rows of a tenant. Raises TenantGone."""
    with write.begin() as connection:
        refuse_gone(connection, tenant_id)
        yield connection
