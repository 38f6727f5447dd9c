"""Texts that no database keeps are found wherever they stand in a document."""

from decimal import Decimal
from typing import Any

import pytest

from orderhub.core.catalogue import Product
from orderhub.core.texts import MOST_BYTES_OF_NAME, fault_of_name, nul_in


@pytest.mark.parametrize(
    ("value", "at"),
    [
        (Product(id=1, title="a\0b"), "title"),
        (Product(id=1, data={"a": [{"b": "\0"}]}), "data.a[0].b"),
        (Product(id=1, data={"a": {"b\0": 1}}), "data.a"),
        ({"\0": 1}, ""),
        ("\0", ""),
        (Product(id=1, tax_codes=("a", "\0")), "tax_codes[1]"),
        # A backslash and a word, which JSON writes much alike.
        (Product(id=1, title="\\u0000"), None),
        (Product(id=1, title="a", price=Decimal(1), data={"a": [None, 1.5, True]}), None),
        (None, None),
    ],
)
def test_u0000_is_found_wherever_it_stands(value: Any, at: str | None) -> None:
    assert nul_in(value) == at


def test_a_name_has_room_in_an_index() -> None:
    assert fault_of_name("x" * MOST_BYTES_OF_NAME) == ""
    assert fault_of_name("é" * MOST_BYTES_OF_NAME) == "has more than 2000 bytes"
    assert fault_of_name("a\0") == "holds U+0000"
