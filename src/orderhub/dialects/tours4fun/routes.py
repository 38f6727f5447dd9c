"""The vendor's paths. Its gateway takes POST only."""

from __future__ import annotations

from typing import Any

from orderhub.dialects.contract import Handler, Route
from orderhub.dialects.describing import members
from orderhub.dialects.tours4fun import departing, orders, products, wire
from orderhub.dialects.tours4fun.words import MESSAGES

_ENVELOPE = members(
    {"code": {"enum": sorted({0, *MESSAGES})}, "msg": {"type": "string"}, "data": {}},
    "code",
    "msg",
    "data",
    description="Every answer. `code` 0 is success; HTTP is 200 whatever it says.",
)


def _post(path: str, handler: Handler, summary: str, request: Any, **more: Any) -> Route:
    return Route(
        method="POST",
        path=path,
        handler=handler,
        summary=summary,
        request=request,
        answers={200: _ENVELOPE},
        **more,
    )


ROUTES = (
    _post("/v2/order/add", orders.add, "Create order", wire.AddOrder, mutates=True),
    _post("/v2/order/cal", orders.calculate, "Calculate a price", wire.CalculateOrder),
    _post("/v2/order/detail", orders.detail, "Order detail", wire.OrderId),
    _post("/v2/order/list", orders.list_orders, "Order list", wire.OrderList),
    _post("/v2/order/cancel", orders.cancel, "Cancel an order", wire.CancelOrder, mutates=True),
    _post("/v2/product/detail", products.detail, "Product detail", wire.ProductIds),
    # An empty body counts as an empty object: PHP writes one as `[]`.
    _post(
        "/v2/product/list",
        products.list_products,
        "Product list",
        wire.ProductList,
        optional_body=True,
    ),
    _post(
        "/v2/product/availabilities",
        departing.availabilities,
        "Departure dates and prices",
        wire.ProductId,
    ),
    _post("/v2/product/upgrades", departing.upgrades, "Upgrades", wire.Upgrades),
    _post("/v2/product/departure", departing.departure, "Departure locations", wire.Departure),
    _post("/ttd/rate", departing.rate, "Exchange rates", wire.RateDay, optional_body=True),
)
