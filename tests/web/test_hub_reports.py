"""GET /hub/v1/reports: days as they were recorded, and why calls were refused."""

from pathlib import Path
from typing import Any

from tests.support.hub import HubUnderTest, running_hub
from tests.web.hub_client import AS_CDP, AS_OPERATOR, AS_SHOP, new_token, problem_of, sell, token
from tests.web.test_hub_lists import CSV, table

DAILY, REFUSALS = "/hub/v1/reports/daily", "/hub/v1/reports/refusals"


async def ask(hub: HubUnderTest, headers: Any = AS_SHOP, **query: Any) -> list[dict[str, Any]]:
    answer = await hub.get(DAILY, params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["is_complete"] is True
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_days_are_those_of_the_tenants_clock(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await hub.freeze("shop", "2031-01-31T12:00:00Z")
        order = await sell(hub, 2)
        await hub.pay(order["uid"])
        await hub.advance("shop", 86_400)
        await hub.refund(order["uid"], amount="50")
        none = {"refunds": 0, "refunded": "0", "cancellations": 0, "cancelled": "0"}
        sold = {"day": "2031-01-31", "dialect": "anqicms", "currency": "CNY", "orders": 1}
        sold |= {"units": 2, "revenue": "198", "net": "198", **none}
        back = {**sold, "day": "2031-02-01", "orders": 0, "units": 0, "revenue": "0"}
        back |= {"net": "-50", "refunds": 1, "refunded": "50"}
        assert await ask(hub) == [back, sold]
        assert await ask(hub, to="2031-01-31") == [sold]
        assert await ask(hub, **{"from": "2031-02-01"}) == [back]
        assert await ask(hub, **{"from": "2031-02-02", "to": "2031-02-01"}) == []
        assert await ask(hub, AS_OPERATOR, tenant="shop") == [back, sold]
        rows = table(await hub.get(DAILY, headers=AS_SHOP | CSV))
        assert [(row["day"], row["net"]) for row in rows] == [
            ("2031-02-01", "-50"),
            ("2031-01-31", "198"),
        ]


async def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        for query, field in (
            ({"from": "2024-02-30"}, "from"),
            ({"to": "yesterday"}, "to"),
            ({"from": "2020-01-01", "to": "2024-01-01"}, "from"),
            ({"to": "1970-01-01"}, None),
            ({"day": "2024-01-01"}, "day"),
        ):
            answer = await hub.get(DAILY, params=query, headers=AS_SHOP)
            if field is None:
                assert answer.status_code == 200, answer.text
            else:
                assert answer.status_code == 400
                assert [each["field"] for each in answer.json()["errors"]] == [field]
        answer = await hub.get(DAILY, headers=AS_OPERATOR)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "tenant")
        answer = await hub.get(DAILY, params={"tenant": "shop"}, headers=AS_CDP)
        assert (answer.status_code, problem_of(answer)) == (404, "record_unknown")
        writer = await new_token(hub, "shop", "orders:write")
        for path in (DAILY, REFUSALS):
            answer = await hub.get(path, headers=token(writer["token"]))
            assert answer.status_code == 403


async def test_refusals_are_counted_by_reason(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        for goods, times in ((404, 2), (188, 1)):
            for _ in range(times):
                body = {"goods_id": goods, "quantity": 1, "type": "goods"}
                await hub.post("/api/order/create", body, headers=AS_SHOP)
        body = {"goods_id": 188, "quantity": 999_999, "type": "goods"}
        await hub.post("/api/order/create", body, headers=AS_SHOP)
        answer = (await hub.get(REFUSALS, headers=AS_SHOP)).json()
        told = [(each["dialect"], each["reason"], each["count"]) for each in answer["items"]]
        assert told[0] == ("anqicms", "product_unknown", 2)
        assert len(told) == 2
        assert answer["since"] <= answer["items"][0]["last_at"]
        rows = table(await hub.get(REFUSALS, headers=AS_SHOP | CSV))
        assert [row["count"] for row in rows] == ["2", "1"]
        none = (await hub.get(REFUSALS, headers=AS_CDP)).json()
        assert none == {"items": [], "since": None}
