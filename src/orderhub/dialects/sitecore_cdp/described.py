"""What the calls take, said to OpenAPI as exactly as `fields` checks it."""

from __future__ import annotations

from typing import Any

from orderhub.dialects.contract import Media, Route
from orderhub.dialects.describing import (
    BIRTHDAY,
    DAY_OR_INSTANT,
    LOOSE_INSTANT,
    Schema,
    described,
    listed,
    maybe,
    members,
    needed,
    or_empty,
    text,
    whole,
)
from orderhub.dialects.sitecore_cdp import (
    batches,
    fields,
    guests,
    items,
    orders,
    routes,
    wire,
)
from orderhub.dialects.sitecore_cdp.batches import MAX_PACKED_BYTES
from orderhub.dialects.sitecore_cdp.paging import MAX_LIMIT, MAX_OFFSET

_TEXT = maybe(text(fields.MAX_TEXT))
_TEXTS = maybe({**listed(text(fields.MAX_TEXT), 0, fields.MAX_LIST)})
_CURRENCY: Schema = {"type": "string", "pattern": "^[A-Z]{3}$"}
# Twelve digits before the point and six behind it are kept.
_MOST = 10**12 - 1
_AMOUNT: Schema = {"type": "number", "minimum": -_MOST, "maximum": _MOST}
# What is cut off at the ends as white space is more than a pattern's \s: control characters too.
_END = r"[^\s\u0000-\u001f\u0085]"
_EMAIL: Schema = {
    "type": "string",
    "maxLength": fields.MAX_TEXT,
    "pattern": f"^{_END}[^@]*@[^@]*{_END}$",
}
_KEPT_TIME = maybe(DAY_OR_INSTANT)


def _texts(*names: str) -> dict[str, Schema]:
    return dict.fromkeys(names, _TEXT)


def _without_need(schema: Schema) -> Schema:
    """The same for PATCH: everything may be left out."""
    return {name: value for name, value in schema.items() if name != "required"}


ORDER = members(
    {
        "currencyCode": _CURRENCY,
        "orderedAt": LOOSE_INSTANT,
        "price": _AMOUNT,
        "referenceId": needed(fields.MAX_TEXT),
        "createdAt": {**maybe(LOOSE_INSTANT), "description": "ignored"},
        "modifiedAt": {**maybe(LOOSE_INSTANT), "description": "ignored"},
        **_texts("paymentType", "cardType", "pointOfSale"),
        "channel": maybe({"type": "string", "enum": list(wire.CHANNELS)}),
        "status": maybe({"type": "string", "enum": list(wire.STATUSES)}),
    },
    "currencyCode",
    "orderedAt",
    "price",
    "referenceId",
)
ITEM = members(
    {
        "price": _AMOUNT,
        "name": maybe(text(fields.MAX_NAME)),
        "description": maybe(text(fields.MAX_LONG_TEXT)),
        **_texts("type", "productId", "referenceId", "vendor", "status", "language", "channel"),
        "currencyCode": maybe(_CURRENCY),
        "originalPrice": maybe({"type": "number"}),  # kept as it is, and never computed with
        "originalCurrencyCode": maybe(_CURRENCY),
        "quantity": maybe({"type": "number", "exclusiveMinimum": 0, "maximum": _MOST}),
        "orderedAt": _KEPT_TIME,
    },
    "price",
)
_PERSON: dict[str, Schema] = {
    **_texts("title", "firstName", "lastName", "language", "nationality", "passportNumber"),
    **_texts("city", "country", "postCode", "state"),
    "gender": {
        **maybe({"type": "string", "pattern": "^(?:[Mm]ale|[Ff]emale|[Uu]nknown)$"}),
        "description": "male, female or unknown, in any case",
    },
    "dateOfBirth": maybe(BIRTHDAY),
    "email": maybe(_EMAIL),
    "emails": maybe(listed(_EMAIL, 0, fields.MAX_LIST)),
    "phoneNumbers": _TEXTS,
    "street": _TEXTS,
    "passportExpiry": _KEPT_TIME,
    "identifiers": maybe(
        listed(
            members(
                {
                    "provider": needed(fields.MAX_TEXT),
                    "id": needed(fields.MAX_TEXT),
                    "expiryDate": _KEPT_TIME,
                },
                "provider",
                "id",
            ),
            0,
            fields.MAX_LIST,
        )
    ),
}
CONTACT = members(_PERSON)
GUEST = members(
    {"guestType": {"type": "string", "enum": list(wire.GUEST_TYPES)}, **_PERSON}, "guestType"
)
_LINK = members({"href": {"type": "string"}}, "href")
CONSUMER = members(
    {
        **_texts("firstName", "lastName"),
        "guest": maybe(_LINK),
        "orderItems": maybe(members({"items": listed(_LINK, 0, fields.MAX_LIST)}, "items")),
    }
)
BATCH = members(
    {
        "checksum": {"type": "string", "pattern": "^[0-9A-Fa-f]{32}$"},
        "size": whole(1, MAX_PACKED_BYTES),
    },
    "checksum",
    "size",
)
_MOST_KEPT = 10 ** (fields.MAX_DIGITS - 1)
_PAIR: Schema = {
    "type": ["string", "number", "boolean"],
    "maxLength": fields.MAX_LONG_TEXT,
    "minimum": -_MOST_KEPT,
    "maximum": _MOST_KEPT,
}


def _extension(pair: Schema, *, least: int) -> Schema:
    """`name` and `key` may be sent and are no pairs."""
    fixed = ("name", "key")
    enough = [
        {"minProperties": least + len(sent), "properties": dict.fromkeys(set(fixed) - sent, False)}
        for sent in ({*fixed}, {"name"}, {"key"}, set[str]())
    ]
    return members(
        {"name": {"const": "ext"}, "key": {"const": "default"}},
        patternProperties={"^(?!name$|key$)[a-z][A-Za-z0-9]{0,127}$": pair},
        additionalProperties=False,
        maxProperties=fields.MAX_EXTENSION_PAIRS,
        description="Flat pairs with camelCase alphanumeric keys.",
        **({"anyOf": enough} if least else {}),
    )


_SHOWN: Schema = {"type": "object"}
_ANY: Schema = {"type": "string"}
_EXT = members({"name": {"const": "ext"}})
_UUID = "^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_BATCH_REF = members({"ref": {"type": "string", "pattern": _UUID}})
_SIGNED = members(
    {
        "tenant": {"type": "string", "description": "part of the address that was handed out"},
        "token": {"type": "string", "description": "part of the address that was handed out"},
    }
)

_LOG_LINE = members({"ref": _ANY, "code": _ANY, "message": _ANY}, "ref", "code", "message")

# --- query parameters

_PARTS = "(?:orderItems|contacts|consumers)"
_PAGING: dict[str, Schema] = {
    "offset": or_empty(whole(0, MAX_OFFSET)),
    "limit": or_empty(whole(1, MAX_LIMIT)),
}
_EXPAND: dict[str, Schema] = {
    "expand": {
        "type": "string",
        "pattern": f"^(?:[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|{_PARTS}(?:,{_PARTS})*)?$",
        "description": "`true`, or some of orderItems, contacts and consumers",
    }
}
_LIST = members({**_PAGING, **_EXPAND})
_FIND = members(
    {
        "referenceId": {"type": "string", "description": "this or guestRef"},
        "guestRef": {"type": "string", "description": "this or referenceId"},
        "sort": {
            "type": "string",
            "pattern": "^(?:[+-]?(?:created|createdAt|orderedAt))?$",
            "description": "a leading minus: newest first; orderedAt only with guestRef",
        },
        **_PAGING,
        **_EXPAND,
    }
)
_FIND_GUESTS = members(
    {
        "email": {"type": "string", "description": "this, or both of the others"},
        "identifiers.provider": {"type": "string"},
        "identifiers.id": {"type": "string"},
        **_PAGING,
        **_EXPAND,
    }
)
_CREATE = members({"guestRef": {"type": "string", "description": "the guest who orders"}})

_NOTES: dict[Any, dict[str, Any]] = {
    orders.create_order: {"request": ORDER, "query": _CREATE},
    orders.find_orders: {"query": _FIND},
    orders.get_order: {"query": members(_EXPAND)},
    "PATCH /v2.1/orders/{ref}": {"request": _without_need(ORDER)},
    "PUT /v2.1/orders/{ref}": {"request": ORDER},
    "POST /v2.1/orders/{ref}/orderItems": {"request": ITEM},
    items.list_items: {"query": _LIST},
    "PATCH /v2.1/orderItems/{ref}": {"request": _without_need(ITEM)},
    "PUT /v2.1/orderItems/{ref}": {"request": ITEM},
    "POST /v2.1/orders/{ref}/contacts": {"request": CONTACT},
    "GET /v2.1/orders/{ref}/contacts": {"query": _LIST},
    "PATCH /v2.1/orderContacts/{ref}": {"request": CONTACT},
    "PUT /v2.1/orderContacts/{ref}": {"request": CONTACT},
    "POST /v2.1/orders/{ref}/consumers": {"request": CONSUMER},
    "GET /v2.1/orders/{ref}/consumers": {"query": _LIST},
    "PATCH /v2.1/orderConsumers/{ref}": {"request": CONSUMER},
    "PUT /v2.1/orderConsumers/{ref}": {"request": CONSUMER},
    guests.create_guest: {"request": GUEST},
    guests.find_guests: {"query": _FIND_GUESTS},
    "PATCH /v2.1/guests/{ref}": {"request": _without_need(GUEST)},
    "PUT /v2.1/guests/{ref}": {"request": GUEST},
    batches.allocate: {"request": BATCH, "params": _BATCH_REF},
    batches.upload: {
        "request": Media("application/octet-stream"),
        "query": _SIGNED,
        "public": True,
    },
    batches.get_rows: {"query": members(_PAGING)},
    batches.get_log: {
        "query": _SIGNED,
        "answers": {200: Media("application/x-ndjson", _LOG_LINE)},
        "public": True,
    },
}
for _of in ("orders", "orderItems"):
    _path = f"/v2.1/{_of}/{{ref}}/extensions/{{name}}"
    _errors = {400: wire.Error, 401: wire.Unauthorized, 404: wire.Error, 409: wire.Error}
    _NOTES |= {
        f"GET {_path}": {"params": _EXT, "answers": {200: _SHOWN, **_errors}},
        f"POST {_path}": {
            "params": _EXT,
            "request": _extension(_PAIR, least=1),
            "answers": {201: _SHOWN, **_errors},
        },
        f"PATCH {_path}": {
            "params": _EXT,
            "request": _extension({**_PAIR, "type": [*_PAIR["type"], "null"]}, least=0),
            "answers": {200: _SHOWN, **_errors},
        },
        f"DELETE {_path}": {"params": _EXT, "answers": {204: None, **_errors}},
    }

ROUTES: tuple[Route, ...] = described(routes.ROUTES, _NOTES)
SECURITY = (
    {
        "sitecore_cdp": {
            "type": "http",
            "scheme": "basic",
            "description": "The vendor's own: the client key as user name, the API token as password.",
        }
    },
)
