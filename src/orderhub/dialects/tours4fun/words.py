"""The vendor's codes, and which of ours becomes which. Whatever happens, HTTP says 200."""

from __future__ import annotations

from typing import Any

from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Status
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Fault, FaultKind

MESSAGES = {
    10001: "Sign Error",
    10002: "Frequency Limit",
    10003: "APP Has Not Activated",
    10004: "Load APP Info Failed",
    10005: "Permission Not Allow",
    10006: "Black List",
    20001: "Product Detail Not Found",
    20002: "Product Availabilities Not Found",
    20003: "Product Upgrades Not Found",
    20004: "Search Product Failed",
    20005: "Product Departure Not Found",
    20006: "Product List Failed",
    20007: "Parameter Error",
    20008: "Product Ids To Much",
    30001: "Add Order Failed",
    30002: "Cal Price Error",
    30003: "Get Order List Failed",
    30004: "Get Order Detail Failed",
    30005: "At least one adult per-room!",
    30006: "Invalid Contact Information",
    30007: "Cancel Order failed!",
}
CANCEL_AFTER_PAID = "This order can not cancelled after paid"

# The code of a call that failed for a reason that has none of its own.
FAILED = {
    "/v2/order/add": 30001,
    "/v2/order/cal": 30002,
    "/v2/order/list": 30003,
    "/v2/order/detail": 30004,
    "/v2/order/cancel": 30007,
    "/v2/product/detail": 20001,
    "/v2/product/availabilities": 20002,
    "/v2/product/upgrades": 20003,
    "/v2/product/departure": 20005,
    "/v2/product/list": 20006,
    "/ttd/rate": 20007,
}
_OWN = 0  # the failed call's own code

FAULTS = {
    FaultKind.MALFORMED: 20007,
    FaultKind.INVALID: 20007,
    FaultKind.UNAUTHENTICATED: 10001,
    FaultKind.FORBIDDEN: 10005,
    FaultKind.NOT_FOUND: 10005,
    FaultKind.METHOD_NOT_ALLOWED: 20007,
    FaultKind.TOO_LARGE: 20007,
    FaultKind.UNSUPPORTED_MEDIA: 20007,
    FaultKind.RATE_LIMITED: 10002,
    FaultKind.KEY_INVALID: 20007,
    FaultKind.BUSY: 10002,
    FaultKind.UNAVAILABLE: _OWN,
    FaultKind.BROKEN: _OWN,
}
# What exactly was wrong, where the table has a code for it: (path, problem) of the first fault.
SPECIFIC_FAULTS = {
    ("appkey", "unknown"): 10004,
    ("appkey", "inactive"): 10003,
    ("appkey", "blocked"): 10006,
    ("product_ids", "length"): 20008,
    ("keyword", "length"): 20004,
    ("region", "missing"): 20006,
    ("page", "value"): _OWN,
    ("page_size", "value"): _OWN,
}

REFUSALS = {
    Reason.KEY_REUSED: 20007,
    Reason.KEY_REDACTED: 20007,
    Reason.TEXT_INVALID: _OWN,
    Reason.ALREADY_EXISTS: _OWN,
    Reason.ORDER_UNKNOWN: _OWN,
    Reason.RECORD_UNKNOWN: _OWN,
    Reason.NOT_OWNER: 10005,
    Reason.VERSION_CONFLICT: _OWN,
    Reason.TRANSITION_NOT_ALLOWED: _OWN,
    Reason.NOTHING_ORDERED: 20007,
    Reason.ADDRESS_UNKNOWN: _OWN,
    Reason.SERVICE_UNKNOWN: _OWN,
    Reason.SERVICE_INACTIVE: _OWN,
    Reason.ACCOUNT_UNKNOWN: _OWN,
    Reason.BILL_UNKNOWN: _OWN,
    Reason.BILL_CLOSED: _OWN,
    Reason.BILL_OF_OTHER_ACCOUNT: _OWN,
    Reason.PRODUCT_UNKNOWN: 20001,
    Reason.PRODUCT_INACTIVE: 20001,
    Reason.VARIANT_UNKNOWN: _OWN,
    Reason.CATEGORY_UNKNOWN: _OWN,
    Reason.REFERENCE_UNKNOWN: 20005,
    Reason.WAREHOUSE_UNKNOWN: _OWN,
    Reason.SELLERS_DIFFER: _OWN,
    Reason.QUANTITY_INVALID: 20007,
    Reason.CONTACT_INVALID: 30006,
    Reason.COUNTRY_NOT_SERVED: _OWN,
    Reason.TAX_NUMBER_REQUIRED: _OWN,
    Reason.DATE_UNAVAILABLE: 20002,
    Reason.TOO_LATE_TO_BOOK: 20002,
    Reason.CONSUMPTION_TOO_OLD: _OWN,
    Reason.ADULT_MISSING: 30005,
    Reason.ROOM_TOO_FULL: _OWN,
    Reason.GUESTS_MISMATCH: _OWN,
    Reason.TOO_FEW_PERSONS: _OWN,
    Reason.UPGRADE_UNKNOWN: 20003,
    Reason.UPGRADE_CHOICE_INVALID: 20003,
    Reason.GUEST_FORM_INVALID: 20007,
    Reason.CHILD_TOO_OLD: _OWN,
    Reason.CURRENCY_NOT_ENABLED: _OWN,
    Reason.PRICE_MISSING: _OWN,
    Reason.PRICE_NOT_SOLD: _OWN,
    Reason.TAX_CODE_UNKNOWN: _OWN,
    Reason.TAX_CODES_CONFLICT: _OWN,
    Reason.REBATE_NOT_PERMITTED: _OWN,
    Reason.COUPON_UNKNOWN: _OWN,
    Reason.COUPON_NOT_VALID: _OWN,
    Reason.AMOUNT_OUT_OF_RANGE: _OWN,
    Reason.COUPON_USED_UP: _OWN,
    Reason.OUT_OF_STOCK: _OWN,
    Reason.SOLD_OUT: _OWN,
    Reason.BALANCE_TOO_LOW: _OWN,
}
# Where one call words a reason unlike the others.
REFUSALS_OF = {
    ("/v2/order/cal", Reason.ROOM_TOO_FULL): 20007,
    ("/v2/order/cancel", Reason.NOT_OWNER): 30007,
}
_REFUSAL_TEXTS = {
    ("/v2/order/cancel", Reason.TRANSITION_NOT_ALLOWED): CANCEL_AFTER_PAID,
    ("/v2/order/cancel", Reason.NOT_OWNER): MESSAGES[10005],
}
# An order that has ended was not kept from its end by a payment.
_ENDED = tuple(f"an order that is {status} " for status in (Status.CANCELLED, Status.REFUNDED))

FIELDS = {
    "product": "product_id",
    "date": "departure_date",
    "pickup": "departure_address",
    "rooms": "rooms",
    "rooms[]": "rooms[]",
    "rooms[].adults": "rooms[].adult",
    "adults": "adult",
    "tickets": "tickets",
    "tickets[].sku": "tickets[].sku_id",
    "tickets[].count": "tickets[].count",
    "guests": "guest_info",
    "guests[]": "guest_info[]",
    "contact": "contact",
    "contact.first_name": "contact.first_name",
    "contact.last_name": "contact.last_name",
    "contact.phone": "contact.mobile",
    "contact.email": "contact.email",
    "order": "order_id",
    "status": "order_id",
    "currency": "currency",
    "total": "total_retail",
}

# Canonical status -> (order status, status of its product), and back from every code of the tables.
STATUS_CODES = {
    Status.PENDING: (100, 10000),
    Status.PAID: (200, 25000),
    Status.SHIPPED: (340, 40000),
    Status.COMPLETED: (500, 80000),
    Status.CANCELLED: (700, 60030),
    Status.REFUNDING: (330, 30300),
    Status.REFUNDED: (610, 60100),
}
ORDER_STATUSES = {
    100: Status.PENDING,
    110: Status.PENDING,
    200: Status.PAID,
    300: Status.PAID,
    310: Status.PAID,
    320: Status.PAID,
    330: Status.REFUNDING,
    340: Status.SHIPPED,
    400: Status.COMPLETED,
    500: Status.COMPLETED,
    600: Status.CANCELLED,
    610: Status.REFUNDED,
    700: Status.CANCELLED,
}
PRODUCT_STATUSES = {
    10000: Status.PENDING,
    10010: Status.PENDING,
    25000: Status.PAID,
    30000: Status.PAID,
    30010: Status.PAID,
    30011: Status.PAID,
    30100: Status.PAID,
    30200: Status.PAID,
    30300: Status.REFUNDING,
    40000: Status.SHIPPED,
    60000: Status.CANCELLED,
    60010: Status.REFUNDING,
    60020: Status.REFUNDED,
    60030: Status.CANCELLED,
    60100: Status.REFUNDED,
    80000: Status.COMPLETED,
}


def success(data: Any, msg: str = "success") -> Answer:
    return Answer(200, encode({"code": 0, "msg": msg, "data": data}))


def failure(code: int, msg: str, detail: str, call: Call, retry_after_s: int = 0) -> Answer:
    """The envelope of a failure. The exact words follow only for an app that asked for them."""
    caller = call.caller
    if detail and caller is not None and caller.credential.data.get("verbose_errors"):
        msg = f"{msg}: {detail}"
    headers = (("Retry-After", str(retry_after_s)),) if retry_after_s else ()
    return Answer(200, encode({"code": code, "msg": msg, "data": {}}), headers)


def word_fault(call: Call, fault: Fault) -> Answer:
    """The answer to a call that failed before a decision."""
    code = FAULTS[fault.kind]
    if fault.faults:
        first = fault.faults[0]
        code = SPECIFIC_FAULTS.get((first.path, first.problem), code)
    code = code or FAILED.get(call.path, 20007)
    return failure(code, MESSAGES[code], fault.message, call, fault.retry_after_s)


def word_refusal(call: Call, rejected: Rejected) -> Answer:
    """The answer to a refused command or to a read of what is not there."""
    place = (call.path, rejected.reason)
    code = REFUSALS_OF.get(place) or REFUSALS[rejected.reason] or FAILED.get(call.path, 30001)
    msg = _REFUSAL_TEXTS.get(place, MESSAGES[code])
    if msg is CANCEL_AFTER_PAID and rejected.detail.startswith(_ENDED):
        msg = MESSAGES[code]
    return failure(code, msg, rejected.detail, call)
