"""What users change of themselves: their details and their password, also one that they forgot."""

from __future__ import annotations

import hmac
import secrets
from functools import partial
from typing import Any

import msgspec

from orderhub.core.commands import PutRecords, RecordChange
from orderhub.core.facts import Accepted, Record
from orderhub.core.memberships import MAX_NAME, NAMES, User
from orderhub.core.queries import Reads
from orderhub.core.reach import CREDENTIALS, holds
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects import passwords
from orderhub.dialects.anqicms import wire, words
from orderhub.dialects.anqicms.access import (
    DAY_S,
    RENEWAL,
    Visitor,
    issue,
    login_required,
    login_site,
    look,
    not_anonymous,
    signed,
    verified,
)
from orderhub.dialects.anqicms.people import (
    FIELD_OF,
    LOGIN_KIND,
    MAX_TEXT,
    clash,
    guess,
    invalid_field,
    wrong_name,
)
from orderhub.dialects.auth import digest, set_cookie
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, CommandRejected, Fault, FaultKind

RESET = "reset"
_RESET_LIFE_S = 3_600
_SHOWN = ("real_name", "first_name", "last_name", "avatar_url", "introduce")


async def _own(call: Call, visitor: Visitor) -> tuple[Record, Record | None]:
    """The caller's user and what is kept of his password. Raises HTTPFault for who is no user."""
    if not visitor.user_id:
        raise login_required()

    def ask(reads: Reads) -> tuple[Record, Record | None]:
        user = reads.record(visitor.tenant_id, "user", "id", visitor.user_id)
        if user is None:
            raise login_required()
        return user, reads.record(visitor.tenant_id, LOGIN_KIND, "uid", user.uid)

    return await look(call, visitor, ask)


def _hash_of(login: Record | None) -> str:
    return "" if login is None else str(login.doc.get("hash", ""))


# --- details


async def change_detail(call: Call, visitor: Visitor) -> Answer:
    """The members that were sent, over those that stand. A name cannot be taken away, only changed."""
    not_anonymous(visitor)
    given = wire.read(wire.ChangeUser, call)
    record, _login = await _own(call, visitor)
    user: User = record.doc
    sent = {
        name: value.strip()
        for name in wire.ChangeUser.__struct_fields__
        if isinstance(value := getattr(given, name), str)
    }
    if {"first_name", "last_name"} & sent.keys():
        # Whichever of the two was sent: the other one stands.
        first, last = ({**user.data, **sent}.get(name, "") for name in ("first_name", "last_name"))
        if first:
            sent["real_name"] = f"{first} {last}".strip()
    for name, text in sent.items():
        if len(text) > (MAX_NAME if name in NAMES else MAX_TEXT):
            raise CommandRejected(Rejected(Reason.CONTACT_INVALID, name, "too long"))
    names = {name: sent[name] for name in NAMES if sent.get(name)}
    names = {name: text for name, text in names.items() if text != getattr(user, name)}
    taken = await call.hub.read(lambda reads: _taken(reads, record, names))
    wrong = wrong_name(taken, names.get("phone", ""), names.get("email", ""))
    if wrong:
        return words.turned_down(call, wrong, invalid_field(FIELD_OF[wrong], wrong))
    settings = await call.hub.settings(visitor.tenant_id)
    after = msgspec.structs.replace(
        user,
        **names,
        updated_at=settings.clock.at(call.received_at),
        data={**user.data, **{name: sent[name] for name in _SHOWN if name in sent}},
    )
    kept = tuple((by, value) for by, value in record.keys if by not in NAMES)
    command = PutRecords(
        origin=call.origin(visitor.caller, encode({"changed": sorted(sent)}).decode()),
        changes=(
            RecordChange(
                kind="user",
                id=user.id,
                if_version=record.version,
                doc=after,
                keys=(*kept, *after.names),
            ),
        ),
        unique=tuple(("user", by, value) for by, value in after.names),
        exists=(("user", "id", str(user.id)),),
    )
    sentence = words.say(call, "saved")
    return await call.respond(
        command, lambda _accepted: words.done(sentence), lambda rejected: _crossed(call, rejected)
    )


def _taken(reads: Reads, own: Record, names: dict[str, str]) -> tuple[str, ...]:
    """Which of the names are somebody else's."""
    found = (
        (by, reads.record(own.tenant_id, "user", by, name.lower())) for by, name in names.items()
    )
    return tuple(by for by, held in found if held is not None and held.id != own.id)


def _crossed(call: Call, rejected: Rejected) -> Answer:
    """Two changes of one user at once: one is to be sent again."""
    if rejected.reason is Reason.VERSION_CONFLICT:
        return words.failure(words.say(call, "busy"))
    return clash(call, rejected)


# --- passwords


async def change_password(call: Call, visitor: Visitor) -> Answer:
    """A new password by the old one. It ends all sessions; who calls goes on with the token of the answer."""
    not_anonymous(visitor)
    given = wire.read(wire.ChangePassword, call)
    password = passwords.read(given.password)
    if not passwords.is_usable(password):
        return words.turned_down(
            call, "new_password_short", invalid_field("password", "new_password_short")
        )
    user, login = await _own(call, visitor)
    hashed = _hash_of(login)
    # Who never had one has nothing to show.
    if hashed:
        refused = await guess(
            call,
            visitor.tenant_id,
            str(user.id),
            hashed,
            passwords.read(given.old_password),
            wrong="old_password_wrong",
        )
        if refused is not None:
            return refused
    after: User = msgspec.structs.replace(user.doc, sessions=user.doc.sessions + 1)
    site = await login_site(call, visitor)

    def answer(_accepted: Accepted) -> Answer:
        fresh = "" if call.is_dry_run or visitor.is_wide else issue(call, site, after)
        headers = ((RENEWAL, fresh), set_cookie(call, "token", fresh, DAY_S)) if fresh else ()
        return words.done(words.say(call, "password_changed"), headers)

    command = await _new_password(call, visitor, user, login, password)
    return await call.respond(
        command, answer, lambda rejected: _crossed(call, rejected), secret_answer=True
    )


async def _new_password(
    call: Call, visitor: Visitor, user: Record, login: Record | None, password: str
) -> PutRecords:
    """The hash under the user's uid, and the end of all his sessions."""
    doc = {"hash": await call.hub.blocking(passwords.hashed, password)}
    members: dict[str, Any] = {"sessions": user.doc.sessions + 1}
    return PutRecords(
        origin=call.origin(visitor.caller, encode({"user": user.id}).decode()),
        changes=(
            RecordChange(kind="user", id=user.id, if_version=user.version, members=members),
            RecordChange(
                kind=LOGIN_KIND, id=0 if login is None else login.id, uid=user.uid, doc=doc
            ),
        ),
        exists=(("user", "id", str(user.id)),),
    )


async def verify_email(call: Call, visitor: Visitor) -> Answer:
    """What a user who forgot his password shows for a new one, for the shop's server to mail: the hub mails none."""
    given = wire.read(wire.VerifyEmail, call)
    # Who can have it can log in as the user: the same scope as for setting a password.
    may = visitor.is_wide and holds(visitor.caller.credential, CREDENTIALS)
    if not may or given.state != RESET:
        cause = Fault(FaultKind.FORBIDDEN, "mails are the shop's, which asks with the hub's token")
        return words.turned_down(call, "no_mail", cause)
    email = given.email.strip().lower()
    site = await login_site(call, visitor)
    found = await call.hub.read(partial(_by_email, tenant_id=site.tenant_id, email=email))
    if found is None or found[0].doc.is_locked_out:
        raise CommandRejected(Rejected(Reason.RECORD_UNKNOWN, "email", "no user has this e-mail"))
    user, login = found
    code = secrets.token_hex(8)
    claims = {"reset": str(user.id), "code": digest(code), "of": digest(_hash_of(login))}
    token = signed(call, site, _RESET_LIFE_S, **claims)
    members = {"email": user.doc.email, "token": token, "code": code}
    return words.success(members, words.say(call, "verify_email"))


def _by_email(reads: Reads, tenant_id: int, email: str) -> tuple[Record, Record | None] | None:
    user = reads.record(tenant_id, "user", "email", email) if email else None
    if user is None:
        return None
    return user, reads.record(tenant_id, LOGIN_KIND, "uid", user.uid)


async def reset_password(call: Call, visitor: Visitor) -> Answer:
    """A new password by what was mailed. It is good once and for an hour, and nobody is told whose e-mail is known."""
    given = wire.read(wire.ResetPassword, call)
    password = passwords.read(given.password)
    if not passwords.is_usable(password):
        return words.turned_down(
            call, "new_password_short", invalid_field("password", "new_password_short")
        )
    email, sentence = given.email.strip().lower(), words.say(call, "password_reset")
    for site, claims, _left_s in await verified(call, given.token):
        if site.tenant_id != visitor.tenant_id:
            continue
        found = await call.hub.read(partial(_by_email, tenant_id=site.tenant_id, email=email))
        if found is not None and _opens(claims, found, given.code):
            command = await _new_password(call, visitor, *found, password)
            return await call.respond(
                command,
                lambda _accepted: words.done(sentence),
                lambda _rejected: words.failure(words.say(call, "token_invalid")),
            )
    cause = Fault(FaultKind.UNAUTHENTICATED, "no such token, it was used, or it has expired")
    return words.turned_down(call, "token_invalid", cause)


def _opens(claims: dict[str, Any], found: tuple[Record, Record | None], code: str) -> bool:
    """Whether the token was made for this user, his present password and this code."""
    user, login = found
    shown = (str(claims.get("reset")), str(claims.get("code")), str(claims.get("of")))
    wanted = (str(user.id), digest(code), digest(_hash_of(login)))
    fits = [hmac.compare_digest(a.encode(), b.encode()) for a, b in zip(shown, wanted, strict=True)]
    return all(fits) and not user.doc.is_locked_out
