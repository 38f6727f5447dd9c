"""A machine whose wall clock can be set wrong, for tests of what must not depend on it."""

from __future__ import annotations

from orderhub.intake.clock import Clock

SECOND, MINUTE, HOUR, DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000


class Machine:
    """True time passes by `passes`; `jump` sets the wall clock off. Each process that starts has a clock of its own."""

    def __init__(self, at_us: int) -> None:
        self.true_us = at_us
        self.off_us = 0
        self._booted_us = at_us - 1_000 * SECOND

    def passes(self, by_us: int) -> None:
        self.true_us += by_us

    def jump(self, off_us: int) -> None:
        """The wall is so far off the true time from now on; 0 = it is right again."""
        self.off_us = off_us

    def wall_us(self) -> int:
        return self.true_us + self.off_us

    def steady_us(self) -> int:
        return self.true_us - self._booted_us

    def clock(self) -> Clock:
        return Clock(self.wall_us, self.steady_us)
