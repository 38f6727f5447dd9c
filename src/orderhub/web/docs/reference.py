"""The reference of an API: an index of its operations, one page for each, its shapes, and what its README says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

import msgspec

from orderhub.dialects.contract import Dialect
from orderhub.web.docs import sections, trying
from orderhub.web.docs.frame import page
from orderhub.web.docs.guides import rendered
from orderhub.web.docs.pages import CURRENT, about, led, named, section_page
from orderhub.web.docs.schema_html import prose, schema_html

Json = dict[str, Any]
Addresses = list[tuple[str, str]]
_EXAMPLES_SHOWN = 24
WRONG = "when-it-goes-wrong"


class Reached(msgspec.Struct, frozen=True):
    """How the hub that serves the page is called: its address, and of a demo a token (else empty)."""

    base_url: str
    token: str


def operations_of(document: Json) -> Iterator[tuple[Addresses, Json]]:
    """Operations with their addresses: one that is served at several paths is shown once."""
    for addresses, same in _operations(document):
        yield addresses, same[0]


def _operations(document: Json) -> Iterator[tuple[Addresses, list[Json]]]:
    found: dict[str, tuple[Addresses, list[Json]]] = {}
    posted = document.get("webhooks", {})
    for path, methods in (*document["paths"].items(), *posted.items()):
        for method, operation in methods.items():
            same = [operation.get(name) for name in ("summary", "description", "parameters")]
            taken = [
                e["schema"] for e in operation.get("requestBody", {}).get("content", {}).values()
            ]
            key = json.dumps([method, same, taken], default=str, sort_keys=True)
            addresses, those = found.setdefault(key, ([], []))
            addresses.append((method.upper(), path))
            those.append(operation)
    yield from found.values()


# --- the index


def index(dialect: Dialect, document: Json) -> str:
    path, text = f"/docs/{dialect.name}", about(dialect.name)
    by_tag: dict[str, list[tuple[Addresses, list[Json]]]] = {}
    for addresses, those in _operations(document):
        by_tag.setdefault(those[0].get("tags", ["operations"])[0], []).append((addresses, those))
    tags = "".join(
        f'<h2 id="tag-{escape(tag)}">{escape(tag.capitalize())}</h2>'
        f'<ul class="operations">{"".join(_row(path, *each) for each in those)}</ul>'
        for tag, those in by_tag.items()
    )
    more = _more(document, path)
    opening = sections.with_links(text.opening, None, text, path)
    guide = '<p>Told in order in <a href="/docs/hub-api">its guide</a>.</p>'
    body = (
        (led(opening) if text.opening.strip() else f"<h1>{escape(named(dialect))}</h1>{guide}")
        + f'<p>As an <a href="{path}.json">OpenAPI 3.1 document</a>.</p>'
        + (f"<h2>About</h2>{sections.listed(text, path)}" if text.sections else "")
        + tags
        + more
    )
    links = "".join(
        f'<li><a href="#tag-{escape(tag)}">{escape(tag.capitalize())}</a></li>' for tag in by_tag
    )
    aside = f"<strong>{escape(named(dialect))}</strong><ul>{links}</ul>"
    return page(dialect.title, body, aside)


def _row(path: str, addresses: Addresses, those: list[Json]) -> str:
    at = f"{path}/{those[0]['operationId']}"
    places = "".join(
        f'<span id="{each["operationId"]}" data-moved="{at}"></span>' for each in those
    )
    method, address = addresses[0]
    return (
        f'<li>{places}<a href="{at}">{escape(those[0]["summary"])}</a><br>'
        f'<span class="method">{method}</span> <code>{escape(address)}</code></li>'
    )


def _more(document: Json, path: str) -> str:
    shapes, errors = document["components"]["schemas"], document["components"]["responses"]
    parts = [f'<h2 id="who">Who is calling</h2>{_security(document)}']
    if errors:
        places = "".join(
            f'<span id="answer-{name}" data-moved="{path}/{WRONG}#answer-{name}"></span>'
            for name in errors
        )
        parts.append(f'<p>{places}<a href="{path}/{WRONG}">When it goes wrong</a></p>')
    if shapes:
        links = ", ".join(
            f'<a id="shape-{escape(name)}" data-moved="{path}/shapes/{escape(name)}" '
            f'href="{path}/shapes/{escape(name)}">{escape(name)}</a>'
            for name in shapes
        )
        parts.append(f"<h2>Shapes</h2><p>{links}</p>")
    return "".join(parts)


def _security(document: Json) -> str:
    rows = "".join(
        f"<dt><code>{escape(name)}</code></dt><dd>{prose(_scheme(each))}</dd>"
        for name, each in document["components"]["securitySchemes"].items()
    )
    return f"{rendered(document['info']['description'])}<dl>{rows}</dl>"


def _scheme(scheme: Json) -> str:
    kind = scheme.get("scheme") or f"{scheme.get('in')} {scheme.get('name')}"
    return f"{kind}: {scheme.get('description', '')}"


# --- what stands behind it


def part(dialect: Dialect, document: Json, place: str, reached: Reached) -> str | None:
    """The page of an operation, of a section of the README, or of what goes wrong. None: there is none."""
    path = f"/docs/{dialect.name}"
    if place == WRONG:
        return _wrong_page(dialect, document) if document["components"]["responses"] else None
    for addresses, operation in operations_of(document):
        if operation["operationId"] == place:
            return _operation_page(dialect, document, (addresses, operation), reached)
    text = about(dialect.name)
    section = text.section(place)
    return None if section is None else section_page(text, section, dialect.title, path)


def moved(document: Json, place: str) -> str | None:
    """Of an operation that is told with another of the same kind: the other's."""
    for _, those in _operations(document):
        if any(each["operationId"] == place for each in those[1:]):
            return str(those[0]["operationId"])
    return None


def shape_page(dialect: Dialect, document: Json, name: str) -> str | None:
    """A shape by its members."""
    schema = document["components"]["schemas"].get(name)
    if schema is None:
        return None
    body = f"{_up(dialect)}<h1>{escape(name)}</h1>{schema_html(schema)}"
    return page(f"{name} · {dialect.title}", _linked(body, dialect))


def _up(dialect: Dialect) -> str:
    return f'<p class="of"><a href="/docs/{dialect.name}">{escape(named(dialect))}</a></p>'


def _linked(html: str, dialect: Dialect) -> str:
    path = f"/docs/{dialect.name}"
    return html.replace('href="#shape-', f'href="{path}/shapes/').replace(
        'href="#answer-', f'href="{path}/{WRONG}#answer-'
    )


def _wrong_page(dialect: Dialect, document: Json) -> str:
    """The answers that many operations have in common."""
    shown = "".join(
        f'<section><h2 id="answer-{name}">{name.removeprefix("Error")} '
        f"{escape(answer['description'])}</h2>{_content(document, answer, is_folded=True)}</section>"
        for name, answer in sorted(document["components"]["responses"].items())
    )
    body = f"{_up(dialect)}<h1>When it goes wrong</h1>{shown}"
    return page(f"When it goes wrong · {dialect.title}", _linked(body, dialect))


def _operation_page(
    dialect: Dialect, document: Json, told: tuple[Addresses, Json], reached: Reached
) -> str:
    addresses, operation = told
    lines = "".join(
        f'<li><span class="method">{method}</span> <code>{escape(path)}</code></li>'
        for method, path in addresses
    )
    parts = [
        f'{_up(dialect)}<h1 id="{operation["operationId"]}">{escape(operation["summary"])}</h1>',
        f'<ul class="addresses">{lines}</ul>',
    ]
    if operation.get("description"):
        parts.append(f"<p>{prose(operation['description'])}</p>")
    parameters = [_resolved(document, each) for each in operation.get("parameters", ())]
    if addresses[0][1].startswith("/"):  # what is posted to others is nobody's to call
        parts.append(_example(operation, addresses[0], parameters, reached))
    if parameters:
        parts.append(f'<h2 id="parameters">Parameters</h2>{_parameters(parameters)}')
    if "requestBody" in operation:
        parts.append('<h2 id="request">Request</h2>' + _content(document, operation["requestBody"]))
    parts += [
        f'<h2 id="answer-{status}">Answer {status} {escape(answer["description"])}</h2>'
        f"{_content(document, answer)}"
        for status, answer in operation["responses"].items()
        if int(status) < 400
    ]
    errors = [(s, a) for s, a in operation["responses"].items() if int(s) >= 400]
    if errors:
        parts.append('<h2 id="errors">When it goes wrong</h2>')
        parts += [_error(document, status, answer) for status, answer in errors]
    body = f'<article class="operation">{"".join(parts)}</article>'
    return page(
        f"{operation['summary']} · {dialect.title}",
        _linked(body, dialect),
        _siblings(dialect, document, operation),
    )


def _siblings(dialect: Dialect, document: Json, shown: Json) -> str:
    """The operations of the same tag."""
    tag = shown.get("tags", ["operations"])[0]
    links = "".join(
        f'<li><a href="/docs/{dialect.name}/{each["operationId"]}"'
        f"{CURRENT if each is shown else ''}>{escape(each['summary'])}</a></li>"
        for _, each in operations_of(document)
        if each.get("tags", ["operations"])[0] == tag
    )
    return f"<strong>{escape(tag.capitalize())}</strong><ul>{links}</ul>"


def _example(
    operation: Json, address: tuple[str, str], parameters: list[Json], reached: Reached
) -> str:
    """The call as a command, what it is answered, and a way to try it."""
    call = trying.ready(operation, address, parameters)
    command = trying.command(call, reached.base_url, reached.token)
    shown = [f'<h2 id="example">Example</h2><pre class="command" tabindex="0">{command}</pre>']
    answer = _answer_of(operation, call.example)
    if answer:
        shown.append(f'<pre class="shown" tabindex="0">{escape(answer)}</pre>')
    if call.is_open and call.method == "GET" and "{" not in address[1]:
        shown.append(f'<p><a href="{escape(call.target)}">Open it</a></p>')
    shown.append(trying.form(call, reached.token))
    return "".join(shown)


def _answer_of(operation: Json, example: str) -> str:
    """What the example is answered, else the first answer that is shown; empty: none is."""
    for status, answer in operation["responses"].items():
        if int(status) < 400:
            for content in answer.get("content", {}).values():
                examples = content.get("examples", {})
                found = examples.get(example) or next(
                    (each for each in examples.values() if "summary" in each), None
                )
                if found is not None:
                    return _shown(found["value"])
    return ""


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value  # NDJSON
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def _parameters(parameters: list[Json]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(each['name'])}</code></td><td>{each['in']}</td>"
        f"<td>{'required' if each.get('required') else ''}</td>"
        f"<td>{schema_html(each['schema'])} {prose(each.get('description', ''))}</td></tr>"
        for each in parameters
    )
    return (
        '<table><thead><tr><th scope="col">Name</th><th scope="col">Where</th>'
        '<th scope="col">Needed</th><th scope="col">What</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _error(document: Json, status: str, answer: Json) -> str:
    """Most operations fail in the same words, which stand once for all."""
    if "$ref" in answer:
        name = answer["$ref"].rpartition("/")[2]
        return f'<a class="status" href="#answer-{name}">{status}</a> '
    heading = f"{status} {escape(answer['description'])}"
    return f"<details><summary>{heading}</summary>{_content(document, answer)}</details>"


def _content(document: Json, holder: Json, *, is_folded: bool = False) -> str:
    shown = []
    for media, content in holder.get("content", {}).items():
        schema = content["schema"]
        shape = schema_html(schema)
        if "$ref" in schema:  # what is in it stands here too, so that nobody has to go and look
            shape += " " + schema_html(_resolved(document, schema))
        shown.append(f'<p class="media">{escape(media)}</p>{shape}')
        examples = "".join(
            f"<details><summary>{escape(example.get('summary', name))}</summary>"
            f'<pre tabindex="0">{escape(_shown(example["value"]))}</pre></details>'
            for name, example in list(content.get("examples", {}).items())[:_EXAMPLES_SHOWN]
        )
        is_many = is_folded or len(content.get("examples", {})) > 8
        if examples and is_many:
            examples = f"<details><summary>Examples</summary>{examples}</details>"
        shown.append(examples)
    return "".join(shown) or "<p>No body.</p>"


def _resolved(document: Json, value: Json) -> Json:
    while "$ref" in value:
        found: Any = document
        for step in value["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        value = found
    return value
