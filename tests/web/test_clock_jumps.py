"""The whole hub on a machine whose wall clock jumps: keys, tokens, timers and the purge stay right."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from orderhub.app import purge_step
from tests.support.calls import Caller, calling
from tests.support.clocks import DAY, HOUR, MINUTE, Machine

ORDER = {
    "orderedAt": "2024-01-01T16:17:16Z",
    "currencyCode": "EUR",
    "price": 50,
    "channel": "WEB",
    "status": "PURCHASED",
}
TOKEN = "hub-demo-cdp"


@pytest.fixture
def machine() -> Machine:
    return Machine(time.time_ns() // 1000 + MINUTE)


@pytest.fixture
def hub(demo_url: str, machine: Machine) -> Iterator[Caller]:
    with calling(demo_url, clock=machine.clock()) as caller:
        yield caller


def create(hub: Caller, reference: str, token: str = TOKEN, **headers: str) -> Any:
    body = {**ORDER, "referenceId": reference}
    return hub.ask("POST", "/v2.1/orders", body, token=token, **headers)


def purge(hub: Caller) -> int:
    return hub.run(purge_step(hub.hub.port, 7))


def soon(machine: Machine) -> str:
    return datetime.fromtimestamp((machine.true_us + HOUR) / 1e6, UTC).isoformat()


def jumped(hub: Caller, machine: Machine, off_us: int, lasting_us: int) -> None:
    """The wall is off for so long; somebody asks what time it is now and then, as the timers do."""
    machine.jump(off_us)
    for _ in range(lasting_us // (MINUTE // 2)):
        hub.hub.port.clock.now_us()
        machine.passes(MINUTE // 2)


def test_eight_days_ahead_for_a_minute_purges_nothing_and_doubles_nothing(
    hub: Caller, machine: Machine
) -> None:
    first = create(hub, "R1", Idempotency_Key="k")
    assert first.status == 201
    jumped(hub, machine, 8 * DAY, MINUTE)
    assert purge(hub) == 0
    during = create(hub, "R1", Idempotency_Key="k")
    machine.jump(0)
    machine.passes(MINUTE)
    after = create(hub, "R1", Idempotency_Key="k")
    for again in (during, after):
        assert (again.status, again.body) == (first.status, first.body)
        assert again.headers["idempotent-replayed"] == "true"
    assert len(hub.orders("cdp")) == 1


@pytest.mark.parametrize("off_us", [8 * DAY, -3 * HOUR])
def test_a_token_ends_when_it_must_and_not_before(
    hub: Caller, machine: Machine, off_us: int
) -> None:
    made = hub.ask(
        "POST",
        "/hub/v1/tenants/cdp/credentials",
        {"kind": "hub", "scopes": ["dialects"], "expires_at": soon(machine)},
    )
    assert made.status == 201, made
    token = made.json()["token"]
    jumped(hub, machine, off_us, 2 * MINUTE)
    assert create(hub, "R1", token).status == 201
    machine.jump(0)
    machine.passes(30 * MINUTE)
    assert create(hub, "R2", token).status == 201
    machine.passes(HOUR)
    hub.hub.port.forget()
    assert create(hub, "R3", token).status == 401
    jumped(hub, machine, -3 * HOUR, 10 * MINUTE)
    hub.hub.port.forget()
    assert hub.hub.port.clock.now_us() == machine.wall_us(), "it is three hours earlier for good"
    assert create(hub, "R4", token).status == 401, "what has ended stays so"
    assert create(hub, "R5").status == 201


def test_three_hours_back_keeps_pages_in_the_order_of_arrival(
    hub: Caller, machine: Machine
) -> None:
    assert create(hub, "R0").status == 201
    jumped(hub, machine, -3 * HOUR, 10 * MINUTE)
    for number in range(1, 4):
        assert create(hub, f"R{number}").status == 201
    found = [each["reference"] for each in hub.orders("cdp")]
    assert found == ["R3", "R2", "R1", "R0"]
    newest = hub.orders("cdp")[0]
    since = f"/hub/v1/orders?tenant=cdp&recorded_from={newest['recorded_at']}"
    assert create(hub, "R4").status == 201
    assert [each["reference"] for each in hub.operate("GET", since)["items"]] == ["R4", "R3"]


def test_timers_do_not_fire_in_a_minute_that_is_days_ahead(hub: Caller, machine: Machine) -> None:
    jumped(hub, machine, 8 * DAY, MINUTE)
    assert hub.hub.port.clock.now_us() == machine.true_us, "which is what they go by"


def test_keys_go_once_a_week_has_passed_that_was_lived_through(
    hub: Caller, machine: Machine
) -> None:
    assert create(hub, "R1", Idempotency_Key="k").status == 201
    hub.hub.port.clock.saw(hub.hub.ledger.newest_us())
    machine.passes(6 * DAY)
    assert purge(hub) == 0
    machine.passes(2 * DAY)
    assert purge(hub) == 1
