"""What the writer's thread does with its time, by stage: for `python -m bench writer --stages`.

Functions are wrapped where they stand, each counting its own time and not that of the stages within. A wrapper
takes part of a microsecond itself, so that sums are a little more than without.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any
from unittest import mock

from orderhub.core import decide
from orderhub.intake.batch import CommandBatch, Decisions
from orderhub.intake.intake import Intake
from orderhub.intake.keys import Keys
from orderhub.intake.loading import Loader
from orderhub.intake.outcome import Waiting
from orderhub.ledger import feed
from orderhub.ledger.changeset import ChangeSet
from orderhub.ledger.driver import Driver

_TABLE = re.compile(r"\b(INSERT INTO|UPDATE|DELETE FROM|CROSS JOIN|FROM) (\w+)")


class Stages:
    """Time by stage, in ns."""

    def __init__(self) -> None:
        self.spent: dict[str, int] = {}
        self._open: list[int] = []  # what the stages within took, of each that is under way

    def reset(self) -> None:
        self.spent = {}

    def timed(self, name: str | Callable[..., str], function: Callable[..., Any]) -> Any:
        """The function, with its time added to a stage."""

        @wraps(function)
        def call(*args: Any, **named: Any) -> Any:
            stage = name if isinstance(name, str) else name(*args)
            self._open.append(0)
            started = time.thread_time_ns()
            try:
                return function(*args, **named)
            finally:
                took = time.thread_time_ns() - started
                self.spent[stage] = self.spent.get(stage, 0) + took - self._open.pop()
                if self._open:
                    self._open[-1] += took

        return call


def _statement(_driver: Any, sql: str, *_more: Any) -> str:
    found = _TABLE.search(sql)
    return f"sql: {found[1]} {found[2]}" if found else f"sql: {sql.split(maxsplit=1)[0]}"


@contextmanager
def watched(batches: Sequence[Sequence[Waiting]]) -> Iterator[Stages]:
    """While this is open, the stages of everything that the writer does are timed."""
    stages = Stages()
    places: list[tuple[Any, str, str | Callable[..., str]]] = [
        (Intake, "_finish", "the rest"),
        (CommandBatch, "run", "batch"),
        (Keys, "__init__", "keys"),
        (Keys, "settle", "keys"),
        (Loader, "load", "loads"),
        (Decisions, "of", "decisions: outcomes"),
        (decide, "decide", "decisions: core"),
        (decide, "loads", "loads: core"),
        (decide, "pool_loads", "loads: core"),
        (decide, "id_quota", "loads: core"),
        (ChangeSet, "__init__", "rows"),
        (ChangeSet, "write", "statements"),
        (ChangeSet, "_write_terms", "statements: terms"),
        (feed, "write", "statements: feed"),
        (Driver, "begin", "sql: begin"),
        (Driver, "commit", "sql: commit"),
        *((Driver, each, _statement) for each in ("rows", "send", "changed", "changed_by_each")),
    ]
    with ExitStack() as stack:
        for owner, attribute, name in places:
            timed = stages.timed(name, getattr(owner, attribute))
            stack.enter_context(mock.patch.object(owner, attribute, timed))
        for each in (waiting for batch in batches for waiting in batch):
            each.render = stages.timed("decisions: answer", each.render)
        yield stages
