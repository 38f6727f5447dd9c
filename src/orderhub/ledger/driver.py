"""Statements of the writer, on the driver's own connection: what SQLAlchemy adds to each costs as much as most of them.

The transaction stays SQLAlchemy's, and so do its errors and what is done about a lost connection.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

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
        self._run(sql, parameters)

    @contextmanager
    def together(self) -> Iterator[None]:
        """To PostgreSQL statements go without waiting for one another's answers."""
        pipeline = self._raw.pipeline() if self.is_postgres else nullcontext()
        try:
            with pipeline as self._pipeline:
                yield
        except self._errors as error:
            raise self._told("", error) from error
        finally:
            self._pipeline = None

    def _run(self, sql: str, parameters: Sequence[Any], *, many: bool = False) -> Any:
        """Every statement goes through here."""
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
