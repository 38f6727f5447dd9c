"""A webhook: where a tenant's events are sent, and which. What became of them is kept beside it, not in it."""

from __future__ import annotations

from typing import Any

import msgspec

RECORD_KIND = "webhook"

# Standard Webhooks, see delivery/; another format is a dialect's own and bears the dialect's name.
HUB_FORMAT = "hub"

# Told when the hub switches one off; `off_why` says why.
OFF = "webhook.off"
GONE, FAILING = "gone", "failing"


class WebhookSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret that messages are signed with.

    text      as the cipher keeps it
    until_us  the last instant it signs (wall clock, microseconds UTC); 0 = for ever
    """

    text: str
    until_us: int = 0


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """Where events go.

    uid       its name outside, a UUID
    kinds     kinds of the feed; empty = all
    channels  only events of orders of these doors; empty = all, and those of no order
    format    `hub`, or the name of a dialect that has a form of its own
    options   what that form needs to know, such as ids of the vendor's; its dialect says what it reads
    secrets   the newest first; a rotated one signs beside it for a day
    begins    the cursor of the feed behind which it begins
    off_why   why the hub switched it off: `gone` (410) or `failing`; empty = it did not
    """

    uid: str = ""
    url: str
    title: str = ""
    kinds: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    format: str = HUB_FORMAT
    options: dict[str, str] = {}
    is_enabled: bool = True
    secrets: tuple[WebhookSecret, ...] = ()
    begins: str = ""
    created_at: int = 0
    off_why: str = ""
    off_at: int = 0


def off_notice(before: Any, after: Any) -> dict[str, Any] | None:
    """What is told when a webhook is written: that it was switched off by the hub, or nothing."""
    if not isinstance(after, Webhook) or not after.off_why:
        return None
    if isinstance(before, Webhook) and before.off_why == after.off_why:
        return None
    return {"webhook": after.uid, "title": after.title, "reason": after.off_why}
