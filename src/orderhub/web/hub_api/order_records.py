"""An order as it leaves for a file and comes back from one: whole, with its history, and without what is the hub's own.

What it drew on pools, what it waits for and when it was taken over stay behind. Amounts are texts, instants ISO 8601;
documents (`business`, `vendor`, `data` ...) are as the ledger keeps them, their numbers exact. Members that say nothing
are left out, so an order from elsewhere needs few: see `PastOrder`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from orderhub.core.details import AnyDetails, RecordedDetails
from orderhub.core.ids import MAX_LINE_NO
from orderhub.core.life import EVENT_KINDS
from orderhub.core.marks import NAMES
from orderhub.core.money import ZERO, is_storable, times, total
from orderhub.core.ordering import MAX_QUANTITY
from orderhub.core.steps import Payment, Refund, Shipment
from orderhub.core.values import (
    Address,
    Contact,
    Event,
    Line,
    LineKind,
    Order,
    OrderDoc,
    Status,
    TaxPart,
)
from orderhub.web.hub_api.bodies import exact, instant, refuse
from orderhub.web.hub_api.shaping import amount, exact_instant

Short = Annotated[str, msgspec.Meta(max_length=500)]
Amount = Annotated[str, msgspec.Meta(max_length=60, examples=["12.50"])]
Instant = Annotated[str, msgspec.Meta(max_length=40, extra_json_schema={"format": "date-time"})]
_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{9}000")
_CURRENCY = re.compile("[A-Z]{3}")
_MOST_ID = 10**15
_AMOUNTS = ("net", "tax", "total", "paid", "refunded")
_TEXTS = (
    *("uid", "group_number", "owner", "account", "service", "bill", "reference"),
    *("natural_key", "vendor_status", "currency"),
)
_DOCUMENTS = ("contact", "ship_to", "notes", "pricing", "settlement", "vendor")
_STEPS: dict[str, type[msgspec.Struct]] = {
    "shipments": Shipment,
    "payments": Payment,
    "refunds": Refund,
}
# What may have led an order of which only the state is told to that state. It was paid, and reached it; of what is
# between a step was there where its moment is told.
_WAYS: dict[Status, tuple[Status, ...]] = {
    Status.PENDING: (),
    Status.PAID: (Status.PAID,),
    Status.SHIPPED: (Status.PAID, Status.SHIPPED),
    Status.COMPLETED: (Status.PAID, Status.SHIPPED, Status.COMPLETED),
    Status.CANCELLED: (Status.CANCELLED,),
    Status.REFUNDING: (Status.PAID, Status.SHIPPED, Status.COMPLETED, Status.REFUNDING),
    Status.REFUNDED: (
        *(Status.PAID, Status.SHIPPED, Status.COMPLETED),
        *(Status.REFUNDING, Status.REFUNDED),
    ),
}
_KINDS = {Status.REFUNDING: "refund_requested"}
_MOMENTS: dict[Status, str] = {
    each: "refund_asked_at" if each is Status.REFUNDING else f"{each.value}_at"
    for each in Status
    if each is not Status.PENDING
}


class RecordedTax(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: str
    base: Amount
    amount: Amount


class PastLine(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Of an order from elsewhere `title` (or `sku`), `quantity` and `unit_gross` (the price of one) are enough."""

    line_no: Annotated[int, msgspec.Meta(ge=0, le=MAX_LINE_NO)] = 0
    kind: LineKind = LineKind.RECORDED_ITEM
    title: str = ""
    sku: str = ""
    product_id: Annotated[int, msgspec.Meta(ge=0, le=_MOST_ID)] = 0
    variant_id: Annotated[int, msgspec.Meta(ge=0, le=_MOST_ID)] = 0
    quantity: Annotated[int, msgspec.Meta(ge=0, le=MAX_QUANTITY)] = 1
    unit_net: Amount = ""
    unit_gross: Amount = ""
    net: Amount = ""
    tax: Amount = ""
    gross: Amount = ""
    taxes: tuple[RecordedTax, ...] = ()
    cancelled: bool = False
    shipped: Annotated[int, msgspec.Meta(ge=0, le=MAX_QUANTITY)] = 0
    refunded: Annotated[int, msgspec.Meta(ge=0, le=MAX_QUANTITY)] = 0
    data: dict[str, Any] = {}


class PastEvent(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One change of the order; `request` is the raw text that asked for it, without its secrets."""

    kind: str
    occurred_at: Instant
    recorded_at: Instant
    actor: Short = ""
    request_id: Short = ""
    data: dict[str, Any] = {}
    request: str = ""


class PastOrder(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A whole order, a line of NDJSON.

    Of one from elsewhere `number`, `currency` and `occurred_at` are needed, and `total` or `lines`; without
    `business` it is a recorded sale. Without `events` its history is told from `status` and from `paid_at`,
    `shipped_at`, `completed_at`, `cancelled_at`, `refund_asked_at`, `refunded_at`; those that are left out are
    `updated_at`, or else `occurred_at`.
    """

    tenant: Short = ""
    dialect: Short = "hub"
    id: Annotated[int, msgspec.Meta(ge=0, le=_MOST_ID)] = 0
    uid: Short = ""
    number: Short = ""
    group_number: Short = ""
    reference: Short = ""
    natural_key: Short = ""
    owner: Short = ""
    account: Short = ""
    service: Short = ""
    bill: Short = ""
    placed_by: Short = ""
    status: Status = Status.PENDING
    vendor_status: Short = ""
    currency: Short
    net: Amount = ""
    tax: Amount = ""
    total: Amount = ""
    paid: Amount = ""
    refunded: Amount = ""
    recorded: bool = False
    occurred_at: Instant
    updated_at: Instant = ""
    recorded_at: Instant = ""
    service_at: Instant = ""
    paid_at: Instant = ""
    shipped_at: Instant = ""
    completed_at: Instant = ""
    cancelled_at: Instant = ""
    refund_asked_at: Instant = ""
    refunded_at: Instant = ""
    contact: Contact | None = None
    ship_to: Address | None = None
    notes: str = ""
    pricing: dict[str, Any] = {}
    settlement: dict[str, Any] = {}
    business: dict[str, Any] = {}
    vendor: dict[str, Any] = {}
    lines: tuple[PastLine, ...] = ()
    shipments: tuple[dict[str, Any], ...] = ()
    payments: tuple[dict[str, Any], ...] = ()
    refunds: tuple[dict[str, Any], ...] = ()
    events: tuple[PastEvent, ...] = ()


# --- out


def past_order(order: Order, tenant: str, events: Iterable[Event]) -> PastOrder:
    """The order as a file has it."""
    doc = order.doc
    own: dict[str, Any] = {name: getattr(order, name) for name in _TEXTS}
    own |= {name: _told(getattr(order, name)) for name in _AMOUNTS if name != "total"}
    own |= {name: getattr(doc, name) for name in _DOCUMENTS}
    own |= {name: tuple(map(_plain, getattr(doc, name))) for name in _STEPS}
    return PastOrder(
        tenant=tenant,
        dialect=order.channel,
        id=order.id,
        number=order.number,
        placed_by=order.placed_by,
        status=order.status,
        recorded=order.recorded,
        total=amount(order.total),
        occurred_at=exact_instant(order.occurred_at),
        updated_at=exact_instant(order.updated_at),
        recorded_at=exact_instant(order.recorded_at),
        service_at=exact_instant(order.service_at) if order.service_at else "",
        business=_plain(doc.business),
        lines=tuple(map(_line_out, order.lines)),
        **own,
        events=tuple(map(_event_out, events)),
    )


def _told(value: Decimal) -> str:
    return amount(value) if value else ""


def _plain(value: msgspec.Struct) -> dict[str, Any]:
    """As the ledger keeps it: Decimals stay numbers."""
    plain: dict[str, Any] = msgspec.to_builtins(value, builtin_types=(Decimal,), str_keys=True)
    return plain


def _line_out(line: Line) -> PastLine:
    return PastLine(
        line_no=line.line_no,
        kind=line.kind,
        title=line.title,
        sku=line.sku,
        product_id=line.product_id,
        variant_id=line.variant_id,
        quantity=line.quantity,
        unit_net=_told(line.unit_net),
        unit_gross=_told(line.unit_gross),
        net=_told(line.net),
        tax=_told(line.tax),
        gross=_told(line.gross),
        taxes=tuple(
            RecordedTax(code=each.code, base=amount(each.base), amount=amount(each.amount))
            for each in line.taxes
        ),
        cancelled=line.cancelled,
        shipped=line.shipped,
        refunded=line.refunded,
        data=line.data,
    )


def _event_out(event: Event) -> PastEvent:
    return PastEvent(
        kind=event.kind,
        occurred_at=exact_instant(event.occurred_at),
        recorded_at=exact_instant(event.recorded_at),
        actor=event.actor,
        request_id=event.request_id,
        data=event.data,
        request=event.request,
    )


# --- in


def order_of(given: PastOrder, now_us: int) -> tuple[Order, tuple[Event, ...]]:
    """The order and its history, of no tenant yet. Raises HTTPFault for what cannot be one.

    `now_us`: nothing was recorded later. Whether it keeps the laws of the ledger is not looked at here.
    """
    if given.uid and not _UID.fullmatch(given.uid):
        raise refuse("uid", "uid is a UUID in small letters whose last three digits are 0")
    if not (given.number or given.uid):
        raise refuse("number", "number is required where there is no uid", "missing")
    if not _CURRENCY.fullmatch(given.currency):
        raise refuse("currency", "currency is three capital letters")
    occurred_at = instant(given.occurred_at, "occurred_at")
    updated_at = _instant(given.updated_at, "updated_at", occurred_at)
    recorded_at = _instant(given.recorded_at, "recorded_at", min(occurred_at, now_us))
    if recorded_at > now_us:
        raise refuse("recorded_at", "recorded_at has not come yet")
    business, is_stated = _business(given, recorded_at)
    lines = tuple(_line_in(each, nth) for nth, each in enumerate(given.lines, 1))
    order = Order(
        tenant_id=0,
        id=given.id,
        channel=given.dialect,
        number=given.number or given.uid,
        placed_by=given.placed_by,
        status=given.status,
        version=max(1, len(given.events)),
        recorded=given.recorded or is_stated,
        **{name: getattr(given, name) for name in _TEXTS},
        **_sums(given, lines),
        occurred_at=occurred_at,
        updated_at=updated_at,
        recorded_at=recorded_at,
        service_at=_instant(given.service_at, "service_at", 0),
        doc=OrderDoc(
            business=business,
            **_documents(given),
        ),
        lines=lines,
    )
    if given.events:
        return order, tuple(
            _event_in(each, nth, now_us) for nth, each in enumerate(given.events, 1)
        )
    return _with_history(order, given, now_us)


def _instant(text: str, path: str, otherwise: int) -> int:
    return instant(text, path) if text else otherwise


def _amount(text: str, path: str) -> Decimal:
    found = exact(text, path) if text else ZERO
    if not is_storable(found):
        raise refuse(path, f"{path} has at most 12 digits before the point and 6 behind it")
    return found


def _business(given: PastOrder, recorded_at: int) -> tuple[AnyDetails, bool]:
    """What the business kept; without that it is a recorded sale, whose total is stated."""
    if not given.business:
        return RecordedDetails(stated_at=recorded_at), True
    return _converted(given.business, AnyDetails, "business"), False


def _converted(value: Any, kind: Any, path: str) -> Any:
    try:
        return msgspec.convert(value, kind, str_keys=True)
    except msgspec.ValidationError as error:
        raise refuse(path, f"{path}: {error}") from None


def _documents(given: PastOrder) -> dict[str, Any]:
    own: dict[str, Any] = {name: getattr(given, name) for name in _DOCUMENTS}
    return own | {name: _steps(given, name) for name in _STEPS}


def _steps(given: PastOrder, name: str) -> tuple[Any, ...]:
    return tuple(
        _converted(each, _STEPS[name], f"{name}[{index}]")
        for index, each in enumerate(getattr(given, name))
    )


def _sums(given: PastOrder, lines: tuple[Line, ...]) -> dict[str, Any]:
    sums: dict[str, Any] = {name: _amount(getattr(given, name), name) for name in _AMOUNTS}
    if not given.total and not given.net:
        if not lines:
            raise refuse("total", "total or lines are required", "missing")
        for name, each in (("net", "net"), ("tax", "tax"), ("total", "gross")):
            sums[name] = total([getattr(line, each) for line in lines])
    elif not given.net:
        sums["net"] = sums["total"] - sums["tax"]
    return sums


def _line_in(given: PastLine, nth: int) -> Line:
    at = f"lines[{nth - 1}]"
    if given.line_no not in (0, nth):
        raise refuse(f"{at}.line_no", f"{at}.line_no is {nth}: lines are numbered from 1")
    amounts: dict[str, Any] = {
        name: _amount(getattr(given, name), f"{at}.{name}")
        for name in ("unit_net", "unit_gross", "net", "tax", "gross")
    }
    if not given.net and not given.gross and not given.tax and not given.taxes:
        unit = amounts["unit_gross"] if given.unit_gross else amounts["unit_net"]
        whole = times(unit, given.quantity)
        if not is_storable(whole):
            raise refuse(f"{at}.unit_gross", "the line comes to more than 12 digits")
        amounts = {"unit_net": unit, "unit_gross": unit, "net": whole, "tax": ZERO, "gross": whole}
    return Line(
        line_no=nth,
        kind=given.kind,
        title=given.title,
        quantity=given.quantity,
        product_id=given.product_id,
        variant_id=given.variant_id,
        sku=given.sku,
        taxes=tuple(
            TaxPart(
                each.code,
                _amount(each.base, f"{at}.taxes[{index}].base"),
                _amount(each.amount, f"{at}.taxes[{index}].amount"),
            )
            for index, each in enumerate(given.taxes)
        ),
        cancelled=given.cancelled,
        shipped=given.shipped,
        refunded=given.refunded,
        data=given.data,
        **amounts,
    )


def _event_in(given: PastEvent, version: int, now_us: int) -> Event:
    at = f"events[{version - 1}]"
    if given.kind not in EVENT_KINDS or (version == 1) != (given.kind == "placed"):
        raise refuse(f"{at}.kind", f"{at}.kind is {'placed' if version == 1 else 'no such kind'}")
    recorded_at = instant(given.recorded_at, f"{at}.recorded_at")
    if recorded_at > now_us:
        raise refuse(f"{at}.recorded_at", f"{at}.recorded_at has not come yet")
    return Event(
        tenant_id=0,
        order_id=0,
        version=version,
        kind=given.kind,
        occurred_at=instant(given.occurred_at, f"{at}.occurred_at"),
        recorded_at=recorded_at,
        actor=given.actor,
        data=given.data,
        request_id=given.request_id,
        request=given.request,
    )


def _with_history(order: Order, given: PastOrder, now_us: int) -> tuple[Order, tuple[Event, ...]]:
    """The order with the steps that must have led to its state, each with what it changed."""
    way = _way(given, order)
    at = {
        each: _instant(getattr(given, name), name, order.updated_at) for each, name in way.items()
    }
    paid = order.total if Status.PAID in way and not given.paid else order.paid
    is_refunded = order.status is Status.REFUNDED
    refunded = paid if is_refunded and not given.refunded else order.refunded
    steps: list[tuple[str, int, dict[str, Any]]] = []
    for status in way:
        data: dict[str, Any] = {"status": status.value}
        if status is Status.PAID and paid:
            data["paid"] = paid
        if status is Status.REFUNDED and refunded:
            data["refunded"] = refunded
        steps.append((_KINDS.get(status, status.value), at[status], data))
    if refunded and not is_refunded:
        latest = max((each for _, each, _ in steps), default=order.updated_at)
        when = _instant(given.refunded_at, "refunded_at", latest)
        steps.append(("refunded_in_part", when, {"refunded": refunded}))
    replace = msgspec.structs.replace
    asked = {}
    if order.status is Status.REFUNDING:
        asked = {"refund_asked_from": [*way][-2].value}
    business = replace(
        order.doc.business, **{name: at[each] for each, name in way.items()}, **asked
    )
    order = replace(
        order,
        version=1 + len(steps),
        paid=paid,
        refunded=refunded,
        updated_at=steps[-1][1] if steps else order.updated_at,
        doc=replace(order.doc, business=business),
    )
    order = _sent_and_back(order, is_sent=Status.SHIPPED in way)
    events = [_placed(order)]
    for version, (kind, when, data) in enumerate(steps, 2):
        events.append(_past_event(order, version, kind, when, data, now_us))
    return order, tuple(events)


def _way(given: PastOrder, order: Order) -> dict[Status, str]:
    """The steps that led to its status, each with the member that tells its moment. Refuses a moment of any other."""
    status = order.status
    for step, name in _MOMENTS.items():
        is_partly = step is Status.REFUNDED and order.refunded
        if getattr(given, name) and step not in _WAYS[status] and not is_partly:
            raise refuse(name, f"{name} does not go with the status {status.value}")
    return {
        step: _MOMENTS[step]
        for step in _WAYS[status]
        if step in (Status.PAID, status) or getattr(given, _MOMENTS[step])
    }


def _sent_and_back(order: Order, *, is_sent: bool) -> Order:
    """Lines that left with the order, and the steps that must have been, where only units are told."""
    replace = msgspec.structs.replace
    lines = tuple(
        replace(line, shipped=line.quantity) if is_sent and not line.shipped else line
        for line in order.lines
    )
    doc = order.doc
    sent = {line.line_no: line.shipped for line in lines if line.shipped}
    back = {line.line_no: line.refunded for line in lines if line.refunded}
    if sent and not doc.shipments:
        doc = replace(doc, shipments=(Shipment(lines=sent, at=order.updated_at),))
    if back and not doc.refunds:
        doc = replace(doc, refunds=(Refund(lines=back, at=order.updated_at),))
    return replace(order, lines=lines, doc=doc)


def _placed(order: Order) -> Event:
    data: dict[str, Any] = {
        "status": Status.PENDING.value,
        "vendor_status": order.vendor_status,
        "currency": order.currency,
        "net": order.net,
        "tax": order.tax,
        "total": order.total,
        "lines": len(order.lines),
        **{name: told for name in NAMES if (told := getattr(order, name))},
        "occurred_at": order.occurred_at,
    }
    event = _past_event(order, 1, "placed", order.occurred_at, data, order.recorded_at)
    return msgspec.structs.replace(event, recorded_at=order.recorded_at)


def _past_event(
    order: Order, version: int, kind: str, at: int, data: dict[str, Any], now_us: int
) -> Event:
    return Event(
        tenant_id=0,
        order_id=0,
        version=version,
        kind=kind,
        occurred_at=at,
        recorded_at=max(order.recorded_at, min(at, now_us)),
        actor=order.placed_by,
        data=data,
    )
