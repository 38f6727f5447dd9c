"""The vendor's paths. Its gateway takes POST only."""

from __future__ import annotations

from typing import Any

from orderhub.dialects.contract import Handler, Route
from orderhub.dialects.tours4fun import departing, orders, products, wire

_ANSWERS = {200: wire.Envelope}


def _post(
    path: str, handler: Handler, summary: str, request: Any, *, mutates: bool = False
) -> Route:
    return Route(
        method="POST",
        path=path,
        handler=handler,
        summary=summary,
        request=request,
        answers=_ANSWERS,
        mutates=mutates,
    )


ROUTES = (
    _post("/v2/order/add", orders.add, "Create order", wire.AddOrder, mutates=True),
    _post("/v2/order/cal", orders.calculate, "Calculate a price", wire.CalculateOrder),
    _post("/v2/order/detail", orders.detail, "Order detail", wire.OrderId),
    _post("/v2/order/list", orders.list_orders, "Order list", wire.OrderList),
    _post("/v2/order/cancel", orders.cancel, "Cancel an order", wire.CancelOrder, mutates=True),
    _post("/v2/product/detail", products.detail, "Product detail", wire.ProductIds),
    _post("/v2/product/list", products.list_products, "Product list", wire.ProductList),
    _post(
        "/v2/product/availabilities",
        departing.availabilities,
        "Departure dates and prices",
        wire.ProductId,
    ),
    _post("/v2/product/upgrades", departing.upgrades, "Upgrades", wire.Upgrades),
    _post("/v2/product/departure", departing.departure, "Departure locations", wire.Departure),
    _post("/ttd/rate", departing.rate, "Exchange rates", wire.RateDay),
)
