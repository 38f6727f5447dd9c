"""What a page of the desk is: a route that says its scope, and a function from who looks to what is shown.

No route is without a guard. Signed in, allowed, asked again, a form that is the hub's own: all of it is settled here,
before a page's own function runs; a page that is not declared open is closed.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from orderhub.core.access import Tenant
from orderhub.core.commands import Command, Origin
from orderhub.core.facts import Accepted
from orderhub.core.people import ASKED_AGAIN, Person, Role, Session, acting
from orderhub.core.queries import Reads
from orderhub.core.reach import OPERATOR
from orderhub.core.refusals import Reason
from orderhub.core.values import Settings
from orderhub.core.zones import zone_of
from orderhub.dialects.auth import digest
from orderhub.dialects.contract import (
    Answer,
    Call,
    Caller,
    CommandRejected,
    Fault,
    FaultKind,
    HTTPFault,
    Route,
    WireFault,
)
from orderhub.web.desk import refusals, rendering, sessions
from orderhub.web.desk.forms import MOST_MEMBERS, Form, FormRefused, FormStale, form_in
from orderhub.web.desk.language import N_, accepted, catalogue, chosen
from orderhub.web.desk.rendering import Frame, render
from orderhub.web.desk.sections import sections_for
from orderhub.web.hub_api.access import holds, lacking

LOGIN, CODE, AGAIN, HOME = "/desk/login", "/desk/login/code", "/desk/again", "/desk/orders"
FORM_MEMBER, ONCE_MEMBER = "_form", "_once"
SIGNED_IN = ""  # a page for everybody who is
MOST_TENANTS = 200  # to choose from
_LONGEST_PATH = 2_000
_SENT_BEFORE = N_("This was sent before. Look whether it was done before you send it again.")
_ENDED = N_("Your session had ended, and nothing was done: sign in, then do it once more.")
_ASKED_FIRST = N_("Nothing was done yet: your password first, then do it once more.")
# After these faults what was asked for may still be done.
_DOUBTFUL = frozenset({FaultKind.UNAVAILABLE, FaultKind.BROKEN})
_INDEX = re.compile(r"\[[0-9]+\]")
# No script, nothing from elsewhere, and in nobody's frame.
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = (
    (
        "Content-Security-Policy",
        _POLICY,
    ),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
_HTML = "text/html; charset=utf-8"


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks, at which tenant, with which settings. No tenant: nobody gave them a role yet."""

    person: Person
    session: Session
    form_token: str
    language: str
    tenant: Tenant | None = None
    tenants: tuple[Tenant, ...] = ()
    settings: Settings | None = None
    caller: Caller | None = None

    @property
    def at(self) -> Tenant:
        """The tenant, where a scope let them in."""
        assert self.tenant is not None
        return self.tenant

    @property
    def role(self) -> Role | None:
        return self.person.role_in(self.tenant.id) if self.tenant else None

    def may(self, scope: str) -> bool:
        """Without a tenant an operator does what is the hub's own alone."""
        if self.caller is None or (self.tenant is None and scope != OPERATOR):
            return False
        return holds(self.caller.credential, scope)

    def say(self, text: str, **values: Any) -> str:
        """A text as `N_` marks it, in their language."""
        return catalogue(self.language).gettext(text) % values

    def money(self, value: Decimal, currency: str) -> str:
        """An amount as people write it in their language."""
        return rendering.money(value, currency, self.language)


_UNKNOWN = frozenset({Reason.ORDER_UNKNOWN})
Handle = Callable[[Call, Visitor, Form], Awaitable[Answer]]
OpenHandle = Callable[[Call, Form], Awaitable[Answer]]
NO_FORM = Form()


# --- declaring


def page(path: str, scope: str, handle: Handle) -> Route:
    """A page that is looked at by whoever holds the scope."""
    return Route("GET", path, Guard(scope, handle))


def form(
    path: str,
    scope: str,
    handle: Handle,
    again: Handle,
    *,
    max_body: int = 0,
    members: int = MOST_MEMBERS,
) -> Route:
    """What a form does. `again` is the page it stands on: shown once more with what is wrong.

    members  so many at most may be sent: as many as the page may draw
    """
    return Route("POST", path, Guard(scope, handle, again, members), max_body=max_body)


def way_back(path: str, pages: Collection[str]) -> Route:
    """The path of a form as it is opened by hand, or after one signed in: it leads to the page that it stands on."""
    page_path = path
    while page_path not in pages:
        page_path = page_path.rpartition("/")[0]
    depth = path.count("/") - page_path.count("/")

    async def back(call: Call, _visitor: Visitor, _sent: Form) -> Answer:
        found = call.path.rstrip("/").rsplit("/", depth)[0]
        return go(call, f"{found}?{call.query_string}" if call.query_string else found)

    return page(path, SIGNED_IN, back)


def open_page(path: str, handle: OpenHandle) -> Route:
    """A page for everybody, signed in or not."""
    return Route("GET", path, Open(handle), public=True)


def open_form(path: str, handle: OpenHandle, again: OpenHandle) -> Route:
    return Route("POST", path, Open(handle, again), public=True)


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets in whoever is signed in and holds the scope."""

    scope: str
    handle: Handle
    again: Handle | None = None
    members: int = MOST_MEMBERS

    async def __call__(self, call: Call) -> Answer:
        visitor, is_form = await visitor_of(call), self.again is not None
        if visitor is None:
            following = _here(call)
            said = catalogue(open_language(call)).gettext(_ENDED) if is_form and following else ""
            return go(call, with_next(LOGIN, following), done=said)
        if visitor.session.is_waiting:
            return go(call, CODE)
        sent = NO_FORM
        if is_form:
            sent = form_in(call, self.members)
            refuse_forged(sent, visitor.form_token)
        if self.scope:
            if visitor.tenant is None and not visitor.may(self.scope):
                return show(call, visitor, "nothing.html", status=403)
            if not visitor.may(self.scope):
                raise lacking(self.scope)
            if self.scope in ASKED_AGAIN and not sessions.is_proven(
                visitor.session, call.hub.now_us()
            ):
                said = visitor.say(_ASKED_FIRST) if is_form else ""
                return go(call, with_next(AGAIN, _here(call) or call.path), done=said)
        if visitor.caller is not None:
            call.caller = visitor.caller
        kept = await sessions.note_use(call, visitor.session)
        answer = await self._answer(call, visitor, sent)
        # Before the page's own, which may end the session: the last one counts.
        return msgspec.structs.replace(answer, headers=(*kept, *answer.headers))

    async def _answer(self, call: Call, visitor: Visitor, sent: Form) -> Answer:
        if self.again is None:
            return await self.handle(call, visitor, sent)
        counted: tuple[str, ...] = ()
        try:
            counted = await _count_once(call, visitor, sent)
            return await self.handle(call, visitor, sent)
        except (FormRefused, HTTPFault, CommandRejected) as refused:
            if counted and not _is_doubtful(refused):
                await call.hub.forgive(counted)
            faults = _faults(call, visitor, sent, refused)
            judged = msgspec.structs.replace(sent, faults=faults, is_stale=_is_stale(refused))
            return _unsaved(await self.again(call, visitor, judged))


@dataclass(frozen=True, slots=True)
class Open:
    """Lets everybody in; a form of theirs is the hub's own all the same."""

    handle: OpenHandle
    again: OpenHandle | None = None

    async def __call__(self, call: Call) -> Answer:
        if self.again is None:
            return await self.handle(call, NO_FORM)
        sent = form_in(call)
        cookie = sessions.shown_visit(call)
        refuse_forged(sent, sessions.form_token(cookie) if cookie else "")
        try:
            return await self.handle(call, sent)
        except FormRefused as refused:
            judged = msgspec.structs.replace(sent, faults=refused.faults)
            return _unsaved(await self.again(call, judged))


def _unsaved(answer: Answer) -> Answer:
    """The form once more; where there is no such page, the way to another stays one that browsers go."""
    return msgspec.structs.replace(answer, status=422) if answer.status == 200 else answer


def refuse_forged(sent: Form, token: str) -> None:
    """Raises HTTPFault(FORBIDDEN) for a form that the hub did not draw for this browser and this tenant."""
    given = sent.first(FORM_MEMBER)
    if not token or not given.isascii() or not hmac.compare_digest(given, token):
        raise HTTPFault(
            Fault(FaultKind.FORBIDDEN, "the form is not one that was drawn for this session")
        )


async def _count_once(call: Call, visitor: Visitor, sent: Form) -> tuple[str, ...]:
    """Note a form that may be sent once, before it is done; answers what to forgive where it was not.

    Raises FormStale for one that was sent before: by two clicks, or by loading the page behind it again.
    """
    key = sent.first(ONCE_MEMBER)
    if not key:
        return ()
    name = f"form:{digest(f'{visitor.session.id} {sent.path} {key}')}"
    if await call.hub.guess({name: 1}, sessions.IDLE_S):
        raise FormStale({"": _SENT_BEFORE})
    return (name,)


def _is_doubtful(refused: Exception) -> bool:
    return isinstance(refused, HTTPFault) and refused.fault.kind in _DOUBTFUL


def _is_stale(refused: Exception) -> bool:
    """Whether what the form was drawn from is not what stands."""
    if isinstance(refused, CommandRejected):
        return refused.rejected.reason is Reason.VERSION_CONFLICT
    return isinstance(refused, FormStale)


def _faults(
    call: Call,
    visitor: Visitor,
    sent: Form,
    refused: FormRefused | HTTPFault | CommandRejected,
) -> dict[str, str]:
    """What is wrong, by member. Raises again what is no fault of the form's."""
    if isinstance(refused, FormRefused):
        return refused.faults
    if isinstance(refused, CommandRejected):
        rejected = refused.rejected
        call.notes.update(reason=rejected.reason.value, field=rejected.field)
        if rejected.reason in _UNKNOWN:
            raise refused
        return {_member(sent, rejected.field): refusals.refused(visitor.language, rejected)}
    fault = refused.fault
    match fault.kind:
        case FaultKind.UNAVAILABLE if fault.message:
            # Such as a vendor that does not say whether it calls an order off.
            return {"": fault.message}
        case FaultKind.MALFORMED:
            return {"": refusals.wrong(visitor.language, WireFault("", "type", fault.message))}
        case FaultKind.INVALID:
            return {
                _member(sent, each.path): refusals.wrong(visitor.language, each)
                for each in fault.faults
            }
    raise refused


def _member(sent: Form, path: str) -> str:
    """The input that a fault of the API's is shown beside: `items[0].code` is `code`, `countries[1]` is `countries`."""
    bare = _INDEX.sub("", path)
    parts = bare.split(".")
    inner = (".".join(parts[start:]) for start in range(1, len(parts)))
    return next((each for each in (path, bare, *inner, parts[0]) if each in sent.members), bare)


# --- who looks


async def visitor_of(call: Call) -> Visitor | None:
    """Whoever is signed in at this browser; None = nobody, or not any more."""
    cookie = sessions.shown_session(call)
    if not cookie:
        return None
    now = call.hub.now_us()

    def look(reads: Reads) -> tuple[Session, Person, tuple[Tenant, ...], Settings | None] | None:
        session = reads.people.session(digest(cookie))
        if session is None or not sessions.is_alive(session, now):
            return None
        person = reads.people.by_uid(session.person)
        if person is None or not person.enabled:
            return None
        tenants = _tenants(reads, person, session.looks_at)
        settings = reads.settings(tenants[0].id) if tenants else None
        return session, person, tenants, settings

    found = await call.hub.read(look)
    if found is None:
        return None
    session, person, tenants, settings = found
    tenant = tenants[0] if tenants else None
    tenant_id = tenant.id if tenant else 0
    credential = acting(person, tenant_id)
    call.language = chosen(person.language, accepted(call.header("accept-language")))
    return Visitor(
        person=person,
        session=session,
        form_token=sessions.form_token(cookie, tenant_id),
        language=call.language,
        tenant=tenant,
        tenants=tuple(sorted(tenants, key=lambda each: each.name)),
        settings=settings,
        caller=Caller(credential=credential, tenant_id=tenant_id) if credential else None,
    )


def _tenants(reads: Reads, person: Person, looks_at: int) -> tuple[Tenant, ...]:
    """Those they may look at, first the one that they do."""
    mine = {tenant_id for tenant_id, _ in person.roles if tenant_id}
    if person.is_operator:
        found = reads.tenants(limit=MOST_TENANTS)
        mine = {each.id for each in found} | {looks_at}
    found = reads.tenants_among(mine)
    return tuple(sorted(found, key=lambda each: (each.id != looks_at, each.id)))


# --- answering


def show(
    call: Call,
    visitor: Visitor,
    template: str,
    context: msgspec.Struct | None = None,
    sent: Form = NO_FORM,
    *,
    status: int = 200,
) -> Answer:
    """A page within the frame. `context` is what its template sees as `page`, a form that was sent as `form`."""
    text, gone = sessions.flashed(call)
    settings = visitor.settings
    frame = Frame(
        language=visitor.language,
        **_of_tenant(settings),
        now_us=settings.clock.at(call.hub.now_us()) if settings else call.hub.now_us(),
        form_token=visitor.form_token,
        once=secrets.token_urlsafe(12),
        flash=text,
        who=visitor.person.name or visitor.person.email,
        role=visitor.role or "",
        tenant=visitor.tenant.name if visitor.tenant else "",
        tenants=tuple(each.name for each in visitor.tenants),
        sections=sections_for(visitor.may, call.path),
        query=call.query.get("q", "") if call.path == HOME else "",
    )
    return html(render(template, frame, page=context, form=sent), status, gone)


def _of_tenant(settings: Settings | None) -> dict[str, Any]:
    """What of the frame is the tenant's."""
    if settings is None:
        return {}
    zone = zone_of(settings.time_zone)
    return {"zone": zone, "currency": settings.currency, "clock": settings.clock}


def show_open(
    call: Call,
    template: str,
    context: msgspec.Struct | None = None,
    sent: Form = NO_FORM,
    *,
    status: int = 200,
    tells_done: bool = True,
) -> Answer:
    """A page without the navigation, for who is not signed in; `tells_done`: it says what was done before, once."""
    cookie, kept = sessions.visit_cookie(call)
    text, gone = sessions.flashed(call) if tells_done else ("", ())
    frame = Frame(language=open_language(call), form_token=sessions.form_token(cookie), flash=text)
    return html(render(template, frame, page=context, form=sent), status, (kept, *gone))


def open_language(call: Call) -> str:
    asked = call.query.get("language", "")
    return chosen(asked, call.language, accepted(call.header("accept-language")))


def html(body: bytes, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return Answer(status, body, (*_HEADERS, *headers), _HTML)


def go(call: Call, path: str, *headers: tuple[str, str], done: str = "") -> Answer:
    """On to another page, which says what was done."""
    said = (sessions.flash(call, done),) if done else ()
    return Answer(303, b"", (*_HEADERS, ("Location", path), *headers, *said), _HTML)


async def do(call: Call, command: Command, done: Callable[[Accepted], Answer]) -> Answer:
    """Have a command decided and committed. Raises CommandRejected, which the form's page says."""
    outcome = await call.submit(command, done, lambda _: Answer(409, b""))
    if outcome.rejected is not None:
        raise CommandRejected(outcome.rejected)
    return outcome.answer


async def preview(call: Call, command: Command) -> Accepted:
    """What a command would do, of which nothing is kept. Raises CommandRejected."""
    outcome = await call.as_dry_run().submit(
        command, lambda _: Answer(200, b""), lambda _: Answer(409, b"")
    )
    if outcome.rejected is not None:
        raise CommandRejected(outcome.rejected)
    assert isinstance(outcome.decision, Accepted), "nothing is repeated in a dry run"
    return outcome.decision


def origin(call: Call, visitor: Visitor) -> Origin:
    """Whoever looks is the actor of what they do."""
    assert visitor.caller is not None
    return call.origin(visitor.caller, "")


def with_next(path: str, following: str) -> str:
    """A page that leads on to another one; to the first page where none is known."""
    return f"{path}?next={quote(following)}" if following else path


def _here(call: Call) -> str:
    """Where to come back to: a page, with what it was asked for; of a form the page of ours that it stands on.

    Empty for a form of whatever else, which is no way that anybody went.
    """
    path, query = call.path, call.query_string
    if call.method == "POST":
        try:
            shown = urlsplit(call.header("referer"))
        except ValueError:  # what no browser sends
            return ""
        if not shown.netloc or shown.netloc != call.host:
            return ""
        path, query = shown.path, shown.query
    return next_path(f"{path}?{query}" if query else path)


def next_path(text: str) -> str:
    """A page of the desk to go on to; whatever else is asked for is the first one."""
    is_ours = text.startswith("/desk/") and text.isascii() and text.isprintable()
    if not is_ours or "\\" in text or " " in text or len(text) > _LONGEST_PATH:
        return HOME
    return text
