"""/hub/v1/connections: the vendors that a tenant's orders are handed on to."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec

from orderhub.core import listings
from orderhub.core.commands import PutRecords, RecordChange
from orderhub.core.connections import RECORD_KIND, Connection
from orderhub.core.facts import Accepted, Record
from orderhub.core.queries import Reads, RecordQuery
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.client import Client, Learnt
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import (
    Answer,
    Call,
    Caller,
    CommandRejected,
    Route,
    WireFault,
    invalid,
)
from orderhub.web.hub_api.access import guarded, origin_in, tenant_id_asked
from orderhub.web.hub_api.bodies import (
    Body,
    Cursor,
    DialectName,
    IfMatch,
    Name,
    Query,
    body_of,
    if_match,
    query_of,
    refuse,
    up_to,
)
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.lists import exports, listed
from orderhub.web.hub_api.shaping import Instant, Page, Shape, exact_instant
from orderhub.web.hub_api.tables import columns_of
from orderhub.web.hub_api.vendor_accounts import asked_anew, same_as
from orderhub.web.hub_api.vendor_messages import address_of
from orderhub.web.port import HubPort

SCOPE = "relay"
MOST_CONNECTIONS = 50
MAX_PAGE = 200
_PLAIN = (
    "title",
    "base_url",
    "options",
    "most_calls",
    "window_s",
    "at_once",
    "timeout_s",
    "settle_s",
)

BaseUrl = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=2_000,
        description="what the vendor's paths come behind: https, and a public address unless the operator opens others",
        extra_json_schema={"format": "uri"},
    ),
]
Credentials = Annotated[
    dict[str, str],
    msgspec.Meta(description="what the vendor knows you by; kept encrypted, and never shown"),
]
Options = Annotated[dict[str, str], msgspec.Meta(description="what else its client is told")]
MostCalls = Annotated[
    int,
    msgspec.Meta(
        ge=0,
        le=100_000,
        description="at most so many calls within `window_s`, if that is less than the vendor's limits; 0 = no less",
    ),
]
WindowSeconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
AtOnce = Annotated[int, msgspec.Meta(ge=1, le=64, description="hand-overs under way at once")]
TimeoutSeconds = Annotated[
    float,
    msgspec.Meta(ge=0, le=60, description="for one call; 0 = as the vendor's client has it"),
]
SettleSeconds = Annotated[
    float,
    msgspec.Meta(
        ge=0,
        le=3_600,
        description="how long after a call without an answer the vendor may still be at it",
    ),
]


class OfTenant(Query, frozen=True, kw_only=True):
    tenant: Annotated[str, msgspec.Meta(description="an operator says whose")] = ""


class ListConnections(OfTenant, frozen=True, kw_only=True):
    limit: Annotated[int, up_to(MAX_PAGE)] = 50
    cursor: Cursor = ""


class NewConnection(Body, frozen=True, kw_only=True):
    """A vendor's API, and what it knows you by."""

    dialect: DialectName
    base_url: BaseUrl
    credentials: Credentials
    title: Name = ""
    options: Options = msgspec.field(default_factory=dict)
    most_calls: MostCalls = 0
    window_s: WindowSeconds = 1.0
    at_once: AtOnce = 8
    timeout_s: TimeoutSeconds = 0.0
    settle_s: SettleSeconds = 30.0
    sends_key: Annotated[
        bool,
        msgspec.Meta(
            description="an `Idempotency-Key` goes along, which a hub as the vendor reads"
        ),
    ] = True
    enabled: bool = True


class ConnectionChange(Body, frozen=True, kw_only=True):
    """The members given replace the stored ones; of `credentials` those that are named."""

    same_account: Annotated[
        bool,
        msgspec.Meta(
            description="it is the same account under another address or login: what is there is there still"
        ),
    ] = False
    base_url: BaseUrl | None = None
    credentials: Credentials | None = None
    title: Name | None = None
    options: Options | None = None
    most_calls: MostCalls | None = None
    window_s: WindowSeconds | None = None
    at_once: AtOnce | None = None
    timeout_s: TimeoutSeconds | None = None
    settle_s: SettleSeconds | None = None
    sends_key: bool | None = None
    enabled: bool | None = None


class ConnectionShown(Shape, frozen=True, kw_only=True):
    """A connection, never with its credentials.

    credentials   which are kept
    records_only  it only keeps what was sold, so that another connection may have the same lines
    """

    id: str
    dialect: str
    title: str | None
    base_url: str
    credentials: tuple[str, ...]
    options: dict[str, str]
    most_calls: int
    window_s: float
    at_once: int
    timeout_s: float
    settle_s: float
    sends_key: bool
    records_only: bool
    enabled: bool
    created_at: Instant


class ConnectionStanding(ConnectionShown, frozen=True, kw_only=True):
    """A connection, and how it goes.

    planned, sending, unsure  how many hand-overs are that
    failing       why it is left alone, or why no news of it can be had; null = it works
    resume_at     until when
    messages_path where the vendor may send its webhooks, behind this hub's address; null = it has none
    """

    planned: int
    sending: int
    unsure: int
    failing: str | None
    resume_at: Instant | None
    messages_path: str | None


class Probed(Shape, frozen=True, kw_only=True):
    """What one harmless call came to. `facts` are what it learnt, by name."""

    ok: bool
    about: str
    facts: dict[str, str]


@guarded(SCOPE)
async def list_connections(call: Call, who: Caller) -> Answer:
    """In the order in which they were made, each with how it goes."""
    given = query_of(call, ListConnections)
    tenant_id = await tenant_id_asked(call, who, given.tenant, "connections")
    hub = port(call)

    async def ask(cursor: str, limit: int) -> Page[ConnectionStanding]:
        sought = RecordQuery(
            tenant_id=tenant_id, kind=RECORD_KIND, after_id=int(cursor or 0), limit=limit + 1
        )

        def look(reads: Reads) -> tuple[tuple[ConnectionStanding, ...], str | None]:
            found = reads.records(sought)
            more = str(found[limit - 1].id) if len(found) > limit else None
            return tuple(_standing(hub, reads, each) for each in found[:limit]), more

        items, more = await call.hub.read(look)
        return Page(items=items, next_cursor=more)

    columns = columns_of(ConnectionStanding)
    return await listed(call, "connections", ask, columns, cursor=given.cursor, limit=given.limit)


@guarded(SCOPE)
async def get_connection(call: Call, who: Caller) -> Answer:
    """One connection, never with its credentials."""
    hub, tenant_id = port(call), await tenant_id_of(call, who)

    def look(reads: Reads) -> tuple[ConnectionStanding, int]:
        found = connection_named(reads, tenant_id, call.params["id"])
        return _standing(hub, reads, found), found.version

    shown, version = await call.hub.read(look)
    return Answer(200, encode(shown), (etag(version),))


@guarded(SCOPE)
async def create_connection(call: Call, who: Caller) -> Answer:
    """A new connection. Nothing goes there before a route says what; `test` sees whether it works."""
    tenant_id = await tenant_id_of(call, who)
    given = body_of(call, NewConnection)
    client = client_of(call, given.dialect)
    await _refuse_misfit(call, tenant_id, client, given.base_url, given.credentials, given.options)
    have = RecordQuery(tenant_id=tenant_id, kind=RECORD_KIND)
    if await call.hub.read(lambda reads: reads.count_records(have)) >= MOST_CONNECTIONS:
        why = f"a tenant has at most {MOST_CONNECTIONS} connections"
        raise CommandRejected(Rejected(Reason.TRANSITION_NOT_ALLOWED, "", why))
    doc = Connection(
        dialect=given.dialect,
        credentials=_encrypted(call, given.credentials),
        records_only=client.records_only,
        sends_key=given.sends_key,
        is_enabled=given.enabled,
        created_at=call.received_at,
        **{name: getattr(given, name) for name in _PLAIN},
    )
    command = PutRecords(
        origin=_origin(call, who, tenant_id), changes=(RecordChange(kind=RECORD_KIND, doc=doc),)
    )

    def answer(accepted: Accepted) -> Answer:
        (made,) = accepted.result
        return Answer(
            201, encode(_shown(made)), (etag(made.version), ("Location", f"{_ALL}/{made.uid}"))
        )

    return await call.respond(command, answer, secret_answer=True)


@guarded(SCOPE)
async def change_connection(call: Call, who: Caller) -> Answer:
    """Another address, other credentials, on or off. `If-Match` with its version guards against a lost update (412)."""
    tenant_id = await tenant_id_of(call, who)
    found = await found_in(call, tenant_id, RECORD_KIND)
    given = body_of(call, ConnectionChange)
    said = {name: getattr(given, name) for name in (*_PLAIN, "sends_key")}
    members: dict[str, Any] = {name: each for name, each in said.items() if each is not None}
    if given.enabled is not None:
        members["is_enabled"] = given.enabled
    if found is not None:
        doc: Connection = found.doc
        shown = dict.fromkeys(doc.credentials, "kept") | (given.credentials or {})
        url, options = given.base_url or doc.base_url, members.get("options", doc.options)
        await _refuse_misfit(call, tenant_id, client_of(call, doc.dialect), url, shown, options)
        if given.credentials:
            members["credentials"] = doc.credentials | _encrypted(call, given.credentials)
        members |= same_as(call, found, members, is_same=given.same_account)

    def answer(accepted: Accepted) -> Answer:
        (after,) = accepted.result
        return Answer(200, encode(_shown(after)), (etag(after.version),))

    # Credentials are encrypted otherwise each time: only who saw what stood may put others in its place.
    is_guarded = given.credentials or "same_as" in members
    version = found.version if found is not None and is_guarded else None
    command = changing(call, who, tenant_id, RECORD_KIND, found, members, version)
    outcome = await call.submit(command, answer, secret_answer=True)
    if outcome.accepted is not None and not call.is_dry_run:
        (after,) = outcome.accepted.result
        await asked_anew(call, found, after)
    return outcome.answer


@guarded(SCOPE)
async def delete_connection(call: Call, who: Caller) -> Answer:
    """Only once no route leads there and nothing waits. What was handed over stays, as history; listings go."""
    if_match(call)  # what is no version is refused as such, whatever stands in the way
    tenant_id = await tenant_id_of(call, who)
    found = await found_in(call, tenant_id, RECORD_KIND)

    def look(reads: Reads) -> tuple[Record, ...]:
        assert found is not None
        if open_there := sum(reads.relay.counts(tenant_id, found.id).values()):
            why = f"{open_there} hand-overs there are not settled: send, place or drop them first"
            raise CommandRejected(Rejected(Reason.TRANSITION_NOT_ALLOWED, "handover", why))
        sought = RecordQuery(
            tenant_id=tenant_id,
            kind=listings.RECORD_KIND,
            by="connection",
            values=(str(found.id),),
            limit=10_000,
        )
        return reads.records(sought)

    listed_there = await call.hub.read(look) if found is not None else ()
    command = changing(call, who, tenant_id, RECORD_KIND, found, None)
    gone = tuple(RecordChange(kind=each.kind, id=each.id) for each in listed_there)
    command = msgspec.structs.replace(command, changes=(*command.changes, *gone))
    outcome = await call.submit(command, lambda _accepted: Answer(204, b""))
    if outcome.accepted is not None and found is not None and not call.is_dry_run:
        await port(call).write(port(call).ledger.relay.forget, tenant_id, found.id)
    return outcome.answer


@guarded(SCOPE)
async def try_connection(call: Call, who: Caller) -> Answer:
    """One harmless call to the vendor, and what it learnt: whose account it is, whether it lets you in."""
    tenant_id = await tenant_id_of(call, who)
    name = call.params["id"]
    found = await call.hub.read(lambda reads: connection_named(reads, tenant_id, name))
    if call.is_dry_run:
        return Answer(200, encode(Probed(ok=False, about="a dry run calls nobody", facts={})))
    line = line_to(call, found)
    end = await line.talk(line.client.probe)
    if isinstance(end, Learnt):
        return Answer(200, encode(Probed(ok=True, about=end.about, facts=dict(end.facts))))
    about = getattr(end, "reason", "its answer cannot be read")
    return Answer(200, encode(Probed(ok=False, about=about, facts={})))


# --- what routes, listings and hand-overs need too


async def tenant_id_of(call: Call, who: Caller) -> int:
    """The tenant whose connection is meant."""
    return await tenant_id_asked(call, who, query_of(call, OfTenant).tenant, "connection")


def connection_named(reads: Reads, tenant_id: int, name: str) -> Record:
    """The tenant's connection of that id. Raises CommandRejected; another tenant's is as unknown as any."""
    found = reads.record(tenant_id, RECORD_KIND, "uid", name.lower())
    if found is None:
        raise CommandRejected(
            Rejected(Reason.RECORD_UNKNOWN, "connection", f"no connection {name[:40]}")
        )
    return found


def record_named(reads: Reads, tenant_id: int, kind: str, name: str) -> Record:
    """The tenant's record of that id. Raises CommandRejected."""
    found = reads.record(tenant_id, kind, "uid", name.lower())
    if found is None:
        raise CommandRejected(Rejected(Reason.RECORD_UNKNOWN, "id", f"no {kind} {name[:40]}"))
    return found


def client_of(call: Call, dialect: str) -> Client:
    """Raises HTTPFault(INVALID) for a vendor that the hub does not speak to."""
    clients: dict[str, Client] = port(call).relayer.clients
    if dialect not in clients:
        raise refuse("dialect", f"dialect is one of {', '.join(sorted(clients))}")
    return clients[dialect]


def line_to(call: Call, connection: Record) -> Any:
    """A way to the vendor. Raises HTTPFault(INVALID) where it cannot be opened."""
    try:
        return port(call).relayer.line(connection)
    except (ValueError, KeyError) as error:
        raise refuse("connection", f"it cannot be used: {error}") from None


async def found_in(call: Call, tenant_id: int, kind: str) -> Record | None:
    """The record of the path. None is for the command to refuse: a repeat of one that was done is no refusal."""
    name = call.params["id"].lower()
    return await call.hub.read(lambda reads: reads.record(tenant_id, kind, "uid", name))


def changing(
    call: Call,
    who: Caller,
    tenant_id: int,
    kind: str,
    found: Record | None,
    members: dict[str, Any] | None,
    if_version: int | None = None,
) -> PutRecords:
    """These members in the place of the stored ones and no other touched; None = it is deleted."""
    changes: tuple[RecordChange, ...] = ()
    if found is not None:
        asked = if_match(call)
        change = RecordChange(
            kind=kind,
            id=found.id,
            if_version=if_version if asked is None else asked,
            members=None if members is None else msgspec.to_builtins(members),
        )
        changes = (change,)
    return PutRecords(
        origin=_origin(call, who, tenant_id),
        changes=changes,
        exists=((kind, "uid", call.params["id"].lower()),),
        once=True,
    )


def etag(version: int) -> tuple[str, str]:
    return ("ETag", f'"{version}"')


def _origin(call: Call, who: Caller, tenant_id: int) -> Any:
    """Whose request is not kept: it may hold credentials."""
    return msgspec.structs.replace(origin_in(call, who, tenant_id), request="")


# --- checks


async def _refuse_misfit(
    call: Call,
    tenant_id: int,
    client: Client,
    url: str,
    credentials: dict[str, str],
    options: dict[str, str],
) -> None:
    """Raises HTTPFault(INVALID) with everything that is wrong with what is said of a connection."""
    faults: list[WireFault] = []
    for where, given, members in (
        ("credentials", credentials, client.credentials),
        ("options", options, client.options),
    ):
        known = {each.name: each for each in members}
        for name in given:
            if name not in known:
                there = ", ".join(known) or "none"
                faults.append(_fault(f"{where}.{name}", f"is not known: there are {there}"))
        for each in members:
            value = given.get(each.name, "")
            if not value and each.is_needed:
                at = f"{where}.{each.name}"
                faults.append(WireFault(at, "missing", f"{at} is required: {each.about}"))
            elif value not in ("", "kept") and not re.fullmatch(each.pattern or ".*", value):
                faults.append(_fault(f"{where}.{each.name}", f"is no such thing: {each.about}"))
    if refused := await port(call).refusal_of_target(tenant_id, url):
        faults.append(_fault("base_url", refused))
    elif "?" in url:
        faults.append(_fault("base_url", "has a query: paths come behind it"))
    if faults:
        raise invalid(*faults)


def _fault(at: str, why: str) -> WireFault:
    return WireFault(at, "value", f"{at} {why}")


def _encrypted(call: Call, credentials: dict[str, str]) -> dict[str, str]:
    try:
        return {name: call.hub.cipher.encrypt(text) for name, text in credentials.items()}
    except ValueError as error:
        raise refuse("credentials", str(error)) from None


# --- shapes


def _members(record: Record) -> dict[str, Any]:
    doc: Connection = record.doc
    return {
        "id": record.uid,
        "credentials": tuple(sorted(doc.credentials)),
        "enabled": doc.is_enabled,
    }


def _shown(record: Record) -> ConnectionShown:
    return ConnectionShown.of(record.doc, **_members(record))


def _standing(hub: HubPort, reads: Reads, record: Record) -> ConnectionStanding:
    counts = reads.relay.counts(record.tenant_id, record.id)
    state = reads.relay.state(record.tenant_id, record.id)
    return ConnectionStanding.of(
        record.doc,
        **_members(record),
        planned=counts.get("planned", 0),
        sending=counts.get("sending", 0),
        unsure=counts.get("unsure", 0),
        failing=state.reason or None if state is not None else None,
        resume_at=exact_instant(state.resume_at) if state and state.resume_at else None,
        messages_path=address_of(hub, record),
    )


_ALL = "/hub/v1/connections"
ONE = f"{_ALL}/{{id}}"

ROUTES = (
    Route(
        "GET",
        _ALL,
        list_connections,
        "Connections, and how each goes",
        query=ListConnections,
        answers={200: (Page[ConnectionStanding], *exports(ConnectionStanding))},
    ),
    Route(
        "POST",
        _ALL,
        create_connection,
        "A new connection",
        query=OfTenant,
        request=NewConnection,
        answers={201: ConnectionShown},
        mutates=True,
        idempotency_key=False,
    ),
    Route(
        "GET",
        ONE,
        get_connection,
        "One connection",
        query=OfTenant,
        answers={200: ConnectionStanding},
    ),
    Route(
        "PATCH",
        ONE,
        change_connection,
        "Change a connection, switch it off or on",
        query=OfTenant,
        headers=IfMatch,
        request=ConnectionChange,
        optional_body=True,
        answers={200: ConnectionShown},
        mutates=True,
        idempotency_key=False,
    ),
    Route(
        "DELETE",
        ONE,
        delete_connection,
        "Delete a connection",
        query=OfTenant,
        headers=IfMatch,
        answers={204: None},
        mutates=True,
    ),
    Route(
        "POST",
        f"{ONE}/test",
        try_connection,
        "See whether a connection works",
        query=OfTenant,
        answers={200: Probed},
        mutates=True,
        idempotency_key=False,
    ),
)
