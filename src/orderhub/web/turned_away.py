"""Requests that the edge refused before they were calls, or before their body was there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Where the scope of a call whose body never came says why: its handler only sees that the client is gone.
TURNED_AWAY = "orderhub.turned_away"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a connection ends: what is counted, and what its client is told (status 0: nothing)."""

    kind: str
    status: int = 0
    title: str = ""


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """A request, and how it was refused. `scope` is ASGI's, as far as its head had come; `body` is the answer's."""

    scope: dict[str, Any]
    why: Refusal
    request_id: str
    body: bytes
