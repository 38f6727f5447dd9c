"""The hub's own API from within: a page asks what a token would ask, so that each rule stands in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from orderhub.core.refusals import Rejected
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Caller, CommandRejected
from orderhub.web.desk.page import Visitor
from orderhub.web.hub_api.access import Guard, holds, lacking
from orderhub.web.hub_api.bulk import NDJSON
from orderhub.web.hub_api.lists import CSV, JSON

T = TypeVar("T")
_FILES = {"csv": CSV, "ndjson": NDJSON}
_LEFT_OUT = frozenset({"idempotency-key", "hub-dry-run", "if-match"})


async def ask(
    call: Call,
    visitor: Visitor,
    operation: Guard,
    shape: type[T],
    *,
    path: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
    version: int | None = None,
    of_hub: bool = False,
    scope: str = "",
) -> T:
    """The answer of an operation of the hub's API to the person, as its shape.

    query    parameters; empty ones are left out
    version  what is changed must still be of it
    of_hub   asked as an operator of every tenant, not within the one that is looked at
    scope    what lets people do it, where they need less than the operation wants of a token; that of the page

    Raises HTTPFault and CommandRejected, which a form's page says.
    """
    answer = await _answer(
        call, visitor, operation, path, query, body, version, of_hub, JSON, scope
    )
    return msgspec.json.decode(answer.body, type=shape)


async def tell(
    call: Call,
    visitor: Visitor,
    operation: Guard,
    *,
    path: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
    version: int | None = None,
    of_hub: bool = False,
    scope: str = "",
) -> None:
    """The same of an operation whose answer nobody needs."""
    await _answer(call, visitor, operation, path, None, body, version, of_hub, JSON, scope)


def wanted(call: Call) -> str:
    """The media type of the file that a list is asked for as (`?as=csv`); empty = it is to be shown."""
    return _FILES.get(call.query.get("as", ""), "")


async def file(
    call: Call,
    visitor: Visitor,
    operation: Guard,
    media: str,
    *,
    path: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    of_hub: bool = False,
    scope: str = "",
) -> Answer:
    """A list as a whole, with the filters in force, page by page while it is sent."""
    return await _answer(call, visitor, operation, path, query, None, None, of_hub, media, scope)


async def _answer(
    call: Call,
    visitor: Visitor,
    operation: Guard,
    path: Mapping[str, str] | None,
    query: Mapping[str, str] | None,
    body: Mapping[str, Any] | None,
    version: int | None,
    of_hub: bool,
    media: str,
    scope: str,
) -> Answer:
    who = visitor.caller
    assert who is not None, "a page with a scope is shown to who holds it"
    if not holds(who.credential, scope or operation.scope):
        raise lacking(scope or operation.scope)
    if of_hub:
        who = Caller(credential=who.credential, tenant_id=0)
    headers = {name: each for name, each in call.headers.items() if name not in _LEFT_OUT}
    headers |= {"accept": media}
    if version is not None:
        headers["if-match"] = f'"{version}"'
    asked = call.copy(
        headers=headers,
        params=path or {},
        query_string=urlencode({name: text for name, text in (query or {}).items() if text}),
        body=b"" if body is None else encode(body),
        caller=who,
    )
    answer = await operation.handle(asked, who)
    if isinstance(asked.cause, Rejected):
        raise CommandRejected(asked.cause)
    return answer
