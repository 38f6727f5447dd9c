"""Vendor words to ours: a body becomes a booking, whichever generation of client wrote it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from orderhub.core.commands import Numbering, Origin, PlaceOrder
from orderhub.core.money import plain
from orderhub.core.passengers import Guest
from orderhub.core.quotes import Booking
from orderhub.core.rooms import Room
from orderhub.core.tours import TourBooking
from orderhub.core.upgrades import UpgradeChoice
from orderhub.core.values import Contact
from orderhub.dialects.tours4fun import wire

GUEST_TYPES = {"adult": False, "child": True, "kid": True}


def place_order(body: dict[str, Any], origin: Origin) -> PlaceOrder:
    """`/v2/order/add`. Raises Stop for what is wrong with the shape."""
    return PlaceOrder(
        origin=origin,
        terms=TourBooking(booking=booking(body, for_order=True)),
        numbering=Numbering.ID,
        contact=contact(body.get("contact")),
    )


def booking(body: dict[str, Any], *, for_order: bool) -> Booking:
    """What is asked for. A price may be asked without pickup, and never names guests."""
    rooms = _rooms(body.get("rooms"))
    tickets = _tickets(body.get("tickets"))
    # Head counts of older clients matter only where neither rooms nor tickets say more.
    heads = not rooms and not tickets
    return Booking(
        product_id=wire.whole(body.get("product_id"), "product_id"),
        day=wire.day(body, "departure_date"),
        pickup=wire.text(body, "departure_address", needed=for_order),
        rooms=rooms,
        tickets=tickets,
        adults=wire.whole_or(body, "adult", 0, most=wire.MAX_COUNT) if heads else 0,
        kids=wire.whole_or(body, "kid", 0, most=wire.MAX_COUNT) if heads else 0,
        upgrades=upgrades(body.get("upgrades")),
        guests=_guests(body.get("guest_info")) if for_order else (),
    )


def _rooms(value: Any) -> tuple[Room, ...]:
    rooms = []
    for path, room in wire.objects(value, "rooms", wire.MAX_ROOMS):
        child = "child" if room.get("kid") is None else "kid"
        where = f"{path}."
        rooms.append(
            Room(
                # Missing or 0 is no fault of shape: the vendor has a code of its own for it.
                adults=wire.whole_or(room, "adult", 0, where, most=wire.MAX_COUNT),
                kids=wire.whole_or(room, child, 0, where, most=wire.MAX_COUNT),
                pairup=wire.flag(room.get("single_pairup"), f"{path}.single_pairup"),
            )
        )
    return tuple(rooms)


def _tickets(value: Any) -> tuple[tuple[int, int], ...]:
    """`[{sku_id, count}]`, or of 2017 clients `{sku_id: count}`."""
    if isinstance(value, dict) and not any(isinstance(each, dict) for each in value.values()):
        value = [{"sku_id": sku_id, "count": count} for sku_id, count in value.items()]
    return tuple(
        (
            wire.whole(ticket.get("sku_id"), f"{path}.sku_id"),
            wire.whole(ticket.get("count"), f"{path}.count", most=wire.MAX_COUNT),
        )
        for path, ticket in wire.objects(value, "tickets", wire.MAX_CHOICES)
    )


def upgrades(value: Any) -> tuple[UpgradeChoice, ...]:
    """`{upgrade: [option, ...]}`; a lone option needs no list, and PHP writes none as `[]`."""
    if value is None or value in ([], ""):
        return ()
    if not isinstance(value, dict):
        raise wire.fault("upgrades", "type")
    if len(value) > wire.MAX_CHOICES:
        raise wire.fault("upgrades", "length")
    choices: dict[int, tuple[int, ...]] = {}
    for upgrade, options in value.items():
        path = f"upgrades.{upgrade[:20]}"
        given = options if isinstance(options, list | dict) or options in (None, "") else [options]
        chosen = tuple(
            wire.whole(option, path) for option in wire.items(given, path, wire.MAX_CHOICES)
        )
        upgrade_id = wire.whole(upgrade, path)
        choices[upgrade_id] = choices.get(upgrade_id, ()) + chosen
    return tuple(UpgradeChoice(upgrade_id, chosen) for upgrade_id, chosen in choices.items())


def contact(value: Any) -> Contact | None:
    """An object or a list of one, under the request's names or those of the answers."""
    if isinstance(value, list):
        if len(value) > 1:
            raise wire.fault("contact", "length")
        value = value[0] if value else None
    if value is None or value == "":
        return None
    if not isinstance(value, dict):
        raise wire.fault("contact", "type")
    return Contact(
        first_name=_either(value, "first_name", "firstname"),
        last_name=_either(value, "last_name", "lastname"),
        phone=_either(value, "mobile", "telephone"),
        email=_either(value, "email", "email"),
    )


def _either(members: dict[str, Any], name: str, other: str) -> str:
    found = members.get(name)
    return wire.scalar(members.get(other) if found in (None, "") else found, f"contact.{name}")


def _guests(value: Any) -> tuple[Guest, ...]:
    guests = []
    for path, members in wire.objects(value, "guest_info", wire.MAX_GUESTS):
        kind = members.get("type") or "adult"
        if not isinstance(kind, str):
            raise wire.fault(f"{path}.type", "type")
        is_child = GUEST_TYPES.get(kind.strip().lower())
        if is_child is None:
            raise wire.fault(f"{path}.type", "value")
        if len(members) > wire.MAX_ANSWERS:
            raise wire.fault(path, "length")
        # A list or an object answers no question of a form: it stays in the raw request alone.
        answers = {
            name: _answer(each, f"{path}.{name[:40]}")
            for name, each in members.items()
            if name != "type" and not isinstance(each, list | dict)
        }
        guests.append(Guest(kind=kind, is_child=is_child, answers=answers))
    return tuple(guests)


def _answer(value: Any, path: str) -> Any:
    """An answer as it was sent; a broken number becomes text, which is how documents keep it."""
    if isinstance(value, str):
        if len(value) > wire.MAX_TEXT:
            raise wire.fault(path, "length")
        return value
    if isinstance(value, Decimal):
        return str(plain(value)) if value.is_finite() else wire.scalar("", path)
    return value
