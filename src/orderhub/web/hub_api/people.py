"""/hub/v1/tenants/{tenant}/catalogue/users/{id}/…: what an operator does for a user of a shop who cannot."""

from __future__ import annotations

from typing import Annotated

import msgspec

from orderhub.core.access import Tenant
from orderhub.core.commands import PutRecords, RecordChange
from orderhub.core.facts import Accepted, Record
from orderhub.core.memberships import User
from orderhub.core.queries import Reads
from orderhub.core.reach import DIALECTS
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects import passwords
from orderhub.dialects.contract import Answer, Call, Caller, CommandRejected, Route
from orderhub.web.hub_api.access import guarded, holds, lacking, origin_in, tenant_in_path
from orderhub.web.hub_api.bodies import ITEM_ID, Body, ItemId, body_of, refuse
from orderhub.web.hub_api.inner import port

_USER = "/hub/v1/tenants/{tenant}/catalogue/users/{id}"


class OneUser(msgspec.Struct, frozen=True, kw_only=True):
    id: ItemId


class NewPassword(Body, frozen=True, kw_only=True):
    """What the user logs in with from now on; blanks around it are no part of it."""

    password: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=passwords.MAX_LENGTH,
            extra_json_schema={"pattern": passwords.PATTERN},
        ),
    ]


@guarded("credentials")
async def set_password(call: Call, who: Caller) -> Answer:
    """A user's new password. Whoever was logged in with the old one is logged out.

    It opens a vendor's door, so the token must hold `dialects` too.
    """
    tenant = await _tenant(call, who)
    password = passwords.read(body_of(call, NewPassword).password)
    if not passwords.is_usable(password):
        raise refuse("password", f"password has {passwords.MIN_BYTES} characters or more")
    kinds = [each.login_kind for each in port(call).dialects if each.login_kind]

    def look(reads: Reads) -> tuple[Record, list[RecordChange]]:
        user = _user(reads, tenant.id, call.params["id"])
        return user, [_login(reads, kind, user) for kind in kinds]

    user, logins = await call.hub.read(look)
    doc = {"hash": await call.hub.blocking(passwords.hashed, password)}
    return await _write(
        call, who, user, *(msgspec.structs.replace(login, doc=doc) for login in logins)
    )


@guarded("credentials")
async def end_sessions(call: Call, who: Caller) -> Answer:
    """Every token of the user is worth nothing from now on: they log in anew. Asks for `dialects` too."""
    tenant = await _tenant(call, who)
    user = await call.hub.read(lambda reads: _user(reads, tenant.id, call.params["id"]))
    return await _write(call, who, user)


async def _tenant(call: Call, who: Caller) -> Tenant:
    """A user's login is a credential of a vendor's door: no token gives or ends what it has not itself."""
    tenant = await tenant_in_path(call, who)
    if not holds(who.credential, DIALECTS):
        raise lacking(DIALECTS)
    return tenant


def _user(reads: Reads, tenant_id: int, text: str) -> Record:
    usable = ITEM_ID.fullmatch(text)
    found = reads.record(tenant_id, "user", "id", int(text)) if usable else None
    if found is None:
        raise CommandRejected(Rejected(Reason.RECORD_UNKNOWN, "id", f"no item {text} of users"))
    return found


def _login(reads: Reads, kind: str, user: Record) -> RecordChange:
    found = reads.record(user.tenant_id, kind, "uid", user.uid)
    return RecordChange(kind=kind, id=0 if found is None else found.id, uid=user.uid)


async def _write(call: Call, who: Caller, user: Record, *logins: RecordChange) -> Answer:
    known: User = user.doc
    command = PutRecords(
        origin=origin_in(call, who, user.tenant_id),
        changes=(
            RecordChange(
                kind="user",
                id=user.id,
                if_version=user.version,
                members={"sessions": known.sessions + 1},
            ),
            *logins,
        ),
        exists=(("user", "id", str(user.id)),),
    )

    def answer(_accepted: Accepted) -> Answer:
        return Answer(204, b"")

    return await call.respond(command, answer)


ROUTES = (
    Route(
        "PUT",
        f"{_USER}/password",
        set_password,
        "Set a shop user's password",
        params=OneUser,
        request=NewPassword,
        answers={204: None},
        mutates=True,
    ),
    Route(
        "DELETE",
        f"{_USER}/sessions",
        end_sessions,
        "End all sessions of a shop user",
        params=OneUser,
        answers={204: None},
        mutates=True,
    ),
)
