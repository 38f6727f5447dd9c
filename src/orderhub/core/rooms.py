"""What a room costs: per-person prices by how many share it, children placed the cheapest way."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec

from orderhub.core.money import ZERO, times
from orderhub.core.units import Price, about


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """Who sleeps in one room. `pairup`: a single traveller shares with a stranger of the group."""

    adults: int
    kids: int = 0
    pairup: bool = False

    @property
    def persons(self) -> int:
        return self.adults + self.kids


class RoomPrices(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Prices per person by room size. As a base price 0 means "not sold", never "free"."""

    single: Annotated[Price, about("alone in a room", "tours4fun")] = ZERO
    double: Annotated[Price, about("two in a room", "tours4fun")] = ZERO
    triple: Annotated[Price, about("three in a room", "tours4fun")] = ZERO
    quad: Annotated[Price, about("four in a room, or more", "tours4fun")] = ZERO
    kid: Annotated[Price, about("a child beside two who pay in full", "tours4fun")] = ZERO
    pairup: Annotated[
        Price, about("a single traveller who shares with a stranger, 0 = `double`", "tours4fun")
    ] = ZERO

    def per_person(self, persons: int) -> Decimal:
        """The price each pays when so many (1 or more) share a room."""
        if persons == 1:
            return self.single
        if persons == 2:
            return self.double
        return self.triple if persons == 3 else self.quad


def payers(adults: int, kids: int) -> range:
    """How many occupants may pay the room price while the rest, all children, pay the child price.

    A child price presumes that two others hold the beds, so in rooms of three and more at least two
    pay in full; one adult with one child is the only pair where a child may be the second person.
    """
    persons = adults + kids
    return range(max(adults, 1 if persons <= 2 else 2), persons + 1)


def room_price(prices: RoomPrices, room: Room) -> Decimal | None:
    """The list price of a whole room: the cheapest of its alternatives; None when none is sold."""
    persons = room.persons
    if room.pairup and room.adults == 1 and not room.kids:
        return prices.pairup or prices.double or None
    best: Decimal | None = None
    for full in payers(room.adults, room.kids):
        each = prices.per_person(full)
        children = persons - full
        if not each or (children and not prices.kid):
            continue
        amount = times(each, full) + times(prices.kid, children)
        if best is None or amount < best:
            best = amount
    return best
