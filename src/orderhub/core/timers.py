"""What an order may wait for: every kind of timer in one row, whichever business sets it.

When it is due is said where it is set: with the order, or by the change that brought it to the status it waits in.
"""

from __future__ import annotations

import msgspec

from orderhub.core.commands import Action, ChangeOrder, OrderName
from orderhub.core.facts import Timer
from orderhub.core.values import Order, Status


class TimerKind(msgspec.Struct, frozen=True):
    """`waits_in`: the status of an order that has one. `action`: what is done when it is due."""

    waits_in: Status
    action: Action


TIMER_KINDS: dict[str, TimerKind] = {
    "auto_close": TimerKind(Status.PENDING, Action.CANCEL),
    "auto_pay": TimerKind(Status.PENDING, Action.PAY),
    "auto_finish": TimerKind(Status.SHIPPED, Action.COMPLETE),
}


def timers_of(order: Order) -> list[Timer]:
    """All that the order might wait for, to be taken away: any change ends the wait."""
    return [
        Timer(tenant_id=order.tenant_id, kind=kind, order_id=order.id, due_at=0)
        for kind in TIMER_KINDS
    ]


def command_of_timer(timer: Timer, command: ChangeOrder) -> ChangeOrder:
    """The command that a due timer stands for, made from a bare one that names origin and order."""
    return msgspec.structs.replace(
        command,
        action=TIMER_KINDS[timer.kind].action,
        name=OrderName("id", str(timer.order_id)),
        reason=timer.kind,
    )
