"""Orders on paper: packing slips and invoices, one of an order or of several that were selected, a page each."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from orderhub.core.fulfilment import to_pack
from orderhub.core.money import ZERO
from orderhub.core.queries import Reads
from orderhub.core.values import Address, Contact, Line, Order, Status
from orderhub.dialects.contract import Answer, Call
from orderhub.web.desk.forms import Form
from orderhub.web.desk.language import N_
from orderhub.web.desk.one_order import one, path_of
from orderhub.web.desk.order import Tax, taxes_of
from orderhub.web.desk.page import HOME, Visitor, go, page, show
from orderhub.web.desk.statuses import Badge, badge_of

_SCOPE = "orders:read"
PRINT = f"{HOME}/print"
MOST = 50
# (name, title): what can be printed of an order.
PAPERS = (("packing-slip", N_("Packing slip")), ("invoice", N_("Invoice")))


class Listed(msgspec.Struct, frozen=True):
    """A line, and how many units of it the paper is about."""

    line: Line
    units: int


class Slip(msgspec.Struct, frozen=True, kw_only=True):
    """One order on paper. Lines that were cancelled are left out; a packing slip has what is in its parcels.

    ended  of an order that was called off or given back as a whole, of which nothing is to be paid
    """

    order: Order
    path: str
    lines: tuple[Listed, ...]
    contact: Contact | None
    ship_to: Address | None
    taxes: tuple[Tax, ...]
    due: Decimal
    ended: Badge | None


class Slips(msgspec.Struct, frozen=True, kw_only=True):
    """`title` as `N_` marks it."""

    title: str
    is_invoice: bool
    business: str
    slips: tuple[Slip, ...]


async def print_one(call: Call, visitor: Visitor, _sent: Form) -> Answer:
    return await _printed(call, visitor, call.path.rpartition("/")[2], (call.params["uid"],))


async def print_some(call: Call, visitor: Visitor, _sent: Form) -> Answer:
    """Those that the address names: `?paper=invoice&orders=uid,uid`."""
    uids = tuple(filter(None, call.query.get("orders", "").split(",")))[:MOST]
    if not uids:
        return go(call, HOME)
    return await _printed(call, visitor, call.query.get("paper", ""), uids)


async def _printed(call: Call, visitor: Visitor, paper: str, uids: tuple[str, ...]) -> Answer:
    name, title = next((each for each in PAPERS if each[0] == paper), PAPERS[0])
    is_invoice = name == "invoice"

    def look(reads: Reads) -> tuple[Slip, ...]:
        return tuple(_slip(one(reads, visitor, uid), is_invoice) for uid in dict.fromkeys(uids))

    shown = Slips(
        title=title,
        is_invoice=is_invoice,
        business=visitor.at.name,
        slips=await call.hub.read(look),
    )
    return show(call, visitor, "slips.html", shown)


def _slip(order: Order, is_invoice: bool) -> Slip:
    listed = (
        Listed(line, line.quantity if is_invoice else to_pack(order, line))
        for line in order.kept_lines
    )
    has_ended = order.status in (Status.CANCELLED, Status.REFUNDED)
    return Slip(
        order=order,
        path=path_of(order),
        lines=tuple(each for each in listed if each.units),
        contact=order.doc.contact,
        ship_to=order.doc.ship_to,
        taxes=taxes_of(order),
        due=ZERO if has_ended else max(order.total - order.paid, ZERO),
        ended=badge_of(order) if has_ended else None,
    )


ROUTES = (
    page(PRINT, _SCOPE, print_some),
    *(page(f"{HOME}/{{uid}}/{name}", _SCOPE, print_one) for name, _ in PAPERS),
)
