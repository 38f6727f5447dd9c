"""Whether commits can be made, as seen by everyone who tries: said in the log when it changes, and only then."""

from __future__ import annotations

import logging
import threading
import time

log = logging.getLogger("orderhub.standing")


class Standing:
    """The writer, the readers and the probe of `/health/ready` tell it what they met. Any thread may."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._trouble: type[Exception] | None = None
        self._committed_at: float | None = None

    @property
    def is_good(self) -> bool:
        return self._trouble is None

    def committed_within(self, seconds: float) -> bool:
        """Whether the last that was tried was a commit, and so lately."""
        at = self._committed_at
        return self.is_good and at is not None and time.monotonic() - at <= seconds

    def committed(self) -> None:
        with self._lock:
            self._committed_at = time.monotonic()
            if self._trouble is not None:
                self._trouble = None
                log.warning("commits can be made again")

    def failed(self, error: Exception) -> None:
        """The database is in trouble. A second line comes only with trouble of another kind."""
        with self._lock:
            kind = type(getattr(error, "orig", None) or error)
            if self._trouble is not kind:
                log.error("no commit can be made: %s", said(error))
            self._trouble = kind


def said(error: Exception) -> str:
    """What the database says of itself, on one line."""
    text = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    return text or type(error).__name__
