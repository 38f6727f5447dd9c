"""The reading side: consistent looks at the ledger on connections of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    func,
    or_,
    select,
    text,
    tuple_,
)

from orderhub.core.access import Credential, Tenant
from orderhub.core.answer import KeptAnswer
from orderhub.core.commands import OrderName
from orderhub.core.daily import DayFigures
from orderhub.core.facts import Record, TenantGone
from orderhub.core.feed import FedEvent, FeedLook, FeedPlace
from orderhub.core.queries import (
    Bearers,
    EntryPage,
    EntryQuery,
    LeftBehind,
    LineQuery,
    MoveQuery,
    OrderQuery,
    OrderSearch,
    Page,
    PastMove,
    RecordQuery,
)
from orderhub.core.request_log import Exchange, LoggedRequest, Refusals, RequestSearch
from orderhub.core.values import Event, Line, Move, Order, Pool, PoolKey, Settings, Status
from orderhub.ledger import daily, feed_reads, listing, record_reads, request_log, rows
from orderhub.ledger.entries import EMPTY, page_of_entries
from orderhub.ledger.groups import ALL_OWNERS
from orderhub.ledger.left_behind import left_behind
from orderhub.ledger.lines import page_of_lines
from orderhub.ledger.people import People
from orderhub.ledger.persons import PersonReads
from orderhub.ledger.relay import RelayReads
from orderhub.ledger.tables import (
    claim,
    credential,
    order_event,
    order_line,
    orders,
    pool,
    pool_move,
    tally,
    tenant,
)
from orderhub.ledger.webhook_reads import WebhookReads

_SIZE_THERE = text("SELECT pg_database_size(current_database())")
_SIZE_HERE = text("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")


class LedgerReads(WebhookReads):
    """Implements core.queries.Reads on one connection."""

    def __init__(self, connection: Connection, codec: rows.RecordCodec) -> None:
        self._connection = connection
        self._codec = codec

    def _all(self, query: Select[Any]) -> Sequence[Any]:
        return self._connection.execute(query).all()

    @property
    def people(self) -> People:
        return People(self._connection)

    @property
    def persons(self) -> PersonReads:
        return PersonReads(self._connection, self._codec)

    @property
    def relay(self) -> RelayReads:
        return RelayReads(self._connection)

    # --- the feed

    def feed_look(
        self,
        tenant_id: int,
        place: FeedPlace,
        limit: int,
        kinds: Collection[str] = (),
        until: FeedPlace | None = None,
    ) -> FeedLook:
        """What the feed holds behind a place, and before another. Raises PlaceAhead."""
        return feed_reads.look(self._connection, tenant_id, place, limit, kinds, until)

    def feed_to_come(
        self, tenant_id: int, place: FeedPlace, names: Collection[tuple[str, int]]
    ) -> set[tuple[str, int]]:
        """Those of these events, each as `feed_event` knows it, that stand behind the place."""
        return feed_reads.to_come(self._connection, tenant_id, place, names)

    def feed_end(self, tenant_id: int) -> FeedPlace:
        return feed_reads.end(self._connection, tenant_id)

    def feed_place_at(self, tenant_id: int, at_us: int) -> FeedPlace:
        """About where what was recorded from then on begins: as exact as the clocks of all writers are."""
        return feed_reads.place_at(self._connection, tenant_id, at_us)

    def feed_event(self, tenant_id: int, uid: str, version: int) -> FedEvent | None:
        """The event of an order, or with version 0 a notice."""
        return feed_reads.one(self._connection, tenant_id, uid, version)

    def feed_progress(self, tenant_ids: Collection[int]) -> dict[int, int]:
        """How many positions each of these tenants has given out: more, once more is in its feed."""
        return feed_reads.progress(self._connection, tenant_ids)

    # --- the daily roll-up

    def days(self, tenant_id: int, first: str, last: str) -> tuple[DayFigures, ...]:
        """Days such as 2026-11-28 from the first to the last, newest first, by channel and currency."""
        return daily.days(self._connection, tenant_id, first, last)

    def database_size(self) -> int:
        """Of the database as a whole, in bytes; of SQLite without its journal."""
        is_postgres = self._connection.dialect.name == "postgresql"
        return int(
            self._connection.execute(_SIZE_THERE if is_postgres else _SIZE_HERE).scalar_one()
        )

    def are_days_whole(self, tenant_id: int) -> bool:
        """Whether every event is counted; else some from before there was a roll-up still wait."""
        return daily.is_whole(self._connection, tenant_id)

    # --- directory

    def tenants(
        self, after_id: int = 0, limit: int | None = None, begins: str = ""
    ) -> tuple[Tenant, ...]:
        """Oldest first; `begins`: those whose name does so."""
        query = select(tenant).where(tenant.c.id > after_id).order_by(tenant.c.id)
        if begins:
            query = query.where(tenant.c.name.startswith(begins, autoescape=True))
        found = self._all(query.limit(limit))
        return tuple(Tenant(row.id, row.name, row.title) for row in found)

    def tenants_among(self, ids: Collection[int]) -> tuple[Tenant, ...]:
        """Those of these that are there, oldest first."""
        found = self._all(select(tenant).where(tenant.c.id.in_(sorted(ids))).order_by(tenant.c.id))
        return tuple(Tenant(row.id, row.name, row.title) for row in found)

    def tenant(self, name: str) -> Tenant | None:
        row = self._connection.execute(select(tenant).where(tenant.c.name == name)).first()
        return None if row is None else Tenant(row.id, row.name, row.title)

    def settings(self, tenant_id: int) -> Settings:
        found = self.record(tenant_id, "settings", "id", 0)
        if found is None:
            raise TenantGone(tenant_id)
        settings: Settings = found.doc
        return settings

    def credential(self, kind: str, name: str) -> Credential | None:
        if "\x00" in name:
            return None  # PostgreSQL breaks on it, and nobody was ever given such a name
        row = self._connection.execute(
            select(credential).where(credential.c.kind == kind, credential.c.name == name)
        ).first()
        return None if row is None else rows.to_credential(row)

    def credentials_named(self, kinds: tuple[str, ...], name: str) -> tuple[Credential, ...]:
        """Of each of these kinds the one with this name, in the order of the kinds; none of a tenant that is gone."""
        if "\x00" in name:
            return ()  # see `credential`
        found = select(credential).where(
            credential.c.kind.in_(kinds),
            credential.c.name == name,
            or_(credential.c.tenant_id == 0, credential.c.tenant_id.in_(select(tenant.c.id))),
        )
        of_kind = {row.kind: rows.to_credential(row) for row in self._connection.execute(found)}
        return tuple(of_kind[kind] for kind in kinds if kind in of_kind)

    def credential_by_id(self, credential_id: str) -> Credential | None:
        row = self._connection.execute(
            select(credential).where(credential.c.id == credential_id)
        ).first()
        return None if row is None else rows.to_credential(row)

    def credentials(
        self, tenant_id: int | None, kind: str = "", after_id: str = "", limit: int | None = None
    ) -> tuple[Credential, ...]:
        """By tenant and id; `after_id` goes on behind one in a tenant's list."""
        query = select(credential).order_by(credential.c.tenant_id, credential.c.id)
        if tenant_id is not None:
            query = query.where(credential.c.tenant_id == tenant_id)
        if kind:
            query = query.where(credential.c.kind == kind)
        if after_id:
            query = query.where(credential.c.id > after_id)
        query = query.limit(limit)
        return tuple(rows.to_credential(row) for row in self._all(query))

    # --- orders

    def order(self, tenant_id: int | None, name: OrderName) -> Order | None:
        found = self._named(tenant_id, (name,)).limit(1)
        whole = self._whole(self._all(found))
        return whole[0] if whole else None

    def orders_named(self, tenant_id: int, name: OrderName) -> tuple[Order, ...]:
        # Sorted here: SQLite would rather walk all ids in order than look up a name and sort a few.
        found = self._all(self._named(tenant_id, (name,)))
        return self._whole(sorted(found, key=lambda row: row.id))

    def _named(self, tenant_id: int | None, names: Iterable[OrderName]) -> Select[Any]:
        names = tuple(names)
        query = select(orders).where(or_(*(_is_named(name) for name in names)))
        if tenant_id is not None:
            return query.where(orders.c.tenant_id == tenant_id)
        if all(name.by == "uid" for name in names):
            return query
        # Every other index begins with the tenant: a look-up across tenants is one look in each.
        return query.where(orders.c.tenant_id.in_([each.id for each in self.tenants()]))

    def orders(self, query: OrderQuery) -> Page:
        statement = select(orders).where(*_conditions(query))
        when = orders.c.occurred_at if query.by_occurred else orders.c.recorded_at
        sort = (when, orders.c.id)
        if query.after:
            at, _, last = query.after.partition(".")
            here = tuple_(*sort)
            cursor = tuple_(int(at), int(last))
            statement = statement.where(here > cursor if query.oldest_first else here < cursor)
        order = sort if query.oldest_first else tuple(column.desc() for column in sort)
        statement = statement.order_by(*order).limit(query.limit + 1)
        if query.offset:
            statement = statement.offset(query.offset)
        found = self._all(statement)
        page, more = found[: query.limit], len(found) > query.limit
        items = self._whole(page) if query.with_lines else tuple(rows.to_order(r, ()) for r in page)
        last_row = page[-1] if page else None
        cursor_text = None
        if more and last_row is not None:
            at_us = last_row.occurred_at if query.by_occurred else last_row.recorded_at
            cursor_text = f"{at_us}.{last_row.id}"
        return Page(items, cursor_text, self._total(query) if query.with_total else None)

    def entries(self, query: EntryQuery) -> EntryPage:
        """One page in which a group counts as one."""
        found, total = page_of_entries(self._connection, query)
        numbers = tuple(number for _, number in found if number)
        alone = tuple(order_id for order_id, number in found if not number)
        members: dict[tuple[int, str], list[Order]] = {}
        for order in self.orders_among(query.tenant_id, alone, numbers):
            name = (0, order.group_number) if order.group_number else (order.id, "")
            members.setdefault(name, []).append(order)
        names = ((0, number) if number else (order_id, "") for order_id, number in found)
        return EntryPage(tuple(tuple(members[name]) for name in names), total)

    def search(self, query: OrderSearch) -> tuple[Order, ...]:
        found = listing.page_of_orders(self._connection, query)
        if query.with_lines:
            return self._whole(found)
        return tuple(rows.to_order(row, ()) for row in found)

    def terms_beginning(
        self, tenant_id: int, kind: str, prefix: str, at_most: int
    ) -> tuple[str, ...]:
        return listing.terms_beginning(self._connection, tenant_id, kind, prefix, at_most)

    def order_counts(self, tenant_id: int) -> dict[tuple[str, Status], int]:
        """How many orders there are by channel and status: from the tallies, at no cost that grows."""
        counted = (
            select(tally.c.door, tally.c.status, func.sum(tally.c.n))
            .where(tally.c.tenant_id == tenant_id, tally.c.owner == ALL_OWNERS)
            .group_by(tally.c.door, tally.c.status)
        )
        return {(door, Status(status)): int(n) for door, status, n in self._all(counted) if n}

    def _total(self, query: OrderQuery) -> int:
        """From the tallies where they can tell, else counted."""
        if _is_tallied(query):
            conditions: list[ColumnElement[bool]] = [tally.c.owner == (query.owner or ALL_OWNERS)]
            if query.tenant_id is not None:
                conditions.append(tally.c.tenant_id == query.tenant_id)
            channels = _channels(query)
            if channels:
                conditions.append(tally.c.door.in_(channels))
            if query.statuses:
                conditions.append(tally.c.status.in_([each.value for each in query.statuses]))
            tallied = self._connection.execute(select(func.sum(tally.c.n)).where(*conditions))
            return int(tallied.scalar_one() or 0)
        counted = self._connection.execute(
            select(func.count()).select_from(orders).where(*_conditions(query))
        )
        return int(counted.scalar_one())

    def _whole(self, found: Sequence[Any]) -> tuple[Order, ...]:
        """The orders with their lines, in one more statement."""
        if not found:
            return ()
        lines: dict[tuple[int, int], list[Line]] = {}
        by_tenant: dict[int, list[int]] = {}
        for row in found:
            by_tenant.setdefault(row.tenant_id, []).append(row.id)
        belongs = or_(
            *(
                and_(order_line.c.tenant_id == tenant_id, order_line.c.order_id.in_(ids))
                for tenant_id, ids in by_tenant.items()
            )
        )
        sorted_lines = (
            select(order_line)
            .where(belongs)
            .order_by(order_line.c.tenant_id, order_line.c.order_id, order_line.c.line_no)
        )
        for row in self._all(sorted_lines):
            lines.setdefault((row.tenant_id, row.order_id), []).append(rows.to_line(row))
        return tuple(rows.to_order(row, lines.get((row.tenant_id, row.id), ())) for row in found)

    def lines(self, query: LineQuery) -> tuple[tuple[Order, Line], ...]:
        return page_of_lines(self._connection, query, self._whole)

    def orders_among(
        self, tenant_id: int, ids: tuple[int, ...] = (), groups: tuple[str, ...] = ()
    ) -> tuple[Order, ...]:
        """The orders with these ids and all orders of these groups, by id."""
        named = {
            "id": orders.c.id.in_(ids) if ids else None,
            "group": and_(orders.c.group_number != EMPTY, orders.c.group_number.in_(groups))
            if groups
            else None,
        }
        # One statement each: joined by OR, neither would use its index.
        found = {
            row.id: row
            for condition in named.values()
            if condition is not None
            for row in self._all(select(orders).where(orders.c.tenant_id == tenant_id, condition))
        }
        return self._whole([found[order_id] for order_id in sorted(found)])

    def orders_of_uids(self, tenant_id: int, uids: Collection[str]) -> tuple[Order, ...]:
        if not uids:
            return ()
        named = orders.c.uid.in_(sorted(uids))
        return self._whole(self._all(select(orders).where(orders.c.tenant_id == tenant_id, named)))

    def events(self, order: Order) -> tuple[Event, ...]:
        query = (
            select(order_event)
            .where(order_event.c.tenant_id == order.tenant_id, order_event.c.order_id == order.id)
            .order_by(order_event.c.version)
        )
        return tuple(rows.to_event(row) for row in self._all(query))

    def histories(self, orders_of: Collection[Order]) -> dict[str, tuple[Event, ...]]:
        """The events of several orders, by uid, oldest first."""
        found: dict[str, list[Event]] = {each.uid: [] for each in orders_of}
        for tenant_id in sorted({each.tenant_id for each in orders_of}):
            uids = {each.id: each.uid for each in orders_of if each.tenant_id == tenant_id}
            mine = order_event.c.tenant_id == tenant_id
            query = select(order_event).where(mine, order_event.c.order_id.in_(sorted(uids)))
            for row in self._all(query.order_by(*order_event.primary_key.columns)):
                found[uids[row.order_id]].append(rows.to_event(row))
        return {uid: tuple(events) for uid, events in found.items()}

    def moves(self, order: Order) -> tuple[Move, ...]:
        query = (
            select(pool_move)
            .where(pool_move.c.tenant_id == order.tenant_id, pool_move.c.order_id == order.id)
            .order_by(pool_move.c.id)
        )
        return tuple(rows.to_move(row) for row in self._all(query))

    # --- records and pools

    def record(self, tenant_id: int, kind: str, by: str, value: str | int) -> Record | None:
        found = self.records(
            RecordQuery(tenant_id=tenant_id, kind=kind, by=by, values=(str(value),), limit=1)
        )
        return found[0] if found else None

    def records(self, query: RecordQuery) -> tuple[Record, ...]:
        found = record_reads.found(self._connection, query)
        return tuple(self._codec.to_record(row) for row in found)

    def count_records(self, query: RecordQuery) -> int:
        counted = select(func.count()).select_from(record_reads.records(query).subquery())
        return int(self._connection.execute(counted).scalar_one())

    def pools(
        self,
        tenant_id: int,
        kind: str,
        subjects: tuple[str, ...] = (),
        places: tuple[str, ...] = (),
    ) -> tuple[Pool, ...]:
        query = select(pool).where(pool.c.tenant_id == tenant_id, pool.c.kind == kind)
        if subjects:
            query = query.where(pool.c.subject.in_(subjects))
        if places:
            query = query.where(pool.c.place.in_(places))
        query = query.order_by(pool.c.subject, pool.c.place)
        return tuple(rows.to_pool(row) for row in self._all(query))

    def left_behind(self, tenant_id: int, sorts: LeftBehind, ids: range) -> frozenset[int]:
        """Those of the ids, one after another, by which something of these sorts stands."""
        return left_behind(self._connection, tenant_id, sorts, ids)

    def pools_page(
        self,
        tenant_id: int,
        kind: str,
        subjects: tuple[str, ...],
        after: tuple[str, str],
        limit: int,
    ) -> tuple[Pool, ...]:
        return listing.page_of_pools(self._connection, tenant_id, kind, subjects, after, limit)

    def pools_by_left(
        self,
        tenant_id: int,
        kind: str,
        subjects: tuple[str, ...],
        after: tuple[int, str, str] | None,
        limit: int,
    ) -> tuple[Pool, ...]:
        """Those of which the least is left first; `after` is what the last one has left, and its name."""
        return listing.pools_by_left(self._connection, tenant_id, kind, subjects, after, limit)

    def stock_by_key(
        self, tenant_id: int, kind: str, by: str, values: tuple[str, ...]
    ) -> dict[str, Bearers]:
        """For each of these keys that any record of the kind bears: how many do, and their stock."""
        return listing.stock_by_key(self._connection, tenant_id, kind, by, values)

    def held(self, tenant_id: int, most_orders: int) -> dict[PoolKey, int] | None:
        """What orders that wait for their payment have drawn, by pool; None = there are more of them than that."""
        counts = self.order_counts(tenant_id)
        waiting = sum(n for (_, status), n in counts.items() if status is Status.PENDING)
        return None if waiting > most_orders else listing.held(self._connection, tenant_id)

    def past_moves(self, query: MoveQuery) -> tuple[PastMove, ...]:
        return listing.past_moves(self._connection, query)

    def kept_answer(self, tenant_id: int, scope: str, key: str) -> KeptAnswer | None:
        """What `Ledger.keep_answer` keeps under this name."""
        named = (claim.c.tenant_id == tenant_id, claim.c.scope == scope, claim.c.key == key)
        row = self._connection.execute(select(claim).where(*named)).first()
        return None if row is None else rows.to_kept_answer(row)

    # --- the request log

    def requests(self, search: RequestSearch) -> tuple[LoggedRequest, ...]:
        return request_log.page(self._connection, search)

    def refusals(
        self, tenant_id: int, newest: int | None = None
    ) -> tuple[tuple[Refusals, ...], int | None]:
        """Why calls that are still kept were refused, the most frequent first; since when they are, None = none is.

        With `newest` of so many of them, the newest.
        """
        return request_log.refusals(self._connection, tenant_id, newest)

    def request(
        self, tenant_id: int | None, request_id: str
    ) -> tuple[LoggedRequest, Exchange] | None:
        """By its id, in full; `tenant_id` None: any tenant's."""
        return request_log.one(self._connection, tenant_id, request_id)


def _is_named(name: OrderName) -> ColumnElement[bool]:
    if name.by == "id":
        usable = (
            name.value.isascii()
            and name.value.isdigit()
            and len(name.value) <= record_reads.MAX_ID_DIGITS
        )
        return orders.c.id == (int(name.value) if usable else -1)
    if name.by == "number":
        # The first condition is what lets the partial index be used; UID-numbered orders have no other number.
        return or_(
            and_(orders.c.number != orders.c.uid, orders.c.number == name.value),
            and_(orders.c.number == orders.c.uid, orders.c.uid == name.value),
        )
    if name.by == "group":
        return and_(orders.c.group_number != EMPTY, orders.c.group_number == name.value)
    if name.by == "bill":
        return and_(orders.c.bill != EMPTY, orders.c.bill == name.value)
    return orders.c.uid == name.value.lower()


def _channels(query: OrderQuery) -> tuple[str, ...]:
    return (query.channel,) if query.channel else query.channels


def _conditions(query: OrderQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.tenant_id is not None:
        found.append(orders.c.tenant_id == query.tenant_id)
    channels = _channels(query)
    if channels:
        found.append(orders.c.door.in_(channels))
    if query.owner is not None:
        found.append(orders.c.owner == query.owner)
        if query.owner:
            found.append(orders.c.owner != EMPTY)
    accounts = (query.account,) if query.account else query.accounts
    if accounts:
        found += [orders.c.account != EMPTY, orders.c.account.in_(accounts)]
    if query.services:
        found += [orders.c.service != EMPTY, orders.c.service.in_(query.services)]
    if query.reference:
        found += [orders.c.reference != EMPTY, orders.c.reference == query.reference]
    if query.statuses:
        found.append(orders.c.status.in_([each.value for each in query.statuses]))
    if query.names:
        found.append(or_(*(_is_named(name) for name in query.names)))
    for column, least, below in (
        (orders.c.occurred_at, query.occurred_from, query.occurred_to),
        (orders.c.updated_at, query.updated_from, query.updated_to),
        (orders.c.recorded_at, query.recorded_from, query.recorded_to),
    ):
        if least is not None:
            found.append(column >= least)
        if below is not None:
            found.append(column < below)
    return found


def _is_tallied(query: OrderQuery) -> bool:
    """Whether tenant, owner, channels and statuses are all that the query asks for."""
    return (
        not (query.account or query.accounts or query.services or query.reference or query.names)
        and query.owner != ""
        and all(
            bound is None
            for bound in (
                query.occurred_from,
                query.occurred_to,
                query.updated_from,
                query.updated_to,
                query.recorded_from,
                query.recorded_to,
            )
        )
    )
