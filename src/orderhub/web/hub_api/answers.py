"""The answers of the hub's own API, as OpenAPI shows them; `shapes` makes them."""

from __future__ import annotations

from orderhub.dialects.describing import Schema, listed, maybe, members
from orderhub.web.hub_api.shapes import POOL_FIGURES

_MANY = 2**31
TEXT: Schema = {"type": "string"}
_INT: Schema = {"type": "integer"}
_BOOL: Schema = {"type": "boolean"}
_OBJECT: Schema = {"type": "object"}
_AMOUNT: Schema = {"type": "string", "pattern": r"^-?[0-9]+(?:\.[0-9]+)?$"}
_UNITS: Schema = {
    "anyOf": [_INT, _AMOUNT],
    "description": "Whole units; of a balance an amount of money.",
}
_INSTANT: Schema = {"type": "string", "format": "date-time"}


def many(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def page(item: Schema) -> Schema:
    """A page, and the cursor of the next one: null on the last."""
    return members({"items": many(item), "next_cursor": maybe(TEXT)}, "items", "next_cursor")


def whole_list(item: Schema) -> Schema:
    return members({"items": many(item)}, "items")


def _all(properties: dict[str, Schema]) -> Schema:
    return members(properties, *properties)


_SUMMARY: dict[str, Schema] = {
    "uid": TEXT,
    "tenant": TEXT,
    "dialect": TEXT,
    "id": _INT,
    "number": TEXT,
    **dict.fromkeys(("group_number", "reference", "owner", "account"), maybe(TEXT)),
    "status": TEXT,
    "vendor_status": maybe(TEXT),
    "version": _INT,
    "currency": TEXT,
    **dict.fromkeys(("net", "tax", "total", "paid", "refunded"), _AMOUNT),
    "recorded": _BOOL,
    **dict.fromkeys(("occurred_at", "updated_at", "recorded_at"), _INSTANT),
    "service_at": maybe(_INSTANT),
}
# A list may be asked for some members only.
SPARSE = members(_SUMMARY)
SUMMARY = _all(_SUMMARY)
_TAX = _all({"code": TEXT, "base": _AMOUNT, "amount": _AMOUNT})
_LINE = _all(
    {
        "uid": TEXT,
        "line_no": _INT,
        "kind": TEXT,
        "title": TEXT,
        "sku": TEXT,
        "product_id": _INT,
        "variant_id": _INT,
        "quantity": _INT,
        **dict.fromkeys(("unit_net", "unit_gross", "net", "tax", "gross"), _AMOUNT),
        "taxes": many(_TAX),
        "cancelled": _BOOL,
        "shipped": _INT,
        "refunded": _INT,
        "data": _OBJECT,
    }
)
_MOVE = _all(
    {
        "pool": _all({"kind": TEXT, "subject": TEXT, "place": TEXT}),
        "kind": TEXT,
        "units": _UNITS,
        "line_no": maybe(_INT),
        "reason": maybe(TEXT),
    }
)
EVENT = _all(
    {
        "version": _INT,
        "kind": TEXT,
        "occurred_at": _INSTANT,
        "recorded_at": _INSTANT,
        "actor": TEXT,
        "request_id": maybe(TEXT),
        "data": _OBJECT,
    }
)
_ORDER = members(
    {
        **_SUMMARY,
        "lines": many(_LINE),
        "taxes": many(_TAX),
        "draws": many(_MOVE),
        **dict.fromkeys(("contact", "ship_to", "pricing", "settlement"), maybe(_OBJECT)),
        "notes": {},
        "business": _OBJECT,
        "vendor": _OBJECT,
        **dict.fromkeys(("shipments", "payments", "refunds"), many(_OBJECT)),
        "events": many(EVENT),
        "request": {"description": "The raw request without its secrets: JSON, else text."},
    },
)
ORDER: Schema = {
    "anyOf": [
        _ORDER,
        {"type": "object", "description": "With `as`: as that dialect's own read call shows it."},
    ]
}
STATUS = members({"status": TEXT}, "status")
POOL = _all(
    {
        **dict.fromkeys(("kind", "subject", "place"), TEXT),
        **dict.fromkeys(POOL_FIGURES, _UNITS),
    }
)
PAST_MOVE = _all(
    {
        "kind": TEXT,
        "units": _UNITS,
        "order": maybe(TEXT),
        "line_no": maybe(_INT),
        "reason": maybe(TEXT),
        "actor": TEXT,
        "recorded_at": _INSTANT,
    }
)
TENANT = members({"name": TEXT, "title": maybe(TEXT)}, "name", "title")
SETTINGS = members(
    {
        "name": TEXT,
        "currency": TEXT,
        "currencies": listed(TEXT, 0, _MANY),
        "time_zone": TEXT,
        "sandbox": _BOOL,
        "dialects": _OBJECT,
    },
    "name",
    "currency",
)
NEW_TENANT = members(
    {"name": TEXT, "title": maybe(TEXT), "settings": SETTINGS}, "name", "title", "settings"
)
CLOCK = _all({"mode": TEXT, "now": _INSTANT, "wall": _INSTANT, "sandbox": _BOOL})
_CREDENTIAL: dict[str, Schema] = {
    "id": TEXT,
    "kind": TEXT,
    "name": maybe(TEXT),
    "label": maybe(TEXT),
    "scopes": many(TEXT),
    "tenants": {**many(TEXT), "description": "of a portfolio: those that the asker reaches"},
    "data": _OBJECT,
    "enabled": _BOOL,
    **dict.fromkeys(("created_at", "expires_at", "last_used_at"), maybe(_INSTANT)),
}
CREDENTIAL = _all(_CREDENTIAL)
SHOWN_ONCE = members(
    {
        **_CREDENTIAL,
        "token": {**TEXT, "description": "in this answer and in no other"},
        "secret": {**TEXT, "description": "in this answer and in no other"},
        "try": {**TEXT, "description": "a shell command that uses it; in this answer only"},
    },
    *_CREDENTIAL,
)
ITEM = _all({"id": _INT, "uid": maybe(TEXT), "code": maybe(TEXT), "version": _INT, "doc": _OBJECT})
RESULT = members(
    {"line": _INT, "status": {"enum": ["created", "updated", "unchanged", "removed", "refused"]}},
    "line",
    "status",
)
COUNTED = members(
    {
        "line": _INT,
        "status": {"enum": ["opened", "adjusted", "unchanged", "refused"]},
        "kind": TEXT,
        "subject": TEXT,
        "place": TEXT,
        "available": _UNITS,
    },
    "line",
    "status",
)
FAULTS = members(
    {"faults": many(members({"kind": TEXT, "times": _INT, "left": _INT}, "kind", "left"))}, "faults"
)
PLAN = members(
    {
        "id": TEXT,
        "dialect": TEXT,
        "expires_at": _INSTANT,
        "decision": TEXT,
        "reason": maybe(TEXT),
        "field": maybe(TEXT),
        "detail": maybe(TEXT),
        "answer": members({"status": _INT, "body": {}}, "status", "body"),
        "orders": many(_OBJECT),
        "draws": many(_MOVE),
        "events": many(EVENT),
        "timers": many(_OBJECT),
        "records": many(_OBJECT),
    },
    *("id", "dialect", "expires_at", "decision", "answer", "orders", "draws", "events"),
)
ROTATED = members({"secrets": _INT, "rotated": _INT}, "secrets", "rotated")
SANDBOX = members({"dialect": TEXT}, "dialect")
