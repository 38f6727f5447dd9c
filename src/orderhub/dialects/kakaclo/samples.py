"""The door of a new merchant: parcels at a flat freight, and no balance to fill first."""

from __future__ import annotations

from decimal import Decimal

from orderhub.core.freight import FreightRate, keys_of_rate
from orderhub.dialects.auth import curl
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Shown
from orderhub.dialects.kakaclo.credentials import KINDS
from orderhub.dialects.samples import Door, Setup, record

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
