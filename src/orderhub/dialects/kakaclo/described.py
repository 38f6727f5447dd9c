"""What the calls take, said to OpenAPI as exactly as it is checked: lengths, spellings, statuses."""

from __future__ import annotations

from typing import Any

from orderhub.core.countries import ISO_COUNTRIES
from orderhub.dialects.contract import Route
from orderhub.dialects.describing import (
    Schema,
    any_of,
    described,
    listed,
    maybe,
    members,
    needed,
    or_empty,
    text,
    whole,
)
from orderhub.dialects.kakaclo import catalogue, freight, orders, routes
from orderhub.dialects.kakaclo.show import STATES, V2_STATES
from orderhub.dialects.kakaclo.wire import MAX_ITEMS, MAX_UNITS

_CODES = sorted(ISO_COUNTRIES)
_COUNTRY: Schema = {"type": "string", "enum": [*_CODES, *map(str.lower, _CODES)]}
_QUANTITY: Schema = {
    "type": ["integer", "string"],
    "minimum": 1,
    "maximum": MAX_UNITS,
    "pattern": "^[1-9][0-9]{0,8}$",
}
_NUMBER: Schema = {
    "type": ["integer", "string"],
    "minimum": 0,
    "maximum": 10**15,
    "pattern": "^[0-9]{1,15}$",
}


def _maybe(**lengths: int) -> dict[str, Schema]:
    return {name: maybe(text(most)) for name, most in lengths.items()}


_ADDRESS = members(
    {
        "phone": needed(64),
        "recipient": needed(32),
        "province": needed(32),
        **_maybe(street1=64, street2=64, city=64, zip=32, ioss=32, vat=32),
    },
    "phone",
    "recipient",
    "province",
    anyOf=any_of({"country": _COUNTRY, "countryCode": _COUNTRY}),
)
_ITEM = members(
    {
        "sku": needed(64),
        "quantity": _QUANTITY,
        **_maybe(warehouseCode=32, channelCode=64, channelType=16),
    },
    "sku",
    "quantity",
)
CREATE = members(
    {
        "orderItemsList": listed(_ITEM, 1, MAX_ITEMS),
        **_maybe(
            remark=2_000,
            CustomOrderNumber=64,
            customOrderId=64,
            SalePlatform=64,
            channelCode=64,
            channelType=16,
            warehouseCode=32,
        ),
    },
    "orderItemsList",
    anyOf=any_of({"orderAddresses": _ADDRESS, "orderAddress": _ADDRESS}),
    description="The document's tables say `orderAddress` and `country`, its sample `orderAddresses` "
    "and `countryCode`: both are taken, as is the first letter of any member in the other case.",
)
_ITEM_ID: Schema = {**_NUMBER, "minimum": 1, "pattern": "^[1-9][0-9]{0,14}$"}
_REFUND_ITEM = members(
    {
        "quantity": _QUANTITY,
        "countryCode": maybe(_COUNTRY),
    },
    "quantity",
    anyOf=any_of({"itemId": _ITEM_ID, "skuCode": needed(64), "sku": needed(64)}),
)
_REASONS = {
    "remark": maybe(text(2_000)),
    "refundReason": maybe(text(200)),
    "reason": maybe(text(200)),
}
REFUND_V1 = members(
    {"refundReason": _REASONS["refundReason"], "reason": _REASONS["reason"]},
    anyOf=any_of({"remark": needed(2_000), "Remark": needed(2_000)}),
)
REFUND_V2 = members({**_REASONS, "orderItems": maybe(listed(_REFUND_ITEM, 0, MAX_ITEMS))})
REFUND_OLD = members({"OrderNo": _NUMBER, **_REASONS}, "OrderNo")


def _freight(sku: str, country: str, *required: str) -> Schema:
    product = members({sku: needed(64), "quantity": _QUANTITY}, sku, "quantity")
    return members(
        {
            "products": listed(product, 1, MAX_ITEMS),
            country: _COUNTRY,
            "warehouseCode": needed(32) if required else maybe(text(32)),
        },
        "products",
        country,
        *required,
    )


# --- query parameters: an empty one counts as absent


def _or_empty(pattern: str, about: str = "") -> Schema:
    schema: Schema = {"type": "string", "pattern": f"^(?:{pattern})?$"}
    return {**schema, "description": about} if about else schema


def _list_of(pattern: str, most: int, about: str = "") -> Schema:
    """Empty entries do not count."""
    schema: Schema = {
        "type": "string",
        "pattern": f"^,*(?:{pattern}(?:,+{pattern}){{0,{most - 1}}},*)?$",
    }
    return {**schema, "description": about} if about else schema


_YEAR = "(?:19|20)[0-9]{2}"
_TIME = _or_empty(
    f"{_YEAR}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    "(?:T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)?",
    "ISO 8601, UTC unless it says otherwise; the older names `createdAtMin`, `createdAtMax`, "
    "`updatedAtMin`, `updatedAtMax` are taken too",
)
_CODE = "[^,]{1,64}"
_PAGE = or_empty(whole(1, 1_000_000, "from 1 on"))
_TIMES = ("createStartTime", "createEndTime", "updateStartTime", "updateEndTime")


def _orders(states: set[str]) -> Schema:
    return members(
        {
            "pageNumber": _PAGE,
            "pageSize": or_empty(whole(1, 250)),
            "split": {"type": "string", "description": "`1`: each parcel is an entry"},
            "ids": _list_of("[0-9]{1,15}", 250, "order numbers, with commas"),
            "status": _list_of(f"(?:{'|'.join(sorted(states))})", 20, "statuses, with commas"),
            **dict.fromkeys(_TIMES, _TIME),
        }
    )


_V1_STATES = {*STATES, "refund_fail", "waiting_toship"}
_V2_STATES = {
    *(shown[0] for shown in V2_STATES.values()),
    *_V1_STATES,
    "abnormal_order",
    "processing",
    "completed",
}
_WINDOW = {"dateStartTime": _TIME, "dateEndTime": _TIME, "pageNumber": _PAGE}
_STOCKS = members(
    {"skus": _list_of(_CODE, 30), "warehouseCode": {"type": "string"}, **_WINDOW},
)
_PRODUCTS = members(
    {
        "spus": _list_of(_CODE, 30),
        "skus": _list_of(_CODE, 30),
        "categoryId": _or_empty("[0-9]{1,15}"),
        "sortType": _or_empty("salasVolume|stock|price|updateTime"),
        "sortBy": _or_empty("[Aa][Ss][Cc]|[Dd][Ee][Ss][Cc]"),
        **_WINDOW,
    },
)
_REFUNDS = members(
    {"refundNo": _list_of(_CODE, 30), "ids": _list_of(_CODE, 30)},
)

_NOTES: dict[Any, dict[str, Any]] = {
    orders.create: {"request": CREATE},
    orders.list_v1: {"query": _orders(_V1_STATES)},
    orders.list_v2: {"query": _orders(_V2_STATES)},
    orders.refund_v1: {"request": REFUND_V1},
    orders.refund_v2: {"request": REFUND_V2, "optional_body": True},
    orders.refund_old: {"request": REFUND_OLD},
    orders.refund_query_old: {"query": _REFUNDS},
    catalogue.stocks: {"query": _STOCKS},
    catalogue.products: {"query": _PRODUCTS},
    freight.logistics_channel: {"request": _freight("skuCode", "termini", "warehouseCode")},
    freight.channel: {"request": _freight("sku", "shipToCountry")},
    freight.automation_split: {"request": _freight("sku", "shipToCountry")},
}

ROUTES: tuple[Route, ...] = described(routes.ROUTES, _NOTES)
SECURITY = (
    {
        "kakaclo": {
            "type": "http",
            "scheme": "bearer",
            "description": "The vendor's own: the access token of a KakaClo account.",
        }
    },
)
