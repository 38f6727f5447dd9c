"""Who may take a lease: one question, asked of what a look saw and of the row itself.

It is free when it was given back, when it has ended, and when it reaches further than any does that was taken by now:
then it was made under a clock that was put back since.
"""

from __future__ import annotations

from typing import Any, Protocol

from sqlalchemy import ColumnElement, or_

# The clocks of machines that serve one ledger may differ by so much.
CLOCKS_DIFFER_US = 60_000_000


class Leased(Protocol):
    """What has an owner, empty = nobody, until a time."""

    @property
    def owner(self) -> str: ...
    @property
    def leased_until(self) -> int: ...


def is_free(state: Leased, owner: str, now_us: int, longest_us: int) -> bool:
    """Whether `owner` may take it; `longest_us`: for how long such a lease is taken."""
    latest = now_us + longest_us + CLOCKS_DIFFER_US
    return state.owner in ("", owner) or not now_us <= state.leased_until <= latest


def free(table: Any, owner: str, now_us: int, longest_us: int) -> ColumnElement[bool]:
    """The same of a table's row."""
    return or_(
        table.c.owner.in_(["", owner]),
        table.c.leased_until < now_us,
        table.c.leased_until > now_us + longest_us + CLOCKS_DIFFER_US,
    )
