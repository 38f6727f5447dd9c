"""A call of the request log made once more as a dry run: by the person who asks, at the same door, and nothing stays.

Its own credential was not kept. So the person shows a token that this one call alone knows.
"""

from __future__ import annotations

import secrets
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from orderhub.core.access import Credential
from orderhub.core.people import SCOPES_OF, Role
from orderhub.core.reach import DIALECTS, HUB_KIND
from orderhub.dialects.auth import digest
from orderhub.dialects.contract import Call, CommandRejected, Dialect, FaultKind, HTTPFault
from orderhub.web.desk.language import N_
from orderhub.web.desk.page import Visitor
from orderhub.web.hub_api.access import holds, lacking
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.requests import RequestInFull
from orderhub.web.masking import PERSONAL, UNREADABLE
from orderhub.web.port import HubPort
from orderhub.web.routing import Match, Router

# What belongs to the connection, or says who called.
_LEFT_OUT = frozenset({"authorization", "cookie", "content-length", "host", "idempotency-key"})


# The vendors' doors of a hub, without its own: whatever they do, they do through their call.
_ROUTERS: WeakKeyDictionary[HubPort, Router] = WeakKeyDictionary()


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What it would be answered. `reason` empty = it would be done."""

    status: int
    body: str
    reason: str = ""
    detail: str = ""


class _AsPerson:
    """The hub for one call: one token more opens it."""

    def __init__(self, hub: Any, name: str, credential: Credential) -> None:
        self._hub = hub
        self._name = name
        self._credential = credential

    async def credential(self, kind: str, name: str, *more_kinds: str) -> Credential | None:
        if secrets.compare_digest(name.encode(), self._name.encode()):
            return self._credential if HUB_KIND in (kind, *more_kinds) else None
        found: Credential | None = await self._hub.credential(kind, name, *more_kinds)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._hub, name)


def why_not(call: Call, logged: RequestInFull) -> str:
    """Why it cannot be made again, as `N_` marks it; empty = it can."""
    match = _match(call, logged)
    if match.route is None or match.dialect is None:
        return N_("Only calls of a vendor's door can be made again here.")
    if match.route.public or match.route.stream:
        return N_("A call that signs in or sends a file is not made again.")
    if logged.request.is_cut:
        return N_("It was too large to be kept whole.")
    kept = (logged.request.body, logged.query, logged.path)
    if any(PERSONAL in each or UNREADABLE in each for each in kept):
        return N_("Personal data is kept of sandboxes alone, so the call is not there as a whole.")
    return ""


async def tried(call: Call, visitor: Visitor, logged: RequestInFull, acts_as: str) -> Tried:
    """Raises HTTPFault(FORBIDDEN) for who may not call vendors' doors."""
    assert visitor.caller is not None
    acting = visitor.caller.credential
    if not holds(acting, DIALECTS):
        raise lacking(DIALECTS)
    match = _match(call, logged)
    assert match.dialect is not None
    assert match.route is not None
    token = secrets.token_urlsafe(32)
    known = msgspec.structs.replace(
        acting,
        kind=HUB_KIND,
        tenant_id=visitor.at.id,
        # An operator's one scope holds the others, but is none that a door knows.
        scopes=SCOPES_OF[Role.MANAGER],
        data={"acts_as": {match.dialect.name: acts_as}} if acts_as else {},
    )
    hub: Any = _AsPerson(port(call), digest(token), known)
    kept = {name.lower(): text for name, text in logged.request.headers.items()}
    headers = {name: text for name, text in kept.items() if name not in _LEFT_OUT}
    made = Call(
        hub=hub,
        dialect=match.dialect,
        method=logged.method,
        path=logged.path,
        query_string=logged.query,
        headers={**headers, "authorization": f"Bearer {token}", "hub-dry-run": "true"},
        body=logged.request.body.encode(),
        params=match.params,
        client=call.client,
        request_id=call.request_id,
        received_at=call.received_at,
        called=call.called,
    )
    return await _answered(made, match.dialect, match)


async def _answered(made: Call, dialect: Dialect, match: Match) -> Tried:
    assert match.route is not None
    try:
        answer = await match.route.handler(made)
    except HTTPFault as stop:
        if stop.fault.kind in (FaultKind.BUSY, FaultKind.UNAVAILABLE):
            raise
        made.explain(stop.fault)
        answer = dialect.fault(made, stop.fault)
    except CommandRejected as refused:
        made.explain(refused.rejected)
        answer = dialect.refusal(made, refused.rejected)
    why = made.why
    return Tried(
        status=answer.status,
        body=answer.body.decode("utf-8", "replace"),
        reason=why.reason if why else "",
        detail=": ".join(filter(None, (why.field, why.detail))) if why else "",
    )


def _match(call: Call, logged: RequestInFull) -> Match:
    hub = port(call)
    router = _ROUTERS.get(hub)
    if router is None:
        router = _ROUTERS[hub] = Router(hub.dialects)
    return router.find(logged.method, logged.path)
