"""Statements of the writer, on the driver's own connection: what SQLAlchemy adds to each costs as much as most of them.

Errors stay SQLAlchemy's, and so does what is done about a lost connection; its transaction, too, but for batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

Row = tuple[Any, ...]


class Driver:
    """One connection, for as long as it is held. Raises what SQLAlchemy raises."""

    def __init__(self, connection: Connection) -> None:
        raw = connection.connection.driver_connection
        assert raw is not None
        self.connection = connection
        self.is_postgres = connection.dialect.name == "postgresql"
        self._raw = raw
        self._errors = connection.dialect.loaded_dbapi.Error
        self._pipeline: Any = None
        self._held = ExitStack()
        self._send = raw.execute

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of the answer."""
        cursor = self._run(sql, parameters)
        try:
            found: list[Row] = cursor.fetchall()
        except self._errors as error:
            raise self._told(sql, error) from error
        return found

    def changed(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """How many rows were."""
        cursor = self._run(sql, parameters)
        if self._pipeline is not None:
            self._wait(sql)
        return int(cursor.rowcount)

    def changed_by_each(self, sql: str, rows: Sequence[Row]) -> int:
        """To SQLite, a statement for each row of parameters; how many rows were changed by all."""
        return int(self._run(sql, rows, many=True).rowcount)

    def send(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Nothing is asked back: within `together`, what is wrong with it is told by its end."""
        try:
            self._send(sql, parameters)
        except self._errors as error:
            raise self._told(sql, error) from error

    def pipeline(self) -> None:
        """From now on, PostgreSQL is sent statements without waiting for one another's answers.

        What is wrong with one is told by the next that asks for something, at the latest by `commit`.
        """
        if self.is_postgres:
            self._pipeline = self._held.enter_context(self._raw.pipeline())
            # Of what nobody asks back, one cursor bears all: a new one costs a third of its statement.
            self._send = self._raw.cursor().execute

    def begin(self) -> None:
        """For a connection that nobody else begins transactions on: on PostgreSQL one that commits by itself."""
        self.send("BEGIN ISOLATION LEVEL READ COMMITTED" if self.is_postgres else "BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Raises what is wrong with any statement since `begin`."""
        done = self._run("COMMIT", ())
        if self._pipeline is not None:
            self._wait("COMMIT")
        if self.is_postgres and done.statusmessage != "COMMIT":
            raise OperationalError("COMMIT", None, Exception("it was rolled back"))

    def close(self) -> None:
        """Give the connection back to its pool, which rolls back what is not committed."""
        with suppress(self._errors):
            self._held.close()
        self._pipeline = None
        self.connection.close()

    def _run(self, sql: str, parameters: Sequence[Any], *, many: bool = False) -> Any:
        """Every statement goes through here of which something is asked back."""
        run = self._raw.executemany if many else self._raw.execute
        try:
            return run(sql, parameters)
        except self._errors as error:
            raise self._told(sql, error) from error

    def _wait(self, sql: str) -> None:
        try:
            self._pipeline.sync()
        except self._errors as error:
            raise self._told(sql, error) from error

    def _told(self, sql: str, error: Any) -> Exception:
        """The error as SQLAlchemy words it; a connection that is lost, it finds out by itself and gives up."""
        dialect = self.connection.dialect
        if dialect.is_disconnect(error, self._raw, None):
            with suppress(DBAPIError):
                self.connection.exec_driver_sql("SELECT 1")
        told: Exception = DBAPIError.instance(
            sql, None, error, self._errors, hide_parameters=True, dialect=dialect
        )
        return told
