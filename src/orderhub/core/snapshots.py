"""A sandbox as it was at a moment, kept to be put back. See docs/decisions/0035."""

from __future__ import annotations

import msgspec

OPENED = "opened"  # the one of every sandbox that was opened: as it was then
MOST_KEPT = 10  # of a sandbox, besides that one; the oldest goes for a newer one
KEPT_DAYS = 7
MOST_ROWS = 10_000


class Snapshot(msgspec.Struct, frozen=True):
    """What is known of one. `taken_at`: microseconds since 1970 UTC of wall time."""

    id: str
    taken_at: int
    rows: int


class SnapshotRefused(Exception):
    """Nothing can be kept or put back; the message says why."""
