"""What a terminal shows and what a pipe gets: real processes, one half of them on a pseudo-terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from orderhub import __version__
from orderhub.cli.commands import app
from tests.support import http
from tests.support.hub_process import LIMIT_S, PROGRAM, environment, orderhub, wait_for

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class OnTerminal:
    """A command with a terminal of its own, which keeps what it shows."""

    def __init__(self, *words: str, **variables: str) -> None:
        ours, theirs = pty.openpty()
        env = {**environment(), "TERM": "xterm-256color", "COLUMNS": "120", **variables}
        self.process = subprocess.Popen(
            [*PROGRAM, *words], stdin=theirs, stdout=theirs, stderr=theirs, env=env
        )
        os.close(theirs)
        self._ours, self._shown = ours, b""

    @property
    def shown(self) -> str:
        try:
            while select.select([self._ours], [], [], 0)[0]:
                self._shown += os.read(self._ours, 65_536)
        except OSError:  # the other end is closed
            pass
        return self._shown.decode()

    def ends(self, sign: int = 0) -> str:
        if sign:
            self.process.send_signal(sign)
        deadline = time.monotonic() + LIMIT_S
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.shown
            self.shown  # noqa: B018 - it would wait for who reads
            time.sleep(0.02)
        return self.shown


@pytest.mark.slow
def test_a_terminal_gets_a_table_and_a_pipe_one_document(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'hub.sqlite'}"
    made = orderhub("init", "--empty", "--database", database)
    assert made.returncode == 0, made.stderr
    words = ("token", "list", "operator", "--database", database)
    (token,) = json.loads(orderhub(*words).stdout)
    shown = OnTerminal(*words).ends()
    assert _COLOUR.search(shown)
    head, row = _COLOUR.sub("", shown).split("\r\n")[:2]
    assert head.split()[:2] == ["id", "kind"]
    assert row.split()[:2] == [token["id"], "hub"]
    for variable in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        plain = OnTerminal(*words, **variable).ends()
        assert "\x1b[3" not in plain
        assert token["id"] in plain
    assert json.loads(OnTerminal(*words, "--json").ends()) == [token]
    checked = json.loads(orderhub("check", "--database", database, "--json").stdout)
    assert (checked["total"], checked["breaches"]) == (0, [])


@pytest.mark.slow
def test_serve_says_on_a_terminal_where_it_listens_and_logs_lines_to_read(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'hub.sqlite'}"
    hub = OnTerminal("serve", "--port", "0", "--database", database)
    try:
        wait_for(lambda: "Ctrl-C stops it" in hub.shown, "a banner")
        banner = _COLOUR.sub("", hub.shown)
        url = re.search(
            rf"OrderHub {re.escape(__version__)}  (http://127\.0\.0\.1:[1-9]\d+)", banner
        )
        assert url
        assert f"{url[1]}/desk" in banner
        assert "uvicorn" not in banner

        http.get(f"{url[1]}/hub/v1/orders")
        wait_for(lambda: "answered" in hub.shown, "a line")
        (line,) = [x for x in _COLOUR.sub("", hub.shown).splitlines() if "answered" in x]
        assert re.match(r"\d\d:\d\d:\d\d \[info\] answered +", line)
        assert "status=401" in line
        assert hub.shown.count("\x1b[") > 10
    finally:
        hub.ends(signal.SIGTERM)
    assert hub.process.returncode == 0


def served(*words: str) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
    """The document that a served hub prints with --json, the lines of its log, its standard output."""
    process = subprocess.Popen(
        [*PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment(),
    )  # fmt: skip
    assert process.stdout
    head = ""
    if "--json" in words:
        while not head.endswith("\n}\n"):
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            head += line
    else:
        assert process.stderr
        line = ""
        while '"listening"' not in line:
            line = process.stderr.readline()
            assert line
        head = line
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0
    return json.loads(head), [json.loads(line) for line in err.splitlines()], out


@pytest.mark.slow
def test_serve_tells_a_pipe_in_json_where_it_listens(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'hub.sqlite'}"
    words = ("serve", "--port", "0", "--database", database)
    told, lines, rest = served(*words, "--json")
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d+", told["url"])
    assert [each["url"] for each in lines if each["event"] == "listening"] == [told["url"]]
    assert rest == ""
    line, _, out = served(*words)
    assert line["address"].startswith("http://127.0.0.1:")
    assert out == ""


@pytest.mark.slow
def test_a_hub_on_every_address_says_so_and_links_to_one(tmp_path: Path) -> None:
    words = ("serve", "--port", "0", "--database", f"sqlite:///{tmp_path / 'hub.sqlite'}")
    told, _, _ = served(*words, "--host", "0.0.0.0", "--json")
    port = told["address"].rpartition(":")[2]
    assert told["address"] == f"http://0.0.0.0:{port}"
    assert (told["url"], told["desk"]) == (
        f"http://127.0.0.1:{port}",
        f"http://127.0.0.1:{port}/desk",
    )


@pytest.mark.slow
def test_the_demos_banner_is_the_last_thing_on_a_terminal(tmp_path: Path) -> None:
    hub = OnTerminal("demo", "--port", "0", "--data", str(tmp_path))
    try:
        wait_for(lambda: "Ctrl-C stops it" in hub.shown, "a banner")
        banner = _COLOUR.sub("", hub.shown)

        (url,) = set(re.findall(r"demo on (http://127\.0\.0\.1:\d+)", banner))
        for title in ("desk", "docs", "tokens", "calls", "data"):
            assert re.search(rf"^  {title} +\S", banner, re.MULTILINE), title
        assert banner.count("\r\n# ") == 5
        assert banner.count("\r\ncurl -s ") == 5
        headers = {"Authorization": "Bearer hub-demo-operator"}
        assert http.get(f"{url}/hub/v1/orders", headers=headers).status_code == 200
        assert _COLOUR.sub("", hub.shown) == banner  # calls do not bury it
    finally:
        hub.ends(signal.SIGTERM)


def test_every_command_prints_json() -> None:
    def commands(group: Any, path: str = "") -> dict[str, Any]:
        found = {}
        for name, each in group.commands.items():
            words = f"{path} {name}".strip()
            found |= commands(each, words) if hasattr(each, "commands") else {words: each}
        return found

    all_of_them = commands(get_command(app))
    assert len(all_of_them) > 30
    for words, command in all_of_them.items():
        ctx = command.make_context(words, [], resilient_parsing=True)
        options = [option for each in command.get_params(ctx) for option in each.opts]
        assert options.count("--json") == 1, words


def test_the_program_says_its_version_and_runs_as_a_module() -> None:
    assert orderhub("--version").stdout == f"orderhub {__version__}\n"
    import sys  # noqa: PLC0415

    done = subprocess.run(
        [sys.executable, "-m", "orderhub", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"orderhub {__version__}\n"
    shown = orderhub("--show-completion", "bash").stdout + orderhub("--help").stdout
    assert "completion" in shown
