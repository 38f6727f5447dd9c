"""The command line does not lie: what is typed has its effect, or is refused by the name that was typed."""

import http.server
import json
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orderhub.cli.commands import app
from tests.support.calls import copied
from tests.support.hub_process import serving


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("reach") / "hub.sqlite"
    words = ["init", "--yes", "--no-samples", "--doors", "kakaclo"]
    assert CliRunner().invoke(app, [*words, "--database", f"sqlite:///{file}"]).exit_code == 0
    return file


@pytest.fixture
def url(shop: Path, tmp_path: Path) -> str:
    return copied(shop, tmp_path)


def run(*words: str, **variables: str) -> object:
    result = CliRunner(env=variables).invoke(app, words)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(*words: str, **variables: str) -> str:
    result = CliRunner(env={"COLUMNS": "200", **variables}).invoke(app, words)
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    return result.stderr


def test_a_hub_is_reached_over_http_from_anywhere(url: str, tmp_path: Path) -> None:
    token = run("token", "create", "operator", "--scope", "operator", "--database", url)["token"]
    nowhere = f"sqlite:///{tmp_path / 'none.sqlite'}"
    with serving(url, tmp_path / "log") as hub:
        listed = run("tenant", "list", "--url", hub.url, "--token", token)
        assert [each["name"] for each in listed] == ["shop"]
        # The variable names a hub; a database in the environment is not looked at beside it.
        variables = {"ORDERHUB_URL": hub.url, "ORDERHUB_TOKEN": token, "ORDERHUB_DATABASE": nowhere}
        made = run("tenant", "create", "acme", "--set", "currency=EUR", **variables)
        assert made["settings"]["currency"] == "EUR"
        # What is typed wins over the environment.
        assert len(run("tenant", "list", "--database", url, **variables)) == 2
        assert "no database" in refused("tenant", "list", "--database", nowhere, **variables)
        assert "give its --token, or ORDERHUB_TOKEN" in refused("tenant", "list", "--url", hub.url)
        assert "--token is empty" in refused(
            "tenant", "list", "--url", hub.url, "--token", "", ORDERHUB_TOKEN=token
        )
        wrong = refused("tenant", "list", "--url", hub.url, "--token", "wrong")
        assert wrong.count("\n") == 1
    assert not (tmp_path / "none.sqlite").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--url", "http://127.0.0.1:1", "--token", "x"), "does not answer"),
        (("--url", "hub.example", "--token", "x"), "--url: 'hub.example' is no address"),
        (("--url", "", "--token", "x"), "--url is empty"),
        (("--url", "http://127.0.0.1:1", "--token", "ü"), "--token: a token is ASCII"),
        (("--url", "http://127.0.0.1:1", "--database", "sqlite:///x"), "not both"),
    ],
)
def test_a_hub_that_cannot_be_reached_is_said_so(words: tuple[str, ...], says: str) -> None:
    assert says in refused("tenant", "list", *words)


def test_a_server_that_is_no_hub_is_said_so() -> None:
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        said = refused(
            "tenant", "list", "--url", f"http://127.0.0.1:{server.server_port}", "--token", "x"
        )
        server.shutdown()
    assert "is no OrderHub: status 200, text/html" in said


@pytest.mark.parametrize("variables", [{}, {"ORDERHUB_TOKEN": "hub_x"}], ids=["typed", "variable"])
def test_a_token_that_nobody_would_see_is_refused(url: str, variables: dict[str, str]) -> None:
    words = () if variables else ("--token", "hub_x")
    for command in (("tenant", "list"), ("tenant", "create", "acme")):
        said = refused(*command, *words, "--database", url, **variables)
        assert "No hub is known to serve" in said
        assert "--token (ORDERHUB_TOKEN) would have no effect" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("tenant", "settings", "shop", "--set", "currncy=EUR"), "--set currncy: "),
        (("tenant", "settings", "shop", "--set", "currency=XXZ"), "--set currency: XXZ is no currency"),
        (("tenant", "settings", "shop", "--set", 'currencies=["EUR", "XXZ"]'), "XXZ is no currency"),
        (("tenant", "settings", "shop", "--set", "currency=EUR", "--set", "currency=USD"), "twice"),
        (("tenant", "create", "acme", "--set", "currncy=EUR"), "--set currncy: "),
        (("tenant", "create", "acme", "--set", "currency=XXZ"), "--set currency: XXZ is no currency"),
        (("tenant", "create", "ACME"), "NAME: name is 1 to 63"),
        (("token", "create", "operator", "--scope", "operator", "--expires-in-days", "0"),
         "'--expires-in-days'"),
        (("token", "create", "operator", "--scope", "operator", "--expires-in-days", "-1"),
         "'--expires-in-days'"),
        (("token", "create", "shop", "--scope", "everything"), "--scope: "),
        (("token", "create", "shop", "--scope", ""), "--scope is empty: "),
        (("token", "create", "shop", "--scope", "pools", "--data", "repeat_window_s=0"),
         "--data repeat_window_s: "),
        (("token", "create", "shop", "--scope", "pools", "--expires-at", ""), "--expires-at is empty: "),
        (("token", "create", "shop", "--scope", "pools", "--name", ""), "--name is empty"),
        (("token", "create", "shop", "--kind", ""), "--kind is empty: "),
        (("token", "create", "shop", "--kind", "kakaclo", "--shown", ""), "--shown is empty: "),
        (("token", "create", "shop", "--kind", "kakaclo", "--secret", "abcd"), "--secret: "),
        (("token", "create", "shop", "--kind", "mews"), "--digest client: "),
        (("token", "list", "shop", "--kind", ""), "--kind is empty"),
        (("clock", "freeze", "shop", "--at", "noon"), "--at: "),
        (("clock", "run", "shop", "--real", "--at", "2020-01-01T00:00:00Z"), "--real or --at"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)  # fmt: skip
def test_a_refusal_names_the_option_that_was_typed(
    url: str, words: tuple[str, ...], says: str
) -> None:
    said = refused(*words, "--database", url)
    assert says in said
    for other in ("Currncy", "expires_in_s", "Expires_in_s"):
        assert other not in said


def test_what_was_said_reaches_the_hub_whatever_its_truth(url: str) -> None:
    made = run(
        *("token", "create", "shop", "--scope", "pools", "--label", "x", "--expires-in-days", "1"),
        *("--database", url),
    )
    assert made["expires_at"] is not None
    changed = run(
        *(
            "token",
            "change",
            "shop",
            made["id"],
            "--label",
            "",
            "--data",
            "note=",
            "--database",
            url,
        )
    )
    assert (changed["label"], changed["data"]["note"]) == (None, "")


@pytest.mark.parametrize(
    "words",
    [
        *(("order", step, "") for step in ("show", "pay", "ship", "cancel")),
        ("order", "refund", " ", "--amount", "1"),
        ("order", "list", "--status", ""),
        ("order", "list", "--number", "\t"),
        ("order", "export", "--tenant", ""),
        ("order", "export", "--output", ""),
        ("order", "import", ""),
        ("catalogue", "list", ""),
        ("events", "--tenant", ""),
        ("tail", "--reason", ""),
        ("person", "forget", "--email", ""),
        ("person", "export", "--order", "", "--order", "x"),
        ("pool", "count", "", "3"),
        ("user", "reset", "", "x"),
        ("token", "revoke", "shop", ""),
        ("webhook", "deliveries", ""),
        ("handover", "list", "--order", ""),
        ("trigger", "order.paid", "--order", ""),
        ("demo", "--data", ""),
        ("serve", "--host", ""),
        ("conform", "--base-url", ""),
    ],
    ids=" ".join,
)
def test_an_empty_variable_of_a_shell_names_nothing(words: tuple[str, ...]) -> None:
    said = refused(*words)
    assert said.startswith("orderhub: ")
    assert " is empty: " in said
    assert said.count("\n") == 1


def test_conform_against_nobody_could_not_begin(url: str, tmp_path: Path) -> None:
    said = refused("conform", "--base-url", "http://127.0.0.1:1", "--dialect", "kakaclo")
    assert said.startswith("orderhub: Could not begin: nobody answers at http://127.0.0.1:1: ")
    assert said.count("\n") == 1
    with serving(url, tmp_path / "log") as hub:
        wrong = refused("conform", "--base-url", hub.url, "--operator-token", "wrong")
        assert "the operator's token opens no hub" in wrong
