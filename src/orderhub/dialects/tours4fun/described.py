"""What the calls take, and how an app shows who it is, said to OpenAPI."""

from __future__ import annotations

from typing import Any

from orderhub.dialects.contract import Route
from orderhub.dialects.describing import Schema, described, members
from orderhub.dialects.tours4fun import routes, wire
from orderhub.dialects.tours4fun.words import MESSAGES

CODES = frozenset({0, *MESSAGES})
ENVELOPE = members(
    {"code": {"enum": sorted(CODES)}, "msg": {"type": "string"}, "data": {}},
    "code",
    "msg",
    "data",
    description="Every answer. `code` 0 is success; HTTP is 200 whatever it says.",
)
_NOTES: dict[Any, dict[str, Any]] = {
    f"{route.method} {route.path}": {
        "answers": {200: ENVELOPE},
        # An empty body counts as an empty object: PHP writes one as `[]`.
        "optional_body": route.request in (wire.ProductList, wire.RateDay),
    }
    for route in routes.ROUTES
}
ROUTES: tuple[Route, ...] = described(routes.ROUTES, _NOTES)


def _signed(name: str, about: str) -> Schema:
    return {"type": "apiKey", "in": "query", "name": name, "description": about}


SECURITY: tuple[dict[str, Schema], ...] = (
    {
        "appkey": _signed("appkey", "The vendor's own, with `t` and `sign`: the key of the app."),
        "t": _signed("t", "Seconds since 1970, at most ten minutes off."),
        "sign": _signed("sign", "MD5 of appkey, t, the app's secret and the body, in hex."),
    },
)
