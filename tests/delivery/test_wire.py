"""What a hub and its delivery process say to each other."""

import asyncio
import socket

import uvloop

from orderhub.delivery import wire


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
