"""Whom an order goes to, and its notes, put right: previewed by a dry run, then done to the version that was seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from orderhub.core.commands import Action, ChangeOrder, OrderName
from orderhub.core.countries import ISO_COUNTRIES
from orderhub.core.values import Address, Order, Status
from orderhub.dialects.contract import Answer, Call
from orderhub.web.desk.forms import Form, FormRefused
from orderhub.web.desk.language import N_
from orderhub.web.desk.one_order import one, path_of
from orderhub.web.desk.page import HOME, Visitor, do, form, go, origin, page, preview, show
from orderhub.web.desk.statuses import Badge, badge_of
from orderhub.web.desk.steps import SCOPE

_PATH = f"{HOME}/{{uid}}/amend"
# The members of an address that a form shows, with their labels; what a vendor keeps besides stays.
LABELS: Mapping[str, str] = {
    "recipient": N_("Name"),
    "last_name": N_("Last name, where it stands apart"),
    "company": N_("Company"),
    "phone": N_("Phone"),
    "email": N_("E-mail"),
    "street1": N_("Street and number"),
    "street2": N_("Further line of the address"),
    "postcode": N_("Postcode"),
    "city": N_("City"),
    "town": N_("Town"),
    "district": N_("District"),
    "province": N_("Province or state"),
    "country": N_("Country, two letters"),
}
# Before anything left, an address can still be put right.
_BEFORE = (Status.PENDING, Status.PAID)

Text = Annotated[str, msgspec.Meta(max_length=200)]
Long = Annotated[str, msgspec.Meta(max_length=10_000)]  # as long as the widest door takes them


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    """`sure`: it was previewed, and is to be done."""

    version: int
    sure: bool = False
    reason: Text = ""
    notes: Long = ""
    recipient: Text = ""
    last_name: Text = ""
    company: Text = ""
    phone: Text = ""
    email: Text = ""
    street1: Text = ""
    street2: Text = ""
    postcode: Text = ""
    city: Text = ""
    town: Text = ""
    district: Text = ""
    province: Text = ""
    country: Text = ""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A member that would be another. `label` as `N_` marks it."""

    label: str
    before: str
    after: str


class AmendPage(msgspec.Struct, frozen=True, kw_only=True):
    """`fields` as (name, label, value), none where the address stands; `sent` is what who is sure sends again."""

    order: Order
    path: str
    badge: Badge
    fields: tuple[tuple[str, str, str], ...]
    changes: tuple[Change, ...] = ()
    sent: tuple[tuple[str, str], ...] = ()


def may_move(order: Order) -> bool:
    """Whether its address can still be put right: it has one, and nothing of it left yet."""
    return order.doc.ship_to is not None and order.status in _BEFORE and not order.doc.shipments


async def amend_page(call: Call, visitor: Visitor, sent: Form) -> Answer:
    return show(call, visitor, "amend.html", _shown(await _order(call, visitor)), sent)


async def amend(call: Call, visitor: Visitor, sent: Form) -> Answer:
    order = await _order(call, visitor)
    said = _said(order, sent)
    given = said.read(_Given)
    members, changes = _changes(order, given, said)
    if not changes and given.version == order.version:
        raise FormRefused({"": N_("Nothing was changed.")})
    command = ChangeOrder(
        origin=origin(call, visitor),
        name=OrderName("uid", order.uid),
        action=Action.AMEND,
        reason=given.reason,
        if_version=given.version,
        changes=members,
    )
    if given.sure:
        done = go(call, path_of(order), done=visitor.say(N_("It is changed.")))
        return await do(call, command, lambda _: done)
    await preview(call, command)
    again = tuple(
        (name, texts[0])
        for name, texts in sent.members.items()
        if not name.startswith("_") and name != "sure"
    )
    shown = msgspec.structs.replace(
        _shown(order), changes=tuple(changes), sent=(*again, ("sure", "true"))
    )
    return show(call, visitor, "amend.html", shown, sent)


def _said(order: Order, sent: Form) -> Form:
    """The form without what stands as it was drawn, which a door may have let in longer than a form takes it."""
    to = order.doc.ship_to
    stands = {name: getattr(to, name) for name in LABELS} if to is not None else {}
    stands["notes"] = order.doc.notes
    changed = {
        name: texts
        for name, texts in sent.members.items()
        if name not in stands or texts[0].strip() != _drawn(stands[name])
    }
    return msgspec.structs.replace(sent, members=changed)


def _drawn(text: str) -> str:
    """As it comes back from a browser."""
    return text.replace("\r\n", "\n").strip()


def _changes(order: Order, given: _Given, sent: Form) -> tuple[dict[str, Any], list[Change]]:
    """What the command shall change, and how people read it. Raises FormRefused."""
    members: dict[str, Any] = {}
    changes: list[Change] = []
    if "notes" in sent.members and given.notes != order.doc.notes:
        members["notes"] = given.notes
        changes.append(Change(label=N_("Notes"), before=order.doc.notes, after=given.notes))
    stands = order.doc.ship_to
    said = {name: getattr(given, name) for name in LABELS if name in sent.members}
    if stands is None or not said:
        return members, changes
    new = {name: text for name, text in said.items() if text != getattr(stands, name)}
    if not new:
        return members, changes
    if not may_move(order):
        raise FormRefused({"": N_("Something of it left already: its address stands.")})
    if new.get("country") and new["country"] not in ISO_COUNTRIES:
        raise FormRefused({"country": N_("This is no country of two letters, such as DE.")})
    members["ship_to"] = msgspec.structs.replace(stands, **new)
    changes += [
        Change(label=LABELS[name], before=getattr(stands, name), after=text)
        for name, text in new.items()
    ]
    return members, changes


def _shown(order: Order) -> AmendPage:
    to: Address | None = order.doc.ship_to if may_move(order) else None
    return AmendPage(
        order=order,
        path=f"{path_of(order)}/amend",
        badge=badge_of(order),
        fields=()
        if to is None
        else tuple((name, label, getattr(to, name)) for name, label in LABELS.items()),
    )


async def _order(call: Call, visitor: Visitor) -> Order:
    return await call.hub.read(lambda reads: one(reads, visitor, call.params["uid"]))


ROUTES = (
    page(_PATH, SCOPE, amend_page),
    form(_PATH, SCOPE, amend, amend_page),
)
