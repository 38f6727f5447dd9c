"""The whole hub on a machine whose wall clock jumps: keys, tokens, timers and the purge stay right."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from orderhub.app import purge_step
from orderhub.core.connections import Connection
from orderhub.core.facts import Record
from orderhub.core.webhook_formats import Message, Terms
from orderhub.core.webhooks import Webhook, WebhookSecret
from orderhub.delivery.sender import Reply as Came
from orderhub.delivery.sender import Sender
from orderhub.delivery.signing import new_secret
from orderhub.dialects.client import Answers, Ask, Link, Request, Signed
from orderhub.web.cipher import Cipher
from orderhub.web.deliverer import Posts
from tests.support.calls import Caller, calling
from tests.support.clocks import DAY, HOUR, MINUTE, SECOND, Machine
from tests.support.hub import SECRET_KEY

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


class Sent:
    """Instead of a sender: keeps what is to leave."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}

    async def post(self, _url: str, _body: bytes, sent: dict[str, str], **_more: object) -> Came:
        self.headers = sent
        return Came(status=204)


async def is_no_sandbox(_tenant_id: int) -> bool:
    return False


def test_after_a_clock_that_was_ahead_webhooks_are_signed_by_the_wall(machine: Machine) -> None:
    clock, cipher, sent = machine.clock(), Cipher(SECRET_KEY), Sent()
    clock.saw(machine.true_us + 10 * HOUR)  # as the ledger has it, since the clock is right again
    secret, old = new_secret(), new_secret()
    secrets = [WebhookSecret(text=cipher.encrypt(secret), until_us=machine.true_us + 11 * HOUR)]
    secrets.append(WebhookSecret(text=cipher.encrypt(old), until_us=machine.true_us + HOUR))
    webhook = Webhook(uid="w", url="https://receiver.example", secrets=tuple(secrets))
    posts = Posts(clock, cipher, cast(Sender, sent), is_no_sandbox)
    asyncio.run(posts(1, webhook, Message("evt_1", b"{}"), Terms()))
    Verifier(secret).verify("{}", sent.headers)
    # What expires does so by the time that never goes back.
    with pytest.raises(WebhookVerificationError):
        Verifier(old).verify("{}", sent.headers)


def test_after_a_clock_that_was_ahead_vendors_are_called_by_the_wall(
    hub: Caller, machine: Machine
) -> None:
    port, left = hub.hub.port, []
    port.clock.saw(machine.true_us + 10 * HOUR)

    async def make(
        _tenant: int, _connection: Connection, signed: Signed, _timeout_s: float
    ) -> Came:
        left.append(signed)
        return Came(status=200, body=b"{}")

    port.relayer.make = make
    credentials = {name: port.cipher.encrypt(name) for name in ("appkey", "secret")}
    doc = Connection(
        uid="c", dialect="tours4fun", base_url="https://vendor.example", credentials=credentials
    )
    line = port.relayer.line(
        Record(tenant_id=1, kind="connection", id=1, uid="c", code="", doc=doc)
    )

    def step(_link: Link, answers: Answers) -> Ask | str:
        return "over" if answers else Ask(Request(path="/orders"))

    assert hub.run(line.talk(step)) == "over"
    (told,) = parse_qs(urlsplit(left[0].target).query)["t"]
    assert abs(int(told) - machine.true_us // SECOND) <= 1
