"""The vendors that orders are handed on to: made, tried, changed, removed. The rules are the API's.

Whoever says credentials, or where they are sent, says who they are once more before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from orderhub.core.reach import CREDENTIALS
from orderhub.dialects.client import Client, Member
from orderhub.dialects.contract import Answer, Call
from orderhub.web.desk.forms import Form
from orderhub.web.desk.inner import ask, file, tell, wanted
from orderhub.web.desk.language import N_
from orderhub.web.desk.orders import titles_of
from orderhub.web.desk.page import Visitor, form, go, page, show
from orderhub.web.hub_api import connections
from orderhub.web.hub_api.connections import (
    SCOPE,
    ConnectionShown,
    ConnectionStanding,
    Probed,
    connection_named,
)
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.shaping import Page

PATH = "/desk/connections"

Text = Annotated[str, msgspec.Meta(max_length=2_000)]


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    """Credentials and options are read apart: their names are the vendor's."""

    base_url: Text
    title: Text = ""
    most_calls: int = 0
    window_s: float = 1.0
    at_once: int = 8
    timeout_s: float = 0.0
    settle_s: float = 30.0
    sends_key: bool = False
    enabled: bool = False


class _Version(msgspec.Struct, frozen=True):
    version: int


class _Change(_Version, frozen=True):
    same_account: bool = False


class Connections(msgspec.Struct, frozen=True, kw_only=True):
    """`vendors` as (dialect, title)."""

    rows: tuple[ConnectionStanding, ...]
    titles: dict[str, str]
    vendors: tuple[tuple[str, str], ...]


class ConnectionForm(msgspec.Struct, frozen=True, kw_only=True):
    """`connection` None: a new one."""

    path: str
    dialect: str
    vendor: str
    credentials: tuple[Member, ...]
    options: tuple[Member, ...]
    connection: ConnectionStanding | None = None
    version: int = 0


class OneConnection(msgspec.Struct, frozen=True, kw_only=True):
    connection: ConnectionStanding
    version: int
    path: str
    vendor: str
    marker: str
    has_items: bool
    needs_listings: bool


async def every(call: Call, visitor: Visitor, sent: Form) -> Answer:
    if media := wanted(call):
        return await file(call, visitor, connections.list_connections, media)
    most = {"limit": str(connections.MAX_PAGE)}
    operation = connections.list_connections
    found = await ask(call, visitor, operation, Page[ConnectionStanding], query=most)
    titles = titles_of(call)
    vendors = tuple((name, titles.get(name, name)) for name in sorted(_clients(call)))
    context = Connections(rows=found.items, titles=titles, vendors=vendors)
    return show(call, visitor, "connections.html", context, sent)


async def new(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """The form for one vendor's: what it asks for is particular to it."""
    clients = _clients(call)
    dialect = sent.first("dialect") or call.query.get("dialect", "")
    if dialect not in clients:
        return go(call, PATH)
    context = ConnectionForm(
        path=f"{PATH}/new",
        dialect=dialect,
        vendor=titles_of(call).get(dialect, dialect),
        credentials=clients[dialect].credentials,
        options=clients[dialect].options,
    )
    return show(call, visitor, "connection_form.html", context, sent)


async def make(call: Call, visitor: Visitor, sent: Form) -> Answer:
    dialect = sent.first("dialect")
    client = _clients(call).get(dialect)
    if client is None:
        return go(call, PATH)
    body = {"dialect": dialect, **_body(sent, client)}
    made = await ask(call, visitor, connections.create_connection, ConnectionShown, body=body)
    text = N_("It is made. Try it, then say by a route which orders go there.")
    return go(call, f"{PATH}/{made.id}", done=visitor.say(text))


async def one(call: Call, visitor: Visitor, sent: Form) -> Answer:
    connection, version = await _standing(call, visitor)
    client = _clients(call).get(connection.dialect, Client())
    context = OneConnection(
        connection=connection,
        version=version,
        path=f"{PATH}/{connection.id}",
        vendor=titles_of(call).get(connection.dialect, connection.dialect),
        marker=client.marker,
        has_items=client.has("items"),
        needs_listings=client.needs_listings,
    )
    return show(call, visitor, "connection.html", context, sent)


async def changing(call: Call, visitor: Visitor, sent: Form) -> Answer:
    connection, version = await _standing(call, visitor)
    client = _clients(call).get(connection.dialect, Client())
    context = ConnectionForm(
        path=f"{PATH}/{connection.id}/change",
        dialect=connection.dialect,
        vendor=titles_of(call).get(connection.dialect, connection.dialect),
        credentials=client.credentials,
        options=client.options,
        connection=connection,
        version=version,
    )
    return show(call, visitor, "connection_form.html", context, sent)


async def change(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """A credential that is left empty stays as it is."""
    connection, _ = await _standing(call, visitor)
    given = sent.read(_Change)
    body = _body(sent, _clients(call).get(connection.dialect, Client()))
    if not body["credentials"]:
        del body["credentials"]
    body["same_account"] = given.same_account
    operation, name = connections.change_connection, _name(call)
    await tell(call, visitor, operation, path=name, body=body, version=given.version)
    return go(call, f"{PATH}/{connection.id}", done=visitor.say(N_("Saved.")))


async def remove(call: Call, visitor: Visitor, sent: Form) -> Answer:
    given, operation = sent.read(_Version), connections.delete_connection
    await tell(call, visitor, operation, path=_name(call), version=given.version)
    return go(call, PATH, done=visitor.say(N_("The connection is deleted.")))


async def test(call: Call, visitor: Visitor, _sent: Form) -> Answer:
    """One harmless call, and what it learnt."""
    operation, name = connections.try_connection, _name(call)
    found = await ask(call, visitor, operation, Probed, path=name)
    told = ", ".join((found.about, *(f"{key}: {each}" for key, each in found.facts.items())))
    text = N_("It works: %(what)s") if found.ok else N_("It does not work: %(what)s")
    return go(call, f"{PATH}/{call.params['uid']}", done=visitor.say(text, what=told[:300]))


# --- what they share


async def _standing(call: Call, visitor: Visitor) -> tuple[ConnectionStanding, int]:
    operation, tenant_id, name = connections.get_connection, visitor.at.id, _name(call)
    found = await ask(call, visitor, operation, ConnectionStanding, path=name)
    stored = await call.hub.read(lambda reads: connection_named(reads, tenant_id, found.id))
    return found, stored.version


def _name(call: Call) -> dict[str, str]:
    return {"id": call.params["uid"]}


def _clients(call: Call) -> dict[str, Client]:
    found: dict[str, Client] = port(call).relayer.clients
    return found


def _body(sent: Form, client: Client) -> dict[str, Any]:
    """Raises FormRefused."""
    given = sent.read(_Said)
    members: dict[str, Any] = msgspec.structs.asdict(given)
    members["credentials"] = _named(sent, "credentials", client.credentials)
    members["options"] = _named(sent, "options", client.options)
    return members


def _named(sent: Form, where: str, members: Sequence[Member]) -> dict[str, str]:
    texts = {each.name: sent.first(f"{where}.{each.name}").strip() for each in members}
    return {name: text for name, text in texts.items() if text}


ROUTES = (
    page(PATH, SCOPE, every),
    page(f"{PATH}/new", CREDENTIALS, new),
    form(f"{PATH}/new", CREDENTIALS, make, new),
    page(f"{PATH}/{{uid}}", SCOPE, one),
    page(f"{PATH}/{{uid}}/change", CREDENTIALS, changing),
    form(f"{PATH}/{{uid}}/change", CREDENTIALS, change, changing),
    form(f"{PATH}/{{uid}}/test", SCOPE, test, one),
    form(f"{PATH}/{{uid}}/delete", SCOPE, remove, one),
)
