"""A refund that was asked for may be rejected: the order goes back to where it was, and may ask again."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.support.hub import HubUnderTest, running_hub

ORDER = {"goods_id": 188, "quantity": 1}


async def status_after(hub: HubUnderTest, uid: str, *actions: str) -> str:
    for action in actions:
        await hub.move(uid, action)
    whole = await hub.order(uid)
    return str(whole["status"])


def test_a_rejected_refund_leads_back_to_where_it_was_asked_for(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        async with running_hub(tmp_path) as hub:
            headers = {"Authorization": "Bearer hub-demo-shop"}
            await hub.post("/api/order/create", json=ORDER, headers=headers)
            uid = (await hub.orders("shop"))[0]["uid"]
            return [
                await status_after(hub, uid, "pay", "request-refund"),
                await status_after(hub, uid, "reject-refund"),
                await status_after(hub, uid, "ship", "request-refund", "reject-refund"),
                await status_after(hub, uid, "request-refund", "refund"),
            ]

    assert asyncio.run(scenario()) == ["refunding", "paid", "shipped", "refunded"]
