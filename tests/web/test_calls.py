"""A call is copied in one place, and nothing is left behind."""

from typing import Any

import pytest

from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.contract import Call, Called
from orderhub.dialects.finding import find_dialects
from orderhub.dialects.sitecore_cdp.repeats import detached

DIALECTS = find_dialects()


class _Hub:
    public_url = "https://hub.example"

    def __init__(self) -> None:
        self.let: list[Any] = []

    def let_in(self, call: Call, caller: Any) -> None:
        self.let.append((call, caller))


def call_of(**members: Any) -> Call:
    return Call(hub=_Hub(), dialect=DIALECTS[0], method="POST", path="/a", **members)


@pytest.mark.parametrize("name", sorted(set(Call.__slots__) - {"_query"}))
def test_a_copy_carries_every_member(name: str) -> None:
    call = call_of()
    marked = object()
    setattr(call, name, marked)
    assert getattr(call.copy(), name) is marked


def test_a_copy_has_the_members_that_are_given_and_the_query_that_goes_with_them() -> None:
    call = call_of(query_string="a=1")
    assert call.query == {"a": "1"}
    other = call.copy(query_string="b=2", caller=None)
    assert (other.query, call.query, other.caller) == ({"b": "2"}, {"a": "1"}, None)
    with pytest.raises(AttributeError):
        call.copy(quary_string="b=2")


def test_a_copy_is_not_let_in_again() -> None:
    call = call_of()
    call.caller = caller = object()
    assert call.copy().caller is caller
    assert call.hub.let == [(call, caller)]


def test_a_dry_run_of_a_call_binds_no_key_and_is_told_apart_by_its_header_alone() -> None:
    call = call_of(headers={"idempotency-key": "k", "accept-language": "en"})
    preview = call.as_dry_run()
    assert preview.headers == {"accept-language": "en", "hub-dry-run": "true"}
    assert preview.is_dry_run
    assert preview.notes is call.notes


def test_a_detached_call_keeps_its_address_and_its_plan() -> None:
    called = Called(scheme="https", host="shop.example")
    call = call_of(called=called, headers={"idempotency-key": "k", "hub-dry-run": "true"})
    call.planned, call.bound_commands = [], 2
    call.notes["outcome"] = "accepted"
    call.explain(Rejected(Reason.OUT_OF_STOCK))
    other = detached(call, "row 1")
    assert other.base_url == "https://shop.example"
    assert other.planned is call.planned
    assert other.headers == {"idempotency-key": "row 1", "hub-dry-run": "true"}
    assert (other.bound_commands, other.notes, other.why) == (0, {}, None)
    assert detached(call).headers == {"hub-dry-run": "true"}
