"""What a tour is sold as, and what a booking costs: one answer for asking and for ordering."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from orderhub.core.catalogue import Product
from orderhub.core.departures import Departures, departure_on
from orderhub.core.exchange import Exchange, RateTable, exchange
from orderhub.core.money import ZERO, is_storable, rounded, times, total
from orderhub.core.passengers import FormField, Guest
from orderhub.core.ranges import Rule
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.rooms import Room, RoomPrices, room_price
from orderhub.core.units import AnyCurrency, Count, Days, Number, Price, Ratio, TimeOfDay, about
from orderhub.core.upgrades import Chosen, Party, UpgradeChoice, UpgradeGroup, chosen, option_price
from orderhub.core.values import LineKind

# Net prices are kept to as many decimals as the trade shows.
NET_DECIMALS = 4
RULE = "cheapest-alternative"
_ONE = Decimal(1)
_PRODUCT_KINDS = ("tour", "ticket")


class SoldBy(StrEnum):
    ROOMS = "rooms"
    PERSONS = "persons"
    TICKETS = "tickets"


class Ticket(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One kind of ticket of a product sold by tickets."""

    sku_id: Annotated[Number, about("what a booking names it by", "tours4fun")]
    name: Annotated[str, about("what it is called", "tours4fun")] = ""
    price: Annotated[Price, about("of one, 0 = free", "tours4fun")]


class Pickup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where and when travellers are met: at any time, at a point in time, or in a window."""

    id: Annotated[Number, about("its number in the list", "tours4fun")]
    start_time: Annotated[TimeOfDay, about("`HH:MM:SS`; empty = any time", "tours4fun")] = ""
    end_time: Annotated[TimeOfDay, about("`HH:MM:SS`, of a window", "tours4fun")] = ""
    location: Annotated[str, about("what a booking names it by", "tours4fun")] = ""
    address: Annotated[str, about("where it is; names it too", "tours4fun")] = ""
    tips: Annotated[str, about("a hint for travellers", "tours4fun")] = ""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "end_time",
            "is after start_time",
            lambda pickup: (
                not pickup.end_time or (pickup.start_time and pickup.start_time < pickup.end_time)
            ),
        ),
    )


class Tour(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a product of kind `tour` or `ticket` is sold; its id is the product's.

    Prices are in the product's currency. Where 0 stands for a price, that choice is not sold.
    """

    sold_by: Annotated[SoldBy, about("what a booking counts", "tours4fun")] = SoldBy.ROOMS
    duration_days: Annotated[
        int, Meta(ge=1, le=36_500), about("1 = it ends the day it begins", "tours4fun")
    ] = 1
    departures: Annotated[tuple[Departures, ...], about("when it leaves", "tours4fun")] = ()
    prices: Annotated[RoomPrices, about("`rooms`: per person by room size", "tours4fun")] = (
        RoomPrices()
    )
    adult_price: Annotated[Price, about("`persons`: of an adult", "tours4fun")] = ZERO
    kid_price: Annotated[Price, about("`persons`: of a child", "tours4fun")] = ZERO
    tickets: Annotated[tuple[Ticket, ...], about("`tickets`: what there is", "tours4fun")] = ()
    max_occupancy: Annotated[
        int, Meta(ge=1), about("`rooms`: most persons in a room", "tours4fun")
    ] = 4
    min_guests: Annotated[Count, about("fewest persons of a booking", "tours4fun")] = 1
    min_days_ahead: Annotated[Days, about("days between order and departure", "tours4fun")] = 0
    max_child_age: Annotated[
        Count, about("oldest child, by the form's `dob`; 0 = not checked", "tours4fun")
    ] = 0
    discount_ratio: Annotated[Ratio, about("net price = list price x ratio", "tours4fun")] = _ONE
    upgrade_ratio: Annotated[
        Ratio | None, about("of upgrades; none = as the base price", "tours4fun")
    ] = None
    upgrades: Annotated[tuple[UpgradeGroup, ...], about("extras", "tours4fun")] = ()
    form: Annotated[tuple[FormField, ...], about("what each traveller is asked", "tours4fun")] = ()
    seats_counted: Annotated[
        bool, about("travellers draw on the departure's pool `seats`", "tours4fun")
    ] = True
    rooms_counted: Annotated[
        bool, about("rooms draw on the departure's pool `rooms`", "tours4fun")
    ] = False
    guests_by_type: Annotated[
        bool, about("adults and children must match the rooms, not only their sum", "tours4fun")
    ] = False
    pickups: Annotated[tuple[Pickup, ...], about("where travellers are met", "tours4fun")] = ()
    pickups_only: Annotated[bool, about("a booking names one of the pickups", "tours4fun")] = False


class Reseller(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one reseller was granted; the item's code is the app key, the owner of its orders."""

    settlement: Annotated[
        AnyCurrency, about("what it pays in; empty = the tenant's", "tours4fun")
    ] = ""
    discount_ratio: Annotated[
        Ratio | None, about("net price = list price x ratio; none = the tour's", "tours4fun")
    ] = None
    product_ratios: Annotated[
        dict[str, Ratio], about("product id -> ratio: before either of them", "tours4fun")
    ] = {}


class Booking(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: a product on a day, for whom, with which extras."""

    product_id: int
    day: date
    pickup: str = ""
    rooms: tuple[Room, ...] = ()
    tickets: tuple[tuple[int, int], ...] = ()  # (sku id, count)
    adults: int = 0  # where the product is sold by persons
    kids: int = 0
    upgrades: tuple[UpgradeChoice, ...] = ()
    guests: tuple[Guest, ...] = ()


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """The facts a quote is made from."""

    product: Product | None
    tour: Tour | None
    reseller: Reseller | None
    rates: RateTable | None
    currency: str  # the tenant's default
    today: date


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that costs: amounts per unit at list and at net price. `index`: of the room."""

    kind: LineKind
    title: str
    quantity: int
    list_unit: Decimal
    unit: Decimal
    index: int = 0
    sku_id: int = 0
    group: UpgradeGroup | None = None
    option_id: int = 0
    option_name: str = ""
    option_code: str = ""

    @property
    def list_amount(self) -> Decimal:
        return times(self.list_unit, self.quantity)

    @property
    def amount(self) -> Decimal:
        return times(self.unit, self.quantity)


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """What a booking costs in the product's currency, and how it is settled in another."""

    product: Product
    tour: Tour
    party: Party
    currency: str
    settle: Exchange
    ratio: Decimal
    upgrade_ratio: Decimal
    base: tuple[Priced, ...]
    upgrades: tuple[Priced, ...]
    net: Decimal
    list_total: Decimal


def net_of(priced: tuple[Priced, ...]) -> Decimal:
    return total([each.amount for each in priced])


def list_of(priced: tuple[Priced, ...]) -> Decimal:
    return total([each.list_amount for each in priced])


def end_of(tour: Tour, day: date) -> date:
    """The last day, at most that of the calendar: a one-day tour ends the day it begins."""
    last = day.toordinal() + tour.duration_days - 1
    return date.fromordinal(min(last, date.max.toordinal()))


def offered(offer: Offer, booking: Booking) -> tuple[Product, Tour] | Rejected:
    """The product and how it is sold, or why it is not. A booking for nobody asks for nothing."""
    if not booking.rooms and not booking.tickets and booking.adults + booking.kids < 1:
        return Rejected(Reason.NOTHING_ORDERED, "rooms", "nobody travels")
    product, tour = offer.product, offer.tour
    if product is None or tour is None or product.kind not in _PRODUCT_KINDS:
        return Rejected(Reason.PRODUCT_UNKNOWN, "product", "no such tour")
    if not product.active:
        return Rejected(Reason.PRODUCT_INACTIVE, "product", f"product {product.id} is not on sale")
    return product, tour


def as_sold(tour: Tour, booking: Booking) -> Booking:
    """The booking without what the product is not sold by: tickets to a room, rooms to a ticket."""
    if tour.sold_by is SoldBy.TICKETS:
        return msgspec.structs.replace(booking, rooms=(), adults=0, kids=0)
    return msgspec.structs.replace(booking, tickets=()) if booking.tickets else booking


def ordered_refusal(tour: Tour, booking: Booking) -> Rejected | None:
    """Whether anything is ordered in the way that the product is sold."""
    match tour.sold_by:
        case SoldBy.ROOMS if not booking.rooms:
            return Rejected(Reason.NOTHING_ORDERED, "rooms", "the product is sold by rooms")
        case SoldBy.TICKETS if not booking.tickets:
            return Rejected(Reason.NOTHING_ORDERED, "tickets", "the product is sold by tickets")
        case SoldBy.TICKETS:
            known = {ticket.sku_id for ticket in tour.tickets}
            for index, (sku_id, _) in enumerate(booking.tickets):
                if sku_id not in known:
                    return Rejected(
                        Reason.VARIANT_UNKNOWN, f"tickets[{index}].sku", f"no ticket {sku_id}"
                    )
            for index, (_, count) in enumerate(booking.tickets):
                if count < 1:
                    return Rejected(
                        Reason.QUANTITY_INVALID, f"tickets[{index}].count", "at least one ticket"
                    )
    return None


def day_refusal(tour: Tour, booking: Booking, today: date) -> Rejected | None:
    """Whether the product departs that day and the day is far enough ahead."""
    if departure_on(tour.departures, booking.day) is None:
        return Rejected(Reason.DATE_UNAVAILABLE, "date", f"no departure on {booking.day}")
    if booking.day < today + timedelta(days=tour.min_days_ahead):
        return Rejected(
            Reason.TOO_LATE_TO_BOOK,
            "date",
            f"{booking.day} must be booked {tour.min_days_ahead} days ahead, today is {today}",
        )
    return None


def rooms_refusal(tour: Tour, booking: Booking) -> Rejected | None:
    """An adult in every room, and no room too full."""
    if tour.sold_by is SoldBy.TICKETS:
        return None
    if not booking.rooms and booking.adults < 1:
        return Rejected(Reason.ADULT_MISSING, "adults", "at least one adult")
    for index, room in enumerate(booking.rooms):
        if room.adults < 1:
            return Rejected(
                Reason.ADULT_MISSING, f"rooms[{index}].adults", "at least one adult in each room"
            )
    if tour.sold_by is not SoldBy.ROOMS:
        return None
    for index, room in enumerate(booking.rooms):
        if room.persons > tour.max_occupancy:
            return Rejected(
                Reason.ROOM_TOO_FULL,
                f"rooms[{index}]",
                f"{room.persons} persons in a room for {tour.max_occupancy}",
            )
    return None


def party_of(tour: Tour, booking: Booking) -> Party:
    """Who travels. Rooms say more than head counts and win over them; a ticket is one person."""
    if tour.sold_by is SoldBy.TICKETS:
        return Party(adults=sum(count for _, count in booking.tickets))
    if booking.rooms:
        return Party(
            rooms=booking.rooms if tour.sold_by is SoldBy.ROOMS else (),
            adults=sum(room.adults for room in booking.rooms),
            kids=sum(room.kids for room in booking.rooms),
        )
    return Party(adults=booking.adults, kids=booking.kids)


def persons_refusal(tour: Tour, booking: Booking, party: Party) -> Rejected | None:
    """Enough persons for the product and for the departure."""
    departure = departure_on(tour.departures, booking.day)
    least = max(tour.min_guests, 0 if departure is None else departure.min_persons)
    if party.persons < least:
        return Rejected(
            Reason.TOO_FEW_PERSONS, "guests", f"{party.persons} persons, at least {least} needed"
        )
    return None


def price(
    offer: Offer, tour: Tour, product: Product, booking: Booking, taken: tuple[Chosen, ...]
) -> Quote | Rejected:
    """The price of a booking that broke no rule. Amounts are exact; only net units are rounded."""
    currency = product.currency or offer.currency
    reseller = offer.reseller
    target = (reseller.settlement if reseller is not None else "") or offer.currency
    settle = exchange(offer.rates, offer.today, currency, target)
    if settle is None:
        return Rejected(
            Reason.CURRENCY_NOT_ENABLED, "currency", f"no rate from {currency} to {target}"
        )
    ratio, upgrade_ratio = _ratios(tour, product, reseller)
    party = party_of(tour, booking)
    base = _base(tour, booking, party, ratio)
    if isinstance(base, Rejected):
        return base
    upgrades = []
    for group, option in taken:
        list_unit, quantity = option_price(option, party)
        upgrades.append(
            Priced(
                kind=LineKind.UPGRADE,
                title=f"{group.name}: {option.name}" if group.name else option.name,
                quantity=quantity,
                list_unit=list_unit,
                unit=_net(list_unit, upgrade_ratio),
                group=group,
                option_id=option.id,
                option_name=option.name,
                option_code=option.code,
            )
        )
    everything = (*base, *upgrades)
    net, list_total = net_of(everything), list_of(everything)
    if any(each.unit < 0 or each.list_unit < 0 for each in everything):
        return Rejected(Reason.AMOUNT_OUT_OF_RANGE, "total", "the price is below zero")
    if not (is_storable(list_total) and is_storable(settle(list_total))):
        return Rejected(Reason.AMOUNT_OUT_OF_RANGE, "total", "the price cannot be kept")
    return Quote(
        product=product,
        tour=tour,
        party=party,
        currency=currency,
        settle=settle,
        ratio=ratio,
        upgrade_ratio=upgrade_ratio,
        base=base,
        upgrades=tuple(upgrades),
        net=net,
        list_total=list_total,
    )


def _ratios(tour: Tour, product: Product, reseller: Reseller | None) -> tuple[Decimal, Decimal]:
    """The discount on the base price and on upgrades.

    The reseller's own for the product comes first, then their general one, then the product's.
    Upgrades that the product discounts otherwise, or not at all, are so for every reseller.
    """
    ratio = None
    if reseller is not None:
        ratio = reseller.product_ratios.get(str(product.id), reseller.discount_ratio)
    if ratio is None:
        ratio = tour.discount_ratio
    return ratio, ratio if tour.upgrade_ratio is None else tour.upgrade_ratio


def _net(amount: Decimal, ratio: Decimal) -> Decimal:
    return amount if ratio == 1 else rounded(times(amount, ratio), NET_DECIMALS)


def _base(
    tour: Tour, booking: Booking, party: Party, ratio: Decimal
) -> tuple[Priced, ...] | Rejected:
    if tour.sold_by is SoldBy.ROOMS:
        return _rooms(tour, booking, ratio)
    if tour.sold_by is SoldBy.TICKETS:
        return _tickets(tour, booking, ratio)
    priced = []
    for title, count, unit in (
        ("Adult", party.adults, tour.adult_price),
        ("Child", party.kids, tour.kid_price),
    ):
        if count and not unit:
            return Rejected(Reason.PRICE_NOT_SOLD, "rooms", f"no price for a traveller: {title}")
        if count:
            priced.append(
                Priced(
                    kind=LineKind.TICKET,
                    title=title,
                    quantity=count,
                    list_unit=unit,
                    unit=_net(unit, ratio),
                )
            )
    return tuple(priced)


def _rooms(tour: Tour, booking: Booking, ratio: Decimal) -> tuple[Priced, ...] | Rejected:
    priced = []
    for index, room in enumerate(booking.rooms):
        amount = room_price(tour.prices, room)
        if amount is None:
            return Rejected(
                Reason.PRICE_NOT_SOLD,
                f"rooms[{index}]",
                f"no price for {room.adults} adults and {room.kids} children in a room",
            )
        priced.append(
            Priced(
                kind=LineKind.ROOM,
                title=f"Room {index + 1}",
                quantity=1,
                list_unit=amount,
                unit=_net(amount, ratio),
                index=index,
            )
        )
    return tuple(priced)


def _tickets(tour: Tour, booking: Booking, ratio: Decimal) -> tuple[Priced, ...]:
    tickets = {ticket.sku_id: ticket for ticket in tour.tickets}
    return tuple(
        Priced(
            kind=LineKind.TICKET,
            title=tickets[sku_id].name,
            quantity=count,
            list_unit=tickets[sku_id].price,
            unit=_net(tickets[sku_id].price, ratio),
            sku_id=sku_id,
        )
        for sku_id, count in booking.tickets
    )


def quote(offer: Offer, booking: Booking) -> Quote | Rejected:
    """What a booking would cost, or the first broken rule on product, day, rooms or upgrades.

    Seats, contact and guests are not looked at.
    """
    found = offered(offer, booking)
    if isinstance(found, Rejected):
        return found
    product, tour = found
    booking = as_sold(tour, booking)
    refusal = (
        ordered_refusal(tour, booking)
        or day_refusal(tour, booking, offer.today)
        or rooms_refusal(tour, booking)
        or persons_refusal(tour, booking, party_of(tour, booking))
    )
    if refusal is not None:
        return refusal
    taken = chosen(tour.upgrades, booking.upgrades)
    if isinstance(taken, Rejected):
        return taken
    return price(offer, tour, product, booking, taken)
