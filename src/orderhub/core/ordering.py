"""Putting an order together from its lines: sums, number, times and the event that says it was placed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core.commands import PlaceOrder
from orderhub.core.daily import day_of
from orderhub.core.details import AnyDetails
from orderhub.core.facts import Facts
from orderhub.core.marks import NAMES, counted, names_of
from orderhub.core.money import ZERO, is_storable, times, total
from orderhub.core.numbering import number_for
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Event, Line, LineKind, Move, Order, OrderDoc, Status

# Enough for any basket seen in the wild, and a line number fits in a line's uid.
MAX_LINES = 4_000
MAX_QUANTITY = 2_147_483_647  # the vendors' integers have 32 bits


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An order before it has an id: what the business worked out."""

    lines: tuple[Line, ...]
    currency: str
    business: AnyDetails
    pricing: dict[str, Any] = {}
    settlement: dict[str, Any] = {}
    vendor: dict[str, Any] | None = None  # None = the command's
    account: str = ""
    service: str = ""
    bill: str = ""
    group_number: str = ""
    occurred_at: int | None = None  # None = the tenant's now
    service_at: int = 0
    stated_total: Decimal | None = None  # recorded orders only


class Reckoned(msgspec.Struct, frozen=True):
    """Lines whose amounts can be kept, and what they add up to."""

    lines: tuple[Line, ...]
    net: Decimal
    tax: Decimal
    gross: Decimal


def untaxed_line(
    line_no: int,
    kind: LineKind,
    title: str,
    quantity: int,
    unit: Decimal,
    amount: Decimal | None = None,
    **more: Any,
) -> Line:
    """A line on which no tax is shown: net and gross are the same. `amount` None = unit x quantity."""
    line_total = times(unit, quantity) if amount is None else amount
    return Line(
        line_no=line_no,
        kind=kind,
        title=title,
        quantity=quantity,
        unit_net=unit,
        unit_gross=unit,
        net=line_total,
        tax=ZERO,
        gross=line_total,
        **more,
    )


def compose(
    command: PlaceOrder,
    facts: Facts,
    new_id: tuple[int, str],
    draft: Draft,
    moves: Sequence[Move] = (),
    natural_key: str | None = None,
) -> tuple[Order, Event] | Rejected:
    """The order and its first event, or the refusal of amounts that cannot be kept.

    moves        what its lines draw on pools: each line is marked with the units that it counts
    natural_key  None = the command's
    """
    reckoned = reckon(draft.lines, draft.stated_total)
    if isinstance(reckoned, Rejected):
        return reckoned
    return composed(command, facts, new_id, draft, drawn(reckoned, moves), natural_key)


def reckon(lines: tuple[Line, ...], stated: Decimal | None = None) -> Reckoned | Rejected:
    """What is the same for every order of these lines. `stated`: the total of an order that is recorded."""
    net, tax, gross = _sums(lines)
    amounts = (net, tax, gross) if stated is None else (net, tax, gross, stated)
    return _out_of_range(lines, amounts) or Reckoned(lines, net, tax, gross)


def drawn(reckoned: Reckoned, moves: Sequence[Move]) -> Reckoned:
    """With each line saying what it counts, by what it draws. The orders that moves name do not matter."""
    if not moves:
        return reckoned
    return msgspec.structs.replace(reckoned, lines=counted(reckoned.lines, moves))


def composed(
    command: PlaceOrder,
    facts: Facts,
    new_id: tuple[int, str],
    draft: Draft,
    reckoned: Reckoned,
    natural_key: str | None = None,
    group_number: str | None = None,
) -> tuple[Order, Event]:
    """The order and its first event. `natural_key`, `group_number`: None = the command's, the draft's."""
    origin, stated = command.origin, draft.stated_total
    settings = facts.settings(origin.tenant_id)
    now = origin.now(settings.clock)
    order_id, uid = new_id
    recorded = stated is not None
    order = Order(
        tenant_id=origin.tenant_id,
        id=order_id,
        uid=uid,
        channel=origin.channel,
        number=number_for(command.numbering, settings, now, order_id, uid),
        group_number=draft.group_number if group_number is None else group_number,
        owner=origin.owner,
        account=draft.account,
        service=draft.service,
        bill=draft.bill,
        placed_by=origin.actor,
        reference=command.reference,
        natural_key=command.natural_key if natural_key is None else natural_key,
        status=Status.PENDING,
        vendor_status=command.vendor_status,
        currency=draft.currency,
        net=reckoned.net if stated is None else stated,
        tax=reckoned.tax if stated is None else ZERO,
        total=reckoned.gross if stated is None else stated,
        recorded=recorded,
        occurred_at=now if draft.occurred_at is None else draft.occurred_at,
        updated_at=now,
        recorded_at=origin.recorded_at,
        service_at=draft.service_at,
        doc=OrderDoc(
            contact=command.contact,
            ship_to=command.ship_to,
            notes=command.notes,
            pricing=draft.pricing,
            settlement=draft.settlement,
            business=draft.business,
            vendor=command.vendor if draft.vendor is None else draft.vendor,
        ),
        lines=reckoned.lines,
    )
    return order, placed_event(order, command, day_of(settings, now))


def _sums(lines: tuple[Line, ...]) -> tuple[Decimal, Decimal, Decimal]:
    """Net, tax and gross of all lines."""
    gross = total([line.gross for line in lines])
    if all(line.net is line.gross for line in lines):
        return gross, ZERO, gross
    return total([line.net for line in lines]), total([line.tax for line in lines]), gross


def placed_event(order: Order, command: PlaceOrder, day: str) -> Event:
    """The event that the order's row can be rebuilt from."""
    data: dict[str, Any] = {
        "status": order.status,
        "vendor_status": order.vendor_status,
        "currency": order.currency,
        "net": order.net,
        "tax": order.tax,
        "total": order.total,
        "lines": len(order.lines),
        "number": order.number,
        **{name: told for name, told in zip(NAMES, names_of(order), strict=True) if told},
    }
    if order.recorded:
        data["occurred_at"] = order.occurred_at
    return Event(
        tenant_id=order.tenant_id,
        order_id=order.id,
        version=1,
        kind="placed",
        occurred_at=command.origin.recorded_at if order.recorded else order.updated_at,
        recorded_at=order.recorded_at,
        actor=command.origin.actor,
        data=data,
        day=day,
        request_id=command.origin.request_id,
        request=command.origin.request,
    )


def _out_of_range(lines: tuple[Line, ...], sums: tuple[Decimal, ...]) -> Rejected | None:
    for line in lines:
        if line.quantity > MAX_QUANTITY:
            return Rejected(
                Reason.AMOUNT_OUT_OF_RANGE,
                f"lines[{line.line_no - 1}].quantity",
                f"at most {MAX_QUANTITY} units a line",
            )
        if not _is_storable(line):
            return Rejected(
                Reason.AMOUNT_OUT_OF_RANGE,
                f"lines[{line.line_no - 1}].amount",
                "at most 12 digits before the point",
            )
        assert line.net + line.tax == line.gross, f"line {line.line_no}: net + tax is not gross"
    for amount in sums:
        if amount is not ZERO and not is_storable(amount):
            return Rejected(
                Reason.AMOUNT_OUT_OF_RANGE,
                "total",
                "at most 12 digits before the point",
            )
    return None


def _is_storable(line: Line) -> bool:
    """Whether every amount is. Untaxed lines share theirs: each is looked at once."""
    net, gross, unit_net, unit_gross = line.net, line.gross, line.unit_net, line.unit_gross
    return (
        is_storable(net)
        and (gross is net or is_storable(gross))
        and (unit_net is net or is_storable(unit_net))
        and (unit_gross is unit_net or is_storable(unit_gross))
        and (line.tax is ZERO or is_storable(line.tax))
    )
