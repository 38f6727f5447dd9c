"""Coupons: what one takes off a basket, when it is valid, and how often it may be redeemed.

Redemptions are pools of kind `coupon`: in all at `coupon:<id>`, per user at place `user:<id>` of
it, and of one claimed coupon at `coupon_claim:<id>`. Cancelling an order gives them back like any
draw.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar

import msgspec

from orderhub.core.facts import Facts, PoolLoad, RecordKey
from orderhub.core.money import ZERO, minor_units
from orderhub.core.ranges import Rule
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.units import Count, Instant, ItemId, Percent, Positive, Price, about
from orderhub.core.values import Move, Pool, PoolKey


class CouponKind(StrEnum):
    FIXED = "fixed"
    PERCENT = "percent"


class Coupon(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something off an order, typed, chosen or claimed by its buyer.

    Instants are microseconds since 1970 UTC of the tenant's time, 0 = unbounded.
    """

    id: ItemId
    code: Annotated[str, about("what a buyer types; empty = it cannot be typed", "anqicms")] = ""
    title: Annotated[str, about("what it is called", "anqicms")] = ""
    kind: Annotated[CouponKind, about("what it takes off: an amount, or a share", "anqicms")] = (
        CouponKind.FIXED
    )
    money: Annotated[Price, about("`fixed`: the amount taken off", "anqicms")] = ZERO
    percent: Annotated[
        Percent, about("`percent`: what is still paid, 90 = ninety percent", "anqicms")
    ] = 100
    max_money: Annotated[
        Price, about("`percent`: at most this is taken off, 0 = no cap", "anqicms")
    ] = ZERO
    min_amount: Annotated[Price, about("what the goods that it is for must come to", "anqicms")] = (
        ZERO
    )
    starts_at: Annotated[Instant, about("from when it holds, none = always", "anqicms")] = 0
    ends_at: Annotated[Instant, about("until when it holds, none = for ever", "anqicms")] = 0
    limited: Annotated[
        bool, about("whether the pool `coupon:<id>` counts its redemptions in all", "anqicms")
    ] = False
    per_user: Annotated[Count, about("redemptions per user, 0 = no limit", "anqicms")] = 0
    products: Annotated[
        tuple[Positive, ...], about("ids of the products that it is for, none = all", "anqicms")
    ] = ()
    claimed: Annotated[bool, about("whether it is claimed before it is used", "anqicms")] = False
    active: Annotated[bool, about("whether it holds at all", "anqicms")] = True
    data: Annotated[dict[str, Any], about("kept; no door reads it")] = {}

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "money",
            "is above 0: a fixed coupon takes something off",
            lambda coupon: coupon.kind is not CouponKind.FIXED or coupon.money > 0,
        ),
        Rule(
            "percent",
            "is below 100: a coupon takes something off",
            lambda coupon: coupon.kind is not CouponKind.PERCENT or coupon.percent < 100,
        ),
        Rule(
            "ends_at",
            "is after starts_at",
            lambda coupon: not coupon.ends_at or coupon.ends_at > coupon.starts_at,
        ),
    )

    def is_open(self, now_us: int) -> bool:
        return (
            self.active and self.starts_at <= now_us and (not self.ends_at or now_us < self.ends_at)
        )


class CouponClaim(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon that a user took for later; good for one order."""

    id: int
    coupon_id: int
    user_id: int
    claimed_at: int  # microseconds, tenant's time


def claim_subject(claim_id: int) -> str:
    """The name of the pool that counts a claim's one use; it is opened by that use."""
    return f"coupon_claim:{claim_id}"


RECORDS: dict[str, type] = {"coupon": Coupon, "coupon_claim": CouponClaim}


class CouponChoice(msgspec.Struct, frozen=True, kw_only=True):
    """How a buyer names the one coupon of an order: a claim before a typed code before an id."""

    claim_id: int = 0
    code: str = ""
    coupon_id: int = 0


class Redemption(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon that holds for this order, with the claim it was named by."""

    coupon: Coupon
    claim: CouponClaim | None = None


def coupon_loads(choice: CouponChoice, tenant_id: int, facts: Facts) -> Iterable[RecordKey]:
    if choice.claim_id:
        key = RecordKey(tenant_id, "coupon_claim", "id", str(choice.claim_id))
        yield key
        claim = facts.doc(tenant_id, "coupon_claim", "id", choice.claim_id)
        if claim is not None:
            yield RecordKey(tenant_id, "coupon", "id", str(claim.coupon_id))
    elif choice.code:
        yield RecordKey(tenant_id, "coupon", "code", choice.code)
    elif choice.coupon_id:
        yield RecordKey(tenant_id, "coupon", "id", str(choice.coupon_id))


def find(choice: CouponChoice, tenant_id: int, user_id: int, facts: Facts) -> Redemption | Rejected:
    """The coupon that was named, whoever it is valid for."""
    claim: CouponClaim | None = None
    coupon: Coupon | None = None
    if choice.claim_id:
        claim = facts.doc(tenant_id, "coupon_claim", "id", choice.claim_id)
        if claim is not None and claim.user_id == user_id:
            coupon = facts.doc(tenant_id, "coupon", "id", claim.coupon_id)
        field = "coupon.claim"
    elif choice.code:
        coupon = facts.doc(tenant_id, "coupon", "code", choice.code)
        field = "coupon.code"
    else:
        coupon = facts.doc(tenant_id, "coupon", "id", choice.coupon_id)
        field = "coupon.id"
    if coupon is None:
        return Rejected(Reason.COUPON_UNKNOWN, field, "no such coupon")
    if coupon.claimed and claim is None:
        return Rejected(Reason.COUPON_NOT_VALID, field, "the coupon must be claimed first")
    return Redemption(coupon=coupon, claim=claim)


def discount(
    coupon: Coupon, amounts: Iterable[tuple[int, int]], now_us: int, digits: int
) -> int | Rejected:
    """What the coupon takes off, in minor units: never more than the goods it is for come to.

    `amounts` holds (product id, minor units) per line. A percentage of their sum is truncated.
    """
    base = sum(
        amount
        for product_id, amount in amounts
        if not coupon.products or product_id in coupon.products
    )
    if not coupon.is_open(now_us):
        return Rejected(Reason.COUPON_NOT_VALID, "coupon", "the coupon is not valid now")
    if base < minor_units(coupon.min_amount, digits):
        return Rejected(
            Reason.COUPON_NOT_VALID, "coupon", "the order is below the coupon's minimum"
        )
    if coupon.products and not base:
        return Rejected(Reason.COUPON_NOT_VALID, "coupon", "the coupon is not for these goods")
    if min(coupon.money, coupon.max_money, coupon.min_amount) < 0:
        return Rejected(Reason.COUPON_NOT_VALID, "coupon", "the coupon takes less than nothing off")
    if coupon.kind is CouponKind.FIXED:
        return min(base, minor_units(coupon.money, digits))
    off = base * (100 - min(100, max(0, coupon.percent))) // 100
    cap = minor_units(coupon.max_money, digits)
    return min(off, cap) if cap else off


def redemption_pools(redemption: Redemption, tenant_id: int, user_id: int) -> Iterable[PoolLoad]:
    """The pools that a redemption draws on."""
    for key, _opening in _counts(redemption, tenant_id, user_id):
        yield PoolLoad(key.tenant_id, key.kind, key.subject, key.place)


def is_used_up(
    redemption: Redemption, tenant_id: int, user_id: int, pools: Mapping[PoolKey, Pool]
) -> bool:
    """Whether one more redemption would be refused, `pools` being those that there are."""
    for key, opening in _counts(redemption, tenant_id, user_id):
        pool = pools.get(key)
        if (pool.available if pool is not None else opening or 0) < 1:
            return True
    return False


def redeem(
    redemption: Redemption, tenant_id: int, user_id: int, order_id: int, facts: Facts
) -> tuple[tuple[Pool, ...], tuple[Move, ...]] | Rejected:
    """The pools opened and the draws made by one redemption, or the refusal when one is used up."""
    opened = []
    moves = []
    for key, opening in _counts(redemption, tenant_id, user_id):
        pool = facts.pool(key)
        if pool is None and opening is not None:
            pool = Pool(key=key, opening=opening)
            opened.append(pool)
            moves.append(Move(key, "opening", opening, reason="redemptions allowed"))
        if pool is None or pool.available < 1:
            return Rejected(Reason.COUPON_USED_UP, "coupon", f"no redemption left at {key.subject}")
        moves.append(Move(key, "draw", 1, order_id))
    return tuple(opened), tuple(moves)


def _counts(
    redemption: Redemption, tenant_id: int, user_id: int
) -> Iterable[tuple[PoolKey, int | None]]:
    """Pools with what they open with at the first redemption; None = they must be there."""
    coupon, claim = redemption.coupon, redemption.claim
    subject = f"coupon:{coupon.id}"
    if coupon.limited:
        yield PoolKey(tenant_id, "coupon", subject), None
    if coupon.per_user:
        yield PoolKey(tenant_id, "coupon", subject, f"user:{user_id}"), coupon.per_user
    if claim is not None:
        yield PoolKey(tenant_id, "coupon", claim_subject(claim.id)), 1
