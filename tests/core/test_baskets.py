"""Given a shop, when a basket is ordered, then an order at its own prices, or one refusal."""

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from orderhub.core.address_book import SavedAddress
from orderhub.core.basket_prices import BasketItem
from orderhub.core.carts import CartItem, taken_for
from orderhub.core.catalogue import Product, Variant
from orderhub.core.commissions import Shop
from orderhub.core.coupons import Coupon, CouponChoice
from orderhub.core.facts import Accepted
from orderhub.core.memberships import User, UserGroup
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Address, LineKind, Settings
from tests.core.basket_builders import (
    NOON,
    World,
    amounts,
    basket,
    lines_add_up,
    placed,
    record,
)
from tests.support.examples import examples

SELLER_80 = Shop(seller_percent=80)
INVITED = User(id=1000, group_id=1, inviter_id=7)
INVITER = User(id=7, group_id=2, inviter_id=8, is_distributor=True)
GRAND = User(id=8, group_id=1, is_distributor=True)


def test_one_good_costs_its_price_and_its_seller_gets_his_percentage() -> None:
    order = placed(World(SELLER_80).decide(basket((188, 1))))
    assert amounts(order) == (D(99), D(99))
    assert order.doc.business.seller_id == 15
    assert order.doc.business.seller_amount == D("79.20")
    assert order.doc.notes == "Shirt"
    assert (order.currency, order.owner) == ("CNY", "1000")


# price, inviter's discount, quantity -> amount, origin amount; in cents, from the vendor's rules
@pytest.mark.parametrize(
    ("price", "discount", "quantity", "amount", "origin"),
    [
        (9999, 90, 3, 26997, 29997),
        (1, 90, 1, 0, 1),
        (9900, 0, 1, 9900, 9900),
        (9900, 100, 2, 19800, 19800),
        (199, 33, 10, 650, 1990),
    ],
)
def test_the_inviters_group_discount_is_truncated_per_unit(
    price: int, discount: int, quantity: int, amount: int, origin: int
) -> None:
    world = World(
        INVITED,
        INVITER,
        UserGroup(id=2, discount=discount),
        Product(id=5, title="Cup", price=D(price) / 100),
    )
    order = placed(world.decide(basket((5, quantity))))
    assert amounts(order) == (D(origin) / 100, D(amount) / 100)
    assert lines_add_up(order)


YEN = Product(id=5, title="Cup", price=D(1000), currency="JPY", seller_id=15)
YEN_TOO = Settings(name="shop", currency="CNY", currencies=("JPY",))


@pytest.mark.parametrize("terms", [{}, {"membership": True}])
def test_what_has_its_price_in_a_currency_that_is_not_accepted_is_not_sold(terms: dict) -> None:
    in_yen = UserGroup(id=5, price=D(1000), currency="JPY")
    refused = World(YEN, in_yen).decide(basket((5, 1), **terms))
    assert isinstance(refused, Rejected)
    assert (refused.reason, refused.field) == (Reason.CURRENCY_NOT_ENABLED, "lines[0].product")
    assert placed(World(YEN, in_yen, YEN_TOO).decide(basket((5, 1), **terms))).currency == "JPY"


def test_an_order_has_one_currency() -> None:
    refused = World(YEN, YEN_TOO).decide(basket((188, 1), (5, 1)))
    assert isinstance(refused, Rejected)
    assert (refused.reason, refused.field) == (Reason.CURRENCY_NOT_ENABLED, "lines[1].product")


def test_an_order_in_another_currency_than_that_of_balances_earns_nobody_anything() -> None:
    group = UserGroup(id=2, share_reward=10, parent_reward=5)
    world = World(SELLER_80, INVITED, INVITER, GRAND, group, YEN, YEN_TOO)
    business = placed(world.decide(basket((5, 1)))).doc.business
    assert (business.seller_id, business.share_user_id) == (15, 7)
    earned = (business.seller_amount, business.share_amount, business.share_parent_amount)
    assert earned == (0, 0, 0)


@pytest.mark.parametrize(
    ("ends_at", "amount"), [(NOON - 1, "99"), (NOON, "99"), (NOON + 1, "89.10")]
)
def test_nobody_gets_the_discount_of_a_membership_that_has_ended(ends_at: int, amount: str) -> None:
    inviter = replace(INVITER, expires_at=ends_at)
    world = World(INVITED, inviter, UserGroup(id=2, discount=90))
    assert placed(world.decide(basket((188, 1)))).total == D(amount)


# 100.00, of which 10 % go to the inviter, 5 % to his inviter, and 80 % of the rest to the seller
EARNINGS = [
    # shop, inviter, grand                                     share, parent, seller
    (SELLER_80, INVITER, GRAND, ("10", "5", "68"), (7, 8)),
    (SELLER_80, INVITER, User(id=8), ("10", "0", "72"), (7, 0)),
    # A membership that has ended pays nothing; one that is about to does.
    (SELLER_80, replace(INVITER, expires_at=NOON), GRAND, ("0", "0", "80"), (7, 0)),
    (SELLER_80, replace(INVITER, expires_at=NOON + 1), GRAND, ("10", "5", "68"), (7, 8)),
    (SELLER_80, User(id=7, group_id=2, inviter_id=8), GRAND, ("0", "0", "80"), (7, 0)),
    (
        Shop(seller_percent=80, everyone_distributes=True),
        User(id=7, group_id=2, inviter_id=8),
        User(id=8),
        ("10", "5", "68"),
        (7, 8),
    ),
]


@pytest.mark.parametrize(("shop", "inviter", "grand", "parts", "users"), EARNINGS)
def test_inviter_and_his_inviter_share_and_the_seller_gets_his_part_of_the_rest(
    shop: Shop, inviter: User, grand: User, parts: tuple[str, ...], users: tuple[int, int]
) -> None:
    world = World(
        shop,
        INVITED,
        inviter,
        grand,
        UserGroup(id=2, share_reward=10, parent_reward=5),
        Product(id=5, title="Cup", price=D(100), seller_id=15),
    )
    business = placed(world.decide(basket((5, 1)))).doc.business
    names = ("share_amount", "share_parent_amount", "seller_amount")
    assert tuple(getattr(business, name) for name in names) == tuple(map(D, parts))
    assert business.share_user_id == users[0]
    assert business.share_parent_user_id == users[1]


def test_a_distributor_earns_from_his_own_order_where_the_shop_allows_it() -> None:
    world = World(
        Shop(allow_self=True),
        User(id=1000, group_id=2, is_distributor=True),
        UserGroup(id=2, share_reward=10),
    )
    business = placed(world.decide(basket((188, 1)))).doc.business
    assert (business.share_user_id, business.share_amount) == (1000, D("9.90"))


def test_who_brought_the_buyer_is_named_even_when_nobody_earns() -> None:
    group = UserGroup(id=2, share_reward=0, parent_reward=5)
    buyer = User(id=1000, group_id=2, inviter_id=7, is_distributor=True)
    for shop in (Shop(allow_self=True), Shop()):
        order = placed(World(shop, buyer, INVITER, GRAND, group).decide(basket((188, 1))))
        kept = order.doc.business
        assert kept.share_user_id == 7
        assert (kept.share_amount, kept.share_parent_user_id, kept.share_parent_amount) == (0, 0, 0)


def test_shares_are_taken_from_what_the_coupon_leaves() -> None:
    world = World(SELLER_80, Coupon(id=1, code="TEN", money=D(9)))
    business = placed(world.decide(basket((188, 1), coupon=CouponChoice(code="TEN")))).doc.business
    assert business.seller_amount == D(72)


def test_a_sku_has_its_own_price_and_stock() -> None:
    world = World(
        Product(id=1, title="Jeans", price=D(70), stocked=True),
        Variant(id=3, product_id=1, code="J-S", price=D(50)),
        stock={("variant:3", "A"): 2},
    )
    item = BasketItem(product_id=1, variant_id=3, quantity=2, data={"sku_values": [{"id": 1}]})
    order = placed(world.decide(basket(item)))
    assert order.total == D(100)
    assert order.lines[0].sku == "J-S"
    assert order.lines[0].data == {"sku_values": [{"id": 1}]}
    assert world.available("stock", "variant:3", "A") == 0


def test_stock_comes_whole_from_one_place_before_it_comes_from_several() -> None:
    world = World(stock={("product:188", "A"): 2, ("product:188", "B"): 3})
    placed(world.decide(basket((188, 3))))
    assert world.available("stock", "product:188", "B") == 0
    placed(world.decide(basket((188, 2))))
    assert world.available("stock", "product:188", "A") == 0


def test_two_lines_never_use_the_same_last_unit() -> None:
    world = World(stock={("product:188", "A"): 3})
    refused = world.decide(basket((188, 2), (188, 2)))
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.OUT_OF_STOCK
    assert world.available("stock", "product:188", "A") == 3


def test_an_order_without_notes_is_called_after_its_first_good() -> None:
    world = World(Product(id=5, title="Cup", price=D(1)))
    assert placed(world.decide(basket((5, 1), (188, 1)))).doc.notes == "Cup..."
    assert placed(world.decide(basket((5, 1), notes="mine"))).doc.notes == "mine"


def test_a_new_address_is_kept_with_the_order() -> None:
    world = World()
    decision = world.decide(basket((188, 1), address={"recipient": "Wang", "city": "Z"}))
    order = placed(decision)
    assert isinstance(decision, Accepted)
    assert order.doc.ship_to == Address(id=501, recipient="Wang", city="Z")
    assert order.doc.business.address_id == 501
    assert [(r.kind, r.id, r.doc.user_id) for r in decision.records] == [("address", 501, 1000)]


STORED = SavedAddress(
    id=3,
    user_id=1000,
    address=Address(id=3, recipient="Li", city="X"),
    created_at=NOON,
    updated_at=NOON,
)


def test_a_stored_address_is_used_unchanged_or_with_what_is_given_over_it() -> None:
    world = World(STORED)
    plain = world.decide(basket((188, 1), address_id=3, address={}))
    assert placed(plain).doc.ship_to == STORED.address
    assert isinstance(plain, Accepted)
    assert plain.records == ()
    changed = world.decide(basket((188, 1), address_id=3, address={"city": "Y"}))
    assert placed(changed).doc.ship_to == Address(id=3, recipient="Li", city="Y")
    assert world.doc("address", 3).address.city == "Y"


def test_a_cart_is_ordered_and_emptied() -> None:
    rows = [
        CartItem(id=9, holder="user:1000", product_id=188, quantity=2, data={"sku_values": []}),
        CartItem(id=10, holder="token:x", product_id=5, quantity=1),
    ]
    world = World(*rows, Product(id=5, title="Cup", price=D(1)))
    holders = ("user:1000", "token:x")
    decision = world.decide(basket(cart_ids=(9, 10, 9), cart_holders=holders))
    order = placed(decision)
    assert [(line.product_id, line.quantity) for line in order.lines] == [(188, 2), (5, 1)]
    assert world.doc("cart_item", 9) is None
    again = world.decide(basket(cart_ids=(9,), cart_holders=holders))
    assert isinstance(again, Rejected)
    assert again.reason is Reason.RECORD_UNKNOWN


def test_what_is_bought_leaves_the_rows_named_beside_it_and_units_that_are_left_stay() -> None:
    rows = [
        CartItem(
            id=9,
            holder="user:1000",
            product_id=188,
            quantity=7,
            data={"order_extra": {"engrave": "L I"}},
        ),
        CartItem(id=10, holder="user:1000", product_id=5, quantity=1),
        CartItem(id=11, holder="user:1001", product_id=188, quantity=1),
        CartItem(id=12, holder="token:x", product_id=188, quantity=3),
    ]
    world = World(*rows)
    terms = {"cart_ids": (9, 10, 11, 12, 999), "cart_holders": ("user:1000", "token:x")}
    order = placed(world.decide(basket((188, 2), **terms)))
    assert [(line.product_id, line.quantity, line.data) for line in order.lines] == [
        (188, 2, {"order_extra": {"engrave": "L I"}})
    ]
    left = {row: world.doc("cart_item", row).quantity for row in (9, 10, 11, 12)}
    assert left == {9: 5, 10: 1, 11: 1, 12: 3}
    order = placed(world.decide(basket((188, 6), **terms)))
    assert order.lines[0].data == {"order_extra": {"engrave": "L I"}}
    assert world.doc("cart_item", 9) is None
    assert world.doc("cart_item", 12).quantity == 2


_UNITS = st.integers(1, 9)


@given(
    st.lists(st.tuples(st.sampled_from((1, 2)), _UNITS), max_size=4),
    st.lists(st.tuples(st.sampled_from((1, 2)), _UNITS), min_size=1, max_size=4),
)
@examples(200)
def test_a_cart_loses_exactly_what_is_bought_of_it(rows, wanted) -> None:
    stored = [
        record(CartItem(id=index, holder="user:1", product_id=product, quantity=units))
        for index, (product, units) in enumerate(rows, 1)
    ]
    items = [BasketItem(product_id=product, quantity=units) for product, units in wanted]
    taken = taken_for(items, stored, 5)
    assert [(each.product_id, each.quantity) for each in taken.items] == wanted
    touched = {row.id: row.doc.quantity for row in taken.left} | {
        row.id: 0 for row in taken.emptied
    }
    for product in (1, 2):
        had = sum(units for each, units in rows if each == product)
        asked = sum(units for each, units in wanted if each == product)
        has = sum(
            touched.get(row.id, row.doc.quantity) for row in stored if row.doc.product_id == product
        )
        assert has == max(0, had - asked)


def test_a_membership_is_priced_by_its_group_and_only_the_first_line_counts() -> None:
    world = World(SELLER_80, UserGroup(id=3, title="Gold", price=D(365)))
    order = placed(world.decide(basket((3, 2), (188, 1), membership=True, label="vip")))
    assert order.total == D(730)
    assert [line.kind for line in order.lines] == [LineKind.MEMBERSHIP]
    assert order.doc.notes == "Gold"
    assert order.doc.business.seller_id == 0


def test_a_guest_orders_only_where_the_shop_takes_guests() -> None:
    refused = World().decide(basket((188, 1), user_id=0))
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.ACCOUNT_UNKNOWN
    order = placed(World(Shop(guest_ordering=True)).decide(basket((188, 1), user_id=0)))
    assert order.total == D(99)


def test_a_guest_never_names_the_address_that_another_guest_left() -> None:
    left = SavedAddress(
        id=3,
        user_id=0,
        address=Address(id=3, recipient="Li", phone="138"),
        created_at=NOON,
        updated_at=NOON,
    )
    world = World(Shop(guest_ordering=True), left)
    refused = world.decide(basket((188, 1), user_id=0, address_id=3, address={}))
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.ADDRESS_UNKNOWN


def test_a_coupon_for_a_product_is_not_for_the_membership_of_the_same_number() -> None:
    world = World(
        UserGroup(id=188, title="Gold", price=D(365)),
        Coupon(id=1, code="TEN", money=D(10), products=(188,)),
    )
    choice = CouponChoice(code="TEN")
    refused = world.decide(basket((188, 1), membership=True, coupon=choice))
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.COUPON_NOT_VALID
    assert placed(world.decide(basket((188, 1), coupon=choice))).total == D(89)


def test_an_unpaid_order_is_closed_by_a_timer_where_the_tenant_says_so() -> None:
    decision = World(Settings(name="shop", auto_close_s=600)).decide(basket((188, 1)))
    assert isinstance(decision, Accepted)
    assert [(t.kind, t.due_at) for t in decision.timers] == [("auto_close", NOON + 600_000_000)]


SHOES = Product(id=6, title="Shoes", price=D(1), seller_id=16)
HIDDEN = Product(id=7, title="Hidden", price=D(1), active=False)
TOUR = Product(id=8, title="Tour", price=D(1), kind="tour")
OTHERS = CartItem(id=11, holder="user:1001", product_id=188)
FOREIGN = SavedAddress(id=4, user_id=1001, address=Address(id=4), created_at=NOON, updated_at=NOON)
# In the order in which they are tested; where it can, a row also breaks a rule further down.
REFUSALS = [
    (basket(user_id=5), Reason.ACCOUNT_UNKNOWN),
    (basket(cart_ids=(11,), cart_holders=("user:1000",)), Reason.RECORD_UNKNOWN),
    (basket(cart_ids=(999,), cart_holders=("user:1000",)), Reason.RECORD_UNKNOWN),
    (basket(cart_ids=(11, 999), cart_holders=("user:1001",)), Reason.RECORD_UNKNOWN),
    (basket(address_id=99), Reason.NOTHING_ORDERED),
    (basket(cart_ids=(11,), cart_holders=("user:1001",), membership=True), Reason.NOTHING_ORDERED),
    (basket((999, 1), address_id=4, address={}), Reason.ADDRESS_UNKNOWN),
    (basket((999, 1), address_id=99, address={}), Reason.ADDRESS_UNKNOWN),
    (basket((999, 1), (188, 1), (6, 1)), Reason.PRODUCT_UNKNOWN),
    (basket((8, 1)), Reason.PRODUCT_UNKNOWN),
    (basket((7, 1)), Reason.PRODUCT_INACTIVE),
    (basket((999, 1), membership=True), Reason.PRODUCT_UNKNOWN),
    (basket(BasketItem(product_id=188, variant_id=9)), Reason.VARIANT_UNKNOWN),
    (basket((188, 1), (6, 1), notes="x" * 251), Reason.SELLERS_DIFFER),
    (basket((188, 0)), Reason.QUANTITY_INVALID),
    (basket((188, 1000), notes="x" * 251), Reason.CONTACT_INVALID),
    (basket((188, 1000), label="x" * 21), Reason.CONTACT_INVALID),
    (basket((188, 1), address={"recipient": "x" * 65}), Reason.CONTACT_INVALID),
    (basket((188, 1000)), Reason.OUT_OF_STOCK),
    (basket((6, 3_000_000_000)), Reason.AMOUNT_OUT_OF_RANGE),
]


@pytest.mark.parametrize(("command", "reason"), REFUSALS)
def test_a_refusal_names_the_first_broken_rule(command: object, reason: Reason) -> None:
    decision = World(SHOES, HIDDEN, TOUR, OTHERS, FOREIGN).decide(command)
    assert isinstance(decision, Rejected)
    assert decision.reason is reason


def test_goods_of_the_house_go_with_any_seller() -> None:
    world = World(SELLER_80, Product(id=5, title="Cup", price=D(1)))
    assert placed(world.decide(basket((5, 1), (188, 1)))).doc.business.seller_id == 15


@given(
    st.lists(st.tuples(st.integers(0, 10**7), st.integers(1, 999)), min_size=1, max_size=6),
    st.integers(0, 120),
)
def test_lines_add_up_and_nobody_pays_more_than_the_list_price(
    lines: list[tuple[int, int]], discount: int
) -> None:
    goods = [
        Product(id=200 + n, title="x", price=D(price) / 100) for n, (price, _) in enumerate(lines)
    ]
    world = World(INVITED, INVITER, UserGroup(id=2, discount=discount), *goods)
    order = placed(world.decide(basket(*((200 + n, q) for n, (_, q) in enumerate(lines)))))
    origin, amount = amounts(order)
    assert lines_add_up(order)
    assert amount <= origin == sum(D(price * quantity) / 100 for price, quantity in lines)
