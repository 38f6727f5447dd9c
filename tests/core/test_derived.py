"""What was worked out for one order serves another, and changes nothing of what is decided."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from orderhub.core import decide, derived
from orderhub.core.basket_prices import BasketItem
from orderhub.core.catalogue import Product, Variant
from orderhub.core.commands import PlaceOrder
from orderhub.core.commissions import Shop
from orderhub.core.coupons import Coupon, CouponChoice
from orderhub.core.derived import Derived
from orderhub.core.facts import Accepted, Facts, PoolLoad
from orderhub.core.memberships import User, UserGroup
from orderhub.core.quotes import Reseller
from orderhub.core.refusals import Rejected
from orderhub.core.rooms import Room
from orderhub.core.upgrades import UpgradeChoice
from orderhub.core.values import Pool, PoolKey
from tests.core import basket_builders as shop
from tests.core import tour_builders as tours
from tests.support.examples import examples

LATER = tours.DAY + timedelta(days=7)
BEFORE_THE_RATES = 3 * 86_400_000_000
SETTLED = Reseller(settlement="CNY", discount_ratio=D("0.9"))


@st.composite
def bookings(draw: st.DrawFn) -> PlaceOrder:
    room = st.builds(Room, adults=st.integers(1, 2), kids=st.integers(0, 1))
    rooms = draw(st.lists(room, min_size=1, max_size=2))
    persons = sum(room.persons for room in rooms)
    command = tours.command(
        owner=draw(st.sampled_from(["app", ""])),
        day=draw(st.sampled_from([tours.DAY, LATER])),
        pickup=draw(st.sampled_from(["", "harbour"])),
        rooms=tuple(rooms),
        upgrades=(UpgradeChoice(30100, (draw(st.sampled_from([30577, 30578])),)),),
        guests=tuple(tours.guest(mobile=draw(st.sampled_from(["1", "2"]))) for _ in range(persons)),
    )
    earlier = draw(st.sampled_from([0, BEFORE_THE_RATES]))
    origin = msgspec.structs.replace(
        command.origin, recorded_at=command.origin.recorded_at - earlier
    )
    return msgspec.structs.replace(command, origin=origin)


def known_of_tours() -> Facts:
    facts = tours.known(reseller=SETTLED)
    later = PoolKey(1, "seats", "product:7", LATER.isoformat())
    load = PoolLoad(1, later.kind, later.subject, later.place)
    facts.learn_pools(load, (Pool(key=later, opening=40),))
    return facts


def booked(facts: Facts, command: PlaceOrder) -> Accepted | Rejected:
    return decide.decide(command, facts, tours.ids())


@given(st.lists(bookings(), min_size=2, max_size=6))
@examples(200)
def test_a_booking_is_decided_alike_whatever_was_booked_before(commands: list[PlaceOrder]) -> None:
    warm = known_of_tours()
    for command in commands:
        assert booked(warm, command) == booked(known_of_tours(), command)


GOODS = (
    Product(id=1, title="Mug", price=D("9.99"), low_at=5),
    Product(id=2, title="Tee", price=D(20), seller_id=3, form_url="/form"),
    Product(id=3, title="Old", price=D(1), active=False),
)
VARIANTS = (Variant(id=1, product_id=2, code="TEE-M", price=D("20.5"), stocked=True),)
PEOPLE = (
    Shop(price_digits=2),
    UserGroup(id=1, title="Gold", price=D(50), discount=80),
    UserGroup(id=2, title="Plain", price=D(10)),
    User(id=7, group_id=1),
    User(id=1001, group_id=2, inviter_id=7),
)
COUPON = Coupon(id=5, code="TEN", title="Ten off", money=D(10))


@st.composite
def baskets(draw: st.DrawFn) -> PlaceOrder:
    item = st.builds(
        BasketItem,
        product_id=st.integers(1, 3),
        variant_id=st.integers(0, 1),
        quantity=st.integers(1, 3),
        data=st.sampled_from([{}, {"order_extra": {"engrave": "L I"}}]),
    )
    membership = draw(st.booleans())
    return shop.basket(
        *draw(st.lists(item, min_size=1, max_size=3)),
        user_id=draw(st.sampled_from([1000, 1001])),
        membership=membership,
        coupon=draw(st.sampled_from([None, CouponChoice(code="TEN")])),
    )


def sold(world: shop.World, command: PlaceOrder) -> Any:
    """What is decided, but for what numbers an order."""
    decision = world.decide(command)
    if isinstance(decision, Rejected):
        return decision
    order = decision.order
    draws = [(move.key, move.units, move.line_no) for move in decision.moves]
    return order.lines, order.total, order.doc, draws


def shop_world() -> shop.World:
    stock = {("variant:1", "A"): 1_000, ("product:1", "A"): 1_000}
    return shop.World(*GOODS, *VARIANTS, *PEOPLE, COUPON, stock=stock)


@given(st.lists(baskets(), min_size=2, max_size=6))
@examples(200)
def test_a_basket_is_priced_alike_whatever_was_bought_before(commands: list[PlaceOrder]) -> None:
    warm = shop_world()
    for command in commands:
        assert sold(warm, command) == sold(shop_world(), command)


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, derived.LARGEST)), max_size=400))
@examples(100)
def test_what_is_kept_has_a_bound(asked: list[tuple[int, int]]) -> None:
    kept = Derived()
    for name, weight in asked:
        kept.keep(name, object(), weight)
        assert 0 <= kept.weight <= derived.MOST
        assert len(kept.known) <= kept.weight


def test_long_names_of_callers_weigh_what_they_take() -> None:
    kept = Derived()
    for n in range(200):
        kept.keep(("serving", "US", f"{n}" * 20_000), object(), 1)
        kept.keep(("charged", (b"%d" % n) * 20_000), object(), 1)
    assert (
        sum(len(text) for _, *texts in kept.known for text in texts) <= derived.MOST * derived.LINE
    )


def asked_often(facts: Facts, work_out: Callable[[], object], weight: int) -> None:
    for _ in range(3):
        facts.derived(1, "what", work_out, weight)


def test_what_is_too_large_to_be_kept_is_worked_out_each_time() -> None:
    times: dict[int, int] = {}

    def work_out(weight: int) -> None:
        times[weight] = times.get(weight, 0) + 1

    for weight in (derived.LARGEST, derived.LARGEST + 1):
        asked_often(Facts(), lambda weight=weight: work_out(weight), weight)  # type: ignore[misc]
    assert times == {derived.LARGEST: 1, derived.LARGEST + 1: 3}
