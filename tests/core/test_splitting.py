"""The planner against a brute-force one that knows nothing of its short cuts."""

import time
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.core.splitting import (
    FEWEST_PARCELS,
    MANY_PLACES,
    MAX_WORK,
    NEAREST_FIRST,
    Parcel,
    Place,
    Plan,
    Ranking,
    Short,
    Want,
)
from orderhub.core.splitting import split as split_over
from tests.support.examples import examples


def split(places, wants, stock, *, country="", default="", **rest):
    return split_over(Ranking(places, country, default), wants, stock, **rest)


DEMO = (Place("G006", "CN"), Place("G007", "CN"), Place("US01", "US"))


def _ways(units, limits):
    """Every way to take `units` from places that hold at most `limits`."""
    if not limits:
        return [()] if units == 0 else []
    return [
        (take, *rest)
        for take in range(min(units, limits[0]) + 1)
        for rest in _ways(units - take, limits[1:])
    ]


def brute(places, wants, stock, country, default, strategy):
    """The best allocation by trying all of them: want index -> units by place, or None."""
    codes = sorted(place.code for place in places)
    near = {place.code for place in places if place.country == country}
    options = []
    for want in wants:
        held = stock.get(want.subject, {})
        limits = [held.get(c, 0) if want.pin in {"", c} else 0 for c in codes]
        options.append(_ways(want.units, limits))
    best = None
    for plan in product(*options):
        used = {}
        for want, row in zip(wants, plan, strict=True):
            for code, units in zip(codes, row, strict=True):
                used[want.subject, code] = used.get((want.subject, code), 0) + units
        if any(units > stock[subject].get(code, 0) for (subject, code), units in used.items()):
            continue
        totals = [sum(row[i] for row in plan) for i in range(len(codes))]
        cut = sum(1 for row in plan if sum(1 for units in row if units) > 1)
        parcels = sum(1 for units in totals if units)
        local = sum(u for u, c in zip(totals, codes, strict=True) if c in near)
        usual = sum(u for u, c in zip(totals, codes, strict=True) if c == default)
        wish = [cut, parcels, -local] if strategy == FEWEST_PARCELS else [cut, -local, parcels]
        key = (*wish, -usual, [-units for units in totals])
        if best is None or key < best[0]:
            best = (key, plan)
    return None if best is None else (codes, best[1])


def as_rows(plan, wants, codes):
    rows = [dict.fromkeys(codes, 0) for _ in wants]
    for parcel in plan.parcels:
        for index, units in parcel.units:
            rows[index][parcel.place] += units
    return tuple(tuple(row[code] for code in codes) for row in rows)


@st.composite
def cases(draw):
    count = draw(st.sampled_from([1, 2, 3, 4, 4, 4]))
    places = [Place(f"W{i}", draw(st.sampled_from(["US", "US", "CN"]))) for i in range(count)]
    places = draw(st.permutations(places))
    wants, stock = [], {}
    for i in range(draw(st.integers(1, 3))):
        subject = f"s{i}"
        stock[subject] = {
            place.code: draw(st.integers(0, 4)) for place in places if draw(st.booleans())
        }
        wants.append(Want(subject, draw(st.integers(1, 4))))
        if draw(st.integers(0, 5)) == 0:
            pin = draw(st.sampled_from([place.code for place in places]))
            wants.append(Want(subject, draw(st.integers(1, 2)), pin))
    return places, wants, stock


@examples(400, shrink=True)
@given(
    cases(),
    st.sampled_from(["US", "US", "CN", "DE"]),
    st.sampled_from(["", "W0", "W1", "W3"]),
    st.sampled_from([FEWEST_PARCELS, NEAREST_FIRST]),
)
def test_the_plan_is_exactly_the_best_one(case, country, default, strategy):
    places, wants, stock = case
    plan = split(places, wants, stock, country=country, default=default, strategy=strategy)
    # Pinned lines are served first by definition, so the brute-force planner gets what they leave.
    best = brute(places, wants, stock, country, default, strategy)
    if isinstance(plan, Short):
        assert best is None
        return
    assert best is not None
    codes, rows = best
    assert plan.exact
    assert as_rows(plan, wants, codes) == rows


@examples(100, shrink=True)
@given(st.data())
def test_of_many_places_the_plan_is_complete_however_it_was_found(data):
    places = [Place(f"W{i:02}", data.draw(st.sampled_from(["CN", "US"]))) for i in range(14)]
    most_work = data.draw(st.sampled_from([None, 0, 1, 20, 200]))
    wants, stock = [], {}
    for i in range(data.draw(st.integers(1, 8))):
        row = {place.code: data.draw(st.integers(0, 6)) for place in places}
        stock[f"s{i}"] = row
        wants.append(Want(f"s{i}", data.draw(st.integers(1, max(1, sum(row.values()))))))
    plan = split(places, wants, stock, country="US", default="W03", most_work=most_work)
    short = [i for i, w in enumerate(wants) if sum(stock[w.subject].values()) < w.units]
    if short:
        assert isinstance(plan, Short)
        assert plan.index == short[0]
        return
    assert isinstance(plan, Plan)
    for index, want in enumerate(wants):
        parts = [(p.place, u) for p in plan.parcels for i, u in p.units if i == index]
        assert sum(units for _, units in parts) == want.units
        assert all(0 < units <= stock[want.subject][place] for place, units in parts)
        if max(stock[want.subject].values()) >= want.units:
            assert len(parts) == 1


def worth(plan, wants, places, country, default):
    """What a plan is worth by the order of wishes, less is better."""
    near = {place.code for place in places if place.country == country}
    lines, shipped = {}, {}
    for parcel in plan.parcels:
        for index, units in parcel.units:
            lines[index] = lines.get(index, 0) + 1
            shipped[parcel.place] = shipped.get(parcel.place, 0) + units
    local = sum(units for code, units in shipped.items() if code in near)
    by_code = [-shipped.get(code, 0) for code in sorted(place.code for place in places)]
    cut = sum(parts > 1 for parts in lines.values())
    return [cut, len(plan.parcels), -local, -shipped.get(default, 0), *by_code]


def best_worth(places, wants, stock, country, default):
    """The worth of the best plan, by looking at every set of places: each line from the most preferred of a set."""
    ranked = sorted(places, key=lambda p: (p.country != country, p.code != default, p.code))
    best = None
    for mask in range(1, 1 << len(places)):
        chosen = [place.code for rank, place in enumerate(ranked) if mask >> rank & 1]
        parcels = {code: [] for code in chosen}
        for index, want in enumerate(wants):
            held = stock[want.subject]
            may_be_whole = max(held.values()) >= want.units
            whole = [code for code in chosen if held.get(code, 0) >= want.units]
            if whole:
                parcels[whole[0]].append((index, want.units))
                continue
            left = want.units
            for code in chosen:
                units = min(left, held.get(code, 0))
                if units:
                    parcels[code].append((index, units))
                    left -= units
            if may_be_whole or left:
                break
        else:
            used = tuple(Parcel(code, tuple(units)) for code, units in parcels.items() if units)
            found = worth(Plan(used), wants, places, country, default)
            best = found if best is None else min(best, found)
    return best


@examples(25)
@given(st.data())
def test_up_to_thirteen_places_the_plan_is_exactly_the_best_one(data):
    count = data.draw(st.integers(11, MANY_PLACES))
    places = [Place(f"W{i:02}", data.draw(st.sampled_from(["CN", "US"]))) for i in range(count)]
    wants, stock = [], {}
    for i in range(data.draw(st.integers(3, 7))):
        row = {place.code: data.draw(st.integers(0, 6)) for place in places}
        row[places[0].code] = max(row[places[0].code], 1)
        stock[f"s{i}"] = row
        wants.append(Want(f"s{i}", data.draw(st.integers(1, sum(row.values())))))
    plan = split(places, wants, stock, country="US", default="W03")
    assert isinstance(plan, Plan)
    assert plan.exact
    found = worth(plan, wants, places, "US", "W03")
    assert found == best_worth(places, wants, stock, "US", "W03")


def test_what_is_past_the_bound_on_work_is_marked_as_not_proven_best():
    places = [Place(f"W{i:02}") for i in range(30)]
    stock = {f"s{n}": {p.code: 1 for p in places[n:] + places[:n]} for n in range(10)}
    plan = split(places, [Want(subject, 15) for subject in stock], stock)
    assert isinstance(plan, Plan)
    assert not plan.exact
    assert sum(units for parcel in plan.parcels for _, units in parcel.units) == 150


TABLE = [
    # what is wanted, what is held, the best plan to the US with G007 the default place
    ("one place near the buyer", [Want("a", 1)], {"a": {"G007": 9, "US01": 9}}, {"US01": [(0, 1)]}),
    (
        "fewer parcels beat the buyer's country",
        [Want("a", 1), Want("b", 1)],
        {"a": {"G007": 9, "US01": 9}, "b": {"G007": 9}},
        {"G007": [(0, 1), (1, 1)]},
    ),
    (
        "a line no place holds whole is cut, most from the preferred place",
        [Want("a", 8)],
        {"a": {"G007": 5, "US01": 5}},
        {"US01": [(0, 5)], "G007": [(0, 3)]},
    ),
    (
        "a line that a far place holds whole is not cut",
        [Want("a", 5)],
        {"a": {"G007": 5, "US01": 4, "G006": 1}},
        {"G007": [(0, 5)]},
    ),
    (
        "the default place before code order",
        [Want("a", 1)],
        {"a": {"G006": 9, "G007": 9}},
        {"G007": [(0, 1)]},
    ),
    (
        "a pinned line stays where it is pinned, the other goes with it",
        [Want("a", 1, "G006"), Want("b", 1)],
        {"a": {"G006": 1, "US01": 9}, "b": {"G006": 1, "G007": 1, "US01": 1}},
        {"G006": [(0, 1), (1, 1)]},
    ),
    (
        "a pin takes its units before the rest is looked at",
        [Want("a", 3), Want("a", 2, "G007")],
        {"a": {"G007": 4, "G006": 3}},
        {"G006": [(0, 3)], "G007": [(1, 2)]},
    ),
]


@pytest.mark.parametrize(("title", "wants", "stock", "best"), TABLE, ids=[t[0] for t in TABLE])
def test_the_order_of_wishes(title, wants, stock, best):
    plan = split(DEMO, wants, stock, country="US", default="G007")
    assert isinstance(plan, Plan)
    assert {p.place: list(p.units) for p in plan.parcels} == best


FOUR = (Place("F", "CN"), Place("U0", "US"), Place("U1", "US"), Place("U2", "US"))


@pytest.mark.parametrize(
    ("strategy", "wants", "stock", "best"),
    [
        pytest.param(
            FEWEST_PARCELS,
            [Want("a", 1), Want("b", 1), Want("c", 1)],
            {"a": {"U0": 9, "U2": 9}, "b": {"U1": 9, "F": 9}, "c": {"U2": 9, "F": 9}},
            {"U1": [(1, 1)], "U2": [(0, 1), (2, 1)]},
            id="of two pairs that serve all, the one in the buyer's country",
        ),
        pytest.param(
            FEWEST_PARCELS,
            [Want("a", 12)],
            {"a": {"U0": 5, "U1": 5, "F": 8}},
            {"F": [(0, 7)], "U0": [(0, 5)]},
            id="a line is cut in two rather than in three",
        ),
        pytest.param(
            NEAREST_FIRST,
            [Want("a", 12)],
            {"a": {"U0": 5, "U1": 5, "F": 8}},
            {"F": [(0, 2)], "U0": [(0, 5)], "U1": [(0, 5)]},
            id="a line is cut in three to come from the buyer's country",
        ),
    ],
)
def test_the_order_of_wishes_among_more_places(strategy, wants, stock, best):
    plan = split(FOUR, wants, stock, country="US", strategy=strategy)
    assert isinstance(plan, Plan)
    assert {p.place: list(p.units) for p in plan.parcels} == best


def test_nearest_first_takes_a_second_parcel_to_ship_from_the_buyers_country():
    wants, stock = [Want("a", 1), Want("b", 1)], {"a": {"G007": 9, "US01": 9}, "b": {"G007": 9}}
    plan = split(DEMO, wants, stock, country="US", default="G007", strategy=NEAREST_FIRST)
    assert plan == Plan((Parcel("G007", ((1, 1),)), Parcel("US01", ((0, 1),))))


@pytest.mark.parametrize(
    ("wants", "stock", "short"),
    [
        ([Want("a", 11)], {"a": {"G007": 5, "US01": 5}}, Short(0, 10)),
        ([Want("a", 1), Want("b", 1)], {"a": {"G007": 5}}, Short(1, 0)),
        ([Want("a", 1, "G006")], {"a": {"G007": 5}}, Short(0, 0)),
        ([Want("a", 1, "XX")], {"a": {"XX": 5}}, Short(0, 0)),
        ([Want("a", 4), Want("a", 2, "G007")], {"a": {"G007": 5}}, Short(0, 3)),
    ],
)
def test_what_is_short_ends_the_plan(wants, stock, short):
    assert split(DEMO, wants, stock, country="US") == short


def test_twenty_lines_over_ten_places_stay_within_the_bound():
    # Each line needs exactly five places together and no set is better than another until the end.
    places = [Place(f"W{i}", "CN" if i % 2 else "US") for i in range(10)]
    stock = {f"s{n}": {f"W{i}": 10 + (i * 7 + n * 3) % 5 for i in range(10)} for n in range(20)}
    wants = [Want(f"s{n}", 58) for n in range(20)]
    started = time.perf_counter()
    plan = split(places, wants, stock, country="US", default="W7")
    took = time.perf_counter() - started
    assert isinstance(plan, Plan)
    assert plan.exact
    assert len(plan.parcels) == 5
    assert took < 0.5


def test_a_monstrous_order_gives_up_exactness_instead_of_time():
    places = [Place(f"W{i}") for i in range(10)]
    stock = {f"s{n}": {f"W{i}": 1 for i in range(10)} for n in range(4_000)}
    wants = [Want(f"s{n}", 5) for n in range(4_000)]
    started = time.perf_counter()
    plan = split(places, wants, stock)
    assert isinstance(plan, Plan)
    assert not plan.exact
    assert len(plan.parcels) == 5
    assert MAX_WORK <= 100_000
    assert time.perf_counter() - started < 5
