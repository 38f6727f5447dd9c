"""A hand-over: one order, or the lines of it that routes take, at one connection."""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from enum import StrEnum

import msgspec

# `due_at` of what nobody needs to look at.
NEVER = 2**62
_BYTES = 16
_MARKER = re.compile("oh-[a-z2-7]{26}")


class HandOverState(StrEnum):
    PLANNED = "planned"
    SENDING = "sending"
    PLACED = "placed"
    REFUSED = "refused"
    UNSURE = "unsure"


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

    @property
    def name(self) -> tuple[int, int, int]:
        return self.tenant_id, self.order_id, self.connection_id

    @property
    def marker(self) -> str:
        """The text under which the vendor's order can be found again."""
        return marker_of(self.uid)


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
