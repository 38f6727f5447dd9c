"""Ranges hold at every write of the catalogue; what stands already is read, and harms nobody."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.support.hub import HubUnderTest, running_hub
from tests.web.hub_client import AS_OPERATOR, AS_SHOP, BASE, problem_of

ITEMS = f"{BASE}/catalogue"


@pytest.fixture(scope="module")
async def hub(tmp_path_factory: pytest.TempPathFactory) -> Any:
    async with running_hub(tmp_path_factory.mktemp("ranges")) as opened:
        yield opened


async def put(hub: HubUnderTest, path: str, doc: dict[str, Any], **more: Any) -> Any:
    return await hub.request("PUT", f"{ITEMS}/{path}", json={"doc": doc, **more}, headers=AS_SHOP)


REFUSED = [
    ("products/501", {"price": "-10"}, "doc.price", "is at least 0"),
    ("products/501", {"code": "N" * 201}, "doc.code", "has at most 200 characters"),
    ("coupons/60", {"code": "N" * 201, "money": "5"}, "doc.code", "has at most 200 characters"),
    ("prices/188", {"price": "-0.01"}, "doc.price", "is at least 0"),
    ("freight/1", {}, "doc.code", "is needed"),
    ("freight/1", {"code": "A"}, "doc.currency", "is needed"),
    ("freight/1", {"code": "A", "currency": "XXZ"}, "doc.currency", "a currency of ISO 4217"),
    ("coupons/60", {}, "doc.money", "takes something off"),
    ("coupons/60", {"code": "N0", "money": "-5"}, "doc.money", "is at least 0"),
    ("coupons/60", {"kind": "percent", "percent": 101}, "doc.percent", "<= 100"),
    ("memberships/7", {"price": "-1", "expire_days": 1}, "doc.price", "is at least 0"),
    ("users/1000", {"inviter_id": -1}, "doc.inviter_id", "is from 0 to"),
    ("shops/2", {}, "id", "one item of shops, of id 1"),
    ("exchange-rates/7", {}, "id", "one item of exchange-rates"),
    ("resellers/3", {"discount_ratio": "0.9"}, "code", "code is needed"),
    ("taxes/1", {"code": "A", "taxation": "B", "valid": [{"until": None}]},
     "doc.valid[0].until", "no member"),
    ("tax-environments/1", {"code": "A", "valid": {"start": 5}}, "doc.valid.start", "ISO 8601"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "doc", "field", "says"), REFUSED)
async def test_a_write_out_of_range_is_refused_and_names_the_member(
    hub: HubUnderTest, path: str, doc: dict[str, Any], field: str, says: str
) -> None:
    before = (await hub.get(f"{ITEMS}/{path}", headers=AS_SHOP)).headers.get("etag")
    answer = await put(hub, path, doc)
    assert (answer.status_code, problem_of(answer)) == (400, "invalid"), answer.text
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert says in error["message"]
    kind, _, number = path.partition("/")
    row = json.dumps({"id": int(number), "doc": doc})
    answer = await hub.request("POST", f"{ITEMS}/{kind}:bulk", content=row, headers=AS_SHOP)
    result = json.loads(answer.text)
    assert (result["status"], result["field"]) == ("refused", field)
    after = (await hub.get(f"{ITEMS}/{path}", headers=AS_SHOP)).headers.get("etag")
    assert after == before, "nothing was written"


async def test_a_view_answers_for_its_own_members(hub: HubUnderTest) -> None:
    tours = "/hub/v1/tenants/tours/catalogue"
    turned = {"departures": [{"first": "2019-05-31", "last": "2019-05-01"}]}
    answer = await hub.request(
        "PUT", f"{tours}/departures/102202692", json={"doc": turned}, headers=AS_OPERATOR
    )
    assert answer.json()["errors"][0]["field"] == "doc.departures[0].last"
    misspelt = {"departures": [{"first": "2019-05-01", "last": "2019-05-31", "weekday": [1]}]}
    answer = await hub.request(
        "PUT", f"{tours}/departures/102202692", json={"doc": misspelt}, headers=AS_OPERATOR
    )
    assert answer.json()["errors"][0]["field"] == "doc.departures[0].weekday"


async def test_instants_are_iso_8601_wherever_they_stand(hub: HubUnderTest) -> None:
    valid = {"start": "2007-01-01T01:00:00+01:00", "end": None}
    made = await put(hub, "tax-environments/5", {"code": "DE", "valid": valid})
    assert made.json()["doc"]["valid"] == {"start": "2007-01-01T00:00:00Z"}


async def test_what_an_older_hub_let_in_is_read_listed_and_mended(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        long = "N" * 9_000
        old = {
            "id": 188,
            "title": "Old",
            "price": "-10",
            "currency": "CNY",
            "kind": "car",
            "code": long,
        }
        coupon = {"id": 1, "code": "COUPON2023", "money": "-5", "starts_at": 9, "ends_at": 3}
        with hub.hub.ledger.engine.begin() as connection:
            for kind, doc in (("product", old), ("coupon", coupon)):
                connection.execute(
                    text(
                        "UPDATE record SET doc = :doc, code = :code WHERE kind = :kind AND id = :id AND tenant_id ="
                        " (SELECT tenant_id FROM record WHERE kind = 'product' AND id = 188)"
                    ),
                    {
                        "doc": json.dumps(doc),
                        "kind": kind,
                        "id": doc["id"],
                        "code": doc.get("code", ""),
                    },
                )
        for path, member, shown in (("products/188", "price", "-10"), ("coupons/1", "money", "-5")):
            read = await hub.get(f"{ITEMS}/{path}", headers=AS_SHOP)
            assert (read.status_code, read.json()["doc"][member]) == (200, shown)
        listed = await hub.get(f"{ITEMS}/products?limit=500", headers=AS_SHOP)
        assert long in [each["code"] for each in listed.json()["items"]]
        found = await hub.get(f"{ITEMS}/products?code={long}", headers=AS_SHOP)
        assert [each["id"] for each in found.json()["items"]] == [188]
        sent = {"goods_id": 188, "quantity": 1, "coupon_code": "COUPON2023"}
        for path in ("/api/order/create", "/api/order/checkout"):
            answer = await hub.post(path, sent, headers=AS_SHOP)
            assert answer.json() == {"code": -1, "msg": "record not found"}
        stands = (await hub.get(f"{ITEMS}/products/188", headers=AS_SHOP)).json()["doc"]
        again = await put(hub, "products/188", stands)
        assert again.status_code == 400, "it is not written again as it is"
        mended = await put(hub, "prices/188", {"price": "12"})
        assert mended.status_code == 200, "its kind is not the business of a view of its price"
        await put(hub, "products/188", {"title": "New", "price": "12"})
        await put(hub, "coupons/1", {"code": "COUPON2023", "money": "5"})
        answer = await hub.post("/api/order/create", sent, headers=AS_SHOP)
        assert answer.json()["data"]["amount"] == 700


async def test_the_code_of_a_kind_without_one_in_its_document_has_a_longest_length(
    hub: HubUnderTest,
) -> None:
    answer = await put(hub, "resellers/3", {"settlement": "EUR"}, code="N" * 201)
    (error,) = answer.json()["errors"]
    assert (error["field"], error["message"]) == ("code", "code has at most 200 characters")
