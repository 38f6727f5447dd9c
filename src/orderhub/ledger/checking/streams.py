"""Tables side by side in the order of their keys: one pass over each, whatever their size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, starmap
from typing import Any

import msgspec
from sqlalchemy import Connection, text

from orderhub.ledger.driver import Driver

_CHUNK = 2_000


def rows_of(connection: Connection, query: str) -> Iterator[Any]:
    """The rows of a query, some at a time."""
    result = connection.execute(text(query), execution_options={"yield_per": _CHUNK})
    for some in result.partitions(_CHUNK):  # unsaid, drivers fetch row by row
        yield from some


def structs_of(connection: Connection, query: str) -> Iterator[Any]:
    """As `rows_of`, for millions of rows whose members are asked for by name: of SQLAlchemy's that is dear."""
    names, chunks = Driver(connection).chunks(query, _CHUNK)
    struct = msgspec.defstruct("Row", names, gc=False)
    return chain.from_iterable(starmap(struct, some) for some in chunks)


class Stream:
    """Rows of orders, sorted by `tenant_id` and `order_id`; `count` is how many were met.

    `stranger` is called with each row of an order that there is not.
    """

    def __init__(self, rows: Iterator[Any], stranger: Callable[[Any], None]) -> None:
        self._rows, self._stranger = rows, stranger
        self._next = next(rows, None)
        self.count = 0

    def of(self, tenant_id: int, order_id: int) -> list[Any]:
        """The rows of the order; those of orders before it are strangers."""
        found: list[Any] = []
        row, rows = self._next, self._rows
        while row is not None:
            if row.order_id == order_id and row.tenant_id == tenant_id:
                found.append(row)
            elif (row.tenant_id, row.order_id) < (tenant_id, order_id):
                self.count += 1
                self._stranger(row)
            else:
                break
            row = next(rows, None)
        self._next = row
        self.count += len(found)
        return found

    def end(self) -> None:
        """There are no more orders: whatever is left is a stranger."""
        if self._next is not None:
            for row in chain((self._next,), self._rows):
                self.count += 1
                self._stranger(row)
            self._next = None
