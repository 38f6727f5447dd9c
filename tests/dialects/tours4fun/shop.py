"""A reseller's client as the vendor's document writes it, and products that the demo lacks."""

from __future__ import annotations

import json as plain_json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import httpx
from msgspec.structs import replace

from orderhub.app import find_dialects
from orderhub.core.commands import RecordChange
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.passengers import FieldKind, FormField
from orderhub.core.quotes import SoldBy, Tour
from orderhub.demo import seed
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
}
_CURRENCY = {508: "XYZ", 510: "EUR"}


def _change(number: int, tour: Tour) -> tuple[RecordChange, RecordChange]:
    product = replace(
        PRODUCT,
        id=number,
        code=f"S{number}",
        currency=_CURRENCY.get(number, "USD"),
        active=number != 509,
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
    ),
    records=tuple(each for number, tour in SPECIAL.items() for each in _change(number, tour)),
    pools=(
        *(DemoPool("seats", f"product:{number}", DAY, 3) for number in SPECIAL),
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
