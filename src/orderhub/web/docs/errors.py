"""What a dialect says when a call goes wrong, found by having it word every fault and every refusal."""

from __future__ import annotations

import re
from typing import Any, cast

import msgspec

from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.codec import decode
from orderhub.dialects.contract import Answer, Call, Dialect, Fault, FaultKind, Hub, Route

_REQUEST_ID = "0123456789abcdef0123456789abcdef"
_PARAMETER = re.compile(r"\{(\w+)\}")
_EXAMPLES_AT_MOST = 40

_WITH_BODY = {FaultKind.MALFORMED, FaultKind.TOO_LARGE, FaultKind.UNSUPPORTED_MEDIA}
_WITH_INPUT = {FaultKind.INVALID}
_WITH_CREDENTIAL = {
    FaultKind.UNAUTHENTICATED,
    FaultKind.FORBIDDEN,
    FaultKind.RATE_LIMITED,
    FaultKind.BUSY,
}
_WITH_CHANGE = {FaultKind.KEY_INVALID, FaultKind.BUSY}
_OF_KEYS = (Reason.KEY_REUSED, Reason.KEY_REDACTED)
_WITH_PATH = {FaultKind.NOT_FOUND}
_ALWAYS = {FaultKind.UNAVAILABLE, FaultKind.BROKEN}


class Wording(msgspec.Struct, frozen=True):
    """One way to be told no. `body` is a JSON value."""

    name: str
    answer: Answer
    body: Any

    @property
    def media_type(self) -> str:
        return self.answer.media_type.partition(";")[0]


class _Nowhere:
    """A hub that only has what the wording of errors may look at."""

    public_url = ""
    rate_limits = True


def _call(dialect: Dialect, method: str, path: str) -> Call:
    return Call(
        hub=cast("Hub", _Nowhere()),
        dialect=dialect,
        method=method,
        path=path,
        params=dict.fromkeys(_PARAMETER.findall(path), "…"),
        headers={"accept-language": "en"},
        body=b"{}",
        request_id=_REQUEST_ID,
    )


def wordings(dialect: Dialect, route: Route) -> dict[int, list[Wording]]:
    """HTTP status -> what a call of the route may be answered when it goes wrong, each wording once."""
    call = _call(dialect, route.method, route.path)
    found: dict[int, dict[bytes, Wording]] = {}
    for kind in FaultKind:
        if kind in _faults_of(route):
            wait = 1 if kind in (FaultKind.BUSY, FaultKind.RATE_LIMITED) else 0
            _keep(found, call, kind.value, dialect.fault(call, Fault(kind, retry_after_s=wait)))
    for reason in _reasons_of(route):
        _keep(found, call, reason.value, dialect.refusal(call, Rejected(reason)))
    return {
        status: list(each.values())[:_EXAMPLES_AT_MOST] for status, each in sorted(found.items())
    }


def _keep(found: dict[int, dict[bytes, Wording]], call: Call, name: str, answer: Answer) -> None:
    # Said alike for every path: what is the same everywhere is written once.
    text = answer.body.replace(call.path.encode(), "/…".encode())
    body = decode(text) if text else None
    found.setdefault(answer.status, {}).setdefault(text, Wording(name, answer, body))


def _has_body(route: Route) -> bool:
    return route.method in {"POST", "PUT", "PATCH"}


def _faults_of(route: Route) -> set[FaultKind]:
    has_input = _has_body(route) or route.query is not None or "{" in route.path
    return {
        *_ALWAYS,
        *(_WITH_BODY if _has_body(route) else ()),
        *(_WITH_INPUT | {FaultKind.MALFORMED} if has_input else ()),
        *(() if route.public and not has_input else _WITH_CREDENTIAL),
        *(_WITH_CHANGE if route.mutates else ()),
        *(_WITH_PATH if "{" in route.path else ()),
    }


def _reasons_of(route: Route) -> tuple[Reason, ...]:
    """Reads are refused for what they name; only changes can break a rule of a business."""
    if route.mutates:
        return tuple(Reason)
    if _has_body(route) or route.query is not None or "{" in route.path:
        return tuple(reason for reason in Reason if reason not in _OF_KEYS)
    return ()
