"""Statements of the writer, on the driver's own connection: what SQLAlchemy adds to each costs as much as most of them.

Errors stay SQLAlchemy's, and so does what is done about a lost connection; its transaction, too, but for batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from orderhub.ledger.pipeline import Pipeline

Row = tuple[Any, ...]

# PostgreSQL takes the rows of a JSON for a hundred, and would rather read a table of some thousand rows to its end for
# them, or one that it takes for empty still, as of when it was made.
_BY_KEYS = (
    "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), "
    "set_config('enable_mergejoin', 'off', true)"
)
_NAMES = count()  # of cursors
_PIPELINE = "pipeline"  # in a connection's info, once it had one


class Driver:
    """One connection, for as long as it is held. Raises what SQLAlchemy raises."""

    def __init__(self, connection: Connection) -> None:
        raw = connection.connection.driver_connection
        assert raw is not None
        self.connection = connection
        self.is_postgres = connection.dialect.name == "postgresql"
        self.is_citus = bool(connection.info.get("citus"))  # the ledger lies on a cluster
        self._raw = raw
        self._errors = connection.dialect.loaded_dbapi.Error
        self._pipeline: Pipeline | None = None
        self._send: Callable[..., Any] = raw.execute

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of the answer."""
        return self.ask(sql, parameters)()

    def ask(self, sql: str, parameters: Sequence[Any] = ()) -> Callable[[], list[Row]]:
        """As `rows`, which are waited for when they are asked of what this answers: once, before the commit."""
        if self._pipeline is not None:
            return partial(self._done, sql, self._pipeline.ask(sql, parameters).rows)
        return partial(self._done, sql, self._run(sql, parameters).fetchall)

    def chunks(self, sql: str, size: int) -> tuple[tuple[str, ...], Iterator[list[Row]]]:
        """The names of the columns, and the rows as they come, so many at a time: no answer is kept whole."""
        if not self.connection.in_transaction():
            self.connection.begin()
        # PostgreSQL gives rows piece by piece to a cursor with a name alone.
        cursor = (
            self._raw.cursor(f"chunks_{next(_NAMES)}") if self.is_postgres else self._raw.cursor()
        )
        self._done(sql, cursor.execute, sql)
        return tuple(column[0] for column in cursor.description), self._fetched(sql, cursor, size)

    def _fetched(self, sql: str, cursor: Any, size: int) -> Iterator[list[Row]]:
        try:
            while some := self._done(sql, cursor.fetchmany, size):
                yield some
        finally:
            with suppress(self._errors):  # who broke off may have closed the connection before
                cursor.close()

    def changed(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """How many rows were."""
        if self._pipeline is not None:
            count: int = self._done(sql, self._pipeline.ask(sql, parameters).changed)
            return count
        return int(self._run(sql, parameters).rowcount)

    def changed_by_each(self, sql: str, rows: Sequence[Row]) -> int:
        """To SQLite, a statement for each row of parameters; how many rows were changed by all."""
        return int(self._done(sql, self._raw.executemany, sql, rows).rowcount)

    def send(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Nothing is asked back: within a batch, what is wrong with it may be told by its end."""
        try:
            self._send(sql, parameters)
        except self._errors as error:
            raise self._told(sql, error) from error

    def pipeline(self) -> None:
        """From now on, PostgreSQL is sent statements without waiting for one another's answers.

        What is wrong with one is told by the next that asks for something, at the latest by `commit`.
        """
        if self.is_postgres:
            # What it has prepared stays with the connection.
            info = self.connection.info
            self._pipeline = info.get(_PIPELINE) or info.setdefault(_PIPELINE, Pipeline(self._raw))
            self._pipeline.open()
            self._send = self._pipeline.send

    @property
    def gathers(self) -> bool:
        """Whether statements to PostgreSQL leave together, so that many small ones are no dearer than a large one."""
        return self._pipeline is not None

    def begin(self) -> None:
        """For a connection that nobody else begins transactions on: on PostgreSQL one that commits by itself."""
        self.send("BEGIN ISOLATION LEVEL READ COMMITTED" if self.is_postgres else "BEGIN IMMEDIATE")

    def find_by_keys(self) -> None:
        """Until the commit, all rows are found by their keys, whatever the tables' figures say."""
        if self.is_postgres and not self.is_citus:  # there, what is set goes to every node
            self.send(_BY_KEYS)

    def commit(self) -> None:
        """Raises what is wrong with any statement since `begin`."""
        if self._pipeline is None:
            self._run("COMMIT", ())
        elif self._done("COMMIT", self._pipeline.commit) != "COMMIT":
            raise OperationalError("COMMIT", None, Exception("it was rolled back"))

    def close(self) -> None:
        """Give the connection back to its pool, which rolls back what is not committed."""
        if self._pipeline is not None:
            is_left = self._pipeline.close()
            self._pipeline = None
            if not is_left and not self.connection.invalidated:
                self.connection.invalidate()  # nobody else could use it
        self.connection.close()

    def _run(self, sql: str, parameters: Sequence[Any]) -> Any:
        return self._done(sql, self._raw.execute, sql, parameters)

    def _done(self, sql: str, work: Callable[..., Any], *args: Any) -> Any:
        """What comes of work at the driver for a statement."""
        try:
            return work(*args)
        except self._errors as error:
            raise self._told(sql, error) from error

    def _told(self, sql: str, error: Any) -> Exception:
        """The error as SQLAlchemy words it; a connection that is lost, it finds out by itself and gives up."""
        dialect = self.connection.dialect
        if dialect.is_disconnect(error, self._raw, None):
            with suppress(DBAPIError):
                if self._pipeline is not None:  # which psycopg cannot use meanwhile
                    self.connection.invalidate(error)
                else:
                    self.connection.exec_driver_sql("SELECT 1")
        told: Exception = DBAPIError.instance(
            sql, None, error, self._errors, hide_parameters=True, dialect=dialect
        )
        return told
