"""The door of a new merchant: an app, and a tour that departs daily and is sold by persons."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from orderhub.core.catalogue import Product
from orderhub.core.departures import Departures
from orderhub.core.quotes import Reseller, SoldBy, Tour
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Shown
from orderhub.dialects.samples import Door, Setup, record
from orderhub.dialects.tours4fun.credentials import KINDS, signed

_LATER = timedelta(days=180)
_LAST = date(2099, 12, 31)


def door(setup: Setup) -> Door:
    (kind,) = KINDS
    shown = kind.complete(Shown())
    reseller = record("reseller", 1, Reseller(settlement=setup.currency), code=shown.name)
    if not setup.goods:
        command = kind.command(shown, setup.base_url)
        return Door(
            kind=kind, shown=shown, title="list the orders", command=command, records=(reseller,)
        )
    product = Product(
        id=setup.goods[-1].id + 1,
        code="SAMPLE-TOUR",
        title="City tour",
        kind="tour",
        currency=setup.currency,
    )
    tour = Tour(
        sold_by=SoldBy.PERSONS,
        adult_price=Decimal(80),
        kid_price=Decimal(40),
        departures=(Departures(first=setup.today, last=_LAST),),
        seats_counted=False,
    )
    body = {
        "product_id": product.id,
        "departure_date": (setup.today + _LATER).isoformat(),
        "departure_address": "Main station",
        "adult": 2,
        "contact": {
            "first_name": "Jane",
            "last_name": "Doe",
            "mobile": "5550100",
            "email": "jane@example.com",
        },
    }
    return Door(
        kind=kind,
        shown=shown,
        title="the city tour for two",
        command=signed(shown, f"{setup.base_url}/v2/order/add", encode(body).decode()),
        records=(
            record("product", product.id, product),
            record("tour", product.id, tour),
            reseller,
        ),
    )
