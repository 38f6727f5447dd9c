"""Who is calling: the site, then a token of the hub's, a shop user's JWT, or nobody.

A token that is missing, malformed, wrongly signed, expired, of an ended session, or of a user who was deleted
or locked out makes its bearer an anonymous visitor, silently; each operation decides what such a one may do.
"""

from __future__ import annotations

import re
import secrets
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import jwt
import msgspec

from orderhub.core.access import Credential
from orderhub.core.memberships import User
from orderhub.core.queries import Reads
from orderhub.core.values import MICROSECONDS
from orderhub.dialects.anqicms import words
from orderhub.dialects.anqicms.mapping import GUEST_OWNER, cart_holders
from orderhub.dialects.auth import bearer, curl, digest, drawn, hub_caller
from orderhub.dialects.contract import (
    Answer,
    Call,
    Caller,
    CommandRejected,
    CredentialKind,
    Fault,
    FaultKind,
    Handler,
    HTTPFault,
    Shown,
    WireFault,
    invalid,
)
from orderhub.dialects.describing import Schema

T = TypeVar("T")

SITE_KIND = "anqicms.site"
DEFAULT_SITE = "default"
DAY_S = 86_400
LOGIN_LIFE_S = 30 * DAY_S
_RENEWED_LIFE_S = DAY_S
_RENEW_BELOW_S = 3_600
_ALGORITHM = "HS256"
RENEWAL = "update-token"
_MAX_TOKEN = 2_000
_MAX_CART_TOKEN = 200


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls, and which site.

    user_id   the shop user, for a token of the hub's the one it acts as; 0 = nobody
    is_wide   the caller sees the whole tenant, not only his own orders
    renewal   a fresh token to hand out with the answer, since the one shown ends within the hour
    """

    caller: Caller
    site: Credential
    user_id: int = 0
    is_wide: bool = False
    renewal: str = ""

    @property
    def tenant_id(self) -> int:
        return self.caller.tenant_id

    @property
    def is_anonymous(self) -> bool:
        return not self.user_id and not self.is_wide


def endpoint(handle: Callable[[Call, Visitor], Awaitable[Answer]]) -> Handler:
    """A route's handler: finds out who calls, and adds what every answer of the vendor carries."""

    async def handler(call: Call) -> Answer:
        visitor = await identify(call)
        more = words.cors(call)
        if visitor.renewal:
            more = (*more, (RENEWAL, visitor.renewal))
        if not more:
            return await handle(call, visitor)
        try:
            answer = await handle(call, visitor)
        except HTTPFault as stop:
            if not visitor.renewal:
                raise
            more = ((RENEWAL, visitor.renewal),)
            call.explain(stop.fault)
            answer = words.fault(call, stop.fault)
        except CommandRejected as refused:
            call.notes.update(reason=refused.rejected.reason.value, field=refused.rejected.field)
            call.explain(refused.rejected)
            answer = words.refusal(call, refused.rejected)
        if any(name == RENEWAL for name, _ in answer.headers):
            more = words.cors(call)  # the call has ended all tokens, and hands out one of its own
        return msgspec.structs.replace(answer, headers=(*answer.headers, *more))

    handler.__doc__ = handle.__doc__
    return handler


async def identify(call: Call) -> Visitor:
    """Sets `call.caller`. A bearer token of the hub's wins over anything the vendor would read."""
    caller = await hub_caller(call)
    if caller is not None:
        acts_as = caller.acts_as
        return Visitor(
            caller=caller,
            site=caller.credential,
            user_id=int(acts_as) if acts_as.isdecimal() else 0,
            is_wide=True,
        )
    token = call.header("token") or call.cookies.get("token", "") or bearer(call)
    visitor = await _by_token(call, token) if token else None
    if visitor is None:
        site = await site_of(call)
        visitor = Visitor(caller=_guest(call, site), site=site)
    call.caller = visitor.caller
    return visitor


async def site_of(call: Call) -> Credential:
    """The site that is called. Raises HTTPFault when there is none."""
    site = await _site_called(call)
    if site is None:
        raise _no_site(
            "site_id", "no site goes by a site_id or Site-Id, nor by the host that is called"
        )
    return site


async def _site_called(call: Call) -> Credential | None:
    """The site by `site_id`, else by the `Site-Id` header, by Host, or the default one.

    A number that no site has is passed over where Host names one. Where it does not, there is none: the default site
    may be another merchant's.
    """
    given = call.query.get("site_id", "") if call.query_string else ""
    for number in (given, call.header("site-id")):
        if number and not _NO_NUMBER.fullmatch(number):
            fits = _NUMBER.fullmatch(number) is not None
            site = await call.hub.credential(SITE_KIND, f"site:{number}") if fits else None
            return site if site is not None else await _site_of_host(call)
    site = await _site_of_host(call)
    return site if site is not None else await call.hub.credential(SITE_KIND, DEFAULT_SITE)


async def _site_of_host(call: Call) -> Credential | None:
    host = call.host.lower().removesuffix(".")
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    return await call.hub.credential(SITE_KIND, name) if name else None


async def login_site(call: Call, visitor: Visitor) -> Credential:
    """The site that one logs in at or registers with; for a token of the hub's, its tenant's own."""
    if not visitor.is_wide:
        return await site_of(call)
    sites = await call.hub.read(lambda reads: reads.credentials(visitor.tenant_id, SITE_KIND))
    for site in sites:
        if site.is_usable(call.hub.now_us()):
            return site
    raise _no_site("Authorization", "the tenant of the token has no site to log in at")


def _no_site(path: str, message: str) -> HTTPFault:
    return HTTPFault(Fault(FaultKind.INVALID, "site_unknown", (WireFault(path, "value", message),)))


def _caller(site: Credential, owner: str, credential_id: str) -> Caller:
    # Each user is a caller of his own: idempotency keys of two users never meet.
    credential = msgspec.structs.replace(site, id=credential_id)
    return Caller(credential=credential, tenant_id=site.tenant_id, owner=owner)


def _guest(call: Call, site: Credential) -> Caller:
    """Who is not logged in. The token of his cart is all that tells him, and his idempotency keys, from others."""
    token, name = cart_token_of(call), f"{site.id}:{GUEST_OWNER}"
    return _caller(site, GUEST_OWNER, f"{name}:{digest(token)}" if token else name)


# --- tokens


def issue(call: Call, site: Credential, user: User, life_s: int = LOGIN_LIFE_S) -> str:
    """A JWT for a user of a site. Its expiry is wall time, in the vendor's own claim."""
    return signed(call, site, life_s, userId=str(user.id), sessions=str(user.sessions))


def signed(call: Call, site: Credential, life_s: int, **claims: str) -> str:
    """A JWT of a site with these claims."""
    ends_at = str(call.received_at // MICROSECONDS + life_s)
    whole = {"t": ends_at, "site": str(site.data["site"]), **claims}
    return jwt.encode(whole, call.hub.cipher.decrypt(site.secret), algorithm=_ALGORITHM)


async def verified(call: Call, token: str) -> list[tuple[Credential, dict[str, Any], int]]:
    """(site, claims, seconds left) for each site that an unexpired token is signed by."""
    found = []
    for site in await _sites_of_token(call, token):
        secret = call.hub.cipher.decrypt(site.secret)
        try:
            claims = jwt.decode(token, secret, algorithms=[_ALGORITHM])
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        left_s = _number(claims.get("t")) - call.hub.now_us() // MICROSECONDS
        if left_s > 0:
            found.append((site, claims, left_s))
    return found


async def _by_token(call: Call, token: str) -> Visitor | None:
    for site, claims, left_s in await verified(call, token):
        user_id = _number(claims.get("userId"))
        record = await call.hub.recent(site.tenant_id, "user", user_id) if user_id else None
        user: User | None = None if record is None else record.doc
        if user is None or user.is_locked_out or _number(claims.get("sessions")) != user.sessions:
            continue
        return Visitor(
            caller=_caller(site, str(user_id), f"{site.id}:{user_id}"),
            site=site,
            user_id=user_id,
            renewal=issue(call, site, user, _RENEWED_LIFE_S) if left_s < _RENEW_BELOW_S else "",
        )
    return None


async def _sites_of_token(call: Call, token: str) -> list[Credential]:
    """The sites that an unverified token may be of: the secret of one of them is what verifies it.

    It names a number. That is the site that is called, if it has this number, so that one credential
    is enough for a site; else the one that is named by it.
    """
    if len(token) > _MAX_TOKEN or token.count(".") != 2 or not token.isascii():
        return []
    payload = token.split(".")[1]
    try:
        claims = msgspec.json.decode(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return []
    if not isinstance(claims, dict):
        return []
    number = claims.get("site")
    if number is not None and not (isinstance(number, str) and number.isprintable()):
        return []
    called = await _site_called(call)
    if called is not None and number is not None and str(called.data.get("site")) != number:
        called = None
    named = None if number is None else await call.hub.credential(SITE_KIND, f"site:{number}")
    return [site for site in (called, named) if site is not None]


def _number(claim: Any) -> int:
    """Claims are digits in strings; anything else counts as none."""
    text = str(claim) if isinstance(claim, str | int) and not isinstance(claim, bool) else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else 0


# --- what operations ask


def login_required() -> HTTPFault:
    return HTTPFault(
        Fault(
            FaultKind.UNAUTHENTICATED,
            "nobody is logged in: the token is missing, has expired, or is of a session that was ended "
            "or of a user who is locked out",
        )
    )


def not_anonymous(visitor: Visitor) -> None:
    if visitor.is_anonymous:
        raise login_required()


async def look(call: Call, visitor: Visitor, ask: Callable[[Reads], T]) -> T:
    """A question on behalf of a visitor who must be logged in; their user must still be there."""
    not_anonymous(visitor)
    if visitor.is_wide:
        return await call.hub.read(ask)

    def asked(reads: Reads) -> T:
        if user_in(reads, visitor) is None:
            raise login_required()
        return ask(reads)

    return await call.hub.read(asked)


def user_in(reads: Reads, visitor: Visitor) -> User | None:
    """The visitor's user, unless they were deleted or locked out."""
    if not visitor.user_id:
        return None
    record = reads.record(visitor.tenant_id, "user", "id", visitor.user_id)
    return None if record is None or record.doc.is_locked_out else record.doc


def owner_of(visitor: Visitor) -> str | None:
    """Whose orders the visitor may see; None = everyone's in the tenant."""
    return None if visitor.is_wide else visitor.caller.owner


def holders_of(call: Call, visitor: Visitor) -> tuple[str, ...]:
    """Whose carts the visitor holds: his own, and the one that the `cart` header or cookie names."""
    token = cart_token_of(call)
    # The token is a secret of the visitor's: what is stored and logged is its digest.
    return cart_holders(visitor.user_id, digest(token) if token else "")


def cart_token_of(call: Call) -> str:
    """The token of an anonymous cart; empty when none, or an absurd one, is shown."""
    token = call.header("cart") or call.cookies.get("cart", "")
    return token if len(token) <= _MAX_CART_TOKEN else ""


_NUMBER = re.compile(r"[A-Za-z0-9_-]{1,64}")

_NO_NUMBER = re.compile(r"-[0-9]+|0+")  # to the vendor, 0 and what is below it

_NUMBERED = re.compile(rf"site:({_NUMBER.pattern})")

_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")

_NUMBERS = 10**15  # so many that two drawn ones do not meet, and exact in JSON


def _complete(shown: Shown) -> Shown:
    name = shown.name or f"site:{_new_number()}"
    numbered = _NUMBERED.fullmatch(name)
    data = dict(shown.data)
    if numbered is not None:
        number = numbered.group(1)
        if str(data.setdefault("site", number)) != number:
            message = f"data.site: the site named {name} has the number {number}"
            raise invalid(WireFault("data.site", "value", message))
    else:
        name = name.lower().removesuffix(".")
        if not _HOST.fullmatch(name):
            message = "name is default, site:ID, or a host as callers name it, without a port"
            raise invalid(WireFault("name", "value", message))
        number = str(data.setdefault("site", _new_number()))
        if not _NUMBER.fullmatch(number):
            message = (
                "data.site is the number that logins carry: 1 to 64 of letters, digits, - and _"
            )
            raise invalid(WireFault("data.site", "value", message))
    return msgspec.structs.replace(shown, name=name, secret=shown.secret or drawn(""), data=data)


def _new_number() -> str:
    return str(secrets.randbelow(9 * _NUMBERS // 10) + _NUMBERS // 10)


def _command(shown: Shown, base_url: str) -> str:
    """The membership levels, which every visitor may see."""
    url = f"{base_url}/api/user/groups"
    numbered = _NUMBERED.fullmatch(shown.name)
    if numbered is not None:
        return curl(f"{url}?site_id={numbered.group(1)}")
    return curl(url) if shown.name == DEFAULT_SITE else curl(url, "-H", f"Host: {shown.name}")


# What callers come by: a site, found by its host or number, whose secret signs its users' logins.
# One credential suffices for a site: its logins hold wherever it is found.
KINDS = (
    CredentialKind(
        name=SITE_KIND,
        needs=(
            "nothing; `name` (a host, `site:ID` or `default`) to say where it is found, "
            "`data.site` for the number in its logins; one is enough, and users are the shop's"
        ),
        drawn="`name` (`site:ID`, found by `?site_id=ID`), `secret`, `data.site`",
        example={"kind": SITE_KIND},
        complete=_complete,
        command=_command,
        is_named=True,
    ),
)


SECURITY: tuple[dict[str, Schema], ...] = (
    {
        "anqicms": {
            "type": "apiKey",
            "in": "header",
            "name": "token",
            "description": "The vendor's own: the JWT that `/api/login` answers, as a header, a cookie or a "
            "bearer token.",
        }
    },
    {},  # without a token, or with one that does not hold, the caller is an anonymous visitor
)
