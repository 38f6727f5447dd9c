"""Whoever writes to the SQLite file takes turns, first come first served.

SQLite has one writer and no queue: who finds the file locked looks again after a while, and beside a writer that is
never idle he may find it locked for ever.
"""

from __future__ import annotations

import threading
from collections import deque


class DatabaseLocked(Exception):
    """The turn did not come in time: whoever has it does not get on."""


class Turns:
    """One at a time, in the order of arrival; for the threads of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._is_taken = False

    def take(self, limit_s: float) -> None:
        """Raises DatabaseLocked after so long."""
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return
            mine = threading.Event()
            self._waiting.append(mine)
        if mine.wait(limit_s):
            return
        with self._lock:
            if mine.is_set():  # at the last moment
                return
            self._waiting.remove(mine)
        raise DatabaseLocked("the database is locked by a writer that does not get on")

    def leave(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()  # it stays taken
            else:
                self._is_taken = False
