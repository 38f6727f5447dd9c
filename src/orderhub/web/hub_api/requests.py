"""/hub/v1/requests: calls as they came, what was answered, and why."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Annotated

import msgspec

from orderhub.core.queries import Reads
from orderhub.core.reach import OPERATOR
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.request_log import Exchange, LoggedRequest, RequestSearch
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Caller, CommandRejected, HTTPFault, Route
from orderhub.web.hub_api.access import guarded, tenant_of
from orderhub.web.hub_api.bodies import (
    AnyMoment,
    Query,
    form,
    instant,
    query_of,
    refuse,
    up_to,
)
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.lists import exports, listed
from orderhub.web.hub_api.orders import tenant_names
from orderhub.web.hub_api.shaping import Instant, Page, Shape, exact_instant
from orderhub.web.hub_api.tables import columns_of
from orderhub.web.request_log import LONGEST_PATH

MAX_PAGE = 200
_ID = "[0-9a-f]{32}"
_FLUSH_WITHIN_S = 1.0
# Each is the column of an index behind the tenant's; a request id is looked up by itself.
FILTERS = ("channel", "path", "status", "reason", "credential")
_STATUS = "[1-5][0-9]{2}"


class ListRequests(Query, frozen=True, kw_only=True):
    """Filters, all of which must hold. Empty = not given."""

    tenant: Annotated[
        str,
        msgspec.Meta(description="an operator's list may be of one tenant; `operator` = their own"),
    ] = ""
    channel: Annotated[str, msgspec.Meta(description="a dialect, or `hub`")] = ""
    path: Annotated[str, msgspec.Meta(description="as it was called, whole, without its query")] = (
        ""
    )
    status: Annotated[
        str, form(f"(?:{_STATUS}|0)?", "is an HTTP status, or 0", "0 = there was no answer")
    ] = ""
    reason: Annotated[str, msgspec.Meta(description="why it was refused")] = ""
    credential: Annotated[str, msgspec.Meta(description="the id of a credential")] = ""
    request_id: Annotated[
        str, form(f"(?:{_ID})?", "is the Request-Id of an answer", "the `Request-Id` of an answer")
    ] = ""
    from_: AnyMoment = msgspec.field(default="", name="from")
    to: AnyMoment = ""
    limit: Annotated[int, up_to(MAX_PAGE)] = 50
    cursor: Annotated[
        str,
        form(
            rf"(?:[0-9]{{1,18}}(?:\.[0-9]{{1,18}})?\.{_ID})?",
            "is a next_cursor of an earlier page of the same list",
            "`next_cursor` of the page before",
        ),
    ] = ""


class RequestSummary(Shape, frozen=True, kw_only=True):
    """One call. `id` is the `Request-Id` of its answer, `status` null where the connection was closed without one."""

    id: str
    tenant: str
    at: Instant
    channel: str
    method: str
    path: str
    status: int | None
    reason: str | None
    field: str | None
    detail: str | None
    credential: str | None
    credential_label: str | None
    orders: tuple[str, ...]
    duration_ms: float


class MessageKept(Shape, frozen=True, kw_only=True):
    """Headers and body without what is secret, at most 16 KiB together. `is_cut`: there was more."""

    headers: dict[str, str]
    body: str
    is_cut: bool


class RequestInFull(RequestSummary, frozen=True, kw_only=True):
    query: str
    request: MessageKept
    answer: MessageKept


@guarded("requests")
async def list_requests(call: Call, who: Caller) -> Answer:
    """Newest first. Calls of this process are in it from the moment they were answered."""
    given = query_of(call, ListRequests)
    tenant_id = await _tenant_id(call, who, given.tenant)
    await write_down(call)

    async def ask(cursor: str, limit: int) -> Page[RequestSummary]:
        behind = msgspec.structs.replace(given, cursor=cursor, limit=limit)
        search = _search(behind, tenant_id)
        found, names = await call.hub.read(
            lambda reads: (_found(reads, search, given.request_id), tenant_names(reads))
        )
        shown = found[:limit]
        following = _cursor(shown[-1], tenant_id) if len(found) > limit else None
        return Page(items=tuple(_summary(each, names) for each in shown), next_cursor=following)

    columns = columns_of(RequestSummary)
    return await listed(call, "requests", ask, columns, cursor=given.cursor, limit=given.limit)


@guarded("requests")
async def one_request(call: Call, who: Caller) -> Answer:
    """What was sent and answered, without its secrets; of a tenant that is no sandbox without personal data either."""
    request_id = call.params["id"].lower()
    await write_down(call)
    found, names = await call.hub.read(
        lambda reads: (
            reads.request(who.tenant_id or None, request_id)
            if re.fullmatch(_ID, request_id)
            else None,
            tenant_names(reads),
        )
    )
    if found is None:
        why = f"no request {request_id[:40]} is kept"
        raise CommandRejected(Rejected(Reason.RECORD_UNKNOWN, "id", why))
    return Answer(200, encode(in_full(*found, names)))


async def _tenant_id(call: Call, who: Caller, name: str) -> int | None:
    """Whose calls are asked for; None = every tenant's."""
    if name == OPERATOR and not who.tenant_id:
        return 0
    if name:
        return (await tenant_of(call, who, name)).id
    return who.tenant_id or None


async def write_down(call: Call) -> None:
    """What waits here to be kept; if that takes long, the list goes without."""
    with suppress(HTTPFault):
        await port(call).write(port(call).request_log.flush, limit_s=_FLUSH_WITHIN_S)


def _search(given: ListRequests, tenant_id: int | None) -> RequestSearch:
    """Raises HTTPFault(INVALID) for what no index answers."""
    values = {name: getattr(given, name) for name in FILTERS if getattr(given, name)}
    if values and tenant_id is None and not given.request_id:
        raise refuse("tenant", f"name a tenant to filter by {' and '.join(values)}", "missing")
    if "status" in values:
        values["status"] = int(given.status)
    if "path" in values:
        values["path"] = given.path[:LONGEST_PATH]
    return RequestSearch(
        tenant_id=tenant_id,
        equal=tuple(values.items()),
        since=instant(given.from_, "from") if given.from_ else None,
        until=instant(given.to, "to") if given.to else None,
        after=_after(given.cursor, tenant_id),
        limit=given.limit + 1,
    )


def _found(reads: Reads, search: RequestSearch, request_id: str) -> tuple[LoggedRequest, ...]:
    """One more than the page has, where there are more."""
    if not request_id:
        return reads.requests(search)
    one = reads.request(search.tenant_id, request_id)
    return (one[0],) if one is not None and search.suits(one[0]) else ()


def _after(cursor: str, tenant_id: int | None) -> tuple[int | str, ...]:
    *numbers, last = cursor.split(".")
    if cursor and len(numbers) != (2 if tenant_id is None else 1):
        raise refuse("cursor", "cursor is a next_cursor of an earlier page of the same list")
    return (*map(int, numbers), last) if cursor else ()


def _cursor(last: LoggedRequest, tenant_id: int | None) -> str:
    between = (last.tenant_id,) if tenant_id is None else ()
    return ".".join(map(str, (last.recorded_at, *between, last.id)))


def _members(logged: LoggedRequest, names: dict[int, str]) -> dict[str, object]:
    return {
        "tenant": names.get(logged.tenant_id, OPERATOR),
        "at": exact_instant(logged.recorded_at),
        "status": logged.status or None,
        "credential_label": logged.label or None,
        "duration_ms": logged.duration_us / 1_000,
    }


def _summary(logged: LoggedRequest, names: dict[int, str]) -> RequestSummary:
    return RequestSummary.of(logged, **_members(logged, names))


def in_full(logged: LoggedRequest, exchange: Exchange, names: dict[int, str]) -> RequestInFull:
    return RequestInFull.of(
        logged,
        **_members(logged, names),
        query=exchange.query,
        request=MessageKept.of(exchange.request),
        answer=MessageKept.of(exchange.answer),
    )


_REQUESTS = "/hub/v1/requests"

# Whoever follows the log asks for it again and again: that is no call worth keeping while all is well.
ROUTES = (
    Route(
        "GET",
        _REQUESTS,
        list_requests,
        "Calls and how they were answered, newest first",
        query=ListRequests,
        answers={200: (Page[RequestSummary], *exports(RequestSummary))},
        probe=True,
    ),
    Route(
        "GET",
        f"{_REQUESTS}/{{id}}",
        one_request,
        "One call in full",
        answers={200: RequestInFull},
        probe=True,
    ),
)
