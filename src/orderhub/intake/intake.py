"""The queue and its one writer thread: takes all that waits, has it decided, commits once, then answers everyone.

Batching is never visible to a caller: no timer waits to fill a batch, one command's refusal or fault
never touches its neighbours, and an answer leaves only after the commit. Tenants are served in turn.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

from orderhub.core.decide import HANDLERS
from orderhub.core.facts import TenantGone
from orderhub.intake.answers import Answers
from orderhub.intake.batch import CommandBatch
from orderhub.intake.busy import Busy, Returns
from orderhub.intake.clock import Recording, wall_us
from orderhub.intake.lanes import Company, Lanes
from orderhub.intake.outcome import Failure, Settled, Waiting
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
# Who shares the queue waits for the batch under way and their own: while several tenants call, both stay this short.
_SHARED_BATCH_S = 0.015
_LEAST_SHARED, _MOST_SHARED = 24, 96
# A batch closes by cost: a command with a long request counts as several, and so does one that writes many records.
_BYTES_A_UNIT, _RECORDS_A_UNIT = 4_096, 2
# So do those that wait, which memory has to hold: as many as the queue's limit of this cost. Most cost 1 to 4.
_USUAL_COST = 16


def _cost(waiting: Waiting) -> int:
    command = waiting.command
    records = len(HANDLERS[type(command)].records(command))
    return 1 + len(command.origin.request) // _BYTES_A_UNIT + records // _RECORDS_A_UNIT


def _parts(batch: list[Waiting], limit: int) -> Iterator[list[Waiting]]:
    """The batch in parts of at most `limit`, with a part of its own for a command that stands alone."""
    part: list[Waiting] = []
    for waiting in batch:
        is_alone = HANDLERS[type(waiting.command)].stands_alone
        if part and (is_alone or len(part) >= limit):
            yield part
            part = []
        part.append(waiting)
        if is_alone:
            yield part
            part = []
    if part:
        yield part


class Meter(Protocol):
    """What the intake tells the metrics."""

    def batch(self, size: int, seconds: float) -> None: ...
    def retried(self) -> None: ...


class NoMeter:
    def batch(self, size: int, seconds: float) -> None: ...
    def retried(self) -> None: ...


def _fill(batch: list[Waiting], lanes: Lanes[Waiting], limit: int) -> None:
    """Move what waits to the batch, in turn, until it costs as much as the limit."""
    while limit > 0 and lanes:
        cost, each = lanes.take()
        batch.append(each)
        limit -= cost


class Intake:
    """Start it before the first `put`; `stop` finishes what waits. Stopping twice is fine."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        queue_limit: int = 2_000,
        batch_limit: int = 256,
        now_us: Callable[[], int] | None = None,
        meter: Meter | None = None,
        standing: Standing | None = None,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self._ledger = ledger
        self._queue_limit = queue_limit
        self._batch_limit = batch_limit
        self.slot = 0  # the number of the process, as it is leased; any thread may set it
        self._now_us = now_us or wall_us
        self._recording = Recording()
        self._meter: Meter = meter or NoMeter()
        self._standing = standing or Standing()
        self._patience_s = patience_s
        self._uids = Uids()
        self._queue: Lanes[Waiting] = Lanes()
        self._bulk: Lanes[Waiting] = Lanes()
        self._returns = Returns(max(1, queue_limit))
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._gate = threading.Condition()
        self._answers = Answers(self._gate)
        self._company = Company()
        # So many commands enter a batch while several tenants call: as many as take 15 ms. Any thread may read it.
        self.shared_batch = 32
        self._command_s = _SHARED_BATCH_S / self.shared_batch
        # Whose rows lie together on a cluster; None = all.
        self._group_of: Callable[[int], int] | None = None

    # --- the caller's side

    @property
    def depth(self) -> int:
        return len(self._queue) + len(self._bulk)

    def put(self, waiting: Waiting, *, bulk: bool = False) -> None:
        """Queue a command. Raises Busy at once when the queue is full or the hub is stopping."""
        # Seen here, where it costs one caller an answer, and not by the writer, who serves all.
        assert type(waiting.command) in HANDLERS, f"no handler of {type(waiting.command).__name__}"
        lanes = self._bulk if bulk else self._queue
        cost = _cost(waiting)
        with self._gate:
            if self._thread is None or self._is_full(lanes):
                raise Busy(self._returns.next_s())
            tenant_id = waiting.command.origin.tenant_id
            self._company.heard(tenant_id)
            lanes.put(tenant_id, waiting, cost)
            if self._answers.are_out:
                self._gate.notify()

    def _is_full(self, lanes: Lanes[Waiting]) -> bool:
        limit = self._queue_limit
        return len(lanes) >= limit or lanes.cost >= limit * _USUAL_COST

    def saw(self, newest_us: int) -> None:
        """What was recorded elsewhere, up to this time: what is recorded here from now on is later."""
        self._recording.saw(newest_us)
        self._uids.saw(newest_us)

    def start(self) -> None:
        if self._thread is None:
            self._stopping = False
            self._group_of = self._ledger.group_of
            self._thread = threading.Thread(target=self._run, name="orderhub-writer", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Take nothing new, finish what waits, leave."""
        with self._gate:
            thread, self._thread = self._thread, None
            self._stopping = True
            self._gate.notify()
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
        """All that waits up to the limit, creates before loads. Blocks while loops have their turn or nothing waits."""
        batch: list[Waiting] = []
        with self._gate:
            while not self._stopping:
                left_s = self._answers.left_s()
                if self.depth and not left_s:
                    break
                self._gate.wait(left_s or None)
            limit = self._batch_limit
            if self._company.is_there:
                limit = min(limit, self.shared_batch)
            with self._of_one_group():
                _fill(batch, self._queue, limit)
                _fill(batch, self._bulk, min(_BULK_SHARE, limit) if batch else limit)
        return batch

    @contextmanager
    def _of_one_group(self) -> Iterator[None]:
        """A batch is of tenants whose rows lie together: of those who wait, the group of the one whose turn it is."""
        group_of = self._group_of
        if group_of is None or not self.depth:
            yield
            return
        group = group_of((self._queue or self._bulk).next_owner)
        with ExitStack() as parted:
            for lanes in (self._queue, self._bulk):
                parted.enter_context(lanes.only(lambda owner: group_of(owner) == group))
            yield

    def _finish(self, batch: list[Waiting]) -> None:
        wanted = [each for each in batch if not each.is_given_up]
        self._ledger.learn_groups({each.command.origin.tenant_id for each in wanted})
        for part in _parts(wanted, self._batch_limit):
            self._settle(part)

    def _settle(self, batch: list[Waiting], *, hurried: bool = False) -> None:
        """Decide, commit, hand out; a batch that keeps failing is taken apart, so that a poisoned command fails alone.

        Parts are answered as soon as they are committed.
        """
        while batch:
            found = self._decide(batch, hurried=hurried)
            if isinstance(found, list):
                self._answers.hand_out(batch[: len(found)], found)
                batch = batch[len(found) :]
                continue
            slow = self._ledger.is_slow(found)
            outcome = self._failure(found, slow=slow, alone=len(batch) == 1)
            if outcome is not None:
                self._answers.hand_out(batch, [outcome] * len(batch))
                return
            # What was waited for once is not waited for as long again, part by part.
            hurried = hurried or slow
            middle = len(batch) // 2
            self._settle(batch[:middle], hurried=hurried)
            batch = batch[middle:]

    def _decide(self, batch: list[Waiting], *, hurried: bool) -> list[Settled] | Exception:
        """One commit, or why there is none. Fewer outcomes than commands: the rest begins the next batch."""
        started = time.perf_counter()
        error: Exception | None = None
        for attempt in range(_RETRIES):
            try:
                run = CommandBatch(
                    self._ledger,
                    self._uids,
                    self.slot,
                    batch,
                    self._now_us(),
                    hurried=hurried,
                    recording=self._recording,
                    optimistic=attempt == 0,
                )
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
                took_s = time.perf_counter() - started
                self._learn(len(outcomes), took_s)
                self._meter.batch(len(outcomes), took_s)
                return outcomes
        assert error is not None
        return error

    def _learn(self, size: int, took_s: float) -> None:
        """How long a command takes, by the last batches: it depends on the door, the disk and what else runs.

        Batches count by their size: in a small one a command bears much of what a batch costs whatever is in it.
        """
        weight = size / (size + _MOST_SHARED)
        self._command_s += (took_s / max(1, size) - self._command_s) * weight
        fitting = int(_SHARED_BATCH_S / self._command_s)
        self.shared_batch = max(_LEAST_SHARED, min(_MOST_SHARED, fitting))

    def _failure(self, error: Exception, *, slow: bool, alone: bool) -> Failure | None:
        """What everyone in the batch is told; None: it may be due to one of them."""
        if slow:
            if not alone:
                return None
            log.warning("a command met a time limit: %s", said(error))
        elif self._ledger.is_outage(error):
            self._standing.failed(error)
        elif not alone:
            return None
        elif isinstance(error, TenantGone):
            return Failure("gone")
        else:
            log.error("a command cannot be written", exc_info=error)
            return Failure("broken", type(error).__name__)
        return Failure("unavailable", type(error).__name__)
