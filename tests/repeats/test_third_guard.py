"""The third guard against doubles: for clients that can send no key, the same body within N seconds is a repeat."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.conform.cases import golden_cases
from orderhub.conform.replies import succeeded
from orderhub.dialects.finding import conformance_of, dialect_names
from orderhub.intake.batch import execute
from orderhub.intake.claims import of_body
from orderhub.intake.uids import Uids
from tests.support.examples import examples
from tests.support.hub import operator_headers, running_hub
from tests.support.pairs import runner_on
from tests.support.world import NOON, SHOP, all_orders, sale, second_process, waiting

WINDOW_US = 10_000_000
_SCOPES = itertools.count()


def repeatable(body, scope, window_us=WINDOW_US):
    """A recorded sale whose body counts as a repeat within the window."""
    each = waiting(sale(f"{body}.00"))
    each.claim = of_body(SHOP, scope, f"body {body}", window_us)
    return each


def run(ledger, batch, at_us):
    return list(execute(ledger, Uids(), 0, batch, at_us))


@pytest.fixture
def world(ledger):
    return ledger


# --- over time: a model of what is bound since when


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, WINDOW_US // 2, WINDOW_US - 1, WINDOW_US, 3 * WINDOW_US]),
        st.lists(st.integers(1, 3), min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=6,
)


def test_one_order_within_the_window_and_a_new_one_after_it(world):
    @examples(40)
    @given(STEPS)
    def agree(steps):
        scope, now = f"credential-{next(_SCOPES)}", NOON
        bound: dict[int, tuple[int, bytes]] = {}
        for wait_us, bodies in steps:
            now += wait_us
            batch = [repeatable(body, scope) for body in bodies]
            for body, outcome in zip(bodies, run(world, batch, now), strict=True):
                since, first = bound.get(body, (0, b""))
                if first and now - since < WINDOW_US:
                    assert outcome.kind == "replayed"
                    assert outcome.answer.body == first
                else:
                    assert outcome.kind == "accepted"
                    assert outcome.answer.body not in [each for _, each in bound.values()]
                    bound[body] = (now, outcome.answer.body)

    agree()


def test_a_refused_body_is_bound_to_nothing(world):
    free = of_body(SHOP, "c", "same", WINDOW_US)
    refused = waiting(sale("1.00", natural_key="taken"))
    run(world, [waiting(sale("1.00", natural_key="taken"))], NOON)
    refused.claim = free
    assert [each.kind for each in run(world, [refused], NOON)] == ["rejected"]
    accepted = waiting(sale("1.00"))
    accepted.claim = free
    assert [each.kind for each in run(world, [accepted], NOON)] == ["accepted"]


def test_other_callers_and_keys_are_not_touched(world):
    kinds = [
        run(world, [each], NOON)[0].kind
        for each in (
            repeatable(1, "a"),
            repeatable(1, "b"),
            waiting(sale("1.00"), key="k", scope="a"),
            repeatable(1, "a"),
        )
    ]
    assert kinds == ["accepted", "accepted", "accepted", "replayed"]


def test_a_race_of_the_same_body_is_one_order(world, world_url):
    """Two processes, eight clients each, the same three bodies at once."""
    before = len(all_orders(world))
    gate = threading.Barrier(2)
    found: list[tuple[int, str, bytes]] = []

    def client(ledger):
        gate.wait()
        for body in (1, 2, 3) * 8:
            outcome = _decide(ledger, repeatable(body, "race"))
            found.append((body, outcome.kind, outcome.answer.body))

    with second_process(world_url) as other, ThreadPoolExecutor(2) as pool:
        list(pool.map(client, (world, other)))
    assert len(all_orders(world)) == before + 3
    assert sorted(kind for _, kind, _ in found if kind == "accepted") == ["accepted"] * 3
    for body in (1, 2, 3):
        assert len({answer for each, _, answer in found if each == body}) == 1


def _decide(ledger, each):
    """As the intake does: a batch that met a deadlock is tried again."""
    while True:
        try:
            return run(ledger, [each], NOON)[0]
        except Exception as error:
            if not ledger.is_passing(error):
                raise


# --- through every door


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("dialect", dialect_names())
async def test_through_every_door(tmp_path, dialect, anyio_backend):
    async with running_hub(tmp_path) as hub:
        runner, door = runner_on(hub, dialect), conformance_of(dialect)
        case = golden_cases(dialect)[0]
        place, _, _ = await runner.prepare(case)
        credentials = f"/hub/v1/tenants/{place.tenant}/credentials"
        listed = (await hub.get(credentials, headers=operator_headers())).json()["items"]
        for each in listed:
            answer = await hub.request(
                "PATCH",
                f"{credentials}/{each['id']}",
                json={"data": {"repeat_window_s": 10}},
                headers=operator_headers(),
            )
            assert answer.status_code == 200, answer.text

        async def create(request):
            reply = await runner.send(case, place, request, {})
            assert succeeded(reply) or door.unique
            return reply

        order = door.create(case.request, "ONCE-1")
        other = door.changed(door.create(case.request, "ONCE-2"))
        dry = order.with_headers(Hub_Dry_Run="true")
        # A dry run binds nothing, and is answered as the repeat that it would be.
        assert "idempotent-replayed" not in (await create(dry)).headers
        first, *repeats = await asyncio.gather(*(create(order) for _ in range(5)))
        again, third = await create(dry), await create(other)
        assert {each.body for each in (*repeats, again)} == {first.body}
        replayed = [each.headers.get("idempotent-replayed") for each in (first, *repeats, again)]
        assert sorted(map(str, replayed)) == ["None", *["true"] * 5]
        assert "idempotent-replayed" not in third.headers
        assert len(await hub.orders(place.tenant)) == 2
        keyed = await create(order.with_headers(Idempotency_Key="k"))
        assert "idempotent-replayed" not in keyed.headers
        hub.hub.intake._now_us = lambda: time.time_ns() // 1000 + 11_000_000
        await create(order)
        # A vendor's natural key never expires, whatever the window.
        assert len(await hub.orders(place.tenant)) == (2 if door.unique else 4)
