"""The directory within a transaction: which tenants there are, and what their callers show."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, delete, select, update

from orderhub.core.access import Credential, Tenant
from orderhub.core.snapshots import Snapshot
from orderhub.core.values import Settings
from orderhub.ledger import bulk, citus, rows, snapshots, tables
from orderhub.ledger.driver import Driver
from orderhub.ledger.kept_records import count_writes
from orderhub.ledger.people import People
from orderhub.ledger.staying import LEAVE, refuse_gone

# The next tenant's id: beyond every tenant there is, and every one that was removed.
_NEXT_TENANT = """
INSERT INTO counter (tenant_id, name, next)
VALUES (0, 'tenant', (SELECT coalesce(max(id), 0) + 2 FROM tenant))
ON CONFLICT (tenant_id, name) DO UPDATE SET next = CASE
  WHEN excluded.next > counter.next + 1 THEN excluded.next ELSE counter.next + 1 END
RETURNING next - 1
"""


class Directory:
    """Everything by one connection, which the caller commits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.people = People(connection)

    # --- tenants

    def tenant_named(self, name: str) -> Tenant | None:
        table = tables.tenant
        row = self._connection.execute(select(table).where(table.c.name == name)).first()
        return None if row is None else Tenant(row.id, row.name, row.title)

    def new_tenant(self, name: str, title: str, settings: Settings) -> Tenant:
        """A tenant under the next free id. Two that ask at once take turns. Raises IntegrityError for a taken name."""
        tenant_id = self._next_tenant()
        tenant = Tenant(tenant_id, name, title)
        self.add_tenant(tenant, settings)
        return tenant

    def _next_tenant(self) -> int:
        driver = Driver(self._connection)
        if driver.is_citus:
            return citus.next_tenant(driver)
        return int(self._connection.exec_driver_sql(_NEXT_TENANT).scalar_one())

    def add_tenant(self, tenant: Tenant, settings: Settings) -> None:
        """A new tenant with its settings. Raises IntegrityError when id or name are taken."""
        row = {"id": tenant.id, "name": tenant.name, "title": tenant.title}
        bulk.insert(Driver(self._connection), tables.tenant, [row])
        record: dict[str, Any] = {
            "tenant_id": tenant.id,
            "kind": "settings",
            "id": 0,
            "uid": "",
            "code": "",
            "version": 1,
            "doc": rows.json_text(settings),
            "names": "",
        }
        bulk.insert(Driver(self._connection), tables.record, [record])
        count_writes(Driver(self._connection), [(tenant.id, "settings")], 0)

    def remove_tenant(self, tenant_id: int) -> None:
        """The tenant with everything that is its own. Its id is never given again.

        Portfolios of others no longer reach it; one that reached nothing else is switched off. Raises TenantGone.
        """
        self._have_alone(tenant_id)
        # Itself first: whoever writes beside the intake asks for it, waits, and then finds it gone.
        self._connection.execute(delete(tables.tenant).where(tables.tenant.c.id == tenant_id))
        for table in tables.metadata.sorted_tables:
            if "tenant_id" in table.c:
                self._connection.execute(delete(table).where(table.c.tenant_id == tenant_id))
        for portfolio in self._portfolios_of(tenant_id):
            left = tuple(each for each in portfolio.tenants if each != tenant_id)
            # Without any, it would reach the tenant that it belongs to, as it never did.
            change = {"tenants": left} if left else {"enabled": False}
            self.change_credential(msgspec.structs.replace(portfolio, **change))

    def _have_alone(self, tenant_id: int) -> None:
        """Batches that have begun with the tenant end first, and who comes later finds it gone. Raises TenantGone."""
        driver = Driver(self._connection)
        if driver.is_citus:
            citus.leave(driver, tenant_id)
        elif driver.is_postgres:
            self._connection.exec_driver_sql(LEAVE, (str(tenant_id),))
        refuse_gone(self._connection, tenant_id)

    # --- snapshots of sandboxes

    def keep_snapshot(
        self, tenant_id: int, snapshot_id: str, content: snapshots.Content, at_us: int
    ) -> Snapshot:
        """Keep what `Ledger.look_at` found of a tenant. Raises TenantGone."""
        refuse_gone(self._connection, tenant_id)
        return snapshots.keep(self._connection, tenant_id, snapshot_id, content, at_us)

    def restore(
        self, tenant_id: int, snapshot_id: str, now_us: int, moved: snapshots.Moved
    ) -> Snapshot | None:
        """Put a snapshot back, under a new id of the tenant's. None = there is no such snapshot.

        Its credentials stay as they are, but for the faults that their calls were to meet. Raises SnapshotRefused, or
        TenantGone.
        """
        self._have_alone(tenant_id)
        new_id = self._next_tenant()
        restored = snapshots.restore(
            self._connection, tenant_id, new_id, snapshot_id, now_us, moved
        )
        if restored is None:
            return None
        table = tables.credential
        query = select(table).where(table.c.tenant_id == tenant_id).with_for_update()
        for row in self._connection.execute(query).all():
            credential = rows.to_credential(row)
            data = {name: each for name, each in credential.data.items() if name != "faults"}
            self.change_credential(msgspec.structs.replace(credential, tenant_id=new_id, data=data))
        for portfolio in self._portfolios_of(tenant_id):
            reached = tuple(new_id if each == tenant_id else each for each in portfolio.tenants)
            self.change_credential(msgspec.structs.replace(portfolio, tenants=reached))
        return restored

    def _portfolios_of(self, tenant_id: int) -> list[Credential]:
        table = tables.credential
        query = select(table).where(table.c.body.contains('"tenants"')).with_for_update()
        found = [rows.to_credential(row) for row in self._connection.execute(query).all()]
        return [each for each in found if tenant_id in each.tenants]

    # --- credentials

    def credential(self, credential_id: str) -> Credential | None:
        """By id; nobody else changes it before the commit."""
        table = tables.credential
        return self._locked(select(table).where(table.c.id == credential_id))

    def credential_named(self, kind: str, name: str) -> Credential | None:
        """By what it is looked up by; nobody else changes it before the commit."""
        table = tables.credential
        return self._locked(select(table).where(table.c.kind == kind, table.c.name == name))

    def _locked(self, query: Any) -> Credential | None:
        row = self._connection.execute(query.with_for_update()).first()
        return None if row is None else rows.to_credential(row)

    def add_credential(self, credential: Credential) -> None:
        """Write a new credential. Raises IntegrityError when its kind and name are taken."""
        bulk.insert(Driver(self._connection), tables.credential, [rows.credential_row(credential)])

    def change_credential(self, credential: Credential) -> None:
        """Rewrite the credential of the same id. Raises IntegrityError when its new name is taken."""
        row = rows.credential_row(credential)
        del row["last_used_at"]
        table = tables.credential
        self._connection.execute(update(table).where(table.c.id == credential.id).values(row))

    def put_credential(self, credential: Credential) -> None:
        """Write a credential; the one of the same kind and name is replaced."""
        bulk.insert(
            Driver(self._connection),
            tables.credential,
            [rows.credential_row(credential)],
            "DO UPDATE SET id = excluded.id, tenant_id = excluded.tenant_id, body = excluded.body",
        )

    def remove_credential(self, credential_id: str) -> None:
        table = tables.credential
        self._connection.execute(delete(table).where(table.c.id == credential_id))
