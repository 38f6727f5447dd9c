"""Tables side by side in the order of their keys: one pass over each, whatever their size."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, text

_CHUNK = 2_000
Key = tuple[int, int]

_of_order = itemgetter(0, 1)


def rows_of(connection: Connection, query: str) -> Iterator[Any]:
    """The rows of a query, some at a time."""
    result = connection.execute(text(query), execution_options={"yield_per": _CHUNK})
    for some in result.partitions(_CHUNK):  # unsaid, drivers fetch row by row
        yield from some


class Stream:
    """Rows that begin with the tenant and the id of an order, sorted by both; `count` is how many were met."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self._groups = groupby(rows, key=_of_order)
        self._next: tuple[Key, list[Any]] | None = None
        self.count = 0
        self._advance()

    def of(self, key: Key, strangers: list[Any]) -> list[Any]:
        """The rows of the order `key`. Rows of orders before it, which there are not, go to `strangers`."""
        while self._next is not None and self._next[0] < key:
            strangers += self._next[1]
            self._advance()
        if self._next is None or self._next[0] != key:
            return []
        found = self._next[1]
        self._advance()
        return found

    def rest(self) -> Iterator[Any]:
        """The rows of orders after the last one."""
        while self._next is not None:
            yield from self._next[1]
            self._advance()

    def _advance(self) -> None:
        following = next(self._groups, None)
        self._next = None if following is None else (following[0], list(following[1]))
        if self._next is not None:
            self.count += len(self._next[1])
