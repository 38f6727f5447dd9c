"""Which places the units of a line are taken from, where the customer did not choose a place."""

from __future__ import annotations

from orderhub.core.facts import Facts
from orderhub.core.values import PoolKey


def allocate(
    facts: Facts,
    tenant_id: int,
    subject: str,
    units: int,
    taken: dict[PoolKey, int],
    first: str = "",
) -> list[tuple[PoolKey, int]] | None:
    """The stock pools that give `units` of `subject`, or None when all together hold fewer.

    One place that holds all of it comes before several: `first` (the default warehouse), then by
    name. Several are emptied from the fullest. `taken` is what earlier lines of the same order
    take; the answer is added to it.
    """
    free = []
    for pool in facts.pools(tenant_id, "stock", subject).values():
        left = pool.available - taken.get(pool.key, 0)
        if left > 0:
            free.append((pool.key, left))
    free.sort(key=lambda each: (each[0].place != first, each[0].place))
    whole = next((key for key, left in free if left >= units), None)
    if whole is not None:
        found = [(whole, units)]
    else:
        if sum(left for _, left in free) < units:
            return None
        found = []
        missing = units
        for key, left in sorted(free, key=lambda each: (each[0].place != first, -each[1])):
            part = min(left, missing)
            found.append((key, part))
            missing -= part
            if not missing:
                break
    for key, part in found:
        taken[key] = taken.get(key, 0) + part
    return found
