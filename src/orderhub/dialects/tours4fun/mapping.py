"""Vendor words to ours: a request becomes a booking, whichever generation of client wrote it."""

from __future__ import annotations

from orderhub.core.commands import Numbering, Origin, PlaceOrder
from orderhub.core.quotes import Booking
from orderhub.core.rooms import Room
from orderhub.core.tours import TourBooking
from orderhub.core.values import Contact
from orderhub.dialects.tours4fun.wire import AddOrder, CalculateOrder


def place_order(asked: AddOrder, origin: Origin) -> PlaceOrder:
    """`/v2/order/add`."""
    contact = asked.contact
    return PlaceOrder(
        origin=origin,
        terms=TourBooking(booking=booking(asked)),
        numbering=Numbering.ID,
        contact=None
        if contact is None
        else Contact(
            first_name=contact.first_name,
            last_name=contact.last_name,
            phone=contact.mobile,
            email=contact.email,
        ),
    )


def booking(asked: CalculateOrder) -> Booking:
    """What is asked for; of an order with its guests."""
    return Booking(
        product_id=asked.product_id,
        day=asked.departure_date,
        pickup=asked.departure_address,
        rooms=tuple(
            [
                Room(adults=each.adult, kids=each.kid, pairup=each.single_pairup)
                for each in asked.rooms
            ]
        ),
        tickets=tuple([(each.sku_id, each.count) for each in asked.tickets]),
        adults=asked.adult,
        kids=asked.kid,
        upgrades=asked.upgrades,
        guests=asked.guest_info if isinstance(asked, AddOrder) else (),
    )
