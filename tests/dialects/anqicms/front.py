"""A shop front: users with tokens, and goods and coupons that the demo shop lacks."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import jwt

from orderhub.core.catalogue import Product, Variant, keys_of_variant
from orderhub.core.commands import RecordChange
from orderhub.core.coupons import Coupon, CouponKind
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.memberships import User
from orderhub.demo import seed
from orderhub.dialects.anqicms.demo import DEMO
from orderhub.dialects.finding import find_dialects
from orderhub.dialects.sandbox import DemoBusiness, DemoCredential, DemoPool
from orderhub.ledger.ledger import Ledger
from orderhub.seeding import Seeder
from orderhub.web.port import Cipher
from tests.support.hub import SECRET_KEY, HubUnderTest, running_hub

SECRET = DEMO[0].credentials[0].secret
WIDE = {"Authorization": "Bearer hub-demo-shop"}
EN = {"Accept-Language": "en-GB,en;q=0.9"}
NOW = "2022-11-23T22:09:08+08:00"
NOW_US = 1_669_212_548_000_000
CREATE = "/api/order/create"

_GOODS = (
    Product(id=6, title="Shoes", price=Decimal(60), seller_id=16),
    Product(id=7, title="Hidden", price=Decimal(1), active=False),
    Product(id=8, title="<Mug & more>", price=Decimal("0.01"), stocked=True),
    Product(id=9, title="Ring", price=Decimal("99.99"), form_url="https://forms.example/1?a=1&b=2"),
    Product(id=10, title="Gift", price=Decimal(0)),
    Product(id=11, title="Cap", price=Decimal("0.01")),
    Product(id=15, title="Draft"),
    Product(id=12, title="Cap", price=Decimal(20), data={"options": [{"title": "Size"}]}),
    Product(id=13, title="Below 0", price=Decimal(-10)),  # as an older hub let it in
    Product(id=14, title="Scarf"),
)
_COUPONS = (
    Coupon(id=2, code="HALF", kind=CouponKind.PERCENT, percent=50, max_money=Decimal(20)),
    Coupon(id=3, code="BIG", money=Decimal(5), min_amount=Decimal(500)),
    Coupon(id=4, code="OLD", money=Decimal(5), ends_at=1),
    Coupon(id=5, code="ONCE", money=Decimal(5), per_user=1),
    Coupon(id=7, code="BELOW0", money=Decimal(-5)),  # as an older hub let it in
    Coupon(id=8, code="CAPPED", kind=CouponKind.PERCENT, percent=50, max_money=Decimal(-3)),
    Coupon(id=6, code="MINE", money=Decimal(5), claimed=True, products=(188,)),
)
# 1010 was brought by 1011 (a distributor whose VIP group gives 90 %), who was brought by 1012.
_USERS = (
    User(id=1010, group_id=1, inviter_id=1011),
    User(id=1011, group_id=2, inviter_id=1012, is_distributor=True),
    User(id=1012, group_id=1, is_distributor=True),
)
_RED = Variant(id=80, product_id=11, title="Red")
_SKUS = (
    _RED,
    Variant(id=120, product_id=12, title="Cap, S"),
    Variant(id=121, product_id=12, title="Cap, L", price=Decimal(25)),
    Variant(id=122, product_id=12, title="Cap, XL", active=False),
    Variant(id=140, product_id=14, title="Scarf, wool", price=Decimal(30)),
    Variant(id=141, product_id=14, title="Scarf, silk"),
)
EXTRA = DemoBusiness(
    name="shop",
    credentials=(
        DemoCredential(kind="anqicms.site", name="shop.example", secret=SECRET, data={"site": "1"}),
    ),
    records=(
        *(RecordChange(kind="product", id=p.id, code=f"P{p.id}", doc=p) for p in _GOODS),
        *(RecordChange(kind="coupon", id=c.id, code=c.code, doc=c) for c in _COUPONS),
        *(RecordChange(kind="user", id=u.id, doc=u) for u in _USERS),
        *(
            RecordChange(kind="variant", id=v.id, code=f"V{v.id}", doc=v, keys=keys_of_variant(v))
            for v in _SKUS
        ),
    ),
    pools=(DemoPool("stock", "product:8", "MAIN", 3),),
)


@asynccontextmanager
async def open_shop(
    where: Path, *more: RecordChange, **settings: Any
) -> AsyncIterator[HubUnderTest]:
    """The demo hub with the goods, coupons and users above, and more; the shop's clock stands still."""
    ledger = Ledger.open(f"sqlite:///{where / 'hub.sqlite'}", RECORD_TYPES)
    cipher = Cipher(SECRET_KEY)
    seed(ledger, cipher, find_dialects())
    tenant = ledger.read(lambda reads: reads.tenant("shop"))
    assert tenant is not None
    business = replace(EXTRA, records=(*EXTRA.records, *more))
    Seeder(ledger, cipher).business(tenant.id, business)
    ledger.close()
    async with running_hub(where, **settings) as hub:
        await hub.freeze("shop", NOW)
        yield hub


def token(user_id: int = 1000, life_s: int = 86_400, **more: Any) -> str:
    """A token as the site issues it; `more` overrules claims, key and algorithm."""
    key, algorithm = more.pop("key", SECRET), more.pop("algorithm", "HS256")
    claims = {"userId": str(user_id), "t": str(int(time.time()) + life_s), "site": "1", **more}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key, algorithm=algorithm)


def user(user_id: int = 1000, **headers: str) -> dict[str, str]:
    return {"Token": token(user_id), **headers}


async def call(
    hub: HubUnderTest, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """GET without a body, POST with one; the answer's envelope. Cookies are not kept."""
    hub.client.cookies.clear()
    given = user() if headers is None else headers
    if body is None:
        answer = await hub.get(path, headers=given)
    else:
        answer = await hub.post(path, body, headers=given)
    assert answer.status_code == 200, answer.text
    envelope: dict[str, Any] = answer.json()
    return envelope


async def create(
    hub: HubUnderTest, headers: dict[str, str] | None = None, **body: Any
) -> dict[str, Any]:
    """The order that a body makes; by default one piece of goods 188."""
    envelope = await call(hub, CREATE, body or {"goods_id": 188}, headers)
    assert envelope["code"] == 0, envelope
    data: dict[str, Any] = envelope["data"]
    return data


async def show(hub: HubUnderTest, order: dict[str, Any]) -> dict[str, Any]:
    envelope = await call(hub, f"/api/order/detail?order_id={order['order_id']}", None, WIDE)
    data: dict[str, Any] = envelope["data"]
    return data


async def uid_of(hub: HubUnderTest, order: dict[str, Any]) -> str:
    found = await hub.orders("shop", limit=200)
    return next(str(each["uid"]) for each in found if each["number"] == order["order_id"])


def told(envelope: dict[str, Any]) -> tuple[int, str]:
    assert set(envelope) == {"code", "msg"}, envelope
    return envelope["code"], envelope["msg"]
