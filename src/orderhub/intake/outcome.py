"""What went into the queue, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from orderhub.core.answer import Answer, Outcome
from orderhub.core.commands import Command
from orderhub.core.facts import Accepted
from orderhub.core.refusals import Rejected
from orderhub.intake.claims import Claim


class Failure(msgspec.Struct, frozen=True):
    """Nothing became of a command, and nothing was decided: the caller has no answer but their own.

    kind    `unavailable` (the ledger cannot be written), `gone` (the tenant was removed or restored), `broken` (a bug)
    detail  the name of the error
    """

    kind: str
    detail: str = ""


Settled = Outcome | Failure


class Waiting(msgspec.Struct):
    """A command in the queue. Both renderings are pure and run in the writer's thread, before the commit."""

    command: Command
    render: Callable[[Accepted], Answer]
    render_refusal: Callable[[Rejected], Answer]
    deliver: Callable[[Settled], None]  # called from the writer's thread after the commit
    claim: Claim | None = None
    dry_run: bool = False
    loop: Any = None  # outcomes for one event loop are handed over together
    is_given_up: bool = False  # nobody waits any more: what is not begun is not done
