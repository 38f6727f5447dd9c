"""The demo businesses: one tenant for each dialect, one with all doors, and an operator."""

from __future__ import annotations

import json
import shlex
import time
from datetime import datetime
from decimal import Decimal
from importlib import resources
from typing import Any
from uuid import UUID

import msgspec

from orderhub.core.catalogue import Product, Warehouse
from orderhub.core.commands import RecordChange
from orderhub.core.people import Role
from orderhub.core.values import Clock, ClockMode, Pricing, Settings
from orderhub.demo.month import Door, Month, live
from orderhub.dialects.contract import Dialect
from orderhub.dialects.finding import part_of
from orderhub.dialects.passwords import hashed
from orderhub.dialects.sandbox import DEMO_OPERATOR, DemoBusiness, DemoPool, business_token
from orderhub.ledger.ledger import Ledger
from orderhub.seeding import Seeder
from orderhub.web.cipher import Cipher

OMNI = "omni"
# Whoever signs in at the desk of a demo: an owner of each business, and the operator of all.
OPERATOR_TOKEN = DEMO_OPERATOR
PASSWORD = "orderhub-demo"  # noqa: S105 - printed for everybody to use
_OPERATOR_EMAIL = "operator@hub.example"


def _shared_products() -> tuple[RecordChange, ...]:
    """The products that the tenant with all doors sells through every door that sells goods."""
    products = (
        (900, "LAST_ONE", "The last one"),
        (910, "PLENTY", "Plenty of these"),
    )
    changes = [
        RecordChange(
            kind="product",
            id=number,
            uid=str(UUID(int=0x4000_8000_0000_0000_0000 | int(str(number), 16))),
            code=code,
            doc=Product(
                id=number,
                uid=str(UUID(int=0x4000_8000_0000_0000_0000 | int(str(number), 16))),
                code=code,
                title=title,
                price=Decimal("10.00"),
                currency="USD",
                stocked=True,
                weight_g=200,
                service="00000000-0000-4000-8000-000000000901",
            ),
        )
        for number, code, title in products
    ]
    warehouse = RecordChange(
        kind="warehouse",
        id=1,
        code="US01",
        doc=Warehouse(id=1, code="US01", name="US01", country="US"),
    )
    return (*changes, warehouse)


def _omni_settings(parts: tuple[DemoBusiness, ...]) -> Settings:
    dialects: dict[str, Any] = {}
    for part in parts:
        if part.settings is not None:
            dialects.update(part.settings.dialects)
    return Settings(
        name=OMNI,
        currency="USD",
        currencies=("EUR",),
        pricing=Pricing.NET,
        time_zone="Asia/Shanghai",
        sandbox=True,
        default_warehouse="US01",
        editable_history_s=7 * 86_400,
        dialects=dialects,
    )


def seed(ledger: Ledger, cipher: Cipher, dialects: tuple[Dialect, ...]) -> None:
    """Write all demo businesses into an empty ledger. Clocks run from now."""
    seeder = Seeder(ledger, cipher)
    wall_us = time.time_ns() // 1000
    password = hashed(PASSWORD)  # once: each takes its time on purpose
    shown = [dialect for dialect in dialects if _has_demo(dialect)]
    tenant_id = 0
    for dialect in shown:
        for business in part_of(dialect.name, "demo").DEMO:
            tenant_id += 1
            settings = business.settings or Settings(name=business.name)
            seeder.tenant(
                tenant_id, business.name, business.title, with_clock(settings, business, wall_us)
            )
            seeder.business(tenant_id, business)
            acts_as = {dialect.name: business.acts_as} if business.acts_as else {}
            seeder.hub_token(tenant_id, business_token(business.name), acts_as)
            seeder.person(tenant_id, owner_of(business.name), Role.OWNER, password)
    parts = {dialect.name: part_of(dialect.name, "demo").OMNI for dialect in shown}
    omni = tenant_id + 1
    seeder.tenant(omni, OMNI, "All doors", _omni_settings(tuple(parts.values())))
    stock = DemoBusiness(
        name=OMNI,
        records=_shared_products(),
        pools=(
            DemoPool("stock", "product:900", "US01", 1),
            DemoPool("stock", "product:910", "US01", 1_000_000),
        ),
    )
    seeder.business(omni, stock)
    for part in parts.values():
        seeder.business(omni, part)
    seeder.hub_token(
        omni,
        business_token(OMNI),
        {name: part.acts_as for name, part in parts.items() if part.acts_as},
    )
    seeder.person(omni, owner_of(OMNI), Role.OWNER, password)
    seeder.hub_token(0, OPERATOR_TOKEN, {})
    seeder.person(0, _OPERATOR_EMAIL, Role.OPERATOR, password)


def owner_of(business: str) -> str:
    """The e-mail that its owner signs in by."""
    return f"owner@{business}.example"


def live_a_month(ledger: Ledger, dialects: tuple[Dialect, ...]) -> None:
    """Give the businesses of a fresh demo the month that they have behind them."""
    wall_us = time.time_ns() // 1000
    ids = {each.name: each.id for each in ledger.read(lambda reads: reads.tenants())}
    parts = [part_of(each.name, "demo") for each in dialects if _has_demo(each)]
    pasts = [
        (dialect.name, part, part.PAST)
        for dialect, part in zip(filter(_has_demo, dialects), parts, strict=True)
        if hasattr(part, "PAST")
    ]
    months = [
        Month(
            ledger,
            ids[part.DEMO[0].name],
            [Door(channel, past, past.own)],
            wall_us,
            is_kept=False,
        )
        for channel, part, past in pasts
        if past.own
    ]
    doors = [Door(channel, past, past.omni) for channel, _, past in pasts]
    live(ledger, [*months, Month(ledger, ids[OMNI], doors, wall_us, is_kept=True)])


def _has_demo(dialect: Dialect) -> bool:
    try:
        part_of(dialect.name, "demo")
    except ModuleNotFoundError:
        return False
    return True


def with_clock(settings: Settings, business: DemoBusiness, wall_us: int) -> Settings:
    """The settings of a sandbox whose clock runs from the instant that its business names."""
    clock = Clock()
    if business.clock_from:
        start = round(datetime.fromisoformat(business.clock_from).timestamp() * 1_000_000)
        clock = Clock(ClockMode.RUNNING, offset_us=start - wall_us)
    return msgspec.structs.replace(settings, name=business.name, sandbox=True, clock=clock)


class FirstCall(msgspec.Struct, frozen=True, kw_only=True):
    """A create call that works when it is pasted: of which door, as which tenant, by which token."""

    dialect: str
    title: str
    tenant: str
    token: str
    path: str
    command: str


def first_calls(dialects: tuple[Dialect, ...], base_url: str) -> list[FirstCall]:
    """One create call for each dialect, as its document shows it: the first of its golden examples."""
    calls = []
    for dialect in dialects:
        if not _has_demo(dialect):
            continue
        folder = resources.files(f"orderhub.dialects.{dialect.name}") / "golden"
        first = min(each.name for each in folder.iterdir() if each.name.endswith(".json"))
        case = json.loads((folder / first).read_text())
        request, token = case["request"], business_token(case["tenant"])
        body = json.dumps(request["body"], ensure_ascii=False)
        calls.append(
            FirstCall(
                dialect=dialect.name,
                title=dialect.title,
                tenant=case["tenant"],
                token=token,
                path=request["path"],
                command=f"curl -s {base_url}{request['path']} -H 'Authorization: Bearer {token}' "
                f"-H 'Content-Type: application/json' -d {shlex.quote(body)}",
            )
        )
    return calls
