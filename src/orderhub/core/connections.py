"""A connection: a vendor's API that this tenant's orders are handed on to, with what the vendor knows the tenant by."""

from __future__ import annotations

import msgspec

RECORD_KIND = "connection"


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """Where orders go. What became of them is kept beside it, not in it.

    uid             its name outside, a UUID
    dialect         whose client speaks to it
    base_url        what the vendor's paths come behind
    credentials     by the names that the client has for them, as the cipher keeps them
    options         what else the client is told
    records_only    whether the vendor only keeps what was sold (a customer history): others may have the same lines
    most_calls      within `window_s` seconds, where that is less than the vendor's own limits; 0 = no less
    at_once         hand-overs under way at the same time
    timeout_s       for one call; 0 = as the vendor's client has it
    settle_s        how long after a call that got no answer the vendor may still be at it
    same_as         what it was known by before its address or login changed, where the account stayed the same
    sends_key       whether an `Idempotency-Key` goes with whatever changes something
    """

    uid: str = ""
    title: str = ""
    dialect: str
    base_url: str
    credentials: dict[str, str] = {}
    options: dict[str, str] = {}
    records_only: bool = False
    most_calls: int = 0
    window_s: float = 1.0
    at_once: int = 8
    timeout_s: float = 0.0
    settle_s: float = 30.0
    same_as: dict[str, str] = {}
    sends_key: bool = True
    is_enabled: bool = True
    created_at: int = 0
