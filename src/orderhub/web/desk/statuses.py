"""A status of an order as people read it: a word, and a tone that says whether somebody must do something."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from orderhub.core.values import Order, Status
from orderhub.web.desk.language import N_


class Badge(msgspec.Struct, frozen=True):
    """`word` as `N_` marks it; `tone` is a class of the stylesheet: ok, wait, bad, off."""

    word: str
    tone: str


# Total over Status: a test fails when one has no row.
BADGES: Mapping[Status, Badge] = {
    Status.PENDING: Badge(N_("to pay"), "wait"),
    Status.PAID: Badge(N_("paid"), "ok"),
    Status.SHIPPED: Badge(N_("shipped"), "ok"),
    Status.COMPLETED: Badge(N_("completed"), "off"),
    Status.CANCELLED: Badge(N_("cancelled"), "off"),
    Status.REFUNDING: Badge(N_("refund asked"), "bad"),
    Status.REFUNDED: Badge(N_("refunded"), "bad"),
}
IN_PART = Badge(N_("part shipped"), "wait")
# The tabs of the list, in the order of an order's life.
TABS: tuple[tuple[str, str], ...] = (
    ("", N_("All")),
    (Status.PENDING, N_("To pay")),
    (Status.PAID, N_("Paid")),
    (Status.SHIPPED, N_("Shipped")),
    (Status.COMPLETED, N_("Completed")),
    (Status.REFUNDING, N_("Refund asked")),
    (Status.REFUNDED, N_("Refunded")),
    (Status.CANCELLED, N_("Cancelled")),
)


def badge_of(order: Order) -> Badge:
    if order.status is Status.PAID and order.doc.shipments:
        return IN_PART
    return BADGES[order.status]
