"""What tests of tours are made of: a product, how it is sold, a booking, and known facts."""

from datetime import UTC, date, datetime
from decimal import Decimal as D
from typing import Any

from orderhub.core.catalogue import Product
from orderhub.core.commands import Numbering, Origin, PlaceOrder
from orderhub.core.departures import Departures
from orderhub.core.exchange import RateSheet, RateTable
from orderhub.core.facts import Facts, NewIds, PoolLoad, Record, RecordKey
from orderhub.core.passengers import FieldKind, FormField, Guest
from orderhub.core.quotes import Booking, Reseller, Tour
from orderhub.core.rooms import Room, RoomPrices
from orderhub.core.tours import TourBooking, offer_keys
from orderhub.core.upgrades import UpgradeChoice, UpgradeGroup, UpgradeOption
from orderhub.core.values import Contact, Pool, PoolKey, Settings

DAY = date(2019, 1, 16)
NOW = int(datetime(2019, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
PRICES = RoomPrices(single=D(1295), double=D(881), triple=D(797), quad=D(755), kid=D(631))
PRODUCT = Product(id=7, code="TOUR7", title="Coast", kind="tour", currency="USD")
GROUP = UpgradeGroup(
    id=30100,
    name="Seat",
    options=(UpgradeOption(id=30577), UpgradeOption(id=30578, price=D(20))),
)
FORM = (
    FormField(name="firstname_en"),
    FormField(name="mobile", kind=FieldKind.PHONE),
)
TOUR = Tour(
    duration_days=4,
    departures=(Departures(first=date(2019, 1, 2), last=date(2019, 3, 31)),),
    prices=PRICES,
    upgrades=(GROUP,),
    form=FORM,
)
RATES = RateTable(
    sheets=(
        RateSheet(since=date(2018, 1, 1), rates={"CNY": D("6.5233")}),
        RateSheet(
            since=date(2019, 1, 1),
            rates={"EUR": D("0.8588"), "CAD": D("1.301"), "CNY": D("6.8811")},
        ),
    )
)
CONTACT = Contact(first_name="a", last_name="b", email="2@q.q", phone="1")
UID = "00000000-0000-7000-8000-000000000000"


def guest(kind: str = "adult", **answers: Any) -> Guest:
    filled = {"firstname_en": "ghghg", "mobile": "86-6767", **answers}
    return Guest(kind=kind, is_child=kind != "adult", answers=filled)


def booking(**changes: Any) -> Booking:
    members: dict[str, Any] = {
        "product_id": 7,
        "day": DAY,
        "pickup": "jhjhj",
        "rooms": (Room(adults=2),),
        "upgrades": (UpgradeChoice(30100, (30577,)),),
        "guests": (guest(), guest("child")),
        **changes,
    }
    return Booking(**members)


def command(contact: Contact | None = CONTACT, *, owner: str = "app", **changes: Any) -> PlaceOrder:
    return PlaceOrder(
        origin=Origin(tenant_id=1, channel="d", actor="c", owner=owner, recorded_at=NOW),
        terms=TourBooking(booking=booking(**changes)),
        numbering=Numbering.ID,
        contact=contact,
    )


def ids(number: int = 10004000) -> NewIds:
    return NewIds(orders=((number, UID),), records={"guest": tuple(range(6293, 6313))})


def known(
    *,
    product: Product | None = PRODUCT,
    tour: Tour | None = TOUR,
    rates: RateTable | None = RATES,
    reseller: Reseller | None = None,
    seats: int | None = 40,
    rooms: int | None = None,
    day: date = DAY,
    settings: dict[str, Any] | None = None,
) -> Facts:
    facts = Facts()
    usual = {"name": "tours", "first_order_id": 10004000, "utc_offset_minutes": 480}
    _learn(facts, RecordKey(1, "settings", "id", "0"), 0, Settings(**usual, **(settings or {})))
    docs = (product, tour, rates, reseller)
    for key, doc in zip(offer_keys(1, 7, "app"), docs, strict=True):
        _learn(facts, key, 7 if key.kind != "exchange_rates" else 1, doc)
    for kind, units in (("seats", seats), ("rooms", rooms)):
        pool = PoolKey(1, kind, "product:7", day.isoformat())
        load = PoolLoad(1, kind, pool.subject, pool.place)
        facts.learn_pools(load, () if units is None else (Pool(key=pool, opening=units),))
    return facts


def _learn(facts: Facts, key: RecordKey, number: int, doc: Any) -> None:
    record = Record(tenant_id=1, kind=key.kind, id=number, uid="", code="app", doc=doc)
    facts.learn_records(key, () if doc is None else (record,))
