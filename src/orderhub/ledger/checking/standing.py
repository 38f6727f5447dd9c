"""Each order as it stands, with its lines, events, moves and terms: all pass by once, in order of ids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection

from orderhub.core.timers import TIMER_KINDS
from orderhub.core.values import OrderDoc
from orderhub.ledger import rows
from orderhub.ledger.checking.laws import Law
from orderhub.ledger.checking.report import Breach, Report
from orderhub.ledger.checking.streams import Stream, structs_of
from orderhub.ledger.daily import UNREADABLE

_ORDERS = """
    SELECT o.tenant_id, o.id, o.uid, o.door, o.number, o.group_number, o.owner, o.account, o.service,
           o.bill, o.placed_by, o.reference, o.natural_key, o.status, o.vendor_status, o.version,
           o.currency, o.net, o.tax, o.total, o.paid, o.refunded, o.recorded, o.occurred_at,
           o.updated_at, o.recorded_at, o.doc, n.order_uid AS key_holder, o.timers AS waits_for,
           CASE WHEN o.timers <> '' THEN (
               SELECT {}(t.kind || ' ' || t.due_at, ',') FROM timer t
               WHERE t.tenant_id = o.tenant_id AND t.order_id = o.id
                 AND t.kind IN ({kinds})) END AS stand
    FROM orders o LEFT JOIN natural_key n ON n.tenant_id = o.tenant_id AND n.key = o.natural_key
    ORDER BY o.tenant_id, o.id"""
_LINES = """
    SELECT tenant_id, order_id, line_no, kind, product_id, variant_id, sku, quantity, unit_net,
           unit_gross, net, tax, gross, cancelled, shipped, refunded, counted, taxes, data
    FROM order_line ORDER BY tenant_id, order_id, line_no"""
_EVENTS = """
    SELECT tenant_id, order_id, version, kind, occurred_at, recorded_at, actor, data, fed, day
    FROM order_event ORDER BY tenant_id, order_id, version"""
_MOVES = """
    SELECT tenant_id, order_id, id, kind, pool_kind, subject, place, units, line_no
    FROM pool_move WHERE order_id <> 0 ORDER BY tenant_id, order_id, id"""
_FED = """
    SELECT tenant_id, order_id, version, stamp, lane, position
    FROM feed WHERE order_id <> 0 ORDER BY tenant_id, order_id, version, stamp, lane, position"""
_TERM = "recorded_at || ' ' || kind || ' ' || term"
_TERMS = """
    SELECT tenant_id, order_id, {} AS terms FROM order_term
    GROUP BY tenant_id, order_id ORDER BY tenant_id, order_id"""
_TIMERS = ", ".join(f"'{kind}'" for kind in TIMER_KINDS)
_ORDERS_OF = {
    "sqlite": _ORDERS.format("group_concat", kinds=_TIMERS),
    "postgresql": _ORDERS.format("string_agg", kinds=_TIMERS),
}
_TERMS_OF = {
    "sqlite": _TERMS.format(f"json_group_array({_TERM})"),
    "postgresql": _TERMS.format(f"CAST(json_agg({_TERM}) AS TEXT)"),
}
# What of an order that there is not is reported as, and which column tells one from another.
_LONELY = {
    Law.LINE_HAS_ORDER: ("line", "line_no"),
    Law.EVENT_HAS_ORDER: ("event", "version"),
    Law.MOVE_HAS_ORDER: ("move", "id"),
    Law.TERM_HAS_ORDER: ("terms", "terms"),
    Law.PLACE_HAS_EVENT: ("place of version", "version"),
}
_TEXTS = msgspec.json.Decoder(frozenset[str]).decode


@dataclass(slots=True)
class Standing:
    """One order as it stands, with everything that is its own. `terms` are texts: time, kind, term."""

    order: Any
    doc: OrderDoc
    lines: list[Any]
    events: list[tuple[Any, dict[str, Any]]]  # each with its data
    moves: list[Any]
    terms: frozenset[str]
    fed: list[Any]  # its places in the feed, by version

    @property
    def has_ended(self) -> bool:
        return self.order.status in ("cancelled", "refunded")

    @property
    def waits_for(self) -> dict[str, int]:
        """Kind of timer -> when it is due, as the order tells."""
        return rows.order_timers(self.order.waits_for)

    @property
    def timers(self) -> dict[str, int]:
        """The timers that stand, of an order that tells of any."""
        found = (each.split(" ") for each in (self.order.stand or "").split(",") if each)
        return {kind: int(due_at) for kind, due_at in found}


def walk(connection: Connection, report: Report) -> Iterator[Standing]:
    """Every order that can be read. What cannot be, and what belongs to no order, goes to the report."""
    queries = {
        Law.LINE_HAS_ORDER: _LINES,
        Law.EVENT_HAS_ORDER: _EVENTS,
        Law.MOVE_HAS_ORDER: _MOVES,
        Law.TERM_HAS_ORDER: _TERMS_OF[connection.dialect.name],
        Law.PLACE_HAS_EVENT: _FED,
    }
    streams = {
        law: Stream(structs_of(connection, query), partial(_report_lonely, report, law))
        for law, query in queries.items()
    }
    orders = 0
    for order in structs_of(connection, _ORDERS_OF[connection.dialect.name]):
        orders += 1
        tenant_id, order_id = order.tenant_id, order.id
        report.newest = max(report.newest, order.recorded_at)
        found = [stream.of(tenant_id, order_id) for stream in streams.values()]
        try:
            yield _standing(order, *found)
        except UNREADABLE as error:
            report.add(Breach(Law.READABLE, tenant_id, f"order {order.uid}", words(error)))
    for stream in streams.values():
        stream.end()
    report.counts["orders"] = orders
    report.counts["lines"] = streams[Law.LINE_HAS_ORDER].count
    report.counts["events"] = streams[Law.EVENT_HAS_ORDER].count


def _standing(
    order: Any,
    lines: list[Any],
    events: list[Any],
    moves: list[Any],
    terms: list[Any],
    fed: list[Any],
) -> Standing:
    for line in lines:
        rows.line_data(line.data)  # no law has a use for it, and who reads the order needs it
    return Standing(
        order,
        rows.order_doc(order.doc),
        lines,
        [(event, rows.event_data(event.data)) for event in events],
        moves,
        _TEXTS(terms[0].terms) if terms else frozenset(),
        fed,
    )


def _report_lonely(report: Report, law: Law, row: Any) -> None:
    """A row is of an order that there is not."""
    what, column = _LONELY[law]
    said = f"{what} {getattr(row, column)}"
    report.add(Breach(law, row.tenant_id, f"order {row.order_id}", said))


def words(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
