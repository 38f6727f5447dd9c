"""Where tables would lie on a Citus cluster, held without one. What needs one is in tests/cluster."""

from __future__ import annotations

import pytest
from sqlalchemy import UniqueConstraint

from orderhub.ledger import bulk, cluster
from orderhub.ledger.cluster import Place, places
from orderhub.ledger.database import open_engine
from orderhub.ledger.tables import metadata, orders
from orderhub.ledger.urls import DatabaseRefused

SHARDED = [name for name, place in places().items() if place is Place.SHARDED]


def test_every_table_has_a_place() -> None:
    assert set(places()) == {*metadata.tables, "alembic_version"}


@pytest.mark.parametrize("name", SHARDED)
def test_what_lies_by_tenant_is_unique_within_a_tenant(name: str) -> None:
    """Citus knows no other uniqueness, and each look by the key is one shard's."""
    table = metadata.tables[name]
    assert table.primary_key.columns.keys()[0] == "tenant_id"
    unique = [each.columns for each in table.indexes if each.unique]
    unique += [each.columns for each in table.constraints if isinstance(each, UniqueConstraint)]
    assert all("tenant_id" in columns for columns in unique)


def test_a_ledger_that_lies_on_no_cluster_cannot_be_distributed(sqlite_world: str) -> None:
    engine = open_engine(sqlite_world)
    assert not cluster.look_over(engine)
    with pytest.raises(DatabaseRefused, match="no Citus cluster"):
        cluster.distribute(engine)
    engine.dispose()


@pytest.mark.one_machine
@pytest.mark.postgres
def test_nor_can_a_plain_postgresql(postgres_world: str) -> None:
    engine = open_engine(postgres_world)
    assert not cluster.look_over(engine)
    with pytest.raises(DatabaseRefused, match="no Citus cluster"):
        cluster.plan(engine)
    engine.dispose()


def test_citus_is_told_whose_the_rows_are_and_nobody_else_is() -> None:
    rows = [{"tenant_id": each, "id": 1} for each in (7, 3, 7)]
    assert bulk.tenants_of(rows, citus=True) == ["{3,7}"]
    assert bulk.tenants_of(rows, citus=False) == []
    for citus in (True, False):
        sql = bulk._update_sql(orders, ("tenant_id", "id", "status"), 0, "", citus=citus)
        assert ("orders.tenant_id = ANY(CAST(%s AS bigint[]))" in sql) is citus
