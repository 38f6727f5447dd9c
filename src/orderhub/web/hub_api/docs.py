"""/docs: the OpenAPI document of every dialect and of the hub, and pages to read them on, offline."""

from __future__ import annotations

from functools import cache
from typing import Annotated

import msgspec

from orderhub.dialects.codec import encode
from orderhub.dialects.contract import (
    Answer,
    Call,
    Dialect,
    Fault,
    FaultKind,
    HTTPFault,
    Media,
    Route,
)
from orderhub.web.docs import full_text, pages
from orderhub.web.docs.guides import guide, guides, readme
from orderhub.web.docs.openapi import Json, document
from orderhub.web.hub_api.bodies import Query
from orderhub.web.hub_api.inner import port

_LONGEST_QUERY = 200
# No script, nothing from elsewhere, and in nobody's frame.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HTML = "text/html; charset=utf-8"
# Routes never change while the program runs: each document and page is written once.
_written: dict[str, tuple[Dialect, Json, bytes]] = {}
_drawn: dict[str, tuple[Dialect, str]] = {}
_indexed: dict[str, tuple[Dialect, list[full_text.Entry]]] = {}


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


def page_of(dialect: Dialect) -> str:
    found = _drawn.get(dialect.name)
    if found is None or found[0] is not dialect:
        found = _drawn[dialect.name] = (dialect, pages.reference(dialect, document_of(dialect)[0]))
    return found[1]


def _dialect(call: Call) -> Dialect:
    name = call.params["dialect"]
    for dialect in all_dialects(call):
        if dialect.name == name:
            return dialect
    raise HTTPFault(Fault(FaultKind.NOT_FOUND, f"there is no document {name}"))


async def index(call: Call) -> Answer:
    """Which APIs the hub speaks, with a link to the page and the document of each."""
    return _page(pages.index(all_dialects(call)))


async def openapi(call: Call) -> Answer:
    """The OpenAPI 3.1 document of one dialect; `hub` is the hub's own API."""
    _, text = await call.hub.blocking(document_of, _dialect(call))
    return Answer(200, text)


async def page(call: Call) -> Answer:
    """A dialect's README and reference, or a guide such as `problems` and `settings`."""
    name = call.params["name"]
    for dialect in all_dialects(call):
        if dialect.name == name:
            return _page(await call.hub.blocking(page_of, dialect))
    return _guide(name)


async def search(call: Call) -> Answer:
    """Operations and sections that have every word of `q`."""
    query = call.query.get("q", "")[:_LONGEST_QUERY]
    hits = await call.hub.blocking(lambda: full_text.search(_entries(all_dialects(call)), query))
    return _page(pages.found_page(query, hits))


def _entries(dialects: tuple[Dialect, ...]) -> list[full_text.Entry]:
    return [entry for dialect in dialects for entry in _of_dialect(dialect)] + _of_guides()


def _of_dialect(dialect: Dialect) -> list[full_text.Entry]:
    found = _indexed.get(dialect.name)
    if found is None or found[0] is not dialect:
        path = f"/docs/{dialect.name}"
        made = document_of(dialect)[0]
        entries = [
            full_text.of_operation(operation, addresses, dialect.title, path)
            for addresses, operation in pages.operations_of(made)
        ]
        entries += [
            full_text.of_shape(name, schema, dialect.title, path)
            for name, schema in made["components"]["schemas"].items()
        ]
        if dialect.name != "hub":  # whose text is a guide
            entries += full_text.of_text(readme(dialect.name), dialect.title, path)
        found = _indexed[dialect.name] = (dialect, entries)
    return found[1]


@cache
def _of_guides() -> list[full_text.Entry]:
    return [
        entry
        for name, title in guides().items()
        for entry in full_text.of_text(guide(name) or "", title, f"/docs/{name}")
    ]


async def decision(call: Call) -> Answer:
    """Why something is as it is."""
    return _guide(f"decisions/{call.params['name']}")


def _guide(name: str) -> Answer:
    html = guide(name)
    if html is None:
        raise HTTPFault(Fault(FaultKind.NOT_FOUND, f"there is no page {name}"))
    return _page(pages.guide_page(name, html))


def _page(html: str) -> Answer:
    return Answer(200, html.encode(), (("Content-Security-Policy", _POLICY),), _HTML)


_SHOWN = {200: Media("text/html", str)}

ROUTES = (
    Route("GET", "/docs", index, "The documentation", answers=_SHOWN, public=True),
    # Before the pages: a page's name takes in everything up to the next slash.
    Route(
        "GET",
        "/docs/{dialect}.json",
        openapi,
        "The OpenAPI document of a dialect",
        answers={200: dict},
        public=True,
    ),
    Route(
        "GET",
        "/docs/search",
        search,
        "Search the documentation",
        query=Search,
        answers=_SHOWN,
        public=True,
    ),
    Route("GET", "/docs/{name}", page, "A dialect, or a guide", answers=_SHOWN, public=True),
    Route(
        "GET",
        "/docs/decisions/{name}",
        decision,
        "A decision",
        answers=_SHOWN,
        public=True,
    ),
)
