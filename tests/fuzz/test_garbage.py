"""Garbage of every kind at every call: a 4xx or the vendor's failure, never a 500, and no order harmed.

`make test-all` sends 10,000 pieces in all: 1,000 to each of five dialects on each database. `make fuzz`
raises `--fuzz-examples` and with it the number of pieces, 20 to an example.
"""

import json
import random
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.dialects.contract import Dialect
from orderhub.dialects.finding import find_dialects
from orderhub.ledger.check import check_ledger
from tests.support.calls import Caller, Reply, calling
from tests.support.dialects import HUB
from tests.support.examples import examples
from tests.support.garbage import NO_JSON, RAW_BODIES, Garbage, Heap
from tests.support.golden import goldens
from tests.support.json_values import ANY_JSON

pytestmark = pytest.mark.slow

DIALECTS = find_dialects()
PIECES = 20


def send(hub: Caller, piece: Garbage) -> Reply:
    return hub.send(piece.method, piece.path, piece.query, piece.headers, piece.body)


def is_well_taken(hub: Caller, piece: Garbage) -> None:
    try:
        reply = send(hub, piece)
    except Exception as error:
        raise AssertionError(f"{error!r} at {piece}") from error
    assert reply.status < 500, f"{reply.status} {reply.body!r} at {piece}"
    assert hub.broken() == {}, f"worded as {reply.body!r} at {piece}"
    form = reply.headers.get("content-type", "")
    if "ndjson" in form:
        for line in reply.body.splitlines():
            json.loads(line)
    elif "json" in form:
        reply.json()
    assert "request-id" in reply.headers


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_garbage_never_breaks_the_hub(demo_url: str, dialect: Dialect, fuzz_examples: int) -> None:
    heap = Heap(dialect, goldens(dialect.name))

    @examples(fuzz_examples)
    @given(st.integers(0, 2**63), ANY_JSON)
    def is_taken(seed: int, value: Any) -> None:
        chance = random.Random(seed)
        is_well_taken(hub, heap.make(chance, value))
        for _ in range(PIECES - 1):
            is_well_taken(hub, heap.make(chance))

    with calling(demo_url) as hub:
        case = goldens(dialect.name)[0]
        if case.clock:
            hub.freeze(case.tenant, case.clock)
        heap.grow(hub.send)
        is_taken()
        assert check_ledger(hub.hub.ledger.engine).breaches == []


@pytest.mark.parametrize("dialect", [*DIALECTS, HUB], ids=lambda each: each.name)
def test_no_raw_body_breaks_any_call(demo_url: str, dialect: Dialect) -> None:
    """Each of these at each call: the ones that found something once are found again at once."""
    are_read = [body for body in RAW_BODIES if body not in NO_JSON]
    bodies = RAW_BODIES if demo_url.startswith("sqlite") else are_read
    token = "hub-demo-operator"
    if dialect is not HUB:
        token = f"hub-demo-{goldens(dialect.name)[0].tenant}"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with calling(demo_url) as hub, warnings.catch_warnings():
        for route in dialect.routes:
            path = route.path.replace("{", "%7B").replace("}", "%00")
            for body in bodies if route.method != "GET" else (b"",):
                is_well_taken(hub, Garbage(route.method, path, {}, headers, body))
            odd = {"limit": "9" * 40, "cursor": "9" * 30 + ".1", "tenant": "\0", "id": "\0"}
            is_well_taken(hub, Garbage(route.method, path, odd, headers, b"{}"))
        assert check_ledger(hub.hub.ledger.engine).breaches == []
