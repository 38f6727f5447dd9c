"""What a demo business consists of: each dialect's `demo.py` has its `DEMO`, its part of `OMNI` and its `PAST`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from orderhub.core.catalogue import Product
from orderhub.core.commands import Origin, PlaceOrder, RecordChange
from orderhub.core.values import Settings
from orderhub.dialects.finding import part_of

SANDBOX = (
    "sandbox-"  # how the names of tenants begin that were opened for one run of someone's tests
)
# Tokens of a demo, known to everybody: an operator's, and how those of its businesses begin.
DEMO_OPERATOR = "hub-demo-operator"
_OF_BUSINESS = "hub-demo-"


def business_token(business: str) -> str:
    """The hub token of a demo business."""
    return f"{_OF_BUSINESS}{business}"


def demo_token(dialect: str) -> str:
    """The hub token of the first business that a demo has for the dialect; empty where it has none."""
    try:
        businesses = part_of(dialect, "demo").DEMO
    except ModuleNotFoundError:
        return ""
    return business_token(businesses[0].name)


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
class Buyer:
    """Someone who bought in the past."""

    first_name: str
    last_name: str
    country: str
    province: str
    city: str
    street: str
    postcode: str
    phone: str

    @property
    def email(self) -> str:
        return f"buyer{self.phone[-3:]}@example.com"


PastOrder = Callable[[Origin, Random, Buyer, Sequence[Product], Settings], PlaceOrder]


@dataclass(frozen=True, slots=True)
class Past:
    """What came through one door in the month that the demo has behind it: see demo/month.py.

    order    one order of a buyer, of some of the goods, by chance
    records  what such orders need besides the goods
    omni     how many came for the tenant that has all doors
    own      how many came for the dialect's own business, at most as many as there are ids below its first;
             0 = its first example takes the first id there is
    """

    order: PastOrder
    records: tuple[RecordChange, ...] = ()
    omni: int = 0
    own: int = 0


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
