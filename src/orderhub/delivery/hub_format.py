"""The hub's own messages: Standard Webhooks, one event each, with its order in full as it stands when it is sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from orderhub.core.feed import FedEvent
from orderhub.core.values import Order
from orderhub.core.webhook_formats import Message, Terms, Told
from orderhub.core.webhooks import Webhook

_HEADERS = (("content-type", "application/json"),)


class HubFormat:
    """Implements Format. How events, orders and instants look is handed in: as the hub's own API shows them."""

    def __init__(
        self,
        event_shape: Callable[[FedEvent], Any],
        order_shape: Callable[[Order, str], Any],
        instant: Callable[[int], Any],
        encode: Callable[[Any], bytes] = msgspec.json.encode,
    ) -> None:
        self._event_shape = event_shape
        self._order_shape = order_shape
        self._instant = instant
        self._encode = encode
        self._terms = Terms()

    @property
    def terms(self) -> Terms:
        return self._terms

    def message(self, _webhook: Webhook, told: Sequence[Told]) -> Message | None:
        (each,) = told
        event, order = each.event, each.order
        body = {
            "type": event.kind,
            "timestamp": self._instant(event.recorded_at),
            "data": {
                "event": self._event_shape(event),
                "order": None if order is None else self._order_shape(order, each.tenant),
            },
        }
        return Message(event.id, self._encode(body), _HEADERS)
