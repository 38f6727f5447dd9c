"""Who may do what in the hub's own API: deny by default, and say which scope is missing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from orderhub.core.access import Tenant
from orderhub.core.commands import Origin
from orderhub.core.facts import TenantGone
from orderhub.core.people import PEOPLE
from orderhub.core.queries import Reads
from orderhub.core.reach import DIALECTS, OPERATOR, holds, is_operator, lacks
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.auth import bearer, digest
from orderhub.dialects.contract import (
    Answer,
    Call,
    Caller,
    CommandRejected,
    Fault,
    FaultKind,
    HTTPFault,
    WireFault,
    invalid,
)
from orderhub.web.hub_api import limits

__all__ = [
    "OPERATOR",
    "SCOPES",
    "Guard",
    "Guarded",
    "guarded",
    "holds",
    "is_operator",
    "lacking",
    "origin_in",
    "tenant_id_asked",
    "tenant_in_path",
    "tenant_of",
    "unknown_tenant",
]

# What a tenant's token may be allowed.
SCOPES = (
    "orders:read",
    "orders:write",
    "pools",
    "settings",
    "clock",
    "catalogue",
    "credentials",
    "faults",
    "requests",
    "webhooks",
    "relay",
    PEOPLE,
    DIALECTS,
)

Guarded = Callable[[Call, Caller], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Guard:
    """A route's handler that runs only for callers who hold its scope: no route of the hub is without one."""

    scope: str
    handle: Guarded

    async def __call__(self, call: Call) -> Answer:
        who = await _caller(call, self.scope)
        answer = await self.handle(call, who)
        return limits.shown(call, answer)


def guarded(scope: str) -> Callable[[Guarded], Guard]:
    """Only for callers who hold `scope`."""
    assert scope == OPERATOR or scope in SCOPES, scope
    return lambda handle: Guard(scope, handle)


async def _caller(call: Call, scope: str) -> Caller:
    token = bearer(call)
    credential = await call.hub.credential("hub", digest(token)) if token else None
    if credential is None:
        raise unknown_token()
    await limits.count(call, credential)
    if not holds(credential, scope):
        raise lacking(scope)
    assert call.caller is not None
    return call.caller


def unknown_token() -> HTTPFault:
    message = "Authorization: Bearer <hub token> is missing or unknown"
    return HTTPFault(Fault(FaultKind.UNAUTHENTICATED, message))


def lacking(scope: str) -> HTTPFault:
    return HTTPFault(Fault(FaultKind.FORBIDDEN, lacks(scope)))


def unknown_tenant(name: str) -> CommandRejected:
    return CommandRejected(Rejected(Reason.RECORD_UNKNOWN, "tenant", f"no tenant {name}"))


async def tenant_of(call: Call, who: Caller, name: str) -> Tenant:
    """The tenant by name, when the caller reaches it; another's tenant answers like an unknown one.

    Raises TenantGone for a caller who was known a moment ago as one of a tenant that was put back since.
    """

    def find(reads: Reads) -> Tenant | None:
        tenant = reads.tenant(name)
        if tenant is None or who.tenant_id in (0, tenant.id):
            return tenant
        if not reads.tenants_among((who.tenant_id,)):
            raise TenantGone(who.tenant_id)
        return None

    tenant = await call.hub.read(find)
    if tenant is None:
        raise unknown_tenant(name)
    return tenant


async def tenant_id_asked(call: Call, who: Caller, name: str, what: str) -> int:
    """Whose `what` is meant: an operator says it with the parameter `tenant`, a tenant's token knows it."""
    if name:
        return (await tenant_of(call, who, name)).id
    if not who.tenant_id:
        message = f"tenant is required: whose {what}?"
        raise invalid(WireFault("tenant", "missing", message))
    return who.tenant_id


async def tenant_in_path(call: Call, who: Caller) -> Tenant:
    return await tenant_of(call, who, call.params["tenant"])


def origin_in(call: Call, who: Caller, tenant_id: int) -> Origin:
    """The origin of a command in a tenant: an operator's commands belong to the tenant they change."""
    return call.origin(
        Caller(credential=who.credential, tenant_id=tenant_id), call.body, channel="hub"
    )
