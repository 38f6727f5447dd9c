"""UUIDv7 whose last three hex digits are zero: they are room for an order's line numbers (core/ids.py)."""

from __future__ import annotations

import random


class Uids:
    """Time-ordered within this process. Chance is not secret: uids are names, not capabilities."""

    def __init__(self) -> None:
        self._random = random.Random()  # noqa: S311 - see above
        self._last = 0

    def new(self, wall_us: int) -> str:
        # 48 bits of milliseconds and 12 of the microseconds within, so that uids sort by arrival.
        ticks = (wall_us // 1000 << 12) | (wall_us % 1000 << 2)
        self._last = ticks = max(ticks, self._last + 1)
        chance = self._random.getrandbits(50)
        tail = 0x8000_0000_0000_0000 | chance << 12
        value = (ticks >> 12) << 80 | 7 << 76 | (ticks & 0xFFF) << 64 | tail
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
