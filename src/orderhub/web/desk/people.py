"""Who works for the tenant: invited by a link, given and taken roles, reset, kept out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, TypeVar

import msgspec

from orderhub.core.access import Credential
from orderhub.core.people import PEOPLE, Person, Role, may_give, may_govern
from orderhub.dialects.contract import Answer, Call
from orderhub.ledger.people import People
from orderhub.settings import DAY_S
from orderhub.web import people
from orderhub.web.desk import sessions
from orderhub.web.desk.exports import path_to
from orderhub.web.desk.forms import Form
from orderhub.web.desk.inner import file, wanted
from orderhub.web.desk.language import N_
from orderhub.web.desk.orders import Pages
from orderhub.web.desk.page import Visitor, form, go, page, show
from orderhub.web.hub_api.users import list_users

T = TypeVar("T")

_PATH = "/desk/people"
_PAGE = 100
# What each role may do, for who gives it.
ROLES: Mapping[Role, tuple[str, str]] = {
    Role.VIEWER: (N_("Viewer"), N_("sees orders")),
    Role.STAFF: (N_("Staff"), N_("works with orders")),
    Role.MANAGER: (N_("Manager"), N_("also catalogue, stock and credentials")),
    Role.OWNER: (N_("Owner"), N_("also people and settings")),
    Role.OPERATOR: (N_("Operator"), N_("every tenant of the hub")),
}


class _Invitation(msgspec.Struct, frozen=True):
    email: Annotated[str, msgspec.Meta(max_length=people.LONGEST_EMAIL)]
    role: Role
    name: Annotated[str, msgspec.Meta(max_length=200)] = ""


class _RoleChange(msgspec.Struct, frozen=True):
    """No role takes the one that they have."""

    person: str
    role: Role | None = None


class _Whom(msgspec.Struct, frozen=True):
    person: str


class _Switch(msgspec.Struct, frozen=True):
    person: str
    enabled: bool


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody, and what the visitor may do about them: `roles` they could have, whether to `govern` their access."""

    person: Person
    role: Role
    roles: tuple[tuple[Role, str], ...]
    may_govern: bool


class Staff(msgspec.Struct, frozen=True, kw_only=True):
    """`choices` are roles that the visitor may give: (role, title, what it does)."""

    rows: tuple[Row, ...]
    choices: tuple[tuple[Role, str, str], ...]
    pages: Pages


class Linked(msgspec.Struct, frozen=True, kw_only=True):
    """A link to hand to somebody, shown once."""

    email: str
    link: str
    days: int


async def staff(call: Call, visitor: Visitor, sent: Form) -> Answer:
    if media := wanted(call):
        return await file(call, visitor, list_users, media, path={"tenant": visitor.at.name})
    tenant_id = visitor.at.id
    after = call.query.get("after", "")
    found = await call.hub.read(
        lambda reads: reads.people.of_tenant(tenant_id, after=after, limit=_PAGE + 1)
    )
    older = found[_PAGE - 1].email if len(found) > _PAGE else ""
    actor = _actor(visitor)
    given = tuple(
        role for role in Role if role is not Role.OPERATOR and may_give(actor, role, tenant_id)
    )
    shown = Staff(
        rows=tuple(_row(actor, each, tenant_id, given) for each in found[:_PAGE]),
        choices=tuple((role, *ROLES[role]) for role in given),
        pages=Pages(
            newest=_PATH if after else "", older=path_to(_PATH, {"after": older}) if older else ""
        ),
    )
    return show(call, visitor, "people.html", shown, sent)


def _row(actor: Credential, person: Person, tenant_id: int, given: tuple[Role, ...]) -> Row:
    role = dict(person.roles)[tenant_id]
    return Row(
        person=person,
        role=role,
        roles=tuple((each, ROLES[each][0]) for each in given) if role in given else (),
        may_govern=may_govern(actor, person.roles),
    )


async def invite(call: Call, visitor: Visitor, sent: Form) -> Answer:
    given, now = sent.read(_Invitation), call.received_at
    email = people.email_of(given.email)
    linked = await _done(
        call,
        visitor,
        lambda at, who: people.invite(at, who, visitor.at, email, given.name, given.role, now),
    )
    if not linked.link:
        said = N_("%(email)s has the role now, and signs in as before.")
        return go(call, _PATH, done=visitor.say(said, email=email))
    return _link_page(call, visitor, linked, people.INVITED_FOR_S)


async def change_role(call: Call, visitor: Visitor, sent: Form) -> Answer:
    given = sent.read(_RoleChange)

    def work(at: People, who: Credential) -> Person:
        found = people.of_tenant(at, visitor.at, given.person)
        sent.refuse_unless_of(dict(found.roles)[visitor.at.id])
        return people.change_role(at, who, visitor.at, given.person, given.role)

    changed = await _done(call, visitor, work)
    said = N_("%(email)s has no role here now.")
    if given.role is not None:
        said = N_("%(email)s has another role now.")
    return go(call, _PATH, done=visitor.say(said, email=changed.email))


async def reset(call: Call, visitor: Visitor, sent: Form) -> Answer:
    given, now = sent.read(_Whom), call.received_at
    linked = await _done(
        call, visitor, lambda at, who: people.reset(at, who, visitor.at, given.person, now)
    )
    return _link_page(call, visitor, linked, people.RESET_FOR_S)


async def switch(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """Whether somebody may sign in at all."""
    given = sent.read(_Switch)
    changed = await _done(
        call,
        visitor,
        lambda at, who: people.set_enabled(
            at, who, visitor.at, given.person, enabled=given.enabled
        ),
    )
    said = N_("%(email)s may sign in.") if given.enabled else N_("%(email)s may not sign in now.")
    return go(call, _PATH, done=visitor.say(said, email=changed.email))


async def _done(call: Call, visitor: Visitor, work: Callable[[People, Credential], T]) -> T:
    actor = _actor(visitor)
    return await sessions.change(call, lambda at: work(at, actor), visitor.at.id)


def _actor(visitor: Visitor) -> Credential:
    assert visitor.caller is not None
    return visitor.caller.credential


def _link_page(call: Call, visitor: Visitor, linked: people.Linked, life_s: int) -> Answer:
    link = f"{call.base_url}{people.link_path(linked.link)}"
    shown = Linked(email=linked.person.email, link=link, days=life_s // DAY_S)
    return show(call, visitor, "link.html", shown)


ROUTES = (
    page(_PATH, PEOPLE, staff),
    form(_PATH, PEOPLE, invite, staff),
    form(f"{_PATH}/role", PEOPLE, change_role, staff),
    form(f"{_PATH}/reset", PEOPLE, reset, staff),
    form(f"{_PATH}/switch", PEOPLE, switch, staff),
)
