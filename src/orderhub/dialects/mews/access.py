"""Who calls, and for which enterprises: tokens in the body, as the vendor takes them, or the hub's own bearer."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

import msgspec

from orderhub.core.access import Credential
from orderhub.core.accounts import Enterprise
from orderhub.core.commands import Origin
from orderhub.core.queries import Reads
from orderhub.core.values import Settings
from orderhub.dialects.auth import curl, digest, drawn, hub_caller
from orderhub.dialects.codec import decode_object, encode, switches, without
from orderhub.dialects.contract import (
    Answer,
    Call,
    Caller,
    CredentialKind,
    Fault,
    FaultKind,
    HTTPFault,
    Shown,
    WireFault,
    invalid,
)
from orderhub.dialects.mews.data import Switches
from orderhub.dialects.mews.wire import Request, convert
from orderhub.dialects.mews.words import TooHeavy, too_heavy

NAME = "mews"
SECRETS = ("ClientToken", "AccessToken")
# The vendor's limit: requests per access token, in a sliding window.
RATE_LIMIT = 200
RATE_WINDOW_S = 30.0
MOST_ROWS = 1000  # of a page
_TOKENS = ("ClientToken", "AccessToken", "Client")
# By which member an operation says whose things it means; one that has none of these is a list by `EnterpriseIds`.
_SCOPES = ("EnterpriseId", "ChainId", "ChainIds")
_EMPTY = b"{}"


@dataclass(slots=True)
class Session:
    """One authenticated call. `tenants` are all that it reaches; more than one only for a portfolio."""

    call: Call
    caller: Caller
    members: dict[str, Any]
    tenants: tuple[int, ...]

    @property
    def tenant_id(self) -> int:
        return self.caller.tenant_id

    def may(self, permission: str, *, default: bool = False) -> bool:
        """A permission of the integration, kept with its credential."""
        granted = self.caller.credential.data.get(permission, default)
        return granted is True

    def origin(self) -> Origin:
        return self.call.origin(self.caller, without(self.members, SECRETS))

    async def settings(self) -> Settings:
        return await self.call.hub.settings(self.tenant_id)

    async def now_us(self) -> int:
        """The tenant's time."""
        return (await self.settings()).clock.at(self.call.received_at)

    async def zone_of(self, enterprise: Enterprise) -> str:
        """The time zone that its days are of."""
        return enterprise.time_zone or (await self.settings()).time_zone

    def answer(self, body: Any, *, empty: bool = False) -> Answer:
        """200 with the body; 204 without one when it is empty and the client prefers that."""
        if empty and prefers_minimal(self.call):
            return Answer(204, b"")
        return Answer(200, encode(body))


def nothing(call: Call) -> Answer:
    """The answer of an operation that returns `{}`."""
    return Answer(204, b"") if prefers_minimal(call) else Answer(200, _EMPTY)


def prefers_minimal(call: Call) -> bool:
    preferences = call.header("prefer").lower().replace(" ", "")
    return "return=minimal" in preferences.replace(";", ",").split(",")


Operation = Callable[[Session, Any], Awaitable[Answer]]


def handler(model: type[Request], operation: Operation) -> Callable[[Call], Awaitable[Answer]]:
    """Decode, authenticate, check the shape, then do it: tokens are judged before parameters."""
    scope = next((name for name in _SCOPES if name in model.__struct_fields__), "EnterpriseIds")
    is_list = "Limitation" in model.__struct_fields__

    async def handle(call: Call) -> Answer:
        if call.hub.is_crowded:
            await _let_in(call)
        _must_be_json(call)
        members = decode_object(call.body, mends=True)  # as .NET reads texts
        session = await open_session(call, members)
        if is_list:
            members = await _with_limitation(session)
        body = convert(members, model)
        await _choose_enterprise(session, scope)
        try:
            return await operation(session, body)
        except TooHeavy as problem:
            return too_heavy(call, str(problem))

    handle.__doc__ = operation.__doc__
    return handle


def _must_be_json(call: Call) -> None:
    media = call.header("content-type").partition(";")[0].strip().lower()
    if media != "application/json":
        raise HTTPFault(Fault(FaultKind.UNSUPPORTED_MEDIA, media[:64]))


async def _with_limitation(session: Session) -> dict[str, Any]:
    """The body. Where a tenant has old clients that limit nothing, they get what a page holds at most."""
    given = session.members.get("Limitation")
    limits = given if isinstance(given, dict) else {}
    if limits.get("Count") is not None or not (given is None or isinstance(given, dict)):
        return session.members
    if not switches(await session.settings(), NAME, Switches).limitation_optional:
        return session.members
    return {**session.members, "Limitation": {**limits, "Count": MOST_ROWS}}


async def open_session(call: Call, members: dict[str, Any]) -> Session:
    """The hub's own bearer token, else ClientToken and AccessToken. Raises HTTPFault(UNAUTHENTICATED)."""
    caller = await hub_caller(call)
    if caller is None:
        caller = await _vendor_caller(call, members)
        call.caller = caller
    for name in (
        _TOKENS
    ):  # the hub's own token needs none of them, and what is there has its type all the same
        if not isinstance(members.get(name, ""), str):
            raise invalid(WireFault(name, "type", f"{name} is text"))
    tenants = caller.credential.tenants or (caller.tenant_id,)
    return Session(call, caller, members, tenants)


class _Shown(msgspec.Struct):
    """What is read of a body to know whose it is. All else of it is passed over, which costs little."""

    ClientToken: str = ""
    AccessToken: str = ""


_SHOWN = msgspec.json.Decoder(_Shown)


async def _let_in(call: Call) -> None:
    """HTTPFault(BUSY) when the tokens are those of a tenant that crowds; whatever else is wrong is said later."""
    if await hub_caller(call) is not None:
        return
    try:
        shown = _SHOWN.decode(call.body)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return
    credential = await call.hub.credential(NAME, digest(shown.AccessToken))
    if credential is not None and _is_of(credential, shown.ClientToken):
        call.caller = _caller(credential)


def _is_of(credential: Credential, client_token: str) -> bool:
    return hmac.compare_digest(digest(client_token), str(credential.data.get("client", "")))


def _caller(credential: Credential) -> Caller:
    tenant_id = credential.tenant_id or (credential.tenants[0] if credential.tenants else 0)
    return Caller(credential=credential, tenant_id=tenant_id)


async def _vendor_caller(call: Call, members: dict[str, Any]) -> Caller:
    for name in _TOKENS:
        token = members.get(name)
        if not isinstance(token, str) or not token:
            raise invalid(WireFault(name, "missing", f"{name} is required"))
    credential = await call.hub.credential(NAME, digest(members["AccessToken"]))
    if credential is None:
        raise HTTPFault(Fault(FaultKind.UNAUTHENTICATED, "no such AccessToken, or it is disabled"))
    call.tenant_id = credential.tenant_id
    if not _is_of(credential, members["ClientToken"]):
        raise HTTPFault(
            Fault(FaultKind.UNAUTHENTICATED, "the ClientToken is another application's")
        )
    _refuse_flood(call, credential)
    return _caller(credential)


def _refuse_flood(call: Call, credential: Credential) -> None:
    limit = credential.data.get("rate_limit", RATE_LIMIT)
    if not call.hub.rate_limits or not limit:
        return
    wait_s = call.hub.windows.allow(f"{NAME}:{credential.id}", int(limit), RATE_WINDOW_S)
    if wait_s:
        raise HTTPFault(Fault(FaultKind.RATE_LIMITED, retry_after_s=ceil(wait_s)))


async def _choose_enterprise(session: Session, scope: str) -> None:
    """A portfolio token says by `scope` which of its enterprises it means; disabled enterprises are closed."""
    if session.caller.credential.tenants:
        if scope in ("EnterpriseId", "ChainId"):
            await _choose_one(session, scope)
        else:
            await _choose_some(session, scope)
    for tenant_id in session.tenants:
        settings = await session.call.hub.settings(tenant_id)
        if switches(settings, NAME, Switches).disabled:
            raise HTTPFault(Fault(FaultKind.UNAUTHENTICATED, "the enterprise is disabled"))


async def _choose_one(session: Session, name: str) -> None:
    wanted = session.members.get(name)
    if not wanted or not isinstance(wanted, str):
        raise invalid(WireFault(name, "missing", f"a portfolio token needs {name}"))
    found = await session.call.hub.read(
        lambda reads: [
            tenant_id
            for tenant_id in session.tenants
            if _bears(enterprise_of(reads, tenant_id), name, wanted.lower())
        ]
    )
    if not found:
        raise invalid(WireFault(name, "value", f"{name} is not in the scope of the token"))
    caller = session.caller
    session.caller = Caller(credential=caller.credential, tenant_id=found[0])
    session.call.caller = session.caller
    session.tenants = (found[0],)


def _bears(enterprise: Enterprise | None, name: str, wanted: str) -> bool:
    if enterprise is None:
        return False
    return wanted == (enterprise.uid if name == "EnterpriseId" else chain_of(enterprise))


async def _choose_some(session: Session, name: str) -> None:
    """`EnterpriseIds` of a list; customers and companies go by `ChainIds`. None = all in scope."""
    if not session.members.get(name):
        name = "EnterpriseIds"
    wanted = session.members.get(name)
    if not wanted:
        return
    if not isinstance(wanted, list) or not all(isinstance(uid, str) for uid in wanted):
        raise invalid(WireFault(name, "type", f"{name} are a list of ids"))
    uids = {uid.lower() for uid in wanted}

    def look(reads: Reads) -> tuple[list[int], set[str]]:
        chosen, seen = [], set()
        for tenant_id in session.tenants:
            enterprise = enterprise_of(reads, tenant_id)
            if enterprise is not None:
                uid = chain_of(enterprise) if name == "ChainIds" else enterprise.uid
                if uid in uids:
                    chosen.append(tenant_id)
                    seen.add(uid)
        return chosen, seen

    chosen, seen = await session.call.hub.read(look)
    if seen != uids:
        raise invalid(WireFault(name, "value", f"{name} are not in the scope of the token"))
    session.tenants = tuple(chosen)


def enterprise_of(reads: Reads, tenant_id: int) -> Enterprise | None:
    """The property behind a tenant."""
    record = reads.record(tenant_id, "enterprise", "all", "")
    return None if record is None else record.doc


def chain_of(enterprise: Enterprise) -> str:
    """A property that belongs to no chain is one of its own."""
    return enterprise.chain or enterprise.uid


class Properties:
    """The properties behind tenants, each read once."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._found: dict[int, Enterprise] = {}

    def of(self, tenant_id: int) -> Enterprise:
        """A tenant that only other doors set up is a property without an id of its own."""
        if tenant_id not in self._found:
            self._found[tenant_id] = enterprise_of(self._reads, tenant_id) or Enterprise(
                id=0, uid="", name=self._reads.settings(tenant_id).name
            )
        return self._found[tenant_id]


_CLIENT = "client"


def _complete(shown: Shown) -> Shown:
    if not (shown.digests.get(_CLIENT) or shown.data.get(_CLIENT)):
        message = (
            "digests.client is the ClientToken of the application, "
            "which its calls show beside the AccessToken"
        )
        raise invalid(WireFault("digests.client", "missing", message))
    return msgspec.structs.replace(shown, token=shown.token or drawn(NAME))


def _command(shown: Shown, base_url: str) -> str:
    client = shown.digests.get(_CLIENT, "")
    if not client:
        return ""
    body = {
        "ClientToken": client,
        "AccessToken": shown.token,
        "Client": "curl",
        "Limitation": {"Count": 10},
    }
    return curl(
        f"{base_url}/api/connector/v1/enterprises/getAll",
        "-H",
        "Content-Type: application/json",
        "-d",
        encode(body).decode(),
    )


# What callers show: the access token of an enterprise, and the client token of their application.
KINDS = (
    CredentialKind(
        name=NAME,
        needs=(
            "`digests.client`, the application's ClientToken; `token` to keep an AccessToken; "
            "`tenants` for a portfolio (operators)"
        ),
        drawn="`token`, the AccessToken",
        example={"kind": NAME, "digests": {_CLIENT: "ClientToken"}},
        complete=_complete,
        command=_command,
        digests=(_CLIENT,),
        is_portfolio=True,
    ),
)
