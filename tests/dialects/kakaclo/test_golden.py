"""The document's own example and one pair for every call."""

import pytest

from tests.support.pairs import golden_pairs, golden_runner, passes

pytestmark = pytest.mark.anyio
CASES = golden_pairs("kakaclo")


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
async def runner(tmp_path_factory):
    async with golden_runner(tmp_path_factory.mktemp("golden"), "kakaclo") as opened:
        yield opened


@pytest.mark.parametrize("name", CASES)
async def test_a_golden_pair(runner, name):
    await passes(runner, CASES[name])
