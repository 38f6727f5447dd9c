"""Whether an order that comes from elsewhere would be a good one here: the laws of single orders, asked beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import msgspec

from orderhub.core import daily
from orderhub.core.decide import business_by_doc
from orderhub.core.values import Event, Order
from orderhub.ledger import bulk, rows, tables
from orderhub.ledger.checking import history, holdings, lines
from orderhub.ledger.checking.laws import Law
from orderhub.ledger.checking.standing import Standing
from orderhub.ledger.daily import UNREADABLE


def broken_by(order: Order, events: Sequence[Event]) -> str:
    """The first law that it would break, in words; empty = none. It has drawn on nothing, and is marked so."""
    doc = msgspec.structs.replace(order.doc, imported_at=order.doc.imported_at or 1)
    order = msgspec.structs.replace(order, doc=doc)
    standing = Standing(
        order=bulk.named(tables.orders, [rows.order_row(order)])[0],
        doc=doc,
        lines=bulk.named(tables.order_line, [rows.line_row(order, line) for line in order.lines]),
        events=[(event, event.data) for event in events],
        moves=[],
        terms=frozenset(),
        fed=[],
    )
    if order.total < 0 and not business_by_doc(doc).may_be_negative:
        return f"the total of {business_by_doc(doc).name} is not below 0"
    try:
        # What its days would count must be readable, too.
        list(daily.history((event.data for event in events), daily.units_in(order)))
        found = chain(
            history.breaches(standing), lines.breaches(standing), holdings.breaches(standing)
        )
        law, detail = next(found, (None, ""))
    except UNREADABLE as error:
        return f"{Law.READABLE}: {error}"
    return "" if law is None else f"{law}: {detail}"
