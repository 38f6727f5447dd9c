"""What is told of accounts and payments: that there is a new one, or that one is another than before.

Who they are and what was paid is not told, only which: whoever may know asks.
"""

from __future__ import annotations

from typing import Any

import msgspec

from orderhub.core.accounts import Account, Payment
from orderhub.core.commands import Origin
from orderhub.core.facts import Accepted, Facts, Record
from orderhub.core.values import Notice

ACCOUNT_ADDED, ACCOUNT_CHANGED = "account.added", "account.changed"
PAYMENT_ADDED = "payment.added"
KINDS = (ACCOUNT_ADDED, ACCOUNT_CHANGED, PAYMENT_ADDED)


def told(accepted: Accepted, origin: Origin, facts: Facts) -> Accepted:
    """The same decision with what it tells of the records that it writes."""
    notices = tuple(
        _notice(*news, origin, facts)
        for record in accepted.records
        if (news := _news(record)) is not None
    )
    if not notices:
        return accepted
    return msgspec.structs.replace(accepted, notices=(*accepted.notices, *notices))


def _news(record: Record) -> tuple[str, dict[str, Any]] | None:
    is_new, doc = record.version == 1, record.doc
    if isinstance(doc, Account):
        kind = ACCOUNT_ADDED if is_new else ACCOUNT_CHANGED
        return kind, {"account": record.uid, "kind": doc.kind.value}
    if isinstance(doc, Payment) and is_new:
        data = {"payment": record.uid, "account": doc.account}
        return PAYMENT_ADDED, data | ({"bill": doc.bill} if doc.bill else {})
    return None


def _notice(kind: str, data: dict[str, Any], origin: Origin, facts: Facts) -> Notice:
    return Notice(
        tenant_id=origin.tenant_id,
        kind=kind,
        occurred_at=origin.now(facts.settings(origin.tenant_id).clock),
        recorded_at=origin.recorded_at,
        actor=origin.actor,
        data=data,
        request_id=origin.request_id,
    )
