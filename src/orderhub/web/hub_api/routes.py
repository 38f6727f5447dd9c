"""/hub/v1/routes: which orders go to which connection."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from orderhub.core.commands import PutRecords, RecordChange
from orderhub.core.connections import Connection
from orderhub.core.facts import Accepted, Record
from orderhub.core.queries import RecordQuery
from orderhub.core.routes import RECORD_KIND
from orderhub.core.routes import Route as Way
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Caller, Route, WireFault, invalid
from orderhub.web.hub_api.access import guarded, origin_in, tenant_id_asked
from orderhub.web.hub_api.bodies import (
    Body,
    Cursor,
    DialectName,
    IfMatch,
    Name,
    body_of,
    query_of,
    up_to,
)
from orderhub.web.hub_api.connections import (
    MAX_PAGE,
    SCOPE,
    OfTenant,
    changing,
    connection_named,
    etag,
    found_in,
    record_named,
    tenant_id_of,
)
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.lists import exports, listed
from orderhub.web.hub_api.shaping import Instant, Page, Shape
from orderhub.web.hub_api.tables import columns_of

_PLAIN = ("title", "when", "channels", "countries", "skus", "warehouses", "takes_all")

When = Annotated[
    Literal["placed", "paid"],
    msgspec.Meta(description="the status that an order must have reached"),
]
Channels = Annotated[
    tuple[DialectName, ...],
    msgspec.Meta(
        max_length=50,
        description="doors that orders came by; empty = all, but for what was only recorded here",
    ),
]
Country = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")]
Countries = Annotated[
    tuple[Country, ...],
    msgspec.Meta(max_length=250, description="where it is sent; empty = anywhere"),
]
Skus = Annotated[
    tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=200)], ...],
    msgspec.Meta(
        max_length=1_000, description="whole, or a beginning with * behind it; empty = all"
    ),
]
Warehouses = Annotated[
    tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=200)], ...],
    msgspec.Meta(max_length=200, description="codes, of where it leaves; empty = all"),
]
TakesAll = Annotated[
    bool,
    msgspec.Meta(
        description="all lines of an order go once one is meant; else those that are meant"
    ),
]


class ListRoutes(OfTenant, frozen=True, kw_only=True):
    limit: Annotated[int, up_to(MAX_PAGE)] = 50
    cursor: Cursor = ""


class NewRoute(Body, frozen=True, kw_only=True):
    """Which orders go to a connection. Refused where another route could take one of the same lines."""

    connection: Annotated[str, msgspec.Meta(min_length=1, max_length=36)]
    when: When = "paid"
    title: Name = ""
    channels: Channels = ()
    countries: Countries = ()
    skus: Skus = ()
    warehouses: Warehouses = ()
    takes_all: TakesAll = True
    enabled: bool = True


class RouteChange(Body, frozen=True, kw_only=True):
    """The members given replace the stored ones. What was planned by then stays planned."""

    when: When | None = None
    title: Name | None = None
    channels: Channels | None = None
    countries: Countries | None = None
    skus: Skus | None = None
    warehouses: Warehouses | None = None
    takes_all: TakesAll | None = None
    enabled: bool | None = None


class RouteShown(Shape, frozen=True, kw_only=True):
    """Which orders go to a connection."""

    id: str
    connection: str
    when: str
    title: str | None
    channels: tuple[str, ...]
    countries: tuple[str, ...]
    skus: tuple[str, ...]
    warehouses: tuple[str, ...]
    takes_all: bool
    enabled: bool
    created_at: Instant


@guarded(SCOPE)
async def list_routes(call: Call, who: Caller) -> Answer:
    """In the order in which they were made."""
    given = query_of(call, ListRoutes)
    tenant_id = await tenant_id_asked(call, who, given.tenant, "routes")

    async def ask(cursor: str, limit: int) -> Page[RouteShown]:
        sought = RecordQuery(
            tenant_id=tenant_id, kind=RECORD_KIND, after_id=int(cursor or 0), limit=limit + 1
        )
        found = await call.hub.read(lambda reads: reads.records(sought))
        more = str(found[limit - 1].id) if len(found) > limit else None
        return Page(items=tuple(map(_shown, found[:limit])), next_cursor=more)

    columns = columns_of(RouteShown)
    return await listed(call, "routes", ask, columns, cursor=given.cursor, limit=given.limit)


@guarded(SCOPE)
async def get_route(call: Call, who: Caller) -> Answer:
    """One route."""
    tenant_id = await tenant_id_of(call, who)
    name = call.params["id"]
    found = await call.hub.read(lambda reads: record_named(reads, tenant_id, RECORD_KIND, name))
    return Answer(200, encode(_shown(found)), (etag(found.version),))


@guarded(SCOPE)
async def create_route(call: Call, who: Caller) -> Answer:
    """Orders that come to `when` from now on are handed over; those that stand are not."""
    tenant_id = await tenant_id_of(call, who)
    given = body_of(call, NewRoute)
    _refuse_doors(call, given.channels)
    found = await call.hub.read(lambda reads: connection_named(reads, tenant_id, given.connection))
    to: Connection = found.doc
    doc = Way(
        connection=found.id,
        connection_uid=found.uid,
        records_only=to.records_only,
        is_enabled=given.enabled,
        created_at=call.received_at,
        **{name: getattr(given, name) for name in _PLAIN},
    )
    command = PutRecords(
        origin=origin_in(call, who, tenant_id),
        changes=(RecordChange(kind=RECORD_KIND, doc=doc),),
        exists=(("connection", "id", str(found.id)),),
    )

    def answer(accepted: Accepted) -> Answer:
        (made,) = accepted.result
        location = ("Location", f"{_ALL}/{made.uid}")
        return Answer(201, encode(_shown(made)), (etag(made.version), location))

    return await call.respond(command, answer)


@guarded(SCOPE)
async def change_route(call: Call, who: Caller) -> Answer:
    """Other orders, on or off. `If-Match` with its version guards against a lost update (412)."""
    tenant_id = await tenant_id_of(call, who)
    found = await found_in(call, tenant_id, RECORD_KIND)
    given = body_of(call, RouteChange)
    _refuse_doors(call, given.channels or ())
    said = {name: getattr(given, name) for name in _PLAIN}
    members: dict[str, Any] = {name: each for name, each in said.items() if each is not None}
    if given.enabled is not None:
        members["is_enabled"] = given.enabled

    def answer(accepted: Accepted) -> Answer:
        (after,) = accepted.result
        return Answer(200, encode(_shown(after)), (etag(after.version),))

    command = changing(call, who, tenant_id, RECORD_KIND, found, members)
    return await call.respond(command, answer)


@guarded(SCOPE)
async def delete_route(call: Call, who: Caller) -> Answer:
    """No more orders are planned by it; what was planned by then goes on."""
    tenant_id = await tenant_id_of(call, who)
    found = await found_in(call, tenant_id, RECORD_KIND)
    command = changing(call, who, tenant_id, RECORD_KIND, found, None)
    return await call.respond(command, lambda _accepted: Answer(204, b""))


def _refuse_doors(call: Call, channels: tuple[str, ...]) -> None:
    doors = [each.name for each in port(call).dialects]
    faults = [
        WireFault(
            f"channels[{index}]",
            "value",
            f"channels[{index}]: {door} is none of {', '.join(doors)}",
        )
        for index, door in enumerate(channels)
        if door not in doors
    ]
    if faults:
        raise invalid(*faults)


def _shown(record: Record) -> RouteShown:
    doc: Way = record.doc
    return RouteShown.of(doc, id=record.uid, connection=doc.connection_uid, enabled=doc.is_enabled)


_ALL = "/hub/v1/routes"
_ONE = f"{_ALL}/{{id}}"

_EXAMPLE = {
    "connection": "00000000-0000-4000-8000-000000000001",
    "when": "paid",
    "channels": ["anqicms"],
    "skus": ["TS_*"],
}

ROUTES = (
    Route(
        "GET",
        _ALL,
        list_routes,
        "Routes",
        query=ListRoutes,
        answers={200: (Page[RouteShown], *exports(RouteShown))},
    ),
    Route(
        "POST",
        _ALL,
        create_route,
        "A new route",
        query=OfTenant,
        request=NewRoute,
        examples={"what one door sells": {"value": _EXAMPLE}},
        answers={201: RouteShown},
        mutates=True,
    ),
    Route("GET", _ONE, get_route, "One route", query=OfTenant, answers={200: RouteShown}),
    Route(
        "PATCH",
        _ONE,
        change_route,
        "Change a route, switch it off or on",
        query=OfTenant,
        headers=IfMatch,
        request=RouteChange,
        optional_body=True,
        answers={200: RouteShown},
        mutates=True,
    ),
    Route(
        "DELETE",
        _ONE,
        delete_route,
        "Delete a route",
        query=OfTenant,
        headers=IfMatch,
        answers={204: None},
        mutates=True,
    ),
)
