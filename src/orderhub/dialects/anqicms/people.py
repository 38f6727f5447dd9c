"""Shop users: register, log in, and what the vendor shows of them."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import Any, NamedTuple
from uuid import uuid4
from weakref import WeakValueDictionary

from orderhub.core.basket_prices import Rate
from orderhub.core.commands import PutRecords, RecordChange
from orderhub.core.facts import Accepted
from orderhub.core.memberships import EMAIL, MAX_NAME, MOBILE, User, balance_subject
from orderhub.core.queries import Reads
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects import passwords
from orderhub.dialects.anqicms import wire, words
from orderhub.dialects.anqicms.access import (
    DAY_S,
    LOGIN_LIFE_S,
    Visitor,
    issue,
    login_required,
    login_site,
    look,
    not_anonymous,
)
from orderhub.dialects.anqicms.goods import docs_by_id, groups_by_id, rate_for, rate_of
from orderhub.dialects.anqicms.mapping import fen, fen_of_micros, seconds
from orderhub.dialects.auth import digest, set_cookie
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, CommandRejected, Fault, FaultKind, WireFault

LOGIN_KIND = "anqicms.login"
_DEFAULT_GROUP = 1
# Where the original asks somebody else who calls, whatever name and password are sent with it.
_ELSEWHERE = frozenset({"weapp", "wechat", "google", "tt", "swan", "alipay", "qq"})
MAX_TEXT = 250
# Wrong passwords in a minute: at one account from wherever, and from one address at whatever accounts. A shop
# whose own server logs its users in is one address for all of them, unless it is a trusted proxy.
_GUESSES = 10
_GUESSES_FROM_ONE = 100
_GUESS_WINDOW_S = 60
_PHONE = re.compile(MOBILE)
_EMAIL = re.compile(EMAIL)

# Guesses at one account wait for each other, and from one address there are as many at once as there are threads to
# work out hashes: whoever is right waits a little rather than being taken for one guess too many.
_turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()


# --- what is shown


def user_object(
    user: User, group: dict[str, Any] | None, balance_micros: int = 0, token: str = ""
) -> dict[str, Any]:
    """The vendor's user object, with his group as it is shown. `token` is empty except after login and registration."""
    data = user.data
    return {
        "id": user.id,
        "created_time": seconds(user.created_at),
        "updated_time": seconds(user.updated_at),
        "parent_id": user.inviter_id,
        "user_name": user.user_name,
        "url_token": data.get("url_token", ""),
        "real_name": data.get("real_name", ""),
        "first_name": data.get("first_name", ""),
        "last_name": data.get("last_name", ""),
        "birthday": data.get("birthday", 0),
        "avatar_url": data.get("avatar_url", ""),
        "introduce": data.get("introduce", ""),
        "email": user.email,
        "email_verified": data.get("email_verified", False),
        "phone": user.phone,
        "group_id": user.group_id,
        "google_id": "",
        "reset_password": False,
        "status": user.status,
        "is_retailer": int(user.is_distributor),
        "balance": fen_of_micros(balance_micros),
        "total_reward": fen(user.total_reward),
        "invite_code": data.get("invite_code", ""),
        "last_login": data.get("last_login", 0),
        "expire_time": seconds(user.expires_at),
        "extra": data.get("extra"),
        "token": token,
        "group": group,
        "full_avatar_url": data.get("avatar_url", ""),
        "link": data.get("link", ""),
    }


def users_by_id(reads: Reads, tenant_id: int, ids: Iterable[int], rate: Rate) -> dict[int, Any]:
    """Users as they are shown to who pays by this rate."""
    users: dict[int, User] = docs_by_id(reads, tenant_id, "user", ids)
    groups = groups_by_id(reads, tenant_id, {u.group_id for u in users.values()}, rate)
    balances = _balances(reads, tenant_id, users)
    return {
        number: user_object(user, groups.get(user.group_id), balances.get(number, 0))
        for number, user in users.items()
    }


def _balances(reads: Reads, tenant_id: int, ids: Iterable[int]) -> dict[int, int]:
    subjects = {balance_subject(number): number for number in ids}
    if not subjects:
        return {}
    pools = reads.pools(tenant_id, "balance", tuple(subjects))
    return {subjects[pool.key.subject]: pool.available for pool in pools}


async def user_detail(call: Call, visitor: Visitor) -> Answer:
    """The caller himself, whatever `userId` says; `msg` is null, as the vendor sends it."""
    not_anonymous(visitor)

    def ask(reads: Reads) -> dict[str, Any]:
        rate = rate_for(reads, visitor, call.received_at)
        found = users_by_id(reads, visitor.tenant_id, (visitor.user_id,), rate)
        if visitor.user_id not in found:
            raise login_required()
        shown: dict[str, Any] = found[visitor.user_id]
        return shown

    return words.success(await look(call, visitor, ask), None)


async def captcha(_call: Call, _visitor: Visitor) -> Answer:
    """Captchas are off."""
    return words.success({"captcha_off": True})


# --- logging in


async def login(call: Call, visitor: Visitor) -> Answer:
    """A token for 30 days. Unknown users and wrong passwords are told alike, in the same time."""
    given = wire.read(wire.Login, call)
    if given.platform in _ELSEWHERE:
        cause = Fault(FaultKind.UNAUTHENTICATED, f"nobody logs in through {given.platform} here")
        return words.turned_down(call, "login_failed", cause)
    name = given.phone.strip() or given.email.strip() or given.user_name.strip()
    password = passwords.read(given.password)
    if not name:
        return words.turned_down(
            call, "account_missing", invalid_field("user_name", "account_missing")
        )
    if len(password.encode()) < passwords.MIN_BYTES:
        return words.turned_down(
            call, "password_short", invalid_field("password", "password_short")
        )
    site = await login_site(call, visitor)
    found = await call.hub.read(lambda reads: _account(reads, site.tenant_id, name))
    user, hashed = found if found is not None else (None, "")
    # By the account, however it was called: name, e-mail and phone are guesses at one password.
    account = digest("|".join(_login_name(name))) if user is None else str(user.id)
    may = user is not None and not user.is_locked_out
    refused = await guess(call, site.tenant_id, account, hashed if may else "", password)
    if refused is not None:
        return refused
    assert user is not None
    token = issue(call, site, user)
    tenant_id, inviter_id = site.tenant_id, user.inviter_id

    def ask(reads: Reads) -> dict[int, Any]:
        rate = rate_of(reads, tenant_id, inviter_id, call.received_at)
        return users_by_id(reads, tenant_id, (user.id,), rate)

    shown = await call.hub.read(ask)
    life_s = LOGIN_LIFE_S if given.remember else DAY_S
    cookie = set_cookie(call, "token", token, life_s)
    return words.success({**shown[user.id], "token": token}, headers=(cookie,))


class _Window(NamedTuple):
    """What wrong passwords count towards: how many there may be, and how many guesses at once."""

    name: str
    most: int
    at_once: int


async def guess(
    call: Call,
    tenant_id: int,
    account: str,
    hashed: str,
    password: str,
    *,
    wrong: str = "login_failed",
) -> Answer | None:
    """None when the password is the one that was hashed; refused unheard when too many were wrong of late.

    `hashed` is empty for an account that nobody can log in to: that takes the same time. `wrong` is what a wrong
    one is told.
    """
    tried = f"{LOGIN_KIND}:{tenant_id}"
    windows = (
        _Window(f"{tried}:account:{account}", _GUESSES, 1),
        _Window(f"{tried}:address:{call.client}", _GUESSES_FROM_ONE, 2),
    )
    hub = call.hub
    async with AsyncExitStack() as turns:
        # Always in this order, so that no two guesses wait for each other.
        for window in windows:
            turn = asyncio.Semaphore(window.at_once)
            turn = _turns.setdefault(f"{id(hub)}:{window.name}", turn)
            await turns.enter_async_context(turn)
        wait_s = await hub.guess({each.name: each.most for each in windows}, _GUESS_WINDOW_S)
        if wait_s:
            retry = (("Retry-After", str(math.ceil(wait_s))),)
            cause = Fault(FaultKind.RATE_LIMITED, "too many wrong passwords")
            return words.turned_down(call, "login_blocked", cause, headers=retry)
        fits = await hub.blocking(passwords.fits, hashed or passwords.NOBODYS_HASH, password)
        if hashed and fits:
            await hub.forgive([each.name for each in windows])
            return None
        cause = Fault(FaultKind.UNAUTHENTICATED, "unknown user or wrong password")
        return words.turned_down(call, wrong, cause)


def _account(reads: Reads, tenant_id: int, name: str) -> tuple[User, str] | None:
    """The user of this name, and the hash of his password; empty when he has none."""
    record = reads.record(tenant_id, "user", *_login_name(name))
    if record is None:
        # A user name may look like an e-mail or hold a phone number.
        record = reads.record(tenant_id, "user", "user_name", name.lower())
    if record is None:
        return None
    stored = reads.record(tenant_id, LOGIN_KIND, "uid", record.uid)
    return record.doc, "" if stored is None else str(stored.doc.get("hash", ""))


def _login_name(name: str) -> tuple[str, str]:
    """What looks like an e-mail is one; what contains a mobile number is one; else a user name."""
    if _EMAIL.fullmatch(name):
        return "email", name.lower()
    phone = _PHONE.search(name)
    if phone is not None:
        return "phone", phone.group()
    return "user_name", name.lower()


# --- registering


async def register(call: Call, visitor: Visitor) -> Answer:
    """A new user of the site's default group, logged in at once."""
    given = wire.read(wire.Register, call)
    site = await login_site(call, visitor)
    name, email, phone = given.user_name.strip(), given.email.strip(), given.phone.strip()
    password = passwords.read(given.password)
    inviter = call.cookies.get("invite", "")
    invited_by = int(inviter) if inviter.isdecimal() and len(inviter) <= 18 else given.invite_id
    if not name or not password or len(name) > MAX_NAME:
        field = "password" if name and len(name) <= MAX_NAME else "user_name"
        cause = invalid_field(field, "register_incomplete")
        return words.turned_down(call, "register_incomplete", cause)
    if not passwords.is_usable(password):
        cause = invalid_field("password", "register_password_short")
        return words.turned_down(call, "register_password_short", cause)
    names = User(id=0, user_name=name, email=email, phone=phone).names
    taken, inviter_id, group = await call.hub.read(
        lambda reads: _standing(reads, site.tenant_id, names, invited_by, call.received_at)
    )
    wrong = wrong_name(taken, phone, email) or ("" if phone or email else "contact_missing")
    if wrong:
        return words.turned_down(call, wrong, invalid_field(FIELD_OF[wrong], wrong))
    for column, text in (("real_name", given.real_name), ("avatar_url", given.avatar_url)):
        if len(text) > MAX_TEXT:
            raise CommandRejected(Rejected(Reason.CONTACT_INVALID, column, "too long"))
    hashed = await call.hub.blocking(passwords.hashed, password)
    settings = await call.hub.settings(site.tenant_id)
    now = settings.clock.at(call.received_at)
    user = User(
        id=0,
        user_name=name,
        email=email,
        phone=phone,
        group_id=_DEFAULT_GROUP,
        inviter_id=inviter_id,
        created_at=now,
        updated_at=now,
        data={"real_name": given.real_name, "avatar_url": given.avatar_url},
    )

    def answer(accepted: Accepted) -> Answer:
        made: User = accepted.records[0].doc
        # After a dry run the number is free for somebody else, whom no token may let one be.
        token = "" if call.is_dry_run else issue(call, site, made)
        members = user_object(made, group, 0, token)
        cookies = (set_cookie(call, "token", token, DAY_S),) if token else ()
        return words.success(members, headers=cookies)

    command = _put_user(call, visitor, user, hashed)
    # The names were looked at before; another registration may have come between.
    return await call.respond(
        command, answer, lambda rejected: clash(call, rejected), secret_answer=True
    )


def _standing(
    reads: Reads, tenant_id: int, names: tuple[tuple[str, str], ...], invited_by: int, wall_us: int
) -> tuple[tuple[str, ...], int, dict[str, Any] | None]:
    """Which of the names are taken, the inviter when there is one, and the default group as it is shown."""
    taken = tuple(
        by for by, value in names if reads.record(tenant_id, "user", by, value) is not None
    )
    inviter = reads.record(tenant_id, "user", "id", invited_by) if invited_by else None
    inviter_id = 0 if inviter is None else inviter.id
    rate = rate_of(reads, tenant_id, inviter_id, wall_us)
    groups = groups_by_id(reads, tenant_id, (_DEFAULT_GROUP,), rate)
    return taken, inviter_id, groups.get(_DEFAULT_GROUP)


def wrong_name(taken: tuple[str, ...], phone: str, email: str) -> str:
    """What is wrong with the names, in the vendor's order; empty = nothing."""
    if "user_name" in taken:
        return "user_name_taken"
    if phone:
        if not _PHONE.fullmatch(phone):
            return "phone_wrong"
        if "phone" in taken:
            return "phone_taken"
    if email:
        if len(email) > MAX_NAME or not _EMAIL.fullmatch(email):
            return "email_wrong"
        if "email" in taken:
            return "email_taken"
    return ""


FIELD_OF = {
    "user_name_taken": "user_name",
    "phone_wrong": "phone",
    "phone_taken": "phone",
    "email_wrong": "email",
    "email_taken": "email",
    "contact_missing": "email",
}


def invalid_field(field: str, key: str) -> Fault:
    """What is wrong with a field of the form, as the vendor's English says it."""
    return Fault(FaultKind.INVALID, faults=(WireFault(field, "value", words.TEXTS[key][1]),))


def _put_user(call: Call, visitor: Visitor, user: User, hashed: str) -> PutRecords:
    """The user and his password's hash, under one uid."""
    uid = str(uuid4())
    return PutRecords(
        origin=call.origin(visitor.caller, encode({"user_name": user.user_name}).decode()),
        changes=(
            RecordChange(kind="user", uid=uid, doc=user, keys=user.names),
            RecordChange(kind=LOGIN_KIND, uid=uid, doc={"hash": hashed}),
        ),
        unique=tuple(("user", by, value) for by, value in user.names),
    )


def clash(call: Call, rejected: Rejected) -> Answer:
    taken = f"{rejected.field}_taken"
    if rejected.reason is Reason.ALREADY_EXISTS and taken in words.TEXTS:
        return words.failure(words.say(call, taken))
    return words.refusal(call, rejected)
