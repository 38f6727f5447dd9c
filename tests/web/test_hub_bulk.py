"""Bulk loads of the catalogue: next ids, rows that say what changes, and items that are left alone."""

import asyncio
from pathlib import Path

from orderhub.core.values import Settings
from orderhub.dialects.contract import Fault, FaultKind, HTTPFault
from tests.support.hub import HubUnderTest, running_hub
from tests.web.hub_client import AS_OPERATOR, AS_SHOP, BASE, SHOP
from tests.web.test_hub_catalogue import ITEMS, bulk, put


async def test_a_new_item_without_an_id_gets_the_next(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        await put(hub, "products/500", {"code": "HIGH", "price": "1"})
        rows = [{"code": f"N{n}", "doc": {"price": "1"}} for n in range(100)]
        made = await bulk(hub, "products", *rows)
        assert [(each["status"], each["id"]) for each in made] == [
            ("created", 501 + n) for n in range(100)
        ]
        again = await bulk(hub, "products", *rows)
        assert {(each["status"], each["version"]) for each in again} == {("unchanged", 1)}


async def test_what_a_removed_item_left_behind_falls_to_no_other(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await put(hub, "products/500", {"code": "OLD", "price": "1"})
        await hub.adjust(SHOP, "stock", "product:500", "MAIN", 7, "counted")
        await put(hub, "products/501", {"code": "SOLD-BY-SIZE", "price": "1"})
        await put(hub, "variants/900", {"product_id": 501, "price": "1"})
        await put(hub, "products/502", {"kind": "tour"})
        await put(hub, "tours/502", {"sold_by": "persons", "adult_price": "1"})
        for number in (500, 501, 502):
            gone = await hub.request("DELETE", f"{ITEMS}/products/{number}", headers=AS_SHOP)
            assert gone.status_code == 204, gone.text
        (made,) = await bulk(hub, "products", {"code": "NEW", "doc": {"price": "1"}})
        assert made["id"] not in (500, 501, 502)


async def test_loads_at_the_same_time_take_no_id_twice(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:

        async def load(name: str) -> list[int]:
            rows = [{"code": f"{name}{n}", "doc": {"price": "1"}} for n in range(30)]
            made = await bulk(hub, "products", *rows)
            assert {each["status"] for each in made} == {"created"}, made
            return [each["id"] for each in made]

        ids = [n for each in await asyncio.gather(*map(load, "ABC")) for n in each]
        assert len(set(ids)) == len(ids) == 90


async def test_a_merged_row_says_what_changes(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        doc = {"code": "MUG", "title": "Mug", "price": "5", "data": {"link": "/mug", "logo": "x"}}
        await put(hub, "products/500", doc)
        row = {"code": "MUG", "doc": {"price": "6", "title": None, "data": {"logo": None}}}
        assert (await merged(hub, row))["status"] == "updated"
        assert (await merged(hub, row))["status"] == "unchanged"
        read = (await hub.get(f"{ITEMS}/products/500", headers=AS_SHOP)).json()
        assert (read["doc"]["price"], read["doc"]["data"], read["version"]) == (
            "6",
            {"link": "/mug"},
            2,
        )
        assert "title" not in read["doc"]
        assert (await merged(hub, {"id": 501, "doc": {"title": "Cup", "code": None}}))["id"] == 501
        refused = await merged(hub, {"code": "MUG", "doc": {"price": "-6"}})
        assert (refused["status"], refused["field"]) == ("refused", "doc.price")


async def merged(hub: HubUnderTest, row: dict) -> dict:
    answer = await hub.request(
        "POST", f"{ITEMS}/products:bulk?merge=true", json=row, headers=AS_SHOP
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_item_that_stands_as_it_is_to_be_is_left_alone(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        doc = {"code": "MUG", "price": "5.00"}
        assert (await put(hub, "products/500", doc)).status_code == 201
        same = await put(hub, "products/500", {**doc, "price": "5"})
        assert (same.status_code, same.headers["etag"]) == (200, '"1"')
        assert (await put(hub, "products/500", {**doc, "price": "6"})).headers["etag"] == '"2"'


async def test_currencies_that_do_not_exist_are_refused_wherever_one_is_written(
    tmp_path: Path,
) -> None:
    async with running_hub(tmp_path) as hub:
        for kind, doc in (
            ("products/500", {"currency": "XXZ"}),
            ("freight/500", {"code": "A", "base": "1", "currency": "XXZ"}),
            ("resellers/500", {"settlement": "XXZ"}),
            ("exchange-rates/1", {"base": "XXZ", "sheets": []}),
            ("exchange-rates/1", {"base": "USD", "sheets": [
                {"since": "2024-01-01", "rates": {"XXZ": "2"}}]}),
        ):  # fmt: skip
            answer = await put(hub, kind, doc)
            assert answer.status_code == 400, (kind, answer.text)
        answer = await hub.request(
            "PATCH", f"{BASE}/settings", json={"currencies": ["XXZ"]}, headers=AS_SHOP
        )
        assert answer.json()["errors"][0]["field"] == "currencies[0]"
        # What an older hub let in is still read, and the rest of it can be changed.
        hub.hub.ledger.new_tenant("odd", "", Settings(name="odd", currency="XXZ"))
        odd = "/hub/v1/tenants/odd/settings"
        assert (await hub.get(odd, headers=AS_OPERATOR)).json()["currency"] == "XXZ"
        change = {"pricing": "net"}
        assert (await hub.request("PATCH", odd, json=change, headers=AS_OPERATOR)).is_success


async def test_of_rows_that_cannot_be_written_together_each_is_written_by_itself(
    tmp_path: Path,
) -> None:
    terms = {"kind": "percent", "percent": 90}
    codes = ["ONE", "Spring", "two", "SPRING", "three"]  # two coupons that nobody could tell apart
    rows: list[dict] = [{"code": code, "doc": terms} for code in codes]
    async with running_hub(tmp_path) as hub:
        made = await bulk(hub, "coupons", *rows, {"code": "four", "doc": {"kind": 4}})
        assert [each["status"] for each in made] == [
            "created", "created", "created", "refused", "created", "refused",
        ]  # fmt: skip
        assert [each["line"] for each in made] == [1, 2, 3, 4, 5, 6]
        assert (made[3]["reason"], made[5]["field"]) == ("already_exists", "doc.kind")
        again = await bulk(hub, "coupons", *rows[:3], {"id": made[4]["id"], "delete": True})
        assert [each["status"] for each in again] == ["unchanged"] * 3 + ["removed"]


async def test_a_row_that_cannot_be_written_says_so_rather_than_that_it_is_wrong(
    tmp_path, monkeypatch
):
    async with running_hub(tmp_path) as hub:

        async def out_of_order(*_args, **_more):
            raise HTTPFault(Fault(FaultKind.UNAVAILABLE))

        monkeypatch.setattr(hub.hub.port, "submit", out_of_order)
        row = {"code": "TS_RED_M", "place": "G006", "by": 1, "reason": "x"}
        told = await hub.post("/hub/v1/tenants/dropship/pools:bulk", row, headers=AS_OPERATOR)
        assert told.json() == {
            "line": 1,
            "status": "refused",
            "type": "/docs/problems#unavailable",
            "reason": "unavailable",
            "field": None,
            "detail": "The ledger cannot be written right now",
        }
