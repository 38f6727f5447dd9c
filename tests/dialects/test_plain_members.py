"""Most bodies are read in one look at what was sent; what comes of it is what a careful reading makes of them."""

from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orderhub.dialects.contract import HTTPFault
from orderhub.dialects.members import (
    Bad,
    NotEmpty,
    Reading,
    Style,
    also,
    anything,
    many,
    shaped,
    text,
    whole,
)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    sku: Annotated[str, text(3, blank=False), also("skuCode")]
    count: Annotated[int, whole(1, 9)] = 1
    ONE_OF = (("count", "note"),)
    note: Annotated[str, text(3)] = ""


class Body(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, text(3)]
    entry: Annotated[Entry | None, shaped(Entry)] = None
    entries: Annotated[tuple[Entry, ...], many(shaped(Entry), 2), NotEmpty("is empty")] = ()
    any: Annotated[Any, anything()] = None


class Closed(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


def _say(bad: Bad, _value: Any, path: str) -> str:
    return f"{path} {bad.problem} {bad.expected}"


STYLES = [
    Style(say=_say),
    Style(say=_say, is_absent=lambda value: value == ""),
    Style(say=_say, any_case=True),
    Style(say=_say, gathers=False),
    Style(say=_say, spelled=lambda name: (name, name.capitalize())),
]

values = st.sampled_from([None, "", " ", "a", "abcd", 0, 1, 10, True, [], {}])
names = st.sampled_from(["sku", "skuCode", "Sku", "count", "COUNT", "note", "other"])
entries = st.dictionaries(names, values, max_size=4)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "name": values,
        "Name": values,
        "entry": entries | values,
        "entries": st.lists(entries | values, max_size=3) | values,
        "any": values,
        "more": values,
    },
)


def _carefully(style: Style, model: Any, body: dict[str, Any]) -> Any:
    reading = Reading(style)
    found = reading.values(model, body, "")
    reading.finish()
    return model(**found)


def _told(read: Any) -> Any:
    try:
        return read()
    except HTTPFault as stop:
        return stop.fault


@pytest.mark.parametrize("model", [Body, Closed])
@pytest.mark.parametrize("style", STYLES)
@example(body={"name": "a", "Name": "b"})
@example(body={"name": "a", "entry": {"sku": "a", "skuCode": "b", "count": 2}})
@example(body={"name": "a", "entry": {"SKU": "b", "count": 2}, "entries": []})
@given(body=bodies)
def test_a_plain_look_finds_what_a_careful_reading_finds(
    style: Style, model: Any, body: dict[str, Any]
) -> None:
    expected = _told(lambda: _carefully(style, model, body))
    assert _told(lambda: style.read(model, body)) == expected
