"""An answer is said once: from its Struct come what is sent, what OpenAPI says and what `fields` may name."""

import re
from decimal import Decimal
from types import SimpleNamespace

import msgspec
import pytest

from orderhub.dialects.codec import encode
from orderhub.web.docs.schemas import Schemas
from orderhub.web.hub_api.fields import picker, some_of
from orderhub.web.hub_api.shaping import Amount, Data, Instant, Page, Shape


class Part(Shape, frozen=True, kw_only=True):
    code: str
    amount: Amount


class Sale(Shape, frozen=True, kw_only=True):
    id: int
    total: Amount
    at: Instant
    paid_at: Instant | None
    reference: str | None
    parts: tuple[Part, ...]
    data: Data


class SaleWithMore(Sale, frozen=True, kw_only=True):
    """The same with one member more, and nothing else said of it."""

    colour: str | None


SOLD = SimpleNamespace(
    id=7,
    total=Decimal("12.500000"),
    at=1_500_000,
    paid_at=0,
    reference="",
    parts=(SimpleNamespace(code="vat", amount=Decimal("1E+2")),),
    data={"rate": Decimal("0.10"), "deep": [Decimal(3)]},
    colour="red",
)
SENT = (
    b'{"id":7,"total":"12.5","at":"1970-01-01T00:00:01.500000Z","paid_at":null,"reference":null,'
    b'"parts":[{"code":"vat","amount":"100"}],"data":{"rate":"0.1","deep":["3"]}'
)


def test_a_type_says_how_its_value_is_sent_and_members_go_in_their_order() -> None:
    assert encode(Sale.of(SOLD)) == SENT + b"}"


def test_a_member_more_is_one_line() -> None:
    shown = SaleWithMore.of(SOLD)
    assert encode(shown) == SENT + b',"colour":"red"}'
    schema = Schemas([SaleWithMore]).components["SaleWithMore"]
    assert schema["required"] == [*SaleWithMore.__struct_fields__]
    assert picker("colour,parts.code,id", SaleWithMore)(shown) == {
        "colour": "red",
        "parts": [{"code": "vat"}],
        "id": 7,
    }
    parameter = (some_of(SaleWithMore).extra_json_schema or {})["pattern"]
    assert re.search(parameter, "colour,id")
    assert not re.search((some_of(Sale).extra_json_schema or {})["pattern"], "colour,id")


def test_what_is_given_by_name_stands_instead_of_the_sources() -> None:
    assert Part.of(SimpleNamespace(amount=Decimal(1)), code="VAT") == Part(code="VAT", amount="1")


def test_a_member_that_the_source_has_not_is_a_bug_and_raises() -> None:
    with pytest.raises(AttributeError):
        Part.of(SOLD)


def test_a_page_tells_the_next_one() -> None:
    page = Page(items=(Part(code="a", amount="1"),), next_cursor=None)
    assert encode(page) == b'{"items":[{"code":"a","amount":"1"}],"next_cursor":null}'
    assert msgspec.json.decode(encode(page), type=Page[Part]) == page
