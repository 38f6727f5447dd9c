"""What is taken out is what tells who somebody was, by a member's name or by their own words; the rest stays."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.core.details import BasketDetails
from orderhub.core.memberships import User
from orderhub.core.redaction import (
    REDACTED,
    Words,
    as_type,
    redacted,
    redacted_data,
    redacted_record,
)

ANN = Words(("ann@example.com", "Ann", "Berg", "12 Long Road"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"email": "x@y.example"}, {"email": ""}),
        ({"customerPhone": 49170, "phones": ["1"]}, {"customerPhone": 0, "phones": [""]}),
        (
            {"shipping_address": {"city": "Rome", "id": 3}},
            {"shipping_address": {"city": "", "id": 3}},
        ),
        ({"addressId": 7}, {"addressId": 7}),
        ({"emailOptIn": True}, {"emailOptIn": True}),
        ({"gift": "for ANN"}, {"gift": REDACTED}),
        ({"title": "Annual pass"}, {"title": "Annual pass"}),
        ({"to": ["Berg", "Iceberg"]}, {"to": [REDACTED, "Iceberg"]}),
        ({"sku": "TS_RED", "price": Decimal("9.50")}, {"sku": "TS_RED", "price": Decimal("9.50")}),
    ],
)
def test_a_member_is_emptied_and_a_text_with_a_word_of_theirs_is_replaced(
    before: Any, after: Any
) -> None:
    assert redacted(before, ANN) == after


def test_what_an_event_says_of_its_order_stays_even_if_somebody_is_called_so() -> None:
    paid = Words(("Paid",))
    data = {"status": "paid", "owner": "paid", "reason": "paid twice", "remark": "call me"}
    kept = {"status": "paid", "owner": "paid", "reason": REDACTED, "remark": ""}
    assert redacted_data(data, paid) == kept


def test_a_persons_own_record_keeps_no_text_but_kinds_and_states() -> None:
    before = {"kind": "customer", "name": "Ann", "data": {"country": "DE", "any": ["Ann"]}, "n": 3}
    after = {"kind": "customer", "name": "", "data": {"country": "DE", "any": [""]}, "n": 3}
    assert redacted_record(before) == after
    user = User(id=7, user_name="ann", email="ann@example.com", total_reward=Decimal("1.5"))
    assert as_type(User, user, redacted_record) == User(id=7, total_reward=Decimal("1.5"))


@pytest.mark.parametrize(
    ("text", "is_meant"),
    [
        ("Write to ANN@example.com.", True),
        ('{"email":"ann@example.com"}', True),
        ("jo.ann@example.com", False),
        ("joann@example.com", False),
        ("ann@example.com.au", False),
        ("ann@example.company", False),
    ],
)
def test_another_address_that_ends_or_begins_alike_is_somebody_elses(
    text: str, is_meant: bool
) -> None:
    assert Words(("ann@example.com",)).are_in(text) is is_meant


def test_words_too_short_to_mean_anybody_are_not_looked_for() -> None:
    assert Words(("Al", "", "  ")).all == ()
    assert not Words(("Al",)).are_in("Al was here")


def test_typed_documents_keep_their_type_and_their_figures() -> None:
    basket = BasketDetails(user_id=7, label="for Ann", commissions_owed={3: Decimal("1.25")})
    cut = as_type(BasketDetails, basket, lambda value: redacted(value, ANN))
    assert cut == msgspec.structs.replace(basket, label=REDACTED)


_TEXTS = st.text(st.sampled_from("anb @.12x"), max_size=12)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(_JSON, st.lists(_TEXTS, max_size=3))
def test_no_text_holds_a_word_and_once_more_changes_nothing(value: Any, words: list[str]) -> None:
    sought = Words(words)
    once = redacted(value, sought)

    def texts(each: Any) -> list[str]:
        if isinstance(each, dict):
            return [text for inner in each.values() for text in texts(inner)]
        if isinstance(each, list):
            return [text for inner in each for text in texts(inner)]
        return [each] if isinstance(each, str) else []

    assert not any(sought.are_in(text) for text in texts(once))
    assert redacted(once, sought) == once
