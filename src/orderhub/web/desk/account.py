"""What everybody settles for themselves: name, language, password, second factor, and where they are signed in."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
import pyotp
import segno
from markupsafe import Markup

from orderhub.core.people import Person, Session
from orderhub.dialects.contract import Answer, Call
from orderhub.ledger.people import People
from orderhub.web.desk import sessions
from orderhub.web.desk.forms import Form, FormRefused, stamp
from orderhub.web.desk.language import LANGUAGES, N_
from orderhub.web.desk.page import SIGNED_IN, Visitor, form, go, page, show
from orderhub.web.desk.sign_in import Text, chosen_password, is_password, step_of
from orderhub.web.hub_api.inner import port

_PATH = "/desk/account"
_SECRET = re.compile("[A-Z2-7]{32}")  # as this page draws it into its form
_ISSUER = "OrderHub"


class _About(msgspec.Struct, frozen=True):
    name: Annotated[str, msgspec.Meta(max_length=200)] = ""
    language: str = ""


class _NewPassword(msgspec.Struct, frozen=True):
    old: Text
    password: Text


class _Factor(msgspec.Struct, frozen=True):
    secret: Annotated[str, msgspec.Meta(pattern=f"^{_SECRET.pattern}$")]
    code: Text
    old: Text


class _Proof(msgspec.Struct, frozen=True):
    old: Text


class _Ended(msgspec.Struct, frozen=True):
    session: str


class SignedIn(msgspec.Struct, frozen=True):
    """A session as it is listed."""

    session: Session
    is_this: bool


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """`secret`, `uri`, and this drawn as a QR `code`: of a second factor that may be set up; else empty.

    `version` is of name and language.
    """

    email: str
    version: str
    name: str
    language: str
    has_factor: bool
    sessions: tuple[SignedIn, ...]
    secret: str = ""
    uri: str = ""
    code: Markup = Markup()


async def account(call: Call, visitor: Visitor, sent: Form) -> Answer:
    person, now = visitor.person, call.hub.now_us()
    found = await call.hub.read(lambda reads: reads.people.sessions(person.uid))
    secret = uri = ""
    if not person.totp and port(call).cipher.can_encrypt:
        drawn_before = sent.first("secret")
        secret = drawn_before if _SECRET.fullmatch(drawn_before) else pyotp.random_base32()
        uri = pyotp.TOTP(secret).provisioning_uri(name=person.email, issuer_name=_ISSUER)
    shown = Account(
        email=person.email,
        version=_version(person),
        name=person.name,
        language=person.language,
        has_factor=bool(person.totp),
        sessions=tuple(
            SignedIn(each, each.id == visitor.session.id)
            for each in found
            if sessions.is_alive(each, now)
        ),
        secret=secret,
        uri=uri,
        code=_drawn(uri) if uri else Markup(),
    )
    return show(call, visitor, "account.html", shown, sent)


def _drawn(uri: str) -> Markup:
    """As a QR code, for the camera of a phone: an inline SVG, black on white in the dark, too."""
    code = segno.make_qr(uri, error="m")
    drawn = code.svg_inline(border=4, omitsize=True, svgclass="qr", lineclass=None, light="#fff")
    return Markup(drawn)  # noqa: S704 - made of numbers alone


async def change_about(call: Call, visitor: Visitor, sent: Form) -> Answer:
    given, uid = sent.read(_About), visitor.person.uid
    if given.language not in ("", *LANGUAGES):
        raise FormRefused({"language": N_("This cannot be taken.")})

    def work(people: People) -> None:
        sent.refuse_unless_of(_version(_locked(people, visitor)))
        people.change(uid, name=given.name, language=given.language)

    await sessions.change(call, work)
    return go(call, _PATH, done=visitor.say(N_("Saved.")))


def _version(person: Person) -> str:
    return stamp(person.name, person.language)


def _locked(people: People, visitor: Visitor) -> Person:
    """As they stand; nobody else changes them before the commit."""
    found = people.locked(visitor.person.email)
    assert found is not None, "nobody is removed"
    return found


async def change_password(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """Whoever is signed in elsewhere is signed out."""
    given = sent.read(_NewPassword)
    await _prove(call, visitor, given.old)
    stored = await chosen_password(call, given.password)
    uid, this = visitor.person.uid, visitor.session.id

    def work(people: People) -> None:
        people.change(uid, password=stored)
        people.end_sessions(uid, but=this)

    await sessions.change(call, work)
    return go(
        call, _PATH, done=visitor.say(N_("The password is changed; other browsers are signed out."))
    )


async def begin_factor(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """A second factor counts once its first code was shown. One that stands is taken away first, by its owner."""
    given, uid = sent.read(_Factor), visitor.person.uid
    await _prove(call, visitor, given.old)
    step = step_of(given.secret, given.code, call.hub.now_us())
    if not step:
        raise FormRefused({"code": N_("The code is not right: look at the clock of your phone.")})
    totp = port(call).cipher.encrypt(given.secret)

    def work(people: People) -> None:
        if _locked(people, visitor).totp:
            raise FormRefused({"": N_("There is a second factor already: do without it first.")})
        people.change(uid, totp=totp, totp_used=step)

    await sessions.change(call, work)
    return go(call, _PATH, done=visitor.say(N_("From now on a code is asked for as well.")))


async def end_factor(call: Call, visitor: Visitor, sent: Form) -> Answer:
    await _prove(call, visitor, sent.read(_Proof).old)
    uid = visitor.person.uid
    await sessions.change(call, lambda people: people.change(uid, totp="", totp_used=0))
    return go(call, _PATH, done=visitor.say(N_("From now on the password is enough.")))


async def end_session(call: Call, visitor: Visitor, sent: Form) -> Answer:
    given, uid = sent.read(_Ended), visitor.person.uid
    await sessions.change(call, lambda people: people.end_session(given.session, uid))
    return go(call, _PATH, done=visitor.say(N_("That browser is signed out.")))


async def _prove(call: Call, visitor: Visitor, password: str) -> None:
    person = visitor.person
    if not await is_password(call, person, person.email, password):
        raise FormRefused({"old": N_("The password is not right.")})


ROUTES = (
    page(_PATH, SIGNED_IN, account),
    form(_PATH, SIGNED_IN, change_about, account),
    form(f"{_PATH}/password", SIGNED_IN, change_password, account),
    form(f"{_PATH}/factor", SIGNED_IN, begin_factor, account),
    form(f"{_PATH}/factor/end", SIGNED_IN, end_factor, account),
    form(f"{_PATH}/sessions/end", SIGNED_IN, end_session, account),
)
