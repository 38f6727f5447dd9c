"""Orders, their lines and moves, pools and settings as the hub's own API shows them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, get_type_hints

import msgspec

from orderhub.core import steps
from orderhub.core.ids import line_uid
from orderhub.core.pools import MONEY_KINDS, stated
from orderhub.core.queries import PastMove
from orderhub.core.values import (
    Address,
    ClockMode,
    Contact,
    Event,
    Line,
    LineKind,
    Move,
    Order,
    Pool,
    Settings,
    Status,
)
from orderhub.dialects.codec import decode
from orderhub.dialects.contract import HTTPFault
from orderhub.web.hub_api.shaping import (
    Amount,
    Data,
    Instant,
    Shape,
    Units,
    amount,
    exact_instant,
    in_part,
    plain_values,
)


class OrderSummary(Shape, frozen=True, kw_only=True):
    """An order as lists have it."""

    uid: str
    tenant: str
    dialect: str
    id: int
    number: str
    group_number: str | None
    reference: str | None
    owner: str | None
    account: str | None
    status: Status
    vendor_status: str | None
    version: int
    currency: str
    net: Amount
    tax: Amount
    total: Amount
    paid: Amount
    refunded: Amount
    recorded: bool
    occurred_at: Instant
    updated_at: Instant
    recorded_at: Instant
    service_at: Instant | None


class TaxAmount(Shape, frozen=True, kw_only=True):
    code: str
    base: Amount
    amount: Amount


class OrderLine(Shape, frozen=True, kw_only=True):
    uid: str
    line_no: int
    kind: LineKind
    title: str
    sku: str
    product_id: int
    variant_id: int
    quantity: int
    unit_net: Amount
    unit_gross: Amount
    net: Amount
    tax: Amount
    gross: Amount
    taxes: tuple[TaxAmount, ...]
    cancelled: bool
    shipped: int
    refunded: int
    data: Data


class PoolName(Shape, frozen=True, kw_only=True):
    kind: str
    subject: str
    place: str


class Draw(Shape, frozen=True, kw_only=True):
    pool: PoolName
    kind: str
    units: Units
    line_no: int | None
    reason: str | None


class OrderEvent(Shape, frozen=True, kw_only=True):
    version: int
    kind: str
    occurred_at: Instant
    recorded_at: Instant
    actor: str
    request_id: str | None
    data: Data


def _step(name: str, step: type[msgspec.Struct], **shown: Any) -> type[msgspec.Struct]:
    """A step of an order as it is shown: what was not said of it is left out."""
    return in_part(name, {**get_type_hints(step, include_extras=True), "at": Instant, **shown})


OrderPayment = _step("OrderPayment", steps.Payment)
OrderShipment = _step("OrderShipment", steps.Shipment)
OrderRefund = _step("OrderRefund", steps.Refund, amount=Amount)


class OrderTold(OrderSummary, frozen=True, kw_only=True):
    """An order as it leaves with an event: as it stands, without its history."""

    lines: tuple[OrderLine, ...]
    taxes: tuple[TaxAmount, ...]
    contact: Contact | None
    ship_to: Address | None
    notes: str | None
    pricing: dict[str, Any] | None
    settlement: dict[str, Any] | None
    business: dict[str, Any]
    vendor: dict[str, Any]
    shipments: tuple[OrderShipment, ...]  # type: ignore[valid-type]
    payments: tuple[OrderPayment, ...]  # type: ignore[valid-type]
    refunds: tuple[OrderRefund, ...]  # type: ignore[valid-type]


class OrderInFull(OrderTold, frozen=True, kw_only=True):
    """An order with all that is known of it."""

    draws: tuple[Draw, ...]
    events: tuple[OrderEvent, ...]
    request: Annotated[
        Any, msgspec.Meta(description="The raw request without its secrets: JSON, else text.")
    ]


# What is answered where `fields` may name some members only.
SparseSummary = in_part("SparseSummary", get_type_hints(OrderSummary, include_extras=True))
SparseOrder = in_part("SparseOrder", get_type_hints(OrderInFull, include_extras=True))


class PoolFigures(PoolName, frozen=True, kw_only=True):
    opening: Units
    adjusted: Units
    drawn: Units
    returned: Units
    available: Units
    low_at: Units


class PoolMove(Shape, frozen=True, kw_only=True):
    kind: str
    units: Units
    order: str | None
    line_no: int | None
    reason: str | None
    actor: str
    recorded_at: Instant


# All settings but the clock, which has a call of its own, and what `time_zone` was before.
_SETTINGS = {
    name: kind
    for name, kind in get_type_hints(Settings, include_extras=True).items()
    if name not in ("clock", "utc_offset_minutes")
}
TenantSettings = msgspec.defstruct("TenantSettings", [*_SETTINGS.items()])


class TenantClock(Shape, frozen=True, kw_only=True):
    mode: ClockMode
    now: Instant
    wall: Instant
    sandbox: bool


def line_shape(order: Order, line: Line) -> OrderLine:
    return OrderLine.of(line, uid=line_uid(order.uid, line.line_no))


def order_summary(order: Order, tenant: str) -> OrderSummary:
    return OrderSummary.of(order, tenant=tenant, dialect=order.channel)


def order_told(order: Order, tenant: str) -> OrderTold:
    return OrderTold.of(order, **_own(order, tenant))


def order_in_full(
    order: Order, tenant: str, events: tuple[Event, ...], moves: tuple[Move, ...]
) -> OrderInFull:
    return OrderInFull.of(
        order,
        **_own(order, tenant),
        draws=tuple(map(move_shape, moves)),
        events=tuple(map(event_shape, events)),
        request=_request(events[0].request) if events else None,
    )


def _own(order: Order, tenant: str) -> dict[str, Any]:
    """The members of OrderTold that an order has under another name, or in another form."""
    taxes: dict[str, list[Decimal]] = {}
    for line in order.lines:
        for part in line.taxes:
            base_and_amount = taxes.setdefault(part.code, [Decimal(0), Decimal(0)])
            base_and_amount[0] += part.base
            base_and_amount[1] += part.amount
    doc = plain_values(order.doc)
    return {
        "tenant": tenant,
        "dialect": order.channel,
        "lines": tuple(line_shape(order, line) for line in order.lines),
        "taxes": tuple(
            TaxAmount(code=code, base=amount(base), amount=amount(tax))
            for code, (base, tax) in taxes.items()
        ),
        "contact": order.doc.contact,
        "ship_to": order.doc.ship_to,
        **{name: doc.get(name) for name in ("notes", "pricing", "settlement")},
        "business": doc.get("business", {}),
        "vendor": doc.get("vendor", {}),
        "shipments": _shown(OrderShipment, order.doc.shipments),
        "payments": _shown(OrderPayment, order.doc.payments),
        "refunds": _shown(OrderRefund, order.doc.refunds),
    }


def _shown(shape: type[msgspec.Struct], taken: Iterable[Any]) -> tuple[msgspec.Struct, ...]:
    """Steps of an order, whose time is kept in microseconds."""
    return tuple(
        shape(**plain_values(step) | ({} if step.at is None else {"at": exact_instant(step.at)}))
        for step in taken
    )


def _request(text: str) -> Any:
    """The raw request: as JSON where it is JSON, else as text."""
    try:
        return plain_values(decode(text.encode())) if text else None
    except HTTPFault:
        return text


_AMOUNTS = ("net", "tax", "total", "paid", "refunded", "amount")


def event_shape(event: Event) -> OrderEvent:
    return OrderEvent.of(event, data=told_data(event.data))


def told_data(data: dict[str, Any]) -> dict[str, Any]:
    """What an event tells, as it is shown."""
    return {name: _told(name, each) for name, each in plain_values(data).items()}


def _told(name: str, value: Any) -> Any:
    """A member of an event as it is shown: whole amounts and instants are kept like any whole number."""
    if type(value) is not int:
        return value
    if name == "occurred_at":
        return exact_instant(value)
    return amount(Decimal(value)) if name in _AMOUNTS else value


def past_move_shape(past: PastMove) -> PoolMove:
    return PoolMove.of(
        past.move,
        units=units_shape(past.move.key.kind, past.move.units),
        order=past.order_uid or None,
        actor=past.actor,
        recorded_at=exact_instant(past.recorded_at),
    )


def move_shape(move: Move) -> Draw:
    return Draw.of(move, pool=PoolName.of(move.key), units=units_shape(move.key.kind, move.units))


def pool_shape(pool: Pool) -> PoolFigures:
    figures = set(PoolFigures.__struct_fields__) - set(PoolName.__struct_fields__)
    return PoolFigures.of(
        pool.key, **{name: units_shape(pool.key.kind, getattr(pool, name)) for name in figures}
    )


def units_shape(kind: str, units: int) -> int | str:
    """What a pool of this kind counts: whole units, or an amount of money as a text."""
    return stated(kind, units) if kind in MONEY_KINDS else units


def settings_shape(settings: Settings) -> msgspec.Struct:
    members = {name: getattr(settings, name) for name in _SETTINGS}
    return TenantSettings(**{**members, "dialects": plain_values(settings.dialects)})


def clock_shape(settings: Settings, wall_us: int) -> TenantClock:
    return TenantClock(
        mode=settings.clock.mode,
        now=exact_instant(settings.clock.at(wall_us)),
        wall=exact_instant(wall_us),
        sandbox=settings.sandbox,
    )
