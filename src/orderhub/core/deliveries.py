"""What became of the events that a webhook was to be sent. Instants are microseconds since 1970 UTC, of the wall."""

from __future__ import annotations

import msgspec

# Why an event is sent: it happened, somebody asked for it again, or somebody tries the webhook out.
EVENT, REPLAY, TEST = "event", "replay", "test"
WAITING, SENT, DROPPED = "waiting", "sent", "dropped"
STATES = (WAITING, SENT, DROPPED)
# When it is the turn of what waits behind another of the same order.
BEHIND = 1 << 62
TEST_KIND = "webhook.test"
# So much of an answer is kept, and so many attempts of a delivery: the newest.
MOST_ANSWER_BYTES = 2_048
MOST_ATTEMPTS = 20


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call of the receiver.

    status  of its answer; 0 = there was none, and `error` says why
    answer  the first 2 KiB of its body
    """

    at: int
    status: int
    duration_us: int
    answer: str = ""
    error: str = ""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event on its way to one webhook, or there.

    id        grows within the webhook
    about     the order's uid, or what else is told of in order
    attempts  how many there were; `log` holds the newest, oldest first
    next_at   while it waits: not tried before this; BEHIND = another of the same order goes first
    """

    tenant_id: int
    webhook_id: int
    id: int = 0
    event_id: str
    kind: str
    about: str
    cause: str = EVENT
    state: str = WAITING
    attempts: int = 0
    next_at: int = 0
    first_at: int = 0
    last_at: int = 0
    log: tuple[Attempt, ...] = ()


class WebhookState(msgspec.Struct, frozen=True, kw_only=True):
    """How far a webhook is.

    cursor         of the feed: everything before it is settled, or waits in a row of its own
    passed         how many positions of the feed are behind the cursor
    failing_since  since when nothing but failures came of it; 0 = it works
    misses         failures in a row
    resume_at      not called before this
    due_at         when the first of what waits is due; BEHIND = nothing waits
    version        of the webhook's record that it was served by last
    """

    tenant_id: int
    webhook_id: int
    cursor: str = ""
    passed: int = 0
    failing_since: int = 0
    misses: int = 0
    resume_at: int = 0
    due_at: int = BEHIND
    version: int = 0
    owner: str = ""
    leased_until: int = 0


class WebhookStanding(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of a webhook's state.

    behind    positions of the feed that it has not been read up to; not all of them need be for it
    waiting   deliveries that failed, or wait behind one that did
    replays   stretches of time that are still being sent again
    """

    state: WebhookState
    behind: int
    waiting: int
    replays: int


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Events recorded in [from_at, to_at) that are sent again, as far as `cursor`; there is none beyond `until`."""

    tenant_id: int
    webhook_id: int
    id: int
    from_at: int
    to_at: int
    cursor: str
    until: str


class WebhookLook(msgspec.Struct, frozen=True):
    """A webhook as one small look for all of them sees it; `state` None: it was never served.

    tenant    by name
    version   of its record
    progress  how many positions its tenant's feed has given out
    """

    tenant_id: int
    tenant: str
    webhook_id: int
    version: int
    progress: int
    has_replays: bool
    state: WebhookState | None
