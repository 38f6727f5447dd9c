"""The Citus cluster that ORDERHUB_TEST_DATABASE names: fresh ledgers on it, distributed, and crashes of its workers.

A ledger is laid out once and then copied: a database of the same name on every node, each from a template there.
Whoever runs it must be a superuser on every node, under the same name and password.
"""

from __future__ import annotations

import os
import random
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from orderhub.core.decide import RECORD_TYPES
from orderhub.ledger.cluster import distribute
from orderhub.ledger.database import head_revision, open_engine
from orderhub.ledger.ledger import Ledger
from tests.support import postgres

SETTING = "ORDERHUB_TEST_DATABASE"
NEEDS = (
    f"{SETTING}=postgresql://user@coordinator:5432/database is needed: the coordinator of a Citus cluster, whose "
    "workers are known to it (citus_add_node) and let the user in as a superuser. Databases are made on it and dropped."
)
# Few, since each has files for every table; more than workers, so that tenants lie together and apart.
SHARDS = 8
_RECOVERS_WITHIN_S = 120.0


@cache
def named() -> str | None:
    """The coordinator, if there is one to try. The hub knows no such setting, so it is taken out of the environment."""
    return os.environ.pop(SETTING, "") or None


def is_on(url: str) -> bool:
    """Whether a database is on the cluster that is tried."""
    server = named()
    if server is None or url.startswith("sqlite"):
        return False
    here, there = make_url(url), make_url(server)
    return (here.host, here.port) == (there.host, there.port)


def plain(url: str) -> str:
    """As libpq takes it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@cache
def nodes(server: str) -> Sequence[str]:
    """Every node's own URL, the coordinator first. Raises RuntimeError where there is no cluster."""
    try:
        with psycopg.connect(plain(server)) as connection:
            found = connection.execute(
                "SELECT nodename, nodeport FROM pg_dist_node WHERE groupid <> 0 AND noderole = 'primary' ORDER BY 1, 2"
            ).fetchall()
    except psycopg.Error as error:
        raise RuntimeError(f"{NEEDS} It answers: {error}") from error
    if not found:
        raise RuntimeError(f"{NEEDS} It has no workers.")
    there = make_url(plain(server))
    workers = (there.set(host=host, port=port) for host, port in found)
    return tuple(each.render_as_string(hide_password=False) for each in (there, *workers))


def database_on(node: str, name: str) -> str:
    return make_url(node).set(database=name).render_as_string(hide_password=False)


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """A new database, empty; on the cluster that is tried a ledger, migrated and distributed. Dropped at the end."""
    if server != named():
        with postgres.fresh_database(server) as url:
            yield url
        return
    name = f"test_{uuid.uuid4().hex}"
    url = _copied(server, name)
    try:
        yield url
    finally:
        drop_database(server, name)


def create_database(server: str, name: str) -> str:
    """The same under this name, for as long as the server is there; answers its URL."""
    if server != named():
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return postgres.database_url(server, name)
    drop_database(server, name)
    return _copied(server, name)


def _copied(server: str, name: str) -> str:
    template = _template(server)
    for node in nodes(server):
        with psycopg.connect(node, autocommit=True) as connection:
            create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
            connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
    return database_on(nodes(server)[0], name)


def drop_database(server: str, name: str) -> None:
    """On every node; one that recovers from a crash is waited for, and so is the cluster's daemon, which comes back."""
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    for node in nodes(server):
        wait_for(node)
        with psycopg.connect(node, autocommit=True) as connection:
            for is_last in (False, False, True):
                try:
                    connection.execute(drop)
                    break
                except psycopg.errors.ObjectInUse:
                    if is_last:
                        raise


def wait_for(node: str) -> None:
    """Until it lets somebody in."""
    until = time.monotonic() + _RECOVERS_WITHIN_S
    while True:
        try:
            psycopg.connect(node).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


@cache
def _template(server: str) -> str:
    """The name of a template, on every node: made by whoever comes first, for this program's schema."""
    name = f"orderhub_template_{head_revision()}_2"
    with psycopg.connect(nodes(server)[0], autocommit=True) as first:
        first.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (name,))
        there = first.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s AND datistemplate", (name,)
        )
        if there.fetchone():
            return name
        drop_database(server, name)
        url = bare_database(server, name)
        Ledger.open(url, RECORD_TYPES).close()
        engine = open_engine(url)
        distribute(engine, SHARDS)
        engine.dispose()
        for node in reversed(nodes(server)):
            with psycopg.connect(node, autocommit=True) as connection:
                _close(connection, name)
    return name


def bare_database(server: str, name: str) -> str:
    """A database of the cluster with nothing in it; answers its URL."""
    first, *workers = nodes(server)
    for node in (first, *workers):
        with psycopg.connect(node, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        with psycopg.connect(database_on(node, name), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION citus")
    url = database_on(first, name)
    with psycopg.connect(url, autocommit=True) as connection:
        for node, command in (
            (first, "SELECT citus_set_coordinator_host(%s, %s)"),
            *((worker, "SELECT citus_add_node(%s, %s)") for worker in workers),
        ):
            there = make_url(node)
            connection.execute(command, (there.host, there.port or 5432))
    return url


def _close(connection: psycopg.Connection, name: str) -> None:
    """Nobody comes in any more, not even the cluster's own daemon: who is in a template keeps it from being copied."""
    of = sql.Identifier(name)
    connection.execute(
        sql.SQL("ALTER DATABASE {} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false").format(of)
    )
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
    )


def crash_worker(server: str, chance: random.Random) -> str:
    """One of the workers, which is answered, loses a process to kill -9: all others go too, and it recovers."""
    worker = chance.choice(nodes(server)[1:])
    try:
        with psycopg.connect(worker, autocommit=True, connect_timeout=5) as connection:
            connection.execute("COPY (SELECT 1) TO PROGRAM 'kill -9 $PPID'")
    except psycopg.OperationalError:
        pass  # as it should: or it was not up again since the last time
    return worker
