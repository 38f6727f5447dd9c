"""/hub/v1/tenants/{tenant}/users: who works at the desk for a tenant, and in which role.

The tenant `operator` stands for the hub itself: its users are the operators.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec

from orderhub.core.access import Tenant
from orderhub.core.people import PEOPLE, Person, Role
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Caller, Route
from orderhub.ledger.people import People
from orderhub.web import people
from orderhub.web.hub_api.access import (
    OPERATOR,
    guarded,
    is_operator,
    tenant_of,
    unknown_tenant,
)
from orderhub.web.hub_api.bodies import Body, Name, Query, body_of, query_of, up_to
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.lists import exports, listed
from orderhub.web.hub_api.shaping import Instant, Page, Shape
from orderhub.web.hub_api.tables import columns_of

MAX_PAGE = 200


class ListUsers(Query, frozen=True, kw_only=True):
    limit: Annotated[int, up_to(MAX_PAGE)] = 50
    cursor: Annotated[str, msgspec.Meta(description="`next_cursor` of the page before")] = ""


class NewUser(Body, frozen=True, kw_only=True):
    """Whoever has the e-mail gets the role; where nobody has, they are invited."""

    email: Annotated[str, msgspec.Meta(min_length=3, max_length=people.LONGEST_EMAIL)]
    role: Role
    name: Name = ""


class RoleChange(Body, frozen=True, kw_only=True):
    """`role` null = none any more."""

    role: Role | None


class Switch(Body, frozen=True, kw_only=True):
    enabled: bool


class User(Shape, frozen=True, kw_only=True):
    """Somebody who works at the desk, with their role in this tenant. `uid` is in the `actor` of what they do."""

    uid: str
    email: str
    name: str | None
    role: Role | None
    enabled: bool
    has_password: bool
    has_second_factor: bool
    created_at: Instant | None
    signed_in_at: Instant | None


class UserLinked(User, frozen=True, kw_only=True):
    link: Annotated[
        str | None,
        msgspec.Meta(
            description="Where they choose a password, once: in this answer and in no other; "
            "null where they have one."
        ),
    ]


def user_shape(person: Person, tenant_id: int) -> User:
    return User.of(person, **_own(person, tenant_id))


def _own(person: Person, tenant_id: int) -> dict[str, object]:
    return {
        "role": dict(person.roles).get(tenant_id),
        "has_password": bool(person.password),
        "has_second_factor": bool(person.totp),
    }


def _linked(call: Call, tenant: Tenant, linked: people.Linked) -> UserLinked:
    is_shown = linked.link and not call.is_dry_run
    link = f"{call.base_url}{people.link_path(linked.link)}" if is_shown else None
    return UserLinked.of(linked.person, link=link, **_own(linked.person, tenant.id))


async def _tenant(call: Call, who: Caller) -> Tenant:
    name = call.params["tenant"]
    if name != OPERATOR:
        return await tenant_of(call, who, name)
    if not is_operator(who.credential):
        raise unknown_tenant(name)
    return Tenant(0, OPERATOR)


@guarded(PEOPLE)
async def list_users(call: Call, who: Caller) -> Answer:
    """By e-mail."""
    tenant = await _tenant(call, who)
    given = query_of(call, ListUsers)

    async def ask(cursor: str, limit: int) -> Page[User]:
        found = await call.hub.read(
            lambda reads: reads.people.of_tenant(tenant.id, cursor, limit + 1)
        )
        shown = found[:limit]
        more = shown[-1].email if len(found) > limit else None
        return Page(items=tuple(user_shape(each, tenant.id) for each in shown), next_cursor=more)

    columns = columns_of(User)
    return await listed(call, "users", ask, columns, cursor=given.cursor, limit=given.limit)


@guarded(PEOPLE)
async def add_user(call: Call, who: Caller) -> Answer:
    """A role for somebody. Who is new, or has no password yet, begins by the link in this answer."""
    tenant = await _tenant(call, who)
    given = body_of(call, NewUser)
    email = people.email_of(given.email)

    def work(at: People) -> Answer:
        linked = people.invite(
            at, who.credential, tenant, email, given.name, given.role, call.received_at
        )
        return Answer(201, encode(_linked(call, tenant, linked)))

    return await _write(call, tenant, work)


@guarded(PEOPLE)
async def change_role(call: Call, who: Caller) -> Answer:
    """Another role in this tenant, or none."""
    tenant = await _tenant(call, who)
    role = body_of(call, RoleChange).role

    def work(at: People) -> Answer:
        changed = people.change_role(at, who.credential, tenant, call.params["id"], role)
        return Answer(200, encode(user_shape(changed, tenant.id)))

    return await _write(call, tenant, work)


@guarded(PEOPLE)
async def reset_user(call: Call, who: Caller) -> Answer:
    """Their password and second factor are void, their sessions ended; the link lets them choose anew."""
    tenant = await _tenant(call, who)

    def work(at: People) -> Answer:
        linked = people.reset(at, who.credential, tenant, call.params["id"], call.received_at)
        return Answer(200, encode(_linked(call, tenant, linked)))

    return await _write(call, tenant, work)


@guarded(PEOPLE)
async def switch_user(call: Call, who: Caller) -> Answer:
    """Whether they may sign in. Who may not is signed out at once; their roles stay for when they may again."""
    tenant = await _tenant(call, who)
    enabled = body_of(call, Switch).enabled

    def work(at: People) -> Answer:
        changed = people.set_enabled(at, who.credential, tenant, call.params["id"], enabled=enabled)
        return Answer(200, encode(user_shape(changed, tenant.id)))

    return await _write(call, tenant, work)


async def _write(call: Call, tenant: Tenant, work: Callable[[People], Answer]) -> Answer:
    return await port(call).write_directory(
        call, tenant.id, lambda directory: work(directory.people), secret_answer=True
    )


_USERS = "/hub/v1/tenants/{tenant}/users"

ROUTES = (
    Route(
        "GET",
        _USERS,
        list_users,
        "Who works there",
        query=ListUsers,
        answers={200: (Page[User], *exports(User))},
    ),
    Route(
        "POST",
        _USERS,
        add_user,
        "Invite somebody, or give them a role",
        request=NewUser,
        answers={201: UserLinked},
        mutates=True,
        idempotency_key=False,
    ),
    Route(
        "PUT",
        f"{_USERS}/{{id}}/role",
        change_role,
        "Change or take a role",
        request=RoleChange,
        answers={200: User},
        mutates=True,
        idempotency_key=False,
    ),
    Route(
        "POST",
        f"{_USERS}/{{id}}/reset",
        reset_user,
        "Void a password and a second factor",
        answers={200: UserLinked},
        mutates=True,
        idempotency_key=False,
    ),
    Route(
        "PUT",
        f"{_USERS}/{{id}}/enabled",
        switch_user,
        "Let somebody sign in or not",
        request=Switch,
        answers={200: User},
        mutates=True,
        idempotency_key=False,
    ),
)
