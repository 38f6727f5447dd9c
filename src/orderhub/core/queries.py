"""What can be asked of the ledger without changing it. Answers are core values."""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Protocol, TypeVar

import msgspec

from orderhub.core.access import Credential, Tenant
from orderhub.core.answer import KeptAnswer
from orderhub.core.commands import OrderName
from orderhub.core.daily import DayFigures
from orderhub.core.deliveries import (
    Delivery,
    Stretch,
    WebhookLook,
    WebhookStanding,
    WebhookState,
)
from orderhub.core.facts import Record
from orderhub.core.feed import FedEvent, FeedLook, FeedPlace
from orderhub.core.people import Link, Person, Session
from orderhub.core.relaying import RelayReads
from orderhub.core.request_log import Exchange, LoggedRequest, Refusals, RequestSearch
from orderhub.core.values import Event, Line, Move, Order, Pool, PoolKey, Settings, Status

T = TypeVar("T")


class Page(msgspec.Struct, frozen=True):
    """`total` is None unless it was asked for; `cursor` is None on the last page."""

    items: tuple[Order, ...]
    cursor: str | None = None
    total: int | None = None


class GroupState(msgspec.Struct, frozen=True, kw_only=True):
    """What the statuses of a whole entry must look like: of a group, or of an order without one.

    some  for each of these tuples at least one order of the group has one of its statuses
    none  no order of the group has any of these
    """

    some: tuple[tuple[Status, ...], ...] = ()
    none: tuple[Status, ...] = ()

    def suits(self, statuses: Collection[Status]) -> bool:
        """Whether an entry whose orders have these statuses is in this state."""
        return all(each not in statuses for each in self.none) and all(
            any(each in statuses for each in any_of) for any_of in self.some
        )


class EntryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a tenant's orders in which a group counts as one.

    Instants are microseconds, from inclusive, to exclusive.

    states  any of them must hold; none = every state
    A group was updated when the last of its orders was. Newest first: by time of update where that
    is bounded, else by occurrence where that is, else by arrival.
    """

    tenant_id: int
    states: tuple[GroupState, ...] = ()
    occurred_from: int | None = None
    occurred_to: int | None = None
    updated_from: int | None = None
    updated_to: int | None = None
    offset: int = 0
    limit: int = 50

    @property
    def occurred_bounds(self) -> tuple[int | None, int | None] | None:
        return _bounds(self.occurred_from, self.occurred_to)

    @property
    def updated_bounds(self) -> tuple[int | None, int | None] | None:
        return _bounds(self.updated_from, self.updated_to)


def _bounds(least: int | None, below: int | None) -> tuple[int | None, int | None] | None:
    return None if least is None and below is None else (least, below)


class EntryPage(msgspec.Struct, frozen=True):
    """Each entry is one order, or the orders of a group by id."""

    entries: tuple[tuple[Order, ...], ...]
    total: int


class OrderQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Filters are joined by AND; empty ones do not filter. Instants are microseconds, from inclusive, to exclusive.

    Newest first (by time of arrival) unless `oldest_first`. `after` is a cursor of an earlier page.
    """

    tenant_id: int | None = None  # None: every tenant (operators only)
    channel: str = ""
    channels: tuple[str, ...] = ()
    owner: str | None = None
    account: str = ""
    accounts: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    reference: str = ""
    statuses: tuple[Status, ...] = ()
    names: tuple[OrderName, ...] = ()  # any of them
    occurred_from: int | None = None
    occurred_to: int | None = None
    updated_from: int | None = None
    updated_to: int | None = None
    recorded_from: int | None = None
    recorded_to: int | None = None
    oldest_first: bool = False
    by_occurred: bool = False  # sort by occurred_at instead of arrival; paged by offset
    after: str = ""
    offset: int = 0
    limit: int = 50
    with_lines: bool = True
    with_total: bool = False


class LineQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Single lines of orders, newest order first, last line first. Filters are joined by AND.

    lines      (order uid, line number) pairs
    consumed   an order without a time of consumption was consumed when it occurred
    before     only what follows this (occurred_at, order id, line number) in the list
    Instants are microseconds, from inclusive, to exclusive.
    """

    tenant_id: int
    lines: tuple[tuple[str, int], ...] = ()
    order_uids: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    bills: tuple[str, ...] = ()
    occurred_from: int | None = None
    occurred_to: int | None = None
    updated_from: int | None = None
    updated_to: int | None = None
    consumed_from: int | None = None
    consumed_to: int | None = None
    cancelled_from: int | None = None
    cancelled_to: int | None = None
    before: tuple[int, int, int] | None = None
    limit: int = 1000


class OrderSearch(msgspec.Struct, frozen=True, kw_only=True):
    """One page of orders along one index, newest first, at a cost that does not grow with the ledger.

    tenant_id  None: every tenant (operators only), in order of arrival
    anyone_of  filters, any of which must hold; the columns of one filter are those of an index
    terms      (kind, term) pairs of core.search, any of them; excludes `anyone_of`
    by         the instant that sorts and that `since` (inclusive) and `until` (exclusive) bound
    after      what this page follows: (instant, order id), with the tenant's id between for every tenant
    """

    tenant_id: int | None = None
    anyone_of: tuple[tuple[tuple[str, str], ...], ...] = ()
    terms: tuple[tuple[str, str], ...] = ()
    by: str = "recorded_at"  # or updated_at, occurred_at
    since: int | None = None
    until: int | None = None
    after: tuple[int, ...] = ()
    limit: int = 50
    with_lines: bool = False


class MoveQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The moves of one pool, newest first, beyond (recorded_at, id)."""

    key: PoolKey
    after: tuple[int, int] | None = None
    limit: int = 50


class PastMove(msgspec.Struct, frozen=True, kw_only=True):
    """A move as it was recorded. `order_uid` is empty for an adjustment."""

    id: int
    move: Move
    order_uid: str
    actor: str
    recorded_at: int


def cancelled_at(order: Order, line: Line) -> int | None:
    """When a line was cancelled, alone or with its order (tenant's time); None = it stands."""
    found = line.data.get("cancelled_at")
    if found is None and order.status in (Status.CANCELLED, Status.REFUNDED):
        found = order.doc.business.ended_at or order.updated_at
    return found if isinstance(found, int) else None


class RecordSort(StrEnum):
    """The order of records. Ids do not tell their age: each process has ids of its own to give."""

    ID = "id"
    LAST_ID = "-id"
    OLDEST = "age"
    NEWEST = "-age"


class RecordQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Records of one kind, by ids, names or keys; `by` as in RecordKey.

    after_id, after_uid  those beyond this record in the chosen order, 0 = from the start; the uid counts by age alone
    """

    tenant_id: int
    kind: str
    by: str = "all"
    values: tuple[str, ...] = ()
    offset: int = 0
    limit: int = 1000
    sort: RecordSort = RecordSort.ID
    after_id: int = 0
    after_uid: str = ""


class Bearers(msgspec.Struct, frozen=True):
    """How many records bear a key, and how many units of these are in stock; None = they are not counted."""

    count: int
    left: int | None


class LeftBehind(msgspec.Struct, frozen=True, kw_only=True):
    """How something may stand by the id of a record, though that is not there.

    subject  how the subjects of its pools begin, before the id; `pools` are their kinds
    keys     (kind, key) of records that name it
    records  kinds of which a record has the same id
    """

    subject: str = ""
    pools: tuple[str, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()
    records: tuple[str, ...] = ()


class PeopleReads(Protocol):
    """Who works at the desk."""

    def by_uid(self, uid: str) -> Person | None: ...
    def by_email(self, email: str) -> Person | None: ...
    def of_tenant(
        self, tenant_id: int | None, after: str = "", limit: int | None = None
    ) -> tuple[Person, ...]: ...
    def among(self, uids: Collection[str]) -> dict[str, Person]: ...
    def with_second_factor(self) -> tuple[Person, ...]: ...
    def session(self, session_id: str) -> Session | None: ...
    def sessions(self, uid: str) -> tuple[Session, ...]: ...
    def link(self, link_id: str) -> Link | None: ...


class Traces(msgspec.Struct, frozen=True, kw_only=True):
    """Where a person is found besides orders and records; as in core.commands.ForgetPerson."""

    claims: tuple[tuple[str, str], ...] = ()
    requests: tuple[str, ...] = ()
    deliveries: tuple[tuple[int, int], ...] = ()


class PersonReads(Protocol):
    """What is kept of a person. Whole tables of the tenant are passed over: it is asked seldom."""

    def records(self, tenant_id: int, email: str) -> tuple[Record, ...]: ...
    def order_uids(
        self,
        tenant_id: int,
        email: str,
        owners: Collection[tuple[str, str]],
        accounts: Collection[str],
    ) -> tuple[str, ...]: ...
    def traces(self, tenant_id: int, email: str, uids: Collection[str]) -> Traces: ...
    def answers(
        self, tenant_id: int, claims: Collection[tuple[str, str]]
    ) -> tuple[tuple[str, KeptAnswer], ...]: ...


class Reads(Protocol):
    """The ledger's reading side. Each call is one consistent look; instants are microseconds UTC."""

    @property
    def people(self) -> PeopleReads: ...
    @property
    def persons(self) -> PersonReads: ...
    @property
    def relay(self) -> RelayReads: ...
    def tenants(
        self, after_id: int = 0, limit: int | None = None, begins: str = ""
    ) -> tuple[Tenant, ...]: ...
    def tenants_among(self, ids: Collection[int]) -> tuple[Tenant, ...]: ...
    def tenant(self, name: str) -> Tenant | None: ...
    def settings(self, tenant_id: int) -> Settings: ...
    def credential(self, kind: str, name: str) -> Credential | None: ...
    def credentials_named(self, kinds: tuple[str, ...], name: str) -> tuple[Credential, ...]: ...
    def credential_by_id(self, credential_id: str) -> Credential | None: ...
    def credentials(
        self, tenant_id: int | None, kind: str = "", after_id: str = "", limit: int | None = None
    ) -> tuple[Credential, ...]: ...
    def order(self, tenant_id: int | None, name: OrderName) -> Order | None: ...
    def orders_named(self, tenant_id: int, name: OrderName) -> tuple[Order, ...]: ...
    def orders(self, query: OrderQuery) -> Page: ...
    def entries(self, query: EntryQuery) -> EntryPage: ...
    def order_counts(self, tenant_id: int) -> dict[tuple[str, Status], int]: ...
    def orders_among(
        self, tenant_id: int, ids: tuple[int, ...] = (), groups: tuple[str, ...] = ()
    ) -> tuple[Order, ...]: ...
    def search(self, query: OrderSearch) -> tuple[Order, ...]: ...
    def terms_beginning(
        self, tenant_id: int, kind: str, prefix: str, at_most: int
    ) -> tuple[str, ...]: ...
    def lines(self, query: LineQuery) -> tuple[tuple[Order, Line], ...]: ...
    def events(self, order: Order) -> tuple[Event, ...]: ...
    def histories(self, orders_of: Collection[Order]) -> dict[str, tuple[Event, ...]]: ...
    def moves(self, order: Order) -> tuple[Move, ...]: ...
    def record(self, tenant_id: int, kind: str, by: str, value: str | int) -> Record | None: ...
    def records(self, query: RecordQuery) -> tuple[Record, ...]: ...
    def count_records(self, query: RecordQuery) -> int: ...
    def pools(
        self,
        tenant_id: int,
        kind: str,
        subjects: tuple[str, ...] = (),
        places: tuple[str, ...] = (),
    ) -> tuple[Pool, ...]: ...
    def left_behind(self, tenant_id: int, sorts: LeftBehind, ids: range) -> frozenset[int]: ...
    def pools_page(
        self,
        tenant_id: int,
        kind: str,
        subjects: tuple[str, ...],
        after: tuple[str, str],
        limit: int,
    ) -> tuple[Pool, ...]: ...
    def pools_by_left(
        self,
        tenant_id: int,
        kind: str,
        subjects: tuple[str, ...],
        after: tuple[int, str, str] | None,
        limit: int,
    ) -> tuple[Pool, ...]: ...
    def stock_by_key(
        self, tenant_id: int, kind: str, by: str, values: tuple[str, ...]
    ) -> dict[str, Bearers]: ...
    def held(self, tenant_id: int, most_orders: int) -> dict[PoolKey, int] | None: ...
    def past_moves(self, query: MoveQuery) -> tuple[PastMove, ...]: ...
    def feed_look(
        self,
        tenant_id: int,
        place: FeedPlace,
        limit: int,
        kinds: Collection[str] = (),
        until: FeedPlace | None = None,
    ) -> FeedLook: ...
    def feed_to_come(
        self, tenant_id: int, place: FeedPlace, names: Collection[tuple[str, int]]
    ) -> set[tuple[str, int]]: ...
    def feed_end(self, tenant_id: int) -> FeedPlace: ...
    def feed_place_at(self, tenant_id: int, at_us: int) -> FeedPlace: ...
    def feed_event(self, tenant_id: int, uid: str, version: int) -> FedEvent | None: ...
    def feed_progress(self, tenant_ids: Collection[int]) -> dict[int, int]: ...
    def webhooks_look(self) -> list[WebhookLook]: ...
    def webhook_state(self, tenant_id: int, webhook_id: int) -> WebhookState | None: ...
    def webhook_standing(self, tenant_id: int, webhook_id: int) -> WebhookStanding: ...
    def deliveries(
        self, tenant_id: int, webhook_id: int, state: str = "", after: int = 0, limit: int = 100
    ) -> tuple[Delivery, ...]: ...
    def delivery(self, tenant_id: int, webhook_id: int, delivery_id: int) -> Delivery | None: ...
    def deliveries_about(self, tenant_id: int, name: str, limit: int) -> tuple[Delivery, ...]: ...
    def due_deliveries(
        self,
        tenant_id: int,
        webhook_id: int,
        now_us: int,
        limit: int,
        in_hand: Callable[[str], bool],
    ) -> tuple[tuple[Delivery, ...], int]: ...
    def waiting_deliveries(
        self, tenant_id: int, webhook_id: int, about: Collection[str], limit: int
    ) -> tuple[Delivery, ...]: ...
    def held_up(self, tenant_id: int, webhook_id: int, about: Collection[str]) -> set[str]: ...
    def stretches(self, tenant_id: int, webhook_id: int) -> tuple[Stretch, ...]: ...
    def orders_of_uids(self, tenant_id: int, uids: Collection[str]) -> tuple[Order, ...]: ...
    def days(self, tenant_id: int, first: str, last: str) -> tuple[DayFigures, ...]: ...
    def database_size(self) -> int: ...
    def are_days_whole(self, tenant_id: int) -> bool: ...
    def kept_answer(self, tenant_id: int, scope: str, key: str) -> KeptAnswer | None: ...
    def requests(self, search: RequestSearch) -> tuple[LoggedRequest, ...]: ...
    def refusals(
        self, tenant_id: int, newest: int | None = None
    ) -> tuple[tuple[Refusals, ...], int | None]: ...
    def request(
        self, tenant_id: int | None, request_id: str
    ) -> tuple[LoggedRequest, Exchange] | None: ...
