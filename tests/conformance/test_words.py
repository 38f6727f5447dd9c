"""Each dialect has words for everything that can go wrong: an answer in its own envelope, never an exception."""

import importlib
import itertools
import json
import pkgutil
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import pytest

import orderhub.dialects
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.contract import Answer, Call, Dialect, Fault, FaultKind, WireFault
from orderhub.dialects.finding import find_dialects
from orderhub.web.hub_api import HUB

DIALECTS = find_dialects()
FIELDS = ("", "lines", "lines[3].product", "lines[0].quantity", "no.such.field", "idempotency_key")
# What a fault may say besides its kind.
FAULTS = {
    "bare": {},
    "with a message": {"message": "said \u201cno\u201d"},
    "with faults": {
        "message": "two things",
        "faults": (
            WireFault("a[0].b", "missing", "a[0].b is required"),
            WireFault("c", "type"),
            WireFault("", "value"),
        ),
    },
    "with time to wait": {"retry_after_s": 7},
}
BUSY = {FaultKind.BUSY, FaultKind.UNAVAILABLE}
OURS = {*BUSY, FaultKind.BROKEN}


class Port:
    """As much of the hub as wording may look at."""

    public_url = "http://hub.test"
    rate_limits = True

    def now_us(self) -> int:
        return 1_700_000_000_000_000


def calls(dialect: Dialect) -> Iterator[Call]:
    """A call at every path of the dialect, and at one that it does not know."""
    places = [(route.method, route.path, route.path) for route in dialect.routes]
    unknown = ("POST", f"{dialect.prefixes[0]}no/such/path", "")
    for method, path, pattern in (*places, unknown):
        names = [part[1:-1] for part in pattern.split("/") if part.startswith("{")]
        yield Call(
            hub=Port(),  # type: ignore[arg-type]
            dialect=dialect,
            method=method,
            path=path,
            headers={"content-type": "application/json"},
            body=b"{}",
            params=dict.fromkeys(names, "1"),
            request_id="0123",
            received_at=1_700_000_000_000_000,
        )


def everything_wrong(dialect: Dialect) -> Iterator[tuple[str, Answer]]:
    for call in calls(dialect):
        for kind, more in itertools.product(FaultKind, FAULTS):
            yield f"{kind} {more} at {call.path}", dialect.fault(call, Fault(kind, **FAULTS[more]))
        for reason in Reason:
            for field in (*FIELDS, *dialect.fields):
                rejected = Rejected(reason, field, "what operators read")
                yield f"{reason} of {field!r} at {call.path}", dialect.refusal(call, rejected)


@pytest.mark.parametrize("dialect", [*DIALECTS, HUB], ids=lambda each: each.name)
def test_every_fault_and_every_refusal_has_an_answer_in_the_dialects_envelope(
    dialect: Dialect,
) -> None:
    shapes: dict[frozenset[str], str] = {}
    for what, answer in everything_wrong(dialect):
        assert 200 <= answer.status <= 599, what
        assert "json" in answer.media_type, what
        body = json.loads(answer.body)
        assert isinstance(body, dict), what
        assert body, what
        shapes.setdefault(frozenset(body), what)
    always = frozenset.intersection(*shapes)
    assert always, f"no member is in every failure: {shapes}"


@pytest.mark.parametrize("dialect", [*DIALECTS, HUB], ids=lambda each: each.name)
def test_only_what_is_the_hubs_own_fault_is_a_5xx(dialect: Dialect) -> None:
    for call in calls(dialect):
        for reason in Reason:
            status = dialect.refusal(call, Rejected(reason, "lines[0].product")).status
            assert status < 500, f"a refusal is never a 500: {reason} at {call.path}"
        for kind in FaultKind:
            status = dialect.fault(call, Fault(kind)).status
            assert status < 500 or kind in OURS, f"{kind} at {call.path}"


@pytest.mark.parametrize("dialect", [*DIALECTS, HUB], ids=lambda each: each.name)
def test_a_failure_never_looks_like_a_success(dialect: Dialect) -> None:
    """A vendor that answers 200 to failures has a code in the body, and none of a success."""
    for what, answer in everything_wrong(dialect):
        body = json.loads(answer.body)
        if answer.status < 300:
            assert body.get("code") not in {0, 10000, None}, f"{what}: {body}"


def tables(dialect: Dialect, kind: type[StrEnum]) -> set[StrEnum]:
    """The members of `kind` that some table in the dialect's folder has a row for."""
    rows: set[StrEnum] = set()
    package = importlib.import_module(f"{orderhub.dialects.__name__}.{dialect.name}")
    inner = pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
    for module in (package, *(importlib.import_module(each.name) for each in inner)):
        for value in vars(module).values():
            if isinstance(value, dict) and value and all(isinstance(each, kind) for each in value):
                rows.update(value)
    return rows


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
@pytest.mark.parametrize("kind", [Reason, FaultKind])
def test_the_tables_are_total(dialect: Dialect, kind: Any) -> None:
    """A default would word a new reason as something that it is not."""
    missing = sorted(set(kind) - tables(dialect, kind))
    assert not missing, f"{dialect.name} has no row for {', '.join(missing)}"
