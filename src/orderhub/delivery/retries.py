"""When what failed is tried again, and when a webhook is left alone. Pure: time and chance come in as values."""

from __future__ import annotations

import msgspec

from orderhub.core.deliveries import WebhookState
from orderhub.core.webhook_formats import Terms
from orderhub.core.webhooks import FAILING, GONE

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
# After so long of nothing but failure a webhook is switched off.
MOST_FAILING_US = 3 * DAY_US
# What a receiver refuses for so long, while it takes other things, is given up.
MOST_WAITING_US = 30 * DAY_US
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


def is_down(state: WebhookState) -> bool:
    return state.misses >= MOST_MISSES


def anew(state: WebhookState, version: int) -> WebhookState:
    """Nothing is held against a webhook that was changed."""
    return msgspec.structs.replace(state, failing_since=0, misses=0, resume_at=0, version=version)


def after_success(state: WebhookState) -> WebhookState:
    """It works. Who asked for time is given it still."""
    resume_at = 0 if is_down(state) else state.resume_at
    return msgspec.structs.replace(state, failing_since=0, misses=0, resume_at=resume_at)


def after_failure(
    state: WebhookState, now_us: int, status: int, retry_after_s: float, chance: float
) -> WebhookState:
    """The webhook as it stands after one more failure: for how long it is left alone, whatever waits for it."""
    misses = state.misses + 1
    rest_s = 0.0
    if misses >= MOST_MISSES:
        doubled = 2.0 ** min(misses - MOST_MISSES, 10)
        rest_s = min(_MOST_PROBING_S, doubled) * (1 + _JITTER * chance)
    if status in _ASKS_FOR_TIME:
        rest_s = max(rest_s, min(retry_after_s, _MOST_RETRY_AFTER_S))
    return msgspec.structs.replace(
        state,
        failing_since=state.failing_since or now_us,
        misses=misses,
        resume_at=max(state.resume_at, now_us + round(rest_s * SECOND_US)),
    )


def off_why(state: WebhookState, now_us: int, status: int) -> str:
    """Why a webhook is switched off after a failure; empty = it is not."""
    if status == _GONE_STATUS:
        return GONE
    is_failing = state.failing_since and now_us - state.failing_since >= MOST_FAILING_US
    return FAILING if is_failing else ""
