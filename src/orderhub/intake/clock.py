"""The hub's time, told from the machine's two clocks: the one on the wall, which may jump, and the steady one.

Three questions, three answers; the decision page on the wall clock says why:
`now_us` what time it is, `onward_us` the same and never going back, `proven_us` how late it is for certain.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

# The wall may be this far from where the steady clock says it should be: a correction, a pause of the machine.
_TRUSTED_US = 60_000_000
# A longer jump is believed once it has lasted this long.
_LASTING_US = 300_000_000
# Going back by more than this is a mistake of the past put right: what was ahead is left there.
MOST_AHEAD_US = 86_400_000_000


def wall_us() -> int:
    return time.time_ns() // 1000


_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady_us() -> int:
    """Never jumps; goes on while the machine sleeps, where it can tell."""
    return time.clock_gettime_ns(_STEADY) // 1000


class Clock:
    """One for each hub. Any thread may ask. All times in microseconds, since 1970 UTC unless they are steady."""

    def __init__(
        self, wall: Callable[[], int] = wall_us, steady: Callable[[], int] = steady_us
    ) -> None:
        self._wall, self._steady = wall, steady
        self._gate = threading.Lock()
        self._agreed = (wall(), steady())  # when both clocks were last seen to agree
        self._doubted: tuple[int, int] | None = None  # by how much the wall is off, and since when
        self._onward = (0, 0)  # the latest that was told, and when
        self._proven: tuple[int, int] | None = (
            None  # the newest that is recorded, and when that was seen
        )

    def now_us(self) -> int:
        """The wall's time; while it seems to have jumped, what it would show had it not."""
        with self._gate:
            return self._now(self._steady())

    def onward_us(self) -> int:
        """`now_us`, but never earlier than before: for what is measured, expires or is put in order.

        After the wall went back it goes on at half the pace until the wall has caught up with it.
        """
        with self._gate:
            steady = self._steady()
            now = self._now(steady)
            told, since = self._onward
            held = told + (steady - since) // 2
            onward = now if now >= held or held - now > MOST_AHEAD_US else held
            self._onward = (onward, steady)
            return onward

    def proven_us(self) -> int | None:
        """No later than it is, whatever the wall says; None while nothing is recorded.

        Only time that was witnessed counts: up to the newest that the ledger held when this began to look,
        and what has passed since by the steady clock.
        """
        with self._gate:
            if self._proven is None:
                return None
            newest, since = self._proven
            steady = self._steady()
            return min(self._now(steady), newest + steady - since)

    def saw(self, newest_us: int | None) -> None:
        """The newest time in the ledger: nothing is told to be earlier, unless it is ahead by more than a day."""
        if newest_us is None:
            return
        with self._gate:
            steady = self._steady()
            if self._proven is None:
                self._proven = (newest_us, steady)
            told, since = self._onward
            ahead = newest_us - self._now(steady)
            if ahead <= MOST_AHEAD_US and newest_us > told + (steady - since) // 2:
                self._onward = (newest_us, steady)

    def _now(self, steady: int) -> int:
        wall = self._wall()
        agreed_wall, agreed_steady = self._agreed
        expected = agreed_wall + steady - agreed_steady
        off = wall - expected
        if abs(off) > _TRUSTED_US and not self._is_lasting(off, steady):
            return expected
        self._agreed, self._doubted = (wall, steady), None
        return wall

    def _is_lasting(self, off: int, steady: int) -> bool:
        if self._doubted is None or abs(off - self._doubted[0]) > _TRUSTED_US:
            self._doubted = (off, steady)
        return steady - self._doubted[1] >= _LASTING_US


class Recording:
    """When commands are recorded: each later than the one before, whatever time they came with.

    Only one thread asks for a time. A page that goes on behind a recorded time then never misses an order.
    """

    def __init__(self) -> None:
        self._last = 0
        self._floor = 0

    def saw(self, newest_us: int) -> None:
        """Something was recorded by another process, or before this one began. Any thread may say so."""
        self._floor = newest_us

    def at(self, came_us: int) -> int:
        """The time under which a command that came at `came_us` is recorded."""
        for earlier in (self._last, self._floor):
            if 0 <= earlier - came_us <= MOST_AHEAD_US:
                came_us = earlier + 1
        self._last = came_us
        return came_us
