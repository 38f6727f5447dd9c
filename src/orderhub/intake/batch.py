"""One batch inside one transaction: load what it may touch, decide each command, write the accepted."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import takewhile

import msgspec

from orderhub.core import decide as core
from orderhub.core.answer import Outcome
from orderhub.core.commands import Origin
from orderhub.core.decide import HANDLERS
from orderhub.core.draws import Draw, draws_of
from orderhub.core.facts import Accepted, Facts, NewIds
from orderhub.core.refusals import Rejected
from orderhub.intake.clock import Recording
from orderhub.intake.ids import Ids
from orderhub.intake.keys import OTHER_CONTENT, REDACTED, Keys, natural_key, replayed
from orderhub.intake.loading import Loader
from orderhub.intake.outcome import Failure, Settled, Waiting
from orderhub.intake.uids import Uids
from orderhub.ledger.changeset import Stale
from orderhub.ledger.ledger import Ledger

log = logging.getLogger("orderhub.intake")


class CommandBatch:
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
        optimistic: bool = False,
    ) -> None:
        self._ledger = ledger
        self._uids = uids
        self._slot = slot
        self._waiting = waiting
        self._wall_us = wall_us
        self._hurried = hurried
        self._optimistic = optimistic  # for who tries again without it when it is in vain
        self._recording = recording or Recording()
        self.has_written = False  # after `run`: whether the commit had anything to keep

    def run(self) -> list[Settled]:
        """Returns outcomes in the order of the commands, once everything is committed.

        There may be fewer, never none: what an earlier command of the batch changed can make a later
        one need facts that were not loaded. It begins the next batch.
        """
        facts = Facts()
        ids = Ids(self._ledger.counters, self._uids, facts)
        with self._ledger.batch(self._uids.mark()) as batch:
            if self._hurried:
                batch.hurry()
            keys = Keys(batch, self._waiting, self._wall_us)
            batch.lock_keys(_lock_keys(keys.live))
            loader = Loader(batch, facts, ids, optimistic=self._optimistic)
            loader.load([each.command for each in keys.live])
            decisions = Decisions(keys, facts, ids, self._recording)
            outcomes = decisions.of(self._waiting, loader)
            draws = decisions.draws() if loader.locks_late else []
            if decisions.accepted:
                ids.leave_behind_those_given()
                moves = ids.of_moves(decisions.accepted)
                batch.write(facts, decisions.accepted, moves, self._slot, not loader.locks_late)
            batch.draw(draws)
            keys.settle()
            batch.feed(decisions.accepted, ids.of_notices(decisions.accepted), self._slot)
        self.has_written = bool(decisions.accepted)
        return outcomes


class Decisions:
    """The commands of one batch, decided one after another; each sees what those before it changed."""

    def __init__(self, keys: Keys, facts: Facts, ids: Ids, recording: Recording) -> None:
        self._keys = keys
        self._facts = facts
        self._ids = ids
        self._recording = recording
        self._is_changed = False  # something was written since the facts were loaded
        self._is_record_changed = False
        self.accepted: list[tuple[Origin, Accepted]] = []

    def of(self, batch: Sequence[Waiting], loader: Loader) -> list[Settled]:
        """Outcomes, up to the first command that needs facts which were not loaded."""
        outcomes: list[Settled] = []
        for waiting in batch:
            if self._is_changed and self._lacks_facts(waiting, loader):
                break
            outcomes.append(self._outcome(waiting))
        return outcomes

    def draws(self) -> list[Draw]:
        """What was drawn, from pools that were read without a lock. Raises Stale where it needs one."""
        found = draws_of(self._facts, (each for _, each in self.accepted))
        if found is None:
            raise Stale
        return found

    def _lacks_facts(self, waiting: Waiting, loader: Loader) -> bool:
        if self._keys.kept(waiting.claim) is not None:
            return False
        return loader.lacks(waiting.command, is_record_changed=self._is_record_changed)

    def _outcome(self, waiting: Waiting) -> Settled:
        claim = waiting.claim
        kept = self._keys.kept(claim)
        if claim is not None and kept is not None:
            if kept.fingerprint != claim.fingerprint:
                return _refused(waiting, OTHER_CONTENT)
            if kept.is_redacted:
                return _refused(waiting, REDACTED)
            return Outcome(replayed(kept.answer))
        try:
            decision, given = self._decide(waiting)
            if isinstance(decision, Rejected):
                return _refused(waiting, decision)
            origin, decision = self._recorded(waiting, decision)
            answer = waiting.render(decision)
        except Exception:
            # The command changed nothing yet: it fails alone, and its neighbours go on.
            log.exception("a command broke while it was decided")
            return Failure("broken")
        if not waiting.dry_run:
            self._apply(origin, decision, given)
            self._keys.bind(waiting, decision, answer)
        return Outcome(answer, decision)

    def _decide(self, waiting: Waiting) -> tuple[Accepted | Rejected, NewIds]:
        key = natural_key(waiting.command)
        if key and self._keys.is_taken(key):
            return core.when_taken(waiting.command, key[1], self._facts), NewIds()
        given = self._ids.for_command(waiting.command)
        return core.decide(waiting.command, self._facts, given), given

    def _recorded(self, waiting: Waiting, accepted: Accepted) -> tuple[Origin, Accepted]:
        """What was accepted, recorded later than all before it. The rules went by the time at which it came."""
        origin = waiting.command.origin
        if waiting.dry_run or HANDLERS[type(waiting.command)].has_own_times:
            return origin, accepted
        at = self._recording.at(origin.recorded_at)
        if at == origin.recorded_at:
            return origin, accepted
        replace = msgspec.structs.replace
        return replace(origin, recorded_at=at), replace(
            accepted,
            placed=tuple(replace(order, recorded_at=at) for order in accepted.placed),
            events=tuple(replace(event, recorded_at=at) for event in accepted.events),
            notices=tuple(replace(notice, recorded_at=at) for notice in accepted.notices),
        )

    def _apply(self, origin: Origin, accepted: Accepted, given: NewIds) -> None:
        """Make what was accepted visible to the commands behind it, and have it written."""
        self._facts.apply(accepted)
        if accepted.records or accepted.removed:
            self._is_record_changed = True
        self._is_changed = self._is_changed or self._is_record_changed or bool(accepted.placed)
        self.accepted.append((origin, accepted))
        self._ids.use(origin.tenant_id, accepted, given)


def execute(
    ledger: Ledger, uids: Uids, slot: int, waiting: Sequence[Waiting], wall_us: int
) -> list[Settled]:
    """All outcomes, in as few batches as it takes; for who tries once and needs no intake."""
    outcomes: list[Settled] = []
    while len(outcomes) < len(waiting):
        rest = _together(ledger, waiting[len(outcomes) :])
        outcomes += CommandBatch(ledger, uids, slot, rest, wall_us).run()
    return outcomes


def _together(ledger: Ledger, waiting: Sequence[Waiting]) -> Sequence[Waiting]:
    """As many of the first as a batch may be of: on a cluster, those whose tenants' rows lie together."""
    group_of = ledger.group_of
    if group_of is None:
        return waiting
    ledger.learn_groups({each.command.origin.tenant_id for each in waiting})
    group = group_of(waiting[0].command.origin.tenant_id)
    same = takewhile(lambda each: group_of(each.command.origin.tenant_id) == group, waiting)
    return list(same)


def _lock_keys(live: Sequence[Waiting]) -> Iterator[tuple[int, str, str, str]]:
    for waiting in live:
        command = waiting.command
        for kind, by, value in core.lock_keys(command):
            yield command.origin.tenant_id, kind, by, value


def _refused(waiting: Waiting, rejected: Rejected) -> Outcome:
    return Outcome(waiting.render_refusal(rejected), rejected)
