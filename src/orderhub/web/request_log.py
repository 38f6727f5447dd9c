"""The request log: calls wait in a short queue, and a thread of its own writes them down beside the orders.

It never slows or fails an order. What comes too fast is dropped and counted: writing takes a small share of the time,
whatever comes, and a call that was served gives way to one that was not. Secrets are cut out by that thread, too.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from orderhub.core.request_log import Exchange, LoggedRequest
from orderhub.core.values import Settings
from orderhub.dialects.contract import Answer, Call, Dialect, Route, Why
from orderhub.dialects.pausing import pausing
from orderhub.ledger.ledger import Ledger
from orderhub.web.masking import MOST_BYTES, Mask, secrets_of
from orderhub.web.metrics import Metrics

MOST_KEPT = 10_000  # of each tenant
KEPT_DAYS = 7
_QUEUE = 1_000
_BATCH = 64
_MOST_WAITING_BYTES = 16 * 1024 * 1024
# So much of a body is looked at: enough to fill what is kept once its secrets are cut out.
_BODY_BYTES = 4 * MOST_BYTES
_PAUSE_S = 0.2
# Of the time, that is: after a second of writing, 24 of doing nothing.
_SHARE = 0.04
_STOP_WITHIN_S = 2.0
LONGEST_PATH = 500  # a longer one is too long for an index
_LONGEST_TEXT = 1_000

# Whose calls belong to no tenant: an operator's.
_OPERATORS = Settings(name="operator")


def keeps(settings: Settings, by_default: str, *, has_failed: bool) -> bool:
    """Whether a call is kept: as the tenant says, else as the program is set, else by what the tenant is."""
    wanted = settings.request_log or by_default or ("all" if settings.sandbox else "failed")
    return wanted == "all" or (wanted == "failed" and has_failed)


@dataclass(slots=True)
class _Entry:
    """What of a call outlives it."""

    tenant_id: int
    settings: Settings | None  # None: not known when it ended
    dialect: Dialect
    request_id: str
    recorded_at: int
    method: str
    path: str
    query: str
    headers: Any
    body: bytes
    body_size: int
    answer: Answer
    why: Why | None
    status: int
    credential: str
    label: str
    orders: tuple[str, ...]
    duration_us: int

    @property
    def has_failed(self) -> bool:
        return self.why is not None or not 200 <= self.status < 400

    @property
    def size(self) -> int:
        return len(self.body) + len(self.answer.body) + 1_000


class RequestLog:
    """One for each port. `offer` is for the event loop alone; `flush` for any thread.

    by_default  what is kept where the tenant does not say: `all`, `failed`, `none` or empty
    known       a tenant's settings, where they were read a moment ago
    """

    def __init__(
        self,
        ledger: Ledger,
        metrics: Metrics,
        by_default: str,
        known: Callable[[int], Settings | None],
        now_us: Callable[[], int],
        most: int = MOST_KEPT,
    ) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self._by_default = by_default.lower()
        self._known = known
        self._now_us = now_us
        self._most = most
        self._queue: deque[_Entry] = deque()
        self._bytes = 0
        self._counting = threading.Lock()
        self._writing = threading.Lock()  # one batch at a time
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._secrets: dict[str, frozenset[str]] = {}
        self._spent_s = 0.0  # by the last batch
        self._log = structlog.get_logger("orderhub.requests")

    # --- the loop of its own

    def start(self) -> None:
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="orderhub-requests", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """What waits is still written, within a moment; before a start it does nothing."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stopping.set()
        thread.join(_STOP_WITHIN_S)
        ends_at = time.monotonic() + _STOP_WITHIN_S
        while not thread.is_alive() and time.monotonic() < ends_at and self.flush():
            pass

    def _run(self) -> None:
        pause_s = _PAUSE_S
        while not self._stopping.wait(pause_s):
            self.flush()
            pause_s = max(_PAUSE_S, self._spent_s / _SHARE)

    # --- in

    def offer(
        self,
        call: Call,
        route: Route | None,
        answer: Answer | None,
        seconds: float,
        why: Why | None = None,
    ) -> None:
        """Queue a call that is over, if it is to be kept. No answer: the connection is closed without one.

        why   where the call itself does not say it
        """
        caller = call.caller
        tenant_id = call.tenant_id if caller is None else caller.tenant_id
        if self._thread is None or (caller is None and not tenant_id):
            return  # a call that is nobody's
        if not call.dialect.is_api:
            return  # somebody at the desk
        status = 0 if answer is None else answer.status
        has_failed = call.cause is not None or why is not None or not 200 <= status < 400
        if not has_failed and route is not None and route.probe:
            return
        settings = self._known(tenant_id) if tenant_id else _OPERATORS
        if settings is not None and not keeps(settings, self._by_default, has_failed=has_failed):
            return
        most = _QUEUE if has_failed else _QUEUE // 2
        if len(self._queue) >= most or self._bytes >= _MOST_WAITING_BYTES:
            self._metrics.requests_dropped.inc()
            return
        answer = answer or Answer(0, b"")
        is_private = route is not None and route.private
        if is_private:
            answer = Answer(answer.status, b"", answer.headers, answer.media_type)
        why = why or call.why
        if why is None and status == 0:
            why = Why("dropped", "", "the connection was closed without an answer, on purpose")
        entry = _Entry(
            tenant_id=tenant_id,
            settings=settings,
            dialect=call.dialect,
            request_id=call.request_id,
            recorded_at=self._now_us(),
            method=call.method,
            path=call.path,
            query=call.query_string,
            headers=call.headers,
            body=b"" if is_private else call.body[:_BODY_BYTES],
            body_size=0 if is_private else len(call.body),
            answer=answer,
            why=why,
            status=status,
            credential="" if caller is None else caller.credential.id.partition(":")[0],
            label="" if caller is None else caller.credential.label,
            orders=call.notes.get("orders", ()),
            duration_us=round(seconds * 1_000_000),
        )
        with self._counting:
            self._bytes += entry.size
        self._queue.append(entry)

    # --- out

    def flush(self) -> int:
        """Write some of what waits; answers how much that was. Whatever goes wrong costs the log, and nobody else."""
        with self._writing:
            self._spent_s = 0.0
            entries = self._taken()
            if not entries:
                return 0
            try:
                # By the processor: to give way to whoever serves takes nobody's time.
                with self._spending(time.thread_time):
                    kept = self._kept(entries)
                if kept:
                    with self._spending(time.monotonic):
                        self._ledger.keep_requests(kept, self._most)
                    self._metrics.requests_kept.inc(len(kept))
            except Exception as error:  # noqa: BLE001 - nobody's answer depends on it
                self._metrics.requests_dropped.inc_at_once(by=len(entries))
                # Only what kind of fault it was: its words are the intake's and the readiness' to say, once.
                self._log.warning(
                    "request log not written", calls=len(entries), why=type(error).__name__
                )
            return len(entries)

    @contextmanager
    def _spending(self, clock_s: Callable[[], float]) -> Iterator[None]:
        began_s = clock_s()
        try:
            yield
        finally:
            self._spent_s += clock_s() - began_s

    def _taken(self) -> list[_Entry]:
        entries: list[_Entry] = []
        while self._queue and len(entries) < _BATCH:
            entries.append(self._queue.popleft())
        with self._counting:
            self._bytes -= sum(entry.size for entry in entries)
        return entries

    def _kept(self, entries: list[_Entry]) -> list[tuple[LoggedRequest, Exchange]]:
        unknown = {each.tenant_id for each in entries if each.settings is None}
        read = {}
        if unknown:
            read = self._ledger.read(
                lambda reads: {
                    each: found.doc
                    for each in unknown
                    if (found := reads.record(each, "settings", "id", 0)) is not None
                }
            )
        found = [(entry, entry.settings or read.get(entry.tenant_id)) for entry in entries]
        return [
            self._logged(entry, settings)
            for entry, settings in pausing(found, every=1)
            if settings is not None
            and keeps(settings, self._by_default, has_failed=entry.has_failed)
        ]

    def _logged(self, entry: _Entry, settings: Settings) -> tuple[LoggedRequest, Exchange]:
        name = entry.dialect.name
        if name not in self._secrets:
            self._secrets[name] = secrets_of(entry.dialect)
        mask = Mask(self._secrets[name], is_sandbox=settings.sandbox)
        answer, why = entry.answer, entry.why or Why("")
        sent = mask.headers(entry.headers.items())
        told = mask.headers((("content-type", answer.media_type), *answer.headers))
        query = mask.query(entry.query)
        is_whole = len(entry.body) == entry.body_size
        body = mask.body(entry.body, entry.headers.get("content-type", ""), is_whole=is_whole)
        answer_body = answer.body[:_BODY_BYTES]
        is_all = len(answer_body) == len(answer.body)
        answered = mask.answer(answer_body, answer.media_type, is_whole=is_all)
        call = LoggedRequest(
            tenant_id=entry.tenant_id,
            id=entry.request_id,
            recorded_at=entry.recorded_at,
            channel=name,
            method=entry.method[:20],
            path=mask.cut(entry.path)[:LONGEST_PATH],
            status=entry.status,
            reason=why.reason,
            field=mask.cut(why.field)[:_LONGEST_TEXT],
            detail=mask.cut(why.detail)[:_LONGEST_TEXT],
            credential=entry.credential,
            label=entry.label,
            orders=entry.orders,
            duration_us=entry.duration_us,
        )
        exchange = Exchange(
            query=mask.without_secrets(query),
            request=mask.message(sent, body, is_cut=not is_whole),
            answer=mask.message(told if entry.status else {}, answered, is_cut=not is_all),
        )
        return call, exchange
