"""POST /hub/v1/plans: what a vendor's call would do, piece by piece, without doing it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any
from weakref import WeakKeyDictionary

import msgspec

from orderhub.core.answer import KeptAnswer, Outcome
from orderhub.core.facts import Accepted, TenantGone
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Move, Order
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import (
    Answer,
    Call,
    Caller,
    CommandRejected,
    Dialect,
    Fault,
    FaultKind,
    HTTPFault,
    Route,
)
from orderhub.dialects.spelling import spelled
from orderhub.ledger.batch import ClaimName
from orderhub.web.hub_api.access import guarded
from orderhub.web.hub_api.bodies import (
    Body,
    DialectName,
    body_of,
    refuse,
    refuse_unless_dialect,
)
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.shapes import Draw, OrderEvent, event_shape, move_shape, order_in_full
from orderhub.web.hub_api.shaping import Instant, Shape, exact_instant
from orderhub.web.port import DRY_RUN, HubPort
from orderhub.web.routing import Router

_KEPT_US = 900 * 1_000_000
# Kept beside the answers that keys are bound to, in a scope that no credential has.
_SCOPE = "plans"


class NewPlan(Body, frozen=True, kw_only=True):
    """A call of a vendor's API, made by the token's tenant. `body` is JSON, or the very text of it."""

    dialect: DialectName
    path: Annotated[str, msgspec.Meta(max_length=2_000)]
    method: Annotated[str, msgspec.Meta(max_length=10)] = "POST"
    query: Annotated[str, msgspec.Meta(max_length=8_000)] = ""
    body: Any = None


class PlannedAnswer(Shape, frozen=True, kw_only=True):
    status: int
    body: Any


class PlannedTimer(Shape, frozen=True, kw_only=True):
    kind: str
    due_at: Instant


class PlannedRecord(Shape, frozen=True, kw_only=True):
    kind: str
    id: int
    code: str | None
    removed: bool


class Plan(Shape, frozen=True, kw_only=True):
    """What the call would be answered, and all that it would change."""

    id: str
    dialect: str
    expires_at: Instant
    decision: str
    reason: str | None
    field: str | None
    detail: str | None
    answer: PlannedAnswer
    # As orders are shown in full, without what is drawn by lot.
    orders: tuple[dict[str, Any], ...]
    draws: tuple[Draw, ...]
    events: tuple[OrderEvent, ...]
    timers: tuple[PlannedTimer, ...]
    records: tuple[PlannedRecord, ...]


_ROUTERS: WeakKeyDictionary[HubPort, Router] = WeakKeyDictionary()


@guarded("dialects")
async def make_plan(call: Call, who: Caller) -> Answer:
    """Decided like the real call by the world as it is, and nothing of it is kept but the plan itself."""
    given = body_of(call, NewPlan)
    if not who.tenant_id:
        raise refuse("dialect", "a plan is made with a token of the tenant whose call it is")
    planned: list[Outcome] = []
    dialect, route, inner = _inner_call(call, given, planned)
    answer = await _answered(dialect, route, inner)
    cause = inner.cause
    plan_id = secrets.token_urlsafe(12)
    now = call.received_at
    tenant = await _tenant_name(call, who)
    plan = Plan(
        id=plan_id,
        dialect=dialect.name,
        expires_at=exact_instant(now + _KEPT_US),
        decision=_decision(planned, cause),
        **_cause_shape(cause),
        answer=_answer_shape(answer),
        **_effects([each.accepted for each in planned if each.accepted], tenant),
    )
    body = encode(plan)
    if not call.is_dry_run:
        name = ClaimName(who.tenant_id, _SCOPE, plan_id)
        kept = KeptAnswer(plan_id, Answer(201, body), now)
        await port(call).write(port(call).ledger.keep_answer, name, kept, now - _KEPT_US)
    return Answer(201, body, (("Location", f"/hub/v1/plans/{plan_id}"),))


@guarded("dialects")
async def show_plan(call: Call, who: Caller) -> Answer:
    """A plan made a moment ago, as it was then."""
    sought = call.params["id"]
    found = await call.hub.read(lambda reads: reads.kept_answer(who.tenant_id, _SCOPE, sought))
    is_gone = found is None or found.is_redacted
    if found is None or is_gone or call.received_at >= found.created_at + _KEPT_US:
        raise CommandRejected(Rejected(Reason.RECORD_UNKNOWN, "id", f"no plan {sought}"))
    return Answer(200, found.answer.body)


def _inner_call(call: Call, given: NewPlan, planned: list[Outcome]) -> tuple[Dialect, Route, Call]:
    hub = port(call)
    refuse_unless_dialect(call, given.dialect)
    router = _ROUTERS.get(hub)
    if router is None:
        router = _ROUTERS[hub] = Router(hub.dialects)
    match = router.find(given.method, given.path)
    dialect, route = match.dialect, match.route
    if dialect is None or dialect.name != given.dialect or route is None or not route.mutates:
        raise refuse("path", f"{given.method} {given.path} is no call of {given.dialect} to plan")
    text = given.body if isinstance(given.body, str) else None
    inner = call.copy(
        dialect=dialect,
        method=given.method,
        path=given.path,
        query_string=given.query,
        headers={
            "authorization": call.header("authorization"),
            "accept-language": call.header("accept-language"),
            "host": call.header("host"),
            "content-type": "application/json",
            DRY_RUN[0].lower(): DRY_RUN[1],
        },
        body=b"" if given.body is None else encode(given.body) if text is None else text.encode(),
        params=match.params,
        caller=None,
        tenant_id=0,
        spelling=partial(spelled, dialect.fields),
        notes={},
        planned=planned,
        cause=None,
        bound_commands=0,
    )
    return dialect, route, inner


async def _answered(dialect: Dialect, route: Route, call: Call) -> Answer:
    """The vendor's answer, refusals worded as ever; busy and broken are the plan's own answer."""
    try:
        return await route.handler(call)
    except HTTPFault as stop:
        if stop.fault.kind in (FaultKind.BUSY, FaultKind.UNAVAILABLE, FaultKind.BROKEN):
            raise HTTPFault(
                Fault(stop.fault.kind, retry_after_s=stop.fault.retry_after_s)
            ) from None
        call.explain(stop.fault)
        return dialect.fault(call, stop.fault)
    except CommandRejected as refused:
        call.explain(refused.rejected)
        return dialect.refusal(call, refused.rejected)


def _decision(planned: Sequence[Outcome], cause: Rejected | Fault | None) -> str:
    """What became of the call: of its last command, unless it was refused by other means."""
    return "refused" if cause is not None or not planned else planned[-1].kind


def _cause_shape(cause: Rejected | Fault | None) -> dict[str, Any]:
    """Why it was refused, in the hub's own words: the vendor's may hide it."""
    if cause is None:
        return {"reason": None, "field": None, "detail": None}
    if isinstance(cause, Rejected):
        reason, field, detail = cause.reason.value, cause.field, cause.detail
    else:
        field = cause.faults[0].path if cause.faults else ""
        reason, detail = cause.kind.value, cause.message
    return {"reason": reason, "field": field or None, "detail": detail or None}


async def _tenant_name(call: Call, who: Caller) -> str:
    found = await call.hub.read(lambda reads: reads.tenants_among((who.tenant_id,)))
    if not found:
        raise TenantGone(who.tenant_id)
    return found[0].name


def _answer_shape(answer: Answer) -> PlannedAnswer:
    body: Any
    try:
        body = msgspec.Raw(answer.body) if msgspec.json.decode(answer.body) is not None else None
    except msgspec.DecodeError:
        body = answer.body.decode("utf-8", "replace") or None
    return PlannedAnswer(status=answer.status, body=body)


def _effects(planned: list[Accepted], tenant: str) -> dict[str, Any]:
    """Orders with prices, taxes and draws (several where one request is split), and all else that would change."""
    return {
        "orders": tuple(_order(o, a, tenant) for a in planned for o in _orders(a)),
        "draws": tuple(move_shape(move) for a in planned for move in a.moves),
        "events": tuple(event_shape(event) for a in planned for event in a.events),
        "timers": tuple(PlannedTimer.of(timer) for a in planned for timer in a.timers),
        "records": tuple(
            PlannedRecord.of(record, removed=removed)
            for a in planned
            for removed, records in ((False, a.records), (True, a.removed))
            for record in records
        ),
    }


def _orders(accepted: Accepted) -> tuple[Order, ...]:
    return (*accepted.placed, *accepted.changed)


def _order(order: Order, accepted: Accepted, tenant: str) -> dict[str, Any]:
    moves: tuple[Move, ...] = tuple(each for each in accepted.moves if each.order_id == order.id)
    whole: dict[str, Any] = msgspec.to_builtins(order_in_full(order, tenant, (), moves))
    shown = {name: each for name, each in whole.items() if name not in ("events", "request")}
    if any(each.uid == order.uid for each in accepted.placed):
        # What is drawn by lot will be drawn again.
        shown.update(uid=None, number=None if order.number == order.uid else order.number)
        shown["lines"] = [{**line, "uid": None} for line in shown["lines"]]
    return shown


ROUTES = (
    Route(
        "POST",
        "/hub/v1/plans",
        make_plan,
        "What a vendor's call would do",
        request=NewPlan,
        mutates=True,
        idempotency_key=False,
        answers={201: Plan},
    ),
    Route("GET", "/hub/v1/plans/{id}", show_plan, "A plan made a moment ago", answers={200: Plan}),
)
