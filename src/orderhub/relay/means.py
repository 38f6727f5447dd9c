"""What the relay works with, handed in from above."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar

from orderhub.core.commands import ChangeOrder, MoveHandOver
from orderhub.core.connections import Connection
from orderhub.core.handing import HandOver
from orderhub.core.refusals import Rejected
from orderhub.dialects.client import Client, Signed
from orderhub.ledger.ledger import Ledger

T = TypeVar("T")


class Reply(Protocol):
    """What came of a call. `status` 0: there was no answer, and `error` says why."""

    @property
    def status(self) -> int: ...
    @property
    def body(self) -> bytes: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def retry_after_s(self) -> float: ...
    @property
    def error(self) -> str: ...
    @property
    def is_cut(self) -> bool: ...


class Meter(Protocol):
    """What the relay tells the metrics. `outcome`: placed, refused, unsure, waiting or doubted."""

    def handed(self, outcome: str) -> None: ...
    def took(self, seconds: float) -> None: ...


class NotDecided(Exception):
    """A command was neither accepted nor refused: the database is in trouble, or the hub is busy."""


# Makes a call of a tenant's, within so many seconds.
Make = Callable[[int, Connection, Signed, float], Awaitable[Reply]]
# Has a command decided and committed. Raises NotDecided.
Submit = Callable[[MoveHandOver], Awaitable[HandOver | Rejected]]
# The same of an order's change: why it was refused, or None.
Change = Callable[[ChangeOrder], Awaitable[Rejected | None]]
# What is kept encrypted, in plain. Raises ValueError.
Decrypt = Callable[[str], str]


class Means(Protocol):
    """What agents work with: the engine."""

    @property
    def ledger(self) -> Ledger: ...
    @property
    def clients(self) -> Mapping[str, Client]: ...
    @property
    def meter(self) -> Meter: ...
    @property
    def make(self) -> Make: ...
    @property
    def submit(self) -> Submit: ...
    @property
    def change(self) -> Change: ...
    @property
    def decrypt(self) -> Decrypt: ...
    @property
    def is_busy(self) -> Callable[[], bool]: ...
    def now_us(self) -> int: ...
    def in_thread(self, work: Callable[[], T]) -> Awaitable[T]: ...
