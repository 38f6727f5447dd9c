"""How much sending may take of the hub's time: all that it wants while nobody calls, what calls leave while few of them
are in hand, and a small share while they crowd.

Whether they do is seen by looking, again and again, how many calls are in hand. Some always are, since each waits for
the disk; what grows with the load is how many. Where sending takes too much they pile up, and it is held back.
"""

from __future__ import annotations

import time
from collections.abc import Callable

# So many calls in hand are a crowd, at any moment or on the average of the looks of a while.
_CROWD = 12
_LOOKS_FOR_S = 0.25
_LEAST_LOOKS = 5
# Nobody called for so long: what is sent makes nobody wait.
_QUIET_S = 0.05
# So many messages leave together; then calls have their turn, and it is looked again.
_AT_ONCE = 3
_LOOK_AGAIN_S = 0.002
# Of the processor time that the process gets, while it is busy.
_SHARE = 0.04
# What a message costs in all: read, worded, signed, posted, written down.
_COST_S = 0.0006
_MOST_SAVED = 8
_BUSY_PAUSE_S = 0.03


class Pace:
    """For one event loop.

    in_hand  how many calls are being served
    """

    def __init__(
        self,
        in_hand: Callable[[], int],
        now_s: Callable[[], float] = time.monotonic,
        spent_s: Callable[[], float] = time.process_time,
    ) -> None:
        self._in_hand = in_hand
        self._now_s = now_s
        self._spent_s = spent_s
        self._called_s = now_s() - 1.0  # when a call was last seen
        self._began_s = now_s()
        self._looks = self._seen = 0
        self._is_busy = False
        self._left = _AT_ONCE
        self._next_s = 0.0  # when, in processor time, the next message of a busy hub is paid for

    @property
    def is_busy(self) -> bool:
        """Whether calls crowd."""
        self._look()
        return self._is_busy

    @property
    def is_quiet(self) -> bool:
        """Whether nobody was seen to call of late."""
        return self._now_s() - self._called_s > _QUIET_S

    def may_send(self) -> float:
        """0.0: a message may leave; else ask again in so many seconds."""
        in_hand = self._look()
        if self._is_busy:
            return self._share_left()
        if self.is_quiet:
            return 0.0
        if in_hand < _CROWD and self._left:
            self._left -= 1
            return 0.0
        self._left = _AT_ONCE
        return _LOOK_AGAIN_S

    def _look(self) -> int:
        """How many calls are in hand now."""
        now, in_hand = self._now_s(), self._in_hand()
        if in_hand:
            self._called_s = now
        if now - self._began_s > 2 * _LOOKS_FOR_S:  # nobody looked for a while
            self._begin(now)
            self._is_busy = False
        if self._left == _AT_ONCE:  # messages that leave together were let go by one look
            self._looks += 1
            self._seen += in_hand
        if now - self._began_s >= _LOOKS_FOR_S and self._looks >= _LEAST_LOOKS:
            self._is_busy = self._seen >= _CROWD * self._looks
            self._begin(now)
        return in_hand

    def _begin(self, now_s: float) -> None:
        self._began_s = now_s
        self._looks = self._seen = 0

    def _share_left(self) -> float:
        every_s, spent = _COST_S / _SHARE, self._spent_s()
        self._next_s = max(self._next_s, spent - _MOST_SAVED * every_s)
        if self._next_s > spent:
            return _BUSY_PAUSE_S
        self._next_s += every_s
        return 0.0
