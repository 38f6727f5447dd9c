"""One rule for scalars, at every door: text is read where a number is meant, and a number where text is meant."""

import copy
from dataclasses import replace
from decimal import Decimal
from typing import Annotated

import msgspec
import pytest

from orderhub.dialects.finding import find_dialects
from orderhub.dialects.scalars import (
    as_integer,
    as_meant,
    as_number,
    as_text,
    is_usable,
)
from tests.support.golden import by, goldens, raw

DIALECTS = [each.name for each in find_dialects()]
# Of each door's create call a member that is documented as text, and is kept.
TEXTS = {
    "anqicms": ("remark",),
    "kakaclo": ("orderAddresses", "zip"),
    "mews": ("Items", 0, "Name"),
    "sitecore_cdp": ("pointOfSale",),
    "tours4fun": ("departure_address",),
}


def in_texts(value):
    """The same with every number as text, as PHP and spreadsheets send it."""
    if isinstance(value, dict):
        return {name: in_texts(each) for name, each in value.items()}
    if isinstance(value, list):
        return [in_texts(each) for each in value]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value}" if is_number else value


def placed(hub, name, body):
    """The order that a body of the create call makes, as the hub shows it; None: none."""
    case = goldens(name)[0]
    if case.clock:
        hub.freeze(case.tenant, case.clock)
    before = {order["uid"] for order in hub.orders(case.tenant)}
    asked = by(replace(case.request, body=body), f"hub-demo-{case.tenant}")
    reply = hub.send(asked.method, asked.path, asked.query, asked.headers, raw(asked))
    assert reply.status < 500
    new = [order for order in hub.orders(case.tenant) if order["uid"] not in before]
    if not new:
        return None
    return hub.operate("GET", f"/hub/v1/orders/{new[0]['uid']}")


def with_member(name, value):
    body = copy.deepcopy(goldens(name)[0].request.body)
    holder = body
    *path, last = TEXTS[name]
    for step in path:
        holder = holder[step]
    holder[last] = value
    return body


@pytest.mark.parametrize("name", DIALECTS)
def test_a_number_may_come_as_its_text(hub, name):
    body = goldens(name)[0].request.body
    texts = in_texts(body)
    assert texts != body
    order = placed(hub, name, texts)
    assert order is not None
    # CDP and a tour's seats are not doubled: what was made is what the document's own body makes.
    if name != "sitecore_cdp":
        assert order["total"] == placed(hub, name, body)["total"]


def number_places(value, path=()):
    """Where in a body the numbers are."""
    if isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for name, each in entries:
            yield from number_places(each, (*path, name))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path


@pytest.mark.parametrize("text", ["1e9999999", "1e-9999999", "NaN", "1." + "0" * 500_000])
@pytest.mark.parametrize("name", DIALECTS)
def test_a_monstrous_number_in_a_text_stops_nobody(hub, name, text):
    """Of `1e9999999` an integer takes hours to make, and meanwhile nobody is served."""
    body = goldens(name)[0].request.body
    places = list(number_places(body))
    assert places
    for *path, last in places:
        sent = copy.deepcopy(body)
        holder = sent
        for step in path:
            holder = holder[step]
        holder[last] = text
        assert placed(hub, name, sent) is None, (*path, last)


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        *[(each, True) for each in ("0", "-7.50", "1e60", "1e-60", "0e-70", "9" * 60)],
        *[(each, False) for each in ("NaN", "-Infinity", "1e61", "1e9999999", "1e-9999999")],
        ("1." + "0" * 100, False),
    ],
)
def test_a_number_of_a_text_is_usable_while_it_is_neither_vast_nor_endless(text, usable):
    assert is_usable(Decimal(text)) is usable


@pytest.mark.parametrize("name", [name for name in DIALECTS if name in TEXTS])
def test_a_text_may_come_as_a_number_and_is_kept_as_its_text(hub, name):
    order = placed(hub, name, with_member(name, 75001))
    assert order is not None
    assert '"75001"' in msgspec.json.encode(order).decode()


@pytest.mark.parametrize("name", [name for name in DIALECTS if name in TEXTS])
@pytest.mark.parametrize("value", [True, {}, [7]])
def test_what_is_neither_text_nor_number_is_refused(hub, name, value):
    assert placed(hub, name, with_member(name, value)) is None


@pytest.mark.parametrize(
    ("value", "text", "number", "integer"),
    [
        ("7", "7", Decimal(7), 7),
        (" 7 ", " 7 ", Decimal(7), 7),
        ("7.50", "7.50", Decimal("7.5"), None),
        ("7.00", "7.00", Decimal(7), 7),
        ("-7", "-7", Decimal(-7), -7),
        ("1e3", "1e3", Decimal(1000), 1000),
        ("1e999", "1e999", None, None),
        ("9" * 90, "9" * 90, None, None),
        ("0x7", "0x7", None, None),
        ("٧", "٧", None, None),
        ("1,5", "1,5", None, None),
        ("NaN", "NaN", None, None),
        ("", "", None, None),
        (7, "7", Decimal(7), 7),
        (Decimal("7.50"), "7.50", Decimal("7.5"), None),
        (Decimal("1E+3"), "1000", Decimal(1000), 1000),
        (True, None, None, None),
        (None, None, None, None),
        ([7], None, None, None),
        ({}, None, None, None),
    ],
)
def test_the_rule(value, text, number, integer):
    assert as_text(value) == text
    assert as_number(value) == number
    assert as_integer(value) == integer


class Inner(msgspec.Struct):
    names: list[str] = []
    size: Annotated[int, msgspec.Meta(ge=1)] | None = None


Text = Annotated[str, msgspec.Meta(max_length=9)]


class Outer(msgspec.Struct):
    code: str | None = None
    price: int | Decimal = 0
    inner: Inner | None = None
    # Something is said about all that a member may be, and about one of it besides.
    told: Annotated[Text | None, msgspec.Meta(description="a text")] = None
    deep: Annotated[Inner | None, msgspec.Meta(description="an object")] = None


def test_a_type_of_msgspec_is_read_by_the_same_rule():
    inner = {"names": [1, "b"], "size": "3"}
    sent = {"code": 7, "price": "1.5", "inner": inner, "told": 8, "deep": inner, "more": 1}
    read = msgspec.convert(as_meant(sent, Outer), Outer)
    meant = Inner(["1", "b"], 3)
    assert read == Outer("7", Decimal("1.5"), meant, "8", meant)
    for refused in ({"code": True}, {"code": []}, {"inner": {"size": "x"}}, {"told": True}):
        assert as_meant(refused, Outer) == refused


@pytest.mark.parametrize("size", [3, Decimal("3.0"), "3", "3.0", " 3 "])
def test_a_whole_number_is_one_however_it_is_written(size):
    assert msgspec.convert(as_meant({"size": size}, Inner), Inner) == Inner([], 3)


@pytest.mark.parametrize("size", [Decimal("3.5"), "3.5", "x", True])
def test_what_is_no_whole_number_is_left_to_be_refused(size):
    assert as_meant({"size": size}, Inner) == {"size": size}
