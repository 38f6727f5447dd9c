"""What the demo seeds for this door, and the door of a new merchant."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from random import Random

from orderhub.core.catalogue import Product, Warehouse
from orderhub.core.commands import Numbering, Origin, PlaceOrder, RecordChange
from orderhub.core.freight import FreightRate, keys_of_rate
from orderhub.core.parcels import Dropship, Item
from orderhub.core.values import Address, Settings
from orderhub.dialects.auth import curl
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Shown
from orderhub.dialects.kakaclo.access import KINDS
from orderhub.dialects.kakaclo.catalogue import CATEGORY
from orderhub.dialects.kakaclo.mapping import NAME
from orderhub.dialects.samples import Door, Setup, record
from orderhub.dialects.sandbox import Buyer, DemoBusiness, DemoCredential, DemoPool, Past

_PLENTY = 100_000
_MILLION_USD = 1_000_000
_IMAGES = "https://img.example.com/"

# Code, title, colour, size, warehouse code -> units.
_SKUS: tuple[tuple[str, str, str, str, dict[str, int]], ...] = (
    ("TS_RED_M", "T-shirt", "Red", "M", {"G006": _PLENTY, "G007": _PLENTY}),
    ("TS_BLUE_L", "T-shirt", "Blue", "L", {"US01": _PLENTY}),
    ("HOOD_BLK_S", "Hoodie", "Black", "S", {"G006": _PLENTY}),
    ("MUG_WHT", "Mug", "White", "", {"G007": 5, "US01": 5}),
)
_WAREHOUSES = (
    (1, "G006", "Warehouse 6 in North China", "CN"),
    (2, "G007", "Warehouse 7 in South China", "CN"),
    (13, "US01", "Warehouse 1 in the United States", "US"),
)
_CATEGORIES = ((3600, "Women", 0), (3658, "Tops", 3600), (3700, "Home", 0))


def _option(name: str, value: str) -> str:
    return f'{{"name":"{name}","value":"{value}"}}'


def _product(number: int, code: str, title: str, colour: str, size: str) -> RecordChange:
    is_mug = code.startswith("MUG")
    product = Product(
        id=number,
        code=code,
        title=title,
        price=Decimal(10),
        currency="USD",
        stocked=True,
        weight_g=200,
        data={
            "image": f"{_IMAGES}{code}.jpg",
            "option1": _option("color", colour),
            "option2": _option("size", size),
            "categoryId": 3700 if is_mug else 3658,
            "fullCategoryName": "Home" if is_mug else "Women/Tops",
        },
    )
    return RecordChange(kind="product", id=number, code=code, doc=product)


def _rate() -> RecordChange:
    """5 USD and 1 more for every started 100 g, for every parcel, from anywhere to anywhere."""
    rate = FreightRate(
        id=1,
        code="WB001",
        title="Standard Shipping",
        company="Yanwen",
        base=Decimal(5),
        per_step=Decimal(1),
        step_g=100,
        currency="USD",
        delivery="6~10 Business Days",
        days=10,
    )
    return RecordChange(
        kind="freight_rate", id=rate.id, code=rate.code, doc=rate, keys=keys_of_rate(rate)
    )


DEMO = (
    DemoBusiness(
        name="dropship",
        title="KakaClo: a dropship seller",
        settings=Settings(
            name="dropship",
            currency="USD",
            time_zone="Asia/Shanghai",
            sandbox=True,
            first_order_id=371651,
            default_warehouse="G007",
            auto_pay_s=600,
        ),
        credentials=(DemoCredential(NAME, token="demo-kakaclo"),),  # noqa: S106 - the demo's own
        records=(
            *(
                RecordChange(
                    kind="warehouse",
                    id=number,
                    code=code,
                    doc=Warehouse(id=number, code=code, name=name, country=country),
                )
                for number, code, name, country in _WAREHOUSES
            ),
            *(
                _product(number, code, title, colour, size)
                for number, (code, title, colour, size, _) in enumerate(_SKUS, 1)
            ),
            *(
                RecordChange(
                    kind=CATEGORY, id=number, doc={"name": name, "parentId": parent, "imgUrl": ""}
                )
                for number, name, parent in _CATEGORIES
            ),
            _rate(),
        ),
        pools=(
            *(
                DemoPool("stock", f"product:{number}", place, units)
                for number, (_, _, _, _, stock) in enumerate(_SKUS, 1)
                for place, units in stock.items()
            ),
            DemoPool("balance", "USD", "", _MILLION_USD),
        ),
    ),
)

OMNI = DemoBusiness(
    name="omni",
    credentials=(DemoCredential(NAME, token="omni-kakaclo"),),  # noqa: S106 - the demo's own
    records=(_rate(),),
    pools=(DemoPool("balance", "USD", "", _MILLION_USD),),
)


def _sold(
    origin: Origin, chance: Random, buyer: Buyer, goods: Sequence[Product], _settings: Settings
) -> PlaceOrder:
    """Paid when it leaves, and from no balance."""
    chosen = chance.sample(goods, chance.choice((1, 1, 2)))
    return PlaceOrder(
        origin=origin,
        terms=Dropship(
            items=tuple(Item(each.code, chance.randint(1, 4)) for each in chosen), prepaid=False
        ),
        numbering=Numbering.ID13,
        reference=f"PO-{chance.randrange(10**6):06}",
        ship_to=Address(
            recipient=f"{buyer.first_name} {buyer.last_name}",
            phone=buyer.phone,
            country=buyer.country,
            province=buyer.province,
            city=buyer.city,
            street1=buyer.street,
            postcode=buyer.postcode,
        ),
    )


PAST = Past(order=_sold, omni=90, own=40)

_ADDRESS = {
    "recipient": "Jane Doe",
    "phone": "555 0100",
    "country": "US",
    "province": "IL",
    "city": "Springfield",
    "street1": "1 Main Street",
    "zip": "62701",
}


def door(setup: Setup) -> Door:
    """A new merchant's: parcels at a flat freight, and no balance to fill first."""
    (kind,) = KINDS
    shown = kind.complete(Shown())
    rate = FreightRate(
        id=1, code="POST", title="Parcel post", base=Decimal(5), currency=setup.currency, days=5
    )
    title, command = "list the orders", kind.command(shown, setup.base_url)
    if setup.goods:
        body = {
            "orderAddress": _ADDRESS,
            "orderItemsList": [{"sku": setup.goods[0].code, "quantity": 1}],
        }
        title = f"a parcel with one {setup.goods[0].title}"
        command = curl(
            f"{setup.base_url}/openapi/v1/order/order",
            *("-H", f"Authorization: Bearer {shown.token}", "-H", "Content-Type: application/json"),
            *("-d", encode(body).decode()),
        )
    return Door(
        kind=kind,
        shown=shown,
        title=title,
        command=command,
        records=(record("freight_rate", 1, rate, keys=keys_of_rate(rate)),),
        settings={"prepaid": False},
    )
