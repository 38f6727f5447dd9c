"""The ledger: one writing connection at a time for batches, many for reading, short ones for the directory."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Engine, delete, func, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as NoConnection

from orderhub.core.access import Credential, Tenant
from orderhub.core.answer import KeptAnswer
from orderhub.core.facts import Timer
from orderhub.core.request_log import Exchange, LoggedRequest
from orderhub.core.snapshots import Snapshot
from orderhub.core.values import Clock, Settings
from orderhub.ledger import (
    bulk,
    cluster,
    daily,
    draws,
    figures,
    request_log,
    rows,
    slots,
    snapshots,
    tables,
    timers,
)
from orderhub.ledger.batch import Batch, ClaimName
from orderhub.ledger.changeset import Stale
from orderhub.ledger.counters import Counters
from orderhub.ledger.database import (
    CITUS,
    DatabaseRefused,
    batch_on,
    cut_all,
    losable,
    migrate,
    open_engine,
    open_writer,
    refuse_unfinished_copy,
    refuse_weak_commits,
    writing,
)
from orderhub.ledger.deliveries import Deliveries
from orderhub.ledger.directory import Directory
from orderhub.ledger.driver import Driver
from orderhub.ledger.files import DatabaseGone
from orderhub.ledger.kept_records import KeptRecords
from orderhub.ledger.reads import LedgerReads
from orderhub.ledger.relay import RelayLeases
from orderhub.ledger.staying import writing_for
from orderhub.ledger.turns import DatabaseLocked

T = TypeVar("T")

# serialization failure, deadlock, a draw that does not hold any more: another process was in the way;
# a prepared statement that the server has forgotten
_PASSING_STATES = {"40001", "40P01", draws.DO_NOT_HOLD, "26000"}
# lock not available, query canceled: a time limit ran out
_SLOW_STATES = {"55P03", "57014"}
_INTEGRITY_RETRIES = 3
# Both drivers call these operational too: a statement that cannot be run, a value that is too big.
_SQLITE_STATEMENT_CODES = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH}
_PROGRAM_LIMIT = "54"  # such as a text too long for an index


class Ledger:
    """One database. `record_types` names the Structs that records of a kind decode to."""

    def __init__(self, engine: Engine, record_types: Mapping[str, type]) -> None:
        self.engine = engine
        self._write = writing(engine)
        # What a batch was written on waits for the next: its page cache is warm, its statements are prepared, and
        # what it read of records is known.
        self._kept: list[tuple[Driver, KeptRecords]] = []
        self._codec = rows.RecordCodec(record_types)
        self._figured: set[str] = set()  # tables of which first figures were asked for
        self._groups: cluster.Groups | None = None  # on a cluster, once it is known to be one
        self.counters = Counters(self._write)
        self._request_log = request_log.RequestLog()
        self.deliveries = Deliveries(self._write)
        self.relay = RelayLeases(self._write)

    @classmethod
    def open(
        cls,
        url: str,
        record_types: Mapping[str, type],
        *,
        limit_s: float | None = None,
        create: bool = True,
    ) -> Ledger:
        """Open and migrate; `create`: where there is none, one is made. `limit_s`: see `open_engine`.

        Raises DatabaseRefused with one clear sentence.
        """
        engine = open_engine(url, limit_s=limit_s)
        try:
            refuse_weak_commits(engine)
            refuse_unfinished_copy(engine)
            migrate(engine, create=create)
            cluster.look_over(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, record_types)

    @property
    def is_postgres(self) -> bool:
        return self.engine.dialect.name == "postgresql"

    @property
    def group_of(self) -> Callable[[int], int] | None:
        """The number of those whose rows lie together with a tenant's; None = all do."""
        # The first time it asks the database.
        if self._groups is None and self.is_postgres:
            with self.engine.connect() as connection:
                if connection.info.get(CITUS):
                    self._groups = cluster.Groups(self.engine)
        return None if self._groups is None else self._groups.of

    def learn_groups(self, tenants: Collection[int]) -> None:
        """From now on `group_of` knows these."""
        if self._groups is not None:
            self._groups.learn(tenants)

    def close(self) -> None:
        """The last connection of a SQLite file takes its log into the file."""
        self.give_back()
        self.engine.dispose()

    def give_back(self) -> None:
        """Give the writer's connection back to the engine, which is another ledger's as well."""
        while self._kept:
            self._kept.pop()[0].close()

    def cut(self) -> None:
        """End every wait for a PostgreSQL that does not answer: who waits gets an error at once."""
        cut_all(self.engine)

    def try_commit(self) -> None:
        """Commit something tiny, to see whether a commit can be made at all. Raises what is in the way."""
        with self._write.begin() as connection:
            driver = Driver(connection)
            if driver.is_citus:
                # At the coordinator: a node that is down keeps nobody from those that are not.
                slots.probe(driver)
                return
            bulk.insert(
                driver,
                tables.counter,
                [{"tenant_id": 0, "name": "probe", "next": 1}],
                "DO UPDATE SET next = counter.next + 1",
            )

    # --- batches

    @contextmanager
    def batch(self, mark: str) -> Iterator[Batch]:
        """One transaction: committed when the block ends well, rolled back otherwise."""
        driver, kept = self._writing()
        kept.begin()
        try:
            with self.counters.within(driver), batch_on(driver):
                yield Batch(driver, self._codec, kept, mark)
        except BaseException:
            driver.close()
            raise
        if self._kept:
            driver.close()
        else:
            self._kept.append((driver, kept))

    def _writing(self) -> tuple[Driver, KeptRecords]:
        try:
            return self._kept.pop()
        except IndexError:  # the first batch, or another one is under way
            return open_writer(self._write), KeptRecords()

    @contextmanager
    def directory(self, mark: str, tenant_id: int = 0) -> Iterator[tuple[Batch, Directory]]:
        """One transaction beside the writer's: claims are kept in it too, ids and orders are none of its business.

        `tenant_id`: whose rows are written; 0 = nobody's. Raises TenantGone.
        """
        with writing_for(self._write, tenant_id) as connection:
            batch = Batch(Driver(connection), self._codec, KeptRecords(), mark)
            yield batch, Directory(connection)

    @staticmethod
    def is_passing(error: Exception, attempt: int = 0) -> bool:
        """Whether the batch may succeed when it is simply tried again after so many attempts."""
        if isinstance(error, IntegrityError):
            # Another process was first; who meets it again and again has itself to blame.
            return attempt < _INTEGRITY_RETRIES
        if isinstance(error, Stale):
            return True
        return getattr(getattr(error, "orig", None), "sqlstate", None) in _PASSING_STATES

    @staticmethod
    def is_outage(error: Exception) -> bool:
        """Whether the database itself is in trouble: gone, full, read-only. Never what one command can cause."""
        if isinstance(error, DatabaseGone | DatabaseLocked | DatabaseRefused | NoConnection):
            return True
        if not isinstance(error, DBAPIError) or isinstance(error, IntegrityError):
            return False
        if getattr(error.orig, "sqlite_errorcode", None) in _SQLITE_STATEMENT_CODES:
            return False
        if (getattr(error.orig, "sqlstate", None) or "").startswith(_PROGRAM_LIMIT):
            return False
        return type(error).__name__ in (
            "OperationalError",
            "InterfaceError",
            "InternalError",
        )

    @staticmethod
    def is_slow(error: Exception) -> bool:
        """Whether others were in the way too long, which says nothing of what can be done beside them."""
        if isinstance(error, NoConnection):
            return True
        orig = getattr(error, "orig", None)
        if getattr(orig, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            return True
        return getattr(orig, "sqlstate", None) in _SLOW_STATES | _PASSING_STATES

    # --- reading

    def read(self, ask: Callable[[LedgerReads], T]) -> T:
        """One consistent look."""
        with self.engine.connect() as connection:
            if self.is_postgres:
                connection.execution_options(isolation_level="REPEATABLE READ")
            return ask(LedgerReads(connection, self._codec))

    def look_at(self, tenant_id: int) -> snapshots.Content:
        """All that is a tenant's own, for a snapshot. Raises SnapshotRefused for too much."""
        with self.engine.connect() as connection:
            if self.is_postgres:
                connection.execution_options(isolation_level="REPEATABLE READ")
            content = snapshots.look(connection, tenant_id)
        # Once it was looked, so that no id is given that somebody has by then.
        snapshots.count_from(content, lambda name: self.counters.next_free(tenant_id, name))
        return content

    def snapshots_of(self, tenant_id: int, now_us: int) -> tuple[Snapshot, ...]:
        """The snapshots of a sandbox, newest first."""
        with self.engine.connect() as connection:
            return snapshots.kept_of(connection, tenant_id, now_us)

    # --- the directory and other short transactions

    def lease_slot(self, holder: str, for_us: int) -> slots.Slot:
        """The number of the process that calls itself so, for so long; asked again before it ends."""
        return slots.lease(self._write, holder, for_us)

    def leave_slot(self, holder: str) -> None:
        """The process is gone: the number is the next one's."""
        slots.leave(self._write, holder)

    def add_tenant(self, tenant: Tenant, settings: Settings) -> None:
        """A new tenant with its settings. Raises IntegrityError when id or name are taken."""
        with self._write.begin() as connection:
            Directory(connection).add_tenant(tenant, settings)

    def new_tenant(self, name: str, title: str, settings: Settings) -> Tenant:
        """A new tenant under the next free id. Raises IntegrityError when the name is taken."""
        with self._write.begin() as connection:
            return Directory(connection).new_tenant(name, title, settings)

    def set_counter(self, tenant_id: int, name: str, following: int) -> None:
        """Where a counter goes on; only for tenants that nothing was written for yet."""
        with self._write.begin() as connection:
            bulk.insert(
                Driver(connection),
                tables.counter,
                [{"tenant_id": tenant_id, "name": name, "next": following}],
                "DO UPDATE SET next = excluded.next",
            )

    def put_credential(self, credential: Credential) -> None:
        """Write a credential; the one of the same kind and name is replaced. Raises TenantGone."""
        with writing_for(self._write, credential.tenant_id) as connection:
            Directory(connection).put_credential(credential)

    def remove_credential(self, credential_id: str) -> None:
        with self._write.begin() as connection:
            Directory(connection).remove_credential(credential_id)

    def mark_used(self, used: Mapping[str, int]) -> None:
        """Note when credentials (by id) were last used, in one statement."""
        if not used:
            return
        columns = ("id", "last_used_at")
        noted = [{"id": each, "last_used_at": at} for each, at in sorted(used.items())]
        with self._write.begin() as connection:
            driver = Driver(connection)
            source = bulk.rows_source(tables.credential, columns, 0, driver.is_postgres)
            driver.send(
                f"UPDATE credential SET last_used_at = r.last_used_at FROM {source} WHERE credential.id = r.id",
                bulk.rows_parameters(noted, columns, 0, driver.is_postgres),
            )

    def clocks(self) -> dict[int, Clock]:
        """The clocks of tenants whose time is not the wall's, by tenant."""
        with self.engine.connect() as connection:
            return timers.clocks(connection)

    def settings_written(self) -> int:
        """A number that changes when any tenant's settings, thus its clock, are written by whichever process."""
        with self.engine.connect() as connection:
            return timers.settings_written(connection)

    def due_timers(
        self,
        now_us: int,
        claim_us: int,
        limit: int = 200,
        clocks: Mapping[int, Clock] | None = None,
    ) -> list[Timer]:
        """Timers whose time has come on their tenant's clock, claimed for a while so that processes share them.

        `clocks`: as they were a moment ago, for where to look; what is due is seen by those of now. A look that finds
        nothing takes no lock.
        """
        with self.engine.connect() as connection:
            known = timers.clocks(connection) if clocks is None else clocks
            found = timers.tenants_with_due(connection, now_us, claim_us, known)
        if not found:
            return []
        with self._write.begin() as connection:
            reads = LedgerReads(connection, self._codec)
            times = {each: reads.settings(each).clock.at(now_us) for each in found}
            return timers.claim(connection, now_us, claim_us, times, limit)

    def has_due_timers(self, now_us: int) -> bool:
        """Whether any timer's time has come, claimed or not."""
        with self.engine.connect() as connection:
            clocks = timers.clocks(connection)
            return bool(timers.tenants_with_due(connection, now_us, None, clocks))

    def overdue_timers(self, before_us: int) -> tuple[int, int | None]:
        """How many timers came due before then, claimed or not, and when the first of them did.

        Tenants with a clock of their own are left out: what is late there is nobody's loss.
        """
        with self.engine.connect() as connection:
            found = timers.overdue(connection, before_us)
            for tenant_id in timers.clocks(connection) if found else ():
                found.pop(tenant_id, None)
        counts, firsts = zip(*found.values(), strict=True) if found else ((), ())
        return sum(counts), min(firsts, default=None)

    def drop_timer(self, timer: Timer) -> None:
        """A timer whose order can no longer take its action: the order waits for it no more."""
        table, orders = tables.timer, tables.orders
        with self._write.begin() as connection:
            gone = connection.execute(
                delete(table).where(
                    table.c.tenant_id == timer.tenant_id,
                    table.c.kind == timer.kind,
                    table.c.order_id == timer.order_id,
                    table.c.due_at == timer.due_at,
                )
            )
            if gone.rowcount:
                of_order = (orders.c.tenant_id == timer.tenant_id, orders.c.id == timer.order_id)
                waits = select(orders.c.timers).where(*of_order).with_for_update()
                left = rows.order_timers(connection.execute(waits).scalar_one())
                left.pop(timer.kind, None)
                text = rows.json_text(left) if left else ""
                connection.execute(update(orders).where(*of_order).values(timers=text))

    def keep_answer(self, name: ClaimName, kept: KeptAnswer, older_than_us: int) -> None:
        """Keep an answer that is asked for by its name; those of its scope that are older go. Raises TenantGone."""
        claim = tables.claim
        row = {**msgspec.structs.asdict(name), **rows.kept_answer_row(kept)}
        with writing_for(self._write, name.tenant_id) as connection:
            connection.execute(
                delete(claim).where(
                    claim.c.tenant_id == name.tenant_id,
                    claim.c.scope == name.scope,
                    claim.c.created_at < older_than_us,
                )
            )
            bulk.insert(Driver(connection), claim, [row])

    def newest_us(self) -> int | None:
        """The newest time under which anything is recorded, by any process; None in an empty ledger."""
        with self.engine.connect() as connection:
            found = [
                connection.execute(select(func.max(column))).scalar()
                for column in (tables.orders.c.recorded_at, tables.claim.c.created_at)
            ]
        return max((each for each in found if each is not None), default=None)

    def purge_claims(self, older_than_us: int, at_most: int = 500) -> int:
        """Remove old header keys, a small step at a time; answers how many went."""
        claim = tables.claim
        with self._write.begin() as connection:
            old = (
                select(claim.c.tenant_id, claim.c.scope, claim.c.key)
                .where(claim.c.created_at < older_than_us)
                .order_by(claim.c.created_at)
                .limit(at_most)
            )
            gone: list[dict[str, Any]] = [
                {"tenant_id": row.tenant_id, "scope": row.scope, "key": row.key}
                for row in connection.execute(old)
            ]
            return bulk.deleted(Driver(connection), claim, gone) if gone else 0

    def count_old_events(self, at_most: int = 100) -> int:
        """Count events of so many orders from before there was a daily roll-up; answers of how many it did."""
        with self._write.begin() as connection:
            reads = LedgerReads(connection, self._codec)
            return daily.fill(connection, reads.settings, at_most)

    def take_first_figures(self) -> list[str]:
        """What PostgreSQL plans by, of tables of which it has nothing yet; answers which those were."""
        found = figures.take_first(self.engine, self._figured)
        self._figured.update(found)
        return found

    def keep_requests(self, calls: Sequence[tuple[LoggedRequest, Exchange]], most: int) -> None:
        """Add to the request log; of each tenant no more than so many are kept."""
        rows = request_log.rows_of(calls)
        with losable(self._write) as connection:
            self._request_log.write(connection, rows, most)

    def purge_requests(self, older_than_us: int, at_most: int = 500) -> int:
        """Remove what is old in the request log, a small step at a time; answers how many went."""
        with self._write.begin() as connection:
            return request_log.purge(connection, older_than_us, at_most)

    def purge_snapshots(self, now_us: int) -> int:
        """Remove snapshots of sandboxes that are past their time; answers how many went."""
        with self._write.begin() as connection:
            return snapshots.purge(connection, now_us)

    def purge_people(self, idle_since_us: int, now_us: int) -> int:
        """Remove sessions that nobody used since then, and links that have ended; answers how many went."""
        with self._write.begin() as connection:
            return Directory(connection).people.purge(idle_since_us, now_us)
