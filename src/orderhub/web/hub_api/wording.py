"""Problem details (RFC 9457) for everything that can go wrong with a call of the hub's own API."""

from __future__ import annotations

from typing import Any

from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Fault, FaultKind
from orderhub.web.hub_api import limits

PROBLEM = "application/problem+json"
TYPES = "/docs/problems#"

_FAULTS: dict[FaultKind, tuple[int, str]] = {
    FaultKind.MALFORMED: (400, "The body is not usable JSON"),
    FaultKind.INVALID: (400, "The request has the wrong shape"),
    FaultKind.UNAUTHENTICATED: (401, "A valid bearer token is needed"),
    FaultKind.FORBIDDEN: (403, "The token may not do this"),
    FaultKind.NOT_FOUND: (404, "There is nothing here"),
    FaultKind.METHOD_NOT_ALLOWED: (405, "The method is not allowed here"),
    FaultKind.TOO_LARGE: (413, "The body is too large"),
    FaultKind.UNSUPPORTED_MEDIA: (415, "The media type is not supported"),
    FaultKind.RATE_LIMITED: (429, "Too many requests"),
    FaultKind.KEY_INVALID: (400, "The Idempotency-Key is not usable"),
    FaultKind.BUSY: (503, "The hub is busy"),
    FaultKind.UNAVAILABLE: (503, "The ledger cannot be written right now"),
    FaultKind.BROKEN: (500, "The hub broke on this request"),
}

# Refusals not named here are 422: understood, and refused by a rule.
_STATUSES: dict[Reason, int] = {
    Reason.ORDER_UNKNOWN: 404,
    Reason.RECORD_UNKNOWN: 404,
    Reason.NOT_OWNER: 404,  # what belongs to someone else is not there
    Reason.VERSION_CONFLICT: 412,
    Reason.TRANSITION_NOT_ALLOWED: 409,
    Reason.ALREADY_EXISTS: 409,
    Reason.OUT_OF_STOCK: 409,
    Reason.SOLD_OUT: 409,
    Reason.COUPON_USED_UP: 409,
    Reason.BALANCE_TOO_LOW: 409,
}


def status_of(cause: Reason | FaultKind) -> int:
    """The HTTP status that a refusal or a fault is answered with."""
    return _FAULTS[cause][0] if isinstance(cause, FaultKind) else _STATUSES.get(cause, 422)


def title_of(kind: FaultKind) -> str:
    """What a fault is called; all there is to say of one that has no words of its own."""
    return _FAULTS[kind][1]


def problem(call: Call, status: int, kind: str, title: str, **more: Any) -> Answer:
    body = {"type": f"{TYPES}{kind}", "title": title, "status": status, "instance": call.path}
    body.update({name: value for name, value in more.items() if value})
    body["request_id"] = call.request_id
    headers = (("WWW-Authenticate", 'Bearer realm="orderhub"'),) if status == 401 else ()
    return Answer(status, encode(body), (*headers, *limits.headers_of(call)), PROBLEM)


def fault(call: Call, fault: Fault) -> Answer:
    status, title = status_of(fault.kind), title_of(fault.kind)
    details = [
        {"field": each.path, "problem": each.problem, "message": each.message}
        for each in fault.faults
    ]
    return problem(call, status, fault.kind.value, title, detail=fault.message, errors=details)


def refusal(call: Call, rejected: Rejected) -> Answer:
    status = status_of(rejected.reason)
    title = rejected.reason.value.replace("_", " ").capitalize()
    return problem(
        call, status, rejected.reason.value, title, detail=rejected.detail, field=rejected.field
    )
