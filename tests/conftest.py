"""What every test may ask for: an empty database of either kind, and the size of a fuzz run."""

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support import cluster, compiled
from tests.support.cluster import fresh_database
from tests.support.postgres import make_home, shared_server, stop_server

# Where writing bytecode is forbidden, each of the many hubs that tests start would compile the whole program again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# What is imported and collected stays to the end: nobody looks through it for garbage.
gc.disable()
compiled.keep_commands()
compiled.share_statements()
compiled.remember_passwords()

# Each before those that import it: pytest rewrites the asserts of what it imports itself.
pytest_plugins = [
    "tests.support.worlds",
    "tests.support.demos",
    "tests.support.wheels",
    "tests.support.webhooks",
    "tests.support.tiers",
]

POSTGRES_HOME = pytest.StashKey[Path]()
OWNER_PID = pytest.StashKey[int]()

# Every run is the same run: the examples of a property test follow from the test itself. Only
# `make fuzz` asks for others each time (--hypothesis-profile=chance), and says its seed.
settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
settings.register_profile("chance", derandomize=False, database=None, deadline=None)
settings.load_profile("fixed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fuzz-examples",
        type=int,
        default=25,
        help="examples per fuzz test (default 25; `make fuzz` takes many more)",
    )


def pytest_configure(config: pytest.Config) -> None:
    given = getattr(config, "workerinput", None)
    if given is None:
        config.stash[POSTGRES_HOME] = make_home()
        config.stash[OWNER_PID] = os.getpid()
    else:
        config.stash[POSTGRES_HOME] = Path(given["postgres_home"])
        config.stash[OWNER_PID] = given["owner_pid"]


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(10_000)
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """With pytest-xdist all workers share one server, started by the first who needs it."""
    node.workerinput["postgres_home"] = str(node.config.stash[POSTGRES_HOME])
    node.workerinput["owner_pid"] = node.config.stash[OWNER_PID]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What could not be tried here is said last: a run without it is no proof of it."""
    for report in terminalreporter.stats.get("skipped", ()):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        terminalreporter.write_line(f"NOT TRIED: {reason}", red=True, bold=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    home = config.stash.get(POSTGRES_HOME, None)
    if home is not None and not hasattr(config, "workerinput"):
        stop_server(home)


@pytest.fixture(scope="session")
def fuzz_examples(pytestconfig: pytest.Config) -> int:
    return pytestconfig.getoption("--fuzz-examples")


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> str:
    """The URL of the run's one PostgreSQL; started at the first use, never for SQLite alone.

    With ORDERHUB_TEST_DATABASE it is a Citus cluster: see tests/support/cluster.py.
    """
    return cluster.named() or shared_server(
        pytestconfig.stash[POSTGRES_HOME], pytestconfig.stash[OWNER_PID]
    )


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """What runs the tests that are coroutines, and their fixtures."""
    return "asyncio"


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'hub.sqlite'}"


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    with fresh_database(postgres_server) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, empty database; the test runs once on each kind."""
    return request.getfixturevalue(f"{request.param}_url")
