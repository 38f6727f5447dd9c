"""The vendor's words for everything that goes wrong: `{"Message", "RequestId"}` under a status."""

from __future__ import annotations

from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Fault, FaultKind

FIELDS: dict[str, str] = {
    "account": "AccountId",
    "associates": "AssociatedAccountData",
    "bill": "BillId",
    "service": "ServiceId",
    "segment": "BusinessSegmentId",
    "reservation": "LinkedReservationId",
    "consumed_at": "ConsumedUtc",
    "lines": "ProductOrders",
    "lines[].product": "ProductId",
    "lines[].quantity": "Count",
    "lines[].category": "AccountingCategoryId",
    "lines[].currency": "Currency",
    "lines[].price": "UnitAmount",
    "lines[].price.net": "NetValue",
    "lines[].price.gross": "GrossValue",
    "lines[].tax_codes": "TaxCodes",
    "lines[].amount": "UnitAmount",
    "total": "UnitAmount",
    "order": "ServiceOrderId",
    "email": "Email",
    "company": "CompanyId",
    "enterprise": "EnterpriseId",
    "payment": "PaymentId",
    "status": "State",
}

_INVALID = "Invalid {field}"

# 400 where a parameter names what is missing or in the wrong state, 403 with a sentence for the
# end user where a business rule says no: the vendor's own split. Reasons of other businesses are
# worded too, so that the table is total.
REFUSALS: dict[Reason, tuple[int, str]] = {
    Reason.KEY_REUSED: (422, "The Idempotency-Key was used with another request before."),
    Reason.KEY_REDACTED: (
        422,
        "The request with this Idempotency-Key was done; its answer was deleted with personal data.",
    ),
    Reason.TEXT_INVALID: (400, _INVALID),
    Reason.ALREADY_EXISTS: (403, "A record with the same {field} already exists."),
    Reason.ORDER_UNKNOWN: (400, _INVALID),
    Reason.RECORD_UNKNOWN: (400, _INVALID),
    Reason.NOT_OWNER: (400, _INVALID),
    Reason.VERSION_CONFLICT: (409, "The data was changed by someone else meanwhile."),
    Reason.TRANSITION_NOT_ALLOWED: (403, "The state of the item does not allow this operation."),
    Reason.NOTHING_ORDERED: (400, "Invalid ProductOrders: at least one product or item is needed."),
    Reason.ADDRESS_UNKNOWN: (400, _INVALID),
    Reason.SERVICE_UNKNOWN: (400, _INVALID),
    Reason.SERVICE_INACTIVE: (400, _INVALID),
    Reason.ACCOUNT_UNKNOWN: (400, _INVALID),
    Reason.BILL_UNKNOWN: (400, _INVALID),
    Reason.BILL_CLOSED: (400, _INVALID),
    Reason.BILL_OF_OTHER_ACCOUNT: (400, _INVALID),
    Reason.PRODUCT_UNKNOWN: (400, _INVALID),
    Reason.PRODUCT_INACTIVE: (400, _INVALID),
    Reason.VARIANT_UNKNOWN: (400, _INVALID),
    Reason.CATEGORY_UNKNOWN: (400, _INVALID),
    Reason.REFERENCE_UNKNOWN: (400, _INVALID),
    Reason.WAREHOUSE_UNKNOWN: (400, _INVALID),
    Reason.SELLERS_DIFFER: (403, "All products of an order must be sold by one seller."),
    Reason.QUANTITY_INVALID: (400, _INVALID),
    Reason.CONTACT_INVALID: (400, _INVALID),
    Reason.COUNTRY_NOT_SERVED: (403, "The country is not served."),
    Reason.TAX_NUMBER_REQUIRED: (403, "A tax number is needed for this country."),
    Reason.DATE_UNAVAILABLE: (403, "The date is not available."),
    Reason.TOO_LATE_TO_BOOK: (403, "It is too late to book for this date."),
    Reason.CONSUMPTION_TOO_OLD: (
        403,
        "The time of consumption must be in the future or within the editable history interval.",
    ),
    Reason.ADULT_MISSING: (403, "Every room needs at least one adult."),
    Reason.ROOM_TOO_FULL: (403, "There are too many guests in a room."),
    Reason.GUESTS_MISMATCH: (403, "The number of guests does not match the rooms."),
    Reason.TOO_FEW_PERSONS: (403, "There are too few persons."),
    Reason.UPGRADE_UNKNOWN: (400, _INVALID),
    Reason.UPGRADE_CHOICE_INVALID: (400, _INVALID),
    Reason.GUEST_FORM_INVALID: (400, _INVALID),
    Reason.CHILD_TOO_OLD: (403, "A child is too old."),
    Reason.CURRENCY_NOT_ENABLED: (400, _INVALID),
    Reason.PRICE_MISSING: (400, _INVALID),
    Reason.PRICE_NOT_SOLD: (403, "There is no price for this choice."),
    Reason.TAX_CODE_UNKNOWN: (400, _INVALID),
    Reason.TAX_CODES_CONFLICT: (400, _INVALID),
    Reason.REBATE_NOT_PERMITTED: (403, "The integration may not post negative amounts."),
    Reason.COUPON_UNKNOWN: (400, _INVALID),
    Reason.COUPON_NOT_VALID: (403, "The coupon cannot be used for this order."),
    Reason.AMOUNT_OUT_OF_RANGE: (400, _INVALID),
    Reason.COUPON_USED_UP: (403, "The coupon is used up."),
    Reason.OUT_OF_STOCK: (403, "There are not enough units of the product in stock."),
    Reason.SOLD_OUT: (403, "The date is sold out."),
    Reason.BALANCE_TOO_LOW: (403, "The balance is too low."),
}

# An operation that the caller may not use is 401 here: the vendor has no 403 for access.
FAULTS: dict[FaultKind, tuple[int, str]] = {
    FaultKind.MALFORMED: (400, "Invalid JSON"),
    FaultKind.INVALID: (400, "Invalid request"),
    FaultKind.UNAUTHENTICATED: (401, "Invalid AccessToken"),
    FaultKind.FORBIDDEN: (401, "The integration has no permission for this operation."),
    FaultKind.NOT_FOUND: (404, "Not found"),
    FaultKind.METHOD_NOT_ALLOWED: (404, "Not found"),
    FaultKind.TOO_LARGE: (413, "The request body is too large."),
    FaultKind.UNSUPPORTED_MEDIA: (400, "Invalid Content-Type"),
    FaultKind.RATE_LIMITED: (429, "Too many requests."),
    FaultKind.KEY_INVALID: (400, "Invalid Idempotency-Key"),
    FaultKind.BUSY: (503, "The server is busy, please try again."),
    FaultKind.UNAVAILABLE: (503, "The server is temporarily unavailable, please try again."),
    FaultKind.BROKEN: (500, "Internal server error"),
}


class TooHeavy(Exception):
    """Raised by a handler: the request asks for more work than one call may cost (408)."""


def error(call: Call, status: int, message: str) -> Answer:
    """The envelope. `Details`, which the vendor's development environment fills, is left out."""
    return Answer(status, encode({"Message": message, "RequestId": call.request_id}))


def fault(call: Call, problem: Fault) -> Answer:
    status, message = FAULTS[problem.kind]
    if problem.faults:
        message = f"Invalid {parameter(problem.faults[0].path)}"
    return error(call, status, message)


def refusal(call: Call, rejected: Rejected) -> Answer:
    status, message = REFUSALS[rejected.reason]
    return error(call, status, message.format(field=parameter(call.spelling(rejected.field))))


def too_heavy(call: Call, message: str) -> Answer:
    call.explain(Fault(FaultKind.TOO_LARGE, message))
    return error(call, 408, "The request is too heavy.")


def parameter(path: str) -> str:
    """The parameter that a path ends in: `Items[0].UnitAmount.Currency` is `Currency`."""
    return path.rpartition(".")[2].partition("[")[0] or "request"
