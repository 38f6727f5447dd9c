"""A hand-over: one order, or the lines of it that routes take, at one connection."""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from enum import StrEnum

import msgspec

from orderhub.core.steps import Units

# `due_at` of what nobody needs to look at.
NEVER = 2**62
# A wish that reaches further is of a clock that was put back since: it keeps nobody out. See ledger/leases.py.
_LONGEST_WISH_US = 3_660_000_000
# In `refs` of what is placed: what of it the vendor did not take. It stays the reason whatever is told of it later.
NOT_TAKEN = "not taken"
_BYTES = 16
_MARKER = re.compile("oh-[a-z2-7]{26}")


class HandOverState(StrEnum):
    PLANNED = "planned"
    SENDING = "sending"
    PLACED = "placed"
    REFUSED = "refused"
    UNSURE = "unsure"


class Sent(msgspec.Struct, frozen=True, array_like=True):
    """One line as it went: so many units, under the vendor's id and name of the thing.

    id   None = nobody knows by which: a person placed it, and it is read by what is listed today
    """

    units: int
    id: str | None = None
    title: str = ""


class Wish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """That units be off at the vendor's, written down before it is asked: it is asked by one at a time.

    name   of the call that wishes it: the same when that call comes again; empty = it has none
    by     who is at it; empty = the vendor gave no clear answer, and may still be at it
    off    units by line number: all that shall be off there then
    seq    the wish's name for a vendor that keeps keys: another for each that was clearly answered before
    until  microseconds since 1970 UTC: before this nobody else asks, and no news of the order is followed
    """

    name: str = ""
    by: str = ""
    off: Units
    seq: int
    until: int


class There(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of an order at the vendor's.

    sent    what went there, by line number; {} = it did not, or that was not kept yet
    off     units by line number that are known to be off there, of those
    wish    what it is asked to take off, or was without a clear answer
    doubts  how often it was not there after a call that got no clear answer
    """

    sent: dict[int, Sent] = {}
    off: Units = {}
    wish: Wish | None = None
    doubts: int = 0


class HandOver(msgspec.Struct, frozen=True, kw_only=True):
    """Instants are microseconds since 1970 UTC, of the wall.

    uid         its name outside; of the same order at the same connection always the same
    lines       numbers of the order's lines; () = all of them
    number      what the vendor calls it. With `sending`: it is there, and something is left to be done about it
    refs        what else the vendor's client wants to be told of it later
    reason      why it waits, was refused, or why nobody knows
    attempts    how many times it was sent
    asked       how many times the vendor was asked since
    started_at  when it was sent, the first time of those of which no clear answer came; 0 = it was not, or is known
                not to have come
    sure_at     its absence over there proves nothing before this
    due_at      when somebody should see to it, of what is placed: ask what happened; NEVER = nobody need
    candidates  unsure: numbers of what it may be
    told        placed: names of what happened there and is known here
    there       what is known of it at the vendor's
    """

    tenant_id: int
    order_id: int
    connection_id: int
    uid: str
    order_uid: str
    connection_uid: str
    state: HandOverState = HandOverState.PLANNED
    version: int = 1
    lines: tuple[int, ...] = ()
    number: str = ""
    refs: dict[str, str] = {}
    reason: str = ""
    attempts: int = 0
    asked: int = 0
    created_at: int
    updated_at: int
    started_at: int = 0
    sure_at: int = 0
    due_at: int = 0
    candidates: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    there: There = There()

    @property
    def name(self) -> tuple[int, int, int]:
        return self.tenant_id, self.order_id, self.connection_id

    @property
    def marker(self) -> str:
        """The text under which the vendor's order can be found again."""
        return marker_of(self.uid)


def is_asked(hand_over: HandOver, now_us: int, by: str = "") -> bool:
    """Whether its vendor is asked to take units off, or may still be at it; not by whom `by` names."""
    wish = hand_over.there.wish
    if wish is None or not now_us < wish.until <= now_us + _LONGEST_WISH_US:
        return False
    return not by or wish.by != by


def uid_of(connection_uid: str, order_uid: str) -> str:
    """The name of the hand-over of an order to a connection."""
    digest = hashlib.sha256(f"{connection_uid}:{order_uid}".encode()).digest()
    return str(uuid.UUID(bytes=digest[:_BYTES], version=5))


def marker_of(uid: str) -> str:
    return "oh-" + base64.b32encode(uuid.UUID(uid).bytes).decode().rstrip("=").lower()


def uids_in(*texts: str) -> tuple[str, ...]:
    """The names of hand-overs whose markers stand in these texts, each once."""
    found = (_uid_of(marker) for text in texts for marker in _MARKER.findall(text))
    return tuple(dict.fromkeys(found))


def _uid_of(marker: str) -> str:
    padding = "=" * (-len(marker[3:]) % 8)
    return str(uuid.UUID(bytes=base64.b32decode(marker[3:].upper() + padding)))
