"""orderhub listen and trigger, against a real server and a real receiver."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from standardwebhooks import WebhookVerificationError
from typer.testing import CliRunner

from orderhub.cli import trigger
from orderhub.cli.commands import app
from orderhub.core.feed import KINDS
from tests.support import http
from tests.support.hub_process import PROGRAM, environment
from tests.support.receivers import Receiver
from tests.support.receivers import receiver as receiving
from tests.support.serving import Served, serving

TOKEN = "hub-demo-shop"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("listen")) as server:
        yield server


def ran(served: Served, *words: str, token: str = TOKEN, status: int = 0) -> list[str]:
    given = [*words, "--url", served.url, "--token", token]
    result = CliRunner(env={"COLUMNS": "300"}).invoke(app, given)
    assert result.exit_code == status, result.output
    return (result.stderr if status else result.stdout).splitlines()


def events_since(served: Served, cursor: str) -> list[dict[str, object]]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = http.get(f"{served.url}/hub/v1/events", params={"after": cursor}, headers=headers)
    items: list[dict[str, object]] = answer.json()["items"]
    return items


def end_of(served: Served) -> str:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = http.get(f"{served.url}/hub/v1/events?after=end", headers=headers)
    return str(answer.json()["next_cursor"])


@contextmanager
def listening(
    served: Served, receiver: Receiver, *words: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The running command, ready, and the secret that it prints."""
    command = [*PROGRAM, "listen", "--url", served.url, "--token", TOKEN]
    with subprocess.Popen(
        [*command, "--forward-to", receiver.url, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(PYTHONUNBUFFERED="1"),
    ) as process:
        assert process.stderr is not None
        try:
            found = re.search(r"signed with (whsec_\S+) ", process.stderr.readline())
            assert found is not None
            yield process, found[1]
        finally:
            process.terminate()


def test_events_reach_the_address_signed_and_each_has_its_line(served: Served) -> None:
    with receiving() as receiver:
        receiver.answer = lambda came: 500 if came.json["type"] == "order.paid" else 204
        with listening(served, receiver, "--kinds", "order.placed,order.paid") as (process, secret):
            ran(served, "trigger", "order.shipped")
            placed, paid = receiver.wait_for(2)
            assert process.stdout is not None
            lines = [json.loads(process.stdout.readline()) for _ in range(2)]
        messages = [placed.verified(secret), paid.verified(secret)]
        assert [each["type"] for each in messages] == ["order.placed", "order.paid"]
        for message, posted, line in zip(messages, (placed, paid), lines, strict=True):
            event, order = message["data"]["event"], message["data"]["order"]
            assert posted.id == event["id"] == line["id"]
            assert event["order"] == order["uid"] == line["order"]
            assert order["version"] >= event["version"]
        assert [each["status"] for each in lines] == [204, 500]
        with pytest.raises(WebhookVerificationError):
            placed.verified("whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldCBvZiAyNCBieXRlcw==")


def test_a_secret_of_ones_own_signs_and_a_cursor_says_from_where(served: Served) -> None:
    secret, cursor = "whsec_bXkgb3duIHNlY3JldCB3aXRoIHR3ZW50eS1mb3VyIGJ5dGVz", end_of(served)
    ran(served, "trigger", "order.placed")
    with receiving() as receiver:
        given = ("--secret", secret, "--after", cursor)
        with listening(served, receiver, *given) as (_process, printed):
            assert printed == secret
            (only,) = receiver.wait_for(1)
        assert only.verified(secret)["type"] == "order.placed"


def test_a_receiver_that_is_not_there_has_its_line_too(served: Served) -> None:
    with receiving() as gone:
        pass
    with listening(served, gone) as (process, _secret):
        ran(served, "trigger", "order.placed")
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
    assert line["status"] is None
    assert line["error"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--forward-to", "localhost:3000"), "--forward-to: 'localhost:3000' is no address"),
        (("--forward-to", "ftp://localhost"), "--forward-to: 'ftp://localhost' is no address"),
        (("--forward-to", "http://localhost", "--secret", "ä"), "--secret: "),
        (
            ("--forward-to", "http://localhost", "--after", "x"),
            "--after: after is no cursor of the feed",
        ),
        (
            ("--forward-to", "http://localhost", "--kinds", "x"),
            "--kinds: x is none of order.placed",
        ),
    ],
)
def test_what_is_wrong_is_said_by_its_option(
    served: Served, words: tuple[str, ...], says: str
) -> None:
    (line,) = ran(served, "listen", *words, status=2)
    assert says in line


# --- trigger


@pytest.mark.parametrize("kind", [*trigger.STEPS, *trigger.STOCK, *trigger.ACCOUNTS])
def test_each_kind_happens_through_real_commands(served: Served, kind: str) -> None:
    before = end_of(served)
    printed = ran(served, "trigger", kind)
    told = [each["kind"] for each in events_since(served, before)]
    assert told[-1] == kind
    assert [line.split()[0] for line in printed] == told


def test_every_kind_is_made_or_said_why_not(served: Served) -> None:
    known = (*trigger.STEPS, *trigger.STOCK, *trigger.ACCOUNTS, *trigger.NOT_FROM_HERE)
    assert sorted(known) == sorted(KINDS)
    for kind in trigger.NOT_FROM_HERE:
        (line,) = ran(served, "trigger", kind, status=2)
        assert f"{kind} is not made from here: " in line
    (line,) = ran(served, "trigger", "order.sold", status=2)
    assert "KIND: order.sold is none of order.placed" in line


def test_it_happens_to_an_order_that_is_there(served: Served) -> None:
    (placed,) = ran(served, "trigger", "order.placed")
    uid = placed.split()[1]
    assert ran(served, "trigger", "order.paid", "--order", uid) == [f"order.paid {uid}"]
    (line,) = ran(served, "trigger", "order.paid", "--order", uid, status=2)
    assert "paid" in line
    (line,) = ran(served, "trigger", "order.shipped_in_part", "--order", uid, status=2)
    assert line.startswith("orderhub: --order: ")
    (line,) = ran(served, "trigger", "order.placed", "--order", uid, status=2)
    assert "--order: order.placed does not happen to an order that is there" in line
    (line,) = ran(served, "trigger", "order.paid", "--order", "nobody", status=2)
    assert "No order nobody" in line


def test_nothing_is_made_up_in_a_real_business(served: Served) -> None:
    operator = {"Authorization": "Bearer hub-demo-operator"}
    url = f"{served.url}/hub/v1/tenants/tours/settings"
    answer = http.patch(url, json={"sandbox": False}, headers=operator)
    assert answer.status_code == 200, answer.text
    (line,) = ran(served, "trigger", "order.placed", token="hub-demo-tours", status=2)
    assert "tours is no sandbox" in line


def test_an_operator_s_token_says_whose_and_moves_orders_but_calls_no_door(served: Served) -> None:
    (line,) = ran(served, "trigger", "order.paid", token="hub-demo-operator", status=2)
    assert "--tenant: whose?" in line
    (placed,) = ran(served, "trigger", "order.placed")
    given = ("order.paid", "--order", placed.split()[1], "--tenant", "shop")
    assert ran(served, "trigger", *given, token="hub-demo-operator") == [
        placed.replace("placed", "paid")
    ]
    given = ("order.placed", "--tenant", "shop")
    (line,) = ran(served, "trigger", *given, token="hub-demo-operator", status=2)
    assert "a tenant's own token" in line
