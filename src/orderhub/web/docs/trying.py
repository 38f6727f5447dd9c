"""An operation's call, ready to be sent: as a command for a shell, and as a form on its page."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from html import escape
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

Json = dict[str, Any]
_NO_TOKEN = "$TOKEN"  # noqa: S105 - filled in by the shell
_DRY_RUN = "Hub-Dry-Run"


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """A call of an operation: `target` is path and query, `body` as it is sent or None, `example` its name."""

    method: str
    target: str
    is_open: bool
    media: str = ""
    body: str | None = None
    example: str = ""
    takes_dry_run: bool = False


def ready(operation: Json, address: tuple[str, str], parameters: Sequence[Json]) -> Ready:
    """The call with the parameters of the first example there is, and the first body."""
    method, path = address
    taken: dict[str, Json] = operation.get("requestBody", {}).get("content", {})
    media = next(iter(taken), "")
    content = taken.get(media, {})
    body_example = next(iter(content.get("examples", {})), "")
    first = body_example or next(
        (name for each in parameters for name in each.get("examples", ())), ""
    )
    query = {}
    for each in parameters:
        examples = each.get("examples", {})
        example = examples.get(first) or next(iter(examples.values()), None)
        value = str(example["value"]) if example else each["name"].upper()
        if each["in"] == "path":
            path = path.replace(f"{{{each['name']}}}", quote(value, safe=""))
        elif each["in"] == "query" and (first in examples or each.get("required")):
            query[each["name"]] = value
    return Ready(
        method=method,
        target=path + (f"?{urlencode(query)}" if query else ""),
        is_open=not operation["security"],
        media=media,
        body=_text(content["examples"][body_example]["value"]) if body_example else None,
        example=first,
        takes_dry_run=any(each["name"] == _DRY_RUN for each in parameters),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def command(call: Ready, base_url: str, token: str) -> str:
    """The call for a shell, as HTML. Without a token the shell fills one in."""
    words = ["curl", *(("-X", call.method) if call.method != "GET" else ())]
    words.append(f"{base_url}{call.target}")
    if not call.is_open:
        words += ["-H", f"Authorization: Bearer {token or _NO_TOKEN}"]
    if call.media:
        words += ["-H", f"Content-Type: {call.media}"]
    if call.body is not None:
        words += ["-d" if call.media == "application/json" else "--data-binary", call.body]
    shown = [f'"{word}"' if _NO_TOKEN in word else shlex.quote(word) for word in words]
    return escape(" ".join(shown))


def form(call: Ready, token: str) -> str:
    """A form that sends the call from the page; shown by the page's script alone, which sends it."""
    fields = [_field("Address", f'<input name="address" value="{escape(call.target)}" required>')]
    if not call.is_open:
        fields.append(
            _field("Token", f'<input name="token" value="{escape(token)}" autocomplete="off">')
        )
    if call.media:
        text = escape(call.body or "")
        fields.append(_field("Body", f'<textarea name="body" rows="6">{text}</textarea>'))
    if call.takes_dry_run:
        fields.append(
            '<label class="tick"><input type="checkbox" name="dry" checked> '
            "Dry run: answered as ever, and nothing is kept</label>"
        )
    return (
        f'<form class="try" hidden data-method="{call.method}" data-media="{escape(call.media)}">'
        f'<h2 id="try-it">Try it</h2>{"".join(fields)}<p><button>Send</button></p>'
        '<output hidden tabindex="0" aria-label="Answer"></output></form>'
    )


def _field(title: str, field: str) -> str:
    return f"<label>{title}{field}</label>"
