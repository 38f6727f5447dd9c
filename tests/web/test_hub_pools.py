"""Pools through the hub's API: stock that is entered counts at every door, typos, units, bulk."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from orderhub.ledger.check import check_ledger
from prove.client import Answer
from prove.doors import PARCELS, SELLING, SHOP, Door
from tests.support.hub import HubUnderTest, running_hub
from tests.web.hub_client import AS_DROPSHIP, AS_SHOP, problem_of, token

AS_OMNI = token("hub-demo-omni")
OMNI = "/hub/v1/tenants/omni"
DROPSHIP = "/hub/v1/tenants/dropship"
SERVICE = "00000000-0000-4000-8000-000000000901"
HAT = 920
HAT_UID = f"00000000-0000-4000-8000-{HAT:012d}"


async def sells_hats(hub: HubUnderTest, **more: Any) -> None:
    """A product as the guide writes it: nothing is said of stock."""
    doc = {"title": "Hat", "price": "9.50", "currency": "USD", "service": SERVICE, **more}
    answer = await hub.request(
        "PUT",
        f"{OMNI}/catalogue/products/{HAT}",
        json={"uid": HAT_UID, "code": "HAT", "doc": doc},
        headers=AS_OMNI,
    )
    assert answer.is_success, answer.text


async def counted(hub: HubUnderTest, **more: Any) -> Any:
    body = {"subject": f"product:{HAT}", "place": "US01", "reason": "counted", **more}
    return await hub.post(f"{OMNI}/pools/adjust", body, headers=AS_OMNI)


async def order(hub: HubUnderTest, door: Door, quantity: int) -> Answer:
    words = door.words("a hat", 910)
    match door.name:
        case "anqicms":
            words |= {"goods_id": HAT, "quantity": quantity}
        case "mews":
            words["ProductOrders"] = [{"ProductId": HAT_UID, "Count": quantity}]
        case "kakaclo":
            words["orderItemsList"] = [{"sku": "HAT", "quantity": quantity}]
    answer = await hub.post(door.path, words, headers=AS_OMNI)
    return Answer(answer.status_code, answer.headers, answer.content)


async def left(hub: HubUnderTest) -> int:
    return await hub.pool("omni", "stock", f"product:{HAT}")


@pytest.mark.parametrize("door", SELLING, ids=lambda door: door.name)
async def test_five_hundred_hats_are_not_sold_out_of_twelve(tmp_path: Path, door: Door) -> None:
    async with running_hub(tmp_path) as hub:
        await sells_hats(hub)
        assert door.placed(await order(hub, door, 500)), "nobody has counted yet"
        assert (await counted(hub, by=12)).json()["available"] == 12
        assert door.sold_out(await order(hub, door, 500))
        assert door.placed(await order(hub, door, 12))
        assert door.sold_out(await order(hub, door, 1))
        assert await left(hub) == 0
        assert check_ledger(hub.hub.ledger.engine).breaches == []


async def test_a_cart_is_not_sold_beyond_the_stock_either(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await sells_hats(hub)
        await counted(hub, count=12)
        for quantity, code in ((500, -1), (12, 0)):
            row = {"archive_id": HAT, "quantity": quantity}
            added = await hub.post("/api/cart/add", row, headers=AS_OMNI)
            assert added.json()["code"] == 0
            rows = (await hub.get("/api/cart/list", headers=AS_OMNI)).json()["data"]
            cart = {"cart_ids": [each["id"] for each in rows], "type": "goods"}
            answer = await hub.post("/api/order/create", cart, headers=AS_OMNI)
            assert answer.json()["code"] == code, answer.text
        assert await left(hub) == 0


async def test_every_door_shows_the_stock_that_it_counts(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await sells_hats(hub)

        async def shown() -> tuple[int, Any]:
            sku = await hub.get(f"/api/archive/sku?id={HAT}", headers=AS_OMNI)
            stocks = await hub.get("/openapi/v1/product/stocks?skus=HAT", headers=AS_OMNI)
            listed = stocks.json()["data"]["list"][0]["warehouseStockList"]
            return sku.json()["data"]["stock"], [each["qty"] for each in listed]

        assert await shown() == (9_999_999, [])
        await counted(hub, by=12)
        assert await shown() == (12, [12])
        await sells_hats(hub, stocked=False)
        assert await shown() == (9_999_999, [])


async def test_what_says_that_it_is_not_counted_has_no_stock_to_adjust(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await sells_hats(hub, stocked=False)
        answer = await counted(hub, by=12)
        assert (answer.status_code, problem_of(answer)) == (409, "transition_not_allowed")
        assert (answer.json()["field"], "stocked" in answer.json()["detail"]) == ("subject", True)
        for door in SELLING:
            assert door.placed(await order(hub, door, 500))


async def test_a_product_sold_by_variant_is_counted_at_its_variants(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await sells_hats(hub)
        doc = {"product_id": HAT, "title": "Red"}
        red = {"code": "HAT-RED", "doc": doc}
        made = await hub.request("PUT", f"{OMNI}/catalogue/variants/921", json=red, headers=AS_OMNI)
        assert made.is_success, made.text
        refused = await counted(hub, by=12)
        assert (problem_of(refused), refused.json()["field"]) == (
            "transition_not_allowed",
            "subject",
        )
        assert (await counted(hub, by=3, subject="variant:921")).is_success
        parcels = PARCELS.words("red", 910)
        shop = SHOP.words("red", 910) | {"goods_id": HAT, "goods_sku_id": 921}
        for quantity, sold in ((4, False), (1, True)):
            lines = [{"sku": "HAT-RED", "quantity": quantity}]
            answer = await hub.post(
                PARCELS.path, {**parcels, "orderItemsList": lines}, headers=AS_OMNI
            )
            assert (answer.json()["code"] == 10000) is sold, answer.text
            answer = await hub.post(SHOP.path, {**shop, "quantity": quantity}, headers=AS_OMNI)
            assert (answer.json()["code"] == 0) is sold, answer.text
        assert await hub.pool("omni", "stock", "variant:921") == 1


TYPOS = [
    ({"subject": "product:77"}, "subject", "product_unknown"),
    ({"place": "NOWHERE"}, "place", "warehouse_unknown"),
    ({"kind": "seats"}, "subject", "transition_not_allowed"),
    ({"subject": None, "code": "HATT"}, "code", "product_unknown"),
    ({"kind": "balance", "subject": "dropship"}, "subject", "currency_not_enabled"),
]


async def test_a_typo_opens_no_pool(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await sells_hats(hub)
        for members, field, reason in TYPOS:
            answer = await counted(hub, **{"by": 5, **members})
            assert (problem_of(answer), answer.json()["field"]) == (reason, field), members
        for kind in ("stock", "seats", "balance"):
            listed = await hub.get(f"{OMNI}/pools?kind={kind}", headers=AS_OMNI)
            named = {(each["subject"], each["place"]) for each in listed.json()["items"]}
            assert not named & {("product:77", "US01"), (f"product:{HAT}", "NOWHERE")}
            assert "dropship" not in {subject for subject, _ in named}


WRONG = [
    ({}, "by", "missing"),
    ({"by": 5, "count": 5}, "count", "value"),
    ({"by": 0}, "by", "value"),
    ({"by": "0.00", "kind": "balance"}, "by", "value"),
    ({"by": 1.5}, "by", "type"),
    ({"by": "1.5"}, "by", "value"),
    ({"by": "1e3"}, "by", "value"),
    ({"by": "１２"}, "by", "value"),
    ({"by": 10**400}, "by", "value"),
    ({"by": "0.0000001", "kind": "balance"}, "by", "value"),
    ({"count": -1}, "count", "value"),
    ({"by": 5, "subject": None}, "subject", "missing"),
    ({"by": 5, "code": "HAT"}, "code", "value"),
    ({"by": 5, "subject": None, "code": "USD", "kind": "balance"}, "code", "value"),
    ({"by": 5, "reason": None}, "reason", "type"),
    ({"by": 5, "kinds": "stock"}, "kinds", "value"),
]


async def test_an_adjustment_of_the_wrong_shape_is_refused_with_the_member(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        for members, field, problem in WRONG:
            answer = await counted(hub, **members)
            assert answer.status_code == 400, (members, answer.text)
            if answer.json().get("errors"):  # a number beyond use is no JSON at all
                first = answer.json()["errors"][0]
                assert (first["field"], first["problem"]) == (field, problem), members


async def test_a_balance_is_stated_in_units_of_its_currency(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        body = {"kind": "balance", "subject": "USD", "by": "1000.25", "reason": "paid in"}
        answer = await hub.post(f"{DROPSHIP}/pools/adjust", body, headers=AS_DROPSHIP)
        assert (answer.json()["adjusted"], answer.json()["available"]) == ("1000.25", "1001000.25")
        listed = await hub.get(f"{DROPSHIP}/pools?kind=balance", headers=AS_DROPSHIP)
        assert [each["available"] for each in listed.json()["items"]] == ["1001000.25"]
        query = "kind=balance&subject=USD"
        history = await hub.get(f"{DROPSHIP}/pools/history?{query}", headers=AS_DROPSHIP)
        assert [each["units"] for each in history.json()["items"]] == ["1000.25", "1000000"]
        stated = await hub.get("/openapi/v1/payment/balance", headers=AS_DROPSHIP)
        assert '"balance":1001000.25,' in stated.text
        beyond = {**body, "by": "-1001000.26"}
        refused = await hub.post(f"{DROPSHIP}/pools/adjust", beyond, headers=AS_DROPSHIP)
        assert refused.json()["detail"] == "only 1001000.25 left"
        parcel = PARCELS.words("a tee", 910)
        parcel["orderItemsList"] = [{"sku": "TS_RED_M", "quantity": 1}]
        plan = {"dialect": "kakaclo", "path": PARCELS.path, "body": parcel}
        planned = (await hub.post("/hub/v1/plans", plan, headers=AS_DROPSHIP)).json()
        drawn = {each["pool"]["kind"]: each["units"] for each in planned["draws"]}
        assert drawn == {"stock": 1, "balance": "17"}


# --- many at a time


async def bulk(hub: HubUnderTest, *rows: Any, tenant: str = "omni") -> list[dict[str, Any]]:
    text = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    answer = await hub.request(
        "POST", f"/hub/v1/tenants/{tenant}/pools:bulk", content=text.encode(), headers=AS_OMNI
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_each_row_of_a_load_is_answered_and_a_bad_one_stops_no_other(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await sells_hats(hub)
        hats = {"place": "US01", "reason": "stock taking"}
        rows = (
            {"code": "HAT", "count": 12, **hats},
            {"code": "HAT", "by": "3", **hats},
            {"code": "HATT", "count": 12, **hats},
            '{"code": "HAT"',
            {"code": "HAT", **hats},
            {"kind": "balance", "subject": "USD", "by": "0.50", "reason": "paid in"},
            {"subject": f"product:{HAT}", "count": 15, **hats},
        )
        found = await bulk(hub, *rows)
        assert [each["line"] for each in found] == [1, 2, 3, 4, 5, 6, 7]
        assert [each["status"] for each in found] == [
            *("opened", "adjusted", "refused", "refused", "refused", "adjusted", "unchanged"),
        ]
        assert found[0] == {
            "line": 1,
            "status": "opened",
            "kind": "stock",
            "subject": f"product:{HAT}",
            "place": "US01",
            "available": 12,
        }
        assert [(found[n]["reason"], found[n]["field"]) for n in (2, 3, 4)] == [
            ("product_unknown", "code"),
            ("invalid", None),
            ("invalid", "by"),
        ]
        assert found[5]["available"] == "1000000.5"
        assert await bulk(hub) == []


async def test_counts_loaded_again_change_nothing(tmp_path: Path) -> None:
    """More rows than go into one chunk; products and stock in two loads, as a merchant would."""
    async with running_hub(tmp_path) as hub:
        items = [{"id": 5000 + n, "code": f"P{n}", "doc": {"price": "1"}} for n in range(150)]
        text = "\n".join(map(json.dumps, items)).encode()
        await hub.request("POST", f"{OMNI}/catalogue/products:bulk", content=text, headers=AS_OMNI)
        rows = [
            {"code": f"P{n}", "place": "US01", "count": n, "reason": "counted"} for n in range(150)
        ]
        first = await bulk(hub, *rows)
        assert [(each["status"], each["available"]) for each in first] == [
            ("opened", n) for n in range(150)
        ]
        again = await bulk(hub, *rows)
        assert {each["status"] for each in again} == {"unchanged"}
        query = "kind=stock&subject=product:5007&place=US01"
        history = (await hub.get(f"{OMNI}/pools/history?{query}", headers=AS_OMNI)).json()
        assert [each["units"] for each in history["items"]] == [7]
        assert check_ledger(hub.hub.ledger.engine).breaches == []


async def test_a_load_stays_within_its_tenant(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        row = json.dumps({"code": "LAST_ONE", "count": 99, "reason": "not mine"}).encode()
        theirs = f"{OMNI}/pools:bulk"
        answer = await hub.request("POST", theirs, content=row, headers=AS_SHOP)
        assert problem_of(answer) == "record_unknown"
        assert await hub.pool("omni", "stock", "product:900") == 1


# --- the first pool, while orders come


async def test_orders_after_the_first_count_are_counted_whoever_serves_them(
    demo_url: str,
) -> None:
    """The pool is opened while all doors sell: what is asked for after its answer is drawn from it."""
    async with running_hub(demo_url) as hub:
        await sells_hats(hub)
        doors = [door for door in SELLING for _ in range(4)]
        before = (order(hub, door, 1) for door in doors)
        *_, opened = await asyncio.gather(*before, counted(hub, count=5))
        assert opened.status_code == 200, opened.text
        asked_later = await asyncio.gather(*(order(hub, door, 1) for door in doors))
        sold = sum(map(_is_placed, doors, asked_later))
        assert sold <= 5
        assert await left(hub) == 0
        assert check_ledger(hub.hub.ledger.engine).breaches == []


def _is_placed(door: Door, answer: Answer) -> bool:
    return door.placed(answer)
