"""Random mixes of commands over the small world, for Hypothesis: many of them touch the same few things."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from orderhub.core.baskets import GoodsBasket
from orderhub.core.carts import CartItem, holder_of_user, keys_of
from orderhub.core.commands import (
    Action,
    AdjustPool,
    ChangeOrder,
    Command,
    Numbering,
    OrderName,
    PlaceOrder,
    RecordChange,
)
from orderhub.core.steps import Refund, Shipment, Units
from tests.support import world
from tests.support.world import BUYER

# 190 is not counted until stock of it is entered; 191 is nothing at all.
PRODUCTS = st.sampled_from((188, 188, 189, 190, 191))
HOLDER = holder_of_user(BUYER)
NUMBERINGS = st.sampled_from((Numbering.UID, Numbering.ID, Numbering.TIME4))


def _basket(product: int, quantity: int, numbering: Numbering) -> PlaceOrder:
    return world.basket((product, quantity), numbering=numbering)


def _cart_order(row: int) -> PlaceOrder:
    terms = GoodsBasket(user_id=BUYER, cart_ids=(row,), cart_holders=(HOLDER,))
    return PlaceOrder(origin=world.origin(), terms=terms)


def _cart_row(row: int, product: int, quantity: int) -> RecordChange:
    item = CartItem(id=row, holder=HOLDER, product_id=product, quantity=quantity)
    return RecordChange(kind="cart_item", id=row, doc=item, keys=keys_of(item))


def _adjust(product: int, units: int, place: str, is_count: bool) -> AdjustPool:
    said = {"by": 0, "count": abs(units)} if is_count else {"by": units}
    return world.adjust(subject=f"product:{product}", place=place, **said)


def _product(
    number: int, price: int, active: bool, gone: bool, stocked: bool | None
) -> RecordChange:
    more = {"active": active, "stocked": stocked}
    doc = None if gone else world.product(number, price=str(price), **more)
    return RecordChange(kind="product", id=number, doc=doc)


def _change(
    order_id: int,
    action: Action,
    if_version: int | None,
    vendor: Any,
    lines: Units,
) -> ChangeOrder:
    return ChangeOrder(
        origin=world.origin(),
        name=OrderName("id", str(order_id)),
        action=action,
        if_version=if_version,
        vendor=vendor,
        shipment=Shipment(lines=lines) if action is Action.SHIP_PART else None,
        refund=Refund(lines=lines) if action is Action.REFUND_PART else None,
    )


def _put(changes: list[RecordChange], unique: str, exists: int) -> Command:
    return world.put(
        *changes,
        unique=(("note", "code", unique),) if unique else (),
        exists=(("note", "id", str(exists)),) if exists else (),
    )


def _note(number: int, value: Any, code: str, version: int | None) -> RecordChange:
    # A free id is beyond all that are kept when ids are set aside, which a batch does less often. So a kind has ids
    # by hand or free ones here; users alone have both in earnest (see NUMBERED_BY_BOTH).
    return RecordChange(
        kind="note" if number else "remark",
        id=number,
        doc=value,
        code=code,
        if_version=version,
        keys=(("k", code),),
    )


NOTES = st.builds(
    _note,
    st.sampled_from((0, 1001, 1002)),  # 0 = the next free id
    st.none() | st.integers(0, 9),
    st.sampled_from(("", "A", "B")),
    st.sampled_from((None, None, 0, 1, 2)),
).filter(lambda change: change.id or change.doc is not None)

# What a step in part names. Without lines it says nothing, which is refused.
PARTS = st.one_of(
    st.dictionaries(st.sampled_from((1, 1, 2)), st.integers(1, 3), min_size=1), st.just({})
)

COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(_basket, PRODUCTS, st.integers(1, 4), NUMBERINGS),
    st.builds(_basket, PRODUCTS, st.integers(1, 4), NUMBERINGS),
    st.builds(_cart_order, st.integers(1, 2)),
    st.builds(
        lambda key, numbering: world.sale(natural_key=key, numbering=numbering),
        st.sampled_from(("", "r-1", "r-2")),
        NUMBERINGS,
    ),
    st.builds(
        _adjust,
        PRODUCTS,
        st.integers(-6, 6),
        st.sampled_from(("A", "A", "B", "C")),  # there is no C
        st.booleans(),
    ),
    st.builds(
        _change,
        st.sampled_from((1, 1, 2, 65, 66, 67)),  # 65: the first id of the next block
        st.sampled_from((Action.PAY, Action.AMEND, *Action)),
        st.sampled_from((None, None, None, 1, 2)),
        st.sampled_from((None, {"said": 1}, {"said": None})),
        PARTS,
    ),
    st.builds(
        world.put,
        st.builds(
            _product,
            st.sampled_from((188, 190)),
            st.integers(1, 9),
            st.booleans(),
            st.booleans(),
            st.sampled_from((None, None, True, False)),
        ),
    ),
    st.builds(
        world.put,
        st.builds(_cart_row, st.integers(1, 2), PRODUCTS, st.integers(1, 3)),
    ),
    st.builds(
        _put,
        st.lists(NOTES, min_size=1, max_size=2),
        st.sampled_from(("", "", "A")),
        st.sampled_from((0, 0, 1, 1001)),
    ),
    st.sampled_from(("freeze", "advance", "run", "real")).map(
        lambda action: world.clock(action, by_us=1_500_000)
    ),
    st.sampled_from((0, 60)).map(
        lambda seconds: world.settings(auto_close_s=seconds, auto_finish_s=9)
    ),
)


def mixes(most: int = 14) -> st.SearchStrategy[list[Command]]:
    """Commands that all arrive in one second, in the order in which they are listed."""
    return st.lists(COMMANDS, min_size=2, max_size=most).map(
        lambda commands: [_arriving(each, n) for n, each in enumerate(commands)]
    )


def _arriving(command: Command, n: int) -> Command:
    at = msgspec.structs.replace(command.origin, recorded_at=world.NOON + 70_000 * n)
    return msgspec.structs.replace(command, origin=at)
