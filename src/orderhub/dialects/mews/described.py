"""What every call may also be asked and answer, said to OpenAPI."""

from __future__ import annotations

from typing import Any

from orderhub.dialects.contract import Route
from orderhub.dialects.describing import Schema, described, members
from orderhub.dialects.mews import routes

_TEXT: Schema = {"type": "string"}
_TOO_HEAVY = members({"Message": _TEXT, "RequestId": _TEXT}, "Message", "RequestId")
_PREFER = members(
    {"Prefer": {"type": "string", "description": "`return=minimal`: 204 in place of an empty `{}`"}}
)
_NOTES: dict[Any, dict[str, Any]] = {
    f"{route.method} {route.path}": {
        "answers": {200: ..., **route.answers, 204: None, 408: _TOO_HEAVY},
        "headers": _PREFER,
    }
    for route in routes.ROUTES
}
ROUTES: tuple[Route, ...] = described(routes.ROUTES, _NOTES)
