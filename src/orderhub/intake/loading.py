"""The facts that the commands of a batch are decided upon: loaded in a handful of statements, before any decision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from orderhub.core import alerts
from orderhub.core import decide as core
from orderhub.core.commands import NUMBERED_BY_BOTH, ChangeOrder, Command, PlaceOrder, RecordChange
from orderhub.core.decide import HANDLERS
from orderhub.core.draws import are_ample
from orderhub.core.facts import Facts, HandOverLoad, OrderLoad, PoolLoad, RecordKey
from orderhub.core.pools import MONEY_KINDS
from orderhub.core.values import MICROSECONDS
from orderhub.intake.ids import Ids
from orderhub.ledger.batch import Batch
from orderhub.ledger.changeset import Stale

N = TypeVar("N", RecordKey, OrderLoad, PoolLoad)

# A chain of records that name each other is at most this long; more is a bug.
_MAX_ROUNDS = 12
# Others say how much there is, or how much is little.
_DRAWING = frozenset((PlaceOrder, ChangeOrder))
_MOST_AHEAD = 1_024


class Loader:
    """For one attempt at one batch.

    `optimistic`: pools with ample left need no lock before they are drawn on, and records that are kept mostly stand.
    """

    def __init__(self, batch: Batch, facts: Facts, ids: Ids, *, optimistic: bool = False) -> None:
        self._batch = batch
        self._facts = facts
        self._ids = ids
        self._naming_orders: set[int] = set()  # commands (by id) whose needs name orders
        self._tenants: list[int] = []
        self._optimistic = optimistic
        self.locks_late = optimistic and batch.meets_others

    def load(self, commands: list[Command]) -> None:
        """All that these commands may need. Pools are locked, unless `locks_late` is still set then. Raises Stale."""
        if not commands:
            return
        self._tenants = sorted({command.origin.tenant_id for command in commands})
        self._batch.stay_with(self._tenants)
        self._batch.recall(self._facts, self._tenants, presume=self._optimistic)
        self._load_records_and_orders(commands)
        self._batch.recall_derived(self._facts, self._tenants)
        self._reserve_order_ids(commands)
        self._load_numbers(commands)
        self._load_fresh_ids(commands)
        pools: list[PoolLoad] = []
        for command in commands:
            pools += core.pool_loads(command, self._facts)
        if pools:
            self._load_items(pools)
            self._load_pools(_distinct(pools), commands)
        if not self._batch.records_stand():
            raise Stale

    def _load_pools(self, pools: Sequence[PoolLoad], commands: list[Command]) -> None:
        # A group's row is locked when it is written: pools come before it, or two batches wait in a circle.
        if self.locks_late and _only_draw(commands, pools) and not self._facts.knows_groups():
            self._batch.load_pools(self._facts, pools, lock=False)
            if are_ample(self._facts, pools, len(commands)):
                return
        self.locks_late = False
        self._batch.load_pools(self._facts, pools)

    def _load_items(self, pools: list[PoolLoad]) -> None:
        """What the items of these pools say of them, before their locks are taken. Mostly it is known."""
        for _ in range(2):  # a variant, and its product
            keys = [key for load in pools for key in alerts.item_loads(load, self._facts)]
            if not keys:
                return
            self._batch.load_records(self._facts, sorted(set(keys)))

    def lacks(self, command: Command, *, is_record_changed: bool) -> bool:
        """Whether the command needs more than what was loaded, now that others were decided before it."""
        facts, handler = self._facts, HANDLERS[type(command)]
        if handler.is_time_numbered(command):
            count = core.id_quota(command, facts).orders
            ids = self._ids.orders(command.origin.tenant_id, count)
            if any(handler.numbers(command, facts, ids)):
                return True
        if not is_record_changed and id(command) not in self._naming_orders:
            return False  # orders came or changed, and its needs are not worked out from any
        if not all(map(facts.has_loaded, core.loads(command, facts))):
            return True
        return any(
            load not in facts.loaded_pools
            and msgspec.structs.replace(load, place=None) not in facts.loaded_pools
            for load in core.pool_loads(command, facts)
        )

    def _load_records_and_orders(self, commands: list[Command]) -> None:
        undone = commands
        for _ in range(_MAX_ROUNDS):
            records: set[RecordKey] = set()
            orders: set[OrderLoad | HandOverLoad] = set()
            undone = [each for each in undone if self._is_lacking(each, records, orders)]
            if not undone:
                return
            if records:
                self._batch.load_records(self._facts, sorted(records))
            if orders:
                self._load_orders(orders)
                if self._batch.recall_again(self._facts):
                    undone = commands
        raise RuntimeError("records name each other in a circle")

    def _load_orders(self, named: set[OrderLoad | HandOverLoad]) -> None:
        """Orders are locked first: hand-overs move under the lock of their order."""
        orders = sorted(each for each in named if isinstance(each, OrderLoad))
        if orders:
            self._batch.load_orders(self._facts, orders)
        hand_overs = sorted(each for each in named if isinstance(each, HandOverLoad))
        if hand_overs:
            self._batch.load_hand_overs(self._facts, hand_overs)

    def _is_lacking(
        self, command: Command, records: set[RecordKey], orders: set[OrderLoad | HandOverLoad]
    ) -> bool:
        """Whether the command names what must be loaded; that is added to what others name."""
        facts, is_lacking = self._facts, False
        for load in core.loads(command, facts):
            if isinstance(load, RecordKey):
                if not facts.knows(load):
                    is_lacking = True
                    records.add(load)
            else:
                self._naming_orders.add(id(command))
                if not facts.has_loaded(load):
                    is_lacking = True
                    orders.add(load)
        return is_lacking

    def _reserve_order_ids(self, commands: list[Command]) -> None:
        """All at once, so that a large batch asks for no more blocks than a small one."""
        counts: dict[int, int] = {}
        for command in commands:
            if HANDLERS[type(command)].places:
                tenant_id = command.origin.tenant_id
                count = core.id_quota(command, self._facts).orders
                counts[tenant_id] = counts.get(tenant_id, 0) + count
        for tenant_id, total in counts.items():
            self._ids.orders(tenant_id, total)

    def _load_numbers(self, commands: list[Command]) -> None:
        """See which of the numbers that time-numbered orders may bear are taken."""
        moments: dict[tuple[int, int], Command] = {}
        for command in commands:
            if HANDLERS[type(command)].is_time_numbered(command):
                tenant_id = command.origin.tenant_id
                # By the tenant's seconds: its clock may turn over in the middle of one of ours.
                now = command.origin.now(self._facts.settings(tenant_id).clock)
                moments[(tenant_id, now // MICROSECONDS)] = command
        if not moments:
            return
        counts = dict.fromkeys((tenant_id for tenant_id, _ in moments), 0)
        for command in commands:
            # Orders of every channel take their ids from the tenant's one sequence.
            if command.origin.tenant_id in counts:
                count = core.id_quota(command, self._facts).orders
                counts[command.origin.tenant_id] += count
        # Whatever is refused before it, a command is given one of the next ids of its tenant.
        ahead = {tenant_id: self._ids.orders(tenant_id, n) for tenant_id, n in counts.items()}
        while True:
            missing: list[OrderLoad] = []
            for (tenant_id, _), command in moments.items():
                numbers = HANDLERS[type(command)].numbers
                missing += numbers(command, self._facts, ahead[tenant_id])
            if not missing:
                return
            self._batch.load_orders(self._facts, _distinct(missing))

    def _load_fresh_ids(self, commands: list[Command]) -> None:
        """See which of the ids that new records may get were given by hand: those are passed over.

        Counters go on behind ids by hand, so that only what some process had set aside before can be taken.
        """
        counts: dict[tuple[int, str], int] = {}
        last: dict[tuple[int, str], int] = {}
        drawing: set[tuple[int, str]] = set()
        for tenant_id, change in _numbered_by_both(commands):
            name = (tenant_id, change.kind)
            # One that has its id may take what another would get.
            counts[name] = counts.get(name, 0) + 1
            if not change.id:
                drawing.add(name)
            elif self._facts.record(tenant_id, change.kind, "id", change.id) is None:
                last[name] = max(last.get(name, 0), change.id)
        for (tenant_id, kind), most in sorted(last.items()):
            self._ids.go_on_behind(tenant_id, kind, most)
        ahead = 1
        while missing := self._ids.unseen({name: counts[name] for name in drawing}):
            if ahead > 1:  # many are taken: the rounds stay few
                missing = self._ids.unseen({name: counts[name] * ahead for name in drawing})
            self._batch.load_records(self._facts, missing)
            ahead = min(2 * ahead, _MOST_AHEAD)


def _only_draw(commands: Sequence[Command], pools: Sequence[PoolLoad]) -> bool:
    """Whether they take of these pools or give back, no more: an order that ends adjusts what its sellers earned."""
    kinds = {type(each) for each in commands}
    if kinds == {PlaceOrder}:
        return True
    return kinds <= _DRAWING and not any(load.kind in MONEY_KINDS for load in pools)


def _distinct(loads: Sequence[N]) -> list[N]:
    return list(dict.fromkeys(loads))


def _numbered_by_both(commands: list[Command]) -> Iterator[tuple[int, RecordChange]]:
    """New records of the kinds that are numbered by the hub and by hand, each with its tenant."""
    for command in commands:
        for change in HANDLERS[type(command)].records(command):
            if change.kind in NUMBERED_BY_BOTH and change.members is None:
                yield command.origin.tenant_id, change
