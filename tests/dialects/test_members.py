"""What is declared of a member is what is read, what is refused and what is said of it."""

from decimal import Decimal
from typing import Annotated, ClassVar

import msgspec
import pytest

from orderhub.dialects import members
from orderhub.dialects.contract import HTTPFault
from orderhub.dialects.finding import find_dialects
from orderhub.dialects.member_tables import readmes, table_of, written
from orderhub.dialects.members import (
    Bad,
    Kind,
    NotEmpty,
    Reading,
    Style,
    also,
    many,
    shaped,
    text,
    whole,
)
from orderhub.web.docs.schemas import members as parameters


class Item(msgspec.Struct, frozen=True, kw_only=True):
    sku: Annotated[str, text(4, blank=False)]
    units: Annotated[int, whole(1, 99)] = msgspec.field(name="qty", default=1)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order of a toy vendor."""

    items: Annotated[tuple[Item, ...], many(shaped(Item), 2, least=1)]
    note: Annotated[str, text(5), also("remark"), msgspec.Meta(description="kept")] = ""
    mail: Annotated[str, text(9)] = ""
    phone: Annotated[str, text(9)] = ""

    ONE_OF: ClassVar = (("mail", "phone"),)


def say(bad, _value, _path):
    return f"{bad.problem} {bad.expected}".strip()


STYLE = Style(say=say)
FULL = {"items": [{"sku": "a", "qty": "2"}], "remark": "hi", "mail": "m"}


def faults(style, body, model=Order):
    with pytest.raises(HTTPFault) as stop:
        style.read(model, body)
    return [(each.path, each.message) for each in stop.value.fault.faults]


def test_a_request_is_read_as_it_is_declared():
    assert STYLE.read(Order, FULL) == Order(items=(Item(sku="a", units=2),), note="hi", mail="m")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"items": None}, [("items", "missing")]),
        ({"items": []}, [("items", "missing")]),
        ({"items": {}}, [("items", "type array")]),
        ({"items": [1]}, [("items[0]", "type object")]),
        ({"items": [{"sku": "a"}] * 3}, [("items", "length 2")]),
        ({"items": [{"sku": 12345}]}, [("items[0].sku", "length 4")]),
        (
            {"items": [{"qty": 0}, {"sku": " ", "qty": Decimal("1.5")}], "note": True},
            [
                ("items[0].sku", "missing"),
                ("items[0].qty", "value 1 to 99"),
                ("items[1].sku", "missing"),
                ("items[1].qty", "type integer"),
                ("note", "type string"),
            ],
        ),
        ({"mail": None}, [("mail", "missing mail, phone")]),
        ({"remark": "longer"}, [("remark", "length 5")]),
    ],
)
def test_every_fault_is_told_in_the_order_of_the_members(change, expected):
    assert faults(STYLE, {**FULL, **change}) == expected


def test_a_vendor_may_tell_the_first_fault_alone():
    style = Style(say=STYLE.say, gathers=False)
    assert faults(style, {"items": [{}], "note": 1}) == [("items[0].sku", "missing")]


@pytest.mark.parametrize(
    ("sent", "note"),
    [
        ({"note": "own", "remark": "other"}, "own"),
        ({"remark": "other", "note": "own"}, "own"),
        ({"note": None, "remark": "other"}, "other"),
        ({"NOTE": "loud"}, "loud"),
        ({"NOTE": "loud", "remark": "other"}, "other"),
    ],
)
def test_an_exact_spelling_counts_before_another_and_both_before_another_case(sent, note):
    style = Style(say=STYLE.say, any_case=True)
    body = {name: value for name, value in FULL.items() if name != "remark"}
    assert style.read(Order, {**body, **sent}).note == note


def test_where_any_case_will_do_faults_bear_the_name_that_was_declared():
    style = Style(say=STYLE.say, any_case=True)
    assert faults(style, {**FULL, "remark": None, "REMARK": True}) == [("note", "type string")]
    assert faults(style, {"Items": None, "mail": "m"}) == [("items", "missing")]
    assert style.changes(Item, {"QTY": None}) == {"units": None}
    assert style.changes(Item, {"QTY": None, "Qty": 2}) == {"units": 2}
    assert style.changes(Item, {"qty": None, "Qty": 2}) == {"units": 2}


def test_null_in_a_list_may_stand_for_something():
    class Listing(msgspec.Struct, frozen=True, kw_only=True):
        units: Annotated[tuple[int, ...], many(whole(0, 9), 3, null=0)] = ()
        more: Annotated[tuple[int, ...], many(whole(0, 9), 3)] = ()

    assert STYLE.read(Listing, {"units": [None, 1]}) == Listing(units=(0, 1))
    assert faults(STYLE, {"more": [None]}, Listing) == [("more[0]", "type integer")]


def test_a_kind_may_take_what_is_made_of_a_value():
    def only(value):
        if value == "two":
            raise Bad("length", 1)
        return value[0] if value else None

    class Loose(msgspec.Struct, frozen=True, kw_only=True):
        item: Annotated[Item | None, shaped(Item).taking(only)] = None

    assert STYLE.read(Loose, {"item": [{"sku": "a"}]}) == Loose(item=Item(sku="a"))
    assert STYLE.read(Loose, {"item": []}) == Loose()
    assert faults(STYLE, {"item": [{}]}, Loose) == [("item.sku", "missing")]
    assert faults(STYLE, {"item": "two"}, Loose) == [("item", "length 1")]


def test_a_change_has_what_was_sent_and_none_for_what_is_to_go():
    assert STYLE.changes(Item, {"qty": None}) == {"units": None}
    assert STYLE.changes(Item, {}) == {}
    with pytest.raises(HTTPFault):
        STYLE.changes(Item, {"sku": None})


def test_a_kind_may_have_to_know_of_the_call():
    def below(value, _path, reading):
        if value >= reading.context:
            raise Bad("value", reading.context)
        return value

    class Born(msgspec.Struct, frozen=True):
        year: Annotated[int, Kind(None, {"type": "integer"}, below)]

    assert STYLE.read(Born, {"year": 1999}, context=2000).year == 1999
    assert STYLE.changes(Born, {"year": 1999}, context=2000) == {"year": 1999}
    with pytest.raises(HTTPFault) as stop:
        STYLE.read(Born, {"year": 2000}, "guest.", context=2000)
    assert [each.path for each in stop.value.fault.faults] == ["guest.year"]


def test_members_of_its_own_may_come_before_inherited_ones():
    class Gift(Item, frozen=True, kw_only=True):
        note: Annotated[str, text(5)]

        FIRST: ClassVar = ("note",)

    assert [each.name for each in members.declared(Gift)] == ["note", "sku", "qty"]
    assert faults(STYLE, {}, Gift) == [("note", "missing"), ("sku", "missing")]


def test_a_member_without_a_kind_is_a_mistake():
    class Careless(msgspec.Struct):
        name: str

    with pytest.raises(TypeError, match=r"Careless\.name"):
        members.declared(Careless)


def test_the_schema_says_every_spelling_and_what_is_required():
    schema = members.schema_of(Order)
    assert schema["required"] == ["items"]
    assert schema["properties"]["note"] == schema["properties"]["remark"]
    assert schema["properties"]["note"]["maxLength"] == 5
    assert schema["properties"]["items"]["items"]["required"] == ["sku"]
    assert [each["required"] for each in schema["anyOf"]] == [["mail"], ["phone"]]


def test_the_schema_of_a_change_requires_nothing():
    schema = members.schema_of(Order, partial=True)
    assert schema.keys().isdisjoint({"required", "anyOf", "allOf"})
    assert schema["properties"]["items"]["type"] == "array"
    assert schema["properties"]["phone"]["type"] == ["string", "number", "null"]


def test_a_parameter_is_never_null():
    properties, _ = parameters(Item)
    assert properties["qty"]["type"] == ["integer", "string"]


def test_a_table_says_member_rule_and_meaning():
    assert table_of(Order)[:3] == [
        "| `items` | required, array, 1 to 2 entries |  |",
        "| `items[].sku` | required, string or number, ≤ 4 characters |  |",
        "| `items[].qty` | integer or string, 1 to 99 |  |",
    ]


def test_a_table_of_what_is_declared_to_msgspec_alone_says_the_same():
    class Part(msgspec.Struct):
        code: Annotated[str, msgspec.Meta(max_length=5)]
        price: Decimal | None = None

    class Whole(msgspec.Struct):
        parts: Annotated[list[Part], msgspec.Meta(max_length=3)]
        first: Annotated[Part | None, msgspec.Meta(description="kept")] = None

    assert table_of(Whole) == [
        "| `parts` | required, array, 0 to 3 entries |  |",
        "| `parts[].code` | required, string, ≤ 5 characters |  |",
        "| `parts[].price` | number or string |  |",
        "| `first` | object | kept |",
        "| `first.code` | required, string, ≤ 5 characters |  |",
        "| `first.price` | number or string |  |",
    ]


def requests():
    """Every declared request of every dialect, and the ones within."""
    waiting = [
        model
        for dialect in find_dialects()
        for route in dialect.routes
        for model in (route.request, route.query, route.params, route.headers)
        if members.is_declared(model)
    ]
    found = {}
    while waiting:
        model = waiting.pop()
        if model not in found:
            found[model] = None
            waiting += [each.kind.model for each in members.declared(model) if each.kind.model]
    return list(found)


LIMITED = [
    pytest.param(
        model, member, id=f"{model.__module__.split('.')[-2]}-{model.__name__}-{member.name}"
    )
    for model in requests()
    for member in members.declared(model)
    if "maxLength" in member.kind.schema and not {"enum", "pattern"} & member.kind.schema.keys()
]


@pytest.mark.parametrize(("model", "member"), LIMITED)
def test_the_limit_that_openapi_tells_is_the_one_that_refuses(model, member):
    most = member.kind.schema["maxLength"]
    assert member.kind.read("x" * most, "", Reading(STYLE)) == "x" * most
    with pytest.raises(Bad) as bad:
        member.kind.read("x" * (most + 1), "", Reading(STYLE))
    assert bad.value.problem in ("length", "value")


@pytest.mark.parametrize(("package", "path"), readmes())
def test_the_tables_of_a_readme_are_what_the_requests_say(package, path):
    text = path.read_text()
    assert written(text, package) == text, "python -m orderhub.dialects.member_tables"


class Refund(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    remark: Annotated[str, text(9), also("note")]
    items: Annotated[
        tuple[Item, ...], many(shaped(Item), 2), also("lines"), NotEmpty("name one")
    ] = ()


@pytest.mark.parametrize("empty", [[], {}, None, "", 0, False])
@pytest.mark.parametrize("name", ["items", "lines"])
def test_what_may_be_left_out_need_not_take_what_is_empty(name, empty):
    assert STYLE.read(Refund, {"remark": "x"}) == Refund(remark="x")
    for style in (STYLE, Style(say=STYLE.say, any_case=True)):
        assert faults(style, {"remark": "x", name: empty}, Refund)[0][1] == "name one"


def test_a_request_may_take_no_members_but_its_own():
    assert faults(STYLE, {"remark": "x", "itemz": [1]}, Refund) == [("itemz", "unknown")]
    schema = members.schema_of(Refund)
    assert schema["additionalProperties"] is False
    assert schema["properties"].keys() == {"remark", "note", "items", "lines"}
    assert schema["properties"]["items"]["type"] == "array"
