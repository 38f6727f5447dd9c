"""Integer ids come from reserved blocks: gaps are allowed, waiting is not.

On PostgreSQL a block is reserved by a statement that commits by itself, since a counter row locked until
the order's commit would make two processes take turns. On SQLite there is one writer and one write
lock, so it is reserved in the batch's transaction, and forgotten when that is rolled back.

A counter that was set back, or that ids given by hand have overtaken, is stepped over: a block begins
beyond the greatest id there is. Ids of moves have no index of their own to look that up in, so there it is
done once an id has turned out to be taken.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from orderhub.ledger import citus
from orderhub.ledger.driver import Driver

_FIRST_BLOCK = 64
_LARGEST_BLOCK = 8_192

# Orders draw on pools: the ids of their moves are set aside with theirs, in the same statement.
ORDERS, MOVES = "order", "move"
_MOVES_AHEAD = 1_024
_MOVES_BLOCK = 4_096
_RECORDS = "record:"  # of each kind, beginning so


class SetAside:
    """Ids in the order in which they are given out. As ranges: each tenant has thousands."""

    __slots__ = ("_ranges", "count")

    def __init__(self) -> None:
        self._ranges: list[range] = []  # mostly one or two, none of them empty
        self.count = 0

    def add(self, ids: range) -> None:
        if ids:
            self._ranges.append(ids)
            self.count += len(ids)

    @property
    def first(self) -> int:
        """Raises IndexError where there is none."""
        return self._ranges[0].start

    def ahead(self, count: int) -> tuple[int, ...]:
        """The first so many, of which there must be as many."""
        if count == 1:
            return (self._ranges[0].start,)
        return tuple(islice(chain.from_iterable(self._ranges), count))

    def use(self, count: int) -> None:
        """The first so many are gone."""
        self.count -= count
        while count:
            head = self._ranges[0]
            if len(head) > count:
                self._ranges[0] = head[count:]
                return
            count -= len(head)
            del self._ranges[0]

    def remove(self, each: int) -> None:
        """It is gone, if it was there."""
        for at, ids in enumerate(self._ranges):
            if each in ids:
                parts = (range(ids.start, each), range(each + 1, ids.stop))
                del self._ranges[at]
                for part in reversed(parts):
                    if part:
                        self._ranges.insert(at, part)
                self.count -= 1
                return


class Counters:
    """Blocks of ids held by this process. Not thread-safe: only the writer uses it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine  # a writing one
        self._free: dict[tuple[int, str], SetAside] = {}
        self._block: dict[tuple[int, str], int] = {}
        self._batch: Driver | None = None
        self._are_moves_taken = False  # an id of a move was: see where the greatest is

    @contextmanager
    def within(self, driver: Driver) -> Iterator[None]:
        """While a batch's transaction is open on `driver`."""
        self._batch = None if driver.is_postgres else driver
        try:
            yield
        except BaseException as error:
            self._free.clear()
            self._are_moves_taken = self._are_moves_taken or _is_move_taken(error)
            raise
        finally:
            self._batch = None

    def peek(self, tenant_id: int, name: str, count: int, first: int = 1) -> tuple[int, ...]:
        """The next `count` ids, not yet used up. `first` is where a counter that does not exist starts."""
        free = self._free.get((tenant_id, name))
        if free is None:
            free = self._free[(tenant_id, name)] = SetAside()
        while free.count < count:
            self._reserve(tenant_id, name, count - free.count, first)
        return free.ahead(count)

    def take(self, tenant_id: int, name: str, count: int) -> None:
        """Use up the first `count` ids that were peeked at."""
        self._free[(tenant_id, name)].use(count)

    def next_free(self, tenant_id: int, name: str) -> int | None:
        """The next id that this process has set aside, None = none. Any thread may ask: it is soon out of date."""
        try:
            return self._free[(tenant_id, name)].first
        except LookupError:
            return None

    def pass_over(self, tenant_id: int, name: str, ids: Collection[int]) -> None:
        """Never give out these ids, where they are set aside here: somebody else gave them."""
        free = self._free.get((tenant_id, name))
        if free is not None:
            for each in ids:
                free.remove(each)

    def go_on_behind(self, tenant_id: int, name: str, last: int) -> None:
        """Give out no id up to `last` any more, but for those that some process has set aside."""
        with self._statement() as driver:
            mark = "%s" if driver.is_postgres else "?"
            following = f"CAST({mark} AS BIGINT)"
            driver.send(
                f"INSERT INTO counter (tenant_id, name, next) VALUES ({mark}, {mark}, {following}) "
                "ON CONFLICT (tenant_id, name) DO UPDATE SET next = "
                "CASE WHEN counter.next < excluded.next THEN excluded.next ELSE counter.next END",
                (tenant_id, name, last + 1),
            )

    def _reserve(self, tenant_id: int, name: str, least: int, first: int) -> None:
        size = max(least, self._block.get((tenant_id, name), _FIRST_BLOCK))
        self._block[(tenant_id, name)] = min(2 * size, _LARGEST_BLOCK)
        blocks = {name: (first, size)}
        moves = self._free.get((tenant_id, MOVES))
        if name == ORDERS and (moves is None or moves.count < _MOVES_AHEAD):
            blocks[MOVES] = (1, _MOVES_BLOCK)
        is_seeking = MOVES in blocks and self._are_moves_taken
        with self._statement() as driver:
            self._reserve_on(driver, tenant_id, blocks, is_seeking)

    @contextmanager
    def _statement(self) -> Iterator[Driver]:
        """Where one statement is a transaction of its own, or else a part of the batch's."""
        if self._batch is not None:
            yield self._batch
            return
        with self._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            yield Driver(connection)

    def _reserve_on(
        self,
        driver: Driver,
        tenant_id: int,
        blocks: dict[str, tuple[int, int]],
        is_seeking: bool,
    ) -> None:
        postgres = driver.is_postgres
        mark, later = ("%s", "greatest") if postgres else ("?", "max")
        if driver.is_citus:
            for name, (first, size) in sorted(blocks.items()):
                least = _beyond(tenant_id, name, mark, is_seeking=is_seeking)
                following = citus.reserve(driver, tenant_id, name, size, [(str(first), []), least])
                self._set_aside(tenant_id, name, range(following - size, following))
            self._are_moves_taken = self._are_moves_taken and not is_seeking
            return
        given: list[Any] = []
        steps: list[Any] = []
        inserts, cases = [], []
        for name, (first, size) in sorted(blocks.items()):
            beyond, named = _beyond(tenant_id, name, mark, is_seeking=is_seeking)
            inserts.append(f"({mark}, {mark}, {later}({_BIG.format(mark)}, {beyond}) + {size})")
            given += (tenant_id, name, first, *named)
            cases.append(f"WHEN {mark} THEN {later}(counter.next, {beyond}) + {size}")
            steps += (name, *named)
        sql = (
            f"INSERT INTO counter (tenant_id, name, next) VALUES {', '.join(inserts)} "
            f"ON CONFLICT (tenant_id, name) DO UPDATE SET next = CASE counter.name {' '.join(cases)} "
            "END RETURNING name, next"
        )
        for name, following in driver.rows(sql, (*given, *steps)):
            self._set_aside(tenant_id, name, range(following - blocks[name][1], following))
        if is_seeking:
            self._are_moves_taken = False

    def _set_aside(self, tenant_id: int, name: str, ids: range) -> None:
        self._free.setdefault((tenant_id, name), SetAside()).add(ids)


_BIG = "CAST({} AS BIGINT)"


def _beyond(tenant_id: int, name: str, mark: str, *, is_seeking: bool) -> tuple[str, list[Any]]:
    """The first id of a counter that is free for certain, as SQL with its parameters."""
    greatest = "(SELECT coalesce(max(id), 0) + 1 FROM {} WHERE tenant_id = {})"
    if name == ORDERS:
        return greatest.format("orders", mark), [tenant_id]
    if name.startswith(_RECORDS):
        kind = name.removeprefix(_RECORDS)
        return greatest.format("record", f"{mark} AND kind = {mark}"), [tenant_id, kind]
    if name == MOVES and is_seeking:
        return greatest.format("pool_move", mark), [tenant_id]
    return "1", []


def _is_move_taken(error: BaseException) -> bool:
    """Whether a move could not be written because its id was given before."""
    if not isinstance(error, IntegrityError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return "failed: pool_move." in str(error.orig)
    diagnosis = getattr(error.orig, "diag", None)
    return getattr(diagnosis, "table_name", None) == "pool_move"
