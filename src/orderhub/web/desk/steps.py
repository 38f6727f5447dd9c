"""What can be done with an order now: paid, shipped, completed, cancelled, refunded; previewed by a dry run, then done.

The form carries the version that it was drawn for: who was overtaken is told so and looks at the order anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from orderhub.core.commands import Action, ChangeOrder, OrderName
from orderhub.core.facts import Accepted
from orderhub.core.fulfilment import left, refundable, to_ship
from orderhub.core.life import TRANSITIONS
from orderhub.core.ordering import MAX_LINES
from orderhub.core.steps import Payment, Refund, Shipment, Units
from orderhub.core.values import Line, Order
from orderhub.dialects.contract import Answer, Call
from orderhub.web.desk.forms import Form, FormRefused
from orderhub.web.desk.language import N_
from orderhub.web.desk.one_order import one, path_of
from orderhub.web.desk.page import HOME, Visitor, do, form, go, origin, page, preview, show
from orderhub.web.desk.statuses import Badge, badge_of

SCOPE = "orders:write"
_LONGEST = 200
_MOST_MEMBERS = (
    MAX_LINES + 1_000
)  # a field for each line, freight and the like too, and those beside
_AMOUNT = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?")

Text = Annotated[str, msgspec.Meta(max_length=_LONGEST)]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """`title` as `N_` marks it; `units` says how many of a line it may take, where it goes by lines."""

    action: Action
    title: str
    done: str
    units: Callable[[Order, Line], int] | None = None


STEPS: Mapping[str, Step] = {
    "pay": Step(action=Action.PAY, title=N_("Mark as paid"), done=N_("It is paid.")),
    "ship": Step(action=Action.SHIP, title=N_("Ship"), done=N_("It is shipped."), units=to_ship),
    "complete": Step(action=Action.COMPLETE, title=N_("Complete"), done=N_("It is completed.")),
    "cancel": Step(action=Action.CANCEL, title=N_("Cancel it"), done=N_("It is cancelled.")),
    "refund": Step(
        action=Action.REFUND, title=N_("Refund"), done=N_("It is refunded."), units=left
    ),
}
EXTENTS = (
    ("all", N_("Everything")),
    ("units", N_("The units said below")),
    ("amount", N_("The amount said below")),
)


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    """`sure`: it was previewed, and is to be done."""

    version: int
    sure: bool = False
    method: Text = ""
    reference: Text = ""
    carrier: Text = ""
    tracking: Text = ""
    extent: Literal["all", "units", "amount"] = "all"
    amount: Text = ""
    reason: Text = ""


class Choice(msgspec.Struct, frozen=True):
    """A line, and how many of its units may be taken."""

    line: Line
    most: int


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What the order would be then; `units_back` go back to the places they were drawn from."""

    badge: Badge
    paid: Decimal
    refunded: Decimal
    units_back: int


class StepPage(msgspec.Struct, frozen=True, kw_only=True):
    """`sent` are the members of the form, to be sent once more by who is sure."""

    name: str
    title: str
    order: Order
    path: str
    badge: Badge
    choices: tuple[Choice, ...]
    extents: tuple[tuple[str, str], ...]
    refundable: Decimal
    preview: Preview | None = None
    sent: tuple[tuple[str, str], ...] = ()


def possible(order: Order) -> tuple[tuple[str, str], ...]:
    """(path, title as `N_` marks it) of what can be done with the order now."""
    return tuple(
        (f"{path_of(order)}/{name}", step.title)
        for name, step in STEPS.items()
        if order.status in TRANSITIONS[step.action]
    )


async def step_page(call: Call, visitor: Visitor, sent: Form) -> Answer:
    order = await _order(call, visitor)
    return show(call, visitor, "step.html", _shown(call, order), sent)


async def take_step(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """At first as a dry run, then for good."""
    order = await _order(call, visitor)
    given = sent.read(_Given)
    step = STEPS[_name(call)]
    command = _with_details(
        ChangeOrder(
            origin=origin(call, visitor),
            name=OrderName("uid", order.uid),
            action=step.action,
            reason=given.reason,
            if_version=given.version,
        ),
        given,
        _units(visitor, order, step, sent, is_current=given.version == order.version),
    )
    if given.sure:
        done = go(call, path_of(order), done=visitor.say(step.done))
        return await do(call, command, lambda _: done)
    accepted = await preview(call, command)
    members = tuple(
        (name, texts[0])
        for name, texts in sent.members.items()
        if texts[0] and not name.startswith("_") and name != "sure"
    )
    shown = msgspec.structs.replace(
        _shown(call, order), preview=_preview(accepted), sent=(*members, ("sure", "true"))
    )
    return show(call, visitor, "step.html", shown, sent)


def _preview(accepted: Accepted) -> Preview:
    after: Order = accepted.changed[0]
    back = sum(
        move.units for move in accepted.moves if move.kind == "return" and move.key.kind == "stock"
    )
    return Preview(badge=badge_of(after), paid=after.paid, refunded=after.refunded, units_back=back)


def _shown(call: Call, order: Order) -> StepPage:
    name = _name(call)
    step = STEPS[name]
    choices = [Choice(each, step.units(order, each)) for each in order.lines if step.units]
    return StepPage(
        name=name,
        title=step.title,
        order=order,
        path=f"{path_of(order)}/{name}",
        badge=badge_of(order),
        choices=tuple(each for each in choices if each.most > 0),
        extents=EXTENTS,
        refundable=refundable(order),
    )


def _with_details(bare: ChangeOrder, given: _Given, units: Units) -> ChangeOrder:
    more = msgspec.structs.replace
    match bare.action:
        case Action.PAY:
            payment = Payment(method=given.method, reference=given.reference)
            return more(bare, payment=payment)
        case Action.SHIP:
            shipment = Shipment(carrier=given.carrier, tracking=given.tracking, lines=units)
            return more(bare, shipment=shipment, action=Action.SHIP_PART if units else bare.action)
        case Action.REFUND:
            return _refund(bare, given, units)
    return bare


def _refund(bare: ChangeOrder, given: _Given, units: Units) -> ChangeOrder:
    """Raises FormRefused where something is said that was not chosen: nobody gives back more than they meant."""
    if units and given.extent != "units":
        raise FormRefused({"extent": N_("Units are said below: choose them, or set them to 0.")})
    if given.amount and given.extent != "amount":
        raise FormRefused({"extent": N_("An amount is said below: choose it, or take it out.")})
    refund = Refund(reason=given.reason, lines=units)
    match given.extent:
        case "all":
            return msgspec.structs.replace(bare, refund=refund)
        case "units" if not units:
            raise FormRefused({"extent": N_("Say how many units of which lines.")})
        case "amount":
            refund = msgspec.structs.replace(refund, amount=_amount(given.amount))
    return msgspec.structs.replace(bare, refund=refund, action=Action.REFUND_PART)


def _amount(text: str) -> Decimal:
    if not _AMOUNT.fullmatch(text) or not Decimal(text):
        raise FormRefused({"amount": N_("Write an amount such as 12.50.")})
    return Decimal(text)


def _units(visitor: Visitor, order: Order, step: Step, sent: Form, *, is_current: bool) -> Units:
    """How many units of which lines were said; none of a line that takes none, and of a parcel not none at all.

    Of the order as the form was drawn from it, no more than there are: whoever was overtaken is told that instead.
    """
    units: Units = {}
    faults: dict[str, str] = {}
    is_said = False
    for line in order.lines if step.units else ():
        member = f"units-{line.line_no}"
        text = sent.first(member).strip()
        is_said = is_said or bool(text)
        if text.isascii() and text.isdecimal() and len(text) < 10:
            most = step.units(order, line) if step.units else 0
            if int(text) > most > 0 and is_current:
                faults[member] = visitor.say(N_("This is at most %(most)s."), most=most)
            elif int(text):
                units[line.line_no] = int(text)
        elif text:
            faults[member] = N_("This cannot be taken.")
    if faults:
        raise FormRefused(faults)
    if is_said and not units and step.action is Action.SHIP:
        raise FormRefused({"": N_("Say how many units of which lines.")})
    return units


def _name(call: Call) -> str:
    return call.path.rpartition("/")[2]


async def _order(call: Call, visitor: Visitor) -> Order:
    return await call.hub.read(lambda reads: one(reads, visitor, call.params["uid"]))


ROUTES = tuple(
    route
    for name in STEPS
    for route in (
        page(f"{HOME}/{{uid}}/{name}", SCOPE, step_page),
        form(f"{HOME}/{{uid}}/{name}", SCOPE, take_step, step_page, members=_MOST_MEMBERS),
    )
)
