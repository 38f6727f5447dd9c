"""orderhub webhook: over HTTP and on the database, by the hub's own API."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orderhub.cli.commands import app
from tests.cli.test_terminal import OnTerminal
from tests.support.hub import seed_demo
from tests.support.hub_process import SECRET_KEY, Served, serving, wait_for
from tests.support.receivers import Came
from tests.support.receivers import receiver as receiving

Run = Callable[..., Any]


def runner(reached: dict[str, str]) -> Run:
    def call(*words: str, exit_code: int = 0) -> Any:
        result = CliRunner(env=reached).invoke(app, ["webhook", *words])
        assert result.exit_code == exit_code, result.output
        if exit_code == 2:
            assert result.stdout == ""
            assert result.stderr.count("\n") == 1
            return result.stderr
        return json.loads(result.stdout)  # one document and nothing else

    return call


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    url = f"sqlite:///{tmp_path / 'hub.sqlite'}"
    seed_demo(url)
    with serving(url, tmp_path / "log") as hub:
        yield hub


def as_shop(hub: Served) -> dict[str, str]:
    return {"ORDERHUB_URL": hub.url, "ORDERHUB_TOKEN": "hub-demo-shop"}


def test_a_webhook_is_added_tried_and_told_how_it_goes(hub: Served) -> None:
    run = runner(as_shop(hub))
    assert run("list") == []
    with receiving() as receiver:
        made = run("add", receiver.url, "--kind", "order.placed", "--title", "books")
        assert (made["url"], made["kinds"]) == (receiver.url, ["order.placed"])
        assert (made["title"], made["enabled"]) == ("books", True)
        assert run("test", made["id"])["status"] == 204
        assert receiver.calls[0].verified(made["secret"])["type"] == "webhook.test"
        assert hub.create().status_code == 200
        wait_for(lambda: len(receiver.calls) == 2, "the event of an order")
        event = receiver.calls[1].id
        wait_for(lambda: len(run("deliveries", made["id"], "--state", "sent")) == 2, "both sent")
        newest = run("deliveries", made["id"], "--limit", "1")[0]
        assert (newest["event"], newest["attempts"][0]["status"]) == (event, 204)
        again = run("replay", made["id"], "--event", event)
        assert len(again["deliveries"]) == 1
        wait_for(lambda: len(receiver.calls) == 3, "the event once more")
        stretch = run("replay", made["id"], "--from", "2020-01-01T00:00:00Z")
        assert stretch["from"].startswith("2020-01-01T00:00:00")
        wait_for(lambda: len(receiver.calls) >= 4, "the stretch")
        assert {each.id for each in receiver.calls[1:]} >= {event}
    (listed,) = run("list")
    assert listed["id"] == made["id"]
    assert "secret" not in listed


def test_a_receiver_that_fails_is_exit_status_1(hub: Served) -> None:
    run = runner(as_shop(hub))

    def broken(_came: Came) -> int:
        return 500

    with receiving() as receiver:
        receiver.answer = broken
        made = run("add", receiver.url, "--off")
        assert made["enabled"] is False
        assert run("test", made["id"], exit_code=1)["status"] == 500
    nobody = run("add", "http://127.0.0.1:9/hook", "--off")
    assert run("test", nobody["id"], exit_code=1)["error"]


def test_an_operator_says_whose_and_a_tenants_token_need_not(hub: Served) -> None:
    operator = runner({"ORDERHUB_URL": hub.url, "ORDERHUB_TOKEN": "hub-demo-operator"})
    assert "say which one with --tenant" in operator("list", exit_code=2)
    made = operator("add", "http://127.0.0.1:9/hook", "--tenant", "shop", "--off")
    assert [each["id"] for each in operator("list", "--tenant", "shop")] == [made["id"]]
    assert [each["id"] for each in runner(as_shop(hub))("list")] == [made["id"]]
    answer = hub.ask(
        "POST",
        "/hub/v1/tenants/shop/credentials",
        json={"kind": "hub", "scopes": ["webhooks"]},
    )
    narrow = {"ORDERHUB_URL": hub.url, "ORDERHUB_TOKEN": answer.json()["token"]}
    assert [each["id"] for each in runner(narrow)("list")] == [made["id"]], (
        "no other scope is needed"
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "https://127.0.0.1:1/x", "--kind", "order.eaten"), "--kind: "),
        (("add", "https://shop.example/x", "--format", "fax"), "--format: "),
        (("add", "ftp://shop.example"), "ADDRESS: "),
        (("add", "https://shop.example/x", "--after", "yesterday"), "--after: "),
        (("test", "nope"), "ID: no webhook nope"),
        (("deliveries", "nope"), "ID: no webhook nope"),
        (("replay", "nope", "--event", "evt_1"), "ID: no webhook nope"),
    ],
)
def test_what_is_wrong_is_said_by_the_option_it_was_typed_with(
    tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    url = f"sqlite:///{tmp_path / 'hub.sqlite'}"
    seed_demo(url)
    run = runner({"ORDERHUB_DATABASE": url, "ORDERHUB_SECRET_KEY": SECRET_KEY})
    assert run(*words, "--tenant", "shop", exit_code=2).startswith(f"orderhub: {says}")


def test_on_the_database_it_is_the_same(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'hub.sqlite'}"
    seed_demo(url)
    run = runner({"ORDERHUB_DATABASE": url, "ORDERHUB_SECRET_KEY": SECRET_KEY})
    with receiving() as receiver:
        made = run("add", receiver.url, "--tenant", "shop", "--channel", "anqicms")
        assert run("test", made["id"], "--tenant", "shop")["status"] == 204
        dry = run(
            "replay", made["id"], "--tenant", "shop", "--from", "2020-01-01T00:00:00Z", "--dry-run"
        )
        assert dry["deliveries"] == []
        said = run("replay", made["id"], "--tenant", "shop", "--event", "evt_none", exit_code=2)
        assert said.startswith("orderhub: --event: ")
        said = run("replay", made["id"], "--tenant", "shop", "--from", "soon", exit_code=2)
        assert said.startswith("orderhub: --from: ")
        assert run("deliveries", made["id"], "--tenant", "shop")[0]["cause"] == "test"
        assert len(receiver.calls) == 1


@pytest.mark.slow
def test_a_terminal_gets_tables(hub: Served) -> None:
    run = runner(as_shop(hub))
    with receiving() as receiver:
        made = run("add", receiver.url)
        run("test", made["id"])
    shown = OnTerminal("webhook", "deliveries", made["id"], NO_COLOR="1", **as_shop(hub)).ends()
    assert "webhook.test" in shown
    assert "204" in shown
    assert "{" not in shown
    listed = OnTerminal("webhook", "list", "--json", NO_COLOR="1", **as_shop(hub)).ends()
    assert json.loads(listed)[0]["id"] == made["id"]
