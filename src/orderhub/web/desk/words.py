"""What goes wrong, as a page: a status, a sentence, and the way back."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.contract import Answer, Call, Fault, FaultKind
from orderhub.web.desk.language import N_
from orderhub.web.desk.page import open_language, show_open
from orderhub.web.desk.refusals import refused

_GONE_WRONG = N_("Something went wrong")
# Total over FaultKind: a test fails when one has no row.
FAULTS: Mapping[FaultKind, tuple[int, str, str]] = {
    FaultKind.MALFORMED: (400, N_("This cannot be read"), N_("Go back and try again.")),
    FaultKind.INVALID: (400, N_("This cannot be taken"), N_("Go back and change what is wrong.")),
    FaultKind.UNAUTHENTICATED: (401, N_("Sign in first"), ""),
    FaultKind.FORBIDDEN: (
        403,
        N_("This is not yours to do"),
        N_("Your role does not reach it, or the page was open for too long: load it again."),
    ),
    FaultKind.NOT_FOUND: (404, N_("There is no such page"), N_("It may have been moved.")),
    FaultKind.METHOD_NOT_ALLOWED: (405, N_("There is no such page"), ""),
    FaultKind.TOO_LARGE: (413, N_("This is too large"), N_("Send it in smaller parts.")),
    FaultKind.UNSUPPORTED_MEDIA: (415, N_("This cannot be read"), ""),
    FaultKind.RATE_LIMITED: (
        429,
        N_("Too many tries"),
        N_("Wait a few minutes, then try again."),
    ),
    FaultKind.KEY_INVALID: (400, N_("This cannot be read"), ""),
    FaultKind.BUSY: (503, N_("The hub is busy"), N_("Nothing was done. Try again in a moment.")),
    FaultKind.UNAVAILABLE: (
        503,
        N_("The database does not answer"),
        N_("Try again in a moment, and look before you repeat: it may have been done."),
    ),
    FaultKind.BROKEN: (
        500,
        _GONE_WRONG,
        N_("This is a fault of the hub's, and it is in its log under the number below."),
    ),
}
_UNKNOWN = frozenset({Reason.ORDER_UNKNOWN, Reason.RECORD_UNKNOWN})


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """`title` and `text` as `N_` marks them; `detail` in the reader's language already."""

    title: str
    text: str = ""
    detail: str = ""
    request_id: str = ""


def fault(call: Call, fault: Fault) -> Answer:
    status, title, text = FAULTS[fault.kind]
    return _page(call, status, Trouble(title=title, text=text, request_id=call.request_id))


def refusal(call: Call, rejected: Rejected) -> Answer:
    """A command that was refused where no form is there to say it."""
    detail = refused(open_language(call), rejected)
    if rejected.reason in _UNKNOWN:
        trouble = Trouble(title=N_("There is no such thing"), detail=detail)
        return _page(call, 404, trouble)
    trouble = Trouble(
        title=N_("This was refused"),
        text=N_("Nothing was changed."),
        detail=detail,
    )
    return _page(call, 409, trouble)


def _page(call: Call, status: int, trouble: Trouble) -> Answer:
    return show_open(call, "trouble.html", trouble, status=status, tells_done=False)
