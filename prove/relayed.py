"""What one hub says that it handed on, and what the other has: both read from the databases themselves."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, text

from orderhub.ledger.check import check_ledger
from orderhub.ledger.database import open_engine
from prove.audit import MARKER
from prove.doors import RECORDED, TOUR

HISTORY, TOURS = RECORDED.name, TOUR.name
_ORDERS = (
    "SELECT o.id, o.uid, o.door, o.number, o.reference, e.request, "
    "(SELECT count(*) FROM order_line l WHERE l.tenant_id = o.tenant_id AND l.order_id = o.id) AS lines "
    "FROM orders o JOIN order_event e "
    "ON e.tenant_id = o.tenant_id AND e.order_id = o.id AND e.version = 1"
)
_HANDED = (
    "SELECT order_id, connection_uid, uid, state, number, reason, attempts, candidates "
    "FROM hand_over"
)
_WAITING = "SELECT uid, state, reason FROM hand_over WHERE state IN ('planned', 'sending')"


@dataclass(frozen=True)
class Sold:
    """An order here. `names` are those it can be called by elsewhere."""

    id: int
    marker: str
    door: str
    names: frozenset[str]
    lines: int


@dataclass(frozen=True)
class Handed:
    """A hand-over here."""

    uid: str
    marker: str
    dialect: str
    state: str
    number: str
    reason: str
    attempts: int
    candidates: tuple[str, ...]
    lines: int


@dataclass(frozen=True)
class Sent:
    """The hub that hands on: its orders by marker, its hand-overs, its broken laws."""

    orders: Mapping[str, Sequence[Sold]]
    hand_overs: Sequence[Handed]
    breaches: tuple[str, ...]


@dataclass(frozen=True)
class Arrived:
    """The hub that is the vendor: its orders by dialect and marker, those of nobody, its broken laws."""

    orders: Mapping[tuple[str, str], Sequence[Sold]]
    strange: Sequence[Sold]
    breaches: tuple[str, ...]


def waiting(url: str) -> list[str]:
    """What is neither placed nor refused nor for a person to decide: state and reason."""
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            rows = connection.execute(text(_WAITING)).all()
    finally:
        engine.dispose()
    return [f"{row.uid} {row.state} {row.reason}" for row in rows]


def sent(url: str, dialects: Mapping[str, str]) -> Sent:
    """`dialects`: of connections, by their ids."""
    engine = open_engine(url)
    try:
        orders: dict[str, list[Sold]] = defaultdict(list)
        sold = {each.id: each for each in _sold(engine)}
        for each in sold.values():
            orders[each.marker].append(each)
        with engine.connect() as connection:
            found = [row._asdict() for row in connection.execute(text(_HANDED))]
        breaches = tuple(str(breach) for breach in check_ledger(engine).breaches)
    finally:
        engine.dispose()
    return Sent(orders, [_handed(row, sold, dialects) for row in found], breaches)


def _handed(
    row: Mapping[str, Any], sold: Mapping[int, Sold], dialects: Mapping[str, str]
) -> Handed:
    order = sold[row["order_id"]]
    return Handed(
        uid=row["uid"],
        marker=order.marker,
        dialect=dialects[row["connection_uid"]],
        state=row["state"],
        number=row["number"],
        reason=row["reason"],
        attempts=row["attempts"],
        candidates=tuple(json.loads(row["candidates"] or "[]")),
        lines=order.lines,
    )


def arrived(url: str, orders: Mapping[str, Sequence[Sold]]) -> Arrived:
    """`orders`: those of the other hub. A customer history knows them by their names alone."""
    markers = {name: each for each, sold in orders.items() for one in sold for name in one.names}
    engine = open_engine(url)
    try:
        found: dict[tuple[str, str], list[Sold]] = defaultdict(list)
        strange = []
        for each in _sold(engine):
            marker = each.marker
            if each.door == HISTORY:
                marker = next((markers[name] for name in each.names if name in markers), "")
            if marker:
                found[each.door, marker].append(each)
            else:
                strange.append(each)
        breaches = tuple(str(breach) for breach in check_ledger(engine).breaches)
    finally:
        engine.dispose()
    return Arrived(found, strange, breaches)


def _sold(engine: Engine) -> list[Sold]:
    with engine.connect() as connection:
        rows = connection.execute(text(_ORDERS)).all()
    return [
        Sold(
            id=row.id,
            marker=next(iter(MARKER.findall(row.request)), ""),
            door=row.door,
            names=frozenset(filter(None, (row.number, row.uid, row.reference))),
            lines=row.lines,
        )
        for row in rows
    ]
