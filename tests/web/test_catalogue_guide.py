"""Every kind is described where people look: in OpenAPI and in the guide, out of what is checked."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from orderhub.web.hub_api.catalogue_guide import guide
from orderhub.web.hub_api.catalogue_kinds import KINDS
from orderhub.web.hub_api.catalogue_shapes import component_of
from orderhub.web.hub_api.docs import document_of
from tests.support.dialects import HUB
from tests.support.hub import running_hub
from tests.web.hub_client import AS_OPERATOR, token

ROOT = Path(__file__).parents[2]
OMNI = "/hub/v1/tenants/omni"
PUT = "/hub/v1/tenants/{tenant}/catalogue/{kind}/{id}"
OMNI_SERVICE = "00000000-0000-4000-8000-000000000901"
OMNI_ACCOUNT = "00000000-0000-4000-8000-000000000902"


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(document_of(HUB)[1])


def test_the_guide_has_a_section_and_an_example_for_each_kind() -> None:
    sections = re.findall(r"(?m)^## (.+)$", guide())
    assert sections == [*KINDS, "Within them"]
    text = guide()
    for place in set(re.findall(r"\]\(#([\w-]+)\)", text)):
        assert re.search(rf"(?im)^### {place.replace('-', ' ')}$", text), place


def test_openapi_types_the_document_of_each_kind(document: Any) -> None:
    body = document["paths"][PUT]["put"]["requestBody"]["content"]["application/json"]
    shapes = [each["$ref"] for each in body["schema"]["properties"]["doc"]["anyOf"]]
    assert shapes == [f"#/components/schemas/{component_of(kind)}" for kind in KINDS.values()]
    assert body["schema"]["required"] == ["doc"]
    assert set(body["examples"]) >= set(KINDS)
    coupon = document["components"]["schemas"]["CouponsDoc"]
    assert coupon["properties"]["money"] == {
        "type": ["string", "number"],
        "format": "decimal",
        "minimum": 0,
        "description": "`fixed`: the amount taken off",
        "default": "0",
    }
    assert "`ends_at` is after starts_at." in coupon["description"]
    assert document["components"]["schemas"]["FreightDoc"]["required"] == ["currency"]


@pytest.mark.parametrize("name", KINDS)
def test_an_example_is_what_its_kind_s_shape_says_and_no_other_member_is(
    document: Any, name: str
) -> None:
    shape = {
        "$ref": f"#/components/schemas/{component_of(KINDS[name])}",
        "components": document["components"],
    }
    checked = jsonschema_rs.Draft202012Validator(shape)
    doc = KINDS[name].example["doc"]
    assert checked.is_valid(doc), [str(each) for each in checked.iter_errors(doc)]
    assert not checked.is_valid({**doc, "colour": "red"})


async def test_the_examples_are_written_read_back_and_sold(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:

        async def put(kind: str, item: dict[str, Any]) -> Any:
            body = {name: value for name, value in item.items() if name != "id"}
            path = f"{OMNI}/catalogue/{kind}/{item['id']}"
            answer = await hub.request("PUT", path, json=body, headers=AS_OPERATOR)
            assert answer.is_success, f"{kind}: {answer.text}"
            return (await hub.get(path, headers=AS_OPERATOR)).json()

        tour = {"id": 5002, "doc": {"title": "A day on the Elbe", "kind": "tour"}}
        await put("products", tour)
        for kind, item in ((each.name, each.example) for each in KINDS.values()):
            read = await put(kind, item)
            assert _as_written(read["doc"], item["doc"]) == item["doc"], kind
            assert read["code"] == (item.get("code") or item["doc"].get("code") or read["code"])
        await put("services", {"id": 1, "uid": OMNI_SERVICE, "doc": {"name": "Shop"}})
        spa = {"id": 5003, "doc": {"title": "Massage", "price": "60", "service": OMNI_SERVICE}}
        massage = await put("products", spa)

        at_shop = token("hub-demo-omni")
        stock = {"kind": "stock", "subject": "variant:6001", "place": "US01"}
        adjust = {**stock, "by": 5, "reason": "counted"}
        await hub.post(f"{OMNI}/pools/adjust", adjust, headers=AS_OPERATOR)
        body = {"goods_id": 5001, "goods_sku_id": 6001, "coupon_code": "SPRING10"}
        bought = (await hub.post("/api/order/create", body, headers=at_shop)).json()
        assert (bought["code"], bought["data"]["amount"]) == (0, 1971), "21.90 less ten percent"

        address = {"country": "US", "phone": "555 0100", "recipient": "Jane Doe", "province": "IL"}
        lines = [{"sku": "SHIRT-M", "quantity": 2}]
        body = {"orderAddress": address, "orderItemsList": lines}
        answer = await hub.post("/openapi/v1/order/order", body, headers=at_shop)
        assert answer.json()["code"] == 10000, answer.text

        body = {
            "product_id": 5002,
            "departure_date": "2099-05-02",
            "departure_address": "the pier",
            "upgrades": {},
            "rooms": [{"adult": 2}],
            "guest_info": [{"type": "adult", "passport": each} for each in ("A1", "B2")],
            "contact": {"first_name": "A", "last_name": "B", "mobile": "1", "email": "a@b.example"},
        }
        answer = await hub.post("/v2/order/add", body, headers=at_shop)
        assert answer.json()["code"] == 0, answer.text

        body = {
            "ServiceId": OMNI_SERVICE,
            "AccountId": OMNI_ACCOUNT,
            "ProductOrders": [{"ProductId": massage["uid"], "Count": 1}],
        }
        answer = await hub.post("/api/connector/v1/orders/add", body, headers=at_shop)
        assert answer.status_code == 200, answer.text


def _as_written(read: Any, example: Any) -> Any:
    """What was read with amounts as the example spells them, and without the defaults that it leaves out."""
    if isinstance(example, dict) and isinstance(read, dict):
        return {name: _as_written(read.get(name), value) for name, value in example.items()}
    if isinstance(example, list) and isinstance(read, list):
        return [_as_written(*pair) for pair in zip(read, example, strict=True)]
    is_amount = isinstance(example, str) and re.fullmatch(r"[0-9.]+", example)
    return example if is_amount and float(read) == float(example) else read
