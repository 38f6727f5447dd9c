"""Every golden pair of every dialect, by the conformance kit itself, each in a sandbox where it needs one."""

from collections.abc import AsyncIterator

import pytest

from orderhub.conform.cases import Case, golden_cases
from orderhub.conform.runner import Runner
from orderhub.dialects.contract import Dialect
from orderhub.dialects.finding import find_dialects
from orderhub.web.docs.goldens import by_route, goldens_of
from tests.support.hub import running_hub
from tests.support.pairs import passes, runner_on

DIALECTS = {dialect.name: dialect for dialect in find_dialects()}
CASES = [case for name in DIALECTS for case in golden_cases(name)]


@pytest.fixture(scope="module")
async def runners(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Runner]]:
    async with running_hub(tmp_path_factory.mktemp("golden")) as hub:
        yield {name: runner_on(hub, name) for name in DIALECTS}


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_golden_pair(runners: dict[str, Runner], case: Case) -> None:
    await passes(runners[case.dialect], case)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda each: each.name)
def test_every_dialect_shows_its_create_call_first_and_accepted(dialect: Dialect) -> None:
    """`orderhub demo` prints it, and these tests make their orders with it."""
    first = golden_cases(dialect.name)[0]
    routes = {(route.method, route.path) for route in dialect.routes if route.mutates}
    assert (first.request.method, first.request.path) in routes
    assert first.accepts
    assert first.tenant


@pytest.mark.parametrize("name", ["kakaclo", "tours4fun"])
def test_every_call_has_a_golden_pair(name: str) -> None:
    """One of the same call counts for each of its addresses."""
    dialect = DIALECTS[name]
    shown = by_route(dialect.routes, goldens_of(dialect))
    assert [call for call, pairs in shown.items() if not pairs] == []
