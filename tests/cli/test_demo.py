"""The demo: a fresh sandbox on loopback that touches its own files alone, and five calls that work when pasted."""

import json
import shlex
import socket
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orderhub.cli import server
from orderhub.cli.commands import app
from orderhub.demo import first_calls
from orderhub.dialects.finding import find_dialects
from orderhub.ledger.database import ServeLock
from orderhub.settings import ProgramSettings
from orderhub.web import logs
from tests.support.calls import calling


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[ProgramSettings]:
    """With what settings the hub would have been served; the socket itself is left out."""
    seen: list[ProgramSettings] = []

    def run(hub: Any, settings: ProgramSettings, *_: Any) -> None:
        seen.append(settings)
        hub.ledger.close()

    monkeypatch.setattr(server, "_run", run)
    monkeypatch.setattr(logs, "configure", lambda *_, **__: None)
    monkeypatch.setattr("gc.freeze", lambda: None)
    monkeypatch.delenv("ORDERHUB_HOST", raising=False)
    return seen


def demo(data: Path, *words: str, **variables: str) -> None:
    words = words if "--port" in words else (*words, "--port", "0")
    result = CliRunner(env=variables).invoke(app, ["demo", "--data", str(data), *words])
    assert result.exit_code == 0, result.output


def contents(data: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in data.iterdir()}


def test_it_listens_on_loopback_only_whatever_the_environment_says(
    tmp_path: Path, served: list[ProgramSettings]
) -> None:
    demo(tmp_path, "--port", "28123", ORDERHUB_HOST="0.0.0.0")
    (settings,) = served
    assert (settings.host, settings.port) == ("127.0.0.1", 28123)
    assert settings.public_url == "http://127.0.0.1:28123"
    assert not settings.rate_limits


@pytest.mark.parametrize("name", ["p%41q", "q?x=1"])
def test_its_folder_may_have_any_name(
    tmp_path: Path, served: list[ProgramSettings], name: str
) -> None:
    demo(tmp_path / name)
    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert (tmp_path / name / server._DEMO_DATABASE).stat().st_size


@pytest.mark.slow
def test_it_starts_afresh_and_touches_nothing_of_others(
    tmp_path: Path, served: list[ProgramSettings]
) -> None:
    (tmp_path / "orders.sqlite").write_text("somebody else's")
    (tmp_path / "secret.key").write_text("somebody else's too")
    (tmp_path / "notes").mkdir()
    demo(tmp_path)
    first = contents_of_demo(tmp_path)
    demo(tmp_path)
    second = contents_of_demo(tmp_path)
    assert first[server._DEMO_KEY] != second[server._DEMO_KEY]
    assert (tmp_path / "orders.sqlite").read_text() == "somebody else's"
    assert (tmp_path / "secret.key").read_text() == "somebody else's too"
    assert (tmp_path / "notes").is_dir()
    others = {"orders.sqlite", "notes", "secret.key", f"{server._DEMO_DATABASE}.lock"}
    names = {each.name for each in tmp_path.iterdir()} - others
    assert names <= set(server._DEMO_FILES)


def contents_of_demo(data: Path) -> dict[str, bytes]:
    return {
        name: (data / name).read_bytes() for name in server._DEMO_FILES if (data / name).exists()
    }


@pytest.mark.slow
def test_it_goes_on_with_what_was_kept(tmp_path: Path, served: list[ProgramSettings]) -> None:
    demo(tmp_path)
    before = contents_of_demo(tmp_path)
    database = tmp_path / server._DEMO_DATABASE
    demo(tmp_path, "--keep")
    assert contents_of_demo(tmp_path)[server._DEMO_KEY] == before[server._DEMO_KEY]
    stays = database.stat().st_ino
    demo(tmp_path, "--keep")
    assert database.stat().st_ino == stays
    demo(tmp_path)
    assert contents_of_demo(tmp_path)[server._DEMO_KEY] != before[server._DEMO_KEY]


@pytest.mark.parametrize("wrong", ["a taken port", "an unknown setting"])
def test_what_is_refused_is_refused_before_anything_is_removed(
    tmp_path: Path, served: list[ProgramSettings], wrong: str
) -> None:
    demo(tmp_path, "--port", "0")
    before = contents_of_demo(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1]) if wrong == "a taken port" else "0"
        variables = {} if wrong == "a taken port" else {"ORDERHUB_PROT": "1"}
        words = ["demo", "--data", str(tmp_path), "--port", port]
        result = CliRunner(env=variables).invoke(app, words)
    assert result.exit_code == 2
    assert ("address already in use" if not variables else "ORDERHUB_PROT") in result.stderr
    assert contents_of_demo(tmp_path) == before


def test_the_key_is_nobody_elses_to_read(tmp_path: Path, served: list[ProgramSettings]) -> None:
    demo(tmp_path)
    assert (tmp_path / server._DEMO_KEY).stat().st_mode & 0o077 == 0


def test_a_demo_that_runs_is_not_pulled_away_from_under_its_server(
    tmp_path: Path, served: list[ProgramSettings]
) -> None:
    demo(tmp_path)
    before = contents(tmp_path)
    lock = ServeLock(f"sqlite:///{tmp_path / server._DEMO_DATABASE}")
    lock.take("http://127.0.0.1:8080")
    result = CliRunner().invoke(app, ["demo", "--data", str(tmp_path), "--port", "0"])
    assert result.exit_code == 2
    assert "http://127.0.0.1:8080" in result.stderr
    lock.release()
    assert {n: b for n, b in contents(tmp_path).items() if not n.endswith(".lock")} == {
        n: b for n, b in before.items() if not n.endswith(".lock")
    }


def test_the_five_calls_it_prints_make_five_orders(
    tmp_path: Path, served: list[ProgramSettings]
) -> None:
    demo(tmp_path)
    (settings,) = served
    commands = [call.command for call in first_calls(find_dialects(), settings.public_url)]
    assert len(commands) == len(find_dialects())
    secret = (tmp_path / server._DEMO_KEY).read_text()
    with calling(settings.database, secret_key=secret) as hub:
        for command in commands:
            words = shlex.split(command)
            url = next(word for word in words if word.startswith("http"))
            named = [words[i + 1] for i, word in enumerate(words) if word == "-H"]
            headers = dict(each.split(": ", 1) for each in named)
            body = words[words.index("-d") + 1]
            json.loads(body)
            path = url.removeprefix(settings.public_url)
            assert hub.send("POST", path, None, headers, body.encode()).status in {200, 201}
        items = hub.operate("GET", "/hub/v1/orders")["items"]
    assert {each["dialect"] for each in items} == {each.name for each in find_dialects()}
