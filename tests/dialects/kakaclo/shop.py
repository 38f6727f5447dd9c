"""A dropship seller's client, as the vendor's document writes its calls."""

from __future__ import annotations

from typing import Any

V1 = "/openapi/v1/order/order"
V2 = "/openapi/v2/order/orders"
TOKEN = {"Authorization": "Bearer demo-kakaclo"}
OMNI = {"Authorization": "Bearer omni-kakaclo"}
ADDRESS = {
    "country": "FR",
    "phone": "07 82 24 67 93",
    "recipient": "Lollia Olena",
    "province": "Centre-Val de Loire",
}


def order_of(*items: Any, **more: Any) -> dict[str, Any]:
    """A body of the create call: items are (sku, quantity)."""
    return {
        "orderAddresses": ADDRESS,
        "orderItemsList": [{"sku": sku, "quantity": quantity} for sku, quantity in items],
        **more,
    }


TWO_PARCELS = (("TS_RED_M", 2), ("TS_BLUE_L", 3))


class Seller:
    def __init__(self, hub: Any, headers: dict[str, str] = TOKEN) -> None:
        self.hub = hub
        self.headers = headers

    async def post(self, path: str, body: Any, **headers: str) -> Any:
        return await self.hub.post(path, json=body, headers={**self.headers, **headers})

    async def get(self, path: str, **query: Any) -> Any:
        return await self.hub.get(path, params=query, headers=self.headers)

    async def create(self, *items: Any, **more: Any) -> int:
        """The number of a new order."""
        answer = await self.post(V1, order_of(*items, **more))
        assert answer.json()["code"] == 10000, answer.text
        return int(answer.json()["data"])

    async def page(self, path: str = V1, **query: Any) -> dict[str, Any]:
        answer = await self.get(path, **query)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    async def shown(self, number: int | str, path: str = V1) -> dict[str, Any]:
        found = (await self.page(path, ids=number))["list"]
        assert len(found) == 1, found
        one: dict[str, Any] = found[0]
        return one

    async def balance(self) -> Any:
        return (await self.page("/openapi/v1/payment/balance"))["balance"]

    async def stock(self, sku: str) -> dict[str, int]:
        listing = (await self.page("/openapi/v1/product/stocks", skus=sku))["list"]
        return {each["warehouseCode"]: each["qty"] for each in listing[0]["warehouseStockList"]}

    async def uids(self, number: int | str, tenant: str = "dropship") -> list[str]:
        """The uids of an order, or of a group's orders by id, as the operator knows them."""
        numbers = [each["id"] for each in (await self.shown(number))["subOrders"]] or [number]
        answer = await self.hub.get(
            "/hub/v1/orders",
            params={"tenant": tenant, "limit": 100},
            headers={"Authorization": "Bearer hub-demo-operator"},
        )
        uids = {each["number"]: each["uid"] for each in answer.json()["items"]}
        return [uids[str(each)] for each in numbers]
