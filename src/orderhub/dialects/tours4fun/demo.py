"""The demo business `tours` with the documents' own products, its part of `omni`; the door of a new merchant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random

import msgspec

from orderhub.core.catalogue import Product
from orderhub.core.commands import Numbering, Origin, PlaceOrder, RecordChange
from orderhub.core.departures import Departures
from orderhub.core.exchange import RateSheet, RateTable
from orderhub.core.passengers import FieldKind, FormField
from orderhub.core.quotes import Booking, Pickup, Reseller, SoldBy, Ticket, Tour
from orderhub.core.rooms import RoomPrices
from orderhub.core.tours import TourBooking
from orderhub.core.upgrades import UpgradeGroup, UpgradeOption
from orderhub.core.values import Contact, Settings
from orderhub.core.zones import local_day
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Shown
from orderhub.dialects.samples import Door, Setup, record
from orderhub.dialects.sandbox import Buyer, DemoBusiness, DemoCredential, DemoPool, Past
from orderhub.dialects.tours4fun.access import KINDS, signed

TOUR = 102202692
TICKET = 102202730
SKU = 15021
_SEATS = 40
_FIRST, _LAST = date(2019, 1, 2), date(2019, 3, 31)
_SEASON = Departures(first=_FIRST, last=_LAST)
_ALWAYS = Departures(first=date(2020, 1, 1), last=date(2099, 12, 31))
_NEW_YORK = [{"departure_city_id": 3, "departure_city_name": "New York"}]

# The documents' list of rates of 2018 whole, then what samples of other dates used.
_RATES_2018 = {
    "GBP": "0.7",
    "AUD": "1.2441",
    "NZD": "1.3564",
    "EUR": "0.8027",
    "CAD": "1.2282",
    "SUR": "56.0871",
    "JPY": "109.3553",
    "ZAR": "11.8628",
    "NOK": "7.6715",
    "PHP": "51.4666",
    "SEK": "7.8597",
    "CHF": "0.9301",
    "DKK": "5.9746",
    "HKD": "7.8237",
    "THB": "31.2831",
    "CNY": "6.3098",
    "RUB": "56.0871",
}
_RATES = RateTable(
    sheets=tuple(
        RateSheet(since=since, rates={name: Decimal(each) for name, each in rates.items()})
        for since, rates in (
            (date(2018, 1, 1), {**_RATES_2018, "CNY": "6.5233"}),
            (date(2018, 2, 2), _RATES_2018),
            (date(2019, 1, 1), {**_RATES_2018, "EUR": "0.8588", "CAD": "1.301", "CNY": "6.8811"}),
        )
    )
)

_TOUR_PRODUCT = Product(
    id=TOUR,
    code=f"T{TOUR}",
    title="4-Day New York: Statue of Liberty, Empire State Building, Intrepid Museum",
    kind="tour",
    currency="USD",
    data={
        "product_line": "tour",
        "region": "us",
        "sub_region": "east",
        "region_chinese_name": "美国",
        "sub_region_chinese_name": "美东",
        "departure_city": _NEW_YORK,
        "return_city": [{"return_city_id": 3, "return_city_name": "New York"}],
        "info": {
            "price_special_note": "Single, double, triple and quad price: 1, 2, 3, 4 persons in "
            "one standard room, per person. A room holds at most 4 persons including children."
        },
    },
)
_TICKET_PRODUCT = Product(
    id=TICKET,
    code=f"T{TICKET}",
    title="Jervis Bay Dolphin Eco Tour",
    kind="ticket",
    currency="CAD",
    data={
        "product_line": "ticket",
        "region": "oceania",
        "sub_region": "australia",
        "region_chinese_name": "大洋洲",
        "sub_region_chinese_name": "澳大利亚",
    },
)


def _tour(departures: Departures, *, seats_counted: bool) -> Tour:
    return Tour(
        duration_days=4,
        departures=(departures,),
        prices=RoomPrices(
            single=Decimal(1295),
            double=Decimal(881),
            triple=Decimal(797),
            quad=Decimal(755),
            kid=Decimal(631),
        ),
        max_child_age=11,
        upgrades=(
            UpgradeGroup(
                id=30100,
                name="Seat class",
                options=(
                    UpgradeOption(id=30577, name="Standard"),
                    UpgradeOption(id=30578, name="First class", price=Decimal(20)),
                ),
            ),
        ),
        form=(
            FormField(name="firstname_en", label="First Name"),
            FormField(name="mobile", label="Mobile", kind=FieldKind.PHONE),
        ),
        pickups=(
            Pickup(
                id=32903,
                start_time="08:00:00",
                location="Chinatown",
                address="87 Bowery, New York, NY 10002",
                tips="Be there 15 minutes early",
            ),
            Pickup(id=32902, start_time="09:00:00", end_time="10:00:00", location="Hotel lobby"),
        ),
        seats_counted=seats_counted,
    )


_TICKET_TERMS = Tour(
    sold_by=SoldBy.TICKETS,
    departures=(_SEASON,),
    tickets=(Ticket(sku_id=SKU, name="Dolphin eco cruise, adult", price=Decimal("77.75")),),
    upgrades=(
        UpgradeGroup(
            id=219, name="Departure time", options=(UpgradeOption(id=1375, name="08:45"),)
        ),
        UpgradeGroup(id=221, name="Lunch", options=(UpgradeOption(id=1378, name="12:00"),)),
    ),
)


def _product(product: Product, tour: Tour) -> tuple[RecordChange, RecordChange]:
    return (
        RecordChange(kind="product", id=product.id, code=product.code, doc=product),
        RecordChange(kind="tour", id=product.id, doc=tour),
    )


def _seats(product_id: int) -> list[DemoPool]:
    return [
        DemoPool("seats", f"product:{product_id}", day.isoformat(), _SEATS)
        for day in _SEASON.days(_FIRST)
    ]


def _app(name: str) -> DemoCredential:
    return DemoCredential(
        kind="tours4fun", name=name, secret=f"{name}-secret", scopes=("dialects",)
    )


def _reseller(app: str) -> RecordChange:
    return RecordChange(kind="reseller", code=app, doc=Reseller(settlement="USD"))


DEMO: tuple[DemoBusiness, ...] = (
    DemoBusiness(
        name="tours",
        title="Tours of the Tours4Fun documents",
        settings=Settings(
            name="tours", currency="USD", time_zone="Asia/Shanghai", first_order_id=10004000
        ),
        clock_from="2019-01-01T00:00:00+08:00",
        acts_as="demo-tours",
        credentials=(_app("demo-tours"),),
        records=(
            *_product(_TOUR_PRODUCT, _tour(_SEASON, seats_counted=True)),
            *_product(_TICKET_PRODUCT, _TICKET_TERMS),
            RecordChange(kind="exchange_rates", id=1, doc=_RATES),
            _reseller("demo-tours"),
        ),
        pools=(*_seats(TOUR), *_seats(TICKET)),
    ),
)

# The same tour, every day and without a count of seats: omni's clock is real.
OMNI = DemoBusiness(
    name="omni",
    acts_as="omni-tours",
    credentials=(_app("omni-tours"),),
    records=(
        *_product(_TOUR_PRODUCT, _tour(_ALWAYS, seats_counted=False)),
        RecordChange(kind="exchange_rates", id=1, doc=_RATES),
        _reseller("omni-tours"),
    ),
)

# Of the past: sold every day, and no seats of it are counted.
_PAST_TOUR = 990


def _sold(
    origin: Origin, chance: Random, buyer: Buyer, _goods: Sequence[Product], settings: Settings
) -> PlaceOrder:
    today = local_day(settings.time_zone, settings.clock.at(origin.recorded_at))
    booking = Booking(
        product_id=_PAST_TOUR,
        day=today + timedelta(days=chance.randint(20, 60)),
        pickup="Main station",
        adults=chance.randint(1, 4),
        kids=chance.choice((0, 0, 1, 2)),
    )
    return PlaceOrder(
        origin=msgspec.structs.replace(origin, owner=_OWNERS[settings.name]),
        terms=TourBooking(booking=booking),
        numbering=Numbering.ID,
        contact=Contact(
            first_name=buyer.first_name,
            last_name=buyer.last_name,
            phone=buyer.phone,
            email=buyer.email,
        ),
    )


_OWNERS = {"tours": "demo-tours", "omni": "omni-tours"}
PAST = Past(
    order=_sold,
    records=_product(
        Product(id=_PAST_TOUR, code="CITY-TOUR", title="City tour", kind="tour", currency="USD"),
        Tour(
            sold_by=SoldBy.PERSONS,
            adult_price=Decimal(80),
            kid_price=Decimal(40),
            departures=(Departures(first=date(2018, 1, 1), last=date(2099, 12, 31)),),
            seats_counted=False,
        ),
    ),
    omni=50,
    own=25,
)

_LATER = timedelta(days=180)

_LAST = date(2099, 12, 31)


def door(setup: Setup) -> Door:
    """A new merchant's: an app, and a tour that departs daily and is sold by persons."""
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
