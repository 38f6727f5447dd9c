"""What is worked out once in a process, since it is the same each time.

Every test opens its database anew, and SQLAlchemy keeps what it compiled with the engine: a sixth of the processor time
of tests in this process went into compiling the same statements again. Typer reads the signatures of all commands at
each call of any, which took 100 ms. And passwords are made to be slow: a seventh of what tests of the desk took.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import typer.main
from argon2 import PasswordHasher
from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

from orderhub.dialects import passwords

REAL_HASHER = passwords._HASHER
_SHARED: dict[type, LRUCache[Any, Any]] = {}


def keep_commands() -> None:
    """From now on, in this process and its forks. Ahead of `typer.testing`, which takes the name along."""
    typer.main.get_command = cache(typer.main.get_command)


def share_statements() -> None:
    """From now on, in this process. All engines of a kind must be made alike, as `open_engine` makes them."""
    begin = Engine.__init__

    def shared(self: Engine, pool: Any, dialect: Any, *given: Any, **more: Any) -> None:
        begin(self, pool, dialect, *given, **more)
        self._compiled_cache = _SHARED.setdefault(type(dialect), self._compiled_cache)

    Engine.__init__ = shared
    # What was compiled is found by its dialect, too: one is as good as another.
    DefaultDialect.__hash__ = lambda self: hash(type(self))
    DefaultDialect.__eq__ = lambda self, other: type(self) is type(other)


class _Remembering(PasswordHasher):
    """Quick to hash; a password that fitted once fits at once."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self._fitting: set[tuple[str | bytes, str | bytes]] = set()

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
        if (hash, password) not in self._fitting:
            super().verify(hash, password)
            self._fitting.add((hash, password))
        return True


def remember_passwords() -> None:
    """From now on, in this process and its forks."""
    passwords._HASHER = _Remembering()
