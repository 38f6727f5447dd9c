"""What the commands of a batch are bound under: callers' idempotency keys, and the vendors' natural keys."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import msgspec

from orderhub.core.answer import Answer, KeptAnswer
from orderhub.core.commands import Command
from orderhub.core.decide import HANDLERS
from orderhub.core.facts import Accepted
from orderhub.core.refusals import Reason, Rejected
from orderhub.intake.claims import Claim
from orderhub.intake.outcome import Waiting
from orderhub.ledger.batch import Batch, ClaimName

_REPLAYED = ("Idempotent-Replayed", "true")
OTHER_CONTENT = Rejected(
    Reason.KEY_REUSED, "idempotency_key", "this key came with other content before"
)

REDACTED = Rejected(
    Reason.KEY_REDACTED,
    "idempotency_key",
    "what this key came with was done; its answer went with a person who was forgotten",
)

NaturalKey = tuple[int, str]  # tenant, key


class Keys:
    """For one attempt at one batch: claims are taken when it is made, and bound or freed by `settle`.

    A natural key is only looked at before; who finds by `settle` that another process took it tries again.
    """

    def __init__(self, batch: Batch, waiting: Sequence[Waiting], wall_us: int) -> None:
        self._batch = batch
        self._wall_us = wall_us
        claims = {each.claim.name: each.claim for each in waiting if each.claim}
        self._claimed = {name: claim.fingerprint for name, claim in claims.items()}
        self._bound = {
            name: kept
            for name, kept in batch.claim(self._claimed, wall_us).items()
            if claims[name].is_bound(kept.created_at, wall_us)
        }
        self._kept: dict[ClaimName, KeptAnswer] = {}
        self.live = [w for w in waiting if not w.claim or w.claim.name not in self._bound]
        natural = [key for each in self.live if (key := natural_key(each.command))]
        self._taken_before = batch.taken_natural(natural)
        self._used: dict[NaturalKey, str] = {}

    def kept(self, claim: Claim | None) -> KeptAnswer | None:
        """What the claim's key is bound to, by this batch or before."""
        if claim is None:
            return None
        return self._bound.get(claim.name) or self._kept.get(claim.name)

    def is_taken(self, key: NaturalKey) -> bool:
        return key in self._used or key in self._taken

    @cached_property
    def _taken(self) -> set[NaturalKey]:
        """By orders of earlier batches; waited for once it is needed."""
        return self._taken_before()

    def bind(self, waiting: Waiting, accepted: Accepted, answer: Answer) -> None:
        """Bind the keys of an accepted command."""
        key = natural_key(waiting.command)
        if key and accepted.placed:
            self._used[key] = accepted.order.uid
        if waiting.claim is not None:
            kept = kept_answer(waiting.claim, answer, self._wall_us, accepted)
            self._kept[waiting.claim.name] = kept

    def settle(self) -> None:
        """Write what is bound; free what is not."""
        batch = self._batch
        freed = [n for n in self._claimed if n not in self._kept and n not in self._bound]
        batch.settle_claims(self._kept, freed)
        batch.bind_natural(self._used)


def natural_key(command: Command) -> NaturalKey | None:
    """The vendor's own uniqueness rule for the command, in its tenant."""
    key = HANDLERS[type(command)].natural_key(command)
    return (command.origin.tenant_id, key) if key else None


def kept_answer(
    claim: Claim, answer: Answer, wall_us: int, accepted: Accepted | None = None
) -> KeptAnswer:
    """What a key is bound to once its call was accepted."""
    orders = () if accepted is None else accepted.placed or accepted.changed
    return KeptAnswer(claim.fingerprint, answer, wall_us, orders[0].uid if orders else "")


def replayed(answer: Answer) -> Answer:
    """The answer that a key was bound to, marked as given before."""
    return msgspec.structs.replace(answer, headers=(*answer.headers, _REPLAYED))
