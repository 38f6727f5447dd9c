"""A reseller's client as the vendor's document writes it, and products that the demo lacks."""

from __future__ import annotations

import json as plain_json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import httpx
from msgspec.structs import replace

from orderhub.core.commands import RecordChange
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.passengers import FieldKind, FormField
from orderhub.core.quotes import Reseller, SoldBy, Ticket, Tour
from orderhub.core.rooms import RoomPrices
from orderhub.core.upgrades import UpgradeGroup, UpgradeOption
from orderhub.demo import seed
from orderhub.dialects.finding import find_dialects
from orderhub.dialects.sandbox import DemoBusiness, DemoCredential, DemoPool
from orderhub.dialects.tours4fun.access import sign
from orderhub.dialects.tours4fun.demo import DEMO
from orderhub.ledger.ledger import Ledger
from orderhub.seeding import Seeder
from orderhub.web.port import Cipher
from tests.support.hub import SECRET_KEY, HubUnderTest, running_hub

DAY = "2019-01-16"
ORDER: dict[str, Any] = {
    "product_id": 102202692,
    "departure_date": DAY,
    "departure_address": "jhjhj",
    "upgrades": {"30100": ["30577"]},
    "rooms": [{"adult": 2, "kid": 0, "single_pairup": 0}],
    "contact": {"first_name": "a", "last_name": "b", "mobile": "1", "email": "2@q.q"},
    "guest_info": [
        {"type": "adult", "firstname_en": "ghghg", "mobile": "86-6767"},
        {"type": "child", "firstname_en": "oooo", "mobile": "86-67887"},
    ],
}
TICKETS: dict[str, Any] = {
    "product_id": 102202730,
    "departure_date": DAY,
    "departure_address": "jhjhj",
    "upgrades": {"219": ["1375"], "221": ["1378"]},
    "tickets": [{"sku_id": 15021, "count": 1}],
    "contact": ORDER["contact"],
}
HUB_TOKEN = {"Authorization": "Bearer hub-demo-tours"}

_RECORDS = DEMO[0].records
TOUR: Tour = _RECORDS[1].doc
PRODUCT = _RECORDS[0].doc
_EXTRAS = (
    UpgradeGroup(
        id=4,
        name="Airport pickup",
        sub_name="at night",
        options=(
            UpgradeOption(id=93, name="Any flight", price=D(65), code="P93"),
            UpgradeOption(id=94, name="One car", price=D("33.3333"), per_order=True),
        ),
    ),
    UpgradeGroup(
        id=9,
        name="Hotel",
        multiple=True,
        required=0,
        options=(
            UpgradeOption(id=60, by_room=RoomPrices(single=D(40), double=D("30.5"), kid=D(7))),
            UpgradeOption(id=61, by_room=RoomPrices(double=D(9)), per_order=True),
        ),
    ),
)
# id -> how it differs from the demo's tour; each has 3 seats on DAY
SPECIAL: dict[int, Tour] = {
    501: replace(TOUR, rooms_counted=True),
    502: replace(TOUR, min_guests=3),
    503: replace(
        TOUR, max_child_age=11, form=(*TOUR.form, FormField(name="dob", kind=FieldKind.DATE))
    ),
    504: replace(TOUR, prices=replace(TOUR.prices, double=D(0))),
    505: replace(TOUR, pickups_only=True),
    506: replace(TOUR, min_days_ahead=30),
    507: replace(
        TOUR, sold_by=SoldBy.PERSONS, adult_price=D(80), kid_price=D(59), upgrades=(), form=()
    ),
    508: TOUR,  # in a currency without a rate
    509: TOUR,  # not on sale
    510: replace(TOUR, discount_ratio=D("0.77")),  # in EUR
    # Of these there are always seats; together they are sold and priced in every way.
    511: replace(
        TOUR,
        seats_counted=False,
        prices=replace(TOUR.prices, pairup=D("901.1")),
        discount_ratio=D("0.7336"),
        upgrades=_EXTRAS,
    ),  # in EUR
    512: replace(
        TOUR,
        seats_counted=False,
        sold_by=SoldBy.PERSONS,
        adult_price=D("80.05"),
        kid_price=D("59.99"),
        upgrade_ratio=D(1),
        upgrades=_EXTRAS,
    ),  # in CNY
    513: replace(
        TOUR,
        seats_counted=False,
        sold_by=SoldBy.TICKETS,
        tickets=(Ticket(sku_id=1, name="Front", price=D("77.75")), Ticket(sku_id=2, price=D(21))),
        upgrades=_EXTRAS,
        form=(),
    ),  # in CAD
    # It shows what the others leave at its default; in the tenant's currency.
    514: replace(
        TOUR,
        seats_counted=False,
        departures=(
            replace(TOUR.departures[0], weekdays=(5,), min_persons=4, display_price=D(325)),
        ),
        prices=replace(TOUR.prices, pairup=D(900)),
        min_days_ahead=2,
        min_guests=3,
        upgrades=(UpgradeGroup(id=4, options=(UpgradeOption(id=93, price=D(65)),)),),
        form=(
            FormField(
                name="weight",
                label="Body Weight",
                kind=FieldKind.NUMBER,
                minimum=D(5),
                maximum=D("40.5"),
                placeholder="kg",
            ),
            FormField(name="gender", kind=FieldKind.RADIO, options=("unknown", "male", "female")),
            FormField(name="meal", kind=FieldKind.SELECT, options={"1": "Fish", "2": "None"}),
        ),
    ),
    # It leaves every day for years.
    515: replace(TOUR, departures=(replace(TOUR.departures[0], last=date(2029, 12, 31)),)),
}
_CURRENCY = {508: "XYZ", 510: "EUR", 511: "EUR", 512: "CNY", 513: "CAD", 514: ""}
_TITLES = {504: "Told by nulls", 514: "Half a day"}
_NULL = dict.fromkeys(
    ("product_id_old", "image_url", "duration_type", "sub_region_chinese_name", "info")
)
_TOLD = {504: {**_NULL, "duration": 3}, 514: {"duration": 11.5, "duration_type": "hour"}}


def _change(number: int, tour: Tour) -> tuple[RecordChange, RecordChange]:
    product = replace(
        PRODUCT,
        id=number,
        code=f"S{number}",
        currency=_CURRENCY.get(number, "USD"),
        active=number != 509,
        title=_TITLES.get(number, PRODUCT.title),
        data={**PRODUCT.data, **_TOLD.get(number, {})},
    )
    return (
        RecordChange(kind="product", id=number, code=product.code, doc=product),
        RecordChange(kind="tour", id=number, doc=tour),
    )


def app(name: str, **data: Any) -> DemoCredential:
    return DemoCredential(kind="tours4fun", name=name, secret=f"{name}-secret", data=data)


EXTRA = DemoBusiness(
    name="tours",
    credentials=(
        app("sleeping", state="inactive"),
        app("blocked", state="blocked"),
        app("banned-client", blocked_clients=["127.0.0.1"]),
        app("reader", calls=["/v2/order/list"]),
        app("own", sees="own"),
        app("wordy", verbose_errors=True),
        app("slow", rate_limit=2),
        app("granted"),
    ),
    records=(
        *(each for number, tour in SPECIAL.items() for each in _change(number, tour)),
        RecordChange(
            kind="reseller",
            code="granted",
            doc=Reseller(
                settlement="EUR", discount_ratio=D("0.9"), product_ratios={"511": D("0.77")}
            ),
        ),
    ),
    pools=(
        *(
            DemoPool("seats", f"product:{number}", DAY, 3)
            for number, tour in SPECIAL.items()
            if tour.seats_counted
        ),
        DemoPool("rooms", "product:501", DAY, 1),
    ),
)


@asynccontextmanager
async def open_shop(where: Path, **settings: Any) -> AsyncIterator[HubUnderTest]:
    """The demo hub with the special products and apps, its clock stopped on 2019-01-02."""
    ledger = Ledger.open(f"sqlite:///{where / 'hub.sqlite'}", RECORD_TYPES)
    cipher = Cipher(SECRET_KEY)
    seed(ledger, cipher, find_dialects())
    tenant = ledger.read(lambda reads: reads.tenant("tours"))
    assert tenant is not None
    Seeder(ledger, cipher).business(tenant.id, EXTRA)
    ledger.close()
    async with running_hub(where, **settings) as hub:
        await hub.freeze("tours", "2019-01-02T10:00:00+08:00")
        yield hub


async def post(
    hub: HubUnderTest,
    path: str,
    body: Any,
    *,
    appkey: str = "demo-tours",
    headers: dict[str, str] | None = None,
    **query: str,
) -> httpx.Response:
    """A signed call. `body` is JSON, or the very bytes. Members of the query may be overruled."""
    raw = body if isinstance(body, bytes) else plain_json.dumps(body).encode()
    t = query.get("t", str(int(time.time())))
    params = {"appkey": appkey, "t": t, "sign": sign(appkey, t, f"{appkey}-secret", raw)}
    params |= query
    params = {name: value for name, value in params.items() if value != "-"}
    answer = await hub.request("POST", path, content=raw, params=params, headers=headers)
    assert answer.status_code == 200
    return answer


async def call(hub: HubUnderTest, path: str, body: Any, **more: Any) -> dict[str, Any]:
    answer = (await post(hub, path, body, **more)).json()
    assert list(answer) == ["code", "msg", "data"]
    assert answer["data"] == {} or answer["code"] == 0
    return answer  # type: ignore[no-any-return]


async def code(hub: HubUnderTest, path: str, body: Any, **more: Any) -> int:
    return int((await call(hub, path, body, **more))["code"])


async def add(hub: HubUnderTest, **changes: Any) -> int:
    answer = await call(hub, "/v2/order/add", {**ORDER, **changes})
    assert answer["code"] == 0, answer
    return int(answer["data"]["order_id"])


async def uid_of(hub: HubUnderTest, order_id: int) -> str:
    found = await hub.get(
        "/hub/v1/orders",
        params={"tenant": "tours"},
        headers={"Authorization": "Bearer hub-demo-operator"},
    )
    return next(each["uid"] for each in found.json()["items"] if each["id"] == order_id)
