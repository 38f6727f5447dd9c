"""How many slow tests a run left out, as its last words: a plugin of every test run.

With pytest-xdist each worker collects all tests and counts for itself; they count alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

LEFT_OUT = pytest.StashKey[int]()
_SENT = "slow_left_out"


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """`-m 'not slow'` leaves out nothing else; a word (`-k`) that leaves out others as well meant them all."""
    if all(each.get_closest_marker("slow") for each in items):
        stash = items[0].config.stash
        stash[LEFT_OUT] = stash.get(LEFT_OUT, 0) + len(items)


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_SENT] = session.config.stash.get(LEFT_OUT, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    sent = getattr(node, "workeroutput", {}).get(_SENT, 0)  # none of a worker that crashed
    node.config.stash[LEFT_OUT] = max(sent, node.config.stash.get(LEFT_OUT, 0))


def pytest_unconfigure(config: pytest.Config) -> None:
    """After pytest's own last line."""
    count = config.stash.get(LEFT_OUT, 0)
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if count and terminal is not None:
        tests = "test" if count == 1 else "tests"
        terminal.write_line(f"LEFT OUT: {count} slow {tests}; `make test-all` runs them all.")
