"""The vendor's words for everything that can go wrong. Every table is total; a test holds that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Fault, FaultKind
from orderhub.dialects.spelling import spelled

MORE_INFO_URL = "https://support.sitecore.com"

# Canonical field -> the vendor's spelling.
FIELDS = {
    "reference": "referenceId",
    "total": "price",
    "amount": "price",
    "currency": "currencyCode",
    "occurred_at": "orderedAt",
    "account": "guestRef",
    "order": "orderRef",
    "line": "orderItemRef",
    "lines": "orderItems",
    "lines[]": "orderItems[]",
    "lines[].quantity": "orderItems[].quantity",
    "lines[].price": "orderItems[].price",
    "lines[].amount": "orderItems[].price",
    "consumers[].lines": "consumers[].orderItems[].referenceId",
    "sitecore_cdp.guest": "guestRef",
    "sitecore_cdp.batch": "batchRef",
    "status": "status",
    "version": "version",
}

UNAUTHORIZED = {
    "status": "UNAUTHORIZED",
    "code": 401,
    "message": "Authentication credentials are required to access the resource. "
    "All requests must be authenticated.",
    "moreInfoUrl": MORE_INFO_URL,
}

_FAULTS: dict[FaultKind, tuple[int, str]] = {
    FaultKind.MALFORMED: (400, "The request body could not be read as JSON."),
    FaultKind.INVALID: (400, "The request is not valid."),
    FaultKind.UNAUTHENTICATED: (401, str(UNAUTHORIZED["message"])),
    FaultKind.FORBIDDEN: (403, "The credentials do not permit this request."),
    FaultKind.NOT_FOUND: (404, "The requested resource does not exist."),
    FaultKind.METHOD_NOT_ALLOWED: (405, "The method is not allowed for this resource."),
    FaultKind.TOO_LARGE: (413, "The request is too large."),
    FaultKind.UNSUPPORTED_MEDIA: (415, "The media type is not supported. Use application/json."),
    FaultKind.RATE_LIMITED: (429, "Too many requests."),
    FaultKind.KEY_INVALID: (400, "The Idempotency-Key header is not usable."),
    FaultKind.BUSY: (503, "The service is busy. Try again later."),
    FaultKind.UNAVAILABLE: (503, "The service is unavailable. Try again later."),
    FaultKind.BROKEN: (500, "An internal error occurred."),
}

# What is wrong with the hub itself is the operator's to read, in the log.
_DISCREET = {FaultKind.BROKEN, FaultKind.UNAVAILABLE}

# What the vendor has no words for: its orders are recorded, so most rules of other businesses never say no here.
_INVALID = "{field}: is not valid."

# Reason -> HTTP status, message. One row for each, so that a new one is never worded by chance.
_REFUSALS: dict[Reason, tuple[int, str]] = {
    Reason.KEY_REUSED: (422, "The Idempotency-Key was used before with another request."),
    Reason.KEY_REDACTED: (
        422,
        "The request with this Idempotency-Key was done. Its answer was deleted with personal data.",
    ),
    Reason.TEXT_INVALID: (400, _INVALID),
    Reason.ALREADY_EXISTS: (409, "The resource already exists so it can't be created."),
    Reason.ORDER_UNKNOWN: (404, "The order does not exist."),
    Reason.RECORD_UNKNOWN: (404, "The resource does not exist."),
    Reason.NOT_OWNER: (404, "The order does not exist."),
    Reason.VERSION_CONFLICT: (412, "The resource was changed by another request. Try again."),
    Reason.TRANSITION_NOT_ALLOWED: (400, "{field}: cannot be changed."),
    Reason.NOTHING_ORDERED: (400, _INVALID),
    Reason.ADDRESS_UNKNOWN: (400, _INVALID),
    Reason.SERVICE_UNKNOWN: (400, _INVALID),
    Reason.SERVICE_INACTIVE: (400, _INVALID),
    Reason.ACCOUNT_UNKNOWN: (400, "{field}: no such guest."),
    Reason.BILL_UNKNOWN: (400, _INVALID),
    Reason.BILL_CLOSED: (400, _INVALID),
    Reason.BILL_OF_OTHER_ACCOUNT: (400, _INVALID),
    Reason.PRODUCT_UNKNOWN: (400, _INVALID),
    Reason.PRODUCT_INACTIVE: (400, _INVALID),
    Reason.VARIANT_UNKNOWN: (400, _INVALID),
    Reason.CATEGORY_UNKNOWN: (400, _INVALID),
    Reason.REFERENCE_UNKNOWN: (400, _INVALID),
    Reason.WAREHOUSE_UNKNOWN: (400, _INVALID),
    Reason.SELLERS_DIFFER: (400, _INVALID),
    Reason.QUANTITY_INVALID: (400, "{field}: must be between 1 and the most that is kept."),
    Reason.CONTACT_INVALID: (400, _INVALID),
    Reason.COUNTRY_NOT_SERVED: (400, _INVALID),
    Reason.TAX_NUMBER_REQUIRED: (400, _INVALID),
    Reason.DATE_UNAVAILABLE: (400, _INVALID),
    Reason.TOO_LATE_TO_BOOK: (400, _INVALID),
    Reason.CONSUMPTION_TOO_OLD: (400, _INVALID),
    Reason.ADULT_MISSING: (400, _INVALID),
    Reason.ROOM_TOO_FULL: (400, _INVALID),
    Reason.GUESTS_MISMATCH: (400, _INVALID),
    Reason.TOO_FEW_PERSONS: (400, _INVALID),
    Reason.UPGRADE_UNKNOWN: (400, _INVALID),
    Reason.UPGRADE_CHOICE_INVALID: (400, _INVALID),
    Reason.GUEST_FORM_INVALID: (400, _INVALID),
    Reason.CHILD_TOO_OLD: (400, _INVALID),
    Reason.CURRENCY_NOT_ENABLED: (400, _INVALID),
    Reason.PRICE_MISSING: (400, _INVALID),
    Reason.PRICE_NOT_SOLD: (400, _INVALID),
    Reason.TAX_CODE_UNKNOWN: (400, _INVALID),
    Reason.TAX_CODES_CONFLICT: (400, _INVALID),
    Reason.REBATE_NOT_PERMITTED: (400, _INVALID),
    Reason.COUPON_UNKNOWN: (400, _INVALID),
    Reason.COUPON_NOT_VALID: (400, _INVALID),
    Reason.AMOUNT_OUT_OF_RANGE: (
        400,
        "{field}: numeric value out of bounds (at most 12 digits before the decimal point are kept).",
    ),
    Reason.COUPON_USED_UP: (400, _INVALID),
    Reason.OUT_OF_STOCK: (400, _INVALID),
    Reason.SOLD_OUT: (400, _INVALID),
    Reason.BALANCE_TOO_LOW: (400, _INVALID),
}


# Parts of an order that there can be so many of, by their canonical names.
_NO_ROOM = {
    "lines": "orderItems: the order has no room for so many. Items that were removed count too.",
    "contacts": "contacts: the order has no room for another one.",
    "consumers": "consumers: the order has no room for another one.",
}


def error_body(status: int, message: str, developer_message: str = "") -> dict[str, Any]:
    return {
        "status": status,
        "code": status,
        "message": message,
        "developerMessage": developer_message or message,
        "moreInfoUrl": MORE_INFO_URL,
    }


def error(status: int, message: str, developer_message: str = "", *, retry_s: int = 0) -> Answer:
    headers = (("Retry-After", str(retry_s)),) if retry_s else ()
    return Answer(status, encode(error_body(status, message, developer_message)), headers)


def fault(_call: Call, problem: Fault) -> Answer:
    """Words for a call that was stopped before any decision."""
    status, words = _FAULTS[problem.kind]
    if problem.kind is FaultKind.UNAUTHENTICATED:
        challenge = (("WWW-Authenticate", 'Basic realm="Sitecore CDP"'),)
        return Answer(status, encode(UNAUTHORIZED), challenge)
    if problem.kind is FaultKind.INVALID and problem.faults:
        message = " ".join(f"{each.path}: {each.message}" for each in problem.faults)
        return error(status, message)
    detail = "" if problem.kind in _DISCREET else problem.message
    retry = problem.retry_after_s
    if not retry and status in {429, 503}:
        retry = 1
    return error(status, words, f"{words} {detail}".strip(), retry_s=retry)


def refusal(_call: Call, rejected: Rejected) -> Answer:
    """Words for a refusal by the core."""
    status, message = refusal_words(rejected)
    developer = duplicate_words(rejected.detail) if is_duplicate(rejected) else ""
    return error(status, message, developer)


def refusal_words(rejected: Rejected) -> tuple[int, str]:
    """HTTP status and message."""
    if rejected.reason is Reason.QUANTITY_INVALID and rejected.field in _NO_ROOM:
        return 400, _NO_ROOM[rejected.field]
    field = spelled(FIELDS, rejected.field) or "order"
    status, words = _REFUSALS[rejected.reason]
    return status, words.format(field=field)


def of_one_item(call: Call, rejected: Rejected) -> Answer:
    """The same of a call whose body is one item, so that its members stand by themselves."""
    field = rejected.field.removeprefix("lines[0].")
    return refusal(call, msgspec.structs.replace(rejected, field=field))


_OURS = ("cdp:", "cdp/")


def natural_key(client_key: str, occurred_at: int, reference: str) -> str:
    """What the vendor calls the same order: reference and instant, per client key."""
    return f"cdp:{client_key}:{occurred_at}:{reference}"


def key_after(key: str, uid: str) -> str:
    """The same name once more, for an order that follows a deleted one. Of several at once one gets it."""
    return f"cdp/{uid}:{name_in(key)}"


def name_in(key: str) -> str:
    """Client key, instant and reference of a natural key."""
    return key.partition(":")[2]


def client_key_in(key: str) -> str:
    """The client key of a natural key; empty where it is none of this door's, as an imported order's may be."""
    return name_in(key).partition(":")[0] if key.startswith(_OURS) else ""


def is_duplicate(rejected: Rejected) -> bool:
    is_ours = rejected.detail.startswith(_OURS)
    return rejected.reason is Reason.ALREADY_EXISTS and is_ours


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def duplicate_words(key: str) -> str:
    """The documented text of a 409, its time in the Java way of writing one (server zone: UTC).

    Names of days and months are spelled out here because strftime follows the machine's locale.
    """
    client_key, occurred_at, reference = name_in(key).split(":", 2)
    at = datetime.fromtimestamp(int(occurred_at) // 1_000_000, UTC)
    shown = f"{_DAYS[at.weekday()]} {_MONTHS[at.month - 1]} {at:%d %H:%M:%S} UTC {at.year}"
    order = f"Order with ref {reference} and orderedAt {shown}"
    return f"{order} for client key {client_key} already exist"
