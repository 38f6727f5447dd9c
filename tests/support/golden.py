"""Golden pairs for tests that call the hub without a socket: the kit's own cases, one request at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from orderhub.conform.cases import Case, Request, golden_cases
from orderhub.conform.replies import Reply
from orderhub.conform.runner import body_bytes
from orderhub.dialects.json_paths import at, filled
from orderhub.dialects.tours4fun.conform import CONFORMANCE

Golden = Case
goldens = golden_cases
# method, path, query, headers, body
Send = Callable[[str, str, Mapping[str, Any], Mapping[str, str], bytes], Reply]
_SECRETS = ("authorization", "token", "cookie")

__all__ = ["Golden", "Request", "Send", "by", "goldens", "raw", "sent", "with_names"]


def raw(request: Request) -> bytes:
    """The body as it is sent, names of earlier answers and all."""
    return body_bytes(request, {}) or b""


def by(request: Request, token: str) -> Request:
    """The same by another caller, who shows a token of the hub's own."""
    kept = {name: each for name, each in request.headers.items() if name.lower() not in _SECRETS}
    return replace(request, headers={**kept, "Authorization": f"Bearer {token}"}, sign=None)


def with_names(request: Request, saved: Mapping[str, Any]) -> Request:
    """The same with what earlier answers said in the places of its names."""
    return replace(
        request,
        path=filled(request.path, saved),
        query=filled(dict(request.query), saved),
        headers=filled(dict(request.headers), saved),
        body=filled(request.body, saved),
        text=filled(request.text, saved),
    )


def sent(request: Request, send: Send, saved: dict[str, Any]) -> Any:
    """The reply; what the request saves of it is in `saved` afterwards."""
    ready = with_names(request, saved)
    headers, query, body = dict(ready.headers), dict(ready.query), raw(ready)
    if ready.sign is not None:
        headers = {name: each for name, each in headers.items() if name != "Authorization"}
        query |= CONFORMANCE.client.signature(ready.sign, body)
    reply = send(ready.method, ready.path, query, headers, body)
    if request.save:
        value = reply.json()
        saved |= {name: at(value, path) for name, path in request.save.items()}
    return reply
