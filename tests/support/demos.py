"""Fixtures: the demo businesses, seeded once and copied for each test."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psycopg
import pytest
import structlog

from orderhub.ledger.database import open_engine
from tests.support.calls import Caller, calling, copied, seed_demo
from tests.support.postgres import database_url
from tests.support.world import restore, rows_of_all
from tests.support.worlds import Template


@pytest.fixture(scope="session", autouse=True)
def quiet_logs() -> None:
    """Lines about what a test breaks on purpose cost more than the test: only their number counts."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


@pytest.fixture(scope="session")
def demo_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "demo.sqlite"
    seed_demo(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def demo_template(postgres_server: str, request: pytest.FixtureRequest) -> Template:
    worker = getattr(request.config, "workerinput", {}).get("workerid", "alone")
    return _template(postgres_server, f"demo_{worker}")


@cache  # the fixture is imported in several folders, and each counts as one of its own
def _template(server: str, name: str) -> Template:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    url = database_url(server, name)
    seed_demo(url)
    engine = open_engine(url)
    rows = rows_of_all(engine)
    engine.dispose()
    return Template(url, rows)


@pytest.fixture
def sqlite_demo(demo_file: Path, tmp_path: Path) -> str:
    return copied(demo_file, tmp_path)


@pytest.fixture
def postgres_demo(demo_template: Template) -> str:
    """One database, its rows put back for each test."""
    engine = open_engine(demo_template.url)
    restore(engine, demo_template.rows)
    engine.dispose()
    return demo_template.url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def demo_url(request: pytest.FixtureRequest) -> str:
    """A database with the demo in it; the test runs once on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_demo")
    return url


@pytest.fixture
def hub(sqlite_demo: str) -> Iterator[Caller]:
    """A fresh demo on SQLite."""
    with calling(sqlite_demo) as caller:
        yield caller
