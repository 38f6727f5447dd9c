"""Why something was refused, in the reader's language.

The hub's own words are the more exact ones and English: who reads English sees them. Everybody else is told the rule
that was broken, of which there is a closed list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.contract import WireFault
from orderhub.web.desk.language import ENGLISH, N_, catalogue

# Total over Reason: a test fails when one has no row.
REASONS: Mapping[Reason, str] = {
    Reason.KEY_REUSED: N_("This was sent before with another content."),
    Reason.KEY_REDACTED: N_(
        "This was done before. What was answered then is gone, with a person who was forgotten."
    ),
    Reason.TEXT_INVALID: N_("A text has a character that cannot be kept, or a name is too long."),
    Reason.ALREADY_EXISTS: N_("Something else has this name already."),
    Reason.ORDER_UNKNOWN: N_("There is no such order."),
    Reason.RECORD_UNKNOWN: N_("There is no such thing."),
    Reason.NOT_OWNER: N_("It belongs to somebody else."),
    Reason.VERSION_CONFLICT: N_(
        "Somebody else changed it meanwhile. What you see now is how it stands: look at it, then go on."
    ),
    Reason.TRANSITION_NOT_ALLOWED: N_("An order in this state does not allow it."),
    Reason.NOTHING_ORDERED: N_("Nothing is left to do it with: no line, or no unit."),
    Reason.ADDRESS_UNKNOWN: N_("There is no such address."),
    Reason.SERVICE_UNKNOWN: N_("There is no such service."),
    Reason.SERVICE_INACTIVE: N_("The service is not offered now."),
    Reason.ACCOUNT_UNKNOWN: N_("There is no such account."),
    Reason.BILL_UNKNOWN: N_("There is no such bill."),
    Reason.BILL_CLOSED: N_("The bill is closed."),
    Reason.BILL_OF_OTHER_ACCOUNT: N_("The bill is another account's."),
    Reason.PRODUCT_UNKNOWN: N_("There is no such product."),
    Reason.PRODUCT_INACTIVE: N_("The product is not sold now."),
    Reason.VARIANT_UNKNOWN: N_("There is no such variant."),
    Reason.CATEGORY_UNKNOWN: N_("There is no such category."),
    Reason.REFERENCE_UNKNOWN: N_("What it names is not there."),
    Reason.WAREHOUSE_UNKNOWN: N_("There is no such warehouse."),
    Reason.SELLERS_DIFFER: N_("The goods are not all of one seller."),
    Reason.QUANTITY_INVALID: N_("So many cannot be taken."),
    Reason.CONTACT_INVALID: N_("The contact cannot be taken as it is."),
    Reason.COUNTRY_NOT_SERVED: N_("Nothing is sent to this country."),
    Reason.TAX_NUMBER_REQUIRED: N_("This country asks for a tax number."),
    Reason.DATE_UNAVAILABLE: N_("It cannot be had on this day."),
    Reason.TOO_LATE_TO_BOOK: N_("It is too late to book this."),
    Reason.CONSUMPTION_TOO_OLD: N_("It was used too long ago."),
    Reason.ADULT_MISSING: N_("An adult has to be among them."),
    Reason.ROOM_TOO_FULL: N_("The room does not take so many."),
    Reason.GUESTS_MISMATCH: N_("Guests and rooms do not go together."),
    Reason.TOO_FEW_PERSONS: N_("There have to be more persons."),
    Reason.UPGRADE_UNKNOWN: N_("There is no such upgrade."),
    Reason.UPGRADE_CHOICE_INVALID: N_("The upgrade cannot be chosen like this."),
    Reason.GUEST_FORM_INVALID: N_("What is said of the guests cannot be taken."),
    Reason.CHILD_TOO_OLD: N_("The child is too old for this price."),
    Reason.CURRENCY_NOT_ENABLED: N_("The business does not take this currency."),
    Reason.PRICE_MISSING: N_("A price is needed."),
    Reason.PRICE_NOT_SOLD: N_("There is no price for this."),
    Reason.TAX_CODE_UNKNOWN: N_("There is no such tax code."),
    Reason.TAX_CODES_CONFLICT: N_("These tax codes do not go together."),
    Reason.REBATE_NOT_PERMITTED: N_("No rebate is allowed here."),
    Reason.COUPON_UNKNOWN: N_("There is no such coupon."),
    Reason.COUPON_NOT_VALID: N_("The coupon does not count here."),
    Reason.AMOUNT_OUT_OF_RANGE: N_("The amount is too small or too large."),
    Reason.COUPON_USED_UP: N_("The coupon is used up."),
    Reason.OUT_OF_STOCK: N_("There is not so much in stock."),
    Reason.SOLD_OUT: N_("It is sold out."),
    Reason.BALANCE_TOO_LOW: N_("The balance is too low."),
}
# What a WireFault may say; whatever else it says is a value that cannot be taken.
PROBLEMS: Mapping[str, str] = {
    "missing": N_("This is needed."),
    "type": N_("This cannot be read as what it has to be."),
    "value": N_("This cannot be taken."),
    "length": N_("This is too long or too short."),
    "unknown": N_("This is not known here."),
}
# Why nobody answered, by what the hub says in its own words; the first that fits.
UNANSWERED: tuple[tuple[str, str], ...] = (
    ("there was no .* within", N_("There was no answer in time.")),
    ("redirect", N_("It leads elsewhere, and not to an answer.")),
    ("its URL |it leads to ", N_("Nothing is sent to such an address.")),
    ("its certificate|TLS ", N_("Its certificate cannot be trusted.")),
    ("does not resolve", N_("There is no such host.")),
    ("no connection", N_("Nobody listens there.")),
    ("", N_("The connection broke before the answer was whole.")),
)
_BY_NAME = {reason.value: text for reason, text in REASONS.items()}
# Where it is no name that somebody chose; the hub's own words say more.
_OF_FIELD: Mapping[tuple[Reason, str], str] = {
    (Reason.ALREADY_EXISTS, "email"): N_(
        "This e-mail has an account already. If it has no role here, an operator gives it one."
    ),
    (Reason.ALREADY_EXISTS, "route"): N_("Another route could take the same line of an order."),
    (Reason.ALREADY_EXISTS, "number"): N_("Another order was handed on under this number."),
}
# Where the desk's own words say more to people than the hub's.
_OURS = frozenset({Reason.VERSION_CONFLICT, Reason.ALREADY_EXISTS})


def refused(language: str, rejected: Rejected) -> str:
    """Why a command was refused."""
    of_field = _OF_FIELD.get((rejected.reason, rejected.field), "")
    own = catalogue(language).gettext(of_field or REASONS[rejected.reason])
    if language != ENGLISH or (rejected.reason in _OURS and not of_field):
        return own
    return rejected.detail or own


def wrong(language: str, fault: WireFault) -> str:
    """What is wrong with a member."""
    own = catalogue(language).gettext(PROBLEMS.get(fault.problem, PROBLEMS["value"]))
    return own if language != ENGLISH else fault.message or own


def in_row(language: str, reason: str, detail: str) -> str:
    """Why a row of a file was refused: `reason` as the hub's answer for it names that."""
    if language == ENGLISH and detail:
        return detail
    return catalogue(language).gettext(_BY_NAME.get(reason, PROBLEMS["value"]))


def unanswered(language: str, error: str) -> str:
    """Why a call of a webhook was not answered, or its status as it is."""
    if language == ENGLISH or not error or error.isdecimal():
        return error
    said = next(text for words, text in UNANSWERED if re.search(words, error))
    return catalogue(language).gettext(said)
