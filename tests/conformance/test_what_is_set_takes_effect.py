"""What can be set takes effect: no member of the catalogue, of a tenant's settings or of free data is read by nothing.

A switch that is stored, shown and never read looks as if it worked. Reads are recorded over every golden
pair of every dialect, and over the calls below that reach what the pairs leave out.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from orderhub.conform.cases import golden_cases
from orderhub.core.accounts import Named, Service
from orderhub.core.coupons import Coupon
from orderhub.core.departures import Departures
from orderhub.core.memberships import User, UserGroup
from orderhub.core.quotes import Pickup
from orderhub.core.ranges import fields_of
from orderhub.core.upgrades import UpgradeGroup, UpgradeOption
from orderhub.core.values import Clock, Settings
from orderhub.dialects.finding import dialect_names, find_dialects
from orderhub.web.hub_api.catalogue_kinds import KINDS
from orderhub.web.hub_api.catalogue_shapes import structs_of
from tests.support.hub import HubUnderTest, operator_headers, running_hub
from tests.support.pairs import runner_on
from tests.support.reading import Reader, Reads, recorded

OMNI = "/hub/v1/tenants/omni"
AS_OMNI = {"Authorization": "Bearer hub-demo-omni"}
SERVICE = "00000000-0000-4000-8000-000000000901"
ACCOUNT = "00000000-0000-4000-8000-000000000902"
SEGMENT = "00000000-0000-4000-8000-000000005203"
MASSAGE = "00000000-0000-4000-8000-000000005204"
STAY = "00000000-0000-4000-8000-000000005206"

# Whoever writes, checks or names a document reads it all: that is no effect.
WRITERS = {"orderhub.core.ranges", "orderhub.core.admin"}
UNREAD = {
    (Coupon, "data"): "the merchant's own notes: the guide says that no door reads it",
    (Named, "data"): "the merchant's own notes: the guide says that no door reads it",
    (Named, "name"): "the vendor has no call that lists segments: the guide says so",
    (Settings, "name"): "the tenant's, for the hub's own paths",
    (Settings, "first_order_id"): "read where ids are set aside, in the intake",
    (Settings, "request_log"): "read where calls are kept, in the web",
}
# Figures and switches that only an answer shows, since that is what they are for.
SHOWN = {
    (Departures, "display_price"): "what a calendar shows",
    (Service, "ordering"): "its place in the vendor's list",
    (Service, "created_at"): "a time that the vendor shows and filters by",
    (Service, "updated_at"): "a time that the vendor shows and filters by",
    (UserGroup, "level"): "its place in the list of groups",
    (User, "created_at"): "a time that the vendor shows",
    (User, "updated_at"): "a time that the vendor shows",
}
SHOWING = (
    "configuration",
    "departing",
    "goods",
    "people",
    "products",
    "reservations",
    "catalogue",
    "coupons",
    "show",
)


def catalogue_structs() -> Iterator[type[msgspec.Struct]]:
    for kind in KINDS.values():
        yield kind.model
        yield from structs_of(fields_of(kind.model))
    yield from (Settings, Clock)


STRUCTS = tuple(dict.fromkeys(catalogue_structs()))
# What the ledger finds an item by, out of its record: the document repeats it.
FOUND_BY = ("id", "uid")
# Numbers of parts of an item, which the ledger knows nothing of.
PARTS = {Pickup, UpgradeGroup, UpgradeOption}
MEMBERS = [
    (struct, field)
    for struct in STRUCTS
    for field in fields_of(struct)
    if field.name not in FOUND_BY or struct in PARTS
]


@pytest.fixture(scope="module")
async def reads(tmp_path_factory: pytest.TempPathFactory) -> Reads:
    with recorded(STRUCTS) as noted:
        for dialect in dialect_names():
            async with running_hub(tmp_path_factory.mktemp(dialect)) as hub:
                await runner_on(hub, dialect).run(golden_cases(dialect))
        async with running_hub(tmp_path_factory.mktemp("more")) as hub:
            await what_the_pairs_leave_out(hub)
    return noted


def is_effect(reader: Reader) -> bool:
    """Whether a rule or a door read it, and no demo that made it up."""
    package, _, module = reader.module.rpartition(".")
    if reader.module in WRITERS or module == "demo":
        return False
    return package == "orderhub.core" or package.startswith("orderhub.dialects")


def is_rule(reader: Reader) -> bool:
    """Whether what was read decides about something, rather than being shown."""
    package, _, module = reader.module.rpartition(".")
    return is_effect(reader) and (package == "orderhub.core" or module not in SHOWING)


def is_figure(kind: inspect.Type) -> bool:
    match kind:
        case inspect.Metadata():
            return is_figure(kind.type)
        case inspect.UnionType():
            return any(map(is_figure, kind.types))
    figures = (inspect.BoolType, inspect.IntType, inspect.DecimalType, inspect.EnumType)
    return isinstance(kind, (*figures, inspect.LiteralType, inspect.DateType))


async def test_every_member_of_the_catalogue_and_of_the_settings_is_read(reads: Reads) -> None:
    unread = {
        (struct, field.name)
        for struct, field in MEMBERS
        if not any(map(is_effect, reads.of(struct, field.name)))
    }
    assert unread == set(UNREAD), unread ^ set(UNREAD)


async def test_every_figure_and_switch_is_read_by_a_rule_and_not_only_shown(reads: Reads) -> None:
    only_shown = {
        (struct, field.name)
        for struct, field in MEMBERS
        if is_figure(field.type) and (struct, field.name) not in UNREAD
        if not any(map(is_rule, reads.of(struct, field.name)))
    }
    assert only_shown == set(SHOWN), only_shown ^ set(SHOWN)


FREE = [
    pytest.param(dialect.name, field.name, id=f"{dialect.name}-{kind}-{field.name}")
    for dialect in find_dialects()
    for kind, struct in dialect.data.items()
    for field in fields_of(struct)
]


@pytest.mark.parametrize(("dialect", "member"), FREE)
def test_every_member_of_free_data_is_named_by_what_reads_it(dialect: str, member: str) -> None:
    """Free data is read by its keys: the dialect's own code names each, or the core does."""
    assert member in words_of(f"orderhub.dialects.{dialect}") | words_of("orderhub.core")


_WORDS: dict[str, set[str]] = {}


def words_of(package: str) -> set[str]:
    """Every key and attribute in a package's code, but for where data is declared and where a demo makes it up."""
    if package not in _WORDS:
        found = _WORDS[package] = set()
        for each in pkgutil.iter_modules(importlib.import_module(package).__path__):
            if each.name in ("data", "demo"):
                continue
            path = Path(importlib.import_module(f"{package}.{each.name}").__file__ or "")
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
                elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                    found.add(node.attr)
    return _WORDS[package]


# --- what the golden pairs leave out

CATALOGUE: dict[str, dict[str, Any]] = {
    "products/5201": {"code": "SHIRT", "title": "T-shirt", "price": "19.90"},
    "variants/5201": {"product_id": 5201, "code": "SHIRT-M", "title": "M", "weight_g": 150},
    "products/5204": {"title": "Massage", "price": "60", "service": SERVICE, "tax_codes": ["A", "B"]},
    "coupons/5201": {"code": "HALF", "kind": "percent", "percent": 50},
    "memberships/5201": {"title": "Gold", "discount": 90, "share_reward": 10, "parent_reward": 5,
                         "price": "10", "expire_days": 30},
    "shops/1": {"seller_percent": 80, "everyone_distributes": True},
    "segments/5203": {"name": "Leisure"},
    "reservations/5206": {"number": "52", "account": ACCOUNT, "service": SERVICE, "state": "started",
                          "starts_at": "2024-05-01T13:00:00Z", "ends_at": "2024-05-03T09:00:00Z"},
    "taxations/5201": {"code": "VAT", "name": "VAT"},
    "taxations/5202": {"code": "CITY", "name": "City tax"},
    "taxes/5201": {"code": "A", "taxation": "VAT", "value": "0.1",
                   "valid": [{"start": "2000-01-01T00:00:00Z", "end": "2999-01-01T00:00:00Z"}]},
    "taxes/5202": {"code": "B", "taxation": "CITY", "strategy": "dependent", "value": "0.1",
                   "base_taxations": ["VAT"]},
    "products/5205": {"title": "By rooms", "kind": "tour"},
    "tours/5205": {
        "departures": [{"first": "2024-01-01", "last": "2999-12-31"}],
        "prices": {"single": "9", "double": "8", "triple": "7", "quad": "6", "kid": "5", "pairup": "4"},
        "upgrades": [{"id": 1, "multiple": True, "required": 1, "options": [{"id": 2}]}],
        "form": [{"name": "age", "kind": "number", "minimum": "1", "maximum": "99"},
                 {"name": "meal", "kind": "select", "options": ["fish", "meat"]}],
        "pickups": [{"id": 1, "location": "the pier", "address": "1 Quay"}],
        "pickups_only": True,
        "seats_counted": False,
    },
    "products/5206": {"title": "By persons", "kind": "tour"},
    "tours/5206": {
        "sold_by": "persons", "adult_price": "80", "kid_price": "40", "seats_counted": False,
        "departures": [{"first": "2024-01-01", "last": "2999-12-31"}],
    },
}  # fmt: skip


async def what_the_pairs_leave_out(hub: HubUnderTest) -> None:
    for path, doc in CATALOGUE.items():
        uids = {"segments/5203": SEGMENT, "products/5204": MASSAGE, "reservations/5206": STAY}
        uid = uids.get(path)
        body = {"doc": doc} if uid is None else {"uid": uid, "doc": doc}
        answer = await hub.request(
            "PUT", f"{OMNI}/catalogue/{path}", json=body, headers=operator_headers()
        )
        assert answer.is_success, f"{path}: {answer.text}"
    await in_a_shop(hub)
    await by_parcel(hub)
    await on_a_bill(hub)
    await on_tours(hub)


async def asked(hub: HubUnderTest, path: str, body: Any, code: int | None, **headers: str) -> Any:
    answer = await hub.post(path, body, headers={**AS_OMNI, **headers})
    assert answer.status_code == 200, answer.text
    value = answer.json()
    assert value.get("code") == code, (path, value)
    return value


async def in_a_shop(hub: HubUnderTest) -> None:
    """A buyer whom somebody brought, whom somebody brought."""
    for number, more in (
        (5_301, {"group_id": 5201}),
        (5_302, {"group_id": 5201, "inviter_id": 5_301}),
        (5_303, {"inviter_id": 5_302, "expires_at": "2999-01-01T00:00:00Z"}),
    ):
        body = {"doc": {"user_name": f"user{number}", **more}}
        answer = await hub.request(
            "PUT", f"{OMNI}/catalogue/users/{number}", json=body, headers=operator_headers()
        )
        assert answer.status_code == 201, answer.text
    token = await acting_as(hub, 5_303)
    body = {"goods_id": 5201, "goods_sku_id": 5201, "coupon_code": "HALF"}
    made = await asked(hub, "/api/order/create", body, 0, Authorization=token)
    assert made["data"]["share_amount"] > 0
    assert made["data"]["share_parent_amount"] > 0
    body = {"goods_id": 5201, "type": "vip"}
    bought = await asked(hub, "/api/order/create", body, 0, Authorization=token)
    (order,) = await hub.orders("omni", number=bought["data"]["order_id"])
    await hub.pay(order["uid"])


async def acting_as(hub: HubUnderTest, number: int) -> str:
    body = {"kind": "hub", "scopes": ["dialects"], "data": {"acts_as": {"anqicms": str(number)}}}
    made = await hub.post(f"{OMNI}/credentials", body, headers=operator_headers())
    return f"Bearer {made.json()['token']}"


async def by_parcel(hub: HubUnderTest) -> None:
    address = {"country": "US", "phone": "555 0100", "recipient": "Jane Doe", "province": "IL"}
    lines = [{"sku": "SHIRT-M", "quantity": 2}]
    body = {"orderAddress": address, "orderItemsList": lines}
    await asked(hub, "/openapi/v1/order/order", body, 10000)


async def on_a_bill(hub: HubUnderTest) -> None:
    body = {
        "ServiceId": SERVICE,
        "AccountId": ACCOUNT,
        "BusinessSegmentId": SEGMENT,
        "LinkedReservationId": STAY,
        "ProductOrders": [{"ProductId": MASSAGE, "Count": 1}],
    }
    await asked(hub, "/api/connector/v1/orders/add", body, None)
    stays = "/api/connector/v1/reservations/getAll/2023-06-06"
    await asked(hub, stays, {"Limitation": {"Count": 1}, "Numbers": ["52"]}, None)


async def on_tours(hub: HubUnderTest) -> None:
    order = {
        "departure_date": "2099-05-02",
        "departure_address": "the pier",
        "contact": {"first_name": "A", "last_name": "B", "mobile": "1", "email": "a@b.example"},
    }
    guest = {"type": "adult", "age": "30", "meal": "fish"}
    for room in ({"adult": 1}, {"adult": 3}, {"adult": 1, "single_pairup": 1}):
        guests = [guest] * room["adult"]
        body = {"product_id": 5205, "rooms": [room], "upgrades": {"1": ["2"]}, "guest_info": guests}
        await asked(hub, "/v2/order/add", {**order, **body}, 0)
    body = {"product_id": 5206, "rooms": [{"adult": 1, "kid": 1}], "upgrades": {}}
    await asked(hub, "/v2/order/add", {**order, **body}, 0)
