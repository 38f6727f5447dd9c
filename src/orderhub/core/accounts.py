"""Who is charged, for which service, on which bill: what businesses that charge accounts keep."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from orderhub.core.money import ZERO
from orderhub.core.ranges import Rule
from orderhub.core.units import Code, Instant, ItemId, Text, Uid, about

ServiceKind = Annotated[str, Meta(extra_json_schema={"enum": ["additional", "bookable"]})]


class AccountKind(StrEnum):
    CUSTOMER = "customer"
    COMPANY = "company"


class BillState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    DELETED = "deleted"


class Enterprise(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The property behind a tenant. What decides amounts (pricing, precision) is in Settings."""

    id: int
    uid: str
    chain: str = ""  # uid of the chain it belongs to
    name: str = ""
    time_zone: str = ""  # IANA; empty = the tenant's
    legal_environment: str = ""
    tax_environment: str = ""  # code; empty = every tax rate may be used
    language: str = "en-US"
    operational_history_s: int | None = None  # None = as the editable history of the settings
    created_at: int = 0
    data: dict[str, Any] = {}


class Service(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an enterprise offers. Orders charge `additional` ones; `bookable` ones are reserved."""

    id: ItemId
    uid: Annotated[Uid, about("what vendors name it by", "mews")]
    name: Annotated[Text, about("what it is called", "mews")] = ""
    kind: Annotated[ServiceKind, about("whether orders may charge it", "mews")] = "additional"
    active: Annotated[bool, about("whether it is charged now", "mews")] = True
    ordering: Annotated[int, about("its place in the list", "mews")] = 0
    created_at: Annotated[Instant, about("when it was made", "mews")] = 0
    updated_at: Annotated[Instant, about("when it was last changed", "mews")] = 0
    data: Annotated[dict[str, Any], about("what the vendor shows besides", "mews")] = {}


class Account(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A customer or company that is charged. A company's name is `last_name`."""

    kind: AccountKind = AccountKind.CUSTOMER
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    active: bool = True
    created_at: int = 0
    updated_at: int = 0
    data: dict[str, Any] = {}


class Bill(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an account's charges and payments are put on. Times are the tenant's, 0 = not yet."""

    account: str
    account_kind: AccountKind = AccountKind.CUSTOMER
    state: BillState = BillState.OPEN
    kind: str = "receipt"  # or `invoice`
    number: str = ""
    notes: str = ""
    created_at: int = 0
    updated_at: int = 0
    closed_at: int = 0
    associated: tuple[str, ...] = ()  # uids of further accounts that it concerns
    accounts: dict[str, Account] = {}  # the owner and they, as they were when it was closed
    data: dict[str, Any] = {}


class AccountingCategory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where revenue is booked."""

    id: ItemId
    uid: Annotated[Uid, about("what vendors name it by", "mews")]
    name: Annotated[Text, about("what it is called", "mews")] = ""
    code: Annotated[Code, about("the accountants' own", "mews")] = ""
    active: Annotated[bool, about("whether it may be named", "mews")] = True
    data: Annotated[dict[str, Any], about("what the vendor shows besides", "mews")] = {}


class Payment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Money an account paid outside, put on a bill. `amount` is positive for money received."""

    account: str
    account_kind: AccountKind = AccountKind.CUSTOMER
    bill: str = ""
    currency: str
    amount: Decimal = ZERO
    kind: str = "external"  # or `invoice`: what an invoice leaves to be paid
    category: str = ""
    reservation: str = ""
    reference: str = ""
    notes: str = ""
    created_at: int = 0
    updated_at: int = 0
    data: dict[str, Any] = {}


def bill_keys(bill: Bill) -> tuple[tuple[str, str], ...]:
    """The names that bills are searched by."""
    return (("state", bill.state.value), ("account", bill.account))


def payment_keys(payment: Payment) -> tuple[tuple[str, str], ...]:
    """The names that payments are searched by."""
    pairs = [("account", payment.account)]
    if payment.bill:
        pairs.append(("bill", payment.bill))
    return tuple(pairs)


class ReservationState(StrEnum):
    CONFIRMED = "confirmed"
    STARTED = "started"
    PROCESSED = "processed"
    CANCELED = "canceled"


class Reservation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stay that charges and payments may name. It was made elsewhere: the hub neither sells nor checks it."""

    id: ItemId
    uid: Annotated[Uid, about("what vendors name it by", "mews")]
    number: Annotated[str, about("its confirmation number", "mews")] = ""
    state: Annotated[ReservationState, about("a canceled one is not charged", "mews")] = (
        ReservationState.CONFIRMED
    )
    account: Annotated[Uid, about("uid of the account whose it is", "mews")] = ""
    service: Annotated[Uid, about("uid of the bookable service", "mews")] = ""
    starts_at: Annotated[Instant, about("when the stay begins", "mews")] = 0
    ends_at: Annotated[Instant, about("when it ends", "mews")] = 0
    data: Annotated[dict[str, Any], about("what the vendor shows besides", "mews")] = {}

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule("ends_at", "is not before starts_at", lambda stay: stay.starts_at <= stay.ends_at),
    )

    @property
    def active(self) -> bool:
        """Whether it may be named."""
        return self.state is not ReservationState.CANCELED


class Named(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another thing that a charge may refer to: a business segment."""

    id: ItemId
    uid: Annotated[Uid, about("what vendors name it by", "mews")]
    name: Annotated[Text, about("what it is called; no door shows it")] = ""
    active: Annotated[bool, about("whether it may be named", "mews")] = True
    data: Annotated[dict[str, Any], about("kept; no door reads it")] = {}


RECORDS: dict[str, type] = {
    "enterprise": Enterprise,
    "service": Service,
    "account": Account,
    "bill": Bill,
    "accounting_category": AccountingCategory,
    "account_payment": Payment,
    "business_segment": Named,
    "reservation": Reservation,
}
