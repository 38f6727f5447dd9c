"""The demo shop: what the document's two examples order, the users who may order it; the door of a new merchant."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from decimal import Decimal
from random import Random
from uuid import uuid4

import msgspec

from orderhub.core.basket_prices import BasketItem
from orderhub.core.baskets import GoodsBasket
from orderhub.core.catalogue import Product, Variant, Warehouse, keys_of_variant
from orderhub.core.commands import Numbering, Origin, PlaceOrder, RecordChange
from orderhub.core.commissions import Shop
from orderhub.core.coupons import Coupon, keys_of_coupon
from orderhub.core.memberships import User, UserGroup
from orderhub.core.values import Settings
from orderhub.dialects import passwords
from orderhub.dialects.anqicms.access import DEFAULT_SITE, KINDS, SITE_KIND
from orderhub.dialects.anqicms.people import LOGIN_KIND
from orderhub.dialects.auth import curl
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Shown
from orderhub.dialects.samples import Door, Setup, record
from orderhub.dialects.sandbox import Buyer, DemoBusiness, DemoCredential, DemoPool, Past

_SHOP_SECRET = "demo-shop-signs-its-tokens-with-this-text"  # noqa: S105 - the demo is open to all
_OMNI_SECRET = "demo-omni-signs-its-tokens-with-this-text"  # noqa: S105 - the demo is open to all
_WAREHOUSE = "MAIN"
_DAY_S = 86_400
_BALANCE = 10_000

# Hashed beforehand: hashing while the demo starts would be what takes the time.
_HASHES = {
    "demo": (  # demo123456
        "$argon2id$v=19$m=19456,t=2,p=1$GJx56oBuB0xQEhuK5cHrIA$"
        "M+jA7cceNaRsXTWe8JWPmtN9JpBh/8EZYqtu+cVfVqs"
    ),
    "other": (  # other123456
        "$argon2id$v=19$m=19456,t=2,p=1$M4PXS5OYu5db5Eeo/6OPhA$"
        "S+ZRzDP/j8RrMOkrMLXw7yrcrZx5scBocdMoMevuDis"
    ),
    "omni": (  # omni123456
        "$argon2id$v=19$m=19456,t=2,p=1$yVPoRSq6/V3sqx5COK7CZA$"
        "YU2Mlw6/hQeShOUXu/0M6Ki0Odr/DkObUGRhUZHvE0c"
    ),
}


def _user(number: int, name: str, email: str = "") -> tuple[RecordChange, ...]:
    """A user, and his password where he has one."""
    uid = f"00000000-0000-4000-8000-00000000{number:04d}"
    user = User(id=number, user_name=name, email=email, group_id=1)
    change = RecordChange(kind="user", id=number, uid=uid, doc=user, keys=user.names)
    if name not in _HASHES:
        return (change,)
    return (
        change,
        RecordChange(kind=LOGIN_KIND, id=number, uid=uid, doc={"hash": _HASHES[name]}),
    )


def _goods(number: int, title: str, price: str, options: tuple[str, ...] = ()) -> RecordChange:
    product = Product(
        id=number,
        code=f"GOODS-{number}",
        title=title,
        price=Decimal(price),
        currency="CNY",
        stocked=True,
        seller_id=15,
        data={"link": f"/goods/{number}.html", "options": [{"title": name} for name in options]},
    )
    return RecordChange(
        kind="product",
        id=number,
        code=product.code,
        doc=product,
        keys=(("filename", f"goods-{number}"),),
    )


def _sku(number: int, product_id: int, title: str, price: str) -> RecordChange:
    variant = Variant(
        id=number,
        product_id=product_id,
        code=f"SKU-{number}",
        title=title,
        price=Decimal(price),
    )
    return RecordChange(
        kind="variant",
        id=number,
        code=variant.code,
        doc=variant,
        keys=keys_of_variant(variant),
    )


def _groups() -> tuple[RecordChange, ...]:
    groups = (
        UserGroup(id=1, title="普通用户"),
        UserGroup(
            id=2,
            title="VIP会员",
            price=Decimal(365),
            discount=90,
            share_reward=10,
            parent_reward=5,
            expire_days=365,
            level=1,
        ),
    )
    return tuple(RecordChange(kind="user_group", id=each.id, doc=each) for each in groups)


_COUPON = Coupon(id=1, code="COUPON2023", title="满减券", money=Decimal(10), limited=True)
_STOCKED = ("product:188", "variant:1", "variant:3")

DEMO: tuple[DemoBusiness, ...] = (
    DemoBusiness(
        name="shop",
        title="A shop that speaks AnQiCMS",
        settings=Settings(
            name="shop",
            currency="CNY",
            time_zone="Asia/Shanghai",
            sandbox=True,
            first_order_id=46,
            default_warehouse=_WAREHOUSE,
            auto_finish_s=10 * _DAY_S,
        ),
        clock_from="2022-11-23T22:09:08+08:00",
        acts_as="1000",
        credentials=tuple(
            DemoCredential(kind=SITE_KIND, name=name, secret=_SHOP_SECRET, data={"site": "1"})
            for name in ("site:1", DEFAULT_SITE)
        ),
        records=(
            RecordChange(kind="shop", id=1, doc=Shop(seller_percent=80)),
            RecordChange(
                kind="warehouse",
                id=1,
                code=_WAREHOUSE,
                doc=Warehouse(id=1, code=_WAREHOUSE, name="Main", country="CN"),
            ),
            *_groups(),
            *_user(15, "seller"),
            *_user(1000, "demo", email="demo@example.com"),
            *_user(1001, "other", email="other@example.com"),
            _goods(188, "普通商品", "99"),
            _goods(1, "T恤", "50", ("Size",)),
            _goods(2, "牛仔裤", "80", ("Fiber", "Size")),
            _sku(1, 1, "Small", "50"),
            _sku(3, 2, "Denim, Small", "80"),
            record("coupon", _COUPON.id, _COUPON, keys=keys_of_coupon(_COUPON)),
        ),
        pools=(
            *(DemoPool("stock", subject, _WAREHOUSE, 1_000) for subject in _STOCKED),
            DemoPool("coupon", f"coupon:{_COUPON.id}", "", 1_000_000),
            DemoPool("balance", "user:1000", "", _BALANCE),
        ),
        sequences={"user": 1002, LOGIN_KIND: 1002},
    ),
)

OMNI = DemoBusiness(
    name="omni",
    acts_as="1000",
    credentials=(
        DemoCredential(kind=SITE_KIND, name="site:2", secret=_OMNI_SECRET, data={"site": "2"}),
    ),
    records=(
        RecordChange(kind="shop", id=1, doc=Shop()),
        *_groups(),
        *_user(1000, "omni", email="omni@example.com"),
    ),
    pools=(DemoPool("balance", "user:1000", "", _BALANCE),),
    sequences={"user": 1001, LOGIN_KIND: 1001},
)

# A user whom no example asks for.
_PAST_USER = {"shop": 15}


def _sold(
    origin: Origin, chance: Random, buyer: Buyer, goods: Sequence[Product], settings: Settings
) -> PlaceOrder:
    user = _PAST_USER.get(settings.name, 1000)
    chosen = chance.sample(goods, chance.choice((1, 1, 2)))
    basket = GoodsBasket(
        user_id=user,
        items=tuple(
            BasketItem(product_id=each.id, quantity=chance.randint(1, 3)) for each in chosen
        ),
        address={
            "recipient": f"{buyer.last_name} {buyer.first_name}",
            "phone": buyer.phone,
            "email": buyer.email,
            "province": buyer.province,
            "city": buyer.city,
            "street1": buyer.street,
            "postcode": buyer.postcode,
        },
    )
    return PlaceOrder(
        origin=msgspec.structs.replace(origin, owner=str(user)),
        terms=basket,
        numbering=Numbering.TIME4,
        notes=chance.choice(("", "", "", "请尽快发货", "Please gift-wrap")),
    )


PAST = Past(order=_sold, omni=110, own=40)

_USER = 1

_JSON = ("-H", "Content-Type: application/json")


def door(setup: Setup) -> Door:
    """A new merchant's: a site of the shop's and a first user, who buys."""
    (kind,) = KINDS
    site = str(secrets.randbelow(9_000) + 1_000)
    shown = kind.complete(Shown(name=f"site:{site}"))
    password = secrets.token_urlsafe(9)
    title, command = "list the membership levels", kind.command(shown, setup.base_url)
    if setup.goods:
        title = f"one {setup.goods[0].title}, bought by the shop's user `first`"
        command = _bought(setup, site, password)
    records = (
        record("shop", 1, Shop()),
        record("user_group", 1, UserGroup(id=1, title="Customer")),
    )
    return Door(
        kind=kind,
        shown=shown,
        title=title,
        command=command,
        records=(*records, *(_first_user(setup, password) if setup.goods else ())),
        sequences={"user": _USER + 1, LOGIN_KIND: _USER + 1} if setup.goods else {},
    )


def _first_user(setup: Setup, password: str) -> tuple[RecordChange, RecordChange]:
    uid = str(uuid4())
    user = User(
        id=_USER,
        user_name="first",
        email="first@example.com",
        group_id=1,
        created_at=setup.now_us,
    )
    login = {"hash": passwords.hashed(password)}
    return (
        RecordChange(kind="user", id=_USER, uid=uid, doc=user, keys=user.names),
        RecordChange(kind=LOGIN_KIND, id=_USER, uid=uid, doc=login),
    )


def _bought(setup: Setup, site: str, password: str) -> str:
    """The user's token is that of a login."""
    login = {"user_name": "first", "password": password}
    order = {"goods_id": setup.goods[0].id, "quantity": 1}
    token = curl(f"{setup.base_url}/api/login?site_id={site}", *_JSON, "-d", encode(login).decode())
    create = curl(
        f"{setup.base_url}/api/order/create?site_id={site}", *_JSON, "-d", encode(order).decode()
    )
    return f"""{create} -H "Token: $({token} | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')\""""
