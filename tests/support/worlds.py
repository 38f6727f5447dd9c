"""Fixtures: the small world of tests.support.world, made once and copied for each test. A plugin of every test run."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from psycopg import sql

from orderhub.core.decide import RECORD_TYPES
from orderhub.ledger.database import open_engine
from orderhub.ledger.ledger import Ledger
from orderhub.ledger.tables import metadata
from tests.support.cluster import create_database
from tests.support.world import open_world

_KEPT = "pristine"  # the schema with the rows that are put back


class Template(NamedTuple):
    """A PostgreSQL database that can be as it was when it was made."""

    url: str
    putting_back: sql.Composed

    def restore(self) -> None:
        """Put its rows back: that takes a tenth of the time of a new database."""
        with psycopg.connect(self.url) as connection:
            connection.execute(self.putting_back)


def pristine(server: str, name: str, fill: Callable[[str], object]) -> Template:
    """A new database that `fill`, called with its URL, writes into."""
    url = create_database(server, name)
    fill(url)
    tables = [each.name for each in metadata.sorted_tables]
    keep = "CREATE TABLE {kept}.{table} AS TABLE public.{table}"
    put_back = "DELETE FROM public.{table}; INSERT INTO public.{table} TABLE {kept}.{table}"

    def of_all(statement: str) -> sql.Composed:
        kept = sql.Identifier(_KEPT)
        each = [sql.SQL(statement).format(table=sql.Identifier(t), kept=kept) for t in tables]
        return sql.SQL("; ").join(each)

    with psycopg.connect(url) as connection:
        connection.execute(f"CREATE SCHEMA {_KEPT}")
        connection.execute(of_all(keep))
    return Template(url, of_all(put_back))


def _fill_world(url: str) -> None:
    with open_world(url):
        pass


@pytest.fixture(scope="session")
def world_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("world") / "world.sqlite"
    _fill_world(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def world_template(postgres_server: str, worker: str) -> Template:
    return pristine(postgres_server, f"world_{worker}", _fill_world)


@pytest.fixture(scope="session")
def worker(request: pytest.FixtureRequest) -> str:
    """The name of this pytest-xdist worker."""
    return getattr(request.config, "workerinput", {}).get("workerid", "alone")


@pytest.fixture
def sqlite_world(world_file: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(world_file, tmp_path / 'hub.sqlite')}"


@pytest.fixture
def postgres_world(world_template: Template) -> str:
    """One database, its rows put back for each test."""
    world_template.restore()
    return world_template.url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def world_url(request: pytest.FixtureRequest) -> str:
    """A database with the small world in it; the test runs once on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_world")
    return url


@pytest.fixture
def ledger(world_url: str) -> Iterator[Ledger]:
    opened = Ledger(open_engine(world_url), RECORD_TYPES)
    yield opened
    opened.close()
