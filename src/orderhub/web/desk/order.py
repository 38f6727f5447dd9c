"""One order: what was sold, what it costs, who gets it, what happened, and how each vendor would show it."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from orderhub.core.handing import HandOver
from orderhub.core.queries import Reads
from orderhub.core.steps import Payment, Refund, Shipment
from orderhub.core.values import Address, Contact, Line, Move, Order
from orderhub.core.zones import zone_of
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Fault, FaultKind, HTTPFault
from orderhub.relay.waiting import with_reasons
from orderhub.web.desk.forms import Form
from orderhub.web.desk.handing_on import BADGES, ONWARD, told, vendors
from orderhub.web.desk.language import N_
from orderhub.web.desk.one_order import one, path_of
from orderhub.web.desk.orders import titles_of
from orderhub.web.desk.page import HOME, Visitor, page, show
from orderhub.web.desk.statuses import Badge, badge_of
from orderhub.web.desk.steps import SCOPE, possible
from orderhub.web.desk.timeline import Entry, actors, joined, timeline, told_of
from orderhub.web.hub_api.connections import SCOPE as MANAGES
from orderhub.web.hub_api.inner import port

_PATH = f"{HOME}/{{uid}}"


class LineShown(msgspec.Struct, frozen=True, kw_only=True):
    """A line, with the places that its units were drawn from."""

    line: Line
    places: tuple[str, ...]


class Tax(msgspec.Struct, frozen=True):
    code: str
    base: Decimal
    amount: Decimal


class Sibling(msgspec.Struct, frozen=True, kw_only=True):
    """Another order of the same request."""

    path: str
    number: str
    badge: Badge


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """Where the order was handed on to. `number`: what the vendor calls it."""

    path: str
    vendor: str
    badge: Badge
    number: str


class OrderPage(msgspec.Struct, frozen=True, kw_only=True):
    """`steps` are what the visitor may do now, `views` the vendors that can show it: (path, title).

    try_path  where it would be handed on to; empty = not the visitor's to ask
    """

    order: Order
    path: str
    channel: str
    badge: Badge
    lines: tuple[LineShown, ...]
    taxes: tuple[Tax, ...]
    contact: Contact | None
    ship_to: Address | None
    payments: tuple[Payment, ...]
    shipments: tuple[Shipment, ...]
    refunds: tuple[Refund, ...]
    siblings: tuple[Sibling, ...]
    entries: tuple[Entry, ...]
    steps: tuple[tuple[str, str], ...]
    views: tuple[tuple[str, str], ...]
    handed: tuple[Handed, ...]
    try_path: str


class VendorView(msgspec.Struct, frozen=True, kw_only=True):
    """The order as one vendor's own call answers it."""

    number: str
    path: str
    title: str
    text: str


async def order(call: Call, visitor: Visitor, _sent: Form) -> Answer:
    titles = titles_of(call)
    assert visitor.settings is not None
    zone = zone_of(visitor.settings.time_zone)

    def look(reads: Reads) -> OrderPage:
        found = one(reads, visitor, call.params["uid"])
        events, moves = reads.events(found), reads.moves(found)
        channel = titles.get(found.channel, found.channel)
        group: tuple[Order, ...] = ()
        if found.group_number:
            group = reads.orders_among(found.tenant_id, groups=(found.group_number,))
        names = actors(reads, {each.actor for each in events})
        told_to = told_of(reads, found, with_path=visitor.may("webhooks"))
        handed = with_reasons(reads, reads.relay.of_order(found.tenant_id, found.id))
        goes_to = vendors(reads, found.tenant_id, titles) if handed else {}
        happened = timeline(found, events, moves, told_to, names, channel, visitor)
        onward = _onward(handed, goes_to, visitor)
        return OrderPage(
            order=found,
            path=path_of(found),
            channel=channel,
            badge=badge_of(found),
            lines=tuple(LineShown(line=each, places=_places(each, moves)) for each in found.lines),
            taxes=taxes_of(found),
            contact=found.doc.contact,
            ship_to=found.doc.ship_to,
            payments=found.doc.payments,
            shipments=found.doc.shipments,
            refunds=found.doc.refunds,
            siblings=tuple(
                Sibling(path=path_of(each), number=each.number, badge=badge_of(each))
                for each in group
                if each.id != found.id
            ),
            entries=joined(zone, happened, onward),
            steps=(*possible(found), _amend(found)) if visitor.may(SCOPE) else (),
            views=_views(call, found),
            handed=tuple(_handed(each, goes_to) for each in handed),
            try_path=f"{ONWARD}/preview?order={found.uid}" if visitor.may(MANAGES) else "",
        )

    return show(call, visitor, "order.html", await call.hub.read(look))


async def as_vendor(call: Call, visitor: Visitor, _sent: Form) -> Answer:
    """Whatever the door it came by, as that vendor's client would read it."""
    name = call.params["dialect"]
    dialect = next((d for d in port(call).dialects if d.name == name and d.render), None)
    if dialect is None or dialect.render is None:
        raise HTTPFault(Fault(FaultKind.NOT_FOUND, f"no vendor {name}"))
    render = dialect.render

    def look(reads: Reads) -> tuple[Order, object]:
        found = one(reads, visitor, call.params["uid"])
        return found, render(reads, found, call.base_url)

    found, shown = await call.hub.read(look)
    text = msgspec.json.format(encode(shown), indent=2).decode()
    context = VendorView(number=found.number, path=path_of(found), title=dialect.title, text=text)
    return show(call, visitor, "vendor_view.html", context)


def _handed(each: HandOver, names: dict[str, str]) -> Handed:
    return Handed(
        path=f"{ONWARD}/{each.uid}",
        vendor=names.get(each.connection_uid, each.connection_uid),
        badge=BADGES[each.state],
        number=each.number,
    )


def _onward(
    handed: tuple[HandOver, ...], names: dict[str, str], visitor: Visitor
) -> tuple[Entry, ...]:
    """What became of it at vendors, by the tenant's clock, oldest first."""
    assert visitor.settings is not None
    clock = visitor.settings.clock
    found = [
        Entry(at_us=clock.at(at), title=title, details=details, path=f"{ONWARD}/{each.uid}")
        for each in handed
        for at, title, details in told(
            each, names.get(each.connection_uid, each.connection_uid), visitor.say
        )
    ]
    return tuple(sorted(found, key=lambda each: each.at_us))


def _amend(order: Order) -> tuple[str, str]:
    return f"{path_of(order)}/amend", N_("Address and notes")


def _views(call: Call, order: Order) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"{path_of(order)}/as/{each.name}", each.brand or each.title)
        for each in port(call).dialects
        if each.render is not None
    )


def _places(line: Line, moves: tuple[Move, ...]) -> tuple[str, ...]:
    drawn = (
        move.key.place
        for move in moves
        if move.kind == "draw" and move.line_no == line.line_no and move.key.kind == "stock"
    )
    return tuple(dict.fromkeys(filter(None, drawn)))


def taxes_of(order: Order) -> tuple[Tax, ...]:
    """As they were worked out, by code, over all lines."""
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for line in order.kept_lines:
        for part in line.taxes:
            base, amount = sums.get(part.code, (Decimal(0), Decimal(0)))
            sums[part.code] = (base + part.base, amount + part.amount)
    return tuple(Tax(code, base, amount) for code, (base, amount) in sums.items())


ROUTES = (
    page(_PATH, "orders:read", order),
    page(f"{_PATH}/as/{{dialect}}", "orders:read", as_vendor),
)
