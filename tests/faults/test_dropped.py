"""Over a real socket: a dropped connection is closed without a byte, and the next one is served."""

from __future__ import annotations

import asyncio
import socket

import httpx
import pytest
import uvicorn

from tests.support import http
from tests.support.hub import operator_headers, running_hub

ORDER = {
    "orderAddress": {"country": "FR", "phone": "1", "recipient": "L", "province": "C"},
    "orderItemsList": [{"sku": "TS_RED_M", "quantity": 1}],
}


async def test_the_connection_closes_without_an_answer(tmp_path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        async with running_hub(tmp_path) as hub:
            config = uvicorn.Config(hub.hub.app, lifespan="off", log_config=None, http="httptools")
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            token = {"Authorization": "Bearer demo-kakaclo", "Idempotency-Key": "once"}
            path = "/hub/v1/tenants/dropship/credentials"
            listed = await hub.get(f"{path}?kind=kakaclo", headers=operator_headers())
            plan = f"{path}/{listed.json()['items'][0]['id']}/faults"
            await hub.request(
                "PUT", plan, json={"faults": [{"kind": "drop"}]}, headers=operator_headers()
            )
            async with http.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
                    await client.post("/openapi/v1/order/order", json=ORDER, headers=token)
                again = await client.post("/openapi/v1/order/order", json=ORDER, headers=token)
            assert again.json()["code"] == 10000
            assert again.headers["idempotent-replayed"] == "true"
            server.should_exit = True
            await serving
