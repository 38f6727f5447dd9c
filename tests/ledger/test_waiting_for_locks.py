"""On PostgreSQL: what another batch is changing is waited for, and then it is there."""

import json
import threading
from typing import Any

import psycopg
import pytest

from orderhub.ledger.batch import _pools_sql
from tests.support import cluster

POOLS = [
    json.dumps([{"tenant_id": 1, "kind": "stock", "subject": "product:189", "place": "A"}]),
    json.dumps([{"tenant_id": 1, "kind": "stock", "subject": "product:188"}]),
]
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid = %s"
# Of a cluster the node of the rows knows who waits; a statement says besides whose they are.
_WAITING_THERE = "SELECT count(*) FROM citus_lock_waits WHERE %s > 0"
_MINE = "{1}"


@pytest.mark.postgres
@pytest.mark.parametrize("changed", ["product:188", "product:189"])
def test_a_pool_that_another_batch_changes_is_found_once_it_is_free(
    postgres_world: str, changed: str
) -> None:
    found: list[Any] = []
    is_cluster = cluster.is_on(postgres_world)
    given = [POOLS[0], _MINE, POOLS[1], _MINE, _MINE] if is_cluster else POOLS
    waiting = _WAITING_THERE if is_cluster else _WAITING
    with psycopg.connect(postgres_world) as first, psycopg.connect(postgres_world) as second:
        first.execute("UPDATE pool SET drawn = drawn + 1 WHERE subject = %s", (changed,))

        def load() -> None:
            locking = _pools_sql((("exact", 0), ("whole", 0)), True, lock=True, citus=is_cluster)
            found.extend(second.execute(locking, given).fetchall())

        loading = threading.Thread(target=load)
        loading.start()
        with psycopg.connect(postgres_world, autocommit=True) as looking:
            while not looking.execute(waiting, (second.info.backend_pid,)).fetchone()[0]:
                assert loading.is_alive()
        first.commit()
        loading.join()
        second.rollback()
    assert sorted(row[2] for row in found) == ["product:188", "product:189"]
