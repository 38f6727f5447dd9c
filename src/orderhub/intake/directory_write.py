"""Writing the directory, beside the queue: no order's commit should wait for its few rows.

One short transaction each, and the caller's key is kept in it, as a batch keeps those of its commands.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from orderhub.core.answer import Answer, KeptAnswer, Outcome
from orderhub.core.facts import Accepted
from orderhub.core.refusals import Rejected
from orderhub.intake.claims import Claim
from orderhub.intake.keys import OTHER_CONTENT, REDACTED, kept_answer, replayed
from orderhub.ledger.directory import Directory
from orderhub.ledger.ledger import Ledger

Work = Callable[[Directory], Answer]


class _Undone(Exception):
    """Nothing of the transaction is to stay."""

    def __init__(self, outcome: Outcome | Rejected) -> None:
        self.outcome = outcome


def write_directory(
    ledger: Ledger,
    work: Work,
    tenant_id: int,
    claim: Claim | None,
    wall_us: int,
    *,
    dry_run: bool,
) -> Outcome | Rejected:
    """Do `work`, which writes for this tenant, once for a key. Whatever it raises leaves nothing behind.

    Returns its answer, or the first one to a repeat; Rejected for a key that came with other content.
    Raises TenantGone.
    """
    try:
        with ledger.directory(secrets.token_hex(8), tenant_id) as (batch, directory):
            if claim is not None:
                kept = batch.claim({claim.name: claim.fingerprint}, wall_us).get(claim.name)
                if kept is not None:
                    raise _Undone(_repeat(claim, kept))  # noqa: TRY301 - see _Undone
            outcome = Outcome(work(directory), Accepted())
            if dry_run:
                raise _Undone(outcome)  # noqa: TRY301 - see _Undone
            if claim is not None:
                batch.settle_claims({claim.name: kept_answer(claim, outcome.answer, wall_us)}, ())
            return outcome
    except _Undone as undone:
        return undone.outcome


def _repeat(claim: Claim, kept: KeptAnswer) -> Outcome | Rejected:
    if kept.fingerprint != claim.fingerprint:
        return OTHER_CONTENT
    if kept.is_redacted:
        return REDACTED
    return Outcome(replayed(kept.answer))
