"""What the stall says to whatever goes wrong. A row for each: a new reason shall not be worded by chance."""

from __future__ import annotations

from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Fault, FaultKind

FIELDS = {"lines[].quantity": "pieces", "lines[].price": "price"}

STATUSES = {
    FaultKind.MALFORMED: 400,
    FaultKind.INVALID: 400,
    FaultKind.UNAUTHENTICATED: 401,
    FaultKind.FORBIDDEN: 403,
    FaultKind.NOT_FOUND: 404,
    FaultKind.METHOD_NOT_ALLOWED: 405,
    FaultKind.TOO_LARGE: 413,
    FaultKind.UNSUPPORTED_MEDIA: 415,
    FaultKind.RATE_LIMITED: 429,
    FaultKind.KEY_INVALID: 400,
    FaultKind.BUSY: 503,
    FaultKind.UNAVAILABLE: 503,
    FaultKind.BROKEN: 500,
}

WORDS: dict[Reason, str] = {
    Reason.KEY_REUSED: "that key was for another deal",
    Reason.KEY_REDACTED: "that deal is done and forgotten",
    Reason.TEXT_INVALID: "nobody can write that",
    Reason.ALREADY_EXISTS: "we had that deal",
    Reason.ORDER_UNKNOWN: "never sold that",
    Reason.RECORD_UNKNOWN: "never seen that",
    Reason.NOT_OWNER: "that is not yours",
    Reason.VERSION_CONFLICT: "someone was quicker",
    Reason.TRANSITION_NOT_ALLOWED: "that deal is done",
    Reason.NOTHING_ORDERED: "nothing in the bag",
    Reason.ADDRESS_UNKNOWN: "no such address",
    Reason.SERVICE_UNKNOWN: "no such service",
    Reason.SERVICE_INACTIVE: "that service is closed",
    Reason.ACCOUNT_UNKNOWN: "who are you",
    Reason.BILL_UNKNOWN: "no such bill",
    Reason.BILL_CLOSED: "that bill is closed",
    Reason.BILL_OF_OTHER_ACCOUNT: "that bill is not yours",
    Reason.PRODUCT_UNKNOWN: "no such thing",
    Reason.PRODUCT_INACTIVE: "not for sale",
    Reason.VARIANT_UNKNOWN: "not in that colour",
    Reason.CATEGORY_UNKNOWN: "no such shelf",
    Reason.REFERENCE_UNKNOWN: "no idea what that is",
    Reason.WAREHOUSE_UNKNOWN: "no such store",
    Reason.SELLERS_DIFFER: "ask each stall by itself",
    Reason.QUANTITY_INVALID: "not in such numbers",
    Reason.CONTACT_INVALID: "how do I reach you",
    Reason.COUNTRY_NOT_SERVED: "too far for my donkey",
    Reason.TAX_NUMBER_REQUIRED: "the tax man wants a number",
    Reason.DATE_UNAVAILABLE: "not on that day",
    Reason.TOO_LATE_TO_BOOK: "too late",
    Reason.CONSUMPTION_TOO_OLD: "too long ago",
    Reason.ADULT_MISSING: "bring your parents",
    Reason.ROOM_TOO_FULL: "too many for one tent",
    Reason.GUESTS_MISMATCH: "count your friends again",
    Reason.TOO_FEW_PERSONS: "too few of you",
    Reason.UPGRADE_UNKNOWN: "no such extra",
    Reason.UPGRADE_CHOICE_INVALID: "these extras do not go together",
    Reason.GUEST_FORM_INVALID: "the form has gaps",
    Reason.CHILD_TOO_OLD: "no child any more",
    Reason.CURRENCY_NOT_ENABLED: "not in that coin",
    Reason.PRICE_MISSING: "what is it worth to you",
    Reason.PRICE_NOT_SOLD: "not at any price",
    Reason.TAX_CODE_UNKNOWN: "no such tax",
    Reason.TAX_CODES_CONFLICT: "one tax is enough",
    Reason.REBATE_NOT_PERMITTED: "I do not give money away",
    Reason.COUPON_UNKNOWN: "no such coupon",
    Reason.COUPON_NOT_VALID: "not with this coupon",
    Reason.AMOUNT_OUT_OF_RANGE: "who has that much",
    Reason.COUPON_USED_UP: "that coupon is used up",
    Reason.OUT_OF_STOCK: "all gone",
    Reason.SOLD_OUT: "all sold",
    Reason.BALANCE_TOO_LOW: "no credit",
}


def failed(status: int, why: str) -> Answer:
    return Answer(status, encode({"ok": False, "why": why}))


def fault(_call: Call, fault: Fault) -> Answer:
    return failed(STATUSES[fault.kind], fault.message or fault.kind.value)


def refusal(call: Call, rejected: Rejected) -> Answer:
    status = 404 if rejected.reason is Reason.ORDER_UNKNOWN else 422
    return failed(status, f"no deal, {WORDS[rejected.reason]} ({call.spelling(rejected.field)})")
