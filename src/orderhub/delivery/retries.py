"""When what failed is tried again, and when a webhook is left alone. Pure: time and chance come in as values."""

from __future__ import annotations

import msgspec

from orderhub.core.deliveries import Delivery, WebhookState
from orderhub.core.webhook_formats import Terms
from orderhub.core.webhooks import FAILING, GONE

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
# After so long of nothing but failure a webhook is switched off.
MOST_FAILING_US = 3 * DAY_US
# What a receiver refuses for so long, while it takes other things, is given up.
MOST_WAITING_US = 30 * DAY_US
# What was not tried for longer than any pause takes was not refused meanwhile: the webhook was off, or no hub there.
_NOT_TRIED_US = MOST_FAILING_US + 2 * DAY_US
# So many failures in a row, whatever was sent: it is down. Then it is asked with one delivery at a time.
MOST_MISSES = 10
_MOST_PROBING_S = 30.0
_JITTER = 0.2
_MOST_RETRY_AFTER_S = 86_400
_GONE_STATUS = 410
_ASKS_FOR_TIME = frozenset((429, 503))


def pause_s(terms: Terms, attempts: int, chance: float) -> float | None:
    """Seconds until the next attempt after so many (from 1); None: there is none. `chance` is in [0, 1)."""
    pauses = terms.retries_s
    if attempts > len(pauses):
        if terms.drops:
            return None
        attempts = len(pauses)
    return pauses[attempts - 1] * (1 + _JITTER * chance)


def asked_for_s(status: int, retry_after_s: float) -> float:
    """Seconds for which an answer asks to be left alone; 0 = it asks for nothing."""
    return min(retry_after_s, _MOST_RETRY_AFTER_S) if status in _ASKS_FOR_TIME else 0.0


def tried_since(first_at: int, last_at: int, now_us: int) -> int:
    """Since when something is tried without a long break; `first_at` 0 = it never was."""
    return first_at if first_at and now_us - last_at <= _NOT_TRIED_US else now_us


def again_at(
    terms: Terms,
    row: Delivery | None,
    now_us: int,
    asked_s: float,
    chance: float,
    *,
    gives_up: bool,
) -> int | None:
    """When to try again what failed just now; None: it is given up.

    row       as it was before; None = that was the first attempt
    asked_s   for how long the receiver asked to be left alone
    chance    in [0, 1)
    gives_up  also what is refused for MOST_WAITING_US
    """
    attempts = 1 if row is None else 1 + row.attempts
    since = now_us if row is None else tried_since(row.first_at, row.last_at, now_us)
    paused_s = pause_s(terms, attempts, chance)
    if paused_s is None or (gives_up and now_us - since >= MOST_WAITING_US):
        return None
    return now_us + round(max(paused_s, asked_s) * SECOND_US)


def is_down(state: WebhookState) -> bool:
    return state.misses >= MOST_MISSES


def anew(state: WebhookState, version: int) -> WebhookState:
    """Nothing is held against a webhook that was changed."""
    return msgspec.structs.replace(state, failing_since=0, misses=0, resume_at=0, version=version)


def after_success(state: WebhookState) -> WebhookState:
    """It works. Who asked for time is given it still."""
    resume_at = 0 if is_down(state) else state.resume_at
    return msgspec.structs.replace(state, failing_since=0, misses=0, resume_at=resume_at)


def after_failure(state: WebhookState, now_us: int, asked_s: float, chance: float) -> WebhookState:
    """The webhook as it stands after one more failure: for how long it is left alone, whatever waits for it."""
    misses = state.misses + 1
    rest_s = 0.0
    if misses >= MOST_MISSES:
        doubled = 2.0 ** min(misses - MOST_MISSES, 10)
        rest_s = min(_MOST_PROBING_S, doubled) * (1 + _JITTER * chance)
    return msgspec.structs.replace(
        state,
        failing_since=state.failing_since or now_us,
        misses=misses,
        resume_at=max(state.resume_at, now_us + round(max(rest_s, asked_s) * SECOND_US)),
    )


def off_why(state: WebhookState, now_us: int, status: int) -> str:
    """Why a webhook is switched off after a failure; empty = it is not."""
    if status == _GONE_STATUS:
        return GONE
    is_failing = state.failing_since and now_us - state.failing_since >= MOST_FAILING_US
    return FAILING if is_failing else ""
