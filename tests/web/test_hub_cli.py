"""orderhub token, tenant and clock: on a database that nobody serves, and through the hub that serves it."""

import json
import socket
import threading
import time
from pathlib import Path

import pytest
import uvicorn
from typer.testing import CliRunner

from orderhub.app import build
from orderhub.cli.commands import app
from orderhub.core.decide import RECORD_TYPES
from orderhub.demo import seed
from orderhub.dialects.finding import find_dialects
from orderhub.ledger.database import ServeLock
from orderhub.ledger.ledger import Ledger
from orderhub.settings import ProgramSettings
from orderhub.web.port import Cipher
from tests.support.hub import OPERATOR, SECRET_KEY


def orderhub(url: str, *words: str, fails: bool = False) -> object:
    result = CliRunner().invoke(app, [*words, "--database", url])
    assert (result.exit_code == 2) is fails, result.output
    return result.output if fails else json.loads(result.stdout)


@pytest.fixture
def empty(sqlite_url: str) -> str:
    """A ledger with nothing in it but an operator's token."""
    orderhub(sqlite_url, "init", "--empty")
    return sqlite_url


def test_init_makes_an_empty_ledger_and_shows_the_operators_token_once(database_url: str) -> None:
    made = orderhub(database_url, "init", "--empty")
    assert (made["scopes"], made["kind"]) == (["operator"], "hub")
    assert made["token"].startswith("hub_")
    assert orderhub(database_url, "tenant", "list") == []
    (listed,) = orderhub(database_url, "token", "list", "operator")
    assert (listed["id"], "token" in listed) == (made["id"], False)
    assert "has an operator already" in orderhub(database_url, "init", "--empty", fails=True)
    more = orderhub(database_url, "token", "create", "operator", "--scope", "operator")
    assert more["token"] != made["token"]


def test_init_goes_on_where_serve_made_the_ledger(sqlite_url: str) -> None:
    Ledger.open(sqlite_url, RECORD_TYPES).close()
    assert orderhub(sqlite_url, "init", "--empty")["token"]


def test_a_token_without_a_hub_to_show_it_to_is_refused(empty: str) -> None:
    said = orderhub(empty, "tenant", "list", "--token", OPERATOR, fails=True)
    assert "would have no effect" in said


def test_without_a_server_they_work_on_the_database(database_url: str) -> None:
    orderhub(database_url, "init", "--empty")
    made = orderhub(
        database_url, "tenant", "create", "acme", "--set", "sandbox=true", "--set", "currency=EUR"
    )
    assert made["settings"]["currency"] == "EUR"
    zone = ("tenant", "settings", "acme", "--set")
    assert orderhub(database_url, *zone, "time_zone=+05:30")["time_zone"] == "+05:30"
    zoned = orderhub(database_url, *zone, "time_zone=America/New_York")
    assert zoned["time_zone"] == "America/New_York"
    assert "time_zone" in orderhub(database_url, *zone, "time_zone=Mars", fails=True).lower()
    assert orderhub(database_url, "tenant", "list") == [{"name": "acme", "title": None}]
    changed = orderhub(database_url, "tenant", "settings", "acme", "--set", "pricing=net")
    assert changed["pricing"] == "net"
    assert orderhub(database_url, "tenant", "settings", "acme")["pricing"] == "net"
    made = orderhub(database_url, "token", "create", "acme", "--scope", "pools", "--label", "x")
    assert made["token"].startswith("hub_")
    turned = orderhub(database_url, "token", "rotate", "acme", made["id"])
    assert turned["token"] != made["token"]
    assert orderhub(database_url, "token", "revoke", "acme", made["id"])["enabled"] is False
    listed = orderhub(database_url, "token", "list", "acme")
    assert [(each["label"], each["enabled"]) for each in listed] == [("x", False)]
    at = "2019-01-01T00:00:00Z"
    assert orderhub(database_url, "clock", "freeze", "acme", "--at", at)["now"] == at
    assert orderhub(database_url, "clock", "advance", "acme", "60")["mode"] == "frozen"
    assert orderhub(database_url, "clock", "show", "acme")["now"] == "2019-01-01T00:01:00Z"
    assert orderhub(database_url, "clock", "run", "acme", "--real")["mode"] == "real"


def test_a_vendors_credential_is_made_with_all_that_the_api_takes(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDERHUB_SECRET_KEY", SECRET_KEY)
    for name in ("acme", "other"):
        orderhub(empty, "tenant", "create", name, "--set", "sandbox=true")
    made = orderhub(
        empty,
        *("token", "create", "acme", "--kind", "mews", "--shown", "access-1", "--digest"),
        *("client=client-1", "--data", "repeat_window_s=60", "--data", "note=a text"),
        *("--reaches", "acme", "--reaches", "other", "--scope", "dialects"),
        *("--expires-at", "2030-01-01T00:00:00Z", "--label", "till"),
    )
    assert made["token"] == "access-1"
    assert made["data"]["repeat_window_s"] == 60
    assert made["data"]["note"] == "a text"
    assert made["data"]["client"] == "(digest)"
    assert made["expires_at"] == "2030-01-01T00:00:00Z"
    signed = ("--kind", "tours4fun", "--name", "app-1", "--secret", "secret-1")
    assert orderhub(empty, "token", "create", "acme", *signed)["secret"] == "secret-1"
    of_mews = orderhub(empty, "token", "list", "acme", "--kind", "mews")
    assert [each["id"] for each in of_mews] == [made["id"]]


def test_a_credential_is_shown_changed_and_told_what_to_meet(empty: str) -> None:
    orderhub(empty, "tenant", "create", "acme", "--set", "sandbox=true")
    made = orderhub(
        empty,
        "token",
        "create",
        "acme",
        "--kind",
        "kakaclo",
        "--shown",
        "mine",
        "--label",
        "x",
    )
    one = ("acme", made["id"])
    shown = orderhub(empty, "token", "show", *one)
    assert "token" not in shown
    assert (shown["label"], shown["data"]) == ("x", {})
    orderhub(empty, "token", "change", *one, "--data", "note=[0]", "--no-enabled")
    changed = orderhub(empty, "token", "change", *one, "--label", "", "--scope", "dialects")
    assert (changed["label"], changed["scopes"]) == (None, ["dialects"])
    assert (changed["data"], changed["enabled"]) == ({"note": [0]}, False)
    again = orderhub(empty, "token", "change", *one, "--data", "note=null", "--enabled")
    assert (again["data"], again["enabled"]) == ({}, True)
    assert orderhub(empty, "token", "rotate", *one, "--shown", "new one")["token"] == "new one"
    met = ("--fault", "error_after", "--fault", '{"kind": "delay", "delay_s": 2, "times": 3}')
    plan = orderhub(empty, "token", "faults", *one, *met)["faults"]
    assert [(each["kind"], each["times"]) for each in plan] == [("error_after", 1), ("delay", 3)]
    assert orderhub(empty, "token", "faults", *one)["faults"] == plan
    assert orderhub(empty, "token", "faults", *one, "--clear") == {"faults": []}


def test_a_name_stays_one_part_of_the_path(empty: str) -> None:
    orderhub(empty, "tenant", "create", "acme")
    made = orderhub(empty, "token", "create", "acme", "--scope", "pools")
    for name in ("acme/credentials?x=", "../tenants/acme", "a b", "%"):
        orderhub(empty, "token", "list", name, fails=True)
    orderhub(empty, "token", "show", "acme", f"{made['id']}?x=1", fails=True)


def test_what_is_refused_is_said_in_one_sentence(empty: str) -> None:
    orderhub(empty, "tenant", "create", "acme")
    for words, says in (
        (("token", "create", "nobody", "--scope", "pools"), "No tenant nobody."),
        (("token", "create", "acme", "--scope", "all"), "Scopes are"),
        (("tenant", "create", "acme"), "exists"),
        (("clock", "freeze", "acme"), "sandbox"),
    ):
        said = orderhub(empty, *words, fails=True)
        assert says.lower() in said.lower(), said
        assert said.count("\n") == 1


@pytest.fixture
def served(tmp_path: Path):
    """A hub that serves a SQLite file on a port of its own."""
    url = f"sqlite:///{tmp_path / 'hub.sqlite'}"
    ledger = Ledger.open(url, RECORD_TYPES)
    seed(ledger, Cipher(SECRET_KEY), find_dialects())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = ProgramSettings(database=url, secret_key=SECRET_KEY, port=port)
    hub = build(settings, ledger=ledger)
    config = uvicorn.Config(hub.app, port=port, log_config=None, lifespan="on")
    server = uvicorn.Server(config)
    lock = ServeLock(url)
    lock.take(f"http://127.0.0.1:{port}")
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield url
    server.should_exit = True
    thread.join()
    lock.release()


def test_while_a_hub_serves_the_file_they_talk_to_it(served: str) -> None:
    said = orderhub(served, "tenant", "list", fails=True)
    assert "--token" in said
    as_operator = ("--token", OPERATOR)
    names = [each["name"] for each in orderhub(served, "tenant", "list", *as_operator)]
    assert "shop" in names
    made = orderhub(served, "token", "create", "shop", "--scope", "clock", *as_operator)
    mine = ("--token", made["token"])
    assert orderhub(served, "clock", "show", "shop", *mine)["sandbox"] is True
    refused = orderhub(served, "tenant", "settings", "shop", *mine, fails=True)
    assert "lacks the scope settings" in refused
    assert "lacks the scope" in orderhub(served, "token", "list", "cdp", *mine, fails=True)


def test_a_token_on_the_command_line_reaches_no_further_than_anywhere(served: str) -> None:
    as_operator = ("--token", OPERATOR)
    scopes = ("--scope", "credentials", "--scope", "dialects", "--scope", "faults")
    made = orderhub(served, "token", "create", "omni", *scopes, *as_operator)
    mine = ("--token", made["token"])
    kept = orderhub(served, "token", "list", "omni", "--kind", "mews", *as_operator)
    portfolio = next(each for each in kept if each["tenants"])
    assert portfolio["tenants"] == ["hotel", "omni"]
    for words in (
        ("rotate", "omni", portfolio["id"]),
        ("change", "omni", portfolio["id"], "--no-enabled"),
        ("revoke", "omni", portfolio["id"]),
        ("faults", "omni", portfolio["id"], "--fault", "drop"),
    ):
        said = orderhub(served, "token", *words, *mine, fails=True)
        assert "several tenants" in said, words
    squatting = ("--kind", "tours4fun", "--name", "theirs")
    assert "an operator's" in orderhub(
        served, "token", "create", "omni", *squatting, *mine, fails=True
    )
    drawn = orderhub(served, "token", "create", "omni", "--kind", "tours4fun", *mine)
    assert drawn["name"] in drawn["try"]


def test_a_command_without_a_server_shows_how_to_call_the_one_to_come(empty: str) -> None:
    orderhub(empty, "tenant", "create", "acme")
    made = orderhub(empty, "token", "create", "acme", "--kind", "kakaclo")
    assert made["try"].startswith("curl -s http://127.0.0.1:8080/openapi/")
