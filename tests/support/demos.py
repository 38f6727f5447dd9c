"""Fixtures: the demo businesses, seeded once and copied for each test. A plugin of every test run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.support.calls import Caller, calling, copied
from tests.support.hub import demo_file as seeded_file
from tests.support.hub import seed_demo
from tests.support.worlds import Template, pristine


@pytest.fixture(scope="session", autouse=True)
def quiet_logs() -> None:
    """Lines about what a test breaks on purpose cost more than the test: only their number counts."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


@pytest.fixture(scope="session")
def demo_file() -> Path:
    return seeded_file()


@pytest.fixture(scope="session")
def demo_template(postgres_server: str, worker: str) -> Template:
    return pristine(postgres_server, f"demo_{worker}", seed_demo)


@pytest.fixture
def sqlite_demo(demo_file: Path, tmp_path: Path) -> str:
    return copied(demo_file, tmp_path)


@pytest.fixture
def postgres_demo(demo_template: Template) -> str:
    """One database, its rows put back for each test."""
    demo_template.restore()
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
