"""What the calls take beside their bodies, said to OpenAPI, and how a caller shows who he is."""

from __future__ import annotations

from typing import Any

from orderhub.dialects.anqicms import routes, wire
from orderhub.dialects.contract import Route
from orderhub.dialects.describing import Schema, described, members

_INT: Schema = {"type": "integer", "minimum": 0}
_TEXT: Schema = {"type": "string"}
_PAGE = {"current": _INT, "pageSize": _INT}
_ID = members({"id": _INT})
_ORDER = members({"order_id": _TEXT})

_QUERIES: dict[str, Schema] = {
    "/api/orders": members(
        {**_PAGE, "status": {**_TEXT, "description": "a word for a group of statuses"}}
    ),
    "/api/order/detail": _ORDER,
    "/api/payment/check": _ORDER,
    "/api/cart/list": members(_PAGE),
    "/api/coupon/valid": members({"amount": _INT, "archive_id": _INT}),
    "/api/archive/sku": members({"id": _INT, "filename": _TEXT}),
    "/api/archive/order/check": _ID,
    "/api/user/group/detail": _ID,
}
# The routes say what a failure looks like; what they answer else is in their golden pairs.
_NOTES: dict[Any, dict[str, Any]] = {
    f"{route.method} {route.path}": {"answers": {}}
    for route in routes.ROUTES
    if route.answers.get(200) is wire.Failure
}
for _path, _query in _QUERIES.items():
    _NOTES[f"GET {_path}"] = {**_NOTES.get(f"GET {_path}", {}), "query": _query}
# Their answers hold a fresh token, which is kept nowhere.
for _path in ("/api/login", "/api/register"):
    _NOTES[f"POST {_path}"] = {**_NOTES[f"POST {_path}"], "keyed": False}

ROUTES: tuple[Route, ...] = described(routes.ROUTES, _NOTES)
_SHOWN_AS = (
    "The vendor's own: the JWT that `/api/login` answers, as a header, a cookie or a bearer token."
)
SECURITY: tuple[dict[str, Schema], ...] = (
    {"anqicms": {"type": "apiKey", "in": "header", "name": "token", "description": _SHOWN_AS}},
    {},  # without a token, or with one that does not hold, the caller is an anonymous visitor
)
