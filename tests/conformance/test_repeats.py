"""An order is never doubled: the same create with the same key is answered with the same bytes, whoever asks again."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from orderhub.dialects.finding import find_dialects
from tests.support.calls import Caller, Reply, calling
from tests.support.golden import Golden, Request, by, goldens, raw

DIALECTS = find_dialects()
KEY = {"Idempotency-Key": "order-1"}


@pytest.fixture
def both(demo_url: str) -> Iterator[Caller]:
    """A fresh demo on each kind of database."""
    with calling(demo_url) as caller:
        yield caller


def first_of(hub: Caller, dialect: Any) -> Golden:
    case: Golden = goldens(dialect.name)[0]
    if case.clock:
        hub.freeze(case.tenant, case.clock)
    return case


def create(hub: Caller, case: Golden, request: Request | None = None, **headers: str) -> Reply:
    """The dialect's create call under one of the hub's own tokens, with further headers."""
    asked = by(request or case.request, f"hub-demo-{case.tenant}")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return hub.send(asked.method, asked.path, asked.query, {**asked.headers, **named}, raw(asked))


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_a_repeat_with_its_key_gets_the_same_bytes(both: Caller, dialect: Any) -> None:
    case = first_of(both, dialect)
    first = create(both, case, **KEY)
    assert first.status in {200, 201}
    assert "idempotent-replayed" not in first.headers
    uid = both.orders(case.tenant)[0]["uid"]
    both.operate("POST", f"/hub/v1/orders/{uid}/cancel", {})
    again = create(both, case, **KEY)
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["idempotent-replayed"] == "true"
    same = {"content-type", "location", "etag"}
    assert {n: again.headers.get(n) for n in same} == {n: first.headers.get(n) for n in same}
    assert len(both.orders(case.tenant)) == 1


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_a_key_that_came_with_other_content_is_refused_in_the_vendors_words(
    hub: Caller, dialect: Any
) -> None:
    case = first_of(hub, dialect)
    create(hub, case, **KEY)
    other = replace(case.request, body={**case.request.body, "something else": 1})
    refused = create(hub, case, other, **KEY)
    assert "idempotent-replayed" not in refused.headers
    assert refused.status == 422 or refused.json()["code"] in {20007, -1}
    assert len(hub.orders(case.tenant)) == 1


UNUSABLE = ["", "x" * 256, "tab\there", "caf\u00e9"]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_an_unusable_key_is_refused_before_anything_is_made(hub: Caller, dialect: Any) -> None:
    case = first_of(hub, dialect)
    for key in UNUSABLE:
        answer = create(hub, case, Idempotency_Key=key)
        assert answer.status == 400 or answer.json()["code"] not in {0, 10000}, key
    assert hub.orders(case.tenant) == []


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_a_dry_run_answers_and_makes_nothing(hub: Caller, dialect: Any) -> None:
    case = first_of(hub, dialect)
    answer = create(hub, case, Hub_Dry_Run="true", **KEY)
    assert answer.status in {200, 201}
    assert answer.headers["hub-dry-run"] == "true"
    assert hub.orders(case.tenant) == []
    assert "idempotent-replayed" not in create(hub, case, **KEY).headers


def busy(hub: Caller) -> None:
    hub.hub.intake._queue_limit = 0


def full(hub: Caller) -> None:
    hub.hub.intake._ledger.batch = _full


def _full(_: str) -> Any:
    raise OperationalError("INSERT", {}, Exception("database or disk is full"))


@pytest.mark.parametrize("trouble", [busy, full])
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_a_hub_in_trouble_says_so_in_the_vendors_words_and_when_to_come_back(
    hub: Caller, dialect: Any, trouble: Any
) -> None:
    case = first_of(hub, dialect)
    trouble(hub)
    answer = create(hub, case, **KEY)
    assert answer.status == 503 or answer.json()["code"] in {10002, 30001, -1}
    assert int(answer.headers["retry-after"]) >= 1
    if answer.status != 503:
        assert answer.status == 200


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_a_body_too_large_is_refused_in_the_vendors_words(hub: Caller, dialect: Any) -> None:
    case = first_of(hub, dialect)
    asked = by(case.request, f"hub-demo-{case.tenant}")
    body = b'{"x": "' + b"x" * 70_000_000 + b'"}'
    for headers in (asked.headers, {**asked.headers, "content-length": "10"}):
        answer = hub.send(asked.method, asked.path, asked.query, headers, body)
        assert answer.status in {413, 400} or answer.json()["code"] not in {0, 10000}
    assert hub.orders(case.tenant) == []
