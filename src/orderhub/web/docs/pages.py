"""The documentation as plain HTML pages: readable offline, without a script, by a screen reader too."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any
from urllib.parse import quote, urlencode

from orderhub.dialects.contract import Dialect
from orderhub.web.docs.full_text import MOST_HITS, Hit
from orderhub.web.docs.guides import guides, headings, readme, rendered
from orderhub.web.docs.schema_html import prose, schema_html
from orderhub.web.docs.style import STYLE

Json = dict[str, Any]
_EXAMPLES_SHOWN = 24
_FEW_HEADINGS = 2


def page(title: str, body: str, aside: str = "", query: str = "") -> str:
    """A whole page. On a small screen `aside` is shown on demand only, by its link in the header."""
    navigation = f'<nav id="contents" aria-label="On this page">{aside}</nav>' if aside else ""
    contents = '<a class="contents" href="#contents">On this page</a>' if aside else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · OrderHub</title><style>{STYLE}</style></head><body>"
        '<a class="skip" href="#main">Skip to the content</a>'
        f'<header><a href="/docs">OrderHub</a>{contents}<form action="/docs/search" role="search">'
        '<input type="search" name="q" required aria-label="Search the documentation" '
        f'placeholder="Search" value="{escape(query)}"></form></header>'
        f'<div class="columns">{navigation}<main id="main">{body}</main></div></body></html>'
    )


# --- the index


def index(dialects: Iterable[Dialect]) -> str:
    rows = "".join(
        f'<tr><td><a href="/docs/{d.name}">{escape(_named(d))}</a></td>'
        f"<td>{len(d.routes)} operations</td>"
        f'<td><a href="/docs/{d.name}.json">OpenAPI 3.1</a></td></tr>'
        for d in dialects
    )
    named = guides()
    body = (
        "<h1>OrderHub</h1><p>Five vendors’ order APIs in, one durable ledger out. Everything here is "
        "served by the hub itself and needs no connection to anywhere else.</p>"
        '<h2>APIs</h2><table><thead><tr><th scope="col">API</th><th scope="col">Size</th>'
        f'<th scope="col">Document</th></tr></thead><tbody>{rows}</tbody></table>'
    )
    for heading, inside in (("Guides", False), ("Decisions", True)):
        links = "".join(
            f'<li><a href="/docs/{name}">{escape(title)}</a></li>'
            for name, title in named.items()
            if name.startswith("decisions/") is inside
        )
        body += f"<h2>{heading}</h2><ul>{links}</ul>" if links else ""
    return page("Documentation", body)


def _named(dialect: Dialect) -> str:
    return "The hub’s own API" if dialect.name == "hub" else dialect.title


def guide_page(name: str, html: str) -> str:
    return page(guides().get(name, name), html, _contents(html, "Contents"))


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


# --- the reference of one dialect


def reference(dialect: Dialect, document: Json) -> str:
    about = readme(dialect.name)
    operations = [*operations_of(document)]
    aside = _contents(about, "About")
    by_tag: dict[str, list[Json]] = {}
    for _, operation in operations:
        by_tag.setdefault(operation.get("tags", ["operations"])[0], []).append(operation)
    for tag, those in by_tag.items():
        aside += f"<strong>{escape(tag.capitalize())}</strong><ul>" + "".join(
            f'<li><a href="#{each["operationId"]}">{escape(each["summary"])}</a></li>'
            for each in those
        )
        aside += "</ul>"
    shapes, errors = document["components"]["schemas"], _shared(document)
    more = {"all-errors": "When it goes wrong"} if errors else {}
    more |= {"all-shapes": "Shapes"} if shapes else {}
    aside += "<ul>" + "".join(f'<li><a href="#{i}">{text}</a></li>' for i, text in more.items())
    aside += "</ul>"
    body = about or f"<h1>{escape(dialect.title)}</h1>"
    body += (
        '<h1 id="reference">Reference</h1><p>The same as an '
        f'<a href="/docs/{dialect.name}.json">OpenAPI 3.1 document</a>.</p>'
        + rendered(document["info"]["description"])
        + _security(document)
        + "".join(_operation(document, each, addresses) for addresses, each in operations)
        + (f'<h2 id="all-errors">When it goes wrong</h2>{errors}' if errors else "")
        + ('<h2 id="all-shapes">Shapes</h2>' if shapes else "")
        + "".join(
            f'<section><h3 id="shape-{escape(name)}">{escape(name)}</h3>{schema_html(each)}</section>'
            for name, each in shapes.items()
        )
    )
    return page(dialect.title, body, aside)


def operations_of(document: Json) -> Iterator[tuple[list[tuple[str, str]], Json]]:
    """Operations with their addresses: one that is served at several paths is shown once."""
    found: dict[str, tuple[list[tuple[str, str]], Json]] = {}
    posted = document.get("webhooks", {})
    for path, methods in (*document["paths"].items(), *posted.items()):
        for method, operation in methods.items():
            same = [operation.get(name) for name in ("summary", "description", "parameters")]
            taken = [
                e["schema"] for e in operation.get("requestBody", {}).get("content", {}).values()
            ]
            key = json.dumps([method, same, taken], default=str, sort_keys=True)
            found.setdefault(key, ([], operation))[0].append((method.upper(), path))
    yield from found.values()


def _security(document: Json) -> str:
    rows = "".join(
        f"<dt><code>{escape(name)}</code></dt><dd>{prose(_scheme(each))}</dd>"
        for name, each in document["components"]["securitySchemes"].items()
    )
    return f"<h2>Who is calling</h2><dl>{rows}</dl>"


def _scheme(scheme: Json) -> str:
    kind = scheme.get("scheme") or f"{scheme.get('in')} {scheme.get('name')}"
    return f"{kind}: {scheme.get('description', '')}"


def _operation(document: Json, operation: Json, addresses: list[tuple[str, str]]) -> str:
    lines = "".join(
        f'<li><span class="method">{method}</span> <code>{escape(path)}</code></li>'
        for method, path in addresses
    )
    name = operation["operationId"]
    parts = [
        f'<section class="operation" aria-labelledby="{name}">',
        f'<h2 id="{name}">{escape(operation["summary"])}</h2><ul class="addresses">{lines}</ul>',
    ]
    if operation.get("description"):
        parts.append(f"<p>{prose(operation['description'])}</p>")
    parameters = [_resolved(document, each) for each in operation.get("parameters", ())]
    if parameters:
        rows = "".join(
            f"<tr><td><code>{escape(each['name'])}</code></td><td>{each['in']}</td>"
            f"<td>{'required' if each.get('required') else ''}</td>"
            f"<td>{schema_html(each['schema'])} {prose(each.get('description', ''))}</td></tr>"
            for each in parameters
        )
        parts.append(
            '<h3>Parameters</h3><table><thead><tr><th scope="col">Name</th><th scope="col">Where</th>'
            '<th scope="col"></th><th scope="col">What</th></tr></thead>'
            f"<tbody>{rows}</tbody></table>"
        )
    if "requestBody" in operation:
        parts.append("<h3>Request</h3>" + _content(document, operation["requestBody"]))
    if addresses[0][1].startswith("/"):  # what is posted to others is nobody's to call
        command = _curl(operation, addresses[0], parameters)
        parts.append(f"<details><summary>As a command</summary><pre>{command}</pre></details>")
    parts += [
        f"<h3>Answer {status} {escape(answer['description'])}</h3>{_content(document, answer)}"
        for status, answer in operation["responses"].items()
        if int(status) < 400
    ]
    errors = [(s, a) for s, a in operation["responses"].items() if int(s) >= 400]
    if errors:
        parts.append("<h3>When it goes wrong</h3>")
        parts += [_error(document, status, answer) for status, answer in errors]
    return "".join(parts) + "</section>"


def _curl(operation: Json, address: tuple[str, str], parameters: Sequence[Json]) -> str:
    """The call for a shell, with the parameters of the first example there is, and the first body."""
    method, path = address
    query = {}
    first = next((name for each in parameters for name in each.get("examples", ())), "")
    for each in parameters:
        example = each.get("examples", {}).get(first)
        value = str(example["value"]) if example else each["name"].upper()
        if each["in"] == "path":
            path = path.replace(f"{{{each['name']}}}", quote(value, safe=""))
        elif each["in"] == "query" and (example or each.get("required")):
            query[each["name"]] = value
    words = ["curl", *(("-X", method) if method != "GET" else ())]
    words.append(f"http://127.0.0.1:8080{path}" + (f"?{urlencode(query)}" if query else ""))
    if operation["security"]:
        words += ["-H", "Authorization: Bearer $TOKEN"]
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        words += ["-H", f"Content-Type: {media}"]
        example = next(iter(content.get("examples", {}).values()), None)
        if example is not None:
            value = example["value"]
            words += (
                ["--data-binary", value]
                if isinstance(value, str)
                else ["-d", json.dumps(value, ensure_ascii=False, default=str)]
            )
    # Within double quotes the shell fills the token in.
    shown = [f'"{word}"' if "$TOKEN" in word else shlex.quote(word) for word in words]
    return escape(" ".join(shown))


def _error(document: Json, status: str, answer: Json) -> str:
    """Most operations fail in the same words, which stand once at the end."""
    if "$ref" in answer:
        name = answer["$ref"].rpartition("/")[2]
        return f'<a class="status" href="#answer-{name}">{status}</a> '
    heading = f"{status} {escape(answer['description'])}"
    return f"<details><summary>{heading}</summary>{_content(document, answer)}</details>"


def _shared(document: Json) -> str:
    """The answers that many operations have in common."""
    return "".join(
        f'<section><h3 id="answer-{name}">{name.removeprefix("Error")} '
        f"{escape(answer['description'])}</h3>{_content(document, answer)}</section>"
        for name, answer in sorted(document["components"]["responses"].items())
    )


def _content(document: Json, holder: Json) -> str:
    shown = []
    for media, content in holder.get("content", {}).items():
        schema = content["schema"]
        shape = schema_html(schema)
        if "$ref" in schema:  # what is in it stands here too, so that nobody has to go and look
            shape += " " + schema_html(_resolved(document, schema))
        shown.append(f'<p class="media">{escape(media)}</p>{shape}')
        for name, example in list(content.get("examples", {}).items())[:_EXAMPLES_SHOWN]:
            value = example["value"]
            text = (
                value  # NDJSON
                if isinstance(value, str)
                else json.dumps(value, ensure_ascii=False, indent=2, default=str)
            )
            title = escape(example.get("summary", name))
            shown.append(f"<details><summary>{title}</summary><pre>{escape(text)}</pre></details>")
    return "".join(shown) or "<p>No body.</p>"


def _resolved(document: Json, value: Json) -> Json:
    while "$ref" in value:
        found: Any = document
        for step in value["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        value = found
    return value
