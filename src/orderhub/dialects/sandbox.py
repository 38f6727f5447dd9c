"""What a demo business consists of: each dialect's `demo.py` has its `DEMO`, and its part of `OMNI`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orderhub.core.commands import RecordChange
from orderhub.core.values import Settings

SANDBOX = (
    "sandbox-"  # how the names of tenants begin that were opened for one run of someone's tests
)


@dataclass(frozen=True, slots=True)
class DemoCredential:
    """A credential in plain words; the demo digests and encrypts it before it is stored.

    token   plaintext random token or compound: looked up by its digest (name is then ignored)
    name    looked up as it is (an appkey, a client key, a site)
    secret  plaintext that the hub must read back; stored encrypted
    tenants names of the businesses that a portfolio reaches
    """

    kind: str
    name: str = ""
    token: str = ""
    secret: str = ""
    scopes: tuple[str, ...] = ()
    data: dict[str, Any] = field(default_factory=dict)
    tenants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DemoPool:
    """What a pool holds: whole units, of a balance units of its currency."""

    kind: str
    subject: str
    place: str
    units: int


@dataclass(frozen=True, slots=True)
class DemoBusiness:
    """One tenant of the demo, or (in `OMNI`) one dialect's part of the tenant that has all doors.

    clock_from   ISO 8601 instant the tenant's clock runs from, empty = real time
    acts_as      whom the hub token acts as in this dialect, empty = nobody in particular
    sequences    first ids of record kinds: kind -> next id
    In `OMNI`, `settings` is ignored: the hub's own seed has them.
    """

    name: str
    title: str = ""
    settings: Settings | None = None
    clock_from: str = ""
    acts_as: str = ""
    credentials: tuple[DemoCredential, ...] = ()
    records: tuple[RecordChange, ...] = ()
    pools: tuple[DemoPool, ...] = ()
    sequences: dict[str, int] = field(default_factory=dict)
