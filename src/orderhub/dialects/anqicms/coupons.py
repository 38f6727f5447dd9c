"""Coupons a user may claim, and those of his that hold for an amount and a product."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from orderhub.core import coupons as core
from orderhub.core.commands import PutRecords, RecordChange
from orderhub.core.coupons import Coupon, CouponClaim, CouponKind, Redemption
from orderhub.core.facts import Record
from orderhub.core.queries import Reads, RecordQuery, RecordSort
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.anqicms import wire, words
from orderhub.dialects.anqicms.access import Visitor, login_required, look, not_anonymous
from orderhub.dialects.anqicms.goods import docs_by_id
from orderhub.dialects.anqicms.mapping import fen, seconds
from orderhub.dialects.contract import Answer, Call, CommandRejected

_MOST = 1_000
_DIGITS = 2
_MONEY_TYPES = {CouponKind.FIXED: 0, CouponKind.PERCENT: 1}


async def valid(call: Call, visitor: Visitor) -> Answer:
    """The caller's claims that hold for an order of `amount` and, when named, for `archive_id`."""
    not_anonymous(visitor)
    asked = wire.QUERY.read(wire.Coupons, call.query)
    amount, archive_id = asked.amount, asked.archive_id
    settings = await call.hub.settings(visitor.tenant_id)
    now = settings.clock.at(call.received_at)
    tenant = visitor.tenant_id
    query = RecordQuery(
        tenant_id=tenant,
        kind="coupon_claim",
        by="user",
        values=(str(visitor.user_id),),
        sort=RecordSort.NEWEST,
        limit=_MOST,
    )

    def ask(reads: Reads) -> list[dict[str, Any]]:
        claims: list[CouponClaim] = [record.doc for record in reads.records(query)]
        found: dict[int, Coupon] = docs_by_id(
            reads, tenant, "coupon", {claim.coupon_id for claim in claims}
        )
        product = reads.record(tenant, "product", "id", archive_id) if archive_id else None
        currency = "" if product is None else product.doc.currency
        if currency and currency != settings.currency:
            found = {number: each for number, each in found.items() if not each.states_amounts}
        held = [
            Redemption(coupon=found[claim.coupon_id], claim=claim)
            for claim in claims
            if claim.coupon_id in found and _holds(found[claim.coupon_id], amount, archive_id, now)
        ]
        return _left(reads, tenant, visitor.user_id, held)

    shown = await look(call, visitor, ask)
    return words.listed(shown, len(shown))


def _left(reads: Reads, tenant: int, user_id: int, held: list[Redemption]) -> list[dict[str, Any]]:
    """Those that `create` would still redeem: a claim, its user and its coupon all have a limit."""
    person = core.person_of(user_id)
    needs = [need for each in held for need in core.redemption_pools(each, tenant, person)]
    if not needs:
        return []
    subjects = tuple(dict.fromkeys(need.subject for need in needs))
    places = tuple(dict.fromkeys(need.place or "" for need in needs))
    pools = {pool.key: pool for pool in reads.pools(tenant, "coupon", subjects, places)}
    return [
        _shown(each.claim, each.coupon)
        for each in held
        if each.claim is not None and not core.is_used_up(each, tenant, person, pools)
    ]


def _holds(coupon: Coupon, amount: int | None, archive_id: int, now: int) -> bool:
    if archive_id and not coupon.is_for(archive_id):
        return False
    if amount is None:
        return coupon.is_open(now)
    # Without a product the whole amount counts as what the coupon is for.
    product_id = archive_id or (coupon.products[0] if coupon.products else 0)
    return not isinstance(core.discount(coupon, ((product_id, amount),), now, _DIGITS), Rejected)


def _shown(claim: CouponClaim, coupon: Coupon) -> dict[str, Any]:
    """`id` is what `coupon_code_id` wants. Money is in currency units, a percentage as itself."""
    fixed = coupon.kind is CouponKind.FIXED
    return {
        "id": claim.id,
        "title": coupon.title,
        "coupon_id": coupon.id,
        "code": coupon.code,
        "start_time": seconds(coupon.starts_at),
        "end_time": seconds(coupon.ends_at),
        "user_id": claim.user_id,
        "money": _units(coupon.money) if fixed else coupon.percent,
        "max_money": _units(coupon.max_money),
        "min_amount": fen(coupon.min_amount),
        "get_time": seconds(claim.claimed_at),
        "use_time": 0,
        "order_id": 0,
        "money_type": _MONEY_TYPES[coupon.kind],
    }


def _units(money: Decimal) -> Decimal:
    return Decimal(fen(money)) / 100


async def claim(call: Call, visitor: Visitor) -> Answer:
    """Takes a coupon for later. A user holds one claim of a coupon at most."""
    not_anonymous(visitor)
    if not visitor.user_id:
        raise login_required()
    coupon_id = wire.read(wire.RowId, call).id
    settings = await call.hub.settings(visitor.tenant_id)
    now = settings.clock.at(call.received_at)
    record: Record | None = await look(
        call, visitor, lambda reads: reads.record(visitor.tenant_id, "coupon", "id", coupon_id)
    )
    if record is None:
        raise CommandRejected(
            Rejected(Reason.COUPON_UNKNOWN, "coupon.id", f"no coupon {coupon_id}")
        )
    if not record.doc.is_open(now):
        raise CommandRejected(Rejected(Reason.COUPON_NOT_VALID, "coupon.id", "not valid now"))
    claimed = CouponClaim(id=0, coupon_id=coupon_id, user_id=visitor.user_id, claimed_at=now)
    change = RecordChange(kind="coupon_claim", doc=claimed, keys=core.keys_of_claim(claimed))
    command = PutRecords(
        origin=call.origin(visitor.caller, call.body),
        changes=(change,),
        unique=(("coupon_claim", core.HELD, core.held_name(coupon_id, visitor.user_id)),),
    )
    sentence = words.say(call, "claimed")
    return await call.respond(
        command,
        lambda _accepted: words.done(sentence),
        lambda rejected: (
            words.failure(words.say(call, "already_claimed"))
            if rejected.reason is Reason.ALREADY_EXISTS
            else words.refusal(call, rejected)
        ),
    )
