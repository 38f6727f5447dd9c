"""Coupons: what one takes off a basket, when it is valid, and how often it may be redeemed.

Redemptions are pools of kind `coupon`: in all at `coupon:<id>`, per person at place `user:<id>` or
`guest:<digest>` of it, and of one claimed coupon at `coupon_claim:<id>`. Cancelling an order gives them back like
any draw. A code is typed in any case.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar

import msgspec

from orderhub.core.facts import Facts, PoolLoad, RecordKey
from orderhub.core.money import ZERO, minor_units
from orderhub.core.ranges import Rule
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.units import (
    MOST_CODE,
    Count,
    Instant,
    ItemId,
    Percent,
    Positive,
    Price,
    about,
)
from orderhub.core.values import Move, Pool, PoolKey

_NOT_DIGIT = re.compile(r"\D+")
_PHONE_DIGITS = 9  # country and trunk prefixes are written in too many ways to compare them
_TYPED = "typed"
HELD = "held"
Code = Annotated[
    str,
    msgspec.Meta(
        extra_json_schema={
            "pattern": r"^(\S(.*\S)?)?$",
            "format": "trimmed",
            "maxLength": MOST_CODE,
        }
    ),
]


class CouponKind(StrEnum):
    FIXED = "fixed"
    PERCENT = "percent"


class Coupon(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something off an order, typed, chosen or claimed by its buyer.

    Instants are microseconds since 1970 UTC of the tenant's time, 0 = unbounded.
    """

    id: ItemId
    code: Annotated[
        Code, about("what a buyer types, in any case; empty = it cannot be typed", "anqicms")
    ] = ""
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
    per_user: Annotated[
        Count,
        about(
            "redemptions per user, 0 = no limit; a guest is known by an e-mail or phone", "anqicms"
        ),
    ] = 0
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

    @property
    def states_amounts(self) -> bool:
        """Whether it names money, which is in the tenant's currency, and is no mere percentage."""
        return bool(self.kind is CouponKind.FIXED or self.max_money or self.min_amount)

    def is_for(self, product_id: int) -> bool:
        return not self.products or product_id in self.products

    def is_open(self, now_us: int) -> bool:
        return (
            self.active and self.starts_at <= now_us and (not self.ends_at or now_us < self.ends_at)
        )


def keys_of_coupon(coupon: Coupon) -> tuple[tuple[str, str], ...]:
    """What a buyer finds it by, however they write it."""
    code = _folded(coupon.code)
    return ((_TYPED, code),) if code else ()


def _folded(code: str) -> str:
    return code.strip().lower()


class CouponClaim(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon that a user took for later; good for one order."""

    id: int
    coupon_id: int
    user_id: int
    claimed_at: int  # microseconds, tenant's time


def keys_of_claim(claim: CouponClaim) -> tuple[tuple[str, str], ...]:
    """What a claim is found by: its user, and as the only one that they hold of its coupon."""
    return (("user", str(claim.user_id)), (HELD, held_name(claim.coupon_id, claim.user_id)))


def held_name(coupon_id: int, user_id: int) -> str:
    return f"{coupon_id}|{user_id}"


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


def coupon_loads(
    choice: CouponChoice, tenant_id: int, user_id: int, facts: Facts
) -> Iterable[RecordKey]:
    if choice.claim_id:
        key = RecordKey(tenant_id, "coupon_claim", "id", str(choice.claim_id))
        yield key
        claim = facts.doc(tenant_id, "coupon_claim", "id", choice.claim_id)
        if claim is not None:
            yield RecordKey(tenant_id, "coupon", "id", str(claim.coupon_id))
        return
    if choice.code:
        yield RecordKey(tenant_id, "coupon", "code", choice.code)
        yield RecordKey(tenant_id, "coupon", _TYPED, _folded(choice.code))
    elif choice.coupon_id:
        yield RecordKey(tenant_id, "coupon", "id", str(choice.coupon_id))
    coupon = _named(choice, tenant_id, facts)
    if coupon is not None and coupon.claimed:
        yield RecordKey(tenant_id, "coupon_claim", HELD, held_name(coupon.id, user_id))


def _named(choice: CouponChoice, tenant_id: int, facts: Facts) -> Coupon | None:
    """The coupon of a code or an id."""
    if not choice.code:
        by_id: Coupon | None = facts.doc(tenant_id, "coupon", "id", choice.coupon_id)
        return by_id
    # Of several that differ in their case alone, the one that was typed exactly.
    typed: Coupon | None = facts.doc(tenant_id, "coupon", "code", choice.code)
    return typed or facts.doc(tenant_id, "coupon", _TYPED, _folded(choice.code))


def find(choice: CouponChoice, tenant_id: int, user_id: int, facts: Facts) -> Redemption | Rejected:
    """The coupon that was named, with the claim of the user where it has to be claimed before."""
    claim: CouponClaim | None = None
    coupon: Coupon | None = None
    if choice.claim_id:
        claim = facts.doc(tenant_id, "coupon_claim", "id", choice.claim_id)
        if claim is not None and claim.user_id == user_id:
            coupon = facts.doc(tenant_id, "coupon", "id", claim.coupon_id)
        field = "coupon.claim"
    else:
        coupon = _named(choice, tenant_id, facts)
        field = "coupon.code" if choice.code else "coupon.id"
        if coupon is not None and coupon.claimed:
            claim = facts.doc(tenant_id, "coupon_claim", HELD, held_name(coupon.id, user_id))
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
    base = sum(amount for product_id, amount in amounts if coupon.is_for(product_id))
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


def person_of(user_id: int, contact: Mapping[str, str] | None = None) -> str:
    """Who redeems, as the place of a pool: a user, or a guest by the e-mail or phone given; empty = nobody knows.

    `contact` holds members of values.Address. What a guest gave is told by a digest alone.
    """
    if user_id:
        return f"user:{user_id}"
    given = contact or {}
    name = given.get("email", "").strip().lower()
    name = name or _NOT_DIGIT.sub("", given.get("phone", ""))[-_PHONE_DIGITS:]
    return f"guest:{hashlib.sha256(name.encode()).hexdigest()[:32]}" if name else ""


def redemption_pools(redemption: Redemption, tenant_id: int, person: str) -> Iterable[PoolLoad]:
    """The pools that a redemption draws on."""
    for key, _opening in _counts(redemption, tenant_id, person):
        yield PoolLoad(key.tenant_id, key.kind, key.subject, key.place)


def is_used_up(
    redemption: Redemption, tenant_id: int, person: str, pools: Mapping[PoolKey, Pool]
) -> bool:
    """Whether one more redemption would be refused, `pools` being those that there are."""
    for key, opening in _counts(redemption, tenant_id, person):
        pool = pools.get(key)
        if (pool.available if pool is not None else opening or 0) < 1:
            return True
    return False


def redeem(
    redemption: Redemption, tenant_id: int, person: str, order_id: int, facts: Facts
) -> tuple[tuple[Pool, ...], tuple[Move, ...]] | Rejected:
    """The pools opened and the draws made by one redemption, or the refusal when one is used up."""
    if redemption.coupon.per_user and not person:
        detail = "so many for each person: a guest gives an e-mail or a phone"
        return Rejected(Reason.COUPON_NOT_VALID, "coupon", detail)
    opened = []
    moves = []
    for key, opening in _counts(redemption, tenant_id, person):
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
    redemption: Redemption, tenant_id: int, person: str
) -> Iterable[tuple[PoolKey, int | None]]:
    """Pools with what they open with at the first redemption; None = they must be there."""
    coupon, claim = redemption.coupon, redemption.claim
    subject = f"coupon:{coupon.id}"
    if coupon.limited:
        yield PoolKey(tenant_id, "coupon", subject), None
    if coupon.per_user and person:
        yield PoolKey(tenant_id, "coupon", subject, person), coupon.per_user
    if claim is not None:
        yield PoolKey(tenant_id, "coupon", claim_subject(claim.id)), 1
