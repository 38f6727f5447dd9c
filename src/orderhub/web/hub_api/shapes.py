"""Canonical values as the hub's own API shows them: exact amounts as strings, instants in ISO 8601 UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core.ids import line_uid
from orderhub.core.money import plain
from orderhub.core.pools import MONEY_KINDS, stated
from orderhub.core.queries import PastMove
from orderhub.core.values import Event, Line, Move, Order, Pool, Settings
from orderhub.dialects.codec import decode
from orderhub.dialects.contract import Stop


def amount(value: Decimal) -> str:
    return f"{plain(value):f}"


def exact_instant(us: int) -> str:
    whole, rest = divmod(us, 1_000_000)
    text = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:06d}Z" if rest else f"{text}Z"


def plain_values(value: Any) -> Any:
    """Documents with their Decimals as exact strings."""
    if isinstance(value, Decimal):
        return amount(value)
    if isinstance(value, dict):
        return {str(key): plain_values(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain_values(each) for each in value]
    if isinstance(value, msgspec.Struct):
        return plain_values(msgspec.to_builtins(value))
    return value


def line_shape(order: Order, line: Line) -> dict[str, Any]:
    return {
        "uid": line_uid(order.uid, line.line_no),
        "line_no": line.line_no,
        "kind": line.kind.value,
        "title": line.title,
        "sku": line.sku,
        "product_id": line.product_id,
        "variant_id": line.variant_id,
        "quantity": line.quantity,
        "unit_net": amount(line.unit_net),
        "unit_gross": amount(line.unit_gross),
        "net": amount(line.net),
        "tax": amount(line.tax),
        "gross": amount(line.gross),
        "taxes": [
            {"code": part.code, "base": amount(part.base), "amount": amount(part.amount)}
            for part in line.taxes
        ],
        "cancelled": line.cancelled,
        "shipped": line.shipped,
        "refunded": line.refunded,
        "data": plain_values(line.data),
    }


def order_summary(order: Order, tenant: str) -> dict[str, Any]:
    return {
        "uid": order.uid,
        "tenant": tenant,
        "dialect": order.door,
        "id": order.id,
        "number": order.number,
        "group_number": order.group_number or None,
        "reference": order.reference or None,
        "owner": order.owner or None,
        "account": order.account or None,
        "status": order.status.value,
        "vendor_status": order.vendor_status or None,
        "version": order.version,
        "currency": order.currency,
        "net": amount(order.net),
        "tax": amount(order.tax),
        "total": amount(order.total),
        "paid": amount(order.paid),
        "refunded": amount(order.refunded),
        "recorded": order.recorded,
        "occurred_at": exact_instant(order.occurred_at),
        "updated_at": exact_instant(order.updated_at),
        "recorded_at": exact_instant(order.recorded_at),
        "service_at": exact_instant(order.service_at) if order.service_at else None,
    }


# What `fields` may name.
SUMMARY_MEMBERS = (
    *("uid", "tenant", "dialect", "id", "number", "group_number", "reference", "owner", "account"),
    *("status", "vendor_status", "version", "currency", "net", "tax", "total", "paid", "refunded"),
    *("recorded", "occurred_at", "updated_at", "recorded_at", "service_at"),
)
ORDER_MEMBERS = (
    *SUMMARY_MEMBERS,
    *("lines", "taxes", "draws", "contact", "ship_to", "notes", "pricing", "settlement"),
    *("business", "vendor", "shipments", "payments", "refunds", "events", "request"),
)


def order_in_full(
    order: Order, tenant: str, events: tuple[Event, ...], moves: tuple[Move, ...]
) -> dict[str, Any]:
    taxes: dict[str, list[Decimal]] = {}
    for line in order.lines:
        for part in line.taxes:
            base_and_amount = taxes.setdefault(part.code, [Decimal(0), Decimal(0)])
            base_and_amount[0] += part.base
            base_and_amount[1] += part.amount
    doc = plain_values(order.doc)
    return {
        **order_summary(order, tenant),
        "lines": [line_shape(order, line) for line in order.lines],
        "taxes": [
            {"code": code, "base": amount(base), "amount": amount(tax)}
            for code, (base, tax) in taxes.items()
        ],
        "draws": [move_shape(move) for move in moves],
        **{
            name: doc.get(name) for name in ("contact", "ship_to", "notes", "pricing", "settlement")
        },
        "business": doc.get("business", {}),
        "vendor": doc.get("vendor", {}),
        **{
            name: [_with_its_time(each) for each in doc.get(name, [])]
            for name in ("shipments", "payments", "refunds")
        },
        "events": [event_shape(event) for event in events],
        "request": _request(events[0].request) if events else None,
    }


def _with_its_time(step: dict[str, Any]) -> dict[str, Any]:
    """A shipment, payment or refund; its time is kept in microseconds."""
    return {**step, "at": exact_instant(step["at"])} if type(step.get("at")) is int else step


def _request(text: str) -> Any:
    """The raw request: as JSON where it is JSON, else as text."""
    try:
        return plain_values(decode(text.encode())) if text else None
    except Stop:
        return text


_AMOUNTS = ("net", "tax", "total", "paid", "refunded", "amount")


def event_shape(event: Event) -> dict[str, Any]:
    return {
        "version": event.version,
        "kind": event.kind,
        "occurred_at": exact_instant(event.occurred_at),
        "recorded_at": exact_instant(event.recorded_at),
        "actor": event.actor,
        "request_id": event.request_id or None,
        "data": {name: _told(name, each) for name, each in plain_values(event.data).items()},
    }


def _told(name: str, value: Any) -> Any:
    """A member of an event as it is shown: whole amounts and instants are kept like any whole number."""
    if type(value) is not int:
        return value
    if name == "occurred_at":
        return exact_instant(value)
    return amount(Decimal(value)) if name in _AMOUNTS else value


def past_move_shape(past: PastMove) -> dict[str, Any]:
    return {
        "kind": past.move.kind,
        "units": units_shape(past.move.key.kind, past.move.units),
        "order": past.order_uid or None,
        "line_no": past.move.line_no or None,
        "reason": past.move.reason or None,
        "actor": past.actor,
        "recorded_at": exact_instant(past.recorded_at),
    }


def move_shape(move: Move) -> dict[str, Any]:
    return {
        "pool": {"kind": move.key.kind, "subject": move.key.subject, "place": move.key.place},
        "kind": move.kind,
        "units": units_shape(move.key.kind, move.units),
        "line_no": move.line_no or None,
        "reason": move.reason or None,
    }


def pool_shape(pool: Pool) -> dict[str, Any]:
    return {
        "kind": pool.key.kind,
        "subject": pool.key.subject,
        "place": pool.key.place,
        **{name: units_shape(pool.key.kind, getattr(pool, name)) for name in POOL_FIGURES},
    }


POOL_FIGURES = ("opening", "adjusted", "drawn", "returned", "available")


def units_shape(kind: str, units: int) -> int | str:
    """What a pool of this kind counts: whole units, or an amount of money as a text."""
    return stated(kind, units) if kind in MONEY_KINDS else units


def settings_shape(settings: Settings) -> dict[str, Any]:
    """All members but the clock, which has a call of its own, and what `time_zone` was before."""
    hidden = {"clock", "utc_offset_minutes"}
    members: dict[str, Any] = {
        name: getattr(settings, name) for name in settings.__struct_fields__ if name not in hidden
    }
    return dict(plain_values(msgspec.to_builtins(members)))


def clock_shape(settings: Settings, wall_us: int) -> dict[str, Any]:
    return {
        "mode": settings.clock.mode.value,
        "now": exact_instant(settings.clock.at(wall_us)),
        "wall": exact_instant(wall_us),
        "sandbox": settings.sandbox,
    }
