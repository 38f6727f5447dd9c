"""Who is signed in: a cookie that only its browser knows, and a row of the ledger that can be ended.

The ledger keeps the cookie's digest, so that nobody who reads it can sign in. Each form carries a token that is made of
the cookie and of the tenant that the page showed: no other site knows it, and a form of one tenant changes no other.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import TypeVar

from orderhub.core.people import Person, Session
from orderhub.core.values import MICROSECONDS
from orderhub.dialects.auth import digest, set_cookie
from orderhub.dialects.contract import Call
from orderhub.ledger.people import People
from orderhub.web.hub_api.inner import port

T = TypeVar("T")

IDLE_S = 12 * 3_600
CODE_WITHIN_S = 5 * 60  # from the password to the code
PROVEN_FOR_S = 15 * 60  # from the password to what asks for it again
_NOTED_EVERY_S = 60  # when it was last used is written no more often
_FLASH_FOR_S = 60
_LONGEST_BROWSER = 200
_SESSION, _VISIT, _FLASH = "desk", "desk-visit", "desk-flash"
_GONE = 0


def cookie_name(call: Call, name: str) -> str:
    """Behind https no other host and no plain page can set it: browsers hold `__Host-` to that."""
    return f"__Host-{name}" if call.is_secure else name


def shown_session(call: Call) -> str:
    """What the browser shows, or empty."""
    return call.cookies.get(cookie_name(call, _SESSION), "")


def form_token(cookie: str, tenant_id: int = 0) -> str:
    return hmac.new(cookie.encode(), b"form:%d" % tenant_id, hashlib.sha256).hexdigest()


def shown_visit(call: Call) -> str:
    """What the browser of who is not signed in shows, or empty."""
    return call.cookies.get(cookie_name(call, _VISIT), "")


def visit_cookie(call: Call) -> tuple[str, tuple[str, str]]:
    """For the forms of who is not signed in: the cookie's value, and the header by which the browser keeps it."""
    cookie = shown_visit(call) or secrets.token_urlsafe(32)
    return cookie, set_cookie(call, cookie_name(call, _VISIT), cookie, IDLE_S)


def is_alive(session: Session, now_us: int) -> bool:
    limit_s = CODE_WITHIN_S if session.is_waiting else IDLE_S
    return now_us - session.seen_at < limit_s * MICROSECONDS


def is_proven(session: Session, now_us: int) -> bool:
    return now_us - session.proven_at < PROVEN_FOR_S * MICROSECONDS


async def change(call: Call, work: Callable[[People], T], tenant_id: int = 0) -> T:
    """Have `work` done in a transaction of its own. `tenant_id`: whose roles it changes. Raises TenantGone."""
    hub = port(call)

    def run() -> T:
        with hub.ledger.directory("", tenant_id) as (_, directory):
            return work(directory.people)

    return await hub.write(run)


async def signed_in(call: Call, person: Person, *, is_waiting: bool = False) -> tuple[str, str]:
    """Open a session for who has just given their password; answers the header that sets its cookie.

    What the browser showed before ends, so that nobody goes on with a session they had put there.
    """
    now, cookie, before = call.hub.now_us(), secrets.token_urlsafe(32), shown_session(call)
    session = Session(
        id=digest(cookie),
        person=person.uid,
        is_waiting=is_waiting,
        created_at=now,
        seen_at=now,
        proven_at=now,
        address=call.client,
        browser=call.header("user-agent")[:_LONGEST_BROWSER],
    )

    def work(people: People) -> None:
        if before:
            people.end_session(digest(before))
        people.open_session(session)
        if not is_waiting:
            people.change(person.uid, signed_in_at=now)

    await change(call, work)
    return _kept(call, cookie)


async def note_use(call: Call, session: Session) -> tuple[tuple[str, str], ...]:
    """Now and then, when it was last used, and the header by which the browser keeps its cookie from then on.

    What stands in the way of that keeps nobody from a page.
    """
    hub, now = port(call), call.hub.now_us()
    if now - session.seen_at < _NOTED_EVERY_S * MICROSECONDS:
        return ()
    try:
        await change(call, lambda people: people.change_session(session.id, seen_at=now))
    except Exception as error:
        if not hub.is_outage(error):
            raise
        return ()
    return (_kept(call, shown_session(call)),)


def _kept(call: Call, cookie: str) -> tuple[str, str]:
    """The header by which the browser shows its session for as long as that may be idle."""
    return set_cookie(call, cookie_name(call, _SESSION), cookie, IDLE_S)


def signed_out(call: Call) -> tuple[str, str]:
    """The header that makes the browser forget its session."""
    return set_cookie(call, cookie_name(call, _SESSION), "", _GONE)


def flash(call: Call, text: str) -> tuple[str, str]:
    """A sentence for the next page, once. Its browser alone sees it."""
    return set_cookie(call, cookie_name(call, _FLASH), text.encode().hex(), _FLASH_FOR_S)


def flashed(call: Call) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The sentence that the page before left, and the header that takes it away."""
    name = cookie_name(call, _FLASH)
    text = call.cookies.get(name, "")
    if not text:
        return "", ()
    gone = (set_cookie(call, name, "", _GONE),)
    try:
        return bytes.fromhex(text).decode(), gone
    except ValueError:
        return "", gone
