"""A batch's statements to PostgreSQL: they gather, leave together, and are waited for only where something is asked.

psycopg's own pipeline looks at the socket with each statement, which costs the client more than the statement itself,
and the server a turn for each. This one is on psycopg's libpq, whose calls it keeps in order.
"""

from __future__ import annotations

import select
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result

# A statement is prepared when it comes for so many a time, and at most so many are at a time.
_PREPARED_FROM, _MOST_PREPARED = 3, 128
# How long the server keeps a plan. It would do so until it takes the table's figures, for minutes: one that was made
# when a table was empty reads all of it for each row that is changed, once there are some ten thousand.
_PLANNED_FOR_S = 15.0
# So many bytes leave at once, for the server to begin with; what is less waits for what comes behind it.
_GATHERED = 16_384
# As plain numbers: they are looked at twice a statement.
_FINE = (int(pq.ExecStatus.COMMAND_OK), int(pq.ExecStatus.TUPLES_OK))
_SYNC, _ABORTED = int(pq.ExecStatus.PIPELINE_SYNC), int(pq.ExecStatus.PIPELINE_ABORTED)


class Answer:
    """What comes of a statement."""

    __slots__ = ("_pipeline", "result")

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self.result: Any = None

    def rows(self) -> list[tuple[Any, ...]]:
        """All rows, waited for. Raises what is wrong with any statement up to this one."""
        return self._pipeline.rows_of(self)

    def changed(self) -> int:
        """How many rows were, as `rows`."""
        self._pipeline.wait_for(self)
        return self.result.command_tuples or 0


class Pipeline:
    """Of one connection, which nobody else uses from `open` to `close`. Raises what psycopg raises: then close it."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._pgconn = connection.pgconn
        self._encoding = connection.info.encoding
        self._loading = Transformer(connection)
        self._poll = select.poll()
        self._uses: dict[str, int] = {}
        self._names: dict[str, bytes] = {}  # of what is prepared
        self._unproven: list[str] = []  # prepared since the last commit
        self._count = 0
        self._planned_at = time.monotonic()
        self._owed: deque[Answer | None] = deque()  # for each statement that is not answered
        self._syncs = 0
        self._gathered = 0

    def open(self) -> None:
        self._pgconn.enter_pipeline_mode()

    def close(self) -> bool:
        """Leave the connection to psycopg, with whatever it is in; False: it cannot be. Waits for no lost one."""
        with suppress(psycopg.Error):
            self._sync()
        while self._syncs and self._pgconn.status == pq.ConnStatus.OK:
            with suppress(psycopg.Error):  # whoever waited for it was told, or nobody did
                self._next()
        with suppress(psycopg.Error):
            self._pgconn.exit_pipeline_mode()
        self._syncs = 0
        self._owed.clear()
        for sql in self._unproven:
            self._names.pop(sql, None)
        self._unproven.clear()
        return self._pgconn.pipeline_status == pq.PipelineStatus.OFF

    # --- statements

    def send(self, sql: str, parameters: Sequence[Any] = (), answer: Answer | None = None) -> None:
        """What is wrong with it is told by whatever is waited for behind it."""
        values = [self._value(each) for each in parameters] if parameters else None
        name = self._names.get(sql) or self._prepared(sql)
        if name:
            self._pgconn.send_query_prepared(name, values)
        else:
            self._pgconn.send_query_params(_numbered(sql), values)
        self._owed.append(answer)
        self._gathered += len(sql) if values is None else sum(map(len, filter(None, values)))
        if self._gathered > _GATHERED:
            self._gathered = 0
            self._pgconn.flush()

    def ask(self, sql: str, parameters: Sequence[Any] = ()) -> Answer:
        answer = Answer(self)
        self.send(sql, parameters, answer)
        return answer

    def commit(self) -> str:
        """Answers what became of the transaction: COMMIT or ROLLBACK."""
        if time.monotonic() - self._planned_at > _PLANNED_FOR_S:
            self._planned_at = time.monotonic()
            self.send("DISCARD PLANS")
        answer = self.ask("COMMIT")
        self._sync()
        self.wait_for(answer)
        while self._syncs:
            self._next()
        self._unproven.clear()
        status: bytes = answer.result.command_status or b""
        return status.decode()

    def _value(self, value: Any) -> bytes | None:
        if value is None:
            return None
        told = (value if type(value) is str else str(value)).encode(self._encoding)
        if b"\0" in told:
            raise psycopg.DataError("PostgreSQL keeps no text with U+0000")
        return told

    def _prepared(self, sql: str) -> bytes | None:
        """The name of a statement that has come often enough, prepared now."""
        uses = self._uses[sql] = self._uses.get(sql, 0) + 1
        if uses < _PREPARED_FROM:
            return None
        if len(self._names) >= _MOST_PREPARED:
            oldest = next(iter(self._names))
            self.send(f"DEALLOCATE {self._names.pop(oldest).decode()}")
        if len(self._uses) > 8 * _MOST_PREPARED:
            self._uses.clear()
        self._count += 1
        name = self._names[sql] = b"orderhub_%d" % self._count
        self._unproven.append(sql)
        self._pgconn.send_prepare(name, _numbered(sql))
        self._owed.append(None)
        return name

    # --- answers

    def rows_of(self, answer: Answer) -> list[tuple[Any, ...]]:
        self.wait_for(answer)
        self._loading.set_pgresult(answer.result)
        return self._loading.load_rows(0, answer.result.ntuples, tuple)

    def wait_for(self, answer: Answer) -> None:
        if answer.result is None and not self._syncs:
            self._pgconn.send_flush_request()
        while answer.result is None:
            self._next()

    def _sync(self) -> None:
        self._pgconn.pipeline_sync()
        self._syncs += 1

    def _next(self) -> None:
        """Take what comes of one statement, or that all was told."""
        failed = None
        while (result := self._result()) is not None:
            if result.status == _SYNC:
                self._syncs -= 1
                return
            if self._owed and self._owed[0] is not None:
                self._owed[0].result = result
            if result.status not in _FINE:
                failed = result
        if self._owed:
            self._owed.popleft()
        if failed is not None and failed.status != _ABORTED:
            error = error_from_result(failed, self._encoding)
            if isinstance(error, psycopg.errors.InvalidSqlStatementName):
                self._names.clear()  # somebody had the server forget them: they are prepared anew
            raise error

    def _result(self) -> Any:
        pgconn = self._pgconn
        while pgconn.flush():
            self._await(select.POLLIN | select.POLLOUT)
        self._gathered = 0
        while pgconn.is_busy():
            self._await(select.POLLIN)
        return pgconn.get_result()

    def _await(self, what: int) -> None:
        self._poll.register(self._pgconn.socket, what)
        ((_, found),) = self._poll.poll()
        if found & ~select.POLLOUT:
            self._pgconn.consume_input()


@lru_cache(maxsize=1_024)
def _numbered(sql: str) -> bytes:
    """With places by number, as PostgreSQL itself counts them."""
    first, *others = sql.replace("%%", "%").split("%s")
    return first.encode() + b"".join(
        b"$%d%s" % (place, part.encode()) for place, part in enumerate(others, 1)
    )
