"""Signing in and out: the password, the code of a second factor, the password once more, and the link one begins by."""

from __future__ import annotations

import math
from typing import Annotated

import msgspec
import pyotp

from orderhub.core.people import Person
from orderhub.core.queries import Reads
from orderhub.core.values import MICROSECONDS
from orderhub.dialects import passwords
from orderhub.dialects.auth import digest
from orderhub.dialects.contract import Answer, Call, Fault, FaultKind, HTTPFault
from orderhub.ledger.people import People
from orderhub.web.desk import sessions
from orderhub.web.desk.forms import Form, FormRefused
from orderhub.web.desk.language import N_
from orderhub.web.desk.page import (
    AGAIN,
    CODE,
    HOME,
    LOGIN,
    NO_FORM,
    SIGNED_IN,
    Visitor,
    form,
    go,
    next_path,
    open_form,
    open_page,
    page,
    show,
    show_open,
    visitor_of,
    with_next,
)
from orderhub.web.hub_api.inner import port

LEAST_LETTERS = 10
# Guesses in a quarter of an hour, of one account and from one address.
_OF_ACCOUNT, _FROM_ADDRESS, _WINDOW_S = 20, 60, 900
_STEP_S = 30
_WRONG = N_("The e-mail or the password is not right.")
_WRONG_CODE = N_("The code is not right, or it was used already.")
_WRONG_PASSWORD = N_("The password is not right.")

Text = Annotated[str, msgspec.Meta(max_length=1_000)]


class _Login(msgspec.Struct, frozen=True):
    email: Text
    password: Text


class _Code(msgspec.Struct, frozen=True):
    code: Text


class _Password(msgspec.Struct, frozen=True):
    password: Text


class _Welcome(msgspec.Struct, frozen=True):
    link: Text
    password: Text


class Next(msgspec.Struct, frozen=True):
    """Where it goes on, and for whom as far as that is known."""

    path: str
    email: str = ""


class Invited(msgspec.Struct, frozen=True):
    """Whose link was opened; nobody's = it has ended."""

    email: str
    link: str


# --- the password


async def login_page(call: Call, sent: Form) -> Answer:
    return show_open(call, "login.html", _next(call, sent), sent)


def _next(call: Call, sent: Form, email: str = "") -> Next:
    asked = sent.first("next") or call.query.get("next", "")
    return Next(next_path(asked) if asked else "", email)


async def login(call: Call, sent: Form) -> Answer:
    """Whether it was the e-mail or the password that is wrong is not said, nor told by the time it takes."""
    given = sent.read(_Login)
    email = given.email.lower()
    person = await call.hub.read(lambda reads: reads.people.by_email(email))
    if not await is_password(call, person, email, given.password):
        raise FormRefused({"": _WRONG})
    assert person is not None
    cookie = await sessions.signed_in(call, person, is_waiting=bool(person.totp))
    asked = next_path(sent.first("next"))
    following = asked if asked != HOME else ""
    return go(call, with_next(CODE, following) if person.totp else asked, cookie)


async def is_password(call: Call, person: Person | None, email: str, password: str) -> bool:
    """Whether this is the person's password. Raises HTTPFault(RATE_LIMITED) for a guess too many."""
    names = await guesses(call, email)
    known = person is not None and person.enabled and bool(person.password)
    stored = person.password if person is not None and known else passwords.NOBODYS_HASH
    fits = await call.hub.blocking(passwords.fits, stored, passwords.read(password))
    if fits and known:
        await call.hub.forgive(names)
    return fits and known


async def guesses(call: Call, account: str) -> tuple[str, ...]:
    """Count a guess before it is looked at, so that many at once are not more. Raises HTTPFault(RATE_LIMITED)."""
    limits = {
        f"address:{call.client}": _FROM_ADDRESS,
        f"account:{digest(account)}": _OF_ACCOUNT,
    }
    wait_s = await call.hub.guess(limits, _WINDOW_S)
    if wait_s:
        raise HTTPFault(Fault(FaultKind.RATE_LIMITED, retry_after_s=math.ceil(wait_s)))
    return tuple(limits)


# --- the second factor


async def _waiting(call: Call) -> Person | None:
    """Who has given their password at this browser, and not yet the code."""
    visitor = await visitor_of(call)
    return visitor.person if visitor is not None and visitor.session.is_waiting else None


async def code_page(call: Call, sent: Form) -> Answer:
    if await _waiting(call) is None:
        return go(call, LOGIN)
    return show_open(call, "code.html", _next(call, sent), sent)


async def code(call: Call, sent: Form) -> Answer:
    """A code opens once, and guesses are counted as those of the password are."""
    person, now = await _waiting(call), call.hub.now_us()
    if person is None:
        return go(call, LOGIN)
    uid = person.uid
    given = sent.read(_Code)
    names = await guesses(call, f"code:{uid}")
    secret = port(call).cipher.decrypt(person.totp)
    step = step_of(secret, given.code, now)
    if not step or not await sessions.change(call, lambda at: at.use_code(uid, step)):
        raise FormRefused({"code": _WRONG_CODE})
    await call.hub.forgive(names)
    return go(call, next_path(sent.first("next")), await sessions.signed_in(call, person))


def step_of(secret: str, code: str, now_us: int) -> int:
    """The step whose code this is, of now and its two neighbours; 0 = none."""
    totp = pyotp.TOTP(secret, interval=_STEP_S)
    digits = code.replace(" ", "")
    at = now_us // MICROSECONDS // _STEP_S
    for step in (at, at - 1, at + 1):
        if digits.isascii() and pyotp.utils.strings_equal(digits, totp.generate_otp(step)):
            return step
    return 0


# --- the password once more


async def again_page(call: Call, visitor: Visitor, sent: Form) -> Answer:
    return show(call, visitor, "again.html", _next(call, sent, visitor.person.email), sent)


async def again(call: Call, visitor: Visitor, sent: Form) -> Answer:
    given, person = sent.read(_Password), visitor.person
    if not await is_password(call, person, person.email, given.password):
        raise FormRefused({"password": _WRONG_PASSWORD})
    now, session = call.hub.now_us(), visitor.session
    await sessions.change(call, lambda people: people.change_session(session.id, proven_at=now))
    return go(call, next_path(sent.first("next")))


# --- out


async def logout(call: Call, visitor: Visitor, _sent: Form) -> Answer:
    await sessions.change(call, lambda people: people.end_session(visitor.session.id))
    return go(call, LOGIN, sessions.signed_out(call))


# --- whose orders


async def look_at(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """Another tenant from now on, in this session."""
    name = sent.first("tenant")
    tenant = await call.hub.read(lambda reads: reads.tenant(name))
    if tenant is None or visitor.person.role_in(tenant.id) is None:
        raise HTTPFault(Fault(FaultKind.NOT_FOUND))
    await sessions.change(
        call, lambda people: people.change_session(visitor.session.id, looks_at=tenant.id)
    )
    return go(call, HOME)


# --- the link one begins by


async def welcome_page(call: Call, sent: Form) -> Answer:
    link = sent.first("link") or call.query.get("link", "")
    person = await _linked(call, link)
    if person is None:
        return show_open(call, "welcome.html", Invited("", ""), sent, status=404)
    return show_open(call, "welcome.html", Invited(person.email, link), sent)


async def welcome(call: Call, sent: Form) -> Answer:
    """The password is chosen, the link is used up, and its bearer is signed in."""
    given = sent.read(_Welcome)
    person = await _linked(call, given.link)
    if person is None:
        return await welcome_page(call, NO_FORM)
    stored = await chosen_password(call, given.password)
    uid = person.uid

    def work(people: People) -> bool:
        # Another one may have been made, for whom this one is void, while the password was hashed.
        if not people.use_link(digest(given.link), uid):
            return False
        people.change(uid, password=stored)
        people.end_sessions(uid)
        return True

    if not await sessions.change(call, work):
        return await welcome_page(call, NO_FORM)
    return go(call, HOME, await sessions.signed_in(call, person))


async def _linked(call: Call, link: str) -> Person | None:
    now = call.hub.now_us()

    def look(reads: Reads) -> Person | None:
        found = reads.people.link(digest(link)) if link else None
        if found is None or found.ends_at <= now:
            return None
        person = reads.people.by_uid(found.person)
        return person if person is not None and person.enabled else None

    return await call.hub.read(look)


async def chosen_password(call: Call, text: str) -> str:
    """What is stored of it. Raises FormRefused for one that is too short."""
    password = passwords.read(text)
    if len(password) < LEAST_LETTERS or not passwords.is_usable(password):
        raise FormRefused({"password": N_("Choose 10 letters or more.")})
    return await call.hub.blocking(passwords.hashed, password)


async def start(call: Call, _sent: Form) -> Answer:
    return go(call, HOME)


ROUTES = (
    open_page("/desk", start),
    open_page(LOGIN, login_page),
    open_form(LOGIN, login, login_page),
    open_page(CODE, code_page),
    open_form(CODE, code, code_page),
    open_page("/desk/welcome", welcome_page),
    open_form("/desk/welcome", welcome, welcome_page),
    page(AGAIN, SIGNED_IN, again_page),
    form(AGAIN, SIGNED_IN, again, again_page),
    form("/desk/logout", SIGNED_IN, logout, again_page),
    form("/desk/tenant", SIGNED_IN, look_at, again_page),
)
