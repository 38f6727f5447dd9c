"""What a hub and its delivery process say to each other."""

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import uvloop

from orderhub.delivery import wire
from orderhub.delivery.apart import EngineApart


def test_what_is_said_to_nobody_is_no_error() -> None:
    async def said() -> None:
        here, there = socket.socketpair()
        line = await wire.Line.over(here, wire.FromHub)
        there.close()
        assert await line.hear() is None
        await line.close()
        line.say(wire.ForgetLeases(1))
        await asyncio.sleep(0)

    uvloop.run(said())


def test_orders_come_thick_and_fast_once_they_did_at_most_wakes() -> None:
    is_busy, said = [False], list[wire.Wake]()
    engine: Any = None
    hub = EngineApart(engine, lambda _: engine, {}, lambda: is_busy[0])
    line: Any = SimpleNamespace(say=said.append)
    hub._line = line

    def told(busy: bool, wakes: int) -> bool:
        is_busy[0] = busy
        for _ in range(wakes):
            hub._wake()
        return said[-1].is_busy

    assert not told(True, 1), "one batch of many"
    assert told(True, 30)
    assert told(False, 1), "a moment between two batches"
    assert not told(False, 30)
