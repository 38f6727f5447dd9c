"""An order's row against its events: what they add up to is what the row must say."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from orderhub.core.marks import NAMES
from orderhub.core.money import to_micros
from orderhub.ledger.checking.laws import Law
from orderhub.ledger.checking.standing import Standing

_AMOUNTS = frozenset(("net", "tax", "total", "paid", "refunded"))
_TEXTS = frozenset(("status", "vendor_status", "currency", "account", *NAMES))
_UNTOLD = dict.fromkeys(NAMES, "")  # what a first event does not tell is empty
_AT_FIRST: dict[str, Any] = {"paid": 0, "refunded": 0}  # until an event says otherwise
Found = Iterator[tuple[Law, str]]


def breaches(standing: Standing) -> Found:
    for detail in _details(standing):
        yield Law.FOLD, detail


def _details(standing: Standing) -> Iterator[str]:
    order = standing.order
    state, expected = dict(_AT_FIRST), 0
    for event, data in standing.events:
        expected += 1
        if event.version != expected:
            yield f"event {expected} is missing"
            expected = event.version
        if event.version == 1 and "number" in data:
            state.update(_UNTOLD)
        state.update(data)
    if order.version != expected:
        yield f"version {order.version}, {expected} events"
    for name, said in state.items():
        if name in _AMOUNTS:
            said = to_micros(Decimal(said))  # noqa: PLW2901 - the same, as it is kept
        elif name not in _TEXTS:
            continue
        if getattr(order, name) != said:
            yield f"{name} is {getattr(order, name)}, events say {said}"
    if state.get("lines", len(standing.lines)) != len(standing.lines):
        yield f"{len(standing.lines)} lines, events say {state['lines']}"
    if standing.events:
        yield from _moments(standing, state)


def _moments(standing: Standing, state: dict[str, Any]) -> Iterator[str]:
    """Who placed it, and when it was, as the first and the last event tell."""
    order = standing.order
    first, last = standing.events[0][0], standing.events[-1][0]
    said = {"updated_at": last.occurred_at}
    if first.version == 1:
        said |= {"placed_by": first.actor, "recorded_at": first.recorded_at}
        said["occurred_at"] = first.occurred_at
        if order.recorded:  # it occurred elsewhere; the first event is of when it was heard of here
            said["occurred_at"] = state.get("occurred_at", order.occurred_at)
    if order.recorded and last.version == 1:
        del said["updated_at"]
    for name, value in said.items():
        if getattr(order, name) != value:
            yield f"{name} is {getattr(order, name)}, events say {value}"
