"""What a request takes is given back when it ends, and not left for the collector to find."""

from __future__ import annotations

import asyncio
import gc
import socket
from pathlib import Path

import uvicorn

from orderhub.cli.server import uvicorn_config
from orderhub.settings import ProgramSettings
from orderhub.web.edge import limits_of, raise_file_limit
from tests.support.hub import running_hub

REQUESTS = 100
ROUNDS = 3  # what else this process leaves behind, of other tests' hubs, comes now and then: a request's comes always
REQUEST = b"GET /openapi/v1/order/list HTTP/1.1\r\nHost: hub.test\r\nAuthorization: Bearer demo-kakaclo\r\n\r\n"


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:] if line)
    await reader.readexactly(int(fields[b"content-length"]))


async def test_a_request_leaves_nothing_that_holds_itself(tmp_path: Path) -> None:
    settings = ProgramSettings.from_environment(database="sqlite://", port=0)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        async with running_hub(tmp_path) as hub:
            config = uvicorn_config(hub.hub, settings, limits_of(settings, raise_file_limit()))
            config.lifespan = "off"
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            await ask(reader, writer)
            found = []
            gc.disable()
            try:
                for _ in range(ROUNDS):
                    gc.collect()
                    for _ in range(REQUESTS):
                        await ask(reader, writer)
                    found.append(gc.collect())
            finally:
                gc.enable()
            writer.close()
            server.should_exit = True
            await serving
    assert min(found) < REQUESTS
