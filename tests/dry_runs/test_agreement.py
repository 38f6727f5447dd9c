"""Whatever is ordered: a dry run and the real run right after it agree, to the byte but for random names."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import given
from hypothesis import strategies as st

from orderhub.conform.cases import golden_cases
from orderhub.conform.replies import succeeded
from orderhub.dialects.finding import dialect_names
from tests.support.examples import examples
from tests.support.hub import running_hub
from tests.support.pairs import runner_on

_RANDOM = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}")
_CREATES = {
    "anqicms": "/api/order/create",
    "kakaclo": "/openapi/v1/order/order",
    "mews": "/api/connector/v1/orders/add",
    "sitecore_cdp": "/v2.1/orders",
    "tours4fun": "/v2/order/add",
}
_VALUES = st.one_of(
    st.integers(-2, 60),
    st.sampled_from([0, 1, 2, 3, 10**6, 10**12, 1.5, "1", "", "x", None, True, [], {}]),
    st.text(max_size=8),
)


def creates(dialect):
    """Bodies of creates that the golden pairs have, accepted ones more often than refused ones."""
    for case in golden_cases(dialect):
        request = case.request
        whole = isinstance(request.body, dict) and "{{" not in json.dumps(request.body)
        if request.path == _CREATES[dialect] and request.method == "POST" and whole:
            yield from [request] * (6 if case.accepts else 1)


def places(value, path=()):
    """Every leaf of a JSON value."""
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from places(each, (*path, name))
    elif isinstance(value, list) and value:
        for index, each in enumerate(value):
            yield from places(each, (*path, index))
    else:
        yield path


def put(value, path, leaf):
    *way, last = path
    for step in way:
        value = value[step]
    value[last] = leaf


@st.composite
def bodies(draw, requests):
    """A golden body with up to two leaves replaced or lists repeated."""
    request = draw(st.sampled_from(requests))
    body = copy.deepcopy(request.body)
    for path in draw(st.lists(st.sampled_from(sorted(places(body), key=repr)), max_size=2)):
        if path:
            put(body, path, draw(_VALUES))
    lists = [name for name, each in body.items() if isinstance(each, list) and each]
    if lists and draw(st.booleans()):
        name = draw(st.sampled_from(lists))
        body[name] = body[name] * draw(st.integers(2, 3))
    return replace(request, body=body)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(running_hub(tmp_path_factory.mktemp("agree"))) as hub,
    ):
        yield portal, hub


@pytest.mark.parametrize("dialect", dialect_names())
def test_dry_run_and_real_run_agree(served, dialect):
    portal, hub = served
    runner = runner_on(hub, dialect)
    case = golden_cases(dialect)[0]
    place = portal.call(runner.prepare, case)[0]
    seen = {True: 0, False: 0}

    @examples(60)
    @given(bodies(list(creates(dialect))))
    def agree(request):
        dry = request.with_headers(Hub_Dry_Run="true")
        tried = portal.call(runner.send, case, place, dry, {})
        real = portal.call(runner.send, case, place, request, {})
        assert tried.headers["hub-dry-run"] == "true"
        assert tried.status == real.status
        assert _RANDOM.sub(b"-", tried.body) == _RANDOM.sub(b"-", real.body)
        seen[succeeded(real)] += 1

    agree()
    assert min(seen.values()) >= 2, seen
