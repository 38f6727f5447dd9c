"""Extras chosen with a tour: which options may be taken together, and what each costs."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, ClassVar

import msgspec

from orderhub.core.money import ZERO, times
from orderhub.core.ranges import Rule
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.rooms import Room, RoomPrices
from orderhub.core.units import Code, Number, Price, about


class UpgradeOption(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One option. `by_room` prices each traveller by the size of the room, else all pay `price`."""

    id: Annotated[Number, about("what a booking names it by", "tours4fun")]
    name: Annotated[str, about("what it is called", "tours4fun")] = ""
    price: Annotated[Price, about("per traveller, 0 = free", "tours4fun")] = ZERO
    by_room: Annotated[
        RoomPrices | None, about("per traveller by the size of the room, 0 = free", "tours4fun")
    ] = None
    per_order: Annotated[bool, about("charged once, not per traveller", "tours4fun")] = False
    tips: Annotated[str, about("a hint for who chooses", "tours4fun")] = ""
    code: Annotated[Code, about("the provider's own", "tours4fun")] = ""


class UpgradeGroup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Options to choose from.

    Exactly one; with `multiple` exactly `required` of them, where 0 = any number.
    """

    id: Annotated[Number, about("what a booking names it by", "tours4fun")]
    name: Annotated[str, about("what it is called", "tours4fun")] = ""
    sub_name: Annotated[str, about("a further line of it", "tours4fun")] = ""
    tips: Annotated[str, about("a hint for who chooses", "tours4fun")] = ""
    multiple: Annotated[bool, about("whether several may be chosen", "tours4fun")] = False
    required: Annotated[
        Number, about("with `multiple`: how many exactly, 0 = any number", "tours4fun")
    ] = 1
    options: Annotated[tuple[UpgradeOption, ...], about("what there is", "tours4fun")] = ()

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "options",
            "has as many as are required",
            lambda group: len(group.options) >= (group.required if group.multiple else 1),
        ),
    )


class UpgradeChoice(msgspec.Struct, frozen=True):
    """The options taken from one group, as sent."""

    group_id: int
    option_ids: tuple[int, ...]


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """Who travels, as far as prices ask: in rooms, or as so many adults and children."""

    rooms: tuple[Room, ...] = ()
    adults: int
    kids: int = 0

    @property
    def persons(self) -> int:
        return self.adults + self.kids


Chosen = tuple[UpgradeGroup, UpgradeOption]


def chosen(
    groups: tuple[UpgradeGroup, ...], choices: tuple[UpgradeChoice, ...]
) -> tuple[Chosen, ...] | Rejected:
    """The options taken, in the product's order, or the refusal of an unknown or wrong choice."""
    wanted = {choice.group_id: choice.option_ids for choice in choices}
    known = {group.id: group for group in groups}
    for group_id, option_ids in wanted.items():
        group = known.get(group_id)
        if group is None:
            return Rejected(
                Reason.UPGRADE_UNKNOWN, f"upgrades.{group_id}", f"no upgrade {group_id}"
            )
        offered = {option.id for option in group.options}
        for option_id in option_ids:
            if option_id not in offered:
                return Rejected(
                    Reason.UPGRADE_UNKNOWN,
                    f"upgrades.{group_id}",
                    f"no option {option_id} in upgrade {group_id}",
                )
    taken: list[Chosen] = []
    for group in groups:
        option_ids = wanted.get(group.id, ())
        problem = _choice_problem(group, option_ids)
        if problem:
            return Rejected(Reason.UPGRADE_CHOICE_INVALID, f"upgrades.{group.id}", problem)
        taken.extend((group, option) for option in group.options if option.id in option_ids)
    return tuple(taken)


def _choice_problem(group: UpgradeGroup, option_ids: tuple[int, ...]) -> str:
    if len(set(option_ids)) != len(option_ids):
        return f"an option of upgrade {group.id} is chosen twice"
    if not group.multiple:
        return "" if len(option_ids) == 1 else f"upgrade {group.id} wants exactly one option"
    if group.required and len(option_ids) != group.required:
        return f"upgrade {group.id} wants exactly {group.required} options"
    return ""


def option_price(option: UpgradeOption, party: Party) -> tuple[Decimal, int]:
    """The list price of one unit, and how many units the party takes of it. 0 is free here."""
    by_room = option.by_room
    if by_room is None:
        return option.price, 1 if option.per_order else party.persons
    if not party.rooms:
        # Without rooms nobody shares: adults pay the single entry.
        adults, kids = (1, 0) if option.per_order else (party.adults, party.kids)
        return times(by_room.single, adults) + times(by_room.kid, kids), 1
    if option.per_order:
        return by_room.per_person(party.rooms[0].persons), 1
    amount = ZERO
    for room in party.rooms:
        amount += times(by_room.per_person(room.persons), room.adults)
        amount += times(by_room.kid, room.kids)
    return amount, 1
