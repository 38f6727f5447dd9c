"""What the tests of the hub's own API share: tokens, a sale that draws on stock, a tenant of one's own."""

from __future__ import annotations

from typing import Any

import httpx

from tests.support.hub import HubUnderTest, operator_headers

SHOP = "shop"
BASE = f"/hub/v1/tenants/{SHOP}"


def token(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


AS_SHOP = token("hub-demo-shop")
AS_CDP = token("hub-demo-cdp")
AS_DROPSHIP = token("hub-demo-dropship")
AS_OPERATOR = operator_headers()


def problem_of(answer: httpx.Response) -> str:
    """The name of the problem, of an answer that must be one."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body["status"] == answer.status_code
    return str(body["type"].removeprefix("/docs/problems#"))


async def sell(hub: HubUnderTest, quantity: int = 3, **more: Any) -> dict[str, Any]:
    """An order of the shop over `quantity` pieces of product 188 (99 yuan each), as the hub shows it."""
    body = {
        "goods_id": 188,
        "quantity": quantity,
        "type": "goods",
        "address": {
            "name": more.pop("name", "张三 Zhang"),
            "phone": more.pop("phone", "13800138000"),
            "email": more.pop("email", ""),
            "province": "四川",
            "city": "成都",
            "country": "中国",
            "address_info": "某路1号",
        },
        **more,
    }
    answer = await hub.post("/api/order/create", body, headers=AS_SHOP)
    assert answer.json()["code"] == 0, answer.text
    return (await hub.orders(SHOP, limit=1))[0]


async def record(hub: HubUnderTest, number: int, **more: Any) -> dict[str, Any]:
    """A recorded sale of the tenant `cdp`: no stock, no address, quick."""
    body = {
        "referenceId": f"R{number}",
        "orderedAt": "2024-01-01T16:17:16Z",
        "price": number + 0.5,
        "currencyCode": "EUR",
        **more,
    }
    answer = await hub.post("/v2.1/orders", body, headers=AS_CDP)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def new_token(hub: HubUnderTest, tenant: str, *scopes: str, **more: Any) -> dict[str, Any]:
    answer = await hub.post(
        f"/hub/v1/tenants/{tenant}/credentials",
        {"kind": "hub", "scopes": list(scopes), **more},
        headers=AS_OPERATOR,
    )
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created
