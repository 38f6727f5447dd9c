"""Routes: which orders go to which connection, and that no line could go two ways.

A route takes an order once it has come to `when`. What it says of lines (SKU, warehouse) chooses among them, or with
`takes_all` lets the whole order go as soon as one of them is meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from orderhub.core import connections
from orderhub.core.commands import PutRecords
from orderhub.core.facts import Facts, Record
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import EXTRAS, Line, Order

RECORD_KIND = "route"
MOST_ROUTES = 100


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Empty filters let everything through.

    connection      id of the connection's record; `connection_uid` is its name outside
    when            the status that an order must have reached
    channels        doors that orders came by. What was only recorded here goes on where its door is named
    countries       ISO 3166-1 alpha-2, of where it is sent
    skus            whole, or a beginning with * behind it
    warehouses      codes, of where a parcel leaves
    takes_all       whether all lines go once one is meant; else those that are meant
    records_only    as its connection
    """

    uid: str = ""
    title: str = ""
    connection: int
    connection_uid: str
    when: Literal["placed", "paid"] = "paid"
    channels: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    warehouses: tuple[str, ...] = ()
    takes_all: bool = True
    records_only: bool = False
    is_enabled: bool = True
    created_at: int = 0


def takes(route: Route, order: Order) -> tuple[int, ...] | None:
    """The numbers of the lines that a route takes of an order; () = all of them; None = the order is not for it."""
    if order.recorded and not route.channels:
        return None
    if route.channels and order.channel not in route.channels:
        return None
    ship_to = order.doc.ship_to
    if route.countries and (ship_to is None or ship_to.country not in route.countries):
        return None
    if not route.skus and not route.warehouses:
        return ()
    meant = tuple(line.line_no for line in order.lines if _is_meant(route, order, line))
    if not meant:
        return None
    return () if route.takes_all else meant


def warehouse_of(order: Order, line: Line) -> str:
    """Where a line leaves from, as far as its order says."""
    return str(line.data.get("warehouse") or getattr(order.doc.business, "warehouse", ""))


def _is_meant(route: Route, order: Order, line: Line) -> bool:
    if line.kind in EXTRAS:
        return False
    if route.warehouses and warehouse_of(order, line) not in route.warehouses:
        return False
    return not route.skus or any(_fits(pattern, line.sku) for pattern in route.skus)


def _fits(pattern: str, sku: str) -> bool:
    return sku.startswith(pattern[:-1]) if pattern.endswith("*") else sku == pattern


# --- no line could go two ways


def clashes(one: Route, other: Route) -> bool:
    """Whether there could be a line that both take, and must not: only who keeps a record may have it besides."""
    if not (one.is_enabled and other.is_enabled):
        return False
    if one.connection != other.connection and (one.records_only or other.records_only):
        return False
    if not (_meet(one.channels, other.channels) and _meet(one.countries, other.countries)):
        return False
    if one.takes_all or other.takes_all:
        return True  # one order may have lines of both
    return _meet(one.warehouses, other.warehouses) and _meet_skus(one.skus, other.skus)


def _meet(some: tuple[str, ...], others: tuple[str, ...]) -> bool:
    return not some or not others or not set(some).isdisjoint(others)


def _meet_skus(some: tuple[str, ...], others: tuple[str, ...]) -> bool:
    if not some or not others:
        return True
    return any(_overlap(one, other) for one in some for other in others)


def _overlap(one: str, other: str) -> bool:
    first, second = one.rstrip("*"), other.rstrip("*")
    if one.endswith("*") and other.endswith("*"):
        return first.startswith(second) or second.startswith(first)
    return _fits(one, other) or _fits(other, one)


def refusal(command: PutRecords, written: Iterable[Record], facts: Facts) -> Rejected | None:
    """Why routes cannot stand as they would once all is written or removed; None = they can."""
    changed = {record.id: record for record in written if record.kind == RECORD_KIND}
    gone = {
        (each.kind, each.id)
        for each in command.changes
        if each.doc is None and each.members is None
    }
    if not changed and not any(kind == connections.RECORD_KIND for kind, _ in gone):
        return None
    tenant = command.origin.tenant_id
    standing = {each.id: each for each in facts.records(tenant, RECORD_KIND)} | changed
    routes = [each for each in standing.values() if (RECORD_KIND, each.id) not in gone]
    if any((connections.RECORD_KIND, each.doc.connection) in gone for each in routes):
        why = "routes lead to it: remove them first"
        return Rejected(Reason.TRANSITION_NOT_ALLOWED, "route", why)
    if len(routes) > MOST_ROUTES:
        return Rejected(Reason.TRANSITION_NOT_ALLOWED, "route", f"at most {MOST_ROUTES} routes")
    for record in changed.values():
        for other in routes:
            if other.id != record.id and clashes(record.doc, other.doc):
                why = f"the route {other.doc.title or other.uid} could take the same line"
                return Rejected(Reason.ALREADY_EXISTS, "route", why)
    return None


def due(routes: tuple[Record, ...], kinds: tuple[str, ...]) -> Iterator[Route]:
    """The routes in force that wait for what has happened."""
    for record in routes:
        route: Route = record.doc
        if route.is_enabled and route.when in kinds:
            yield route
