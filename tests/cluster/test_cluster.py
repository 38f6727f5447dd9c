"""What holds on a cluster alone: where tables are laid, who is refused, locks from every node, moves of shards."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator

import psycopg
import pytest

from orderhub.core.decide import RECORD_TYPES
from orderhub.ledger import bulk, citus, cluster
from orderhub.ledger.check import check_ledger
from orderhub.ledger.database import open_engine, writing
from orderhub.ledger.ledger import Ledger
from orderhub.ledger.urls import DatabaseRefused
from tests.intake.test_queue import running
from tests.support import cluster as cluster_tried
from tests.support import world
from tests.support.world import OTHER, SHOP, sale

pytestmark = pytest.mark.postgres
_TRIES = 30
_LOCKS = {
    "that of who writes for the tenant": citus._STAY,
    "that of who decides about names": citus._NAMES,
    "that of who removes the tenant": citus._LEAVE,
}
# Who has the one makes wait who wants the other.
_EXCLUDES = {
    ("that of who removes the tenant", "that of who writes for the tenant"): True,
    ("that of who decides about names", "that of who decides about names"): True,
    ("that of who writes for the tenant", "that of who removes the tenant"): True,
    ("that of who writes for the tenant", "that of who writes for the tenant"): False,
    ("that of who decides about names", "that of who writes for the tenant"): False,
}


@pytest.fixture
def bare_url(postgres_server: str) -> Iterator[str]:
    name = f"bare_{uuid.uuid4().hex}"
    try:
        yield cluster_tried.bare_database(postgres_server, name)
    finally:
        cluster_tried.drop_database(postgres_server, name)


def test_a_ledger_is_laid_out_once_and_what_is_new_later(bare_url: str) -> None:
    Ledger.open(bare_url, RECORD_TYPES).close()  # none is distributed: said in the log alone
    engine = open_engine(bare_url)
    planned = cluster.plan(engine)
    assert {each.table for each in planned} == set(cluster.places())
    assert [each.table for each in planned if each.done] == ["slot"]
    with world.open_world(bare_url):
        pass  # with rows in it
    with writing(engine).begin() as connection:
        for each in planned[:9]:
            cluster._place(connection, each, 4)
    engine.dispose()
    with pytest.raises(DatabaseRefused, match=r"Not distributed yet: claim, .*database distribute"):
        Ledger.open(bare_url, RECORD_TYPES)
    engine = open_engine(bare_url)
    said: list[str] = []
    cluster.distribute(engine, 4, lambda each: said.append(each.table))
    assert said == [each.table for each in planned[9:] if not each.done]
    assert all(each.done for each in cluster.plan(engine))
    cluster.distribute(engine, 4, lambda each: pytest.fail(each.table))
    assert not check_ledger(engine).breaches
    engine.dispose()
    ledger = Ledger.open(bare_url, RECORD_TYPES)
    world.run_all(ledger, sale())
    assert len(world.all_orders(ledger)) == 1
    ledger.close()


def test_nobody_may_serve_it_meanwhile(bare_url: str) -> None:
    ledger = Ledger.open(bare_url, RECORD_TYPES)
    ledger.lease_slot("a hub", 60_000_000)
    with pytest.raises(DatabaseRefused, match="A hub serves the database"):
        cluster.distribute(ledger.engine)
    ledger.leave_slot("a hub")
    ledger.close()


def test_a_node_that_may_lose_commits_is_refused(postgres_server: str, postgres_url: str) -> None:
    name = postgres_url.rpartition("/")[2]
    worker = cluster_tried.database_on(cluster_tried.nodes(postgres_server)[1], name)
    with psycopg.connect(worker, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = %s AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
            (name,),
        )
    with pytest.raises(DatabaseRefused, match=r"The node .* runs with synchronous_commit=off"):
        Ledger.open(postgres_url, RECORD_TYPES)


@pytest.mark.parametrize(("held", "wanted"), _EXCLUDES)
def test_locks_exclude_from_every_node(
    postgres_server: str, postgres_world: str, held: str, wanted: str
) -> None:
    """One is taken through the coordinator, the other through each of the workers."""
    name = postgres_world.rpartition("/")[2].partition("?")[0]
    mine = (bulk.array_of([SHOP]),)
    for node in cluster_tried.nodes(postgres_server):
        other = cluster_tried.database_on(node, name)
        with psycopg.connect(postgres_world) as one, psycopg.connect(other) as two:
            assert one.execute(_LOCKS[held], mine).fetchall() == [(SHOP,)]
            two.execute("SET statement_timeout = 700")
            if _EXCLUDES[held, wanted]:
                with pytest.raises(psycopg.errors.QueryCanceled):
                    two.execute(_LOCKS[wanted], mine)
            else:
                two.execute(_LOCKS[wanted], mine)
            two.rollback()
            one.rollback()


def test_statements_of_a_batch_go_to_one_node(postgres_world: str) -> None:
    """Each as one task: whoever commits, commits on one node."""
    ledger = Ledger.open(postgres_world, RECORD_TYPES)
    seen: list[str] = []
    with running(ledger) as desk:
        desk.put("first", sale())
        assert desk.kinds() == {"first": "accepted"}
        driver, _ = ledger._kept[0]
        driver.send("SET citus.log_remote_commands = on")
        driver.send("SET client_min_messages = notice")
        raw = driver.connection.connection.driver_connection
        raw.add_notice_handler(
            lambda each: seen.append(f"{each.message_primary} {each.message_detail}")
        )
        desk.put("second", sale())
        assert desk.kinds()["second"] == "accepted"
    ledger.close()
    commits = [each for each in seen if each.startswith("issuing COMMIT")]
    assert len(commits) == 1, commits
    assert not any("PREPARE TRANSACTION" in each for each in seen)


def test_a_shard_that_moves_under_load_refuses_nothing(postgres_world: str) -> None:
    ledger = Ledger.open(postgres_world, RECORD_TYPES, limit_s=60.0)
    ended = threading.Event()
    with running(ledger, patience_s=60.0) as desk:
        clients = [threading.Thread(target=_orders, args=(desk, each, ended)) for each in range(3)]
        for each in clients:
            each.start()
        moved = _move_twice(postgres_world)
        ended.set()
        for each in clients:
            each.join()
        kinds = desk.kinds()
    assert moved == 2
    assert set(kinds.values()) == {"accepted"}
    assert len(world.all_orders(ledger)) == len(kinds) > 10
    assert not check_ledger(ledger.engine).breaches
    ledger.close()


def _orders(desk, number: int, ended: threading.Event) -> None:
    count = 0
    while not ended.wait(0.02):
        desk.put(f"{number} {count}", sale(tenant=(SHOP, OTHER)[count % 2]))
        count += 1


def _move_twice(url: str) -> int:
    """The shop's shard goes to the other worker and comes back."""
    moved = 0
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(2):
            shard, host, port = connection.execute(
                "SELECT s.shardid, s.nodename, s.nodeport FROM citus_shards s "
                "WHERE s.shardid = get_shard_id_for_distribution_column('orders', %s)",
                (SHOP,),
            ).fetchone()
            to = connection.execute(
                "SELECT nodename, nodeport FROM pg_dist_node "
                "WHERE groupid <> 0 AND (nodename, nodeport) <> (%s, %s) LIMIT 1",
                (host, port),
            ).fetchone()
            _move(connection, (shard, host, port, *to))
            moved += 1
            time.sleep(0.5)
    return moved


def _move(connection: psycopg.Connection, move: tuple) -> None:
    """What the last move left behind is cleared away first, which waits for who still looks at it."""
    for _ in range(_TRIES - 1):
        try:
            connection.execute("SELECT citus_move_shard_placement(%s, %s, %s, %s, %s)", move)
        except psycopg.errors.InternalError_:
            time.sleep(1)
        else:
            return
    connection.execute("SELECT citus_move_shard_placement(%s, %s, %s, %s, %s)", move)
