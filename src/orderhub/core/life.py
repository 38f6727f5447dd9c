"""The one canonical life of an order, as a table: which action leads from which status to which."""

from __future__ import annotations

from orderhub.core.commands import Action
from orderhub.core.values import Order, Status

TRANSITIONS: dict[Action, dict[Status, Status]] = {
    Action.PAY: {Status.PENDING: Status.PAID},
    Action.SHIP: {Status.PAID: Status.SHIPPED},
    Action.SHIP_PART: {Status.PAID: Status.PAID},
    # A service or a membership has nothing to ship: it may complete once paid.
    Action.COMPLETE: {Status.PAID: Status.COMPLETED, Status.SHIPPED: Status.COMPLETED},
    Action.CANCEL: {Status.PENDING: Status.CANCELLED},
    # Decided order by order as CANCEL or REFUND, so that a group part paid, part not is one command.
    Action.CALL_OFF: {Status.PENDING: Status.CANCELLED, Status.PAID: Status.REFUNDED},
    Action.REQUEST_REFUND: {
        Status.PAID: Status.REFUNDING,
        Status.SHIPPED: Status.REFUNDING,
        Status.COMPLETED: Status.REFUNDING,
    },
    Action.REFUND: {
        Status.PAID: Status.REFUNDED,
        Status.SHIPPED: Status.REFUNDED,
        Status.COMPLETED: Status.REFUNDED,
        Status.REFUNDING: Status.REFUNDED,
    },
    Action.REFUND_PART: {
        Status.PAID: Status.PAID,
        Status.SHIPPED: Status.SHIPPED,
        Status.COMPLETED: Status.COMPLETED,
        Status.REFUNDING: Status.REFUNDING,
    },
    # REJECT_REFUND leads back to where the refund was asked for; AMEND leaves the status alone.
    Action.REJECT_REFUND: {Status.REFUNDING: Status.PAID},
}

EVENT_OF = {
    Action.PAY: "paid",
    Action.SHIP: "shipped",
    Action.SHIP_PART: "shipped_in_part",
    Action.COMPLETE: "completed",
    Action.CANCEL: "cancelled",
    Action.CALL_OFF: "called_off",
    Action.REQUEST_REFUND: "refund_requested",
    Action.REFUND: "refunded",
    Action.REFUND_PART: "refunded_in_part",
    Action.REJECT_REFUND: "refund_rejected",
    Action.AMEND: "amended",
}

# Every kind of event that an order can have; the feed says `order.` before it. CALL_OFF is told as what it becomes.
EVENT_KINDS = (
    "placed",
    *(kind for action, kind in EVENT_OF.items() if action is not Action.CALL_OFF),
    "lines_cancelled",
    "redacted",
)


def next_status(action: Action, status: Status) -> Status | None:
    """Where `action` leads from `status`, or None when it is not allowed there."""
    if action is Action.AMEND:
        return status
    return TRANSITIONS[action].get(status)


def before_refund(order: Order) -> Status:
    """Where an order stood when a refund was asked for, and stands again if that is rejected; else where it stands."""
    if order.status is not Status.REFUNDING:
        return order.status
    return Status(order.doc.business.refund_asked_from or Status.PAID)
