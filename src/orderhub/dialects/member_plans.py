"""How the members of a request are read, worked out once: plain tuples, which cost little to go through."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from orderhub.dialects.members import Member, Reading

_NULL = 1_000_000


class AnyCase(NamedTuple):
    """Where any case will do: a spelling -> (the name that was declared, its rank: the lowest one sent counts).

    own  the declared names -> their ranks
    """

    own: dict[str, int]
    exact: dict[str, tuple[str, int]]
    lower: dict[str, tuple[str, int]]

    def named(self, holder: Mapping[str, Any]) -> Mapping[str, Any]:
        """What was sent, by the names that were declared."""
        if holder.keys() <= self.own.keys():
            return holder
        found: dict[str, Any] = {}
        ranks: dict[str, int] = {}
        for way, value in holder.items():
            if way in self.own:
                continue
            place = self.exact.get(way) or self.lower.get(way.lower())
            if place is None:
                continue
            name, rank = place
            # One that is null counts only where there is no other.
            rank += _NULL if value is None else 0
            best = ranks.get(name)
            if best is None:
                best = _NULL + _NULL
                if name in holder:
                    best = self.own[name] + (_NULL if holder[name] is None else 0)
            if rank < best:
                found[name], ranks[name] = value, rank
        return {**holder, **found} if found else holder


# Plain tuples, since unpacking them is what reading is made of.
# (attribute, its own name, its other spellings, the kind's check, its read, whether it is required, the words for one
# that is sent empty where that is not to be left out)
_Step = tuple[
    str,
    str,
    tuple[str, ...],
    Callable[[Any], Any] | None,
    Callable[[Any, str, "Reading"], Any],
    bool,
    str,
]
# (its first spelling, whether there is no more to it where that is not sent, the step)
_Steps = tuple[tuple[str, bool, _Step], ...]
# A spelling -> (attribute, below which length any text but blanks is as it is meant, the kind's check, its read,
# whether there are words for one that is sent empty)
_Plain = dict[
    str, tuple[str, int, Callable[[Any], Any] | None, Callable[[Any, str, "Reading"], Any], bool]
]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a model is read.

    steps     how each member is read, in the order in which faults are told
    plain     the same by what may be sent; where any case will do, by the names that were declared
    required  attributes that must be there
    groups    attributes of which one has to be there
    any_case  the names where any case will do
    names     all names, where no others are taken
    """

    steps: _Steps
    plain: _Plain
    required: frozenset[str]
    groups: tuple[tuple[str, ...], ...]
    any_case: AnyCase | None
    names: frozenset[str] | None


def plan_of(
    members: Sequence[Member],
    spelled: Callable[[str], tuple[str, ...]],
    groups: tuple[tuple[str, ...], ...],
    *,
    takes_any_case: bool,
    is_closed: bool,
) -> Plan:
    """The plan of a model with these members, groups of which one has to be there, in a vendor's spellings."""
    steps = []
    plain: _Plain = {}
    names: set[str] = set()
    any_case = AnyCase({}, {}, {}) if takes_any_case else None
    for each in members:
        first, *others = [way for name in each.names for way in spelled(name)]
        names |= {first, *others}
        if any_case is not None:
            for rank, way in enumerate((first, *others)):
                if way == each.name:
                    any_case.own[way] = rank
                any_case.exact.setdefault(way, (each.name, rank))
                any_case.lower.setdefault(way.lower(), (each.name, rank + len(others) + 1))
            first, others = each.name, []
        check, read = each.kind.check, each.kind.within or each.kind.read
        words = each.unless_empty
        step = each.attribute, each.name, tuple(others), check, read, each.required, words
        steps.append((first, not (others or each.required or words), step))
        seen = each.attribute, each.kind.plain_below, check, read, bool(words)
        plain.update(dict.fromkeys((first, *others), seen))
    return Plan(
        steps=tuple(steps),
        plain=plain,
        required=frozenset(each.attribute for each in members if each.required),
        groups=groups,
        any_case=any_case,
        names=frozenset(names) if is_closed else None,
    )
