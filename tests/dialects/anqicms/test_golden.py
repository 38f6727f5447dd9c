"""Golden pairs: the document's own examples and one for every call."""

import pytest

from orderhub.dialects.anqicms import DIALECT
from tests.support.pairs import golden_pairs, golden_runner, passes

pytestmark = pytest.mark.anyio
CASES = golden_pairs("anqicms")


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
async def runner(tmp_path_factory):
    async with golden_runner(tmp_path_factory.mktemp("golden"), "anqicms") as opened:
        yield opened


@pytest.mark.parametrize("name", CASES)
async def test_a_golden_pair(runner, name):
    await passes(runner, CASES[name])


def test_every_call_has_a_golden_pair():
    shown = {(case.requests[-1].method, case.requests[-1].path) for case in CASES.values()}
    assert {(route.method, route.path) for route in DIALECT.routes} <= shown


def test_every_call_is_shown_in_both_languages():
    shown = {
        (case.requests[-1].method, case.requests[-1].path, is_english(case.requests[-1]))
        for case in CASES.values()
    }
    wanted = {(r.method, r.path, english) for r in DIALECT.routes for english in (False, True)}
    assert wanted <= shown


def is_english(request):
    headers = {name.lower(): value for name, value in request.headers.items()}
    return "lang=en" in headers.get("cookie", "") or headers.get("accept-language", "") == "en"
