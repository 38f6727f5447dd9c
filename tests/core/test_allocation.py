"""Stock is taken from one place where one holds enough, else from several."""

import pytest

from orderhub.core.allocation import allocate
from orderhub.core.facts import Facts, PoolLoad
from orderhub.core.values import Pool, PoolKey


def known(**places: int) -> Facts:
    found = Facts()
    found.learn_pools(
        PoolLoad(1, "stock", "product:9"),
        [Pool(PoolKey(1, "stock", "product:9", place), units) for place, units in places.items()],
    )
    return found


@pytest.mark.parametrize(
    ("places", "units", "first", "expected"),
    [
        ({"US01": 1}, 1, "", [("US01", 1)]),
        ({"B": 5, "A": 5}, 3, "", [("A", 3)]),
        ({"B": 5, "A": 5}, 3, "B", [("B", 3)]),
        ({"A": 2, "B": 5}, 3, "A", [("B", 3)]),
        ({"A": 2, "B": 5}, 6, "", [("B", 5), ("A", 1)]),
        ({"A": 2, "B": 5}, 6, "A", [("A", 2), ("B", 4)]),
        ({"A": 2, "B": 5}, 8, "", None),
        ({}, 1, "", None),
    ],
)
def test_units_come_from_as_few_places_as_can_give_them(places, units, first, expected):
    found = allocate(known(**places), 1, "product:9", units, {}, first)
    assert (found and [(key.place, part) for key, part in found]) == expected


def test_two_lines_of_one_order_never_take_the_same_unit():
    taken: dict[PoolKey, int] = {}
    stock = known(A=1, B=1)
    assert allocate(stock, 1, "product:9", 1, taken) is not None
    second = allocate(stock, 1, "product:9", 1, taken)
    assert second is not None
    assert second[0][0].place == "B"
    assert allocate(stock, 1, "product:9", 1, taken) is None
