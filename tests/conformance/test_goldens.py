"""Every golden pair of every dialect, each against a demo of its own."""

import pytest

from orderhub.app import find_dialects
from tests.support.calls import Caller
from tests.support.golden import Golden, goldens

CASES = [case for dialect in find_dialects() for case in goldens(dialect.name)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_golden_pair(hub: Caller, case: Golden) -> None:
    assert case.run(hub.send, hub.freeze) == []
    assert hub.broken() == {}


@pytest.mark.parametrize("dialect", find_dialects(), ids=lambda each: each.name)
def test_every_dialect_shows_its_create_call_first_and_accepted(dialect: object) -> None:
    """`orderhub demo` prints it, and these tests make their orders with it."""
    name = dialect.name  # type: ignore[attr-defined]
    first = goldens(name)[0]
    routes = {(r.method, r.path) for r in dialect.routes if r.mutates}  # type: ignore[attr-defined]
    assert (first.request.method, first.request.path) in routes
    assert first.response["status"] in {200, 201}
    assert first.tenant
