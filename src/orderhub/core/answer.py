"""One answer, from the dialect that words it to the key that keeps it; and what became of a command."""

from __future__ import annotations

import msgspec

from orderhub.core.facts import Accepted
from orderhub.core.refusals import Rejected


class Answer(msgspec.Struct, frozen=True):
    """What leaves the hub: exactly these bytes."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    media_type: str = "application/json"


class KeptAnswer(msgspec.Struct, frozen=True):
    """What a key is bound to: the content that it came with, and the answer that was given.

    `created_at` in microseconds since 1970 UTC; `order_uid` of the first order that was placed or changed.
    `is_redacted`: the answer held a person's data and is gone, so a repeat is refused.
    """

    fingerprint: str
    answer: Answer
    created_at: int = 0
    order_uid: str = ""
    is_redacted: bool = False


class Outcome(msgspec.Struct, frozen=True):
    """What became of a command, and the answer that says so.

    `decision` is None for a repeat: that was decided long ago, and only its answer is kept.
    """

    answer: Answer
    decision: Accepted | Rejected | None = None

    @property
    def kind(self) -> str:
        """`accepted`, `rejected` or `replayed`."""
        if self.decision is None:
            return "replayed"
        return "rejected" if isinstance(self.decision, Rejected) else "accepted"

    @property
    def accepted(self) -> Accepted | None:
        return self.decision if isinstance(self.decision, Accepted) else None

    @property
    def rejected(self) -> Rejected | None:
        return self.decision if isinstance(self.decision, Rejected) else None
