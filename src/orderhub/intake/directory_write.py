"""What is written beside the queue: the directory, whose few rows no order's commit should wait for.

One short transaction each, and the caller's key is kept in it, as a batch keeps those of its commands.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from orderhub.intake.batch import OTHER_CONTENT, again, binding
from orderhub.intake.claims import Claim
from orderhub.intake.outcome import Outcome, Worded
from orderhub.ledger.directory import Directory
from orderhub.ledger.ledger import Ledger

Work = Callable[[Directory], Worded]


_OTHER_CONTENT = Outcome(
    kind="rejected",
    reason=OTHER_CONTENT.reason.value,
    field=OTHER_CONTENT.field,
    detail=OTHER_CONTENT.detail,
)


class _Undone(Exception):
    """Nothing of the transaction is to stay."""


def write_directory(
    ledger: Ledger, work: Work, claim: Claim | None, wall_us: int, *, dry_run: bool
) -> Outcome:
    """What became of `work`, which is done once for a key. Whatever it raises leaves nothing behind.

    The kind of the outcome is `accepted`, `replayed`, or `rejected` for a key that came with other content.
    """
    outcome = Outcome(kind="broken")
    try:
        with ledger.directory(secrets.token_hex(8)) as (batch, directory):
            stored = None
            if claim is not None:
                bound = batch.claim({claim.name: claim.fingerprint}, wall_us)
                stored = bound.get(claim.name)
            if claim is None or stored is None:
                outcome = Outcome(kind="accepted", answer=work(directory))
            elif stored.fingerprint == claim.fingerprint:
                outcome = Outcome(kind="replayed", answer=again(stored))
            else:
                outcome = _OTHER_CONTENT
            if outcome.kind != "accepted" or dry_run:
                raise _Undone  # noqa: TRY301 - only a block that ends badly leaves nothing
            if claim is not None and outcome.answer is not None:
                kept = binding(claim.fingerprint, outcome.answer, wall_us)
                batch.settle_claims({claim.name: kept}, ())
    except _Undone:
        pass
    return outcome
