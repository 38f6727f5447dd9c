"""Integer ids come from reserved blocks: gaps are allowed, waiting is not.

On PostgreSQL a block is reserved by a statement that commits by itself, since a counter row locked until
the order's commit would make two processes take turns. On SQLite there is one writer and one write
lock, so it is reserved in the batch's transaction, and forgotten when that is rolled back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from orderhub.ledger.bulk import is_postgres

_FIRST_BLOCK = 64
_LARGEST_BLOCK = 8_192

# Orders draw on pools: the ids of their moves are set aside with theirs, in the same statement.
ORDERS, MOVES = "order", "move"
_MOVES_AHEAD = 1_024
_MOVES_BLOCK = 4_096


class Counters:
    """Blocks of ids held by this process. Not thread-safe: only the writer uses it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine  # a writing one
        self._free: dict[tuple[int, str], deque[int]] = {}
        self._block: dict[tuple[int, str], int] = {}
        self._batch: Connection | None = None

    @contextmanager
    def within(self, connection: Connection) -> Iterator[None]:
        """While a batch's transaction is open on `connection`."""
        self._batch = None if is_postgres(connection) else connection
        try:
            yield
        except BaseException:
            self._free.clear()
            raise
        finally:
            self._batch = None

    def peek(self, tenant_id: int, name: str, count: int, first: int = 1) -> tuple[int, ...]:
        """The next `count` ids, not yet used up. `first` is where a counter that does not exist starts."""
        free = self._free.setdefault((tenant_id, name), deque())
        while len(free) < count:
            self._reserve(tenant_id, name, count - len(free), first)
        return tuple(free[index] for index in range(count))

    def take(self, tenant_id: int, name: str, count: int) -> None:
        """Use up the first `count` ids that were peeked at."""
        free = self._free[(tenant_id, name)]
        for _ in range(count):
            free.popleft()

    def _reserve(self, tenant_id: int, name: str, least: int, first: int) -> None:
        size = max(least, self._block.get((tenant_id, name), _FIRST_BLOCK))
        self._block[(tenant_id, name)] = min(2 * size, _LARGEST_BLOCK)
        blocks = {name: (first, size)}
        if name == ORDERS and len(self._free.get((tenant_id, MOVES), ())) < _MOVES_AHEAD:
            blocks[MOVES] = (1, _MOVES_BLOCK)
        if self._batch is not None:
            self._reserve_on(self._batch, tenant_id, blocks)
            return
        with self._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            self._reserve_on(connection, tenant_id, blocks)

    def _reserve_on(
        self, connection: Connection, tenant_id: int, blocks: dict[str, tuple[int, int]]
    ) -> None:
        mark = "%s" if is_postgres(connection) else "?"
        given = ", ".join(
            [f"(CAST({mark} AS BIGINT), {mark}, CAST({mark} AS BIGINT))"] * len(blocks)
        )
        sizes = f"WHEN {mark} THEN CAST({mark} AS BIGINT) " * len(blocks)
        rows = [(tenant_id, name, first + size) for name, (first, size) in sorted(blocks.items())]
        cases = [(name, size) for name, (_, size) in blocks.items()]
        sql = (
            f"INSERT INTO counter (tenant_id, name, next) VALUES {given} "
            f"ON CONFLICT (tenant_id, name) DO UPDATE "
            f"SET next = counter.next + CASE counter.name {sizes}END RETURNING name, next"
        )
        parameters = tuple(value for row in (*rows, *cases) for value in row)
        for name, following in connection.exec_driver_sql(sql, parameters):
            free = self._free.setdefault((tenant_id, name), deque())
            free.extend(range(following - blocks[name][1], following))
