"""One batch inside one transaction: load what it may touch, decide each command, write the accepted."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from orderhub.core import decide as core
from orderhub.core.answer import Answer, KeptAnswer, Outcome
from orderhub.core.commands import (
    MOST_BY_HAND,
    NUMBERED_BY_BOTH,
    Command,
    Numbering,
    Origin,
    PlaceOrder,
    PutRecords,
    RecordChange,
)
from orderhub.core.known import Accepted, Known, NewIds, OrderNeed, PoolNeed, RecordKey, Wanted
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import MICROSECONDS
from orderhub.intake.claims import Claim
from orderhub.intake.clock import Recording
from orderhub.intake.outcome import Failure, Settled, Waiting
from orderhub.intake.uids import Uids
from orderhub.ledger.batch import Batch, ClaimName
from orderhub.ledger.ledger import Ledger

N = TypeVar("N", RecordKey, OrderNeed, PoolNeed)

_REPLAYED = ("Idempotent-Replayed", "true")
OTHER_CONTENT = Rejected(
    Reason.KEY_REUSED, "idempotency_key", "this key came with other content before"
)
# A chain of records that name each other is at most this long; more is a bug.
_MAX_ROUNDS = 12
_MOST_AHEAD = 1_024

log = logging.getLogger("orderhub.intake")


class BatchRun:
    """One attempt at one batch. Nothing survives a failed attempt: start a new one."""

    def __init__(
        self,
        ledger: Ledger,
        uids: Uids,
        slot: int,
        waiting: Sequence[Waiting],
        wall_us: int,
        *,
        hurried: bool = False,
        recording: Recording | None = None,
    ) -> None:
        self._ledger = ledger
        self._uids = uids
        self._slot = slot
        self._waiting = waiting
        self._wall_us = wall_us
        self._hurried = hurried
        self._recording = recording or Recording()
        self._known = Known()
        self._accepted: list[tuple[Origin, Accepted]] = []
        self._moves: dict[int, int] = {}
        self._bound: dict[ClaimName, KeptAnswer] = {}
        self._kept: dict[ClaimName, KeptAnswer] = {}
        self._taken_keys: set[tuple[int, str]] = set()
        self._used_keys: dict[tuple[int, str], str] = {}
        self._naming_orders: set[int] = set()  # commands (by id) whose needs name orders
        self._is_changed = False  # something was written since the facts were loaded
        self._is_record_changed = False

    def run(self) -> list[Settled]:
        """Outcomes in the order of the commands, once everything is committed.

        There may be fewer, never none: what an earlier command of the batch changed can make a later
        one need facts that were not loaded. It begins the next batch.
        """
        with self._ledger.batch(secrets.token_hex(8)) as batch:
            if self._hurried:
                batch.hurry()
            claims = {w.claim.name: w.claim for w in self._waiting if w.claim}
            claimed = {name: claim.fingerprint for name, claim in claims.items()}
            stored = batch.claim(claimed, self._wall_us)
            self._bound = {
                name: binding
                for name, binding in stored.items()
                if claims[name].is_bound(binding.created_at, self._wall_us)
            }
            live = [w for w in self._waiting if not w.claim or w.claim.name not in self._bound]
            natural = [key for key in map(_natural_key, live) if key]
            self._taken_keys = batch.claim_natural(natural)
            batch.hold_names(_held_names(live))
            self._load(batch, [w.command for w in live])
            outcomes: list[Settled] = []
            for waiting in self._waiting:
                if self._is_changed and self._lacks_facts(waiting):
                    break
                outcomes.append(self._outcome(waiting))
            if self._accepted:
                batch.write(self._known, self._accepted, self._move_ids(), self._slot)
            freed = [n for n in claimed if n not in self._kept and n not in self._bound]
            batch.settle_claims(self._kept, freed)
            batch.bind_natural(self._used_keys)
            batch.free_natural(sorted(set(natural) - self._taken_keys - set(self._used_keys)))
        return outcomes

    @property
    def has_written(self) -> bool:
        """After `run`: whether the commit had anything to keep."""
        return bool(self._accepted)

    # --- loading

    def _load(self, batch: Batch, commands: list[Command]) -> None:
        known = self._known
        self._load_records_and_orders(batch, commands)
        self._reserve_order_ids(commands)
        self._load_numbers(batch, commands)
        self._load_fresh_ids(batch, commands)
        pools: list[PoolNeed] = []
        for command in commands:
            pools += core.pool_needs(command, known)
        if pools:
            batch.load_pools(known, _distinct(pools))

    def _reserve_order_ids(self, commands: list[Command]) -> None:
        """All at once, so that a large batch asks for no more blocks than a small one."""
        counts: dict[int, int] = {}
        for command in commands:
            if isinstance(command, PlaceOrder):
                tenant_id = command.origin.tenant_id
                wanted = core.wanted(command, self._known).orders
                counts[tenant_id] = counts.get(tenant_id, 0) + wanted
        for tenant_id, count in counts.items():
            self._order_ids(tenant_id, count)

    def _load_numbers(self, batch: Batch, commands: list[Command]) -> None:
        """See which of the numbers that time-numbered orders may bear are taken."""
        moments: dict[tuple[int, int], PlaceOrder] = {}
        for command in commands:
            if isinstance(command, PlaceOrder) and command.numbering is Numbering.TIME4:
                tenant_id = command.origin.tenant_id
                # By the tenant's seconds: its clock may turn over in the middle of one of ours.
                now = self._known.settings(tenant_id).clock.at(command.origin.recorded_at)
                moments[(tenant_id, now // MICROSECONDS)] = command
        counts = dict.fromkeys((tenant_id for tenant_id, _ in moments), 0)
        for command in commands:
            # Orders of every door take their ids from the tenant's one sequence.
            if command.origin.tenant_id in counts:
                wanted = core.wanted(command, self._known).orders
                counts[command.origin.tenant_id] += wanted
        # Whatever is refused before it, a command is given one of the next ids of its tenant.
        ahead = {tenant_id: self._order_ids(tenant_id, n) for tenant_id, n in counts.items()}
        while True:
            missing: list[OrderNeed] = []
            for (tenant_id, _), command in moments.items():
                missing += core.number_needs(command, self._known, ahead[tenant_id])
            if not missing:
                return
            batch.load_orders(self._known, _distinct(missing))

    def _load_fresh_ids(self, batch: Batch, commands: list[Command]) -> None:
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
            elif self._known.record(tenant_id, change.kind, "id", change.id) is None:
                last[name] = max(last.get(name, 0), min(change.id, MOST_BY_HAND))
        for (tenant_id, kind), most in sorted(last.items()):
            self._ledger.counters.go_on_behind(tenant_id, f"record:{kind}", most)
        ahead = 1
        while missing := self._unseen_ids({name: counts[name] for name in drawing}):
            if ahead > 1:  # many are taken: the rounds stay few
                missing = self._unseen_ids({name: counts[name] * ahead for name in drawing})
            batch.load_records(self._known, missing)
            ahead = min(2 * ahead, _MOST_AHEAD)

    def _unseen_ids(self, counts: dict[tuple[int, str], int]) -> list[RecordKey]:
        """The next ids of these kinds of record of which nobody knows yet whether they are taken."""
        return [
            need
            for (tenant_id, kind), count in sorted(counts.items())
            for each in self._record_ids(tenant_id, kind, count)
            if (need := RecordKey(tenant_id, kind, "id", str(each)))
            not in self._known.loaded_records
        ]

    def _record_ids(self, tenant_id: int, kind: str, count: int) -> tuple[int, ...]:
        """The next ids of a kind of record, none of which is known to be taken."""
        counters, name = self._ledger.counters, f"record:{kind}"
        while True:
            ids = counters.peek(tenant_id, name, count)
            if kind not in NUMBERED_BY_BOTH:
                return ids
            taken = [
                each for each in ids if self._known.record(tenant_id, kind, "id", each) is not None
            ]
            if not taken:
                return ids
            counters.pass_over(tenant_id, name, taken)

    def _order_ids(self, tenant_id: int, count: int) -> tuple[int, ...]:
        first = self._known.settings(tenant_id).first_order_id
        return self._ledger.counters.peek(tenant_id, "order", count, first)

    def _load_records_and_orders(self, batch: Batch, commands: list[Command]) -> None:
        known = self._known
        undone = commands
        for _ in range(_MAX_ROUNDS):
            records: dict[RecordKey, None] = {}
            orders: dict[OrderNeed, None] = {}
            again: list[Command] = []
            for command in undone:
                wants_more = False
                for need in core.needs(command, known):
                    if isinstance(need, RecordKey):
                        if need not in known.loaded_records:
                            records[need] = None
                            wants_more = True
                    else:
                        self._naming_orders.add(id(command))
                        if need not in known.loaded_orders:
                            orders[need] = None
                            wants_more = True
                if wants_more:
                    again.append(command)
            if not again:
                return
            undone = again
            if records:
                batch.load_records(known, sorted(records))
            if orders:
                batch.load_orders(known, sorted(orders))
        raise RuntimeError("records name each other in a circle")

    def _lacks_facts(self, waiting: Waiting) -> bool:
        """Whether the command needs more than what was loaded, now that others were decided before it."""
        name = waiting.claim.name if waiting.claim is not None else None
        if name is not None and (name in self._bound or name in self._kept):
            return False
        command, known = waiting.command, self._known
        if isinstance(command, PlaceOrder) and command.numbering is Numbering.TIME4:
            count = core.wanted(command, known).orders
            ids = self._order_ids(command.origin.tenant_id, count)
            if any(core.number_needs(command, known, ids)):
                return True
        if not self._is_record_changed and id(command) not in self._naming_orders:
            return False  # orders came or changed, and its needs are not worked out from any
        for need in core.needs(command, known):
            if not (
                need in known.loaded_records
                if isinstance(need, RecordKey)
                else need in known.loaded_orders
            ):
                return True
        return any(
            need not in known.loaded_pools
            and msgspec.structs.replace(need, place=None) not in known.loaded_pools
            for need in core.pool_needs(command, known)
        )

    # --- deciding

    def _outcome(self, waiting: Waiting) -> Settled:
        claim = waiting.claim
        if claim is not None:
            stored = self._bound.get(claim.name) or self._kept.get(claim.name)
            if stored is not None:
                return _repeat(waiting, stored)
        try:
            decision, ids = self._decide(waiting)
            if isinstance(decision, Rejected):
                return _refused(waiting, decision)
            origin, decision = self._recorded(waiting, decision)
            answer = waiting.render(decision)
        except Exception:
            # The command changed nothing yet: it fails alone, and its neighbours go on.
            log.exception("a command broke while it was decided")
            return Failure("broken")
        if not waiting.dry_run:
            self._keep(waiting, origin, decision, answer, ids)
        return Outcome(answer, decision)

    def _recorded(self, waiting: Waiting, accepted: Accepted) -> tuple[Origin, Accepted]:
        """What was accepted, recorded later than all before it. The rules went by the time at which it came."""
        origin = waiting.command.origin
        if waiting.dry_run:
            return origin, accepted
        at = self._recording.at(origin.recorded_at)
        if at == origin.recorded_at:
            return origin, accepted
        replace = msgspec.structs.replace
        return replace(origin, recorded_at=at), replace(
            accepted,
            placed=tuple(replace(order, recorded_at=at) for order in accepted.placed),
            events=tuple(replace(event, recorded_at=at) for event in accepted.events),
        )

    def _decide(self, waiting: Waiting) -> tuple[Accepted | Rejected, NewIds]:
        key = _natural_key(waiting)
        if key and (key in self._taken_keys or key in self._used_keys):
            return core.already_exists(key[1]), NewIds()
        ids = self._ids(waiting.command)
        return core.decide(waiting.command, self._known, ids), ids

    def _keep(
        self, waiting: Waiting, origin: Origin, accepted: Accepted, answer: Answer, ids: NewIds
    ) -> None:
        self._known.apply(accepted)
        if accepted.records or accepted.removed:
            self._is_record_changed = True
        self._is_changed = self._is_changed or self._is_record_changed or bool(accepted.placed)
        self._accepted.append((origin, accepted))
        self._moves[origin.tenant_id] = self._moves.get(origin.tenant_id, 0) + len(accepted.moves)
        self._use(origin.tenant_id, accepted, ids)
        key = _natural_key(waiting)
        if key:
            self._used_keys[key] = accepted.order.uid
        if waiting.claim is not None:
            claim = waiting.claim
            self._kept[claim.name] = kept_answer(claim, answer, self._wall_us, accepted)

    # --- ids

    def _ids(self, command: Command) -> NewIds:
        """The next free ids, set aside but not used up: what a refused command was given goes to the next."""
        wanted: Wanted = core.wanted(command, self._known)
        if wanted == _NOTHING:
            return _NO_IDS
        tenant_id = command.origin.tenant_id
        orders: tuple[tuple[int, str], ...] = ()
        wall = command.origin.recorded_at
        if wanted.orders:
            orders = tuple(
                (order_id, self._uids.new(wall))
                for order_id in self._order_ids(tenant_id, wanted.orders)
            )
        records = {kind: self._record_ids(tenant_id, kind, count) for kind, count in wanted.records}
        return NewIds(
            orders=orders,
            records=records,
            uids=tuple(self._uids.new(wall) for _ in range(wanted.uids)),
        )

    def _use(self, tenant_id: int, accepted: Accepted, ids: NewIds) -> None:
        counters = self._ledger.counters
        used = accepted.orders_used or len(accepted.placed)
        if used:
            counters.take(tenant_id, "order", used)
        written = {(record.kind, record.id) for record in accepted.records}
        for kind, given in ids.records.items():
            count = sum((kind, record_id) in written for record_id in given)
            if count:
                counters.take(tenant_id, f"record:{kind}", count)

    def _move_ids(self) -> list[int]:
        """Ids in the order in which the moves will be written."""
        counters = self._ledger.counters
        iterators = {}
        for tenant_id, count in self._moves.items():
            iterators[tenant_id] = iter(counters.peek(tenant_id, "move", count))
            counters.take(tenant_id, "move", count)
        return [
            next(iterators[origin.tenant_id])
            for origin, accepted in self._accepted
            for _ in accepted.moves
        ]


def decided(
    ledger: Ledger, uids: Uids, slot: int, waiting: Sequence[Waiting], wall_us: int
) -> list[Settled]:
    """All outcomes, in as few batches as it takes; for who tries once and needs no intake."""
    outcomes: list[Settled] = []
    while len(outcomes) < len(waiting):
        outcomes += BatchRun(ledger, uids, slot, waiting[len(outcomes) :], wall_us).run()
    return outcomes


_NOTHING = Wanted()
_NO_IDS = NewIds()


def _distinct(needs: Sequence[N]) -> list[N]:
    return list(dict.fromkeys(needs))


def _held_names(live: Sequence[Waiting]) -> Iterator[tuple[int, str, str, str]]:
    for waiting in live:
        command = waiting.command
        for kind, by, value in core.held_names(command):
            yield command.origin.tenant_id, kind, by, value


def _numbered_by_both(commands: list[Command]) -> Iterator[tuple[int, RecordChange]]:
    """New records of the kinds that are numbered by the hub and by hand, each with its tenant."""
    for command in commands:
        if isinstance(command, PutRecords):
            for change in command.changes:
                if change.kind in NUMBERED_BY_BOTH and change.members is None:
                    yield command.origin.tenant_id, change


def _natural_key(waiting: Waiting) -> tuple[int, str] | None:
    command = waiting.command
    if isinstance(command, PlaceOrder) and command.natural_key:
        return (command.origin.tenant_id, command.natural_key)
    return None


def _refused(waiting: Waiting, rejected: Rejected) -> Outcome:
    return Outcome(waiting.render_refusal(rejected), rejected)


def _repeat(waiting: Waiting, kept: KeptAnswer) -> Outcome:
    """The first answer again, byte for byte; or the refusal of other content under a bound key."""
    assert waiting.claim is not None
    if kept.fingerprint != waiting.claim.fingerprint:
        return _refused(waiting, OTHER_CONTENT)
    return Outcome(replayed(kept.answer))


def kept_answer(
    claim: Claim, answer: Answer, wall_us: int, accepted: Accepted | None = None
) -> KeptAnswer:
    """What a key is bound to once its call was accepted."""
    orders = () if accepted is None else accepted.placed or accepted.changed
    return KeptAnswer(claim.fingerprint, answer, wall_us, orders[0].uid if orders else "")


def replayed(answer: Answer) -> Answer:
    """The answer that a key was bound to, marked as given before."""
    return msgspec.structs.replace(answer, headers=(*answer.headers, _REPLAYED))
