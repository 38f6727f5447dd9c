"""UUIDv7 whose last three hex digits are zero: they are room for an order's line numbers (core/ids.py)."""

from __future__ import annotations

import random


def _ticks(wall_us: int) -> int:
    """48 bits of milliseconds and 12 of the microseconds within, so that uids sort by arrival."""
    return (wall_us // 1000 << 12) | (wall_us % 1000 << 2)


class Uids:
    """Time-ordered within this process. Chance is not secret: uids are names, not capabilities."""

    def __init__(self) -> None:
        self._random = random.Random()  # noqa: S311 - see above
        self._marks = random.Random()  # noqa: S311 - uids do not depend on how commands were put into batches
        self._last = 0
        self._floor = 0

    def saw(self, newest_us: int) -> None:
        """Ids were made up to this time, by another process or before this one began. Any thread may say so."""
        self._floor = _ticks(newest_us)

    def new(self, wall_us: int) -> str:
        self._last = ticks = max(_ticks(wall_us), self._last + 1, self._floor + 1)
        chance = self._random.getrandbits(50)
        tail = 0x8000_0000_0000_0000 | chance << 12
        value = (ticks >> 12) << 80 | 7 << 76 | (ticks & 0xFFF) << 64 | tail
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def mark(self) -> str:
        """What tells one batch's rows from another's."""
        return self._marks.randbytes(8).hex()
