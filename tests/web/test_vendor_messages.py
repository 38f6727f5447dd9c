"""Webhooks of a vendor, received: what they name is asked for at once, and nothing else is believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orderhub.core.commands import HandOverStep, MoveHandOver, Origin
from orderhub.core.handing import NEVER, HandOver
from orderhub.core.queries import OrderQuery
from orderhub.dialects.mews.demo import ACCOUNT, SERVICE
from orderhub.web.relayer import submitted
from tests.support.hub import HubUnderTest, running_hub
from tests.web.hub_client import AS_SHOP, sell

pytestmark = pytest.mark.anyio

NUMBER = "cdfd5caa-2868-411b-ba95-322e70035f1a"
MEWS: dict[str, Any] = {
    "dialect": "mews",
    "base_url": "https://api.mews.example",
    "credentials": {"client_token": "c-token", "access_token": "a-token"},
    "options": {"account_id": ACCOUNT, "service_id": SERVICE},
}

KAKACLO = {**MEWS, "dialect": "kakaclo", "credentials": {"token": "t"}, "options": {}}


@pytest.fixture
def anyio_backend():
    return "asyncio"


def message(*numbers: str) -> dict[str, Any]:
    events = [{"Discriminator": "ServiceOrderUpdated", "Value": {"Id": each}} for each in numbers]
    return {"EnterpriseId": "e", "IntegrationId": "i", "Events": events}


async def asked(hub: HubUnderTest, method: str, path: str, json: Any = None) -> Any:
    answer = await hub.request(method, f"/hub/v1/{path}", json=json, headers=AS_SHOP)
    assert answer.status_code < 300, answer.text
    return answer.json()


async def test_what_a_vendor_names_is_asked_for_at_once(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        made = await asked(hub, "POST", "connections", MEWS)
        other = await asked(hub, "POST", "connections", KAKACLO)
        assert (await asked(hub, "GET", f"connections/{other['id']}"))["messages_path"] is None
        shown = await asked(hub, "GET", f"connections/{made['id']}")
        path = shown["messages_path"]
        assert path.startswith(f"/hub/v1/connections/{made['id']}/messages?token=")
        assert "token" not in path.partition("?token=")[2]
        route = {"connection": made["id"], "when": "placed", "channels": ["anqicms"]}
        await asked(hub, "POST", "routes", route)
        found = await placed(hub)
        assert found.due_at == NEVER
        hub.hub.port.relayer._is_leaving = True
        await hub.hub.port.relayer.look()
        answer = await hub.post(path, message("ffffffff-0000-0000-0000-000000000000"))
        assert answer.status_code == 204
        assert (await standing(hub, found)).due_at == NEVER
        answer = await hub.post(path, message(NUMBER.upper()))
        assert answer.status_code == 204
        assert (await standing(hub, found)).due_at < NEVER
        for wrong, status in (
            (path[:-1] + "x", 404),
            (path.partition("?")[0], 404),
            (path.replace(made["id"], other["id"]), 404),
            (path.replace(made["id"], "nobody"), 404),
            (f"{path}{'x' * 64}", 400),
        ):
            assert (await hub.post(wrong, message(NUMBER))).status_code == status
        assert (await hub.post(path, {"Events": 1})).status_code == 400
        changed = {"credentials": {"access_token": "another"}}
        await asked(hub, "PATCH", f"connections/{made['id']}", changed)
        again = (await asked(hub, "GET", f"connections/{made['id']}"))["messages_path"]
        assert again != path


async def standing(hub: HubUnderTest, found: HandOver) -> HandOver:
    now = await hub.hub.port.read(lambda reads: reads.relay.named(found.tenant_id, found.uid))
    assert now is not None
    return now


async def placed(hub: HubUnderTest) -> HandOver:
    """A hand-over that was placed as NUMBER."""
    port = hub.hub.port
    port.relayer._is_leaving = True
    await sell(hub)

    def newest(reads: Any) -> Any:
        return reads.orders(OrderQuery(channel="anqicms", limit=1)).items[0]

    order = await port.read(newest)
    (found,) = await port.read(lambda reads: reads.relay.of_order(order.tenant_id, order.id))
    for step, more in ((HandOverStep.SEND, {}), (HandOverStep.PLACE, {"number": NUMBER})):
        command = MoveHandOver(
            origin=Origin(
                tenant_id=order.tenant_id, channel="hub", actor="test", recorded_at=port.now_us()
            ),
            order_id=order.id,
            connection_id=found.connection_id,
            step=step,
            **more,
        )
        found = await submitted(port, command)
        assert isinstance(found, HandOver), found
    return found
