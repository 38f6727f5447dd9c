"""Routes: which orders go to which vendor. The rules are the API's."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec

from orderhub.core.routes import RECORD_KIND
from orderhub.dialects.contract import Answer, Call
from orderhub.web.desk.forms import Form
from orderhub.web.desk.handing_on import vendors
from orderhub.web.desk.inner import ask, file, tell, wanted
from orderhub.web.desk.language import N_
from orderhub.web.desk.orders import titles_of
from orderhub.web.desk.page import Visitor, form, go, page, show
from orderhub.web.hub_api import routes
from orderhub.web.hub_api.connections import MAX_PAGE, SCOPE, record_named
from orderhub.web.hub_api.routes import RouteShown
from orderhub.web.hub_api.shaping import Page

PATH = "/desk/routes"
WHEN: tuple[tuple[str, str], ...] = (
    ("paid", N_("once it is paid")),
    ("placed", N_("as soon as it is placed")),
)
_BETWEEN = re.compile(r"[,，;；\s]+")

Text = Annotated[str, msgspec.Meta(max_length=20_000)]


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    """Countries and warehouses with commas or blanks, SKUs a line each; nothing = all."""

    when: Text = "paid"
    title: Text = ""
    channels: tuple[str, ...] = ()
    countries: Text = ""
    skus: Text = ""
    warehouses: Text = ""
    takes_all: bool = False
    enabled: bool = False


class _New(_Said, frozen=True, kw_only=True):
    connection: Text


class _Version(msgspec.Struct, frozen=True):
    version: int


class Routes(msgspec.Struct, frozen=True, kw_only=True):
    """`vendors` by connection; `whens` and `channels` as (value, title)."""

    rows: tuple[RouteShown, ...]
    vendors: dict[str, str]
    whens: tuple[tuple[str, str], ...]
    channels: tuple[tuple[str, str], ...]


class OneRoute(msgspec.Struct, frozen=True, kw_only=True):
    route: RouteShown
    version: int
    path: str
    vendor: str
    whens: tuple[tuple[str, str], ...]
    channels: tuple[tuple[str, str], ...]


async def every(call: Call, visitor: Visitor, sent: Form) -> Answer:
    if media := wanted(call):
        return await file(call, visitor, routes.list_routes, media)
    most = {"limit": str(MAX_PAGE)}
    found = await ask(call, visitor, routes.list_routes, Page[RouteShown], query=most)
    titles, tenant_id = titles_of(call), visitor.at.id
    context = Routes(
        rows=found.items,
        vendors=await call.hub.read(lambda reads: vendors(reads, tenant_id, titles)),
        whens=WHEN,
        channels=tuple(titles.items()),
    )
    return show(call, visitor, "routes.html", context, sent)


async def make(call: Call, visitor: Visitor, sent: Form) -> Answer:
    given = sent.read(_New)
    body = {"connection": given.connection, **_body(given)}
    await ask(call, visitor, routes.create_route, RouteShown, body=body)
    return go(call, PATH, done=visitor.say(N_("From now on such orders are handed on.")))


async def one(call: Call, visitor: Visitor, sent: Form) -> Answer:
    titles, tenant_id, uid = titles_of(call), visitor.at.id, call.params["uid"]
    route = await ask(call, visitor, routes.get_route, RouteShown, path={"id": uid})

    def look(reads: Any) -> tuple[int, dict[str, str]]:
        version = record_named(reads, tenant_id, RECORD_KIND, uid).version
        return version, vendors(reads, tenant_id, titles)

    version, names = await call.hub.read(look)
    context = OneRoute(
        route=route,
        version=version,
        path=f"{PATH}/{route.id}",
        vendor=names.get(route.connection, route.connection),
        whens=WHEN,
        channels=tuple(titles.items()),
    )
    return show(call, visitor, "route.html", context, sent)


async def change(call: Call, visitor: Visitor, sent: Form) -> Answer:
    version, body = sent.read(_Version).version, _body(sent.read(_Said))
    name = {"id": call.params["uid"]}
    await tell(call, visitor, routes.change_route, path=name, body=body, version=version)
    return go(call, f"{PATH}/{name['id']}", done=visitor.say(N_("Saved.")))


async def remove(call: Call, visitor: Visitor, sent: Form) -> Answer:
    given, name = sent.read(_Version), {"id": call.params["uid"]}
    await tell(call, visitor, routes.delete_route, path=name, version=given.version)
    return go(call, PATH, done=visitor.say(N_("The route is deleted.")))


def _body(given: _Said) -> dict[str, Any]:
    return {
        "when": given.when,
        "title": given.title,
        "channels": given.channels,
        "countries": [each.upper() for each in _listed(given.countries)],
        "skus": [each.strip() for each in given.skus.splitlines() if each.strip()],
        "warehouses": _listed(given.warehouses),
        "takes_all": given.takes_all,
        "enabled": given.enabled,
    }


def _listed(text: str) -> list[str]:
    return [each for each in _BETWEEN.split(text) if each]


ROUTES = (
    page(PATH, SCOPE, every),
    form(PATH, SCOPE, make, every),
    page(f"{PATH}/{{uid}}", SCOPE, one),
    form(f"{PATH}/{{uid}}", SCOPE, change, one),
    form(f"{PATH}/{{uid}}/delete", SCOPE, remove, one),
)
