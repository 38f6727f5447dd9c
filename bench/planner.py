"""python -m bench planner: how long the split of one order over warehouses takes, with its bound on work.

The writer decides orders one after another, so this time is one that all others of a batch wait for.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator

from orderhub.core.splitting import (
    MANY_PLACES,
    MAX_WORK,
    MAX_WORK_BEYOND,
    Place,
    Plan,
    Ranking,
    Want,
    split,
)

_RUNS = 200
_PLACES = [Place(f"W{i}", "CN" if i % 2 else "US") for i in range(10)]

Task = tuple[list[Want], dict[str, dict[str, int]]]


def _whole() -> Task:
    """20 lines, each held whole by three of the ten places, no two by the same three."""
    stock = {
        f"s{n}": {f"W{(n + step * (1 + n // 10)) % 10}": 100 for step in range(3)}
        for n in range(20)
    }
    return [Want(subject, 1) for subject in stock], stock


def _cut() -> Task:
    """20 lines that no place holds whole and every five places hold together: the longest search."""
    stock = {f"s{n}": {f"W{i}": 10 + (i * 7 + n * 3) % 5 for i in range(10)} for n in range(20)}
    return [Want(subject, 58) for subject in stock], stock


def _small() -> Task:
    """Three lines in two places, as the create benchmark sends them."""
    stock = {"a": {"W1": 9, "W3": 9}, "b": {"W0": 9}, "c": {"W1": 9}}
    return [Want(subject, 1) for subject in stock], stock


def _beyond() -> Task:
    """4,000 lines to be cut: past the bound, where a good plan is taken instead of the best."""
    stock = {f"s{n}": {place.code: 1 for place in _PLACES} for n in range(4_000)}
    return [Want(subject, 5) for subject in stock], stock


CASES: dict[str, tuple[Callable[[], Task], int]] = {
    "3 lines, 2 places": (_small, _RUNS),
    "20 lines, 10 places, whole": (_whole, _RUNS),
    "20 lines, 10 places, all cut": (_cut, _RUNS // 4),
    "4,000 lines, 10 places, cut": (_beyond, 3),
}


SIZES = ((11, 8), (13, 8), (13, 20), (13, 60), (16, 8), (16, 60), (20, 8), (20, 20), (30, 20))
_ORDERS = 60


def _random_orders(count: int, lines: int) -> Iterator[tuple[list[Place], Task]]:
    """Orders over so many places, each of which has half of the lines; half of the lines may have to be cut."""
    chance = random.Random(1_000 * count + lines)
    for _ in range(_ORDERS):
        places = [Place(f"W{i:02}", chance.choice(["CN", "US", "DE"])) for i in range(count)]
        wants, stock = [], {}
        for line in range(lines):
            held = {place.code: chance.randint(1, 9) for place in places if chance.random() < 0.5}
            held = held or {places[0].code: 5}
            most = max(held.values()) + (9 if chance.random() < 0.5 else 0)
            stock[f"s{line}"] = held
            wants.append(Want(f"s{line}", chance.randint(1, min(sum(held.values()), most))))
        yield places, (wants, stock)


def _measured(count: int, lines: int, most_work: int | None) -> tuple[int, int, float, float]:
    """Of the random orders: plans that are proven best, parcels, and the mean and the longest time in ms."""
    exact = parcels = 0
    times = []
    for places, (wants, stock) in _random_orders(count, lines):
        started = time.perf_counter()
        plan = split(Ranking(places, "US", "W01"), wants, stock, most_work=most_work)
        times.append(1000 * (time.perf_counter() - started))
        assert isinstance(plan, Plan)
        exact += plan.exact
        parcels += len(plan.parcels)
    return exact, parcels, statistics.mean(times), max(times)


def _table() -> None:
    """Step by step beside what the bound on work allows."""
    print(f"{_ORDERS} random orders each: exact, parcels, mean and longest time")
    for count, lines in SIZES:
        steps, now = _measured(count, lines, 0), _measured(count, lines, None)
        print(
            f"  {count:>2} places x {lines:>2} lines   step by step {steps[0]:>2}, {steps[1]:>3}   "
            f"now {now[0]:>2}, {now[1]:>3}, {now[2]:5.1f} ms, {now[3]:5.1f} ms"
        )


def main() -> None:
    print(
        f"at most {MAX_WORK:,} questions asked of sets of places for one order, {MAX_WORK_BEYOND:,} "
        f"where there are more than {MANY_PLACES} to choose from"
    )
    for name, (build, runs) in CASES.items():
        wants, stock = build()
        times = []
        plan: object = None
        for _ in range(runs):
            started = time.perf_counter()
            plan = split(Ranking(_PLACES, "US", "W7"), wants, stock)
            times.append(1000 * (time.perf_counter() - started))
        assert isinstance(plan, Plan)
        kind = "best" if plan.exact else "good"
        print(
            f"  {name:<30} {statistics.median(times):8.3f} ms median, {max(times):8.3f} ms longest, "
            f"{len(plan.parcels)} parcels, the {kind} plan"
        )
    _table()


if __name__ == "__main__":
    main()
