"""Stock counts once it is entered: one rule for what is counted, whichever business sells it."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from orderhub.core.basket_prices import BasketItem
from orderhub.core.catalogue import Product, Sellable, Variant
from orderhub.core.facts import Accepted
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.stock import is_counted, stock_loads
from tests.core.basket_builders import World, basket

RULE = [
    # product says, variant says, its own pool, the product's pool, counted
    (None,  None,  False, False, False),
    (None,  None,  True,  False, True),
    (None,  None,  False, True,  True),   # entered before there were variants
    (True,  None,  False, False, True),
    (False, None,  True,  True,  False),
    (None,  False, True,  True,  False),
    (None,  True,  False, False, True),
    (False, True,  False, False, True),
    (True,  False, True,  True,  False),
]  # fmt: skip


@pytest.mark.parametrize(("product", "variant", "own", "products", "counted"), RULE)
def test_an_item_is_counted_once_it_has_stock_unless_it_says_otherwise(
    product: bool | None, variant: bool | None, own: bool, products: bool, counted: bool
) -> None:
    sellable = Sellable(
        Product(id=5, stocked=product), Variant(id=6, product_id=5, stocked=variant)
    )
    pooled = [*(["variant:6"] if own else []), *(["product:5"] if products else [])]
    assert is_counted(sellable, pooled) is counted
    # What decides is loaded, and what is drawn on.
    needed = {load.subject for load in stock_loads(1, sellable)}
    assert set(pooled) <= needed or sellable.stocked is not None
    assert not counted or sellable.subject in needed


def hat(**more: object) -> World:
    world = World(
        Product(id=9, title="Hat", price=D(9), **more),
        Variant(id=91, product_id=9, title="Red"),
    )
    world.pools.clear()
    return world


HATS = ((9, 500), BasketItem(product_id=9, variant_id=91, quantity=500))


@pytest.mark.parametrize("item", HATS, ids=("product", "variant"))
def test_goods_that_nobody_counted_are_sold_without_an_end(item: object) -> None:
    decision = hat().decide(basket(item))
    assert isinstance(decision, Accepted)
    assert not decision.moves


@pytest.mark.parametrize("item", HATS, ids=("product", "variant"))
def test_the_first_pool_makes_an_end(item: object) -> None:
    subject = "variant:91" if isinstance(item, BasketItem) else "product:9"
    world = hat()
    world.pool("stock", subject, 12, "A")
    refused = world.decide(basket(item))
    assert isinstance(refused, Rejected)
    assert (refused.reason, refused.field) == (Reason.OUT_OF_STOCK, "lines[0].quantity")
    dozen = BasketItem(product_id=9, variant_id=91 if "variant" in subject else 0, quantity=12)
    sold = world.decide(basket(dozen))
    assert isinstance(sold, Accepted)
    assert [(m.key.subject, m.units, m.line_no) for m in sold.moves] == [(subject, 12, 1)]


def test_goods_that_say_so_are_not_counted_whatever_was_entered() -> None:
    world = hat(stocked=False)
    world.pool("stock", "product:9", 12, "A")
    decision = world.decide(basket((9, 500)))
    assert isinstance(decision, Accepted)
    assert not decision.moves
