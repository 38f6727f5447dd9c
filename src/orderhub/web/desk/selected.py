"""Several orders at once: marked as paid, shipped or cancelled, each previewed before it is done, or printed.

Each order is a command of its own: one that is refused, or was changed by somebody else meanwhile, stops no other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from orderhub.core.commands import Action, ChangeOrder, OrderName
from orderhub.core.facts import Accepted
from orderhub.core.queries import Reads
from orderhub.core.steps import Payment, Shipment
from orderhub.core.values import Order
from orderhub.dialects.contract import Answer, Call, CommandRejected
from orderhub.web.desk.forms import Form, FormRefused
from orderhub.web.desk.language import N_
from orderhub.web.desk.one_order import one, path_of
from orderhub.web.desk.page import (
    HOME,
    Visitor,
    do,
    form,
    go,
    html,
    origin,
    page,
    preview,
    show,
)
from orderhub.web.desk.refusals import refused
from orderhub.web.desk.slips import MOST, PAPERS, PRINT
from orderhub.web.desk.statuses import Badge, badge_of
from orderhub.web.desk.steps import SCOPE

_PATH = f"{HOME}/selected"
_CHOSEN = re.compile(r"([0-9a-fA-F-]{36})(?:\.([0-9]{1,9}))?")
# What can be done with several, as (action, title).
STEPS: Mapping[str, tuple[Action, str]] = {
    "pay": (Action.PAY, N_("Mark as paid")),
    "ship": (Action.SHIP, N_("Ship")),
    "cancel": (Action.CANCEL, N_("Cancel")),
}


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    """`order` is a uid, of a previewed one with its version behind a dot."""

    step: str
    order: tuple[str, ...] = ()
    sure: bool = False


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One order: what it is or would be, or why not; `chosen` is what the form sends for it."""

    path: str
    number: str
    badge: Badge
    after: Badge | None
    refusal: str
    chosen: str


class Selected(msgspec.Struct, frozen=True, kw_only=True):
    """`title` as `N_` marks it; `possible` is how many can be done."""

    step: str
    title: str
    rows: tuple[Row, ...]
    possible: int
    is_done: bool


async def back(call: Call, _visitor: Visitor, _sent: Form) -> Answer:
    return go(call, HOME)


async def nothing(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """What is wrong with the selection itself."""
    shown = Selected(step="", title=N_("Nothing is selected"), rows=(), possible=0, is_done=False)
    return show(call, visitor, "selected.html", shown, sent)


async def take(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """At first as dry runs, then for good: whoever is sure does what was previewed, to the version that it was."""
    given = sent.read(_Given)
    chosen = [found for each in given.order if (found := _CHOSEN.fullmatch(each))][:MOST]
    if not chosen:
        raise FormRefused({"order": N_("Select orders first.")})
    if given.step in dict(PAPERS):
        uids = ",".join(each[1] for each in chosen)
        return go(call, f"{PRINT}?paper={given.step}&orders={uids}")
    if given.step not in STEPS:
        raise FormRefused({"step": N_("This cannot be taken.")})
    versions = {each[1].lower(): int(each[2] or 0) for each in chosen}

    def look(reads: Reads) -> tuple[Order, ...]:
        return tuple(one(reads, visitor, uid) for uid in versions)

    orders = await call.hub.read(look)
    action, title = STEPS[given.step]
    rows = [
        await _one(call, visitor, action, order, versions[order.uid], is_sure=given.sure)
        for order in orders
    ]
    shown = Selected(
        step=given.step,
        title=title,
        rows=tuple(rows),
        possible=sum(not each.refusal for each in rows),
        is_done=given.sure,
    )
    return show(call, visitor, "selected.html", shown, sent)


async def _one(
    call: Call, visitor: Visitor, action: Action, order: Order, version: int, *, is_sure: bool
) -> Row:
    """Previewed, or done to the version that was."""
    command = ChangeOrder(
        origin=origin(call, visitor),
        name=OrderName("uid", order.uid),
        action=action,
        if_version=version or order.version,
        payment=Payment() if action is Action.PAY else None,
        shipment=Shipment() if action is Action.SHIP else None,
    )
    after: Badge | None = None
    refusal = ""
    try:
        if is_sure:
            seen: list[Badge] = []

            def done(accepted: Accepted) -> Answer:
                seen.append(badge_of(accepted.changed[0]))
                return html(b"")

            await do(call, command, done)
            after = seen[-1]
        else:
            after = badge_of((await preview(call, command)).changed[0])
    except CommandRejected as stop:
        refusal = refused(visitor.language, stop.rejected)
    return Row(
        path=path_of(order),
        number=order.number,
        badge=badge_of(order),
        after=after,
        refusal=refusal,
        chosen=f"{order.uid}.{version or order.version}",
    )


ROUTES = (
    page(_PATH, SCOPE, back),
    form(_PATH, SCOPE, take, nothing),
)
