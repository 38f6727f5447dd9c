"""Bookings of tours and tickets. They draw on the departure's seats, and on its rooms."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core.business import Business
from orderhub.core.catalogue import Product
from orderhub.core.commands import PlaceOrder, Terms
from orderhub.core.details import TakenUpgrade, TicketCount, TourDetails, Traveller
from orderhub.core.exchange import RateTable
from orderhub.core.facts import Accepted, Facts, IdQuota, NewIds, PoolLoad, RecordKey
from orderhub.core.money import EXACT, plain
from orderhub.core.ordering import Draft, Reckoned, composed, drawn, reckon, untaxed_line
from orderhub.core.passengers import birthday_refusal, child_refusal, form_refusal
from orderhub.core.pools import shortage
from orderhub.core.quotes import (
    RULE,
    Booking,
    Offer,
    Quote,
    Reseller,
    SoldBy,
    Tour,
    as_sold,
    day_refusal,
    end_of,
    offered,
    ordered_refusal,
    party_of,
    persons_refusal,
    price,
    rooms_refusal,
)
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.upgrades import Chosen, Party, chosen
from orderhub.core.values import Contact, Line, Move, PoolKey, Settings
from orderhub.core.zones import day_start, local_day

_RATES_ID = "1"
# Travellers are numbered through all orders of a tenant: a number of its own stays small, one made of the order's
# would not fit the 32 bits that clients have for it.
_GUEST = "guest"


class TourBooking(Terms, frozen=True, kw_only=True):
    """One product on one day for one party, booked by a reseller (the order's owner)."""

    booking: Booking


def offer_keys(tenant_id: int, product_id: int, owner: str) -> tuple[RecordKey, ...]:
    """The records that an offer is made from: product, tour, rates, reseller."""
    keys = (
        RecordKey(tenant_id, "product", "id", str(product_id)),
        RecordKey(tenant_id, "tour", "id", str(product_id)),
        RecordKey(tenant_id, "exchange_rates", "id", _RATES_ID),
    )
    return (*keys, RecordKey(tenant_id, "reseller", "code", owner)) if owner else keys


def today(settings: Settings, wall_us: int) -> date:
    """The tenant's calendar day when the wall shows `wall_us`."""
    return local_day(settings.time_zone, settings.clock.at(wall_us))


def _loads(command: PlaceOrder, _facts: Facts) -> tuple[RecordKey, ...]:
    terms = command.terms
    assert isinstance(terms, TourBooking)
    return offer_keys(command.origin.tenant_id, terms.booking.product_id, command.origin.owner)


def _offer(command: PlaceOrder, facts: Facts, booking: Booking) -> Offer:
    origin = command.origin
    tenant, product_id = origin.tenant_id, booking.product_id
    settings = facts.settings(tenant)
    return Offer(
        product=facts.doc(tenant, "product", "id", product_id),
        tour=facts.doc(tenant, "tour", "id", product_id),
        reseller=facts.doc(tenant, "reseller", "code", origin.owner) if origin.owner else None,
        rates=facts.doc(tenant, "exchange_rates", "id", _RATES_ID),
        currency=settings.currency,
        today=today(settings, origin.recorded_at),
    )


def _pool_keys(tenant_id: int, tour: Tour, booking: Booking) -> list[PoolKey]:
    subject, place = f"product:{booking.product_id}", booking.day.isoformat()
    keys = []
    if tour.seats_counted:
        keys.append(PoolKey(tenant_id, "seats", subject, place))
    if tour.rooms_counted:
        keys.append(PoolKey(tenant_id, "rooms", subject, place))
    return keys


def _pools(command: PlaceOrder, facts: Facts) -> list[PoolLoad]:
    terms = command.terms
    assert isinstance(terms, TourBooking)
    tenant = command.origin.tenant_id
    tour: Tour | None = facts.doc(tenant, "tour", "id", terms.booking.product_id)
    if tour is None:
        return []
    return [
        PoolLoad(tenant, key.kind, key.subject, key.place)
        for key in _pool_keys(tenant, tour, terms.booking)
    ]


def _id_quota(command: PlaceOrder, _facts: Facts) -> IdQuota:
    terms = command.terms
    assert isinstance(terms, TourBooking)
    guests = len(terms.booking.guests)
    return IdQuota(orders=1, records=((_GUEST, guests),) if guests else ())


def contact_refusal(contact: Contact | None) -> Rejected | None:
    """Somebody to reach: both names, a phone number, an e-mail with text on each side of its @."""
    if contact is None:
        return Rejected(Reason.CONTACT_INVALID, "contact", "nobody to contact")
    for name in ("first_name", "last_name", "phone", "email"):
        if not getattr(contact, name).strip():
            return Rejected(Reason.CONTACT_INVALID, f"contact.{name}", f"{name} is empty")
    email = contact.email.strip()
    before, _, after = email.partition("@")
    is_written = email.isprintable() and " " not in email
    if not before or not after or "@" in after or not is_written:
        return Rejected(Reason.CONTACT_INVALID, "contact.email", "not an e-mail address")
    return None


def guests_refusal(tour: Tour, booking: Booking, party: Party) -> Rejected | None:
    """As many travellers named as travel. They may be left out where nothing is asked of them."""
    guests = booking.guests
    if tour.sold_by is SoldBy.TICKETS or not (guests or tour.form):
        return None
    if len(guests) != party.persons:
        return Rejected(
            Reason.GUESTS_MISMATCH, "guests", f"{len(guests)} guests for {party.persons} places"
        )
    kids = sum(guest.is_child for guest in guests)
    if tour.guests_by_type and kids != party.kids:
        return Rejected(
            Reason.GUESTS_MISMATCH, "guests", f"{kids} children for {party.kids} child places"
        )
    return None


def _pickup_refusal(tour: Tour, booking: Booking) -> Rejected | None:
    if not tour.pickups_only or not tour.pickups:
        return None
    # By one of its texts, or by its id as the list of pickups shows it.
    names = {text for each in tour.pickups for text in (each.location, each.address, str(each.id))}
    if booking.pickup in names:
        return None
    return Rejected(Reason.REFERENCE_UNKNOWN, "pickup", "not one of the product's places")


def place(command: PlaceOrder, facts: Facts, ids: NewIds) -> Accepted | Rejected:
    """A tour order, or the first broken rule in the order of the list of reasons."""
    terms = command.terms
    assert isinstance(terms, TourBooking)
    booking = terms.booking
    offer = _offer(command, facts, booking)
    found = offered(offer, booking)
    if isinstance(found, Rejected):
        return found
    product, tour = found
    booking = as_sold(tour, booking)
    party = party_of(tour, booking)
    refusal = (
        ordered_refusal(tour, booking)
        or _pickup_refusal(tour, booking)
        or contact_refusal(command.contact)
        or day_refusal(tour, booking, offer.today)
        or rooms_refusal(tour, booking)
        or guests_refusal(tour, booking, party)
        or persons_refusal(tour, booking, party)
    )
    if refusal is not None:
        return refusal
    taken = chosen(tour.upgrades, booking.upgrades)
    if isinstance(taken, Rejected):
        return taken
    refusal = (
        form_refusal(tour.form, booking.guests)
        or birthday_refusal(tour.form, booking.guests, booking.day)
        or child_refusal(tour.form, booking.guests, booking.day, tour.max_child_age)
    )
    if refusal is not None:
        return refusal
    sold = _sold(command, facts, offer, tour, product, booking, taken)
    if isinstance(sold, Rejected):
        return sold
    return _accepted(command, facts, ids, tour, booking, sold)


class _Sold(msgspec.Struct, frozen=True):
    """What an order of such a booking is, whoever travels on whatever day: its draws are of no day and no order."""

    draft: Draft
    reckoned: Reckoned
    draws: tuple[Move, ...]


def _sold(
    command: PlaceOrder,
    facts: Facts,
    offer: Offer,
    tour: Tour,
    product: Product,
    booking: Booking,
    taken: tuple[Chosen, ...],
) -> _Sold | Rejected:
    """What it comes to: worked out once for all who book the same."""
    tenant, owner = command.origin.tenant_id, command.origin.owner
    alike = msgspec.structs.replace(booking, day=date.min, pickup="", guests=())

    def work_out() -> _Sold | Rejected:
        quote = price(offer, tour, product, alike, taken)
        if isinstance(quote, Rejected):
            return quote
        draft = Draft(
            lines=_lines(alike, quote),
            currency=quote.currency,
            pricing=_pricing(quote),
            settlement=_settlement(quote),
            business=_details(alike, quote),
        )
        reckoned = reckon(draft.lines)
        if isinstance(reckoned, Rejected):
            return reckoned
        draws = tuple(_draws(tenant, alike, quote))
        return _Sold(draft, drawn(reckoned, draws), draws)

    lines = len(alike.rooms) + len(alike.tickets) + len(alike.upgrades)
    return facts.derived(tenant, ("sold", owner, offer.today, alike), work_out, weight=2 + lines)


def _accepted(
    command: PlaceOrder, facts: Facts, ids: NewIds, tour: Tour, booking: Booking, sold: _Sold
) -> Accepted | Rejected:
    tenant = command.origin.tenant_id
    order_id = ids.orders[0][0]
    keys = {key.kind: key for key in _pool_keys(tenant, tour, booking)}
    moves = tuple(
        [
            Move(keys[each.key.kind], "draw", each.units, order_id, each.line_no)
            for each in sold.draws
        ]
    )
    refusal = shortage(facts, moves, field="date")
    if refusal is not None:
        return refusal
    guests = len(booking.guests)
    guest_ids = ids.records.get(_GUEST, ())
    assert len(guest_ids) >= guests, "fewer ids than travellers were set aside"
    details = msgspec.structs.replace(
        sold.draft.business,
        date=booking.day.isoformat(),
        end_date=end_of(tour, booking.day).isoformat(),
        pickup=booking.pickup,
        guests=tuple(
            [
                Traveller(guest.kind, guest.answers, guest_id)
                for guest, guest_id in zip(booking.guests, guest_ids, strict=False)
            ]
        ),
    )
    service_at = day_start(facts.settings(tenant).time_zone, booking.day)
    draft = msgspec.structs.replace(sold.draft, business=details, service_at=service_at)
    order, event = composed(command, facts, ids.orders[0], draft, sold.reckoned)
    return Accepted(
        placed=(order,),
        events=(event,),
        moves=moves,
        numbered=((_GUEST, guests),) if guests else (),
    )


def _draws(tenant_id: int, booking: Booking, quote: Quote) -> Iterator[Move]:
    """What each line uses up, so that a line that is given back returns its own and no more.

    A room's line takes its occupants and the room, any other line a seat a unit. The rooms of a
    product sold by persons have no lines of their own: they go with the first.
    """
    keys = _pool_keys(tenant_id, quote.tour, booking)
    by_rooms = quote.tour.sold_by is SoldBy.ROOMS
    for number, priced in enumerate(quote.base, 1):
        if by_rooms:
            units = {"seats": booking.rooms[priced.index].persons, "rooms": 1}
        else:
            units = {"seats": priced.quantity, "rooms": len(booking.rooms) if number == 1 else 0}
        for key in keys:
            if units[key.kind]:
                yield Move(key, "draw", units[key.kind], line_no=number)


def _lines(booking: Booking, quote: Quote) -> tuple[Line, ...]:
    """One line a room, ticket or kind of traveller, and one an upgrade, at net prices."""
    lines = []
    for number, priced in enumerate((*quote.base, *quote.upgrades), 1):
        data: dict[str, Any] = {"list_unit": text(priced.list_unit)}
        if priced.group is not None:
            data |= {"upgrade": priced.group.id, "option": priced.option_id}
        elif priced.sku_id:
            data["ticket"] = priced.sku_id
        elif booking.rooms and quote.tour.sold_by is SoldBy.ROOMS:
            room = booking.rooms[priced.index]
            data |= {"adults": room.adults, "kids": room.kids, "pairup": room.pairup}
        lines.append(
            untaxed_line(
                number,
                priced.kind,
                priced.title,
                priced.quantity,
                priced.unit,
                product_id=quote.product.id,
                sku=quote.product.code,
                data=data,
            )
        )
    return tuple(lines)


def text(amount: Decimal) -> str:
    """An amount as it is kept in an order's document: exact, without trailing zeros."""
    return format(amount.normalize(EXACT), "f")


def _pricing(quote: Quote) -> dict[str, Any]:
    """Which rule and which rates made the price."""
    settle = quote.settle
    return {
        "rule": RULE,
        "discount_ratio": text(quote.ratio),
        "upgrade_ratio": text(quote.upgrade_ratio),
        "rates": {
            settle.source: text(settle.source_rate),
            settle.target: text(settle.target_rate),
        },
        "rates_since": "" if settle.since is None else settle.since.isoformat(),
        "rounding": "half_up",
        "decimals": 4,
    }


def _settlement(quote: Quote) -> dict[str, Any]:
    settle, net, list_total = quote.settle, quote.net, quote.list_total
    return {
        "currency": settle.target,
        "net": text(settle(net)),
        "list": text(settle(list_total)),
        "discount": text(settle(list_total - net)),
    }


def _details(booking: Booking, quote: Quote) -> TourDetails:
    """Everything that a reading call shows of the booking, so that it needs no look-up; without days and travellers."""
    product = quote.product
    return TourDetails(
        product_id=product.id,
        product_title=product.title,
        product_line=product.data.get("product_line", product.kind),
        date="",
        end_date="",
        pickup="",
        net=plain(quote.net),
        list=plain(quote.list_total),
        discount=plain(quote.list_total - quote.net),
        rooms=booking.rooms,
        tickets=tuple(TicketCount(sku_id, count) for sku_id, count in booking.tickets),
        guests=(),
        upgrades=tuple(
            TakenUpgrade(
                id=each.group.id,
                name=each.group.name,
                sub_name=each.group.sub_name,
                option=each.option_id,
                option_name=each.option_name,
                option_code=each.option_code,
            )
            for each in quote.upgrades
            if each.group is not None
        ),
    )


BUSINESS = Business(
    name="TourBooking",
    terms=TourBooking,
    details=TourDetails,
    place=place,
    loads=_loads,
    pools=_pools,
    id_quota=_id_quota,
    records={"tour": Tour, "exchange_rates": RateTable, "reseller": Reseller},
)
