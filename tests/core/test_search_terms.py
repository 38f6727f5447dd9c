"""What an order is found by: the same whether its words came before, and nothing that grows with what people write."""

import tracemalloc
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orderhub.core.details import RecordedDetails
from orderhub.core.search_terms import MAX_TERMS, beginning, is_whole, terms_in
from orderhub.core.values import Contact, OrderDoc
from tests.support.examples import examples

MEBIBYTE = 1 << 20
HAN = [chr(code) for code in range(0x4E00, 0x9FA0)]


def doc(notes: str = "", **contact: Any) -> OrderDoc:
    who = Contact(**contact) if contact else None
    return OrderDoc(contact=who, notes=notes, business=RecordedDetails(stated_at=0))


def test_a_name_is_found_by_its_beginnings_and_a_sentence_without_spaces_by_any_character() -> None:
    assert terms_in(doc(first_name="Jo", last_name="Featherstonehaugh"), ["TS-1"]) == [
        ("sku", "ts-1"),
        ("word3", "jo"),
        ("word3", "fea"),
        ("word6", "feathe"),
        ("word12", "featherstone"),
    ]
    found = terms_in(doc("请放在门口"), [])
    assert ("word2", "门口") in found
    assert ("word4", "请放在门") in found


@given(st.text(st.sampled_from("ab京都 é"), max_size=40))
@examples(300)
def test_whatever_a_word_begins_with_finds_the_order(notes: str) -> None:
    found = terms_in(doc(notes), [])
    for word in notes.split()[:3]:
        asked = beginning(word[:2])
        if asked is None or len(found) == MAX_TERMS:
            continue
        kind, term = asked
        assert any(
            each == term if is_whole(kind, term) else each.startswith(term)
            for of_kind, each in found
            if of_kind == kind
        )


def test_sentences_that_never_come_again_are_not_kept() -> None:
    chance = Random(1)
    sentences = ["".join(chance.choices(HAN, k=45)) for _ in range(400)]
    terms_in(doc("暖"), [])
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for each in sentences:
            terms_in(doc(each), [])
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < MEBIBYTE
