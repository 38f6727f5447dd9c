"""python -m bench planner: how long the split of one order over warehouses takes, with its bound on work.

The writer decides orders one after another, so this time is one that all others of a batch wait for.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from orderhub.core.splitting import MAX_WORK, Place, Plan, Want, split

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


def main() -> None:
    print(f"at most {MAX_WORK:,} questions asked of sets of places for one order")
    for name, (build, runs) in CASES.items():
        wants, stock = build()
        times = []
        plan: object = None
        for _ in range(runs):
            started = time.perf_counter()
            plan = split(_PLACES, wants, stock, country="US", default="W7")
            times.append(1000 * (time.perf_counter() - started))
        assert isinstance(plan, Plan)
        kind = "best" if plan.exact else "good"
        print(
            f"  {name:<30} {statistics.median(times):8.3f} ms median, {max(times):8.3f} ms longest, "
            f"{len(plan.parcels)} parcels, the {kind} plan"
        )


if __name__ == "__main__":
    main()
