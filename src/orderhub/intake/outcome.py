"""What went in and what came out of the queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from orderhub.core.commands import Command
from orderhub.core.known import Accepted
from orderhub.core.refusals import Rejected
from orderhub.intake.claims import Claim


class Worded(msgspec.Struct, frozen=True):
    """An answer as it will leave: status, headers, body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    media_type: str = "application/json"


class Outcome(msgspec.Struct, frozen=True):
    """What became of a command.

    kind    `accepted`, `replayed`, `rejected`, `unavailable` (the ledger cannot be written) or `broken` (a bug)
    answer  the wording; None for the last two, which the caller words
    """

    kind: str
    answer: Worded | None = None
    reason: str = ""
    field: str = ""
    detail: str = ""
    order_uids: tuple[str, ...] = ()
    accepted: Accepted | None = None


class Waiting(msgspec.Struct):
    """A command in the queue. Both wordings are pure and run in the writer's thread, before the commit."""

    command: Command
    answer: Callable[[Accepted], Worded]
    refusal: Callable[[Rejected], Worded]
    deliver: Callable[[Outcome], None]  # called from the writer's thread after the commit
    claim: Claim | None = None
    dry_run: bool = False
    loop: Any = None  # outcomes for one event loop are handed over together
    enqueued_at: float = 0.0
    is_given_up: bool = False  # nobody waits any more: what is not begun is not done
