"""A ledger in which every business sold, for tests that tamper with it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from orderhub.ledger.database import open_engine
from tests.ledger.doors import sell
from tests.support.worlds import Template


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def sold(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """A ledger in which every business has sold something; no test leaves a trace in it."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("sold") / "hub.sqlite"
        path.write_bytes(request.getfixturevalue("demo_file").read_bytes())
        url = f"sqlite:///{path}"
    else:
        template: Template = request.getfixturevalue("demo_template")
        template.restore()
        url = template.url
    sell(url)
    engine = open_engine(url)
    yield engine
    engine.dispose()
