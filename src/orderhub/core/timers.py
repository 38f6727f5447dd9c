"""What an order may wait for: every kind of timer in one row, with who sets it, for how long and what happens then."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from orderhub.core.commands import Action, ChangeOrder, OrderName
from orderhub.core.facts import Timer
from orderhub.core.values import MICROSECONDS, Order, Settings, Status


class TimerKind(msgspec.Struct, frozen=True):
    """One thing that an order may wait for.

    waits_in    the status of an order that has one: it is set when the order comes to it, and goes with it
    after_s     how long the tenant lets it wait, in seconds of the tenant's clock; None = for ever
    action      what is done when it is due
    businesses  names of those whose orders wait for it; empty = all
    """

    waits_in: Status
    after_s: Callable[[Settings], int | None]
    action: Action
    businesses: frozenset[str] = frozenset()


# Whose orders are paid as such: no other is closed because nobody has paid it.
_PAID = frozenset({"GoodsBasket", "TourBooking", "Dropship"})
TIMER_KINDS: dict[str, TimerKind] = {
    "auto_pay": TimerKind(
        Status.PENDING, lambda settings: settings.auto_pay_s, Action.PAY, frozenset({"Dropship"})
    ),
    "auto_close": TimerKind(
        Status.PENDING, lambda settings: settings.auto_close_s or None, Action.CANCEL, _PAID
    ),
    "auto_finish": TimerKind(
        Status.SHIPPED, lambda settings: settings.auto_finish_s or None, Action.COMPLETE
    ),
}


def timers_for(order: Order, settings: Settings) -> list[Timer]:
    """What the order waits for now that it has come to its status."""
    found = []
    for name, kind in TIMER_KINDS.items():
        if order.status is not kind.waits_in:
            continue
        if kind.businesses and order.doc.business.name not in kind.businesses:
            continue
        after_s = kind.after_s(settings)
        if after_s is not None:
            due_at = order.updated_at + after_s * MICROSECONDS
            found.append(
                Timer(tenant_id=order.tenant_id, kind=name, order_id=order.id, due_at=due_at)
            )
    return found


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
