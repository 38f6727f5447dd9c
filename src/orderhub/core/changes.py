"""Changes of orders that stand: along the life cycle, or of a recorded order's stated members."""

from __future__ import annotations

from typing import Any

import msgspec

from orderhub.core import cancellation, fulfilment
from orderhub.core.commands import Action, ChangeOrder
from orderhub.core.daily import day_of
from orderhub.core.facts import Accepted, Facts, Timer
from orderhub.core.life import EVENT_OF, before_refund, next_status
from orderhub.core.money import ZERO, is_storable, kept
from orderhub.core.pools import returns_of
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.steps import Refund, Shipment, Units
from orderhub.core.timers import timers_for, timers_of
from orderhub.core.values import Event, Line, Move, Order, OrderDoc, Status

# What an AMEND changes of the document itself, beside what is the vendor's.
_WRITTEN = ("notes", "contact", "ship_to", "shipments")
# The canonical members that an action may set besides its own; the life cycle is never among them.
_SETTABLE = {Action.AMEND: ("total", "currency", "account"), Action.CANCEL: ("account",)}
# What is kept of when an order took a step.
_MOMENTS = {
    Action.PAY: "paid_at",
    Action.SHIP: "shipped_at",
    Action.COMPLETE: "completed_at",
    Action.CANCEL: "cancelled_at",
    Action.REFUND: "refunded_at",
    Action.REQUEST_REFUND: "refund_asked_at",
}


def targets(command: ChangeOrder, facts: Facts) -> tuple[Order, ...] | Rejected:
    """The orders that the command names and its caller may touch."""
    orders = facts.orders(command.origin.tenant_id, command.name)
    if command.only_channel:
        orders = tuple(order for order in orders if order.channel == command.only_channel)
    if not orders:
        return Rejected(Reason.ORDER_UNKNOWN, "order", f"no order {command.name.value}")
    owner = command.origin.owner
    if owner and any(order.owner != owner for order in orders):
        return Rejected(Reason.NOT_OWNER, "order", "the order belongs to someone else")
    return orders


def change(command: ChangeOrder, facts: Facts) -> Accepted | Rejected:
    """Every order named moves, or none does."""
    orders = targets(command, facts)
    if isinstance(orders, Rejected):
        return orders
    concerned = _concerned(command, orders)
    if isinstance(concerned, Rejected):
        return concerned
    changed: list[Order] = []
    events: list[Event] = []
    returned: list[Move] = []
    lines: list[tuple[Order, Line]] = []
    timers: list[Timer] = []
    done: list[Timer] = []
    for order, units in concerned:
        step = _step(command, order, units, facts)
        if isinstance(step, Rejected):
            return step
        moved = _taken(step, order, facts)
        if isinstance(moved, Rejected):
            return moved
        after, event = moved
        changed.append(after)
        events.append(event)
        lines.extend(
            (after, line)
            for line, before in zip(after.lines, order.lines, strict=False)
            if line is not before
        )
        if after.status is not order.status:
            done.extend(timers_of(order))
            timers.extend(timers_for(after, facts.settings(order.tenant_id)))
        if step.action is Action.REFUND_PART:
            returned.extend(fulfilment.returned(step, order, facts))
        if after.status in fulfilment.GIVEN_BACK and after.status != order.status:
            returned.extend(returns_of(facts.draws(order), event.kind))
    return Accepted(
        changed=tuple(changed),
        changed_lines=tuple(lines),
        events=tuple(events),
        moves=tuple(returned),
        timers=tuple(timers),
        timers_done=tuple(done),
    )


def moved_on(command: ChangeOrder, order: Order, facts: Facts) -> tuple[Order, Event] | Rejected:
    """One order one step further: for a business that takes two steps in one command."""
    step = _step(command, order, {}, facts)
    return step if isinstance(step, Rejected) else _taken(step, order, facts)


def _concerned(
    command: ChangeOrder, orders: tuple[Order, ...]
) -> list[tuple[Order, Units]] | Rejected:
    if command.action is Action.CALL_OFF:
        return cancellation.concerned(command, orders)
    return [(order, {}) for order in orders]


def _step(command: ChangeOrder, order: Order, units: Units, facts: Facts) -> ChangeOrder | Rejected:
    """What one order is asked to do, with the units and the money of it: the refusal when it must not."""
    if command.if_version is not None and command.if_version != order.version:
        return Rejected(
            Reason.VERSION_CONFLICT,
            "version",
            f"version {command.if_version} was expected, the order is at {order.version}",
        )
    status = next_status(command.action, order.status)
    if command.only_from and order.status not in command.only_from:
        status = None
    if status is None:
        return Rejected(
            Reason.TRANSITION_NOT_ALLOWED,
            "status",
            f"an order that is {order.status} cannot take the action {command.action}",
        )
    if command.action is Action.CALL_OFF:
        return cancellation.step_of(command, order, units)
    if command.action in (Action.SHIP_PART, Action.REFUND_PART):
        if len(facts.orders(command.origin.tenant_id, command.name)) > 1:
            return Rejected(Reason.TRANSITION_NOT_ALLOWED, "lines", "lines name one order's units")
        return fulfilment.resolved(command, order)
    return command


def _status_after(command: ChangeOrder, order: Order) -> Status:
    """Where a step that may be taken leads."""
    if command.action is Action.REJECT_REFUND:
        return before_refund(order)
    if command.action is Action.REFUND_PART:
        return order.status  # also of an unpaid one, of which units are cancelled
    status = next_status(command.action, order.status)
    assert status is not None, f"{command.action} of an order that is {order.status}"
    return status


def _taken(command: ChangeOrder, order: Order, facts: Facts) -> tuple[Order, Event] | Rejected:
    """The order once the step is taken, and what is told of it."""
    status = _status_after(command, order)
    origin = command.origin
    settings = facts.settings(order.tenant_id)
    now = origin.now(settings.clock)
    data = _new_members(command, order, status)
    if isinstance(data, Rejected):
        return data
    after = msgspec.structs.replace(
        order,
        version=order.version + 1,
        updated_at=now,
        doc=_new_doc(command, order, now),
        lines=fulfilment.lines_after(command, order),
        **data,
    )
    event = Event(
        tenant_id=order.tenant_id,
        order_id=order.id,
        version=after.version,
        kind=EVENT_OF[command.action],
        occurred_at=now,
        recorded_at=origin.recorded_at,
        actor=origin.actor,
        data={
            **data,
            **(_amended(order, after) if command.action is Action.AMEND else {}),
            **fulfilment.told(command),
            **({"reason": command.reason} if command.reason else {}),
        },
        day=day_of(settings, now),
        request_id=origin.request_id,
        request=origin.request,
    )
    return after, event


def _amended(before: Order, after: Order) -> dict[str, Any]:
    """Which of what people write was changed; the order says how it stands now, the event not what it was."""
    names = [name for name in _WRITTEN if getattr(before.doc, name) != getattr(after.doc, name)]
    return {"changed": names} if names else {}


def _new_members(command: ChangeOrder, order: Order, status: Status) -> dict[str, Any] | Rejected:
    """The canonical columns that change, by name: what the event records and the row takes."""
    members: dict[str, Any] = {}
    if status is not order.status:
        members["status"] = status
    if command.action is Action.PAY:
        members["paid"] = order.total
    if command.action is Action.REFUND:
        members["refunded"] = order.paid
    elif command.refund is not None and command.refund.amount is not None:
        members["refunded"] = order.refunded + command.refund.amount
    if command.vendor_status is not None:
        members["vendor_status"] = command.vendor_status
    for name in _SETTABLE.get(command.action, ()):
        if name in command.changes:
            members[name] = command.changes[name]
    if command.action is Action.AMEND:
        if (command.add_lines or command.line_changes) and not order.recorded:
            return Rejected(Reason.TRANSITION_NOT_ALLOWED, "lines", "the lines are computed")
        stated = members.get("total")
        if stated is not None:
            if not order.recorded:
                return Rejected(Reason.TRANSITION_NOT_ALLOWED, "total", "the total is computed")
            stated = kept(stated)
            if not is_storable(stated):
                return Rejected(Reason.AMOUNT_OUT_OF_RANGE, "total", "the amount cannot be kept")
            members["net"], members["tax"], members["total"] = stated, ZERO, stated
    return members


def _new_doc(command: ChangeOrder, order: Order, now: int) -> OrderDoc:
    doc = order.doc
    changes: dict[str, Any] = {}
    business: dict[str, Any] = {}
    if command.action in _MOMENTS:
        business[_MOMENTS[command.action]] = now
    if command.action is Action.REQUEST_REFUND:
        business["refund_asked_from"] = order.status.value
        business["refund_asked_seq"] = cancellation.next_refund((order,))
    if "accounts" in command.changes:
        business["accounts"] = command.changes["accounts"]
    if business:
        changes["business"] = msgspec.structs.replace(doc.business, **business)
    if command.vendor is not None:
        merged = {**doc.vendor, **command.vendor}
        changes["vendor"] = {key: value for key, value in merged.items() if value is not None}
    if command.payment is not None:
        changes["payments"] = (*doc.payments, msgspec.structs.replace(command.payment, at=now))
    if command.action in (Action.SHIP, Action.SHIP_PART):
        shipment = command.shipment or Shipment()
        changes["shipments"] = (*doc.shipments, msgspec.structs.replace(shipment, at=now))
    if command.refund is not None or command.action is Action.REFUND:
        refund = command.refund or Refund()
        seq = _asked_seq(command, order) or cancellation.next_refund((order,))
        changes["refunds"] = (*doc.refunds, msgspec.structs.replace(refund, at=now, seq=seq))
    for name in _WRITTEN:
        if command.action is Action.AMEND and name in command.changes:
            changes[name] = command.changes[name]
    return msgspec.structs.replace(doc, **changes) if changes else doc


def _asked_seq(command: ChangeOrder, order: Order) -> int:
    """The number of the refund that was asked for, where this one grants it; 0 = it does not."""
    grants = command.action is Action.REFUND and order.status is Status.REFUNDING
    return order.doc.business.refund_asked_seq if grants else 0
