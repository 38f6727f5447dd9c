"""The queue and its one writer thread: takes all that waits, has it decided, commits once, then answers everyone.

Batching is never visible to a caller: no timer waits to fill a batch, one command's refusal or fault
never touches its neighbours, and an answer leaves only after the commit.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Protocol

from orderhub.core.commands import ChangeSettings
from orderhub.intake.deciding import BatchRun
from orderhub.intake.outcome import Outcome, Waiting
from orderhub.intake.standing import Standing, said
from orderhub.intake.uids import Uids
from orderhub.ledger.ledger import Ledger

log = logging.getLogger("orderhub.intake")

# A batch that met a deadlock or a serialization failure is tried again; only then is it taken apart.
_RETRIES = 12
# But no longer than a caller waits.
_PATIENCE_S = 4.0
# Behind creates that wait, so many commands of a bulk load enter a batch; when none wait, a batch full.
_BULK_SHARE = 64


_LOOK_EVERY_S = 0.5
# A batch closes by cost: a command with a long request counts as several.
_BYTES_A_UNIT = 4_096


def _cost(waiting: Waiting) -> int:
    return 1 + len(waiting.command.origin.request) // _BYTES_A_UNIT


def _parts(batch: list[Waiting], limit: int) -> Iterator[list[Waiting]]:
    """The batch in parts of at most `limit`, and anew before and after a change of a tenant's settings.

    Ids are set aside when facts are loaded, and a tenant's first one is among its settings.
    """
    part: list[Waiting] = []
    for waiting in batch:
        turns = isinstance(waiting.command, ChangeSettings)
        if part and (turns or len(part) >= limit):
            yield part
            part = []
        part.append(waiting)
        if turns:
            yield part
            part = []
    if part:
        yield part


class Busy(Exception):
    """The queue is full: try again after `retry_after_s` seconds."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"busy, retry after {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Meter(Protocol):
    """What the intake tells the metrics."""

    def batch(self, size: int, seconds: float) -> None: ...
    def retried(self) -> None: ...


class NoMeter:
    def batch(self, size: int, seconds: float) -> None: ...
    def retried(self) -> None: ...


def _deliver(outcomes: Sequence[tuple[Callable[[Outcome], None], Outcome]]) -> None:
    for deliver, outcome in outcomes:
        deliver(outcome)


class Intake:
    """Start it before the first `put`; `stop` finishes what waits. Stopping twice is fine."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        queue_limit: int = 2_000,
        batch_limit: int = 256,
        slot: int = 0,
        now_us: Callable[[], int] | None = None,
        meter: Meter | None = None,
        standing: Standing | None = None,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self._ledger = ledger
        self._queue_limit = queue_limit
        self._batch_limit = batch_limit
        self._slot = slot
        self._now_us = now_us or (lambda: time.time_ns() // 1000)
        self._meter: Meter = meter or NoMeter()
        self._standing = standing or Standing()
        self._patience_s = patience_s
        self._uids = Uids()
        self._queue: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._bulk: queue.SimpleQueue[Waiting] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._gate = threading.Lock()

    # --- the caller's side

    @property
    def depth(self) -> int:
        return self._queue.qsize() + self._bulk.qsize()

    def put(self, waiting: Waiting, *, bulk: bool = False) -> None:
        """Queue a command. Raises Busy at once when the queue is full or the hub is stopping."""
        lane = self._bulk if bulk else self._queue
        with self._gate:
            if self._thread is None or lane.qsize() >= self._queue_limit:
                raise Busy(1)
            waiting.enqueued_at = time.perf_counter()
            lane.put(waiting)
            if bulk and self._queue.empty():
                self._queue.put(
                    None
                )  # wakes the writer; one is enough, and it takes a create's place

    def start(self) -> None:
        if self._thread is None:
            self._stopping = False
            self._thread = threading.Thread(target=self._run, name="orderhub-writer", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Take nothing new, finish what waits, leave."""
        with self._gate:
            thread, self._thread = self._thread, None
            self._stopping = True
            self._queue.put(None)
        if thread is not None:
            thread.join()

    # --- the writer's side

    def _run(self) -> None:
        while True:
            batch = self._next_batch()
            if batch:
                self._finish(batch)
            elif self._stopping and not self.depth:
                return

    def _next_batch(self) -> list[Waiting]:
        """All that waits up to the limit, creates before bulk loads. Blocks only while nothing waits."""
        batch: list[Waiting] = []
        cost = 0
        wait = not self._stopping and not self._bulk.qsize()
        with suppress(queue.Empty):
            while cost < self._batch_limit:
                each = self._queue.get(timeout=_LOOK_EVERY_S) if wait else self._queue.get_nowait()
                wait = False
                if each is not None:
                    batch.append(each)
                    cost += _cost(each)
        with suppress(queue.Empty):
            share = min(_BULK_SHARE, self._batch_limit) if batch else self._batch_limit
            while share > 0:
                each = self._bulk.get_nowait()
                batch.append(each)
                share -= _cost(each)
        return batch

    def _finish(self, batch: list[Waiting]) -> None:
        wanted = [each for each in batch if not each.is_given_up]
        for part in _parts(wanted, self._batch_limit):
            self._settle(part)

    def _settle(self, batch: list[Waiting], *, hurried: bool = False) -> None:
        """Decide, commit, hand out; a batch that keeps failing is taken apart, so that a poisoned command fails alone.

        Parts are answered as soon as they are committed.
        """
        while batch:
            found = self._decide(batch, hurried=hurried)
            if isinstance(found, list):
                self._hand_out(batch[: len(found)], found)
                batch = batch[len(found) :]
                continue
            slow = self._ledger.is_slow(found)
            outcome = self._failure(found, slow=slow, alone=len(batch) == 1)
            if outcome is not None:
                self._hand_out(batch, [outcome] * len(batch))
                return
            # What was waited for once is not waited for as long again, part by part.
            hurried = hurried or slow
            middle = len(batch) // 2
            self._settle(batch[:middle], hurried=hurried)
            batch = batch[middle:]

    def _decide(self, batch: list[Waiting], *, hurried: bool) -> list[Outcome] | Exception:
        """One commit, or why there is none. Fewer outcomes than commands: the rest begins the next batch."""
        started = time.perf_counter()
        error: Exception | None = None
        for attempt in range(_RETRIES):
            try:
                now_us = self._now_us()
                run = BatchRun(self._ledger, self._uids, self._slot, batch, now_us, hurried=hurried)
                outcomes = run.run()
            except Exception as failure:  # noqa: BLE001 - sorted out by who asked, by what it was
                error = failure
                waited_s = time.perf_counter() - started
                if waited_s > self._patience_s or not self._ledger.is_passing(failure, attempt):
                    break
                self._meter.retried()
                time.sleep(random.random() * 0.002 * 2 ** min(attempt, 6))  # noqa: S311 - jitter
            else:
                if run.has_written:
                    self._standing.committed()
                self._meter.batch(len(outcomes), time.perf_counter() - started)
                return outcomes
        assert error is not None
        return error

    def _failure(self, error: Exception, *, slow: bool, alone: bool) -> Outcome | None:
        """What everyone in the batch is told; None: it may be due to one of them."""
        if slow:
            if not alone:
                return None
            log.warning("a command met a time limit: %s", said(error))
        elif self._ledger.is_outage(error):
            self._standing.failed(error)
        elif not alone:
            return None
        else:
            log.error("a command cannot be written", exc_info=error)
            return Outcome(kind="broken", detail=type(error).__name__)
        return Outcome(kind="unavailable", detail=type(error).__name__)

    def _hand_out(self, batch: Sequence[Waiting], outcomes: Sequence[Outcome]) -> None:
        by_loop: dict[object, list[tuple[Callable[[Outcome], None], Outcome]]] = {}
        for waiting, outcome in zip(batch, outcomes, strict=True):
            by_loop.setdefault(waiting.loop, []).append((waiting.deliver, outcome))
        for loop, pairs in by_loop.items():
            if loop is None:
                _deliver(pairs)
                continue
            try:
                loop.call_soon_threadsafe(_deliver, pairs)  # type: ignore[attr-defined]
            except RuntimeError:
                log.warning("%s answers had no one left to go to", len(pairs))
