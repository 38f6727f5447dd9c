"""What leaves: every event of every order, and those of none, by a name that never changes."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from orderhub.core import alerts, hand_overs, news
from orderhub.core.life import EVENT_KINDS

# Every kind that the feed knows.
KINDS = (
    *(f"order.{kind}" for kind in EVENT_KINDS),
    *alerts.NOTICE_KINDS,
    *news.KINDS,
    *hand_overs.KINDS,
)

_OF_ORDER = re.compile(r"evt_([0-9a-f]{32})_([1-9][0-9]{0,8})")
_OF_NONE = re.compile(r"evt_([0-9a-f]{32})")


class FedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it leaves. Instants are microseconds since 1970 UTC, of the tenant's time and of the wall.

    order_uid, version, channel  of its order; empty and 0 = it is of none
    """

    tenant_id: int
    id: str
    kind: str
    occurred_at: int
    recorded_at: int
    actor: str
    request_id: str
    data: dict[str, Any]
    order_uid: str = ""
    version: int = 0
    channel: str = ""


class FeedPlace(msgspec.Struct, frozen=True):
    """How far a reader is: the last old event that was seen, and in each lane the next position.

    old    (recorded_at, order id, version), () = none yet
    lanes  a lane that is not there has not been begun
    """

    old: tuple[int, ...] = ()
    lanes: dict[int, int] = {}


class FeedLook(msgspec.Struct, frozen=True):
    """What was found from a place on.

    events    each with the place behind it
    place     behind all that was looked at, wanted or not
    is_end    whether there is no more, as of now
    progress  how many positions were given out so far: another number means that there is more
    """

    events: tuple[tuple[FedEvent, FeedPlace], ...]
    place: FeedPlace
    is_end: bool
    progress: int


class PlaceAhead(Exception):
    """The place is further than the feed is: it was of another ledger, or of one that has been restored."""


def event_id(order_uid: str, version: int) -> str:
    """The name of an order's event: the same for ever, in every ledger that holds the order."""
    return f"evt_{order_uid.replace('-', '')}_{version}"


def notice_id(uid: str) -> str:
    return f"evt_{uid.replace('-', '')}"


def named_by(text: str) -> tuple[str, int] | None:
    """The order's uid and version that an id names; version 0: the uid of a notice; None: it names nothing."""
    if found := _OF_ORDER.fullmatch(text):
        return _dashed(found[1]), int(found[2])
    if found := _OF_NONE.fullmatch(text):
        return _dashed(found[1]), 0
    return None


def _dashed(text: str) -> str:
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
