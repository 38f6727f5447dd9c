"""Ids set aside for the commands of a batch: shown before they are used, and used up only by what is accepted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import uuid4

from orderhub.core import decide as core
from orderhub.core.commands import MOST_BY_HAND, NUMBERED_BY_BOTH, Command, Origin
from orderhub.core.facts import Accepted, Facts, NewIds, RecordKey
from orderhub.core.handling import NO_IDS
from orderhub.intake.uids import Uids
from orderhub.ledger.counters import Counters

_NONE = NewIds()


class Ids:
    """For one attempt at one batch. Everything goes by what its facts say of the tenants."""

    def __init__(self, counters: Counters, uids: Uids, facts: Facts) -> None:
        self._counters = counters
        self._uids = uids
        self._facts = facts
        self._given: dict[int, int] = {}  # tenant -> the greatest id that an order brought along

    def orders(self, tenant_id: int, count: int) -> tuple[int, ...]:
        """The tenant's next ids of orders."""
        first = self._facts.settings(tenant_id).first_order_id
        return self._counters.peek(tenant_id, "order", count, first)

    def records(self, tenant_id: int, kind: str, count: int) -> tuple[int, ...]:
        """The next ids of a kind of record, none of which is known to be taken."""
        name = f"record:{kind}"
        while True:
            ids = self._counters.peek(tenant_id, name, count)
            if kind not in NUMBERED_BY_BOTH:
                return ids
            taken = [
                number
                for number in ids
                if self._facts.record(tenant_id, kind, "id", number) is not None
            ]
            if not taken:
                return ids
            self._counters.pass_over(tenant_id, name, taken)

    def unseen(self, counts: dict[tuple[int, str], int]) -> list[RecordKey]:
        """The next ids of these kinds of record of which nobody knows yet whether they are taken."""
        return [
            key
            for (tenant_id, kind), count in sorted(counts.items())
            for number in self.records(tenant_id, kind, count)
            if not self._facts.knows(key := RecordKey(tenant_id, kind, "id", str(number)))
        ]

    def go_on_behind(self, tenant_id: int, kind: str, number: int) -> None:
        """Records of this kind were numbered by hand up to here."""
        self._counters.go_on_behind(tenant_id, f"record:{kind}", min(number, MOST_BY_HAND))

    def for_command(self, command: Command) -> NewIds:
        """The next free ids, not used up yet: what a refused command was given goes to the next."""
        quota = core.id_quota(command, self._facts)
        if quota == NO_IDS:
            return _NONE
        tenant_id, wall = command.origin.tenant_id, command.origin.recorded_at
        new = self._uids.new
        orders: tuple[tuple[int, str], ...] = ()
        if quota.orders:
            orders = tuple([(each, new(wall)) for each in self.orders(tenant_id, quota.orders)])
        if not quota.records and not quota.uids:
            return NewIds(orders)
        records = {kind: self.records(tenant_id, kind, count) for kind, count in quota.records}
        uids = tuple([new(wall) for _ in range(quota.uids)])
        return NewIds(orders, records, uids)

    def use(self, tenant_id: int, accepted: Accepted, given: NewIds) -> None:
        """Use up what an accepted command took of the ids that it was given."""
        used = accepted.orders_used or len(accepted.placed)
        if used and given.orders:
            self._counters.take(tenant_id, "order", used)
        elif used:
            self._see_given(tenant_id, [order.id for order in accepted.placed])
        if not given.records and not accepted.numbered:
            return
        if accepted.records:
            written = {(record.kind, record.id) for record in accepted.records}
            for kind, numbers in given.records.items():
                count = sum((kind, number) in written for number in numbers)
                if count:
                    self._counters.take(tenant_id, f"record:{kind}", count)
        for kind, count in accepted.numbered:
            self._counters.take(tenant_id, f"record:{kind}", count)

    def _see_given(self, tenant_id: int, order_ids: list[int]) -> None:
        self._counters.pass_over(tenant_id, "order", order_ids)
        first = self._facts.settings(tenant_id).first_order_id - 1
        self._given[tenant_id] = max(self._given.get(tenant_id, first), *order_ids)

    def leave_behind_those_given(self) -> None:
        """New orders get ids beyond those that others brought along."""
        for tenant_id, last in sorted(self._given.items()):
            self._counters.go_on_behind(tenant_id, "order", last)

    def of_moves(self, accepted: Sequence[tuple[Origin, Accepted]]) -> list[int]:
        """Ids in the order in which the moves will be written, used up."""
        counts: dict[int, int] = {}
        for origin, each in accepted:
            counts[origin.tenant_id] = counts.get(origin.tenant_id, 0) + len(each.moves)
        following = {
            tenant_id: iter(self._take_moves(tenant_id, count))
            for tenant_id, count in counts.items()
        }
        return [next(following[origin.tenant_id]) for origin, each in accepted for _ in each.moves]

    def of_notices(self, accepted: Sequence[tuple[Origin, Accepted]]) -> list[str]:
        """Uids in the order in which the notices will be written. Nothing is sorted or paged by them."""
        return [str(uuid4()) for _, each in accepted for _ in each.notices]

    def _take_moves(self, tenant_id: int, count: int) -> Iterable[int]:
        ids = self._counters.peek(tenant_id, "move", count)
        self._counters.take(tenant_id, "move", count)
        return ids
