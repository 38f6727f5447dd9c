"""Fixtures: the small world of tests.support.world, made once and copied for each test."""

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from orderhub.core.decide import RECORD_TYPES
from orderhub.ledger.database import open_engine
from orderhub.ledger.ledger import Ledger
from tests.support.postgres import database_url
from tests.support.world import Rows, open_world, restore, rows_of_all


class Template(NamedTuple):
    """A migrated database with the small world in it, and what it held then."""

    url: str
    rows: Rows


@pytest.fixture(scope="session")
def world_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("world") / "world.sqlite"
    with open_world(f"sqlite:///{path}"):
        pass
    return path


@pytest.fixture(scope="session")
def world_template(postgres_server: str, worker: str) -> Template:
    return _template(postgres_server, f"world_{worker}")


@cache  # the fixture is imported in several folders, and each counts as one of its own
def _template(server: str, name: str) -> Template:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    url = database_url(server, name)
    with open_world(url) as ledger:
        return Template(url, rows_of_all(ledger.engine))


@pytest.fixture(scope="session")
def worker(request: pytest.FixtureRequest) -> str:
    """The name of this pytest-xdist worker."""
    return getattr(request.config, "workerinput", {}).get("workerid", "alone")


@pytest.fixture
def sqlite_world(world_file: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(world_file, tmp_path / 'hub.sqlite')}"


@pytest.fixture
def postgres_world(world_template: Template) -> str:
    """One database, its rows put back for each test: that takes a tenth of the time of a new one."""
    engine = open_engine(world_template.url)
    restore(engine, world_template.rows)
    engine.dispose()
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
