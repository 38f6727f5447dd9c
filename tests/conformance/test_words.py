"""Each dialect has words for everything that can go wrong: an answer in its own envelope, never an exception."""

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import orderhub.dialects
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.contract import Answer, Dialect, Fault, FaultKind, WireFault
from orderhub.dialects.finding import find_dialects
from tests.support.dialects import HUB
from tests.support.wording import calls

ROOT = Path(__file__).resolve().parents[2]
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


@pytest.fixture(scope="module")
def worded_by_default() -> dict[str, list[str]]:
    """Dialect -> its words for a reason and a fault that nobody has heard of."""
    built_in = Path(orderhub.dialects.__file__).parent
    more = [each for each in orderhub.dialects.__path__ if Path(each) != built_in]
    run = subprocess.run(
        [sys.executable, "-m", "tests.support.unheard", *more],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found: dict[str, list[str]] = json.loads(run.stdout)
    return found


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_every_row_is_spelled(dialect: Dialect, worded_by_default: dict[str, list[str]]) -> None:
    """A default would word a new reason as something that it is not, and no test would ask for its row."""
    assert worded_by_default[dialect.name] == []
