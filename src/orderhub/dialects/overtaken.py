"""Where a handler looks before it submits: somebody else may have changed meanwhile what it saw, so it looks again."""

from __future__ import annotations

from orderhub.core.refusals import Reason
from orderhub.dialects.contract import Call, Outcome

# How often a change is tried again when another one came first.
ATTEMPTS = 25


def is_overtaken(outcome: Outcome, *also: Reason) -> bool:
    """Whether somebody else changed meanwhile what the command was made from: it is worth another look.

    also   other reasons that a second look may have an answer to, such as ALREADY_EXISTS of what was not there
    """
    rejected = outcome.rejected
    return rejected is not None and rejected.reason in (Reason.VERSION_CONFLICT, *also)


def first_attempt(call: Call) -> None:
    """The next submit is bound under the key itself.

    The hub binds each command of a call under a key of its own. A command that is tried again
    because another one came first is still the call's first.
    """
    call.bound_commands = 0
