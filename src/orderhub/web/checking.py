"""`orderhub check` in the background: one at a time, on connections of its own, while orders go on."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from orderhub.ledger.check import Report, check_ledger
from orderhub.ledger.database import DatabaseRefused, open_engine

_SHOWN = 100  # breaches


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found. `trouble`: why it could not be done; then there is nothing else."""

    began_at: int
    ended_at: int
    total: int = 0
    counts: tuple[tuple[str, int], ...] = ()
    breaches: tuple[str, ...] = ()
    trouble: str = ""


class Checking:
    """One for each port; any thread may call it. Instants are microseconds of wall time, 0 = none runs."""

    def __init__(self, database: str, now_us: Callable[[], int]) -> None:
        self._database = database
        self._now_us = now_us
        self._lock = threading.Lock()
        self.running_since = 0
        self.last: Verdict | None = None

    def begin(self) -> bool:
        """Whether a check was begun: not while another runs."""
        with self._lock:
            if self.running_since:
                return False
            self.running_since = self._now_us()
        threading.Thread(target=self._run, name="orderhub-check", daemon=True).start()
        return True

    def _run(self) -> None:
        began_at, report, trouble = self.running_since, Report(), ""
        try:
            report = self._report()
        except DatabaseRefused as refused:
            trouble = str(refused)
        except Exception as error:  # noqa: BLE001 - whoever asked is told, and may ask again
            trouble = f"The check broke off: {type(error).__name__}."
        verdict = Verdict(
            began_at=began_at,
            ended_at=self._now_us(),
            total=report.total,
            counts=tuple(report.counts.items()),
            breaches=tuple(map(str, report.breaches[:_SHOWN])),
            trouble=trouble,
        )
        with self._lock:
            self.last, self.running_since = verdict, 0

    def _report(self) -> Report:
        """Statements may take as long as they need, as on the command line."""
        engine = open_engine(self._database)
        try:
            return check_ledger(engine)
        finally:
            engine.dispose()
