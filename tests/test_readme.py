"""The documents' commands, run one after another on what `orderhub demo` serves, print what the documents say."""

from __future__ import annotations

import asyncio
import re
import shlex
from base64 import b64encode
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile
from types import SimpleNamespace
from urllib.parse import urlsplit

import httpx
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from orderhub.cli import session
from orderhub.cli.commands import app
from orderhub.cli.server import DEMO_SETTINGS, make_demo
from orderhub.conform import running
from orderhub.dialects.finding import find_dialects
from orderhub.dialects.json_paths import at
from tests.support.hub import SECRET_KEY, HubUnderTest, running_hub

ROOT = Path(__file__).parent.parent
DIALECTS = sorted(
    str(path.relative_to(ROOT)) for path in ROOT.glob("src/orderhub/dialects/*/README.md")
)
# Document -> how many commands it has at least.
RUN = {
    "README.md": 1,
    "docs/start.md": 10,
    "docs/merchant.md": 9,
    "docs/operator.md": 1,
    "docs/integrators.md": 5,
    "docs/requests.md": 5,
    **dict.fromkeys(DIALECTS, 1),
}
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
_ANYTHING = "…"
_LOGGED = re.compile(r".*\[(info|warning|error) +\]")
_SAVED = re.compile(r"(\w+)=\$\((curl .*) \| jq -r (\.\S+)\)")


def console_steps(text: str) -> list[tuple[str, str]]:
    """(command, expected output) pairs of all console blocks, in order."""
    steps: list[tuple[str, str]] = []
    for block in _BLOCK.findall(text):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:], ""))
            elif steps[-1][0].count("'") % 2:  # a quoted body of several lines goes on
                steps[-1] = (f"{steps[-1][0]}\n{line}", "")
            else:
                command, output = steps[-1]
                steps[-1] = (command, f"{output}{line}\n")
    return steps


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database that `orderhub demo` serves, to be copied."""
    file = tmp_path_factory.mktemp("demo") / "hub.sqlite"
    make_demo(f"sqlite:///{file}", SECRET_KEY)
    return file


async def run_curl(hub: HubUnderTest, command: str) -> str:
    """What curl would print; only the options that our documents use."""
    words = shlex.split(command)
    assert words[0] == "curl", command
    method, headers, body, url, whole = "", {}, None, "", False
    rest = iter(words[1:])
    for word in rest:
        if word in ("-s", "-i", "-g", "-si"):
            whole = whole or "i" in word
        elif word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value
        elif word in ("-d", "--data"):
            method, body = method or "POST", next(rest)
        elif word == "-X":
            method = next(rest)
        elif word == "-u":
            headers["Authorization"] = f"Basic {b64encode(next(rest).encode()).decode()}"
        else:
            url = word
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    content = None if body is None else body.encode()
    answer = await hub.request(method or "GET", path, content=content, headers=headers)
    return shown_whole(answer) if whole else answer.text


def shown_whole(answer: httpx.Response) -> str:
    lines = [f"{name}: {value}" for name, value in answer.headers.items()]
    return "\n".join(
        [f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}", *lines, "", answer.text]
    )


async def run_orderhub(hub: HubUnderTest, command: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the command would print, its server being the one under test."""

    async def conform_here(base_url, dialects, **more):
        return await running.conform(hub.client, dialects, **more)

    loop = asyncio.get_running_loop()

    def run_here(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    @contextmanager
    def reached_here(*, database, url, token):
        own = {"Authorization": f"Bearer {token}"}

        def send(method, path, *, headers=None, **more):
            return run_here(hub.client.request(method, path, headers=own | (headers or {}), **more))

        yield send

    monkeypatch.setattr(running, "conform_server", conform_here)
    monkeypatch.setattr(session, "reached", reached_here)
    monkeypatch.setattr("orderhub.cli.conform.asyncio", SimpleNamespace(run=run_here))
    words = shlex.split(command)[1:]
    done = await asyncio.to_thread(CliRunner().invoke, app, words)
    # The hub under test logs in the same process.
    return "".join(line for line in done.output.splitlines(True) if not _LOGGED.match(line))


class Shell:
    """Runs a document's commands one after another; `name=$(curl … | jq -r .path)` saves for later ones."""

    def __init__(self, hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hub, self.monkeypatch = hub, monkeypatch
        self.saved: dict[str, str] = {}

    async def run(self, command: str) -> str:
        for name, value in self.saved.items():
            command = command.replace(f"${name}", value)
        if command.startswith("orderhub "):
            return await run_orderhub(self.hub, command, self.monkeypatch)
        saving = _SAVED.fullmatch(command)
        if saving is None:
            return await run_curl(self.hub, command)
        name, curl, path = saving.groups()
        answer = httpx.Response(200, text=await run_curl(self.hub, curl))
        self.saved[name] = str(at(answer.json(), path))
        return ""


def matches(expected: str, printed: str) -> bool:
    """Equal as a terminal shows it, but that `…` stands for anything."""
    printed = printed.replace("\r\n", "\n").removeprefix("\ufeff")
    pattern = ".*".join(map(re.escape, expected.strip().split(_ANYTHING)))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def documents() -> list[Path]:
    """Everything that people read, at the top, under docs/ and in the dialects."""
    return [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/*.md")]


def commands_of(document: Path) -> list[str]:
    """The lines of its blocks that are commands."""
    blocks = re.findall(r"```\w*\n(.*?)```", document.read_text(), re.DOTALL)
    lines = (line.removeprefix("$ ") for block in blocks for line in block.splitlines())
    return [line for line in lines if line.startswith(("curl ", "orderhub ", "make "))]


def test_no_command_of_any_document_leaves_out_what_has_to_be_typed() -> None:
    for document in documents():
        for command in commands_of(document):
            assert "..." not in command, f"{document}: {command}"
            # The receiver that events are forwarded to is the reader's own, on a port of his.
            hubs = re.sub(r"--forward-to \S+", "", command)
            port = re.search(r"(?:localhost|127\.0\.0\.1):(\d+)", hubs)
            assert port is None or port[1] == "8080", f"{document}: the demo serves on 8080"


def test_every_command_of_the_documents_is_one_with_these_options() -> None:
    program = get_command(app)
    count = 0
    for document in documents():
        for line in commands_of(document):
            if not line.startswith("orderhub ") or document.name == "CHANGELOG.md":
                continue
            words = shlex.split(re.split(r" [>|&] ?| \\\\$", line)[0], comments=True)[1:]
            command, ctx = program, None
            while hasattr(command, "commands") and words and not words[0].startswith("-"):
                assert words[0] in command.commands, f"{document}: {line}"
                command, words = command.commands[words[0]], words[1:]
            try:
                ctx = command.make_context("orderhub", words, parent=ctx)
            except Exception as refused:  # noqa: BLE001 - whatever it is, it is told with its line
                pytest.fail(f"{document}: {line}: {refused!r}")
            count += 1
    assert count > 30


@pytest.mark.parametrize(("document", "least"), sorted(RUN.items()))
def test_the_commands_of_a_document_print_what_it_says(
    document: str, least: int, served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = console_steps((ROOT / document).read_text())
    assert len(steps) >= least

    copyfile(served, tmp_path / "hub.sqlite")

    async def run_all() -> None:
        async with running_hub(tmp_path, base_url="http://127.0.0.1:8080", **DEMO_SETTINGS) as hub:
            shell = Shell(hub, monkeypatch)
            for command, expected in steps:
                printed = await shell.run(command)
                assert matches(expected, printed), f"{command}\nprinted {printed}\nnot {expected}"

    asyncio.run(run_all())


def test_every_document_that_shows_a_console_is_run() -> None:
    shown = {str(each.relative_to(ROOT)) for each in documents() if _BLOCK.search(each.read_text())}
    assert shown - {"docs/testing.md"} == set(RUN)  # rehearsed by tests/test_commands.py


def test_every_dialect_has_a_readme_whose_commands_are_run() -> None:
    assert [Path(each).parent.name for each in DIALECTS] == [d.name for d in find_dialects()]


@pytest.mark.parametrize(
    "document",
    sorted(str(path.relative_to(ROOT)) for path in documents() if "](" in path.read_text()),
)
def test_links_of_a_document_lead_somewhere(document: str) -> None:
    path = ROOT / document
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", path.read_text())
    missing = [link for link in links if not (path.parent / link).exists()]
    assert not missing
