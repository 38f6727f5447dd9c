"""What couriers work with, and what they are told: handed in from above."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar

import msgspec

from orderhub.core.deliveries import MOST_ANSWER_BYTES, Attempt
from orderhub.core.webhook_formats import Format, Message, Terms
from orderhub.core.webhooks import Webhook
from orderhub.delivery.journal import Journal
from orderhub.ledger.ledger import Ledger

T = TypeVar("T")


class Reply(Protocol):
    """What came of a call. `status` 0: there was no answer, and `error` says why."""

    @property
    def status(self) -> int: ...
    @property
    def body(self) -> bytes: ...
    @property
    def retry_after_s(self) -> float: ...
    @property
    def error(self) -> str: ...
    @property
    def duration_us(self) -> int: ...


class Meter(Protocol):
    """What a courier tells the metrics. `outcome`: sent, failed (it is tried again) or dropped."""

    def delivered(self, outcome: str, count: int) -> None: ...
    def lagged(self, seconds: float) -> None: ...


# Signs a message for a webhook of a tenant and posts it.
Post = Callable[[int, Webhook, Message, Terms], Awaitable[Reply]]


class Off(msgspec.Struct, frozen=True):
    """A webhook that the hub switches off, as its record was when it had `version`, and why."""

    tenant_id: int
    webhook_id: int
    uid: str
    version: int
    why: str


# Has the record say so; somebody who changed it meanwhile was first.
SwitchOff = Callable[[Off], Awaitable[None]]


class Means(Protocol):
    """What couriers work with: the engine."""

    @property
    def ledger(self) -> Ledger: ...  # to read
    @property
    def journal(self) -> Journal: ...
    @property
    def owner(self) -> str: ...  # of leases
    @property
    def formats(self) -> Mapping[str, Format]: ...
    @property
    def meter(self) -> Meter: ...
    def now_us(self) -> int: ...
    def in_thread(self, work: Callable[[], T]) -> Awaitable[T]: ...
    @property
    def post(self) -> Post: ...
    @property
    def switch_off(self) -> SwitchOff: ...
    @property
    def gives_way(self) -> bool: ...  # to orders, that come thick and fast


def attempt_of(at_us: int, reply: Reply) -> Attempt:
    """What is kept of a call."""
    answer = reply.body[:MOST_ANSWER_BYTES].decode("utf-8", "replace").replace("\0", "\ufffd")
    return Attempt(at_us, reply.status, reply.duration_us, answer, reply.error)
