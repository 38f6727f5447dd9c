"""A sixth dialect is one new folder: found, mounted and put through this suite without another file being touched."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import orderhub.dialects
from orderhub.conform import report, running
from orderhub.conform.runner import FAILED
from orderhub.dialects.finding import find_dialects
from tests.support.calls import Caller, calling
from tests.support.hub import seed_demo
from tests.support.hub_process import Served, environment, serving

ROOT = Path(__file__).resolve().parents[2]
TOYS = ROOT / "tests" / "support" / "toys"
SALE = b'{"item": "carpet", "pieces": 2, "price": 19.50}'
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.support.toy")
# The program, with the folder that TOY_DIALECTS names among its dialects.
PROGRAM = (
    *(sys.executable, "-c"),
    "import tests.support.toy; from orderhub.cli import main; main()",
)
SUITE = ("tests/conformance", "tests/fuzz/test_garbage.py")
STALL = {"authorization": "Bearer hub-demo-stall"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place outside the project with one new dialect in it."""
    shutil.copytree(TOYS / "bazaar", tmp_path / "more" / "bazaar")
    return tmp_path / "more"


@pytest.fixture
def with_bazaar(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orderhub.dialects, "__path__", [*orderhub.dialects.__path__, str(folder)])
    for name in list(sys.modules):
        if name.startswith("orderhub.dialects.bazaar"):
            monkeypatch.delitem(sys.modules, name)


@pytest.mark.usefixtures("with_bazaar")
def test_a_folder_is_a_dialect(tmp_path: Path) -> None:
    assert "bazaar" in [each.name for each in find_dialects()]
    url = f"sqlite:///{tmp_path / 'hub.sqlite'}"
    seed_demo(url)
    with calling(url) as hub:
        it_takes_orders_and_refuses_in_its_words(hub)


def it_takes_orders_and_refuses_in_its_words(hub: Caller) -> None:
    made = hub.send("POST", "/bazaar/sales", headers=STALL, body=SALE)
    assert made.status == 201
    uid = made.json()["sale"]
    assert hub.send("GET", f"/bazaar/sales/{uid}", headers=STALL).json()["total"] == 19.5
    order = hub.operate("GET", f"/hub/v1/orders/{uid}")
    assert (order["dialect"], order["total"], order["request"]["item"]) == (
        "bazaar",
        "19.5",
        "carpet",
    )
    refusals = {
        ("GET", "/bazaar/sales/0", b""): (404, "no deal, never sold that (uid)"),
        ("GET", "/bazaar/nothing", b""): (404, "/bazaar/nothing"),
        ("PUT", "/bazaar/sales", b""): (405, "/bazaar/sales"),
        ("POST", "/bazaar/sales", SALE.replace(b"2", b"0")): (
            422,
            "no deal, not in such numbers (pieces)",
        ),
    }
    for (method, path, body), (status, why) in refusals.items():
        answer = hub.send(method, path, headers=STALL, body=body)
        assert (answer.status, answer.json()) == (status, {"ok": False, "why": why})
    assert hub.send("POST", "/bazaar/sales", body=SALE).json()["why"] == "unauthenticated"


@pytest.mark.slow
def test_the_shared_suite_covers_it_by_itself(folder: Path) -> None:
    """What was written for five dialects runs for the sixth, and it passes."""
    run = subprocess.run(
        [*PYTEST, *SUITE, "-k", "bazaar and not postgres", "--fuzz-examples=5"],
        cwd=ROOT,
        env={**os.environ, "TOY_DIALECTS": str(folder), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:]
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed is not None
    assert int(passed[1]) >= 15, run.stdout


# --- the conformance kit


@pytest.fixture
def served(folder: Path, tmp_path: Path, with_bazaar: None) -> Iterator[Served]:
    """A hub of its own process, which speaks the new dialect."""
    url = f"sqlite:///{tmp_path / 'hub.sqlite'}"
    seed_demo(url)
    log = tmp_path / "serve.log"
    with serving(url, log, program=PROGRAM, TOY_DIALECTS=str(folder)) as hub:
        yield hub


def program(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *words],
        cwd=ROOT,
        env=environment(TOY_DIALECTS=str(folder), COLUMNS="200"),
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_kit_and_its_command_find_it_and_a_hub_that_speaks_it_passes(
    folder: Path, served: Served, tmp_path: Path
) -> None:
    run = program(
        folder,
        *("conform", "--base-url", served.url, "--dialect", "bazaar"),
        *("--operator-token", "hub-demo-operator", "--json", str(tmp_path / "told.json")),
    )
    assert run.returncode == 0, run.stdout + run.stderr
    told = json.loads((tmp_path / "told.json").read_text())
    kinds = [each["kind"] for each in told["cases"]]
    assert kinds.count("golden") == 3
    assert kinds.count("rule") >= 25
    assert {each["outcome"] for each in told["cases"]} == {"passed"}


@pytest.mark.slow
def test_the_commands_options_show_its_own_login(folder: Path, served: Served) -> None:
    explained = program(folder, "conform", "--help")
    assert "The bazaar: the bearer token" in explained.stdout
    made = served.ask("POST", "/hub/v1/tenants/stall/credentials", json={"kind": "bazaar"})
    words = ("conform", "--base-url", served.url, "--dialect", "bazaar", "--token")
    own = program(folder, *words, made.json()["token"])
    assert own.returncode == 0, own.stdout
    listed = served.ask("GET", "/hub/v1/orders?tenant=stall&dialect=bazaar")
    assert len(listed.json()["items"]) >= 5
    other = program(folder, *words, "a token that nobody gave out")
    assert other.returncode == 1
    assert "expected 201, got 401" in other.stdout


@pytest.mark.usefixtures("with_bazaar")
async def test_the_kit_finds_out_a_server_that_does_not_speak_it() -> None:
    def yes(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(201, json={"ok": True, "sale": "1", "total": 1})

    transport = httpx.MockTransport(yes)
    async with httpx.AsyncClient(transport=transport, base_url="http://stub") as client:
        results = await running.conform(client, ["bazaar"])
    failed = {each.case.name for each in results if each.outcome == FAILED}
    assert {
        "03-no-pieces",
        "no credentials: POST /bazaar/sales",
        "malformed: POST /bazaar/sales",
        "create: two orders",
        "key: a repeat",
        "dry run: says so",
    } <= failed
    assert report.score(results) < 30


def test_a_new_merchant_may_begin_with_its_door(folder: Path, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'new.sqlite'}"
    run = program(folder, "init", "--yes", "--doors", "bazaar", "--database", database)
    assert run.returncode == 0, run.stderr
    assert "/bazaar/sales" in run.stdout
