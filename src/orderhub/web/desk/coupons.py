"""Coupons with their use: listed, made and changed in forms; what is counted of them is a pool."""

from __future__ import annotations

import msgspec

from orderhub.core.coupons import Coupon, keys_of_coupon
from orderhub.core.queries import Reads
from orderhub.core.values import Pool, PoolKey
from orderhub.dialects.contract import Answer, Call
from orderhub.web.desk.counted import Counted, counted
from orderhub.web.desk.exports import AS_CSV, media_asked, path_to
from orderhub.web.desk.forms import Form
from orderhub.web.desk.item_form import Input, inputs, zone_here
from orderhub.web.desk.language import N_
from orderhub.web.desk.orders import Pages
from orderhub.web.desk.page import Visitor, form, page, show
from orderhub.web.desk.products import (
    SCOPE,
    changed,
    items_file,
    made,
    names_in,
    number_in,
    one,
    pages_of,
    records_page,
)
from orderhub.web.desk.statuses import Badge

PATH = "/desk/coupons"
_MOST_POOLS = 200
_LONGEST = 200
OPEN, CLOSED, LATER = (
    Badge(N_("holds"), "ok"),
    Badge(N_("is over"), "off"),
    Badge(N_("not yet"), "wait"),
)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """`used` and `left` None = its uses are not counted in all."""

    path: str
    coupon: Coupon
    badge: Badge
    used: int | None
    left: int | None


class Coupons(msgspec.Struct, frozen=True, kw_only=True):
    """`currency` is the tenant's."""

    rows: tuple[Row, ...]
    pages: Pages
    text: str
    currency: str
    csv: str


class CouponPage(msgspec.Struct, frozen=True, kw_only=True):
    """`version` 0 = it is new. `uses` are its first pools: in all, then by person; `all_uses` leads to the others."""

    title: str
    path: str
    version: int
    inputs: tuple[Input, ...]
    badge: Badge | None = None
    uses: tuple[Counted, ...] = ()
    all_uses: str = ""


async def coupons(call: Call, visitor: Visitor, _sent: Form) -> Answer:
    """Newest first, or the one of a code or number."""
    text = call.query.get("q", "").strip()[:_LONGEST]
    # A code is found in any case, as a buyer types it.
    names = (*keys_of_coupon(Coupon(id=1, code=text)), *names_in(text)) if text else None
    if media_asked(call):
        return await items_file(call, visitor, "coupons", names)
    after = number_in(call.query.get("after", ""))
    tenant_id, now_us = visitor.at.id, _now(call, visitor)

    def look(reads: Reads) -> tuple[tuple[Row, ...], int]:
        found, following = records_page(reads, tenant_id, "coupon", names, after)
        pools = _in_all(reads, tenant_id, tuple(f"coupon:{each.id}" for each in found))
        return tuple(_row(each.doc, pools, now_us) for each in found), following

    rows, following = await call.hub.read(look)
    assert visitor.settings is not None
    context = Coupons(
        rows=rows,
        pages=pages_of(PATH, {"q": text}, after, following),
        text=text,
        currency=visitor.settings.currency,
        csv=path_to(PATH, {"q": text, **AS_CSV}),
    )
    return show(call, visitor, "coupons.html", context)


def _now(call: Call, visitor: Visitor) -> int:
    """By the tenant's clock."""
    assert visitor.settings is not None
    return visitor.settings.clock.at(call.hub.now_us())


def _in_all(reads: Reads, tenant_id: int, subjects: tuple[str, ...]) -> dict[str, Pool]:
    """The pools that count every use, whoever's: they lie at no place."""
    found = reads.pools(tenant_id, "coupon", subjects, ("",)) if subjects else ()
    return {each.key.subject: each for each in found}


def _row(coupon: Coupon, pools: dict[str, Pool], now_us: int) -> Row:
    pool = pools.get(f"coupon:{coupon.id}") if coupon.limited else None
    return Row(
        path=f"{PATH}/{coupon.id}",
        coupon=coupon,
        badge=_badge(coupon, now_us),
        used=None if pool is None else pool.drawn - pool.returned,
        left=None if pool is None else pool.available,
    )


def _badge(coupon: Coupon, now_us: int) -> Badge:
    if coupon.is_open(now_us):
        return OPEN
    return LATER if coupon.active and now_us < coupon.starts_at else CLOSED


async def coupon(call: Call, visitor: Visitor, sent: Form) -> Answer:
    zone, now_us = zone_here(visitor), _now(call, visitor)

    def look(reads: Reads) -> CouponPage:
        record = one(reads, visitor, "coupon", call.params["coupon"])
        found: Coupon = record.doc
        subject = f"coupon:{record.id}"
        found_pools = reads.pools_page(
            visitor.at.id, "coupon", (subject,), ("", ""), _MOST_POOLS + 1
        )
        pools = found_pools[:_MOST_POOLS]
        if found.limited and not any(not each.key.place for each in pools):
            pools = (Pool(key=PoolKey(visitor.at.id, "coupon", subject), opening=0), *pools)
        return CouponPage(
            title=found.title or found.code or str(record.id),
            path=f"{PATH}/{record.id}",
            version=record.version,
            inputs=inputs("coupons", found, zone),
            badge=_badge(found, now_us),
            all_uses=path_to("/desk/stock", {"kind": "coupon", "q": subject})
            if len(found_pools) > _MOST_POOLS
            else "",
            uses=tuple(counted(each, {("coupon", record.id): found}) for each in pools),
        )

    return show(call, visitor, "coupon.html", await call.hub.read(look), sent)


async def change(call: Call, visitor: Visitor, sent: Form) -> Answer:
    record = await call.hub.read(lambda reads: one(reads, visitor, "coupon", call.params["coupon"]))
    return await changed(call, visitor, sent, "coupons", record, f"{PATH}/{record.id}")


async def new(call: Call, visitor: Visitor, sent: Form) -> Answer:
    shown = CouponPage(
        title=visitor.say(N_("A new coupon")),
        path=f"{PATH}/new",
        version=0,
        inputs=inputs("coupons", None, zone_here(visitor)),
    )
    return show(call, visitor, "coupon.html", shown, sent)


async def make(call: Call, visitor: Visitor, sent: Form) -> Answer:
    return await made(call, visitor, sent, "coupons", PATH)


ROUTES = (
    page(PATH, SCOPE, coupons),
    page(f"{PATH}/new", SCOPE, new),
    form(f"{PATH}/new", SCOPE, make, new),
    page(f"{PATH}/{{coupon}}", SCOPE, coupon),
    form(f"{PATH}/{{coupon}}", SCOPE, change, coupon),
)
