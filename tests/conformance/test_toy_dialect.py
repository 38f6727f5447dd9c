"""A sixth dialect is one new folder: found, mounted and put through this suite without another file being touched."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import orderhub.dialects
from orderhub.dialects.finding import find_dialects
from tests.support.calls import Caller, calling, seed_demo

ROOT = Path(__file__).resolve().parents[2]
TOYS = ROOT / "tests" / "support" / "toys"
SALE = b'{"item": "carpet", "pieces": 2, "price": 19.50}'
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.support.toy")
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
