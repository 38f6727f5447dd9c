"""Events as the vendor's general webhooks: which things are another now, and nothing of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta

from orderhub.core.feed import FedEvent
from orderhub.core.news import ACCOUNT_ADDED, ACCOUNT_CHANGED, PAYMENT_ADDED
from orderhub.core.webhook_formats import Message, Terms, Told
from orderhub.core.webhooks import Webhook
from orderhub.dialects.codec import encode

_Uuid = Annotated[str, Meta(pattern="^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]


class WebhookOptions(msgspec.Struct, forbid_unknown_fields=True):
    """What every message says: the property, and the integration that is told."""

    EnterpriseId: _Uuid
    IntegrationId: _Uuid


class GeneralWebhooks:
    """The vendor's terms: any 2xx within 5 s, 307 and 308 are followed; sent again after minutes, then dropped.

    Nothing is signed: the receiver knows the sender by a token in the URL.
    """

    terms = Terms(
        most_events=100,
        timeout_s=5.0,
        follows=frozenset((307, 308)),
        retries_s=(180.0, 300.0, 600.0, 900.0, 1_800.0),
        drops=True,
        is_signed=False,
    )

    def message(self, webhook: Webhook, told: Sequence[Told]) -> Message | None:
        """One thing is named once, however often it changed meanwhile."""
        named = dict.fromkeys(pair for each in told for pair in _named(each.event))
        if not named:
            return None
        body = {
            "EnterpriseId": webhook.options.get("EnterpriseId"),
            "IntegrationId": webhook.options.get("IntegrationId"),
            "Events": [{"Discriminator": what, "Value": {"Id": uid}} for what, uid in named],
        }
        return Message(_id([each.event.id for each in told]), encode(body))


def _named(event: FedEvent) -> Iterator[tuple[str, str]]:
    """What an event is called, and the id of what it happened to."""
    if event.order_uid:
        yield "ServiceOrderUpdated", event.order_uid
    elif event.kind in (ACCOUNT_ADDED, ACCOUNT_CHANGED) and event.data["kind"] == "customer":
        if event.kind == ACCOUNT_ADDED:
            yield "CustomerAdded", event.data["account"]
        yield "CustomerUpdated", event.data["account"]
    elif event.kind == PAYMENT_ADDED:
        yield "PaymentUpdated", event.data["payment"]


def _id(events: Sequence[str]) -> str:
    """The event's own; of several a name that is the same whenever they are sent together again."""
    if len(events) == 1:
        return events[0]
    return f"msg_{sha256(' '.join(events).encode()).hexdigest()[:32]}"
