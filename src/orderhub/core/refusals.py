"""Why a command is refused: a closed list in descending precedence, checked in this order.

Every dialect words every reason; the conformance suite fails when one has no row.
"""

from enum import StrEnum

import msgspec


class Reason(StrEnum):
    """One broken rule. The value is also the last part of the hub API's problem type."""

    # repeats
    KEY_REUSED = "key_reused"  # same idempotency key, other content
    KEY_REDACTED = (
        "key_redacted"  # the answer kept for the key went with a person who was forgotten
    )
    # what is written at all
    TEXT_INVALID = "text_invalid"  # U+0000, or a name longer than an index takes
    ALREADY_EXISTS = "already_exists"  # the vendor's natural key is taken
    # what the command is about
    ORDER_UNKNOWN = "order_unknown"
    RECORD_UNKNOWN = "record_unknown"
    NOT_OWNER = "not_owner"
    VERSION_CONFLICT = "version_conflict"
    TRANSITION_NOT_ALLOWED = "transition_not_allowed"
    # what is ordered, and by whom
    NOTHING_ORDERED = "nothing_ordered"
    ADDRESS_UNKNOWN = "address_unknown"
    SERVICE_UNKNOWN = "service_unknown"
    SERVICE_INACTIVE = "service_inactive"
    ACCOUNT_UNKNOWN = "account_unknown"
    BILL_UNKNOWN = "bill_unknown"
    BILL_CLOSED = "bill_closed"
    BILL_OF_OTHER_ACCOUNT = "bill_of_other_account"
    PRODUCT_UNKNOWN = "product_unknown"
    PRODUCT_INACTIVE = "product_inactive"
    VARIANT_UNKNOWN = "variant_unknown"
    CATEGORY_UNKNOWN = "category_unknown"
    REFERENCE_UNKNOWN = "reference_unknown"  # another named thing: segment, reservation, group
    WAREHOUSE_UNKNOWN = "warehouse_unknown"
    SELLERS_DIFFER = "sellers_differ"
    # how it is ordered
    QUANTITY_INVALID = "quantity_invalid"
    CONTACT_INVALID = "contact_invalid"
    COUNTRY_NOT_SERVED = "country_not_served"
    TAX_NUMBER_REQUIRED = "tax_number_required"
    DATE_UNAVAILABLE = "date_unavailable"
    TOO_LATE_TO_BOOK = "too_late_to_book"
    CONSUMPTION_TOO_OLD = "consumption_too_old"
    ADULT_MISSING = "adult_missing"
    ROOM_TOO_FULL = "room_too_full"
    GUESTS_MISMATCH = "guests_mismatch"
    TOO_FEW_PERSONS = "too_few_persons"
    UPGRADE_UNKNOWN = "upgrade_unknown"
    UPGRADE_CHOICE_INVALID = "upgrade_choice_invalid"
    GUEST_FORM_INVALID = "guest_form_invalid"
    CHILD_TOO_OLD = "child_too_old"
    # what it costs
    CURRENCY_NOT_ENABLED = "currency_not_enabled"
    PRICE_MISSING = "price_missing"  # the member that the pricing mode requires
    PRICE_NOT_SOLD = "price_not_sold"  # no price for this room or person
    TAX_CODE_UNKNOWN = "tax_code_unknown"
    TAX_CODES_CONFLICT = "tax_codes_conflict"
    REBATE_NOT_PERMITTED = "rebate_not_permitted"
    COUPON_UNKNOWN = "coupon_unknown"
    COUPON_NOT_VALID = "coupon_not_valid"
    AMOUNT_OUT_OF_RANGE = "amount_out_of_range"
    # what it uses up
    COUPON_USED_UP = "coupon_used_up"
    OUT_OF_STOCK = "out_of_stock"
    SOLD_OUT = "sold_out"
    BALANCE_TOO_LOW = "balance_too_low"


class Rejected(msgspec.Struct, frozen=True):
    """A refusal: the first broken rule, the canonical field it concerns, and the exact words for operators.

    `field` is canonical (`lines[0].product`, `contact.email`, `currency` ...); each dialect
    has a table from it to its own spelling. `detail` never reaches a vendor's client unless the
    dialect chooses so.
    """

    reason: Reason
    field: str = ""
    detail: str = ""
