"""The operations at the vendor's own paths, each of which has more than one name."""

from __future__ import annotations

from typing import Any

from orderhub.dialects.contract import Handler, Route
from orderhub.dialects.kakaclo import catalogue, freight, orders
from orderhub.dialects.kakaclo.wire import (
    Created,
    CreateOrder,
    DraftFreightQuestion,
    FreightQuestion,
    Orders,
    OrdersV2,
    Paging,
    Products,
    RefundByNumber,
    RefundOrder,
    Refunds,
    RefundWhole,
    Stocks,
)

# Pages print paths that begin with /openapi below a base URL that ends in it: both are taken.
PREFIXES = ("/openapi", "/openapi/openapi")


def _at(
    method: str, paths: tuple[str, ...], handler: Handler, summary: str, **more: Any
) -> tuple[Route, ...]:
    """The operation at each path (`/v1/...`) below each prefix."""
    return tuple(
        Route(method, prefix + path, handler, summary, **more)
        for path in paths
        for prefix in PREFIXES
    )


_V1 = ("/v1/order/order", "/v1/order/orders")
_V2 = ("/v2/order/orders",)

_ORDERS = (
    *_at(
        "POST",
        (*_V1, *_V2),
        orders.create,
        "Create order related information",
        request=CreateOrder,
        answers={200: Created},
        mutates=True,
    ),
    *_at("GET", _V1[:1], orders.list_draft, "Query orders (draft)", query=Orders),
    *_at("GET", _V1[1:], orders.list_v1, "Query orders", query=Orders),
    *_at("GET", _V2, orders.list_v2, "Query orders (V2)", query=OrdersV2),
    *_at(
        "POST",
        tuple(f"{path}/{{id}}/refund" for path in _V1),
        orders.refund_v1,
        "Refund an order",
        request=RefundWhole,
        mutates=True,
    ),
    *_at(
        "POST",
        tuple(f"{path}/{{id}}/refund" for path in _V2),
        orders.refund_v2,
        "Refund an order or some of its items (V2)",
        request=RefundOrder,
        optional_body=True,
        mutates=True,
    ),
    *_at(
        "GET",
        tuple(f"{path}/refund/{{id}}" for path in (*_V1, *_V2)),
        orders.refund_query,
        "Query the refunds of an order",
        query=Paging,
    ),
    *_at(
        "POST",
        ("/AddRefundOrder",),
        orders.refund_old,
        "Refund an order (draft)",
        request=RefundByNumber,
        mutates=True,
    ),
    *_at(
        "GET",
        ("/order/refund",),
        orders.refund_query_old,
        "Query refunds (draft)",
        query=Refunds,
    ),
)

_CATALOGUE = (
    *_at("GET", ("/v1/product/stocks",), catalogue.stocks, "Query stock", query=Stocks),
    *_at("GET", ("/v1/product/products",), catalogue.products, "Query products", query=Products),
    *_at("GET", ("/v1/product/countryAndWarehouse",), catalogue.warehouses, "Query warehouses"),
    *_at("GET", ("/v1/product/category",), catalogue.categories, "Query category"),
    *_at("GET", ("/v1/payment/balance",), catalogue.balance, "Query balance"),
)

_FREIGHT = (
    *_at(
        "POST",
        ("/v1/order/logisticsChannel", "/v1/order/LogisticsChannel"),
        freight.logistics_channel,
        "Freight from one warehouse (draft)",
        request=DraftFreightQuestion,
    ),
    *_at(
        "POST",
        ("/v1/order/order/channel", "/v1/order/orders/channel", "/v2/order/orders/channel"),
        freight.channel,
        "Freight from one warehouse",
        request=FreightQuestion,
    ),
    *_at(
        "POST",
        (
            "/v2/order/orders/channel/automationSplit",
            "/v1/order/orders/channel/automationSplit",
            "/v2/order/orders/automaticSplit/channel",
        ),
        freight.automation_split,
        "Freight of an order as it would be split",
        request=FreightQuestion,
    ),
)

ROUTES: tuple[Route, ...] = (*_ORDERS, *_CATALOGUE, *_FREIGHT)
