"""What a new merchant begins with: each dialect's `demo.py` has a `door` that works from the first call on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from orderhub.core.catalogue import Product
from orderhub.core.commands import RecordChange
from orderhub.dialects.contract import CredentialKind, Shown


@dataclass(frozen=True, slots=True)
class Setup:
    """What the merchant said.

    name, title  of the tenant
    time_zone    IANA name
    goods        the sample products, which lie at a warehouse; none = no samples are wanted
    now_us       when it is set up, in microseconds since 1970 UTC
    base_url     where the hub will answer
    """

    name: str
    title: str
    currency: str
    time_zone: str
    goods: tuple[Product, ...]
    today: date
    now_us: int
    base_url: str


@dataclass(frozen=True, slots=True)
class Door:
    """One vendor's door of a new merchant.

    kind, shown  the credential that opens it
    records      what it needs to work, and with samples something to order
    sequences    first ids of record kinds that callers make: kind -> next id
    settings     its part of the tenant's settings
    title        what the command does, for people
    command      a shell command that orders something, or without samples just looks
    """

    kind: CredentialKind
    shown: Shown
    title: str
    command: str
    records: tuple[RecordChange, ...] = ()
    sequences: dict[str, int] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


def record(kind: str, number: int, doc: Any, **names: Any) -> RecordChange:
    """A record under the names that its document bears."""
    borne = {name: getattr(doc, name) for name in ("uid", "code") if getattr(doc, name, "")}
    return RecordChange(kind=kind, id=number, doc=doc, **{**borne, **names})
