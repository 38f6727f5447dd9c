"""What can be asked of webhooks: a part of `LedgerReads`."""

from __future__ import annotations

from collections.abc import Callable, Collection

from sqlalchemy import Connection

from orderhub.core.deliveries import (
    Delivery,
    Stretch,
    WebhookLook,
    WebhookStanding,
    WebhookState,
)
from orderhub.ledger import deliveries


class WebhookReads:
    """On one connection."""

    _connection: Connection

    def webhooks_look(self) -> list[WebhookLook]:
        return deliveries.look(self._connection)

    def webhook_state(self, tenant_id: int, webhook_id: int) -> WebhookState | None:
        return deliveries.state(self._connection, tenant_id, webhook_id)

    def webhook_standing(self, tenant_id: int, webhook_id: int) -> WebhookStanding:
        return deliveries.standing(self._connection, tenant_id, webhook_id)

    def deliveries(
        self, tenant_id: int, webhook_id: int, state: str = "", after: int = 0, limit: int = 100
    ) -> tuple[Delivery, ...]:
        """Newest first, below the id `after`; of one state, empty = of all."""
        return deliveries.page(self._connection, tenant_id, webhook_id, state, after, limit)

    def delivery(self, tenant_id: int, webhook_id: int, delivery_id: int) -> Delivery | None:
        return deliveries.one(self._connection, tenant_id, webhook_id, delivery_id)

    def deliveries_about(self, tenant_id: int, name: str, limit: int) -> tuple[Delivery, ...]:
        """Of all webhooks, those about an order (its uid): the newest of each webhook first."""
        return deliveries.about(self._connection, tenant_id, name, limit)

    def due_deliveries(
        self,
        tenant_id: int,
        webhook_id: int,
        now_us: int,
        limit: int,
        in_hand: Callable[[str], bool],
    ) -> tuple[tuple[Delivery, ...], int]:
        """What is due, and when more is; nothing about what is in hand."""
        return deliveries.due(self._connection, tenant_id, webhook_id, now_us, limit, in_hand)

    def waiting_deliveries(
        self, tenant_id: int, webhook_id: int, about: Collection[str], limit: int
    ) -> tuple[Delivery, ...]:
        """What waits of these orders, in order."""
        return deliveries.waiting_about(self._connection, tenant_id, webhook_id, about, limit)

    def held_up(self, tenant_id: int, webhook_id: int, about: Collection[str]) -> set[str]:
        """Those of these orders of which anything waits."""
        return deliveries.held_up(self._connection, tenant_id, webhook_id, about)

    def stretches(self, tenant_id: int, webhook_id: int) -> tuple[Stretch, ...]:
        return deliveries.stretches(self._connection, tenant_id, webhook_id)
