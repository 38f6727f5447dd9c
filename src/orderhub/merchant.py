"""A new merchant in an empty ledger: a tenant whose doors work from the first call on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

from orderhub.core.catalogue import Product, Warehouse
from orderhub.core.commands import RecordChange
from orderhub.core.reach import HUB_KIND
from orderhub.core.values import Settings
from orderhub.core.zones import zone_of
from orderhub.dialects.auth import drawn
from orderhub.dialects.contract import Dialect
from orderhub.dialects.finding import part_of
from orderhub.dialects.samples import Door, Setup, record
from orderhub.dialects.sandbox import DemoBusiness, DemoCredential, DemoPool
from orderhub.ledger.ledger import Ledger
from orderhub.seeding import Seeder
from orderhub.web.cipher import Cipher
from orderhub.web.hub_api.credential_kinds import kept_data

_STOCK = 100
_GOODS = (("SAMPLE-MUG", "Mug", 12), ("SAMPLE-SHIRT", "T-shirt", 25), ("SAMPLE-CAP", "Cap", 18))


@dataclass(frozen=True, slots=True)
class Merchant:
    """What is asked of a new merchant.

    doors       names of dialects
    warehouses  (code, country or empty); the first is where samples lie and orders ship from
    """

    name: str
    currency: str
    time_zone: str
    doors: tuple[str, ...]
    warehouses: tuple[tuple[str, str], ...]
    has_samples: bool = True


@dataclass(frozen=True, slots=True)
class Begun:
    """What is shown once.

    operator_token  empty where the hub has an operator already
    doors           (the vendor's title, its door)
    """

    operator_token: str
    token: str
    doors: tuple[tuple[str, Door], ...]


def begin(
    ledger: Ledger,
    cipher: Cipher,
    merchant: Merchant,
    dialects: tuple[Dialect, ...],
    base_url: str,
    show: Callable[[Begun], None],
) -> None:
    """Write the merchant into a ledger that nobody serves and that has no tenant.

    What is shown once is handed to `show` before anything is written: if it raises, nothing is.
    """
    setup = _setup(merchant, base_url)
    doors = [(each, _door(each, setup)) for each in dialects if each.name in merchant.doors]
    has_operator = bool(ledger.read(lambda reads: reads.credentials(0)))
    token, operator_token = drawn(HUB_KIND), "" if has_operator else drawn(HUB_KIND)
    show(Begun(operator_token, token, tuple((dialect.title, door) for dialect, door in doors)))
    seeder = Seeder(ledger, cipher)
    tenant_id = ledger.new_tenant(merchant.name, "", _settings(merchant, doors)).id
    seeder.business(tenant_id, _business(merchant, setup, doors))
    seeder.hub_token(tenant_id, token, {})
    if operator_token:
        seeder.hub_token(0, operator_token, {})


def _door(dialect: Dialect, setup: Setup) -> Door:
    found: Door = part_of(dialect.name, "demo").door(setup)
    return found


def _setup(merchant: Merchant, base_url: str) -> Setup:
    now_us = time.time_ns() // 1000
    zone = zone_of(merchant.time_zone)
    return Setup(
        name=merchant.name,
        title="",
        currency=merchant.currency,
        time_zone=merchant.time_zone,
        goods=tuple(_goods()) if merchant.has_samples else (),
        today=datetime.fromtimestamp(now_us // 1_000_000, UTC).astimezone(zone).date(),
        now_us=now_us,
        base_url=base_url,
    )


def _goods() -> list[Product]:
    return [
        Product(
            id=number,
            uid=str(uuid4()),
            code=code,
            title=title,
            price=Decimal(price),
            weight_g=300,
        )
        for number, (code, title, price) in enumerate(_GOODS, 1)
    ]


def _settings(merchant: Merchant, doors: list[tuple[Dialect, Door]]) -> Settings:
    return Settings(
        name=merchant.name,
        currency=merchant.currency,
        time_zone=merchant.time_zone,
        default_warehouse=merchant.warehouses[0][0],
        dialects={dialect.name: door.settings for dialect, door in doors if door.settings},
    )


def _business(merchant: Merchant, setup: Setup, doors: list[tuple[Dialect, Door]]) -> DemoBusiness:
    """All that is written, each record once: a door may add to what is sold."""
    records: list[RecordChange] = [
        record("warehouse", number, Warehouse(id=number, code=code, name=code, country=country))
        for number, (code, country) in enumerate(merchant.warehouses, 1)
    ]
    records += [record("product", each.id, each) for each in setup.goods]
    for _, door in doors:
        records += door.records
    place = merchant.warehouses[0][0]
    return DemoBusiness(
        name=merchant.name,
        credentials=tuple(_credential(door) for _, door in doors),
        records=tuple({(each.kind, each.id): each for each in records}.values()),
        pools=tuple(DemoPool("stock", each.subject, place, _STOCK) for each in setup.goods),
        sequences={kind: first for _, door in doors for kind, first in door.sequences.items()},
    )


def _credential(door: Door) -> DemoCredential:
    return DemoCredential(
        kind=door.kind.name,
        name=door.shown.name,
        token=door.shown.token,
        secret=door.shown.secret,
        data=kept_data(door.shown),
    )


def needs_key(dialects: tuple[Dialect, ...], doors: tuple[str, ...]) -> bool:
    """Whether secrets must be kept: what signatures are checked with."""
    return any(kind.is_named for each in dialects if each.name in doors for kind in each.kinds)
