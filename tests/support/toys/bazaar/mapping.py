"""A sale to a command. Pure."""

from __future__ import annotations

from orderhub.dialects.bazaar.wire import Sale

from orderhub.core.commands import Origin, PlaceOrder, StatedLine
from orderhub.core.recorded import RecordedSale


def place_order(sale: Sale, origin: Origin, currency: str, now_us: int) -> PlaceOrder:
    terms = RecordedSale(
        total=sale.price,
        currency=currency,
        occurred_at=now_us,
        items=(StatedLine(title=sale.item, quantity=sale.pieces, price=sale.price),),
    )
    return PlaceOrder(origin=origin, terms=terms)
