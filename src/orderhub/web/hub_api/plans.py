"""POST /hub/v1/plans: what a vendor's call would do, piece by piece, without doing it."""

from __future__ import annotations

import secrets
from typing import Annotated, Any
from weakref import WeakKeyDictionary

import msgspec

from orderhub.core.known import Accepted, Timer
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Move, Order
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import (
    Answer,
    Call,
    Caller,
    Dialect,
    Fault,
    FaultKind,
    Refused,
    Route,
    Stop,
)
from orderhub.ledger.batch import ClaimName, StoredClaim
from orderhub.web.hub_api.access import guarded
from orderhub.web.hub_api.bodies import Body, Name, body_of, refuse
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.shapes import event_shape, exact_instant, move_shape, order_in_full
from orderhub.web.port import DRY_RUN, HubPort
from orderhub.web.routing import Router

_KEPT_US = 900 * 1_000_000
# Kept beside the answers that keys are bound to, in a scope that no credential has.
_SCOPE = "plans"
_DECISIONS = {"accepted": "accepted", "replayed": "replayed"}


class NewPlan(Body, frozen=True, kw_only=True):
    """A call of a vendor's API, made by the token's tenant. `body` is JSON, or the very text of it."""

    dialect: Name
    path: Annotated[str, msgspec.Meta(max_length=2_000)]
    method: Annotated[str, msgspec.Meta(max_length=10)] = "POST"
    query: Annotated[str, msgspec.Meta(max_length=8_000)] = ""
    body: Any = None


_ROUTERS: WeakKeyDictionary[HubPort, Router] = WeakKeyDictionary()


@guarded("dialects")
async def make_plan(call: Call, who: Caller) -> Answer:
    """Decided like the real call by the world as it is, and nothing of it is kept but the plan itself."""
    given = body_of(call, NewPlan)
    if not who.tenant_id:
        raise refuse("dialect", "a plan is made with a token of the tenant whose call it is")
    dialect, route, inner = _inner_call(call, given)
    answer = await _answered(dialect, route, inner)
    plan_id = secrets.token_urlsafe(12)
    now = call.received_at
    tenant = await _tenant_name(call, who)
    plan = {
        "id": plan_id,
        "dialect": dialect.name,
        "expires_at": exact_instant(now + _KEPT_US),
        "decision": _DECISIONS.get(inner.notes.get("outcome", ""), "refused"),
        "reason": inner.notes.get("reason") or inner.notes.get("fault"),
        "field": inner.notes.get("field") or None,
        "detail": inner.notes.get("detail") or None,
        "answer": _answer_shape(answer),
        **_effects(inner.planned or [], tenant),
    }
    body = encode(plan)
    if not call.is_dry_run:
        name = ClaimName(who.tenant_id, _SCOPE, plan_id)
        kept = StoredClaim(plan_id, 201, "[]", body.decode(), now)
        await port(call).write(port(call).ledger.keep_answer, name, kept, now - _KEPT_US)
    return Answer(201, body, (("Location", f"/hub/v1/plans/{plan_id}"),))


@guarded("dialects")
async def show_plan(call: Call, who: Caller) -> Answer:
    """A plan made a moment ago, as it was then."""
    sought = call.params["id"]
    found = await call.hub.read(lambda reads: reads.kept_answer(who.tenant_id, _SCOPE, sought))
    if found is None or call.received_at >= found.created_at + _KEPT_US:
        raise Refused(Rejected(Reason.RECORD_UNKNOWN, "id", f"no plan {sought}"))
    return Answer(200, found.body.encode())


def _inner_call(call: Call, given: NewPlan) -> tuple[Dialect, Route, Call]:
    hub = port(call)
    if given.dialect not in {each.name for each in hub.dialects}:
        names = ", ".join(sorted(each.name for each in hub.dialects))
        raise refuse("dialect", f"dialect is one of {names}")
    router = _ROUTERS.get(hub)
    if router is None:
        router = _ROUTERS[hub] = Router(hub.dialects)
    match = router.find(given.method, given.path)
    dialect, route = match.dialect, match.route
    if dialect is None or dialect.name != given.dialect or route is None or not route.mutates:
        raise refuse("path", f"{given.method} {given.path} is no call of {given.dialect} to plan")
    text = given.body if isinstance(given.body, str) else None
    inner = Call(
        hub=hub,
        dialect=dialect,
        method=given.method,
        path=given.path,
        query_string=given.query,
        headers={
            "authorization": call.header("authorization"),
            "accept-language": call.header("accept-language"),
            "host": call.host,
            "content-type": "application/json",
            DRY_RUN[0].lower(): DRY_RUN[1],
        },
        body=b"" if given.body is None else encode(given.body) if text is None else text.encode(),
        params=match.params,
        client=call.client,
        request_id=call.request_id,
        received_at=call.received_at,
    )
    inner.planned = []
    return dialect, route, inner


async def _answered(dialect: Dialect, route: Route, call: Call) -> Answer:
    """The vendor's answer, refusals worded as ever; busy and broken are the plan's own answer."""
    try:
        return await route.handler(call)
    except Stop as stop:
        if stop.fault.kind in (FaultKind.BUSY, FaultKind.UNAVAILABLE, FaultKind.BROKEN):
            raise Stop(Fault(stop.fault.kind, retry_after_s=stop.fault.retry_after_s)) from None
        fault = stop.fault
        first = fault.faults[0].path if fault.faults else ""
        call.notes.update(fault=fault.kind.value, field=first, detail=fault.message)
        return dialect.fault(call, fault)
    except Refused as refused:
        rejected = refused.rejected
        call.notes.update(
            outcome="rejected",
            reason=rejected.reason.value,
            field=rejected.field,
            detail=rejected.detail,
        )
        return dialect.refusal(call, rejected)


async def _tenant_name(call: Call, who: Caller) -> str:
    tenants = await call.hub.read(lambda reads: reads.tenants())
    return next(each.name for each in tenants if each.id == who.tenant_id)


def _answer_shape(answer: Answer) -> dict[str, Any]:
    body: Any
    try:
        body = msgspec.Raw(answer.body) if msgspec.json.decode(answer.body) is not None else None
    except msgspec.DecodeError:
        body = answer.body.decode("utf-8", "replace") or None
    return {"status": answer.status, "body": body}


def _effects(planned: list[Accepted], tenant: str) -> dict[str, Any]:
    """Orders with prices, taxes and draws (several where one request is split), and all else that would change."""
    orders, moves, events = [], [], []
    for accepted in planned:
        moves += [move_shape(move) for move in accepted.moves]
        events += [event_shape(event) for event in accepted.events]
        orders += [_order(each, accepted, tenant) for each in _orders(accepted)]
    return {
        "orders": orders,
        "draws": moves,
        "events": events,
        "timers": [_timer(each) for accepted in planned for each in accepted.timers],
        "records": [
            {"kind": each.kind, "id": each.id, "code": each.code or None, "removed": removed}
            for accepted in planned
            for removed, those in ((False, accepted.records), (True, accepted.removed))
            for each in those
        ],
    }


def _orders(accepted: Accepted) -> tuple[Order, ...]:
    return (*accepted.placed, *accepted.changed)


def _order(order: Order, accepted: Accepted, tenant: str) -> dict[str, Any]:
    moves: tuple[Move, ...] = tuple(each for each in accepted.moves if each.order_id == order.id)
    whole = order_in_full(order, tenant, (), moves)
    shown = {name: each for name, each in whole.items() if name not in ("events", "request")}
    if any(each.uid == order.uid for each in accepted.placed):
        # What is drawn by lot will be drawn again.
        shown.update(uid=None, number=None if order.number == order.uid else order.number)
        shown["lines"] = [{**line, "uid": None} for line in shown["lines"]]
    return shown


def _timer(timer: Timer) -> dict[str, Any]:
    return {"kind": timer.kind, "due_at": exact_instant(timer.due_at)}


ROUTES = (
    Route(
        "POST",
        "/hub/v1/plans",
        make_plan,
        "What a vendor's call would do",
        request=NewPlan,
        mutates=True,
    ),
    Route("GET", "/hub/v1/plans/{id}", show_plan, "A plan made a moment ago"),
)
