"""How much sending may take of the hub's time: all that it wants while nobody calls, what calls leave while the hub can
do both, and a small share while calls take all that there is.

Whether they do is seen by looking, again and again, whether any call is in hand. What is sent makes calls wait, but
it makes no calls: a hub that has time for both is found without a call now and then, a crowded one hardly ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable

# Fewer of the looks than this found no call in hand: calls take all that there is.
_RARELY = 0.15
_LOOKS_FOR_S = 0.25
_LEAST_LOOKS = 5
# Nobody called for so long: what is sent makes nobody wait.
_QUIET_S = 0.05
# So many messages leave where no call is in hand; then it is looked again.
_AT_ONCE = 4
_LOOK_AGAIN_S = 0.002
# Of the processor time that the process gets, while it is busy.
_SHARE = 0.08
# What a message costs in all: read, worded, signed, posted, written down.
_COST_S = 0.0012
_MOST_SAVED = 8
_BUSY_PAUSE_S = 0.01


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
        self._looks = self._idle_looks = 0
        self._is_busy = False
        self._left = _AT_ONCE
        self._next_s = 0.0  # when, in processor time, the next message of a busy hub is paid for

    @property
    def is_busy(self) -> bool:
        """Whether calls take all that there is."""
        self._look()
        return self._is_busy

    def may_send(self) -> float:
        """0.0: a message may leave; else ask again in so many seconds."""
        is_idle = self._look()
        if self._is_busy:
            return self._share_left()
        if self._now_s() - self._called_s > _QUIET_S:
            return 0.0
        if is_idle and self._left:
            self._left -= 1
            return 0.0
        self._left = _AT_ONCE
        return _LOOK_AGAIN_S

    def _look(self) -> bool:
        """Whether no call is in hand now."""
        now, is_idle = self._now_s(), not self._in_hand()
        if not is_idle:
            self._called_s = now
        if now - self._began_s > 2 * _LOOKS_FOR_S:  # nobody looked for a while
            self._begin(now)
            self._is_busy = False
        if (
            not is_idle or self._left == _AT_ONCE
        ):  # messages that leave together were let go by one look
            self._looks += 1
            self._idle_looks += is_idle
        if now - self._began_s >= _LOOKS_FOR_S and self._looks >= _LEAST_LOOKS:
            self._is_busy = self._idle_looks < _RARELY * self._looks
            self._begin(now)
        return is_idle

    def _begin(self, now_s: float) -> None:
        self._began_s = now_s
        self._looks = self._idle_looks = 0

    def _share_left(self) -> float:
        every_s, spent = _COST_S / _SHARE, self._spent_s()
        self._next_s = max(self._next_s, spent - _MOST_SAVED * every_s)
        if self._next_s > spent:
            return _BUSY_PAUSE_S
        self._next_s += every_s
        return 0.0
