"""Which goods are counted: stock counts once it is entered, through every channel, unless the item says otherwise."""

from __future__ import annotations

from collections.abc import Container, Iterator

from orderhub.core.catalogue import Sellable
from orderhub.core.facts import Facts, PoolLoad


def subjects_of(sellable: Sellable) -> tuple[str, ...]:
    """The subjects whose `stock` pools decide whether it is counted; none when its item has decided.

    What was entered for a product before it was sold by variant still says that it is counted.
    """
    if sellable.stocked is not None:
        return ()
    return tuple(dict.fromkeys((sellable.subject, sellable.product.subject)))


def is_counted(sellable: Sellable, pooled: Container[str]) -> bool:
    """Whether units of it are drawn from stock. `pooled`: the subjects that have any `stock` pool."""
    if sellable.stocked is not None:
        return sellable.stocked
    return any(subject in pooled for subject in subjects_of(sellable))


def is_counted_now(facts: Facts, tenant_id: int, sellable: Sellable) -> bool:
    """The same for a decision, which has loaded what `stock_loads` names."""
    pooled = [each for each in subjects_of(sellable) if facts.pools(tenant_id, "stock", each)]
    return is_counted(sellable, pooled)


def stock_loads(tenant_id: int, sellable: Sellable) -> Iterator[PoolLoad]:
    """The pools, wherever they lie, that an order of it must know and may draw on."""
    if sellable.stocked is not False:
        for subject in dict.fromkeys((sellable.subject, *subjects_of(sellable))):
            yield PoolLoad(tenant_id, "stock", subject)
