"""Whatever member of an order a door takes is found again: in its answer, its own view of the order, or the hub's.

`every_member.json` of a dialect's folder has requests that send every member together, each with a value that
nothing else has:

    place      method and path of the call that places an order; its wire model says which members there are
    calls[]    requests as in golden pairs; the last that places an order is looked at, with its answer
    lost       member -> why its value is not shown again, although the call succeeds
    unsent     member -> why no sample has it
    text       a member of the dialect's first golden pair whose text its order keeps, as compact JSON

A member that is documented, taken, and shown nowhere fails here: refuse it, keep it, or say in `lost` why not.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from importlib import resources
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from orderhub.conform.cases import request_of
from orderhub.dialects.contract import Dialect
from orderhub.dialects.finding import find_dialects
from orderhub.dialects.members import declared, is_declared
from tests.support.calls import Caller
from tests.support.golden import sent

_LONG_AGO = 10**14
DIALECTS = {dialect.name: dialect for dialect in find_dialects()}


def sample_of(name: str) -> dict[str, Any]:
    text = (resources.files(f"orderhub.dialects.{name}") / "every_member.json").read_text("utf-8")
    sample: dict[str, Any] = json.loads(text)
    return sample


# --- the members there are


def members_of(model: Any, path: str = "") -> Iterator[tuple[str, ...]]:
    """Every member's path, in all its spellings."""
    if isinstance(model, dict):
        for name, schema in model.get("properties", {}).items():
            yield (f"{path}{name}",)
            yield from members_of(schema.get("items", schema), f"{path}{name}.")
    elif is_declared(model):
        for each in declared(model):
            yield tuple(f"{path}{name}" for name in each.names)
            if each.kind.model is not None:
                for name in each.names:
                    yield from members_of(each.kind.model, f"{path}{name}.")
    else:
        for field in msgspec.structs.fields(model):
            yield (f"{path}{field.encode_name}",)
            for inner in structs_in(inspect.type_info(field.type)):
                yield from members_of(inner, f"{path}{field.encode_name}.")


def structs_in(kind: inspect.Type) -> Iterator[type]:
    if isinstance(kind, inspect.Metadata):
        yield from structs_in(kind.type)
    elif isinstance(kind, inspect.StructType):
        yield kind.cls
    elif isinstance(kind, inspect.UnionType):
        for each in kind.types:
            yield from structs_in(each)
    elif isinstance(kind, inspect.ListType):
        yield from structs_in(kind.item_type)


def model_of(dialect: Dialect, sample: dict[str, Any]) -> Any:
    method, path = sample["place"].split(" ")
    return next(r.request for r in dialect.routes if (r.method, r.path) == (method, path))


# --- what was sent, and what is shown


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(path without places in lists, value) of what has no members of its own."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each, path)
    else:
        yield path, value


def paths(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            inner = f"{path}.{name}" if path else name
            yield inner
            yield from paths(each, inner)
    elif isinstance(value, list):
        for each in value:
            yield from paths(each, path)


def plain(value: Any) -> Any:
    """One value, however it is written: 1, 1.0 and "1"; one instant in any zone; a text in any case."""
    if isinstance(value, bool) or value is None:
        return str(value)
    text = str(value).strip()
    try:
        return Decimal(text).normalize()
    except InvalidOperation:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text.casefold()
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def shown_in(values: list[Any]) -> set[Any]:
    found = set()
    for value in values:
        found |= {plain(each) for _, each in leaves(value)}
        # Names of maps are values too.
        found |= {plain(path.rpartition(".")[2]) for path in paths(value)}
    # The hub's own instants are microseconds.
    micros = [each for each in found if isinstance(each, Decimal) and each > _LONG_AGO]
    return found | {float(each) / 1_000_000 for each in micros}


def missing(hub: Caller, sample: dict[str, Any]) -> list[tuple[str, Any]]:
    """What was sent in the calls that placed an order and is shown nowhere."""
    gone: list[tuple[str, Any]] = []
    saved: dict[str, Any] = {}
    for call in sample["calls"]:
        before = {each["uid"] for each in hub.orders(sample["tenant"])}
        bodies: list[bytes] = []

        def send(*given: Any, kept: list[bytes] = bodies) -> Any:
            kept.append(given[-1])
            return hub.send(*given)

        reply = sent(request_of(call, None), send, saved)
        assert reply.status < 300, (call["path"], reply.body)
        fresh = [each for each in hub.orders(sample["tenant"]) if each["uid"] not in before]
        if not fresh:
            continue
        views = [reply.json()]
        for order in fresh:
            path = f"/hub/v1/orders/{order['uid']}"
            whole = hub.operate("GET", path)
            del whole["request"]  # the raw body: kept, and read by nobody's client
            views += [whole, hub.operate("GET", f"{path}?as={sample['dialect']}")]
        shown = shown_in(views)
        gone += [
            (path, each) for path, each in leaves(json.loads(bodies[0])) if plain(each) not in shown
        ]
    return gone


@pytest.mark.parametrize("name", DIALECTS)
def test_every_member_that_is_sent_is_found_again(hub: Caller, name: str) -> None:
    sample = sample_of(name)
    if "clock" in sample:
        hub.freeze(sample["tenant"], sample["clock"])
    gone = missing(hub, sample)
    lost = {path for path, _ in gone}
    assert [each for each in gone if each[0] not in sample["lost"]] == []
    assert set(sample["lost"]) <= lost, "it is shown now: take it out of `lost`"
    assert all(sample["lost"].values())


@pytest.mark.parametrize("name", DIALECTS)
def test_the_samples_have_every_member_there_is(name: str) -> None:
    sample = sample_of(name)
    has: set[str] = set()
    for call in sample["calls"]:
        if f"{call['method']} {call['path']}" == sample["place"]:
            has |= set(paths(call.get("body", {})))
    known = list(members_of(model_of(DIALECTS[name], sample)))
    unsent = [ways for ways in known if not has & set(ways)]
    # Within another spelling of what was sent there is nothing new.
    parents = {way for ways in known if has & set(ways) for way in ways}
    unsent = [ways for ways in unsent if not _is_within(ways[0], parents - has)]
    assert [ways[0] for ways in unsent if not set(ways) & set(sample["unsent"])] == []
    assert set(sample["unsent"]) <= {way for ways in unsent for way in ways}


def _is_within(path: str, others: set[str]) -> bool:
    return any(path.startswith(f"{other}.") for other in others)


def test_the_comparison_sees_what_it_should() -> None:
    shown = shown_in([{"a": "Wang", "b": [1.50, "2024-01-01T16:17:16Z"], "c": {"30100": True}}])
    for value in ("wang ", "1.5", 1.5, "2024-01-01T17:17:16+01:00", 30100, True):
        assert plain(value) in shown
    for value in ("Wan", 2, "2024-01-01T16:17:17Z", False, None):
        assert plain(value) not in shown
