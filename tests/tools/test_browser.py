"""`make browser` where there is no browser: what is needed is said last, and nothing is called tried."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.chromium import NAMES
from tools import browser

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without a browser and without apt-get: an empty folder of programs."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ORDERHUB_CHROMIUM", raising=False)
    return tmp_path


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_where_nothing_can_be_installed_it_is_not_run(bare: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.browser"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == browser.NOT_TRIED
    last = done.stdout.splitlines()[-1]
    assert last.startswith("browser: not run (no Chromium is installed")
    assert last.endswith("ORDERHUB_CHROMIUM)")
    assert "passed" not in done.stdout


def test_whoever_is_not_root_is_told_the_command(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(bare, "apt-get", "exit 1")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "`apt-get install chromium" in browser.install()


@pytest.mark.parametrize("failing", ["update", "install"])
def test_root_installs_it_and_a_failure_is_named(
    bare: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    program(bare, "apt-get", f'[ "$2" != {failing} ]')
    assert browser.install() == f"apt-get {failing} failed"


def test_root_installs_it(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    program(bare, "apt-get", f": > {bare}/{NAMES[0]}; /bin/chmod 755 {bare}/{NAMES[0]}")
    assert browser.install() == ""


@pytest.mark.parametrize(("tests", "said"), [(0, browser.HOLDS), (1, 1), (2, 1), (5, 1)])
def test_a_run_that_found_something_is_no_run_that_could_not_be(
    monkeypatch: pytest.MonkeyPatch, tests: int, said: int
) -> None:
    monkeypatch.setenv("ORDERHUB_CHROMIUM", sys.executable)
    monkeypatch.setattr(
        subprocess, "run", lambda words, **_: subprocess.CompletedProcess(words, tests)
    )
    assert browser.main([]) == said


@pytest.mark.slow
def test_no_other_run_collects_what_needs_a_browser() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/tools", "tests/browser"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "tests/browser/" in found.stdout
    settings = (ROOT / "pyproject.toml").read_text()
    assert 'norecursedirs = [".*", "browser"]' in settings


def test_ci_says_last_what_it_could_not_try() -> None:
    steps = (ROOT / ".ci" / "run").read_text()
    assert steps.index("make wheel-test") < steps.index("tools.browser")
