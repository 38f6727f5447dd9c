"""A person is forgotten: their orders stay as figures, and each has an event that says so."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from orderhub.core.commands import ForgetPerson, OrderName
from orderhub.core.daily import day_of
from orderhub.core.facts import Accepted, Facts, NewIds, OrderLoad, Redaction
from orderhub.core.redaction import Words, redacted_order, words_of
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Event

EVENT = "redacted"


def loads(command: ForgetPerson, _facts: Facts) -> Iterator[OrderLoad]:
    for uid in command.orders:
        yield OrderLoad(command.origin.tenant_id, OrderName("uid", uid))


def forget(command: ForgetPerson, facts: Facts, _ids: NewIds) -> Accepted | Rejected:
    """All orders that it names, and what else was found, or nothing."""
    origin = command.origin
    settings = facts.settings(origin.tenant_id)
    now = origin.now(settings.clock)
    cut, events = [], []
    for uid in command.orders:
        found = facts.orders(origin.tenant_id, OrderName("uid", uid))
        if not found:
            return Rejected(Reason.ORDER_UNKNOWN, "order", f"no order {uid}")
        before = found[0]
        words = Words((*command.words, *words_of(before)))
        after = msgspec.structs.replace(
            redacted_order(before, words), version=before.version + 1, updated_at=now
        )
        cut.append((before, after, words.all))
        events.append(
            Event(
                tenant_id=origin.tenant_id,
                order_id=before.id,
                version=after.version,
                kind=EVENT,
                occurred_at=now,
                recorded_at=origin.recorded_at,
                actor=origin.actor,
                data={},
                day=day_of(settings, now),
                request_id=origin.request_id,
            )
        )
    return Accepted(
        changed=tuple(after for _, after, _ in cut),
        changed_lines=tuple(
            (after, line)
            for before, after, _ in cut
            for line, was in zip(after.lines, before.lines, strict=True)
            if line is not was
        ),
        events=tuple(events),
        redactions=(
            Redaction(
                tenant_id=origin.tenant_id,
                orders=tuple(cut),
                claims=command.claims,
                requests=command.requests,
                deliveries=command.deliveries,
            ),
        ),
    )
