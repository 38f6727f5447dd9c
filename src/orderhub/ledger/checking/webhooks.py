"""Webhooks against themselves and the feed: nothing waits for ever, and none is ahead of what happened."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from orderhub.core.deliveries import BEHIND
from orderhub.ledger.checking.laws import Law
from orderhub.ledger.checking.report import Breach
from orderhub.ledger.checking.streams import rows_of

_NO_TURN = f"""
    SELECT tenant_id, webhook_id, about, count(*) AS waiting FROM delivery WHERE state = 'waiting'
    GROUP BY tenant_id, webhook_id, about HAVING min(next_at) >= {BEHIND}
    ORDER BY tenant_id, webhook_id, about"""
_AHEAD = """
    SELECT s.tenant_id, s.webhook_id, s.passed,
        (SELECT coalesce(sum(l.next), 0) FROM feed_lane l WHERE l.tenant_id = s.tenant_id) AS places
    FROM webhook_state s
    WHERE s.passed > (SELECT coalesce(sum(l.next), 0) FROM feed_lane l WHERE l.tenant_id = s.tenant_id)
    ORDER BY s.tenant_id, s.webhook_id"""


def breaches(connection: Connection) -> Iterator[Breach]:
    for row in rows_of(connection, _NO_TURN):
        detail = f"{row.waiting} about {row.about}, and none of them is ever due"
        yield Breach(Law.WEBHOOK_TURN, row.tenant_id, f"webhook {row.webhook_id}", detail)
    for row in rows_of(connection, _AHEAD):
        detail = f"{row.passed} places are behind it, the feed has {row.places}"
        yield Breach(Law.WEBHOOK_PLACE, row.tenant_id, f"webhook {row.webhook_id}", detail)
