"""People: who works at the desk, in which role, and how far that reaches.

A role is a name for scopes that tokens have too, so that one rule says who may do what, whether by the API or a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from orderhub.core.access import Credential
from orderhub.core.reach import CREDENTIALS, OPERATOR, holds

PEOPLE = "people"  # inviting, and giving and taking roles
PERSON_KIND = "user"
# Whoever may do this gives access to others, and says who they are once more before.
ASKED_AGAIN = frozenset({CREDENTIALS, PEOPLE})


class Role(StrEnum):
    """What somebody does for a tenant; each holds what the ones before it do."""

    VIEWER = "viewer"
    STAFF = "staff"
    MANAGER = "manager"
    OWNER = "owner"
    OPERATOR = "operator"  # of the hub itself: every tenant


_VIEWER = ("orders:read",)
_STAFF = (*_VIEWER, "orders:write")
_MANAGER = (
    *_STAFF,
    "pools",
    "catalogue",
    "clock",
    "faults",
    "requests",
    "webhooks",
    "relay",
    "dialects",
    CREDENTIALS,
)
_OWNER = (*_MANAGER, "settings", PEOPLE)
SCOPES_OF: Mapping[Role, tuple[str, ...]] = {
    Role.VIEWER: _VIEWER,
    Role.STAFF: _STAFF,
    Role.MANAGER: _MANAGER,
    Role.OWNER: _OWNER,
    Role.OPERATOR: (OPERATOR,),
}


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who signs in. Instants are microseconds since 1970 UTC of wall time; 0 = never.

    email     in lower case: what they sign in by
    password  argon2id; empty = they were invited and have chosen none yet
    totp      the secret of their second factor, encrypted; empty = they have none
    totp_used the step of the newest code they used, so that no code opens twice
    roles     (tenant id, role); tenant 0 = operator of the hub
    """

    uid: str
    email: str
    name: str = ""
    password: str = ""
    totp: str = ""
    totp_used: int = 0
    language: str = ""
    enabled: bool = True
    created_at: int = 0
    signed_in_at: int = 0
    roles: tuple[tuple[int, Role], ...] = ()

    def role_in(self, tenant_id: int) -> Role | None:
        """An operator is one everywhere."""
        found = dict(self.roles)
        return found.get(0) or found.get(tenant_id)

    @property
    def is_operator(self) -> bool:
        return dict(self.roles).get(0) is Role.OPERATOR


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody signed in at one browser. It ends by itself when it was idle for too long.

    id          digest of what the browser shows
    looks_at    the tenant whose orders it shows; 0 = none was chosen
    is_waiting  the password was right, and the code of the second factor is still to come
    proven_at   when the password was last given
    browser     what the browser says it is
    """

    id: str
    person: str
    looks_at: int = 0
    is_waiting: bool = False
    created_at: int = 0
    seen_at: int = 0
    proven_at: int = 0
    address: str = ""
    browser: str = ""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation, or a way back in: whoever has it chooses the password of one person, once.

    id   digest of the link's secret part
    """

    id: str
    person: str
    ends_at: int


def actor_of(uid: str) -> str:
    """How events and moves name a person."""
    return f"{PERSON_KIND}:{uid}"


def person_of(actor: str) -> str:
    """The uid of the person whom an event names, or empty."""
    kind, _, uid = actor.partition(":")
    return uid if kind == PERSON_KIND else ""


def acting(person: Person, tenant_id: int) -> Credential | None:
    """The person as the credential that every rule of access asks; None where they have no role."""
    role = person.role_in(tenant_id)
    if role is None or not person.enabled:
        return None
    return Credential(
        id=actor_of(person.uid),
        kind=PERSON_KIND,
        name=person.email,
        label=person.name or person.email,
        tenant_id=0 if role is Role.OPERATOR else tenant_id,
        scopes=SCOPES_OF[role],
    )


def may_give(actor: Credential, role: Role, tenant_id: int) -> bool:
    """Whether the actor could do themselves whatever the role allows in the tenant; 0 = the whole hub."""
    if actor.tenant_id and actor.tenant_id != tenant_id:
        return False
    if not holds(actor, PEOPLE):
        return False
    return all(holds(actor, scope) for scope in SCOPES_OF[role])


def may_govern(actor: Credential, roles: Iterable[tuple[int, Role]]) -> bool:
    """Whether the actor may reset or disable whoever has these roles: only who reaches every one of them.

    Else an owner of one tenant could take over what somebody may do in another.
    """
    return all(may_give(actor, role, tenant_id) for tenant_id, role in roles)
