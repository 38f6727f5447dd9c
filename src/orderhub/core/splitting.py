"""Splitting goods over the places that hold them: all or nothing, the best by an order of wishes.

Fewest lines cut, fewest parcels, most units from the destination's country, most units from the
default place, then place code order. `nearest-first` puts the destination's country before the
number of parcels.

Why this can be exact and quick: once the set of places used is fixed, every line is best served on
its own (lines do not share stock), by the first of those places in order of preference. So only
sets of places are searched, the smallest first, and a line asks of a set only: do you serve me?
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import msgspec

FEWEST_PARCELS = "fewest-parcels"
NEAREST_FIRST = "nearest-first"

# Questions asked of sets of places, at most; past it the set is found step by step, and the plan says so. Of so many
# places to choose from there are 8,192 sets, which the bound nearly always allows; beyond, a search that will not end
# is given up sooner, since every order of the batch waits for it.
MANY_PLACES = 13
MAX_WORK = 100_000
MAX_WORK_BEYOND = 25_000


class Place(msgspec.Struct, frozen=True):
    """Somewhere that ships. `country` is ISO 3166-1 alpha-2."""

    code: str
    country: str = ""


class Want(msgspec.Struct, frozen=True):
    """One line: so many units of a subject, from one given place (`pin`) or from anywhere.

    Of each subject at most one want is without a pin.
    """

    subject: str
    units: int
    pin: str = ""


class Parcel(msgspec.Struct, frozen=True):
    """What one place ships: (index of the want, units), in the order of the wants."""

    place: str
    units: tuple[tuple[int, int], ...]


class Plan(msgspec.Struct, frozen=True):
    """Parcels by place code. `exact`: proven to be the best plan, not only a good one."""

    parcels: tuple[Parcel, ...]
    exact: bool = True


class Short(msgspec.Struct, frozen=True):
    """The first want that cannot be met, and how much of it there is."""

    index: int
    available: int


class Ranking:
    """Places as a destination prefers them. They are bits by rank: the lowest bit is the most preferred."""

    def __init__(self, places: Sequence[Place], country: str = "", default: str = "") -> None:
        ranked = sorted(
            places, key=lambda place: (place.country != country, place.code != default, place.code)
        )
        self.codes = [place.code for place in ranked]
        self.rank = {code: rank for rank, code in enumerate(self.codes)}
        self.by_code = sorted(range(len(self.codes)), key=self.codes.__getitem__)
        # So many first ranks lie in the destination's country.
        self.near = sum(1 for place in ranked if place.country == country)
        self.default = self.rank.get(default, -1)


def split(
    ranking: Ranking,
    wants: Sequence[Want],
    stock: Mapping[str, Mapping[str, int]],
    *,
    strategy: str = FEWEST_PARCELS,
    most_work: int | None = None,
) -> Plan | Short:
    """The best plan. `stock` is subject -> place code -> units; only the ranked places ship.

    most_work  questions asked at most; 0 = step by step at once. As a rule the module's own bound.
    """
    if wants and (strategy == FEWEST_PARCELS or len(wants) == 1):
        place = _one_place(ranking, wants, stock)
        if place is not None:
            whole = tuple([(index, want.units) for index, want in enumerate(wants)])
            return Plan((Parcel(place, whole),))
    task = _Task(ranking, most_work)
    short = task.take_in(wants, stock, nearest_first=strategy == NEAREST_FIRST)
    if short is not None:
        return short
    chosen, exact = task.choose()
    return Plan(task.parcels(chosen), exact)


def _one_place(
    ranking: Ranking, wants: Sequence[Want], stock: Mapping[str, Mapping[str, int]]
) -> str | None:
    """The most preferred place that ships everything, where nothing is pinned: no plan is better."""
    for want in wants:
        if want.pin:
            return None
    for code in ranking.codes:
        for want in wants:
            if stock.get(want.subject, _NOTHING).get(code, 0) < want.units:
                break
        else:
            return code
    return None


_NOTHING: dict[str, int] = {}


class _Cut(msgspec.Struct):
    """A line that no place holds whole: what each place has of it, by rank."""

    index: int
    units: int
    held: list[int]


class _Task:
    """One split being worked out."""

    def __init__(self, ranking: Ranking, most_work: int | None) -> None:
        self.codes, self.rank, self.by_code = ranking.codes, ranking.rank, ranking.by_code
        self.near, self.default = ranking.near, ranking.default
        self.pinned: list[tuple[int, int, int]] = []  # index, rank, units
        self.whole: list[tuple[int, int, int]] = []  # index, mask of who serves it whole, units
        self.cuts: list[_Cut] = []
        # What the chosen places must hold together: what each has, by rank, and how much it takes.
        self.needs: list[tuple[list[int], int]] = []
        self.forced = 0  # places that every plan uses
        self.work = 0
        self.most_work = most_work

    def take_in(
        self,
        wants: Sequence[Want],
        stock: Mapping[str, Mapping[str, int]],
        *,
        nearest_first: bool,
    ) -> Short | None:
        """Sort the lines into pinned, whole and cut ones; the first that cannot be met ends it."""
        pins: dict[tuple[str, str], int] = {}
        for want in wants:
            if want.pin:
                key = (want.subject, want.pin)
                pins[key] = pins.get(key, 0) + want.units
        near_mask = (1 << self.near) - 1
        for index, want in enumerate(wants):
            places = stock.get(want.subject, {})
            if want.pin:
                rank = self.rank.get(want.pin, -1)
                available = places.get(want.pin, 0) if rank >= 0 else 0
                if pins[want.subject, want.pin] > available:
                    return Short(index, available)
                self.pinned.append((index, rank, want.units))
                self.forced |= 1 << rank
                continue
            held = [places.get(code, 0) for code in self.codes]
            if pins:
                held = [
                    max(units - pins.get((want.subject, code), 0), 0)
                    for code, units in zip(self.codes, held, strict=True)
                ]
            available = sum(held)
            if available < want.units:
                return Short(index, available)
            mask = 0
            for rank, units in enumerate(held):
                if units >= want.units:
                    mask |= 1 << rank
            if mask:
                if nearest_first and mask & near_mask:
                    mask &= near_mask
                self.whole.append((index, mask, want.units))
                continue
            self.cuts.append(_Cut(index, want.units, held))
            self.needs.append((held, want.units))
            if nearest_first and self.near:
                near_held = held[: self.near] + [0] * (len(held) - self.near)
                self.needs.append((near_held, min(want.units, sum(near_held))))
        return None

    def choose(self) -> tuple[int, bool]:
        """The best set of places as a mask, and whether it is proven best."""
        if not self.cuts and not self.forced:
            common = -1
            for _, mask, _ in self.whole:
                common &= mask
            if common > 0:
                return common & -common, True  # one parcel, from the most preferred place
        masks = _minimal({mask for _, mask, _ in self.whole})
        self.forced |= self._must(masks)
        open_masks = [mask for mask in masks if not mask & self.forced]
        open_needs = []
        useful = 0
        for held, units in self.needs:
            rest = units - sum(held[rank] for rank in _bits(self.forced))
            if rest > 0:
                open_needs.append((held, rest))
                for rank, each in enumerate(held):
                    if each > 0:
                        useful |= 1 << rank
        if not open_masks and not open_needs:
            return self.forced, True
        return self._search(open_masks, open_needs, useful)

    def _search(
        self, open_masks: list[int], open_needs: list[tuple[list[int], int]], useful: int
    ) -> tuple[int, bool]:
        """The best set that also serves what the forced places leave open."""
        # The line with the least to spare says no soonest.
        open_needs.sort(key=lambda need: sum(need[0]) - need[1])
        for mask in open_masks:
            useful |= mask
        free = list(_bits(useful & ~self.forced))
        most_work = self.most_work
        if most_work is None:
            most_work = MAX_WORK if len(free) <= MANY_PLACES else MAX_WORK_BEYOND
        units_of: dict[int, int] = {}
        for _, mask, units in self.whole:
            units_of[mask] = units_of.get(mask, 0) + units
        for size in range(len(free) + 1):
            best: tuple[list[int], int] | None = None
            for extra in combinations(free, size):
                if self.work >= most_work:
                    greedy = self._greedy(open_masks, open_needs, free)
                    return (best[1] if best is not None else greedy), False
                if not self._serves(extra, open_masks, open_needs):
                    continue
                chosen = self.forced
                for rank in extra:
                    chosen |= 1 << rank
                score = self._score(chosen, units_of)
                if best is None or score > best[0]:
                    best = (score, chosen)
            if best is not None:
                return best[1], True
        raise AssertionError("all places together always serve what was not short")

    def parcels(self, chosen: int) -> tuple[Parcel, ...]:
        """What each place of the set ships: each line from the most preferred places that may."""
        shipped: dict[int, list[tuple[int, int]]] = {}
        for index, rank, units in self.pinned:
            shipped.setdefault(rank, []).append((index, units))
        for index, mask, units in self.whole:
            shipped.setdefault(_lowest(mask & chosen), []).append((index, units))
        for cut in self.cuts:
            for rank, units in _fill(cut, chosen):
                shipped.setdefault(rank, []).append((cut.index, units))
        return tuple(
            Parcel(self.codes[rank], tuple(sorted(shipped[rank])))
            for rank in self.by_code
            if rank in shipped
        )

    def _must(self, masks: list[int]) -> int:
        """Places without which some line cannot be served."""
        must = 0
        for mask in masks:
            if not mask & (mask - 1):
                must |= mask
        for held, units in self.needs:
            spare = sum(held) - units
            for rank, each in enumerate(held):
                if each > spare:
                    must |= 1 << rank
        return must

    def _serves(
        self, extra: tuple[int, ...], masks: list[int], needs: list[tuple[list[int], int]]
    ) -> bool:
        chosen = 0
        for rank in extra:
            chosen |= 1 << rank
        for mask in masks:
            self.work += 1
            if not mask & chosen:
                return False
        for held, units in needs:
            self.work += 1
            if sum([held[rank] for rank in extra]) < units:
                return False
        return True

    def _score(self, chosen: int, units_of: dict[int, int]) -> list[int]:
        """What the set is worth, more is better: units from near places, the default one, by code.

        Pinned lines are the same in every plan and stay out of it.
        """
        shipped = [0] * len(self.codes)
        for mask, units in units_of.items():
            shipped[_lowest(mask & chosen)] += units
        for cut in self.cuts:
            for rank, units in _fill(cut, chosen):
                shipped[rank] += units
        # Filling a cut line costs about as much as five questions.
        self.work += len(units_of) + 5 * len(self.cuts)
        near = sum(shipped[: self.near])
        default = shipped[self.default] if self.default >= 0 else 0
        return [near, default, *(shipped[rank] for rank in self.by_code)]

    def _greedy(self, masks: list[int], needs: list[tuple[list[int], int]], free: list[int]) -> int:
        """A small set that serves all lines: add the place that helps most, then drop spares."""
        chosen: list[int] = []
        rest = list(free)
        while not self._serves(tuple(chosen), masks, needs):
            have = sum(1 << rank for rank in chosen)
            unmet = [mask for mask in masks if not mask & have]
            lacking = [(held, units - sum(held[rank] for rank in chosen)) for held, units in needs]

            def gain(
                rank: int,
                unmet: list[int] = unmet,
                lacking: list[tuple[list[int], int]] = lacking,
            ) -> tuple[int, int, int]:
                lines = sum(1 for mask in unmet if mask >> rank & 1)
                lines += sum(1 for held, units in lacking if 0 < units <= held[rank])
                units = sum(min(held[rank], units) for held, units in lacking if units > 0)
                return (lines, units, -rank)

            best = max(rest, key=gain)
            rest.remove(best)
            chosen.append(best)
        for rank in sorted(chosen, reverse=True):
            fewer = tuple(each for each in chosen if each != rank)
            if self._serves(fewer, masks, needs):
                chosen.remove(rank)
        return self.forced | sum(1 << rank for rank in chosen)


def _minimal(masks: set[int]) -> list[int]:
    """The masks that contain no other one: whatever serves these serves all."""
    kept: list[int] = []
    for mask in sorted(masks, key=int.bit_count):
        if not any(mask & each == each for each in kept):
            kept.append(mask)
    return kept


def _bits(mask: int) -> Iterator[int]:
    while mask:
        yield _lowest(mask)
        mask &= mask - 1


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _fill(cut: _Cut, chosen: int) -> list[tuple[int, int]]:
    """All it can from the most preferred place, the rest from the next, and so on."""
    left = cut.units
    filled = []
    for rank in _bits(chosen):
        units = min(left, cut.held[rank])
        if units > 0:
            filled.append((rank, units))
            left -= units
            if not left:
                break
    assert not left, "the set of places was said to serve the line"
    return filled
