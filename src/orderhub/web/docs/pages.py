"""The documentation as plain HTML pages: readable offline, without a script, by a screen reader too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from html import escape

from orderhub.dialects.contract import Dialect
from orderhub.dialects.finding import dialect_names
from orderhub.web.docs import sections
from orderhub.web.docs.frame import page
from orderhub.web.docs.full_text import MOST_HITS, Hit
from orderhub.web.docs.guides import guide, guides, headings, readme
from orderhub.web.docs.readers import shelves
from orderhub.web.docs.schema_html import prose
from orderhub.web.docs.sections import Section, Text

CURRENT = ' aria-current="page"'
_FEW_HEADINGS = 2
# Every place of it is an address in answers of the hub, so it stays one page, in columns.
_DENSE = {"problems"}
_ACROSS = re.compile(r'href="/docs/([\w/-]+)#([^"]+)"')


def index(dialects: Iterable[Dialect]) -> str:
    """The first page: the guides by reader, the APIs."""
    body = (
        "<h1>OrderHub</h1><p>Five vendors’ order APIs in, one durable ledger out. Everything here is "
        "served by the hub itself and needs no connection to anywhere else.</p>"
    )
    named = guides()
    for reader, names in shelves(named):
        links = "".join(
            f'<li><a href="/docs/{name}">{escape(named[name])}</a></li>' for name in names
        )
        body += f"<h2>{escape(reader.title)}</h2><p>{escape(reader.about)}</p><ul>{links}</ul>"
    body += '<p><a href="/docs/decisions">Decisions</a>: why it is as it is.</p>'
    return page("Documentation", body + _apis(dialects))


def all_apis(dialects: Iterable[Dialect]) -> str:
    """The reference's own first page."""
    return page(
        "Reference",
        "<h1>Reference</h1><p>One page for each operation: an example first, what it takes and answers, and "
        "what can go wrong. Behind each API stand its README and its deviations from the vendor’s document.</p>"
        + _apis(dialects),
    )


def _apis(dialects: Iterable[Dialect]) -> str:
    rows = "".join(
        f'<tr><td><a href="/docs/{d.name}">{escape(named(d))}</a></td>'
        f"<td>{len(d.routes)} operations</td>"
        f'<td><a href="/docs/{d.name}.json">OpenAPI 3.1</a></td></tr>'
        for d in dialects
    )
    return (
        '<h2>APIs</h2><table><thead><tr><th scope="col">API</th><th scope="col">Size</th>'
        f'<th scope="col">Document</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def named(dialect: Dialect) -> str:
    return "The hub’s own API" if dialect.name == "hub" else dialect.title


def decisions() -> str:
    """Every decision by its title."""
    links = "".join(
        f'<li><a href="/docs/{name}">{escape(title)}</a></li>'
        for name, title in guides().items()
        if name.startswith("decisions/")
    )
    about = "<p>What was hard to decide, or is hard to undo, and why it was decided so.</p>"
    return page("Decisions", f"<h1>Decisions</h1>{about}<ul>{links}</ul>")


# --- guides


@cache
def parts(name: str) -> Text | None:
    """A long guide by its sections; None for one that is a page."""
    html = guide(name) or ""
    if name in _DENSE or not sections.is_long(html):
        return None
    text = sections.divided(html)
    return text if len(text.sections) > 1 else None


def guide_page(name: str) -> str | None:
    """A guide, or where it is long its beginning and its parts. None: there is none of that name."""
    html = guide(name)
    if html is None:
        return None
    path, text = f"/docs/{name}", parts(name)
    if text is None:
        shown = led(html)
        return page(guides()[name], shown, _contents(html, "Contents"), is_dense=name in _DENSE)
    opening = led(sections.with_links(text.opening, None, text, path))
    return page(guides()[name], f"{opening}<h2>Contents</h2>{sections.listed(text, path)}")


def part_page(name: str, place: str) -> str | None:
    """One section of a long guide."""
    text = parts(name) if name in guides() else None
    section = text.section(place) if text else None
    if text is None or section is None:
        return None
    return section_page(text, section, guides()[name], f"/docs/{name}")


def section_page(text: Text, section: Section, title: str, path: str) -> str:
    """A section with its siblings beside it, and the next one behind it."""
    places = [each.place for each in text.sections]
    at = places.index(section.place)
    follows = text.sections[at + 1] if at + 1 < len(places) else None
    on = (
        f'<p><a href="{path}/{follows.place}">Next: {escape(follows.title)}</a></p>'
        if follows
        else ""
    )
    beside = "".join(
        f'<li><a href="{path}/{each.place}"'
        f"{CURRENT if each is section else ''}>{escape(each.title)}</a></li>"
        for each in text.sections
    )
    body = (
        f'<p class="of"><a href="{path}">{escape(title)}</a></p>'
        f'<h1 id="{section.place}">{escape(section.title)}</h1>'
        + led(sections.with_links(section.html, section, text, path))
        + on
    )
    aside = f"<strong>{escape(title)}</strong><ul>{beside}</ul>"
    return page(f"{section.title} · {title}", body, aside)


def led(html: str) -> str:
    """Links to a place of a long guide lead to the page that it is on."""
    return _ACROSS.sub(lambda match: f'href="{located(match[1], match[2])}"', html)


@cache
def about(dialect: str) -> Text:
    """The README of a dialect by its sections; the hub's own is a guide, and stands there."""
    return sections.divided(readme(dialect) if dialect in dialect_names() else "")


def located(name: str, place: str) -> str:
    """Where a place of a guide, or of a dialect's README, is."""
    text = parts(name) if name in guides() else about(name)
    holder = text.holder(place) if text else None
    if holder is None:
        return f"/docs/{name}" + (f"#{place}" if place else "")
    return f"/docs/{name}/{holder.place}" + ("" if place == holder.place else f"#{place}")


def _contents(html: str, title: str) -> str:
    """Links to the headings of a text; none for one that has few."""
    found = headings(html)
    if len(found) < _FEW_HEADINGS:
        return ""
    links = "".join(f'<li><a href="#{place}">{escape(text)}</a></li>' for place, text in found)
    return f"<strong>{title}</strong><ul>{links}</ul>"


def found_page(query: str, hits: Sequence[Hit]) -> str:
    """What a search found, the best first."""
    rows = "".join(
        f'<li><a href="{escape(hit.link)}">{escape(hit.title)}</a> '
        f'<span class="type">{escape(hit.page)}</span><br>{prose(hit.words)}</li>'
        for hit in hits
    )
    count = (
        "Nothing" if not hits else f"The best {len(hits)}" if len(hits) == MOST_HITS else len(hits)
    )
    body = f'<h1>Search</h1><p>{count} for <q>{escape(query)}</q></p><ul class="hits">{rows}</ul>'
    return page(f"Search: {query}", body, query=query)
