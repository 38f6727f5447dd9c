"""`make test` leaves the slow tests out, and its last line says how many; who checks runs all of them."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support import tiers

MAKEFILE = (Path(__file__).parents[1] / "Makefile").read_text()


def config() -> Any:
    said = StringIO()
    terminal = SimpleNamespace(write_line=lambda line: said.write(f"{line}\n"))
    plugins = SimpleNamespace(get_plugin=lambda _name: terminal)
    return SimpleNamespace(stash=pytest.Stash(), pluginmanager=plugins, said=said)


def item(of: Any, *marks: str) -> Any:
    return SimpleNamespace(
        config=of, get_closest_marker=lambda name: name if name in marks else None
    )


def test_the_last_words_say_how_many_were_left_out() -> None:
    here = config()
    tiers.pytest_deselected([item(here, "slow"), item(here, "slow", "postgres")])
    tiers.pytest_deselected([item(here, "slow"), item(here)])  # by a word: meant as it was said
    tiers.pytest_unconfigure(here)
    assert here.said.getvalue() == "LEFT OUT: 2 slow tests; `make test-all` runs them all.\n"


def test_workers_count_alike_and_are_not_added_up() -> None:
    here = config()
    for _ in range(2):
        worker = config()
        worker.workeroutput = {}
        tiers.pytest_deselected([item(worker, "slow")])
        tiers.pytest_sessionfinish(SimpleNamespace(config=worker))
        tiers.pytest_testnodedown(SimpleNamespace(config=here, workeroutput=worker.workeroutput))
    tiers.pytest_unconfigure(here)
    assert here.said.getvalue() == "LEFT OUT: 1 slow test; `make test-all` runs them all.\n"


def test_a_run_of_all_says_nothing() -> None:
    here = config()
    tiers.pytest_unconfigure(here)
    assert here.said.getvalue() == ""


def test_the_check_and_so_ci_runs_every_test() -> None:
    (check,) = [line for line in MAKEFILE.splitlines() if line.startswith("check:")]
    assert "test-all" in check.split()
    recipe = MAKEFILE.partition("\ntest-all:")[2].partition("\n\n")[0]
    assert "pytest" in recipe
    assert "not slow" not in recipe
