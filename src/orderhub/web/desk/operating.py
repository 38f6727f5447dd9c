"""For operators: the businesses of the hub, how it stands, and whether every law of the ledger holds."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec

from orderhub.core.queries import Reads
from orderhub.core.reach import OPERATOR
from orderhub.core.values import Settings
from orderhub.dialects.contract import Answer, Call
from orderhub.web.checking import Verdict
from orderhub.web.desk.forms import Form
from orderhub.web.desk.inner import ask, file, tell, wanted
from orderhub.web.desk.language import N_
from orderhub.web.desk.orders import Pages
from orderhub.web.desk.page import Visitor, form, go, page, show
from orderhub.web.hub_api import tenants
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.shaping import Page
from orderhub.web.hub_api.tenants import TenantInList

TENANTS, HEALTH = "/desk/tenants", "/desk/health"
_PAGE = "100"
_CURSOR = re.compile("[0-9]{1,18}")
_USUAL = Settings(name="")

Text = Annotated[str, msgspec.Meta(max_length=200)]


class _New(msgspec.Struct, frozen=True, kw_only=True):
    """What can be set besides, its settings do later."""

    name: Text
    title: Text = ""
    currency: Text = _USUAL.currency
    time_zone: Text = _USUAL.time_zone
    sandbox: bool = False


class Tenants(msgspec.Struct, frozen=True, kw_only=True):
    rows: tuple[TenantInList, ...]
    pages: Pages
    currency: str
    time_zone: str


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How this process and its database stand.

    is_ready     orders are taken
    queue        commands that wait
    commits      so many since this process began, of `commit_ms` on average, `retries` of them tried again
    behind       events that webhooks have not been read up to, in all; `furthest` of the one that is furthest behind
    failing      webhooks of which nothing but failures come
    dropped      calls that the request log did not keep
    size         of the database, in bytes
    """

    is_ready: bool
    can_commit: bool
    queue: int
    commits: int
    commit_ms: float
    retries: int
    orders: int
    webhooks: int
    behind: int
    furthest: int
    failing: int
    streams: int
    kept: int
    dropped: int
    size: int
    database: str
    running_since: int
    verdict: Verdict | None


async def every_tenant(call: Call, visitor: Visitor, sent: Form) -> Answer:
    if media := wanted(call):
        return await file(call, visitor, tenants.list_tenants, media, of_hub=True)
    cursor = call.query.get("after", "")
    cursor = cursor if _CURSOR.fullmatch(cursor) else ""
    query = {"limit": _PAGE, "cursor": cursor}
    found = await ask(
        call, visitor, tenants.list_tenants, Page[TenantInList], query=query, of_hub=True
    )
    older = f"{TENANTS}?{urlencode({'after': found.next_cursor})}" if found.next_cursor else ""
    context = Tenants(
        rows=found.items,
        pages=Pages(newest=TENANTS if cursor else "", older=older),
        currency=_USUAL.currency,
        time_zone=_USUAL.time_zone,
    )
    return show(call, visitor, "tenants.html", context, sent)


async def new_tenant(call: Call, visitor: Visitor, sent: Form) -> Answer:
    given = sent.read(_New)
    settings = {
        "currency": given.currency,
        "time_zone": given.time_zone,
        "sandbox": given.sandbox,
    }
    body = {"name": given.name, "title": given.title, "settings": settings}
    await tell(call, visitor, tenants.create_tenant, body=body, of_hub=True)
    return go(call, TENANTS, done=visitor.say(N_("The business is there."), name=given.name))


async def health(call: Call, visitor: Visitor, sent: Form) -> Answer:
    hub = port(call)
    can_commit = await hub.readiness.can_commit()
    looks, size = await call.hub.read(_looks)
    told = list(hub.metrics.collect())
    plain = {each.name: each.value for one in told for each in one.samples if not each.labels}
    sample = plain.get
    commits = int(sample("orderhub_commit_seconds_count") or 0)
    spent_s = sample("orderhub_commit_seconds_sum") or 0.0
    behind = [max(0, each.progress - (each.state.passed if each.state else 0)) for each in looks]
    context = Health(
        is_ready=hub.is_ready,
        can_commit=can_commit,
        queue=int(sample("orderhub_queue_depth") or 0),
        commits=commits,
        commit_ms=1_000 * spent_s / commits if commits else 0.0,
        retries=int(sample("orderhub_batch_retries_total") or 0),
        orders=_orders(told),
        webhooks=len(looks),
        behind=sum(behind),
        furthest=max(behind, default=0),
        failing=sum(1 for each in looks if each.state and each.state.failing_since),
        streams=int(sample("orderhub_feed_streams") or 0),
        kept=int(sample("orderhub_request_log_kept_total") or 0),
        dropped=int(sample("orderhub_request_log_dropped_total") or 0),
        size=size,
        database="PostgreSQL" if hub.ledger.is_postgres else "SQLite",
        running_since=hub.checking.running_since,
        verdict=hub.checking.last,
    )
    answer = show(call, visitor, "health.html", context, sent)
    if not context.running_since:
        return answer
    return msgspec.structs.replace(answer, headers=(*answer.headers, ("Refresh", "2")))


async def check(call: Call, visitor: Visitor, _sent: Form) -> Answer:
    """Begun here and read on the page of how the hub stands, once it is there."""
    said = (
        N_("The check has begun.") if port(call).checking.begin() else N_("A check runs already.")
    )
    return go(call, HEALTH, done=visitor.say(said))


def _looks(reads: Reads) -> tuple[list[Any], int]:
    return reads.webhooks_look(), reads.database_size()


def _orders(found: Any) -> int:
    return int(
        sum(
            sample.value
            for metric in found
            if metric.name == "orderhub_orders"
            for sample in metric.samples
            if sample.name.endswith("_total")
        )
    )


ROUTES = (
    page(TENANTS, OPERATOR, every_tenant),
    form(TENANTS, OPERATOR, new_tenant, every_tenant),
    page(HEALTH, OPERATOR, health),
    form(f"{HEALTH}/check", OPERATOR, check, health),
)
