"""Waiting lines of several owners, served in turn by what their entries cost."""

from __future__ import annotations

import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")

_MARKS_KEPT = 64
_COMPANY_S = 1.0


class Lanes(Generic[T]):
    """One line for each owner, first in, first out; whoever was served least is next.

    An owner's mark is what they were served so far, in cost. Who comes back starts at the mark of the one being
    served: nothing is owed for the time away, and what they were served ahead of others still counts.
    Not thread-safe.
    """

    def __init__(self) -> None:
        self._lines: dict[int, deque[tuple[int, T]]] = {}
        self._turns: list[tuple[int, int, int]] = []  # heap of (mark, since when, owner)
        self._marks: dict[int, int] = {}  # of owners who do not wait and are ahead
        self._mark = 0  # of the one served last
        self._is_parted = False  # some wait who are not seen
        self._since = itertools.count()
        self._size = 0
        self.cost = 0  # of all that wait, those who are not seen among them

    def __len__(self) -> int:
        return self._size

    def put(self, owner: int, item: T, cost: int = 1) -> None:
        """To the end of the owner's line. `cost` is at least 1."""
        line = self._lines.get(owner)
        if line is None:
            line = self._lines[owner] = deque()
            mark = max(self._marks.pop(owner, 0), self._mark)
            heapq.heappush(self._turns, (mark, next(self._since), owner))
        line.append((cost, item))
        self._size += 1
        self.cost += cost

    def take(self) -> tuple[int, T]:
        """(cost, entry) of the one whose turn it is. Raises IndexError when nobody waits."""
        mark, _, owner = heapq.heappop(self._turns)
        line = self._lines[owner]
        cost, item = line.popleft()
        self._size -= 1
        self.cost -= cost
        self._mark = mark
        if line:
            heapq.heappush(self._turns, (mark + cost, next(self._since), owner))
        else:
            del self._lines[owner]
            self._leave(owner, mark + cost)
        return cost, item

    @property
    def next_owner(self) -> int:
        """Whose turn it is. Raises IndexError when nobody waits."""
        return self._turns[0][2]

    @contextmanager
    def only(self, is_meant: Callable[[int], bool]) -> Iterator[None]:
        """For so long only owners who are meant wait; the others keep their places. Nobody may come meanwhile."""
        away = [turn for turn in self._turns if not is_meant(turn[2])]
        if not away:
            yield
            return
        lines = {owner: self._lines.pop(owner) for _, _, owner in away}
        size = sum(map(len, lines.values()))
        self._turns = [turn for turn in self._turns if turn[2] not in lines]
        heapq.heapify(self._turns)
        self._size -= size
        self._is_parted = True
        try:
            yield
        finally:
            self._is_parted = False
            self._size += size
            self._lines |= lines
            self._turns += away
            heapq.heapify(self._turns)

    def _leave(self, owner: int, mark: int) -> None:
        if not self._lines and not self._is_parted:
            self._marks.clear()
            self._mark = 0
            return
        self._marks[owner] = mark
        if len(self._marks) > 2 * len(self._lines) + _MARKS_KEPT:
            self._marks = {each: at for each, at in self._marks.items() if at > self._mark}


class Company:
    """Whether several owners call at the same time: two of them within a second, the second no longer than that ago."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._last = 0
        self._last_s = 0.0
        self._until_s = 0.0

    def heard(self, owner: int) -> None:
        """The owner calls. Nobody (0: an operator who looks on, say) is no company."""
        if owner:
            now = self._now_s()
            if owner != self._last:
                if self._last and now < self._last_s + _COMPANY_S:
                    self._until_s = now + _COMPANY_S
                self._last = owner
            self._last_s = now

    @property
    def is_there(self) -> bool:
        return self._now_s() < self._until_s
