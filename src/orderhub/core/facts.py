"""The facts that a batch of commands is decided upon, loaded beforehand, and what each decision makes of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from typing import Any, TypeVar, cast

import msgspec

from orderhub.core.commands import OrderName
from orderhub.core.derived import Derived
from orderhub.core.handing import HandOver
from orderhub.core.values import Event, Line, Move, Notice, Order, Pool, PoolKey, Settings

T = TypeVar("T")


class TenantGone(LookupError):
    """A tenant that was there when its caller was looked up was removed or restored since: to be asked again."""


class RecordKey(msgspec.Struct, frozen=True, order=True):
    """The name of a typed document. `by`: `id`, `uid`, `code`, `all` (value empty) or the name of one of its keys."""

    tenant_id: int
    kind: str
    by: str
    value: str = ""


class PoolLoad(msgspec.Struct, frozen=True, order=True):
    """Pools to load and lock: one place, or with `place` None every place of the subject."""

    tenant_id: int
    kind: str
    subject: str
    place: str | None = None


class OrderLoad(msgspec.Struct, frozen=True, order=True):
    tenant_id: int
    name: OrderName


class HandOverLoad(msgspec.Struct, frozen=True, order=True):
    """Hand-overs by `order` (its id), or by the `number` at a connection (its id)."""

    tenant_id: int
    by: str
    id: int
    number: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A typed document. `doc` is the Struct registered for its kind, else plain JSON values."""

    tenant_id: int
    kind: str
    id: int
    uid: str
    code: str
    doc: Any
    version: int = 1
    keys: tuple[tuple[str, str], ...] = ()


class NewIds(msgspec.Struct, frozen=True):
    """Ids set aside for one command: chance and counters come in as values.

    orders   (id, uid) pairs, as many as the command wanted
    records  kind -> ids
    uids     spare UUIDs
    """

    orders: tuple[tuple[int, str], ...] = ()
    records: dict[str, tuple[int, ...]] = {}
    uids: tuple[str, ...] = ()


class IdQuota(msgspec.Struct, frozen=True):
    """How many ids a command may use at most."""

    orders: int = 0
    records: tuple[tuple[str, int], ...] = ()
    uids: int = 0


class Timer(msgspec.Struct, frozen=True, kw_only=True):
    """A command to be done at a time of the tenant's clock. One per (kind, order)."""

    tenant_id: int
    kind: str  # a name in core/timers.py
    order_id: int
    due_at: int


class Redaction(msgspec.Struct, frozen=True, kw_only=True):
    """What is taken out of a tenant's ledger besides the orders themselves.

    orders      as they were, as they are, and the words that their events shall no longer hold
    the others  as in the command that asks for it
    """

    tenant_id: int
    orders: tuple[tuple[Order, Order, tuple[str, ...]], ...] = ()
    claims: tuple[tuple[str, str], ...] = ()
    requests: tuple[str, ...] = ()
    deliveries: tuple[tuple[int, int], ...] = ()


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one accepted command changes. Nothing else may change.

    numbered  (kind, how many of the ids set aside for it are used) of what is numbered and is no record
    """

    placed: tuple[Order, ...] = ()
    changed: tuple[Order, ...] = ()
    changed_lines: tuple[tuple[Order, Line], ...] = ()
    added_lines: tuple[tuple[Order, Line], ...] = ()
    events: tuple[Event, ...] = ()
    notices: tuple[Notice, ...] = ()
    opened: tuple[Pool, ...] = ()
    moves: tuple[Move, ...] = ()
    low_marks: tuple[tuple[PoolKey, int], ...] = ()  # pools whose `low_at` is set
    records: tuple[Record, ...] = ()
    removed: tuple[Record, ...] = ()
    timers: tuple[Timer, ...] = ()
    timers_done: tuple[Timer, ...] = ()
    redactions: tuple[Redaction, ...] = ()
    hand_overs: tuple[
        HandOver, ...
    ] = ()  # new ones of version 1, which stand aside where there is one
    natural_keys: tuple[str, ...] = ()
    orders_used: int = (
        0  # order ids used up, where that is more than orders placed (a group's own number)
    )
    numbered: tuple[tuple[str, int], ...] = ()
    group_number: str = ""
    result: Any = None  # what the dialect's wording may need beside the orders

    @property
    def order(self) -> Order:
        """The one order that was placed or changed."""
        return (self.placed or self.changed)[0]


Named = dict[tuple[str, str], tuple[Record, ...]]  # (by, value) -> the records of this name
_NO_RECORDS: Named = {}
ById = dict[int, Record | None]  # None: removed by a decision
_NO_IDS: ById = {}
_NO_POOLS: dict[str, Pool] = {}


class Facts:
    """Facts by name. `decide` reads them; `apply` lets later commands of the batch see what earlier ones did."""

    def __init__(self) -> None:
        # Records by tenant and kind, each kind by name and by id.
        self._records: dict[tuple[int, str], Named] = {}
        self._by_id: dict[tuple[int, str], ById] = {}
        self._lent: set[tuple[int, str]] = set()  # what is not to be changed in place
        # Of kinds that are written: the names by which each record is known, by id.
        self._bearers: dict[tuple[int, str], dict[int, set[tuple[str, str]]]] = {}
        self._settings: dict[int, Settings] = {}
        self._pools: dict[tuple[int, str, str], dict[str, Pool]] = {}
        self._orders: dict[OrderLoad, tuple[Order, ...]] = {}
        self._order_by_id: dict[tuple[int, int], Order] = {}
        self._taken: set[tuple[int, str]] = set()
        self._when_loaded: dict[tuple[int, int], Order] = {}
        self._draws: dict[tuple[int, int], tuple[Move, ...]] = {}
        self._derived: dict[int, Derived] = {}
        self._hand_overs: dict[
            tuple[int, int], dict[int, HandOver]
        ] = {}  # of an order, by connection
        self._numbered: dict[tuple[int, int, str], HandOver] = {}
        self.loaded_hand_overs: set[HandOverLoad] = set()
        self.loaded_pools: set[PoolLoad] = set()
        self.loaded_orders: set[OrderLoad] = set()

    # --- filled by the ledger, or by a test

    def lend_records(self, tenant_id: int, kind: str, named: Named, by_id: ById) -> None:
        """Records of a kind as they stand. They stay the lender's, who may add what stands, too."""
        of_kind = (tenant_id, kind)
        self._records[of_kind], self._by_id[of_kind] = named, by_id
        self._lent.add(of_kind)
        self._bearers.pop(of_kind, None)

    def take_back(self, kinds: Collection[tuple[int, str]]) -> bool:
        """What was lent of these kinds is known no more, copies of it neither; whether there was any."""
        gone = [of_kind for of_kind in kinds if self._records.pop(of_kind, None) is not None]
        for tenant_id, kind in gone:
            self._by_id.pop((tenant_id, kind), None)
            self._lent.discard((tenant_id, kind))
            self._bearers.pop((tenant_id, kind), None)
            self._derived.pop(tenant_id, None)
            self._settings.pop(tenant_id, None)
        return bool(gone)

    def learn_records(self, key: RecordKey, records: Iterable[Record]) -> None:
        named, by_id = self._own((key.tenant_id, key.kind))
        found = (by_id.setdefault(record.id, record) for record in records)
        live = named[(key.by, key.value)] = tuple(each for each in found if each is not None)
        bearers = self._bearers.get((key.tenant_id, key.kind))
        if bearers is not None:
            for record in live:
                bearers.setdefault(record.id, set()).add((key.by, key.value))

    def knows(self, key: RecordKey) -> bool:
        """Whether the records of this name were loaded, be there any or none."""
        return (key.by, key.value) in self._records.get((key.tenant_id, key.kind), _NO_RECORDS)

    def learn_derived(self, tenant_id: int, derived: Derived) -> None:
        """What was derived before from the very records that these facts hold; what is derived now is added to it."""
        self._derived[tenant_id] = derived

    def learn_pools(self, load: PoolLoad, pools: Iterable[Pool]) -> None:
        self.loaded_pools.add(load)
        places = self._pools.setdefault((load.tenant_id, load.kind, load.subject), {})
        for pool in pools:
            places[pool.key.place] = pool

    def learn_orders(self, load: OrderLoad, orders: Iterable[Order]) -> None:
        self.loaded_orders.add(load)
        found = tuple(
            self._order_by_id.setdefault((order.tenant_id, order.id), order) for order in orders
        )
        for order in found:
            name = (order.tenant_id, order.id)
            self._when_loaded.setdefault(name, order)
        self._orders[load] = found

    def learn_draws(self, tenant_id: int, order_id: int, draws: Iterable[Move]) -> None:
        """What an order still holds of pools: its draws less its returns."""
        self._draws.setdefault((tenant_id, order_id), tuple(draws))

    def learn_hand_overs(self, load: HandOverLoad, found: Iterable[HandOver]) -> None:
        self.loaded_hand_overs.add(load)
        for each in found:
            self._see_hand_over(each, is_new=True)

    def has_loaded(self, load: RecordKey | OrderLoad | HandOverLoad) -> bool:
        if isinstance(load, RecordKey):
            return self.knows(load)
        if isinstance(load, OrderLoad):
            return load in self.loaded_orders
        return load in self.loaded_hand_overs

    # --- read by decisions

    def hand_overs(self, load: HandOverLoad) -> list[HandOver]:
        """Those that were loaded by this name, and those of this batch that bear it."""
        if load.by == "order":
            return list(self._hand_overs.get((load.tenant_id, load.id), {}).values())
        holder = self._numbered.get((load.tenant_id, load.id, load.number))
        return [] if holder is None else [holder]

    def settings(self, tenant_id: int) -> Settings:
        found = self._settings.get(tenant_id)
        if found is None:
            records = self._records[(tenant_id, "settings")][("id", "0")]
            if not records:
                raise TenantGone(tenant_id)
            found = self._settings[tenant_id] = records[0].doc
        return found

    def record(self, tenant_id: int, kind: str, by: str, value: str | int) -> Record | None:
        found = self._records.get((tenant_id, kind), _NO_RECORDS).get((by, str(value)))
        return found[0] if found else None

    def records(
        self, tenant_id: int, kind: str, by: str = "all", value: str | int = ""
    ) -> tuple[Record, ...]:
        return self._records.get((tenant_id, kind), _NO_RECORDS).get((by, str(value)), ())

    def known_doc(self, tenant_id: int, kind: str, record_id: int) -> Any:
        """The document of a record that was loaded, whichever name it was loaded by; else None."""
        found = self._by_id.get((tenant_id, kind), _NO_IDS).get(record_id)
        return None if found is None else found.doc

    def doc(self, tenant_id: int, kind: str, by: str, value: str | int) -> Any:
        found = self._records.get((tenant_id, kind), _NO_RECORDS).get((by, str(value)))
        return found[0].doc if found else None

    def derived(
        self, tenant_id: int, name: Hashable, work_out: Callable[[], T], weight: int = 1
    ) -> T:
        """What follows from records of a tenant alone: worked out once, and again when one of them is written.

        Asked once all that it follows from is loaded. It is shared by all who ask for it: nobody changes it.
        `weight`: how much is kept by it, in lines of orders.
        """
        derived = self._derived.get(tenant_id)
        if derived is None:
            derived = self._derived[tenant_id] = Derived()
        try:
            return cast(T, derived.known[name])
        except KeyError:
            found = work_out()
            derived.keep(name, found, weight)
            return found

    def pools(self, tenant_id: int, kind: str, subject: str) -> dict[str, Pool]:
        """Place -> pool, for the places that were loaded."""
        return self._pools.get((tenant_id, kind, subject), _NO_POOLS)

    def pool(self, key: PoolKey) -> Pool | None:
        return self._pools.get((key.tenant_id, key.kind, key.subject), _NO_POOLS).get(key.place)

    def orders(self, tenant_id: int, name: OrderName) -> tuple[Order, ...]:
        found = self._orders.get(OrderLoad(tenant_id, name), ())
        return tuple(self._order_by_id[(order.tenant_id, order.id)] for order in found)

    def draws(self, order: Order) -> tuple[Move, ...]:
        """What the order still holds, as `draw` moves with positive units."""
        return self._draws.get((order.tenant_id, order.id), ())

    def when_loaded(self, order: Order) -> Order:
        """The order as it was before this batch."""
        return self._when_loaded[(order.tenant_id, order.id)]

    def knows_groups(self) -> bool:
        """Whether any order that was loaded belongs to a group."""
        return any(order.group_number for order in self._order_by_id.values())

    def is_number_free(self, tenant_id: int, number: str) -> bool | None:
        """Whether no order bears the number; None: nobody looked it up."""
        load = OrderLoad(tenant_id, OrderName("number", number))
        if load not in self.loaded_orders:
            return None
        return not self._orders.get(load) and (tenant_id, number) not in self._taken

    # --- written after a decision was accepted

    def apply(self, accepted: Accepted) -> None:
        """Make what was accepted visible to the commands that follow in the batch."""
        for order in accepted.placed:
            self._taken.add((order.tenant_id, order.number))
            self._see_order(order)
        for order in accepted.changed:
            self._order_by_id[(order.tenant_id, order.id)] = order
        for opened in accepted.opened:
            key = opened.key
            places = self._pools.setdefault((key.tenant_id, key.kind, key.subject), {})
            places[key.place] = opened
        for move in accepted.moves:
            pool = self.pool(move.key)
            assert pool is not None, f"a move on a pool nobody loaded: {move.key}"
            kind = move.kind
            if kind == "draw":
                pool.drawn += move.units
            elif kind == "return":
                pool.returned += move.units
            elif kind == "adjustment":
                pool.adjusted += move.units
            if move.order_id and kind in ("draw", "return"):
                self._see_move(move)
            assert pool.available >= 0, f"pool below zero: {move.key}"
        for key, low_at in accepted.low_marks:
            pool = self.pool(key)
            assert pool is not None, f"a mark on a pool nobody loaded: {key}"
            pool.low_at = low_at
        for hand_over in accepted.hand_overs:
            self._see_hand_over(hand_over, is_new=hand_over.version == 1)
        for record in accepted.removed:
            self._see_record(record, removed=True)
        for record in accepted.records:
            self._see_record(record, removed=False)

    def _see_move(self, move: Move) -> None:
        name = (move.key.tenant_id, move.order_id)
        if move.kind == "draw":
            self._draws[name] = (*self._draws.get(name, ()), move)
            return
        held = list(self._draws.get(name, ()))
        for index, each in enumerate(held):
            if each.key == move.key and each.line_no == move.line_no:
                rest = each.units - move.units
                held[index : index + 1] = (
                    [msgspec.structs.replace(each, units=rest)] if rest else []
                )
                break
        self._draws[name] = tuple(held)

    def _see_order(self, order: Order) -> None:
        self._order_by_id[(order.tenant_id, order.id)] = order
        if not self.loaded_orders:
            return  # nobody asked for any order by name
        names = [("uid", order.uid), ("id", str(order.id)), ("number", order.number)]
        if order.group_number:
            names.append(("group", order.group_number))
        if order.bill:
            names.append(("bill", order.bill))
        for by, value in names:
            load = OrderLoad(order.tenant_id, OrderName(by, value))
            if load in self.loaded_orders:
                self._orders[load] = (*self._orders.get(load, ()), order)

    def _see_hand_over(self, each: HandOver, *, is_new: bool) -> None:
        of_order = self._hand_overs.setdefault((each.tenant_id, each.order_id), {})
        if is_new and each.connection_id in of_order:
            return
        of_order[each.connection_id] = each
        if each.number:
            self._numbered[(each.tenant_id, each.connection_id, each.number)] = each

    def _see_record(self, record: Record, *, removed: bool) -> None:
        self._derived[record.tenant_id] = Derived()
        if record.kind == "settings":
            self._settings.pop(record.tenant_id, None)
        of_kind = (record.tenant_id, record.kind)
        named, by_id = self._own(of_kind)
        by_id[record.id] = None if removed else record
        bearers = self._bearers.get(of_kind)
        if bearers is None:
            bearers = self._bearers[of_kind] = {}
            for key, found in named.items():
                for each in found:
                    bearers.setdefault(each.id, set()).add(key)
        answers = {("id", str(record.id)), ("uid", record.uid), ("code", record.code), ("all", "")}
        now = set() if removed else named.keys() & answers.union(record.keys)
        for key in now | bearers.get(record.id, set()):
            others = tuple(each for each in named[key] if each.id != record.id)
            named[key] = (*others, record) if key in now else others
        bearers[record.id] = now

    def _own(self, of_kind: tuple[int, str]) -> tuple[Named, ById]:
        """What is known of a kind, to be added to or changed."""
        if of_kind in self._lent:
            self._lent.remove(of_kind)
            self._records[of_kind] = dict(self._records[of_kind])
            self._by_id[of_kind] = dict(self._by_id[of_kind])
        return self._records.setdefault(of_kind, {}), self._by_id.setdefault(of_kind, {})
