"""/docs: the OpenAPI document of every dialect and of the hub, and pages to read them on, offline."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from orderhub.dialects.auth import digest
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import (
    Answer,
    Call,
    Dialect,
    Fault,
    FaultKind,
    Handler,
    HTTPFault,
    Media,
    Route,
)
from orderhub.dialects.sandbox import DEMO_OPERATOR, demo_token
from orderhub.web.docs import full_text, pages, reference
from orderhub.web.docs.finding import entries
from orderhub.web.docs.frame import policy
from orderhub.web.docs.openapi import Json, document
from orderhub.web.docs.reference import Reached
from orderhub.web.hub_api.bodies import Query
from orderhub.web.hub_api.inner import port

_LONGEST_QUERY = 200
_HTML = "text/html; charset=utf-8"
# Routes never change while the program runs: each document is written once.
_written: dict[str, tuple[Dialect, Json, bytes]] = {}


class Search(Query, frozen=True, kw_only=True):
    q: Annotated[str, msgspec.Meta(description="words, all of which are to be there")] = ""


def all_dialects(call: Call) -> tuple[Dialect, ...]:
    """Every dialect, and the hub's own API, whose handlers these are."""
    return (call.dialect, *port(call).dialects)


def document_of(dialect: Dialect) -> tuple[Json, bytes]:
    """The dialect's document, as values and as the bytes that are served."""
    found = _written.get(dialect.name)
    if found is None or found[0] is not dialect:
        made = document(dialect)
        found = _written[dialect.name] = (dialect, made, encode(made))
    return found[1], found[2]


def _named(call: Call, name: str) -> Dialect | None:
    return next((each for each in all_dialects(call) if each.name == name), None)


def _missing(what: str, name: str) -> HTTPFault:
    return HTTPFault(Fault(FaultKind.NOT_FOUND, f"there is no {what} {name}"))


async def index(call: Call) -> Answer:
    """The guides by reader, and which APIs the hub speaks."""
    return _page(pages.index(all_dialects(call)))


async def apis(call: Call) -> Answer:
    """Which APIs the hub speaks, with a link to the index and the document of each."""
    return _page(pages.all_apis(all_dialects(call)))


async def decisions(_: Call) -> Answer:
    """Every decision by its title."""
    return _page(pages.decisions())


async def openapi(call: Call) -> Answer:
    """The OpenAPI 3.1 document of one dialect; `hub` is the hub's own API."""
    dialect = _named(call, call.params["dialect"])
    if dialect is None:
        raise _missing("document", call.params["dialect"])
    _, text = await call.hub.blocking(document_of, dialect)
    return Answer(200, text)


async def page(call: Call) -> Answer:
    """The index of a dialect's operations, or a guide such as `problems` and `settings`."""
    name = call.params["name"]
    dialect = _named(call, name)
    if dialect is None:
        return _shown(await call.hub.blocking(pages.guide_page, name), name)
    made = await call.hub.blocking(lambda: reference.index(dialect, document_of(dialect)[0]))
    return _page(made)


async def part(call: Call) -> Answer:
    """An operation of a dialect, or one section of its README or of a long guide."""
    name, place = call.params["name"], call.params["part"]
    dialect = _named(call, name)
    if dialect is None:
        return _shown(await call.hub.blocking(pages.part_page, name, place), f"{name}/{place}")
    reached = Reached(call.base_url, await _token(call, dialect))

    def made() -> tuple[str | None, str | None]:
        told = document_of(dialect)[0]
        shown = reference.part(dialect, told, place, reached)
        return shown, None if shown else reference.moved(told, place)

    shown, elsewhere = await call.hub.blocking(made)
    if elsewhere:
        return Answer(301, b"", (("Location", f"/docs/{name}/{elsewhere}"),), _HTML)
    return _shown(shown, f"{name}/{place}")


async def shape(call: Call) -> Answer:
    """A shape of a dialect by its members."""
    dialect, name = _named(call, call.params["name"]), call.params["shape"]
    if dialect is None:
        raise _missing("page", call.params["name"])
    made = await call.hub.blocking(
        lambda: reference.shape_page(dialect, document_of(dialect)[0], name)
    )
    return _shown(made, name)


async def _token(call: Call, dialect: Dialect) -> str:
    """The demo's public token for the dialect where this hub is a demo, else empty."""
    token = DEMO_OPERATOR if dialect.name == "hub" else demo_token(dialect.name)
    if not token:
        return ""
    return token if await call.hub.credential("hub", digest(token)) else ""


async def search(call: Call) -> Answer:
    """Operations and sections that have every word of `q`, else those that have most."""
    query = call.query.get("q", "")[:_LONGEST_QUERY]
    those = [*all_dialects(call)]
    hits = await call.hub.blocking(
        lambda: full_text.search(entries(those, lambda each: document_of(each)[0]), query)
    )
    return _page(pages.found_page(query, hits))


async def decision(call: Call) -> Answer:
    """Why something is as it is."""
    name = f"decisions/{call.params['name']}"
    return _shown(await call.hub.blocking(pages.guide_page, name), name)


def _shown(html: str | None, name: str) -> Answer:
    if html is None:
        raise _missing("page", name)
    return _page(html)


def _page(html: str) -> Answer:
    return Answer(200, html.encode(), (("Content-Security-Policy", policy()),), _HTML)


_SHOWN = {200: Media("text/html", str)}


def _open(path: str, handler: Handler, summary: str, **more: Any) -> Route:
    return Route("GET", path, handler, summary, **{"answers": _SHOWN, "public": True, **more})


ROUTES = (
    _open("/docs", index, "The documentation"),
    _open("/docs/reference", apis, "Every API"),
    _open("/docs/decisions", decisions, "Every decision"),
    _open("/docs/search", search, "Search the documentation", query=Search),
    # Before the pages: a page's name takes in everything up to the next slash.
    _open(
        "/docs/{dialect}.json", openapi, "The OpenAPI document of a dialect", answers={200: dict}
    ),
    _open("/docs/{name}", page, "A dialect, or a guide"),
    _open("/docs/decisions/{name}", decision, "A decision"),
    _open(
        "/docs/{name}/{part}",
        part,
        "An operation, or a section",
        answers={**_SHOWN, 301: None},
    ),
    _open("/docs/{name}/shapes/{shape}", shape, "A shape"),
)
