"""What follows when a basket's order moves: stock back once, balances, commissions, memberships."""

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.core.catalogue import Product
from orderhub.core.commands import Action
from orderhub.core.commissions import Shop
from orderhub.core.coupons import Coupon, CouponChoice, CouponClaim, CouponKind
from orderhub.core.facts import Accepted
from orderhub.core.memberships import User, UserGroup
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.steps import Payment, Refund
from orderhub.core.values import LineKind, Order, PoolKey, Settings, Status
from tests.core.basket_builders import (
    NOON,
    World,
    amounts,
    basket,
    change,
    lines_add_up,
    placed,
    record,
    units,
)
from tests.support.examples import examples

DAY = 86_400_000_000
BALANCE = {"payment": Payment(way="balance")}


def world_with_earners(**shop: object) -> World:
    return World(
        Shop(seller_percent=80, **shop),
        User(id=1000, group_id=1, inviter_id=7),
        User(id=7, group_id=2, is_distributor=True, total_reward=D(1)),
        User(id=15, group_id=1),
        UserGroup(id=2, share_reward=10),
    )


def moved(world: World, order: Order, *actions: Action) -> Order:
    for action in actions:
        order = placed(world.decide(change(order, action)))
    return order


# --- stock and life


@pytest.mark.parametrize(
    "path",
    [
        (Action.CANCEL,),
        (Action.PAY, Action.REFUND),
        (Action.PAY, Action.SHIP, Action.REQUEST_REFUND, Action.REFUND),
        (Action.PAY, Action.SHIP, Action.COMPLETE, Action.REQUEST_REFUND, Action.REFUND),
    ],
)
def test_stock_comes_back_once_at_the_end_of_an_order_and_never_again(
    path: tuple[Action, ...],
) -> None:
    world = World()
    order = placed(world.decide(basket((188, 4))))
    moved(world, order, *path)
    assert world.available("stock", "product:188", "A") == 100
    for action in Action:
        again = world.decide(change(order, action))
        assert isinstance(again, Rejected) or not again.moves
    assert world.available("stock", "product:188", "A") == 100


# --- payments


def test_a_balance_pays_and_gets_its_money_back() -> None:
    world = World()
    world.pool("balance", "user:1000", 100_000_000)
    order = placed(world.decide(basket((188, 1))))
    paid = placed(world.decide(change(order, Action.PAY, **BALANCE)))
    assert paid.status is Status.PAID
    assert paid.doc.business.payment_number == "202311142213200501"
    assert world.available("balance", "user:1000") == 1_000_000
    moved(world, paid, Action.REFUND)
    assert world.available("balance", "user:1000") == 100_000_000


def test_a_balance_that_is_too_low_pays_nothing() -> None:
    world = World()
    world.pool("balance", "user:1000", 98_999_999)
    order = placed(world.decide(basket((188, 1))))
    refused = world.decide(change(order, Action.PAY, **BALANCE))
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.BALANCE_TOO_LOW


def test_a_balance_pays_nothing_in_another_currency() -> None:
    yen = Product(id=5, title="Cup", price=D(10), currency="JPY")
    world = World(yen, Settings(name="shop", currency="CNY", currencies=("JPY",)))
    world.pool("balance", "user:1000", 100_000_000)
    order = placed(world.decide(basket((5, 1))))
    refused = world.decide(change(order, Action.PAY, **BALANCE))
    assert isinstance(refused, Rejected)
    assert (refused.reason, refused.field) == (Reason.CURRENCY_NOT_ENABLED, "payment")
    assert world.available("balance", "user:1000") == 100_000_000
    assert placed(world.decide(change(order, Action.PAY))).status is Status.PAID


def test_a_payment_begun_keeps_its_number_until_it_is_made() -> None:
    world = World()
    order = placed(world.decide(basket((188, 1))))
    begun = placed(world.decide(change(order, Action.AMEND, payment=Payment(way="card"))))
    assert begun.status is Status.PENDING
    number = begun.doc.business.payment_number
    paid = placed(world.decide(change(order, Action.PAY, payment=Payment(way="card"))))
    assert paid.doc.business.payment_number == number
    assert [payment.way for payment in paid.doc.payments] == ["card", "card"]
    late = world.decide(change(order, Action.AMEND, payment=Payment(way="card")))
    assert isinstance(late, Rejected)
    assert late.reason is Reason.TRANSITION_NOT_ALLOWED


def test_of_a_payment_that_is_begun_again_and_again_each_way_is_kept_once() -> None:
    world = World()
    order = placed(world.decide(basket((188, 1))))
    for way in ("card", "bank", "card", "card"):
        order = placed(world.decide(change(order, Action.AMEND, payment=Payment(way=way))))
    assert [payment.way for payment in order.doc.payments] == ["bank", "card"]


@pytest.mark.parametrize("way", ["balance", "card"])
def test_in_the_name_of_one_who_is_locked_out_nothing_is_paid_nor_begun(way: str) -> None:
    world = World()
    world.pool("balance", "user:1000", 100_000_000)
    order = placed(world.decide(basket((188, 1))))
    locked = record(User(id=1000, group_id=1, status=-1))
    world.known.apply(Accepted(records=(locked,)))
    action = Action.PAY if way == "balance" else Action.AMEND
    refused = world.decide(change(order, action, payment=Payment(way=way)))
    assert isinstance(refused, Rejected)
    assert (refused.reason, refused.field) == (Reason.ACCOUNT_UNKNOWN, "owner")
    # What the shop was paid by other ways, it may note.
    assert placed(world.decide(change(order, Action.PAY))).status is Status.PAID


# --- commissions


def test_commissions_are_paid_once_when_the_order_completes() -> None:
    world = world_with_earners()
    order = placed(world.decide(basket((188, 1))))
    shipped = moved(world, order, Action.PAY, Action.SHIP)
    assert world.available("balance", "user:7") == 0
    decision = world.decide(change(shipped, Action.COMPLETE))
    assert isinstance(decision, Accepted)
    assert world.available("balance", "user:7") == 9_900_000
    assert world.available("balance", "user:15") == 71_280_000  # 80 % of 99.00 - 9.90
    assert world.doc("user", 7).total_reward == D("10.90")
    roles = {r.doc.role: r.doc.amount for r in decision.records if r.kind == "commission"}
    assert roles == {"seller": D("71.28"), "share": D("9.90")}
    assert isinstance(world.decide(change(shipped, Action.COMPLETE)), Rejected)
    assert world.available("balance", "user:7") == 9_900_000


def test_one_who_earns_twice_from_an_order_gets_one_sum() -> None:
    world = World(
        Shop(seller_percent=80),
        User(id=1000, inviter_id=15),
        User(id=15, group_id=2, is_distributor=True),
        UserGroup(id=2, share_reward=10),
    )
    world.pool("balance", "user:15", 5)
    order = placed(world.decide(basket((188, 1))))
    moved(world, order, Action.PAY, Action.SHIP, Action.COMPLETE)
    assert world.available("balance", "user:15") == 5 + 81_180_000


def test_a_shop_that_ships_nothing_completes_an_order_when_it_is_paid() -> None:
    world = world_with_earners(complete_on_payment=True)
    order = placed(world.decide(basket((188, 1))))
    decision = world.decide(change(order, Action.PAY))
    assert isinstance(decision, Accepted)
    assert decision.order.status is Status.COMPLETED
    assert [(e.kind, e.version) for e in decision.events] == [("paid", 2), ("completed", 3)]
    assert world.available("balance", "user:7") == 9_900_000


# --- memberships


@pytest.mark.parametrize(
    ("expires", "groups", "days", "start"),
    [
        (0, True, 30, NOON),
        (NOON - DAY, True, 30, NOON),
        (NOON + DAY, True, 30, NOON + DAY),
    ],
)
def test_a_paid_membership_completes_and_is_extended_by_one_period(
    expires: int, groups: bool, days: int, start: int
) -> None:
    world = World(
        User(id=1000, group_id=1, expires_at=expires),
        UserGroup(id=3, title="Gold", price=D(365), expire_days=30),
    )
    order = placed(world.decide(basket((3, 5), membership=True)))
    done = moved(world, order, Action.PAY)
    assert done.status is Status.COMPLETED
    user = world.doc("user", 1000)
    assert (user.group_id, user.expires_at) == (3, start + days * DAY)


# --- coupons

FIXED = Coupon(id=1, code="TEN", title="Ten", money=D(10))


@pytest.mark.parametrize(
    ("coupon", "amount"),
    [
        (FIXED, "188"),
        (Coupon(id=1, code="TEN", money=D(1000)), "0"),
        (Coupon(id=1, code="TEN", kind=CouponKind.PERCENT, percent=85), "168.30"),
        (Coupon(id=1, code="TEN", kind=CouponKind.PERCENT, percent=85, max_money=D(5)), "193"),
        (Coupon(id=1, code="TEN", money=D(10), products=(188,)), "188"),
        (Coupon(id=1, code="TEN", money=D(10), min_amount=D(198)), "188"),
    ],
)
def test_a_coupon_takes_off_what_it_says(coupon: Coupon, amount: str) -> None:
    world = World(coupon)
    order = placed(world.decide(basket((188, 2), coupon=CouponChoice(code="TEN"))))
    assert amounts(order) == (D(198), D(amount))
    assert lines_add_up(order)
    assert order.lines[-1].kind is LineKind.DISCOUNT


def test_a_percentage_is_truncated_to_the_cent() -> None:
    world = World(Coupon(id=1, code="TEN", kind=CouponKind.PERCENT, percent=67))
    order = placed(world.decide(basket((188, 1), coupon=CouponChoice(code="TEN"))))
    assert order.total == D("66.33")  # 33 % of 99.00 is 32.67


@pytest.mark.parametrize(
    ("coupon", "choice", "reason"),
    [
        (FIXED, CouponChoice(code="NONE"), Reason.COUPON_UNKNOWN),
        (FIXED, CouponChoice(coupon_id=9), Reason.COUPON_UNKNOWN),
        (FIXED, CouponChoice(claim_id=9, code="TEN"), Reason.COUPON_UNKNOWN),
        (FIXED, CouponChoice(claim_id=6, code="TEN"), Reason.COUPON_UNKNOWN),
        (Coupon(id=1, code="TEN", claimed=True), CouponChoice(code="TEN"), Reason.COUPON_NOT_VALID),
        (Coupon(id=1, code="TEN", starts_at=NOON + 1), None, Reason.COUPON_NOT_VALID),
        (Coupon(id=1, code="TEN", ends_at=NOON), None, Reason.COUPON_NOT_VALID),
        (Coupon(id=1, code="TEN", active=False), None, Reason.COUPON_NOT_VALID),
        (Coupon(id=1, code="TEN", min_amount=D("99.01")), None, Reason.COUPON_NOT_VALID),
        (Coupon(id=1, code="TEN", products=(5,)), None, Reason.COUPON_NOT_VALID),
        (Coupon(id=1, code="TEN", money=D(10), limited=True), None, Reason.COUPON_USED_UP),
    ],
)
def test_a_coupon_that_does_not_hold_refuses_the_order(
    coupon: Coupon, choice: CouponChoice | None, reason: Reason
) -> None:
    claim = CouponClaim(id=6, coupon_id=1, user_id=1001, claimed_at=NOON)
    world = World(coupon, claim)
    refused = world.decide(basket((188, 1), coupon=choice or CouponChoice(code="TEN")))
    assert isinstance(refused, Rejected)
    assert refused.reason is reason
    assert world.available("stock", "product:188", "A") == 100


@pytest.mark.parametrize(
    ("coupon", "holds"),
    [
        (FIXED, False),
        (Coupon(id=1, code="TEN", kind=CouponKind.PERCENT, percent=90), True),
        (Coupon(id=1, code="TEN", kind=CouponKind.PERCENT, percent=90, max_money=D(5)), False),
        (Coupon(id=1, code="TEN", kind=CouponKind.PERCENT, percent=90, min_amount=D(5)), False),
    ],
)
def test_amounts_of_coupons_are_in_the_tenants_currency(coupon: Coupon, holds: bool) -> None:
    yen = Product(id=5, title="Cup", price=D(1000), currency="JPY")
    world = World(yen, coupon, Settings(name="shop", currency="CNY", currencies=("JPY",)))
    decision = world.decide(basket((5, 1), coupon=CouponChoice(code="TEN")))
    if holds:
        assert placed(decision).total == D(900)
        return
    assert isinstance(decision, Rejected)
    assert decision.reason is Reason.COUPON_NOT_VALID


def test_redemptions_are_counted_in_all_per_user_and_per_claim_and_given_back_on_cancel() -> None:
    coupon = Coupon(id=1, code="TEN", money=D(10), limited=True, per_user=2)
    claim = CouponClaim(id=6, coupon_id=1, user_id=1000, claimed_at=NOON)
    world = World(coupon, claim)
    world.pool("coupon", "coupon:1", 3)
    claimed = basket((188, 1), coupon=CouponChoice(claim_id=6, code="NONE"))
    first = placed(world.decide(claimed))
    assert first.doc.business.coupon_claim_id == 6
    again = world.decide(claimed)
    assert isinstance(again, Rejected)
    assert again.reason is Reason.COUPON_USED_UP
    typed = basket((188, 1), coupon=CouponChoice(code="TEN"))
    placed(world.decide(typed))
    assert isinstance(world.decide(typed), Rejected)
    assert world.available("coupon", "coupon:1") == 1
    moved(world, first, Action.CANCEL)
    assert world.available("coupon", "coupon:1") == 2
    placed(world.decide(claimed))
    assert isinstance(world.decide(typed), Rejected)


@pytest.mark.parametrize("choice", [CouponChoice(code="TEN"), CouponChoice(coupon_id=1)])
def test_a_coupon_that_has_to_be_claimed_is_redeemed_by_code_and_id_once_for_each_claim(
    choice: CouponChoice,
) -> None:
    coupon = Coupon(id=1, code="TEN", money=D(10), claimed=True)
    world = World(coupon, CouponClaim(id=6, coupon_id=1, user_id=1000, claimed_at=NOON))
    order = placed(world.decide(basket((188, 1), coupon=choice)))
    assert (order.total, order.doc.business.coupon_claim_id) == (D(89), 6)
    again = world.decide(basket((188, 1), coupon=choice))
    assert isinstance(again, Rejected)
    assert again.reason is Reason.COUPON_USED_UP


def test_a_free_order_needs_no_balance() -> None:
    world = World(Coupon(id=1, code="TEN", money=D(1000)))
    order = placed(world.decide(basket((188, 1), coupon=CouponChoice(code="TEN"))))
    decision = world.decide(change(order, Action.PAY, **BALANCE))
    assert isinstance(decision, Accepted)
    assert units(decision.moves, "draw") == 0


# --- figures follow refunds


def world_with_a_generous_inviter() -> World:
    """One who brings buyers gets 33 %, the seller 80 % of the rest."""
    return World(
        Shop(seller_percent=80),
        User(id=1000, group_id=1, inviter_id=7),
        User(id=7, group_id=3, is_distributor=True),
        User(id=15, group_id=1),
        UserGroup(id=3, share_reward=33),
    )


def refund(world: World, order: Order, **refund: object) -> Order:
    return placed(world.decide(change(order, Action.REFUND_PART, refund=Refund(**refund))))


def credited(world: World) -> tuple[D, D]:
    """What the inviter and the seller have."""
    held = (world.available("balance", f"user:{user}") for user in (7, 15))
    inviter, seller = (D(units) / 1_000_000 for units in held)
    return inviter, seller


@pytest.mark.parametrize(
    ("given_back", "inviter", "seller"),
    [
        ({"amount": D(197)}, "0.33", "0.53"),  # one yuan of 198 is kept
        ({"lines": {1: 1}}, "32.67", "53.06"),  # one shirt of two
    ],
)
def test_shares_are_worked_out_of_what_was_kept(
    given_back: dict[str, object], inviter: str, seller: str
) -> None:
    world = world_with_a_generous_inviter()
    order = moved(world, placed(world.decide(basket((188, 2)))), Action.PAY)
    moved(world, refund(world, order, **given_back), Action.SHIP, Action.COMPLETE)
    assert credited(world) == (D(inviter), D(seller))


STEPS = st.lists(
    st.one_of(
        st.sampled_from((Refund(lines={1: 1}), Refund(lines={1: 2}))),
        st.integers(1, 29_700).map(lambda fen: Refund(amount=D(fen) / 100)),
    ),
    max_size=6,
)


@examples(150, shrink=True)
@given(st.lists(st.integers(0, 100), min_size=3, max_size=3), STEPS, STEPS)
def test_nobody_is_credited_more_than_a_share_of_what_was_kept(
    percents: list[int], before: list[Refund], after: list[Refund]
) -> None:
    share, parent, seller = percents
    world = World(
        Shop(seller_percent=seller),
        User(id=1000, inviter_id=7),
        User(id=7, group_id=3, inviter_id=8, is_distributor=True),
        User(id=8, is_distributor=True),
        User(id=15),
        UserGroup(id=3, share_reward=share, parent_reward=parent),
    )
    order = moved(world, placed(world.decide(basket((188, 3)))), Action.PAY, Action.SHIP)
    for steps, ends in ((before, True), (after, False)):
        for step in steps:
            decision = world.decide(change(order, Action.REFUND_PART, refund=step))
            order = order if isinstance(decision, Rejected) else decision.order
        if ends and order.status is not Status.REFUNDED:
            order = moved(world, order, Action.COMPLETE)
        kept = order.paid - order.refunded
        held = [D(world.available("balance", f"user:{user}")) / 1_000_000 for user in (7, 8, 15)]
        assert held[0] <= kept * share / 100
        assert held[1] <= kept * parent / 100
        assert sum(held) <= kept
        rewards = [world.doc("user", user) for user in (7, 8, 15)]
        assert held == [D(0) if user is None else user.total_reward for user in rewards]
        if order.status is Status.REFUNDED:
            assert held == [0, 0, 0]
            break


def test_a_refund_after_completion_takes_back_what_was_earned_from_it() -> None:
    world = world_with_a_generous_inviter()
    order = moved(
        world, placed(world.decide(basket((188, 2)))), Action.PAY, Action.SHIP, Action.COMPLETE
    )
    assert credited(world) == (D("65.34"), D("106.12"))
    order = refund(world, order, amount=D(99))
    assert credited(world) == (D("32.67"), D("53.06"))
    whole = world.decide(change(order, Action.REFUND))
    assert isinstance(whole, Accepted)
    assert credited(world) == (0, 0)
    assert world.doc("user", 7).total_reward == 0
    taken = {r.doc.role: r.doc.amount for r in whole.records if r.kind == "commission"}
    assert taken == {"share": D("-32.67"), "seller": D("-53.06")}


def test_what_the_earner_has_spent_is_noted_and_the_buyer_gets_his_money_all_the_same() -> None:
    world = world_with_a_generous_inviter()
    order = moved(
        world, placed(world.decide(basket((188, 2)))), Action.PAY, Action.SHIP, Action.COMPLETE
    )
    spent = world.known.pool(PoolKey(1, "balance", "user:7"))
    assert spent is not None
    spent.drawn += 60_000_000
    refunded = placed(world.decide(change(order, Action.REFUND)))
    assert refunded.refunded == refunded.paid
    assert credited(world) == (0, 0)
    assert refunded.doc.business.commissions_owed == {7: D(60)}
