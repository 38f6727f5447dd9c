"""What is done with people, by the API and by the desk alike: invite, give a role, reset, disable.

Each function runs within a transaction of the directory's; what it raises undoes it.
"""

from __future__ import annotations

import re
import secrets
from typing import NamedTuple
from urllib.parse import quote

from orderhub.core.access import Credential, Tenant
from orderhub.core.people import Link, Person, Role, may_give, may_govern
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import MICROSECONDS
from orderhub.dialects.auth import digest
from orderhub.dialects.contract import (
    CommandRejected,
    Fault,
    FaultKind,
    HTTPFault,
    WireFault,
    invalid,
)
from orderhub.ledger.people import People
from orderhub.settings import DAY_S

INVITED_FOR_S = 7 * DAY_S
RESET_FOR_S = DAY_S
LONGEST_EMAIL = 254
_EMAIL = re.compile(r"[^\s@<>\"',;:\\]+@[^\s@<>\"',;:\\]+\.[^\s@<>\"',;:\\.]+")


class Linked(NamedTuple):
    """A person, and the secret part of the link that was made for them; empty = they need none."""

    person: Person
    link: str


def email_of(text: str) -> str:
    """The e-mail as it is kept. Raises HTTPFault(INVALID) for what is none."""
    email = text.strip().lower()
    if len(email) > LONGEST_EMAIL or not _EMAIL.fullmatch(email) or not email.isprintable():
        raise invalid(WireFault("email", "value", "email is an address such as ana@example.org"))
    return email


def link_path(link: str) -> str:
    """In the query, which no log keeps."""
    return f"/desk/welcome?link={quote(link)}"


def invite(
    people: People,
    actor: Credential,
    tenant: Tenant,
    email: str,
    name: str,
    role: Role,
    now_us: int,
) -> Linked:
    """A role in the tenant for somebody, who begins by the link where they have no password.

    An e-mail proves nothing: whoever made an account may hold its password. So a role begins only where the actor
    reaches every role that the account has, and one that is left without any begins anew, as nobody's. Raises
    CommandRejected for any other: an operator, who reaches all of them, gives it a role.
    """
    _refuse_role(actor, role, tenant.id)
    found = people.locked(email)
    if found is None:
        uid = secrets.token_hex(8)
        roles = ((tenant.id, role),)
        found = Person(uid=uid, email=email, name=name, created_at=now_us, roles=roles)
        people.add(found)
        return Linked(found, _link(people, uid, now_us, INVITED_FOR_S))
    if tenant.id in dict(found.roles):
        raise _known(f"{email} has a role there already")
    if not may_govern(actor, found.roles):
        raise _known(f"{email} has an account and works elsewhere: ask an operator for the role")
    people.give(found.uid, tenant.id, role)
    if not found.roles:
        _void(people, found.uid)
    given = _again(people, found)
    return Linked(given, "" if given.password else _link(people, given.uid, now_us, INVITED_FOR_S))


def change_role(
    people: People, actor: Credential, tenant: Tenant, sought: str, role: Role | None
) -> Person:
    """Another role in the tenant; None = none any more. Somebody must be left who can invite."""
    found = of_tenant(people, tenant, sought)
    before = dict(found.roles)[tenant.id]
    _refuse_role(actor, before, tenant.id)
    if role is not None:
        _refuse_role(actor, role, tenant.id)
    if role is not before:
        _refuse_last(people, found, tenant.id)
    if role is None:
        people.take(found.uid, tenant.id)
    else:
        people.give(found.uid, tenant.id, role)
    return _again(people, found)


def reset(people: People, actor: Credential, tenant: Tenant, sought: str, now_us: int) -> Linked:
    """Password and second factor are void and sessions ended; a link lets them choose anew."""
    found = _governed(people, actor, tenant, sought)
    _void(people, found.uid)
    return Linked(_again(people, found), _link(people, found.uid, now_us, RESET_FOR_S))


def set_enabled(
    people: People, actor: Credential, tenant: Tenant, sought: str, *, enabled: bool
) -> Person:
    """Whether they may sign in at all. Who may not is signed out at once."""
    found = _governed(people, actor, tenant, sought)
    if not enabled:
        for tenant_id, _ in found.roles:
            _refuse_last(people, found, tenant_id)
        people.end_sessions(found.uid)
        people.end_links(found.uid)
    people.change(found.uid, enabled=enabled)
    return _again(people, found)


def of_tenant(people: People, tenant: Tenant, sought: str) -> Person:
    """By uid or e-mail, when they have a role there: another's people are as unknown as nobody's."""
    named = people.by_uid(sought)
    found = people.locked(sought.strip().lower() if named is None else named.email)
    if found is None or tenant.id not in dict(found.roles):
        raise CommandRejected(Rejected(Reason.RECORD_UNKNOWN, "id", f"no user {sought}"))
    return found


def _governed(people: People, actor: Credential, tenant: Tenant, sought: str) -> Person:
    found = of_tenant(people, tenant, sought)
    if not may_govern(actor, found.roles):
        raise _forbidden("they have a role that is not yours to give: ask an operator")
    return found


def _void(people: People, uid: str) -> None:
    """Whatever they signed in by opens nothing any more."""
    people.change(uid, password="", totp="", totp_used=0)
    people.end_sessions(uid)


def _again(people: People, person: Person) -> Person:
    found = people.by_uid(person.uid)
    assert found is not None
    return found


def _link(people: People, uid: str, now_us: int, life_s: int) -> str:
    secret = secrets.token_urlsafe(32)
    people.add_link(Link(id=digest(secret), person=uid, ends_at=now_us + life_s * MICROSECONDS))
    return secret


def _refuse_role(actor: Credential, role: Role, tenant_id: int) -> None:
    if (role is Role.OPERATOR) is not (tenant_id == 0):
        message = (
            "operators are of the hub itself: the tenant `operator`, and that role alone there"
        )
        raise invalid(WireFault("role", "value", message))
    if not may_give(actor, role, tenant_id):
        raise _forbidden(f"the role {role} holds more than you do")


def _refuse_last(people: People, person: Person, tenant_id: int) -> None:
    """The last owner of a tenant stays its owner, and the last operator operator."""
    role = dict(person.roles).get(tenant_id)
    if not person.enabled or role not in (Role.OWNER, Role.OPERATOR):
        return
    if people.owners(tenant_id) < 2:
        message = f"{person.email} is the last {role} there: make somebody else one before"
        raise invalid(WireFault("role", "value", message))


def _known(message: str) -> CommandRejected:
    return CommandRejected(Rejected(Reason.ALREADY_EXISTS, "email", message))


def _forbidden(message: str) -> HTTPFault:
    return HTTPFault(Fault(FaultKind.FORBIDDEN, message))
