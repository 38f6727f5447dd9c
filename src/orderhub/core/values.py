"""The values that commands, facts and orders are made of."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec

from orderhub.core.details import AnyDetails
from orderhub.core.money import ZERO, Rounding
from orderhub.core.steps import Payment, Refund, Shipment
from orderhub.core.units import Digits, Seconds
from orderhub.core.zones import LEAST_OFFSET, MOST_OFFSET, fixed_zone, zone_of

MICROSECONDS = 1_000_000


class Pricing(StrEnum):
    """Which side of the tax a tenant's prices stand on."""

    NET = "net"
    GROSS = "gross"


class ClockMode(StrEnum):
    REAL = "real"
    RUNNING = "running"
    FROZEN = "frozen"


class Clock(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tenant's time. Instants are microseconds since 1970 UTC.

    `RUNNING`: wall time plus `offset_us`. `FROZEN`: always `frozen_at_us`.
    """

    mode: ClockMode = ClockMode.REAL
    offset_us: int = 0
    frozen_at_us: int = 0

    def at(self, wall_us: int) -> int:
        """The tenant's time when the wall shows `wall_us`."""
        if self.mode is ClockMode.FROZEN:
            return self.frozen_at_us
        return wall_us + self.offset_us


TimeZone = Annotated[
    str,
    msgspec.Meta(
        description="An IANA name, UTC or an offset such as +05:30.", examples=["America/New_York"]
    ),
]
OffsetMinutes = Annotated[
    int,
    msgspec.Meta(
        ge=LEAST_OFFSET,
        le=MOST_OFFSET,
        description="What time_zone was before; not beside it.",
        extra_json_schema={"deprecated": True},
    ),
]
CurrencyCode = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]


class Settings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one tenant does business. `dialects` holds what only one vendor's folder reads."""

    name: str
    currency: CurrencyCode = "USD"
    currencies: tuple[CurrencyCode, ...] = ()  # enabled besides the default
    pricing: Pricing = Pricing.GROSS
    rounding: Rounding = Rounding.HALF_UP
    tax_precision: Digits | None = None  # None = the currency's
    # Of the tenant's days, and of local times in order numbers and vendor fields: see core/zones.py.
    time_zone: TimeZone = "UTC"
    # How far back charges may be consumed: the usual week of hotels.
    editable_history_s: Seconds = 7 * 86_400
    sandbox: bool = False
    clock: Clock = Clock()
    first_order_id: Annotated[int, msgspec.Meta(ge=1, le=10**12)] = 1
    default_warehouse: str = ""
    split_strategy: Literal["fewest-parcels", "nearest-first"] = "fewest-parcels"
    auto_close_s: Seconds = 0  # 0 = never
    auto_pay_s: Seconds | None = None  # None = never, 0 = at once
    auto_finish_s: Seconds = 0
    # Which calls are kept for a while; None = as the program is set: see core/request_log.py.
    request_log: Literal["all", "failed", "none"] | None = None
    dialects: dict[str, dict[str, Any]] = {}
    # What was said before there was `time_zone`: read still, and kept as the zone of that offset.
    utc_offset_minutes: OffsetMinutes | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        if self.utc_offset_minutes is not msgspec.UNSET:
            fixed = fixed_zone(self.utc_offset_minutes)
            msgspec.structs.force_setattr(self, "time_zone", fixed)
            msgspec.structs.force_setattr(self, "utc_offset_minutes", msgspec.UNSET)
        zone_of(self.time_zone)  # no settings with a zone that does not exist

    def accepts(self, currency: str) -> bool:
        return currency == self.currency or currency in self.currencies


class Contact(msgspec.Struct, frozen=True, omit_defaults=True):
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""
    company: str = ""


class Address(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where to ship. `country` is ISO 3166-1 alpha-2 where the vendor has one, else empty."""

    id: int = 0
    recipient: str = ""
    last_name: str = ""
    phone: str = ""
    email: str = ""
    company: str = ""
    country: str = ""
    province: str = ""
    city: str = ""
    district: str = ""
    town: str = ""
    street1: str = ""
    street2: str = ""
    postcode: str = ""
    ioss: str = ""
    vat: str = ""


class TaxPart(msgspec.Struct, frozen=True):
    """One tax on one line: its code, the base it was taken from and the amount."""

    code: str
    base: Decimal
    amount: Decimal


class LineKind(StrEnum):
    GOOD = "good"
    MEMBERSHIP = "membership"
    ROOM = "room"
    UPGRADE = "upgrade"
    TICKET = "ticket"
    SERVICE_PRODUCT = "service_product"
    CUSTOM_ITEM = "custom_item"
    RECORDED_ITEM = "recorded_item"
    DISCOUNT = "discount"
    FREIGHT = "freight"


# What is no unit of anything: it goes with the whole order.
EXTRAS = (LineKind.DISCOUNT, LineKind.FREIGHT)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an order. net + tax = gross, always; unit amounts are before rounding to the line."""

    line_no: int  # from 1
    kind: LineKind
    title: str
    quantity: int
    unit_net: Decimal
    unit_gross: Decimal
    net: Decimal
    tax: Decimal
    gross: Decimal
    product_id: int = 0
    variant_id: int = 0
    sku: str = ""
    taxes: tuple[TaxPart, ...] = ()
    cancelled: bool = False
    shipped: int = 0  # units
    refunded: int = 0  # units
    counted: int = 0  # units that were drawn from pools for it: see core/marks.py
    data: dict[str, Any] = {}  # what the business or the vendor adds: option, warehouse, sku values


class Status(StrEnum):
    """The one canonical life of an order."""

    PENDING = "pending"
    PAID = "paid"
    SHIPPED = "shipped"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    REFUNDING = "refunding"
    REFUNDED = "refunded"


class PoolKey(msgspec.Struct, frozen=True, order=True):
    """The name of something countable. Locks are taken in this order.

    kind     `stock`, `seats`, `rooms`, `coupon`, `balance`
    subject  what is counted: `product:900`, `variant:3`, `coupon:7`, `USD`, `user:1000`
    place    where or when: warehouse code, departure date, `user:1000`; empty = everywhere

    What may be opened of these is said in core/adjustments.py.
    """

    tenant_id: int
    kind: str
    subject: str
    place: str = ""


class Pool(msgspec.Struct):
    """opening + adjusted - drawn + returned = available, never below zero.

    Units are whole, except money pools (`balance`), counted in millionths of the currency.
    """

    key: PoolKey
    opening: int
    adjusted: int = 0
    drawn: int = 0
    returned: int = 0
    low_at: int = 0  # what is little here; 0 = what the item says: see core/alerts.py

    @property
    def available(self) -> int:
        return self.opening + self.adjusted - self.drawn + self.returned


class Move(msgspec.Struct, frozen=True):
    """One change of a pool: `opening`, `draw`, `return` or `adjustment`; only the last is signed."""

    key: PoolKey
    kind: str
    units: int
    order_id: int = 0
    line_no: int = 0
    reason: str = ""


class OrderDoc(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an order carries beside its columns."""

    contact: Contact | None = None
    ship_to: Address | None = None
    notes: str = ""
    # mode, rounding, scope, precision, rates: how the amounts came about
    pricing: dict[str, Any] = {}
    settlement: dict[str, Any] = {}  # tours: currency, rate, amounts in the settlement currency
    business: AnyDetails  # what the business keeps; its name tells which it was
    vendor: dict[str, Any] = {}  # what only this vendor knows and wants echoed
    shipments: tuple[Shipment, ...] = ()
    payments: tuple[Payment, ...] = ()
    refunds: tuple[Refund, ...] = ()
    # When it was taken over from elsewhere, of the wall; 0 = it was placed here. Such an order drew on no pool.
    imported_at: int = 0


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order. Instants are microseconds since 1970 UTC; amounts are in `currency`."""

    tenant_id: int
    id: int
    uid: str
    channel: str  # the dialect it came through
    number: str
    group_number: str = ""
    owner: str = ""  # whose it is in the vendor's sense: user id, app key, client key
    account: str = ""  # whom it is charged to: account uid, guest uid
    service: str = ""  # uid of the service that is charged
    bill: str = ""  # uid of the bill it was put on
    placed_by: str  # credential id
    reference: str = ""
    natural_key: str = ""  # the vendor's own uniqueness rule, as it was taken for this order
    status: Status
    vendor_status: str = ""
    version: int = 1
    currency: str
    net: Decimal
    tax: Decimal
    total: Decimal
    paid: Decimal = ZERO
    refunded: Decimal = ZERO
    recorded: bool = False  # a stated total that lines need not reach
    occurred_at: int  # the tenant's time
    updated_at: int  # the tenant's time
    recorded_at: int  # wall time
    service_at: int = 0  # when it is consumed or departs, 0 = not said
    timers: dict[str, int] = {}  # kind -> when it moves on by itself; the tenant's time
    doc: OrderDoc
    lines: tuple[Line, ...] = ()

    @property
    def kept_lines(self) -> tuple[Line, ...]:
        """The lines without those taken off a recorded order.

        A line cancelled elsewhere is still a part of the order and of its total.
        """
        if not self.recorded:
            return self.lines
        return tuple(line for line in self.lines if not line.cancelled)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One change of one order. `data` holds every canonical field that the change set."""

    tenant_id: int
    order_id: int
    version: int
    kind: (
        str  # placed, paid, shipped, completed, cancelled, refund_requested, refunded, amended ...
    )
    occurred_at: int
    recorded_at: int
    actor: str
    data: dict[str, Any]
    day: str = ""  # of the tenant's calendar, by its clock: that on which it counts (core/daily.py)
    request_id: str = ""
    request: str = ""  # the raw request with its secrets cut out
    # It happened before its order was taken over from elsewhere: nobody is told of it, so it has no place in the feed.
    is_past: bool = False


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """An event of no order: a pool that ran low. `kind` as the feed names it, such as `pool.low`."""

    tenant_id: int
    kind: str
    occurred_at: int
    recorded_at: int
    actor: str
    data: dict[str, Any]
    request_id: str = ""
