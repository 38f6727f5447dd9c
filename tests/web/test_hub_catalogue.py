"""The catalogue one by one and in bulk, and the pools beside it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from orderhub.ledger.check import check_ledger
from orderhub.web.hub_api.catalogue_kinds import KINDS
from tests.support.hub import HubUnderTest, running_hub
from tests.web.hub_client import AS_CDP, AS_OPERATOR, AS_SHOP, BASE, SHOP, problem_of, sell

ITEMS = f"{BASE}/catalogue"
SERVICE = "d2129910-1da9-4d39-be14-ab3a00c9e70c"


async def put(hub: HubUnderTest, path: str, doc: dict, **more: Any) -> Any:
    headers = {**AS_SHOP, **more.pop("headers", {})}
    return await hub.request("PUT", f"{ITEMS}/{path}", json={"doc": doc, **more}, headers=headers)


async def bulk(hub: HubUnderTest, kind: str, *rows: Any) -> list[dict[str, Any]]:
    text = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    answer = await hub.request(
        "POST", f"{ITEMS}/{kind}:bulk", content=text.encode(), headers=AS_SHOP
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_an_item_is_written_read_changed_and_removed(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        doc = {"title": "Mug", "price": "12.50", "code": "MUG", "stocked": True}
        made = await put(hub, "products/500", doc)
        assert made.status_code == 201, made.text
        assert made.json()["doc"] == {"id": 500, "uid": made.json()["uid"], **doc}
        assert (made.json()["code"], made.json()["version"]) == ("MUG", 1)
        changed = await put(hub, "products/500", {**doc, "price": 13})
        assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
        stale = await put(hub, "products/500", doc, headers={"If-Match": '"1"'})
        assert (stale.status_code, problem_of(stale)) == (412, "version_conflict")
        read = (await hub.get(f"{ITEMS}/products/500", headers=AS_SHOP)).json()
        assert (read["doc"]["price"], read["version"]) == ("13", 2)
        by_code = await hub.get(f"{ITEMS}/products?code=MUG", headers=AS_SHOP)
        assert [each["id"] for each in by_code.json()["items"]] == [500]
        gone = await hub.request("DELETE", f"{ITEMS}/products/500", headers=AS_SHOP)
        assert gone.status_code == 204
        for method in ("GET", "DELETE"):
            answer = await hub.request(method, f"{ITEMS}/products/500", headers=AS_SHOP)
            assert (answer.status_code, problem_of(answer)) == (404, "record_unknown")


async def test_what_is_written_is_sold_at_its_price(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        before = (await hub.get(f"{ITEMS}/products/188", headers=AS_SHOP)).json()
        await put(hub, "prices/188", {"price": "7.25"})
        assert (await sell(hub, 2))["total"] == "14.5"
        after = (await hub.get(f"{ITEMS}/products/188", headers=AS_SHOP)).json()
        assert after["doc"] == {**before["doc"], "price": "7.25"}, "a view touches nothing else"
        tenant = next(
            each.id
            for each in hub.hub.ledger.read(lambda reads: reads.tenants())
            if each.name == SHOP
        )
        named = ("product", "filename", "goods-188")
        found = hub.hub.ledger.read(lambda reads: reads.record(tenant, *named))
        assert found is not None, "what an item is found by is kept"
        assert found.id == 188


async def test_what_has_no_uid_of_its_own_gets_one_that_every_door_shows(tmp_path: Path) -> None:
    tea = {"title": "Tea", "price": "3", "currency": "USD", "kind": "service", "service": SERVICE}
    path = "/hub/v1/tenants/hotel/catalogue/products/700"
    async with running_hub(tmp_path) as hub:
        made = await hub.request("PUT", path, json={"doc": tea}, headers=AS_OPERATOR)
        uid = made.json()["uid"]
        assert made.json()["doc"]["uid"] == uid
        again = await hub.request("PUT", path, json={"doc": tea}, headers=AS_OPERATOR)
        assert (again.json()["uid"], again.json()["doc"]["uid"]) == (uid, uid)
        asked = {"ServiceIds": [SERVICE], "ProductIds": [uid], "Limitation": {"Count": 10}}
        hotel = {"Authorization": "Bearer hub-demo-hotel"}
        listed = await hub.post("/api/connector/v1/products/getAll", asked, headers=hotel)
        assert [each["Id"] for each in listed.json()["Products"]] == [uid]


async def test_a_name_beside_a_document_is_a_name_in_it(tmp_path: Path) -> None:
    upper, lower = "ABCDEF00-0000-4000-8000-000000000001", "abcdef00-0000-4000-8000-000000000001"
    async with running_hub(tmp_path) as hub:
        beside = await put(hub, "products/500", {"title": "Mug"}, code="MUG", uid=upper)
        assert beside.json()["doc"] == {"id": 500, "uid": lower, "code": "MUG", "title": "Mug"}
        within = await put(hub, "products/500", {"title": "Mug", "uid": upper, "code": "MUG"})
        assert (within.json()["uid"], within.json()["code"]) == (lower, "MUG")
        for doc, more, field in (
            ({"code": "CUP"}, {"code": "MUG"}, "doc.code"),
            ({"uid": lower}, {"uid": lower[:-1] + "2"}, "doc.uid"),
            ({}, {"uid": "mug"}, "uid"),
            ({"uid": "mug"}, {}, "doc.uid"),
        ):
            refused = await put(hub, "products/500", doc, **more)
            assert problem_of(refused) == "invalid"
            assert refused.json()["errors"][0]["field"] == field
        other = await put(hub, "prices/500", {"price": "1"}, code="CUP")
        assert other.json()["errors"][0]["field"] == "code", "a view gives no names"
        (row,) = await bulk(hub, "prices", {"uid": upper, "doc": {"price": "1"}})
        assert (row["status"], row["id"]) == ("updated", 500)


async def test_instants_of_documents_are_iso_8601(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        doc = {
            "code": "MAY", "money": 5, "starts_at": "2024-05-01T00:00:00+08:00", "ends_at": None,
        }  # fmt: skip
        made = await put(hub, "coupons/50", doc)
        assert made.json()["doc"] == {
            "id": 50, "code": "MAY", "money": "5", "starts_at": "2024-04-30T16:00:00Z",
        }  # fmt: skip
        valid = [{"start": "2024-01-01T00:00:00Z", "end": None}]
        rate = await put(hub, "taxes/9", {"code": "T", "taxation": "X", "valid": valid})
        assert rate.json()["doc"]["valid"] == [{"start": "2024-01-01T00:00:00Z"}]
        for doc, field in (
            ({"code": "MAY", "ends_at": 1}, "doc.ends_at"),
            ({"code": "MAY", "ends_at": "2024-05-01"}, "doc.ends_at"),
        ):
            refused = await put(hub, "coupons/50", doc)
            assert refused.json()["errors"][0]["field"] == field
        refused = await put(hub, "taxes/9", {"code": "T", "taxation": "X", "valid": [{"end": 5}]})
        assert refused.json()["errors"][0]["field"] == "doc.valid[0].end"


async def test_views_of_one_item_written_at_once_lose_nothing(demo_url: str) -> None:
    tour = "/hub/v1/tenants/tours/catalogue"
    days = {"departures": [{"first": "2019-05-01", "last": "2019-05-31"}]}
    form = {"form": [{"name": "passport", "label": "Passport"}]}
    async with running_hub(demo_url) as hub:
        answers = await asyncio.gather(
            *(
                hub.request(
                    "PUT", f"{tour}/{kind}/102202692", json={"doc": doc}, headers=AS_OPERATOR
                )
                for kind, doc in (("departures", days), ("forms", form))
            )
        )
        assert [each.status_code for each in answers] == [200, 200], "nobody asked for a version"
        whole = (await hub.get(f"{tour}/tours/102202692", headers=AS_OPERATOR)).json()["doc"]
        assert (whole["departures"], whole["form"]) == (days["departures"], form["form"])
        assert whole["prices"]


async def test_a_row_finds_what_an_earlier_row_wrote(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        results = await bulk(
            hub,
            "products",
            {"id": 500, "code": "A", "doc": {"title": "first"}},
            {"code": "A", "doc": {"title": "second"}},
            {"id": 501, "code": "A", "doc": {}},
            {"code": "A", "delete": True},
            {"id": 501, "code": "A", "doc": {"title": "third"}},
            {"id": 501, "delete": True},
        )
        assert [(r["status"], r.get("id") or r["reason"]) for r in results] == [
            ("created", 500),
            ("updated", 500),
            ("refused", "already_exists"),
            ("removed", 500),
            ("created", 501),
            ("removed", 501),
        ]
        prices = [{"id": 188, "doc": {"price": str(each)}} for each in range(1, 6)]
        assert {r["status"] for r in await bulk(hub, "prices", *prices)} == {"updated"}
        shown = (await hub.get(f"{ITEMS}/prices/188", headers=AS_SHOP)).json()
        assert (shown["doc"]["price"], shown["version"]) == ("5", 6)


async def test_a_view_shows_and_takes_only_its_members(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        shown = (await hub.get(f"{ITEMS}/prices/188", headers=AS_SHOP)).json()
        assert set(shown["doc"]) <= {"price", "currency"}
        refused = await put(hub, "prices/188", {"title": "x"})
        assert refused.json()["errors"][0]["field"] == "doc.title"
        assert problem_of(await put(hub, "prices/999", {"price": "1"})) == "invalid"
        answer = await hub.request("DELETE", f"{ITEMS}/prices/188", headers=AS_SHOP)
        assert problem_of(answer) == "invalid"
        tour = "/hub/v1/tenants/tours/catalogue"
        days = {"departures": [{"first": "2019-05-01", "last": "2019-05-31"}]}
        answer = await hub.request(
            "PUT", f"{tour}/departures/102202692", json={"doc": days}, headers=AS_OPERATOR
        )
        assert answer.status_code == 200, answer.text
        whole = (await hub.get(f"{tour}/tours/102202692", headers=AS_OPERATOR)).json()
        assert whole["doc"]["departures"] == days["departures"]
        assert whole["doc"]["form"], "the form stands"


@pytest.mark.parametrize(
    ("doc", "field"),
    [
        ({"price": "dear"}, "doc.price"),
        ({"price": "999999999999.9999995"}, "doc.price"),
        ({"price": "1e12"}, "doc.price"),
        ({"data": {"fee": 1e12}}, "doc.data.fee"),
        ({"active": 1}, "doc.active"),
        ({"colour": "red"}, "doc.colour"),
        ({"id": 7}, "doc.id"),
        ({"tax_codes": [1]}, "doc.tax_codes[0]"),
    ],
)
async def test_a_wrong_member_is_named(tmp_path: Path, doc: dict, field: str) -> None:
    async with running_hub(tmp_path) as hub:
        answer = await put(hub, "products/501", doc)
        assert (answer.status_code, problem_of(answer)) == (400, "invalid"), answer.text
        assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("doc", "field"),
    [
        ({"duration_days": 0}, "doc.duration_days"),
        ({"max_occupancy": 0}, "doc.max_occupancy"),
        ({"min_days_ahead": 10**9}, "doc.min_days_ahead"),
        ({"departures": [{"first": "2019-01-01", "last": "2019-12-31", "weekdays": [8]}]},
         "doc.departures[0].weekdays[0]"),
        ({"prices": {"single": "1e12"}}, "doc.prices.single"),
    ],
)  # fmt: skip
async def test_a_tour_that_could_never_depart_is_no_tour(
    tmp_path: Path, doc: dict, field: str
) -> None:
    async with running_hub(tmp_path) as hub:
        await put(hub, "products/500", {"kind": "tour"})
        answer = await put(hub, "tours/500", doc)
        assert (answer.status_code, problem_of(answer)) == (400, "invalid"), answer.text
        assert answer.json()["errors"][0]["field"] == field


async def test_codes_are_unique_and_what_is_named_exists(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await put(hub, "products/500", {"code": "MUG"})
        taken = await put(hub, "products/501", {"code": "MUG"})
        assert (taken.status_code, problem_of(taken)) == (409, "already_exists")
        orphan = await put(hub, "variants/900", {"product_id": 12345})
        assert problem_of(orphan) == "record_unknown"
        assert (await put(hub, "variants/900", {"product_id": 500})).status_code == 201
        assert problem_of(await put(hub, "faxes/1", {})) == "record_unknown"


async def test_a_bad_row_never_stops_the_others(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        rows: list[Any] = [{"id": 1000 + n, "doc": {"code": f"B{n}"}} for n in range(150)]
        rows[3] = "{not json"
        rows[70] = {"id": 1070, "doc": {"price": "dear"}}
        rows[71] = {"id": 1071, "doc": {"code": "B0"}}
        rows[72] = {"doc": {"title": "nobody"}}
        rows[149] = {"id": 999_999, "delete": True}
        results = await bulk(hub, "products", *rows)
        assert [each["line"] for each in results] == list(range(1, 151))
        refused = {each["line"]: each for each in results if each["status"] == "refused"}
        assert set(refused) == {4, 71, 72, 73, 150}
        assert refused[71]["field"] == "doc.price"
        assert refused[72]["reason"] == "already_exists"
        again = await bulk(
            hub, "products", {"doc": {"code": "B1", "title": "x"}}, "", {"id": 1002, "delete": True}
        )
        assert [(each["status"], each["id"]) for each in again] == [
            ("updated", 1001),
            ("removed", 1002),
        ]
        items: list[int] = []
        query = {"limit": "100", "cursor": ""}
        while True:
            page = await hub.get(f"{ITEMS}/products", params=query, headers=AS_SHOP)
            items += [each["id"] for each in page.json()["items"]]
            if page.json()["next_cursor"] is None:
                break
            query["cursor"] = page.json()["next_cursor"]
        assert len([each for each in items if 1000 <= each < 1150]) == 150 - 5 - 1
        assert check_ledger(hub.hub.ledger.engine).breaches == []


async def test_a_listed_item_can_be_sent_back_as_it_is(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        for tenant in ("shop", "tours", "hotel", "dropship"):
            path = f"/hub/v1/tenants/{tenant}/catalogue"
            for kind in KINDS:
                listed = (await hub.get(f"{path}/{kind}?limit=20", headers=AS_OPERATOR)).json()
                text = "\n".join(json.dumps(each) for each in listed["items"]).encode()
                answer = await hub.request(
                    "POST", f"{path}/{kind}:bulk", content=text, headers=AS_OPERATOR
                )
                results = [json.loads(line) for line in answer.text.splitlines()]
                assert all(r["status"] == "unchanged" for r in results), (tenant, kind, results)
                after = (await hub.get(f"{path}/{kind}?limit=20", headers=AS_OPERATOR)).json()
                assert [i["doc"] for i in after["items"]] == [i["doc"] for i in listed["items"]]


# --- pools


async def test_a_pool_tells_how_it_came_to_hold_what_it_holds(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        order = await sell(hub, 2)
        await hub.adjust(SHOP, "stock", "product:188", "MAIN", -5, "broken")
        await hub.cancel(order["uid"])
        query = {"kind": "stock", "subject": "product:188", "place": "MAIN", "limit": "2"}
        seen: list[dict[str, Any]] = []
        while True:
            page = await hub.get(f"{BASE}/pools/history", params=query, headers=AS_SHOP)
            assert page.status_code == 200, page.text
            seen += page.json()["items"]
            if page.json()["next_cursor"] is None:
                break
            query["cursor"] = page.json()["next_cursor"]
        told = [(each["kind"], each["units"], each["reason"]) for each in seen]
        assert told[:3] == [
            ("return", 2, "cancelled"),
            ("adjustment", -5, "broken"),
            ("draw", 2, None),
        ]
        assert told[3][:2] == ("opening", 1000)
        assert [each["order"] for each in seen] == [order["uid"], None, order["uid"], None]
        theirs = await hub.get("/hub/v1/tenants/cdp/pools/history", params=query, headers=AS_CDP)
        assert theirs.json()["items"] == []


async def test_pools_are_paged_and_adjusted_within_their_law(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        tours = "/hub/v1/tenants/tours/pools"
        query = {"kind": "seats", "limit": "100"}
        seen = []
        while True:
            page = (await hub.get(tours, params=query, headers=AS_OPERATOR)).json()
            seen += [(each["subject"], each["place"]) for each in page["items"]]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        assert len(seen) == len(set(seen)) == 178
        body = {"kind": "stock", "subject": "product:188", "place": "MAIN", "by": -1001}
        for more, problem in (
            ({"reason": "count"}, "out_of_stock"),
            ({}, "invalid"),
            ({"reason": "x", "by": 0}, "invalid"),
            ({"reason": "x", "by": 1.5}, "invalid"),
        ):
            answer = await hub.post(f"{BASE}/pools/adjust", {**body, **more}, headers=AS_SHOP)
            assert problem_of(answer) == problem, more


async def test_pools_with_odd_names_are_paged_too(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        places = ["b|c", ".x", "7.", "仓"]
        for number, code in enumerate(places, 500):
            assert (await put(hub, f"warehouses/{number}", {"code": code})).is_success
            body = {"subject": "product:188", "place": code, "by": 1, "reason": "count"}
            assert (await hub.post(f"{BASE}/pools/adjust", body, headers=AS_SHOP)).is_success
        names = [("product:188", place) for place in ("MAIN", *places)]
        seen, cursor = [], ""
        while cursor is not None and len(seen) <= len(names):
            query = {"subject": "product:188", "limit": 1, "cursor": cursor}
            page = (await hub.get(f"{BASE}/pools", params=query, headers=AS_SHOP)).json()
            seen += [(each["subject"], each["place"]) for each in page["items"]]
            cursor = page["next_cursor"]
        assert sorted(seen) == sorted(names)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("pools/history", "kind=stock&subject=product:188&cursor=99999999999999999999.1"),
        ("pools/history", "kind=stock&subject=product:188&cursor=1.99999999999999999999"),
        ("pools/history", "kind=stock&subject=product:188&cursor=%D9%A3.1"),
        ("pools", "cursor=product:188"),
        ("pools", "cursor=%D9%A3.x"),
        ("pools", "limit=%D9%A3"),
        ("pools", "limit=0000009999"),
        ("catalogue/products", "cursor=%D9%A3"),
        ("catalogue/products", "cursor=9999999999999999999"),
        ("credentials", "kinds=hub"),
    ],
)
async def test_a_query_that_no_list_answers_is_refused(
    tmp_path: Path, path: str, query: str
) -> None:
    async with running_hub(tmp_path) as hub:
        answer = await hub.get(f"{BASE}/{path}?{query}", headers=AS_SHOP)
        assert (answer.status_code, problem_of(answer)) == (400, "invalid")


@pytest.mark.parametrize(
    ("tenant", "kind", "member", "wrong", "right"),
    [
        ("tours", "products", "departure_city", "Rome", [{"departure_city_id": 1}]),
        ("hotel", "products", "Names", ["Beer"], {"en-US": "Beer"}),
        ("hotel", "services", "Promotions", 5, {"BeforeCheckIn": True}),
        ("hotel", "categories", "ExternalCode", 5, "5"),
        ("shop", "products", "images", "a.jpg", ["a.jpg"]),
        ("shop", "variants", "values", "red", ["red"]),
        ("shop", "memberships", "description", 5, "the best"),
        ("dropship", "products", "skuStatus", "on", 1),
    ],
)
async def test_free_data_has_the_shape_that_a_door_reads(
    tmp_path: Path, tenant: str, kind: str, member: str, wrong: Any, right: Any
) -> None:
    async with running_hub(tmp_path) as hub:
        items = f"/hub/v1/tenants/{tenant}/catalogue/{kind}"
        headers = {"Authorization": f"Bearer hub-demo-{tenant}"}
        item = (await hub.get(f"{items}?limit=1", headers=headers)).json()["items"][0]
        for value, status in ((wrong, 400), (right, 200)):
            data = {**item["doc"].get("data", {}), member: value, "ours": [1]}
            body = {"code": item["code"], "doc": {**item["doc"], "data": data}}
            answer = await hub.request("PUT", f"{items}/{item['id']}", json=body, headers=headers)
            assert answer.status_code == status, answer.text
            if status == 400:
                assert answer.json()["errors"][0]["field"] == f"doc.data.{member}"
            else:
                assert answer.json()["doc"]["data"][member] == right
                assert answer.json()["doc"]["data"]["ours"] == [1]
