"""What a webhook's messages look like. A format is pure: events in, one message out; it has no socket and no clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from orderhub.core.feed import FedEvent
from orderhub.core.values import Order
from orderhub.core.webhooks import Webhook


class Told(msgspec.Struct, frozen=True):
    """An event that leaves, with its order as it stands now; None = it is of no order. `tenant` is whose, by name."""

    event: FedEvent
    order: Order | None
    tenant: str = ""


class Message(msgspec.Struct, frozen=True):
    """What is posted, before anybody signs it. `id` is the same whenever the same events are sent again."""

    id: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How messages of a format travel.

    most_events  that one message carries
    timeout_s    from the first byte sent to the last byte read
    follows      redirects that are followed, under the same rules for addresses
    retries_s    pauses between attempts; the last one goes on for ever unless `drops`
    drops        whether a message is given up after the last pause; if not, the webhook is switched off in the end
    is_signed    whether Standard Webhooks headers go with it
    """

    most_events: int = 1
    timeout_s: float = 10.0
    follows: frozenset[int] = frozenset()
    retries_s: tuple[float, ...] = (5, 30, 120, 600, 3_600, 14_400, 43_200, 86_400)
    drops: bool = False
    is_signed: bool = True


class Format(Protocol):
    """The hub's own is made in `delivery/`; a dialect brings one in its folder."""

    @property
    def terms(self) -> Terms: ...

    def message(self, webhook: Webhook, told: Sequence[Told], /) -> Message | None:
        """At most `terms.most_events`, in their order; None = nothing of these is said in this form."""
        ...
