"""Every way a call can fail, in the vendor's envelope: `{"code", "message"}`, no `data`.

The vendor publishes one code only, 10000 for success. All others are ours, kept in the two tables
here so that they can be replaced in one place should the real ones become known.
"""

from __future__ import annotations

from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Fault, FaultKind

SUCCESS = 10000

# Business codes: HTTP 200, as the vendor's own business errors would come.
PRODUCT = 10001  # the SKU is unknown or not sold
STOCK = 10002  # not enough in all warehouses together
DESTINATION = 10003  # nobody ships there
BALANCE = 10004  # the prepaid balance is too low
REFUND = 10005  # the order has gone too far to be refunded

# HTTP status, code, text.
FAULTS: dict[FaultKind, tuple[int, int, str]] = {
    FaultKind.MALFORMED: (400, 400, "Malformed JSON"),
    FaultKind.INVALID: (400, 400, "Bad Request"),
    FaultKind.UNAUTHENTICATED: (401, 401, "Unauthorized"),
    FaultKind.FORBIDDEN: (403, 403, "Forbidden"),
    FaultKind.NOT_FOUND: (404, 404, "Not Found"),
    FaultKind.METHOD_NOT_ALLOWED: (405, 405, "Method Not Allowed"),
    FaultKind.TOO_LARGE: (413, 413, "Request Entity Too Large"),
    FaultKind.UNSUPPORTED_MEDIA: (415, 415, "Unsupported Media Type"),
    FaultKind.RATE_LIMITED: (429, 429, "Too Many Requests"),
    FaultKind.KEY_INVALID: (400, 400, "Idempotency-Key is not usable"),
    FaultKind.BUSY: (503, 503, "Service busy, try again"),
    FaultKind.UNAVAILABLE: (503, 503, "Service unavailable, try again"),
    FaultKind.BROKEN: (500, 500, "Internal error"),
}

REFUSALS: dict[Reason, tuple[int, int, str]] = {
    Reason.KEY_REUSED: (422, 422, "Idempotency-Key was used for another request"),
    Reason.KEY_REDACTED: (422, 422, "Idempotency-Key is done, its answer was deleted"),
    Reason.TEXT_INVALID: (400, 400, "is not usable"),
    Reason.ALREADY_EXISTS: (409, 409, "already exists"),
    Reason.ORDER_UNKNOWN: (404, 404, "order not found"),
    Reason.RECORD_UNKNOWN: (404, 404, "not found"),
    Reason.NOT_OWNER: (404, 404, "order not found"),
    Reason.VERSION_CONFLICT: (409, 409, "the order was changed meanwhile"),
    Reason.TRANSITION_NOT_ALLOWED: (200, REFUND, "the order cannot be refunded any more"),
    Reason.NOTHING_ORDERED: (400, 400, "is required"),
    Reason.ADDRESS_UNKNOWN: (400, 400, "unknown address"),
    Reason.SERVICE_UNKNOWN: (400, 400, "unknown service"),
    Reason.SERVICE_INACTIVE: (400, 400, "inactive service"),
    Reason.ACCOUNT_UNKNOWN: (400, 400, "unknown account"),
    Reason.BILL_UNKNOWN: (400, 400, "unknown bill"),
    Reason.BILL_CLOSED: (400, 400, "closed bill"),
    Reason.BILL_OF_OTHER_ACCOUNT: (400, 400, "bill of another account"),
    Reason.PRODUCT_UNKNOWN: (200, PRODUCT, "sku does not exist"),
    Reason.PRODUCT_INACTIVE: (200, PRODUCT, "sku is off the shelf"),
    Reason.VARIANT_UNKNOWN: (200, PRODUCT, "sku does not exist"),
    Reason.CATEGORY_UNKNOWN: (404, 404, "category not found"),
    Reason.REFERENCE_UNKNOWN: (404, 404, "order item not found"),
    Reason.WAREHOUSE_UNKNOWN: (404, 404, "warehouse not found"),
    Reason.SELLERS_DIFFER: (400, 400, "goods of different sellers"),
    Reason.QUANTITY_INVALID: (400, 400, "is not a possible quantity"),
    Reason.CONTACT_INVALID: (400, 400, "is not usable"),
    Reason.COUNTRY_NOT_SERVED: (200, DESTINATION, "country is not served"),
    Reason.TAX_NUMBER_REQUIRED: (400, 400, "IM and ten digits are required"),
    Reason.DATE_UNAVAILABLE: (400, 400, "date is not available"),
    Reason.TOO_LATE_TO_BOOK: (400, 400, "too late"),
    Reason.CONSUMPTION_TOO_OLD: (400, 400, "too old"),
    Reason.ADULT_MISSING: (400, 400, "an adult is missing"),
    Reason.ROOM_TOO_FULL: (400, 400, "too many persons"),
    Reason.GUESTS_MISMATCH: (400, 400, "guests do not match"),
    Reason.TOO_FEW_PERSONS: (400, 400, "too few persons"),
    Reason.UPGRADE_UNKNOWN: (400, 400, "unknown option"),
    Reason.UPGRADE_CHOICE_INVALID: (400, 400, "options do not fit"),
    Reason.GUEST_FORM_INVALID: (400, 400, "form is incomplete"),
    Reason.CHILD_TOO_OLD: (400, 400, "too old for a child"),
    Reason.CURRENCY_NOT_ENABLED: (200, PRODUCT, "sku is not sold in the currency of the account"),
    Reason.PRICE_MISSING: (200, PRODUCT, "sku has no price"),
    Reason.PRICE_NOT_SOLD: (200, PRODUCT, "sku has no price"),
    Reason.TAX_CODE_UNKNOWN: (400, 400, "unknown tax"),
    Reason.TAX_CODES_CONFLICT: (400, 400, "taxes conflict"),
    Reason.REBATE_NOT_PERMITTED: (403, 403, "Forbidden"),
    Reason.COUPON_UNKNOWN: (400, 400, "unknown coupon"),
    Reason.COUPON_NOT_VALID: (400, 400, "coupon is not valid"),
    Reason.AMOUNT_OUT_OF_RANGE: (400, 400, "amount is out of range"),
    Reason.COUPON_USED_UP: (400, 400, "coupon is used up"),
    Reason.OUT_OF_STOCK: (200, STOCK, "insufficient stock"),
    Reason.SOLD_OUT: (200, STOCK, "sold out"),
    Reason.BALANCE_TOO_LOW: (200, BALANCE, "insufficient balance"),
}

FIELDS: dict[str, str] = {
    "lines": "orderItemsList",
    "lines[]": "orderItemsList[]",
    "lines[].product": "orderItemsList[].sku",
    "lines[].quantity": "orderItemsList[].quantity",
    "lines[].amount": "orderItemsList[].quantity",
    "ship_to.country": "orderAddress.country",
    "ship_to.ioss": "orderAddress.ioss",
    "total": "orderItemsList",
    "warehouse": "warehouseCode",
    "order": "id",
    "status": "id",
    "balance": "balance",
}
# Other calls name their lines, and their destination, in other words.
REFUND_FIELDS: dict[str, str] = {
    **FIELDS,
    "lines": "orderItems",
    "lines[]": "orderItems[]",
    "lines[].quantity": "orderItems[].quantity",
}
QUOTE_FIELDS: dict[str, str] = {
    **FIELDS,
    "lines": "products",
    "lines[].product": "products[].sku",
    "lines[].quantity": "products[].quantity",
    "ship_to.country": "shipToCountry",
}
V1_QUOTE_FIELDS: dict[str, str] = {
    **QUOTE_FIELDS,
    "lines[].product": "products[].skuCode",
    "ship_to.country": "termini",
}
# What every refusal of these reasons is about is clear from its text.
_UNNAMED = frozenset({"id", "balance", ""})


def failure(status: int, code: int, message: str, retry_after_s: int = 0) -> Answer:
    headers = (("Retry-After", str(retry_after_s)),) if retry_after_s else ()
    return Answer(status, encode({"code": code, "message": message}), headers)


def fault(_call: Call, fault: Fault) -> Answer:
    """Words for what goes wrong before a decision."""
    status, code, text = FAULTS[fault.kind]
    if fault.faults:
        said = [f"{each.path}: {each.message or each.problem}" for each in fault.faults]
        text = "; ".join(said[:8])
    elif fault.kind in (FaultKind.MALFORMED, FaultKind.FORBIDDEN) and fault.message:
        text = f"{text}: {fault.message}"
    wait = fault.retry_after_s
    if not wait and fault.kind in (FaultKind.BUSY, FaultKind.UNAVAILABLE, FaultKind.RATE_LIMITED):
        wait = 1
    return failure(status, code, text, wait)


def refusal(call: Call, rejected: Rejected) -> Answer:
    """Words for a refusal: `orderItemsList[1].sku: sku does not exist`."""
    status, code, text = REFUSALS[rejected.reason]
    field = call.spelling(rejected.field) if rejected.field else ""
    return failure(status, code, text if field in _UNNAMED else f"{field}: {text}")
